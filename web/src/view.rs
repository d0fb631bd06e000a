//! Draws the model: one room per pane, each writes only what has changed. [`hear`] takes in what people do.

mod again;
mod archive;
mod arrows;
mod bar;
mod calls;
mod cards;
mod class;
mod client;
mod handover;
mod hear;
mod inspector;
mod lab;
mod ladder;
mod link;
mod listing;
mod network;
mod replay;
mod server;
mod visibly;
mod workbench;

pub(crate) use self::{
    archive::{copy, fetch},
    cards::CARDS,
    hear::{SEAT, hears, remembered, remembered_by_the_whole},
    link::LINKS,
};
use self::{
    calls::Calls,
    cards::Cards,
    class::Class,
    handover::Handover,
    inspector::Packets,
    ladder::Ladder,
    link::Links,
    listing::Listings,
    network::Network,
    server::Server,
    workbench::{Bench, Doors},
};
use crate::{
    WHOLE,
    dom::{self, Listener},
    i18n::{Language, Texts},
    model::{
        Model,
        core::{throttle::Throttle, time::Millis},
        trace::log::RunId,
    },
};

/// What the page says of itself once it is welcomed: its first part can send, or it is there as a whole.
const READY: &str = if WHOLE { "true" } else { "to-send" };

/// Where the texts that never change otherwise go: the text itself, or an attribute.
const PLACES: [(&str, Option<&str>); 3] = [
    ("data-t", None),
    ("data-t-label", Some("aria-label")),
    ("data-t-placeholder", Some("placeholder")),
];

/// The page as it is drawn.
#[derive(Default)]
pub(crate) struct View {
    texts: Option<Texts>,
    ladder: Ladder,
    listings: Listings,
    calls: Calls,
    handover: Handover,
    packets: Packets,
    bench: Bench,
    class: Class,
    doors: Doors,
    cards: Cards,
    server: Server,
    network: Network,
    links: Links,
    again: again::Calls,
    pace: Throttle,
}

/// What the drawing of a run depends on.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Drawn {
    version: u64,
    run: Option<RunId>,
    selected: Option<u64>,
    language: Language,
}

impl View {
    /// Brings the page up to the model. Tells whether something was put off to a later frame.
    pub(crate) fn draw(&mut self, model: &Model, now: Millis) -> bool {
        let spoken = self
            .texts
            .take()
            .filter(|texts| texts.language == model.language);
        let texts = spoken.unwrap_or_else(|| {
            let texts = Texts::new(model.language);
            translate(&texts);
            texts
        });
        // What is read of the layout is read before anything is written: it is laid out once a frame.
        let room = WHOLE.then(|| self.look(model));
        bar::draw(model, &texts, now);
        client::draw(model, &texts, now);
        let goes_on = room.is_some_and(|room| self.draw_rest(model, &texts, now, room));
        if model.welcome.is_some() {
            dom::set(&dom::root(), "data-ready", READY);
        }
        self.texts = Some(texts);
        goes_on
    }

    /// Reads how high the ladder's place is, and where the lists are.
    fn look(&mut self, model: &Model) -> i32 {
        self.calls.look();
        self.packets.look(model.shown());
        dom::el("ladder").client_height()
    }

    /// All that the first part of the page has not. Tells whether something was put off to a later frame.
    fn draw_rest(&mut self, model: &Model, texts: &Texts, now: Millis, room: i32) -> bool {
        lab::draw(model, texts, now);
        archive::draw(model, texts);
        replay::draw(model, texts);
        self.links.draw(model, texts);
        self.again.draw(model, texts);
        // Nobody waits in a saved trace.
        let waits = model.program.waiting().is_some() || model.workbench.is_blocked();
        let waiting = waits.then_some(now);
        let is_past = model.is_past();
        let waiting = waiting.filter(|_| !is_past);
        let shown = model.shown();
        // Nor does time go on there.
        let then = if is_past { shown.kernel.told_at() } else { now };
        self.server.draw(shown, texts, then);
        self.network.draw(shown, texts);
        self.listings.draw(model, texts, now);
        self.doors.draw(shown, texts, then);
        self.bench.draw(model, texts, now);
        self.cards.draw(model, texts);
        self.class.draw(model, texts);
        let is_due = self.pace.is_due(shown.log.version(), now);
        if is_due {
            self.ladder.draw(shown, texts, waiting, room);
        }
        // Only one of both is seen.
        if is_due && !shown.inspector.open {
            self.calls.draw(shown, texts, waiting);
        }
        if is_due {
            self.handover.draw(shown, texts);
        }
        self.packets.draw(shown, texts, now);
        !is_due
    }
}

/// Listens to all that people do.
pub(crate) fn listen() -> Vec<Listener> {
    let mut listeners = hear::listen();
    if WHOLE {
        listeners.extend(archive::listen());
        listeners.extend(replay::listen());
        listeners.extend(link::listen());
        listeners.extend(again::listen());
        listeners.extend(inspector::listen());
        listeners.extend(workbench::listen());
        listeners.extend(cards::listen());
        listeners.extend(network::listen());
        listeners.extend(listing::listen());
        listeners.extend(class::listen());
    }
    listeners
}

/// One word or the other.
const fn pick(first: bool, one: &'static str, other: &'static str) -> &'static str {
    if first { one } else { other }
}

/// The words of the language that is spoken now.
fn spoken() -> Texts {
    let tag = dom::root().get_attribute("lang").unwrap_or_default();
    Texts::new(Language::of_tag(&tag).unwrap_or_default())
}

/// Writes the texts that stand in the markup by their keys.
fn translate(texts: &Texts) {
    dom::set(&dom::root(), "lang", texts.language.tag());
    for (place, attribute) in PLACES {
        for element in dom::all(&["[", place, "]"].concat()) {
            let key = element.get_attribute(place).unwrap_or_default();
            match attribute {
                Some(attribute) => dom::set(&element, attribute, texts.get(&key)),
                None => dom::write(&element, texts.get(&key)),
            }
        }
    }
}
