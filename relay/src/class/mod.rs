//! A class: who is in it, what they are told, and the lab they share for as long as anybody has a seat there.

mod code;
mod core;
mod excursion;
mod place;
mod register;
mod ruling;
mod text;
mod wall;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
    rc::{Rc, Weak},
    time::Duration,
};

pub use code::normal_code;
pub use excursion::Excursion;
pub use place::Place;
pub use register::{Arriving, Newcomer, Register, Rules};
pub use ruling::Tie;
use shared::{
    class::{self as told, MemberId, News, Roster, Standing},
    codec::encode_server,
    message::{GoodbyeReason, ServerMessage},
};
use tokio::{
    sync::{mpsc, watch},
    task::AbortHandle,
};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use self::{core::Core, wall::Wall};
use crate::{
    lab::{Tenancy, secret::Digest},
    trace::{Sight, Trace},
};

/// How often the teacher is told of what changed on the wall, if anything did.
const TEACHERS_PACE: Duration = Duration::from_millis(100);
/// The members of an open class are told the rarer the more they are: this often for each of them.
const MEMBERS_PACE_MS: u64 = 10;
/// And no more often than this.
const FASTEST_MS: u64 = 200;
/// So many tiles go into one message.
const TILES: usize = 256;

/// Somebody in a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Who {
    /// Who rules it.
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
    core: RefCell<Core>,
    /// Who has a seat.
    people: RefCell<BTreeMap<Who, Person>>,
    live: RefCell<Weak<Live>>,
    /// Where each member has joined from, since the relay began.
    joined_from: RefCell<HashMap<MemberId, IpAddr>>,
}

/// What reaches somebody who has a seat.
#[derive(Debug)]
struct Person {
    /// While a page is there.
    letters: Option<mpsc::UnboundedSender<Utf8Bytes>>,
    /// How many pages were there by now.
    pages: u64,
    gone: watch::Sender<Option<GoodbyeReason>>,
}

/// The lab of a class, and what happens in it; it ends with the last seat.
#[derive(Debug)]
pub struct Live {
    tenancy: Tenancy,
    wall: RefCell<Wall>,
    telling: AbortHandle,
}

impl Drop for Live {
    fn drop(&mut self) {
        self.telling.abort();
    }
}

impl Class {
    fn new(lab: String, teacher: Digest, core: Core) -> Rc<Self> {
        Rc::new(Self {
            lab,
            code: core.class.code.clone(),
            teacher,
            core: RefCell::new(core),
            people: RefCell::default(),
            live: RefCell::default(),
            joined_from: RefCell::default(),
        })
    }

    /// A page of somebody is there, in the class's lab or in one of its own; what was told to another page of it
    /// goes to this one from now on. Which page it is, and what it is told.
    fn connects(&self, who: Who, elsewhere: bool) -> (u64, mpsc::UnboundedReceiver<Utf8Bytes>) {
        let (letters, coming) = mpsc::unbounded_channel();
        let mut page = 0;
        if let Some(person) = self.people.borrow_mut().get_mut(&who) {
            person.pages += 1;
            (person.letters, page) = (Some(letters), person.pages);
        }
        self.set_connected(who, true, elsewhere);
        (page, coming)
    }

    /// That page is there no more; another one may be.
    fn disconnects(&self, who: Who, page: u64) {
        match self.people.borrow_mut().get_mut(&who) {
            Some(person) if person.pages == page => person.letters = None,
            Some(_) | None => return,
        }
        self.set_connected(who, false, false);
    }

    fn set_connected(&self, who: Who, connected: bool, elsewhere: bool) {
        let Who::Member(member) = who else {
            return;
        };
        if let Some(known) = self.core.borrow_mut().members.get_mut(&member) {
            (known.connected, known.elsewhere) = (connected, elsewhere);
        }
        self.touch(member);
    }

    /// What somebody's page is told as it comes.
    fn standing(&self, who: Who, reach: Option<&str>) -> Standing {
        let core = self.core.borrow();
        Standing {
            is_teacher: who == Who::Teacher,
            you: match who {
                Who::Teacher => None,
                Who::Member(member) => core.you(member),
            },
            class: core.class.clone(),
            reach: reach.map(str::to_owned),
        }
    }

    /// Somebody's page is told of everybody it may see.
    fn tell_who_is_there(&self, whom: Who) {
        if whom == Who::Teacher {
            self.tell_outsiders();
        }
        let live = self.live.borrow().upgrade();
        if let Some(live) = live.filter(|_| self.sees_roster(whom)) {
            self.tell_whole_roster(whom, &live);
        }
    }

    /// The teacher is told who was removed.
    fn tell_outsiders(&self) {
        let outsiders = self.core.borrow().told_outsiders();
        self.tell(|who| who == Who::Teacher, News::Outsiders(outsiders));
    }

    fn tell(&self, whom: impl Fn(Who) -> bool, news: News) {
        let people = self.people.borrow();
        let mut hearing = people
            .iter()
            .filter(|(who, _)| whom(**who))
            .filter_map(|(_, person)| person.letters.as_ref())
            .peekable();
        if hearing.peek().is_none() {
            return;
        }
        // Written once, however many hear it.
        let text: Utf8Bytes = encode_server(&ServerMessage::Class(news)).into();
        for letters in hearing {
            letters.send(text.clone()).ok();
        }
    }

    /// Everybody is told how the class is.
    fn tell_all(&self) {
        let class = self.core.borrow().class.clone();
        self.tell(|_| true, News::Class(class));
    }

    fn tell_member(&self, member: MemberId) {
        let you = self.core.borrow().you(member);
        if let Some(you) = you {
            self.tell(|who| who == Who::Member(member), News::You(you));
        }
        self.touch(member);
    }

    fn touch(&self, member: MemberId) {
        if let Some(live) = self.live.borrow().upgrade() {
            live.wall.borrow_mut().touch(member);
        }
    }

    /// Somebody, or everybody, has to leave.
    fn sends_away(&self, whom: impl Fn(Who) -> bool, why: GoodbyeReason) {
        for (_, person) in self.people.borrow().iter().filter(|(who, _)| whom(**who)) {
            person.gone.send_replace(Some(why));
        }
    }

    fn is_muted(&self, member: MemberId) -> bool {
        let core = self.core.borrow();
        core.members.get(&member).is_some_and(|known| known.muted)
    }

    /// The tiles of these members, in messages that are not too long; the first of them begins anew if it is to.
    fn tell_tiles(
        &self,
        whom: impl Fn(Who) -> bool + Copy,
        (members, removed): (&BTreeSet<MemberId>, &BTreeSet<MemberId>),
        wall: &Wall,
        mut rest: Roster,
    ) {
        let tiles: Vec<_> = {
            let core = self.core.borrow();
            let tiles = members.iter().map(|member| wall.tile(&core, *member));
            tiles.flatten().collect()
        };
        rest.removed = removed.iter().copied().collect();
        let mut portions = tiles.chunks(TILES);
        rest.tiles = portions.next().unwrap_or_default().to_vec();
        self.tell(whom, News::Roster(rest));
        for portion in portions {
            let roster = Roster {
                tiles: portion.to_vec(),
                ..Roster::default()
            };
            self.tell(whom, News::Roster(roster));
        }
    }

    fn sees_roster(&self, who: Who) -> bool {
        who == Who::Teacher || self.core.borrow().class.open
    }

    /// Somebody is told of everybody.
    fn tell_whole_roster(&self, whom: Who, live: &Live) {
        let members = self.core.borrow().members.keys().copied().collect();
        let anew = Roster {
            anew: true,
            ..Roster::default()
        };
        let (wall, nobody) = (live.wall.borrow(), BTreeSet::new());
        self.tell_tiles(|who| who == whom, (&members, &nobody), &wall, anew);
    }

    /// The members of a class that was just opened are told of each other.
    fn tell_whole_roster_to_members(&self) {
        let Some(live) = self.live.borrow().upgrade() else {
            return;
        };
        let members: Vec<Who> = self.people.borrow().keys().copied().collect();
        for who in members.into_iter().filter(|who| *who != Who::Teacher) {
            self.tell_whole_roster(who, &live);
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
async fn tell(class: Weak<Class>, live: Weak<Live>, trace: Rc<Trace>) {
    let mut pending = Pending::default();
    let mut ticks = tokio::time::interval(TEACHERS_PACE);
    loop {
        ticks.tick().await;
        let (Some(class), Some(live)) = (class.upgrade(), live.upgrade()) else {
            return;
        };
        pending.tick(&class, &live, &trace);
    }
}

impl Pending {
    fn tick(&mut self, class: &Class, live: &Live, trace: &Trace) {
        let now_ms = trace.now() / 1_000_000;
        let page = trace.read(self.from, Sight::All, usize::MAX);
        self.from = page.next;
        let mut wall = live.wall.borrow_mut();
        for recorded in &page.events {
            wall.saw(&recorded.event, now_ms);
        }
        let totals = wall.totals(&class.core.borrow(), now_ms);
        let (changed, removed) = wall.news();
        let is_news = !changed.is_empty() || !removed.is_empty() || self.totals != Some(totals);
        if is_news {
            self.totals = Some(totals);
            let with_totals = Roster {
                totals: Some(totals),
                ..Roster::default()
            };
            let teacher = |who| who == Who::Teacher;
            class.tell_tiles(teacher, (&changed, &removed), &wall, with_totals);
        }
        self.changed.extend(changed);
        self.removed.extend(removed);
        let pace = MEMBERS_PACE_MS.saturating_mul(totals.members.into());
        if now_ms >= self.members_told_ms + pace.max(FASTEST_MS) {
            self.tell_members(class, &wall, now_ms);
        }
    }

    fn tell_members(&mut self, class: &Class, wall: &Wall, now_ms: u64) {
        let changed = std::mem::take(&mut self.changed);
        let removed = std::mem::take(&mut self.removed);
        self.members_told_ms = now_ms;
        let is_news = !changed.is_empty() || !removed.is_empty();
        if is_news && class.core.borrow().class.open {
            let member = |who| who != Who::Teacher;
            class.tell_tiles(member, (&changed, &removed), wall, Roster::default());
        }
    }
}
