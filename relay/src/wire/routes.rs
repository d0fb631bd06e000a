//! Finds the lab of a packet: the one whose server sends or receives it.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    rc::Rc,
    time::Duration,
};

use shared::{call::Transport, trace::What};

use super::interfaces::Interfaces;
use crate::trace::{Endpoint, Trace};

/// The traces of the labs by their servers' addresses.
#[derive(Debug, Default)]
pub struct Routes {
    splits_bursts: bool,
    servers: RefCell<HashMap<Endpoint, Rc<Trace>>>,
    /// Whether any server is bound to the unspecified address.
    any_unspecified: Cell<bool>,
    /// The addresses that such a server has.
    interfaces: RefCell<Interfaces>,
}

impl Routes {
    /// No labs. `splits_bursts` says whether the capture splits a burst into its datagrams.
    #[must_use]
    pub fn new(splits_bursts: bool) -> Self {
        Self {
            splits_bursts,
            ..Self::default()
        }
    }

    /// Whether the capture splits a burst into its datagrams.
    #[must_use]
    pub const fn splits_bursts(&self) -> bool {
        self.splits_bursts
    }

    /// Records packets of these servers in this trace from now on.
    pub fn add(&self, servers: [Endpoint; 2], trace: &Rc<Trace>) {
        let mut known = self.servers.borrow_mut();
        for (transport, address) in servers {
            if address.ip().is_unspecified() {
                self.any_unspecified.set(true);
            }
            known.insert((transport, address), Rc::clone(trace));
        }
    }

    /// Ignores packets of these servers from now on.
    pub fn remove(&self, servers: [Endpoint; 2]) {
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

    /// Records in all labs that packets were lost within the last `within`: each of the labs may miss some.
    pub(super) fn record_lost(&self, packets: u64, within: Duration) {
        let servers = self.servers.borrow();
        let udp = servers
            .iter()
            .filter(|((transport, _), _)| *transport == Transport::Udp);
        for (_, trace) in udp {
            let within_ns = u64::try_from(within.as_nanos()).ok();
            trace.record(What::CaptureLost { packets, within_ns }, None);
        }
    }

    /// The trace of packets between a server's address and a client's. Packets to the server's port on `::1` and to the
    /// next port, which are both unused, belong to the lab if they are of its own clients.
    pub(super) fn find(&self, server: Endpoint, client: Endpoint) -> Option<Rc<Trace>> {
        let servers = self.servers.borrow();
        if let Some(trace) = self.trace_of(&servers, server) {
            return Some(Rc::clone(trace));
        }
        let (transport, address) = server;
        let before = address.port().checked_sub(1)?;
        let beside = (transport, SocketAddr::new(address.ip(), before));
        let unused = self.trace_of(&servers, beside);
        if let Some(trace) = unused.filter(|trace| trace.is_internal(client)) {
            return Some(Rc::clone(trace));
        }
        if address.ip() != Ipv6Addr::LOCALHOST {
            return None;
        }
        let has_port = |(of, at): &Endpoint| *of == transport && at.port() == address.port();
        let mut labs = servers.iter().filter(|(endpoint, _)| has_port(endpoint));
        let (_, trace) = labs.find(|(_, trace)| trace.is_internal(client))?;
        Some(Rc::clone(trace))
    }

    /// The trace of the server with this address. A server that is bound to the unspecified address has all addresses of
    /// this machine that no other server has.
    fn trace_of<'a>(
        &self,
        servers: &'a HashMap<Endpoint, Rc<Trace>>,
        (transport, address): Endpoint,
    ) -> Option<&'a Rc<Trace>> {
        let at = |ip: IpAddr| servers.get(&(transport, SocketAddr::new(ip, address.port())));
        let exactly = servers.get(&(transport, address));
        let is_local = || self.interfaces.borrow_mut().find_address(address.ip());
        if exactly.is_some() || !self.any_unspecified.get() || !is_local() {
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

    const EXTERNAL: &str = "127.0.0.1:40000";

    fn endpoint(address: &str) -> Endpoint {
        (Transport::Udp, address.parse().expect("an address"))
    }

    fn servers(address: &str) -> [Endpoint; 2] {
        let address = address.parse().expect("an address");
        Transport::ALL.map(|transport| (transport, address))
    }

    fn trace() -> Rc<Trace> {
        let meter = Meter::for_other_lab(Arc::default());
        Rc::new(Trace::new(Level::L2, 1 << 20, meter))
    }

    fn is_same(found: Option<Rc<Trace>>, trace: &Rc<Trace>) -> bool {
        found.is_some_and(|found| Rc::ptr_eq(&found, trace))
    }

    #[test]
    fn a_packet_belongs_to_the_lab_of_its_server() {
        let (routes, one, other) = (Routes::default(), trace(), trace());
        routes.add(servers("127.3.4.5:12000"), &one);
        routes.add(servers("127.3.4.6:12000"), &other);
        let find = |server| routes.find(endpoint(server), endpoint(EXTERNAL));
        assert!(is_same(find("127.3.4.5:12000"), &one));
        assert!(is_same(find("127.3.4.6:12000"), &other));
        assert!(find("127.3.4.7:12000").is_none(), "another relay's server");
        routes.remove(servers("127.3.4.5:12000"));
        assert!(find("127.3.4.5:12000").is_none());
    }

    #[test]
    fn packets_to_unused_ports_belong_to_the_lab_of_an_internal_client() {
        let (routes, one, other) = (Routes::default(), trace(), trace());
        routes.add(servers("127.3.4.5:12000"), &one);
        routes.add(servers("127.3.4.6:12000"), &other);
        let client = endpoint("127.0.0.1:50000");
        let process = other.register_process(Role::Page);
        other.register_address(process, client.0, client.1);
        for beside in ["127.3.4.6:12001", "[::1]:12000"] {
            assert!(
                is_same(routes.find(endpoint(beside), client), &other),
                "{beside}"
            );
            assert!(routes.find(endpoint(beside), endpoint(EXTERNAL)).is_none());
        }
        assert!(routes.find(endpoint("127.3.4.5:12001"), client).is_none());
    }

    #[test]
    fn a_server_at_every_address_does_not_get_other_labs_packets() {
        let (routes, open, own) = (Routes::default(), trace(), trace());
        routes.add(servers("0.0.0.0:12000"), &open);
        routes.add(servers("127.3.4.5:12000"), &own);
        let find = |server| routes.find(endpoint(server), endpoint(EXTERNAL));
        assert!(is_same(find("127.3.4.5:12000"), &own));
        assert!(is_same(find("127.0.0.1:12000"), &open));
        assert!(
            find("192.0.2.1:12000").is_none(),
            "another machine's address"
        );
    }
}
