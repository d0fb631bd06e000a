//! The programs of the book, call by call.

use shared::call::{
    How, Target,
    Transport::{Tcp, Udp},
};

use super::*;
use crate::model::core::connection::Losses;

const FD: Returned = Returned::Socket { fd: 3 };
const TO: Target = Target::Server;

fn names(calls: &[(u64, Call)]) -> Vec<&'static str> {
    let name = |call: &Call| match call {
        Call::Socket { .. } => "socket",
        Call::Connect { .. } => "connect",
        Call::Send { .. } => "send",
        Call::SendTo { .. } => "sendto",
        Call::Recv { .. } => "recv",
        Call::RecvFrom { .. } => "recvfrom",
        Call::Shutdown { .. } => "shutdown",
        Call::Close { .. } => "close",
        Call::Cancel { .. } => "cancel",
        Call::GetAddrInfo { .. }
        | Call::Bind { .. }
        | Call::SetTimeout { .. }
        | Call::SetSockOpt { .. }
        | Call::GetSockName { .. }
        | Call::GetPeerName { .. } => panic!("{call:?} is not in the book"),
    };
    calls.iter().map(|(_, call)| name(call)).collect()
}

impl Page {
    /// Its calls, which must have these names; their numbers.
    fn made<const N: usize>(&mut self, expected: [&str; N]) -> [u64; N] {
        let calls = self.calls();
        assert_eq!(names(&calls), expected);
        let ids: Vec<u64> = calls.iter().map(|(id, _)| *id).collect();
        ids.try_into().expect("as many numbers as names")
    }

    /// Connected by TCP, the sentence sent, the reply awaited; the numbers of send and recv.
    fn talks(&mut self, keep: bool, sentence: &str) -> [u64; 2] {
        self.chooses(Tcp);
        self.does(Event::KeepConnection(keep));
        self.sends(sentence);
        let [socket] = self.made(["socket"]);
        self.returns(socket, FD);
        let [connect] = self.made(["connect"]);
        self.returns(connect, Returned::Nothing);
        self.made(["send", "recv"])
    }
}

#[test]
fn a_sentence_by_udp() {
    let mut page = Page::open();
    page.sends("hello");
    let [socket] = page.made(["socket"]);
    assert!(!page.model.can_send(), "one program at a time");
    page.returns(socket, FD);
    let calls = page.calls();
    let data = Data::from("hello");
    assert_eq!(
        calls[0].1,
        Call::SendTo {
            fd: 3,
            to: TO,
            data
        }
    );
    assert_eq!(calls[1].1, Call::RecvFrom { fd: 3, size: 2048 });
    page.returns(calls[0].0, Returned::Sent { sent: 5 });
    page.returns(calls[1].0, datagram("HELLO"));
    page.made(["close"]);
    assert_eq!(
        (page.reply().as_str(), page.note().text.as_str()),
        ("HELLO", "")
    );
    assert!(page.model.can_send());
}

#[test]
fn a_sentence_by_tcp() {
    let mut page = Page::open();
    let [send, recv] = page.talks(false, "hello");
    page.returns(send, Returned::Sent { sent: 5 });
    page.returns(recv, chunk("HELLO"));
    page.made(["close"]);
    assert_eq!(page.reply(), "HELLO");
}

#[test]
fn a_long_reply_is_received_until_it_is_whole() {
    let mut page = Page::open();
    let [send, recv] = page.talks(false, &"a".repeat(3000));
    page.returns(send, Returned::Sent { sent: 3000 });
    page.returns(recv, chunk(&"A".repeat(1448)));
    let [recv] = page.made(["recv"]);
    page.returns(recv, chunk(&"A".repeat(1552)));
    page.made(["close"]);
    assert_eq!(page.reply().len(), 3000);
}

#[test]
fn what_send_did_not_take_is_sent_next() {
    let mut page = Page::open();
    let [send, recv] = page.talks(false, "hello world");
    page.returns(send, Returned::Sent { sent: 6 });
    let calls = page.calls();
    assert_eq!(
        calls[0].1,
        Call::Send {
            fd: 3,
            data: "world".into()
        }
    );
    assert_eq!(calls.len(), 1, "one receive is under way");
    page.returns(recv, chunk("HELLO "));
    let [next] = page.made(["recv"]);
    page.returns(calls[0].0, Returned::Sent { sent: 5 });
    page.returns(next, chunk("WORLD"));
    page.made(["close"]);
}

#[test]
fn a_sentence_longer_than_a_call_goes_in_pieces_of_whole_characters() {
    let mut page = Page::open();
    let long = "界".repeat(30_000);
    page.chooses(Tcp);
    page.sends(&long);
    let [socket] = page.made(["socket"]);
    page.returns(socket, FD);
    let [connect] = page.made(["connect"]);
    page.returns(connect, Returned::Nothing);
    let calls = page.calls();
    let first = calls[0].1.data().expect("data").clone();
    assert_eq!(first.len(), 65_535, "the last character that fits whole");
    page.returns(calls[0].0, Returned::Sent { sent: 65_535 });
    let rest = page.calls();
    assert_eq!(rest[0].1.data().map(Data::len), Some(90_000 - 65_535));
}

#[test]
fn a_refused_connection_ends_the_program() {
    let mut page = Page::open();
    page.chooses(Tcp);
    page.sends("hello");
    let [socket] = page.made(["socket"]);
    page.returns(socket, FD);
    let [connect] = page.made(["connect"]);
    page.fails(connect, "ECONNREFUSED");
    page.made(["close"]);
    assert_eq!(page.reply(), "");
    assert_eq!(page.note().errno, "ECONNREFUSED");
    assert!(
        page.note().text.starts_with("connect: Nobody listens"),
        "{:?}",
        page.note()
    );
}

#[test]
fn a_datagram_too_long_for_udp_is_not_waited_for() {
    let mut page = Page::open();
    page.sends(&"a".repeat(65_508));
    let [socket] = page.made(["socket"]);
    page.returns(socket, FD);
    let [sendto] = page.made(["sendto"]);
    page.fails(sendto, "EMSGSIZE");
    page.made(["close"]);
    assert_eq!(page.note().errno, "EMSGSIZE");
}

#[test]
fn what_the_relay_would_not_take_is_not_sent() {
    let mut page = Page::open();
    page.sends(&"a".repeat(65_537));
    assert_eq!(page.said(), []);
    assert!(
        page.note().text.contains("65\u{202f}536"),
        "{:?}",
        page.note()
    );
    assert!(page.model.can_send());
}

#[test]
fn a_receive_after_a_failed_send_is_taken_back() {
    let mut page = Page::open();
    page.sends("hello");
    let [socket] = page.made(["socket"]);
    page.returns(socket, FD);
    let [sendto, recvfrom] = page.made(["sendto", "recvfrom"]);
    page.fails(sendto, "EPERM");
    page.made(["cancel", "close"]);
    page.fails(recvfrom, "ECANCELED");
    assert_eq!(page.note().errno, "EPERM", "the first failure is the news");
}

#[test]
fn who_waits_for_ever_can_stop() {
    let mut page = Page::open();
    page.sends("anybody there?");
    let [socket] = page.made(["socket"]);
    page.returns(socket, FD);
    let [sendto, recvfrom] = page.made(["sendto", "recvfrom"]);
    page.returns(sendto, Returned::Sent { sent: 14 });
    assert_eq!(
        page.note().text,
        "",
        "not blocked for long enough to say so"
    );
    page.waits(400);
    assert!(
        page.note().text.contains("UDP does not tell"),
        "{:?}",
        page.note()
    );
    assert_eq!(
        page.model.wakes_at(page.now),
        Some(page.now + 200),
        "one sees the time grow"
    );
    page.does(Event::StopWaiting);
    let calls = page.calls();
    assert_eq!(calls[0].1, Call::Cancel { of: recvfrom });
    page.fails(recvfrom, "ECANCELED");
    page.made(["close"]);
    assert_eq!(page.note().errno, "ECANCELED");
    assert_eq!(page.wakes_at(), None, "nothing moves any more");
}

#[test]
fn nobody_to_answer_is_said_while_one_waits() {
    let mut page = Page::open();
    page.sees(1, What::Server(server(Udp, ServerState::Stopped)));
    page.sends("anybody there?");
    let [socket] = page.made(["socket"]);
    page.returns(socket, FD);
    page.waits(400);
    assert!(
        page.note().text.contains("not running"),
        "{:?}",
        page.note()
    );
}

#[test]
fn a_cut_datagram_says_how_much_is_gone() {
    let mut page = Page::open();
    page.sends("hello");
    let [socket] = page.made(["socket"]);
    page.returns(socket, FD);
    let [_, recvfrom] = page.made(["sendto", "recvfrom"]);
    let from = server_address();
    page.returns(
        recvfrom,
        Returned::Datagram {
            data: "HEL".into(),
            from,
            truncated: true,
            length: 5,
        },
    );
    let note = page.note().text;
    assert!(
        note.contains("5\u{202f}B") && note.contains("2\u{202f}B"),
        "{note}"
    );
}

#[test]
fn an_empty_datagram_and_bytes_that_are_no_text_are_told_apart() {
    for (bytes, reply, word) in [(&b""[..], "", "empty"), (b"\xff\x00", "ff 00", "hex")] {
        let mut page = Page::open();
        page.sends("");
        let [socket] = page.made(["socket"]);
        page.returns(socket, FD);
        let [_, recvfrom] = page.made(["sendto", "recvfrom"]);
        let (from, length) = (server_address(), bytes.len() as u64);
        page.returns(
            recvfrom,
            Returned::Datagram {
                data: bytes.into(),
                from,
                truncated: false,
                length,
            },
        );
        assert_eq!(page.reply(), reply);
        assert!(page.note().text.contains(word), "{:?}", page.note());
    }
}

#[test]
fn a_stream_that_ends_early_says_how_far_it_came() {
    let mut page = Page::open();
    let [_, recv] = page.talks(false, &"a".repeat(3000));
    page.returns(recv, chunk(&"A".repeat(1024)));
    let [recv] = page.made(["recv"]);
    page.fails(recv, "ECONNRESET");
    page.made(["close"]);
    assert_eq!(page.reply().len(), 1024);
    assert!(
        page.note().text.contains("Before that, 1024"),
        "{:?}",
        page.note()
    );
}

#[test]
fn a_kept_connection_carries_several_sentences() {
    let mut page = Page::open();
    let [send, recv] = page.talks(true, "one");
    page.returns(send, Returned::Sent { sent: 3 });
    page.returns(recv, chunk("ONE"));
    let [pending] = page.made(["recv"]);
    assert_eq!(page.reply(), "ONE");
    page.sends("two");
    let calls = page.calls();
    assert_eq!(
        names(&calls),
        ["cancel", "send", "recv"],
        "a socket does one call at a time"
    );
    assert_eq!(calls[0].1, Call::Cancel { of: pending });
    page.fails(pending, "ECANCELED");
    page.returns(calls[1].0, Returned::Sent { sent: 3 });
    page.returns(calls[2].0, chunk("TW"));
    assert_eq!(page.reply(), "TW");
    let [next] = page.made(["recv"]);
    page.returns(next, chunk("O"));
    assert_eq!(
        (page.reply().as_str(), page.note().errno.as_str()),
        ("TWO", "")
    );
}

#[test]
fn a_kept_connection_can_be_ended_by_halves_and_closed() {
    let mut page = Page::open();
    let [_, recv] = page.talks(true, "one");
    page.returns(recv, chunk("ONE"));
    page.made(["recv"]);
    page.does(Event::EndSending);
    let calls = page.calls();
    assert_eq!(
        calls[1].1,
        Call::Shutdown {
            fd: 3,
            how: How::Write
        }
    );
    assert_eq!(names(&calls), ["cancel", "shutdown", "recv"]);
    page.returns(calls[2].0, Returned::EndOfStream);
    page.made(["close"]);
    assert!(page.model.program.kept().is_none());
}

#[test]
fn a_kept_connection_that_the_server_ends_is_no_more() {
    let mut page = Page::open();
    let [_, recv] = page.talks(true, "one");
    page.returns(recv, chunk("ONE"));
    let [pending] = page.made(["recv"]);
    page.returns(pending, Returned::EndOfStream);
    page.made(["close"]);
    assert_eq!(page.reply(), "ONE", "what came stays");
    page.sends("two");
    page.made(["socket"]);
}

#[test]
fn who_no_longer_keeps_it_closes_it() {
    let mut page = Page::open();
    let [_, recv] = page.talks(true, "one");
    page.returns(recv, chunk("ONE"));
    page.made(["recv"]);
    page.does(Event::KeepConnection(false));
    page.made(["cancel", "close"]);
}

#[test]
fn what_goes_down_with_the_relay_is_counted() {
    let mut page = Page::open();
    let [_, recv] = page.talks(true, "one");
    page.returns(recv, chunk("ONE"));
    page.made(["recv"]);
    page.does(Event::Closed);
    assert_eq!(
        page.model.connection.lost,
        Losses {
            calls: 2,
            connections: 1
        },
        "send and recv unanswered"
    );
    assert_eq!(page.reply(), "ONE");
    assert!(!page.model.can_send());
}
