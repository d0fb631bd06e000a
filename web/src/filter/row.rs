//! What a filter is asked about: the rows of a trace, packets and calls.

use super::{CallKey, Field};
use shared::dissect::{self, Analysis, Key, Kind, Link, Protocol, Summary, TcpFlags};
use std::net::{IpAddr, SocketAddr};

/// A value that a row has of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A whole number; true is 1 and false is 0.
    Unsigned(u64),
    /// An address.
    Ip(IpAddr),
    /// Bytes: also a text, an Ethernet address, or all of a protocol.
    Bytes(&'a [u8]),
}

/// Something that a filter shows or hides.
pub trait Row {
    /// Calls `found` with every value that the row has of the field.
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
    /// The errno that it failed with.
    pub errno: Option<&'a str>,
    /// Whether it did not return at once.
    pub blocked: bool,
    /// How many bytes it sent or received.
    pub len: Option<u64>,
    /// The bytes it was given or brought.
    pub data: Option<&'a [u8]>,
    /// Whether it cut a datagram off; nothing where it received none.
    pub truncated: Option<bool>,
    /// The port of its own socket; 0 where it says that there is none yet.
    pub port: Option<u16>,
    /// Who is at the other end: `server`, `client`, or `nobody`.
    pub peer: Option<&'a str>,
    /// The option, the direction or the name it was made with.
    pub word: Option<&'a str>,
    /// The process that made it.
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

/// What happens to a datagram at the relay's edge, or to a server, as a row.
#[derive(Clone, Copy, Debug, Default)]
pub struct NewsRow<'a> {
    /// What became of the datagram.
    pub fate: Option<&'a str>,
    /// `request` or `reply`.
    pub direction: Option<&'a str>,
    /// How the server is now.
    pub server: Option<&'a str>,
    /// `udp` or `tcp`.
    pub transport: &'a str,
}

impl Row for NewsRow<'_> {
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

/// A packet as a row. What its summary tells is answered from there; for the rest its bytes are walked over.
#[derive(Clone, Copy, Debug)]
pub struct PacketRow<'a> {
    /// Its number in the trace.
    pub number: u64,
    /// How long it was on the wire.
    pub length: u64,
    /// What its bytes begin with.
    pub link: Link,
    /// Its bytes.
    pub frame: &'a [u8],
    /// Them in short.
    pub summary: &'a Summary,
    /// Its place in its TCP conversation.
    pub analysis: Option<&'a Analysis>,
    /// The process that sent it, if that is known.
    pub process: Option<&'a str>,
    /// The side that sent it, `client` or `server`, if that is known.
    pub side: Option<&'a str>,
}

impl Row for PacketRow<'_> {
    fn values(&self, field: Field, found: &mut dyn FnMut(Value<'_>)) {
        let text = match field {
            Field::Packet(key) => return self.of_packet(key, found),
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
    fn of_packet(&self, key: Key, found: &mut dyn FnMut(Value<'_>)) {
        if key == Key::FrameNumber || key == Key::FrameLen {
            return found(Value::Unsigned(if key == Key::FrameLen {
                self.length
            } else {
                self.number
            }));
        }
        if self.of_analysis(key, found) || self.of_summary(key, found) {
            return;
        }
        dissect::find(self.link, self.frame, key, &mut |value, _| {
            found(self.relative(key, borrowed(value, self.frame)))
        });
    }

    /// Relative where analysers show it relative.
    fn relative<'v>(&self, key: Key, value: Value<'v>) -> Value<'v> {
        if let (Value::Unsigned(number), Some(analysis)) = (value, self.analysis) {
            return Value::Unsigned(analysis.relative(key, number));
        }
        value
    }

    /// What only the conversation tells: the stream, the scaled window, the marks.
    fn of_analysis(&self, key: Key, found: &mut dyn FnMut(Value<'_>)) -> bool {
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

    /// A whole datagram or segment, so that its fields are those of its summary and of no other packet.
    fn is_simple(&self) -> bool {
        let transport =
            self.summary.protocol == Protocol::Udp || self.summary.protocol == Protocol::Tcp;
        transport && self.summary.quoted.is_none() && !self.summary.fragment
    }

    /// Answers from the summary, also that there is no value; says whether it could.
    fn of_summary(&self, key: Key, found: &mut dyn FnMut(Value<'_>)) -> bool {
        let Some((source, destination)) = self
            .summary
            .source
            .zip(self.summary.destination)
            .filter(|_| self.is_simple())
        else {
            return false;
        };
        let udp = self.summary.protocol == Protocol::Udp;
        if key >= Key::Icmp && key <= Key::Icmpv6Mtu || is_of(key, !udp) {
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

/// Whether the key is UDP's, or otherwise TCP's.
fn is_of(key: Key, udp: bool) -> bool {
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

/// A dissected value, with its bytes out of the frame.
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
