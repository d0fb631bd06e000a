//! A page's sockets and the calls in flight on them: numbers, order, limits, cancelling. Pure.
//!
//! Each socket makes one call at a time, in the order in which they came; other sockets do not wait for it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    rc::Rc,
};

use shared::{
    call::{Call, Fd},
    outcome::{Failed, Reason},
};

use crate::{failure, sys::descriptors::lowest_free};

/// The sockets of one page; `S` is a socket, `C` what cancels a running call.
#[derive(Debug)]
pub(super) struct SocketTable<S, C> {
    queues: BTreeMap<Fd, CallQueue<S>>,
    running: HashMap<u64, C>,
    waiting: HashMap<u64, Fd>,
    most_sockets: u64,
    most_calls: u64,
    waiting_bytes: u64,
    most_waiting_bytes: u64,
}

/// One socket, and who waits for it.
#[derive(Debug)]
struct CallQueue<S> {
    socket: Rc<S>,
    busy: bool,
    waiting: VecDeque<(u64, Call)>,
}

/// A call whose turn has come.
#[derive(Debug)]
pub(super) struct ReadyCall<S> {
    /// The message's id.
    pub(super) id: u64,
    /// The call.
    pub(super) call: Call,
    /// The socket's number.
    pub(super) fd: Fd,
    /// The socket.
    pub(super) socket: Rc<S>,
}

impl<S, C> SocketTable<S, C> {
    pub(super) fn new(most_sockets: u64, most_calls: u64, most_waiting_bytes: u64) -> Self {
        Self {
            queues: BTreeMap::new(),
            running: HashMap::new(),
            waiting: HashMap::new(),
            most_sockets,
            most_calls,
            waiting_bytes: 0,
            most_waiting_bytes,
        }
    }

    /// The number the next socket will have.
    pub(super) fn next_fd(&self) -> Result<Fd, Failed> {
        if self.queues.len() as u64 >= self.most_sockets {
            let message = format!("a page may have {} sockets: close one", self.most_sockets);
            return Err(failure::limit(
                Reason::TooManySockets,
                self.most_sockets,
                message,
            ));
        }
        Ok(lowest_free(|fd| self.queues.contains_key(&fd)))
    }

    /// A new socket.
    pub(super) fn insert(&mut self, fd: Fd, socket: S) {
        self.queues.insert(
            fd,
            CallQueue {
                socket: Rc::new(socket),
                busy: false,
                waiting: VecDeque::new(),
            },
        );
    }

    /// Whether a message may use this id now.
    pub(super) fn check_id(&self, id: u64) -> Result<(), Failed> {
        if self.running.contains_key(&id) || self.waiting.contains_key(&id) {
            return Err(failure::relay(
                Reason::IdInUse,
                format!("the call with id {id} is still in flight"),
            ));
        }
        Ok(())
    }

    /// The ids of all calls that have not returned, in order.
    pub(super) fn in_flight(&self) -> BTreeSet<u64> {
        let (running, waiting) = (self.running.keys(), self.waiting.keys());
        running.chain(waiting).copied().collect()
    }

    /// Whether one more call may be in flight.
    pub(super) fn check_room(&self) -> Result<(), Failed> {
        if (self.running.len() + self.waiting.len()) as u64 >= self.most_calls {
            let message = format!(
                "a page may have {} calls in flight: wait for one",
                self.most_calls
            );
            return Err(failure::limit(
                Reason::TooManyCalls,
                self.most_calls,
                message,
            ));
        }
        Ok(())
    }

    /// Puts a call in its socket's line; its turn may have come at once.
    pub(super) fn submit(
        &mut self,
        id: u64,
        fd: Fd,
        call: Call,
    ) -> Result<Option<ReadyCall<S>>, Failed> {
        self.check_room()?;
        let Some(line) = self.queues.get_mut(&fd) else {
            return Err(failure::relay(
                Reason::NoSuchSocket,
                format!("this page has no socket {fd}"),
            ));
        };
        if line.busy {
            let bytes = carried(&call);
            if self.waiting_bytes + bytes > self.most_waiting_bytes {
                let limit = self.most_waiting_bytes;
                let message =
                    format!("calls that wait may carry {limit} bytes together: let one return");
                return Err(failure::limit(Reason::TooMuchWaiting, limit, message));
            }
            self.waiting_bytes += bytes;
            line.waiting.push_back((id, call));
            self.waiting.insert(id, fd);
            return Ok(None);
        }
        line.busy = true;
        Ok(Some(ReadyCall {
            id,
            call,
            fd,
            socket: Rc::clone(&line.socket),
        }))
    }

    /// A call whose turn has come is being made; `cancel` would end it.
    pub(super) fn runs(&mut self, id: u64, cancel: C) {
        self.running.insert(id, cancel);
    }

    /// One that was made on no socket has returned.
    pub(super) fn ended(&mut self, id: u64) {
        self.running.remove(&id);
    }

    /// It has returned; the next in line has its turn.
    pub(super) fn returned(&mut self, id: u64, fd: Fd) -> Option<ReadyCall<S>> {
        self.running.remove(&id);
        let line = self.queues.get_mut(&fd)?;
        let Some((id, call)) = line.waiting.pop_front() else {
            line.busy = false;
            return None;
        };
        self.waiting.remove(&id);
        self.waiting_bytes -= carried(&call);
        Some(ReadyCall {
            id,
            call,
            fd,
            socket: Rc::clone(&line.socket),
        })
    }

    /// The socket is closed. Whoever still waited for it finds no socket there.
    pub(super) fn remove(&mut self, fd: Fd) -> Vec<u64> {
        let waiting = self.queues.remove(&fd).map(|line| line.waiting);
        let mut orphans = Vec::new();
        for (id, call) in waiting.into_iter().flatten() {
            self.waiting.remove(&id);
            self.waiting_bytes -= carried(&call);
            orphans.push(id);
        }
        orphans
    }

    /// Cancels a call. One that waits is taken out of its line; one that runs is handed what ends it.
    pub(super) fn cancel(&mut self, id: u64) -> Cancelled<C> {
        if let Some(cancel) = self.running.remove(&id) {
            return Cancelled::Running(cancel);
        }
        let Some(fd) = self.waiting.remove(&id) else {
            return Cancelled::NotInFlight;
        };
        let line = self.queues.get_mut(&fd);
        let place = line
            .as_ref()
            .and_then(|line| line.waiting.iter().position(|(waiting, _)| *waiting == id));
        if let (Some(line), Some(place)) = (line, place)
            && let Some((_, call)) = line.waiting.remove(place)
        {
            self.waiting_bytes -= carried(&call);
        }
        Cancelled::Waiting
    }
}

/// The bytes a waiting call holds.
fn carried(call: &Call) -> u64 {
    call.data().map_or(0, |data| data.len() as u64)
}

/// What was found under the id of a call to cancel.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Cancelled<C> {
    /// It is being made; this ends it.
    Running(C),
    /// It waited and never started.
    Waiting,
    /// It has returned already, or never was.
    NotInFlight,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> SocketTable<&'static str, ()> {
        let mut table = SocketTable::new(3, 4, 10);
        table.insert(3, "a");
        table.insert(4, "b");
        table
    }

    fn recv(fd: Fd) -> Call {
        Call::Recv { fd, size: 1 }
    }

    fn turn(turn: Option<ReadyCall<&'static str>>) -> Option<(u64, Fd)> {
        turn.map(|turn| (turn.id, turn.fd))
    }

    #[test]
    fn a_socket_makes_one_call_at_a_time_in_order() {
        let mut table = table();
        assert_eq!(
            turn(table.submit(1, 3, recv(3)).expect("taken")),
            Some((1, 3))
        );
        table.runs(1, ());
        assert_eq!(turn(table.submit(2, 3, recv(3)).expect("taken")), None);
        assert_eq!(turn(table.submit(3, 3, recv(3)).expect("taken")), None);
        assert_eq!(
            turn(table.submit(4, 4, recv(4)).expect("taken")),
            Some((4, 4)),
            "another socket does not wait"
        );
        assert_eq!(turn(table.returned(1, 3)), Some((2, 3)));
        assert_eq!(turn(table.returned(2, 3)), Some((3, 3)));
        assert_eq!(turn(table.returned(3, 3)), None);
        assert_eq!(
            turn(table.submit(5, 3, recv(3)).expect("taken")),
            Some((5, 3))
        );
    }

    #[test]
    fn limits_are_told() {
        let mut table = table();
        assert_eq!(table.next_fd().expect("room"), 5);
        table.insert(5, "c");
        assert_eq!(table.next_fd().expect_err("full").limit, Some(3));
        for id in 0..4 {
            let turn = table.submit(id, 3, recv(3)).expect("taken");
            if turn.is_some() {
                table.runs(id, ());
            }
        }
        assert_eq!(
            table.submit(9, 4, recv(4)).expect_err("full").reason,
            Some(Reason::TooManyCalls)
        );
        assert_eq!(
            table.check_id(2).expect_err("used").reason,
            Some(Reason::IdInUse)
        );
    }

    #[test]
    fn what_waits_may_not_hold_too_much() {
        let send = |bytes: usize| Call::Send {
            fd: 3,
            data: vec![0; bytes].as_slice().into(),
        };
        let mut table = table();
        let _turn = table.submit(1, 3, send(100)).expect("taken");
        table.runs(1, ());
        let _waits = table.submit(2, 3, send(6)).expect("taken");
        assert_eq!(
            table.submit(3, 3, send(5)).expect_err("full").reason,
            Some(Reason::TooMuchWaiting)
        );
        assert_eq!(table.cancel(2), Cancelled::Waiting);
        let _waits = table.submit(3, 3, send(10)).expect("room again");
        assert_eq!(turn(table.returned(1, 3)), Some((3, 3)));
        let _waits = table.submit(4, 3, send(10)).expect("room again");
        assert_eq!(table.remove(3), vec![4]);
        assert_eq!(table.waiting_bytes, 0);
    }

    #[test]
    fn a_closed_socket_has_no_line() {
        let mut table = table();
        let _turn = table.submit(1, 3, recv(3)).expect("taken");
        table.runs(1, ());
        let _waits = table.submit(2, 3, recv(3)).expect("taken");
        assert_eq!(table.remove(3), vec![2]);
        assert_eq!(turn(table.returned(1, 3)), None);
        assert_eq!(
            table.submit(3, 3, recv(3)).expect_err("closed").reason,
            Some(Reason::NoSuchSocket)
        );
        assert_eq!(table.next_fd().expect("free again"), 3);
    }

    #[test]
    fn cancelling_finds_a_call_wherever_it_is() {
        let mut table = table();
        let _turn = table.submit(1, 3, recv(3)).expect("taken");
        table.runs(1, ());
        let _waits = table.submit(2, 3, recv(3)).expect("taken");
        assert_eq!(table.in_flight(), BTreeSet::from([1, 2]));
        assert_eq!(table.cancel(2), Cancelled::Waiting);
        assert_eq!(table.cancel(1), Cancelled::Running(()));
        assert_eq!(table.in_flight(), BTreeSet::new());
        assert_eq!(table.cancel(7), Cancelled::NotInFlight);
        assert_eq!(
            turn(table.returned(1, 3)),
            None,
            "the cancelled one does not get its turn"
        );
    }
}
