//! Captured packets, kept as the kernel delivered them. A burst of datagrams stays one packet until a viewer looks at its
//! events; then each datagram is split from it as the kernel's own segmentation would (`UDP_SEGMENT`, udp(7)). Pure.

use std::rc::Rc;

use shared::{
    conditions::Direction,
    trace::{BurstPlace, CallId, Event, Link, Packet, ProcessId, What},
};

use super::RecordedEvent;

/// Length of an Ethernet header in bytes.
const ETHERNET_BYTES: usize = 14;
/// Length of a UDP header in bytes (RFC 768).
const UDP_HEADER_BYTES: usize = 8;
/// Length of an IPv6 header in bytes (RFC 8200 3).
const IPV6_HEADER_BYTES: usize = 40;
/// Places of the fields that differ between the datagrams of a burst, in bytes from the start of their header.
const IPV4_TOTAL_LENGTH: usize = 2;
const IPV4_IDENTIFICATION: usize = 4;
const IPV4_CHECKSUM: usize = 10;
const IPV6_PAYLOAD_LENGTH: usize = 4;
const UDP_LENGTH: usize = 4;
const UDP_CHECKSUM: usize = 6;

/// A packet as the kernel captured it.
#[derive(Clone, Debug)]
pub struct CapturedPacket {
    /// The interface it was captured on.
    pub interface: Rc<str>,
    /// The link header that its bytes start with.
    pub link: Link,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its length in bytes; the bytes may be only its beginning.
    pub length: u64,
    /// When the kernel captured it, since 1970-01-01 UTC: whole seconds.
    pub kernel_s: u64,
    /// The nanoseconds of that second.
    pub kernel_ns: u32,
    /// Whether the kernel had not computed the checksum yet.
    pub checksum_unfinished: bool,
    /// How it splits into datagrams, if it is a burst.
    pub burst: Option<BurstLayout>,
}

/// How a captured burst splits into UDP datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BurstLayout {
    /// Where the UDP header starts in the packet's bytes.
    pub udp_start: usize,
    /// The payload of each datagram in bytes; that of the last one may be shorter. Never 0.
    pub datagram_bytes: usize,
}

impl CapturedPacket {
    /// The number of datagrams, or 1 for any other packet.
    #[must_use]
    pub fn count(&self) -> usize {
        self.burst.map_or(1, |burst| {
            let payload = self
                .bytes
                .len()
                .saturating_sub(burst.udp_start + UDP_HEADER_BYTES);
            payload.div_ceil(burst.datagram_bytes).max(1)
        })
    }

    /// The bytes of the datagram at this index, from the link header on; those of any other packet as they are.
    #[must_use]
    pub fn split(&self, index: usize) -> Vec<u8> {
        match self.burst {
            Some(burst) => split(&self.bytes, self.link, burst, index),
            None => self.bytes.clone(),
        }
    }
}

/// A captured packet, and what was found out about it.
#[derive(Debug)]
pub struct AttributedPacket {
    /// The packet.
    pub packet: CapturedPacket,
    /// When it was captured, in nanoseconds since the lab started.
    pub mono_ns: u64,
    /// The same in microseconds since 1970-01-01 UTC, by the lab's clock.
    pub wall_us: u64,
    /// The client it belongs to.
    pub process: ProcessId,
    /// The direction between client and server.
    pub direction: Direction,
    /// The call that sent each of its datagrams, as far as known.
    pub calls: Vec<CallId>,
}

impl AttributedPacket {
    /// The event of the datagram at this index.
    pub(super) fn event(&self, index: usize, seq: u64) -> RecordedEvent {
        let event = Event {
            seq,
            mono_ns: self.mono_ns,
            wall_us: self.wall_us,
            what: self.to_what(index),
        };
        RecordedEvent::new(event, Some(self.process))
    }

    fn to_what(&self, index: usize) -> What {
        let packet = &self.packet;
        let bytes = packet.split(index);
        let place = |count| BurstPlace {
            index: small(index),
            count: small(count),
        };
        What::Packet(Box::new(Packet {
            interface: packet.interface.as_ref().to_owned(),
            link: packet.link,
            length: match packet.burst {
                Some(_) => bytes.len() as u64,
                None => packet.length,
            },
            bytes,
            kernel_s: packet.kernel_s,
            kernel_ns: packet.kernel_ns,
            checksum_unfinished: packet.checksum_unfinished,
            process: Some(self.process),
            call: self.calls.get(index).copied(),
            direction: Some(self.direction),
            burst: packet.burst.map(|_| place(packet.count())),
        }))
    }

    /// About how many bytes it keeps beside the fixed size of each of its events.
    pub(super) fn data_bytes(&self) -> usize {
        self.packet.bytes.len() + self.calls.len() * size_of::<CallId>()
    }
}

fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// One datagram of a burst: the common headers with its own lengths, identification and checksums, and its payload.
fn split(burst: &[u8], link: Link, layout: BurstLayout, index: usize) -> Vec<u8> {
    let BurstLayout {
        udp_start,
        datagram_bytes,
    } = layout;
    let (headers, payload) = burst.split_at(burst.len().min(udp_start + UDP_HEADER_BYTES));
    let payload = payload
        .chunks(datagram_bytes)
        .nth(index)
        .unwrap_or_default();
    let mut bytes = [headers, payload].concat();
    let ip_start = match link {
        Link::Ethernet => ETHERNET_BYTES,
        Link::Raw => 0,
    };
    let udp_length = small_length(UDP_HEADER_BYTES + payload.len());
    if let Some(udp) = bytes.get_mut(udp_start..) {
        let whole = read(udp, UDP_LENGTH);
        let unfinished = replace_in_sum(read(udp, UDP_CHECKSUM), whole, udp_length);
        write(udp, UDP_LENGTH, udp_length);
        write(udp, UDP_CHECKSUM, unfinished);
    }
    let ip_bytes = bytes.len().saturating_sub(ip_start);
    let Some(ip) = bytes.get_mut(ip_start..udp_start) else {
        return bytes;
    };
    match ip.first().map(|first| first >> 4) {
        Some(4) => {
            let identification = read(ip, IPV4_IDENTIFICATION);
            write(ip, IPV4_TOTAL_LENGTH, small_length(ip_bytes));
            let identification = identification.wrapping_add(small_length(index));
            write(ip, IPV4_IDENTIFICATION, identification);
            write(ip, IPV4_CHECKSUM, 0);
            write(ip, IPV4_CHECKSUM, !sum(ip));
        }
        Some(6) => write(
            ip,
            IPV6_PAYLOAD_LENGTH,
            small_length(ip_bytes.saturating_sub(IPV6_HEADER_BYTES)),
        ),
        _ => {}
    }
    bytes
}

fn small_length(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}

fn read(header: &[u8], at: usize) -> u16 {
    let bytes = header.get(at..).and_then(<[u8]>::first_chunk);
    bytes.map_or(0, |bytes| u16::from_be_bytes(*bytes))
}

fn write(header: &mut [u8], at: usize, value: u16) {
    if let Some(bytes) = header.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
        *bytes = value.to_be_bytes();
    }
}

/// The Internet checksum's sum of a header of whole 16-bit words (RFC 1071 1).
fn sum(header: &[u8]) -> u16 {
    let words = header.chunks_exact(2).map(|word| u32::from(read(word, 0)));
    fold(words.sum())
}

/// The sum of a pseudo-header in which one word is replaced (RFC 1624 3).
fn replace_in_sum(sum: u16, old: u16, new: u16) -> u16 {
    fold(u32::from(sum) + u32::from(!old) + u32::from(new))
}

fn fold(mut sum: u32) -> u16 {
    while let high @ 1.. = sum >> 16 {
        sum = (sum & 0xFFFF) + high;
    }
    u16::try_from(sum).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests;
