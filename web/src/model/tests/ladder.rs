//! The ladder of a run, in numbers.

use shared::{
    call::Transport::Udp,
    trace::{Derived, DerivedKind},
};

use super::{log::by_client, *};
use crate::model::trace::{
    ladder::{self, Arrow, ArrowContent, Bar, Ladder, description},
    log::Side,
};

const PITCH: i32 = 20;

impl Page {
    fn ladder(&self) -> Ladder {
        let run = self.model.shown_run().expect("a run");
        ladder::lay(run, self.model.log.waiting(), PITCH, Some(self.now))
    }
}

fn bar(ladder: &Ladder, call: u64) -> &Bar {
    ladder
        .bars
        .iter()
        .find(|bar| bar.call == call)
        .expect("a bar")
}

#[test]
fn moments_are_rungs_and_time_goes_down() {
    let mut page = Page::open();
    page.sees_a_sentence();
    let ladder = page.ladder();
    assert!(
        ladder
            .rungs
            .is_sorted_by(|one, other| one.y < other.y && one.after_ns <= other.after_ns)
    );
    assert_eq!(
        ladder.rungs[0].after_ns, 0,
        "the run begins with the client's first call"
    );
    let (socket, sendto) = (bar(&ladder, 10), bar(&ladder, 11));
    assert!(!socket.long, "it came back before anything else happened");
    assert!(sendto.top > socket.bottom && sendto.long);
    for bar in &ladder.bars {
        assert!(
            bar.top < bar.bottom && bar.bottom <= ladder.height,
            "{bar:?} of {}",
            ladder.height
        );
    }
}

#[test]
fn a_server_that_waited_before_and_waits_again_shows_so() {
    let mut page = Page::open();
    page.sees_a_sentence();
    let ladder = page.ladder();
    assert!(bar(&ladder, 5).from_before && bar(&ladder, 5).top == 0);
    assert!(bar(&ladder, 15).open && bar(&ladder, 15).side == Side::Server);
}

#[test]
fn calls_alone_join_what_they_handed_over() {
    let mut page = Page::open();
    page.sees_a_sentence();
    let arrows = page.ladder().arrows;
    let shown: Vec<_> = arrows
        .iter()
        .map(|arrow| (arrow.to_server, arrow.captured, arrow.call))
        .collect();
    assert_eq!(shown, [(true, false, Some(11)), (false, false, Some(14))]);
    assert!(
        arrows
            .iter()
            .all(|arrow| arrow.from_y <= arrow.to_y && arrow.arrives)
    );
    assert_eq!(arrows[0].carried, ArrowContent::Bytes(Udp, 5));
}

#[test]
fn what_the_relay_derives_goes_before_what_the_page_would() {
    let mut page = Page::open();
    page.sees_a_sentence();
    let (from, to) = (CLIENT.parse().expect("an address"), server_address());
    let derived = |because, from, to| Derived {
        kind: DerivedKind::Datagram,
        transport: Udp,
        from,
        to,
        length: 5,
        because,
        process: Some(ME),
    };
    page.sees(220, What::Derived(derived(11, from, to)));
    page.sees(221, What::Derived(derived(14, to, from)));
    let arrows = page.ladder().arrows;
    let ways: Vec<_> = arrows
        .iter()
        .map(|arrow| (arrow.to_server, arrow.arrives))
        .collect();
    assert_eq!(ways, [(true, true), (false, true)]);
}

#[test]
fn a_datagram_nobody_received_goes_only_so_far() {
    let mut page = Page::open();
    page.sends("hello");
    let id = page.said()[0].id;
    page.starts(1, started(10, ME, CallName::Socket, None, Some(id)));
    page.ended(2, returned(10, ME, Returned::Socket { fd: 3 }));
    page.starts(3, started(11, ME, CallName::SendTo, Some(3), None));
    page.ended(4, by_client(returned(11, ME, Returned::Sent { sent: 5 })));
    let (from, to) = (CLIENT.parse().expect("an address"), server_address());
    let kind = DerivedKind::Datagram;
    page.sees(
        5,
        What::Derived(Derived {
            kind,
            transport: Udp,
            from,
            to,
            length: 5,
            because: 11,
            process: None,
        }),
    );
    let [
        Arrow {
            arrives, to_server, ..
        },
    ] = page.ladder().arrows[..]
    else {
        panic!("one arrow")
    };
    assert_eq!((arrives, to_server), (false, true));
}

#[test]
fn a_blocked_call_grows_and_stops_growing() {
    let mut page = Page::open();
    page.sends("hello");
    let id = page.said()[0].id;
    page.starts(1, started(10, ME, CallName::RecvFrom, None, Some(id)));
    let heights: Vec<i32> = [0, 1_000, 3_000, 30_000, 300_000]
        .into_iter()
        .map(|ms| {
            page.now = 1_000 + ms;
            page.ladder().height
        })
        .collect();
    assert!(
        heights[0] < heights[1] && heights[1] < heights[2],
        "{heights:?}"
    );
    assert_eq!(heights[3], heights[4]);
}

#[test]
fn calls_of_one_side_that_overlap_have_lanes_of_their_own() {
    let mut page = Page::open();
    page.sends("hello");
    let id = page.said()[0].id;
    page.starts(1, started(10, ME, CallName::Socket, None, Some(id)));
    page.ended(2, returned(10, ME, Returned::Socket { fd: 3 }));
    page.starts(3, started(11, ME, CallName::RecvFrom, Some(3), None));
    page.starts(4, started(12, ME, CallName::SendTo, Some(3), None));
    let ladder = page.ladder();
    assert_ne!(bar(&ladder, 11).lane, bar(&ladder, 12).lane);
}

#[test]
fn how_long_a_call_is_blocked_stands_below_it_where_there_is_room() {
    let mut page = Page::open();
    page.sends("hello");
    let id = page.said()[0].id;
    page.starts(1, started(10, ME, CallName::RecvFrom, None, Some(id)));
    let ladder = page.ladder();
    let blocked = bar(&ladder, 10);
    assert_eq!(blocked.result, Some(blocked.label + PITCH));
    assert!(ladder.height >= blocked.label + 2 * PITCH, "it is not cut");
    page.starts(2, started(11, ME, CallName::SendTo, None, Some(id)));
    let ladder = page.ladder();
    assert_eq!(bar(&ladder, 10).result, None, "another call stands there");
    let run = page.model.shown_run().expect("a run");
    let past = ladder::lay(run, &[], PITCH, None);
    assert!(
        past.bars.iter().all(|bar| bar.result.is_none()),
        "nobody waits in a saved trace"
    );
}

#[test]
fn in_words_it_is_told_in_the_order_of_time() {
    let mut page = Page::open();
    page.sees_a_sentence();
    let run = page.model.shown_run().expect("a run");
    let find = |id| {
        let mut calls = run.calls.iter().chain(page.model.log.waiting());
        calls.find(|call| call.id == id)
    };
    let told = description::describe(&page.ladder(), find, &Texts::new(Language::English));
    let told: Vec<String> = told
        .iter()
        .map(|line| line.replace('\u{202f}', " "))
        .collect();
    let place = |part: &str| {
        let found = told.iter().position(|line| line.contains(part));
        found.unwrap_or_else(|| panic!("{part} in {told:#?}"))
    };
    let order = [
        "the client calls socket(): fd 3.",
        "the client calls sendto(\"hello\").",
        "UDP 5 B, client to server, derived from the calls.",
        "the server calls sendto(\"HELLO\").",
        "UDP 5 B, server to client, derived from the calls.",
        "recvfrom() of the client returns \"HELLO\".",
    ]
    .map(place);
    assert!(order.is_sorted(), "{told:#?}");
}
