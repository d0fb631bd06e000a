//! A page's sockets and the calls in flight: numbers, order, limits and cancelling. Pure.
//!
//! Each socket makes one call at a time, in the order of their messages; other sockets do not wait for it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    rc::Rc,
};

use shared::{
    call::{Call, Fd},
    outcome::{Failed, Reason},
};

use crate::{failure, sys::descriptors::lowest_free};

/// The sockets of one page; `S` is a socket.
#[derive(Debug)]
pub(super) struct SocketTable<S> {
    queues: BTreeMap<Fd, CallQueue<S>>,
    in_flight: HashMap<u64, CallState>,
    max_sockets: u64,
    max_calls: u64,
    queued_bytes: u64,
    max_queued_bytes: u64,
}

/// One socket and the calls that wait for it.
#[derive(Debug)]
struct CallQueue<S> {
    /// `None` while the socket is being closed.
    socket: Option<Rc<S>>,
    is_busy: bool,
    calls: VecDeque<(u64, Call)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CallState {
    Running,
    /// In the queue of this socket.
    Queued(Fd),
}

/// A call that its socket is free for.
#[derive(Debug)]
pub(in super::super) struct ReadyCall<S> {
    /// The message's id.
    pub(in super::super) id: u64,
    pub(in super::super) call: Call,
    pub(in super::super) fd: Fd,
    pub(in super::super) socket: Rc<S>,
}

impl<S> CallQueue<S> {
    /// Takes the socket out for a close, which must be the last to hold it.
    fn ready(&mut self, id: u64, fd: Fd, call: Call) -> Option<ReadyCall<S>> {
        let is_close = matches!(call, Call::Close { .. });
        let socket = if is_close {
            self.socket.take()
        } else {
            self.socket.clone()
        };
        Some(ReadyCall {
            id,
            call,
            fd,
            socket: socket?,
        })
    }
}

impl<S> SocketTable<S> {
    pub(super) fn new(max_sockets: u64, max_calls: u64, max_queued_bytes: u64) -> Self {
        Self {
            queues: BTreeMap::new(),
            in_flight: HashMap::new(),
            max_sockets,
            max_calls,
            queued_bytes: 0,
            max_queued_bytes,
        }
    }

    /// The number of the next socket.
    pub(super) fn next_fd(&self) -> Result<Fd, Failed> {
        if self.queues.len() as u64 >= self.max_sockets {
            let message = format!("a page may have {} sockets: close one", self.max_sockets);
            return Err(failure::limit(
                Reason::TooManySockets,
                self.max_sockets,
                message,
            ));
        }
        Ok(lowest_free(|fd| self.queues.contains_key(&fd)))
    }

    pub(super) fn insert(&mut self, fd: Fd, socket: S) {
        let queue = CallQueue {
            socket: Some(Rc::new(socket)),
            is_busy: false,
            calls: VecDeque::new(),
        };
        self.queues.insert(fd, queue);
    }

    /// Fails if a call in flight has this id.
    pub(super) fn check_id(&self, id: u64) -> Result<(), Failed> {
        if self.in_flight.contains_key(&id) {
            return Err(failure::relay(
                Reason::IdInUse,
                format!("the call with id {id} is still in flight"),
            ));
        }
        Ok(())
    }

    /// The ids of all calls in flight, in order.
    pub(super) fn in_flight(&self) -> BTreeSet<u64> {
        self.in_flight.keys().copied().collect()
    }

    /// Starts a call that uses no socket of the table.
    pub(super) fn start_unbound(&mut self, id: u64) -> Result<(), Failed> {
        self.check_room()?;
        self.in_flight.insert(id, CallState::Running);
        Ok(())
    }

    /// Starts a call, or queues it while the socket makes another one.
    pub(super) fn submit(
        &mut self,
        id: u64,
        fd: Fd,
        call: Call,
    ) -> Result<Option<ReadyCall<S>>, Failed> {
        self.check_room()?;
        let Some(queue) = self.queues.get_mut(&fd) else {
            return Err(failure::relay(
                Reason::NoSuchSocket,
                format!("this page has no socket {fd}"),
            ));
        };
        if queue.is_busy {
            let bytes = data_bytes(&call);
            if self.queued_bytes + bytes > self.max_queued_bytes {
                let limit = self.max_queued_bytes;
                let message =
                    format!("calls that wait may carry {limit} bytes together: let one return");
                return Err(failure::limit(Reason::TooMuchWaiting, limit, message));
            }
            self.queued_bytes += bytes;
            queue.calls.push_back((id, call));
            self.in_flight.insert(id, CallState::Queued(fd));
            return Ok(None);
        }
        queue.is_busy = true;
        self.in_flight.insert(id, CallState::Running);
        Ok(queue.ready(id, fd, call))
    }

    /// Ends a call that has returned. Returns the next one in the queue of its socket, if it has one.
    pub(super) fn finish(&mut self, id: u64, fd: Option<Fd>) -> Option<ReadyCall<S>> {
        self.in_flight.remove(&id);
        let fd = fd?;
        let queue = self.queues.get_mut(&fd)?;
        let Some((id, call)) = queue.calls.pop_front() else {
            queue.is_busy = false;
            return None;
        };
        self.in_flight.insert(id, CallState::Running);
        self.queued_bytes -= data_bytes(&call);
        queue.ready(id, fd, call)
    }

    /// Removes a socket that the call with this id has closed. Returns the ids of the calls that were still queued.
    pub(super) fn remove(&mut self, id: u64, fd: Fd) -> Vec<u64> {
        self.in_flight.remove(&id);
        let calls = self.queues.remove(&fd).map(|queue| queue.calls);
        let mut orphans = Vec::new();
        for (id, call) in calls.into_iter().flatten() {
            self.in_flight.remove(&id);
            self.queued_bytes -= data_bytes(&call);
            orphans.push(id);
        }
        orphans
    }

    /// Cancels a call. A queued one is removed; a running one is to be made to return.
    pub(super) fn cancel(&mut self, id: u64) -> Cancelled {
        let fd = match self.in_flight.remove(&id) {
            None => return Cancelled::NotInFlight,
            Some(CallState::Running) => return Cancelled::Running,
            Some(CallState::Queued(fd)) => fd,
        };
        if let Some(queue) = self.queues.get_mut(&fd)
            && let Some(at) = queue.calls.iter().position(|(queued, _)| *queued == id)
            && let Some((_, call)) = queue.calls.remove(at)
        {
            self.queued_bytes -= data_bytes(&call);
        }
        Cancelled::Queued
    }

    fn check_room(&self) -> Result<(), Failed> {
        if self.in_flight.len() as u64 >= self.max_calls {
            let message = format!(
                "a page may have {} calls in flight: wait for one",
                self.max_calls
            );
            return Err(failure::limit(
                Reason::TooManyCalls,
                self.max_calls,
                message,
            ));
        }
        Ok(())
    }
}

/// The length of a call's data.
fn data_bytes(call: &Call) -> u64 {
    call.data().map_or(0, |data| data.len() as u64)
}

/// The state of a call that is cancelled.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Cancelled {
    Running,
    Queued,
    /// It has returned already, or never was.
    NotInFlight,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> SocketTable<&'static str> {
        let mut table = SocketTable::new(3, 4, 10);
        table.insert(3, "a");
        table.insert(4, "b");
        table
    }

    fn recv(fd: Fd) -> Call {
        Call::Recv { fd, size: 1 }
    }

    fn ready(call: Option<ReadyCall<&'static str>>) -> Option<(u64, Fd)> {
        call.map(|call| (call.id, call.fd))
    }

    #[test]
    fn a_socket_makes_one_call_at_a_time_in_order() {
        let mut table = table();
        assert_eq!(
            ready(table.submit(1, 3, recv(3)).expect("room")),
            Some((1, 3))
        );
        assert_eq!(ready(table.submit(2, 3, recv(3)).expect("room")), None);
        assert_eq!(ready(table.submit(3, 3, recv(3)).expect("room")), None);
        assert_eq!(
            ready(table.submit(4, 4, recv(4)).expect("room")),
            Some((4, 4)),
            "another socket does not wait"
        );
        assert_eq!(ready(table.finish(1, Some(3))), Some((2, 3)));
        assert_eq!(ready(table.finish(2, Some(3))), Some((3, 3)));
        assert_eq!(ready(table.finish(3, Some(3))), None);
        assert_eq!(
            ready(table.submit(5, 3, recv(3)).expect("room")),
            Some((5, 3))
        );
    }

    #[test]
    fn a_full_table_fails_with_its_limit() {
        let mut table = table();
        assert_eq!(table.next_fd().expect("room"), 5);
        table.insert(5, "c");
        assert_eq!(table.next_fd().expect_err("full").limit, Some(3));
        for id in 0..4 {
            let _ready = table.submit(id, 3, recv(3)).expect("room");
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
    fn queued_calls_hold_limited_bytes() {
        let send = |bytes: usize| Call::Send {
            fd: 3,
            data: vec![0; bytes].as_slice().into(),
        };
        let mut table = table();
        let _ready = table.submit(1, 3, send(100)).expect("room");
        let _queued = table.submit(2, 3, send(6)).expect("room");
        assert_eq!(
            table.submit(3, 3, send(5)).expect_err("full").reason,
            Some(Reason::TooMuchWaiting)
        );
        assert_eq!(table.cancel(2), Cancelled::Queued);
        let _queued = table.submit(3, 3, send(10)).expect("room again");
        assert_eq!(ready(table.finish(1, Some(3))), Some((3, 3)));
        let _queued = table.submit(4, 3, send(10)).expect("room again");
        assert_eq!(table.remove(3, 3), vec![4]);
        assert_eq!(table.queued_bytes, 0);
    }

    #[test]
    fn a_closed_socket_has_no_queue() {
        let mut table = table();
        let _ready = table.submit(1, 3, recv(3)).expect("room");
        let _queued = table.submit(2, 3, recv(3)).expect("room");
        assert_eq!(table.remove(1, 3), vec![2]);
        assert_eq!(ready(table.finish(1, Some(3))), None);
        assert_eq!(
            table.submit(3, 3, recv(3)).expect_err("closed").reason,
            Some(Reason::NoSuchSocket)
        );
        assert_eq!(table.next_fd().expect("free again"), 3);
    }

    #[test]
    fn a_call_is_cancelled_whether_running_or_queued() {
        let mut table = table();
        let _ready = table.submit(1, 3, recv(3)).expect("room");
        let _queued = table.submit(2, 3, recv(3)).expect("room");
        assert_eq!(table.in_flight(), BTreeSet::from([1, 2]));
        assert_eq!(table.cancel(2), Cancelled::Queued);
        assert_eq!(table.cancel(1), Cancelled::Running);
        assert_eq!(table.in_flight(), BTreeSet::new());
        assert_eq!(table.cancel(7), Cancelled::NotInFlight);
        assert_eq!(
            ready(table.finish(1, Some(3))),
            None,
            "the cancelled call does not start"
        );
    }
}
