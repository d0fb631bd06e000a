//! Draws the workbench: a card for each socket, the log of calls, and the equivalent program.

mod card;
mod doors;
mod events;
mod row;
mod state_diagram;

use shared::call::Transport;
use web_sys::Element;

use self::card::SocketCardView;
pub(super) use self::{
    doors::HouseView,
    events::{VIEW_KEY, listen, stored},
};
use crate::{
    dom::{self, el},
    i18n::{Language, Texts},
    model::{
        Model,
        core::time::Millis,
        panes::workbench::{ProgramLanguage, equivalent, most_sockets},
    },
    view::common::pick,
};

/// The workbench's elements and cache keys.
#[derive(Default)]
pub(super) struct WorkbenchView {
    sockets: Vec<SocketCardView>,
    rows: Vec<Element>,
    drawn: Option<(u64, Language, u64)>,
    written: Option<(u64, Language, ProgramLanguage)>,
}

impl WorkbenchView {
    pub(super) fn draw(&mut self, model: &Model, texts: &Texts, now: Millis) {
        // Cards and class take the workbench's place on the page.
        let class = model.classroom.open;
        let cards = model.cards.open && !class;
        let open = model.workbench.open && !cards && !class;
        let view = pick(cards, "cards", pick(open, "workbench", "play"));
        let view = pick(class, "class", view);
        dom::set(&el("page"), "data-view", view);
        for (id, pressed) in [
            ("view-play", !open && !cards && !class),
            ("view-workbench", open),
            ("view-cards", cards),
            ("view-class", class),
        ] {
            dom::set_bool(&el(id), "aria-pressed", pressed);
        }
        dom::show(&el("bench"), open);
        if !open {
            return;
        }
        let shown = model.shown();
        let tcp = model.transport() == Transport::Tcp;
        dom::check(pick(tcp, "transport-tcp", "transport-udp"), true);
        draw_tools(model, texts);
        self.draw_cards(model, texts, now);
        self.draw_log(shown, texts, now);
        self.draw_program(model, texts);
    }

    fn draw_cards(&mut self, model: &Model, texts: &Texts, now: Millis) {
        let shown = model.shown();
        let cards = &shown.workbench.cards;
        let archived = model.is_past();
        self.sockets.retain(|socket| {
            let stays =
                socket.archived == archived && cards.iter().any(|card| card.key == socket.key);
            if !stays {
                socket.element.remove();
            }
            stays
        });
        let known = self.sockets.len();
        let newest = self.sockets.last().map_or(0, |socket| socket.key);
        for card in cards.iter().filter(|card| card.key > newest) {
            self.sockets.push(SocketCardView::new(card, archived));
        }
        if self.sockets.len() > known {
            super::translate(texts);
        }
        for (socket, card) in self.sockets.iter_mut().zip(cards) {
            socket.draw(card, model, texts, now);
        }
        let empty = pick(archived, "saved.no_sending", "bench.empty");
        dom::write(&el("bench-empty"), texts.get(empty));
        dom::show(&el("bench-empty"), cards.is_empty());
    }

    fn draw_log(&mut self, shown: &Model, texts: &Texts, now: Millis) {
        let bench = &shown.workbench;
        let blocked = bench
            .calls
            .iter()
            .any(crate::model::panes::workbench::CallRecord::is_open);
        let ticks = if blocked { now } else { 0 };
        let wanted = (bench.version(), texts.language, ticks);
        if self.drawn.replace(wanted) == Some(wanted) {
            return;
        }
        let list = el("bench-log");
        let grows = bench.calls.len() > self.rows.len();
        dom::resize_stamped(&mut self.rows, bench.calls.len(), "made-template", &list);
        for (at, (row, made)) in self.rows.iter().zip(&bench.calls).enumerate() {
            row::draw(row, at + 1, made, texts, now);
        }
        if grows {
            list.set_scroll_top(i32::MAX);
        }
        for id in ["bench-log", "bench-log-title", "bench-clear"] {
            dom::show(&el(id), !bench.calls.is_empty());
        }
    }

    fn draw_program(&mut self, model: &Model, texts: &Texts) {
        let (bench, language) = (&model.shown().workbench, model.workbench.language);
        dom::show(&el("equivalent"), !bench.calls.is_empty());
        let copied = texts.get_if(model.workbench.is_copied(), "copy.done");
        dom::write_or_hide(&el("equivalent-copied"), copied);
        let wanted = (bench.version(), texts.language, language);
        if self.written.replace(wanted) == Some(wanted) {
            return;
        }
        for one in ProgramLanguage::ALL {
            let tab = el(one.id());
            dom::set_bool(&tab, "aria-selected", one == language);
            dom::set(&tab, "tabindex", pick(one == language, "0", "-1"));
        }
        let text = el("equivalent-text");
        dom::set(&text, "aria-labelledby", language.id());
        dom::write(&text, &equivalent::write(bench, language, texts));
    }
}

fn draw_tools(model: &Model, texts: &Texts) {
    let bench = &model.workbench;
    let open = bench.cards.iter().filter(|card| !card.closed).count() as u64;
    let most = most_sockets(model.welcome.as_ref());
    let numbers = [("n", &*open.to_string()), ("most", &*most.to_string())];
    dom::write(&el("bench-limit"), &texts.fill("bench.limit", &numbers));
    for id in ["bench-new-udp", "bench-new-tcp"] {
        dom::toggle(&el(id), "disabled", !model.can_act());
    }
    let own = model
        .welcome
        .as_ref()
        .map(|welcome| &*welcome.lab.host_name);
    dom::set(&el("bench-own-name"), "value", own.unwrap_or_default());
}
