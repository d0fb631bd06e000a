//! A burst and its datagrams, built by the rules of the RFCs and compared with what is split from it.

use proptest::prelude::*;

use super::*;

const ETHERNET: [u8; ETHERNET_BYTES] = [0; ETHERNET_BYTES];
const SOURCE: [u8; 16] = [0xfd, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
const DESTINATION: [u8; 16] = [0xfd, 0xff, 0xee, 0xdd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];

/// The Internet checksum over bytes (RFC 1071), computed in another way than by the code under test.
fn checksum(bytes: &[u8]) -> u64 {
    let words = bytes.chunks(2).map(|word| match word {
        [high, low] => u64::from(*high) * 256 + u64::from(*low),
        [high] => u64::from(*high) * 256,
        _ => 0,
    });
    let sum: u64 = words.sum();
    if sum == 0 { 0 } else { (sum - 1) % 0xFFFF + 1 }
}

/// A UDP datagram in IPv4 or IPv6 whose UDP checksum holds only the pseudo-header's sum, as on loopback.
fn datagram(link: Link, is_v4: bool, identification: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(UDP_HEADER_BYTES + payload.len()).expect("a datagram");
    let addresses = |bytes: usize| [&SOURCE[..bytes], &DESTINATION[..bytes]].concat();
    let mut pseudo = addresses(if is_v4 { 4 } else { 16 });
    pseudo.extend([0, 17]);
    pseudo.extend(length.to_be_bytes());
    let sum = u16::try_from(checksum(&pseudo)).expect("folded");
    let mut udp = [
        [0xC3, 0x50],
        [0x2E, 0xE0],
        length.to_be_bytes(),
        sum.to_be_bytes(),
    ]
    .concat();
    udp.extend(payload);
    let mut ip = if is_v4 {
        let mut header = vec![0x45, 0];
        header.extend((20 + length).to_be_bytes());
        header.extend(identification.to_be_bytes());
        header.extend([0x40, 0, 64, 17, 0, 0]);
        header.extend(addresses(4));
        let sum = !u16::try_from(checksum(&header)).expect("folded");
        header[IPV4_CHECKSUM..][..2].copy_from_slice(&sum.to_be_bytes());
        header
    } else {
        let mut header = vec![0x60, 0, 0, 0];
        header.extend(length.to_be_bytes());
        header.extend([17, 64]);
        header.extend(addresses(16));
        header
    };
    let mut bytes = match link {
        Link::Ethernet => ETHERNET.to_vec(),
        Link::Raw => Vec::new(),
    };
    bytes.append(&mut ip);
    bytes.append(&mut udp);
    bytes
}

fn captured(link: Link, bytes: Vec<u8>, burst: Option<BurstLayout>) -> CapturedPacket {
    CapturedPacket {
        interface: "lo".into(),
        link,
        length: bytes.len() as u64,
        bytes,
        kernel_s: 1,
        kernel_ns: 2,
        checksum_unfinished: true,
        burst,
    }
}

fn burst(
    link: Link,
    is_v4: bool,
    identification: u16,
    payload: &[u8],
    size: usize,
) -> CapturedPacket {
    let headers = datagram(link, is_v4, identification, &[]).len();
    let layout = BurstLayout {
        udp_start: headers - UDP_HEADER_BYTES,
        datagram_bytes: size,
    };
    let whole = datagram(link, is_v4, identification, payload);
    captured(link, whole, Some(layout))
}

proptest! {
    #[test]
    fn each_datagram_is_as_if_it_had_been_sent_alone(
        is_v4: bool,
        has_ethernet: bool,
        identification: u16,
        payload in prop::collection::vec(any::<u8>(), 1..4000),
        size in 1usize..1500,
    ) {
        let link = if has_ethernet { Link::Ethernet } else { Link::Raw };
        let burst = burst(link, is_v4, identification, &payload, size);
        let parts: Vec<_> = payload.chunks(size).collect();
        prop_assert_eq!(burst.count(), parts.len());
        for (index, part) in parts.into_iter().enumerate() {
            let own = identification.wrapping_add(u16::try_from(index).expect("few"));
            prop_assert_eq!(burst.split(index), datagram(link, is_v4, own, part));
        }
    }

    #[test]
    fn malformed_bursts_do_not_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..90),
        has_ethernet: bool,
        udp_start in 0usize..100,
        datagram_bytes in 1usize..100,
    ) {
        let link = if has_ethernet { Link::Ethernet } else { Link::Raw };
        let burst = captured(link, bytes, Some(BurstLayout { udp_start, datagram_bytes }));
        for index in 0..burst.count() {
            let _ = burst.split(index);
        }
    }
}

#[test]
fn any_other_packet_stays_as_it_is() {
    let bytes = datagram(Link::Ethernet, true, 7, b"hello");
    let packet = captured(Link::Ethernet, bytes.clone(), None);
    assert_eq!((packet.count(), packet.split(0)), (1, bytes));
}

#[test]
fn the_events_of_a_burst_have_their_place_and_their_call() {
    let attributed = AttributedPacket {
        packet: burst(Link::Ethernet, true, 0, b"onetwothree", 3),
        mono_ns: 5,
        wall_us: 6,
        process: 9,
        direction: Direction::Request,
        calls: vec![21, 24],
    };
    let places = (0..4).map(|index| {
        let What::Packet(packet) = attributed.event(index, 1).event.what else {
            panic!("a packet");
        };
        (
            packet.burst.map(|place| (place.index, place.count)),
            packet.call,
        )
    });
    let expected = [Some(21), Some(24), None, None].into_iter().zip(0..);
    assert_eq!(
        places.collect::<Vec<_>>(),
        expected
            .map(|(call, index)| (Some((index, 4)), call))
            .collect::<Vec<_>>()
    );
}
