//! Which lab a packet belongs to: the one whose server it comes from or goes to.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    rc::Rc,
};

use shared::{call::Transport, trace::What};

use super::interfaces::Interfaces;
use crate::trace::{Door, Trace};

/// The labs by their servers' addresses.
#[derive(Debug, Default)]
pub struct Routes {
    servers: RefCell<HashMap<Door, Rc<Trace>>>,
    /// Whether any server is bound to no address in particular.
    anywhere: Cell<bool>,
    /// Which addresses such a server is at.
    interfaces: RefCell<Interfaces>,
}

impl Routes {
    /// From now on packets of these servers belong in this trace.
    pub fn add(&self, servers: [Door; 2], trace: &Rc<Trace>) {
        let mut known = self.servers.borrow_mut();
        for (transport, address) in servers {
            if address.ip().is_unspecified() {
                self.anywhere.set(true);
            }
            known.insert((transport, address), Rc::clone(trace));
        }
    }

    /// From now on they belong nowhere.
    pub fn remove(&self, servers: [Door; 2]) {
        let mut known = self.servers.borrow_mut();
        for server in servers {
            known.remove(&server);
        }
    }

    /// Whether there are no servers but those of this trace's lab.
    #[cfg(test)]
    pub(crate) fn is_only_of(&self, trace: &Rc<Trace>) -> bool {
        let servers = self.servers.borrow();
        servers.values().all(|other| Rc::ptr_eq(other, trace))
    }

    /// How many packets were lost: any of the labs may miss them.
    pub(super) fn lost(&self, packets: u64) {
        let servers = self.servers.borrow();
        let udp = servers
            .iter()
            .filter(|((transport, _), _)| *transport == Transport::Udp);
        for (_, trace) in udp {
            trace.record(What::CaptureLost { packets }, None);
        }
    }

    /// The trace in which a packet belongs that goes between this address and a client's, if the address is a
    /// server's. Of the places beside a server, its port on `::1` and the port after its own, where nobody is, only
    /// packets of the lab's own clients are its business.
    pub(super) fn find(&self, server: Door, client: Door) -> Option<Rc<Trace>> {
        let servers = self.servers.borrow();
        if let Some(trace) = self.serves(&servers, server) {
            return Some(Rc::clone(trace));
        }
        let (transport, address) = server;
        let before = address.port().checked_sub(1)?;
        let beside = (transport, SocketAddr::new(address.ip(), before));
        let nobody = self.serves(&servers, beside);
        if let Some(trace) = nobody.filter(|trace| trace.is_ours(client)) {
            return Some(Rc::clone(trace));
        }
        if address.ip() != Ipv6Addr::LOCALHOST {
            return None;
        }
        let there = |(of, at): &Door| *of == transport && at.port() == address.port();
        let mut labs = servers.iter().filter(|(door, _)| there(door));
        let (_, trace) = labs.find(|(_, trace)| trace.is_ours(client))?;
        Some(Rc::clone(trace))
    }

    /// A server bound to no address in particular is at all of this machine's, where no other is.
    fn serves<'a>(
        &self,
        servers: &'a HashMap<Door, Rc<Trace>>,
        (transport, address): Door,
    ) -> Option<&'a Rc<Trace>> {
        let at = |ip: IpAddr| servers.get(&(transport, SocketAddr::new(ip, address.port())));
        let exactly = servers.get(&(transport, address));
        let is_here = || self.interfaces.borrow_mut().has(address.ip());
        if exactly.is_some() || !self.anywhere.get() || !is_here() {
            return exactly;
        }
        at(Ipv4Addr::UNSPECIFIED.into()).or_else(|| at(Ipv6Addr::UNSPECIFIED.into()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use shared::{lab::Level, trace::Role};

    use super::*;
    use crate::metrics::Meter;

    const STRANGER: &str = "127.0.0.1:40000";

    fn door(address: &str) -> Door {
        (Transport::Udp, address.parse().expect("an address"))
    }

    fn servers(address: &str) -> [Door; 2] {
        let address = address.parse().expect("an address");
        Transport::ALL.map(|transport| (transport, address))
    }

    fn trace() -> Rc<Trace> {
        let meter = Meter::of_another_lab(Arc::default());
        Rc::new(Trace::new(Level::L2, 1 << 20, meter))
    }

    fn is(found: Option<Rc<Trace>>, trace: &Rc<Trace>) -> bool {
        found.is_some_and(|found| Rc::ptr_eq(&found, trace))
    }

    #[test]
    fn a_packet_belongs_to_the_lab_whose_server_it_meets() {
        let (routes, one, other) = (Routes::default(), trace(), trace());
        routes.add(servers("127.3.4.5:12000"), &one);
        routes.add(servers("127.3.4.6:12000"), &other);
        let find = |server| routes.find(door(server), door(STRANGER));
        assert!(is(find("127.3.4.5:12000"), &one));
        assert!(is(find("127.3.4.6:12000"), &other));
        assert!(find("127.3.4.7:12000").is_none(), "another relay's");
        routes.remove(servers("127.3.4.5:12000"));
        assert!(find("127.3.4.5:12000").is_none());
    }

    #[test]
    fn beside_a_server_only_the_labs_own_clients_count() {
        let (routes, one, other) = (Routes::default(), trace(), trace());
        routes.add(servers("127.3.4.5:12000"), &one);
        routes.add(servers("127.3.4.6:12000"), &other);
        let client = door("127.0.0.1:50000");
        let process = other.process_came(Role::Page);
        other.has_address(process, client.0, client.1);
        for beside in ["127.3.4.6:12001", "[::1]:12000"] {
            assert!(is(routes.find(door(beside), client), &other), "{beside}");
            assert!(routes.find(door(beside), door(STRANGER)).is_none());
        }
        assert!(routes.find(door("127.3.4.5:12001"), client).is_none());
    }

    #[test]
    fn a_server_at_every_address_leaves_those_of_other_labs_to_them() {
        let (routes, open, own) = (Routes::default(), trace(), trace());
        routes.add(servers("0.0.0.0:12000"), &open);
        routes.add(servers("127.3.4.5:12000"), &own);
        let find = |server| routes.find(door(server), door(STRANGER));
        assert!(is(find("127.3.4.5:12000"), &own));
        assert!(is(find("127.0.0.1:12000"), &open));
        assert!(find("192.0.2.1:12000").is_none(), "another machine's");
    }
}
