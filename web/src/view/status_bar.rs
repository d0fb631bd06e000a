//! Draws the top of the page: the connection to the relay, and the level of truth.

use shared::lab::{LabKind, PLAYGROUND_PORT, Truth};

use crate::{
    dom::{self, el},
    i18n::Texts,
    model::{
        Model,
        core::{
            connection::{Connection, ConnectionState, Losses, NextAttempt, Trouble},
            time::Millis,
        },
        text::{explain, units},
    },
    view::common::{pick, whole_seconds},
    window,
};

pub(super) fn draw(model: &Model, texts: &Texts, now: Millis) {
    draw_connection(&model.connection, texts, now);
    if let Some(welcome) = &model.shown().welcome {
        let own = welcome.lab.servers.first();
        let own = own.filter(|_| welcome.lab.kind == LabKind::Private);
        let port = own.map_or(PLAYGROUND_PORT, |server| server.address.port());
        let lab = match own.map(|server| server.address) {
            None => match welcome.class.as_ref().map(|standing| &*standing.class.code) {
                Some(code) => texts.fill("truth.class", &[("code", code)]),
                None => texts.get("truth.open_lab").to_owned(),
            },
            Some(address) if port == PLAYGROUND_PORT => {
                texts.fill("truth.lab", &[("lab", &address.ip().to_string())])
            }
            Some(address) => texts.fill("truth.lab", &[("lab", &address.to_string())]),
        };
        dom::write(&el("truth-lab"), &lab);
        dom::show(&el("truth-port"), port != PLAYGROUND_PORT);
        draw_truth(&welcome.truth, model.inspector.lost, texts);
    }
}

fn draw_connection(connection: &Connection, texts: &Texts, now: Millis) {
    let plain = |key| texts.get(key).to_owned();
    let (state, text) = match &connection.state {
        ConnectionState::Connecting => ("connecting", plain("conn.connecting")),
        ConnectionState::Open if let Some(silence) = connection.silence(now) => (
            "doubt",
            texts.fill("conn.doubt", &[("time", &whole_seconds(silence))]),
        ),
        ConnectionState::Open if connection.restarted => ("open", plain("conn.restarted")),
        ConnectionState::Open => ("open", plain("conn.open")),
        ConnectionState::Lost { told: None, .. } => ("lost", why(connection, texts)),
        ConnectionState::Lost {
            told: Some(goodbye),
            ..
        } => ("lost", explain::goodbye(goodbye, texts)),
        ConnectionState::Ended(goodbye) => ("ended", explain::goodbye(goodbye, texts)),
    };
    dom::set(&el("connection"), "data-state", state);
    let has_news = connection.restarted || connection.lost != Losses::default();
    dom::toggle(&el("connection"), "data-news", has_news);
    dom::write(&el("connection-text"), &text);
    dom::write_or_hide(&el("connection-lost"), &lost(connection.lost, texts));
    dom::write_or_hide(
        &el("connection-countdown"),
        &countdown(connection, texts, now),
    );
    let is_down = state == "lost" || state == "ended";
    dom::show(
        &el("try-now"),
        is_down
            && !matches!(connection.next, NextAttempt::Trying(_))
            && !connection.is_taken_over(),
    );
}

/// Why there is no connection, if known.
fn why(connection: &Connection, texts: &Texts) -> String {
    let plain = pick(connection.was_open, "conn.lost", "conn.none");
    match &connection.trouble {
        None => texts.get(plain).to_owned(),
        Some(Trouble::Silent) => texts.get("conn.silent").to_owned(),
        Some(Trouble::Refused(refusal)) => {
            let url = window::websocket_url().unwrap_or_default();
            let reason = refusal.say(&url, &window::host_name(), texts);
            [texts.get(plain), texts.get("conn.then"), &reason].concat()
        }
    }
}

fn draw_truth(truth: &Truth, lost_packets: u64, texts: &Texts) {
    let (name, shows) = explain::level_keys(truth.level);
    let level = texts.get(name);
    let level = match lost_packets {
        0 => level.to_owned(),
        lost => texts.fill(
            "level.lost",
            &[("level", level), ("n", &units::count(lost))],
        ),
    };
    dom::write(&el("truth-level"), &level);
    dom::write(&el("truth-shows"), texts.get(shows));
    let obstacle = truth.why_not_higher.as_ref();
    dom::write_or_hide(
        &el("truth-why-not"),
        obstacle.map_or("", |obstacle| {
            texts.get(explain::obstacle_key(obstacle.kind))
        }),
    );
    dom::write_or_hide(
        &el("truth-detail"),
        obstacle.map_or("", |obstacle| obstacle.detail.as_str()),
    );
}

fn lost(lost: Losses, texts: &Texts) -> String {
    let parts = [
        ("conn.lost_call", "conn.lost_calls", lost.calls),
        (
            "conn.lost_connection",
            "conn.lost_connections",
            lost.connections,
        ),
    ];
    let parts = parts.into_iter().filter(|(.., number)| *number > 0);
    let parts: Vec<String> = parts
        .map(|(one, many, number)| texts.number(one, many, number))
        .collect();
    if parts.is_empty() {
        return String::new();
    }
    texts.fill(
        "conn.lost_what",
        &[("what", &parts.join(texts.get("conn.and")))],
    )
}

fn countdown(connection: &Connection, texts: &Texts, now: Millis) -> String {
    let mut text = String::new();
    if let ConnectionState::Lost { since, .. } = connection.state {
        text = texts.fill(
            "conn.since",
            &[("time", &whole_seconds(now.saturating_sub(since)))],
        );
    }
    match connection.next {
        NextAttempt::At(at) => {
            text.push_str(&texts.fill(
                "conn.next",
                &[("time", &whole_seconds(at.saturating_sub(now) + 999))],
            ));
        }
        NextAttempt::Trying(_) if connection.state != ConnectionState::Connecting => {
            text.push_str(texts.get("conn.trying"))
        }
        NextAttempt::Trying(_) | NextAttempt::Nothing => {}
    }
    text
}
