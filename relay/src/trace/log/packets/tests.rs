//! The events of a captured burst.

use super::*;

/// The headers of a datagram of eleven bytes between 127.0.0.1:50000 and 127.0.0.1:12000 (RFC 791 3.1, RFC 768).
const IP_AND_UDP_HEADERS: [u8; 28] = [
    0x45, 0, 0, 39, 0, 0, 0x40, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1, 0xC3, 0x50, 0x2E,
    0xE0, 0, 19, 0, 0,
];

#[test]
fn the_events_of_a_burst_have_their_place_and_their_call() {
    let attributed = AttributedPacket {
        packet: CapturedPacket {
            interface: "lo".into(),
            link: Link::Raw,
            length: 39,
            bytes: [&IP_AND_UDP_HEADERS, &b"onetwothree"[..]].concat(),
            kernel_s: 1,
            kernel_ns: 2,
            checksum_unfinished: true,
            payload_bytes: NonZeroUsize::new(3),
        },
        count: 4,
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
