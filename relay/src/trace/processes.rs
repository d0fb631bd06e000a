//! Who is who: which client process has which address, and which calls were made there lately. Pure.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    net::SocketAddr,
};

use shared::{
    call::Transport,
    trace::{CallId, CallName, ProcessId},
};

/// The UDP server's process.
const UDP_SERVER: ProcessId = 1;
/// The TCP server's process.
const TCP_SERVER: ProcessId = 2;

/// So many UDP programs outside are remembered; nothing tells when one of them has ended.
const MOST_STRANGERS: usize = 16_384;
/// A socket's last packets are read from the capture a little after it was closed.
const LINGER_NS: u64 = 3_000_000_000;
/// So many calls are remembered at each address, to find the one a packet came from.
const MOST_CALLS: usize = 16;

/// A client's socket as the world sees it.
pub type Door = (Transport, SocketAddr);

/// The processes of a lab and the addresses of the clients among them.
#[derive(Debug, Default)]
pub struct Processes {
    came: ProcessId,
    doors: HashMap<Door, Entry>,
    strangers: HashSet<ProcessId>,
    gone: VecDeque<(u64, Door)>,
}

#[derive(Debug)]
struct Entry {
    process: ProcessId,
    gone_ns: Option<u64>,
    calls: VecDeque<Lately>,
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
    pub fn has(&mut self, process: ProcessId, door: Door) {
        match self.doors.get_mut(&door) {
            Some(entry) if entry.process == process && entry.gone_ns.is_none() => {}
            _ => self.enter(process, door),
        }
    }

    /// A program outside was met at this address. Where too many were, all are forgotten and met anew.
    pub fn met(&mut self, process: ProcessId, door: Door) {
        if self.strangers.len() >= MOST_STRANGERS {
            self.doors
                .retain(|_, entry| !self.strangers.contains(&entry.process));
            self.strangers.clear();
        }
        self.strangers.insert(process);
        self.enter(process, door);
    }

    fn enter(&mut self, process: ProcessId, door: Door) {
        self.doors.insert(
            door,
            Entry {
                process,
                gone_ns: None,
                calls: VecDeque::new(),
            },
        );
    }

    /// That socket is closed.
    pub fn lost(&mut self, door: Door, now_ns: u64) {
        self.forget_the_long_gone(now_ns);
        if let Some(entry) = self
            .doors
            .get_mut(&door)
            .filter(|entry| entry.gone_ns.is_none())
        {
            entry.gone_ns = Some(now_ns);
            self.gone.push_back((now_ns, door));
        }
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
                .is_some_and(|entry| entry.gone_ns == Some(gone_ns))
                && let Some(entry) = self.doors.remove(&door)
            {
                self.strangers.remove(&entry.process);
            }
        }
    }

    /// Whether it is a program outside.
    #[must_use]
    pub fn is_stranger(&self, process: ProcessId) -> bool {
        self.strangers.contains(&process)
    }

    /// Who has this address, or had it a moment ago. A program outside that has gone does not come back.
    #[must_use]
    pub fn client(&self, door: Door) -> Option<ProcessId> {
        let entry = self.doors.get(&door)?;
        (entry.gone_ns.is_none() || !self.is_stranger(entry.process)).then_some(entry.process)
    }

    /// The program outside that has this address now.
    #[must_use]
    pub fn stranger(&self, door: Door) -> Option<ProcessId> {
        let entry = self
            .doors
            .get(&door)
            .filter(|entry| entry.gone_ns.is_none())?;
        Some(entry.process).filter(|process| self.is_stranger(*process))
    }

    /// Whose packet it is: who has this address, or had it a moment ago.
    #[must_use]
    pub fn owner(&self, door: Door) -> Option<ProcessId> {
        self.doors.get(&door).map(|entry| entry.process)
    }

    /// A call was made on, or about, a client's address.
    pub fn called(&mut self, door: Door, lately: Lately) {
        if let Some(entry) = self.doors.get_mut(&door) {
            if entry.calls.len() == MOST_CALLS {
                entry.calls.pop_front();
            }
            entry.calls.push_back(lately);
        }
    }

    /// The same of calls that follow each other.
    pub(super) fn called_often(&mut self, door: Door, lately: &[Lately]) {
        if let Some(entry) = self.doors.get_mut(&door) {
            let newest = &lately[lately.len().saturating_sub(MOST_CALLS)..];
            let too_many = (entry.calls.len() + newest.len()).saturating_sub(MOST_CALLS);
            entry.calls.drain(..too_many);
            entry.calls.extend(newest);
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
        let calls = &self.doors.get(&door)?.calls;
        calls
            .iter()
            .rev()
            .find(|lately| lately.started_ns <= by_ns && fits(lately))
            .copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door(transport: Transport) -> Door {
        (transport, SocketAddr::from(([127, 0, 0, 1], 5000)))
    }

    #[test]
    fn an_address_leads_to_its_process_also_for_what_is_still_under_way() {
        let mut processes = Processes::default();
        let page = processes.come();
        processes.has(page, door(Transport::Udp));
        assert_eq!(processes.client(door(Transport::Udp)), Some(page));
        assert_eq!(processes.client(door(Transport::Tcp)), None);
        processes.lost(door(Transport::Udp), 1);
        assert_eq!(processes.client(door(Transport::Udp)), Some(page));
        processes.lost(door(Transport::Tcp), 2 * LINGER_NS);
        assert_eq!(processes.client(door(Transport::Udp)), None);
    }

    #[test]
    fn a_stranger_that_is_gone_does_not_come_back() {
        let mut processes = Processes::default();
        let stranger = processes.come();
        processes.met(stranger, door(Transport::Tcp));
        assert_eq!(processes.stranger(door(Transport::Tcp)), Some(stranger));
        processes.lost(door(Transport::Tcp), 1);
        assert_eq!(processes.stranger(door(Transport::Tcp)), None);
        assert_eq!(processes.client(door(Transport::Tcp)), None);
        assert_eq!(
            processes.owner(door(Transport::Tcp)),
            Some(stranger),
            "its last packets are still its own"
        );
    }

    #[test]
    fn the_long_gone_are_forgotten_but_not_who_came_after() {
        let mut processes = Processes::default();
        let (first, second) = (processes.come(), processes.come());
        processes.has(first, door(Transport::Udp));
        processes.lost(door(Transport::Udp), 1);
        processes.has(second, door(Transport::Udp));
        processes.lost(door(Transport::Tcp), 2 * LINGER_NS);
        assert_eq!(processes.client(door(Transport::Udp)), Some(second));
    }

    #[test]
    fn a_packet_finds_the_call_before_it() {
        let mut processes = Processes::default();
        let page = processes.come();
        processes.has(page, door(Transport::Udp));
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
