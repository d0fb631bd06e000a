//! The addresses of a client's socket: its own, and those it may send to.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    rc::Rc,
};

use shared::{
    call::{Call, Family, Target, Transport},
    outcome::{Failed, Reason},
};

use super::ClientSocket;
use crate::{
    client::reserved_port,
    failure::{self, CallResult},
    sys::binding,
};

impl ClientSocket {
    /// Its own address, once it has a port.
    #[must_use]
    pub fn local(&self) -> Option<SocketAddr> {
        if self.local.get().is_none() {
            let address = self
                .handle
                .borrow()
                .socket()
                .local_addr()
                .ok()
                .and_then(|address| address.as_socket());
            self.local
                .set(address.filter(|address| address.port() != 0));
        }
        self.local.get()
    }

    /// Its own address as others see it: a socket bound to no address in particular sends from `host`, and one of
    /// IPv6 that speaks IPv4 from the IPv4 address.
    #[must_use]
    pub fn seen_as(&self, host: IpAddr) -> Option<SocketAddr> {
        let local = self.local()?;
        let ip = local.ip().to_canonical();
        let ip = if ip.is_unspecified() { host } else { ip };
        Some(SocketAddr::new(ip, local.port()))
    }

    /// Its address as seen at `::1`, where it is bound to no IPv6 address in particular.
    #[must_use]
    pub fn seen_at_localhost6(&self) -> Option<SocketAddr> {
        let local = self.local()?;
        let everywhere = local.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        everywhere.then(|| SocketAddr::new(Ipv6Addr::LOCALHOST.into(), local.port()))
    }

    /// Whether another program could have its port too, and get what is meant for it (`SO_REUSEADDR`, socket(7)).
    #[must_use]
    pub const fn may_share_port(&self) -> bool {
        self.shares_port.get()
    }

    /// Forgets its own address: after a `connect` that failed the kernel may have taken the port back.
    pub fn forget_local(&self) {
        self.local.take();
    }

    /// The address `bind` gives it: this port of the client's host, as its family has it.
    #[must_use]
    pub fn bind_address(&self, port: u16) -> SocketAddr {
        self.host.bind_address(self.family, port)
    }

    /// Binds it to this port of its host.
    ///
    /// # Errors
    /// The host's rules, and the kernel's.
    pub(super) fn bind(&self, port: u16) -> CallResult {
        self.host.may_bind(self.family, port)?;
        let address = self.bind_address(port);
        self.local.take();
        let bound = self.kernel(|socket| socket.bind(&address.into()))?;
        self.is_bound.set(true);
        Ok(bound)
    }

    /// Binds an unbound socket before it first sends to `target`, where its host requires that.
    ///
    /// # Errors
    /// The kernel's: no port is left.
    pub(super) fn bind_implicitly(&self, target: SocketAddr) -> Result<(), Failed> {
        if self.is_bound.get() {
            return Ok(());
        }
        let address = self
            .host
            .implicit_bind_address(self.transport, self.family, target);
        if let Some(address) = address {
            let handle = self.handle.borrow();
            let bound = binding::bind_address(&handle.socket(), self.transport, address);
            bound.map_err(|error| failure::kernel(&error))?;
            self.local.take();
        }
        self.is_bound.set(true);
        Ok(())
    }

    /// The address a call names; none where it names none, or the target has none.
    #[must_use]
    pub fn call_address(&self, call: &Call) -> Option<SocketAddr> {
        match call {
            Call::Bind { port, .. } => Some(self.bind_address(*port)),
            Call::Connect { to, .. } | Call::SendTo { to, .. } => self.target_address(*to),
            Call::Socket { .. }
            | Call::GetAddrInfo { .. }
            | Call::Send { .. }
            | Call::Recv { .. }
            | Call::RecvFrom { .. }
            | Call::SetTimeout { .. }
            | Call::SetSockOpt { .. }
            | Call::GetSockName { .. }
            | Call::GetPeerName { .. }
            | Call::Shutdown { .. }
            | Call::Close { .. }
            | Call::Cancel { .. } => None,
        }
    }

    /// The address of a target; none where it has none.
    pub(super) fn target_address(&self, to: Target) -> Option<SocketAddr> {
        match to {
            Target::Server => Some(self.server),
            Target::Nobody => reserved_port::nobody_address(self.server),
            Target::Fd(fd) => {
                let sibling = self.siblings.at(fd, self.transport);
                sibling.filter(|_| self.transport == Transport::Udp)
            }
            Target::Localhost6 => {
                let localhost = Ipv6Addr::LOCALHOST.into();
                Some(SocketAddr::new(localhost, self.server.port()))
            }
        }
    }

    /// The address of a target, once no other program can be listening there.
    pub(super) fn authorize(&self, to: Target) -> Result<SocketAddr, Failed> {
        let address = self.target_address(to).ok_or_else(|| nowhere(to))?;
        if matches!(to, Target::Fd(_)) {
            return Ok(address);
        }
        // An IPv4 socket reaches no IPv6 address; the kernel says how it fails.
        let unreachable = self.family == Family::Inet && address.is_ipv6();
        if address != self.server && !unreachable {
            let reservation = reserved_port::reserve(self.transport, address)?;
            let mut reservations = self.reservations.borrow_mut();
            if !reservations
                .iter()
                .any(|known| Rc::ptr_eq(known, &reservation))
            {
                reservations.push(reservation);
            }
        }
        Ok(address)
    }
}

/// Why a target is at no address.
fn nowhere(to: Target) -> Failed {
    match to {
        Target::Fd(fd) => {
            let why = "bind it or send from it first, and without SO_REUSEADDR";
            let message = format!("socket {fd} of this page has no UDP address of its own: {why}");
            failure::relay(Reason::NoAddress, message)
        }
        Target::Server | Target::Nobody | Target::Localhost6 => {
            failure::relay(Reason::NotNobody, "there is no port beside the server's")
        }
    }
}
