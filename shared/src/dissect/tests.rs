//! Real packets, and damaged ones.

use super::*;
use proptest::prelude::*;
use std::net::Ipv4Addr;

/// `hello` to port 12000, captured on loopback: the UDP checksum is only the pseudo-header's sum.
const DATAGRAM: &str = "000000000000000000000000080045000021c98e4000401172ee7f0000017f4d0001cef52ee0000dfe6d68656c6c6f";
/// The ICMP error for a datagram to a closed port, captured on loopback.
const REFUSED: &str = "000000000000000000000000080045c00049624c0000400119597f4d00017f0000010303071e000000004500002df0414000\
    40114c2f7f0000017f4d0001cef52ee00019fe79697320616e79626f64792074686572653f";
/// The first segment of a connection, captured on loopback.
const SYN: &str = "00000000000000000000000008004500003c35a64000400606c77f0000017f4d00018ee82ee00c62735600000000a002ffd7\
    fe7d00000204ffd70402080a247c32c9000000000103030a";
/// A reset, which even loopback finishes.
const RESET: &str = "0000000000000000000000000800450000280000400040063c817f4d00017f0000012ee08eee00000000531cb07a50140000f01b0000";
/// The same refusal over IPv6.
const REFUSED_V6: &str = "00000000000000000000000086dd6004fb4a00493a4000000000000000000000000000000001000000000000000000000000\
    000000010104873e000000006009424d00191140000000000000000000000000000000010000000000000000000000000000\
    00019aeb2ee00019002c697320616e79626f64792074686572653f";
/// An acknowledgment with a SACK block, on a wire of its own.
const SACK: &str = "45000040e4344000400642810a0000020a0000012ee0a92c984c411ffd09b836b010004497d900000101080adae287f1c349\
    75950101050afd09c92efd09ced6";
/// A later piece of a larger datagram.
const FRAGMENT: &str = "4500001c961b20b94011affa0a0000010a0000024646464646464646";

const SAMPLES: [(Link, &str); 7] = [
    (Link::Ethernet, DATAGRAM),
    (Link::Ethernet, REFUSED),
    (Link::Ethernet, SYN),
    (Link::Ethernet, RESET),
    (Link::Ethernet, REFUSED_V6),
    (Link::Raw, SACK),
    (Link::Raw, FRAGMENT),
];

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|byte| *byte != b' ').collect();
    let byte = |pair: &[u8]| {
        u8::from_str_radix(std::str::from_utf8(pair).expect("digits"), 16).expect("hex")
    };
    digits.chunks(2).map(byte).collect()
}

fn taken_apart(link: Link, hex: &str) -> Dissection {
    dissect(link, &bytes(hex))
}

fn value(dissection: &Dissection, key: Key) -> Value {
    dissection
        .first(key)
        .unwrap_or_else(|| panic!("no {}", key.name()))
        .value
        .clone()
}

fn protocols(dissection: &Dissection) -> Vec<(Protocol, bool)> {
    dissection
        .layers
        .iter()
        .map(|layer| (layer.protocol, layer.quoted))
        .collect()
}

#[test]
fn a_datagram_is_taken_apart() {
    let datagram = taken_apart(Link::Ethernet, DATAGRAM);
    let layers = [
        Protocol::Ethernet,
        Protocol::Ipv4,
        Protocol::Udp,
        Protocol::Data,
    ]
    .map(|layer| (layer, false));
    assert_eq!(protocols(&datagram), layers);
    assert_eq!(value(&datagram, Key::FrameLen), Value::Unsigned(47));
    assert_eq!(value(&datagram, Key::IpHdrLen), Value::Unsigned(20));
    assert_eq!(
        value(&datagram, Key::IpDst),
        Value::Ipv4(Ipv4Addr::new(127, 77, 0, 1))
    );
    assert_eq!(value(&datagram, Key::IpFlagsDf), Value::Bool(true));
    assert_eq!(value(&datagram, Key::UdpDstport), Value::Unsigned(12000));
    assert_eq!(value(&datagram, Key::UdpLength), Value::Unsigned(13));
    assert_eq!(value(&datagram, Key::DataData), Value::Bytes(42..47));
    let ttl = datagram.first(Key::IpTtl).expect("a TTL");
    assert_eq!((ttl.range.clone(), ttl.mask), (22..23, 0));
    let flag = datagram.first(Key::IpFlagsDf).expect("a flag");
    assert_eq!((flag.range.clone(), flag.mask), (20..21, 0x40));
}

#[test]
fn loopback_leaves_checksums_unfinished() {
    let checksums = |hex| {
        taken_apart(Link::Ethernet, hex)
            .layers
            .iter()
            .filter_map(|layer| layer.checksum)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        checksums(DATAGRAM),
        [Checksum::Correct, Checksum::Unfinished { expected: 0xbfdc }]
    );
    assert_eq!(checksums(RESET), [Checksum::Correct, Checksum::Correct]);
}

#[test]
fn a_quoted_packet_is_marked_as_quoted() {
    let error = taken_apart(Link::Ethernet, REFUSED);
    let layers = [
        (Protocol::Ethernet, false),
        (Protocol::Ipv4, false),
        (Protocol::Icmp, false),
        (Protocol::Ipv4, true),
        (Protocol::Udp, true),
        (Protocol::Data, true),
    ];
    assert_eq!(protocols(&error), layers);
    assert_eq!(value(&error, Key::IcmpType), Value::Unsigned(3));
    assert_eq!(value(&error, Key::UdpDstport), Value::Unsigned(12000));
    let summary = Summary::of(Link::Ethernet, &bytes(REFUSED));
    let quoted = summary.quoted.expect("a quote");
    assert_eq!(
        (summary.protocol, quoted.protocol),
        (Protocol::Icmp, Protocol::Udp)
    );
    assert_eq!(quoted.destination.to_string(), "127.77.0.1:12000");
}

#[test]
fn options_are_taken_apart() {
    let syn = taken_apart(Link::Ethernet, SYN);
    assert_eq!(value(&syn, Key::TcpOptionsMssVal), Value::Unsigned(65495));
    assert_eq!(value(&syn, Key::TcpOptionsWscaleShift), Value::Unsigned(10));
    assert_eq!(
        value(&syn, Key::TcpOptionsTimestampTsval),
        Value::Unsigned(612_119_241)
    );
    assert_eq!(value(&syn, Key::TcpFlagsSyn), Value::Bool(true));
    assert!(syn.first(Key::TcpOptionsSackPerm).is_some());
    let sack = taken_apart(Link::Raw, SACK);
    assert_eq!(value(&sack, Key::TcpOptionsSackCount), Value::Unsigned(1));
    assert_eq!(
        value(&sack, Key::TcpOptionsSackLe),
        Value::Unsigned(0xfd09_c92e)
    );
}

#[test]
fn a_first_fragment_is_not_cut_because_others_have_the_rest() {
    let mut first = vec![0x45, 0, 0, 36, 0, 7, 0x20, 0, 64, 17, 0, 0];
    first.extend([127, 0, 0, 1, 127, 0, 0, 1]);
    first.extend([0xc0, 0, 0x2e, 0xe0, 0x0f, 0xa8, 0, 0]);
    first.extend([b'x'; 8]);
    let faults = |frame: &[u8]| -> Vec<_> {
        let layers = dissect(Link::Raw, frame).layers;
        layers.into_iter().map(|layer| layer.fault).collect()
    };
    assert!(faults(&first).iter().all(Option::is_none));
    assert!(faults(&first[..32]).contains(&Some(Fault::Truncated)));
}

#[test]
fn a_later_fragment_has_no_ports() {
    let fragment = taken_apart(Link::Raw, FRAGMENT);
    assert_eq!(
        protocols(&fragment),
        [(Protocol::Ipv4, false), (Protocol::Data, false)]
    );
    assert_eq!(value(&fragment, Key::IpFragOffset), Value::Unsigned(185));
    assert!(Summary::of(Link::Raw, &bytes(FRAGMENT)).fragment);
}

#[test]
fn lines_read_as_in_other_analysers() {
    let line = |link, hex| info(link, &bytes(hex), None);
    assert_eq!(line(Link::Ethernet, DATAGRAM), "52981 → 12000 Len=5");
    assert_eq!(
        line(Link::Ethernet, REFUSED),
        "Destination unreachable (Port unreachable)"
    );
    assert_eq!(
        line(Link::Ethernet, REFUSED_V6),
        "Destination Unreachable (Port unreachable)"
    );
    assert_eq!(
        line(Link::Raw, FRAGMENT),
        "Fragmented IP protocol (proto=UDP 17, off=1480, ID=961b)"
    );
    let analysis = Streams::default().feed(1, &Summary::of(Link::Ethernet, &bytes(SYN)));
    assert_eq!(
        info(Link::Ethernet, &bytes(SYN), analysis.as_ref()),
        "36584 → 12000 [SYN] Seq=0 Win=65495 Len=0 MSS=65495 SACK_PERM TSval=612119241 TSecr=0 WS=1024"
    );
}

#[test]
fn relative_numbers_go_into_the_tree() {
    let frame = bytes(SYN);
    let mut syn = dissect(Link::Ethernet, &frame);
    let analysis = Streams::default()
        .feed(1, &Summary::of(Link::Ethernet, &frame))
        .expect("a segment");
    assert_eq!(value(&syn, Key::TcpSeq), Value::Unsigned(0x0c62_7356));
    syn.relate(&analysis);
    assert_eq!(value(&syn, Key::TcpSeq), Value::Unsigned(0));
    assert_eq!(value(&syn, Key::TcpSeqRaw), Value::Unsigned(0x0c62_7356));
    assert_eq!(value(&syn, Key::TcpStream), Value::Unsigned(0));
}

#[test]
fn unfinished_checksums_are_finished_also_in_quotes() {
    for (link, hex) in SAMPLES {
        let mut frame = bytes(hex);
        let changed = complete_checksums(link, &mut frame);
        assert_eq!(
            changed,
            matches!(hex, DATAGRAM | REFUSED | SYN | REFUSED_V6),
            "{hex}"
        );
        for layer in dissect(link, &frame).layers {
            let fits = matches!(
                layer.checksum,
                None | Some(Checksum::Correct | Checksum::NotVerifiable)
            );
            assert!(
                fits,
                "{:?} of {hex} is {:?}",
                layer.protocol, layer.checksum
            );
        }
        assert!(
            !complete_checksums(link, &mut frame),
            "there is nothing left to do"
        );
    }
}

#[test]
fn a_wrong_checksum_stays_wrong() {
    let mut frame = bytes(RESET);
    frame[14 + 20 + 16] ^= 0x55;
    let damaged = frame.clone();
    assert!(!complete_checksums(Link::Ethernet, &mut frame));
    assert_eq!(frame, damaged);
    let checksum = dissect(Link::Ethernet, &frame).layers[2].checksum;
    assert_eq!(checksum, Some(Checksum::Wrong { expected: 0xf01b }));
}

#[test]
fn a_datagram_need_not_have_a_checksum() {
    let mut frame = bytes(DATAGRAM);
    frame[40..42].fill(0);
    assert_eq!(
        dissect(Link::Ethernet, &frame).layers[2].checksum,
        Some(Checksum::Absent)
    );
    assert!(!complete_checksums(Link::Ethernet, &mut frame));
}

#[test]
fn one_key_is_found_without_a_tree() {
    let mut ports = Vec::new();
    find(
        Link::Ethernet,
        &bytes(REFUSED),
        Key::UdpPort,
        &mut |value, range| ports.push((value.clone(), range)),
    );
    assert_eq!(
        ports,
        [
            (Value::Unsigned(52981), 62..64),
            (Value::Unsigned(12000), 64..66)
        ]
    );
}

#[test]
fn trailing_bytes_belong_to_ethernet() {
    let mut frame = bytes(DATAGRAM);
    frame.extend([0; 13]);
    let padded = dissect(Link::Ethernet, &frame);
    assert_eq!(value(&padded, Key::EthTrailer), Value::Bytes(47..60));
    assert_eq!(value(&padded, Key::DataData), Value::Bytes(42..47));
}

/// A sample, cut and with some bytes changed; or nothing but noise.
fn damaged() -> impl Strategy<Value = (Link, Vec<u8>)> {
    let sample =
        (0..SAMPLES.len()).prop_map(|sample| (SAMPLES[sample].0, bytes(SAMPLES[sample].1)));
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
    let mutated = (sample, changes, any::<prop::sample::Index>(), any::<bool>()).prop_map(
        |(sample, changes, end, cut)| {
            let (link, mut frame) = sample;
            for (index, byte) in changes {
                let at = index.index(frame.len());
                frame[at] = byte;
            }
            frame.truncate(if cut {
                end.index(frame.len())
            } else {
                frame.len()
            });
            (link, frame)
        },
    );
    let link = prop::sample::select(vec![Link::Ethernet, Link::Raw]);
    let noise = (link, prop::collection::vec(any::<u8>(), 0..200));
    prop_oneof![4 => mutated, 1 => noise]
}

fn holds(field: &Field, frame: &[u8]) {
    assert!(
        frame.get(field.range.clone()).is_some(),
        "{field:?} is outside"
    );
    if let Value::Bytes(range) = &field.value {
        assert!(frame.get(range.clone()).is_some(), "{field:?} is outside");
    }
    field.children.iter().for_each(|child| holds(child, frame));
}

fn values(field: &Field, found: &mut Vec<(Key, Value)>) {
    found.push((field.key, field.value.clone()));
    field.children.iter().for_each(|child| values(child, found));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn nothing_panics_and_all_ranges_are_inside((link, frame) in damaged()) {
        let mut dissection = dissect(link, &frame);
        for layer in &dissection.layers {
            prop_assert!(frame.get(layer.range.clone()).is_some());
            layer.fields.iter().for_each(|field| holds(field, &frame));
        }
        let summary = Summary::of(link, &frame);
        prop_assert!(frame.get(summary.payload.clone()).is_some());
        let analysis = Streams::default().feed(1, &summary);
        analysis.iter().for_each(|analysis| dissection.relate(analysis));
        let _ = info(link, &frame, analysis.as_ref());
    }

    #[test]
    fn completing_keeps_the_length_and_settles((link, frame) in damaged()) {
        let mut completed = frame.clone();
        complete_checksums(link, &mut completed);
        prop_assert_eq!(completed.len(), frame.len());
        prop_assert!(!complete_checksums(link, &mut completed));
    }

    #[test]
    fn finding_agrees_with_the_tree((link, frame) in damaged()) {
        let mut all = Vec::new();
        let dissection = dissect(link, &frame);
        dissection.frame.iter().for_each(|field| values(field, &mut all));
        dissection.layers.iter().flat_map(|layer| &layer.fields).for_each(|field| values(field, &mut all));
        for key in Key::ALL.iter().filter(|key| key.kind() != Kind::Protocol) {
            let mut found = Vec::new();
            find(link, &frame, *key, &mut |value, _| found.push(value.clone()));
            let expected = all.iter().filter(|(of, _)| key.covers(*of)).map(|(_, value)| value.clone());
            let expected: Vec<_> = expected.collect();
            prop_assert_eq!(found, expected, "{}", key.name());
        }
    }

    #[test]
    fn the_summary_agrees_with_the_tree((link, frame) in damaged()) {
        let summary = Summary::of(link, &frame);
        let dissection = dissect(link, &frame);
        let own: Vec<_> = dissection.layers.iter().filter(|layer| !layer.quoted).collect();
        if summary.protocol == Protocol::Udp || summary.protocol == Protocol::Tcp {
            let layer = own.iter().find(|layer| layer.protocol == summary.protocol).expect("the layer");
            let sources = [Key::UdpSrcport, Key::TcpSrcport].map(|key| (key, summary.source));
            let destinations = [Key::UdpDstport, Key::TcpDstport].map(|key| (key, summary.destination));
            for (key, end) in sources.into_iter().chain(destinations) {
                for field in layer.fields.iter().filter(|field| field.key == key) {
                    prop_assert_eq!(&field.value, &Value::Unsigned(end.expect("an end").port().into()));
                }
            }
            let data = own.iter().find(|layer| layer.protocol == Protocol::Data);
            prop_assert_eq!(data.map_or(0, |data| data.range.len()), summary.payload.len());
        }
    }
}
