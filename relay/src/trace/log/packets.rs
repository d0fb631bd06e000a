//! Captured packets, kept as the kernel delivered them. A burst of datagrams stays one packet until a viewer looks at its
//! events. Pure.

use std::{num::NonZeroUsize, rc::Rc};

use shared::{
    conditions::Direction,
    dissect::{datagram_count, split_datagram},
    trace::{BurstPlace, CallId, Event, Link, Packet, ProcessId, What},
};

use super::RecordedEvent;

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
    /// If it is a burst of datagrams, the payload of each in bytes; that of the last one may be shorter.
    pub payload_bytes: Option<NonZeroUsize>,
}

impl CapturedPacket {
    /// The number of datagrams of a burst; any other packet is one.
    #[must_use]
    pub fn count(&self) -> usize {
        self.payload_bytes.map_or(1, |payload_bytes| {
            datagram_count(self.link, &self.bytes, payload_bytes)
        })
    }

    fn split(&self, index: usize) -> Vec<u8> {
        match self.payload_bytes {
            Some(payload_bytes) => split_datagram(self.link, &self.bytes, payload_bytes, index),
            None => self.bytes.clone(),
        }
    }
}

/// A captured packet, and what was found out about it.
#[derive(Debug)]
pub struct AttributedPacket {
    /// The packet.
    pub packet: CapturedPacket,
    /// The number of its datagrams.
    pub count: usize,
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
            length: match packet.payload_bytes {
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
            burst: packet.payload_bytes.map(|_| place(self.count)),
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

#[cfg(test)]
mod tests;
