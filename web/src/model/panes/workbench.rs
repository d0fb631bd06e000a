//! The workbench: the user's own sockets, any call in any order. What it shows is read off the trace of the page's own
//! process, so that a page that was loaded again, or comes back to its lab, shows the same.

pub(crate) mod arguments;
mod call_record;
mod commands;
pub(crate) mod doors;
pub(crate) mod equivalent;
pub(crate) mod socket_card;
pub(crate) mod state_diagram;

use shared::{
    call::{Call, Family, Fd, Transport},
    message::{Reply, Welcome},
    outcome::{FailureSource, Outcome, Returned},
    trace::{CallId, CallName, CallReturned, CallStarted, Event, Facts, ProcessId, What},
};

pub(crate) use self::{
    arguments::{ArgumentError, CallForm},
    call_record::CallRecord,
    equivalent::ProgramLanguage,
    socket_card::SocketCard,
};
use crate::model::{
    core::{
        outbox::Outbox,
        recent_map::RecentMap,
        time::{Millis, TICK},
    },
    panes::server::Servers,
};

/// Maximum number of calls kept.
const MAX_CALLS: usize = 600;

/// What somebody does at the workbench.
#[derive(Debug)]
pub(crate) enum WorkbenchCommand {
    /// Looks at it, or away.
    Look(bool),
    /// Makes a socket.
    Open(Transport, Family),
    /// Makes a call on one.
    Call(u64, CallName, CallForm),
    /// Asks for the addresses of a name.
    Resolve(String),
    /// Stops waiting for the call that this message asked for.
    Cancel(u64),
    /// Wipes it: sockets that are closed, and the calls so far.
    Clear,
    /// Wants to read the program in this language.
    Read(ProgramLanguage),
    /// Wants it on the clipboard.
    Copy,
}

/// The page's own process: its sockets and its calls.
#[derive(Debug, Default)]
pub(crate) struct Workbench {
    /// Whether its pane is open.
    pub(crate) open: bool,
    /// Its sockets, the newest last.
    pub(crate) cards: Vec<SocketCard>,
    /// Its calls, in the order in which they were made.
    pub(crate) calls: Vec<CallRecord>,
    /// What was typed and means nothing, and at which socket.
    pub(crate) error: Option<(u64, ArgumentError)>,
    /// The language of the program one reads.
    pub(crate) language: ProgramLanguage,
    /// Whether the clipboard has the program: how many calls it had then, and in which language.
    pub(crate) copied: Option<(ProgramLanguage, u64)>,
    me: Option<ProcessId>,
    seen: Option<u64>,
    sockets: u64,
    version: u64,
    /// What the page's own programs asked for is none of the workbench's business.
    foreign_requests: RecentMap<u64, ()>,
    foreign_calls: RecentMap<CallId, ()>,
    copying: bool,
}

impl Workbench {
    /// The page is this process from now on; what another one had is gone.
    pub(in crate::model) fn set_own_process(&mut self, process: ProcessId) {
        if self.me.is_some_and(|me| me != process) {
            self.handle_disconnect();
        }
        self.me = Some(process);
    }

    /// An empty one for what is past: its changes are numbered so that they are never mistaken for those of another.
    pub(in crate::model) fn of_past(versions: u64) -> Self {
        Self {
            version: versions << 32,
            ..Self::default()
        }
    }

    /// Another lab, another trace.
    pub(in crate::model) fn reset(&mut self) {
        *self = Self {
            open: self.open,
            language: self.language,
            me: self.me,
            sockets: self.sockets,
            version: self.version + 1,
            ..Self::default()
        };
    }

    /// All its sockets are closed, and nothing will be seen to return.
    pub(in crate::model) fn handle_disconnect(&mut self) {
        self.version += 1;
        for made in self.calls.iter_mut().filter(|made| made.is_open()) {
            made.gone = true;
        }
        for card in &mut self.cards {
            card.closed = true;
            card.gone = true;
        }
    }

    /// Grows with every change.
    pub(crate) const fn version(&self) -> u64 {
        self.version
    }

    /// A program of the page asks for this itself.
    pub(in crate::model) fn ignore_request(&mut self, request: u64) {
        self.foreign_requests.set(request, ());
    }

    /// A socket by its key.
    pub(crate) fn card(&self, key: u64) -> Option<&SocketCard> {
        self.cards.iter().find(|card| card.key == key)
    }

    /// The calls on one socket.
    pub(crate) fn calls_on(&self, key: u64) -> impl DoubleEndedIterator<Item = &CallRecord> {
        self.calls.iter().filter(move |made| made.card == Some(key))
    }

    /// Whether another socket has its number by now.
    pub(crate) fn is_replaced(&self, card: &SocketCard) -> bool {
        let mut later = self.cards.iter().filter(|other| other.key > card.key);
        later.any(|other| other.fd == card.fd)
    }

    /// The last call the trace has of it: the ladder shows what belongs to it.
    pub(crate) fn last_call(&self) -> Option<CallId> {
        self.calls.iter().rev().find_map(|made| made.call)
    }

    /// Whether a call on it has not returned, and somebody looks.
    pub(crate) fn is_blocked(&self) -> bool {
        self.open && self.calls.iter().any(CallRecord::is_open)
    }

    /// When the time of a blocked call is to be told again.
    pub(crate) fn wakes_at(&self, now: Millis) -> Option<Millis> {
        let blocked = self.calls.iter().filter(|made| self.open && made.is_open());
        blocked
            .map(|made| now + TICK - now.saturating_sub(made.since) % TICK)
            .min()
    }

    /// Makes a socket.
    pub(in crate::model) fn open_socket(
        &mut self,
        transport: Transport,
        family: Family,
        outbox: &mut Outbox,
        now: Millis,
    ) {
        let call = Call::Socket {
            transport,
            family: (family == Family::Inet6).then_some(family),
        };
        self.ask(call, transport, None, outbox, now);
    }

    /// Makes the call that was typed, unless it means nothing.
    pub(in crate::model) fn call(
        &mut self,
        (key, name, typed): (u64, CallName, &CallForm),
        servers: &Servers,
        outbox: &mut Outbox,
        now: Millis,
    ) {
        let Some(card) = self.card(key).filter(|card| !self.is_replaced(card)) else {
            return;
        };
        let (transport, fd) = (card.transport, card.fd);
        self.version += 1;
        self.error = None;
        match arguments::read(name, fd, typed) {
            Ok(call) => {
                self.ask(call, transport, Some(key), outbox, now);
                if let Some(made) = self.calls.last_mut() {
                    made.aim(&typed.to, servers);
                }
            }
            Err(error) => self.error = Some((key, error)),
        }
    }

    /// Asks for the addresses of a name.
    pub(in crate::model) fn resolve(&mut self, name: String, outbox: &mut Outbox, now: Millis) {
        let transport = Transport::Tcp;
        let call = Call::GetAddrInfo { name, transport };
        self.ask(call, transport, None, outbox, now);
    }

    fn ask(
        &mut self,
        call: Call,
        transport: Transport,
        card: Option<u64>,
        outbox: &mut Outbox,
        now: Millis,
    ) {
        let made = CallRecord::asked(&call, transport, card, now);
        let request = outbox.make(call);
        self.push(CallRecord {
            request: Some(request),
            ..made
        });
    }

    fn push(&mut self, made: CallRecord) {
        self.version += 1;
        if self.calls.len() == MAX_CALLS {
            self.calls.remove(0);
        }
        self.calls.push(made);
    }

    /// A reply came; the trace tells the same and more, except of what the relay would not even do.
    pub(in crate::model) fn handle_reply(&mut self, reply: &Reply) {
        let asked = self
            .calls
            .iter_mut()
            .find(|made| made.call.is_none() && made.request.is_some() && made.request == reply.id);
        let Some(made) = asked.filter(|made| made.end.is_none()) else {
            return;
        };
        if let Outcome::Failed(failed) = &reply.outcome
            && failed.source == FailureSource::Relay
        {
            self.version += 1;
            made.end = Some((reply.outcome.clone(), reply.took_ns));
        }
    }

    /// Takes in an event of the trace that happened `at` this time, by the page's clock.
    pub(in crate::model) fn handle_event(&mut self, event: &Event, at: Millis) {
        if self.seen.is_some_and(|seen| event.seq <= seen) {
            return;
        }
        self.seen = Some(event.seq);
        let what = &event.what;
        if self.me.is_none() || what.process() != self.me {
            return;
        }
        if let Some(started) = what.call_started() {
            self.handle_start(started, event.seq, at);
        } else if let Some(returned) = what.call_returned() {
            self.handle_return(returned, event.seq);
        } else if let What::Facts(facts) = what {
            self.handle_facts(facts, event.seq);
        } else if matches!(what, What::ProcessEnded { .. }) {
            self.handle_disconnect();
        }
    }

    fn handle_start(&mut self, started: &CallStarted, seq: u64, at: Millis) {
        let is_others = |request: &u64| self.foreign_requests.get(request).is_some();
        if started.request.as_ref().is_some_and(is_others) {
            return self.foreign_calls.set(started.call, ());
        }
        self.version += 1;
        let card = started.fd.and_then(|fd| self.current(fd));
        let asked = self
            .calls
            .iter_mut()
            .find(|made| made.call.is_none() && made.request == started.request);
        match asked.filter(|_| started.request.is_some()) {
            Some(made) => made.began(started, at),
            None => self.push(CallRecord::seen(started, card, at)),
        }
        if let Some(card) = self.cards.iter_mut().find(|known| Some(known.key) == card) {
            card.started(started.name, seq);
        }
    }

    fn handle_return(&mut self, returned: &CallReturned, seq: u64) {
        if self.foreign_calls.get(&returned.call).is_some() {
            return;
        }
        let known = |made: &&mut CallRecord| made.call == Some(returned.call);
        let Some(made) = self.calls.iter_mut().find(known) else {
            return;
        };
        self.version += 1;
        made.end = Some((returned.outcome.clone(), returned.took_ns));
        if let Outcome::Returned(Returned::Socket { fd }) = returned.outcome {
            self.sockets += 1;
            made.card = Some(self.sockets);
            let card = SocketCard::new(self.sockets, fd, made, seq);
            return self.cards.push(card);
        }
        let made = made.clone();
        let card = self
            .cards
            .iter_mut()
            .find(|card| made.card == Some(card.key));
        if let Some(card) = card {
            card.returned(&made, returned, seq);
        }
    }

    fn handle_facts(&mut self, facts: &Facts, seq: u64) {
        let key = facts.fd.and_then(|fd| self.current(fd));
        let Some(card) = self.cards.iter_mut().find(|card| Some(card.key) == key) else {
            return;
        };
        let after = self.calls.iter().find(|made| made.call == facts.call);
        card.apply_facts(&facts.facts, after.map(|made| made.name), seq);
        self.version += 1;
    }

    /// The socket that has this number now.
    fn current(&self, fd: Fd) -> Option<u64> {
        let mut open = self.cards.iter().rev().filter(|card| !card.closed);
        open.find(|card| card.fd == fd).map(|card| card.key)
    }

    /// Wipes what is over; sockets that are open stay, and so does what is under way.
    pub(in crate::model) fn clear(&mut self) {
        self.version += 1;
        self.error = None;
        self.cards.retain(|card| !card.closed);
        self.calls.retain(CallRecord::is_open);
    }

    /// The program is on its way to the clipboard.
    pub(in crate::model) const fn begin_copy(&mut self) {
        self.copying = true;
    }

    /// Handles that a text was copied. Returns whether it was the workbench's.
    pub(in crate::model) fn finish_copy(&mut self) -> bool {
        let mine = std::mem::take(&mut self.copying);
        if mine {
            self.copied = Some((self.language, self.version));
        }
        mine
    }

    /// Whether the clipboard has the program as it stands.
    pub(crate) fn is_copied(&self) -> bool {
        self.copied == Some((self.language, self.version))
    }
}

/// How many sockets a page may have, where it was told.
pub(crate) fn most_sockets(welcome: Option<&Welcome>) -> u64 {
    welcome.map_or(0, |welcome| welcome.limits.sockets)
}
