//! A captured or inferred packet as a row that filters test.

use std::net::SocketAddr;

use shared::{
    call::Transport,
    dissect::{Key, Protocol, Summary},
    filter::{CallKey, Field, PacketRow, Row, Value},
    trace::DerivedKind,
};

use super::{
    process_names::ProcessNames,
    record::{Captured, Inferred, PacketData, Record},
};
use crate::model::trace::{log::Side, outcome_fields};

/// A packet as a filter's row.
#[derive(Debug)]
pub(super) struct FilterRow<'a> {
    number: u64,
    record: &'a Record,
    process_names: &'a ProcessNames,
    summary: Option<Summary>,
}

impl<'a> FilterRow<'a> {
    pub(super) fn new(number: u64, record: &'a Record, process_names: &'a ProcessNames) -> Self {
        let summary = record.captured().map(Captured::summary);
        Self {
            number,
            record,
            process_names,
            summary,
        }
    }

    fn packet(&self) -> Option<PacketRow<'_>> {
        let captured = self.record.captured()?;
        Some(PacketRow {
            number: self.number,
            length: captured.length,
            link: captured.link,
            frame: &captured.bytes,
            summary: self.summary.as_ref()?,
            analysis: captured.analysis.as_ref(),
            process: None,
            side: None,
        })
    }

    /// A value of the packet's call: `call.name == "sendto"` shows the packets that a `sendto` sent.
    fn call_value(&self, key: CallKey) -> Option<Value<'_>> {
        let (call, process_names) = (self.record.call, self.process_names);
        let fate = || process_names.fate(call?);
        let outcome = || process_names.outcome(call?);
        let text = match key {
            CallKey::Call => call.map(|_| ""),
            CallKey::Name => self.record.name.map(|name| name.as_str()),
            CallKey::Errno => process_names.errno(call?),
            CallKey::Process => process_names.sender(self.record),
            CallKey::Side => self.record.side.map(|side| match side {
                Side::Client => "client",
                Side::Server => "server",
            }),
            CallKey::Transport => self.transport(),
            CallKey::Fate => fate().map(|(fate, _)| outcome_fields::fate(fate)),
            CallKey::Direction => fate().map(|(_, direction)| outcome_fields::direction(direction)),
            CallKey::Blocked => return Some(Value::Unsigned(outcome()?.blocked.into())),
            CallKey::Len => return outcome()?.len.map(Value::Unsigned),
            CallKey::Truncated => {
                return Some(Value::Unsigned(outcome()?.truncated?.into()));
            }
            CallKey::Data | CallKey::Port | CallKey::Peer | CallKey::Word | CallKey::Server => None,
        };
        text.map(|text| Value::Bytes(text.as_bytes()))
    }

    fn transport(&self) -> Option<&'static str> {
        let transport = match &self.record.data {
            PacketData::Inferred(inferred) => inferred.transport,
            PacketData::Captured(_) => match self.summary.as_ref()?.protocol {
                Protocol::Udp => Transport::Udp,
                Protocol::Tcp => Transport::Tcp,
                Protocol::Ethernet
                | Protocol::Ipv4
                | Protocol::Ipv6
                | Protocol::Icmp
                | Protocol::Icmpv6
                | Protocol::Data => return None,
            },
        };
        Some(transport.as_str())
    }
}

impl Row for FilterRow<'_> {
    fn values(&self, field: Field, found: &mut dyn FnMut(Value<'_>)) {
        match (field, &self.record.data) {
            (Field::Call(key), _) => self.call_value(key).into_iter().for_each(found),
            (Field::Packet(_), PacketData::Captured(_)) => {
                if let Some(packet) = self.packet() {
                    packet.values(field, found);
                }
            }
            (Field::Packet(key), PacketData::Inferred(inferred)) => {
                inferred_values(self.number, inferred, key, found)
            }
        }
    }

    fn has(&self, field: Field) -> bool {
        match self.packet().filter(|_| matches!(field, Field::Packet(_))) {
            Some(packet) => packet.has(field),
            None => {
                let mut has = false;
                self.values(field, &mut |_| has = true);
                has
            }
        }
    }
}

/// The values of an inferred packet: ends, length, payload, and the flag of its kind.
fn inferred_values(number: u64, inferred: &Inferred, key: Key, found: &mut dyn FnMut(Value<'_>)) {
    let Inferred {
        kind,
        transport,
        from,
        to,
        length,
        payload,
    } = inferred;
    let (kind, udp) = (*kind, *transport == Transport::Udp);
    let carries = matches!(kind, DerivedKind::Datagram | DerivedKind::Data);
    let is_protocol = key == inferred.protocol().key()
        || key == if udp { Key::Udp } else { Key::Tcp }
        || key
            == if from.is_ipv4() {
                Key::Ip
            } else {
                Key::Ipv6Header
            };
    let number = match (key, udp) {
        (Key::FrameNumber, _) => Some(number),
        (Key::TcpFlagsSyn, false) => Some(u64::from(kind == DerivedKind::Handshake)),
        (Key::TcpFlagsFin, false) => Some(u64::from(kind == DerivedKind::Fin)),
        (Key::TcpFlagsReset, false) => Some(u64::from(kind == DerivedKind::Rst)),
        (Key::TcpLen, false) => Some(*length),
        (Key::UdpLength, true) if carries => Some(length + 8),
        (Key::DataLen, _) if carries && *length > 0 => Some(*length),
        (Key::IcmpType | Key::IcmpCode, _)
            if kind == DerivedKind::Unreachable && from.is_ipv4() =>
        {
            Some(3)
        }
        (Key::Icmpv6Type, _) if kind == DerivedKind::Unreachable && from.is_ipv6() => Some(1),
        (Key::Icmpv6Code, _) if kind == DerivedKind::Unreachable && from.is_ipv6() => Some(4),
        _ => None,
    };
    let own_payload = if udp {
        Key::UdpPayload
    } else {
        Key::TcpPayload
    };
    if let Some(number) = number {
        found(Value::Unsigned(number));
    } else if is_protocol
        || [own_payload, Key::Data, Key::DataData].contains(&key) && carries && *length > 0
    {
        found(Value::Bytes(payload));
    } else {
        ends(udp, [*from, *to], key, found);
    }
}

fn ends(udp: bool, ends: [SocketAddr; 2], key: Key, found: &mut dyn FnMut(Value<'_>)) {
    let addresses = if ends[0].is_ipv4() {
        [Key::IpSrc, Key::IpDst]
    } else {
        [Key::Ipv6Src, Key::Ipv6Dst]
    };
    let ports = if udp {
        [Key::UdpSrcport, Key::UdpDstport]
    } else {
        [Key::TcpSrcport, Key::TcpDstport]
    };
    for (at, end) in ends.into_iter().enumerate() {
        if key.covers(addresses[at]) {
            found(Value::Ip(end.ip()));
        }
        if key.covers(ports[at]) {
            found(Value::Unsigned(end.port().into()));
        }
    }
}
