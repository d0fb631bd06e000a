//! The state machine by itself: inputs, and all that comes out of them.

use std::time::Duration;

use clap::Parser;
use shared::{codec::decode_server, message::GoodbyeReason};

use super::*;
use crate::config::Config;

/// What happens to a session.
#[derive(Clone, Copy, Debug)]
enum Input {
    /// A text message arrives.
    Message(&'static str),
    /// A text message of a muted member arrives.
    Muted(&'static str),
    /// The call with this id returns, on this socket if it has one.
    Returned(u64, Option<Fd>),
    /// The request with this id is performed.
    Controlled(u64),
    /// This many seconds pass on a connection that is read from and takes what is sent.
    Wait(u64),
    /// The same on a connection that has not taken anything since the start.
    WaitUnread(u64),
    /// A WebSocket frame that is no message arrives.
    Frame,
    /// A page connects that has received this many replies.
    Resumed(Option<u64>),
    /// The session ends.
    Abandoned,
}

/// What comes out.
#[derive(Debug, PartialEq, Eq)]
enum Output {
    /// A reply that succeeds.
    Done(u64),
    /// A reply that fails, with its limit.
    Failed(u64, Reason, Option<u64>),
    /// A reply of the connection, and why it fails.
    Sent(Option<u64>, Option<Reason>),
    /// A new socket.
    Open(u64, Fd),
    Resolve(u64),
    Start(u64, Fd),
    Close(u64, Fd),
    Cancel(u64),
    Control(u64),
    Transition(u64),
    Ping,
    Disconnect(GoodbyeReason, Option<u64>),
    /// A resumption that fails.
    NotResumed(Reason),
}

use Input::{Abandoned, Controlled, Frame, Message, Muted, Resumed, Wait, WaitUnread};
use Output::{Cancel, Close, Control, Disconnect as Disconnected, Done, NotResumed, Open, Ping};
use Output::{Resolve, Sent, Start, Transition as Moved};

const SOCKET: &str = r#"{"id":1,"call":"socket","transport":"udp"}"#;
const BIND: &str = r#"{"id":2,"call":"bind","fd":3,"port":0}"#;
const RECV: &str = r#"{"id":3,"call":"recvfrom","fd":3,"size":10}"#;
const SEND: &str = r#"{"id":4,"call":"sendto","fd":3,"to":"server","data":{"text":"hello"}}"#;
const CLOSE: &str = r#"{"id":5,"call":"close","fd":3}"#;
const CANCEL_RECV: &str = r#"{"id":6,"call":"cancel","of":3}"#;
const CANCEL_SEND: &str = r#"{"id":7,"call":"cancel","of":4}"#;

fn limits() -> Limits {
    Limits {
        sockets: 2,
        calls: 3,
        data_bytes: 10,
        message_bytes: 100,
        queued_bytes: 200,
        idle_seconds: 100,
        unread_seconds: 30,
        ping_seconds: 20,
        ..Config::parse_from(["relay"]).limits.into()
    }
}

/// Runs the inputs; the outputs must be exactly these, in this order, with nothing left over.
fn check<const N: usize, const M: usize>(inputs: [Input; N], outputs: [Output; M]) {
    let start = Instant::now();
    let mut core = Core::new(Rc::new(limits()), true, start);
    let mut now = start;
    let mut actual = Vec::new();
    for input in inputs {
        run(&mut core, input, start, &mut now, &mut actual);
        drain(&mut core, &mut actual);
    }
    assert_eq!(actual, outputs, "{inputs:#?}");
}

fn run(
    core: &mut Core<Fd>,
    input: Input,
    start: Instant,
    now: &mut Instant,
    out: &mut Vec<Output>,
) {
    let mut connection = ConnectionState {
        is_reading: true,
        unread_since: None,
    };
    match input {
        Message(text) => core.handle_message(text, *now, || Ok(())),
        Muted(text) => core.handle_message(text, *now, || Err(failure::relay(Reason::Muted, ""))),
        Input::Returned(id, fd) => core.handle_returned(id, fd, nothing()),
        Controlled(id) => core.handle_control_result(id, Ok(Returned::Nothing)),
        Wait(seconds) | WaitUnread(seconds) => {
            if matches!(input, WaitUnread(_)) {
                connection.unread_since = Some(start);
            }
            *now += Duration::from_secs(seconds);
            core.handle_timeout(*now, connection);
        }
        Frame => core.handle_frame(),
        Resumed(received) => match core.handle_resumed(received) {
            Ok(()) => core.handle_connected(*now),
            Err(failed) => out.push(NotResumed(failed.reason.expect("a reason"))),
        },
        Abandoned => core.handle_abandoned(),
    }
}

/// Performs what needs no waiting, as a session does, and gathers all effects and replies.
fn drain(core: &mut Core<Fd>, out: &mut Vec<Output>) {
    while let Some(effect) = core.poll_effect() {
        match effect {
            Effect::Call(CallEffect::Open { id, fd, .. }) => {
                out.push(Open(id, fd));
                core.handle_opened(id, fd, Ok(fd), 0);
            }
            Effect::Call(CallEffect::Resolve { id, .. }) => out.push(Resolve(id)),
            Effect::Call(CallEffect::Start(ready)) => {
                assert_eq!(*ready.socket, ready.fd, "the socket of this number");
                out.push(Start(ready.id, ready.fd));
            }
            Effect::Call(CallEffect::Close { id, fd, socket }) => {
                assert_eq!(Rc::strong_count(&socket), 1, "nothing else holds it");
                out.push(Close(id, fd));
                core.handle_closed(id, fd, nothing());
            }
            Effect::Call(CallEffect::Cancel { id }) => out.push(Cancel(id)),
            Effect::Page(PageEffect::Control(id, _)) => out.push(Control(id)),
            Effect::Page(PageEffect::Transition(id, _)) => out.push(Moved(id)),
            Effect::Page(PageEffect::Send(text)) => {
                let (id, failed) = parse(&text);
                out.push(Sent(id, failed.and_then(|failed| failed.reason)));
            }
            Effect::Page(PageEffect::Ping) => out.push(Ping),
            Effect::Page(PageEffect::Disconnect(Disconnect { goodbye, .. })) => {
                out.push(Disconnected(goodbye.reason, goodbye.limit));
            }
        }
    }
    while let Some(text) = core.poll_reply() {
        let (id, failed) = parse(&text);
        let id = id.expect("an id");
        out.push(match failed {
            None => Done(id),
            Some(failed) => Output::Failed(id, failed.reason.expect("a reason"), failed.limit),
        });
    }
}

fn parse(text: &str) -> (Option<u64>, Option<Failed>) {
    let Ok(ServerMessage::Reply(reply)) = decode_server(text) else {
        panic!("not a reply: {text}");
    };
    let failed = match reply.outcome {
        Outcome::Returned(_) => None,
        Outcome::Failed(failed) => Some(failed),
    };
    (reply.id, failed)
}

fn nothing() -> FinishedCall {
    without_socket(Outcome::Returned(Returned::Nothing))
}

fn failed(id: u64, reason: Reason) -> Output {
    Output::Failed(id, reason, None)
}

#[test]
fn a_socket_makes_its_calls_in_order() {
    check(
        [
            Message(SOCKET),
            Message(BIND),
            Message(RECV),
            Message(SEND),
            Input::Returned(2, Some(3)),
            Input::Returned(3, Some(3)),
            Input::Returned(4, Some(3)),
        ],
        [
            Open(1, 3),
            Done(1),
            Start(2, 3),
            Start(3, 3),
            Done(2),
            Start(4, 3),
            Done(3),
            Done(4),
        ],
    );
}

#[test]
fn a_blocked_call_does_not_hold_up_other_sockets() {
    check(
        [
            Message(SOCKET),
            Message(r#"{"id":2,"call":"socket","transport":"tcp"}"#),
            Message(RECV),
            Message(r#"{"id":8,"call":"connect","fd":4,"to":"server"}"#),
            Input::Returned(8, Some(4)),
        ],
        [
            Open(1, 3),
            Done(1),
            Open(2, 4),
            Done(2),
            Start(3, 3),
            Start(8, 4),
            Done(8),
        ],
    );
}

#[test]
fn a_name_is_resolved_without_a_socket() {
    let resolve = r#"{"id":3,"call":"getaddrinfo","transport":"udp","name":"localhost"}"#;
    check(
        [Message(resolve), Input::Returned(3, None)],
        [Resolve(3), Done(3)],
    );
}

#[test]
fn a_running_call_is_cancelled_by_its_return() {
    check(
        [
            Message(SOCKET),
            Message(RECV),
            Message(CANCEL_RECV),
            Input::Returned(3, Some(3)),
            Message(r#"{"id":8,"call":"cancel","of":3}"#),
        ],
        [
            Open(1, 3),
            Done(1),
            Start(3, 3),
            Cancel(3),
            Done(6),
            Done(3),
            failed(8, Reason::NoSuchCall),
        ],
    );
}

#[test]
fn a_queued_call_is_cancelled_at_once() {
    check(
        [
            Message(SOCKET),
            Message(RECV),
            Message(SEND),
            Message(CANCEL_SEND),
            Input::Returned(3, Some(3)),
        ],
        [
            Open(1, 3),
            Done(1),
            Start(3, 3),
            failed(4, Reason::Cancelled),
            Done(7),
            Done(3),
        ],
    );
}

#[test]
fn a_close_waits_for_the_running_call_and_fails_those_behind_it() {
    check(
        [
            Message(SOCKET),
            Message(RECV),
            Message(CLOSE),
            Message(SEND),
            Input::Returned(3, Some(3)),
            Message(BIND),
            Message(r#"{"id":8,"call":"socket","transport":"udp"}"#),
        ],
        [
            Open(1, 3),
            Done(1),
            Start(3, 3),
            Close(5, 3),
            Done(3),
            Done(5),
            failed(4, Reason::NoSuchSocket),
            failed(2, Reason::NoSuchSocket),
            Open(8, 3),
            Done(8),
        ],
    );
}

#[test]
fn each_limit_is_in_its_failure() {
    check(
        [
            Message(SOCKET),
            Message(r#"{"id":2,"call":"socket","transport":"udp"}"#),
            Message(r#"{"id":8,"call":"socket","transport":"udp"}"#),
            Message(r#"{"id":8,"call":"recvfrom","fd":3,"size":11}"#),
            Message(
                r#"{"id":8,"call":"sendto","fd":3,"to":"server","data":{"text":"a long text that makes the message too long"}}"#,
            ),
            Message(RECV),
            Message(SEND),
            Message(r#"{"id":8,"call":"recvfrom","fd":3,"size":10}"#),
            Message(r#"{"id":9,"call":"recvfrom","fd":4,"size":10}"#),
        ],
        [
            Open(1, 3),
            Done(1),
            Open(2, 4),
            Done(2),
            Output::Failed(8, Reason::TooManySockets, Some(2)),
            Output::Failed(8, Reason::DataTooLarge, Some(10)),
            Output::Failed(8, Reason::MessageTooLarge, Some(100)),
            Start(3, 3),
            Output::Failed(9, Reason::TooManyCalls, Some(3)),
        ],
    );
}

#[test]
fn a_name_of_a_host_has_a_longest_length() {
    let long = format!(
        r#"{{"id":1,"call":"getaddrinfo","transport":"udp","name":"{}"}}"#,
        "a".repeat(254)
    );
    let limits = Limits {
        message_bytes: 1000,
        ..limits()
    };
    let now = Instant::now();
    let mut core = Core::<Fd>::new(Rc::new(limits), false, now);
    let mut out = Vec::new();
    core.handle_message(&long, now, || Ok(()));
    drain(&mut core, &mut out);
    assert_eq!(out, [Output::Failed(1, Reason::DataTooLarge, Some(253))]);
}

#[test]
fn an_id_in_flight_is_refused() {
    check(
        [
            Message(SOCKET),
            Message(RECV),
            Message(r#"{"id":3,"call":"bind","fd":3,"port":0}"#),
            Message(r#"{"id":3,"ask":"ping"}"#),
            Message(r#"{"id":3,"ask":"enter","lab":"private"}"#),
        ],
        [
            Open(1, 3),
            Done(1),
            Start(3, 3),
            failed(3, Reason::IdInUse),
            Sent(Some(3), Some(Reason::IdInUse)),
            Sent(Some(3), Some(Reason::IdInUse)),
        ],
    );
}

#[test]
fn a_message_that_cannot_be_read_fails_and_the_conversation_goes_on() {
    check(
        [
            Message(r#"{"id":1,"call":"bind","fd":3,"port":0,"size":1}"#),
            Message(r#"{"id":2,"call":"fly"}"#),
            Message(r#"{"call":"bind"}"#),
            Message(r#"{"id":3,"ask":"ping"}"#),
            Message("[]"),
        ],
        [
            failed(1, Reason::UnknownKey),
            failed(2, Reason::UnknownCall),
            Sent(None, Some(Reason::Malformed)),
            Sent(Some(3), None),
            Disconnected(GoodbyeReason::NotAConversation, None),
        ],
    );
}

#[test]
fn a_muted_member_may_only_end_what_it_has_started() {
    check(
        [
            Message(SOCKET),
            Message(RECV),
            Muted(SEND),
            Muted(r#"{"id":8,"call":"socket","transport":"udp"}"#),
            Muted(CANCEL_RECV),
            Input::Returned(3, Some(3)),
            Muted(CLOSE),
        ],
        [
            Open(1, 3),
            Done(1),
            Start(3, 3),
            failed(4, Reason::Muted),
            failed(8, Reason::Muted),
            Cancel(3),
            Done(6),
            Done(3),
            Close(5, 3),
            Done(5),
        ],
    );
}

#[test]
fn requests_to_the_lab_and_transitions_are_passed_on() {
    check(
        [
            Message(r#"{"id":1,"ask":"kill_server","transport":"udp"}"#),
            Controlled(1),
            Message(r#"{"id":2,"ask":"enter","lab":"private"}"#),
            Message(r#"{"id":3,"ask":"resume","token":"t"}"#),
        ],
        [Control(1), Done(1), Moved(2), Moved(3)],
    );
}

#[test]
fn a_session_that_ends_answers_its_calls_in_flight() {
    check(
        [Message(SOCKET), Message(RECV), Message(SEND), Abandoned],
        [
            Open(1, 3),
            Done(1),
            Start(3, 3),
            failed(3, Reason::Cancelled),
            failed(4, Reason::Cancelled),
        ],
    );
}

#[test]
fn a_page_that_resumes_receives_the_replies_it_misses() {
    check(
        [
            Message(SOCKET),
            Message(BIND),
            Input::Returned(2, Some(3)),
            Resumed(Some(1)),
            Resumed(Some(3)),
            Resumed(None),
            Message(r#"{"id":8,"call":"cancel","of":9}"#),
            Resumed(Some(0)),
        ],
        [
            Open(1, 3),
            Done(1),
            Start(2, 3),
            Done(2),
            Done(2),
            NotResumed(Reason::OutOfRange),
            failed(8, Reason::NoSuchCall),
            failed(8, Reason::NoSuchCall),
        ],
    );
}

#[test]
fn the_welcome_counts_requests_but_no_pings_and_no_transitions() {
    let now = Instant::now();
    let mut core = Core::<Fd>::new(Rc::new(limits()), true, now);
    for text in [
        SOCKET,
        r#"{"id":7,"ask":"ping"}"#,
        r#"{"id":8,"ask":"enter","lab":"private"}"#,
        r#"{"id":5,"call":"fly"}"#,
    ] {
        core.handle_message(text, now, || Ok(()));
        drain(&mut core, &mut Vec::new());
    }
    assert_eq!((core.requests(), core.next_id()), (2, 9));
}

#[test]
fn a_page_that_answers_pings_may_be_idle_for_a_while() {
    check(
        [
            Wait(20),
            Frame,
            Wait(20),
            Frame,
            Wait(20),
            Message(r#"{"id":3,"ask":"ping"}"#),
            Wait(20),
            Frame,
            Wait(20),
        ],
        [
            Ping,
            Ping,
            Ping,
            Sent(Some(3), None),
            Ping,
            Disconnected(GoodbyeReason::Idle, Some(100)),
        ],
    );
}

#[test]
fn a_message_ends_the_idle_time() {
    check(
        [
            Wait(20),
            Frame,
            Wait(20),
            Message(SOCKET),
            Wait(20),
            Frame,
            Wait(20),
            Frame,
            Wait(20),
            Frame,
            Wait(20),
        ],
        [Ping, Ping, Open(1, 3), Done(1), Ping, Ping, Ping, Ping],
    );
}

#[test]
fn a_page_that_does_not_answer_pings_is_disconnected() {
    check(
        [Wait(20), Wait(20)],
        [Ping, Disconnected(GoodbyeReason::PingTimeout, Some(20))],
    );
}

#[test]
fn a_page_that_does_not_read_is_disconnected() {
    check(
        [WaitUnread(29), WaitUnread(1)],
        [Ping, Disconnected(GoodbyeReason::Unread, Some(30))],
    );
}

#[test]
fn the_next_timeout_is_the_earliest_one() {
    let now = Instant::now();
    let after = |seconds| now + Duration::from_secs(seconds);
    let mut core = Core::<Fd>::new(Rc::new(limits()), true, now);
    assert_eq!(core.poll_timeout(), after(20), "the first ping");
    let connection = ConnectionState {
        is_reading: true,
        unread_since: None,
    };
    for seconds in [20, 40, 60, 80] {
        core.handle_frame();
        core.handle_timeout(after(seconds), connection);
        drain(&mut core, &mut Vec::new());
        let next = after((seconds + 20).min(100));
        assert_eq!(core.poll_timeout(), next, "{seconds}");
    }
}
