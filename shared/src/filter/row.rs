//! The rows of a trace that a filter tests: packets, calls and other events.

use super::{CallKey, Field};
use crate::dissect::{self, Analysis, Key, Kind, Link, Protocol, Summary, TcpFlags};
use std::net::{IpAddr, SocketAddr};

/// A row's value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A whole number; true is 1 and false is 0.
    Unsigned(u64),
    /// An address.
    Ip(IpAddr),
    /// Bytes: also a text, an Ethernet address, or a protocol's header and payload.
    Bytes(&'a [u8]),
}

/// A row that a filter shows or hides.
pub trait Row {
    /// Calls `found` with each of the row's values of the field.
    fn values(&self, field: Field, found: &mut dyn FnMut(Value<'_>));

    /// Whether the row has the field.
    fn has(&self, field: Field) -> bool {
        let mut has = false;
        self.values(field, &mut |_| has = true);
        has
    }
}

/// A socket call as a row.
#[derive(Clone, Copy, Debug, Default)]
pub struct CallRow<'a> {
    /// Its name, such as `sendto`.
    pub name: &'a str,
    /// The errno it failed with.
    pub errno: Option<&'a str>,
    /// Whether it blocked.
    pub blocked: bool,
    /// The number of bytes it sent or received.
    pub len: Option<u64>,
    /// The bytes it sent or received.
    pub data: Option<&'a [u8]>,
    /// Whether its datagram was truncated; `None` if it received none.
    pub truncated: Option<bool>,
    /// Its socket's local port; 0 for a socket that is not bound.
    pub port: Option<u16>,
    /// Its peer: `server`, `client`, or `nobody`.
    pub peer: Option<&'a str>,
    /// Its option, direction or name argument.
    pub word: Option<&'a str>,
    /// The calling process.
    pub process: &'a str,
    /// `client` or `server`.
    pub side: &'a str,
    /// `udp` or `tcp`.
    pub transport: &'a str,
}

impl Row for CallRow<'_> {
    fn values(&self, field: Field, found: &mut dyn FnMut(Value<'_>)) {
        let Field::Call(key) = field else { return };
        let text = match key {
            CallKey::Call => Some(""),
            CallKey::Name => Some(self.name),
            CallKey::Errno => self.errno,
            CallKey::Peer => self.peer,
            CallKey::Word => self.word,
            CallKey::Process => Some(self.process),
            CallKey::Side => Some(self.side),
            CallKey::Transport => Some(self.transport),
            CallKey::Data => return self.data.into_iter().map(Value::Bytes).for_each(found),
            CallKey::Blocked => return numbers(Some(self.blocked.into()), found),
            CallKey::Len => return numbers(self.len, found),
            CallKey::Truncated => return numbers(self.truncated.map(u64::from), found),
            CallKey::Port => return numbers(self.port.map(u64::from), found),
            CallKey::Fate | CallKey::Direction | CallKey::Server => None,
        };
        texts(text, found);
    }
}

/// An event as a row: of a datagram at the relay's edge, or of a server.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventRow<'a> {
    /// The datagram's fate.
    pub fate: Option<&'a str>,
    /// `request` or `reply`.
    pub direction: Option<&'a str>,
    /// The server's new state.
    pub server: Option<&'a str>,
    /// `udp` or `tcp`.
    pub transport: &'a str,
}

impl Row for EventRow<'_> {
    fn values(&self, field: Field, found: &mut dyn FnMut(Value<'_>)) {
        let text = match field {
            Field::Call(CallKey::Fate) => self.fate,
            Field::Call(CallKey::Direction) => self.direction,
            Field::Call(CallKey::Server) => self.server,
            Field::Call(CallKey::Transport) => Some(self.transport),
            Field::Call(_) | Field::Packet(_) => None,
        };
        texts(text, found);
    }
}

fn numbers(number: Option<u64>, found: &mut dyn FnMut(Value<'_>)) {
    number.into_iter().map(Value::Unsigned).for_each(found);
}

fn texts(text: Option<&str>, found: &mut dyn FnMut(Value<'_>)) {
    let values = text.into_iter().map(|text| Value::Bytes(text.as_bytes()));
    values.for_each(found);
}

/// A packet as a row. Values come from its summary where it has them, else from a walk over its bytes.
#[derive(Clone, Copy, Debug)]
pub struct PacketRow<'a> {
    /// Its number in the trace.
    pub number: u64,
    /// Its length on the wire, in bytes.
    pub length: u64,
    /// Its link layer.
    pub link: Link,
    /// Its bytes.
    pub frame: &'a [u8],
    /// The summary of its bytes.
    pub summary: &'a Summary,
    /// Its analysis within its TCP conversation.
    pub analysis: Option<&'a Analysis>,
    /// The sending process, if known.
    pub process: Option<&'a str>,
    /// The sending side, `client` or `server`, if known.
    pub side: Option<&'a str>,
}

impl Row for PacketRow<'_> {
    fn values(&self, field: Field, found: &mut dyn FnMut(Value<'_>)) {
        let text = match field {
            Field::Packet(key) => return self.packet_values(key, found),
            Field::Call(CallKey::Process) => self.process,
            Field::Call(CallKey::Side) => self.side,
            Field::Call(_) => None,
        };
        texts(text, found);
    }

    fn has(&self, field: Field) -> bool {
        match field {
            Field::Packet(key) if self.is_simple() && self.summary.protocol.key() == key => true,
            Field::Packet(_) | Field::Call(_) => {
                let mut has = false;
                self.values(field, &mut |_| has = true);
                has
            }
        }
    }
}

impl PacketRow<'_> {
    fn packet_values(&self, key: Key, found: &mut dyn FnMut(Value<'_>)) {
        if key == Key::FrameNumber || key == Key::FrameLen {
            return found(Value::Unsigned(if key == Key::FrameLen {
                self.length
            } else {
                self.number
            }));
        }
        if self.analysis_values(key, found) || self.summary_values(key, found) {
            return;
        }
        dissect::find(self.link, self.frame, key, &mut |value, _| {
            found(self.relative(key, borrowed(value, self.frame)))
        });
    }

    /// Sequence numbers relative to the connection's first, as protocol analysers show them.
    fn relative<'v>(&self, key: Key, value: Value<'v>) -> Value<'v> {
        if let (Value::Unsigned(number), Some(analysis)) = (value, self.analysis) {
            return Value::Unsigned(analysis.relative(key, number));
        }
        value
    }

    /// Values that only the conversation has: stream, scaled window, marks. Returns whether `key` is one of them.
    fn analysis_values(&self, key: Key, found: &mut dyn FnMut(Value<'_>)) -> bool {
        let known = (Key::TcpAnalysisFlags..=Key::TcpAnalysisReusedPorts).contains(&key);
        if !known && key != Key::TcpStream && key != Key::TcpWindowSize {
            return false;
        }
        if let Some(analysis) = self.analysis {
            analysis.each(&mut |of, value| {
                if of == key {
                    found(borrowed(&value, self.frame));
                }
            });
        }
        true
    }

    /// Whether it is a whole datagram or segment and quotes no other packet: then the summary has its fields.
    fn is_simple(&self) -> bool {
        let transport =
            self.summary.protocol == Protocol::Udp || self.summary.protocol == Protocol::Tcp;
        transport && self.summary.quoted.is_none() && !self.summary.fragment
    }

    /// Values from the summary. Returns whether the summary decides about `key`, also with no value.
    fn summary_values(&self, key: Key, found: &mut dyn FnMut(Value<'_>)) -> bool {
        let Some((source, destination)) = self
            .summary
            .source
            .zip(self.summary.destination)
            .filter(|_| self.is_simple())
        else {
            return false;
        };
        let udp = self.summary.protocol == Protocol::Udp;
        if key >= Key::Icmp && key <= Key::Icmpv6Mtu || is_key_of(key, !udp) {
            return true;
        }
        if key.kind() == Kind::Ipv4 || key.kind() == Kind::Ipv6 {
            addresses(key, [source, destination], found);
            return true;
        }
        let [from, to] = if udp {
            [Key::UdpSrcport, Key::UdpDstport]
        } else {
            [Key::TcpSrcport, Key::TcpDstport]
        };
        if key.covers(from) || key.covers(to) {
            let ends = [(from, source), (to, destination)];
            ends.iter()
                .filter(|(end, _)| key.covers(*end))
                .for_each(|(_, end)| found(Value::Unsigned(end.port().into())));
            return true;
        }
        let flag = FLAGS
            .iter()
            .find(|(flag, _)| *flag == key)
            .zip(self.summary.tcp);
        flag.inspect(|((_, flag), tcp)| found(Value::Unsigned(tcp.flags.has(*flag).into())))
            .is_some()
    }
}

/// Whether the key is UDP's, or TCP's if not `udp`.
fn is_key_of(key: Key, udp: bool) -> bool {
    let (first, last) = if udp {
        (Key::Udp, Key::UdpPayload)
    } else {
        (Key::Tcp, Key::TcpAnalysisReusedPorts)
    };
    key >= first && key <= last
}

fn addresses(key: Key, [source, destination]: [SocketAddr; 2], found: &mut dyn FnMut(Value<'_>)) {
    let keys = if source.is_ipv4() {
        [Key::IpSrc, Key::IpDst]
    } else {
        [Key::Ipv6Src, Key::Ipv6Dst]
    };
    for (end, address) in keys.into_iter().zip([source.ip(), destination.ip()]) {
        if key.covers(end) {
            found(Value::Ip(address));
        }
    }
}

const FLAGS: [(Key, TcpFlags); 9] = [
    (Key::TcpFlagsFin, TcpFlags::FIN),
    (Key::TcpFlagsSyn, TcpFlags::SYN),
    (Key::TcpFlagsReset, TcpFlags::RST),
    (Key::TcpFlagsPush, TcpFlags::PSH),
    (Key::TcpFlagsAck, TcpFlags::ACK),
    (Key::TcpFlagsUrg, TcpFlags::URG),
    (Key::TcpFlagsEce, TcpFlags::ECE),
    (Key::TcpFlagsCwr, TcpFlags::CWR),
    (Key::TcpFlagsAe, TcpFlags::AE),
];

/// A dissected value, with bytes borrowed from the frame.
pub(super) fn borrowed<'a>(value: &'a dissect::Value, frame: &'a [u8]) -> Value<'a> {
    match value {
        dissect::Value::Unsigned(number) => Value::Unsigned(*number),
        dissect::Value::Bool(bit) => Value::Unsigned((*bit).into()),
        dissect::Value::Ipv4(address) => Value::Ip(IpAddr::V4(*address)),
        dissect::Value::Ipv6(address) => Value::Ip(IpAddr::V6(*address)),
        dissect::Value::Mac(address) => Value::Bytes(address),
        dissect::Value::Bytes(range) => Value::Bytes(frame.get(range.clone()).unwrap_or(&[])),
    }
}
