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
const RETURN: u16 = 0x06;

/// Where Linux keeps a packet's type, seen from a filter (linux/filter.h, SKF_AD_OFF + SKF_AD_PKTTYPE).
const PACKET_TYPE: u32 = 0xffff_f004;
/// On loopback every packet passes twice; the one going out is the copy to drop (packet(7), PACKET_OUTGOING).
const OUTGOING: u32 = 4;

/// Offsets behind the 14 bytes of Ethernet.
const ETHERTYPE: u32 = 12;
const IP: u32 = 14;
const IPV4: u32 = 0x0800;
const IPV6: u32 = 0x86dd;
const TCP: u32 = 6;
const UDP: u32 = 17;
const ICMP: u32 = 1;
const ICMPV6: u32 = 58;
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

/// Accepts packets from or to one of the ports over IPv4 and IPv6, and ICMP errors about such packets.
#[must_use]
pub(super) fn of_ports(ports: &[u16]) -> Vec<Instruction> {
    let mut program = Program::default();
    program.load(LOAD_WORD, PACKET_TYPE);
    program.branch(OUTGOING, To::Label("drop"), To::Next);
    program.load(LOAD_HALF, ETHERTYPE);
    program.branch(IPV4, To::Label("ipv4"), To::Next);
    program.branch(IPV6, To::Label("ipv6"), To::Label("drop"));

    program.label("ipv4");
    program.load(LOAD_BYTE, IP + 9);
    program.branch(UDP, To::Label("ports"), To::Next);
    program.branch(TCP, To::Label("ports"), To::Next);
    program.branch(ICMP, To::Next, To::Label("drop"));
    program.either_port(
        LOAD_HALF,
        IP + IPV4_HEADER + ICMP_HEADER + IPV4_HEADER,
        ports,
    );

    program.label("ports");
    program.load(LOAD_HEADER_LENGTH, IP);
    program.either_port(LOAD_HALF_INDEXED, IP, ports);

    program.label("ipv6");
    program.load(LOAD_BYTE, IP + 6);
    program.branch(UDP, To::Label("ports6"), To::Next);
    program.branch(TCP, To::Label("ports6"), To::Next);
    program.branch(ICMPV6, To::Next, To::Label("drop"));
    program.either_port(
        LOAD_HALF,
        IP + IPV6_HEADER + ICMP_HEADER + IPV6_HEADER,
        ports,
    );

    program.label("ports6");
    program.either_port(LOAD_HALF, IP + IPV6_HEADER, ports);

    program.label("drop");
    program.load(RETURN, 0);
    program.label("accept");
    program.load(RETURN, u32::MAX);
    program.resolve()
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

    /// Runs a filter as the kernel would; a load beyond the packet drops it.
    fn accepts(program: &[Instruction], packet_type: u32, frame: &[u8]) -> bool {
        let (mut at, mut a, mut x) = (0, 0_u32, 0_u32);
        let load = |offset: u32, length: usize| {
            let start = usize::try_from(offset).ok()?;
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
}
