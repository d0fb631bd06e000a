//! The kernel's list of a lab's sockets: what is recorded of it, and when.

use std::{
    net::{TcpListener, TcpStream, UdpSocket},
    sync::Arc as Shared,
};

use shared::{lab::Level, trace::What};

use super::*;
use crate::{metrics::Meter, trace::Visibility};

const TCP: &str = "
 0: 0909097F:2EE0 00000000:0000 0A 00000000:00000001 00:00000000 00000000     0        0 11 3
 1: 0909097F:2EE0 0909097F:B6C7 01 00000000:00000000 00:00000000 00000000     0        0 0 1
 2: 0909097F:B6C7 0909097F:2EE0 01 00000000:00000000 00:00000000 00000000     0        0 12 2
 3: 0909097F:2EE0 0909097F:8A55 06 00000000:00000000 03:000002AB 00000000     0        0 0 3
 4: 0909097F:8A56 0909097F:2EE1 02 00000001:00000000 01:00000059 00000000     0        0 13 2
 5: 0909097F:2EE2 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 14 3
";
const UDP: &str = "
 0: 0909097F:2EE0 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 21 2
 1: 0909097F:2EE1 0909097F:2EE1 01 00000000:00000000 00:00000000 00000000     0        0 22 2
";

fn at(address: &str) -> SocketAddr {
    address.parse().expect("an address")
}

fn seen(tcp: &str, udp: &str) -> Sockets {
    seen_after(&mut ArrivalOrder::default(), tcp, udp)
}

fn seen_after(arrivals: &mut ArrivalOrder, tcp: &str, udp: &str) -> Sockets {
    let mut listing = Listing::default();
    listing.add(Transport::Tcp, tcp);
    listing.add(Transport::Udp, udp);
    let server = at("127.9.9.9:12000");
    let endpoints = endpoints([(Transport::Udp, server), (Transport::Tcp, server)]);
    sockets(&listing, &endpoints, Some(1), arrivals)
}

#[test]
fn only_the_labs_sockets_are_listed_listening_ones_first() {
    let Sockets { sockets, more } = seen(TCP, UDP);
    let told: Vec<_> = sockets
        .iter()
        .map(|socket| (socket.state, socket.local.port(), socket.held))
        .collect();
    let expected = [
        (SocketState::Listen, 12_000, true),
        (SocketState::Bound, 12_000, true),
        (SocketState::SynSent, 0x8A56, true),
        (SocketState::Established, 12_000, false),
        (SocketState::Established, 0xB6C7, true),
        (SocketState::TimeWait, 12_000, false),
    ];
    assert_eq!((told.as_slice(), more), (&expected[..], 0));
    assert_eq!((sockets[0].receive_queue, sockets[0].send_queue), (1, 1));
    assert_eq!(sockets[2].peer, Some(at("127.9.9.9:12001")));
}

/// The server accepts the connection that has waited longest, whatever its port.
#[test]
fn waiting_connections_are_listed_in_order_of_arrival() {
    let line = |port: u16, state: u8| {
        format!("0: 0909097F:2EE0 0909097F:{port:04X} {state:02X} 0:0 0:0 0 0 0 0\n")
    };
    let mut arrivals = ArrivalOrder::default();
    let mut poll = |lines: &[(u16, u8)]| -> Vec<u16> {
        let lines: String = lines
            .iter()
            .map(|(port, state)| line(*port, *state))
            .collect();
        let sockets = seen_after(&mut arrivals, &lines, "").sockets;
        let peers = sockets.iter().filter_map(|socket| socket.peer);
        peers.map(|peer| peer.port()).collect()
    };
    let (established, syn_received) = (1, 3);
    assert_eq!(poll(&[(300, established), (100, syn_received)]), [100, 300]);
    assert_eq!(poll(&[(200, established), (300, established)]), [300, 200]);
    let three = [(100, established), (200, established), (300, established)];
    assert_eq!(poll(&three), [300, 200, 100]);
    assert_eq!(poll(&three[..2]), [200, 100], "the first was accepted");
    assert_eq!(poll(&three), [200, 100, 300], "and came again");
}

#[test]
fn sockets_beyond_the_maximum_are_counted() {
    let many: String = (0..100)
        .map(|port| format!("0: 0909097F:2EE0 0909097F:{port:04X} 01 0:0 0:0 0 0 0 0\n"))
        .skip(1)
        .collect();
    let Sockets { sockets, more } = seen(&many, "");
    assert_eq!((sockets.len(), more), (64, 35));
}

#[test]
fn remaining_times_do_not_count_as_changes() {
    let before = seen(TCP, UDP);
    assert!(!has_changed(
        &before,
        &seen(&TCP.replace("000002AB", "00000100"), UDP)
    ));
    let ended: String = TCP
        .lines()
        .filter(|line| !line.contains("2AB"))
        .map(|line| format!("{line}\n"))
        .collect();
    assert!(has_changed(&before, &seen(&ended, UDP)));
    assert!(has_changed(&before, &seen(TCP, "")));
}

#[test]
fn sockets_that_change_without_calls_are_polled_again() {
    let next = |wanted: &[&str]| {
        let chosen: String = TCP
            .lines()
            .filter(|line| wanted.iter().any(|start| line.starts_with(start)))
            .map(|line| format!("{line}\n"))
            .collect();
        next_poll(&seen(&chosen, UDP))
    };
    assert_eq!(next(&[]), None);
    assert_eq!(next(&[" 2:"]), None, "an accepted connection");
    assert_eq!(
        next(&[" 1:"]),
        Some(POLL_INTERVAL),
        "a connection that is not accepted yet"
    );
    assert_eq!(
        next(&[" 0:"]),
        Some(POLL_INTERVAL),
        "a listening socket with a waiting connection"
    );
    assert_eq!(next(&[" 3:"]), Some(Duration::from_millis(6830)));
    assert_eq!(
        next(&[" 3:", " 4:"]),
        Some(POLL_INTERVAL),
        "a SYN in flight"
    );
}

/// With real sockets: what a viewer receives when a connection arrives and is not accepted.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "local")]
async fn a_viewer_sees_a_connection_that_waits() {
    let host = [127, 83, 1, 9];
    let listener = TcpListener::bind((std::net::IpAddr::from(host), 0)).expect("a port");
    let server = listener.local_addr().expect("its address");
    let udp = UdpSocket::bind(server).expect("the same port");
    let trace = Rc::new(Trace::new(
        Level::L0,
        1 << 20,
        Meter::for_other_lab(Shared::default()),
    ));
    let mut viewer = trace.subscribe();
    let poller = SocketPoller {
        trace: Rc::clone(&trace),
        servers: Transport::ALL.map(|transport| (transport, server)),
        backlog: Rc::default(),
    };
    let tasks = Rc::clone(&trace);
    let polling = async move { tokio::join!(tasks.publish_events(), poller.run()) };
    let stories = async {
        let waiting = |sockets: &Sockets| {
            let is_unaccepted = |socket: &KernelSocket| socket.local == server && !socket.held;
            sockets
                .sockets
                .iter()
                .filter(|socket| is_unaccepted(socket))
                .count()
        };
        let mut from = 0;
        let mut wait_for = async |count: usize| loop {
            for recorded in trace.read(from, Visibility::All, 100).events {
                from = recorded.event.seq + 1;
                if let What::Sockets(sockets) = &recorded.event.what
                    && waiting(sockets) == count
                {
                    return;
                }
            }
            viewer.changed().await.expect("a trace that is told");
        };
        wait_for(0).await;
        let _client = TcpStream::connect(server).expect("the kernel lets it wait");
        trace.record(
            What::CaptureLost {
                packets: 1,
                within_ns: None,
            },
            None,
        );
        wait_for(1).await;
    };
    tokio::select! {
        _ = polling => panic!("it never ends"),
        () = stories => {}
    }
    drop(udp);
}
