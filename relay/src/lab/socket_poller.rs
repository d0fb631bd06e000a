//! The kernel's list of a lab's sockets, looked at while somebody watches and something may have changed.
//!
//! One reading of `/proc` serves all labs that want one, and is made on a thread of its own: with thousands of
//! sockets it takes milliseconds, which nobody's round trip should wait for.

use std::{cell::Cell, collections::HashMap, net::SocketAddr, rc::Rc, sync::Arc, time::Duration};

use shared::{
    call::Transport,
    trace::{KernelSocket, ProcessId, SocketState, Sockets},
};
use tokio::{sync::Mutex, time::Instant};

use crate::{
    client::nobody_address,
    sys::sockets::{Entry, Listing},
    trace::{Door, Processes, RULER, Trace},
};

/// How long to wait after something has happened: what belongs together is then looked at once.
const DEBOUNCE: Duration = Duration::from_millis(20);
/// How often to look while something goes on by itself.
const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// No two readings are closer together.
const MIN_INTERVAL: Duration = Duration::from_millis(100);
/// So many sockets of a lab are told; the rest is counted.
const MAX_SOCKETS: usize = 64;

/// So many viewers are all told.
const MAX_FULL_VIEWERS: usize = 64;

/// What is to be looked at.
#[derive(Debug)]
pub(super) struct SocketPoller {
    /// The trace that is told.
    pub(super) trace: Rc<Trace>,
    /// The lab's servers.
    pub(super) servers: [(Transport, SocketAddr); 2],
    /// How many connections the kernel lets wait for the TCP server.
    pub(super) backlog: Rc<Cell<Option<u32>>>,
}

/// Looks, until it is dropped; on a system without such a list, not at all.
pub(super) async fn look(view: SocketPoller) {
    let SocketPoller {
        trace,
        servers,
        backlog,
    } = view;
    let endpoints = endpoints(servers);
    let reader = READER.with(Rc::clone);
    let (mut told, mut again, mut arrivals) = (None, None, ArrivalOrder::default());
    let mut owners = SocketOwners::default();
    loop {
        match again.filter(|_| trace.viewers() > 0) {
            Some(after) => drop(tokio::time::timeout(after, trace.stirs()).await),
            None => trace.stirs().await,
        }
        if trace.viewers() == 0 {
            continue;
        }
        tokio::time::sleep(DEBOUNCE).await;
        let listing = match reader.listing().await {
            Some(listing) => listing,
            // With no descriptor left it could not be read this time.
            None if Listing::is_supported() => {
                again = Some(POLL_INTERVAL);
                continue;
            }
            None => return,
        };
        let sockets = sockets(&listing, &endpoints, backlog.get(), &mut arrivals);
        again = next_poll(&sockets);
        let whose = owners.of(&sockets, &servers, |door| trace.known_owner(door));
        if told.as_ref().is_none_or(|told| has_changed(told, &sockets)) {
            // Told to a crowd it would be more than all the rest: there it is for the members who control the lab.
            let whom = (trace.viewers() > MAX_FULL_VIEWERS).then_some(RULER);
            trace.record_sockets(sockets.clone(), whose, whom);
            told = Some(sockets);
        }
    }
}

/// An address of the lab where its sockets meet.
#[derive(Clone, Copy, Debug)]
struct LabEndpoint {
    transport: Transport,
    address: SocketAddr,
    /// Where nobody is: the relay's own socket there is none of the lab's.
    nobody: bool,
}

fn endpoints(servers: [(Transport, SocketAddr); 2]) -> Vec<LabEndpoint> {
    let mut endpoints = Vec::new();
    for (transport, server) in servers {
        let endpoint = |address, nobody| LabEndpoint {
            transport,
            address,
            nobody,
        };
        endpoints.push(endpoint(server, false));
        let nobody = nobody_address(server);
        endpoints.extend(nobody.map(|nobody| endpoint(nobody, true)));
    }
    endpoints
}

/// The lab's sockets in the list. The length of the line before the TCP server is not in it: the kernel has told it
/// when the server began to listen.
fn sockets(
    listing: &Listing,
    endpoints: &[LabEndpoint],
    backlog: Option<u32>,
    arrivals: &mut ArrivalOrder,
) -> Sockets {
    let mut sockets = Vec::new();
    for endpoint in endpoints {
        let found = listing.at(endpoint.transport, endpoint.address);
        let found = found.filter(|entry| !endpoint.nobody || entry.local != endpoint.address);
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

/// Those that listen first, then as a life goes, then by ports. No two sockets have both key in common, so equals
/// are one that was found at both.
fn order(socket: &KernelSocket) -> impl Ord + use<> {
    let KernelSocket { local, peer, .. } = *socket;
    let ports = (local.port(), peer.map(|peer| peer.port()));
    (rank(socket), ports, key(socket))
}

fn rank(socket: &KernelSocket) -> (bool, u8) {
    (socket.state != SocketState::Listen, socket.state as u8)
}

type SocketKey = (Transport, SocketAddr, Option<SocketAddr>);

const fn key(socket: &KernelSocket) -> SocketKey {
    (socket.transport, socket.local, socket.peer)
}

/// Who came before whom. A server accepts in that order, but the kernel's list has none: it is that of the looks in
/// which each was there first. Those that came between two looks stay in the order of their ports.
#[derive(Debug, Default)]
struct ArrivalOrder {
    numbers: HashMap<SocketKey, u64>,
    next: u64,
}

impl ArrivalOrder {
    /// Puts sockets that are alike otherwise into this order; forgets those that are gone.
    fn sort(&mut self, sockets: &mut [KernelSocket]) {
        let before = std::mem::take(&mut self.numbers);
        // Nobody stands in line before the hands are shaken.
        let through = |socket: &&KernelSocket| socket.state != SocketState::SynReceived;
        for socket in sockets.iter().filter(through) {
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

/// Whose the sockets of the list are. A connection that is over stays its client's for as long as it is listed,
/// though nothing else is known of that client's port any more.
#[derive(Debug, Default)]
struct SocketOwners(HashMap<SocketKey, ProcessId>);

impl SocketOwners {
    fn of(
        &mut self,
        sockets: &Sockets,
        servers: &[(Transport, SocketAddr)],
        known: impl Fn(Door) -> Option<ProcessId>,
    ) -> Box<[Option<ProcessId>]> {
        let before = std::mem::take(&mut self.0);
        let mut owner = |socket: &KernelSocket| {
            let endpoint = (socket.transport, socket.local);
            // Of one that waits for anybody the other end is nobody's.
            if socket.peer.is_none() && servers.contains(&endpoint) {
                return Some(Processes::server(socket.transport));
            }
            let client = socket.peer.filter(|_| servers.contains(&endpoint));
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

/// Whether there is news, other than that time passes.
fn has_changed(before: &Sockets, now: &Sockets) -> bool {
    let timeless = |sockets: &Sockets| {
        let mut sockets = sockets.clone();
        for socket in &mut sockets.sockets {
            socket.ends_in_ms = None;
        }
        sockets
    };
    timeless(before) != timeless(now)
}

/// When to look again though nothing was called: soon where something goes on by itself; where there is nothing but
/// TIME_WAIT, when the first of them key; otherwise not.
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
    static READER: Rc<Reader> = Rc::default();
}

/// Reads the list, not too often and for all who want it.
#[derive(Debug, Default)]
struct Reader {
    last: Mutex<Option<(Instant, Arc<Listing>)>>,
}

impl Reader {
    /// A list no older than the question; none where the system has none.
    async fn listing(&self) -> Option<Arc<Listing>> {
        let asked = Instant::now();
        // Who asks while somebody waits or reads has an answer when that one has.
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
