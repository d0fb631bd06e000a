//! The ladder: both sides' calls as bars beside the wire, and what crossed it.

use std::rc::Rc;

use shared::{call::Transport, trace::CallId};
use web_sys::{Element, HtmlElement};

use super::arrows::Arrows;
use crate::{
    dom::{self, Listener, Result},
    i18n::{Language, Texts},
    model::{
        Event, Millis, Model,
        ladder::{self, Bar},
        log::{Call, Run, RunId, Side},
        units, words,
    },
    shell::Tell,
    window,
};

/// How high a rung is: for a pointer, and for a finger.
const PITCH: i32 = 26;
const FINGER_PITCH: i32 = 44;
/// How far a second lane stands off the first.
const LANE: i32 = 9;
/// How much of a text fits beside a lane.
const BRIEF: usize = 14;

pub(super) struct Ladder {
    pane: HtmlElement,
    canvas: Element,
    empty: Element,
    legend: Element,
    client_head: Element,
    server_head: Element,
    rungs_column: Element,
    rungs: Vec<Element>,
    bars: Vec<BarView>,
    arrows: Arrows,
    drawn: Option<Drawn>,
}

/// What a drawing depends on.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Drawn {
    version: u64,
    run: Option<RunId>,
    selected: Option<CallId>,
    language: Language,
    pitch: i32,
}

/// A bar, its name, and its result where that stands apart.
struct BarView {
    bar: Element,
    name: Element,
    call: Element,
    value: Element,
    result: Element,
}

impl Ladder {
    pub(super) fn new(tell: &Tell, listeners: &mut Vec<Listener>) -> Result<Self> {
        let pane: HtmlElement = dom::by_id("ladder")?;
        let select = Rc::clone(tell);
        listeners.push(Listener::on(&pane, "click", move |event| {
            select(Event::Select(
                dom::data_around(&event, "id").and_then(|id| id.parse().ok()),
            ));
        })?);
        Ok(Self {
            pane,
            canvas: dom::by_id("canvas")?,
            empty: dom::by_id("ladder-empty")?,
            legend: dom::by_id("legend")?,
            client_head: dom::by_id("client-head")?,
            server_head: dom::by_id("server-head")?,
            rungs_column: dom::by_id("rungs")?,
            rungs: Vec::new(),
            bars: Vec::new(),
            arrows: Arrows::new(dom::by_id("arrows")?),
            drawn: None,
        })
    }

    pub(super) fn draw(&mut self, model: &Model, texts: &Texts, now: Millis) -> Result<()> {
        let run = model.shown_run().filter(|run| !run.calls.is_empty());
        dom::show(&self.canvas, run.is_some());
        dom::show(&self.empty, run.is_none());
        let wanted = Drawn {
            version: model.log.version(),
            run: run.map(|run| run.id),
            selected: model.selected,
            language: texts.language,
            pitch: if window::is_touched() {
                FINGER_PITCH
            } else {
                PITCH
            },
        };
        let before = self.drawn.replace(wanted);
        let Some(run) = run else {
            dom::show(&self.legend, false);
            return Ok(());
        };
        let grows = run
            .calls
            .iter()
            .any(|call| call.is_open() && call.side == Side::Client);
        if before == Some(wanted) && !grows {
            return Ok(());
        }
        self.draw_heads(model, run);
        let ladder = ladder::lay(run, model.log.waiting(), wanted.pitch, now);
        dom::style(&self.canvas, "height", ladder.height);
        self.draw_rungs(&ladder.rungs)?;
        let calls: Vec<&Call> = ladder
            .bars
            .iter()
            .filter_map(|bar| find(model, run, bar.call))
            .collect();
        dom::resize(&mut self.bars, calls.len(), BarView::new, |view| &view.name)?;
        for ((view, bar), call) in self.bars.iter().zip(&ladder.bars).zip(calls) {
            view.draw(bar, call, model.selected == Some(call.id), texts, now)?;
        }
        self.arrows.draw(
            &ladder.arrows,
            model.selected,
            before.and_then(|drawn| drawn.run) != Some(run.id),
            texts,
        )?;
        self.draw_legend(&ladder.arrows);
        if before.is_some_and(|before| before.run != wanted.run || grows)
            && model.selected.is_none()
        {
            self.pane
                .set_scroll_top(if grows { self.pane.scroll_height() } else { 0 });
        }
        Ok(())
    }

    fn draw_heads(&self, model: &Model, run: &Run) {
        let transport = run.transport().unwrap_or(Transport::Udp);
        dom::set(&self.pane, "data-transport", super::client::name(transport));
        let local = |side| {
            let ends = run
                .calls
                .iter()
                .filter(|call| call.side == side)
                .filter_map(|call| call.end.as_ref());
            ends.filter_map(|end| {
                if side == Side::Client {
                    end.local
                } else {
                    end.peer
                }
            })
            .next_back()
        };
        let client = local(Side::Client).or_else(|| local(Side::Server));
        let server = model.servers.get(transport).map(|server| server.address);
        for (head, address) in [(&self.client_head, client), (&self.server_head, server)] {
            dom::set_text(
                head,
                &address
                    .map(|address| address.to_string())
                    .unwrap_or_default(),
            );
        }
    }

    fn draw_rungs(&mut self, rungs: &[ladder::Rung]) -> Result<()> {
        let column = &self.rungs_column;
        let make = || {
            let rung = dom::stamp("rung-template")?;
            column.append_child(&rung)?;
            Ok(rung)
        };
        dom::resize(&mut self.rungs, rungs.len(), make, |rung| rung)?;
        for (element, rung) in self.rungs.iter().zip(rungs) {
            dom::style(element, "top", rung.y);
            dom::set_text(element, &units::moment(rung.after_ns));
        }
        Ok(())
    }

    fn draw_legend(&self, arrows: &[ladder::Arrow]) {
        let captured = arrows.iter().any(|arrow| arrow.captured);
        dom::show(&self.legend, !arrows.is_empty());
        dom::set(
            &self.legend,
            "data-shows",
            if captured { "captured" } else { "derived" },
        );
    }
}

impl BarView {
    fn new() -> Result<Self> {
        let (bar, name, result) = (
            dom::stamp("bar-template")?,
            dom::stamp("name-template")?,
            dom::stamp("result-template")?,
        );
        let (call, value) = (dom::part(&name, "call")?, dom::part(&name, "value")?);
        Ok(Self {
            bar,
            name,
            call,
            value,
            result,
        })
    }

    fn draw(
        &self,
        bar: &Bar,
        call: &Call,
        selected: bool,
        texts: &Texts,
        now: Millis,
    ) -> Result<()> {
        let (lane, names) = match bar.side {
            Side::Client => ("client-lane", "client-names"),
            Side::Server => ("server-lane", "server-names"),
        };
        self.move_to(lane, names)?;
        let state = if bar.open && call.side == Side::Server {
            "waiting"
        } else {
            super::calls::state(call)
        };
        for element in [&self.bar, &self.name, &self.result] {
            dom::set(element, "data-id", &call.id.to_string());
            dom::set(element, "data-state", state);
            dom::toggle(element, "data-selected", selected);
        }
        dom::toggle(&self.bar, "data-before", bar.from_before);
        dom::style(&self.bar, "top", bar.top);
        dom::style(&self.bar, "height", bar.bottom - bar.top);
        // Towards the wire.
        dom::style(
            &self.bar,
            "left",
            if bar.side == Side::Client {
                bar.lane * LANE
            } else {
                -bar.lane * LANE
            },
        );
        dom::toggle(
            &self.bar,
            "data-long",
            bar.result.is_some() || bar.from_before,
        );
        dom::style(&self.name, "top", bar.label);
        let value = match &call.end {
            None if call.side == Side::Client && call.is_open() => words::blocked_for(call, now),
            _ => words::result(call, texts, BRIEF),
        };
        dom::set_text(&self.call, &words::brief(call, BRIEF));
        dom::set_text(&self.value, if bar.result.is_none() { &value } else { "" });
        dom::show(&self.result, bar.result.is_some());
        if let Some(y) = bar.result {
            dom::style(&self.result, "top", y);
            dom::set_text(&self.result, &value);
        }
        Ok(())
    }

    fn move_to(&self, lane: &str, names: &str) -> Result<()> {
        for (element, home) in [
            (&self.bar, lane),
            (&self.name, names),
            (&self.result, names),
        ] {
            let is_there = element
                .parent_element()
                .is_some_and(|parent| parent.id() == home);
            if !is_there {
                dom::by_id::<Element>(home)?.append_child(element)?;
            }
        }
        Ok(())
    }
}

fn find<'a>(model: &'a Model, run: &'a Run, id: CallId) -> Option<&'a Call> {
    run.calls
        .iter()
        .chain(model.log.waiting())
        .find(|call| call.id == id)
}
