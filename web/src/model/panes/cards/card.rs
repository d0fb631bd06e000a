//! A card as it lies in `www/cards/`: data alone, in both languages. README tells how to write one.

use serde::Deserialize;
use shared::{
    call::{Family, Transport},
    conditions::{Conditions, Verdict},
    lab::{LabKind, Program, Settings, Task},
};

use crate::i18n::Language;

/// A card, and the name of its file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeckEntry {
    /// The name, which is remembered of cards that are done.
    pub(crate) id: String,
    /// The card.
    pub(crate) card: Card,
}

/// Something to be foreseen, done, seen, and understood.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Card {
    /// What it is called.
    pub(crate) title: LocalizedText,
    /// What is asked first.
    pub(crate) question: LocalizedText,
    /// What one may answer.
    pub(crate) choices: Vec<Choice>,
    /// What is then done.
    pub(crate) steps: Vec<CardStep>,
    /// What has to be seen, in this order.
    pub(crate) check: Vec<CheckItem>,
    /// What must not be seen.
    #[serde(default)]
    pub(crate) never: Vec<CheckItem>,
    /// Why it is so.
    pub(crate) why: LocalizedText,
}

/// The same in both languages.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LocalizedText {
    en: String,
    zh: String,
}

impl LocalizedText {
    pub(crate) fn get(&self, language: Language) -> &str {
        match language {
            Language::English => &self.en,
            Language::Chinese => &self.zh,
        }
    }
}

/// One of the answers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Choice {
    /// It in words.
    pub(crate) text: LocalizedText,
    /// Whether it is the right one.
    #[serde(default)]
    pub(crate) right: bool,
}

/// What one press of a button does.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CardStep {
    /// What it does, in words.
    pub(crate) text: LocalizedText,
    /// One after the other; each waits for the one before.
    #[serde(rename = "do")]
    pub(crate) actions: Vec<StepAction>,
    /// Where to look then.
    #[serde(default)]
    pub(crate) look: Option<Highlight>,
    /// Whether without it the check fails; the tests leave it out.
    #[serde(default)]
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "it is for whoever tests the card")
    )]
    pub(crate) decisive: bool,
}

/// Something that shows in the trace.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckItem {
    /// A display filter: the call, the datagram's fate, the server's state or the packet that it lets through.
    pub(crate) see: String,
    /// What that means, in words.
    pub(crate) text: LocalizedText,
    /// Where to look then.
    #[serde(default)]
    pub(crate) look: Option<Highlight>,
    /// It need not be seen; where packets are not captured it may not be there.
    #[serde(default)]
    pub(crate) extra: bool,
}

/// A part of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Highlight {
    /// The ladder, with the call that was seen.
    Wire,
    /// The list of calls and packets.
    List,
    /// The server, its program and state.
    Server,
    /// Its doors, and who stands before them.
    Doors,
    /// The network's conditions.
    Network,
    /// The datagrams that are held.
    Held,
    /// The card's own sockets.
    Sockets,
}

/// One thing that a step does: one of `call`, `cancel`, `lab`, `server`, `network`, `decide`, `wait`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct StepAction {
    /// A socket call, with arguments as they are typed at the workbench.
    pub(crate) call: String,
    /// The socket it is made on, by the name the card has for it; of `socket`, the name it gets.
    pub(crate) on: String,
    /// See [`super::super::workbench::Typed`].
    pub(crate) data: String,
    /// How many times the data is repeated; 0 is once.
    pub(crate) times: u32,
    /// Whether the data is in hex.
    pub(crate) hex: bool,
    /// `server`, `nobody`, `localhost6`, or the name of a socket.
    pub(crate) to: String,
    /// Bytes to receive at most.
    pub(crate) size: String,
    /// Of `bind`.
    pub(crate) port: String,
    /// Of `settimeout`, in milliseconds.
    pub(crate) timeout: String,
    /// Of `setsockopt`.
    pub(crate) option: String,
    /// Its value.
    pub(crate) value: String,
    /// Of `shutdown`.
    pub(crate) how: String,
    /// Of `getaddrinfo`.
    pub(crate) name: String,
    /// Of `socket`, and of `server`.
    pub(crate) transport: Option<Transport>,
    /// Of `socket`.
    pub(crate) family: Option<Family>,
    /// Stops waiting for the call that is blocked on the socket of this name.
    pub(crate) cancel: String,
    /// The kind of lab to go to; a private lab is a new one.
    pub(crate) lab: Option<LabKind>,
    /// What becomes of a server.
    pub(crate) server: Option<ServerAction>,
    /// Which program it then runs; left out, the one it has.
    pub(crate) program: Option<Program>,
    /// And what that does.
    pub(crate) task: Option<Task>,
    /// And how.
    pub(crate) settings: Option<Settings>,
    /// Conditions of the network.
    pub(crate) network: Option<Conditions>,
    /// What becomes of the datagram that is held longest, as soon as there is one.
    pub(crate) decide: Option<Verdict>,
    /// Waits until this display filter has let something through since the step began.
    pub(crate) wait: String,
}

/// What becomes of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ServerAction {
    /// It is started; one that runs otherwise than wanted is first stopped.
    Start,
    /// It is stopped, if it runs.
    Stop,
    /// It is killed, if it runs.
    Kill,
}
