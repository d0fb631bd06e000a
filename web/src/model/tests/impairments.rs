//! The relay's edge loses, delays, doubles and holds datagrams, and the ladder shows it.

use shared::{
    conditions::{Conditions, Direction, Fate, Verdict},
    message::Ask,
    trace::{Derived, DerivedKind, Edge, Fact, Source},
};

use super::{
    log::{by_client, datagram_packet, from_client, from_client_datagram},
    *,
};
use crate::model::{
    panes::network::{NetworkCommand, Preset},
    past::archive::ArchiveCommand as FileWish,
    trace::{
        fate,
        ladder::{self, Arrow, ArrowSpan},
        log::DatagramFate,
    },
};

impl Page {
    /// Its datagram is under way; the relay tells the packet as derived from the call.
    fn sends_a_datagram(&mut self) {
        self.sends("hello");
        let id = self.said()[0].id;
        self.starts(100, started(10, ME, CallName::Socket, None, Some(id)));
        self.ended(101, returned(10, ME, Returned::Socket { fd: 3 }));
        self.returns(id, Returned::Socket { fd: 3 });
        let said = self.said();
        let mut sendto = started(11, ME, CallName::SendTo, Some(3), Some(said[0].id));
        sendto.arguments.data = Some("hello".into());
        self.starts(200, sendto);
        self.ended(201, by_client(returned(11, ME, Returned::Sent { sent: 5 })));
        let (from, to) = (CLIENT.parse().expect("an address"), server_address());
        let kind = DerivedKind::Datagram;
        self.sees(
            202,
            What::Derived(Derived {
                kind,
                transport: Transport::Udp,
                from,
                to,
                length: 5,
                because: 11,
                process: Some(ME),
            }),
        );
        self.starts(
            203,
            started(12, ME, CallName::RecvFrom, Some(3), Some(said[1].id)),
        );
    }

    fn edge(&mut self, us: u64, datagram: u64, fate: Fate, by_hand: bool) {
        self.sees(us, What::Edge(Box::new(request(datagram, fate, by_hand))));
    }

    /// The server's program gets the datagram of this number.
    fn server_gets(&mut self, us: u64, call: u64, datagram: u64) {
        let mut got = from_client(returned(call, UDP_SERVER, from_client_datagram("hello")));
        got.facts = vec![Fact {
            name: "edge.datagram".to_owned(),
            value: datagram.to_string(),
            source: Source::Computed,
        }];
        self.ended(us, got);
    }

    fn arrows(&self) -> Vec<Arrow> {
        let run = self.model.shown_run().expect("a run");
        ladder::lay(run, self.model.log.waiting(), 20, Some(self.now)).arrows
    }

    fn fates(&self) -> String {
        let run = self.model.shown_run().expect("a run");
        fate::of_run(run, &Texts::new(Language::English))
    }

    fn ladder_text(&mut self) -> String {
        self.effects.clear();
        self.does(WholeEvent::Archive(FileWish::CopyLadder));
        match self.effects.pop() {
            Some(Effect::Copy(text)) => text,
            other => panic!("no text but {other:?}"),
        }
    }
}

fn request(datagram: u64, fate: Fate, by_hand: bool) -> Edge {
    Edge {
        datagram,
        direction: Direction::Request,
        from: CLIENT.parse().expect("an address"),
        to: server_address(),
        length: 5,
        fate,
        by_hand,
        process: Some(ME),
        call: Some(11),
    }
}

#[test]
fn a_lost_request_ends_at_the_edge_and_is_told_apart_from_a_lost_reply() {
    let mut page = Page::open();
    page.sends_a_datagram();
    page.edge(205, 1, Fate::Lost, false);
    let [arrow] = &page.arrows()[..] else {
        panic!("one arrow")
    };
    assert_eq!(arrow.way, ArrowSpan::ToEdge);
    assert_eq!(arrow.fate, Some(DatagramFate::Lost(Direction::Request)));
    assert!(arrow.arrives && arrow.to_server && arrow.call == Some(11));
    assert_eq!(page.fates(), " · request lost");
    page.waits(1_000);
    assert!(
        page.note()
            .text
            .contains("before the server’s program received it")
    );
    let text = page.ladder_text();
    assert!(
        text.contains("UDP 5 B, request lost .") && text.contains(".x"),
        "{text}"
    );
    assert!(text.contains("the program never got it"), "{text}");
}

#[test]
fn a_lost_reply_is_called_so() {
    let mut page = Page::open();
    page.sends_a_datagram();
    page.ended(
        210,
        from_client(returned(5, UDP_SERVER, from_client_datagram("hello"))),
    );
    let mut answer = started(14, UDP_SERVER, CallName::SendTo, Some(3), None);
    answer.arguments.address = CLIENT.parse().ok();
    answer.arguments.data = Some("HELLO".into());
    page.starts(211, answer);
    page.ended(
        212,
        from_client(returned(14, UDP_SERVER, Returned::Sent { sent: 5 })),
    );
    let mut reply = request(1, Fate::Lost, false);
    reply.direction = Direction::Reply;
    (reply.from, reply.to, reply.call) = (reply.to, reply.from, Some(14));
    page.sees(213, What::Edge(Box::new(reply)));
    let arrows = page.arrows();
    let lost: Vec<_> = arrows.iter().filter(|arrow| arrow.fate.is_some()).collect();
    assert_eq!(lost.len(), 1, "drawn though nobody told of the packet");
    assert!(!lost[0].to_server && lost[0].way == ArrowSpan::ToEdge);
    assert_eq!(page.fates(), " · reply lost");
    page.waits(1_000);
    assert!(page.note().text.contains("the reply was lost"));
}

#[test]
fn a_delayed_datagram_arrives_and_goes_on_later() {
    let mut page = Page::open();
    page.sends_a_datagram();
    page.edge(205, 1, Fate::Delayed { milliseconds: 300 }, false);
    assert_eq!(page.arrows().len(), 1, "nobody has got it yet");
    page.server_gets(300_205, 5, 1);
    let arrows = page.arrows();
    let [to_edge, from_edge] = &arrows[..] else {
        panic!("two parts: {arrows:?}")
    };
    assert_eq!(
        (to_edge.way, from_edge.way),
        (ArrowSpan::ToEdge, ArrowSpan::FromEdge)
    );
    assert!(to_edge.to_y < from_edge.to_y && from_edge.from_y == to_edge.to_y);
    assert_eq!((to_edge.call, from_edge.call), (Some(11), Some(5)));
    let text = page.ladder_text();
    assert!(
        text.contains("300 ms late") && text.contains("~>"),
        "{text}"
    );
}

#[test]
fn a_captured_packet_arrives_and_the_edge_decides_after() {
    let mut page = Page::open();
    page.sends_a_datagram();
    page.sees(204, datagram_packet(204));
    let mut edge = request(1, Fate::Lost, false);
    edge.length = 2;
    page.sees(205, What::Edge(Box::new(edge)));
    let arrows = page.arrows();
    let captured: Vec<_> = arrows.iter().filter(|arrow| arrow.captured).collect();
    let lost = Some(DatagramFate::Lost(Direction::Request));
    assert_eq!((captured.len(), captured[0].fate), (1, lost));
    assert_eq!(captured[0].way, ArrowSpan::ToEdge);
    let others = arrows.iter().filter(|arrow| arrow.fate.is_some());
    assert_eq!(
        others.count(),
        1,
        "no arrow is invented beside the seen one"
    );
}

#[test]
fn a_doubled_datagram_goes_on_twice() {
    let mut page = Page::open();
    page.sends_a_datagram();
    page.edge(205, 1, Fate::Doubled, false);
    page.server_gets(206, 5, 1);
    page.server_gets(230, 6, 1);
    let ways: Vec<_> = page.arrows().iter().map(|arrow| arrow.way).collect();
    assert_eq!(
        ways,
        [ArrowSpan::ToEdge, ArrowSpan::FromEdge, ArrowSpan::FromEdge]
    );
}

#[test]
fn a_datagram_is_held_until_somebody_decides() {
    let mut page = Page::open();
    page.sends_a_datagram();
    page.edge(205, 4, Fate::Held, false);
    assert_eq!(page.model.network.held.len(), 1);
    assert_eq!(page.arrows()[0].fate, Some(DatagramFate::Held));
    page.does(WholeEvent::Network(NetworkCommand::Decide(
        4,
        Verdict::Release,
    )));
    let said = page.said();
    let (datagram, verdict) = (4, Verdict::Release);
    assert_eq!(
        said[0].request,
        Request::Ask(Ask::Decide { datagram, verdict })
    );
    page.edge(2_000_205, 4, Fate::Released, true);
    page.server_gets(2_000_300, 5, 4);
    assert!(page.model.network.held.is_empty());
    let arrows = page.arrows();
    assert_eq!(arrows[0].fate, Some(DatagramFate::Released));
    let ways: Vec<_> = arrows.iter().map(|arrow| arrow.way).collect();
    assert_eq!(
        ways,
        [ArrowSpan::ToEdge, ArrowSpan::AtEdge, ArrowSpan::FromEdge]
    );
    assert_eq!(arrows[1].from_y, arrows[0].to_y);
    assert!(arrows[1].to_y == arrows[2].from_y && arrows[1].from_y < arrows[1].to_y);
}

#[test]
fn who_kills_a_datagram_sees_that_it_was_by_hand() {
    let mut page = Page::open();
    page.sends_a_datagram();
    page.edge(205, 4, Fate::Held, false);
    page.edge(3_000_000, 4, Fate::Lost, true);
    let killed = DatagramFate::Killed(Direction::Request);
    assert_eq!(page.arrows()[0].fate, Some(killed));
    assert_eq!(page.fates(), " · request dropped");
    assert!(page.model.network.held.is_empty());
}

#[test]
fn conditions_are_asked_for_and_refusals_told() {
    let mut page = Page::open();
    let (request, reply) = (Preset::Lossy.way(), Preset::Lossy.way());
    let lossy = Conditions {
        request,
        reply,
        seed: 3,
    };
    page.does(WholeEvent::Network(NetworkCommand::Set(lossy)));
    let said = page.said();
    let conditions = lossy;
    assert_eq!(
        said[0].request,
        Request::Ask(Ask::SetConditions { conditions })
    );
    page.fails(said[0].id, "EPERM");
    assert!(page.model.network.refused.is_some());
    page.sees(1, What::Conditions(lossy));
    assert!(page.model.network.refused.is_none());
    assert_eq!(
        Preset::of(&page.model.network.conditions),
        Some(Preset::Lossy)
    );
    let texts = Texts::new(Language::English);
    let summary = crate::model::panes::network::summary(&lossy, &texts);
    assert_eq!(summary, "30% lost, both ways");
}
