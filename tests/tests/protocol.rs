//! Every call of the protocol on real sockets, compared with the manual pages.

use shared::{
    call::{
        Call, How, SocketOption,
        Target::Server,
        Transport::{self, Tcp, Udp},
    },
    message::Ask,
    outcome::{FailureSource, Reason, Returned},
};
use tests::{
    address_allocator,
    calls::{Datagram, ExpectReply, start_server},
    page::Page,
    relay::Relay,
};

#[tokio::test]
async fn the_relay_sends_first_and_names_the_lab() {
    let relay = Relay::start(&["--max-sockets", "5"]);
    let page = Page::open(&relay).await;
    let welcome = page.welcome;
    assert_eq!(welcome.protocol, shared::PROTOCOL_V1);
    assert!(!welcome.version.is_empty());
    assert!(
        welcome.may_control,
        "a page on the relay's own machine may start and stop its servers"
    );
    assert_eq!(welcome.limits.sockets, 5, "limits are told");
    assert_eq!(welcome.lab.id, "open");
    let servers: Vec<_> = welcome
        .lab
        .servers
        .iter()
        .map(|server| (server.transport, server.address))
        .collect();
    assert_eq!(servers, [(Udp, relay.udp), (Tcp, relay.tcp)]);
}

#[tokio::test]
async fn a_sentence_by_udp() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    let fd = page.makes_socket(Udp).await;
    page.sends_to_server(fd, "hello").await;
    let expected = Datagram::whole(b"HELLO", relay.udp);
    assert_eq!(page.receives(fd, 2048).await, expected);
    assert_eq!(page.makes(Call::Close { fd }).await, Returned::Nothing);
}

#[tokio::test]
async fn a_sentence_by_tcp() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    let fd = page.makes_socket(Tcp).await;
    assert_eq!(
        page.makes(Call::Connect { fd, to: Server }).await,
        Returned::Nothing
    );
    page.sends_data(fd, "hello").await;
    assert_eq!(
        page.makes(Call::Recv { fd, size: 1024 }).await,
        Returned::Chunk {
            data: "HELLO".into()
        }
    );
    assert_eq!(page.makes(Call::Close { fd }).await, Returned::Nothing);
}

#[tokio::test]
async fn sentences_in_all_alphabets() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    let (said, shouted) = ("hello 世界 straße", "HELLO 世界 STRASSE");
    assert_eq!(page.exchanges_by_udp(said).await, shouted);
    assert_eq!(page.exchanges_by_tcp(said).await, shouted);
}

#[tokio::test]
async fn a_connected_udp_socket_sends_and_receives_without_naming_its_peer() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    let fd = page.connects(Udp).await;
    page.sends_data(fd, "connected").await;
    let (data, from) = ("CONNECTED".into(), relay.udp);
    let (truncated, length) = (false, 9);
    assert_eq!(
        page.makes(Call::Recv { fd, size: 2048 }).await,
        Returned::Datagram {
            data,
            from,
            truncated,
            length
        }
    );
}

#[tokio::test]
async fn a_reply_has_its_duration_and_both_addresses() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    let fd = page.makes_socket(Tcp).await;
    let before = page.calls(Call::GetPeerName { fd }).await;
    assert_eq!(before.peer, None);
    assert_eq!(before.failed().errno, "ENOTCONN");
    let connected = page.calls(Call::Connect { fd, to: Server }).await;
    assert!(connected.took_ns > 0, "a call takes time");
    assert_eq!(connected.peer, Some(relay.tcp));
    let own = connected.local.expect("the kernel chose a port");
    assert_eq!(own.ip(), page.welcome.lab.client_host);
    assert_eq!(
        page.makes(Call::GetSockName { fd }).await,
        Returned::Address { address: own }
    );
    assert_eq!(
        page.makes(Call::GetPeerName { fd }).await,
        Returned::Address { address: relay.tcp }
    );
}

#[tokio::test]
async fn the_kernel_chooses_a_port_with_the_first_datagram_and_it_stays() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    let fd = page.makes_socket(Udp).await;
    let unbound = page.own_address(fd).await;
    assert_eq!(unbound.port(), 0);
    page.sends_to_server(fd, "one").await;
    let chosen = page.own_address(fd).await;
    assert_ne!(chosen.port(), 0);
    page.sends_to_server(fd, "two").await;
    assert_eq!(page.own_address(fd).await, chosen);
}

#[tokio::test]
async fn bind_takes_the_port_it_is_given_once() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    let first = page.makes_socket(Udp).await;
    page.makes(Call::Bind { fd: first, port: 0 }).await;
    let port = page.own_address(first).await.port();
    let second = page.makes_socket(Udp).await;
    let failed = page.fails(Call::Bind { fd: second, port }).await;
    assert_eq!(
        (failed.errno.as_str(), failed.source),
        ("EADDRINUSE", FailureSource::Kernel)
    );
    let failed = page
        .fails(Call::Bind {
            fd: second,
            port: 80,
        })
        .await;
    assert_eq!(failed.reason, Some(Reason::PortReserved));
}

#[tokio::test]
async fn sockets_are_numbered_from_three_with_the_lowest_free_number() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    for expected in [3, 4, 5] {
        assert_eq!(page.makes_socket(Udp).await, expected);
    }
    page.makes(Call::Close { fd: 4 }).await;
    assert_eq!(page.makes_socket(Tcp).await, 4);
    assert_eq!(page.makes_socket(Udp).await, 6);
    let mut other = Page::open(&relay).await;
    assert_eq!(
        other.makes_socket(Udp).await,
        3,
        "another page is another process"
    );
}

#[tokio::test]
async fn calls_sent_ahead_keep_their_order_on_each_socket() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    let ids = [
        page.starts(Call::Socket {
            transport: Tcp,
            family: None,
        })
        .await,
        page.starts(Call::Connect { fd: 3, to: Server }).await,
        page.starts(Call::Send {
            fd: 3,
            data: "in one go".into(),
        })
        .await,
        page.starts(Call::Shutdown {
            fd: 3,
            how: How::Write,
        })
        .await,
        page.starts(Call::Recv { fd: 3, size: 9 }).await,
        page.starts(Call::Recv { fd: 3, size: 9 }).await,
        page.starts(Call::Close { fd: 3 }).await,
    ];
    let mut replies = Vec::new();
    for _ in ids {
        replies.push(page.receives_reply().await);
    }
    assert_eq!(
        replies.iter().map(|reply| reply.id).collect::<Vec<_>>(),
        ids.map(Some)
    );
    let returned: Vec<_> = replies.into_iter().map(ExpectReply::returned).collect();
    assert_eq!(
        returned[4],
        Returned::Chunk {
            data: "IN ONE GO".into()
        }
    );
    assert_eq!(returned[5], Returned::EndOfStream);
}

#[tokio::test]
async fn a_blocked_call_blocks_only_its_own_socket() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    let waiting = page.makes_socket(Udp).await;
    let blocked = page
        .starts(Call::RecvFrom {
            fd: waiting,
            size: 2048,
        })
        .await;
    let behind = page.starts(Call::GetSockName { fd: waiting }).await;
    assert_eq!(page.exchanges_by_udp("meanwhile").await, "MEANWHILE");
    assert_eq!(page.exchanges_by_tcp("meanwhile").await, "MEANWHILE");
    assert_eq!(
        page.makes(Call::Cancel { of: blocked }).await,
        Returned::Nothing
    );
    assert_eq!(
        page.waits_for_reply(blocked).await.failed().reason,
        Some(Reason::Cancelled)
    );
    page.waits_for_reply(behind).await.returned();
}

#[tokio::test]
async fn a_cancelled_call_fails_and_its_socket_stays_usable() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    let fd = page.makes_socket(Udp).await;
    page.sends_to_server(fd, "first").await;
    assert_eq!(page.receives_text(fd).await, "FIRST");
    let blocked = page.starts(Call::RecvFrom { fd, size: 2048 }).await;
    page.makes(Call::Cancel { of: blocked }).await;
    let failed = page.waits_for_reply(blocked).await.failed();
    assert_eq!(
        (failed.errno.as_str(), failed.source),
        ("ECANCELED", FailureSource::Relay)
    );
    page.sends_to_server(fd, "second").await;
    assert_eq!(page.receives_text(fd).await, "SECOND");
    let failed = page.fails(Call::Cancel { of: blocked }).await;
    assert_eq!(failed.reason, Some(Reason::NoSuchCall), "it is over");
}

#[tokio::test]
async fn a_call_that_waits_behind_a_blocked_one_can_be_cancelled_too() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    let fd = page.connects(Tcp).await;
    let blocked = page.starts(Call::Recv { fd, size: 100 }).await;
    let behind = page.starts(Call::Recv { fd, size: 100 }).await;
    page.makes(Call::Cancel { of: behind }).await;
    assert_eq!(
        page.waits_for_reply(behind).await.failed().errno,
        "ECANCELED"
    );
    page.makes(Call::Cancel { of: blocked }).await;
    assert_eq!(
        page.waits_for_reply(blocked).await.failed().errno,
        "ECANCELED"
    );
}

#[tokio::test]
async fn a_timeout_ends_a_blocked_call() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    let fd = page.makes_socket(Udp).await;
    page.sets_timeout(fd, Some(50)).await;
    let reply = page.calls(Call::RecvFrom { fd, size: 2048 }).await;
    assert!(
        reply.took_ns >= 50_000_000,
        "it waited as long as it was told, not {} ns",
        reply.took_ns
    );
    let failed = reply.failed();
    assert_eq!(failed.errno, "EAGAIN");
    assert_eq!(
        (failed.source, failed.reason),
        (FailureSource::Relay, Some(Reason::TimedOut))
    );
    page.sends_to_server(fd, "still there").await;
    page.sets_timeout(fd, None).await;
    assert_eq!(page.receives_text(fd).await, "STILL THERE");
}

#[tokio::test]
async fn a_timeout_of_zero_is_non_blocking() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    let fd = page.connects(Tcp).await;
    page.sets_timeout(fd, Some(0)).await;
    let failed = page.fails(Call::Recv { fd, size: 100 }).await;
    assert_eq!(
        (failed.errno.as_str(), failed.source),
        ("EAGAIN", FailureSource::Kernel)
    );
}

#[tokio::test]
async fn an_empty_datagram_is_a_datagram() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    let fd = page.makes_socket(Udp).await;
    page.sends_to_server(fd, "").await;
    let expected = Datagram::whole(b"", relay.udp);
    assert_eq!(page.receives(fd, 2048).await, expected);
}

#[tokio::test]
async fn an_empty_send_on_a_stream_sends_nothing() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    let fd = page.connects(Tcp).await;
    page.sends_data(fd, "").await;
    page.sends_data(fd, "then something").await;
    assert_eq!(
        page.makes(Call::Recv { fd, size: 100 }).await,
        Returned::Chunk {
            data: "THEN SOMETHING".into()
        }
    );
}

#[tokio::test]
async fn the_end_of_a_stream_is_neither_empty_data_nor_an_error() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    let fd = page.connects(Tcp).await;
    page.makes(Call::Shutdown {
        fd,
        how: How::Write,
    })
    .await;
    assert_eq!(
        page.makes(Call::Recv { fd, size: 100 }).await,
        Returned::EndOfStream
    );
    assert_eq!(
        page.makes(Call::Recv { fd, size: 100 }).await,
        Returned::EndOfStream,
        "it stays at its end"
    );
}

#[tokio::test]
async fn half_a_connection_closed_still_brings_the_reply() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    let fd = page.connects(Tcp).await;
    page.sends_data(fd, "my last words").await;
    page.makes(Call::Shutdown {
        fd,
        how: How::Write,
    })
    .await;
    let failed = page
        .fails(Call::Send {
            fd,
            data: "more".into(),
        })
        .await;
    assert_eq!(
        (failed.errno.as_str(), failed.source),
        ("EPIPE", FailureSource::Kernel)
    );
    assert_eq!(page.reads_to_the_end(fd).await, "MY LAST WORDS");
}

#[tokio::test]
async fn the_rest_of_a_long_datagram_is_lost_and_its_true_length_returned() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    let fd = page.makes_socket(Udp).await;
    page.sends_to_server(fd, "hello world").await;
    page.sends_to_server(fd, "next").await;
    let begun = page.receives(fd, 4).await;
    assert_eq!(begun.data, "HELL".into());
    assert_eq!((begun.truncated, begun.length), (true, 11));
    assert_eq!(page.receives_text(fd).await, "NEXT", "not the rest");
}

#[tokio::test]
async fn the_rest_of_a_long_chunk_stays_in_the_stream() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    let fd = page.connects(Tcp).await;
    page.sends_data(fd, "hello world").await;
    assert_eq!(
        page.makes(Call::Recv { fd, size: 4 }).await,
        Returned::Chunk {
            data: "HELL".into()
        }
    );
    assert_eq!(page.reads(fd, 7).await, "O WORLD");
}

#[tokio::test]
async fn two_sends_may_be_one_chunk() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    let fd = page.connects(Tcp).await;
    page.sends_data(fd, "Hello").await;
    page.sends_data(fd, "World").await;
    assert_eq!(page.reads(fd, 10).await, "HELLOWORLD");
}

#[tokio::test]
async fn bytes_that_are_no_text_return_unchanged() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    let fd = page.makes_socket(Udp).await;
    page.sends_to_server(fd, &b"a\xff\x00b"[..]).await;
    let expected = Datagram::whole(b"A\xff\x00B", relay.udp);
    assert_eq!(page.receives(fd, 2048).await, expected);
}

#[tokio::test]
async fn a_datagram_has_a_greatest_length() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    let fd = page.makes_socket(Udp).await;
    page.sends_to_server(fd, "x".repeat(65_507).as_str()).await;
    let longest = page.receives(fd, 65_535).await;
    assert_eq!((longest.length, longest.truncated), (65_507, false));
    let data = "x".repeat(65_508).as_str().into();
    let failed = page
        .fails(Call::SendTo {
            fd,
            to: Server,
            data,
        })
        .await;
    assert_eq!(
        (failed.errno.as_str(), failed.source),
        ("EMSGSIZE", FailureSource::Kernel)
    );
}

#[tokio::test]
async fn calls_in_the_wrong_state_get_the_kernels_own_errors() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    let (udp, tcp) = (page.makes_socket(Udp).await, page.makes_socket(Tcp).await);
    let send = |fd| Call::Send {
        fd,
        data: "x".into(),
    };
    expect_errno(&mut page, send(udp), &["EDESTADDRREQ"]).await;
    expect_errno(&mut page, send(tcp), &["EPIPE", "ENOTCONN"]).await;
    expect_errno(&mut page, Call::Recv { fd: tcp, size: 1 }, &["ENOTCONN"]).await;
    expect_errno(&mut page, Call::GetPeerName { fd: udp }, &["ENOTCONN"]).await;
    expect_errno(
        &mut page,
        Call::Shutdown {
            fd: tcp,
            how: How::Both,
        },
        &["ENOTCONN"],
    )
    .await;
    page.makes(Call::Connect {
        fd: tcp,
        to: Server,
    })
    .await;
    expect_errno(
        &mut page,
        Call::Connect {
            fd: tcp,
            to: Server,
        },
        &["EISCONN"],
    )
    .await;
    expect_errno(&mut page, Call::Bind { fd: tcp, port: 0 }, &["EINVAL"]).await;
}

#[tokio::test]
async fn a_closed_port_is_reported_as_the_kernel_reports_it() {
    let relay = Relay::start_at(address_allocator::own_host(), &[]);
    let mut page = Page::open(&relay).await;
    for transport in Transport::ALL {
        page.asks(Ask::StopServer { transport }).await.returned();
    }
    let tcp = page.makes_socket(Tcp).await;
    expect_errno(
        &mut page,
        Call::Connect {
            fd: tcp,
            to: Server,
        },
        &["ECONNREFUSED"],
    )
    .await;
    let udp = page.connects(Udp).await;
    page.sends_data(udp, "anybody there?").await;
    expect_errno(
        &mut page,
        Call::Recv {
            fd: udp,
            size: 2048,
        },
        &["ECONNREFUSED"],
    )
    .await;
}

#[tokio::test]
async fn an_unconnected_udp_socket_gets_no_error_from_a_closed_port() {
    let relay = Relay::start_at(address_allocator::own_host(), &[]);
    let mut page = Page::open(&relay).await;
    page.asks(Ask::StopServer { transport: Udp })
        .await
        .returned();
    let fd = page.makes_socket(Udp).await;
    page.sends_to_server(fd, "anybody there?").await;
    page.sets_timeout(fd, Some(50)).await;
    let failed = page.fails(Call::RecvFrom { fd, size: 2048 }).await;
    assert_eq!(failed.reason, Some(Reason::TimedOut));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn with_ip_recverr_an_unconnected_udp_socket_gets_the_refusal_too() {
    let relay = Relay::start_at(address_allocator::own_host(), &[]);
    let mut page = Page::open(&relay).await;
    page.asks(Ask::StopServer { transport: Udp })
        .await
        .returned();
    let fd = page.makes_socket(Udp).await;
    page.makes(Call::SetSockOpt {
        fd,
        option: SocketOption::IpRecverr,
        value: 1,
    })
    .await;
    page.sends_to_server(fd, "anybody there?").await;
    expect_errno(
        &mut page,
        Call::RecvFrom { fd, size: 2048 },
        &["ECONNREFUSED"],
    )
    .await;
}

#[tokio::test]
async fn the_options_that_teach_can_be_set() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    let fd = page.makes_socket(Tcp).await;
    for (option, value) in [
        (SocketOption::SoReuseaddr, 1),
        (SocketOption::SoRcvbuf, 4096),
        (SocketOption::SoSndbuf, 4096),
        (SocketOption::SoLinger, 0),
        (SocketOption::SoLinger, -1),
        (SocketOption::TcpNodelay, 1),
    ] {
        assert_eq!(
            page.makes(Call::SetSockOpt { fd, option, value }).await,
            Returned::Nothing,
            "{option:?}"
        );
    }
    let udp = page.makes_socket(Udp).await;
    let failed = page
        .fails(Call::SetSockOpt {
            fd: udp,
            option: SocketOption::TcpNodelay,
            value: 1,
        })
        .await;
    assert_eq!(
        failed.source,
        FailureSource::Kernel,
        "UDP has no such option: {failed:?}"
    );
}

#[tokio::test]
async fn a_closed_socket_is_no_socket() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    let fd = page.makes_socket(Udp).await;
    page.makes(Call::Close { fd }).await;
    for call in [
        Call::Close { fd },
        Call::GetSockName { fd },
        Call::Recv { fd, size: 1 },
    ] {
        let failed = page.fails(call).await;
        assert_eq!(
            (failed.errno.as_str(), failed.reason),
            ("EBADF", Some(Reason::NoSuchSocket))
        );
    }
}

#[tokio::test]
async fn servers_are_started_and_stopped_once() {
    let relay = Relay::start_at(address_allocator::own_host(), &[]);
    let mut page = Page::open(&relay).await;
    for transport in Transport::ALL {
        let start = start_server(transport);
        let failed = page.asks(start.clone()).await.failed();
        assert_eq!(failed.reason, Some(Reason::AlreadyRunning));
        page.asks(Ask::StopServer { transport }).await.returned();
        let failed = page.asks(Ask::StopServer { transport }).await.failed();
        assert_eq!(failed.reason, Some(Reason::NotRunning));
        page.asks(start).await.returned();
    }
    assert_eq!(page.exchanges_by_udp("again").await, "AGAIN");
    assert_eq!(page.exchanges_by_tcp("again").await, "AGAIN");
}

#[tokio::test]
async fn many_pages_at_once_each_get_their_own_answers() {
    let relay = Relay::start(&[]);
    let mut pages = Vec::new();
    for _ in 0..20 {
        pages.push(Page::open(&relay).await);
    }
    for (number, page) in pages.iter_mut().enumerate() {
        let fd = page.makes_socket(Udp).await;
        page.sends_to_server(fd, format!("page {number}").as_str())
            .await;
    }
    for (number, page) in pages.iter_mut().enumerate().rev() {
        assert_eq!(page.receives_text(3).await, format!("PAGE {number}"));
    }
}

async fn expect_errno(page: &mut Page, call: Call, expected: &[&str]) {
    let failed = page.fails(call.clone()).await;
    assert!(
        expected.contains(&failed.errno.as_str()),
        "{call:?} failed with {failed:?}, not with {expected:?}"
    );
    assert_eq!(
        failed.source,
        FailureSource::Kernel,
        "the kernel itself says so of {call:?}"
    );
}
