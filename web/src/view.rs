//! Draws the model: one room per pane, each writes only what has changed.

mod arrows;
mod bar;
mod calls;
mod client;
mod ladder;
mod server;

use web_sys::Element;

use self::{bar::Bar, calls::Calls, client::Client, ladder::Ladder, server::Server};
use crate::{
    dom::{self, Listener, Result},
    i18n::{Language, Texts},
    model::{Millis, Model},
    shell::Tell,
    window,
};

/// What somebody has chosen for this page before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prefs {
    /// The language to speak.
    pub(crate) language: Language,
}

impl Prefs {
    /// What was chosen, else what the browser prefers.
    pub(crate) fn remembered() -> Self {
        let chosen = window::remembered("language").and_then(|tag| Language::of_tag(&tag));
        let preferred = || Language::choose(window::languages().iter().map(String::as_str));
        Self {
            language: chosen.unwrap_or_else(preferred),
        }
    }
}

/// Where the texts that never change otherwise go: the text itself, or an attribute.
const PLACES: [(&str, Option<&str>); 4] = [
    ("data-t", None),
    ("data-t-label", Some("aria-label")),
    ("data-t-placeholder", Some("placeholder")),
    ("data-t-title", Some("title")),
];

/// The page as it is drawn.
pub(crate) struct View {
    texts: Texts,
    root: Element,
    bar: Bar,
    client: Client,
    ladder: Ladder,
    server: Server,
    calls: Calls,
    _listeners: Vec<Listener>,
}

impl View {
    pub(crate) fn new(tell: &Tell, prefs: &Prefs) -> Result<Self> {
        let mut listeners = Vec::new();
        let view = Self {
            texts: Texts::new(prefs.language),
            root: dom::root()?,
            bar: Bar::new(tell, &mut listeners)?,
            client: Client::new(tell, &mut listeners)?,
            ladder: Ladder::new(tell, &mut listeners)?,
            server: Server::new(tell, &mut listeners)?,
            calls: Calls::new(tell, &mut listeners)?,
            _listeners: listeners,
        };
        translate(&view.texts)?;
        Ok(view)
    }

    /// Brings the page up to the model.
    pub(crate) fn draw(&mut self, model: &Model, now: Millis) -> Result<()> {
        if model.language != self.texts.language {
            self.texts = Texts::new(model.language);
            translate(&self.texts)?;
        }
        self.bar.draw(model, &self.texts, now);
        self.client.draw(model, &self.texts, now);
        self.server.draw(model, &self.texts);
        self.ladder.draw(model, &self.texts, now)?;
        self.calls.draw(model, &self.texts, now)?;
        if model.welcome.is_some() {
            dom::set(&self.root, "data-ready", "true");
        }
        Ok(())
    }
}

/// Writes the texts that stand in the markup by their keys.
fn translate(texts: &Texts) -> Result<()> {
    dom::set(&dom::root()?, "lang", texts.language.tag());
    for (place, attribute) in PLACES {
        for element in dom::all(&format!("[{place}]"))? {
            let key = element.get_attribute(place).unwrap_or_default();
            match attribute {
                Some(attribute) => dom::set(&element, attribute, texts.get(&key)),
                None => dom::set_text(&element, texts.get(&key)),
            }
        }
    }
    Ok(())
}
