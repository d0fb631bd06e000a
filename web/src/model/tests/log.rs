//! Calls find their run, whatever the order in which they are heard of.

use shared::{call::Transport::Udp, message::Gap};

use super::*;
use crate::model::trace::log::{Run, RunKind};

/// The names of a run's calls, with the side in front.
fn names(run: &Run) -> Vec<String> {
    let name =
        |call: &crate::model::trace::log::Call| format!("{:?} {}", call.side, call.name.as_str());
    run.calls.iter().map(name).collect()
}

pub(super) fn from_client(mut returned: CallReturned) -> CallReturned {
    returned.peer = CLIENT.parse().ok();
    returned
}

pub(super) fn by_client(mut returned: CallReturned) -> CallReturned {
    returned.local = CLIENT.parse().ok();
    returned
}

impl Page {
    pub(super) fn starts(&mut self, us: u64, started: CallStarted) {
        self.sees(us, What::CallStarted(Box::new(started)));
    }

    pub(super) fn ended(&mut self, us: u64, returned: CallReturned) {
        self.sees(us, What::CallReturned(Box::new(returned)));
    }

    /// A whole sentence by UDP as the trace tells it; the server had waited since long before.
    pub(super) fn sees_a_sentence(&mut self) {
        self.sends("hello");
        let id = self.said()[0].id;
        self.starts(100, started(10, ME, CallName::Socket, None, Some(id)));
        self.ended(101, returned(10, ME, Returned::Socket { fd: 3 }));
        self.returns(id, Returned::Socket { fd: 3 });
        let said = self.said();
        let mut sendto = started(11, ME, CallName::SendTo, Some(3), Some(said[0].id));
        sendto.arguments.data = Some("hello".into());
        self.starts(200, sendto);
        self.starts(
            201,
            started(12, ME, CallName::RecvFrom, Some(3), Some(said[1].id)),
        );
        self.ended(
            205,
            from_client(returned(5, UDP_SERVER, from_client_datagram("hello"))),
        );
        self.ended(206, by_client(returned(11, ME, Returned::Sent { sent: 5 })));
        let mut answer = started(14, UDP_SERVER, CallName::SendTo, Some(3), None);
        answer.arguments = Arguments {
            address: CLIENT.parse().ok(),
            data: Some("HELLO".into()),
            ..Arguments::default()
        };
        self.starts(207, started(13, UDP_SERVER, CallName::Upper, None, None));
        self.ended(208, returned(13, UDP_SERVER, chunk("HELLO")));
        self.starts(209, answer);
        self.ended(
            210,
            from_client(returned(14, UDP_SERVER, Returned::Sent { sent: 5 })),
        );
        self.starts(
            211,
            started(15, UDP_SERVER, CallName::RecvFrom, Some(3), None),
        );
        self.ended(215, by_client(returned(12, ME, datagram("HELLO"))));
    }
}

pub(super) fn from_client_datagram(text: &str) -> Returned {
    let (from, length) = (CLIENT.parse().expect("an address"), text.len() as u64);
    Returned::Datagram {
        data: text.into(),
        from,
        truncated: false,
        length,
    }
}

#[test]
fn both_sides_of_a_sentence_are_one_run() {
    let mut page = Page::open();
    page.sees_a_sentence();
    let runs = page.model.log.runs();
    assert_eq!(runs.len(), 1);
    let expected = [
        "Client socket",
        "Client sendto",
        "Client recvfrom",
        "Server recvfrom",
        "Server upper",
        "Server sendto",
    ];
    assert_eq!(names(&runs[0]), expected);
    assert!(runs[0].calls[3].from_before, "it had waited");
    let waiting: Vec<_> = page
        .model
        .log
        .waiting()
        .iter()
        .map(|call| call.id)
        .collect();
    assert_eq!(waiting, [15], "and waits again");
    assert_eq!(
        page.model.log.open_server_call(Udp).map(|call| call.id),
        Some(15)
    );
}

#[test]
fn a_stranger_has_a_run_of_his_own() {
    let mut page = Page::open();
    page.ended(
        1,
        from_client(returned(5, UDP_SERVER, from_client_datagram("hi"))),
    );
    page.starts(2, started(6, UDP_SERVER, CallName::Upper, None, None));
    let runs = page.model.log.runs();
    assert_eq!(
        runs[0].kind,
        RunKind::Stranger(Udp, CLIENT.parse().expect("an address"))
    );
    assert_eq!(names(&runs[0]), ["Server recvfrom", "Server upper"]);
}

#[test]
fn a_strangers_next_datagram_is_another_run() {
    let mut page = Page::open();
    page.ended(
        1,
        from_client(returned(5, UDP_SERVER, from_client_datagram("hi"))),
    );
    page.ended(
        9,
        from_client(returned(6, UDP_SERVER, from_client_datagram("there"))),
    );
    assert_eq!(page.model.log.runs().len(), 2);
}

#[test]
fn who_seemed_a_stranger_and_is_the_page_is_taken_in() {
    let mut page = Page::open();
    page.sends("hello");
    let id = page.said()[0].id;
    page.starts(1, started(10, ME, CallName::Socket, None, Some(id)));
    page.ended(2, returned(10, ME, Returned::Socket { fd: 3 }));
    page.ended(
        3,
        from_client(returned(5, UDP_SERVER, from_client_datagram("hello"))),
    );
    assert_eq!(page.model.log.runs().len(), 2);
    page.starts(3, started(11, ME, CallName::SendTo, Some(3), None));
    page.ended(4, by_client(returned(11, ME, Returned::Sent { sent: 5 })));
    let runs = page.model.log.runs();
    assert_eq!(runs.len(), 1);
    assert_eq!(
        names(&runs[0]),
        ["Client socket", "Server recvfrom", "Client sendto"]
    );
}

#[test]
fn another_pages_calls_are_its_own_run() {
    let mut page = Page::open();
    page.starts(1, started(10, 9, CallName::Socket, None, Some(1)));
    page.ended(2, returned(10, 9, Returned::Socket { fd: 3 }));
    page.starts(3, started(11, 9, CallName::SendTo, Some(3), Some(2)));
    assert_eq!(page.model.log.runs()[0].kind, RunKind::Page(Udp, 9));
    assert_eq!(
        names(&page.model.log.runs()[0]),
        ["Client socket", "Client sendto"]
    );
}

#[test]
fn what_was_seen_before_changes_nothing() {
    let mut page = Page::open();
    page.sees_a_sentence();
    let version = page.model.log.version();
    page.seq = 12;
    page.starts(201, started(12, ME, CallName::RecvFrom, Some(3), None));
    assert_eq!(page.model.log.version(), version);
}

#[test]
fn a_process_that_goes_takes_its_blocked_calls_along() {
    let mut page = Page::open();
    page.sees_a_sentence();
    page.sees(
        300,
        What::ProcessEnded {
            process: UDP_SERVER,
        },
    );
    assert!(page.model.log.waiting().is_empty());
    assert!(page.model.log.open_server_call(Udp).is_none());
}

#[test]
fn the_oldest_runs_make_room() {
    let mut page = Page::open();
    for number in 0..600 {
        page.hears(ServerMessage::Gap(Gap {
            from: number,
            to: number,
        }));
    }
    assert_eq!(page.model.log.runs().len(), 500);
}

#[test]
fn a_wiped_list_does_not_come_back() {
    let mut page = Page::open();
    page.sends("hello");
    let id = page.said()[0].id;
    page.starts(1, started(10, ME, CallName::Socket, None, Some(id)));
    page.does(WholeEvent::Clear);
    page.ended(2, returned(10, ME, Returned::Socket { fd: 3 }));
    assert!(page.model.log.runs().is_empty());
}

#[test]
fn facts_come_to_their_call() {
    let mut page = Page::open();
    page.sees_a_sentence();
    let fact = shared::trace::Fact {
        name: "ip.ttl".to_owned(),
        value: "64".to_owned(),
        source: shared::trace::Source::Kernel,
    };
    let facts = shared::trace::Facts {
        process: ME,
        fd: Some(3),
        call: Some(12),
        facts: vec![fact],
    };
    page.sees(300, What::Facts(facts));
    let run = page.model.log.run_of(12).expect("its run");
    assert_eq!(run.calls[2].facts.len(), 1);
}

#[test]
fn a_strangers_packet_that_came_before_its_call_is_in_his_run() {
    let mut page = Page::open();
    for (us, call, text) in [(1, 5, "hi"), (100, 6, "there")] {
        page.sees(us, datagram_packet(us));
        page.ended(
            us + 9,
            from_client(returned(call, UDP_SERVER, from_client_datagram(text))),
        );
    }
    let runs = page.model.log.runs();
    let transmissions: Vec<_> = runs.iter().map(|run| run.transmissions.len()).collect();
    assert_eq!(transmissions, [1, 1]);
}

/// A datagram of the client's, seen at this many microseconds of the lab's time.
pub(super) fn datagram_packet(us: u64) -> What {
    let mut bytes = vec![
        0x45, 0, 0, 30, 0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1,
    ];
    bytes.extend([0xc0, 0, 0x2e, 0xe0, 0, 10, 0, 0, b'h', b'i']);
    What::Packet(Box::new(shared::trace::Packet {
        interface: "lo".to_owned(),
        link: shared::trace::Link::Raw,
        length: bytes.len() as u64,
        bytes,
        kernel_s: 1_700_000_000,
        kernel_ns: u32::try_from(us * 1_000).unwrap_or_default(),
        checksum_unfinished: false,
        burst: None,
        process: None,
        call: None,
        direction: None,
    }))
}

#[test]
fn who_wants_sees_only_his_own() {
    let mut page = Page::open();
    page.sees_a_sentence();
    page.starts(300, started(20, 9, CallName::Socket, None, Some(1)));
    assert!(page.model.is_in_company());
    assert_eq!(page.model.runs_in_view().count(), 2);
    page.does(WholeEvent::OnlyMine(true));
    assert_eq!(page.model.runs_in_view().count(), 1);
    assert!(page.model.shown_run().is_some_and(|run| !run.is_foreign()));
}
