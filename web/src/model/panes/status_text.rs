//! What the page says about a sentence in words: beside the reply, never in it.

use shared::{call::Transport, outcome::Outcome};

use crate::{
    i18n::Texts,
    model::{
        Model,
        core::time::Millis,
        panes::program::{Sentence, SentenceEnd},
        text::{
            explain,
            format_call::hex,
            units::{self, bytes, duration},
        },
        trace::{
            fate,
            log::{Run, Side},
        },
    },
};

/// A call that is over sooner is not worth saying that it is blocked.
const PATIENCE: Millis = 250;

/// A remark beside the reply.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Note {
    /// The error's name, where there is one.
    pub(crate) errno: String,
    /// What happened, why, what to do.
    pub(crate) text: String,
}

/// What came back, exactly: as text, or in hex where it is no text. A character still on its way is left out.
pub(crate) fn reply(sentence: &Sentence) -> String {
    match std::str::from_utf8(&sentence.received) {
        Ok(text) => text.to_owned(),
        Err(error) if error.error_len().is_none() && sentence.ending.is_none() => {
            let valid = sentence
                .received
                .get(..error.valid_up_to())
                .unwrap_or_default();
            String::from_utf8(valid.to_vec()).unwrap_or_default()
        }
        Err(_) => hex(&sentence.received),
    }
}

/// Whether the current sentence has been waiting long enough to say so.
pub(crate) fn is_blocked(model: &Model, now: Millis) -> bool {
    model
        .program
        .waiting()
        .is_some_and(|(_, since)| now >= since + PATIENCE)
}

/// The remark on the sentence that is on the page.
pub(crate) fn note(model: &Model, texts: &Texts, now: Millis) -> Note {
    let Some(sentence) = model.program.sentence() else {
        return Note::default();
    };
    let text = match &sentence.ending {
        None => blocked(model, texts, now),
        Some(SentenceEnd::Whole) => whole(sentence, texts),
        Some(SentenceEnd::EndOfStream) => end_of_stream(sentence, texts),
        Some(SentenceEnd::Failed(step, failed)) => {
            let call = step.name(sentence.transport);
            let before = so_far(sentence, texts);
            let text = format!("{call}: {}{before}", explain::failure(failed, texts));
            return Note {
                errno: failed.errno.clone(),
                text,
            };
        }
        Some(SentenceEnd::TooLong(reason, limit)) => texts.fill(
            explain::reason_key(*reason),
            &[("limit", &units::count(*limit))],
        ),
        Some(SentenceEnd::Lost) => texts.get("reply.lost").to_owned(),
    };
    Note {
        errno: String::new(),
        text,
    }
}

fn blocked(model: &Model, texts: &Texts, now: Millis) -> String {
    let (Some(sentence), Some((step, _))) = (model.program.sentence(), model.program.waiting())
    else {
        return String::new();
    };
    if !is_blocked(model, now) {
        return String::new();
    }
    let run = model.log.run(sentence.run);
    let key = match sentence.transport {
        _ if model.connection.is_stale(now) => "blocked.unheard",
        _ if model.servers.is_down(sentence.transport) => "blocked.server_down",
        Transport::Udp => run.and_then(fate::blocked_key).unwrap_or("blocked.udp"),
        Transport::Tcp if sentence.is_empty() => "blocked.tcp_empty",
        Transport::Tcp => "blocked.tcp",
    };
    texts.fill(key, &[("call", step.name(sentence.transport))])
}

fn whole(sentence: &Sentence, texts: &Texts) -> String {
    if sentence.cut > 0 {
        let kept = sentence.received.len() as u64;
        return texts.fill(
            "reply.cut",
            &[
                ("cut", &bytes(sentence.cut)),
                ("length", &bytes(kept + sentence.cut)),
            ],
        );
    }
    let key = match std::str::from_utf8(&sentence.received) {
        Err(_) => "reply.not_text",
        Ok("") => "reply.empty",
        Ok(_) => return String::new(),
    };
    texts.get(key).to_owned()
}

fn end_of_stream(sentence: &Sentence, texts: &Texts) -> String {
    match sentence.expected {
        _ if sentence.received.is_empty() => texts.get("reply.ended_without").to_owned(),
        Some(expected) if sentence.received.len() < expected => {
            let (got, expected) = (
                bytes(sentence.received.len() as u64),
                bytes(expected as u64),
            );
            texts.fill(
                "reply.ended_short",
                &[("got", &got), ("expected", &expected)],
            )
        }
        _ => whole(sentence, texts),
    }
}

fn so_far(sentence: &Sentence, texts: &Texts) -> String {
    if sentence.received.is_empty() {
        return String::new();
    }
    let got = bytes(sentence.received.len() as u64);
    format!(" {}", texts.fill("reply.before_that", &[("got", &got)]))
}

/// Since when it waits: as the trace tells it, once it has.
pub(crate) fn waits_since(model: &Model) -> Option<Millis> {
    let (_, since) = model.program.waiting()?;
    let run = model
        .program
        .sentence()
        .and_then(|sentence| model.log.run(sentence.run));
    let open = run.and_then(|run| {
        run.calls
            .iter()
            .find(|call| call.side == Side::Client && call.is_open())
    });
    Some(open.map_or(since, |call| call.since))
}

/// Both addresses and the time the reply took, once the trace has told them.
pub(crate) fn facts(model: &Model, texts: &Texts) -> String {
    let Some((session, sentence)) = model.program.current().zip(model.program.sentence()) else {
        return String::new();
    };
    let Some(local) = session.local else {
        return String::new();
    };
    let local = model.seen_as(local).to_string();
    let mut facts = texts.fill("facts.local", &[("local", &local)]);
    let run = model.log.run(sentence.run);
    if let Some(took) = run
        .filter(|_| !sentence.received.is_empty())
        .and_then(round_trip)
    {
        facts.push_str(" · ");
        facts.push_str(&texts.fill("facts.took", &[("time", &duration(took))]));
    }
    facts
}

/// From the client's first call with data to its last.
fn round_trip(run: &Run) -> Option<u64> {
    let mut talk = run
        .calls
        .iter()
        .filter(|call| call.side == Side::Client && call.payload().is_some());
    let first = talk.next()?;
    let last = talk.next_back()?.end.as_ref()?;
    matches!(last.outcome, Outcome::Returned(_))
        .then(|| last.at_ns.saturating_sub(first.started_ns))
}
