//! How numbers are written: which count bytes, which are codes, and the names of codes.

use shared::dissect::{Key, Kind};

/// Whether a field counts bytes.
pub(super) fn counts_bytes(key: Key) -> bool {
    const SIZES: [Key; 12] = [
        Key::FrameLen,
        Key::FrameCapLen,
        Key::IpHdrLen,
        Key::IpLen,
        Key::Ipv6Plen,
        Key::UdpLength,
        Key::TcpLen,
        Key::TcpHdrLen,
        Key::TcpWindowSize,
        Key::TcpOptionsMssVal,
        Key::IcmpMtu,
        Key::DataLen,
    ];
    SIZES.contains(&key)
}

/// Whether a field is a code, written in hex.
pub(super) fn in_hex(key: Key) -> bool {
    const CODES: [Key; 14] = [
        Key::EthType,
        Key::IpDsfield,
        Key::IpId,
        Key::IpFlags,
        Key::IpChecksum,
        Key::Ipv6Tclass,
        Key::Ipv6Flow,
        Key::Ipv6FraghdrIdent,
        Key::UdpChecksum,
        Key::TcpFlagBits,
        Key::TcpChecksum,
        Key::IcmpChecksum,
        Key::Icmpv6Checksum,
        Key::IcmpIdent,
    ];
    CODES.contains(&key)
}

/// A number in hex, with all digits of its field.
pub(super) fn hexadecimal(key: Key, number: u64) -> String {
    let digits = match key.kind() {
        Kind::Unsigned(bits) => usize::from(bits).div_ceil(4),
        Kind::Protocol | Kind::Bool | Kind::Ipv4 | Kind::Ipv6 | Kind::Mac | Kind::Bytes => 2,
    };
    format!("0x{number:0digits$x}")
}

/// The usual name of a number.
pub(super) fn name(key: Key, number: u64) -> Option<&'static str> {
    let names: &[(u64, &str)] = match (key, ()) {
        (Key::EthType, ()) => &[(0x0800, "IPv4"), (0x0806, "ARP"), (0x86dd, "IPv6")],
        (Key::IpProto | Key::Ipv6Nxt | Key::Ipv6FraghdrNxt, ()) => PROTOCOLS,
        (Key::IpDsfieldEcn | Key::Ipv6TclassEcn, ()) => {
            &[(0, "Not-ECT"), (1, "ECT(1)"), (2, "ECT(0)"), (3, "CE")]
        }
        (Key::IpDsfieldDscp | Key::Ipv6TclassDscp, ()) => &[(0, "CS0"), (46, "EF")],
        (Key::TcpOptionKind, ()) => OPTIONS,
        (Key::IcmpType, ()) => &[
            (0, "echo reply"),
            (3, "unreachable"),
            (8, "echo request"),
            (11, "time exceeded"),
        ],
        _ => return None,
    };
    names
        .iter()
        .find(|(known, _)| *known == number)
        .map(|(_, name)| *name)
}

/// The IANA registry of protocol numbers, as far as they occur here.
const PROTOCOLS: &[(u64, &str)] = &[
    (0, "hop-by-hop"),
    (1, "ICMP"),
    (6, "TCP"),
    (17, "UDP"),
    (44, "fragment"),
    (58, "ICMPv6"),
];

/// The IANA registry of TCP option kinds, as far as they are dissected.
const OPTIONS: &[(u64, &str)] = &[
    (0, "end"),
    (1, "no operation"),
    (2, "MSS"),
    (3, "window scale"),
    (4, "SACK permitted"),
    (5, "SACK"),
    (8, "timestamps"),
];
