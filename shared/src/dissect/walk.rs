//! One walk over a frame serves every reader: a [`Visit`] sees each layer and field in order, and keeps what it needs.

use super::bytes::{array, clip, number, prefix};
use super::layout::Spec;
use super::outline::{ETHERNET_HEADER, Ip, network_at};
use super::{Checksum, Fault, Key, Kind, Link, Protocol, Value, layout, network};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

/// A reader of the walk. Every [`Visit::open`] is followed by its [`Visit::close`], with its parts in between.
pub(super) trait Visit {
    /// A layer begins; the range reaches from its header to the end of its packet.
    fn enter(&mut self, protocol: Protocol, packet: Range<usize>, quoted: bool);
    /// A field of the layer begins.
    fn open(&mut self, key: Key, value: Value, range: Range<usize>, mask: u32);
    /// The innermost open field ends.
    fn close(&mut self);
    /// The layer's header ends at this byte.
    fn leave(&mut self, end: usize, fault: Option<Fault>, checksum: Option<Checksum>);
    /// Whether the work of verifying checksums is wanted.
    fn verifies(&self) -> bool;
}

/// Calls `found` with every value of `key` in the frame, in order, with its bytes; builds nothing.
///
/// A joint key such as `ip.addr` gives the values of all its members; a protocol's key gives its bytes from the
/// header to the end of the packet. Packets quoted inside ICMP errors count, as in other analysers.
pub fn find(link: Link, frame: &[u8], key: Key, found: &mut dyn FnMut(&Value, Range<usize>)) {
    if key == Key::Frame {
        found(&Value::Bytes(0..frame.len()), 0..frame.len());
    } else {
        walk(link, frame, &mut Finder { key, found });
    }
}

struct Finder<'a> {
    key: Key,
    found: &'a mut dyn FnMut(&Value, Range<usize>),
}

impl Visit for Finder<'_> {
    fn enter(&mut self, protocol: Protocol, packet: Range<usize>, _: bool) {
        if protocol.key() == self.key {
            (self.found)(&Value::Bytes(packet.clone()), packet);
        }
    }

    fn open(&mut self, key: Key, value: Value, range: Range<usize>, _: u32) {
        if self.key.covers(key) {
            (self.found)(&value, range);
        }
    }

    fn close(&mut self) {}

    fn leave(&mut self, _: usize, _: Option<Fault>, _: Option<Checksum>) {}

    fn verifies(&self) -> bool {
        let status = [
            Key::IpChecksumStatus,
            Key::UdpChecksumStatus,
            Key::TcpChecksumStatus,
            Key::IcmpChecksumStatus,
            Key::Icmpv6ChecksumStatus,
        ];
        status.contains(&self.key)
    }
}

/// Walks over all layers of a frame.
pub(super) fn walk(link: Link, frame: &[u8], visit: &mut dyn Visit) {
    for key in [Key::FrameLen, Key::FrameCapLen] {
        visit.open(key, Value::Unsigned(frame.len() as u64), 0..0, 0);
        visit.close();
    }
    let mut walk = Walk {
        visit,
        frame,
        quoted: false,
    };
    match link {
        Link::Ethernet => walk.ethernet(),
        Link::Raw => network::walk(&mut walk, 0),
    }
}

/// Where the walk is: in a frame whose bytes end with the packet at hand.
pub(super) struct Walk<'v, 'f> {
    pub(super) visit: &'v mut (dyn Visit + 'v),
    pub(super) frame: &'f [u8],
    pub(super) quoted: bool,
}

impl<'f> Walk<'_, 'f> {
    /// The same walk in a packet that ends at `end`.
    pub(super) fn until(&mut self, end: usize) -> Walk<'_, 'f> {
        Walk {
            visit: &mut *self.visit,
            frame: prefix(self.frame, end),
            quoted: self.quoted,
        }
    }

    /// The same walk in a packet that is only quoted.
    pub(super) fn quoting(&mut self) -> Walk<'_, 'f> {
        Walk {
            visit: &mut *self.visit,
            frame: self.frame,
            quoted: true,
        }
    }

    /// Enters a layer whose header starts at `at`.
    pub(super) fn header(&mut self, protocol: Protocol, at: usize) -> Header<'_, 'f> {
        let packet = clip(self.frame, at..self.frame.len());
        self.visit.enter(protocol, packet, self.quoted);
        Header {
            visit: &mut *self.visit,
            frame: self.frame,
            at,
            fault: None,
            checksum: None,
        }
    }

    /// Bytes that no other layer reads; nothing if there are none.
    pub(super) fn data(&mut self, range: Range<usize>) {
        let range = clip(self.frame, range);
        if range.is_empty() {
            return;
        }
        let mut walk = self.until(range.end);
        let mut header = walk.header(Protocol::Data, range.start);
        header.bytes(Key::DataData, range.clone());
        header.computed(Key::DataLen, Value::Unsigned(range.len() as u64));
        header.leave(range.end);
    }

    fn ethernet(&mut self) {
        let ip = Ip::of_frame(Link::Ethernet, self.frame);
        let mut header = self.header(Protocol::Ethernet, 0);
        header.fixed(layout::ETHERNET);
        let end = header.frame.len();
        if let Some(ip) = ip.filter(|ip| ip.end < end) {
            header.bytes(Key::EthTrailer, ip.end..end);
        }
        header.leave(ETHERNET_HEADER);
        match network_at(Link::Ethernet, self.frame) {
            Some(at) => network::walk(self, at),
            None => self.data(ETHERNET_HEADER..end),
        }
    }
}

/// The header being read.
pub(super) struct Header<'v, 'f> {
    visit: &'v mut (dyn Visit + 'v),
    pub(super) frame: &'f [u8],
    at: usize,
    pub(super) fault: Option<Fault>,
    pub(super) checksum: Option<Checksum>,
}

impl Header<'_, '_> {
    /// The fields that always stand in the same place.
    pub(super) fn fixed(&mut self, layout: &[Spec]) {
        let mut open = 0;
        for spec in layout {
            while open > spec.depth {
                self.close();
                open -= 1;
            }
            if let Some((value, range)) = self.read(spec) {
                self.visit.open(spec.key, value, range, spec.mask);
                open += 1;
            } else if spec.width > 0 {
                self.fault.get_or_insert(Fault::Truncated);
            }
        }
        for _ in 0..open {
            self.close();
        }
    }

    fn read(&self, spec: &Spec) -> Option<(Value, Range<usize>)> {
        let start = self.at + usize::from(spec.offset);
        let range = start..start + usize::from(spec.width);
        if spec.width == 0 {
            return Some((Value::Unsigned(self.checksum?.status()), 0..0));
        }
        let value = match spec.key.kind() {
            Kind::Unsigned(_) => Value::Unsigned(spec.pick(number(self.frame, range.clone())?)),
            Kind::Bool => Value::Bool(spec.pick(number(self.frame, range.clone())?) != 0),
            Kind::Ipv4 => Value::Ipv4(Ipv4Addr::from(array::<4>(self.frame, start)?)),
            Kind::Ipv6 => Value::Ipv6(Ipv6Addr::from(array::<16>(self.frame, start)?)),
            Kind::Mac => Value::Mac(array::<6>(self.frame, start)?),
            Kind::Bytes | Kind::Protocol => {
                self.frame.get(range.clone())?;
                Value::Bytes(range.clone())
            }
        };
        Some((value, range))
    }

    /// A field whose parts follow until [`Self::close`].
    pub(super) fn open(&mut self, key: Key, range: Range<usize>) {
        let range = clip(self.frame, range);
        self.visit.open(key, Value::Bytes(range.clone()), range, 0);
    }

    pub(super) fn close(&mut self) {
        self.visit.close();
    }

    /// A field of bytes, without parts.
    pub(super) fn bytes(&mut self, key: Key, range: Range<usize>) {
        self.open(key, range);
        self.close();
    }

    /// A number somewhere in the header.
    pub(super) fn number(&mut self, key: Key, range: Range<usize>) {
        if let Some(value) = number(self.frame, range.clone()) {
            self.visit.open(key, Value::Unsigned(value), range, 0);
            self.close();
        }
    }

    /// A value that stands nowhere in the frame.
    pub(super) fn computed(&mut self, key: Key, value: Value) {
        self.visit.open(key, value, 0..0, 0);
        self.close();
    }

    /// Fields of a part of the header that starts at `at`.
    pub(super) fn part(&mut self, at: usize, layout: &[Spec]) {
        let start = std::mem::replace(&mut self.at, at);
        self.fixed(layout);
        self.at = start;
    }

    /// Whether the work of verifying checksums is wanted.
    pub(super) fn verifies(&self) -> bool {
        self.visit.verifies()
    }

    /// The header ends.
    pub(super) fn leave(self, end: usize) {
        self.visit.leave(end, self.fault, self.checksum);
    }
}
