//! The interfaces of this machine that have an address: only on these are packets of its servers captured.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    rc::Rc,
    time::{Duration, Instant},
};

/// How long an interface or address that was not found is taken not to exist.
const REFRESH_INTERVAL: Duration = Duration::from_secs(1);

/// The interfaces, as last read from the kernel.
#[derive(Debug, Default)]
pub(super) struct Interfaces {
    list: InterfaceList,
    read_at: Option<Instant>,
}

/// One reading of the kernel's list.
#[derive(Debug, Default)]
struct InterfaceList {
    names: HashMap<usize, Rc<str>>,
    addresses: HashSet<IpAddr>,
}

impl Interfaces {
    /// The name of the interface with this number; none if it has no address. The ports of a network bridge have none:
    /// their packets are captured on the bridge.
    pub(super) fn name(&mut self, number: usize) -> Option<Rc<str>> {
        self.find_or_refresh(|list| list.names.get(&number).cloned())
    }

    /// Whether this machine has an address.
    pub(super) fn find_address(&mut self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let found = |list: &InterfaceList| list.addresses.contains(&address).then_some(());
        address.is_loopback() || self.find_or_refresh(found).is_some()
    }

    /// Reads the kernel's list again if nothing is found, but not for every packet.
    fn find_or_refresh<T>(&mut self, find: impl Fn(&InterfaceList) -> Option<T>) -> Option<T> {
        let found = find(&self.list);
        let is_fresh = self
            .read_at
            .is_some_and(|at| at.elapsed() < REFRESH_INTERVAL);
        if found.is_some() || is_fresh {
            return found;
        }
        self.list = read();
        self.read_at = Some(Instant::now());
        find(&self.list)
    }
}

/// Reads the kernel's list (getifaddrs(3)).
#[cfg(target_os = "linux")]
fn read() -> InterfaceList {
    let (mut numbers, mut with_address) = (Vec::new(), HashSet::new());
    let mut list = InterfaceList::default();
    for interface in nix::ifaddrs::getifaddrs().into_iter().flatten() {
        let Some(address) = interface.address else {
            continue;
        };
        let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
        let v6 = || address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip()));
        if let Some(link) = address.as_link_addr() {
            numbers.push((link.ifindex(), interface.interface_name));
        } else if let Some(ip) = v4.or_else(v6) {
            list.addresses.insert(ip);
            with_address.insert(interface.interface_name);
        }
    }
    numbers.retain(|(_, name)| with_address.contains(name));
    let names = numbers.into_iter();
    list.names = names.map(|(number, name)| (number, name.into())).collect();
    list
}

/// Not called where nothing is captured.
#[cfg(not(target_os = "linux"))]
fn read() -> InterfaceList {
    InterfaceList::default()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_found_and_unknown_addresses_are_not() {
        let mut interfaces = Interfaces::default();
        assert!(interfaces.find_address(IpAddr::from([127, 9, 9, 9])));
        assert!(interfaces.find_address("::ffff:127.0.0.1".parse().expect("an address")));
        assert!(
            !interfaces.find_address(IpAddr::from([192, 0, 2, 1])),
            "RFC 5737"
        );
        let number = nix::net::if_::if_nametoindex("lo").expect("loopback");
        let number = usize::try_from(number).expect("small");
        assert_eq!(interfaces.name(number).as_deref(), Some("lo"));
        assert_eq!(interfaces.name(usize::MAX), None);
    }

    #[test]
    fn the_list_is_not_read_for_every_packet() {
        let mut interfaces = Interfaces::default();
        interfaces.name(usize::MAX);
        let first = interfaces.read_at.expect("read");
        for _ in 0..1000 {
            interfaces.name(usize::MAX);
        }
        assert!(
            interfaces
                .read_at
                .is_some_and(|at| at - first < 2 * REFRESH_INTERVAL)
        );
        assert_eq!(interfaces.read_at, Some(first));
    }
}
