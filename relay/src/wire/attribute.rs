//! Whose packet it is: tied to a client by its addresses, to a call by direction and time.

use std::rc::{Rc, Weak};

use shared::{
    call::Transport,
    dissect::{Piece, Protocol, Segment, Summary, TcpFlags},
    trace::{CallId, CallName, Packet, ProcessId, What},
};

use super::{Routes, Seen, Stamp, fragments::Fragments};
use crate::trace::{Door, Lately, Trace};

/// The transports by their IANA numbers.
const TCP: u8 = 6;
const UDP: u8 = 17;

/// A packet's two ends, told apart: the server is the one whose address is a server's.
#[derive(Debug)]
struct Ends {
    trace: Rc<Trace>,
    client: Door,
    from_server: bool,
}

/// Whose packet it is. A lab that is given up is not kept for its fragments.
#[derive(Clone, Debug)]
struct Owner {
    trace: Weak<Trace>,
    process: ProcessId,
    call: Option<CallId>,
}

/// Puts packets into the traces of their labs.
#[derive(Debug, Default)]
pub(super) struct Attribution {
    fragments: Fragments<Owner, Seen>,
}

impl Attribution {
    /// Writes a packet into the trace of its lab, unless it is none of any lab's servers'. A later fragment is written
    /// with the first one of its datagram, which alone tells whose it is.
    pub(super) fn record(&mut self, routes: &Routes, seen: Seen) {
        let summary = Summary::of(seen.link, &seen.bytes);
        if !summary.fragment {
            write_first(routes, seen, &summary, None);
            return;
        }
        let Some(piece) = Piece::of(seen.link, &seen.bytes) else {
            return;
        };
        if piece.offset > 0 {
            match self.fragments.owner(piece) {
                Some(owner) => owner.write_later(seen),
                None => {
                    let length = seen.bytes.len();
                    self.fragments.wait(piece, seen, length);
                }
            }
            return;
        }
        let Some(owner) = write_first(routes, seen, &summary, Some(piece)) else {
            return;
        };
        for later in self.fragments.first(piece, owner.clone()) {
            owner.write_later(later);
        }
    }
}

/// Writes a whole packet, or the first piece of one; of that it tells whose it is.
fn write_first(
    routes: &Routes,
    seen: Seen,
    summary: &Summary,
    piece: Option<Piece>,
) -> Option<Owner> {
    let Ends {
        trace,
        client,
        from_server,
    } = ends(summary, piece, routes)?;
    let at_ns = trace.mono_of(seen.stamp.seconds, seen.stamp.nanoseconds);
    let process = trace.owner_of(client);
    let call = trace.last_call(client, at_ns, |lately| {
        comes_from(lately, summary, from_server)
    });
    let call = call.map(|lately| lately.call);
    write(&trace, seen, at_ns, (process, call));
    piece.map(|_| Owner {
        trace: Rc::downgrade(&trace),
        process,
        call,
    })
}

impl Owner {
    fn write_later(&self, seen: Seen) {
        let Stamp {
            seconds,
            nanoseconds,
        } = seen.stamp;
        let Some(trace) = self.trace.upgrade() else {
            return;
        };
        let at_ns = trace.mono_of(seconds, nanoseconds);
        write(&trace, seen, at_ns, (self.process, self.call));
    }
}

fn write(trace: &Trace, seen: Seen, at_ns: u64, (process, call): (ProcessId, Option<CallId>)) {
    let Seen {
        interface,
        link,
        bytes,
        length,
        stamp,
        checksum_unfinished,
    } = seen;
    let packet = Packet {
        interface: interface.as_ref().to_owned(),
        link,
        bytes,
        length,
        kernel_s: stamp.seconds,
        kernel_ns: stamp.nanoseconds,
        checksum_unfinished,
        process: Some(process),
        call,
    };
    trace.record_seen(at_ns, What::Packet(Box::new(packet)), Some(process));
}

/// The ends of a packet of these servers, or of the one an ICMP error is about.
fn ends(summary: &Summary, piece: Option<Piece>, routes: &Routes) -> Option<Ends> {
    let (protocol, source, destination, answers) = match &summary.quoted {
        Some(quoted) => (quoted.protocol, quoted.source, quoted.destination, true),
        None => (
            summary.protocol,
            summary.source?,
            summary.destination?,
            false,
        ),
    };
    let transport = match protocol {
        // The first piece of a datagram, or of a segment.
        Protocol::Ipv4 | Protocol::Ipv6 => transport_of(piece?)?,
        Protocol::Udp => Transport::Udp,
        Protocol::Tcp => Transport::Tcp,
        Protocol::Data if summary.tcp.is_some() => Transport::Tcp,
        Protocol::Data | Protocol::Ethernet | Protocol::Icmp | Protocol::Icmpv6 => {
            return None;
        }
    };
    let (source, destination) = ((transport, source), (transport, destination));
    let ends = |server, client, from_server| {
        routes.find(server, client).map(|trace| Ends {
            trace,
            client,
            from_server,
        })
    };
    // An error about a packet goes the other way than the packet it quotes.
    ends(destination, source, answers).or_else(|| ends(source, destination, !answers))
}

const fn transport_of(piece: Piece) -> Option<Transport> {
    match piece.protocol {
        TCP => Some(Transport::Tcp),
        UDP => Some(Transport::Udp),
        _ => None,
    }
}

/// Whether a packet is the doing of this call. What the kernel does on its own, such as most acknowledgments,
/// comes from no call.
fn comes_from(lately: &Lately, summary: &Summary, from_server: bool) -> bool {
    use CallName::{Close, Connect, Send, SendTo, Shutdown};

    let by_sender = lately.by_server == from_server;
    if summary.quoted.is_some() {
        return !lately.by_server && matches!(lately.name, Send | SendTo | Connect);
    }
    let Some(Segment { flags, .. }) = summary.tcp else {
        return by_sender && matches!(lately.name, Send | SendTo);
    };
    if flags.has(TcpFlags::SYN) {
        return !lately.by_server && lately.name == Connect;
    }
    if flags.has(TcpFlags::RST) {
        return by_sender && lately.name == Close || !lately.by_server && lately.name == Connect;
    }
    if summary.payload_length > 0 {
        return by_sender && lately.name == Send;
    }
    if flags.has(TcpFlags::FIN) {
        return by_sender && matches!(lately.name, Close | Shutdown);
    }
    false
}
