//! Network namespaces: clients on another host, fragmented packets, a server at every address.

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, TcpStream, UdpSocket},
    process::Command,
};

use shared::{
    call::{
        Call,
        Transport::{self, Tcp, Udp},
    },
    dissect::{Piece, Summary},
    lab::LabKind,
    message::Ask,
    trace::{CallName, Event, Packet, What},
};
use tests::{
    calls::{ExpectReply, start_server},
    folder::Folder,
    http,
    network::{Host, in_a_network, ip},
    page::Page,
    relay::Relay,
    timeout::TIMEOUT,
    trace::{TCP_SERVER, Trace, UDP_SERVER},
};

const EVERYWHERE: &str = "0.0.0.0:12000";
const HERE: &str = "10.77.0.1";
const THERE: &str = "10.77.0.2";
const PRIVATE: Ask = Ask::Enter {
    lab: LabKind::Private,
};

#[test]
fn packets_from_another_host_are_captured_on_their_interface() {
    in_a_network(|| async {
        let relay = Relay::launch("127.0.0.1:0", EVERYWHERE, &[]);
        let mut page = Page::open(&relay).await;
        assert!(page.sees_packets(), "root may capture");
        // An interface that was not there when the capture began.
        let other = Host::joined("cable", HERE, THERE);
        let udp = other.runs(|| {
            let socket = UdpSocket::bind((THERE, 0)).expect("a socket");
            socket.set_read_timeout(Some(TIMEOUT)).expect("a time");
            socket.send_to(b"hello", (HERE, 12_000)).expect("sent");
            let mut buffer = [0; 16];
            let (length, from) = socket.recv_from(&mut buffer).expect("an answer");
            assert_eq!(
                (&buffer[..length], from.ip().to_string()),
                (&b"HELLO"[..], HERE.to_owned())
            );
            socket.local_addr().expect("an address")
        });
        let tcp = other.runs(|| {
            let mut stream = TcpStream::connect((HERE, 12_000)).expect("a server");
            stream.set_read_timeout(Some(TIMEOUT)).expect("a time");
            let own = stream.local_addr().expect("an address");
            stream.write_all(b"hello").expect("sent");
            let mut buffer = [0; 5];
            stream.read_exact(&mut buffer).expect("an answer");
            assert_eq!(&buffer, b"HELLO");
            own
        });
        let own = page.exchanges_by_udp("at home").await;
        assert_eq!(own, "AT HOME");
        let has_ended = |trace: &Trace| {
            let is_fin = |packet: &&Packet| {
                let segment = summary(packet).tcp;
                segment.is_some_and(|segment| segment.flags.has(shared::dissect::TcpFlags::FIN))
            };
            let at_home = packets(trace)
                .filter(|packet| packet.interface == "lo")
                .count();
            packets(trace).filter(is_fin).count() >= 2 && at_home >= 2
        };
        let trace = Trace::watched(&mut page, has_ended).await;
        let of = |address| {
            let concerns = move |packet: &&Packet| {
                let summary = summary(packet);
                [summary.source, summary.destination].contains(&Some(address))
            };
            packets(&trace).filter(concerns)
        };
        assert_eq!(of(udp).count(), 2, "each once");
        assert!(of(tcp).count() >= 7);
        assert!(
            of(udp)
                .chain(of(tcp))
                .all(|packet| packet.interface == "cable")
        );
        assert!(of(udp).all(|packet| packet.process > Some(TCP_SERVER)));
        let directions: Vec<_> = of(udp).map(|packet| summary(packet).source).collect();
        assert_eq!(directions[0], Some(udp));
        let syn = of(tcp).next().expect("a packet");
        assert_eq!(summary(syn).source, Some(tcp));
        let names = analysed(&relay, &["frame.interface_name"]).await;
        for interface in ["lo", "cable"] {
            assert!(names.iter().any(|name| name == interface), "{names:?}");
        }
    });
}

#[test]
fn another_machines_port_of_the_same_number_is_none_of_ours() {
    in_a_network(|| async {
        let relay = Relay::launch("127.0.0.1:0", EVERYWHERE, &[]);
        let mut page = Page::open(&relay).await;
        let other = Host::joined("cable", HERE, THERE);
        let theirs = other.runs(|| UdpSocket::bind((THERE, 12_000)).expect("free there"));
        let client = UdpSocket::bind((HERE, 0)).expect("a socket");
        client.send_to(b"not yours", (THERE, 12_000)).expect("sent");
        other.runs(move || {
            theirs.set_read_timeout(Some(TIMEOUT)).expect("a time");
            let (_, from) = theirs.recv_from(&mut [0; 16]).expect("a datagram");
            theirs.send_to(b"nor this", from).expect("sent");
        });
        client.set_read_timeout(Some(TIMEOUT)).expect("a time");
        client.recv(&mut [0; 16]).expect("an answer");
        page.exchanges_by_udp("ours").await;
        let trace = Trace::watched(&mut page, |trace| packets(trace).count() >= 2).await;
        assert!(packets(&trace).all(|packet| packet.interface == "lo"));
    });
}

#[test]
fn beside_a_server_at_every_address_labs_have_addresses_of_their_own() {
    in_a_network(|| async {
        let relay = Relay::launch("127.0.0.1:0", EVERYWHERE, &[]);
        let mut open = Page::open(&relay).await;
        let mut own = Page::open(&relay).await;
        own.moves_to(PRIVATE).await;
        for server in &own.welcome.lab.servers {
            let IpAddr::V4(address) = server.address.ip() else {
                panic!("an IPv4 address");
            };
            assert!(address.is_loopback() && address != Ipv4Addr::LOCALHOST);
            assert_eq!(server.address.port(), 12_000);
        }
        for page in [&mut own, &mut open] {
            assert_eq!(page.exchanges_by_udp("hello").await, "HELLO");
            assert_eq!(page.exchanges_by_tcp("hello").await, "HELLO");
        }
        let host = own.welcome.lab.client_host;
        let mut terminal = TcpStream::connect((host, 12_000)).expect("the lab's");
        terminal.write_all(b"hello").expect("sent");
        let accepted = |trace: &Trace| trace.returns(TCP_SERVER, CallName::Accept).len() >= 2;
        Trace::watched(&mut own, accepted).await;
        // The open lab's can be had again although a lab has that port, too.
        for transport in Transport::ALL {
            open.asks(Ask::StopServer { transport }).await.returned();
            open.asks(start_server(transport)).await.returned();
        }
        assert_eq!(open.exchanges_by_udp("again").await, "AGAIN");
        assert_eq!(open.exchanges_by_tcp("again").await, "AGAIN");
        assert_eq!(own.exchanges_by_tcp("mine").await, "MINE");
        // Connections the server has ended first hold its address, as they do anywhere.
        own.asks(Ask::StopServer { transport: Tcp })
            .await
            .returned();
        let failed = own.asks(start_server(Tcp)).await.failed();
        assert_eq!(failed.errno, "EADDRINUSE");
        own.asks(Ask::StopServer { transport: Udp })
            .await
            .returned();
        own.asks(start_server(Udp)).await.returned();
        assert_eq!(own.exchanges_by_udp("still mine").await, "STILL MINE");
    });
}

#[test]
fn every_fragment_is_captured_and_tied_to_its_datagram() {
    for (server, loopback) in [("127.0.0.1:0", 20), ("[::1]:0", 40)] {
        in_a_network(move || async move {
            const LENGTH: usize = 4000;
            ip("link set lo mtu 1500");
            let relay = Relay::launch("127.0.0.1:0", server, &[]);
            let mut page = Page::open(&relay).await;
            assert!(page.sees_packets(), "root may capture");
            let sentence = "x".repeat(LENGTH);
            let fd = page.makes_socket(Udp).await;
            page.sends_to_server(fd, sentence.as_str()).await;
            let reply = page.receives(fd, 8192).await;
            assert_eq!(reply.data.len(), LENGTH);
            page.makes(Call::Close { fd }).await;
            let trace = Trace::watched(&mut page, |trace| packets(trace).count() >= 6).await;
            let packets: Vec<&Packet> = packets(&trace).collect();
            assert_eq!(packets.len(), 6, "three each way");
            let me = page.welcome.process;
            let calls = [(me, CallName::SendTo), (UDP_SERVER, CallName::SendTo)];
            for (way, (process, name)) in packets.chunks(3).zip(calls) {
                let call = trace.results(process, name)[0].call;
                let pieces: Vec<Piece> = way.iter().map(|packet| piece(packet)).collect();
                let mut end = 0;
                for (at, (packet, piece)) in way.iter().zip(&pieces).enumerate() {
                    assert_eq!(packet.process, Some(me));
                    assert_eq!(packet.call, Some(call), "its datagram's");
                    assert!(piece.is_of_the_same(&pieces[0]));
                    assert_eq!((piece.offset, piece.more), (end, at < 2));
                    assert!(packet.length <= 14 + 1500 && packet.length > loopback);
                    end += piece.length;
                }
                assert_eq!(end as usize, 8 + LENGTH);
            }
            let fields: &[&str] = if loopback == 20 {
                &["ip.frag_offset", "ip.flags.mf", "ip.id"]
            } else {
                &[
                    "ipv6.fraghdr.offset",
                    "ipv6.fraghdr.more",
                    "ipv6.fraghdr.ident",
                ]
            };
            let found = analysed(&relay, fields).await;
            assert_eq!(found.len(), 6);
            for (line, packet) in found.iter().zip(packets) {
                let piece = piece(packet);
                let told: Vec<u64> = line.split('\t').map(number).collect();
                // Both protocols count offsets in units of eight bytes.
                let own = [
                    piece.offset / 8,
                    u32::from(piece.more),
                    piece.identification,
                ];
                assert_eq!(told, own.map(u64::from), "{line}");
            }
        });
    }
}

fn packets(trace: &Trace) -> impl Iterator<Item = &Packet> {
    fn packet(event: &Event) -> Option<&Packet> {
        if let What::Packet(packet) = &event.what {
            Some(packet)
        } else {
            None
        }
    }
    trace.events.iter().filter_map(packet)
}

fn summary(packet: &Packet) -> Summary {
    Summary::of(packet.link, &packet.bytes)
}

fn piece(packet: &Packet) -> Piece {
    Piece::of(packet.link, &packet.bytes).expect("a fragment")
}

/// As an analyser prints a number: with `0x`, in words, or plain.
fn number(printed: &str) -> u64 {
    match printed {
        "True" => 1,
        "False" => 0,
        _ => match printed.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16).expect("a number"),
            None => printed.parse().expect("a number"),
        },
    }
}

/// What another analyser finds in the exported packets, one line for each, fields apart by tabs.
async fn analysed(relay: &Relay, fields: &[&str]) -> Vec<String> {
    let file = http::get(relay.http, "/labs/open/trace.pcapng").await;
    assert_eq!(file.status, 200);
    let folder = Folder::new();
    let path = folder.path().join("trace.pcapng");
    std::fs::write(&path, &file.body).expect("a file");
    let mut command = Command::new("tshark");
    command.args([
        "-o",
        "ip.defragment:FALSE",
        "-o",
        "ipv6.defragment:FALSE",
        "-T",
        "fields",
        "-r",
    ]);
    command.arg(&path);
    for field in fields {
        command.args(["-e", field]);
    }
    let output = command.output().expect("tshark: let tests/run install it");
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().map(str::to_owned).collect()
}
