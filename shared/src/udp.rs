//! The sizes of UDP datagrams: every buffer and every limit for datagrams is one of these.

/// The largest value of a UDP header's length field (RFC 768), and so enough room for any datagram's payload.
pub const MAX_DATAGRAM_BYTES: usize = 65_535;

/// The largest UDP payload over IPv4: 65,535 bytes less the headers of IP and UDP (RFC 791, RFC 768).
pub const MAX_PAYLOAD_BYTES: usize = 65_507;
