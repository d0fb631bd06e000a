//! The fixed parts of the headers, as tables: which key stands where, and how it is read.

use super::Key;

/// One field of a header.
#[derive(Debug)]
pub(super) struct Spec {
    pub(super) key: Key,
    /// From the header's start, in bytes.
    pub(super) offset: u8,
    /// In bytes; 0 for the checksum's verdict, which stands nowhere.
    pub(super) width: u8,
    /// Its bits within those bytes; 0 for all of them.
    pub(super) mask: u32,
    /// What the number counts, where it is not single bytes.
    times: u8,
    /// How many of the fields before it contain it.
    pub(super) depth: u8,
}

impl Spec {
    /// The field's number out of that of its bytes.
    pub(super) fn pick(&self, bytes: u64) -> u64 {
        match self.mask {
            0 => bytes,
            mask => ((bytes & u64::from(mask)) >> mask.trailing_zeros()) * u64::from(self.times),
        }
    }

    const fn times(self, times: u8) -> Self {
        Self { times, ..self }
    }

    const fn inside(self) -> Self {
        Self { depth: 1, ..self }
    }
}

const fn whole(key: Key, offset: u8, width: u8) -> Spec {
    bits(key, offset, width, 0)
}

const fn bits(key: Key, offset: u8, width: u8, mask: u32) -> Spec {
    Spec {
        key,
        offset,
        width,
        mask,
        times: 1,
        depth: 0,
    }
}

/// What verifying the checksum in front of it gave.
const fn status(key: Key) -> Spec {
    whole(key, 0, 0).inside()
}

/// IEEE 802.3.
pub(super) const ETHERNET: &[Spec] = &[
    whole(Key::EthDst, 0, 6),
    whole(Key::EthSrc, 6, 6),
    whole(Key::EthType, 12, 2),
];

/// RFC 791 3.1; the second byte by RFC 2474 and RFC 3168.
pub(super) const IPV4: &[Spec] = &[
    bits(Key::IpVersion, 0, 1, 0xf0),
    bits(Key::IpHdrLen, 0, 1, 0x0f).times(4),
    whole(Key::IpDsfield, 1, 1),
    bits(Key::IpDsfieldDscp, 1, 1, 0xfc).inside(),
    bits(Key::IpDsfieldEcn, 1, 1, 0x03).inside(),
    whole(Key::IpLen, 2, 2),
    whole(Key::IpId, 4, 2),
    bits(Key::IpFlags, 6, 1, 0xe0),
    bits(Key::IpFlagsRb, 6, 1, 0x80).inside(),
    bits(Key::IpFlagsDf, 6, 1, 0x40).inside(),
    bits(Key::IpFlagsMf, 6, 1, 0x20).inside(),
    bits(Key::IpFragOffset, 6, 2, 0x1fff),
    whole(Key::IpTtl, 8, 1),
    whole(Key::IpProto, 9, 1),
    whole(Key::IpChecksum, 10, 2),
    status(Key::IpChecksumStatus),
    whole(Key::IpSrc, 12, 4),
    whole(Key::IpDst, 16, 4),
];

/// RFC 8200 3.
pub(super) const IPV6: &[Spec] = &[
    bits(Key::Ipv6Version, 0, 1, 0xf0),
    bits(Key::Ipv6Tclass, 0, 2, 0x0ff0),
    bits(Key::Ipv6TclassDscp, 0, 2, 0x0fc0).inside(),
    bits(Key::Ipv6TclassEcn, 0, 2, 0x0030).inside(),
    bits(Key::Ipv6Flow, 1, 3, 0x000f_ffff),
    whole(Key::Ipv6Plen, 4, 2),
    whole(Key::Ipv6Nxt, 6, 1),
    whole(Key::Ipv6Hlim, 7, 1),
    whole(Key::Ipv6Src, 8, 16),
    whole(Key::Ipv6Dst, 24, 16),
];

/// RFC 8200 4.5.
pub(super) const IPV6_FRAGMENT: &[Spec] = &[
    whole(Key::Ipv6FraghdrNxt, 0, 1),
    bits(Key::Ipv6FraghdrOffset, 2, 2, 0xfff8),
    bits(Key::Ipv6FraghdrMore, 2, 2, 0x0001),
    whole(Key::Ipv6FraghdrIdent, 4, 4),
];

/// RFC 768.
pub(super) const UDP: &[Spec] = &[
    whole(Key::UdpSrcport, 0, 2),
    whole(Key::UdpDstport, 2, 2),
    whole(Key::UdpLength, 4, 2),
    whole(Key::UdpChecksum, 6, 2),
    status(Key::UdpChecksumStatus),
];

/// RFC 9293 3.1; AE by RFC 9768.
pub(super) const TCP: &[Spec] = &[
    whole(Key::TcpSrcport, 0, 2),
    whole(Key::TcpDstport, 2, 2),
    whole(Key::TcpSeq, 4, 4),
    whole(Key::TcpSeqRaw, 4, 4).inside(),
    whole(Key::TcpAck, 8, 4),
    whole(Key::TcpAckRaw, 8, 4).inside(),
    bits(Key::TcpHdrLen, 12, 1, 0xf0).times(4),
    bits(Key::TcpFlagBits, 12, 2, 0x0fff),
    bits(Key::TcpFlagsRes, 12, 2, 0x0e00).inside(),
    bits(Key::TcpFlagsAe, 12, 2, 0x0100).inside(),
    bits(Key::TcpFlagsCwr, 12, 2, 0x0080).inside(),
    bits(Key::TcpFlagsEce, 12, 2, 0x0040).inside(),
    bits(Key::TcpFlagsUrg, 12, 2, 0x0020).inside(),
    bits(Key::TcpFlagsAck, 12, 2, 0x0010).inside(),
    bits(Key::TcpFlagsPush, 12, 2, 0x0008).inside(),
    bits(Key::TcpFlagsReset, 12, 2, 0x0004).inside(),
    bits(Key::TcpFlagsSyn, 12, 2, 0x0002).inside(),
    bits(Key::TcpFlagsFin, 12, 2, 0x0001).inside(),
    whole(Key::TcpWindowSizeValue, 14, 2),
    whole(Key::TcpChecksum, 16, 2),
    status(Key::TcpChecksumStatus),
    whole(Key::TcpUrgentPointer, 18, 2),
];

/// RFC 792: what all messages begin with.
pub(super) const ICMP: &[Spec] = &[
    whole(Key::IcmpType, 0, 1),
    whole(Key::IcmpCode, 1, 1),
    whole(Key::IcmpChecksum, 2, 2),
    status(Key::IcmpChecksumStatus),
];

/// RFC 792, echo.
pub(super) const ICMP_ECHO: &[Spec] = &[whole(Key::IcmpIdent, 4, 2), whole(Key::IcmpSeq, 6, 2)];

/// RFC 1191 4, fragmentation needed.
pub(super) const ICMP_MTU: &[Spec] = &[whole(Key::IcmpMtu, 6, 2)];

/// RFC 792, redirect.
pub(super) const ICMP_REDIRECT: &[Spec] = &[whole(Key::IcmpRedirGw, 4, 4)];

/// RFC 4443 2.1.
pub(super) const ICMPV6: &[Spec] = &[
    whole(Key::Icmpv6Type, 0, 1),
    whole(Key::Icmpv6Code, 1, 1),
    whole(Key::Icmpv6Checksum, 2, 2),
    status(Key::Icmpv6ChecksumStatus),
];

/// RFC 4443 4.1, echo.
pub(super) const ICMPV6_ECHO: &[Spec] = &[
    whole(Key::Icmpv6EchoIdentifier, 4, 2),
    whole(Key::Icmpv6EchoSequenceNumber, 6, 2),
];

/// RFC 4443 3.2, packet too big.
pub(super) const ICMPV6_MTU: &[Spec] = &[whole(Key::Icmpv6Mtu, 4, 4)];
