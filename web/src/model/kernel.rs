//! The lab's sockets as the kernel has listed them last, and how their time runs on since.

use std::net::SocketAddr;

use shared::trace::{KernelSocket, SocketState, Sockets};

use super::{Millis, log::same};

/// The newest list.
#[derive(Debug, Default)]
pub(crate) struct Kernel {
    /// As it was told.
    pub(crate) told: Sockets,
    /// When, by the page's clock.
    at: Millis,
    /// Grows with every list.
    pub(crate) version: u64,
}

impl Kernel {
    /// A list was told, of this moment by the page's clock.
    pub(super) fn hear(&mut self, told: &Sockets, at: Millis) {
        self.told.clone_from(told);
        self.at = at;
        self.version += 1;
    }

    /// Another lab: nothing is known.
    pub(super) fn start_anew(&mut self) {
        *self = Self {
            version: self.version + 1,
            ..Self::default()
        };
    }

    /// How long a socket stays in TIME_WAIT, in milliseconds; none for one in another state.
    pub(crate) fn ends_in(&self, socket: &KernelSocket, now: Millis) -> Option<Millis> {
        let ends_in = socket.ends_in_ms?;
        Some((self.at + ends_in).saturating_sub(now))
    }

    /// How long connections in TIME_WAIT still keep an address of this machine from being bound, in milliseconds.
    pub(crate) fn time_wait(&self, local: SocketAddr, now: Millis) -> Option<Millis> {
        let waits = |socket: &&KernelSocket| {
            socket.state == SocketState::TimeWait && same(socket.local, local)
        };
        let waiting = self.told.sockets.iter().filter(waits);
        waiting.filter_map(|socket| self.ends_in(socket, now)).max()
    }
}
