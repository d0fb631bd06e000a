//! The top of the page: how it stands with the relay, how much of the truth can be seen, language and colours.

use std::rc::Rc;

use shared::lab::Truth;
use web_sys::Element;

use crate::{
    dom::{self, Listener, Result},
    i18n::Texts,
    model::{
        Event, Millis, Model,
        connection::{Connection, Next, State},
        explain,
        program::Lost,
    },
    shell::Tell,
    window,
};

pub(super) struct Bar {
    root: Element,
    connection: Element,
    text: Element,
    lost: Element,
    countdown: Element,
    try_now: Element,
    lab: Element,
    level: Element,
    shows: Element,
    why_not: Element,
    detail: Element,
    language: Element,
    theme: Element,
}

impl Bar {
    pub(super) fn new(tell: &Tell, listeners: &mut Vec<Listener>) -> Result<Self> {
        let bar = Self {
            root: dom::root()?,
            connection: dom::by_id("connection")?,
            text: dom::by_id("connection-text")?,
            lost: dom::by_id("connection-lost")?,
            countdown: dom::by_id("connection-countdown")?,
            try_now: dom::by_id("try-now")?,
            lab: dom::by_id("truth-lab")?,
            level: dom::by_id("truth-level")?,
            shows: dom::by_id("truth-shows")?,
            why_not: dom::by_id("truth-why-not")?,
            detail: dom::by_id("truth-detail")?,
            language: dom::by_id("language")?,
            theme: dom::by_id("theme")?,
        };
        let retry = Rc::clone(tell);
        listeners.push(Listener::on(&bar.try_now, "click", move |_| {
            retry(Event::TryNow)
        })?);
        bar.hear_prefs(tell, listeners)?;
        close_truth(listeners)?;
        if let Some(theme) = window::remembered("theme") {
            dom::set(&bar.root, "data-theme", &theme);
        }
        Ok(bar)
    }

    fn hear_prefs(&self, tell: &Tell, listeners: &mut Vec<Listener>) -> Result<()> {
        let (root, speak) = (self.root.clone(), Rc::clone(tell));
        listeners.push(Listener::on(&self.language, "click", move |_| {
            let spoken = root.get_attribute("lang").unwrap_or_default();
            let language = crate::i18n::Language::of_tag(&spoken)
                .unwrap_or_default()
                .other();
            window::remember("language", language.tag());
            speak(Event::Speak(language));
        })?);
        let root = self.root.clone();
        listeners.push(Listener::on(&self.theme, "click", move |_| {
            let theme = if is_dark(&root) { "light" } else { "dark" };
            dom::set(&root, "data-theme", theme);
            window::remember("theme", theme);
        })?);
        Ok(())
    }

    pub(super) fn draw(&self, model: &Model, texts: &Texts, now: Millis) {
        self.draw_connection(&model.connection, texts, now);
        if let Some(welcome) = &model.welcome {
            dom::set_text(
                &self.lab,
                &texts.fill("truth.lab", &[("lab", &welcome.lab.id)]),
            );
            self.draw_truth(&welcome.truth, texts);
        }
    }

    fn draw_connection(&self, connection: &Connection, texts: &Texts, now: Millis) {
        let (state, text) = match &connection.state {
            State::Connecting => ("connecting", texts.get("conn.connecting").to_owned()),
            State::Open if connection.restarted => ("open", texts.get("conn.restarted").to_owned()),
            State::Open => ("open", texts.get("conn.open").to_owned()),
            State::Lost { told: None, .. } => ("lost", texts.get("conn.lost").to_owned()),
            State::Lost {
                told: Some(goodbye),
                ..
            } => ("lost", explain::goodbye(goodbye, texts)),
            State::Ended(goodbye) => ("ended", explain::goodbye(goodbye, texts)),
        };
        dom::set(&self.connection, "data-state", state);
        dom::set_text(&self.text, &text);
        dom::say(&self.lost, &lost(connection.lost, texts));
        dom::say(&self.countdown, &countdown(connection, texts, now));
        let can_try = matches!(connection.state, State::Lost { .. } | State::Ended(_));
        dom::show(
            &self.try_now,
            can_try && !matches!(connection.next, Next::Trying(_)),
        );
    }

    fn draw_truth(&self, truth: &Truth, texts: &Texts) {
        let (name, shows) = explain::level_keys(truth.level);
        dom::set_text(&self.level, texts.get(name));
        dom::set_text(&self.shows, texts.get(shows));
        let obstacle = truth.why_not_higher.as_ref();
        dom::say(
            &self.why_not,
            obstacle.map_or("", |obstacle| {
                texts.get(explain::obstacle_key(obstacle.kind))
            }),
        );
        dom::say(
            &self.detail,
            obstacle.map_or("", |obstacle| obstacle.detail.as_str()),
        );
    }
}

/// What is open closes when one looks elsewhere or presses Escape.
fn close_truth(listeners: &mut Vec<Listener>) -> Result<()> {
    let truth: Element = dom::by_id("truth")?;
    let panel = truth.clone();
    listeners.push(Listener::on(&truth, "focusout", move |event| {
        if dom::leaves(&event, &panel) {
            dom::toggle(&panel, "open", false);
        }
    })?);
    let panel = truth.clone();
    listeners.push(Listener::on(&truth, "keydown", move |event| {
        if dom::key(&event).as_deref() == Some("Escape") {
            dom::toggle(&panel, "open", false);
        }
    })?);
    Ok(())
}

fn is_dark(root: &Element) -> bool {
    match root.get_attribute("data-theme").as_deref() {
        Some("dark") => true,
        Some("light") => false,
        _ => window::prefers_dark(),
    }
}

fn lost(lost: Lost, texts: &Texts) -> String {
    let mut parts = Vec::new();
    if lost.calls > 0 {
        parts.push(texts.number("conn.lost_call", "conn.lost_calls", lost.calls));
    }
    if lost.connections > 0 {
        parts.push(texts.number(
            "conn.lost_connection",
            "conn.lost_connections",
            lost.connections,
        ));
    }
    if parts.is_empty() {
        return String::new();
    }
    texts.fill(
        "conn.lost_what",
        &[("what", &parts.join(texts.get("conn.and")))],
    )
}

fn countdown(connection: &Connection, texts: &Texts, now: Millis) -> String {
    let since = match connection.state {
        State::Lost { since, .. } => texts.fill(
            "conn.since",
            &[("time", &whole_seconds(now.saturating_sub(since)))],
        ),
        State::Connecting | State::Open | State::Ended(_) => String::new(),
    };
    let next = match connection.next {
        Next::At(at) => texts.fill(
            "conn.next",
            &[("time", &whole_seconds(at.saturating_sub(now) + 999))],
        ),
        Next::Trying(_) if connection.state != State::Connecting => {
            texts.get("conn.trying").to_owned()
        }
        Next::Trying(_) | Next::Nothing => String::new(),
    };
    format!("{since}{next}")
}

fn whole_seconds(ms: Millis) -> String {
    format!("{}\u{202f}s", ms / 1_000)
}
