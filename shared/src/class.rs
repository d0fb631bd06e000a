//! A class: many pages in one lab, with one server and one accept queue, and a teacher.
//!
//! The protocol of a class:
//! - **Create.** The teacher's page sends [`Ask::CreateClass`](crate::message::Ask::CreateClass). The user who started
//!   the relay may do so on the relay's own machine; elsewhere the admin token is required. As after `enter`, a reply
//!   and another welcome follow: the lab's kind is `class`, the [`Standing`] has `is_teacher`, and `may_control` is
//!   true. The code is in [`Class::code`]; the link is `/c/{code}`, and `/c/{code}/qr.svg` shows it as a QR code.
//! - **Join.** A student's page sends [`Ask::JoinClass`](crate::message::Ask::JoinClass) with a name and the code as it
//!   was typed; a page opened at `/c/{code}` takes the code from there. The welcome's standing names the member. The
//!   trace begins at this moment. The relay reads the code after NFKC (UAX #15), in either case, without blanks and
//!   dashes, and with look-alike characters replaced; it keeps the name in NFC. A second person of the same name gets
//!   a number after it, and both are told ([`You::namesakes`]).
//! - **Resume.** Every member and the teacher has a [`Seat`](crate::message::Seat), whose token is valid as long as
//!   the class lives. After a broken connection, a reload or a restart of the relay, the page sends `resume`. Within
//!   `keep_seconds` its sockets are still there. Later, or after a restart, the seat `is_new`: its sockets and calls
//!   are gone, its process has another number, requests are not repeated, and counting begins anew. A page that
//!   resumes with a token that another page uses takes over. `no_such_seat`: the class has ended. `removed`: the
//!   teacher has removed this member, see below.
//! - **Leave for a while.** A page in a class that sends `{"ask":"enter","lab":"private"}` goes to a lab of its own
//!   and stays a member: its seat in the class is kept with all its sockets, it counts as connected, and its tile says
//!   `elsewhere`. The welcome to its own lab has the `class` as well. The page still receives the class's [`News`] and
//!   goodbyes, and may send the class's requests, such as [`Act::Predict`]. `resume` with the token of the class seat
//!   leads back, and the page's own lab ends. If its connection breaks, `resume` with the token of its own lab leads
//!   there. A page that takes over the class seat ends the connection with `taken_over`.
//! - **Act.** Everything else is one request, `{"ask":"class","act":…}`, see [`Act`]. Servers and network are
//!   controlled by the requests of every lab; a student who sends one gets `only_teacher`.
//! - **News.** [`News`] arrives as `{"class":…}`: the whole [`Class`] to everybody whenever it changes, [`You`] to the
//!   member concerned, and the changes of the [`Roster`]: to the teacher at most ten times a second, to the members of
//!   an open class less often the more members there are.
//! - **Watch.** Every page, the teacher's too, receives its own events and those that concern no process.
//!   `{"ask":"watch","from":…,"whose":{"process":7}}` adds the events of one other process: any process for the
//!   teacher and for members of an open class, otherwise the one that the teacher drives. Skipped events are sent only
//!   if the page watches again from their number: it begins a new log then. `"whose":"all"` is for the teacher, and
//!   for the members of an open class of at most [`SEE_ALL`] members.
//! - **Sockets.** Of the kernel's list of sockets, a member receives its own and the servers' listening ones; the
//!   others are counted as `more`. The teacher receives all, and so do the members of an open class of at most
//!   [`SEE_ALL`] members.
//! - **Remove.** A removed member receives a goodbye, `removed`. Its token, its name, and a page that sends its token
//!   when joining ([`Ask::JoinClass`](crate::message::Ask::JoinClass)) are refused as `removed`. The teacher sees each
//!   such attempt as a knock ([`News::Outsiders`]); after [`Act::LetIn`] the token leads back. Somebody who joins with
//!   another browser and another name is not recognized.
//! - **End.** When a class ends, its members receive a goodbye, `class_ended`.
//!
//! No message depends on the time of day or the order of arrival: each describes a state, not a difference to add.

use serde::{Deserialize, Serialize};

use crate::trace::{CallName, ProcessId};

/// The length of a class's code, in characters of [`CODE_LETTERS`].
pub const CODE_LENGTH: usize = 6;
/// Letters and digits of which none looks like another, also not in the other case.
pub const CODE_LETTERS: &[u8; 27] = b"23456789ACDEFGHJKMNPQRTVWXY";
/// The most characters of a name.
pub const LONGEST_NAME: usize = 40;
/// The most characters of a class's title.
pub const LONGEST_TITLE: usize = 80;
/// The most characters of a message to all.
pub const LONGEST_MESSAGE: usize = 500;
/// The most choices of a card, and characters of its name.
pub const MOST_CHOICES: u32 = 12;
/// The most characters of a card's name.
pub const LONGEST_CARD: usize = 64;
/// The most steps of a card in a member's [`Progress`].
pub const MOST_STEPS: u32 = 100;
/// The most members of an open class in which every member may watch all events at once.
pub const SEE_ALL: u32 = 64;

/// A member of a class, numbered from 1 in the order of joining; a number is never given again.
pub type MemberId = u32;

/// The role of a page in its class: part of its welcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Whether the page is the teacher's.
    pub is_teacher: bool,
    /// The member; none for the teacher.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub you: Option<You>,
    /// The class's state.
    pub class: Class,
    /// URL at which other machines reach this relay, such as `http://192.168.1.5:8080`, as far as the relay knows; none
    /// if it is reachable only from this machine. A page that was opened under another name uses that name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reach: Option<String>,
}

/// A member as it sees itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct You {
    /// Its number.
    pub member: MemberId,
    /// Its name, normalized.
    pub name: String,
    /// Whether its calls are refused, as `muted`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub muted: bool,
    /// Its prediction, while predictions are taken. Sent to this member only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choice: Option<u32>,
    /// Names of other members who gave the same name apart from case, width and joiners. All but the first have a
    /// number after it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namesakes: Vec<String>,
}

/// A class as every member sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Class {
    /// The code to join it.
    pub code: String,
    /// Its title; may be empty.
    pub title: String,
    /// Whether new members are refused; members may come back.
    pub locked: bool,
    /// Whether members see each other.
    pub open: bool,
    /// Maximum number of members.
    pub cap: u32,
    /// The teacher's message to all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The ladder that the teacher and the class's pages show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drive: Option<Drive>,
    /// The member that the teacher drives; none if it is the teacher or an external program. Everybody sees its name
    /// while it is driven, because everybody sees its ladder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driven: Option<Driven>,
    /// The card that is run with the class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<Card>,
}

/// The ladder that the teacher shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drive {
    /// The client whose ladder is shown. Everybody may watch it while it is driven.
    pub process: ProcessId,
    /// The selected event: a call's start or a packet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// Whether the member's name is hidden from the class.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hides_name: bool,
}

/// The member the teacher drives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Driven {
    /// Its number.
    pub member: MemberId,
    /// Its name; none if the teacher hides it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A member's progress with a card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The card's name.
    pub id: String,
    /// Number of steps done.
    pub step: u32,
    /// Number of steps, at most [`MOST_STEPS`].
    pub steps: u32,
    /// Whether the member has finished the card.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub done: bool,
}

/// A member the teacher has removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outsider {
    /// Its number.
    pub member: MemberId,
    /// Its name.
    pub name: String,
    /// Whether it has tried to join since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub knocks: bool,
}

/// A card that is run with the class: what will happen is predicted, then done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// Its name; the page has its texts.
    pub id: String,
    /// Number of choices, which are counted from 0.
    pub choices: u32,
    /// Its phase.
    pub phase: Phase,
    /// Number of predictions for each choice; none while members predict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Vec<u32>>,
    /// The choice that was right, once it is revealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<u32>,
}

/// The phase of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Members predict, and may change their minds.
    Asking,
    /// No more predictions: everybody sees the counts. The members' own choices are deleted.
    Closed,
    /// The right choice is revealed.
    Revealed,
}

/// A request in a class. Only the teacher may send them, except [`Act::Predict`] and [`Act::Progress`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Act {
    /// Refuse new members, or admit them again.
    Lock(bool),
    /// Set the most members it may have, at most the relay's `members`; present members stay.
    Cap(u32),
    /// Let all members see each other, or not.
    Open(bool),
    /// Set the message to all, or remove it.
    Message(Option<String>),
    /// Make the class's pages follow a ladder, or release them.
    Drive(#[serde(deserialize_with = "crate::message::strict_drive")] Option<Drive>),
    /// Refuse a member's calls, or accept them again.
    Mute {
        /// The member.
        member: MemberId,
        /// Whether its calls are refused.
        muted: bool,
    },
    /// Remove a member: its page must leave, and neither its token nor its name leads back.
    Remove(MemberId),
    /// Admit a removed member again, with its token and its name.
    LetIn(MemberId),
    /// Run a card with the class: members may predict. It replaces the card before.
    AskCard {
        /// Its name.
        id: String,
        /// Number of choices.
        choices: u32,
    },
    /// Accept no more predictions, and show the counts.
    CloseCard,
    /// Reveal the right choice; closes the card if it is open.
    RevealCard {
        /// The choice.
        outcome: u32,
    },
    /// Put the card away.
    EndCard,
    /// A member predicts.
    Predict {
        /// The choice.
        choice: u32,
    },
    /// Report a member's progress with a card of its own; none if it has left the card.
    Progress(#[serde(deserialize_with = "crate::message::strict_progress")] Option<Progress>),
    /// End the class and delete it.
    End,
}

/// A change in a class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum News {
    /// The class's new state.
    Class(Class),
    /// This member's new state.
    You(You),
    /// Its members.
    Roster(Roster),
    /// All removed members; for the teacher.
    Outsiders(Vec<Outsider>),
}

/// The members of the class: the changes since the last roster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roster {
    /// Whether it replaces all earlier tiles.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub anew: bool,
    /// New and changed tiles, each complete. The first roster may arrive in several messages.
    pub tiles: Vec<Tile>,
    /// Members that were removed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<MemberId>,
    /// Totals; only for the teacher.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totals: Option<Totals>,
}

/// A member on the teacher's wall.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tile {
    /// Its number.
    pub member: MemberId,
    /// Its name.
    pub name: String,
    /// Whether its page is connected.
    pub connected: bool,
    /// Whether its calls are refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub muted: bool,
    /// Its process, if it has one; another one after it resumed with a new seat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessId>,
    /// Its last call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<LastCall>,
    /// Its last failed call; a cancelled call or a time-out is not a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<LastError>,
    /// Number of its failed calls.
    pub errors: u64,
    /// Number of answered sentences: datagrams and chunks received.
    pub sentences: u64,
    /// Whether its page is in a lab of its own at the moment.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub elsewhere: bool,
    /// Its progress with a card of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<Progress>,
}

/// A member's last call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastCall {
    /// The call.
    pub name: CallName,
    /// When it started, in nanoseconds since the lab began; the wall's order by activity uses it.
    pub mono_ns: u64,
    /// Whether it has not returned yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub blocked: bool,
}

/// A member's last failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastError {
    /// The call.
    pub name: CallName,
    /// The error's name, such as `ECONNREFUSED`.
    pub errno: String,
    /// When it returned, in nanoseconds since the lab began; the wall's order by trouble uses it.
    pub mono_ns: u64,
}

/// Totals of all members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Number of members.
    pub members: u32,
    /// Number of members whose page is connected.
    pub connected: u32,
    /// Number of the members' calls in the last second.
    pub calls_per_second: u64,
    /// Number of packets captured or derived in the last second.
    pub packets_per_second: u64,
    /// Number of the members' failed calls since the lab began.
    pub errors: u64,
    /// Number of predictions for the card.
    pub predictions: u32,
}

/// The events that a page watches besides its own and those that concern no process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whose {
    /// No others.
    Own,
    /// Those of one process.
    Process(ProcessId),
    /// All.
    All,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_letter_of_a_code_looks_like_another() {
        for mistaken in b"0O1IlLSBZU" {
            assert!(
                !CODE_LETTERS.contains(mistaken),
                "{}",
                char::from(*mistaken)
            );
        }
    }
}
