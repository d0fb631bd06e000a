//! [`SocketPoller`]: polls the kernel's list of a lab's sockets while somebody watches the lab, and records changes in
//! the trace.
//!
//! One reading of `/proc/net` serves all labs. It is made on a thread of its own, because with thousands of sockets it
//! takes milliseconds, which would delay every round trip on the event loop. The list itself is parsed in `sys`.

use std::{cell::Cell, collections::HashMap, net::SocketAddr, rc::Rc, sync::Arc, time::Duration};

use shared::{
    call::Transport,
    trace::{KernelSocket, ProcessId, SocketState, Sockets},
};
use tokio::{sync::Mutex, time::Instant};

use crate::{
    client::nobody_address,
    sys::sockets::{Entry, Listing},
    trace::{Endpoint, LAB_OWNER, Processes, Trace},
};

/// Delay between activity in the lab and the poll, so that one poll covers related activity.
const DEBOUNCE: Duration = Duration::from_millis(20);
/// Interval between polls while a socket may change without a call.
const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// Minimum interval between two readings of the kernel's list.
const MIN_INTERVAL: Duration = Duration::from_millis(100);
/// Maximum number of sockets recorded for a lab; the others are only counted.
const MAX_SOCKETS: usize = 64;
/// Maximum number of viewers that all receive the list; with more, only the lab's owner does.
const MAX_FULL_VIEWERS: usize = 64;

/// Polls the sockets of one lab.
#[derive(Debug)]
pub(super) struct SocketPoller {
    /// Where changes are recorded.
    pub(super) trace: Rc<Trace>,
    /// The lab's servers.
    pub(super) servers: [(Transport, SocketAddr); 2],
    /// The backlog of the TCP server, as the kernel applied it.
    pub(super) backlog: Rc<Cell<Option<u32>>>,
}

impl SocketPoller {
    /// Polls until the future is dropped. Returns at once on a system without such a list.
    pub(super) async fn run(self) {
        let Self {
            trace,
            servers,
            backlog,
        } = self;
        let endpoints = endpoints(servers);
        let reader = READER.with(Rc::clone);
        let (mut recorded, mut poll_after) = (None, None);
        let (mut arrivals, mut owners) = (ArrivalOrder::default(), SocketOwners::default());
        loop {
            match poll_after.filter(|_| trace.viewer_count() > 0) {
                Some(after) => drop(tokio::time::timeout(after, trace.wait_for_activity()).await),
                None => trace.wait_for_activity().await,
            }
            if trace.viewer_count() == 0 {
                continue;
            }
            tokio::time::sleep(DEBOUNCE).await;
            let listing = match reader.listing().await {
                Some(listing) => listing,
                // The list exists but could not be read, for want of a descriptor.
                None if Listing::is_supported() => {
                    poll_after = Some(POLL_INTERVAL);
                    continue;
                }
                None => return,
            };
            let sockets = sockets(&listing, &endpoints, backlog.get(), &mut arrivals);
            poll_after = next_poll(&sockets);
            let socket_owners = owners.assign(&sockets, &servers, |door| trace.last_owner(door));
            if recorded
                .as_ref()
                .is_none_or(|recorded| has_changed(recorded, &sockets))
            {
                // For a crowd of viewers the lists would outweigh all other events.
                let only_for = (trace.viewer_count() > MAX_FULL_VIEWERS).then_some(LAB_OWNER);
                trace.record_sockets(sockets.clone(), socket_owners, only_for);
                recorded = Some(sockets);
            }
        }
    }
}

/// An address of the lab at which sockets are listed.
#[derive(Clone, Copy, Debug)]
struct LabEndpoint {
    transport: Transport,
    address: SocketAddr,
    /// Whether this is the closed port beside a server. The relay's own socket, which reserves the port, is not listed.
    is_reserved: bool,
}

fn endpoints(servers: [(Transport, SocketAddr); 2]) -> Vec<LabEndpoint> {
    let mut endpoints = Vec::new();
    for (transport, server) in servers {
        let endpoint = |address, is_reserved| LabEndpoint {
            transport,
            address,
            is_reserved,
        };
        endpoints.push(endpoint(server, false));
        let reserved = nobody_address(server);
        endpoints.extend(reserved.map(|reserved| endpoint(reserved, true)));
    }
    endpoints
}

/// The lab's sockets in the list. The list does not contain the TCP server's backlog, so it is passed in.
fn sockets(
    listing: &Listing,
    endpoints: &[LabEndpoint],
    backlog: Option<u32>,
    arrivals: &mut ArrivalOrder,
) -> Sockets {
    let mut sockets = Vec::new();
    for endpoint in endpoints {
        let found = listing.at(endpoint.transport, endpoint.address);
        let found = found.filter(|entry| !endpoint.is_reserved || entry.local != endpoint.address);
        sockets.extend(found.map(|entry| to_kernel_socket(entry, backlog)));
    }
    sockets.sort_by_key(order);
    sockets.dedup_by(|a, b| order(a) == order(b));
    arrivals.sort(&mut sockets);
    let more = sockets.len().saturating_sub(MAX_SOCKETS) as u64;
    sockets.truncate(MAX_SOCKETS);
    Sockets { sockets, more }
}

fn to_kernel_socket(entry: &Entry, backlog: Option<u32>) -> KernelSocket {
    let listens = entry.state == SocketState::Listen;
    KernelSocket {
        transport: entry.transport,
        local: entry.local,
        peer: Some(entry.remote).filter(|remote| remote.port() != 0),
        state: entry.state,
        held: entry.inode != 0,
        receive_queue: entry.receive_queue,
        send_queue: backlog
            .filter(|_| listens)
            .map_or(entry.send_queue, u64::from),
        ends_in_ms: entry.ends_in_ms,
    }
}

/// ServerConfig listening sockets first, then by state, then by ports. Sockets that compare equal are the same socket, found
/// at both of its endpoints.
fn order(socket: &KernelSocket) -> impl Ord + use<> {
    let KernelSocket { local, peer, .. } = *socket;
    let ports = (local.port(), peer.map(|peer| peer.port()));
    (rank(socket), ports, key(socket))
}

fn rank(socket: &KernelSocket) -> (bool, u8) {
    (socket.state != SocketState::Listen, socket.state as u8)
}

/// Identifies a socket in the list.
type SocketKey = (Transport, SocketAddr, Option<SocketAddr>);

const fn key(socket: &KernelSocket) -> SocketKey {
    (socket.transport, socket.local, socket.peer)
}

/// The order in which connections arrived. A server accepts in that order, but the kernel's list does not contain it, so
/// it is derived from the poll in which each connection was first listed. Connections that first appear in the same
/// poll stay in the order of their ports.
#[derive(Debug, Default)]
struct ArrivalOrder {
    numbers: HashMap<SocketKey, u64>,
    next: u64,
}

impl ArrivalOrder {
    /// Sorts sockets of equal rank by arrival, and forgets sockets that are no longer listed.
    fn sort(&mut self, sockets: &mut [KernelSocket]) {
        let before = std::mem::take(&mut self.numbers);
        // A connection enters the accept queue only after the handshake.
        let is_past_handshake = |socket: &&KernelSocket| socket.state != SocketState::SynReceived;
        for socket in sockets.iter().filter(is_past_handshake) {
            let key = key(socket);
            let number = before.get(&key).copied().unwrap_or_else(|| {
                self.next += 1;
                self.next
            });
            self.numbers.insert(key, number);
        }
        sockets.sort_by_key(|socket| (rank(socket), self.numbers.get(&key(socket)).copied()));
    }
}

/// The processes that the listed sockets belong to. A closed connection keeps its owner while it is listed, although
/// the trace no longer knows the owner of that port.
#[derive(Debug, Default)]
struct SocketOwners(HashMap<SocketKey, ProcessId>);

impl SocketOwners {
    /// Returns the owner of each socket, if known.
    fn assign(
        &mut self,
        sockets: &Sockets,
        servers: &[(Transport, SocketAddr)],
        known: impl Fn(Endpoint) -> Option<ProcessId>,
    ) -> Box<[Option<ProcessId>]> {
        let before = std::mem::take(&mut self.0);
        let mut owner = |socket: &KernelSocket| {
            let local = (socket.transport, socket.local);
            let is_at_server = servers.contains(&local);
            // An unconnected socket at the server's address is the server's own.
            if socket.peer.is_none() && is_at_server {
                return Some(Processes::server(socket.transport));
            }
            let client = socket.peer.filter(|_| is_at_server);
            let door = (socket.transport, client.unwrap_or(socket.local));
            let found = known(door).or_else(|| before.get(&key(socket)).copied());
            if let Some(process) = found {
                self.0.insert(key(socket), process);
            }
            found
        };
        sockets.sockets.iter().map(&mut owner).collect()
    }
}

/// Whether the lists differ in more than the remaining times.
fn has_changed(before: &Sockets, now: &Sockets) -> bool {
    let without_times = |sockets: &Sockets| {
        let mut sockets = sockets.clone();
        for socket in &mut sockets.sockets {
            socket.ends_in_ms = None;
        }
        sockets
    };
    without_times(before) != without_times(now)
}

/// The time until the next poll if no call is made before; `None` if no socket can change without a call.
fn next_poll(sockets: &Sockets) -> Option<Duration> {
    sockets.sockets.iter().filter_map(poll_after).min()
}

fn poll_after(socket: &KernelSocket) -> Option<Duration> {
    use SocketState as S;
    match socket.state {
        S::SynSent | S::SynReceived | S::FinWait1 | S::FinWait2 | S::Closing | S::LastAck => {
            Some(POLL_INTERVAL)
        }
        S::TimeWait => {
            let ends_in = socket.ends_in_ms.map(Duration::from_millis);
            Some(ends_in.unwrap_or_default().max(POLL_INTERVAL))
        }
        S::Established | S::CloseWait => (!socket.held).then_some(POLL_INTERVAL),
        S::Listen => (socket.receive_queue > 0).then_some(POLL_INTERVAL),
        S::Bound | S::Connected | S::Closed => None,
    }
}

thread_local! {
    static READER: Rc<ListingReader> = Rc::default();
}

/// Reads the kernel's list for all labs.
#[derive(Debug, Default)]
struct ListingReader {
    last: Mutex<Option<(Instant, Arc<Listing>)>>,
}

impl ListingReader {
    /// Returns a list read after this call began; `None` if it cannot be read.
    async fn listing(&self) -> Option<Arc<Listing>> {
        let asked = Instant::now();
        // Concurrent callers wait here and share one reading.
        let mut last = self.last.lock().await;
        if let Some((read, listing)) = &*last {
            if *read >= asked {
                return Some(Arc::clone(listing));
            }
            tokio::time::sleep_until(*read + MIN_INTERVAL).await;
        }
        let read = Instant::now();
        let listing = tokio::task::spawn_blocking(Listing::read).await.ok()??;
        let listing = Arc::new(listing);
        *last = Some((read, Arc::clone(&listing)));
        Some(listing)
    }
}

#[cfg(test)]
mod tests;
