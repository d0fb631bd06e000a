//! The packets: table, fields, bytes, and what was said. Nothing is drawn while they are not shown.

mod bytes;
mod fields;
mod filter;
mod follow;
mod hear;
mod rolling;
mod sizes;
mod table;

pub(super) use self::hear::listen;
use self::{
    bytes::Bytes, fields::Fields, filter::FilterBox, follow::Said, sizes::Sizes, table::Table,
};
use crate::{
    dom::{self, el},
    i18n::Texts,
    model::{
        Model,
        core::time::Millis,
        panes::inspector::{Inspector, store},
        text::units,
    },
};

/// The pane as it is drawn.
#[derive(Default)]
pub(super) struct Packets {
    filter: FilterBox,
    table: Table,
    fields: Fields,
    bytes: Bytes,
    said: Said,
    sizes: Option<Sizes>,
}

impl Packets {
    /// Reads what it needs of the layout.
    pub(super) fn look(&mut self, model: &Model) {
        if model.inspector.open {
            self.table.look();
            self.bytes.look();
            self.said.look();
        }
    }

    pub(super) fn draw(&mut self, model: &Model, texts: &Texts, now: Millis) {
        let inspector = &model.inspector;
        draw_tabs(inspector.open, inspector.store.len());
        if !inspector.open {
            return;
        }
        self.sizes.get_or_insert_with(Sizes::observe);
        self.filter.draw(inspector, texts, now);
        draw_notes(model, texts);
        self.table.draw(inspector, model.selected, texts);
        let has_packet = inspector.opened.is_some();
        let follows = inspector.follow.is_some();
        dom::show(&el("packet-choose"), !has_packet && !follows);
        dom::show(&el("packet-tools"), has_packet || follows);
        dom::toggle(
            &el("follow"),
            "disabled",
            !follows && !inspector.can_follow(),
        );
        dom::set(
            &el("follow"),
            "aria-pressed",
            if follows { "true" } else { "false" },
        );
        dom::write(&el("packet-title"), &title(inspector));
        dom::show(&el("packet-fields"), has_packet && !follows);
        dom::show(&el("packet-raw"), has_packet && !follows);
        dom::show(&el("conversation"), follows);
        if follows {
            self.said.draw(inspector, texts);
        } else if has_packet {
            self.fields.draw(model, texts);
            self.bytes.draw(inspector, texts);
        }
    }
}

/// The packet that is looked into, in short.
fn title(inspector: &Inspector) -> String {
    let Some((number, record)) = inspector.record() else {
        return String::new();
    };
    let ends = record
        .ends()
        .map(|(from, to)| [from.to_string(), " → ".to_owned(), to.to_string()].concat());
    ["№ ", &number.to_string(), " · ", &ends.unwrap_or_default()].concat()
}

fn draw_tabs(open: bool, number: usize) {
    for (tab, panel, on) in [
        ("calls-tab", "calls-panel", !open),
        ("packets-tab", "packets-panel", open),
    ] {
        dom::set(&el(tab), "aria-selected", if on { "true" } else { "false" });
        dom::set(&el(tab), "tabindex", if on { "0" } else { "-1" });
        dom::show(&el(panel), on);
    }
    dom::show(&el("filtering"), open);
    dom::toggle(&el("list"), "data-split", open);
    dom::write(&el("packets-number"), &units::count(number as u64));
}

/// What is not in the table though it was there, and what to do where nothing is.
fn draw_notes(model: &Model, texts: &Texts) {
    let inspector = &model.inspector;
    let (gone, lost) = (inspector.store.gone(), inspector.lost);
    let most = units::count(store::MOST as u64);
    let bytes = units::bytes(store::MOST_BYTES as u64);
    let gone = (gone > 0).then(|| {
        texts.fill(
            "packets.gone",
            &[
                ("n", &units::count(gone)),
                ("most", &most),
                ("bytes", &bytes),
            ],
        )
    });
    let lost = (lost > 0).then(|| texts.fill("packets.lost", &[("n", &units::count(lost))]));
    let notes: Vec<String> = gone.into_iter().chain(lost).collect();
    dom::say(&el("packets-note"), &notes.join(" "));
    let (kept, shown) = (inspector.store.len(), inspector.sieve.len(&inspector.store));
    let empty = if kept == 0 {
        texts.get("packets.empty").to_owned()
    } else {
        texts.fill("packets.empty_filter", &[("n", &units::count(kept as u64))])
    };
    let is_done = !inspector.sieve.is_behind(&inspector.store);
    dom::say(
        &el("packets-empty"),
        if shown == 0 && is_done { &empty } else { "" },
    );
}
