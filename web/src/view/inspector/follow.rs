//! Draws the payload of a conversation, client and server by turns.

use shared::call::Transport;
use web_sys::Element;

use crate::{
    dom::{self, el},
    i18n::{Language, Texts},
    model::{
        panes::inspector::{
            Inspector,
            follow::{Ending, Follow, Piece, Said as What},
            spoken,
        },
        text::units,
        trace::log::Side,
    },
};

/// Within this distance of its end, in pixels, the text follows new payload.
const NEAR_THE_END: i32 = 24;

#[derive(Default)]
pub(super) struct Said {
    turns: Vec<Element>,
    drawn: Option<Drawn>,
    /// What the turns show: the chunk's number, and its length then.
    pieces: Vec<(u64, usize)>,
    is_at_end: bool,
}

#[derive(Clone, PartialEq, Eq)]
struct Drawn {
    talk: String,
    hex: bool,
    language: Language,
    selected: Option<u64>,
    version: u64,
}

impl Said {
    /// Reads whether the text is scrolled to its end, before anything is added.
    pub(super) fn look(&mut self) {
        let text = el("follow-text");
        self.is_at_end =
            text.scroll_height() - text.scroll_top() - text.client_height() < NEAR_THE_END;
    }

    pub(super) fn draw(&mut self, inspector: &Inspector, texts: &Texts) {
        let Some(follow) = &inspector.follow else {
            return;
        };
        let wanted = Drawn {
            talk: title(follow, texts),
            hex: inspector.hex,
            language: texts.language,
            selected: inspector.selected,
            version: follow.version,
        };
        if self.drawn.as_ref() == Some(&wanted) {
            return;
        }
        let same = |drawn: &Drawn| {
            (&drawn.talk, drawn.hex, drawn.language) == (&wanted.talk, wanted.hex, wanted.language)
        };
        let is_other = !self.drawn.as_ref().is_some_and(same);
        if is_other {
            self.pieces.clear();
        }
        dom::write(&el("follow-title"), &wanted.talk);
        draw_state(follow, texts);
        self.draw_pieces(follow, &wanted, texts);
        if self.is_at_end && !is_other {
            let text = el("follow-text");
            text.set_scroll_top(text.scroll_height());
        }
        self.drawn = Some(wanted);
    }

    fn draw_pieces(&mut self, follow: &Follow, wanted: &Drawn, texts: &Texts) {
        let shown: Vec<(u64, usize)> = (follow.gone..)
            .zip(&follow.pieces)
            .map(|(number, piece)| (number, size(&piece.said)))
            .collect();
        dom::resize_stamped(
            &mut self.turns,
            shown.len(),
            "turn-template",
            &el("follow-text"),
        );
        let mut before = None;
        for (at, (turn, piece)) in self.turns.iter().zip(&follow.pieces).enumerate() {
            if self.pieces.get(at) != shown.get(at) {
                draw_turn(turn, piece, follow.talk.transport, wanted.hex, texts);
            }
            dom::toggle(turn, "data-goes-on", before == Some(piece.side));
            dom::toggle(turn, "data-selected", wanted.selected == Some(piece.seq));
            before = Some(piece.side);
        }
        self.pieces = shown;
    }
}

fn draw_turn(turn: &Element, piece: &Piece, transport: Transport, hex: bool, texts: &Texts) {
    let (side, label) = match piece.side {
        Side::Client => ("client", "row.client"),
        Side::Server => ("server", "row.server"),
    };
    let (kind, text) = match &piece.said {
        What::Bytes(bytes) if bytes.is_empty() && transport == Transport::Udp => {
            ("note", texts.get("follow.no_data").to_owned())
        }
        What::Bytes(bytes) if hex => ("hex", spoken::hex_rows(bytes)),
        What::Bytes(bytes) => ("text", spoken::readable(bytes)),
        What::Missing(number) => (
            "note",
            texts.fill("follow.missing", &[("bytes", &units::bytes(*number))]),
        ),
        What::Refusal => ("note", texts.get("follow.refusal").to_owned()),
    };
    dom::set(turn, "data-side", side);
    dom::set(turn, "data-kind", kind);
    dom::set(turn, "data-seq", &piece.seq.to_string());
    dom::write(&dom::part(turn, "who"), texts.get(label));
    dom::write(&dom::part(turn, "said"), &text);
}

fn draw_state(follow: &Follow, texts: &Texts) {
    let key = match follow.ending {
        Some(Ending::Finished) => "follow.finished",
        Some(Ending::Reset) => "follow.reset",
        None if follow.pieces.is_empty() => "follow.empty",
        None => "follow.live",
    };
    dom::write(&el("follow-state"), texts.get(key));
    let gone = units::bytes(follow.gone_bytes);
    dom::write_or_hide(
        &el("follow-gone"),
        &if follow.gone > 0 {
            texts.fill("follow.gone", &[("bytes", &gone)])
        } else {
            String::new()
        },
    );
}

fn title(follow: &Follow, texts: &Texts) -> String {
    let [one, other] = follow.talk.ends.map(|end| end.to_string());
    texts.fill(
        "follow.title",
        &[
            ("transport", follow.talk.transport.name()),
            ("one", &one),
            ("other", &other),
        ],
    )
}

const fn size(said: &What) -> usize {
    match said {
        What::Bytes(bytes) => bytes.len(),
        What::Missing(_) | What::Refusal => 0,
    }
}
