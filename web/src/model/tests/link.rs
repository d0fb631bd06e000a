//! The trace as a link: asked for, remembered, deleted, and opened at its address.

use shared::{
    message::Ask,
    trace::{Derived, DerivedKind},
};

use super::*;
use crate::model::{
    panes::inspector::{InspectorCommand, query::FilterInput},
    past::archive::{
        self, OpenError,
        extent::{Extent, can_be},
        link::{LinkCommand, LinkStatus},
    },
};

impl Page {
    fn links(&mut self, wish: LinkCommand) -> Vec<(u64, Ask)> {
        self.effects.clear();
        self.does(WholeEvent::Link(wish));
        let ask = |message: ClientMessage| match message.request {
            Request::Ask(ask) => (message.id, ask),
            Request::Call(call) => panic!("no ask but {call:?}"),
        };
        self.said().into_iter().map(ask).collect()
    }

    /// The relay has saved it under this name.
    fn is_saved(&mut self, extent: Extent, link: &str) {
        let asked = self.links(LinkCommand::Save(extent, 7));
        let [(id, Ask::Save { days: Some(7), .. })] = asked.as_slice() else {
            panic!("one ask to save it for a week: {asked:?}")
        };
        let (link, secret) = (link.to_owned(), "s3cret".to_owned());
        let expires_s = 1_800_000_000;
        self.returns(
            *id,
            Returned::Saved {
                link,
                secret,
                expires_s,
            },
        );
    }

    /// The stretches it asks the relay to save.
    fn part(&mut self, extent: Extent) -> Vec<(u64, u64)> {
        match self.links(LinkCommand::Save(extent, 1)).pop() {
            Some((_, Ask::Save { events, .. })) => events.expect("a part"),
            other => panic!("no ask to save but {other:?}"),
        }
    }

    fn crosses(&mut self, because: u64) -> u64 {
        let (from, to) = (CLIENT.parse().expect("an address"), server_address());
        self.sees(
            230,
            What::Derived(Derived {
                kind: DerivedKind::Datagram,
                transport: Transport::Udp,
                from,
                to,
                length: 5,
                because,
                process: Some(ME),
            }),
        );
        self.seq - 1
    }

    fn known_links(&self) -> Vec<&str> {
        let mine = self.model.links.mine.iter();
        mine.map(|mine| mine.link.as_str()).collect()
    }
}

fn visited() -> Page {
    let mut page = Page::open();
    page.sees_a_sentence();
    page
}

#[test]
fn what_is_saved_is_remembered_with_its_secret() {
    let mut page = visited();
    page.is_saved(Extent::All, "abc");
    assert_eq!(
        page.effects,
        [Effect::StoreLinks("abc s3cret 1800000000\n".to_owned())]
    );
    page.is_saved(Extent::All, "def");
    assert_eq!(page.known_links(), ["def", "abc"], "the newest first");
    assert_eq!(page.model.links.news, LinkStatus::Saved);
}

#[test]
fn another_visit_knows_the_links_that_have_not_expired() {
    let mut page = visited();
    let remembered = "new s1 2000\nold s2 1000\nnonsense\n";
    page.links(LinkCommand::See(remembered.to_owned(), 1_000));
    assert_eq!(page.known_links(), ["new"]);
    let asked = page.links(LinkCommand::Delete("new".to_owned()));
    let (link, secret) = ("new".to_owned(), "s1".to_owned());
    let [(id, ask)] = asked.as_slice() else {
        panic!("one ask: {asked:?}")
    };
    assert_eq!(*ask, Ask::DeleteLink { link, secret });
    page.returns(*id, Returned::Nothing);
    assert_eq!(page.effects, [Effect::StoreLinks(String::new())]);
    assert_eq!(page.model.links.news, LinkStatus::Deleted);
}

#[test]
fn a_link_that_was_gone_already_leaves_the_list() {
    let mut page = visited();
    page.is_saved(Extent::All, "abc");
    let asked = page.links(LinkCommand::Delete("abc".to_owned()));
    let mut why = failed("ENOENT");
    (why.source, why.reason) = (FailureSource::Relay, Some(Reason::NoSuchLink));
    page.ends(asked[0].0, Outcome::Failed(why));
    assert_eq!(page.known_links(), [""; 0]);
    assert_eq!(page.model.links.news, LinkStatus::WasGone);
}

#[test]
fn a_refusal_is_told_and_changes_nothing() {
    let mut page = visited();
    let asked = page.links(LinkCommand::Save(Extent::All, 7));
    let mut why = failed("EFBIG");
    (why.source, why.reason) = (FailureSource::Relay, Some(Reason::TraceTooLong));
    page.ends(asked[0].0, Outcome::Failed(why.clone()));
    assert_eq!(page.model.links.news, LinkStatus::Refused(why));
    assert_eq!((page.known_links().len(), page.effects.len()), (0, 0));
}

#[test]
fn one_thing_is_asked_at_a_time_and_only_where_somebody_hears_it() {
    let mut page = visited();
    assert_eq!(page.links(LinkCommand::Save(Extent::All, 7)).len(), 1);
    assert_eq!(page.links(LinkCommand::Save(Extent::All, 7)), []);
    page.does(Event::Closed);
    assert_eq!(page.model.links.news, LinkStatus::Lost);
    assert_eq!(page.links(LinkCommand::Save(Extent::All, 7)), []);
    assert_eq!(
        Page::open().links(LinkCommand::Save(Extent::All, 7)),
        [],
        "nothing happened yet"
    );
}

#[test]
fn the_run_in_the_ladder_is_saved_without_what_others_did_meanwhile() {
    let mut page = visited();
    let first = page.model.raw_events.first().expect("an event");
    let packet = page.crosses(11);
    let ours = page.seq - 1;
    page.starts(300, started(70, 9, CallName::Socket, None, None));
    page.ended(301, returned(70, 9, Returned::Socket { fd: 3 }));
    page.sees(
        302,
        What::Server(server(Transport::Tcp, ServerState::Stopped)),
    );
    let told = page.seq - 1;
    page.does(WholeEvent::Select(Some(11)));
    let stretches = page.part(Extent::Run);
    let holds = |seq: u64| {
        stretches
            .iter()
            .any(|(from, to)| (*from..=*to).contains(&seq))
    };
    assert!(
        holds(first) && holds(packet) && holds(ours),
        "{stretches:?}"
    );
    assert!(
        !holds(ours + 1) && !holds(ours + 2),
        "another page's socket"
    );
    assert!(holds(told), "how the servers were belongs to it");
}

#[test]
fn the_filter_decides_which_packets_are_saved() {
    let mut page = visited();
    let packet = page.crosses(11);
    let other = page.crosses(14);
    assert!(
        !can_be(Extent::Filtered, &page.model),
        "nothing is filtered"
    );
    page.does(WholeEvent::Inspect(InspectorCommand::Open(true)));
    let filter = format!("frame.number == {}", 1);
    let stroke = FilterInput::Typed(filter.clone(), filter.len());
    page.does(WholeEvent::Inspect(InspectorCommand::Filter(stroke)));
    while page.model.settle() {}
    assert!(can_be(Extent::Filtered, &page.model));
    let stretches = page.part(Extent::Filtered);
    let holds = |seq: u64| {
        stretches
            .iter()
            .any(|(from, to)| (*from..=*to).contains(&seq))
    };
    assert!(holds(packet) && !holds(other), "{stretches:?}");
    let first = page.model.raw_events.first().expect("an event");
    assert!(holds(first), "the calls around it are there");
}

#[test]
fn a_page_at_a_link_fetches_it_and_shows_it() {
    let mut page = visited();
    page.effects.clear();
    page.does(WholeEvent::Archive(archive::ArchiveCommand::Trace));
    let Some(Effect::Download(file)) = page.effects.pop() else {
        panic!("a file")
    };
    let text = Ok(String::from_utf8(file.bytes).expect("text"));
    let mut other = Page::open();
    other.does(WholeEvent::Archive(archive::ArchiveCommand::Follow(
        "/t/abc".to_owned(),
    )));
    assert_eq!(other.effects, [Effect::Fetch("/t/abc".to_owned())]);
    let name = "/t/abc".to_owned();
    other.does(WholeEvent::Archive(archive::ArchiveCommand::Open {
        name,
        text,
    }));
    assert!(other.model.is_past() && !other.model.can_send());
    assert!(!other.model.can_save(), "it is saved already");
    other.effects.clear();
    other.does(WholeEvent::Archive(archive::ArchiveCommand::Leave));
    assert_eq!(other.effects, [Effect::ShowLab]);
    assert!(other.model.can_send());
}

#[test]
fn an_expired_link_says_so_and_leads_to_the_lab() {
    let mut page = Page::open();
    page.does(WholeEvent::Archive(archive::ArchiveCommand::Follow(
        "/t/abc".to_owned(),
    )));
    let (name, text) = ("/t/abc".to_owned(), Err(OpenError::NoSuchLink));
    page.does(WholeEvent::Archive(archive::ArchiveCommand::Open {
        name,
        text,
    }));
    let wrong = page.model.archive.wrong.as_ref().map(|(_, wrong)| *wrong);
    assert_eq!(wrong, Some(OpenError::NoSuchLink));
    assert!(page.model.can_send(), "the lab is there all the same");
    page.effects.clear();
    page.does(WholeEvent::Archive(archive::ArchiveCommand::Understood));
    assert_eq!(page.effects, [Effect::ShowLab]);
}
