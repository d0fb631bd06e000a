//! After any client has closed, the relay is idle, holds nothing of it, and answers.

use std::time::Duration;

use shared::{
    call::{
        Call, How, Target,
        Transport::{Tcp, Udp},
    },
    conditions::{Conditions, Way},
    data::Data,
    lab::{LabKind, Program, Settings},
    message::Ask,
    outcome::{Reason, Returned},
};
use tests::{
    calls::ExpectReply,
    page::Page,
    relay::Relay,
    soak::{self, Length, Plan},
    usage,
};

#[tokio::test]
async fn random_calls_leave_nothing_behind() {
    let figures = soak::run(Plan {
        seed: 20_261_130,
        visitors: 40,
        length: Length::Calls(200),
    })
    .await;
    eprintln!("{figures}");
    assert_eq!(figures.ended, 0, "conversations that the relay ended");
    assert!(figures.calls >= 40 * 200, "{figures}");
}

#[tokio::test]
async fn memory_is_flat_once_the_traces_are_full() {
    let figures = soak::run(Plan {
        seed: 12_000,
        visitors: 30,
        length: Length::For(Duration::from_secs(30)),
    })
    .await;
    eprintln!("{figures}");
    assert_eq!(figures.ended, 0, "conversations that the relay ended");
    figures.memory_is_flat();
}

#[tokio::test]
async fn a_call_on_a_shut_down_socket_delays_no_other_client() {
    let slow = Way {
        delay_ms: 1,
        ..Way::default()
    };
    for reply in [Way::default(), slow] {
        let relay = Relay::start(&[]);
        let mut page = in_its_own_lab(&relay).await;
        let conditions = Conditions {
            reply,
            ..Conditions::default()
        };
        page.asks(Ask::SetConditions { conditions })
            .await
            .returned();
        let waiting = page.makes_socket(Udp).await;
        page.sends_to_server(waiting, "first").await;
        assert_eq!(page.receives_text(waiting).await, "FIRST");
        page.starts(recv(waiting)).await;
        let fd = page.connects(Udp).await;
        page.makes(shutdown(fd, How::Read)).await;
        page.makes(timeout(fd, 600_000)).await;
        let blocked = page.starts(recv(fd)).await;
        assert_eq!(page.exchanges_by_udp("heard").await, "HEARD");
        usage::waits_until_idle(relay.pid()).await;
        page.makes(Call::Cancel { of: blocked }).await;
        let cancelled = page.waits_for_reply(blocked).await.failed();
        assert_eq!(cancelled.reason, Some(Reason::Cancelled));
    }
}

#[tokio::test]
async fn a_blocking_receive_that_was_shut_down_returns_nothing_at_once() {
    let relay = Relay::start(&[]);
    let mut page = in_its_own_lab(&relay).await;
    let data = Data::default();
    let nothing = Returned::Chunk { data };
    for how in [How::Read, How::Both] {
        let connected = page.connects(Udp).await;
        page.makes(shutdown(connected, how)).await;
        // Linux returns ENOTCONN, and shuts it down anyway.
        let unconnected = page.makes_socket(Udp).await;
        let failed = page.fails(shutdown(unconnected, how)).await;
        assert_eq!(failed.errno, "ENOTCONN");
        for fd in [connected, unconnected] {
            assert_eq!(page.makes(recv(fd)).await, nothing);
            assert_eq!(page.makes(Call::RecvFrom { fd, size: 16 }).await, nothing);
            page.makes(timeout(fd, 0)).await;
            assert_eq!(page.fails(recv(fd)).await.errno, "EAGAIN");
            page.makes(timeout(fd, 50)).await;
            let late = page.fails(recv(fd)).await;
            assert_eq!(late.reason, Some(Reason::TimedOut), "as Python's");
        }
        // Datagrams that arrive afterwards are received anyway.
        page.makes(timeout(connected, 20_000)).await;
        if how == How::Read {
            page.sends_data(connected, "still").await;
            assert_eq!(page.receives_text(connected).await, "STILL");
        }
    }
}

#[tokio::test]
async fn a_tcp_socket_that_connects_again_waits_as_a_new_one() {
    let relay = Relay::start(&[]);
    let mut page = in_its_own_lab(&relay).await;
    // Refused without having waited for it: the socket was closed once, and is not for ever.
    let again = page.makes_socket(Tcp).await;
    let connect = |to| Call::Connect { fd: again, to };
    page.makes(timeout(again, 0)).await;
    assert_eq!(
        page.fails(connect(Target::Nobody)).await.errno,
        "EINPROGRESS"
    );
    assert_eq!(page.fails(recv(again)).await.errno, "ECONNREFUSED");
    // The kernel reports the end of the attempt, and the socket may try again.
    let over = page.fails(connect(Target::Server)).await;
    assert_eq!(over.errno, "ECONNABORTED");
    page.makes(Call::SetTimeout {
        fd: again,
        milliseconds: None,
    })
    .await;
    page.makes(connect(Target::Server)).await;
    let blocked = page.starts(recv(again)).await;
    usage::waits_until_idle(relay.pid()).await;
    page.makes(Call::Cancel { of: blocked }).await;
    page.waits_for_reply(blocked).await.failed();
    page.sends_data(again, "again").await;
    assert_eq!(page.reads(again, 5).await, "AGAIN");
}

#[tokio::test]
async fn a_tcp_socket_that_was_shut_down_before_it_connects_waits_as_any_other() {
    let relay = Relay::start(&[]);
    let mut page = in_its_own_lab(&relay).await;
    // The kernel reports it as hung up and as still connecting at the same time.
    fills_the_queue(&mut page).await;
    let shut = page.makes_socket(Tcp).await;
    let failed = page.fails(shutdown(shut, How::Both)).await;
    assert_eq!(failed.errno, "ENOTCONN");
    let to = Target::Server;
    let blocked = page.starts(Call::Connect { fd: shut, to }).await;
    assert_eq!(page.exchanges_by_udp("heard").await, "HEARD");
    usage::waits_until_idle(relay.pid()).await;
    page.makes(Call::Cancel { of: blocked }).await;
}

async fn in_its_own_lab(relay: &Relay) -> Page {
    let mut page = Page::open(relay).await;
    let lab = LabKind::Private;
    page.asks(Ask::Enter { lab }).await.returned();
    page
}

/// Has the book's server with one client inside and one before the door: the next one's SYN has no answer.
async fn fills_the_queue(page: &mut Page) {
    page.asks(Ask::StopServer { transport: Tcp })
        .await
        .returned();
    let settings = Settings {
        backlog: 0,
        receive_size: 1024,
        think_ms: 0,
        reuse_address: true,
    };
    page.asks(Ask::StartServer {
        transport: Tcp,
        program: Some(Program::Book),
        task: None,
        settings: Some(settings),
    })
    .await
    .returned();
    for _ in 0..2 {
        page.connects(Tcp).await;
    }
}

const fn recv(fd: u32) -> Call {
    Call::Recv { fd, size: 16 }
}

const fn shutdown(fd: u32, how: How) -> Call {
    Call::Shutdown { fd, how }
}

const fn timeout(fd: u32, milliseconds: u32) -> Call {
    Call::SetTimeout {
        fd,
        milliseconds: Some(milliseconds),
    }
}
