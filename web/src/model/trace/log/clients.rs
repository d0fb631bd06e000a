//! The sockets of clients by their addresses, one after the other: a port is used again.
//!
//! A connection is known by its client's initial sequence number, where packets are captured, and is accepted once;
//! a UDP socket is known by the time for which it had the address.

use std::{collections::VecDeque, net::SocketAddr};

use shared::{conditions::Direction, trace::ProcessId};

use super::{RunId, Transmission, call::Numbers, endpoint::Endpoint, same_address};

/// A client's socket, numbered as they are met.
pub(crate) type ClientId = u64;

/// Maximum number of sockets remembered.
const MAX_CLIENTS: usize = 512;
/// Two readings of the clocks differ by less, in nanoseconds.
const CLOCK_ERROR_NS: u64 = 200_000;
/// Half of all sequence numbers: what is further behind comes before (RFC 9293 3.4).
const HALF: u32 = 1 << 31;

/// A client's socket.
#[derive(Debug)]
struct Client {
    id: ClientId,
    endpoint: Endpoint,
    /// The run its calls and packets belong to, once that is known.
    run: Option<RunId>,
    /// Whose it is, as far as it was told.
    process: Option<ProcessId>,
    /// Whether its own calls are seen.
    is_seen: bool,
    /// From when on it may have had the address, in the lab's own time.
    since_ns: u64,
    /// When it was first heard of.
    met_ns: u64,
    closed_ns: Option<u64>,
    /// TCP: the initial sequence number, once the SYN was seen.
    isn: Option<u32>,
    is_accepted: bool,
}

impl Client {
    fn could_send(&self, at_ns: u64) -> bool {
        let closed = self.closed_ns;
        closed.is_none_or(|closed| at_ns <= closed.saturating_add(CLOCK_ERROR_NS))
    }

    const fn had_address(&self, at_ns: u64) -> bool {
        self.since_ns <= at_ns.saturating_add(CLOCK_ERROR_NS)
    }

    fn may_be_of(&self, process: Option<ProcessId>) -> bool {
        self.process.is_none() || process.is_none() || self.process == process
    }
}

/// What a client's own call told of its socket.
#[derive(Clone, Copy, Debug)]
pub(super) struct KnownSocket {
    pub(super) endpoint: Endpoint,
    pub(super) run: RunId,
    pub(super) process: ProcessId,
    /// When that call started: from then on the socket may have had the address.
    pub(super) since_ns: u64,
}

/// A socket whose address has turned out.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AddressKnown {
    pub(super) client: ClientId,
    /// Whether its address was not known to be its before.
    pub(super) is_new_address: bool,
    /// The run it was told in until now, as somebody nobody knew.
    pub(super) previous_run: Option<RunId>,
}

/// Whose packet it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PacketOwner {
    /// This socket's.
    Known(ClientId),
    /// Another's, which is remembered from this SYN on.
    New(ClientId),
    /// Another's, of which there is nothing to be known by.
    Unknown,
}

/// All that are remembered, the newest last.
#[derive(Debug, Default)]
pub(super) struct Clients {
    all: VecDeque<Client>,
    last: ClientId,
}

impl Clients {
    fn add(&mut self, endpoint: Endpoint, met_ns: u64) -> &mut Client {
        let before = self.at(endpoint).and_then(|before| before.closed_ns);
        if self.all.len() == MAX_CLIENTS {
            self.all.pop_front();
        }
        self.last += 1;
        let client = Client {
            id: self.last,
            endpoint,
            run: None,
            process: None,
            is_seen: false,
            since_ns: before.unwrap_or(0),
            met_ns,
            closed_ns: None,
            isn: None,
            is_accepted: false,
        };
        self.all.push_back(client);
        let last = self.all.len() - 1;
        &mut self.all[last]
    }

    /// Those of an address, the newest first.
    fn all_at(&self, (transport, address): Endpoint) -> impl Iterator<Item = &Client> {
        let is_there = move |client: &&Client| {
            client.endpoint.0 == transport && same_address(client.endpoint.1, address)
        };
        self.all.iter().rev().filter(is_there)
    }

    fn at(&self, endpoint: Endpoint) -> Option<&Client> {
        self.all_at(endpoint).next()
    }

    fn get(&self, id: ClientId) -> Option<&Client> {
        self.all.iter().rev().find(|client| client.id == id)
    }

    fn get_mut(&mut self, id: ClientId) -> Option<&mut Client> {
        self.all.iter_mut().rev().find(|client| client.id == id)
    }

    /// The run of a socket.
    pub(super) fn run(&self, id: ClientId) -> Option<RunId> {
        self.get(id)?.run
    }

    /// The run of the client that has this address, or had it last.
    pub(super) fn run_at(&self, endpoint: Endpoint) -> Option<RunId> {
        self.at(endpoint)?.run
    }

    /// The run of the client that had this address then.
    pub(super) fn run_at_time(&self, endpoint: Endpoint, at_ns: u64) -> Option<RunId> {
        let mut all = self.all_at(endpoint);
        let then = all.find(|client| client.had_address(at_ns));
        then.or_else(|| self.at(endpoint))?.run
    }

    /// The newest socket of this address, and whether it is closed.
    pub(super) fn newest(&self, endpoint: Endpoint) -> Option<(ClientId, Option<RunId>, bool)> {
        let client = self.at(endpoint)?;
        Some((client.id, client.run, client.closed_ns.is_some()))
    }

    /// A client's socket turns out to have this address.
    pub(super) fn learn_address(&mut self, told: KnownSocket) -> AddressKnown {
        let KnownSocket {
            endpoint,
            run,
            process,
            since_ns,
        } = told;
        let is_it = |client: &&Client| {
            let closed = client.closed_ns.is_some_and(|closed| closed < since_ns);
            let its = client.run == Some(run);
            // It was met by what came from it, while the call that tells its address was under way.
            let met = !client.is_seen && client.met_ns.saturating_add(CLOCK_ERROR_NS) >= since_ns;
            !closed && client.may_be_of(Some(process)) && (its || met)
        };
        let known = self.at(endpoint).filter(is_it).map(|client| client.id);
        let id = known.unwrap_or_else(|| self.add(endpoint, since_ns).id);
        let Some(client) = self.get_mut(id) else {
            return AddressKnown::default();
        };
        let previous_run = client.run.replace(run).filter(|before| *before != run);
        let is_new_address = !client.is_seen || previous_run.is_some();
        if !client.is_seen {
            (client.is_seen, client.since_ns) = (true, since_ns);
        }
        client.process = Some(process);
        client.endpoint = endpoint;
        AddressKnown {
            client: id,
            is_new_address,
            previous_run,
        }
    }

    /// Another client was met at this address by what the server received from it.
    pub(super) fn add_visitor(&mut self, endpoint: Endpoint, run: RunId, met_ns: u64) -> ClientId {
        let client = self.add(endpoint, met_ns);
        client.run = Some(run);
        client.id
    }

    /// A socket's things are told in another run from now on.
    pub(super) fn set_run(&mut self, id: ClientId, run: RunId) {
        if let Some(client) = self.get_mut(id) {
            client.run = Some(run);
        }
    }

    /// The server accepts a connection from this address: the socket whose first one it is, if that was met.
    pub(super) fn accept(&self, endpoint: Endpoint) -> Option<ClientId> {
        let client = self.at(endpoint)?;
        let is_another = client.is_accepted && (!client.is_seen || client.closed_ns.is_some());
        (!is_another).then_some(client.id)
    }

    /// Its connection is accepted.
    pub(super) fn mark_accepted(&mut self, id: ClientId) {
        if let Some(client) = self.get_mut(id) {
            client.is_accepted = true;
        }
    }

    /// A client closes the sockets that `is_it` names by process and run.
    pub(super) fn close(&mut self, at_ns: u64, is_it: impl Fn(ProcessId, Endpoint) -> bool) {
        for client in self
            .all
            .iter_mut()
            .filter(|client| client.closed_ns.is_none())
        {
            if client
                .process
                .is_some_and(|process| is_it(process, client.endpoint))
            {
                client.closed_ns = Some(at_ns);
            }
        }
    }

    /// What belonged to one run belongs to another now.
    pub(super) fn reassign(&mut self, from: RunId, to: RunId) {
        for client in self
            .all
            .iter_mut()
            .filter(|client| client.run == Some(from))
        {
            client.run = Some(to);
        }
    }

    /// Whose packet it is. A connection that was not met before is remembered from its SYN on.
    pub(super) fn claim(&mut self, transmission: &Transmission) -> PacketOwner {
        let ends = [
            (transmission.from, Direction::Request),
            (transmission.to, Direction::Reply),
        ];
        let told = transmission.direction;
        for (end, direction) in ends {
            let Some(end) = end.filter(|_| told.is_none_or(|told| told == direction)) else {
                continue;
            };
            let endpoint = (transmission.transport, end);
            if let Some(id) = self.claim_at(endpoint, direction, transmission) {
                return PacketOwner::Known(id);
            }
        }
        let isn = transmission.numbers.and_then(Numbers::opens);
        let (Some(isn), Some(from)) = (isn, transmission.from) else {
            return PacketOwner::Unknown;
        };
        let client = self.add((transmission.transport, from), transmission.at_ns);
        (client.isn, client.process) = (Some(isn), told_process(transmission));
        PacketOwner::New(client.id)
    }

    fn claim_at(
        &mut self,
        endpoint: Endpoint,
        way: Direction,
        transmission: &Transmission,
    ) -> Option<ClientId> {
        let (at_ns, process) = (transmission.at_ns, told_process(transmission));
        let its = |client: &&Client| client.may_be_of(process);
        let Some(numbers) = transmission.numbers else {
            let mut all = self.all_at(endpoint).filter(its);
            let then = all.find(|client| client.had_address(at_ns))?;
            let can = way == Direction::Reply || then.could_send(at_ns);
            return can.then_some(then.id);
        };
        let opened = numbers.opens().filter(|_| way == Direction::Request);
        let Some(isn) = opened else {
            let seq = match way {
                Direction::Request => Some(numbers.seq),
                Direction::Reply => numbers.ack.map(|ack| ack.wrapping_sub(1)),
            };
            return self
                .nearest(endpoint, seq, process)
                .or_else(|| Some(self.all_at(endpoint).find(its)?.id));
        };
        let again = self.all_at(endpoint).find(|client| client.isn == Some(isn));
        let opens = |client: &&Client| {
            let is_new = client.isn.is_none() || client.is_seen;
            is_new && client.could_send(at_ns) && client.had_address(at_ns)
        };
        let id = again
            .or_else(|| self.all_at(endpoint).filter(its).find(opens))?
            .id;
        self.get_mut(id)?.isn = Some(isn);
        Some(id)
    }

    /// The connection whose initial sequence number is the last before this one.
    fn nearest(
        &self,
        endpoint: Endpoint,
        seq: Option<u32>,
        of: Option<ProcessId>,
    ) -> Option<ClientId> {
        let seq = seq?;
        let all = self.all_at(endpoint).filter(|client| client.may_be_of(of));
        let known = all.filter_map(|client| {
            let distance = seq.wrapping_sub(client.isn?);
            (distance < HALF).then_some((distance, client.id))
        });
        let nearest = known.min_by_key(|(distance, _)| *distance);
        nearest.map(|(_, id)| id)
    }
}

/// Whose packet the relay says it is; one that does not tell the direction did not tell connections apart either.
fn told_process(transmission: &Transmission) -> Option<ProcessId> {
    transmission
        .process
        .filter(|_| transmission.direction.is_some())
}

/// Where a packet that waits for its run belongs.
impl Clients {
    /// Whether this socket may have sent it.
    pub(super) fn sent(&self, id: ClientId, transmission: &Transmission) -> bool {
        let address = self.get(id).map(|client| client.endpoint.1);
        let from = transmission.from.zip(address);
        from.is_some_and(|(from, address)| same_address(from, address))
            && self.is_of(id, transmission)
    }

    /// Whether a packet from or to this address, seen then, is of this socket.
    pub(super) fn is_of(&self, id: ClientId, transmission: &Transmission) -> bool {
        let Some(client) = self.get(id) else {
            return false;
        };
        let is_there =
            |end: &Option<SocketAddr>| end.is_some_and(|end| same_address(end, client.endpoint.1));
        let (transport, _) = client.endpoint;
        let its = [transmission.from, transmission.to].iter().any(is_there);
        if transmission.transport != transport
            || !its
            || !client.may_be_of(told_process(transmission))
        {
            return false;
        }
        match (transmission.numbers, client.isn) {
            (Some(numbers), Some(isn)) => {
                let from = transmission
                    .from
                    .is_some_and(|from| same_address(from, client.endpoint.1));
                let seq = if from {
                    Some(numbers.seq)
                } else {
                    numbers.ack.map(|ack| ack.wrapping_sub(1))
                };
                seq.is_none_or(|seq| {
                    seq.wrapping_sub(isn) < HALF
                        && self.nearest(client.endpoint, Some(seq), None) == Some(id)
                })
            }
            _ => client.had_address(transmission.at_ns),
        }
    }
}
