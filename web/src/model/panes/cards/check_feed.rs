//! Feeds the check of a card: the page's own calls and the servers', the fate of datagrams, the state of servers, and
//! packets.

use std::net::SocketAddr;

use shared::{
    filter::{CallRow, EventRow},
    outcome::{Outcome, Returned},
    trace::{CallId, CallName, Event, What},
};

use crate::model::{
    Model,
    core::time::Millis,
    panes::cards::Highlight,
    trace::{
        log::{Call, Side, same_address},
        outcome_fields,
    },
};

impl Model {
    /// Something happened. Tells which call returned, if one did: it is asked about when it is in the log.
    pub(in crate::model) fn feed_check(&mut self, event: &Event) -> Option<CallId> {
        self.cards.play.as_ref()?;
        let news = match &event.what {
            What::Edge(edge) => EventRow {
                fate: Some(outcome_fields::fate(edge.fate)),
                direction: Some(outcome_fields::direction(edge.direction)),
                server: None,
                transport: "udp",
            },
            What::Server(server) => EventRow {
                server: Some(outcome_fields::state(&server.state)),
                transport: server.transport.as_str(),
                ..EventRow::default()
            },
            What::Packet(_) | What::Derived(_) => {
                let play = self.cards.play.as_mut()?;
                let asked = self
                    .inspector
                    .with_filter_row(event.seq, |row| play.check.take(row));
                self.show_seen_item(asked.flatten(), None);
                return None;
            }
            What::CallReturned(returned) => return Some(returned.call),
            What::Process(_)
            | What::ProcessEnded { .. }
            | What::CallStarted(_)
            | What::Facts(_)
            | What::Sockets(_)
            | What::Conditions(_)
            | What::CaptureLost { .. } => return None,
        };
        let play = self.cards.play.as_mut()?;
        let item = play.check.take(&news);
        self.show_seen_item(item, None);
        None
    }

    /// A call that returned is in the log by now.
    pub(in crate::model) fn feed_check_with_return(&mut self, returned: Option<CallId>) {
        let call = returned.and_then(|id| self.log.call(id));
        let Some(call) = call.filter(|call| self.is_own_or_server(call)) else {
            return;
        };
        let took = call.end.as_ref().map_or(0, |end| end.took_ns);
        let peer = self.peer_of(call);
        let row = row(call, outcome_fields::is_long(took), peer);
        let Some(play) = &mut self.cards.play else {
            return;
        };
        let item = play.check.take(&row);
        self.show_seen_item(item, returned);
    }

    /// Calls that have not returned for a while are blocked.
    pub(in crate::model) fn check_blocked_calls(&mut self, now: Millis) {
        let due = self
            .open_calls()
            .filter(|(_, since)| *since + outcome_fields::AT_ONCE <= now);
        let due: Vec<CallId> = due.map(|(id, _)| id).collect();
        for id in due {
            let waiting = self.log.waiting().iter().find(|call| call.id == id);
            let Some(call) = waiting.or_else(|| self.log.call(id)) else {
                continue;
            };
            let peer = self.peer_of(call);
            let row = row(call, true, peer);
            let Some(play) = &mut self.cards.play else {
                return;
            };
            play.check.blocked.insert(id);
            let item = play.check.take(&row);
            self.show_seen_item(item, Some(id));
        }
    }

    /// When a call will have been blocked.
    pub(in crate::model) fn next_blocked_at(&self) -> Option<Millis> {
        self.open_calls()
            .map(|(_, since)| since + outcome_fields::AT_ONCE)
            .min()
    }

    /// The calls that have not returned, and not been told to be blocked.
    fn open_calls(&self) -> impl Iterator<Item = (CallId, Millis)> {
        self.cards.play.iter().flat_map(|play| {
            let told = &play.check.blocked;
            let calls = self.log.open_calls();
            let new = calls.filter(|call| self.is_own_or_server(call) && !told.contains(&call.id));
            new.map(|call| (call.id, call.since))
        })
    }

    /// What other clients do is their affair.
    fn is_own_or_server(&self, call: &Call) -> bool {
        let me = self.welcome.as_ref().map(|welcome| welcome.process);
        call.side == Side::Server || Some(call.process) == me
    }

    /// An item of the check was seen: that is where to look.
    fn show_seen_item(&mut self, item: Option<usize>, call: Option<CallId>) {
        let Some(item) = item else { return };
        let look = self
            .cards
            .card()
            .and_then(|card| card.check.get(item)?.look);
        let Some(look) = look else { return };
        if let Some(play) = &mut self.cards.play {
            play.look = Some(look);
        }
        if call.is_some() && look == Highlight::Wire {
            self.select(call);
        }
    }

    /// The other end of a call, as filters name it.
    fn peer_of(&self, call: &Call) -> Option<&'static str> {
        let named = call
            .arguments
            .as_ref()
            .and_then(|arguments| arguments.address);
        let named = named.filter(|_| call.name != CallName::Bind);
        let end = call.end.as_ref();
        let from = end.and_then(|end| match end.outcome {
            Outcome::Returned(
                Returned::Datagram { from, .. } | Returned::Accepted { from, .. },
            ) => Some(from),
            Outcome::Returned(_) | Outcome::Failed(_) => None,
        });
        let peer = from.or(named).or_else(|| end?.peer)?;
        Some(self.who_is_at(peer, call))
    }

    fn who_is_at(&self, peer: SocketAddr, call: &Call) -> &'static str {
        let server = self.servers.get(call.transport);
        let mut own = self.workbench.cards.iter();
        if server.is_some_and(|server| same_address(server.address, peer)) {
            "server"
        } else if call.side == Side::Server
            || own.any(|card| {
                card.local
                    .is_some_and(|local| same_address(self.seen_as(local), peer))
            })
        {
            "client"
        } else {
            "nobody"
        }
    }
}

/// A call as it is asked about.
fn row<'a>(call: &'a Call, blocked: bool, peer: Option<&'a str>) -> CallRow<'a> {
    let (arguments, end) = (call.arguments.as_ref(), call.end.as_ref());
    let outcome = end.map(|end| &end.outcome);
    let errno = outcome.and_then(|outcome| match outcome {
        Outcome::Failed(failed) => Some(failed.errno.as_str()),
        Outcome::Returned(_) => None,
    });
    let given = arguments.and_then(|arguments| arguments.data.as_ref());
    let brought = outcome.and_then(outcome_fields::data);
    let port = match (call.name, outcome) {
        (CallName::GetSockName, Some(Outcome::Returned(Returned::Address { address }))) => {
            Some(address.port())
        }
        _ => end.and_then(|end| end.local).map(|local| local.port()),
    };
    let is_server = call.side == Side::Server;
    CallRow {
        name: call.name.as_str(),
        errno,
        blocked,
        len: outcome.and_then(outcome_fields::len),
        data: brought.or_else(|| given.map(|data| data.0.as_slice())),
        truncated: outcome.and_then(outcome_fields::truncated),
        port,
        peer,
        word: arguments.and_then(|arguments| arguments.word.as_deref()),
        process: if is_server { "server" } else { "page" },
        side: if is_server { "server" } else { "client" },
        transport: call.transport.as_str(),
    }
}
