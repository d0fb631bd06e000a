//! Programs of other projects, if they are on the PATH, and the textbook's servers.

use std::{
    io,
    net::SocketAddr,
    process::{Command, Stdio},
    rc::Rc,
    time::Duration,
};

use shared::call::Transport;
use tests::{address_allocator, process::Process, python, timeout};

use crate::{
    floors::Floor,
    generator::{Encoding, Target},
    subject::{Contender, Program, Subject},
};

/// The time in which a program must listen.
const STARTING: Duration = Duration::from_secs(10);

/// The programs, with the transport behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// websocat 1.x, WebSocket to UDP.
    WebsocatUdp,
    /// websocat 1.x, WebSocket to TCP.
    WebsocatTcp,
    /// websocat 4, WebSocket to UDP.
    Websocat4Udp,
    /// websocat 4, WebSocket to TCP.
    Websocat4Tcp,
    /// Two wstunnels with a WebSocket between them, UDP at both ends.
    WstunnelUdp,
    /// Two wstunnels with a WebSocket between them, TCP at both ends.
    WstunnelTcp,
    /// websockify, WebSocket to TCP.
    Websockify,
    /// socat, TCP to TCP.
    Socat,
    /// The textbook's UDP server.
    PythonUdp,
    /// The textbook's TCP server.
    PythonTcp,
}

use Peer::{
    PythonTcp, PythonUdp, Socat, Websocat4Tcp, Websocat4Udp, WebsocatTcp, WebsocatUdp, Websockify,
    WstunnelTcp, WstunnelUdp,
};

impl Peer {
    /// Its name in tables.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            WebsocatUdp => "websocat > udp",
            WebsocatTcp => "websocat > tcp",
            Websocat4Udp => "websocat4 > udp",
            Websocat4Tcp => "websocat4 > tcp",
            WstunnelUdp => "wstunnel x2 > udp",
            WstunnelTcp => "wstunnel x2 > tcp",
            Websockify => "websockify > tcp",
            Socat => "socat tcp > tcp",
            PythonUdp => "python udp",
            PythonTcp => "python tcp",
        }
    }

    const fn program(self) -> &'static str {
        match self {
            WebsocatUdp | WebsocatTcp => "websocat",
            Websocat4Udp | Websocat4Tcp => "websocat4",
            WstunnelUdp | WstunnelTcp => "wstunnel",
            Websockify => "websockify",
            Socat => "socat",
            PythonUdp | PythonTcp => "python3",
        }
    }

    /// The transport of the server behind it.
    pub(crate) const fn leads_to(self) -> Transport {
        match self {
            WebsocatUdp | Websocat4Udp | WstunnelUdp | PythonUdp => Transport::Udp,
            WebsocatTcp | Websocat4Tcp | WstunnelTcp | Websockify | Socat | PythonTcp => {
                Transport::Tcp
            }
        }
    }

    /// Whether it forks for each connection.
    pub(crate) const fn forks(self) -> bool {
        matches!(self, Websockify | Socat)
    }

    const fn encoding(self) -> Encoding {
        match self {
            WebsocatUdp | Websocat4Udp => Encoding::Messages,
            WebsocatTcp | Websocat4Tcp | Websockify => Encoding::Pieces,
            WstunnelUdp | PythonUdp => Encoding::Datagrams,
            WstunnelTcp | Socat | PythonTcp => Encoding::Stream,
        }
    }

    /// The server behind it; `None` for the textbook's programs, which are servers.
    fn server(self) -> Option<Floor> {
        let floor = match self.leads_to() {
            Transport::Udp => Floor::Udp,
            Transport::Tcp => Floor::Tcp,
        };
        self.textbook().is_none().then_some(floor)
    }

    /// The textbook's program.
    fn textbook(self) -> Option<&'static str> {
        let programs = [(PythonUdp, "UDPServer.py"), (PythonTcp, "TCPServer.py")];
        programs
            .into_iter()
            .find(|(peer, _)| *peer == self)
            .map(|(_, program)| program)
    }

    /// The arguments of each of its processes, to listen `at` and connect `to`.
    fn arguments(self, at: SocketAddr, to: SocketAddr) -> Vec<Vec<String>> {
        let lines = match self {
            WebsocatUdp => vec![format!("-b -E ws-l:{at} udp:{to}")],
            WebsocatTcp => vec![format!("-b -E ws-l:{at} tcp:{to}")],
            Websocat4Udp => vec![format!("-b -s {at} udp-connect:{to}")],
            Websocat4Tcp => vec![format!("-b ws-listen:{at} tcp:{to}")],
            WstunnelUdp => wstunnel(&format!("udp://{at}:{to}?timeout_sec=0")),
            WstunnelTcp => wstunnel(&format!("tcp://{at}:{to}")),
            Websockify => vec![format!("{at} {to}")],
            Socat => {
                let listen = format!("TCP-LISTEN:{},bind={}", at.port(), at.ip());
                vec![format!(
                    "{listen},fork,reuseaddr,nodelay,backlog=1024 TCP:{to},nodelay"
                )]
            }
            PythonUdp | PythonTcp => Vec::new(),
        };
        lines
            .iter()
            .map(|line| line.split(' ').map(str::to_owned).collect())
            .collect()
    }
}

fn wstunnel(tunnel: &str) -> Vec<String> {
    let between = address_allocator::free_address(address_allocator::own_host());
    vec![
        format!("server ws://{between}"),
        format!("client -L {tunnel} ws://{between}"),
    ]
}

/// Starts one with the server behind it, and waits until it answers.
///
/// # Errors
/// When it is not installed, or does not answer.
pub(super) fn subject(peer: Peer) -> Result<Subject, String> {
    if !is_installed(peer.program()) {
        return Err(format!("{} is not installed", peer.program()));
    }
    let at = address_allocator::free_address(address_allocator::own_host());
    let mut programs: Vec<Program> = Vec::new();
    let mut to = at;
    if let Some(floor) = peer.server() {
        let (server, address) = floor.start(None);
        to = address;
        programs.push((server.pid(), Rc::new(server)));
    }
    for words in peer.arguments(at, to) {
        let mut command = Command::new(peer.program());
        let process = Process::start(command.args(words), "It is on the PATH.");
        programs.push((process.pid(), Rc::new(process)));
    }
    programs.extend(peer.textbook().map(|program| textbook(program, at)));
    let target = Target {
        address: at,
        path: "/",
        encoding: peer.encoding(),
    };
    let subject = Subject::new(Contender::Peer(peer), target, programs);
    let mut last = io::Error::from(io::ErrorKind::TimedOut);
    let answers = timeout::poll_until(STARTING, || match subject.answers() {
        Ok(()) => Some(()),
        Err(error) => {
            last = error;
            None
        }
    });
    answers
        .map(|()| subject)
        .ok_or_else(|| format!("{} does not answer: {last}", peer.name()))
}

fn textbook(program: &str, at: SocketAddr) -> Program {
    let process = python::program(program, at);
    (process.pid(), Rc::new(process))
}

fn is_installed(program: &str) -> bool {
    let asked = Command::new("sh")
        .args(["-c", "command -v \"$0\"", program])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    asked.is_ok_and(|status| status.success())
}
