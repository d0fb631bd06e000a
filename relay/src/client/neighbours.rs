//! Where the sockets of one process are: the only targets beside its server that can be named. Pure.

use std::{cell::RefCell, collections::BTreeMap, net::SocketAddr};

use shared::call::{Fd, Transport};

/// The sockets of a process that have an address.
#[derive(Debug, Default)]
pub(super) struct Neighbours {
    known: RefCell<BTreeMap<Fd, (Transport, SocketAddr)>>,
}

impl Neighbours {
    /// A socket has this address, as its neighbours see it.
    pub(super) fn is_at(&self, fd: Fd, transport: Transport, address: SocketAddr) {
        self.known.borrow_mut().insert(fd, (transport, address));
    }

    /// It is closed, or has no address any more: its port may be somebody else's in a moment.
    pub(super) fn is_gone(&self, fd: Fd) {
        self.known.borrow_mut().remove(&fd);
    }

    /// Where it is at this moment; nothing where it has no address, or is of another transport.
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
        let neighbours = Neighbours::default();
        let address = SocketAddr::from(([127, 0, 0, 1], 49_152));
        neighbours.is_at(4, Transport::Udp, address);
        assert_eq!(neighbours.at(4, Transport::Udp), Some(address));
        assert_eq!(neighbours.at(4, Transport::Tcp), None);
        assert_eq!(neighbours.at(5, Transport::Udp), None);
        neighbours.is_gone(4);
        assert_eq!(neighbours.at(4, Transport::Udp), None);
    }
}
