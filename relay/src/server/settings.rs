//! The settings of server programs: defaults and limits. Pure.

use shared::{
    call::Transport,
    lab::{LabKind, Program, Settings, Task},
    outcome::{Failed, Reason},
    udp::MAX_DATAGRAM_BYTES,
};

use crate::failure;

/// The book's `listen(1)`: one connection may wait, and by Linux's count one more.
const BOOK_BACKLOG: u32 = 1;
/// With thousands waiting no SYN is dropped; the kernel cuts it to net.core.somaxconn.
const ROBUST_BACKLOG: u32 = 4096;

/// The largest backlog a page may ask for.
const MAX_BACKLOG: u32 = 65_535;
/// The largest receive size of UDP: room for any datagram.
const MAX_DATAGRAM: u32 = MAX_DATAGRAM_BYTES as u32;
/// The largest receive size of TCP, in bytes.
const MAX_CHUNK_BYTES: u32 = 1 << 20;
/// The longest delay before an answer, in milliseconds.
const MAX_THINK_MS: u32 = 60_000;

/// The program to run, its task and its settings.
#[derive(Clone, Copy, Debug)]
pub struct ServerConfig {
    /// Which program.
    pub program: Program,
    /// What to do with a sentence.
    pub task: Task,
    /// How to do it, the UDP server and the TCP server.
    pub settings: [Settings; 2],
    /// Whether other servers of the relay have the same port at other addresses although one is at all addresses.
    pub shares_port: bool,
}

impl ServerConfig {
    /// A program of the relay's that does its work as usual in a lab of this kind.
    #[must_use]
    pub fn usual(kind: LabKind, program: Program, task: Task) -> Self {
        let settings = Transport::ALL.map(|transport| ours(kind, program, transport));
        Self {
            program,
            task,
            settings,
            shares_port: false,
        }
    }

    /// How the server of this transport is to work.
    #[must_use]
    pub const fn of(&self, transport: Transport) -> Settings {
        match transport {
            Transport::Udp => self.settings[0],
            Transport::Tcp => self.settings[1],
        }
    }
}

/// The default settings of a program in a lab of this kind; none for an external program.
///
/// The book's TCP program does not set `SO_REUSEADDR`, and in a lab of one's own what comes of that can be met. The
/// open lab is for everybody: there a restart does not wait for old connections. For UDP nobody sets it: two
/// programs that do could have the same port at the same time (socket(7)).
#[must_use]
pub fn usual(kind: LabKind, program: Program, transport: Transport) -> Option<Settings> {
    (program != Program::External).then(|| ours(kind, program, transport))
}

fn ours(kind: LabKind, program: Program, transport: Transport) -> Settings {
    let book = program == Program::Book;
    let receive_size = match transport {
        Transport::Udp if book => 2048,
        Transport::Udp => MAX_DATAGRAM,
        Transport::Tcp if book => 1024,
        Transport::Tcp => 64 << 10,
    };
    Settings {
        backlog: if book { BOOK_BACKLOG } else { ROBUST_BACKLOG },
        receive_size,
        think_ms: 0,
        reuse_address: transport == Transport::Tcp && !(book && kind == LabKind::Private),
    }
}

/// Whether these settings can be had.
///
/// # Errors
/// [`Reason::OutOfRange`] with the limit that the first bad value is beyond.
pub fn check(settings: &Settings, transport: Transport) -> Result<(), Failed> {
    let most_received = match transport {
        Transport::Udp => MAX_DATAGRAM,
        Transport::Tcp => MAX_CHUNK_BYTES,
    };
    let ranges = [
        ("backlog", settings.backlog, 0, MAX_BACKLOG),
        ("receive_size", settings.receive_size, 1, most_received),
        ("think_ms", settings.think_ms, 0, MAX_THINK_MS),
    ];
    for (name, value, least, most) in ranges {
        if !(least..=most).contains(&value) {
            let message = format!("{name} is {least} to {most}, not {value}");
            return Err(failure::limit(Reason::OutOfRange, most.into(), message));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_books_programs_work_as_the_book_has_them() {
        let udp = usual(LabKind::Private, Program::Book, Transport::Udp).expect("ours");
        let tcp = usual(LabKind::Private, Program::Book, Transport::Tcp).expect("ours");
        assert_eq!(
            (udp.receive_size, tcp.receive_size, tcp.backlog),
            (2048, 1024, 1)
        );
        assert!(!udp.reuse_address && !tcp.reuse_address);
        assert!(ours(LabKind::Open, Program::Book, Transport::Tcp).reuse_address);
        assert_eq!(
            usual(LabKind::Open, Program::External, Transport::Tcp),
            None
        );
    }

    #[test]
    fn what_is_usual_can_be_had() {
        for kind in [LabKind::Open, LabKind::Private] {
            for program in [Program::Book, Program::Sturdy] {
                let server_config = ServerConfig::usual(kind, program, Task::Echo);
                for transport in Transport::ALL {
                    assert_eq!(check(&server_config.of(transport), transport), Ok(()));
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_had_is_said_with_its_limit() {
        let usual = ours(LabKind::Open, Program::Book, Transport::Udp);
        let limit = |settings: Settings, transport| {
            let failed = check(&settings, transport).expect_err("out of range");
            assert_eq!(failed.reason, Some(Reason::OutOfRange));
            failed.limit
        };
        let (backlog, receive_size, think_ms) = (65_536, 65_536, 60_001);
        let long = Settings { backlog, ..usual };
        assert_eq!(limit(long, Transport::Tcp), Some(65_535));
        let large = Settings {
            receive_size,
            ..usual
        };
        assert_eq!(limit(large, Transport::Udp), Some(65_535));
        assert_eq!(check(&large, Transport::Tcp), Ok(()));
        let none = Settings {
            receive_size: 0,
            ..usual
        };
        assert_eq!(limit(none, Transport::Tcp), Some(1 << 20));
        let slow = Settings { think_ms, ..usual };
        assert_eq!(limit(slow, Transport::Udp), Some(60_000));
    }
}
