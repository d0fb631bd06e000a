//! The packet filter that runs in the kernel: only the servers' own packets ever reach the relay (bpf(4)). Pure.

use std::collections::BTreeMap;

/// One instruction of classic BPF: code, jump if true, jump if false, operand.
pub(super) type Instruction = (u16, u8, u8, u32);

/// Load a byte, a half word, a word at an absolute offset; a half word at an offset from the index register.
const LOAD_BYTE: u16 = 0x30;
const LOAD_HALF: u16 = 0x28;
const LOAD_WORD: u16 = 0x20;
const LOAD_HALF_INDEXED: u16 = 0x48;
/// Load four times the low nibble of a byte into the index register: the length of an IPv4 header.
const LOAD_HEADER_LENGTH: u16 = 0xb1;
const JUMP_IF_EQUAL: u16 = 0x15;
const JUMP_IF_ANY_BIT: u16 = 0x45;
const RETURN: u16 = 0x06;

/// What Linux knows of a packet beside its bytes (linux/filter.h, SKF_AD_OFF): its type by Ethernet's numbers, which
/// way it goes, and the kind of interface.
const PROTOCOL: u32 = 0xffff_f000;
const PACKET_TYPE: u32 = 0xffff_f004;
const HARDWARE: u32 = 0xffff_f01c;
/// A packet on its way out, and one for another machine (packet(7)).
const OUTGOING: u32 = 4;
const OTHER_HOST: u32 = 3;
/// The loopback interface (linux/if_arp.h).
const LOOPBACK: u32 = 772;

/// Offsets from here on are from the IP header, whatever the interface puts before it (linux/filter.h, SKF_NET_OFF).
const IP: u32 = 0xfff0_0000;
const IPV4: u32 = 0x0800;
const IPV6: u32 = 0x86dd;
const TCP: u32 = 6;
const UDP: u32 = 17;
const ICMP: u32 = 1;
const ICMPV6: u32 = 58;
/// The extension header of a fragment, of 8 bytes (RFC 8200 §4.5).
const FRAGMENT: u32 = 44;
const FRAGMENT_HEADER: u32 = 8;
/// The bits that tell where a fragment belongs; all zero in the first one (RFC 791 §3.1, RFC 8200 §4.5).
const OFFSET_V4: u32 = 0x1fff;
const OFFSET_V6: u32 = 0xfff8;
/// An ICMP error quotes the packet it is about, after its own 8 bytes (RFC 792, RFC 4443 §3.1).
const ICMP_HEADER: u32 = 8;
const IPV4_HEADER: u32 = 20;
const IPV6_HEADER: u32 = 40;

/// Where a jump leads.
#[derive(Clone, Copy)]
enum To {
    Next,
    Label(&'static str),
}

/// Accepts packets from or to one of the ports over IPv4 and IPv6, and ICMP errors about such packets. A later
/// fragment has no ports: of UDP and TCP each is accepted. On loopback, where a packet passes twice, only the one that
/// comes in is.
#[must_use]
pub(super) fn of_ports(ports: &[u16]) -> Vec<Instruction> {
    let mut program = Program::default();
    program.load(LOAD_WORD, PACKET_TYPE);
    program.branch(OTHER_HOST, To::Label("drop"), To::Next);
    program.branch(OUTGOING, To::Next, To::Label("family"));
    program.load(LOAD_WORD, HARDWARE);
    program.branch(LOOPBACK, To::Label("drop"), To::Next);
    program.label("family");
    program.load(LOAD_WORD, PROTOCOL);
    program.branch(IPV4, To::Label("ipv4"), To::Next);
    program.branch(IPV6, To::Label("ipv6"), To::Label("drop"));
    of_ipv4(&mut program, ports);
    of_ipv6(&mut program, ports);
    program.label("drop");
    program.load(RETURN, 0);
    program.label("accept");
    program.load(RETURN, u32::MAX);
    program.resolve()
}

fn of_ipv4(program: &mut Program, ports: &[u16]) {
    program.label("ipv4");
    program.load(LOAD_BYTE, IP + 9);
    program.branch(UDP, To::Label("piece"), To::Next);
    program.branch(TCP, To::Label("piece"), To::Next);
    program.branch(ICMP, To::Next, To::Label("drop"));
    let quoted = IP + IPV4_HEADER + ICMP_HEADER + IPV4_HEADER;
    program.either_port(LOAD_HALF, quoted, ports);

    program.label("piece");
    program.load(LOAD_HALF, IP + 6);
    program.branch_on_bits(OFFSET_V4, To::Label("accept"), To::Next);
    program.load(LOAD_HEADER_LENGTH, IP);
    program.either_port(LOAD_HALF_INDEXED, IP, ports);
}

fn of_ipv6(program: &mut Program, ports: &[u16]) {
    program.label("ipv6");
    program.load(LOAD_BYTE, IP + 6);
    program.branch(UDP, To::Label("ports6"), To::Next);
    program.branch(TCP, To::Label("ports6"), To::Next);
    program.branch(FRAGMENT, To::Label("piece6"), To::Next);
    program.branch(ICMPV6, To::Next, To::Label("drop"));
    let quoted = IP + IPV6_HEADER + ICMP_HEADER + IPV6_HEADER;
    program.either_port(LOAD_HALF, quoted, ports);

    program.label("ports6");
    program.either_port(LOAD_HALF, IP + IPV6_HEADER, ports);

    program.label("piece6");
    program.load(LOAD_BYTE, IP + IPV6_HEADER);
    program.branch(UDP, To::Label("offset6"), To::Next);
    program.branch(TCP, To::Next, To::Label("drop"));
    program.label("offset6");
    program.load(LOAD_HALF, IP + IPV6_HEADER + 2);
    program.branch_on_bits(OFFSET_V6, To::Label("accept"), To::Next);
    program.either_port(LOAD_HALF, IP + IPV6_HEADER + FRAGMENT_HEADER, ports);
}

/// A program whose jumps still have names.
#[derive(Default)]
struct Program {
    instructions: Vec<(u16, To, To, u32)>,
    labels: BTreeMap<&'static str, usize>,
}

impl Program {
    fn load(&mut self, code: u16, operand: u32) {
        self.instructions.push((code, To::Next, To::Next, operand));
    }

    fn branch(&mut self, equals: u32, then: To, otherwise: To) {
        self.instructions
            .push((JUMP_IF_EQUAL, then, otherwise, equals));
    }

    fn branch_on_bits(&mut self, any_of: u32, then: To, otherwise: To) {
        self.instructions
            .push((JUMP_IF_ANY_BIT, then, otherwise, any_of));
    }

    /// Accepts if the source port at this offset or the destination port behind it is one of these; drops if not.
    fn either_port(&mut self, load: u16, offset: u32, ports: &[u16]) {
        for offset in [offset, offset + 2] {
            self.load(load, offset);
            for port in ports {
                self.branch((*port).into(), To::Label("accept"), To::Next);
            }
        }
        self.load(RETURN, 0);
    }

    fn label(&mut self, name: &'static str) {
        self.labels.insert(name, self.instructions.len());
    }

    fn resolve(self) -> Vec<Instruction> {
        let distance = |from: usize, to: To| match to {
            To::Next => 0,
            // A jump counts from the instruction after it; all labels lie ahead, and the program is short.
            To::Label(name) => self
                .labels
                .get(name)
                .map_or(0, |to| u8::try_from(to - from - 1).unwrap_or(u8::MAX)),
        };
        let numbered = self.instructions.iter().enumerate();
        numbered
            .map(|(at, (code, then, otherwise, operand))| {
                (
                    *code,
                    distance(at, *then),
                    distance(at, *otherwise),
                    *operand,
                )
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is before the IP header on an interface.
    #[derive(Clone, Copy)]
    enum Before {
        Loopback,
        Ethernet,
        /// Nothing is: a tunnel.
        Nothing,
    }

    impl Before {
        const fn length(self) -> usize {
            match self {
                Self::Loopback | Self::Ethernet => 14,
                Self::Nothing => 0,
            }
        }

        const fn hardware(self) -> u32 {
            match self {
                Self::Loopback => LOOPBACK,
                Self::Ethernet => 1,
                Self::Nothing => 65_534,
            }
        }
    }

    /// Runs a filter as the kernel would on loopback.
    fn accepts(program: &[Instruction], packet_type: u32, frame: &[u8]) -> bool {
        accepts_on(Before::Loopback, program, packet_type, frame)
    }

    /// Runs a filter as the kernel would; a load beyond the packet drops it.
    fn accepts_on(before: Before, program: &[Instruction], packet_type: u32, frame: &[u8]) -> bool {
        let (mut at, mut a, mut x) = (0, 0_u32, 0_u32);
        let load = |offset: u32, length: usize| {
            let start = before.length() + usize::try_from(offset.checked_sub(IP)?).ok()?;
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
                LOAD_WORD if operand == HARDWARE => Some(before.hardware()),
                LOAD_WORD if operand == PROTOCOL => {
                    let version = frame.get(before.length()).copied().unwrap_or_default() >> 4;
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
    fn only_the_servers_packets_pass_and_only_once() {
        let program = of_ports(&[12_000, 12_001]);
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
    fn errors_pass_if_they_are_about_the_servers() {
        let program = of_ports(&[12_000]);
        let about = |port| {
            let mut frame = ipv4(1, 0x0303, 0, 0);
            frame.extend(&ipv4(17, 5000, port, 0)[14..]);
            frame
        };
        assert!(accepts(&program, 0, &about(12_000)));
        assert!(!accepts(&program, 0, &about(53)));
    }

    #[test]
    fn ipv6_passes_as_ipv4_does() {
        let program = of_ports(&[12_000]);
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
    fn a_later_fragment_passes_and_the_first_if_it_is_the_servers() {
        let program = of_ports(&[12_000]);
        let piece = |protocol, port, word: u16| {
            let mut frame = ipv4(protocol, 5000, port, 0);
            frame[20..22].copy_from_slice(&word.to_be_bytes());
            frame
        };
        let (first, later, last) = (0x2000, 0x20b9, 0x0172);
        for protocol in [6, 17] {
            assert!(accepts(&program, 0, &piece(protocol, 12_000, first)));
            assert!(!accepts(&program, 0, &piece(protocol, 53, first)));
            assert!(accepts(&program, 0, &piece(protocol, 53, later)));
            assert!(accepts(&program, 0, &piece(protocol, 53, last)));
            assert!(!accepts(&program, OUTGOING, &piece(protocol, 53, last)));
        }
        assert!(!accepts(&program, 0, &piece(2, 53, last)));
        let piece6 = |next: u8, port: u16, word: u16| {
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
        assert!(accepts(&program, 0, &piece6(17, 12_000, 1)));
        assert!(!accepts(&program, 0, &piece6(17, 53, 1)));
        assert!(accepts(&program, 0, &piece6(17, 53, 1448)));
        assert!(!accepts(&program, 0, &piece6(58, 12_000, 1448)));
    }

    #[test]
    fn on_other_interfaces_both_ways_pass_and_none_for_other_machines() {
        let program = of_ports(&[12_000]);
        let ethernet = ipv4(17, 5000, 12_000, 0);
        let tunnel = &ethernet[14..];
        for packet_type in [0, OUTGOING] {
            assert!(accepts_on(
                Before::Ethernet,
                &program,
                packet_type,
                &ethernet
            ));
            assert!(accepts_on(Before::Nothing, &program, packet_type, tunnel));
        }
        assert!(!accepts_on(
            Before::Ethernet,
            &program,
            OTHER_HOST,
            &ethernet
        ));
        let other = ipv4(17, 5000, 53, 0);
        assert!(!accepts_on(Before::Ethernet, &program, 0, &other));
    }
}
