//! The floors of the machine: the least that could do the work, written by hand, each a process of its own.
//!
//! They are this program started again with `--floor NAME`, and say on standard output where they listen.

mod bridge;
mod echo;
mod hall;
mod native;
mod shake;

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

    /// Starts it as a process; a bridge leads to `server`. Tells where it listens.
    pub(crate) fn start(self, server: Option<SocketAddr>) -> (Process, SocketAddr) {
        let program = std::env::current_exe().expect("this program's own path");
        let mut command = Command::new(program);
        command
            .args(["--floor", self.name()])
            .args(server.map(|server| server.to_string()));
        let process = Process::start(&mut command, "It is this very program.");
        let says = process.says().unwrap_or_default();
        let address = says
            .parse()
            .unwrap_or_else(|_| panic!("no address: {says:?}"));
        (process, address)
    }
}

/// Is one of the floors, until the process is ended.
pub(crate) fn run(arguments: &FloorArguments) -> ExitCode {
    end_with_the_one_who_started_it();
    let floor = Floor::ALL
        .into_iter()
        .find(|floor| floor.name() == arguments.name);
    let ended = match floor {
        Some(Floor::Udp) => native::udp(),
        Some(Floor::Tcp) => hall::serve(native::Stream::default),
        Some(Floor::Echo) => hall::serve(echo::Echo::default),
        Some(Floor::Bridge) => match arguments.server {
            Some(server) => hall::serve(move || bridge::Bridge::to(server)),
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

/// However the benchmark ends, its end of our standard input is closed then.
fn end_with_the_one_who_started_it() {
    std::thread::spawn(|| {
        io::copy(&mut io::stdin(), &mut io::sink()).ok();
        std::process::exit(0);
    });
}
