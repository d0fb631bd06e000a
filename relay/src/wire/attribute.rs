//! Whose packet it is: tied to a client by its addresses, to a call by direction and time.

use std::rc::Rc;

use shared::{
    call::Transport,
    dissect::{Protocol, Segment, Summary, TcpFlags},
    trace::{CallName, Packet, What},
};

use super::{Routes, Seen};
use crate::trace::{Door, Lately, Trace};

/// A packet's two ends, told apart: the server is the one whose address is a server's.
#[derive(Debug)]
struct Ends {
    trace: Rc<Trace>,
    client: Door,
    from_server: bool,
}

/// Writes a packet into the trace of its lab, unless it is none of any lab's servers'.
pub(super) fn record(routes: &Routes, seen: Seen) {
    let summary = Summary::of(seen.link, &seen.bytes);
    let Some(Ends {
        trace,
        client,
        from_server,
    }) = ends(&summary, routes)
    else {
        return;
    };
    let at_ns = trace.mono_of(seen.stamp.seconds, seen.stamp.nanoseconds);
    let process = trace.owner_of(client);
    let call = trace.last_call(client, at_ns, |lately| {
        comes_from(lately, &summary, from_server)
    });
    let Seen {
        interface,
        link,
        bytes,
        length,
        stamp,
        checksum_unfinished,
    } = seen;
    let packet = Packet {
        interface: interface.to_owned(),
        link,
        bytes,
        length,
        kernel_s: stamp.seconds,
        kernel_ns: stamp.nanoseconds,
        checksum_unfinished,
        process: Some(process),
        call: call.map(|lately| lately.call),
    };
    trace.record_seen(at_ns, What::Packet(Box::new(packet)), Some(process));
}

/// The ends of a packet of these servers, or of the one an ICMP error is about.
fn ends(summary: &Summary, routes: &Routes) -> Option<Ends> {
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
        Protocol::Udp => Transport::Udp,
        Protocol::Tcp => Transport::Tcp,
        Protocol::Data if summary.tcp.is_some() => Transport::Tcp,
        Protocol::Data
        | Protocol::Ethernet
        | Protocol::Ipv4
        | Protocol::Ipv6
        | Protocol::Icmp
        | Protocol::Icmpv6 => {
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
