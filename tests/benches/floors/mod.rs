//! The floors: minimal programs that do the same work, each in a process of its own. No program can be faster on the
//! same machine.
//!
//! They are this program, started again with `--floor NAME`, and print their address.

mod bridge;
mod echo;
mod epoll_server;
mod handshake;
mod native;

use std::{
    io,
    net::SocketAddr,
    process::{Command, ExitCode},
};

use tests::process::Process;

use crate::arguments::FloorArguments;

/// The programs here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Floor {
    /// Upper-cases datagrams.
    Udp,
    /// Upper-cases streams.
    Tcp,
    /// Upper-cases WebSocket messages itself: no bridge.
    Echo,
    /// Bridges WebSocket messages to datagrams.
    Bridge,
}

impl Floor {
    const ALL: [Self; 4] = [Self::Udp, Self::Tcp, Self::Echo, Self::Bridge];

    const fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Echo => "echo",
            Self::Bridge => "bridge",
        }
    }

    /// Starts it as a process and returns its address; a bridge connects to `server`.
    pub(crate) fn start(self, server: Option<SocketAddr>) -> (Process, SocketAddr) {
        let program = std::env::current_exe().expect("this program's own path");
        let mut command = Command::new(program);
        command
            .args(["--floor", self.name()])
            .args(server.map(|server| server.to_string()));
        let process = Process::start(&mut command, "It is this very program.");
        let says = process.next_line().unwrap_or_default();
        let address = says
            .parse()
            .unwrap_or_else(|_| panic!("no address: {says:?}"));
        (process, address)
    }
}

/// Runs one of the floors until the process is ended.
pub(crate) fn run(arguments: &FloorArguments) -> ExitCode {
    exit_with_parent();
    let floor = Floor::ALL
        .into_iter()
        .find(|floor| floor.name() == arguments.name);
    let ended = match floor {
        Some(Floor::Udp) => native::udp(),
        Some(Floor::Tcp) => epoll_server::serve(native::Stream::default),
        Some(Floor::Echo) => epoll_server::serve(echo::Echo::default),
        Some(Floor::Bridge) => match arguments.server {
            Some(server) => epoll_server::serve(move || bridge::Bridge::to(server)),
            None => Err(io::Error::other("a bridge to where?")),
        },
        None => Err(io::Error::other(format!(
            "no floor is called {}",
            arguments.name
        ))),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", arguments.name);
            ExitCode::FAILURE
        }
    }
}

/// Exits when standard input is closed, which happens however the benchmark ends.
fn exit_with_parent() {
    std::thread::spawn(|| {
        io::copy(&mut io::stdin(), &mut io::sink()).ok();
        std::process::exit(0);
    });
}
