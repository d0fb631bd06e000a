//! Draws the packets' pane: table, fields, hexdump and conversation. Nothing is drawn while it is hidden.

mod bytes;
mod events;
mod fields;
mod filter;
mod follow;
mod resize_observer;
mod table;
mod virtual_list;

pub(super) use self::events::listen;
use self::{
    bytes::Bytes, fields::Fields, filter::FilterBox, follow::ConversationView,
    resize_observer::SizeObserver, table::Table,
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

/// The parts of the pane.
#[derive(Default)]
pub(super) struct PacketsView {
    filter: FilterBox,
    table: Table,
    fields: Fields,
    bytes: Bytes,
    conversation: ConversationView,
    sizes: Option<SizeObserver>,
}

impl PacketsView {
    /// Reads the layout.
    pub(super) fn measure(&mut self, model: &Model) {
        if model.inspector.open {
            self.table.measure();
            self.bytes.measure();
            self.conversation.measure();
        }
    }

    pub(super) fn draw(&mut self, model: &Model, texts: &Texts, now: Millis) {
        let inspector = &model.inspector;
        draw_tabs(inspector.open, inspector.store.len());
        if !inspector.open {
            return;
        }
        self.sizes.get_or_insert_with(SizeObserver::observe);
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
        dom::set_bool(&el("follow"), "aria-pressed", follows);
        dom::write(&el("packet-title"), &title(inspector));
        dom::show(&el("packet-fields"), has_packet && !follows);
        dom::show(&el("packet-raw"), has_packet && !follows);
        dom::show(&el("conversation"), follows);
        if follows {
            self.conversation.draw(inspector, texts);
        } else if has_packet {
            self.fields.draw(model, texts);
            self.bytes.draw(inspector, texts);
        }
    }
}

/// The title of the opened packet.
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
        dom::set_bool(&el(tab), "aria-selected", on);
        dom::set(&el(tab), "tabindex", if on { "0" } else { "-1" });
        dom::show(&el(panel), on);
    }
    dom::show(&el("filtering"), open);
    dom::toggle(&el("list"), "data-split", open);
    dom::write(&el("packets-number"), &units::count(number as u64));
}

/// Draws how many packets are missing from the table, and a hint while it is empty.
fn draw_notes(model: &Model, texts: &Texts) {
    let inspector = &model.inspector;
    let (gone, lost) = (inspector.store.dropped(), inspector.lost);
    let most = units::count(store::MAX_PACKETS as u64);
    let bytes = units::bytes(store::MAX_PACKET_BYTES as u64);
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
    dom::write_or_hide(&el("packets-note"), &notes.join(" "));
    let (kept, shown) = (
        inspector.store.len(),
        inspector.display_filter.len(&inspector.store),
    );
    let empty = if kept == 0 {
        texts.get("packets.empty").to_owned()
    } else {
        texts.fill("packets.empty_filter", &[("n", &units::count(kept as u64))])
    };
    let is_done = !inspector.display_filter.is_behind(&inspector.store);
    dom::write_or_hide(
        &el("packets-empty"),
        if shown == 0 && is_done { &empty } else { "" },
    );
}
