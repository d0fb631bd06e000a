//! You, the client: the sentence, how it goes, and what came back.

use std::rc::Rc;

use shared::call::Transport;
use web_sys::{Element, HtmlInputElement, HtmlTextAreaElement};

use crate::{
    dom::{self, Listener, Result},
    i18n::Texts,
    model::{
        Event, Millis, Model,
        notes::{self, Note},
        program::{Ending, Session},
        units,
    },
    shell::Tell,
};

/// Replies up to so many characters are shown large, then in the middle, then small.
const LARGE: usize = 48;
const MIDDLE: usize = 320;

pub(super) struct Client {
    page: Element,
    hint: Element,
    keep_row: Element,
    send: Element,
    reply: Element,
    facts: Element,
    waiting: Element,
    waiting_call: Element,
    elapsed: Element,
    errno: Element,
    note: Element,
    kept: Element,
    kept_text: Element,
    end_sending: Element,
    close: Element,
}

impl Client {
    pub(super) fn new(tell: &Tell, listeners: &mut Vec<Listener>) -> Result<Self> {
        let client = Self {
            page: dom::by_id("page")?,
            hint: dom::by_id("program-hint")?,
            keep_row: dom::by_id("keep-row")?,
            send: dom::by_id("send")?,
            reply: dom::by_id("reply")?,
            facts: dom::by_id("facts")?,
            waiting: dom::by_id("waiting")?,
            waiting_call: dom::by_id("waiting-call")?,
            elapsed: dom::by_id("elapsed")?,
            errno: dom::by_id("reply-errno")?,
            note: dom::by_id("reply-text")?,
            kept: dom::by_id("kept")?,
            kept_text: dom::by_id("kept-text")?,
            end_sending: dom::by_id("end-sending")?,
            close: dom::by_id("close-connection")?,
        };
        client.hear_sentence(tell, listeners)?;
        hear_choices(tell, listeners)?;
        let cancel: Element = dom::by_id("cancel")?;
        for (button, event) in [
            (&cancel, (|| Event::StopWaiting) as fn() -> Event),
            (&client.end_sending, || Event::EndSending),
            (&client.close, || Event::CloseConnection),
        ] {
            let tell = Rc::clone(tell);
            listeners.push(Listener::on(button, "click", move |_| tell(event()))?);
        }
        Ok(client)
    }

    fn hear_sentence(&self, tell: &Tell, listeners: &mut Vec<Listener>) -> Result<()> {
        let form: Element = dom::by_id("composer")?;
        let sentence: HtmlTextAreaElement = dom::by_id("sentence")?;
        let (field, send, submit) = (sentence.clone(), self.send.clone(), Rc::clone(tell));
        let submit = Rc::new(move || {
            if send.has_attribute("disabled") {
                return;
            }
            submit(Event::Submit(field.value()));
            // Selected, it can be sent again or written over.
            field.select();
        });
        let by_key = Rc::clone(&submit);
        listeners.push(Listener::on(&form, "submit", move |event| {
            event.prevent_default();
            submit();
        })?);
        listeners.push(Listener::on(&sentence, "keydown", move |event| {
            if dom::is_plain_enter(&event) {
                event.prevent_default();
                by_key();
            }
        })?);
        let typed = Rc::clone(tell);
        listeners.push(Listener::on(&sentence, "input", move |_| {
            typed(Event::Typed)
        })?);
        Ok(())
    }

    pub(super) fn draw(&self, model: &Model, texts: &Texts, now: Millis) {
        let transport = model.transport();
        dom::set(&self.page, "data-transport", name(transport));
        dom::set_text(&self.hint, hint(transport, model.keep));
        dom::show(&self.keep_row, transport == Transport::Tcp);
        dom::toggle(&self.send, "disabled", !model.can_send());
        self.draw_reply(model, texts, now);
        self.draw_kept(model, texts, transport);
    }

    fn draw_reply(&self, model: &Model, texts: &Texts, now: Millis) {
        let sentence = model.program.sentence();
        let text = sentence.map(notes::reply).unwrap_or_default();
        let size = match text.chars().take(MIDDLE + 1).count() {
            0..=LARGE => "large",
            0..=MIDDLE => "middle",
            _ => "small",
        };
        dom::set(&self.reply, "data-size", size);
        dom::set_text(&self.reply, &text);
        dom::say(&self.facts, &notes::facts(model, texts));
        let Note { errno, text } = notes::note(model, texts, now);
        dom::say(&self.errno, &errno);
        dom::say(&self.note, &text);
        let is_blocked = notes::is_blocked(model, now);
        dom::show(&self.waiting, is_blocked);
        if let Some(((step, since), sentence)) =
            model.program.waiting().zip(sentence).filter(|_| is_blocked)
        {
            dom::set_text(&self.waiting_call, step.name(sentence.transport));
            dom::set_text(
                &self.elapsed,
                &units::elapsed(now.saturating_sub(since) / 200 * 200),
            );
        }
    }

    fn draw_kept(&self, model: &Model, texts: &Texts, transport: Transport) {
        let session = model
            .program
            .current()
            .filter(|_| transport == Transport::Tcp && model.keep);
        let stands = session.is_some_and(Session::is_kept);
        let text = session
            .map(|session| kept(session, texts))
            .unwrap_or_default();
        dom::set_text(&self.kept_text, &text);
        dom::show(&self.kept, !text.is_empty());
        dom::set(
            &self.kept,
            "data-stands",
            if stands { "true" } else { "false" },
        );
        dom::show(&self.close, stands);
        dom::show(
            &self.end_sending,
            stands && session.is_some_and(|session| !session.sending_ended),
        );
    }
}

fn hear_choices(tell: &Tell, listeners: &mut Vec<Listener>) -> Result<()> {
    for transport in Transport::ALL {
        let radio: HtmlInputElement = dom::by_id(match transport {
            Transport::Udp => "transport-udp",
            Transport::Tcp => "transport-tcp",
        })?;
        // A browser may have kept the choice over a reload.
        if radio.checked() {
            tell(Event::Choose(transport));
        }
        let tell = Rc::clone(tell);
        listeners.push(Listener::on(&radio, "change", move |_| {
            tell(Event::Choose(transport))
        })?);
    }
    let keep: HtmlInputElement = dom::by_id("keep")?;
    tell(Event::Keep(keep.checked()));
    let (tell, input) = (Rc::clone(tell), keep.clone());
    listeners.push(Listener::on(&keep, "change", move |_| {
        tell(Event::Keep(input.checked()))
    })?);
    Ok(())
}

/// How the stylesheet knows a transport.
pub(super) const fn name(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "udp",
        Transport::Tcp => "tcp",
    }
}

/// The program in one line of code.
const fn hint(transport: Transport, keep: bool) -> &'static str {
    match (transport, keep) {
        (Transport::Udp, _) => "socket → sendto → recvfrom → close",
        (Transport::Tcp, false) => "socket → connect → send → recv → close",
        (Transport::Tcp, true) => "socket → connect → send → recv → send → recv → …",
    }
}

/// How the connection that was to be kept is.
fn kept(session: &Session, texts: &Texts) -> String {
    if session.is_kept() {
        let address = |address: Option<std::net::SocketAddr>| {
            address
                .map(|address| address.to_string())
                .unwrap_or_default()
        };
        let (local, peer) = (address(session.local), address(session.peer));
        let key = if session.sending_ended {
            "kept.half"
        } else {
            "kept.stands"
        };
        return texts.fill(key, &[("local", &local), ("peer", &peer)]);
    }
    match &session.broke {
        Some(Ending::EndOfStream) => texts.get("kept.ended").to_owned(),
        Some(Ending::Failed(_, failed)) => texts.fill("kept.failed", &[("errno", &failed.errno)]),
        Some(Ending::Lost) => texts.get("kept.lost").to_owned(),
        Some(Ending::Whole | Ending::TooLong(..)) | None => String::new(),
    }
}
