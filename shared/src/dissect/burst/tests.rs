//! A burst and its datagrams, built by the rules of the RFCs and compared with what is split from it.

use proptest::prelude::*;

use super::*;

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
    let length = u16::try_from(UDP_HEADER + payload.len()).expect("a datagram");
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
        header[10..12].copy_from_slice(&sum.to_be_bytes());
        header
    } else {
        let mut header = vec![0x60, 0, 0, 0];
        header.extend(length.to_be_bytes());
        header.extend([17, 64]);
        header.extend(addresses(16));
        header
    };
    let mut bytes = match link {
        Link::Ethernet => {
            let kind = if is_v4 { [0x08, 0x00] } else { [0x86, 0xdd] };
            [&[0; 12][..], &kind].concat()
        }
        Link::Raw => Vec::new(),
    };
    bytes.append(&mut ip);
    bytes.append(&mut udp);
    bytes
}

proptest! {
    #[test]
    fn each_datagram_is_as_if_it_had_been_sent_alone(
        is_v4: bool,
        has_ethernet: bool,
        identification: u16,
        payload in prop::collection::vec(any::<u8>(), 1..4000),
        size in 1_usize..1500,
    ) {
        let link = if has_ethernet { Link::Ethernet } else { Link::Raw };
        let burst = datagram(link, is_v4, identification, &payload);
        let payload_bytes = NonZeroUsize::new(size).expect("not 0");
        let parts: Vec<_> = payload.chunks(size).collect();
        prop_assert_eq!(datagram_count(link, &burst, payload_bytes), parts.len());
        for (index, part) in parts.into_iter().enumerate() {
            let own = identification.wrapping_add(u16::try_from(index).expect("few"));
            let split = split_datagram(link, &burst, payload_bytes, index);
            prop_assert_eq!(split, datagram(link, is_v4, own, part));
        }
    }

    #[test]
    fn malformed_bursts_do_not_panic(
        mut bytes in prop::collection::vec(any::<u8>(), 0..90),
        cut in 0_usize..90,
        is_v4: bool,
        has_ethernet: bool,
        size in 1_usize..100,
    ) {
        let link = if has_ethernet { Link::Ethernet } else { Link::Raw };
        let payload_bytes = NonZeroUsize::new(size).expect("not 0");
        let mut whole = datagram(link, is_v4, 1, &bytes);
        whole.truncate(cut);
        bytes.resize(90, 0);
        for packet in [whole, bytes] {
            for index in 0..=datagram_count(link, &packet, payload_bytes) {
                let split = split_datagram(link, &packet, payload_bytes, index);
                prop_assert!(split.len() <= packet.len());
            }
        }
    }
}

#[test]
fn any_other_packet_stays_as_it_is() {
    let mut segment = datagram(Link::Raw, true, 7, b"hello world");
    segment[9] = 6;
    let two = NonZeroUsize::new(2).expect("not 0");
    assert_eq!(datagram_count(Link::Raw, &segment, two), 1);
    assert_eq!(split_datagram(Link::Raw, &segment, two, 0), segment);
}
