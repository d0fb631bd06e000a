//! A class: who is in it, what they are told, and the lab they share for as long as anybody has a seat there.

mod away;
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
    time::Duration,
};

pub use away::AwayMembership;
pub use code::normalize_code;
pub use membership::Membership;
pub use registry::{ClassConfig, ClassRegistry, JoinRequest, Joined};
use shared::{
    class::{self as told, MemberId, News, Roster, Standing},
    codec::encode_server,
    message::{GoodbyeReason, ServerMessage},
};
pub use teacher_commands::MembershipRef;
use tokio::{
    sync::{mpsc, watch},
    task::AbortHandle,
};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use self::{state::ClassState, wall::Wall};
use crate::{
    lab::LabLease,
    token::Digest,
    trace::{Sight, Trace},
};

/// How often the teacher is told of what changed on the wall, if anything did.
const TEACHER_INTERVAL: Duration = Duration::from_millis(100);
/// The members of an open class are told the rarer the more they are: this often for each of them.
const INTERVAL_PER_MEMBER_MS: u64 = 10;
/// And no more often than this.
const MIN_MEMBER_INTERVAL_MS: u64 = 200;
/// So many tiles go into one message.
const MAX_TILES_PER_MESSAGE: usize = 256;

/// Somebody in a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Participant {
    /// Participant config it.
    Teacher,
    /// One of its members.
    Member(MemberId),
}

/// A class, whether anybody is there or not.
#[derive(Debug)]
pub struct Class {
    /// The name of its lab, which opens all of its trace.
    lab: String,
    code: String,
    teacher: Digest,
    state: RefCell<ClassState>,
    /// Participant has a seat.
    presences: RefCell<BTreeMap<Participant, Presence>>,
    live: RefCell<Weak<ClassLab>>,
    /// Where each member has joined from, since the relay began.
    joined_from: RefCell<HashMap<MemberId, IpAddr>>,
}

/// What reaches somebody who has a seat.
#[derive(Debug)]
struct Presence {
    /// While a page is there.
    outbox: Option<mpsc::UnboundedSender<Utf8Bytes>>,
    /// How many pages were there by now.
    pages: u64,
    removal: watch::Sender<Option<GoodbyeReason>>,
}

/// The lab of a class, and what happens in it; it ends with the last seat.
#[derive(Debug)]
pub struct ClassLab {
    lease: LabLease,
    wall: RefCell<Wall>,
    updates: AbortHandle,
}

impl Drop for ClassLab {
    fn drop(&mut self) {
        self.updates.abort();
    }
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

    /// A page of somebody is there, in the class's lab or in one of its own; what was told to another page of it
    /// goes to this one from now on. Which page it is, and what it is told.
    fn connect(
        &self,
        who: Participant,
        elsewhere: bool,
    ) -> (u64, mpsc::UnboundedReceiver<Utf8Bytes>) {
        let (outbox, coming) = mpsc::unbounded_channel();
        let mut page = 0;
        if let Some(presence) = self.presences.borrow_mut().get_mut(&who) {
            presence.pages += 1;
            (presence.outbox, page) = (Some(outbox), presence.pages);
        }
        self.set_connected(who, true, elsewhere);
        (page, coming)
    }

    /// That page is there no more; another one may be.
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

    /// What somebody's page is told as it comes.
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

    /// Somebody's page is told of everybody it may see.
    fn send_roster_and_outsiders(&self, whom: Participant) {
        if whom == Participant::Teacher {
            self.send_outsiders();
        }
        let live = self.live.borrow().upgrade();
        if let Some(live) = live.filter(|_| self.sees_roster(whom)) {
            self.send_full_roster(whom, &live);
        }
    }

    /// The teacher is told who was removed.
    fn send_outsiders(&self) {
        let outsiders = self.state.borrow().outsider_list();
        self.send(
            |who| who == Participant::Teacher,
            News::Outsiders(outsiders),
        );
    }

    fn send(&self, whom: impl Fn(Participant) -> bool, news: News) {
        let presences = self.presences.borrow();
        let mut hearing = presences
            .iter()
            .filter(|(who, _)| whom(**who))
            .filter_map(|(_, presence)| presence.outbox.as_ref())
            .peekable();
        if hearing.peek().is_none() {
            return;
        }
        // Written once, however many hear it.
        let text: Utf8Bytes = encode_server(&ServerMessage::Class(news)).into();
        for outbox in hearing {
            outbox.send(text.clone()).ok();
        }
    }

    /// Everybody is told how the class is.
    fn send_class_to_all(&self) {
        let class = self.state.borrow().class.clone();
        self.send(|_| true, News::Class(class));
    }

    fn send_member(&self, member: MemberId) {
        let you = self.state.borrow().you(member);
        if let Some(you) = you {
            self.send(|who| who == Participant::Member(member), News::You(you));
        }
        self.mark_changed(member);
    }

    fn mark_changed(&self, member: MemberId) {
        if let Some(live) = self.live.borrow().upgrade() {
            live.wall.borrow_mut().mark_changed(member);
        }
    }

    /// Somebody, or everybody, has to leave.
    fn dismiss(&self, whom: impl Fn(Participant) -> bool, why: GoodbyeReason) {
        for (_, presence) in self
            .presences
            .borrow()
            .iter()
            .filter(|(who, _)| whom(**who))
        {
            presence.removal.send_replace(Some(why));
        }
    }

    fn is_muted(&self, member: MemberId) -> bool {
        let state = self.state.borrow();
        state.members.get(&member).is_some_and(|known| known.muted)
    }

    /// The tiles of these members, in messages that are not too long; the first of them begins anew if it is to.
    fn send_tiles(
        &self,
        whom: impl Fn(Participant) -> bool + Copy,
        (members, removed): (&BTreeSet<MemberId>, &BTreeSet<MemberId>),
        wall: &Wall,
        mut rest: Roster,
    ) {
        let tiles: Vec<_> = {
            let state = self.state.borrow();
            let tiles = members.iter().map(|member| wall.tile(&state, *member));
            tiles.flatten().collect()
        };
        rest.removed = removed.iter().copied().collect();
        let mut portions = tiles.chunks(MAX_TILES_PER_MESSAGE);
        rest.tiles = portions.next().unwrap_or_default().to_vec();
        self.send(whom, News::Roster(rest));
        for portion in portions {
            let roster = Roster {
                tiles: portion.to_vec(),
                ..Roster::default()
            };
            self.send(whom, News::Roster(roster));
        }
    }

    fn sees_roster(&self, who: Participant) -> bool {
        who == Participant::Teacher || self.state.borrow().class.open
    }

    /// Somebody is told of everybody.
    fn send_full_roster(&self, whom: Participant, live: &ClassLab) {
        let members = self.state.borrow().members.keys().copied().collect();
        let anew = Roster {
            anew: true,
            ..Roster::default()
        };
        let (wall, nobody) = (live.wall.borrow(), BTreeSet::new());
        self.send_tiles(|who| who == whom, (&members, &nobody), &wall, anew);
    }

    /// The members of a class that was just opened are told of each other.
    fn send_full_roster_to_members(&self) {
        let Some(live) = self.live.borrow().upgrade() else {
            return;
        };
        let members: Vec<Participant> = self.presences.borrow().keys().copied().collect();
        for who in members
            .into_iter()
            .filter(|who| *who != Participant::Teacher)
        {
            self.send_full_roster(who, &live);
        }
    }
}

/// What the wall's changes go to: the teacher at once, the members of an open class now and then.
#[derive(Debug, Default)]
struct Pending {
    from: u64,
    totals: Option<told::Totals>,
    changed: BTreeSet<MemberId>,
    removed: BTreeSet<MemberId>,
    members_told_ms: u64,
}

/// Reads what happens in the lab and tells of it, until the lab ends.
async fn run_updates(class: Weak<Class>, live: Weak<ClassLab>, trace: Rc<Trace>) {
    let mut pending = Pending::default();
    let mut ticks = tokio::time::interval(TEACHER_INTERVAL);
    loop {
        ticks.tick().await;
        let (Some(class), Some(live)) = (class.upgrade(), live.upgrade()) else {
            return;
        };
        pending.tick(&class, &live, &trace);
    }
}

impl Pending {
    fn tick(&mut self, class: &Class, live: &ClassLab, trace: &Trace) {
        let now_ms = trace.now() / 1_000_000;
        let page = trace.read(self.from, Sight::All, usize::MAX);
        self.from = page.next;
        let mut wall = live.wall.borrow_mut();
        for recorded in &page.events {
            wall.record_event(&recorded.event, now_ms);
        }
        let totals = wall.totals(&class.state.borrow(), now_ms);
        let (changed, removed) = wall.take_changes();
        let is_news = !changed.is_empty() || !removed.is_empty() || self.totals != Some(totals);
        if is_news {
            self.totals = Some(totals);
            let with_totals = Roster {
                totals: Some(totals),
                ..Roster::default()
            };
            let teacher = |who| who == Participant::Teacher;
            class.send_tiles(teacher, (&changed, &removed), &wall, with_totals);
        }
        self.changed.extend(changed);
        self.removed.extend(removed);
        let pace = INTERVAL_PER_MEMBER_MS.saturating_mul(totals.members.into());
        if now_ms >= self.members_told_ms + pace.max(MIN_MEMBER_INTERVAL_MS) {
            self.send_to_members(class, &wall, now_ms);
        }
    }

    fn send_to_members(&mut self, class: &Class, wall: &Wall, now_ms: u64) {
        let changed = std::mem::take(&mut self.changed);
        let removed = std::mem::take(&mut self.removed);
        self.members_told_ms = now_ms;
        let is_news = !changed.is_empty() || !removed.is_empty();
        if is_news && class.state.borrow().class.open {
            let member = |who| who != Participant::Teacher;
            class.send_tiles(member, (&changed, &removed), wall, Roster::default());
        }
    }
}
