//! The filter, run by an interpreter of classic BPF on packets of each kind.

use super::*;

/// The header before the IP header on an interface.
#[derive(Clone, Copy)]
enum LinkHeader {
    Loopback,
    Ethernet,
    /// A tunnel's.
    None,
}

impl LinkHeader {
    const fn length(self) -> usize {
        match self {
            Self::Loopback | Self::Ethernet => 14,
            Self::None => 0,
        }
    }

    const fn hardware(self) -> u32 {
        match self {
            Self::Loopback => LOOPBACK,
            Self::Ethernet => 1,
            Self::None => 65_534,
        }
    }
}

/// Runs a filter as the kernel would on loopback.
fn accepts(program: &[Instruction], packet_type: u32, frame: &[u8]) -> bool {
    accepts_on(LinkHeader::Loopback, program, packet_type, frame)
}

/// Runs a filter as the kernel would; a load beyond the packet drops it.
fn accepts_on(link: LinkHeader, program: &[Instruction], packet_type: u32, frame: &[u8]) -> bool {
    let (mut at, mut a, mut x) = (0, 0_u32, 0_u32);
    let load = |offset: u32, length: usize| {
        let start = link.length() + usize::try_from(offset.checked_sub(IP)?).ok()?;
        let bytes = frame.get(start..start + length)?;
        Some(
            bytes
                .iter()
                .fold(0, |value, byte| value << 8 | u32::from(*byte)),
        )
    };
    loop {
        let (code, then, otherwise, operand) = program[at];
        at += 1;
        let loaded = match code {
            LOAD_WORD if operand == PACKET_TYPE => Some(packet_type),
            LOAD_WORD if operand == HARDWARE => Some(link.hardware()),
            LOAD_WORD if operand == PROTOCOL => {
                let version = frame.get(link.length()).copied().unwrap_or_default() >> 4;
                Some(match version {
                    4 => IPV4,
                    6 => IPV6,
                    _ => 0,
                })
            }
            LOAD_WORD => load(operand, 4),
            LOAD_HALF => load(operand, 2),
            LOAD_BYTE => load(operand, 1),
            LOAD_HALF_INDEXED => load(operand + x, 2),
            LOAD_HEADER_LENGTH => load(operand, 1).map(|byte| {
                x = (byte & 0xf) * 4;
                a
            }),
            JUMP_IF_EQUAL => {
                at += usize::from(if a == operand { then } else { otherwise });
                Some(a)
            }
            JUMP_IF_ANY_BIT => {
                at += usize::from(if a & operand == 0 { otherwise } else { then });
                Some(a)
            }
            RETURN => return operand != 0,
            other => panic!("no instruction {other:#x}"),
        };
        match loaded {
            Some(value) => a = value,
            None => return false,
        }
    }
}

fn ipv4(protocol: u8, source: u16, destination: u16, options: usize) -> Vec<u8> {
    let mut frame = vec![0; 12];
    frame.extend([
        0x08,
        0x00,
        0x45 + u8::try_from(options).expect("few"),
        0,
        0,
        28,
        0,
        0,
        0x40,
        0,
        64,
        protocol,
    ]);
    frame.extend([0; 10]);
    frame.extend(vec![0; options * 4]);
    frame.extend(source.to_be_bytes());
    frame.extend(destination.to_be_bytes());
    frame.extend([0; 4]);
    frame
}

#[test]
fn only_packets_of_the_servers_pass_and_only_once() {
    let program = filter_for_ports(&[12_000, 12_001]);
    for protocol in [6, 17] {
        for options in [0, 3] {
            assert!(accepts(&program, 0, &ipv4(protocol, 5000, 12_000, options)));
            assert!(accepts(&program, 0, &ipv4(protocol, 12_001, 5000, options)));
            assert!(!accepts(
                &program,
                OUTGOING,
                &ipv4(protocol, 12_001, 5000, options)
            ));
            assert!(!accepts(&program, 0, &ipv4(protocol, 8080, 5000, options)));
        }
    }
    assert!(
        !accepts(&program, 0, &ipv4(2, 5000, 12_000, 0)),
        "neither UDP nor TCP"
    );
    assert!(!accepts(&program, 0, &[0; 13]), "shorter than a header");
}

#[test]
fn errors_about_packets_of_the_servers_pass() {
    let program = filter_for_ports(&[12_000]);
    let about = |port| {
        let mut frame = ipv4(1, 0x0303, 0, 0);
        frame.extend(&ipv4(17, 5000, port, 0)[14..]);
        frame
    };
    assert!(accepts(&program, 0, &about(12_000)));
    assert!(!accepts(&program, 0, &about(53)));
}

#[test]
fn ipv6_passes_like_ipv4() {
    let program = filter_for_ports(&[12_000]);
    let frame = |next: u8, ports: [u16; 2]| {
        let mut frame = vec![0; 12];
        frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 8, next, 64]);
        frame.extend([0; 32]);
        frame.extend(ports.into_iter().flat_map(u16::to_be_bytes));
        frame.extend([0; 4]);
        frame
    };
    assert!(accepts(&program, 0, &frame(17, [5000, 12_000])));
    assert!(accepts(&program, 0, &frame(6, [12_000, 5000])));
    assert!(!accepts(&program, 0, &frame(6, [80, 5000])));
    let mut error = frame(58, [0x0104, 0]);
    error.extend(&frame(17, [5000, 12_000])[14..]);
    assert!(accepts(&program, 0, &error));
}

#[test]
fn later_fragments_pass_and_first_ones_of_the_servers() {
    let program = filter_for_ports(&[12_000]);
    let fragment = |protocol, port, word: u16| {
        let mut frame = ipv4(protocol, 5000, port, 0);
        frame[20..22].copy_from_slice(&word.to_be_bytes());
        frame
    };
    let (first, later, last) = (0x2000, 0x20b9, 0x0172);
    for protocol in [6, 17] {
        assert!(accepts(&program, 0, &fragment(protocol, 12_000, first)));
        assert!(!accepts(&program, 0, &fragment(protocol, 53, first)));
        assert!(accepts(&program, 0, &fragment(protocol, 53, later)));
        assert!(accepts(&program, 0, &fragment(protocol, 53, last)));
        assert!(!accepts(&program, OUTGOING, &fragment(protocol, 53, last)));
    }
    assert!(!accepts(&program, 0, &fragment(2, 53, last)));
    let fragment6 = |next: u8, port: u16, word: u16| {
        let mut frame = vec![0; 12];
        frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 16, 44, 64]);
        frame.extend([0; 32]);
        frame.extend([next, 0]);
        frame.extend(word.to_be_bytes());
        frame.extend([0, 0, 0, 7]);
        frame.extend([5000, port].into_iter().flat_map(u16::to_be_bytes));
        frame.extend([0; 4]);
        frame
    };
    assert!(accepts(&program, 0, &fragment6(17, 12_000, 1)));
    assert!(!accepts(&program, 0, &fragment6(17, 53, 1)));
    assert!(accepts(&program, 0, &fragment6(17, 53, 1448)));
    assert!(!accepts(&program, 0, &fragment6(58, 12_000, 1448)));
}

#[test]
fn on_other_interfaces_both_directions_pass_but_nothing_for_other_machines() {
    let program = filter_for_ports(&[12_000]);
    let ethernet = ipv4(17, 5000, 12_000, 0);
    let tunnel = &ethernet[14..];
    for packet_type in [0, OUTGOING] {
        assert!(accepts_on(
            LinkHeader::Ethernet,
            &program,
            packet_type,
            &ethernet
        ));
        assert!(accepts_on(LinkHeader::None, &program, packet_type, tunnel));
    }
    assert!(!accepts_on(
        LinkHeader::Ethernet,
        &program,
        OTHER_HOST,
        &ethernet
    ));
    let other = ipv4(17, 5000, 53, 0);
    assert!(!accepts_on(LinkHeader::Ethernet, &program, 0, &other));
}
