//! The events that go into the model and the effects that come out.

use shared::{call::Transport, lab::LabKind, trace::CallId};

use crate::{
    i18n::Language,
    model::{
        panes::{
            cards::CardsCommand, class::ClassCommand, inspector::InspectorCommand,
            listing::ListingCommand, network::NetworkCommand, server::ServerCommand,
            workbench::WorkbenchCommand,
        },
        past::{
            archive::{ArchiveCommand, File, link::LinkCommand},
            replay::ReplayCommand,
            rerun::RerunCommand,
        },
    },
};

/// What can happen to the page.
#[derive(Debug)]
pub(crate) enum Event {
    /// The page was loaded.
    Started,
    /// The relay sent a message.
    MessageReceived(String),
    /// The WebSocket closed, or never opened.
    Closed,
    /// The page may have slept, or the network changed: the connection needs a check.
    ConnectionInDoubt,
    /// The answer to [`Effect::ProbeRefusal`]: its status and text, or none.
    RefusalProbed(Option<(u16, String)>),
    /// The time of [`Model::wakes_at`](crate::model::Model::wakes_at) has come.
    TimerFired,
    /// Connect right now.
    ConnectNow,
    /// UDP or TCP.
    ChooseTransport(Transport),
    /// Keep the TCP connection for more sentences, or not.
    KeepConnection(bool),
    /// Send this sentence.
    Submit {
        /// The sentence.
        text: String,
        /// The length of the sentence in upper case, in bytes.
        upper_case_bytes: usize,
    },
    /// The user edits the sentence.
    SentenceEdited,
    /// Stop waiting for a blocked call.
    StopWaiting,
    /// Close the connection that was kept.
    CloseConnection,
    /// End its sending half.
    EndSending,
    /// Before it was loaded the page had the lab session of this token.
    SessionRemembered(String),
    /// Switch to this language.
    SetLanguage(Language),
    /// What only the whole page handles; its first part drops these.
    Whole(WholeEvent),
}

/// What can happen to the whole page, beyond what its first part handles.
#[derive(Debug)]
pub(crate) enum WholeEvent {
    /// A command for the book's programs, line by line.
    Listing(ListingCommand),
    /// A command for the server of the chosen transport.
    Server(ServerCommand),
    /// A command for the network.
    Network(NetworkCommand),
    /// Go to another lab.
    Enter(LabKind),
    /// Take back the lab session that another page has taken over.
    TakeBack,
    /// Select one call, or none.
    Select(Option<CallId>),
    /// A command for the packet inspector.
    Inspect(InspectorCommand),
    /// Clear the list of calls.
    Clear,
    /// Show only the page's own runs, or everybody's.
    OnlyMine(bool),
    /// A command for files.
    Archive(ArchiveCommand),
    /// A command for recorded calls that are run again.
    Rerun(RerunCommand),
    /// A command for links.
    Link(LinkCommand),
    /// A command for a replay.
    Replay(ReplayCommand),
    /// A command for the workbench.
    Workbench(WorkbenchCommand),
    /// A command for the cards.
    Cards(CardsCommand),
    /// A command for a class.
    Class(ClassCommand),
}

impl From<WholeEvent> for Event {
    fn from(event: WholeEvent) -> Self {
        Self::Whole(event)
    }
}

/// What the shell has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Open a WebSocket, in place of any open one.
    Connect,
    /// Close the WebSocket.
    Disconnect,
    /// Ask the relay by a plain request why no WebSocket opens.
    ProbeRefusal,
    /// Send this text.
    Send(String),
    /// Let the user save this file.
    Download(File),
    /// Store the token of the lab session for as long as this tab lives, or remove it.
    StoreSessionToken(Option<String>),
    /// Fetch the saved trace of this address, to be opened.
    Fetch(String),
    /// Show the lab's address in place of the link's that the page was opened at.
    ShowLab,
    /// Store the list of saved links.
    StoreLinks(String),
    /// Store this line for the seat in the class of this code, beyond the tab's end; or remove it.
    StoreClassSeat(String, Option<String>),
    /// Store which cards are done.
    StoreCardProgress(String),
    /// Put this text onto the clipboard.
    Copy(String),
}
