//! The packet filter that runs in the kernel, so that only packets of the servers reach the relay (bpf(4)). Pure.

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

/// What Linux knows of a packet beside its bytes (linux/filter.h, SKF_AD_OFF): its EtherType, its direction, and the
/// hardware type of its interface.
const PROTOCOL: u32 = 0xffff_f000;
const PACKET_TYPE: u32 = 0xffff_f004;
const HARDWARE: u32 = 0xffff_f01c;
/// The directions of a packet that is sent, and of one for another machine (packet(7)).
const OUTGOING: u32 = 4;
const OTHER_HOST: u32 = 3;
/// The hardware type of the loopback interface (linux/if_arp.h).
const LOOPBACK: u32 = 772;

/// The offset of the IP header, independent of the link header before it (linux/filter.h, SKF_NET_OFF).
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
/// The bits of a fragment's offset, which is 0 in the first fragment (RFC 791 §3.1, RFC 8200 §4.5).
const OFFSET_V4: u32 = 0x1fff;
const OFFSET_V6: u32 = 0xfff8;
/// An ICMP error quotes the packet it is about, after its own 8 bytes (RFC 792, RFC 4443 §3.1).
const ICMP_HEADER: u32 = 8;
const IPV4_HEADER: u32 = 20;
const IPV6_HEADER: u32 = 40;

/// The target of a jump.
#[derive(Clone, Copy)]
enum Jump {
    Next,
    Label(&'static str),
}

/// Accepts packets from or to one of the ports over IPv4 and IPv6, and ICMP errors about such packets. A later fragment
/// has no ports, so each one of UDP or TCP is accepted. On loopback, where a packet is captured twice, only the received
/// one is accepted.
#[must_use]
pub(super) fn filter_for_ports(ports: &[u16]) -> Vec<Instruction> {
    let mut program = Program::default();
    program.load(LOAD_WORD, PACKET_TYPE);
    program.branch(OTHER_HOST, Jump::Label("drop"), Jump::Next);
    program.branch(OUTGOING, Jump::Next, Jump::Label("family"));
    program.load(LOAD_WORD, HARDWARE);
    program.branch(LOOPBACK, Jump::Label("drop"), Jump::Next);
    program.label("family");
    program.load(LOAD_WORD, PROTOCOL);
    program.branch(IPV4, Jump::Label("ipv4"), Jump::Next);
    program.branch(IPV6, Jump::Label("ipv6"), Jump::Label("drop"));
    filter_ipv4(&mut program, ports);
    filter_ipv6(&mut program, ports);
    program.label("drop");
    program.load(RETURN, 0);
    program.label("accept");
    program.load(RETURN, u32::MAX);
    program.resolve()
}

fn filter_ipv4(program: &mut Program, ports: &[u16]) {
    program.label("ipv4");
    program.load(LOAD_BYTE, IP + 9);
    program.branch(UDP, Jump::Label("fragment"), Jump::Next);
    program.branch(TCP, Jump::Label("fragment"), Jump::Next);
    program.branch(ICMP, Jump::Next, Jump::Label("drop"));
    let quoted = IP + IPV4_HEADER + ICMP_HEADER + IPV4_HEADER;
    program.either_port(LOAD_HALF, quoted, ports);

    program.label("fragment");
    program.load(LOAD_HALF, IP + 6);
    program.branch_on_bits(OFFSET_V4, Jump::Label("accept"), Jump::Next);
    program.load(LOAD_HEADER_LENGTH, IP);
    program.either_port(LOAD_HALF_INDEXED, IP, ports);
}

fn filter_ipv6(program: &mut Program, ports: &[u16]) {
    program.label("ipv6");
    program.load(LOAD_BYTE, IP + 6);
    program.branch(UDP, Jump::Label("ports6"), Jump::Next);
    program.branch(TCP, Jump::Label("ports6"), Jump::Next);
    program.branch(FRAGMENT, Jump::Label("fragment6"), Jump::Next);
    program.branch(ICMPV6, Jump::Next, Jump::Label("drop"));
    let quoted = IP + IPV6_HEADER + ICMP_HEADER + IPV6_HEADER;
    program.either_port(LOAD_HALF, quoted, ports);

    program.label("ports6");
    program.either_port(LOAD_HALF, IP + IPV6_HEADER, ports);

    program.label("fragment6");
    program.load(LOAD_BYTE, IP + IPV6_HEADER);
    program.branch(UDP, Jump::Label("offset6"), Jump::Next);
    program.branch(TCP, Jump::Next, Jump::Label("drop"));
    program.label("offset6");
    program.load(LOAD_HALF, IP + IPV6_HEADER + 2);
    program.branch_on_bits(OFFSET_V6, Jump::Label("accept"), Jump::Next);
    program.either_port(LOAD_HALF, IP + IPV6_HEADER + FRAGMENT_HEADER, ports);
}

/// A program whose jumps go to labels.
#[derive(Default)]
struct Program {
    instructions: Vec<(u16, Jump, Jump, u32)>,
    labels: BTreeMap<&'static str, usize>,
}

impl Program {
    fn load(&mut self, code: u16, operand: u32) {
        self.instructions
            .push((code, Jump::Next, Jump::Next, operand));
    }

    fn branch(&mut self, equals: u32, then: Jump, otherwise: Jump) {
        self.instructions
            .push((JUMP_IF_EQUAL, then, otherwise, equals));
    }

    fn branch_on_bits(&mut self, any_of: u32, then: Jump, otherwise: Jump) {
        self.instructions
            .push((JUMP_IF_ANY_BIT, then, otherwise, any_of));
    }

    /// Accepts if the source port at this offset or the destination port behind it is one of these; otherwise drops.
    fn either_port(&mut self, load: u16, offset: u32, ports: &[u16]) {
        for offset in [offset, offset + 2] {
            self.load(load, offset);
            for port in ports {
                self.branch((*port).into(), Jump::Label("accept"), Jump::Next);
            }
        }
        self.load(RETURN, 0);
    }

    fn label(&mut self, name: &'static str) {
        self.labels.insert(name, self.instructions.len());
    }

    fn resolve(self) -> Vec<Instruction> {
        let distance = |from: usize, to: Jump| match to {
            Jump::Next => 0,
            // A jump counts from the instruction after it; all labels are ahead, and the program is short.
            Jump::Label(name) => self
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
mod tests;
