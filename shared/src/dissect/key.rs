//! The names of all fields of a packet, spelt as in the display filters of protocol analysers.
//!
//! One table gives every key its name and the kind of its values; the dissector, the filter and the page's
//! translations all look here. A [`Kind::Unsigned`] also says how many bits the wire gives it, so that a port
//! of 70000 can be refused before anything is searched.

/// What the values of a key are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole layer: it is present or not, and its bytes reach from its header to the end of its packet.
    Protocol,
    /// A whole number of at most this many bits.
    Unsigned(u8),
    /// One bit, or a mark that is either there or not.
    Bool,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// An Ethernet address.
    Mac,
    /// Bytes of the frame.
    Bytes,
}

macro_rules! keys {
    ($($variant:ident $name:literal $kind:expr;)*) => {
        /// A field or a protocol, by the name known from protocol analysers.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Key {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
        }

        impl Key {
            /// Every key, grouped by protocol.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The key as it is typed in a display filter.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What its values are.
            #[must_use]
            pub const fn kind(self) -> Kind {
                match self { $(Self::$variant => $kind,)* }
            }
        }
    };
}

use Kind::{Bool, Bytes, Ipv4, Ipv6, Mac, Protocol, Unsigned};

keys! {
    Frame "frame" Protocol;
    FrameNumber "frame.number" Unsigned(64);
    FrameLen "frame.len" Unsigned(32);
    FrameCapLen "frame.cap_len" Unsigned(32);

    Eth "eth" Protocol;
    EthDst "eth.dst" Mac;
    EthSrc "eth.src" Mac;
    EthAddr "eth.addr" Mac;
    EthType "eth.type" Unsigned(16);
    EthTrailer "eth.trailer" Bytes;

    Ip "ip" Protocol;
    IpVersion "ip.version" Unsigned(4);
    IpHdrLen "ip.hdr_len" Unsigned(8);
    IpDsfield "ip.dsfield" Unsigned(8);
    IpDsfieldDscp "ip.dsfield.dscp" Unsigned(6);
    IpDsfieldEcn "ip.dsfield.ecn" Unsigned(2);
    IpLen "ip.len" Unsigned(16);
    IpId "ip.id" Unsigned(16);
    IpFlags "ip.flags" Unsigned(3);
    IpFlagsRb "ip.flags.rb" Bool;
    IpFlagsDf "ip.flags.df" Bool;
    IpFlagsMf "ip.flags.mf" Bool;
    IpFragOffset "ip.frag_offset" Unsigned(13);
    IpTtl "ip.ttl" Unsigned(8);
    IpProto "ip.proto" Unsigned(8);
    IpChecksum "ip.checksum" Unsigned(16);
    IpChecksumStatus "ip.checksum.status" Unsigned(8);
    IpSrc "ip.src" Ipv4;
    IpDst "ip.dst" Ipv4;
    IpAddr "ip.addr" Ipv4;
    IpOptions "ip.options" Bytes;

    Ipv6Header "ipv6" Protocol;
    Ipv6Version "ipv6.version" Unsigned(4);
    Ipv6Tclass "ipv6.tclass" Unsigned(8);
    Ipv6TclassDscp "ipv6.tclass.dscp" Unsigned(6);
    Ipv6TclassEcn "ipv6.tclass.ecn" Unsigned(2);
    Ipv6Flow "ipv6.flow" Unsigned(20);
    Ipv6Plen "ipv6.plen" Unsigned(16);
    Ipv6Nxt "ipv6.nxt" Unsigned(8);
    Ipv6Hlim "ipv6.hlim" Unsigned(8);
    Ipv6Src "ipv6.src" Ipv6;
    Ipv6Dst "ipv6.dst" Ipv6;
    Ipv6Addr "ipv6.addr" Ipv6;
    Ipv6Hopopts "ipv6.hopopts" Bytes;
    Ipv6Routing "ipv6.routing" Bytes;
    Ipv6Dstopts "ipv6.dstopts" Bytes;
    Ipv6Fraghdr "ipv6.fraghdr" Bytes;
    Ipv6FraghdrNxt "ipv6.fraghdr.nxt" Unsigned(8);
    Ipv6FraghdrOffset "ipv6.fraghdr.offset" Unsigned(13);
    Ipv6FraghdrMore "ipv6.fraghdr.more" Bool;
    Ipv6FraghdrIdent "ipv6.fraghdr.ident" Unsigned(32);

    Udp "udp" Protocol;
    UdpSrcport "udp.srcport" Unsigned(16);
    UdpDstport "udp.dstport" Unsigned(16);
    UdpPort "udp.port" Unsigned(16);
    UdpLength "udp.length" Unsigned(16);
    UdpChecksum "udp.checksum" Unsigned(16);
    UdpChecksumStatus "udp.checksum.status" Unsigned(8);
    UdpPayload "udp.payload" Bytes;

    Tcp "tcp" Protocol;
    TcpSrcport "tcp.srcport" Unsigned(16);
    TcpDstport "tcp.dstport" Unsigned(16);
    TcpPort "tcp.port" Unsigned(16);
    TcpStream "tcp.stream" Unsigned(32);
    TcpLen "tcp.len" Unsigned(32);
    TcpSeq "tcp.seq" Unsigned(32);
    TcpSeqRaw "tcp.seq_raw" Unsigned(32);
    TcpAck "tcp.ack" Unsigned(32);
    TcpAckRaw "tcp.ack_raw" Unsigned(32);
    TcpHdrLen "tcp.hdr_len" Unsigned(8);
    TcpFlagBits "tcp.flags" Unsigned(12);
    TcpFlagsRes "tcp.flags.res" Bool;
    TcpFlagsAe "tcp.flags.ae" Bool;
    TcpFlagsCwr "tcp.flags.cwr" Bool;
    TcpFlagsEce "tcp.flags.ece" Bool;
    TcpFlagsUrg "tcp.flags.urg" Bool;
    TcpFlagsAck "tcp.flags.ack" Bool;
    TcpFlagsPush "tcp.flags.push" Bool;
    TcpFlagsReset "tcp.flags.reset" Bool;
    TcpFlagsSyn "tcp.flags.syn" Bool;
    TcpFlagsFin "tcp.flags.fin" Bool;
    TcpWindowSizeValue "tcp.window_size_value" Unsigned(16);
    TcpWindowSize "tcp.window_size" Unsigned(32);
    TcpChecksum "tcp.checksum" Unsigned(16);
    TcpChecksumStatus "tcp.checksum.status" Unsigned(8);
    TcpUrgentPointer "tcp.urgent_pointer" Unsigned(16);
    TcpOptions "tcp.options" Bytes;
    TcpOptionKind "tcp.option_kind" Unsigned(8);
    TcpOptionLen "tcp.option_len" Unsigned(8);
    TcpOptionsEol "tcp.options.eol" Bytes;
    TcpOptionsNop "tcp.options.nop" Bytes;
    TcpOptionsMss "tcp.options.mss" Bytes;
    TcpOptionsMssVal "tcp.options.mss_val" Unsigned(16);
    TcpOptionsWscale "tcp.options.wscale" Bytes;
    TcpOptionsWscaleShift "tcp.options.wscale.shift" Unsigned(8);
    TcpOptionsWscaleMultiplier "tcp.options.wscale.multiplier" Unsigned(16);
    TcpOptionsSackPerm "tcp.options.sack_perm" Bytes;
    TcpOptionsSack "tcp.options.sack" Bytes;
    TcpOptionsSackCount "tcp.options.sack.count" Unsigned(8);
    TcpOptionsSackLe "tcp.options.sack_le" Unsigned(32);
    TcpOptionsSackRe "tcp.options.sack_re" Unsigned(32);
    TcpOptionsTimestamp "tcp.options.timestamp" Bytes;
    TcpOptionsTimestampTsval "tcp.options.timestamp.tsval" Unsigned(32);
    TcpOptionsTimestampTsecr "tcp.options.timestamp.tsecr" Unsigned(32);
    TcpOptionsUnknown "tcp.options.unknown" Bytes;
    TcpPayload "tcp.payload" Bytes;
    TcpAnalysisFlags "tcp.analysis.flags" Bool;
    TcpAnalysisRetransmission "tcp.analysis.retransmission" Bool;
    TcpAnalysisOutOfOrder "tcp.analysis.out_of_order" Bool;
    TcpAnalysisLostSegment "tcp.analysis.lost_segment" Bool;
    TcpAnalysisDuplicateAck "tcp.analysis.duplicate_ack" Bool;
    TcpAnalysisZeroWindow "tcp.analysis.zero_window" Bool;
    TcpAnalysisZeroWindowProbe "tcp.analysis.zero_window_probe" Bool;
    TcpAnalysisWindowFull "tcp.analysis.window_full" Bool;
    TcpAnalysisWindowUpdate "tcp.analysis.window_update" Bool;
    TcpAnalysisKeepAlive "tcp.analysis.keep_alive" Bool;
    TcpAnalysisKeepAliveAck "tcp.analysis.keep_alive_ack" Bool;
    TcpAnalysisReusedPorts "tcp.analysis.reused_ports" Bool;

    Icmp "icmp" Protocol;
    IcmpType "icmp.type" Unsigned(8);
    IcmpCode "icmp.code" Unsigned(8);
    IcmpChecksum "icmp.checksum" Unsigned(16);
    IcmpChecksumStatus "icmp.checksum.status" Unsigned(8);
    IcmpIdent "icmp.ident" Unsigned(16);
    IcmpSeq "icmp.seq" Unsigned(16);
    IcmpMtu "icmp.mtu" Unsigned(16);
    IcmpRedirGw "icmp.redir_gw" Ipv4;

    Icmpv6 "icmpv6" Protocol;
    Icmpv6Type "icmpv6.type" Unsigned(8);
    Icmpv6Code "icmpv6.code" Unsigned(8);
    Icmpv6Checksum "icmpv6.checksum" Unsigned(16);
    Icmpv6ChecksumStatus "icmpv6.checksum.status" Unsigned(8);
    Icmpv6EchoIdentifier "icmpv6.echo.identifier" Unsigned(16);
    Icmpv6EchoSequenceNumber "icmpv6.echo.sequence_number" Unsigned(16);
    Icmpv6Mtu "icmpv6.mtu" Unsigned(32);

    Data "data" Protocol;
    DataData "data.data" Bytes;
    DataLen "data.len" Unsigned(32);
}

impl Key {
    /// The key of this name, exactly as typed.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|key| key.name() == name)
    }

    /// Whether asking for `self` also asks for `found`: `ip.addr` is either address, `udp.port` either port.
    ///
    /// These joint keys never appear in a dissection themselves.
    #[must_use]
    pub fn covers(self, found: Self) -> bool {
        self == found || self.members().contains(&found)
    }

    /// The two keys that a joint key stands for; empty for every other key.
    #[must_use]
    pub fn members(self) -> &'static [Self] {
        const JOINT: [(Key, &[Key]); 5] = [
            (Key::EthAddr, &[Key::EthSrc, Key::EthDst]),
            (Key::IpAddr, &[Key::IpSrc, Key::IpDst]),
            (Key::Ipv6Addr, &[Key::Ipv6Src, Key::Ipv6Dst]),
            (Key::UdpPort, &[Key::UdpSrcport, Key::UdpDstport]),
            (Key::TcpPort, &[Key::TcpSrcport, Key::TcpDstport]),
        ];
        JOINT
            .iter()
            .find(|(joint, _)| *joint == self)
            .map_or(&[], |(_, members)| *members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found_again() {
        for key in Key::ALL {
            assert_eq!(Key::named(key.name()), Some(*key));
        }
        assert_eq!(Key::named("udp.prot"), None);
    }

    #[test]
    fn joint_keys_cover_their_members_only() {
        assert!(Key::IpAddr.covers(Key::IpDst));
        assert!(!Key::IpSrc.covers(Key::IpDst));
        assert!(Key::IpTtl.covers(Key::IpTtl));
    }
}
