//! The addresses of a process's own sockets: besides its server, a call can name only these as a target. Pure.

use std::{cell::RefCell, collections::BTreeMap, net::SocketAddr};

use shared::call::{Fd, Transport};

/// The sockets of a process that have an address.
#[derive(Debug, Default)]
pub(super) struct Siblings {
    known: RefCell<BTreeMap<Fd, (Transport, SocketAddr)>>,
}

impl Siblings {
    /// Registers the address of a socket, as its siblings see it.
    pub(super) fn insert(&self, fd: Fd, transport: Transport, address: SocketAddr) {
        self.known.borrow_mut().insert(fd, (transport, address));
    }

    /// Forgets a socket that is closed or has lost its address: its port may be reused at once.
    pub(super) fn remove(&self, fd: Fd) {
        self.known.borrow_mut().remove(&fd);
    }

    /// The current address of a socket; none where it has none, or another transport.
    pub(super) fn at(&self, fd: Fd, transport: Transport) -> Option<SocketAddr> {
        let known = self.known.borrow();
        let (_, address) = known.get(&fd).filter(|(of, _)| *of == transport)?;
        Some(*address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_open_socket_of_the_same_transport_is_found() {
        let siblings = Siblings::default();
        let address = SocketAddr::from(([127, 0, 0, 1], 49_152));
        siblings.insert(4, Transport::Udp, address);
        assert_eq!(siblings.at(4, Transport::Udp), Some(address));
        assert_eq!(siblings.at(4, Transport::Tcp), None);
        assert_eq!(siblings.at(5, Transport::Udp), None);
        siblings.remove(4);
        assert_eq!(siblings.at(4, Transport::Udp), None);
    }
}
