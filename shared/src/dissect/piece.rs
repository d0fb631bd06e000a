//! A piece of a larger packet, as IP fragments it (RFC 791 3.2, RFC 8200 4.5).

use std::net::IpAddr;

use super::{Link, outline::Ip};

/// A fragment's header in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The sender's address.
    pub source: IpAddr,
    /// To whom.
    pub destination: IpAddr,
    /// What all pieces of the packet share.
    pub identification: u32,
    /// The payload's protocol, by its IANA number.
    pub protocol: u8,
    /// Where its bytes belong in the whole, in bytes.
    pub offset: u32,
    /// More pieces follow.
    pub more: bool,
    /// How many bytes of the whole it carries.
    pub length: u32,
}

impl Piece {
    /// Reads a frame; `None` where it is no piece.
    #[must_use]
    pub fn of(link: Link, frame: &[u8]) -> Option<Self> {
        let ip = Ip::of_frame(link, frame)?;
        let fragment = ip.fragment.filter(|_| ip.is_piece())?;
        let length = ip.wire_end.saturating_sub(ip.header_end);
        Some(Self {
            source: ip.source,
            destination: ip.destination,
            identification: fragment.identification,
            protocol: ip.protocol,
            offset: fragment.offset,
            more: fragment.more,
            length: u32::try_from(length).unwrap_or(u32::MAX),
        })
    }

    /// Whether both are pieces of the same packet.
    #[must_use]
    pub fn is_of_the_same(&self, other: &Self) -> bool {
        let whole = |piece: &Self| {
            (
                piece.source,
                piece.destination,
                piece.identification,
                piece.protocol,
            )
        };
        whole(self) == whole(other)
    }
}
