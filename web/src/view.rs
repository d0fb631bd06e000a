//! Draws the model: one room per pane, each writes only what has changed. [`hear`] takes in what people do.

mod arrows;
mod bar;
mod calls;
mod client;
mod hear;
mod ladder;
mod server;

pub(crate) use self::hear::{listen, remembered};
use self::{calls::Calls, ladder::Ladder};
use crate::{
    dom,
    i18n::{Language, Texts},
    model::{Millis, Model, log::RunId},
};

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
    calls: Calls,
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
    /// Brings the page up to the model.
    pub(crate) fn draw(&mut self, model: &Model, now: Millis) {
        let spoken = self
            .texts
            .take()
            .filter(|texts| texts.language == model.language);
        let texts = spoken.unwrap_or_else(|| {
            let texts = Texts::new(model.language);
            translate(&texts);
            texts
        });
        bar::draw(model, &texts, now);
        client::draw(model, &texts, now);
        server::draw(model, &texts);
        let waiting = model.program.waiting().map(|_| now);
        self.ladder.draw(model, &texts, waiting);
        self.calls.draw(model, &texts, waiting);
        if model.welcome.is_some() {
            dom::set(&dom::root(), "data-ready", "true");
        }
        self.texts = Some(texts);
    }
}

/// One word or the other.
const fn pick(first: bool, one: &'static str, other: &'static str) -> &'static str {
    if first { one } else { other }
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
