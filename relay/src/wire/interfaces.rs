//! The interfaces of this machine that have an address: packets of its servers cross these, and no others.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    rc::Rc,
    time::{Duration, Instant},
};

/// So long an interface or an address that was not there is taken not to be there.
const REST: Duration = Duration::from_secs(1);

/// The interfaces, as the kernel listed them last.
#[derive(Debug, Default)]
pub(super) struct Interfaces {
    listed: Listed,
    listed_at: Option<Instant>,
}

/// A list of them.
#[derive(Debug, Default)]
struct Listed {
    names: HashMap<usize, Rc<str>>,
    addresses: HashSet<IpAddr>,
}

impl Interfaces {
    /// The name of the interface with this number; none where it has no address, as the ports of a bridge have none:
    /// what crosses one of those is seen on the bridge.
    pub(super) fn name(&mut self, number: usize) -> Option<Rc<str>> {
        self.lists_until(|listed| listed.names.get(&number).cloned())
    }

    /// Whether an address is one of this machine's.
    pub(super) fn has(&mut self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let found = |listed: &Listed| listed.addresses.contains(&address).then_some(());
        address.is_loopback() || self.lists_until(found).is_some()
    }

    /// Asks the kernel anew for what it did not know before, but not for every packet.
    fn lists_until<T>(&mut self, find: impl Fn(&Listed) -> Option<T>) -> Option<T> {
        let found = find(&self.listed);
        let is_fresh = self.listed_at.is_some_and(|at| at.elapsed() < REST);
        if found.is_some() || is_fresh {
            return found;
        }
        self.listed = list();
        self.listed_at = Some(Instant::now());
        find(&self.listed)
    }
}

/// getifaddrs(3).
#[cfg(target_os = "linux")]
fn list() -> Listed {
    let (mut numbers, mut with_address) = (Vec::new(), HashSet::new());
    let mut listed = Listed::default();
    for interface in nix::ifaddrs::getifaddrs().into_iter().flatten() {
        let Some(address) = interface.address else {
            continue;
        };
        let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
        let v6 = || address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip()));
        if let Some(link) = address.as_link_addr() {
            numbers.push((link.ifindex(), interface.interface_name));
        } else if let Some(ip) = v4.or_else(v6) {
            listed.addresses.insert(ip);
            with_address.insert(interface.interface_name);
        }
    }
    numbers.retain(|(_, name)| with_address.contains(name));
    let names = numbers.into_iter();
    listed.names = names.map(|(number, name)| (number, name.into())).collect();
    listed
}

/// Where nothing is captured nobody asks.
#[cfg(not(target_os = "linux"))]
fn list() -> Listed {
    Listed::default()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_there_and_what_is_nobodys_is_not() {
        let mut interfaces = Interfaces::default();
        assert!(interfaces.has(IpAddr::from([127, 9, 9, 9])));
        assert!(interfaces.has("::ffff:127.0.0.1".parse().expect("an address")));
        assert!(!interfaces.has(IpAddr::from([192, 0, 2, 1])), "RFC 5737");
        let number = nix::net::if_::if_nametoindex("lo").expect("loopback");
        let number = usize::try_from(number).expect("small");
        assert_eq!(interfaces.name(number).as_deref(), Some("lo"));
        assert_eq!(interfaces.name(usize::MAX), None);
    }

    #[test]
    fn the_kernel_is_not_asked_for_every_packet() {
        let mut interfaces = Interfaces::default();
        interfaces.name(usize::MAX);
        let asked = interfaces.listed_at.expect("asked");
        for _ in 0..1000 {
            interfaces.name(usize::MAX);
        }
        assert!(interfaces.listed_at.is_some_and(|at| at - asked < 2 * REST));
        assert_eq!(interfaces.listed_at, Some(asked));
    }
}
