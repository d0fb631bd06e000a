//! You, the client: the sentence, how it goes, and what came back.

use std::net::SocketAddr;

use shared::call::Transport;

use crate::{
    WHOLE,
    dom::{self, el},
    i18n::Texts,
    model::{
        Model,
        core::time::{Millis, TICK},
        panes::{
            program::{SentenceEnd, SocketSession},
            status_text::{self, Note},
        },
        text::units,
    },
    view::visibly,
};

/// Replies up to so many characters are shown large, then in the middle, then small.
const LARGE: usize = 48;
const MIDDLE: usize = 320;

pub(super) fn draw(model: &Model, texts: &Texts, now: Millis) {
    let transport = model.transport();
    dom::set(&el("page"), "data-transport", transport.as_str());
    dom::write(&el("program-hint"), hint(transport, model.keep));
    dom::show(&el("keep-row"), transport == Transport::Tcp);
    dom::toggle(&el("send"), "disabled", !model.can_send());
    draw_reply(model, texts, now);
    draw_kept(model, texts, transport);
}

fn draw_reply(model: &Model, texts: &Texts, now: Millis) {
    let sentence = model.program.sentence();
    // What the program that is run line by line has printed, where that is the latest.
    let lines = &model.listing.client;
    let is_lines = WHOLE && lines.is_there();
    let reply = || sentence.map(status_text::reply).unwrap_or_default();
    let text = if is_lines {
        lines.printed.clone()
    } else {
        reply()
    };
    let length = text.chars().take(MIDDLE + 1).count();
    let size = if length <= LARGE {
        "large"
    } else if length <= MIDDLE {
        "middle"
    } else {
        "small"
    };
    dom::set(&el("reply"), "data-size", size);
    visibly::write(&el("reply"), &text);
    // Its colour is that of the transport it came by, whatever is chosen for the next.
    let by = if is_lines {
        Some(lines.transport())
    } else {
        sentence.map(|sentence| sentence.transport)
    };
    dom::set(
        &el("answer"),
        "data-transport",
        by.unwrap_or(model.transport()).as_str(),
    );
    dom::write(&el("reply-by"), by.map_or("", Transport::name));
    let (facts, Note { errno, text }) = if is_lines {
        Default::default()
    } else {
        (
            status_text::facts(model, texts),
            status_text::note(model, texts, now),
        )
    };
    dom::say(&el("facts"), &facts);
    dom::say(&el("reply-errno"), &errno);
    dom::say(&el("reply-text"), &text);
    let is_blocked = status_text::is_blocked(model, now);
    dom::show(&el("waiting"), is_blocked);
    if let Some(((step, _), sentence)) =
        model.program.waiting().zip(sentence).filter(|_| is_blocked)
    {
        let since = status_text::waits_since(model).unwrap_or(now);
        dom::write(&el("waiting-call"), step.name(sentence.transport));
        dom::write(
            &el("elapsed"),
            &units::elapsed(now.saturating_sub(since) / TICK * TICK),
        );
    }
}

fn draw_kept(model: &Model, texts: &Texts, transport: Transport) {
    let session = model
        .program
        .current()
        .filter(|_| transport == Transport::Tcp && model.keep);
    let stands = session.is_some_and(SocketSession::is_kept);
    dom::write(
        &el("kept-text"),
        &session
            .map(|session| kept(session, texts))
            .unwrap_or_default(),
    );
    dom::show(
        &el("kept"),
        session.is_some_and(|session| stands || session.broke.is_some()),
    );
    dom::set(
        &el("kept"),
        "data-stands",
        super::pick(stands, "true", "false"),
    );
    dom::show(&el("close-connection"), stands);
    dom::show(
        &el("end-sending"),
        stands && session.is_some_and(|session| !session.sending_ended),
    );
}

/// The program in one line of code.
const fn hint(transport: Transport, keep: bool) -> &'static str {
    match (transport, keep) {
        (Transport::Udp, _) => "socket → sendto → recvfrom → close",
        (Transport::Tcp, false) => "socket → connect → send → recv → close",
        (Transport::Tcp, true) => "socket → connect → (send → recv)… → close",
    }
}

/// How the connection that was to be kept is.
fn kept(session: &SocketSession, texts: &Texts) -> String {
    if session.is_kept() {
        let key = if session.sending_ended {
            "kept.half"
        } else {
            "kept.stands"
        };
        return texts.fill(
            key,
            &[
                ("local", &address(session.local)),
                ("peer", &address(session.peer)),
            ],
        );
    }
    match &session.broke {
        Some(SentenceEnd::EndOfStream) => texts.get("kept.ended").to_owned(),
        Some(SentenceEnd::Failed(_, failed)) => {
            texts.fill("kept.failed", &[("errno", &failed.errno)])
        }
        Some(SentenceEnd::Lost) => texts.get("kept.lost").to_owned(),
        Some(SentenceEnd::Whole | SentenceEnd::TooLong(..)) | None => String::new(),
    }
}

/// An address, or nothing where there is none.
pub(super) fn address(address: Option<SocketAddr>) -> String {
    address
        .map(|address| address.to_string())
        .unwrap_or_default()
}
