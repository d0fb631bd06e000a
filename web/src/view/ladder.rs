//! Draws the ladder: both sides' calls as bars beside the wire, and the arrows between them.

use shared::trace::CallId;
use web_sys::Element;

use super::arrows::{Arrows, Selected};
use crate::{
    dom::{self, el},
    i18n::Texts,
    model::{
        Model,
        core::time::Millis,
        text::{format_call, units},
        trace::{
            ladder::{self, Arrow, ArrowSpan, Bar, Rung, description::describe},
            log::{Call, Run, Side},
        },
    },
    view::common::{RunKey, address, pick},
    window,
};

/// The height of a rung in pixels: for a finger, for a pointer, and where there are many.
const PITCHES: [i32; 3] = [44, 26, 21];
/// The space above the first rung, in pixels.
const HEAD: i32 = 56;
/// The distance of the second lane from the first, in pixels.
const LANE: i32 = 9;
/// Maximum characters of a text beside a lane.
const BRIEF: usize = 12;

#[derive(Default)]
pub(super) struct LadderView {
    rungs: Vec<Element>,
    bars: Vec<Element>,
    names: Vec<Element>,
    results: Vec<Element>,
    arrows: Arrows,
    sentences: Vec<Element>,
    drawn: Option<RunKey>,
    packet: Option<u64>,
}

impl LadderView {
    pub(super) fn draw(
        &mut self,
        model: &Model,
        texts: &Texts,
        waiting: Option<Millis>,
        room: i32,
    ) {
        let run = model.shown_run().filter(|run| !run.calls.is_empty());
        dom::show(&el("canvas"), run.is_some());
        dom::show(&el("ladder-empty"), run.is_none());
        let (version, selected) = (model.log.version(), model.selected);
        let wanted = RunKey {
            version,
            run: run.map(|run| run.id),
            selected,
            language: texts.language,
        };
        let before = self.drawn.replace(wanted);
        let packet = std::mem::replace(&mut self.packet, model.inspector.selected);
        let Some(run) = run else {
            self.write_sentences(&[]);
            draw_legend(&[]);
            return draw_heads(model, None, texts);
        };
        let grows = waiting.is_some() && run.is_blocked();
        if before == Some(wanted) && packet == self.packet && !grows {
            return;
        }
        let context = LadderContext {
            model,
            run,
            texts,
            waiting,
        };
        let is_new = before.and_then(|drawn| drawn.run) != wanted.run;
        self.draw_run(&context, room, is_new);
        if selected.is_none() && (is_new || grows) {
            el("ladder").set_scroll_top(if grows { i32::MAX } else { 0 });
        }
    }

    fn draw_run(&mut self, context: &LadderContext<'_>, room: i32, is_new: bool) {
        let (pitch, ladder) = lay(context, room);
        draw_heads(context.model, Some(context.run), context.texts);
        dom::set_style_px(&el("canvas"), "height", ladder.height);
        dom::set_style_px(&el("canvas"), "--pitch", pitch);
        self.draw_rungs(&ladder.rungs);
        self.draw_bars(&ladder.bars, context);
        let selected = Selected {
            call: context.model.selected,
            packet: context.model.inspector.selected,
        };
        self.arrows
            .draw(&ladder.arrows, selected, is_new, context.texts);
        draw_legend(&ladder.arrows);
        self.write_sentences(&describe(&ladder, |call| context.find(call), context.texts));
    }

    /// Writes the ladder as sentences, in the order of time.
    fn write_sentences(&mut self, sentences: &[String]) {
        let list = el("ladder-told");
        dom::show(&list, !sentences.is_empty());
        dom::resize_stamped(&mut self.sentences, sentences.len(), "told-template", &list);
        for (element, sentence) in self.sentences.iter().zip(sentences) {
            dom::write(element, sentence);
        }
    }

    fn draw_rungs(&mut self, rungs: &[Rung]) {
        dom::resize_stamped(&mut self.rungs, rungs.len(), "rung-template", &el("rungs"));
        for (element, rung) in self.rungs.iter().zip(rungs) {
            dom::set_style_px(element, "top", rung.y);
            dom::write(element, &units::moment(rung.after_ns));
        }
    }

    fn draw_bars(&mut self, bars: &[Bar], context: &LadderContext<'_>) {
        for (pool, template) in [
            (&mut self.bars, "bar-template"),
            (&mut self.names, "name-template"),
            (&mut self.results, "result-template"),
        ] {
            dom::resize(pool, bars.len(), &|| {
                dom::stamp(template, &el("client-names"))
            });
        }
        let elements = self.bars.iter().zip(&self.names).zip(&self.results);
        for (bar, ((line, name), result)) in bars.iter().zip(elements) {
            if let Some(call) = context.find(bar.call) {
                context.mark_call(bar, call, [line, name, result]);
                draw_bar(line, bar);
                draw_names(name, result, bar, call, &context.value(call));
            }
        }
    }
}

/// What the drawing of a run needs.
struct LadderContext<'a> {
    model: &'a Model,
    run: &'a Run,
    texts: &'a Texts,
    waiting: Option<Millis>,
}

impl<'a> LadderContext<'a> {
    fn find(&self, id: CallId) -> Option<&'a Call> {
        let calls = self.run.calls.iter().chain(self.model.log.waiting());
        calls.into_iter().find(|call| call.id == id)
    }

    /// Puts a bar and its labels on their side, and marks them with their call.
    fn mark_call(&self, bar: &Bar, call: &Call, elements: [&Element; 3]) {
        let (lane, names) = match bar.side {
            Side::Client => ("client-lane", "client-names"),
            Side::Server => ("server-lane", "server-names"),
        };
        let waits = bar.open && bar.side == Side::Server;
        let state = pick(waits, "waiting", super::calls::state(call));
        for (element, home) in elements.into_iter().zip([lane, names, names]) {
            place(element, home);
            dom::set(element, "data-id", &call.id.to_string());
            dom::set(element, "data-state", state);
            dom::toggle(
                element,
                "data-selected",
                self.model.selected == Some(call.id),
            );
        }
    }

    fn value(&self, call: &Call) -> String {
        if call.side == Side::Client && call.is_open() {
            let time = format_call::blocked_for(call, self.waiting);
            let text =
                (!time.is_empty()).then(|| self.texts.fill("wire.blocked", &[("time", &time)]));
            return text.unwrap_or_default();
        }
        format_call::brief_result(call, self.texts, BRIEF)
    }
}

/// Lays a run out so that it fits into the ladder's height, if it can.
fn lay(context: &LadderContext<'_>, room: i32) -> (i32, ladder::Ladder) {
    let meanwhile = context.model.log.waiting();
    let lay = |pitch| {
        let ladder = ladder::lay(context.run, meanwhile, pitch, context.waiting);
        (pitch, ladder)
    };
    let [finger, pointer, many] = PITCHES;
    if window::has_coarse_pointer() {
        return lay(finger);
    }
    let (pitch, ladder) = lay(pointer);
    if window::is_wide() && ladder.height + HEAD > room {
        lay(many)
    } else {
        (pitch, ladder)
    }
}

fn draw_bar(element: &Element, bar: &Bar) {
    // The second lane lies on the side away from the wire.
    let left = if bar.side == Side::Client {
        -bar.lane * LANE
    } else {
        bar.lane * LANE
    };
    dom::toggle(element, "data-long", bar.long);
    dom::toggle(element, "data-before", bar.from_before);
    for (name, pixels) in [
        ("top", bar.top),
        ("height", bar.bottom - bar.top),
        ("left", left),
    ] {
        dom::set_style_px(element, name, pixels);
    }
}

fn draw_names(name: &Element, result: &Element, bar: &Bar, call: &Call, value: &str) {
    dom::set_style_px(name, "top", bar.label);
    dom::write(&dom::part(name, "call"), &format_call::brief(call, BRIEF));
    dom::write(
        &dom::part(name, "value"),
        if bar.result.is_none() { value } else { "" },
    );
    dom::show(result, bar.result.is_some());
    dom::set_style_px(result, "top", bar.result.unwrap_or(0));
    dom::write(result, value);
}

fn place(element: &Element, home: &str) {
    if element
        .parent_element()
        .is_none_or(|parent| parent.id() != home)
    {
        el(home).append_child(element).ok();
    }
}

fn draw_heads(model: &Model, run: Option<&Run>, texts: &Texts) {
    let transport = run.and_then(Run::transport).unwrap_or(model.transport());
    dom::set(&el("ladder"), "data-transport", transport.as_str());
    let server = model.servers.get(transport).map(|server| server.address);
    let client = run.map(|run| model.client_of(run, texts));
    dom::write(&el("client-head"), &client.unwrap_or_default());
    dom::write(&el("server-head"), &address(server));
}

fn draw_legend(arrows: &[Arrow]) {
    let legend = el("legend");
    let crossed = |arrow: &&Arrow| matches!(arrow.way, ArrowSpan::Whole | ArrowSpan::ToEdge);
    let captured = arrows.iter().filter(|arrow| arrow.captured).count();
    dom::show(&legend, !arrows.is_empty());
    let shows = if captured == 0 {
        "derived"
    } else if captured == arrows.iter().filter(crossed).count() {
        "captured"
    } else {
        "both"
    };
    dom::set(&legend, "data-shows", shows);
}
