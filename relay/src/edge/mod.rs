//! The edge of a lab's network: what it does to UDP datagrams after the kernel has received them and before their
//! program does.
//!
//! A datagram really crosses, is captured, and reaches the kernel's socket. There it waits, as any does, until its
//! program receives; only then is it looked at here, and its delay counted from the time the kernel received it. So
//! nothing runs while nobody receives, and what is held is held by the program that waits for it. Programs outside
//! receive for themselves: what they send is subject to the conditions, what they get is not.

mod bell;
mod conditions;
mod crossing;
mod dice;
mod gate;
mod line;

pub use crossing::Through;
pub use gate::Gate;

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    rc::Rc,
};

use shared::{
    conditions::{Conditions, DatagramId, Direction, Verdict},
    outcome::{Failed, Reason},
    trace::{Edge as Told, What},
};
use tokio::sync::Notify;

use self::{
    bell::Bell,
    conditions::{Happened, Passage},
    crossing::Crossing,
    dice::Dice,
    gate::Side,
    line::Place,
};
use crate::{failure, trace::Trace};

/// One lab's edge: the conditions in force and all that waits.
#[derive(Debug)]
pub struct Edge {
    trace: Rc<Trace>,
    conditions: Cell<Conditions>,
    request: Lane,
    reply: Lane,
    numbers: Cell<DatagramId>,
    places: Cell<Place>,
    /// Told when something may go on that had to wait.
    changed: Notify,
    /// The server's, and those of clients that have one, by their addresses.
    server_bell: Rc<Bell>,
    bells: RefCell<HashMap<SocketAddr, Rc<Bell>>>,
}

/// One direction.
#[derive(Debug)]
struct Lane {
    passage: RefCell<Passage<Rc<Crossing>>>,
    /// What the passage says of itself, for those who have no time to ask.
    idle: Cell<bool>,
}

impl Edge {
    /// An edge at which nothing happens.
    #[must_use]
    pub fn new(trace: Rc<Trace>) -> Rc<Self> {
        let lane = || Lane {
            passage: RefCell::new(Passage::new()),
            idle: Cell::new(true),
        };
        Rc::new(Self {
            trace,
            conditions: Cell::default(),
            request: lane(),
            reply: lane(),
            numbers: Cell::default(),
            places: Cell::default(),
            changed: Notify::new(),
            server_bell: Rc::default(),
            bells: RefCell::default(),
        })
    }

    /// The conditions in force.
    #[must_use]
    pub const fn conditions(&self) -> Conditions {
        self.conditions.get()
    }

    /// Sets the conditions; the dice begin anew. What waits keeps its fate, unless its way is clear now: then it
    /// goes on at once.
    ///
    /// # Errors
    /// Where a value is not one that can be had.
    pub fn set(&self, conditions: Conditions) -> Result<(), Failed> {
        let Conditions {
            request,
            reply,
            seed,
        } = conditions;
        if !request.is_possible() || !reply.is_possible() {
            let message = "percentages go to 100, delays and jitter to 60000 ms";
            return Err(failure::relay(Reason::OutOfRange, message));
        }
        self.conditions.set(conditions);
        self.trace.record(What::Conditions(conditions), None);
        let [request_dice, reply_dice] = Dice::pair(seed);
        let now = self.trace.now();
        self.request.act(
            |passage| passage.set(request, request_dice, now),
            |it| self.tell(it),
        );
        self.reply.act(
            |passage| passage.set(reply, reply_dice, now),
            |it| self.tell(it),
        );
        self.changed.notify_waiters();
        Ok(())
    }

    /// Decides about a datagram that is held.
    ///
    /// # Errors
    /// Where none of this number is.
    pub fn decide(&self, datagram: DatagramId, verdict: Verdict) -> Result<(), Failed> {
        let now = self.trace.now();
        let decided = [&self.request, &self.reply].into_iter().any(|lane| {
            let happened = lane.act(
                |passage| passage.decide(datagram, verdict, now),
                |it| self.tell(it),
            );
            happened > 0
        });
        if !decided {
            let message = format!("no datagram {datagram} is held");
            return Err(failure::relay(Reason::NotHeld, message));
        }
        self.changed.notify_waiters();
        Ok(())
    }

    /// The gate before the server's socket.
    #[must_use]
    pub fn before_server(self: &Rc<Self>) -> Gate {
        self.gate(Side::Server)
    }

    /// The gate before a socket of a client on this host, whose replies come from that server.
    #[must_use]
    pub fn before_client(self: &Rc<Self>, host: IpAddr, server: SocketAddr) -> Gate {
        self.gate(Side::Client { host, server })
    }

    fn gate(self: &Rc<Self>, side: Side) -> Gate {
        let place = self.places.get() + 1;
        self.places.set(place);
        let bell = match side {
            Side::Server => Rc::clone(&self.server_bell),
            Side::Client { .. } => Rc::default(),
        };
        Gate::new(Rc::clone(self), side, place, bell)
    }

    const fn lane(&self, direction: Direction) -> &Lane {
        match direction {
            Direction::Request => &self.request,
            Direction::Reply => &self.reply,
        }
    }

    fn next_number(&self) -> DatagramId {
        self.numbers.set(self.numbers.get() + 1);
        self.numbers.get()
    }

    /// Writes down what became of a datagram.
    fn tell(&self, happened: Happened<Rc<Crossing>>) {
        let Happened {
            number,
            datagram,
            fate,
            by_hand,
        } = happened;
        let Crossing {
            direction,
            from,
            to,
            ref data,
            process,
            call,
            ..
        } = *datagram;
        let told = Told {
            datagram: number,
            direction,
            from,
            to,
            length: data.len() as u64,
            fate,
            by_hand,
            process,
            call,
        };
        self.trace.record(What::Edge(Box::new(told)), process);
    }
}

impl Lane {
    /// Does something with the passage and tells what became of datagrams by it; says of how many.
    fn act<H: IntoIterator<Item = Happened<Rc<Crossing>>>>(
        &self,
        act: impl FnOnce(&mut Passage<Rc<Crossing>>) -> H,
        tell: impl FnMut(Happened<Rc<Crossing>>),
    ) -> usize {
        let mut passage = self.passage.borrow_mut();
        let happened = act(&mut passage);
        self.idle.set(passage.is_idle());
        drop(passage);
        happened.into_iter().map(tell).count()
    }
}
