//! Invalid input gets one clear answer, and no other client notices.

use std::net::{TcpListener, UdpSocket};

use shared::{
    PROTOCOL_V1,
    call::{
        Call,
        Target::Server,
        Transport::{Tcp, Udp},
    },
    message::{Ask, GoodbyeReason},
    outcome::{FailureSource, Reason},
    trace::{CallName, What},
};
use tests::{
    address_allocator,
    bridge::{Bridge, Crossed},
    calls::ExpectReply,
    http,
    page::Page,
    relay::{Relay, refuses_to_start},
    timeout::{until, within},
    trace::{TCP_SERVER, Trace},
};
use tokio::{io::AsyncReadExt, net::TcpStream};

#[tokio::test]
async fn a_violation_of_the_protocol_ends_the_connection_with_a_reason() {
    let relay = Relay::start(&[]);
    let deep = "[".repeat(100_000);
    for text in [
        "",
        "hello",
        "{",
        "[]",
        "[1]",
        "1",
        "null",
        "\"socket\"",
        "{\"id\":1}{",
        &deep,
    ] {
        println!("saying {text:.40}");
        let mut page = Page::open(&relay).await;
        page.sends_text(text).await;
        let parting = page.receives_close().await;
        assert_eq!(parting.code, Some(1003), "to {text:.40}");
        let goodbye = parting.goodbye.expect("a goodbye");
        assert_eq!(goodbye.reason, GoodbyeReason::NotAConversation);
        assert!(!goodbye.message.is_empty());
    }
    let mut page = Page::open(&relay).await;
    page.sends_bytes(b"{\"id\":1,\"call\":\"socket\",\"transport\":\"udp\"}".as_slice())
        .await;
    assert_eq!(
        page.receives_close().await.code,
        Some(1003),
        "bytes where text is due"
    );
    let mut page = Page::open(&relay).await;
    page.sends_broken_text().await;
    let parting = page.receives_close().await;
    assert_eq!(parting.code, Some(1007), "text that is not UTF-8");
    let goodbye = parting.goodbye.expect("a goodbye");
    assert_eq!(goodbye.reason, GoodbyeReason::NotAConversation);
}

#[tokio::test]
async fn frames_that_break_a_rule_get_the_close_code_for_it() {
    let relay = Relay::start(&[]);
    let faults: [(&str, &[u8], u16); 10] = [
        ("no mask", b"\x81\x02{}", 1002),
        ("a reserved bit", b"\xc1\x82\0\0\0\0{}", 1002),
        ("an unknown kind", b"\x83\x80\0\0\0\0", 1002),
        ("nothing to go on with", b"\x80\x80\0\0\0\0", 1002),
        (
            "a message within another",
            b"\x01\x81\0\0\0\0{\x81\x81\0\0\0\0}",
            1002,
        ),
        ("a ping in fragments", b"\x09\x80\0\0\0\0", 1002),
        ("half a close code", b"\x88\x81\0\0\0\0\x03", 1002),
        ("no UTF-8", b"\x81\x81\0\0\0\0\xff", 1007),
        ("bytes", b"\x82\x82\0\0\0\0{}", 1003),
        ("2 GB", b"\x81\xff\0\0\0\0\x7f\0\0\0\0\0\0\0", 1009),
    ];
    for (what, frame, code) in faults {
        let mut socket = Bridge::offering(&relay, "/ws", Some(PROTOCOL_V1)).await;
        socket.sends_raw(frame).await;
        // Later bytes are not parsed, and do not reset the connection before its end was received.
        socket.sends_raw(&[0; 4096]).await;
        let (said, end) = socket.receives_to_the_end().await;
        assert_eq!(end, Some(code), "{what}");
        let said = String::from_utf8(said).expect("text");
        assert!(said.contains("goodbye"), "{what}: {said}");
    }
}

/// JSON writes some bytes as six; the kernel limits the length of a datagram.
#[tokio::test]
async fn the_longest_datagram_fits_into_a_message_whatever_its_bytes_are() {
    const LONGEST: usize = 65_507;
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    let fd = page.makes_socket(Udp).await;
    for byte in [1, b'"', b'a', 0xff] {
        page.sends_to_server(fd, vec![byte; LONGEST].as_slice())
            .await;
        let data = vec![byte; LONGEST + 1].as_slice().into();
        let failed = page
            .fails(Call::SendTo {
                fd,
                to: Server,
                data,
            })
            .await;
        assert_eq!(failed.errno, "EMSGSIZE", "of {byte}");
        assert_eq!(failed.source, FailureSource::Kernel);
    }
}

#[tokio::test]
async fn an_invalid_message_gets_one_answer_and_the_connection_continues() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    for (text, id, reason) in [
        (r"{}", None, Reason::Malformed),
        (
            r#"{"call":"socket","transport":"udp"}"#,
            None,
            Reason::Malformed,
        ),
        (
            r#"{"id":-1,"call":"socket","transport":"udp"}"#,
            None,
            Reason::Malformed,
        ),
        (
            r#"{"id":1.5,"call":"socket","transport":"udp"}"#,
            None,
            Reason::Malformed,
        ),
        (
            r#"{"id":"7","call":"socket","transport":"udp"}"#,
            None,
            Reason::Malformed,
        ),
        (r#"{"id":7}"#, Some(7), Reason::Malformed),
        (
            r#"{"id":7,"call":"socket","ask":"watch"}"#,
            Some(7),
            Reason::Malformed,
        ),
        (r#"{"id":7,"call":"socket"}"#, Some(7), Reason::Malformed),
        (
            r#"{"id":7,"call":"socket","transport":"sctp"}"#,
            Some(7),
            Reason::Malformed,
        ),
        (
            r#"{"id":7,"call":"socket","transport":{"udp":{}}}"#,
            Some(7),
            Reason::Malformed,
        ),
        (r#"{"id":7,"call":42}"#, Some(7), Reason::Malformed),
        (r#"{"id":7,"call":"fork"}"#, Some(7), Reason::UnknownCall),
        (
            r#"{"id":7,"call":"socket","transport":"udp","tranport":"tcp"}"#,
            Some(7),
            Reason::UnknownKey,
        ),
        (
            r#"{"id":7,"call":"socket","transport":"udp","port":12000}"#,
            Some(7),
            Reason::UnknownKey,
        ),
        (
            r#"{"id":7,"call":"send","fd":3,"data":{"text":"a","encoding":"utf-8"}}"#,
            Some(7),
            Reason::UnknownKey,
        ),
        (r#"{"id":7,"ask":"rm -rf"}"#, Some(7), Reason::UnknownCall),
        (
            r#"{"id":7,"call":"sendto","fd":3,"to":"192.0.2.1:80","data":{"text":""}}"#,
            Some(7),
            Reason::Malformed,
        ),
        (
            r#"{"id":7,"call":"sendto","fd":3,"to":"server"}"#,
            Some(7),
            Reason::Malformed,
        ),
        (
            r#"{"id":7,"call":"send","fd":3,"data":{}}"#,
            Some(7),
            Reason::Malformed,
        ),
        (
            r#"{"id":7,"call":"send","fd":3,"data":{"text":"a","base64":"YQ=="}}"#,
            Some(7),
            Reason::Malformed,
        ),
        (
            r#"{"id":7,"call":"send","fd":3,"data":{"base64":"not base64!"}}"#,
            Some(7),
            Reason::Malformed,
        ),
        (
            r#"{"id":7,"call":"send","fd":3,"data":[104,101]}"#,
            Some(7),
            Reason::Malformed,
        ),
        (
            r#"{"id":7,"call":"bind","fd":3,"port":65536}"#,
            Some(7),
            Reason::Malformed,
        ),
        (
            r#"{"id":7,"call":"recv","fd":3,"size":-1}"#,
            Some(7),
            Reason::Malformed,
        ),
        (
            r#"{"id":7,"call":"close","fd":3}"#,
            Some(7),
            Reason::NoSuchSocket,
        ),
        (
            r#"{"id":7,"call":"close","fd":4294967295}"#,
            Some(7),
            Reason::NoSuchSocket,
        ),
        (
            r#"{"id":7,"call":"close","fd":4294967296}"#,
            Some(7),
            Reason::Malformed,
        ),
        (
            r#"{"id":7,"call":"cancel","of":7}"#,
            Some(7),
            Reason::NoSuchCall,
        ),
        (
            r#"{"id":7,"call":"cancel","of":99}"#,
            Some(7),
            Reason::NoSuchCall,
        ),
    ] {
        page.sends_text(text).await;
        let reply = page.receives_reply().await;
        assert_eq!(reply.id, id, "to {text}");
        let failed = reply.failed();
        assert_eq!(
            (failed.source, failed.reason),
            (FailureSource::Relay, Some(reason)),
            "to {text}: {failed:?}"
        );
        assert!(!failed.message.is_empty());
    }
    assert_eq!(page.exchanges_by_udp("still here").await, "STILL HERE");
}

#[tokio::test]
async fn an_id_is_free_again_only_after_its_reply() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    let fd = page.makes_socket(Udp).await;
    page.sends_text(format!(
        r#"{{"id":100,"call":"recvfrom","fd":{fd},"size":10}}"#
    ))
    .await;
    page.sends_text(r#"{"id":100,"call":"socket","transport":"udp"}"#)
        .await;
    assert_eq!(
        page.waits_for_reply(100).await.failed().reason,
        Some(Reason::IdInUse)
    );
    page.makes(Call::Cancel { of: 100 }).await;
    assert_eq!(
        page.waits_for_reply(100).await.failed().reason,
        Some(Reason::Cancelled)
    );
    page.sends_text(r#"{"id":100,"call":"socket","transport":"udp"}"#)
        .await;
    page.waits_for_reply(100).await.returned();
}

#[tokio::test]
async fn a_too_long_message_is_refused_and_a_far_too_long_one_ends_the_connection() {
    let relay = Relay::start(&["--max-message-bytes", "4096", "--max-data-bytes", "1000"]);
    let mut page = Page::open(&relay).await;
    let fd = page.makes_socket(Udp).await;
    page.sends_to_server(fd, "x".repeat(1000).as_str()).await;
    let data = "x".repeat(1001).as_str().into();
    let failed = page
        .fails(Call::SendTo {
            fd,
            to: Server,
            data,
        })
        .await;
    assert_eq!(
        (failed.reason, failed.limit),
        (Some(Reason::DataTooLarge), Some(1000))
    );
    let failed = page.fails(Call::RecvFrom { fd, size: 1001 }).await;
    assert_eq!(
        (failed.reason, failed.limit),
        (Some(Reason::DataTooLarge), Some(1000))
    );
    let padding = " ".repeat(4096);
    page.sends_text(format!(
        r#"{{"id":50,{padding}"call":"socket","transport":"udp"}}"#
    ))
    .await;
    let failed = page.receives_reply().await.failed();
    assert_eq!(
        (failed.reason, failed.limit),
        (Some(Reason::MessageTooLarge), Some(4096))
    );
    assert_eq!(
        page.makes(Call::Close { fd }).await,
        shared::outcome::Returned::Nothing
    );
    page.tries_to_say("x".repeat(12 << 10)).await;
    let parting = page.receives_close().await;
    assert_eq!(parting.code, Some(1009));
    let goodbye = parting.goodbye.expect("a goodbye");
    assert_eq!(
        (goodbye.reason, goodbye.limit),
        (GoodbyeReason::TooLong, Some(4096))
    );
    let mut flooding = Page::open(&relay).await;
    flooding.tries_to_say("x".repeat(64 << 20)).await;
    flooding.receives_close().await;
}

#[tokio::test]
async fn data_beyond_any_datagram_is_refused_or_streamed() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    let udp = page.makes_socket(Udp).await;
    let long = "x".repeat(70_000);
    let failed = page
        .fails(Call::SendTo {
            fd: udp,
            to: Server,
            data: long.as_str().into(),
        })
        .await;
    assert_eq!(failed.errno, "EMSGSIZE");
    assert_eq!(page.exchanges_by_tcp(&long).await, "X".repeat(70_000));
}

#[tokio::test]
async fn too_many_sockets_and_calls_are_refused_with_the_limit() {
    let relay = Relay::start(&["--max-sockets", "3", "--max-calls", "5"]);
    let mut page = Page::open(&relay).await;
    for _ in 0..3 {
        page.makes_socket(Udp).await;
    }
    let failed = page
        .fails(Call::Socket {
            transport: Tcp,
            family: None,
        })
        .await;
    assert_eq!(
        (failed.reason, failed.limit),
        (Some(Reason::TooManySockets), Some(3))
    );
    let mut blocked = Vec::new();
    for _ in 0..5 {
        blocked.push(page.starts(Call::RecvFrom { fd: 3, size: 1 }).await);
    }
    let sixth = page.starts(Call::RecvFrom { fd: 4, size: 1 }).await;
    let failed = page.waits_for_reply(sixth).await.failed();
    assert_eq!(
        (failed.reason, failed.limit),
        (Some(Reason::TooManyCalls), Some(5))
    );
    for of in blocked {
        page.starts(Call::Cancel { of }).await;
        assert_eq!(
            page.waits_for_reply(of).await.failed().reason,
            Some(Reason::Cancelled),
            "cancel is always possible"
        );
    }
    page.makes(Call::Close { fd: 3 }).await;
    page.makes_socket(Tcp).await;
}

#[tokio::test]
async fn too_many_pages_are_turned_away_with_the_limit() {
    for (flags, reason) in [
        (["--max-pages", "2"], GoodbyeReason::TooManyPages),
        (
            ["--max-pages-per-address", "2"],
            GoodbyeReason::TooManyPagesFromAddress,
        ),
    ] {
        let relay = Relay::start(&flags);
        let first = Page::open(&relay).await;
        let mut second = Page::open(&relay).await;
        let parting = Page::try_open(&relay).await.expect_err("no third page");
        assert_eq!(parting.code, Some(1013));
        let goodbye = parting.goodbye.expect("a goodbye");
        assert_eq!((goodbye.reason, goodbye.limit), (reason, Some(2)));
        assert_eq!(second.exchanges_by_udp("i stay").await, "I STAY");
        first.closes().await;
        until("a place free again", async || {
            Page::try_open(&relay).await.ok()
        })
        .await;
    }
}

#[tokio::test]
async fn a_connection_that_never_reads_is_closed_in_the_end() {
    let relay = Relay::start(&["--unread-seconds", "1"]);
    let mut deaf = Page::open_with_little_room(&relay).await;
    deaf.sends_text(r#"{"id":1,"ask":"watch","from":0}"#).await;
    deaf.sends_text(r#"{"id":2,"call":"socket","transport":"udp"}"#)
        .await;
    let data = "x".repeat(60_000);
    let flood = async {
        let mut id = 2;
        loop {
            id += 1;
            let call = format!(
                r#"{{"id":{id},"call":"sendto","fd":3,"to":"server","data":{{"text":"{data}"}}}}"#
            );
            if !deaf.tries_to_say(call).await {
                break;
            }
        }
    };
    let neighbour = async {
        let mut page = Page::open(&relay).await;
        for _ in 0..20 {
            assert_eq!(page.exchanges_by_udp("hello").await, "HELLO");
            assert_eq!(page.exchanges_by_tcp("hello").await, "HELLO");
        }
    };
    within(
        "the relay leaving who never reads",
        futures_util::future::join(flood, neighbour),
    )
    .await;
}

#[tokio::test]
async fn an_idle_page_is_asked_to_leave() {
    let relay = Relay::start(&["--idle-seconds", "1", "--handshake-seconds", "1"]);
    let parting = Page::open(&relay).await.receives_close().await;
    assert_eq!(parting.code, Some(4000));
    let goodbye = parting.goodbye.expect("a goodbye");
    assert_eq!(
        (goodbye.reason, goodbye.limit),
        (GoodbyeReason::Idle, Some(1))
    );
    let mut silent = TcpStream::connect(relay.http)
        .await
        .expect("the relay listens");
    let mut said = Vec::new();
    let ending = silent.read_to_end(&mut said);
    within("the end of a silent connection", ending).await.ok();
}

#[tokio::test]
async fn a_reset_during_a_call_leaves_nothing() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    let mut fleeting = Page::open(&relay).await;
    let gone = fleeting.welcome.process;
    let fd = fleeting.connects(Tcp).await;
    fleeting.starts(Call::Recv { fd, size: 100 }).await;
    fleeting.vanishes();
    let over = |trace: &Trace| {
        let left = |what: &What| matches!(what, What::ProcessEnded { process } if *process == gone);
        trace.events.iter().any(|event| left(&event.what))
            && !trace.returns(TCP_SERVER, CallName::Close).is_empty()
    };
    Trace::watched(&mut page, over).await;
    assert_eq!(page.exchanges_by_udp("i am here").await, "I AM HERE");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_thousand_pages_open_and_close_and_nothing_is_left() {
    let relay = Relay::start(&[]);
    let mut first = Page::open(&relay).await;
    first.exchanges_by_tcp("warm").await;
    let before = relay.holdings();
    for _ in 0..20 {
        let mut pages = Vec::new();
        for number in 0..50 {
            let mut page = Page::open(&relay).await;
            page.makes_socket(Udp).await;
            let fd = page.connects(Tcp).await;
            page.starts(Call::Recv { fd, size: 100 }).await;
            pages.push((number, page));
        }
        for (number, page) in pages {
            match number % 2 {
                0 => page.closes().await,
                _ => page.vanishes(),
            }
        }
    }
    let as_before = async || {
        let now = relay.holdings();
        (now.0 <= before.0 && now.1 <= before.1).then_some(())
    };
    let what = format!("no more than {before:?} descriptors and threads");
    until(&what, as_before).await;
    let metrics = http::get(relay.http, "/metrics").await;
    let one_page = |line: &str| line.ends_with("_pages 1");
    assert!(metrics.text().lines().any(one_page), "{}", metrics.text());
    assert_eq!(first.exchanges_by_tcp("still here").await, "STILL HERE");
}

#[tokio::test]
async fn invalid_http_affects_no_other_client() {
    let relay = Relay::start(&[]);
    for nonsense in [
        "\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "\x16\x03\x01 not TLS here \r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(relay.http)
            .await
            .expect("the relay listens");
        tokio::io::AsyncWriteExt::write_all(&mut stream, nonsense.as_bytes())
            .await
            .expect("an open connection");
        drop(stream);
    }
    let long = format!(
        "GET /{} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        "x".repeat(60_000),
        relay.http
    );
    assert!(http::raw(relay.http, &long).await.status >= 400);
    assert_eq!(http::get(relay.http, "/healthz").await.status, 200);
}

#[tokio::test]
async fn the_end_of_the_relay_is_announced_and_quick() {
    let relay = Relay::start(&[]);
    let mut waiting = Vec::new();
    for transport in [Udp, Tcp, Udp, Tcp] {
        let mut page = Page::open(&relay).await;
        let fd = page.connects(transport).await;
        page.starts(Call::Recv { fd, size: 100 }).await;
        page.asks(Ask::Watch {
            from: 0,
            whose: None,
        })
        .await
        .returned();
        waiting.push(page);
    }
    let _silent = TcpStream::connect(relay.http)
        .await
        .expect("the relay listens");
    let _stuffed = std::net::TcpStream::connect(relay.tcp).expect("the server listens");
    let mut bridge = Bridge::open(&relay, "/raw/tcp").await;
    bridge.sends_text("hello").await;
    assert_eq!(bridge.receives_bytes(5).await, b"HELLO");
    relay.terminate();
    for page in waiting {
        let parting = page.receives_close().await;
        assert_eq!(parting.code, Some(1001));
        assert_eq!(
            parting.goodbye.expect("a goodbye").reason,
            GoodbyeReason::ShuttingDown
        );
    }
    assert_eq!(bridge.receives().await, Crossed::End(Some(1001)));
    relay.ends();
}

#[test]
fn a_taken_port_is_named_and_nothing_is_half_started() {
    let at = address_allocator::free_address(address_allocator::own_host());
    let free = address_allocator::free_address(address_allocator::own_host()).to_string();
    let _tcp = TcpListener::bind(at).expect("free");
    one_line(
        &refuses_to_start(&["--http", &at.to_string(), "--server", &free]),
        &at.to_string(),
    );
    one_line(
        &refuses_to_start(&["--http", &free, "--server", &at.to_string()]),
        &at.to_string(),
    );
    let at = address_allocator::free_address(address_allocator::own_host());
    let _udp = UdpSocket::bind(at).expect("free");
    one_line(
        &refuses_to_start(&["--http", &free, "--server", &at.to_string()]),
        &at.to_string(),
    );
}

#[test]
fn an_address_of_another_machine_is_refused() {
    for flags in [
        ["--http", "192.0.2.1:0", "--server", "127.0.0.1:0"],
        ["--http", "127.0.0.1:0", "--server", "192.0.2.1:0"],
    ] {
        one_line(&refuses_to_start(&flags), "192.0.2.1:0");
    }
}

#[test]
fn a_flag_that_is_wrong_is_named() {
    for (flags, named) in [
        (&["--nonsense"][..], "--nonsense"),
        (&["--http", "nowhere"], "--http"),
        (&["--http", "127.0.0.1"], "--http"),
        (&["--server", "127.0.0.1:65536"], "--server"),
        (&["--program", "other"], "--program"),
        (&["--task", "count:"], "--task"),
        (&["--max-pages", "many"], "--max-pages"),
        (&["--idle-seconds", "0"], "--idle-seconds"),
        (&["extra"], "extra"),
    ] {
        let said = refuses_to_start(flags);
        assert!(
            said.lines().next().unwrap_or_default().contains(named),
            "{flags:?}: {said}"
        );
    }
}

fn one_line(said: &str, names: &str) {
    assert_eq!(said.lines().count(), 1, "one line: {said}");
    assert!(said.contains(names), "it names {names}: {said}");
    assert!(
        !said.contains("panicked") && !said.contains("Os {"),
        "for people: {said}"
    );
}
