//! A recorded client's calls are made again: in order, on fresh sockets, and each result stands beside the recorded one.

use std::collections::BTreeMap;

use shared::call::Target;

use super::{log::by_client, *};
use crate::model::past::{
    archive, replay,
    rerun::{Comparison, Rerun, RerunCommand, RerunState, Unrepeatable},
};

impl Page {
    /// It looks at a saved trace of what another page did, and makes the calls again.
    fn repeats(&mut self, trace: &str) {
        let (name, text) = ("trace.json".to_owned(), Ok(trace.to_owned()));
        self.does(WholeEvent::Archive(archive::ArchiveCommand::Open {
            name,
            text,
        }));
        self.effects.clear();
        self.does(WholeEvent::Rerun(RerunCommand::Begin(false)));
    }

    fn again(&self) -> &Rerun {
        self.model
            .rerun
            .as_ref()
            .expect("calls that are made again")
    }

    fn comparison(&self) -> Vec<Comparison> {
        self.again()
            .steps
            .iter()
            .map(|step| step.comparison())
            .collect()
    }
}

/// A page's sentence to the end: `socket`, `sendto` and `recvfrom` at once, `close`.
fn sentence() -> Page {
    let mut page = Page::open();
    page.starts(100, started(10, ME, CallName::Socket, None, None));
    page.ended(101, returned(10, ME, Returned::Socket { fd: 3 }));
    let mut sendto = started(11, ME, CallName::SendTo, Some(3), None);
    sendto.arguments.data = Some("hello".into());
    sendto.arguments.address = Some(server_address());
    page.starts(200, sendto);
    let mut recvfrom = started(12, ME, CallName::RecvFrom, Some(3), None);
    recvfrom.arguments.number = Some(2048);
    page.starts(201, recvfrom);
    page.ended(206, by_client(returned(11, ME, Returned::Sent { sent: 5 })));
    page.ended(215, by_client(returned(12, ME, datagram("HELLO"))));
    page
}

fn closed(mut page: Page) -> String {
    page.starts(300, started(16, ME, CallName::Close, Some(3), None));
    page.ended(301, by_client(returned(16, ME, Returned::Nothing)));
    saved(page)
}

fn saved(mut page: Page) -> String {
    page.effects.clear();
    page.does(WholeEvent::Archive(archive::ArchiveCommand::Trace));
    let Some(Effect::Download(file)) = page.effects.pop() else {
        panic!("a file")
    };
    String::from_utf8(file.bytes).expect("text")
}

#[test]
fn each_call_waits_for_what_had_returned_before_it() {
    let mut page = Page::open();
    page.repeats(&closed(sentence()));
    assert!(!page.model.is_past(), "the lab is what one looks at now");
    assert!(page.model.workbench.open);
    let [
        (
            socket,
            Call::Socket {
                transport: Transport::Udp,
                family: None,
            },
        ),
    ] = page.calls()[..]
    else {
        panic!("the socket first, alone")
    };
    page.returns(socket, Returned::Socket { fd: 8 });
    let calls = page.calls();
    let [(sendto, ref to), (recvfrom, ref from)] = calls[..] else {
        panic!("both at once, as then: {calls:?}")
    };
    let (data, target) = (Data::from("hello"), Target::Server);
    assert_eq!(
        *to,
        Call::SendTo {
            fd: 8,
            to: target,
            data
        }
    );
    assert_eq!(*from, Call::RecvFrom { fd: 8, size: 2048 });
    page.returns(sendto, Returned::Sent { sent: 5 });
    assert_eq!(page.calls(), [], "it closes when it has received");
    page.returns(recvfrom, datagram("HELLO"));
    let [(close, Call::Close { fd: 8 })] = page.calls()[..] else {
        panic!("then it closes")
    };
    page.returns(close, Returned::Nothing);
    assert_eq!(
        page.comparison(),
        [Comparison::Same; 4],
        "another number of a socket is no difference"
    );
    assert_eq!(
        (page.again().is_over(), page.again().score()),
        (true, (4, 0))
    );
}

#[test]
fn what_ends_otherwise_is_marked() {
    let mut page = Page::open();
    page.repeats(&closed(sentence()));
    let socket = page.calls()[0].0;
    page.returns(socket, Returned::Socket { fd: 3 });
    let calls = page.calls();
    page.returns(calls[0].0, Returned::Sent { sent: 5 });
    page.fails(calls[1].0, "ECONNREFUSED");
    let close = page.calls()[0].0;
    page.returns(close, Returned::Nothing);
    let other = [
        Comparison::Same,
        Comparison::Same,
        Comparison::Other,
        Comparison::Same,
    ];
    assert_eq!(page.comparison(), other);
    assert_eq!(page.again().score(), (4, 1));
}

#[test]
fn without_its_socket_nothing_is_made() {
    let mut page = Page::open();
    page.repeats(&closed(sentence()));
    let socket = page.calls()[0].0;
    page.fails(socket, "EMFILE");
    assert_eq!(page.calls(), []);
    let cannot = RerunState::Cannot(Unrepeatable::NoSocket);
    assert!(
        page.again().steps[1..]
            .iter()
            .all(|step| step.now == cannot)
    );
    assert!(page.again().is_over());
}

#[test]
fn a_call_that_never_returned_is_given_up_at_last() {
    let mut recorded = sentence();
    let mut recvfrom = started(16, ME, CallName::RecvFrom, Some(3), None);
    recvfrom.arguments.number = Some(2048);
    recorded.starts(400, recvfrom);
    let mut page = Page::open();
    page.repeats(&saved(recorded));
    let socket = page.calls()[0].0;
    page.returns(socket, Returned::Socket { fd: 3 });
    let calls = page.calls();
    page.returns(calls[0].0, Returned::Sent { sent: 5 });
    page.returns(calls[1].0, datagram("HELLO"));
    let last = page.calls()[0].0;
    page.waits(1_000);
    assert_eq!(page.calls(), [], "it may still return");
    page.waits(1_000);
    let calls = page.calls();
    assert!(
        matches!(calls[..], [(_, Call::Cancel { of })] if of == last),
        "{calls:?}"
    );
    page.fails(last, "ECANCELED");
    assert_eq!(
        page.comparison().last(),
        Some(&Comparison::Same),
        "it did not return then either"
    );
    page.waits(5_000);
    assert_eq!(page.calls(), []);
}

#[test]
fn stopped_it_makes_no_more_and_waits_for_nothing() {
    let mut page = Page::open();
    page.repeats(&closed(sentence()));
    let socket = page.calls()[0].0;
    page.does(WholeEvent::Rerun(RerunCommand::Stop));
    assert!(matches!(page.calls()[..], [(_, Call::Cancel { of })] if of == socket));
    page.fails(socket, "ECANCELED");
    assert_eq!(page.calls(), []);
    assert!(page.again().is_over());
}

#[test]
fn one_can_look_back_at_the_saved_trace() {
    let mut page = Page::open();
    page.repeats(&closed(sentence()));
    assert!(page.model.archive.has_aside());
    page.does(WholeEvent::Rerun(RerunCommand::Back));
    assert!(page.model.is_past());
    page.does(WholeEvent::Rerun(RerunCommand::Close));
    assert!(page.model.rerun.is_none() && page.model.is_past());
}

#[test]
fn the_labs_own_past_can_be_repeated_too() {
    let mut page = sentence();
    assert!(
        page.model.calls_to_make(false).is_empty(),
        "it is not the past yet"
    );
    page.does(WholeEvent::Replay(replay::ReplayCommand::Begin(false)));
    page.does(WholeEvent::Replay(replay::ReplayCommand::Go(
        replay::ReplayStep::End,
    )));
    while page.model.settle() {}
    page.effects.clear();
    page.does(WholeEvent::Rerun(RerunCommand::Begin(false)));
    assert!(matches!(page.calls()[..], [(_, Call::Socket { .. })]));
    page.does(Event::Closed);
    assert!(
        page.again().is_over(),
        "with the connection its sockets are gone"
    );
}

#[test]
fn all_of_a_client_is_more_than_one_run() {
    let mut page = sentence();
    page.starts(500, started(20, ME, CallName::Socket, None, None));
    page.ended(501, returned(20, ME, Returned::Socket { fd: 4 }));
    let text = saved(page);
    let mut page = Page::open();
    let (name, text) = ("trace.json".to_owned(), Ok(text));
    page.does(WholeEvent::Archive(archive::ArchiveCommand::Open {
        name,
        text,
    }));
    assert_eq!(page.model.calls_to_make(false).len(), 1);
    let all = page.model.calls_to_make(true);
    let mut sockets = BTreeMap::new();
    for call in &all {
        *sockets.entry(call.name.as_str()).or_insert(0) += 1;
    }
    assert_eq!(
        sockets,
        BTreeMap::from([("recvfrom", 1), ("sendto", 1), ("socket", 2)])
    );
}
