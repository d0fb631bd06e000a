//! Draws the client: the sentence, its progress, and the reply.

use shared::call::Transport;

use crate::{
    WHOLE,
    dom::{self, el},
    i18n::Texts,
    model::{
        Model,
        core::time::{Millis, TICK},
        panes::{
            program::{Sentence, SentenceEnd, SocketSession},
            status_text::{self, Note},
        },
        text::units,
    },
    view::common::address,
    view::visible_text,
};

/// Maximum characters of a reply in large and in medium type.
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
    // If the program that runs line by line was used last, what it printed.
    let lines = &model.listing.client;
    let is_lines = WHOLE && lines.is_there();
    let reply = || sentence.map(status_text::reply).unwrap_or_default();
    let text = if is_lines {
        lines.printed.clone()
    } else {
        reply()
    };
    dom::set(&el("reply"), "data-size", size_name(&text));
    visible_text::write(&el("reply"), &text);
    // Its colour is that of its own transport, not of the chosen one.
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
    dom::write_or_hide(&el("facts"), &facts);
    dom::write_or_hide(&el("reply-errno"), &errno);
    dom::write_or_hide(&el("reply-text"), &text);
    draw_waiting(model, sentence, now);
}

fn draw_waiting(model: &Model, sentence: Option<&Sentence>, now: Millis) {
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

/// The name of a reply's type size in the stylesheet.
fn size_name(text: &str) -> &'static str {
    match text.chars().take(MIDDLE + 1).count() {
        length if length <= LARGE => "large",
        length if length <= MIDDLE => "middle",
        _ => "small",
    }
}

fn draw_kept(model: &Model, texts: &Texts, transport: Transport) {
    let session = model
        .program
        .current()
        .filter(|_| transport == Transport::Tcp && model.keep);
    let is_kept = session.is_some_and(SocketSession::is_kept);
    dom::write(
        &el("kept-text"),
        &session
            .map(|session| kept_text(session, texts))
            .unwrap_or_default(),
    );
    dom::show(
        &el("kept"),
        session.is_some_and(|session| is_kept || session.broke.is_some()),
    );
    dom::set_bool(&el("kept"), "data-stands", is_kept);
    dom::show(&el("close-connection"), is_kept);
    dom::show(
        &el("end-sending"),
        is_kept && session.is_some_and(|session| !session.sending_ended),
    );
}

/// The client's program in one line.
const fn hint(transport: Transport, keep: bool) -> &'static str {
    match (transport, keep) {
        (Transport::Udp, _) => "socket → sendto → recvfrom → close",
        (Transport::Tcp, false) => "socket → connect → send → recv → close",
        (Transport::Tcp, true) => "socket → connect → (send → recv)… → close",
    }
}

/// The state of the kept connection.
fn kept_text(session: &SocketSession, texts: &Texts) -> String {
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
