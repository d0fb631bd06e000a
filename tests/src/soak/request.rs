//! A random request: any call in any order, and in a private lab any command to its servers and network.

use shared::{
    call::{Call, Family, Fd, How, SocketOption, Target, Transport},
    conditions::{Conditions, Verdict, Way},
    lab::{LabKind, Program, Settings},
    message::{Ask, Request},
};

use super::random::Random;

/// The most sockets of a client: few, so that calls often overlap on one.
const SOCKETS: u64 = 6;

/// What the visitor does next, having said this many requests; in a lab of its own more can be done.
pub(super) fn request(random: &mut Random, said: u64, own_lab: bool) -> Request {
    if random.percent(4) {
        let lab = random.one_of(&[LabKind::Private, LabKind::Private, LabKind::Open]);
        return Request::Ask(Ask::Enter { lab });
    }
    if own_lab && random.percent(15) {
        return Request::Ask(ask(random));
    }
    Request::Call(call(random, said))
}

fn call(random: &mut Random, said: u64) -> Call {
    let fd = 3 + Fd::try_from(random.below(SOCKETS)).unwrap_or(0);
    match random.below(100) {
        0..16 => Call::Socket {
            transport: random.one_of(&Transport::ALL),
            family: random.percent(15).then_some(Family::Inet6),
        },
        16..30 => Call::Connect {
            fd,
            to: target(random),
        },
        30..34 => Call::Bind {
            fd,
            port: if random.percent(80) { 0 } else { 5432 },
        },
        34..43 => Call::Send {
            fd,
            data: data(random).into(),
        },
        43..52 => Call::SendTo {
            fd,
            to: target(random),
            data: data(random).into(),
        },
        52..60 => Call::Recv {
            fd,
            size: random.one_of(&[0, 1, 2048]),
        },
        60..67 => Call::RecvFrom { fd, size: 2048 },
        67..72 => Call::SetTimeout {
            fd,
            milliseconds: random.one_of(&[None, Some(0), Some(20), Some(500)]),
        },
        72..76 => option(random, fd),
        76..78 => Call::GetSockName { fd },
        78..80 => Call::GetPeerName { fd },
        80..88 => Call::Shutdown {
            fd,
            how: random.one_of(&[How::Read, How::Write, How::Both]),
        },
        88..94 => Call::Close { fd },
        94..99 => Call::Cancel {
            of: said.saturating_sub(random.below(20)),
        },
        _ => Call::GetAddrInfo {
            name: "localhost".to_owned(),
            transport: Transport::Udp,
        },
    }
}

fn target(random: &mut Random) -> Target {
    match random.below(10) {
        0..7 => Target::Server,
        7 => Target::Nobody,
        8 => Target::Localhost6,
        _ => Target::Fd(3),
    }
}

fn data(random: &mut Random) -> &'static [u8] {
    const LONG: &[u8] = &[b'x'; 60_000];
    random.one_of(&[b"hello", b"", b"\xff", "straße".as_bytes(), LONG])
}

fn option(random: &mut Random, fd: Fd) -> Call {
    let (option, value) = random.one_of(&[
        (SocketOption::SoReuseaddr, 1),
        (SocketOption::SoRcvbuf, 2304),
        (SocketOption::SoSndbuf, 4608),
        (SocketOption::SoLinger, 0),
        (SocketOption::TcpNodelay, 1),
        (SocketOption::IpRecverr, 1),
    ]);
    Call::SetSockOpt { fd, option, value }
}

fn ask(random: &mut Random) -> Ask {
    let transport = random.one_of(&Transport::ALL);
    match random.below(10) {
        0..3 => Ask::SetConditions {
            conditions: Conditions {
                request: way(random),
                reply: way(random),
                seed: 1,
            },
        },
        3..5 => Ask::Decide {
            datagram: random.below(20),
            verdict: random.one_of(&[Verdict::Release, Verdict::Kill, Verdict::Double]),
        },
        5..8 => Ask::StartServer {
            transport,
            program: Some(random.one_of(&[Program::Book, Program::Sturdy])),
            task: None,
            settings: random.percent(30).then_some(Settings {
                backlog: 0,
                receive_size: 16,
                think_ms: 50,
                reuse_address: true,
            }),
        },
        8 => Ask::StopServer { transport },
        _ => Ask::KillServer { transport },
    }
}

fn way(random: &mut Random) -> Way {
    if random.percent(40) {
        return Way::default();
    }
    Way {
        loss_percent: random.one_of(&[0, 20, 100]),
        duplicate_percent: random.one_of(&[0, 50]),
        reorder_percent: random.one_of(&[0, 50]),
        delay_ms: random.one_of(&[0, 30]),
        jitter_ms: random.one_of(&[0, 20]),
        by_hand: random.percent(20),
    }
}
