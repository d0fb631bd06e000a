//! Writes capture files that every protocol analyser opens: pcapng, with nanoseconds, names and comments.
//!
//! The format is draft-ietf-opsawg-pcapng; the sections named here are that draft's. A file is one section: a
//! [`Writer`] starts it, interfaces and names come before what refers to them, packets follow as they happened, and
//! each interface's statistics close it. Everything is little-endian, and any input gives a readable file: what does
//! not fit its length field is cut.

use crate::dissect::Link;
use std::net::IpAddr;

/// A capture file in the making, in memory.
#[derive(Debug)]
pub struct Writer {
    file: Vec<u8>,
    interfaces: u32,
}

/// Where packets were seen: an interface of this file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface(u32);

/// A packet to write.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// Where it was seen.
    pub interface: Interface,
    /// When, in nanoseconds since 1970-01-01 00:00 UTC.
    pub time: u64,
    /// Which way it went, if that is known.
    pub direction: Option<Direction>,
    /// Its bytes, as far as they were kept.
    pub bytes: &'a [u8],
    /// How long it was on the wire; never less than `bytes`.
    pub original_length: usize,
    /// What is to be said about it.
    pub comments: &'a [&'a str],
}

/// Which way a packet went, seen from the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// It arrived.
    Inbound,
    /// It left.
    Outbound,
}

/// What an interface counted, up to a time.
#[derive(Clone, Copy, Debug)]
pub struct Statistics {
    /// Whose counters.
    pub interface: Interface,
    /// When they were read, in nanoseconds since 1970-01-01 00:00 UTC.
    pub time: u64,
    /// Packets that arrived at the capture.
    pub received: u64,
    /// Packets that the capture lost for want of room.
    pub dropped: u64,
}

impl Writer {
    /// Starts the file with a Section Header Block (section 4.1) that names the program which writes it; `comment`,
    /// unless it is empty, is what a reader is to know of all of it.
    #[must_use]
    pub fn new(application: &str, comment: &str) -> Self {
        let mut writer = Self {
            file: Vec::new(),
            interfaces: 0,
        };
        writer.block(SECTION_HEADER, |block| {
            block.u32(BYTE_ORDER_MAGIC);
            block.u16(1);
            block.u16(0);
            block.u64(LENGTH_UNKNOWN);
            block.text_option(OPT_COMMENT, comment);
            block.text_option(SHB_USERAPPL, application);
            block.end_of_options();
        });
        writer
    }

    /// Adds an Interface Description Block (section 4.2): its name, what it is, and that its times are nanoseconds.
    pub fn interface(&mut self, link: Link, name: &str, description: &str) -> Interface {
        self.block(INTERFACE_DESCRIPTION, |block| {
            block.u16(linktype(link));
            block.u16(0);
            block.u32(NO_LIMIT);
            block.text_option(IF_NAME, name);
            block.text_option(IF_DESCRIPTION, description);
            block.option(IF_TSRESOL, &[NANOSECONDS]);
            block.end_of_options();
        });
        self.interfaces += 1;
        Interface(self.interfaces - 1)
    }

    /// Adds a Name Resolution Block (section 4.5), by which a reader can show names for addresses.
    pub fn names(&mut self, names: &[(IpAddr, &str)]) {
        if names.is_empty() {
            return;
        }
        self.block(NAME_RESOLUTION, |block| {
            for (address, name) in names {
                block.name(*address, name);
            }
            block.u32(END);
        });
    }

    /// Adds an Enhanced Packet Block (section 4.3) with its time, its direction (section 4.3.1) and its comments,
    /// each an `opt_comment` (section 3.5).
    pub fn packet(&mut self, packet: &Packet<'_>) {
        let captured = saturate(packet.bytes.len());
        self.block(ENHANCED_PACKET, |block| {
            block.u32(packet.interface.0);
            block.time(packet.time);
            block.u32(captured);
            block.u32(saturate(packet.original_length).max(captured));
            block.padded(packet.bytes);
            for comment in packet.comments {
                block.text_option(OPT_COMMENT, comment);
            }
            if let Some(direction) = packet.direction {
                block.option(EPB_FLAGS, &direction.flags().to_le_bytes());
            }
            block.end_of_options();
        });
    }

    /// Adds an Interface Statistics Block (section 4.6): what arrived and what was lost.
    pub fn statistics(&mut self, statistics: &Statistics) {
        self.block(INTERFACE_STATISTICS, |block| {
            block.u32(statistics.interface.0);
            block.time(statistics.time);
            block.option(ISB_IFRECV, &statistics.received.to_le_bytes());
            block.option(ISB_IFDROP, &statistics.dropped.to_le_bytes());
            block.end_of_options();
        });
    }

    /// Takes what has been written since the last time, so that a long file can leave in pieces.
    #[must_use]
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.file)
    }

    /// The file, or what of it has not been taken.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.file
    }

    /// Every block has its type in front and its length at both ends (section 3.1).
    fn block(&mut self, kind: u32, body: impl FnOnce(&mut Block<'_>)) {
        let start = self.file.len();
        let mut block = Block {
            file: &mut self.file,
        };
        block.u32(kind);
        block.u32(0);
        body(&mut block);
        let length = saturate(self.file.len() - start + 4).to_le_bytes();
        if let Some(field) = self.file.get_mut(start + 4..start + 8) {
            field.copy_from_slice(&length);
        }
        self.file.extend_from_slice(&length);
    }
}

impl Direction {
    /// The lowest two bits of the flags word (section 4.3.1).
    const fn flags(self) -> u32 {
        match self {
            Self::Inbound => 1,
            Self::Outbound => 2,
        }
    }
}

/// The block being written; all its parts are padded to four bytes (section 3.6.2).
struct Block<'a> {
    file: &'a mut Vec<u8>,
}

impl Block<'_> {
    fn u16(&mut self, number: u16) {
        self.file.extend_from_slice(&number.to_le_bytes());
    }

    fn u32(&mut self, number: u32) {
        self.file.extend_from_slice(&number.to_le_bytes());
    }

    fn u64(&mut self, number: u64) {
        self.file.extend_from_slice(&number.to_le_bytes());
    }

    /// The high half comes first whatever the byte order (section 4.3).
    fn time(&mut self, nanoseconds: u64) {
        self.u32((nanoseconds >> 32) as u32);
        self.u32(nanoseconds as u32);
    }

    fn padded(&mut self, bytes: &[u8]) {
        self.file.extend_from_slice(bytes);
        self.file
            .resize(self.file.len() + bytes.len().wrapping_neg() % 4, 0);
    }

    /// Section 3.5.
    fn option(&mut self, code: u16, value: &[u8]) {
        self.u16(code);
        self.u16(value.len() as u16);
        self.padded(value);
    }

    /// UTF-8, not terminated, and cut between characters if it is too long for its length field.
    fn text_option(&mut self, code: u16, text: &str) {
        if !text.is_empty() {
            self.option(code, shortened(text, LONGEST_OPTION).as_bytes());
        }
    }

    /// `opt_endofopt` (section 3.5).
    fn end_of_options(&mut self) {
        self.u32(END);
    }

    /// One record: the address, then the name with a zero behind it, so the name itself cannot hold one (section 4.5).
    fn name(&mut self, address: IpAddr, name: &str) {
        let (kind, mut record) = match address {
            IpAddr::V4(address) => (NRB_RECORD_IPV4, address.octets().to_vec()),
            IpAddr::V6(address) => (NRB_RECORD_IPV6, address.octets().to_vec()),
        };
        let name = shortened(name, LONGEST_NAME)
            .bytes()
            .filter(|byte| *byte != 0);
        record.extend(name);
        record.push(0);
        self.option(kind, &record);
    }
}

/// The registry of link types begins with Ethernet; raw IP came later (section 4.2).
const fn linktype(link: Link) -> u16 {
    match link {
        Link::Ethernet => 1,
        Link::Raw => 101,
    }
}

fn shortened(text: &str, longest: usize) -> &str {
    &text[..text.floor_char_boundary(longest)]
}

fn saturate(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const NAME_RESOLUTION: u32 = 4;
const INTERFACE_STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;

const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
const LENGTH_UNKNOWN: u64 = u64::MAX;
const NO_LIMIT: u32 = 0;
const NANOSECONDS: u8 = 9;
const END: u32 = 0;

const OPT_COMMENT: u16 = 1;
const SHB_USERAPPL: u16 = 4;
const IF_NAME: u16 = 2;
const IF_DESCRIPTION: u16 = 3;
const IF_TSRESOL: u16 = 9;
const EPB_FLAGS: u16 = 2;
const ISB_IFRECV: u16 = 4;
const ISB_IFDROP: u16 = 5;
const NRB_RECORD_IPV4: u16 = 1;
const NRB_RECORD_IPV6: u16 = 2;

const LONGEST_OPTION: usize = 0xffff;
/// Leaves room for the address and the zero.
const LONGEST_NAME: usize = LONGEST_OPTION - 17;

#[cfg(test)]
mod tests {
    use super::*;
    use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
    use pcap_file::pcapng::blocks::interface_description::InterfaceDescriptionOption;
    use pcap_file::pcapng::blocks::interface_statistics::InterfaceStatisticsOption;
    use pcap_file::pcapng::blocks::name_resolution::Record;
    use pcap_file::pcapng::blocks::opt_common::CommonOption;
    use pcap_file::pcapng::{Block, PcapNgReader};
    use proptest::prelude::*;

    const TIME: u64 = 1_795_370_105_496_749_844;

    fn read(file: &[u8]) -> Vec<Block<'static>> {
        let mut reader = PcapNgReader::new(file).expect("a section header");
        let mut blocks = Vec::new();
        while let Some(block) = reader.next_block() {
            blocks.push(block.expect("a block").0.into_owned());
        }
        blocks
    }

    fn packets(file: &[u8]) -> Vec<EnhancedPacketBlock<'static>> {
        let packet = |block| {
            if let Block::EnhancedPacket(packet) = block {
                Some(packet)
            } else {
                None
            }
        };
        read(file).into_iter().filter_map(packet).collect()
    }

    fn comment(text: &str) -> EnhancedPacketOption<'_> {
        EnhancedPacketOption::Common(CommonOption::Comment(text.into()))
    }

    #[test]
    fn a_packet_is_read_back() {
        let mut writer = Writer::new("Socket Playground", "");
        writer.interface(Link::Raw, "wire", "the lab's own wire");
        let lo = writer.interface(Link::Ethernet, "lo", "");
        writer.packet(&Packet {
            interface: lo,
            time: TIME,
            direction: Some(Direction::Outbound),
            bytes: b"hello",
            original_length: 9,
            comments: &["first", "第二"],
        });
        let packets = packets(&writer.finish());
        let [packet] = packets.as_slice() else {
            panic!("{} packets", packets.len())
        };
        assert_eq!((packet.interface_id, packet.original_len), (1, 9));
        assert_eq!(packet.timestamp.as_nanos(), u128::from(TIME));
        assert_eq!(&*packet.data, b"hello");
        assert_eq!(
            packet.options,
            [
                comment("first"),
                comment("第二"),
                EnhancedPacketOption::Flags(2)
            ]
        );
    }

    #[test]
    fn an_interface_and_its_statistics_are_read_back() {
        let mut writer = Writer::new("Socket Playground", "");
        let lo = writer.interface(Link::Ethernet, "lo", "captured on loopback");
        writer.statistics(&Statistics {
            interface: lo,
            time: TIME,
            received: 138,
            dropped: 7,
        });
        let blocks = read(&writer.finish());
        let [
            Block::InterfaceDescription(interface),
            Block::InterfaceStatistics(statistics),
        ] = blocks.as_slice()
        else {
            panic!("{blocks:?}")
        };
        let [name, description, ..] = interface.options.as_slice() else {
            panic!("{interface:?}")
        };
        assert_eq!(u32::from(interface.linktype), 1);
        assert_eq!(*name, InterfaceDescriptionOption::IfName("lo".into()));
        assert_eq!(
            *description,
            InterfaceDescriptionOption::IfDescription("captured on loopback".into())
        );
        assert_eq!(statistics.timestamp.as_nanos(), u128::from(TIME));
        let counted = [
            InterfaceStatisticsOption::IsbIfRecv(138),
            InterfaceStatisticsOption::IsbIfDrop(7),
        ];
        assert_eq!(statistics.options, counted);
    }

    #[test]
    fn names_are_read_back() {
        let mut writer = Writer::new("Socket Playground", "");
        let six = IpAddr::from([0_u16, 0, 0, 0, 0, 0, 0, 1]);
        writer.names(&[(IpAddr::from([127, 0, 0, 1]), "ser\0ver"), (six, "six")]);
        let blocks = read(&writer.finish());
        let [Block::NameResolution(names)] = blocks.as_slice() else {
            panic!("{blocks:?}")
        };
        let [Record::Ipv4(four), Record::Ipv6(six), ..] = names.records.as_slice() else {
            panic!("{names:?}")
        };
        assert_eq!((&*four.names[0], &*six.names[0]), ("server", "six"));
    }

    #[test]
    fn a_file_can_leave_in_pieces() {
        let mut writer = Writer::new("Socket Playground", "");
        let mut file = writer.take();
        writer.interface(Link::Raw, "wire", "");
        file.extend(writer.take());
        assert!(writer.take().is_empty());
        assert_eq!(
            read(&file).len(),
            1,
            "the section header was read when the reader was made"
        );
    }

    #[test]
    fn what_is_too_long_is_cut_between_characters() {
        let mut writer = Writer::new("", "");
        let wire = writer.interface(Link::Raw, &"线".repeat(30_000), "");
        let long = "é".repeat(40_000);
        writer.names(&[(IpAddr::from([10, 0, 0, 1]), &long)]);
        let comments: &[&str] = &[&long];
        let packet = Packet {
            interface: wire,
            time: 0,
            direction: None,
            bytes: &[],
            original_length: 0,
            comments,
        };
        writer.packet(&packet);
        assert_eq!(
            packets(&writer.finish())[0].options,
            [comment(&long[..0xfffe])]
        );
    }

    proptest! {
        #[test]
        fn any_packet_is_read_back(
            bytes in prop::collection::vec(any::<u8>(), 0..99),
            time: u64,
            original_length in 0_usize..200,
            comments in prop::collection::vec(".{1,20}", 0..4),
        ) {
            let mut writer = Writer::new("Socket Playground", "");
            let interface = writer.interface(Link::Raw, "wire", "");
            let comments: Vec<&str> = comments.iter().map(String::as_str).collect();
            let (direction, bytes, comments) = (None, bytes.as_slice(), comments.as_slice());
            writer.packet(&Packet { interface, time, direction, bytes, original_length, comments });
            let packets = packets(&writer.finish());
            prop_assert_eq!(packets[0].timestamp.as_nanos(), u128::from(time));
            prop_assert_eq!(&*packets[0].data, bytes);
            prop_assert_eq!(packets[0].original_len as usize, original_length.max(bytes.len()));
            let options: Vec<_> = comments.iter().map(|text| comment(text)).collect();
            prop_assert_eq!(&packets[0].options, &options);
        }
    }
}
