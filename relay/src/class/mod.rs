//! Classes: their members, the teacher's commands, the wall of tiles, and the news that pages receive.
//!
//! A class has a lab of its own (room `lab`) while at least one participant has a seat in it. Every change is written
//! to `store` before anybody is told of it. The pages themselves, their connections and their sockets live in
//! `session`; this room only hands them messages through an outbox.
//!
//! `state`, `wall`, `text` and `code` are pure; `registry` and `teacher_commands` add the store and the clock.

mod away;
mod class_lab;
mod code;
mod membership;
mod registry;
mod state;
mod teacher_commands;
mod text;
mod wall;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
    rc::{Rc, Weak},
};

pub use away::AwayMembership;
pub use class_lab::ClassLab;
pub use code::normalize_code;
pub use membership::Membership;
pub use registry::{ClassConfig, ClassRegistry, JoinRequest, Joined};
use shared::{
    class::{MemberId, News, Roster, Standing},
    codec::encode_server,
    message::{GoodbyeReason, ServerMessage},
};
pub use teacher_commands::MembershipRef;
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use self::{state::ClassState, wall::Wall};
use crate::token::Digest;

/// Maximum number of tiles in one message.
const MAX_TILES_PER_MESSAGE: usize = 256;

/// A participant of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Participant {
    /// The teacher, who commands the class.
    Teacher,
    /// A member.
    Member(MemberId),
}

/// A class. It exists whether or not a participant is present.
#[derive(Debug)]
pub struct Class {
    /// The id of its lab. Whoever knows it may read the whole trace.
    lab: String,
    code: String,
    teacher: Digest,
    state: RefCell<ClassState>,
    /// The participants that have a seat.
    presences: RefCell<BTreeMap<Participant, Presence>>,
    live: RefCell<Weak<ClassLab>>,
    /// The address each member joined from, since the relay started.
    joined_from: RefCell<HashMap<MemberId, IpAddr>>,
}

/// How a participant that has a seat is reached.
#[derive(Debug)]
struct Presence {
    /// Messages for its page; `None` while no page is connected.
    outbox: Option<mpsc::UnboundedSender<Utf8Bytes>>,
    /// Number of pages that have connected so far. It identifies the latest one.
    pages: u64,
    removal: watch::Sender<Option<GoodbyeReason>>,
}

impl Class {
    fn new(lab: String, teacher: Digest, state: ClassState) -> Rc<Self> {
        Rc::new(Self {
            lab,
            code: state.class.code.clone(),
            teacher,
            state: RefCell::new(state),
            presences: RefCell::default(),
            live: RefCell::default(),
            joined_from: RefCell::default(),
        })
    }

    /// Connects a page of a participant, in the class's lab or `elsewhere`; it replaces the participant's previous
    /// page. Returns the page's number and its outbox.
    fn connect(
        &self,
        who: Participant,
        elsewhere: bool,
    ) -> (u64, mpsc::UnboundedReceiver<Utf8Bytes>) {
        let (sender, outbox) = mpsc::unbounded_channel();
        let mut page = 0;
        if let Some(presence) = self.presences.borrow_mut().get_mut(&who) {
            presence.pages += 1;
            (presence.outbox, page) = (Some(sender), presence.pages);
        }
        self.set_connected(who, true, elsewhere);
        (page, outbox)
    }

    /// Disconnects a page, unless a newer page has replaced it.
    fn disconnect(&self, who: Participant, page: u64) {
        match self.presences.borrow_mut().get_mut(&who) {
            Some(presence) if presence.pages == page => presence.outbox = None,
            Some(_) | None => return,
        }
        self.set_connected(who, false, false);
    }

    fn set_connected(&self, who: Participant, connected: bool, elsewhere: bool) {
        let Participant::Member(member) = who else {
            return;
        };
        if let Some(known) = self.state.borrow_mut().members.get_mut(&member) {
            (known.connected, known.elsewhere) = (connected, elsewhere);
        }
        self.mark_changed(member);
    }

    /// What a participant's page receives when it connects.
    fn standing(&self, who: Participant, network_url: Option<&str>) -> Standing {
        let state = self.state.borrow();
        Standing {
            is_teacher: who == Participant::Teacher,
            you: match who {
                Participant::Teacher => None,
                Participant::Member(member) => state.you(member),
            },
            class: state.class.clone(),
            reach: network_url.map(str::to_owned),
        }
    }

    /// Sends a participant everything it may see of the others.
    fn send_roster_and_outsiders(&self, to: Participant) {
        if to == Participant::Teacher {
            self.send_outsiders();
        }
        let live = self.live.borrow().upgrade();
        if let Some(live) = live.filter(|_| self.may_see_roster(to)) {
            self.send_full_roster(to, &live);
        }
    }

    /// Sends the teacher the list of removed members.
    fn send_outsiders(&self) {
        let outsiders = self.state.borrow().outsider_list();
        self.send(
            |who| who == Participant::Teacher,
            News::Outsiders(outsiders),
        );
    }

    /// Sends news to the pages of the selected participants.
    fn send(&self, is_recipient: impl Fn(Participant) -> bool, news: News) {
        let presences = self.presences.borrow();
        let mut outboxes = presences
            .iter()
            .filter(|(who, _)| is_recipient(**who))
            .filter_map(|(_, presence)| presence.outbox.as_ref())
            .peekable();
        if outboxes.peek().is_none() {
            return;
        }
        // Encoded once for all recipients.
        let text: Utf8Bytes = encode_server(&ServerMessage::Class(news)).into();
        for outbox in outboxes {
            outbox.send(text.clone()).ok();
        }
    }

    /// Sends the settings of the class to all participants.
    fn send_class_to_all(&self) {
        let class = self.state.borrow().class.clone();
        self.send(|_| true, News::Class(class));
    }

    /// Sends a member its own state.
    fn send_member(&self, member: MemberId) {
        let you = self.state.borrow().you(member);
        if let Some(you) = you {
            self.send(|who| who == Participant::Member(member), News::You(you));
        }
        self.mark_changed(member);
    }

    /// Marks a member's tile as changed.
    fn mark_changed(&self, member: MemberId) {
        if let Some(live) = self.live.borrow().upgrade() {
            live.wall.borrow_mut().mark_changed(member);
        }
    }

    /// Ends the seats of the selected participants.
    fn dismiss(&self, is_selected: impl Fn(Participant) -> bool, why: GoodbyeReason) {
        let presences = self.presences.borrow();
        for (_, presence) in presences.iter().filter(|(who, _)| is_selected(**who)) {
            presence.removal.send_replace(Some(why));
        }
    }

    fn is_muted(&self, member: MemberId) -> bool {
        let state = self.state.borrow();
        state.members.get(&member).is_some_and(|known| known.muted)
    }

    /// Sends the tiles of `members` in messages of at most [`MAX_TILES_PER_MESSAGE`] tiles. The first message is
    /// `first` with its tiles and the removed members filled in.
    fn send_tiles(
        &self,
        is_recipient: impl Fn(Participant) -> bool + Copy,
        (members, removed): (&BTreeSet<MemberId>, &BTreeSet<MemberId>),
        wall: &Wall,
        mut first: Roster,
    ) {
        let tiles: Vec<_> = {
            let state = self.state.borrow();
            let tiles = members.iter().map(|member| wall.tile(&state, *member));
            tiles.flatten().collect()
        };
        first.removed = removed.iter().copied().collect();
        let mut chunks = tiles.chunks(MAX_TILES_PER_MESSAGE);
        first.tiles = chunks.next().unwrap_or_default().to_vec();
        self.send(is_recipient, News::Roster(first));
        for chunk in chunks {
            let roster = Roster {
                tiles: chunk.to_vec(),
                ..Roster::default()
            };
            self.send(is_recipient, News::Roster(roster));
        }
    }

    fn may_see_roster(&self, who: Participant) -> bool {
        who == Participant::Teacher || self.state.borrow().class.open
    }

    /// Sends a participant the tiles of all members.
    fn send_full_roster(&self, to: Participant, live: &ClassLab) {
        let members = self.state.borrow().members.keys().copied().collect();
        let anew = Roster {
            anew: true,
            ..Roster::default()
        };
        let (wall, removed) = (live.wall.borrow(), BTreeSet::new());
        self.send_tiles(|who| who == to, (&members, &removed), &wall, anew);
    }

    /// Sends all members of a class that was just opened the tiles of all members.
    fn send_full_roster_to_members(&self) {
        let Some(live) = self.live.borrow().upgrade() else {
            return;
        };
        let present: Vec<Participant> = self.presences.borrow().keys().copied().collect();
        for who in present {
            if who != Participant::Teacher {
                self.send_full_roster(who, &live);
            }
        }
    }
}
