//! Draws the payload of a conversation, client and server by turns.

use shared::call::Transport;
use web_sys::Element;

use crate::{
    dom::{self, el},
    i18n::{Language, Texts},
    model::{
        panes::inspector::{
            Inspector,
            follow::{Chunk, Follow, Payload, StreamEnd},
            payload_text,
        },
        text::units,
        trace::log::Side,
    },
};

/// Within this distance of its end, in pixels, the text follows new payload.
const NEAR_THE_END: i32 = 24;

#[derive(Default)]
pub(super) struct ConversationView {
    turns: Vec<Element>,
    drawn: Option<FollowKey>,
    /// Payload the turns show: the chunk's number, and its length then.
    chunks: Vec<(u64, usize)>,
    is_at_end: bool,
}

#[derive(Clone, PartialEq, Eq)]
struct FollowKey {
    title: String,
    hex: bool,
    language: Language,
    selected: Option<u64>,
    version: u64,
}

impl ConversationView {
    /// Reads whether the text is scrolled to its end, before anything is added.
    pub(super) fn measure(&mut self) {
        let text = el("follow-text");
        self.is_at_end =
            text.scroll_height() - text.scroll_top() - text.client_height() < NEAR_THE_END;
    }

    pub(super) fn draw(&mut self, inspector: &Inspector, texts: &Texts) {
        let Some(follow) = &inspector.follow else {
            return;
        };
        let wanted = FollowKey {
            title: title(follow, texts),
            hex: inspector.hex,
            language: texts.language,
            selected: inspector.selected,
            version: follow.version,
        };
        if self.drawn.as_ref() == Some(&wanted) {
            return;
        }
        let same = |drawn: &FollowKey| {
            (&drawn.title, drawn.hex, drawn.language)
                == (&wanted.title, wanted.hex, wanted.language)
        };
        let is_other = !self.drawn.as_ref().is_some_and(same);
        if is_other {
            self.chunks.clear();
        }
        dom::write(&el("follow-title"), &wanted.title);
        draw_state(follow, texts);
        self.draw_chunks(follow, &wanted, texts);
        if self.is_at_end && !is_other {
            let text = el("follow-text");
            text.set_scroll_top(text.scroll_height());
        }
        self.drawn = Some(wanted);
    }

    fn draw_chunks(&mut self, follow: &Follow, wanted: &FollowKey, texts: &Texts) {
        let shown: Vec<(u64, usize)> = (follow.dropped..)
            .zip(&follow.chunks)
            .map(|(number, chunk)| (number, size(&chunk.payload)))
            .collect();
        dom::resize_stamped(
            &mut self.turns,
            shown.len(),
            "turn-template",
            &el("follow-text"),
        );
        let mut before = None;
        for (at, (turn, chunk)) in self.turns.iter().zip(&follow.chunks).enumerate() {
            if self.chunks.get(at) != shown.get(at) {
                draw_turn(turn, chunk, follow.key.transport, wanted.hex, texts);
            }
            dom::toggle(turn, "data-goes-on", before == Some(chunk.side));
            dom::toggle(turn, "data-selected", wanted.selected == Some(chunk.seq));
            before = Some(chunk.side);
        }
        self.chunks = shown;
    }
}

fn draw_turn(turn: &Element, chunk: &Chunk, transport: Transport, hex: bool, texts: &Texts) {
    let (side, label) = match chunk.side {
        Side::Client => ("client", "row.client"),
        Side::Server => ("server", "row.server"),
    };
    let (kind, text) = match &chunk.payload {
        Payload::Bytes(bytes) if bytes.is_empty() && transport == Transport::Udp => {
            ("note", texts.get("follow.no_data").to_owned())
        }
        Payload::Bytes(bytes) if hex => ("hex", payload_text::hex_rows(bytes)),
        Payload::Bytes(bytes) => ("text", payload_text::readable(bytes)),
        Payload::Missing(number) => (
            "note",
            texts.fill("follow.missing", &[("bytes", &units::bytes(*number))]),
        ),
        Payload::Unreachable => ("note", texts.get("follow.refusal").to_owned()),
    };
    dom::set(turn, "data-side", side);
    dom::set(turn, "data-kind", kind);
    dom::set(turn, "data-seq", &chunk.seq.to_string());
    dom::write(&dom::part(turn, "who"), texts.get(label));
    dom::write(&dom::part(turn, "said"), &text);
}

fn draw_state(follow: &Follow, texts: &Texts) {
    let key = match follow.end {
        Some(StreamEnd::Finished) => "follow.finished",
        Some(StreamEnd::Reset) => "follow.reset",
        None if follow.chunks.is_empty() => "follow.empty",
        None => "follow.live",
    };
    dom::write(&el("follow-state"), texts.get(key));
    let gone = units::bytes(follow.dropped_bytes);
    dom::write_or_hide(
        &el("follow-gone"),
        &if follow.dropped > 0 {
            texts.fill("follow.gone", &[("bytes", &gone)])
        } else {
            String::new()
        },
    );
}

fn title(follow: &Follow, texts: &Texts) -> String {
    let [one, other] = follow.key.ends.map(|end| end.to_string());
    texts.fill(
        "follow.title",
        &[
            ("transport", follow.key.transport.name()),
            ("one", &one),
            ("other", &other),
        ],
    )
}

const fn size(payload: &Payload) -> usize {
    match payload {
        Payload::Bytes(bytes) => bytes.len(),
        Payload::Missing(_) | Payload::Unreachable => 0,
    }
}
