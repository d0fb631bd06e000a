//! What the bytes of a packet mean: layers, fields, checksums, one line of summary, and the place of a segment in its
//! TCP conversation.
//!
//! Everything here is total: any bytes, cut short or damaged, give an answer and never a panic.
//!
//! - [`dissect`] gives the whole tree for the packet that somebody looks at; [`find`] visits the values of one key
//!   without building it, for filters.
//! - [`Summary`] is the cheap view for every packet that arrives; [`info`] is its line in a packet list.
//! - [`split_datagram`] takes a datagram out of a packet of several.
//! - [`complete_checksums`] finishes what loopback leaves half done, for exports.
//! - [`Streams`] is fed all summaries in order and says what a segment is within its conversation.

mod burst;
mod bytes;
mod checksum;
mod extension;
mod icmp;
mod info;
mod key;
mod layout;
mod network;
mod outline;
mod piece;
mod streams;
mod summary;
mod tcp;
#[cfg(test)]
mod tests;
mod tree;
mod udp;
mod walk;

pub use burst::{datagram_count, split_datagram};
pub use checksum::{Checksum, complete_checksums};
pub use info::info;
pub use key::{Key, Kind};
pub use piece::Piece;
pub use streams::{Analysis, Duplicate, Mark, Marks, Streams};
pub use summary::{Quoted, Segment, Summary, TcpFlags};
pub use tree::{Dissection, Field, Layer};
pub use walk::find;

pub use crate::trace::Link;

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

/// The protocols that are taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// IEEE 802.3.
    Ethernet,
    /// RFC 791.
    Ipv4,
    /// RFC 8200.
    Ipv6,
    /// RFC 768.
    Udp,
    /// RFC 9293.
    Tcp,
    /// RFC 792.
    Icmp,
    /// RFC 4443.
    Icmpv6,
    /// What the application sent, or what nothing else here can read.
    Data,
}

impl Protocol {
    /// The name as a packet list shows it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ethernet => "Ethernet",
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Icmp => "ICMP",
            Self::Icmpv6 => "ICMPv6",
            Self::Data => "Data",
        }
    }

    /// The key that asks for this protocol in a filter.
    #[must_use]
    pub const fn key(self) -> Key {
        match self {
            Self::Ethernet => Key::Eth,
            Self::Ipv4 => Key::Ip,
            Self::Ipv6 => Key::Ipv6Header,
            Self::Udp => Key::Udp,
            Self::Tcp => Key::Tcp,
            Self::Icmp => Key::Icmp,
            Self::Icmpv6 => Key::Icmpv6,
            Self::Data => Key::Data,
        }
    }
}

/// The value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A whole number, already shifted and scaled as its key promises.
    Unsigned(u64),
    /// One bit, or a mark.
    Bool(bool),
    /// An IPv4 address.
    Ipv4(Ipv4Addr),
    /// An IPv6 address.
    Ipv6(Ipv6Addr),
    /// An Ethernet address.
    Mac([u8; 6]),
    /// These bytes of the frame.
    Bytes(Range<usize>),
}

/// Why a layer could not be read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The frame ends before the layer does. Usual inside an ICMP error, which quotes only the beginning.
    Truncated,
    /// A length field contradicts itself or what is around it.
    Length,
    /// A TCP option's length does not fit.
    Option,
}

/// Takes a frame apart.
#[must_use]
pub fn dissect(link: Link, frame: &[u8]) -> Dissection {
    let mut tree = tree::Builder::default();
    walk::walk(link, frame, &mut tree);
    tree.finish()
}
