//! Draws the exports of a trace, and the saved trace that is open.

mod events;

pub(super) use self::events::listen;
use crate::{
    dom::{self, el},
    files,
    i18n::Texts,
    inbox::send,
    model::{
        Model, WholeEvent,
        past::archive::{ArchiveCommand, Capture, MAX_FILE_BYTES, OpenError, Opened, capture},
        text::{explain, units},
    },
    view::common::pick,
    window,
};

/// Bytes in a megabyte (SI).
const MEGABYTE: u64 = 1_000_000;

pub(super) fn draw(model: &Model, texts: &Texts) {
    let (shown, source) = (model.shown(), model.source());
    dom::toggle(&el("export-json"), "disabled", source.raw_events.len() == 0);
    draw_capture(source, texts);
    let opened = model.archive.opened.as_deref();
    dom::toggle(&el("page"), "data-saved", model.is_past());
    dom::show(&el("saved"), opened.is_some());
    dom::show(&el("send-why-not"), model.is_past());
    match opened {
        Some(opened) => draw_opened(opened, texts),
        None => dom::set(&el("saved"), "data-file", ""),
    }
    draw_wrong(model, texts);
    dom::show(&el("copy-ladder"), shown.shown_ladder().is_some());
    dom::write_or_hide(&el("copied"), texts.get_if(model.is_copied(), "copy.done"));
    dom::show(&el("who-row"), !model.is_past() && model.is_in_company());
    dom::select_option("who", if model.only_mine { "mine" } else { "all" });
}

/// Copies a text; if the browser refuses, shows it in a dialog to be copied by hand.
pub(crate) fn copy(text: String) {
    files::copy(&text.clone(), move |copied| {
        if copied {
            send(WholeEvent::Archive(ArchiveCommand::Copied));
        } else {
            dom::open_dialog("copy-dialog");
            dom::set_and_select("copy-text", &text);
        }
    });
}

/// Fetches the saved trace of a link and opens it.
pub(crate) fn fetch(link: String) {
    let file = [&link, "/trace.json"].concat();
    files::fetch(&file, move |answer| {
        let text = match answer {
            Some((200, text)) => Ok(text),
            Some((404, _)) => Err(OpenError::NoSuchLink),
            Some(_) | None => Err(OpenError::NotFetched),
        };
        let name = link.clone();
        send(WholeEvent::Archive(ArchiveCommand::Open { name, text }));
    });
}

/// Draws the choice of two capture files, or why there is none.
fn draw_capture(model: &Model, texts: &Texts) {
    let capture = capture(model);
    dom::show(&el("pcapng-choice"), capture == Capture::Ready);
    dom::show(&el("pcapng-why-not"), capture != Capture::Ready);
    let why = match capture {
        Capture::Ready => String::new(),
        Capture::NonePassed => texts.get("take.none_passed").to_owned(),
        Capture::NotAt(level) => {
            let (name, _) = explain::level_keys(level);
            texts.fill("take.not_captured", &[("level", texts.get(name))])
        }
    };
    dom::write(&el("pcapng-why"), &why);
    let welcome = model.welcome.as_ref();
    let obstacle = welcome
        .filter(|_| matches!(capture, Capture::NotAt(_)))
        .and_then(|welcome| welcome.truth.why_not_higher.as_ref());
    let remedy = obstacle.map_or("", |obstacle| {
        texts.get(explain::obstacle_key(obstacle.kind))
    });
    dom::write_or_hide(&el("pcapng-remedy"), remedy);
}

fn draw_opened(opened: &Opened, texts: &Texts) {
    dom::set(&el("saved"), "data-file", &opened.name);
    dom::write(&el("saved-name"), &opened.name);
    let events = units::count(opened.model.raw_events.len() as u64);
    let mut facts = texts.fill("saved.events", &[("n", &events)]);
    if let Some((from, to)) = opened.when_us {
        let tag = texts.language.tag();
        let (from, to) = (window::date(from, tag), window::date(to, tag));
        facts.push_str(texts.get("saved.and"));
        if from == to {
            facts.push_str(&from);
        } else {
            facts.push_str(&texts.fill("saved.from_to", &[("from", &from), ("to", &to)]));
        }
    }
    if let Some(welcome) = &opened.model.welcome {
        let (level, _) = explain::level_keys(welcome.truth.level);
        facts.push_str(texts.get("saved.and"));
        facts.push_str(&texts.fill("saved.level", &[("level", texts.get(level))]));
    }
    dom::write(&el("saved-facts"), &facts);
}

fn draw_wrong(model: &Model, texts: &Texts) {
    let wrong = model.archive.wrong.as_ref();
    dom::show(&el("open-wrong"), wrong.is_some());
    let leads_to_lab = model.archive.at_link && model.archive.opened.is_none();
    let close = pick(leads_to_lab, "saved.back", "wrong.close");
    dom::write(&el("open-wrong-close"), texts.get(close));
    let Some((name, wrong)) = wrong else { return };
    let (key, number) = match wrong {
        OpenError::NotATrace => ("wrong.not_a_trace", String::new()),
        OpenError::TooNew(format) => ("wrong.too_new", format.to_string()),
        OpenError::Damaged => ("wrong.damaged", String::new()),
        OpenError::TooLong(bytes) => ("wrong.too_long", megabytes(bytes.div_ceil(MEGABYTE))),
        OpenError::Unreadable => ("wrong.unreadable", String::new()),
        OpenError::NoSuchLink => ("wrong.no_such_link", String::new()),
        OpenError::NotFetched => ("wrong.not_fetched", String::new()),
    };
    let most = megabytes(MAX_FILE_BYTES / MEGABYTE);
    let gaps = [("file", name.as_str()), ("n", &number), ("most", &most)];
    dom::write(&el("open-wrong-text"), &texts.fill(key, &gaps));
}

fn megabytes(number: u64) -> String {
    [&units::count(number), "\u{202f}MB"].concat()
}
