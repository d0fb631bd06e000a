//! A class: many pages in one lab, with one server and one accept queue, and a teacher.
//!
//! How the conversation of a class goes:
//! - **Create.** The teacher's page asks [`Ask::CreateClass`](crate::message::Ask::CreateClass); on the relay's own
//!   machine the user who started it may, elsewhere whoever says the admin token. As after `enter`, a reply and another welcome
//!   follow: its lab's kind is `class`, its [`Standing`] says `is_teacher`, `may_control` holds. The code stands in
//!   [`Class::code`]; the link is `/c/{code}`, and `/c/{code}/qr.svg` shows it as a QR code.
//! - **Join.** A student's page asks [`Ask::JoinClass`](crate::message::Ask::JoinClass) with the code, as people
//!   type it, and a name; a page opened at `/c/{code}` has the code from there. The welcome's standing says who it is.
//!   The trace is told from now on. The relay reads the code after NFKC (UAX #15), in either case, without blanks and
//!   dashes, and with what looks like a letter of a code in its place; the name is kept in NFC. A second person of the
//!   same name gets a number behind it, and both are told ([`You::namesakes`]).
//! - **Come back.** Every member and the teacher has a [`Seat`](crate::message::Seat) whose token is all it needs,
//!   for as long as the class lives: after a broken connection, a reload, a relay that was started anew, the page
//!   says `resume`. Within `keep_seconds` its sockets are still there. Later, or of another relay's life, the seat
//!   `is_new`: its sockets and calls are gone, its process has another number, nothing of before is to be said again,
//!   and counting begins anew. Whoever comes with a token that another page holds takes over. `no_such_seat`: the
//!   class has ended. `removed`: the teacher has removed this member, see below.
//! - **Go out and come back.** A page in a class that asks `{"ask":"enter","lab":"private"}` goes to a lab of its own
//!   and stays in the class: its seat there is kept for as long as it is out, with all its sockets, it counts as
//!   connected, and its tile says `elsewhere`. The welcome to its own lab has the `class` as well; [`News`] and
//!   goodbyes of the class go on, and so do asks of the class such as [`Act::Predict`]. `resume` with the token of its
//!   seat in the class leads back, and its own lab ends. Should its connection break, `resume` with the token of
//!   its own lab leads there. A page that takes over its seat in the class ends the conversation, `taken_over`.
//! - **Act.** All else is one ask, `{"ask":"class","act":…}`, see [`Act`]. Servers and network are controlled by the
//!   asks of every lab; a student that tries is told `only_teacher`.
//! - **Hear.** [`News`] comes as `{"class":…}`: [`Class`] whole to everybody whenever it is changed, [`You`] to the
//!   one concerned, and the [`Roster`] as changes: to the teacher ten times a second at most, to the members of an
//!   open class the rarer the more they are.
//! - **Watch.** By itself everybody, the teacher too, is told its own events and those that concern nobody. With
//!   `{"ask":"watch","from":…,"whose":{"process":7}}` those of one other come along: for the teacher any, for
//!   members of an open class any, else the one the teacher drives. Numbers that were passed come only when they
//!   are watched from again: a page begins a new log then. `"whose":"all"` is for the teacher, and for the members
//!   of an open class that has at most [`SEE_ALL`].
//! - **Sockets.** Of the kernel's list of sockets a member is told its own and those of the servers that wait for
//!   anybody; the others are counted as `more`. The teacher is told all, and so are the members of an open class that
//!   has at most [`SEE_ALL`].
//! - **Remove.** Who is removed hears a goodbye, `removed`, and stays out: its token, its name, and a page that
//!   says its token as it joins ([`Ask::JoinClass`](crate::message::Ask::JoinClass)) are refused as `removed`. Each
//!   such attempt is a knock that the teacher hears of ([`News::Outsiders`]); after [`Act::LetIn`] the token leads
//!   back. Somebody who comes with another browser and another name is not known.
//! - **End.** Whose class ends hears a goodbye, `class_ended`.
//!
//! Nothing of it depends on time of day or order of arrival: every message tells how things are, not what to add.

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

/// What a page is in its class: part of its welcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Whether it is the teacher.
    pub is_teacher: bool,
    /// Which member it is; none of the teacher.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub you: Option<You>,
    /// How the class is.
    pub class: Class,
    /// Where other machines reach this relay, such as `http://192.168.1.5:8080`, as far as it can know; none where
    /// it listens to this machine only. A page that was itself reached under another name knows better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reach: Option<String>,
}

/// What a member is told about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct You {
    /// Its number.
    pub member: MemberId,
    /// Its name, as it was cleaned.
    pub name: String,
    /// Whether its calls are refused, as `muted`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub muted: bool,
    /// Its prediction, while predictions are taken. Sent to this member only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choice: Option<u32>,
    /// What others are called who gave the same name, but for case, width and joiners. All but the first have a
    /// number behind it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namesakes: Vec<String>,
}

/// What every member is told about a class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Class {
    /// The code to join it.
    pub code: String,
    /// Its title; may be empty.
    pub title: String,
    /// Whether new members are refused; members may come back.
    pub locked: bool,
    /// Whether everyone sees everyone.
    pub open: bool,
    /// How many members it may have.
    pub cap: u32,
    /// The teacher's message to all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What the teacher looks at, and the class's pages with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drive: Option<Drive>,
    /// Which member that is; none where it is the teacher or a program outside. Everybody is told its name for as
    /// long as it is driven, as everybody sees its ladder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driven: Option<Driven>,
    /// The card that is run with the class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<Card>,
}

/// What the teacher looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drive {
    /// Whose ladder: a client's number. Everybody may watch it for as long as it is driven.
    pub process: ProcessId,
    /// Which event of it is selected: a call's start or a packet.
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
    /// Its name; none where the teacher hides names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// How far a member is with a card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The card's name.
    pub id: String,
    /// Steps that are done.
    pub step: u32,
    /// Steps there are, at most [`MOST_STEPS`].
    pub steps: u32,
    /// Whether the member has seen all there is to see.
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
    /// Whether it has knocked since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub knocks: bool,
}

/// A card that is run with the class: what will happen is predicted, then done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// Its name; what it asks stands in the page.
    pub id: String,
    /// How many choices there are, counted from 0.
    pub choices: u32,
    /// How far it is.
    pub phase: Phase,
    /// How many chose each; none while predictions are taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Vec<u32>>,
    /// The choice that came true; present once it is revealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<u32>,
}

/// How far a card is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Members predict, and may change their minds.
    Asking,
    /// No more predictions: everybody sees the counts. Single choices are forgotten.
    Closed,
    /// And what came true.
    Revealed,
}

/// What is done in a class: all but [`Act::Predict`] and [`Act::Progress`] by the teacher.
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
        /// Whose.
        member: MemberId,
        /// Whether they are refused from now on.
        muted: bool,
    },
    /// Remove a member: its page must leave, and neither its token nor its name leads back.
    Remove(MemberId),
    /// Admit a removed member again, with its token and its name.
    LetIn(MemberId),
    /// Run a card with the class: predictions are taken from now on. A card that was run before is put away.
    AskCard {
        /// Its name.
        id: String,
        /// How many choices there are.
        choices: u32,
    },
    /// Take no more predictions, and show the counts.
    CloseCard,
    /// Reveal what came true; closes the card if it is open.
    RevealCard {
        /// Which choice.
        outcome: u32,
    },
    /// Put the card away.
    EndCard,
    /// A member predicts.
    Predict {
        /// Which choice.
        choice: u32,
    },
    /// A member tells how far it is with a card it plays by itself; or that it plays none any more.
    Progress(#[serde(deserialize_with = "crate::message::strict_progress")] Option<Progress>),
    /// End the class: nothing of it is kept.
    End,
}

/// What is new in a class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum News {
    /// How the class is now.
    Class(Class),
    /// How this member is now.
    You(You),
    /// Its members.
    Roster(Roster),
    /// All removed members; for the teacher.
    Outsiders(Vec<Outsider>),
}

/// The members of the class: the changes since the last roster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roster {
    /// Whether it begins anew: all tiles of before are void.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub anew: bool,
    /// The tiles that are new or not as they were, each whole. The first roster may come in several messages.
    pub tiles: Vec<Tile>,
    /// Members that were removed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<MemberId>,
    /// All together; for the teacher.
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
    /// Whether a page of it is there.
    pub connected: bool,
    /// Whether its calls are refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub muted: bool,
    /// Its process, while it has one; another one after it came back to a new seat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessId>,
    /// Its last call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<LastCall>,
    /// The last call of it that failed; what it cancelled itself, and a time-out, are no failures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<LastError>,
    /// How many calls of it failed.
    pub errors: u64,
    /// How many sentences it got answered: datagrams and chunks it received.
    pub sentences: u64,
    /// Whether its page is in a lab of its own for now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub elsewhere: bool,
    /// How far it is with the card it plays by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<Progress>,
}

/// A member's last call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastCall {
    /// Which.
    pub name: CallName,
    /// When it started, in nanoseconds since the lab began; by it a wall is sorted by activity.
    pub mono_ns: u64,
    /// Whether it has not returned yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub blocked: bool,
}

/// A member's last failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastError {
    /// Of which call.
    pub name: CallName,
    /// The error's name, such as `ECONNREFUSED`.
    pub errno: String,
    /// When it returned, in nanoseconds since the lab began; by it a wall is sorted by trouble.
    pub mono_ns: u64,
}

/// All members together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Members.
    pub members: u32,
    /// Those with a page that is there.
    pub connected: u32,
    /// Calls the members made in the last second.
    pub calls_per_second: u64,
    /// Packets that were captured or derived in the last second.
    pub packets_per_second: u64,
    /// Calls of members that failed, since the lab began.
    pub errors: u64,
    /// Predictions there are for the card.
    pub predictions: u32,
}

/// Whose events a page watches, besides its own and those that concern nobody in particular.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whose {
    /// Nobody else's.
    Own,
    /// One other's.
    Process(ProcessId),
    /// Everybody's.
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
