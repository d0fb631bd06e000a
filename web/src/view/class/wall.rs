//! Draws the wall's tiles. Only changed tiles are written, and a tile that has the focus is never moved.

use std::collections::BTreeMap;

use shared::{
    class::{LastCall, MemberId, Tile},
    trace::CallName,
};
use web_sys::Element;

use super::display_name;
use crate::{
    dom::{self, el},
    i18n::{Language, Texts},
    model::panes::class::{Classroom, WallOrder},
    view::common::pick,
};

/// A socket closed within this time of a failure, in nanoseconds, was closed because of it.
const CLOSES_WITHIN: u64 = 1_000_000_000;

/// What the drawing of every tile depends on.
#[derive(Clone, Copy, PartialEq, Eq)]
struct TileStyle {
    language: Language,
    hides_names: bool,
    opened: Option<MemberId>,
}

/// The tiles' elements and cache key.
#[derive(Default)]
pub(super) struct Tiles {
    items: BTreeMap<MemberId, Element>,
    drawn: Option<(u64, TileStyle)>,
    order: Vec<MemberId>,
}

impl Tiles {
    pub(super) fn draw(&mut self, classroom: &Classroom, texts: &Texts) {
        let manner = TileStyle {
            language: texts.language,
            hides_names: classroom.hides_names,
            opened: classroom.opened,
        };
        let wall = &classroom.wall;
        let before = self.drawn.replace((wall.version(), manner));
        if before == self.drawn {
            return;
        }
        let same = before.filter(|(_, before)| *before == manner);
        self.patch(classroom, same.map(|(version, _)| version), texts);
        if self.order != wall.order() {
            self.arrange(wall.order());
        }
        draw_tools(classroom, texts);
    }

    fn patch(&mut self, classroom: &Classroom, since: Option<u64>, texts: &Texts) {
        self.items.retain(|member, item| {
            let stays = classroom.wall.tile(*member).is_some();
            if !stays {
                item.remove();
            }
            stays
        });
        let list = el("wall");
        for seen in classroom.wall.tiles() {
            let member = seen.tile.member;
            let known = self.items.contains_key(&member);
            let item = self
                .items
                .entry(member)
                .or_insert_with(|| dom::stamp("tile-template", &list));
            if !known || since.is_none_or(|since| seen.version > since) {
                draw_tile(item, &seen.tile, classroom, texts);
            }
        }
    }

    /// Puts the tiles into this order and hides the others.
    fn arrange(&mut self, order: &[MemberId]) {
        let list = el("wall");
        let focused = dom::focused();
        let mut next = list.first_element_child();
        for item in order.iter().filter_map(|member| self.items.get(member)) {
            dom::show(item, true);
            let has_focus = focused.as_ref().is_some_and(|it| item.contains(Some(it)));
            while has_focus && next.as_ref().is_some_and(|next| next != item) {
                let passed = next.take();
                next = passed.as_ref().and_then(Element::next_element_sibling);
                passed
                    .iter()
                    .for_each(|passed| dom::insert_before(&list, passed, None));
            }
            if next.as_ref() == Some(item) {
                next = item.next_element_sibling();
            } else {
                dom::insert_before(&list, item, next.as_ref());
            }
        }
        // Tiles not in the order are left at the end.
        while let Some(item) = next {
            dom::show(&item, false);
            next = item.next_element_sibling();
        }
        self.order = order.to_vec();
    }
}

fn draw_tools(classroom: &Classroom, texts: &Texts) {
    let (shown, all) = (classroom.wall.order().len(), classroom.wall.tiles().len());
    dom::show(&el("wall-empty"), all == 0);
    let numbers = [("n", &*shown.to_string()), ("members", &*all.to_string())];
    let is_filtered = !classroom.wall.filter.trim().is_empty();
    let count = is_filtered.then(|| texts.fill("class.shown", &numbers));
    dom::write(&el("wall-count"), &count.unwrap_or_default());
    dom::set_bool(&el("wall-names"), "aria-pressed", classroom.hides_names);
    let sort = WallOrder::ALL
        .into_iter()
        .find(|(_, sort)| *sort == classroom.wall.sort);
    dom::select_option("wall-sort", sort.map_or("", |(name, _)| name));
}

fn draw_tile(item: &Element, tile: &Tile, classroom: &Classroom, texts: &Texts) {
    let (state, key) = state(tile);
    dom::set(item, "data-member", &tile.member.to_string());
    dom::set(item, "data-state", state);
    dom::toggle(item, "data-muted", tile.muted);
    let button = dom::find(item, "button");
    let is_open = classroom.opened == Some(tile.member);
    button
        .iter()
        .for_each(|button| dom::set_bool(button, "aria-pressed", is_open));
    let name = display_name(classroom, tile.member, &tile.name, texts);
    dom::write(&dom::part(item, "name"), &name);
    let muted = texts.get_if(tile.muted, "class.muted");
    let doing = [texts.get(key), muted];
    let doing: Vec<&str> = doing.into_iter().filter(|text| !text.is_empty()).collect();
    dom::write(&dom::part(item, "doing"), &doing.join(" · "));
    let call = tile.call.map_or("", |call| call.name.as_str());
    dom::write(&dom::part(item, "call"), call);
    let error = tile.error.as_ref();
    let error = error.map(|error| [&error.errno, " ", error.name.as_str()].concat());
    dom::write_or_hide(&dom::part(item, "error"), &error.unwrap_or_default());
    dom::write_or_hide(&dom::part(item, "card"), &on_card(tile, texts));
    let sentences = usize::try_from(tile.sentences).unwrap_or(usize::MAX);
    let sum = texts.number("class.sentence", "class.sentences", sentences);
    dom::write(&dom::part(item, "sum"), &sum);
}

/// A member's progress with its own card.
fn on_card(tile: &Tile, texts: &Texts) -> String {
    let Some(card) = &tile.card else {
        return String::new();
    };
    let number = card
        .id
        .split_once('-')
        .map_or(&*card.id, |(number, _)| number);
    let (step, steps) = (card.step.to_string(), card.steps.to_string());
    let numbers = [("card", number), ("step", &*step), ("steps", &*steps)];
    let key = pick(card.done, "class.card_done", "class.card_at");
    texts.fill(key, &numbers)
}

/// Whether the last call failed, or closed a socket because of a failure.
fn has_failed(last: LastCall, failed_ns: u64) -> bool {
    let grace = if last.name == CallName::Close {
        CLOSES_WITHIN
    } else {
        0
    };
    failed_ns.saturating_add(grace) >= last.mono_ns
}

/// A tile's state, and the key of its text.
fn state(tile: &Tile) -> (&'static str, &'static str) {
    let failed = tile.error.as_ref().map(|error| error.mono_ns);
    match tile.call {
        _ if !tile.connected => ("away", "class.is_away"),
        _ if tile.elsewhere => ("out", "class.is_out"),
        Some(call) if call.blocked => ("blocked", "class.is_blocked"),
        Some(call) if failed.is_some_and(|failed| has_failed(call, failed)) => {
            ("wrong", "class.is_wrong")
        }
        Some(_) => ("well", "class.is_well"),
        None => ("quiet", "class.is_quiet"),
    }
}
