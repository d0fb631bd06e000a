//! Who is who: which client process has which address, and which calls were made there lately. Pure.

use std::{
    collections::{HashMap, HashSet, VecDeque, hash_map},
    net::SocketAddr,
};

use shared::{
    call::Transport,
    trace::{CallId, CallName, ProcessId},
};

use super::sockets::{Socket, Sockets, Trail};

/// The UDP server's process.
const UDP_SERVER: ProcessId = 1;
/// The TCP server's process.
const TCP_SERVER: ProcessId = 2;

/// So many UDP programs outside are remembered; nothing tells when one of them has ended.
const MOST_STRANGERS: usize = 16_384;
/// A socket's last packets are read from the capture a little after it was closed.
const LINGER_NS: u64 = 3_000_000_000;

/// A client's socket as the world sees it.
pub type Door = (Transport, SocketAddr);

/// The processes of a lab and the addresses of the clients among them.
#[derive(Debug, Default)]
pub struct Processes {
    came: ProcessId,
    doors: HashMap<Door, Sockets>,
    strangers: HashSet<ProcessId>,
    gone: VecDeque<(u64, Door)>,
}

/// A call made lately on a connection, or about a client's address.
#[derive(Clone, Copy, Debug)]
pub struct Lately {
    /// Its number.
    pub call: CallId,
    /// Which call.
    pub name: CallName,
    /// Whether the server made it.
    pub by_server: bool,
    /// When it started, in nanoseconds since the lab began.
    pub started_ns: u64,
}

impl Processes {
    /// The number of the process of a transport's server.
    #[must_use]
    pub const fn server(transport: Transport) -> ProcessId {
        match transport {
            Transport::Udp => UDP_SERVER,
            Transport::Tcp => TCP_SERVER,
        }
    }

    /// Whether a process is a server.
    #[must_use]
    pub const fn is_server(process: ProcessId) -> bool {
        process <= TCP_SERVER
    }

    /// A client comes; its number is never given again.
    pub const fn come(&mut self) -> ProcessId {
        self.came += 1;
        TCP_SERVER + self.came
    }

    /// A client of the relay's own has a socket with this address.
    pub fn has(&mut self, process: ProcessId, door: Door, now: impl FnOnce() -> u64) {
        let known = self.doors.get(&door).map(|sockets| &sockets.newest);
        let is_known = known.is_some_and(|socket| socket.process == process && socket.is_open());
        if is_known {
            return;
        }
        let now_ns = now();
        // Two UDP sockets have one address only one after the other.
        if let (Transport::Udp, Some(sockets)) = (door.0, self.doors.get_mut(&door)) {
            sockets.newest.closed_ns.get_or_insert(now_ns);
        }
        self.enter(Socket::new(process, false, now_ns), door);
    }

    /// A program outside was met at this address. Where too many were, all are forgotten and met anew.
    pub fn met(&mut self, process: ProcessId, door: Door) {
        if self.strangers.len() >= MOST_STRANGERS {
            self.doors
                .retain(|_, sockets| !self.strangers.contains(&sockets.newest.process));
            self.strangers.clear();
        }
        self.strangers.insert(process);
        self.enter(Socket::new(process, true, 0), door);
    }

    /// The same by a packet of a connection, whose number is its own.
    pub fn met_with(&mut self, process: ProcessId, door: Door, trail: Trail) {
        self.met(process, door);
        if let (Some(sockets), Some(tcp)) = (self.doors.get_mut(&door), trail.tcp) {
            sockets.set_isn(tcp.client_seq.filter(|_| tcp.opens));
        }
    }

    fn enter(&mut self, socket: Socket, door: Door) {
        match self.doors.entry(door) {
            hash_map::Entry::Vacant(vacant) => {
                vacant.insert(Sockets::new(socket));
            }
            hash_map::Entry::Occupied(mut known) => {
                if let Some(forgotten) = known.get_mut().replace(socket) {
                    self.strangers.remove(&forgotten.process);
                }
            }
        }
    }

    /// That socket of this process is closed.
    pub fn lost(&mut self, process: ProcessId, door: Door, now_ns: u64) {
        self.forget_the_long_gone(now_ns);
        let Some(sockets) = self.doors.get_mut(&door) else {
            return;
        };
        let mut its = sockets
            .oldest_first()
            .filter(|socket| socket.process == process && socket.is_open());
        if let Some(socket) = its.next() {
            socket.closed_ns = Some(now_ns);
            self.gone.push_back((now_ns, door));
        }
    }

    /// The server's connection to the program outside that had this address first has ended; which program it was.
    pub fn lost_outside(&mut self, door: Door, now_ns: u64) -> Option<ProcessId> {
        self.forget_the_long_gone(now_ns);
        let sockets = self.doors.get_mut(&door)?;
        let mut outside = sockets.oldest_first().filter(|socket| socket.is_outside);
        let socket = outside.find(|socket| socket.is_open())?;
        socket.closed_ns = Some(now_ns);
        self.gone.push_back((now_ns, door));
        Some(socket.process)
    }

    fn forget_the_long_gone(&mut self, now_ns: u64) {
        while let Some((gone_ns, door)) = self.gone.front().copied() {
            if now_ns.saturating_sub(gone_ns) < LINGER_NS {
                break;
            }
            self.gone.pop_front();
            // The address may have been taken again since.
            if self
                .doors
                .get(&door)
                .is_some_and(|sockets| sockets.newest.closed_ns == Some(gone_ns))
                && let Some(mut sockets) = self.doors.remove(&door)
            {
                for socket in sockets.oldest_first() {
                    self.strangers.remove(&socket.process);
                }
            }
        }
    }

    /// Whether it is a program outside.
    #[must_use]
    pub fn is_stranger(&self, process: ProcessId) -> bool {
        self.strangers.contains(&process)
    }

    /// Who has this address, or had it a moment ago. A program outside that has gone does not come back, and what
    /// was sent after a socket had been closed was sent by another: `sent_ns` tells when that was, where it is known.
    #[must_use]
    pub fn client(&self, door: Door, sent_ns: impl FnOnce() -> Option<u64>) -> Option<ProcessId> {
        let sockets = self.doors.get(&door)?;
        let socket = &sockets.newest;
        let may_be = || !socket.is_outside && !sent_ns().is_some_and(|at| sockets.was_closed(at));
        (socket.is_open() || may_be()).then_some(socket.process)
    }

    /// The server accepts a connection from this address: whose it is, where it is of a socket that was met before.
    pub fn accept(&mut self, door: Door) -> Option<ProcessId> {
        let sockets = self.doors.get_mut(&door)?;
        let is_its = (!sockets.newest.is_outside || sockets.newest.is_open()) && sockets.accept();
        is_its.then_some(sockets.newest.process)
    }

    /// Whether a client of the relay's own has this address, or had it a moment ago.
    #[must_use]
    pub fn is_ours(&self, door: Door) -> bool {
        let sockets = self.doors.get(&door);
        sockets.is_some_and(|sockets| !sockets.newest.is_outside)
    }

    /// Who has this address, or had it last.
    #[must_use]
    pub fn last_owner(&self, door: Door) -> Option<ProcessId> {
        Some(self.doors.get(&door)?.newest.process)
    }

    /// Whose packet it is, and the last call on that socket that started by then and fits.
    #[must_use]
    pub fn owner(
        &mut self,
        door: Door,
        trail: Trail,
        fits: impl Fn(&Lately) -> bool,
    ) -> Option<(ProcessId, Option<Lately>)> {
        let socket = self.doors.get_mut(&door)?.owner(trail)?;
        Some((socket.process, socket.last_call(trail.at_ns, fits)))
    }

    /// A call was made on, or about, a client's address.
    pub fn called(&mut self, door: Door, lately: Lately) {
        self.called_often(door, &[lately]);
    }

    /// The same of calls that follow each other.
    pub(super) fn called_often(&mut self, door: Door, lately: &[Lately]) {
        if let Some(sockets) = self.doors.get_mut(&door) {
            sockets.newest.add_calls(lately);
        }
    }

    /// The last call at a client's address that started by then and fits.
    #[must_use]
    pub fn last_call(
        &self,
        door: Door,
        by_ns: u64,
        fits: impl Fn(&Lately) -> bool,
    ) -> Option<Lately> {
        self.doors.get(&door)?.newest.last_call(by_ns, fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::TcpTrail;

    fn door(transport: Transport) -> Door {
        (transport, SocketAddr::from(([127, 0, 0, 1], 5000)))
    }

    fn client(processes: &Processes, transport: Transport) -> Option<ProcessId> {
        processes.client(door(transport), || None)
    }

    #[test]
    fn an_address_leads_to_its_process_also_for_what_is_still_under_way() {
        let mut processes = Processes::default();
        let page = processes.come();
        processes.has(page, door(Transport::Udp), || 0);
        assert_eq!(client(&processes, Transport::Udp), Some(page));
        assert_eq!(client(&processes, Transport::Tcp), None);
        processes.lost(page, door(Transport::Udp), 1);
        assert_eq!(client(&processes, Transport::Udp), Some(page));
        processes.lost(UDP_SERVER, door(Transport::Tcp), 2 * LINGER_NS);
        assert_eq!(client(&processes, Transport::Udp), None);
    }

    #[test]
    fn a_stranger_that_is_gone_does_not_come_back() {
        let mut processes = Processes::default();
        let stranger = processes.come();
        processes.met(stranger, door(Transport::Tcp));
        let lost = |processes: &mut Processes| processes.lost_outside(door(Transport::Tcp), 1);
        assert_eq!(lost(&mut processes), Some(stranger));
        assert_eq!(lost(&mut processes), None);
        assert_eq!(client(&processes, Transport::Tcp), None);
        let trail = Trail {
            at_ns: 2,
            from_client: true,
            tcp: Some(TcpTrail {
                opens: false,
                client_seq: Some(7),
            }),
        };
        let owner = processes.owner(door(Transport::Tcp), trail, |_| true);
        assert_eq!(
            owner.map(|(process, _)| process),
            Some(stranger),
            "its last packets are still its own"
        );
    }

    #[test]
    fn the_long_gone_are_forgotten_but_not_who_came_after() {
        let mut processes = Processes::default();
        let (first, second) = (processes.come(), processes.come());
        processes.has(first, door(Transport::Udp), || 0);
        processes.lost(first, door(Transport::Udp), 1);
        processes.has(second, door(Transport::Udp), || 2);
        processes.lost(UDP_SERVER, door(Transport::Tcp), 2 * LINGER_NS);
        assert_eq!(client(&processes, Transport::Udp), Some(second));
    }

    #[test]
    fn a_packet_finds_the_call_before_it() {
        let mut processes = Processes::default();
        let page = processes.come();
        processes.has(page, door(Transport::Udp), || 0);
        for (call, started_ns) in [(1, 100), (2, 200), (3, 300)] {
            let by_server = call == 2;
            processes.called(
                door(Transport::Udp),
                Lately {
                    call,
                    name: CallName::SendTo,
                    by_server,
                    started_ns,
                },
            );
        }
        let last = |by_ns| {
            processes
                .last_call(door(Transport::Udp), by_ns, |lately| !lately.by_server)
                .map(|lately| lately.call)
        };
        assert_eq!((last(99), last(250), last(300)), (None, Some(1), Some(3)));
    }
}
