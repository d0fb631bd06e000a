//! The extension headers that may stand between an IPv6 header and its payload (RFC 8200 4).

use super::bytes::{prefix, u8_at, u16_at, u32_at};

/// The length of the fixed IPv6 header (RFC 8200 3).
pub(super) const IPV6_HEADER: usize = 40;
/// The protocol number of a packet without a payload (RFC 8200 4.7).
pub(super) const NO_NEXT_HEADER: u8 = 59;

/// One piece of a larger packet (RFC 791 3.2, RFC 8200 4.5).
#[derive(Clone, Copy, Debug)]
pub(super) struct Fragment {
    /// What all pieces of the packet share.
    pub(super) identification: u32,
    /// Where this piece's bytes belong.
    pub(super) offset: u32,
    /// More pieces follow.
    pub(super) more: bool,
}

/// One IPv6 extension header (RFC 8200 4).
#[derive(Clone, Copy, Debug)]
pub(super) struct Extension {
    /// Its own number, from the header before.
    pub(super) kind: u8,
    /// Where it starts.
    pub(super) at: usize,
    /// Where it ends.
    pub(super) end: usize,
    /// What follows it.
    pub(super) next: u8,
}

impl Extension {
    pub(super) const HOP_BY_HOP: u8 = 0;
    pub(super) const ROUTING: u8 = 43;
    pub(super) const FRAGMENT: u8 = 44;
    pub(super) const DESTINATION_OPTIONS: u8 = 60;

    fn read(frame: &[u8], kind: u8, at: usize) -> Option<Self> {
        let length = match kind {
            Self::HOP_BY_HOP | Self::ROUTING | Self::DESTINATION_OPTIONS => {
                (usize::from(u8_at(frame, at + 1)?) + 1) * 8
            }
            Self::FRAGMENT => 8,
            _ => return None,
        };
        let end = at + length;
        (end <= frame.len()).then_some(Self {
            kind,
            at,
            end,
            next: u8_at(frame, at)?,
        })
    }

    /// What it says, if it is a fragment header (RFC 8200 4.5).
    pub(super) fn fragment(self, frame: &[u8]) -> Option<Fragment> {
        if self.kind != Self::FRAGMENT {
            return None;
        }
        let word = u16_at(frame, self.at + 2)?;
        Some(Fragment {
            identification: u32_at(frame, self.at + 4)?,
            offset: (word & 0xfff8).into(),
            more: word & 1 != 0,
        })
    }
}

/// The extension headers behind an IPv6 header, up to the first that is unknown, cut, or followed by a later
/// fragment's bytes.
#[derive(Debug)]
pub(super) struct Extensions<'a> {
    packet: &'a [u8],
    next: u8,
    at: usize,
}

impl<'a> Extensions<'a> {
    pub(super) fn new(frame: &'a [u8], at: usize, end: usize) -> Self {
        let packet = prefix(frame, end);
        Self {
            packet,
            next: u8_at(packet, at + 6).unwrap_or(NO_NEXT_HEADER),
            at: at + IPV6_HEADER,
        }
    }
}

impl Iterator for Extensions<'_> {
    type Item = Extension;

    fn next(&mut self) -> Option<Extension> {
        let extension = Extension::read(self.packet, self.next, self.at)?;
        let later_fragment = extension
            .fragment(self.packet)
            .is_some_and(|fragment| fragment.offset > 0);
        self.at = if later_fragment {
            self.packet.len()
        } else {
            extension.end
        };
        self.next = extension.next;
        Some(extension)
    }
}
