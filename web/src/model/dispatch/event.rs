//! What goes into the model and what comes out.

use shared::{call::Transport, lab::LabKind, trace::CallId};

use crate::{
    i18n::Language,
    model::{
        panes::{
            cards, class, inspector::InspectorCommand, listing, network, server,
            workbench::WorkbenchCommand,
        },
        past::{
            archive::{ArchiveCommand, File, link},
            replay, rerun,
        },
    },
};

/// What can happen to the page.
#[derive(Debug)]
pub(crate) enum Event {
    /// It is there.
    Started,
    /// The relay said something.
    Heard(String),
    /// The WebSocket closed, or never opened.
    Closed,
    /// The page may have slept, or the network changed.
    LineInDoubt,
    /// The answer to [`Effect::AskWhy`]: its status and text, or none.
    Answered(Option<(u16, String)>),
    /// It is [`Model::wakes_at`].
    Woke,
    /// Try to connect right now.
    TryNow,
    /// UDP or TCP.
    Choose(Transport),
    /// Keep the connection for more sentences, or not.
    Keep(bool),
    /// Send this sentence.
    Submit {
        /// The sentence.
        text: String,
        /// How many bytes it has in upper case.
        shouted: usize,
    },
    /// The sentence is being written.
    Typed,
    /// Something with the programs, line by line.
    Listing(listing::ListingCommand),
    /// Stop waiting for a blocked call.
    StopWaiting,
    /// Close the connection that was kept.
    CloseConnection,
    /// End its sending half.
    EndSending,
    /// Something with the server of the chosen transport.
    Server(server::ServerCommand),
    /// Something with the network.
    Network(network::NetworkCommand),
    /// Go to another lab.
    Enter(LabKind),
    /// Have back the lab that another page has taken over.
    TakeBack,
    /// Before it was loaded the page had the seat of this token.
    HadSeat(String),
    /// Look at one call, or at none.
    Select(Option<CallId>),
    /// Do something with the packets.
    Inspect(InspectorCommand),
    /// Wipe the list of calls.
    Clear,
    /// Speak another language.
    Speak(Language),
    /// See only one's own runs, or everybody's.
    OnlyMine(bool),
    /// Something with files.
    Archive(ArchiveCommand),
    /// Something with recorded calls.
    Again(rerun::RerunCommand),
    /// Something with links.
    Link(link::LinkCommand),
    /// Something with a replay.
    Replay(replay::ReplayCommand),
    /// Something at the workbench.
    Bench(WorkbenchCommand),
    /// Something with the cards.
    Cards(cards::CardsCommand),
    /// Something with a class.
    Class(class::ClassCommand),
}

/// What the shell is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Open a WebSocket, instead of any there is.
    Connect,
    /// Close the WebSocket there is.
    Disconnect,
    /// Ask the relay by a plain request why no WebSocket opens.
    AskWhy,
    /// Send this text.
    Say(String),
    /// Hand out this file.
    Download(File),
    /// Keep the token of a seat for as long as this tab lives, or none.
    KeepSeat(Option<String>),
    /// Fetch the saved trace of this address, to be opened.
    Fetch(String),
    /// What the page shows is no longer at the address it was opened at, but the lab.
    ShowLab,
    /// Remember these links, and none else.
    KeepLinks(String),
    /// Remember this of a seat in the class of that code, over the tab's end; or nothing any more.
    KeepClass(String, Option<String>),
    /// Remember which cards are done.
    KeepProgress(String),
    /// Put this text onto the clipboard.
    Copy(String),
}
