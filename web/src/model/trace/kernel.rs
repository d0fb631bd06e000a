//! The lab's sockets as the kernel listed them last: who waits to be accepted, who is in TIME_WAIT and how long still.

use std::net::SocketAddr;

use shared::{
    call::Transport,
    trace::{Event, KernelSocket, SocketState, Sockets, What},
};

use crate::model::{core::time::Millis, trace::log::same_address};

/// The newest list and when it was made.
#[derive(Debug, Default)]
pub(crate) struct Kernel {
    /// The list, and the time of it by the page's clock; none where the kernel was never asked.
    pub(crate) latest: Option<(Sockets, Millis)>,
    /// The number of its event, and its time in the lab's own.
    seq: u64,
    mono_ns: u64,
}

impl Kernel {
    /// Takes in an event. Only the newest list counts; `date` tells when something happened by the page's clock, and
    /// the more it has seen the better.
    pub(crate) fn handle_event(&mut self, event: &Event, date: impl FnOnce(u64) -> Millis) {
        if let What::Sockets(sockets) = &event.what
            && (self.latest.is_none() || event.seq > self.seq)
        {
            (self.seq, self.mono_ns) = (event.seq, event.mono_ns);
            self.latest = Some((sockets.clone(), 0));
        }
        if let Some((_, listed_at)) = &mut self.latest {
            *listed_at = date(self.mono_ns);
        }
    }

    /// Another lab, another list.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    /// When the list was made, by the page's clock.
    pub(crate) fn listed_at(&self) -> Millis {
        self.latest.as_ref().map_or(0, |(_, listed_at)| *listed_at)
    }

    /// The number of the list's event.
    pub(crate) const fn seq(&self) -> u64 {
        self.seq
    }

    /// Whether the kernel tells of this lab's sockets at all.
    pub(crate) const fn is_known(&self) -> bool {
        self.latest.is_some()
    }

    /// All that it lists.
    pub(crate) fn sockets(&self) -> impl Iterator<Item = &KernelSocket> {
        let listed = self.latest.iter();
        listed.flat_map(|(sockets, _)| &sockets.sockets)
    }

    /// The socket of this address; of several, the one with this other end, and one that is used before one that fades.
    pub(crate) fn find(
        &self,
        transport: Transport,
        local: SocketAddr,
        peer: Option<SocketAddr>,
    ) -> Option<&KernelSocket> {
        let mut found = self.sockets().filter(|socket| {
            socket.transport == transport
                && same_address(socket.local, local)
                && (peer.is_none() || socket.peer.is_none() || socket.peer == peer)
        });
        let first = found.next()?;
        let better = found.find(|socket| first.peer.is_none() && socket.peer == peer);
        Some(better.unwrap_or(first))
    }

    /// The connections of this address that are over and still hold it.
    pub(crate) fn time_wait_at(&self, local: SocketAddr) -> impl Iterator<Item = &KernelSocket> {
        self.sockets().filter(move |socket| {
            socket.state == SocketState::TimeWait && same_address(socket.local, local)
        })
    }

    /// Milliseconds until a connection in TIME_WAIT is gone, counted down since the kernel listed_at.
    pub(crate) fn remaining(&self, socket: &KernelSocket, now: Millis) -> Option<Millis> {
        let (_, listed_at) = self.latest.as_ref()?;
        let ends = socket.ends_in_ms?;
        Some((listed_at + ends).saturating_sub(now))
    }

    /// When the next second of a countdown is over.
    pub(crate) fn wakes_at(&self, now: Millis) -> Option<Millis> {
        let left = self
            .sockets()
            .filter_map(|socket| self.remaining(socket, now));
        let left = left
            .filter(|left| *left > 0)
            .map(|left| match left % 1_000 {
                0 => 1_000,
                part => part,
            });
        left.min().map(|left| now + left)
    }

    /// Milliseconds until nothing holds this address any more; none where nothing fades there.
    pub(crate) fn free_in(&self, local: SocketAddr, now: Millis) -> Option<Millis> {
        let fading = self.time_wait_at(local);
        fading
            .filter_map(|socket| self.remaining(socket, now))
            .max()
    }

    /// Milliseconds for which the kernel still waits for a client to close what the program at this address has closed;
    /// none where it waits for nobody.
    pub(crate) fn half_closed_for(&self, local: SocketAddr, now: Millis) -> Option<Millis> {
        let waited_for = self.sockets().filter(|socket| {
            socket.state == SocketState::FinWait2
                && !socket.held
                && same_address(socket.local, local)
        });
        waited_for
            .filter_map(|socket| self.remaining(socket, now))
            .max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn socket(local: u16, peer: Option<u16>, state: SocketState) -> KernelSocket {
        KernelSocket {
            transport: Transport::Tcp,
            local: at(local),
            peer: peer.map(at),
            state,
            held: state != SocketState::TimeWait,
            receive_queue: 0,
            send_queue: 0,
            ends_in_ms: (state == SocketState::TimeWait).then_some(60_000),
        }
    }

    fn list(seq: u64, sockets: Vec<KernelSocket>) -> Event {
        let what = What::Sockets(Sockets { sockets, more: 0 });
        Event {
            seq,
            mono_ns: 0,
            wall_us: 0,
            what,
        }
    }

    #[test]
    fn the_newest_list_counts() {
        let mut kernel = Kernel::default();
        assert!(!kernel.is_known());
        kernel.handle_event(&list(7, vec![socket(1, None, SocketState::Listen)]), |_| 1);
        kernel.handle_event(&list(6, Vec::new()), |_| 2);
        assert_eq!(kernel.sockets().count(), 1);
        kernel.handle_event(&list(8, Vec::new()), |_| 3);
        assert_eq!((kernel.sockets().count(), kernel.is_known()), (0, true));
    }

    #[test]
    fn a_connection_is_found_beside_the_listening_socket_of_its_address() {
        let mut kernel = Kernel::default();
        let sockets = vec![
            socket(1, None, SocketState::Listen),
            socket(1, Some(2), SocketState::CloseWait),
        ];
        kernel.handle_event(&list(1, sockets), |_| 0);
        let state = |peer| {
            kernel
                .find(Transport::Tcp, at(1), peer)
                .map(|found| found.state)
        };
        assert_eq!(state(Some(at(2))), Some(SocketState::CloseWait));
        assert_eq!(state(None), Some(SocketState::Listen));
        assert_eq!(kernel.find(Transport::Udp, at(1), None), None);
    }

    #[test]
    fn time_wait_runs_down_since_it_was_told() {
        let mut kernel = Kernel::default();
        kernel.handle_event(
            &list(1, vec![socket(1, Some(2), SocketState::TimeWait)]),
            |_| 1_000,
        );
        assert_eq!(kernel.free_in(at(1), 21_000), Some(40_000));
        assert_eq!(kernel.free_in(at(1), 99_000), Some(0));
        assert_eq!(kernel.free_in(at(2), 1_000), None);
    }
}
