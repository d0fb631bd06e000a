//! Network emulation for one lab: loss, delay, duplication, reordering and holding of UDP datagrams, after the kernel
//! has received them and before their program does.
//!
//! A datagram really crosses the network, is captured, and waits in the kernel's socket. When its program receives,
//! the datagram is read and impaired here; its delay counts from the time at which the kernel received it. So nothing
//! runs while nobody receives, and a waiting datagram is kept by the receiver that waits for it. External programs
//! receive for themselves: only what they send is impaired.
//!
//! Which conditions a lab has is set through [`crate::lab`]; packets are captured in [`crate::wire`].

mod delay_queue;
mod dice;
mod impairment;
mod in_transit;
mod receiver;
mod wake_hint;

pub use in_transit::Delivered;
pub use receiver::ImpairedReceiver;

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    rc::Rc,
};

use shared::{
    conditions::{Conditions, DatagramId, Direction, Verdict},
    outcome::{Failed, Reason},
    trace::{Edge as DatagramEvent, What},
};
use tokio::sync::Notify;

use self::{
    delay_queue::ReceiverId,
    dice::Dice,
    impairment::{Decided, Impairment},
    in_transit::InTransit,
    receiver::ReceiverSide,
    wake_hint::WakeHint,
};
use crate::{failure, trace::Trace};

/// One lab's network emulation: the conditions in force and the datagrams that wait.
#[derive(Debug)]
pub struct Netem {
    trace: Rc<Trace>,
    conditions: Cell<Conditions>,
    request: DirectionState,
    reply: DirectionState,
    last_number: Cell<DatagramId>,
    last_receiver: Cell<ReceiverId>,
    /// Notified when a waiting datagram may have become due.
    changed: Notify,
    server_hint: Rc<WakeHint>,
    /// The hints of the client sockets whose addresses are known.
    client_hints: RefCell<HashMap<SocketAddr, Rc<WakeHint>>>,
}

/// The state of one direction.
#[derive(Debug)]
struct DirectionState {
    impairment: RefCell<Impairment<Rc<InTransit>>>,
    /// A copy of [`Impairment::is_idle`] that is cheap to read for every datagram.
    idle: Cell<bool>,
}

impl Netem {
    /// A network emulation without conditions.
    #[must_use]
    pub fn new(trace: Rc<Trace>) -> Rc<Self> {
        Rc::new(Self {
            trace,
            conditions: Cell::default(),
            request: DirectionState::new(),
            reply: DirectionState::new(),
            last_number: Cell::default(),
            last_receiver: Cell::default(),
            changed: Notify::new(),
            server_hint: Rc::default(),
            client_hints: RefCell::default(),
        })
    }

    /// The conditions in force.
    #[must_use]
    pub const fn conditions(&self) -> Conditions {
        self.conditions.get()
    }

    /// Sets the conditions and seeds the dice again. Waiting datagrams keep their fate; those of a direction that
    /// becomes unimpaired are released at once.
    ///
    /// # Errors
    /// If a value is out of range.
    pub fn set_conditions(&self, conditions: Conditions) -> Result<(), Failed> {
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
        self.request.update(
            |impairment| impairment.set(request, request_dice, now),
            |decided| self.record(decided),
        );
        self.reply.update(
            |impairment| impairment.set(reply, reply_dice, now),
            |decided| self.record(decided),
        );
        self.changed.notify_waiters();
        Ok(())
    }

    /// Decides about a held datagram.
    ///
    /// # Errors
    /// If no datagram with this number is held.
    pub fn decide(&self, number: DatagramId, verdict: Verdict) -> Result<(), Failed> {
        let now = self.trace.now();
        let is_decided = [&self.request, &self.reply].into_iter().any(|direction| {
            let decisions = direction.update(
                |impairment| impairment.decide(number, verdict, now),
                |decided| self.record(decided),
            );
            decisions > 0
        });
        if !is_decided {
            let message = format!("no datagram {number} is held");
            return Err(failure::relay(Reason::NotHeld, message));
        }
        self.changed.notify_waiters();
        Ok(())
    }

    /// The receiver for the server's socket.
    #[must_use]
    pub fn server_receiver(self: &Rc<Self>) -> ImpairedReceiver {
        self.receiver(ReceiverSide::Server, Rc::clone(&self.server_hint))
    }

    /// A receiver for a client's socket on this host; its replies come from `server`.
    #[must_use]
    pub fn client_receiver(self: &Rc<Self>, host: IpAddr, server: SocketAddr) -> ImpairedReceiver {
        self.receiver(ReceiverSide::Client { host, server }, Rc::default())
    }

    fn receiver(self: &Rc<Self>, side: ReceiverSide, wake_hint: Rc<WakeHint>) -> ImpairedReceiver {
        let id = self.last_receiver.get() + 1;
        self.last_receiver.set(id);
        ImpairedReceiver::new(Rc::clone(self), side, id, wake_hint)
    }

    const fn direction_state(&self, direction: Direction) -> &DirectionState {
        match direction {
            Direction::Request => &self.request,
            Direction::Reply => &self.reply,
        }
    }

    fn next_number(&self) -> DatagramId {
        self.last_number.set(self.last_number.get() + 1);
        self.last_number.get()
    }

    /// Records the fate of a datagram in the trace.
    fn record(&self, decided: Decided<Rc<InTransit>>) {
        let Decided {
            number,
            datagram,
            fate,
            by_hand,
        } = decided;
        let InTransit {
            direction,
            from,
            to,
            ref data,
            process,
            call,
            ..
        } = *datagram;
        let event = DatagramEvent {
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
        self.trace.record(What::Edge(Box::new(event)), process);
    }
}

impl DirectionState {
    fn new() -> Self {
        Self {
            impairment: RefCell::new(Impairment::new()),
            idle: Cell::new(true),
        }
    }

    /// Changes the impairment and records each decision that follows. Returns the number of decisions.
    fn update<D: IntoIterator<Item = Decided<Rc<InTransit>>>>(
        &self,
        change: impl FnOnce(&mut Impairment<Rc<InTransit>>) -> D,
        record: impl FnMut(Decided<Rc<InTransit>>),
    ) -> usize {
        let mut impairment = self.impairment.borrow_mut();
        let decisions = change(&mut impairment);
        self.idle.set(impairment.is_idle());
        drop(impairment);
        decisions.into_iter().map(record).count()
    }
}
