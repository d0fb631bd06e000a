//! The host of a client process: which local addresses its sockets get, and which ports it may bind. Pure.
//!
//! Only the user of the relay's own machine has sockets at the machine's own addresses. Any other page has an address
//! of 127.0.0.0/8 that no other page has: there it binds any port, hears nobody else's datagrams, and takes no port
//! from a program. Where there is no such address (systems other than Linux, a server at an IPv6 address) the kernel
//! chooses the port.

use std::{
    cell::RefCell,
    collections::HashSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    rc::Rc,
};

use shared::{
    call::{Family, Transport},
    outcome::{Failed, Reason},
};

use super::reserved_port::nobody_address;
use crate::failure;

/// Ports below belong to the system (RFC 6335 §6).
const FIRST_FREE_PORT: u16 = 1024;

/// The host of one client process.
#[derive(Debug)]
pub struct ClientHost {
    kind: HostKind,
    servers: [SocketAddr; 2],
    source: IpAddr,
    /// Of its own address, unless that is the lab's.
    _lease: Option<AddressLease>,
}

#[derive(Debug)]
enum HostKind {
    /// The relay's machine, for the machine's own user.
    Machine,
    /// An address of the process's own.
    Own(Ipv4Addr),
    /// The relay's machine, for anybody else.
    Shared,
}

impl ClientHost {
    /// The relay's machine in a lab with these servers. `source` is the address from which the kernel has an unbound
    /// socket speak to them. Only the machine's own user `may_choose_ports`.
    #[must_use]
    pub fn of_machine(servers: [SocketAddr; 2], source: IpAddr, may_choose_ports: bool) -> Self {
        let kind = if may_choose_ports {
            HostKind::Machine
        } else {
            HostKind::Shared
        };
        Self {
            kind,
            servers,
            source,
            _lease: None,
        }
    }

    /// A host with an address of its own, in a lab with these servers.
    #[must_use]
    pub fn at(address: Ipv4Addr, lease: Option<AddressLease>, servers: [SocketAddr; 2]) -> Self {
        // An IPv4 address reaches no IPv6 server: such a server sees the machine's own.
        let server = servers[0].ip();
        let source = if server.is_ipv4() {
            address.into()
        } else {
            server
        };
        Self {
            kind: HostKind::Own(address),
            servers,
            source,
            _lease: lease,
        }
    }

    /// The address `bind` gives a socket of the servers' family.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.bind_address(family_of(self.servers[0]), 0).ip()
    }

    /// The address a socket that was bound to none sends from.
    #[must_use]
    pub const fn source(&self) -> IpAddr {
        self.source
    }

    /// The address `bind` gives a socket of this family, with this port.
    #[must_use]
    pub fn bind_address(&self, family: Family, port: u16) -> SocketAddr {
        let server = self.servers[0].ip();
        let host: IpAddr = match (&self.kind, family) {
            (HostKind::Own(own), Family::Inet) => (*own).into(),
            // The same address as an IPv6 socket has it (RFC 4291 §2.5.5.2).
            (HostKind::Own(own), Family::Inet6) if server.is_ipv4() => own.to_ipv6_mapped().into(),
            (_, family) if family == family_of(self.servers[0]) => server,
            (_, Family::Inet) => Ipv4Addr::LOCALHOST.into(),
            (_, Family::Inet6) => Ipv6Addr::LOCALHOST.into(),
        };
        SocketAddr::new(host, port)
    }

    /// Whether a socket of this family may be bound to this port.
    ///
    /// # Errors
    /// [`Reason::PortReserved`], [`Reason::LabsPort`] or [`Reason::OnlyPortZero`].
    pub fn may_bind(&self, family: Family, port: u16) -> Result<(), Failed> {
        if port == 0 {
            return Ok(());
        }
        if port < FIRST_FREE_PORT {
            let message = "ports below 1024 belong to the system: choose 0, or 1024 to 65535";
            return Err(failure::relay(Reason::PortReserved, message));
        }
        if self.servers.iter().any(|server| server.port() == port) {
            let message =
                format!("port {port} is the lab's server's, also while the server is not running");
            return Err(failure::relay(Reason::LabsPort, message));
        }
        let mut nobody = self.servers.iter().copied().filter_map(nobody_address);
        if nobody.any(|nobody| nobody.port() == port) {
            let message = format!("port {port} is kept free: in this lab nobody is to be there");
            return Err(failure::relay(Reason::LabsPort, message));
        }
        if self.has_own_address(family) {
            return Ok(());
        }
        let address = self.bind_address(family, port).ip();
        let message = format!(
            "this page shares {address} with other programs: bind port 0 and have the kernel choose one"
        );
        Err(failure::relay(Reason::OnlyPortZero, message))
    }

    fn has_own_address(&self, family: Family) -> bool {
        match self.kind {
            HostKind::Machine => true,
            HostKind::Own(..) => family == Family::Inet || self.servers[0].is_ipv4(),
            HostKind::Shared => false,
        }
    }

    /// Where a socket that has no address yet is bound before it first speaks to `target`: else the kernel would have
    /// it listen at all addresses of the machine. Nowhere, where the kernel itself is to choose or to refuse.
    #[must_use]
    pub fn implicit_bind_address(
        &self,
        transport: Transport,
        family: Family,
        target: SocketAddr,
    ) -> Option<SocketAddr> {
        if matches!(self.kind, HostKind::Machine) {
            return None;
        }
        match (family, target) {
            (Family::Inet, SocketAddr::V4(_)) => Some(self.bind_address(family, 0)),
            // Bound to an IPv4 address, an IPv6 socket reaches no other.
            (Family::Inet6, SocketAddr::V6(_)) => Some(SocketAddr::new(target.ip(), 0)),
            // TCP refuses it (tcp(7)).
            (Family::Inet6, SocketAddr::V4(_)) => {
                let own = self.bind_address(Family::Inet, 0).ip();
                let IpAddr::V4(own) = own else { return None };
                (transport == Transport::Udp)
                    .then(|| SocketAddr::new(own.to_ipv6_mapped().into(), 0))
            }
            (Family::Inet, SocketAddr::V6(_)) => None,
        }
    }
}

/// The family an address is of.
pub(super) const fn family_of(address: SocketAddr) -> Family {
    match address {
        SocketAddr::V4(_) => Family::Inet,
        SocketAddr::V6(_) => Family::Inet6,
    }
}

/// The addresses that client hosts have for themselves.
#[derive(Clone, Debug, Default)]
pub struct AddressLeases(Rc<RefCell<HashSet<Ipv4Addr>>>);

/// An address one client host has for itself, until this is dropped.
#[derive(Debug)]
pub struct AddressLease {
    leases: AddressLeases,
    address: Ipv4Addr,
}

impl AddressLeases {
    /// Whether a client host has this address.
    #[must_use]
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        self.0.borrow().contains(&address)
    }

    /// Takes an address for a client host; none if another has it.
    #[must_use]
    pub fn take(&self, address: Ipv4Addr) -> Option<AddressLease> {
        let is_new = self.0.borrow_mut().insert(address);
        is_new.then(|| AddressLease {
            leases: self.clone(),
            address,
        })
    }
}

impl Drop for AddressLease {
    fn drop(&mut self) {
        self.leases.0.borrow_mut().remove(&self.address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Ipv4Addr = Ipv4Addr::new(127, 3, 4, 5);

    fn at(address: &str) -> SocketAddr {
        address.parse().expect("an address")
    }

    fn servers(address: &str) -> [SocketAddr; 2] {
        [at(address); 2]
    }

    fn reason(host: &ClientHost, family: Family, port: u16) -> Option<(Reason, String)> {
        let failed = host.may_bind(family, port).err()?;
        Some((failed.reason.expect("the relay's own"), failed.errno))
    }

    #[test]
    fn bind_leads_to_the_own_address_in_either_family() {
        let own = ClientHost::at(OWN, None, servers("127.0.0.1:12000"));
        assert_eq!(own.bind_address(Family::Inet, 5432), at("127.3.4.5:5432"));
        let mapped = at("[::ffff:127.3.4.5]:5432");
        assert_eq!(own.bind_address(Family::Inet6, 5432), mapped);
        assert_eq!(own.address(), IpAddr::from(OWN));
        for family in [Family::Inet, Family::Inet6] {
            assert_eq!(reason(&own, family, 5432), None);
        }
        let machine =
            ClientHost::of_machine(servers("127.0.0.1:12000"), [127, 0, 0, 1].into(), true);
        assert_eq!(
            machine.bind_address(Family::Inet, 5432),
            at("127.0.0.1:5432")
        );
        assert_eq!(machine.bind_address(Family::Inet6, 5432), at("[::1]:5432"));
    }

    #[test]
    fn the_servers_ports_and_those_beside_them_are_no_clients() {
        let servers = [at("127.0.0.1:12000"), at("127.0.0.1:13000")];
        let hosts = [
            ClientHost::at(OWN, None, servers),
            ClientHost::of_machine(servers, OWN.into(), true),
            ClientHost::of_machine(servers, OWN.into(), false),
        ];
        for host in &hosts {
            for port in [12_000, 12_001, 13_000, 13_001] {
                let in_use = Some((Reason::LabsPort, "EADDRINUSE".to_owned()));
                assert_eq!(reason(host, Family::Inet, port), in_use, "{port}");
                assert_eq!(reason(host, Family::Inet6, port), in_use, "{port}");
            }
            let system = Some((Reason::PortReserved, "EACCES".to_owned()));
            assert_eq!(reason(host, Family::Inet, 80), system);
            assert_eq!(reason(host, Family::Inet, 0), None);
        }
    }

    #[test]
    fn at_an_address_of_the_machine_only_its_user_chooses_ports() {
        let only_zero = Some((Reason::OnlyPortZero, "EACCES".to_owned()));
        let shared =
            ClientHost::of_machine(servers("127.0.0.1:40000"), [127, 0, 0, 1].into(), false);
        assert_eq!(reason(&shared, Family::Inet, 5432), only_zero);
        let machine =
            ClientHost::of_machine(servers("127.0.0.1:40000"), [127, 0, 0, 1].into(), true);
        assert_eq!(reason(&machine, Family::Inet, 5432), None);
        // ::1 is a single address.
        let own = ClientHost::at(OWN, None, servers("[::1]:12000"));
        assert_eq!(reason(&own, Family::Inet6, 5432), only_zero);
        assert_eq!(reason(&own, Family::Inet, 5432), None);
        assert_eq!(own.address(), IpAddr::from(Ipv6Addr::LOCALHOST));
    }

    #[test]
    fn an_unbound_socket_speaks_from_the_own_address() {
        use Family::{Inet, Inet6};
        use Transport::{Tcp, Udp};

        let own = ClientHost::at(OWN, None, servers("127.0.0.1:12000"));
        let (v4, v6) = (at("127.0.0.1:12000"), at("[::1]:12000"));
        let before =
            |transport, family, target| own.implicit_bind_address(transport, family, target);
        for transport in Transport::ALL {
            assert_eq!(before(transport, Inet, v4), Some(at("127.3.4.5:0")));
            assert_eq!(before(transport, Inet6, v6), Some(at("[::1]:0")));
            assert_eq!(before(transport, Inet, v6), None, "the kernel refuses");
        }
        let mapped = at("[::ffff:127.3.4.5]:0");
        assert_eq!(before(Udp, Inet6, v4), Some(mapped));
        assert_eq!(before(Tcp, Inet6, v4), None, "the kernel refuses");
        let machine = ClientHost::of_machine(servers("127.0.0.1:12000"), OWN.into(), true);
        assert_eq!(machine.implicit_bind_address(Udp, Inet, v4), None);
    }

    #[test]
    fn a_leased_address_is_taken_until_the_lease_ends() {
        let leases = AddressLeases::default();
        let lease = leases.take(OWN).expect("free");
        assert!(leases.contains(OWN) && leases.take(OWN).is_none());
        drop(lease);
        assert!(!leases.contains(OWN) && leases.take(OWN).is_some());
    }
}
