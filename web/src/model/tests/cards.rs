//! Cards: every one of them can be read and played, and a check holds when what it wants was seen, in its order.

use std::{collections::BTreeSet, fs, path::PathBuf};

use shared::message::Ask;

use super::*;
use shared::filter::Filter;

use crate::model::panes::{
    cards::{Cards, CardsCommand, DeckEntry},
    workbench::arguments,
};

const LANGUAGES: [Language; 2] = [Language::English, Language::Chinese];

/// A card of two steps that wants to see a port chosen, and no failure.
const CARD: &str = r#"[{"id":"10-port","card":{
  "title":{"en":"Port","zh":"端口"},
  "question":{"en":"Which?","zh":"哪个？"},
  "choices":[{"text":{"en":"None.","zh":"没有。"}},{"text":{"en":"One.","zh":"一个。"},"right":true}],
  "steps":[
    {"text":{"en":"Make it.","zh":"创建。"},"do":[{"call":"socket","on":"a","transport":"udp"},{"call":"getsockname","on":"a"}],"look":"sockets"},
    {"text":{"en":"Send.","zh":"发送。"},"do":[{"call":"sendto","on":"a","to":"server","data":"x","times":3}],"decisive":true}],
  "check":[
    {"see":"call.name == \"getsockname\" && call.port == 0","text":{"en":"None.","zh":"没有。"}},
    {"see":"call.name == \"sendto\" && call.port > 0","text":{"en":"One.","zh":"有了。"},"look":"wire"},
    {"see":"udp","text":{"en":"A packet.","zh":"分组。"},"extra":true}],
  "never":[{"see":"call.errno","text":{"en":"It failed.","zh":"失败了。"}}],
  "why":{"en":"So.","zh":"如此。"}}}]"#;

impl Page {
    fn deals(&mut self, text: &str) {
        self.does(WholeEvent::Cards(CardsCommand::Look));
        self.does(WholeEvent::Cards(CardsCommand::Deal(text.to_owned())));
    }

    fn cards(&self) -> &Cards {
        &self.model.cards
    }

    /// The relay makes the one call that was asked for.
    fn is_made(
        &mut self,
        call: u64,
        fd: Option<u32>,
        outcome: Outcome,
        local: Option<&str>,
    ) -> Call {
        let (id, asked) = self.calls().pop().expect("a call");
        let (name, arguments) = shared::trace::describe(&asked, Some(server_address()));
        let begins = CallStarted {
            arguments,
            ..started(call, ME, name, fd, Some(id))
        };
        self.sees(call * 10, What::CallStarted(Box::new(begins)));
        let ends = CallReturned {
            outcome,
            local: local.map(|local| local.parse().expect("an address")),
            ..returned(call, ME, Returned::Nothing)
        };
        self.sees(call * 10 + 1, What::CallReturned(Box::new(ends)));
        asked
    }

    /// The first step, as the relay answers it.
    fn makes_its_socket(&mut self) {
        self.does(WholeEvent::Cards(CardsCommand::Step(0)));
        let socket = Outcome::Returned(Returned::Socket { fd: 3 });
        self.is_made(1, None, socket, None);
        let address = "0.0.0.0:0".parse().expect("an address");
        let unbound = Outcome::Returned(Returned::Address { address });
        self.is_made(2, Some(3), unbound, None);
    }

    fn play(&self) -> &crate::model::panes::cards::CardRun {
        self.cards().play.as_ref().expect("a card in play")
    }
}

fn sent() -> Outcome {
    Outcome::Returned(Returned::Sent { sent: 3 })
}

#[test]
fn a_card_is_foreseen_done_and_seen() {
    let mut page = Page::open();
    page.deals(CARD);
    page.does(WholeEvent::Cards(CardsCommand::Take(0)));
    assert_eq!(page.play().answer, None);
    page.does(WholeEvent::Cards(CardsCommand::Answer(Some(1))));
    page.makes_its_socket();
    assert_eq!(page.play().done, [true, false]);
    assert!(page.play().check.has_seen(0) && !page.play().check.holds());
    page.does(WholeEvent::Cards(CardsCommand::Step(1)));
    let call = page.is_made(3, Some(3), sent(), Some(CLIENT));
    assert_eq!(call.data().map(Data::len), Some(3), "three times over");
    assert!(page.play().check.holds() && page.play().explains());
    assert_eq!(page.model.selected, Some(3), "that is where to look");
    assert!(page.cards().is_done(0));
    let kept = page.effects.pop();
    assert_eq!(kept, Some(Effect::StoreCardProgress("10-port".to_owned())));
}

#[test]
fn what_is_seen_in_another_order_does_not_count() {
    let mut page = Page::open();
    page.deals(CARD);
    page.does(WholeEvent::Cards(CardsCommand::Take(0)));
    page.does(WholeEvent::Cards(CardsCommand::Step(0)));
    let socket = Outcome::Returned(Returned::Socket { fd: 3 });
    page.is_made(1, None, socket, None);
    // It has a port already as it is asked.
    let address = CLIENT.parse().expect("an address");
    let bound = Outcome::Returned(Returned::Address { address });
    page.is_made(2, Some(3), bound, Some(CLIENT));
    page.does(WholeEvent::Cards(CardsCommand::Step(1)));
    page.is_made(3, Some(3), sent(), Some(CLIENT));
    assert!(!page.play().check.has_seen(0) && !page.play().check.has_seen(1));
}

#[test]
fn what_must_not_be_seen_ends_it_until_it_is_begun_anew() {
    let mut page = Page::open();
    page.deals(CARD);
    page.does(WholeEvent::Cards(CardsCommand::Take(0)));
    page.makes_its_socket();
    page.does(WholeEvent::Cards(CardsCommand::Step(1)));
    page.is_made(3, Some(3), Outcome::Failed(failed("EPERM")), None);
    assert_eq!(page.play().check.wrong, Some(0));
    page.does(WholeEvent::Cards(CardsCommand::Again));
    assert_eq!(page.play().check.wrong, None);
    let closes = page.calls().pop().map(|(_, call)| call);
    assert_eq!(
        closes,
        Some(Call::Close { fd: 3 }),
        "its socket is not left"
    );
}

#[test]
fn a_step_without_its_socket_says_so_and_one_made_by_hand_is_taken() {
    let mut page = Page::open();
    page.deals(CARD);
    page.does(WholeEvent::Cards(CardsCommand::Take(0)));
    page.does(WholeEvent::Cards(CardsCommand::Step(1)));
    assert_eq!(page.play().missing_socket.as_deref(), Some("a"));
    assert!(page.calls().is_empty());
    let open = crate::model::panes::workbench::WorkbenchCommand::Open(
        Transport::Udp,
        shared::call::Family::Inet,
    );
    page.does(WholeEvent::Workbench(open));
    let socket = Outcome::Returned(Returned::Socket { fd: 3 });
    page.is_made(1, None, socket, None);
    page.does(WholeEvent::Cards(CardsCommand::Step(1)));
    let call = page.is_made(2, Some(3), sent(), Some(CLIENT));
    assert_eq!(call.fd(), Some(3));
    assert_eq!(page.play().missing_socket, None);
}

#[test]
fn a_call_that_does_not_return_is_seen_to_be_blocked() {
    let card = CARD.replace(
        r#"call.name == \"getsockname\" && call.port == 0"#,
        r#"call.name == \"sendto\" && call.blocked == 1"#,
    );
    let mut page = Page::open();
    page.deals(&card);
    page.does(WholeEvent::Cards(CardsCommand::Take(0)));
    page.makes_its_socket();
    page.does(WholeEvent::Cards(CardsCommand::Step(1)));
    let (id, _) = page.calls().pop().expect("a call");
    let begins = started(3, ME, CallName::SendTo, Some(3), Some(id));
    page.sees(30, What::CallStarted(Box::new(begins)));
    page.waits(100);
    assert!(!page.play().check.has_seen(0));
    let wakes = page.model.wakes_at(page.now).expect("it looks again");
    page.waits(wakes - page.now);
    page.waits(100);
    assert!(page.play().check.has_seen(0));
    assert_eq!(
        page.play().done,
        [true, true],
        "others can be made meanwhile"
    );
}

/// What has not come may only not have been heard.
#[test]
fn a_call_is_not_seen_to_be_blocked_while_the_relay_is_not_heard() {
    let card = CARD.replace(
        r#"call.name == \"getsockname\" && call.port == 0"#,
        r#"call.name == \"sendto\" && call.blocked == 1"#,
    );
    let mut page = Page::open();
    page.deals(&card);
    page.does(WholeEvent::Cards(CardsCommand::Take(0)));
    page.makes_its_socket();
    page.does(WholeEvent::Cards(CardsCommand::Step(1)));
    let (id, _) = page.calls().pop().expect("a call");
    let begins = started(3, ME, CallName::SendTo, Some(3), Some(id));
    page.sees(30, What::CallStarted(Box::new(begins)));
    page.does(Event::ConnectionInDoubt);
    page.waits(1_500);
    page.waits(1_500);
    assert!(!page.play().check.has_seen(0));
    page.sees(
        40,
        What::CaptureLost {
            packets: 1,
            within_ns: None,
        },
    );
    page.waits(100);
    assert!(page.play().check.has_seen(0));
}

#[test]
fn a_lab_of_ones_own_is_a_new_one_and_what_was_seen_before_does_not_count() {
    let lab = r#""do":[{"lab":"private"},{"call":"socket","on":"a","transport":"udp"}]"#;
    let card = CARD.replace(
        r#""do":[{"call":"sendto","on":"a","to":"server","data":"x","times":3}]"#,
        lab,
    );
    let mut page = Page::open();
    page.deals(&card);
    page.does(WholeEvent::Cards(CardsCommand::Take(0)));
    page.makes_its_socket();
    page.does(WholeEvent::Cards(CardsCommand::Step(1)));
    let said = page.said().pop().expect("an ask");
    assert!(matches!(
        said.request,
        Request::Ask(Ask::Enter {
            lab: LabKind::Private
        })
    ));
    page.returns(said.id, Returned::Nothing);
    assert_eq!(page.play().running, Some(1), "it is not there yet");
    let ServerMessage::Welcome(mut own) = welcome(0) else {
        unreachable!("a welcome is a welcome")
    };
    own.lab.kind = LabKind::Private;
    own.lab.id = "secret".to_owned();
    page.hears(ServerMessage::Welcome(own));
    assert_eq!(page.play().done, [false, true]);
    assert!(!page.play().check.has_seen(0));
    let asked = page.said().into_iter().map(|said| said.request);
    let socket = Call::Socket {
        transport: Transport::Udp,
        family: None,
    };
    assert!(
        asked
            .into_iter()
            .any(|asked| asked == Request::Call(socket.clone()))
    );
}

/// Every card as it lies in `www/cards/`.
fn deck() -> Vec<DeckEntry> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../www/cards");
    let entries = fs::read_dir(folder).expect("the cards").flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    let read = |path: &PathBuf| {
        let id = path.file_stem().and_then(|stem| stem.to_str());
        let card = fs::read_to_string(path).expect("a card");
        let text = format!("{{\"id\":\"{}\",\"card\":{card}}}", id.expect("a name"));
        let dealt: Option<DeckEntry> = crate::json::read(&text);
        dealt.unwrap_or_else(|| panic!("{}: not a card", path.display()))
    };
    paths.iter().map(read).collect()
}

#[test]
fn every_card_is_whole_in_both_languages() {
    for DeckEntry { id, card } in deck() {
        let mut said = vec![&card.title, &card.question, &card.why];
        said.extend(card.choices.iter().map(|choice| &choice.text));
        said.extend(card.steps.iter().map(|step| &step.text));
        said.extend(card.check.iter().chain(&card.never).map(|item| &item.text));
        for said in said {
            let [english, chinese] = LANGUAGES.map(|language| said.get(language));
            assert!(
                !english.is_empty() && !chinese.is_empty(),
                "{id}: {english}{chinese}"
            );
            let codes = |text: &str| text.matches('`').count();
            assert_eq!(codes(english), codes(chinese), "{id}: {english}");
            assert_eq!(codes(english) % 2, 0, "{id}: {english}");
            assert!(
                chinese.chars().any(|c| c as u32 > 0x2e80) || english == chinese,
                "{id}: {chinese}"
            );
            assert!(
                !english.contains('!') || english.contains("!="),
                "{id}: {english}"
            );
        }
        assert!((2..=4).contains(&card.choices.len()), "{id}");
        let right = card.choices.iter().filter(|choice| choice.right).count();
        assert_eq!(right, 1, "{id}: one answer is right");
        let decisive = card.steps.iter().filter(|step| step.decisive).count();
        assert_eq!(decisive, 1, "{id}: one step decides");
        assert!(card.check.iter().any(|item| !item.extra), "{id}");
    }
}

#[test]
fn every_filter_of_every_card_can_be_read() {
    for DeckEntry { id, card } in deck() {
        let items = card.check.iter().chain(&card.never).map(|item| &item.see);
        let actions = card.steps.iter().flat_map(|step| &step.actions);
        let waits = actions
            .map(|action| &action.wait)
            .filter(|wait| !wait.is_empty());
        for filter in items.chain(waits) {
            let read = Filter::parse(filter);
            assert!(read.is_ok(), "{id}: {filter}: {read:?}");
        }
    }
}

#[test]
fn every_deed_of_every_card_can_be_done() {
    for DeckEntry { id, card } in deck() {
        let mut sockets = BTreeSet::new();
        for action in card.steps.iter().flat_map(|step| &step.actions) {
            let kinds = [
                !action.call.is_empty(),
                !action.cancel.is_empty(),
                action.lab.is_some(),
                action.server.is_some() && action.transport.is_some(),
                action.network.is_some(),
                action.decide.is_some(),
                !action.wait.is_empty(),
            ];
            let kinds = kinds.into_iter().filter(|is_it| *is_it).count();
            assert_eq!(kinds, 1, "{id}: {action:?} is one thing");
            if action.call == "socket" {
                assert!(
                    sockets.insert(action.on.clone()),
                    "{id}: {} twice",
                    action.on
                );
                continue;
            }
            let plain = ["", "server", "nobody", "localhost6"].contains(&&*action.to);
            let names = [&action.on, &action.cancel]
                .into_iter()
                .chain((!plain).then_some(&action.to));
            for name in names.filter(|name| !name.is_empty()) {
                assert!(sockets.contains(name), "{id}: no socket {name} yet");
            }
            if !action.call.is_empty() && action.call != "getaddrinfo" {
                let name = arguments::call_named(&action.call);
                let name = name.unwrap_or_else(|| panic!("{id}: no call {}", action.call));
                let fields = action.typed(action.to.clone());
                let read = arguments::read(name, 3, &fields);
                assert!(read.is_ok(), "{id}: {action:?}: {read:?}");
            }
        }
    }
}
