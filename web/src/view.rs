//! Draws the model: one room per pane, each writes only what has changed. The rooms named `events` turn the user's
//! input into events of the model; [`common`] holds what the rooms share. What is shown is decided in [`crate::model`].
//!
//! Rooms, each importing only from those after it: `events`, `archive`, `cards`, `class`, `ladder`, `arrows`, `calls`,
//! `byte_mapping`, `client`, `inspector`, `lab`, `listing`, `network`, `replay`, `rerun`, `saved_links`, `server`,
//! `status_bar`, `workbench`, `visible_text`, `common`.

mod archive;
mod arrows;
mod byte_mapping;
mod calls;
mod cards;
mod class;
mod client;
mod common;
mod events;
mod inspector;
mod lab;
mod ladder;
mod listing;
mod network;
mod replay;
mod rerun;
mod saved_links;
mod server;
mod status_bar;
mod visible_text;
mod workbench;

pub(crate) use self::{
    archive::{copy, fetch},
    cards::CARDS_KEY,
    events::{SEAT_KEY, handles_button, stored, stored_for_whole_page},
    saved_links::LINKS_KEY,
};
use self::{
    byte_mapping::ByteMappingLine,
    calls::CallList,
    cards::CardsView,
    class::ClassView,
    inspector::PacketsView,
    ladder::LadderView,
    listing::Listings,
    network::NetworkPanel,
    rerun::RerunList,
    saved_links::SavedLinks,
    server::ServerPanel,
    workbench::{HouseView, WorkbenchView},
};
use crate::{
    WHOLE,
    dom::{self, Listener},
    i18n::Texts,
    model::{
        Model,
        core::{throttle::Throttle, time::Millis},
    },
};

/// The value of `data-ready` once the page is connected: its first part can send, or the whole page runs.
const READY: &str = if WHOLE { "true" } else { "to-send" };

/// Where the keys of the markup's texts stand, and the attribute their text goes to; `None` is the element's text.
const PLACES: [(&str, Option<&str>); 3] = [
    ("data-t", None),
    ("data-t-label", Some("aria-label")),
    ("data-t-placeholder", Some("placeholder")),
];

/// The parts of the drawn page.
#[derive(Default)]
pub(crate) struct View {
    texts: Option<Texts>,
    ladder: LadderView,
    listings: Listings,
    calls: CallList,
    byte_mapping: ByteMappingLine,
    packets: PacketsView,
    workbench: WorkbenchView,
    class: ClassView,
    house: HouseView,
    cards: CardsView,
    server: ServerPanel,
    network: NetworkPanel,
    saved_links: SavedLinks,
    rerun: RerunList,
    pace: Throttle,
}

impl View {
    /// Draws what has changed in the model. Returns whether something was deferred to a later frame.
    pub(crate) fn draw(&mut self, model: &Model, now: Millis) -> bool {
        let current = self
            .texts
            .take()
            .filter(|texts| texts.language == model.language);
        let texts = current.unwrap_or_else(|| {
            let texts = Texts::new(model.language);
            translate(&texts);
            texts
        });
        // Read the layout before anything is written, so that the browser computes it once a frame.
        let ladder_height = WHOLE.then(|| self.measure(model));
        status_bar::draw(model, &texts, now);
        client::draw(model, &texts, now);
        let is_deferred =
            ladder_height.is_some_and(|height| self.draw_rest(model, &texts, now, height));
        if model.welcome.is_some() {
            dom::set(&dom::root(), "data-ready", READY);
        }
        self.texts = Some(texts);
        is_deferred
    }

    /// Reads the layout. Returns the ladder's height in pixels.
    fn measure(&mut self, model: &Model) -> i32 {
        self.calls.measure();
        self.packets.measure(model.shown());
        dom::el("ladder").client_height()
    }

    /// Draws the panes that only the whole page has. Returns whether something was deferred to a later frame.
    fn draw_rest(&mut self, model: &Model, texts: &Texts, now: Millis, ladder_height: i32) -> bool {
        lab::draw(model, texts, now);
        archive::draw(model, texts);
        replay::draw(model, texts);
        self.saved_links.draw(model, texts);
        self.rerun.draw(model, texts);
        // Nothing waits in a saved trace.
        let waits = model.program.waiting().is_some() || model.workbench.is_blocked();
        let waiting = waits.then_some(now);
        let is_past = model.is_past();
        let waiting = waiting.filter(|_| !is_past);
        let shown = model.shown();
        // Its time stands still.
        let then = if is_past {
            shown.kernel.listed_at()
        } else {
            now
        };
        self.server.draw(shown, texts, then);
        self.network.draw(shown, texts);
        self.listings.draw(model, texts, now);
        self.house.draw(shown, texts, then);
        self.workbench.draw(model, texts, now);
        self.cards.draw(model, texts);
        self.class.draw(model, texts);
        let is_due = self.pace.try_acquire(shown.log.version(), now);
        if is_due {
            self.ladder.draw(shown, texts, waiting, ladder_height);
        }
        // Only one of the two tabs is visible.
        if is_due && !shown.inspector.open {
            self.calls.draw(shown, texts, waiting);
        }
        if is_due {
            self.byte_mapping.draw(shown, texts);
        }
        self.packets.draw(shown, texts, now);
        !is_due
    }
}

/// Listens for all input of the user.
pub(crate) fn listen() -> Vec<Listener> {
    let mut listeners = events::listen();
    if WHOLE {
        listeners.extend(archive::listen());
        listeners.extend(replay::listen());
        listeners.extend(saved_links::listen());
        listeners.extend(rerun::listen());
        listeners.extend(inspector::listen());
        listeners.extend(workbench::listen());
        listeners.extend(cards::listen());
        listeners.extend(network::listen());
        listeners.extend(listing::listen());
        listeners.extend(class::listen());
    }
    listeners
}

/// Writes the texts whose keys are in the markup.
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
