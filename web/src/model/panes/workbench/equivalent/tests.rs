//! Programs as they are written, word for word.

use shared::{
    outcome::{Failed, FailureSource, Reason},
    trace::Arguments,
};

use super::*;
use crate::{
    i18n::Language,
    model::{core::time::Millis, panes::workbench::SocketCard},
};

const SERVER: &str = "127.0.0.1:12000";

/// What somebody did, call by call.
#[derive(Default)]
struct Story(Workbench);

impl Story {
    fn opens(mut self, transport: Transport, fd: u32) -> Self {
        let key = self.0.cards.len() as u64 + 1;
        let socket = Returned::Socket { fd };
        let mut made = made(transport, CallName::Socket, Arguments::default());
        made.end = Some((Outcome::Returned(socket), 1));
        made.card = Some(key);
        self.0.cards.push(SocketCard::new(key, fd, &made, 0));
        self.0.calls.push(made);
        self
    }

    fn did(self, name: CallName, arguments: Arguments, returned: Returned) -> Self {
        self.made(name, arguments, Some(Outcome::Returned(returned)))
    }

    fn failed(self, name: CallName, arguments: Arguments, errno: &str) -> Self {
        self.made(name, arguments, Some(Outcome::Failed(failure(errno))))
    }

    fn made(mut self, name: CallName, arguments: Arguments, end: Option<Outcome>) -> Self {
        let card = self.0.cards.last().expect("a socket");
        let mut made = made(card.transport, name, arguments);
        made.card = Some(card.key);
        made.fd = Some(card.fd);
        made.end = end.map(|outcome| (outcome, 1));
        self.0.calls.push(made);
        self
    }

    fn reads(&self, language: ProgramLanguage) -> String {
        write(&self.0, language, &Texts::new(Language::English))
    }
}

fn made(transport: Transport, name: CallName, arguments: Arguments) -> CallRecord {
    let since: Millis = 0;
    CallRecord {
        request: None,
        call: Some(1),
        card: None,
        fd: None,
        name,
        transport,
        family: None,
        arguments,
        since,
        end: None,
        gone: false,
    }
}

fn failure(errno: &str) -> Failed {
    let is_relays = errno == "ECANCELED";
    Failed {
        errno: errno.to_owned(),
        message: String::new(),
        source: if is_relays {
            FailureSource::Relay
        } else {
            FailureSource::Kernel
        },
        reason: is_relays.then_some(Reason::Cancelled),
        limit: None,
    }
}

fn to(address: &str) -> Arguments {
    Arguments {
        address: Some(address.parse().expect("an address")),
        ..Arguments::default()
    }
}

fn data(bytes: &[u8]) -> Arguments {
    Arguments {
        data: Some(bytes.into()),
        ..Arguments::default()
    }
}

fn number(number: i64) -> Arguments {
    Arguments {
        number: Some(number),
        ..Arguments::default()
    }
}

fn word(word: &str, number: Option<i64>) -> Arguments {
    Arguments {
        word: Some(word.to_owned()),
        number,
        ..Arguments::default()
    }
}

fn datagram(text: &str) -> Returned {
    Returned::Datagram {
        data: text.into(),
        from: SERVER.parse().expect("an address"),
        truncated: false,
        length: text.len() as u64,
    }
}

fn udp() -> Story {
    let sent = Arguments {
        data: Some("hi 世界".into()),
        ..to(SERVER)
    };
    Story::default()
        .opens(Transport::Udp, 3)
        .did(CallName::SendTo, sent, Returned::Sent { sent: 9 })
        .did(CallName::RecvFrom, number(2048), datagram("HI 世界"))
        .did(CallName::Close, Arguments::default(), Returned::Nothing)
}

fn tcp() -> Story {
    let chunk = Returned::Chunk {
        data: (&b"\xff"[..]).into(),
    };
    Story::default()
        .opens(Transport::Tcp, 3)
        .did(
            CallName::SetSockOpt,
            word("SO_REUSEADDR", Some(1)),
            Returned::Nothing,
        )
        .did(CallName::Bind, to("127.0.0.1:5000"), Returned::Nothing)
        .failed(CallName::Send, data(b"early"), "EPIPE")
        .did(CallName::Connect, to(SERVER), Returned::Nothing)
        .did(CallName::SetTimeout, number(1_500), Returned::Nothing)
        .did(
            CallName::Send,
            data(b"it's \"100%\"\n\xff9"),
            Returned::Sent { sent: 14 },
        )
        .did(CallName::Shutdown, word("SHUT_WR", None), Returned::Nothing)
        .did(CallName::Recv, number(64), chunk)
        .failed(CallName::Recv, number(64), "ECANCELED")
        .did(CallName::Close, Arguments::default(), Returned::Nothing)
        .failed(CallName::Send, data(b"late"), "EBADF")
}

#[test]
fn a_datagram_and_its_answer() {
    let story = udp();
    assert_eq!(
        story.reads(ProgramLanguage::Python),
        include_str!("tests/udp.py")
    );
    assert_eq!(story.reads(ProgramLanguage::C), include_str!("tests/udp.c"));
    assert_eq!(
        story.reads(ProgramLanguage::Rust),
        include_str!("tests/udp.rs.txt")
    );
    assert_eq!(
        story.reads(ProgramLanguage::Nc),
        "printf 'hi 世界' | nc -n -u -w 1 127.0.0.1 12000\n"
    );
}

#[test]
fn a_stream_with_options_and_mistakes() {
    let story = tcp();
    assert_eq!(
        story.reads(ProgramLanguage::Python),
        include_str!("tests/tcp.py")
    );
    assert_eq!(story.reads(ProgramLanguage::C), include_str!("tests/tcp.c"));
    assert_eq!(
        story.reads(ProgramLanguage::Rust),
        include_str!("tests/tcp.rs.txt")
    );
    assert_eq!(
        story.reads(ProgramLanguage::Nc),
        "printf 'it\\047s \"100%%\"\\n\\3779' | nc -n -N -p 5000 127.0.0.1 12000\n\
         # nc cannot do: setsockopt, settimeout\n"
    );
}

#[test]
fn rust_needs_no_crate_where_the_standard_library_has_the_calls() {
    let story = Story::default()
        .opens(Transport::Tcp, 3)
        .did(CallName::Connect, to(SERVER), Returned::Nothing)
        .did(CallName::Send, data(b"hello"), Returned::Sent { sent: 5 })
        .did(CallName::Recv, number(1024), Returned::EndOfStream);
    let text = story.reads(ProgramLanguage::Rust);
    assert!(text.contains("use std::net::TcpStream;\n"), "{text}");
    assert!(
        text.contains("let mut s3 = TcpStream::connect(\"127.0.0.1:12000\")?;"),
        "{text}"
    );
    assert!(!text.contains("socket2"), "{text}");
}

#[test]
fn a_number_that_is_used_again_has_another_name() {
    let close = |story: Story| story.did(CallName::Close, Arguments::default(), Returned::Nothing);
    let story = close(Story::default().opens(Transport::Udp, 3)).opens(Transport::Udp, 3);
    let text = story.reads(ProgramLanguage::C);
    assert!(
        text.contains("int s3 = ") && text.contains("int s3b = "),
        "{text}"
    );
}

/// What the two above have not.
fn rest() -> Story {
    let address = || Returned::Address {
        address: SERVER.parse().expect("an address"),
    };
    let none = Arguments::default;
    let connected = Story::default()
        .opens(Transport::Udp, 3)
        .did(
            CallName::SetSockOpt,
            word("SO_LINGER", Some(-1)),
            Returned::Nothing,
        )
        .did(
            CallName::SetSockOpt,
            word("SO_RCVBUF", Some(4_096)),
            Returned::Nothing,
        )
        .did(
            CallName::SetSockOpt,
            word("IP_RECVERR", Some(1)),
            Returned::Nothing,
        )
        .failed(
            CallName::SetSockOpt,
            word("TCP_NODELAY", Some(1)),
            "EOPNOTSUPP",
        )
        .failed(CallName::Connect, to("[::1]:12000"), "EAFNOSUPPORT")
        .failed(CallName::GetPeerName, none(), "ENOTCONN")
        .did(CallName::Connect, to(SERVER), Returned::Nothing)
        .did(CallName::GetSockName, none(), address())
        .did(CallName::GetPeerName, none(), address())
        .did(CallName::SetTimeout, number(0), Returned::Nothing)
        .failed(CallName::Recv, number(16), "EAGAIN")
        .did(CallName::SetTimeout, none(), Returned::Nothing);
    let mut story = connected;
    let found = Returned::Resolved {
        addresses: vec!["127.0.0.1".parse().expect("an address")],
    };
    let asked = word("localhost", None);
    let mut resolved = made(Transport::Tcp, CallName::GetAddrInfo, asked);
    resolved.end = Some((Outcome::Returned(found), 1));
    story.0.calls.push(resolved);
    story
}

#[test]
fn all_the_other_calls() {
    let story = rest();
    assert_eq!(
        story.reads(ProgramLanguage::Python),
        include_str!("tests/rest.py")
    );
    assert_eq!(
        story.reads(ProgramLanguage::C),
        include_str!("tests/rest.c")
    );
    assert_eq!(
        story.reads(ProgramLanguage::Rust),
        include_str!("tests/rest.rs.txt")
    );
}

#[test]
fn nothing_done_is_no_program() {
    assert_eq!(Story::default().reads(ProgramLanguage::C), "");
}

#[test]
fn nobody_to_talk_to_is_nothing_for_nc() {
    let story = Story::default().opens(Transport::Udp, 3);
    assert!(story.reads(ProgramLanguage::Nc).starts_with("# s3: "));
}
