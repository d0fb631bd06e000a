//! Draws the list of calls, run by run: arguments, result, duration and both addresses.

mod row;

use shared::outcome::Outcome;
use web_sys::{Element, Node};

use crate::{
    dom::{self, el},
    i18n::Texts,
    model::{
        Model,
        core::time::Millis,
        panes::network,
        text::{format_call, units},
        trace::{
            fate,
            log::{Call, Run, RunId, RunKind},
        },
    },
    view::common::RunKey,
};

/// Within this distance of its end, in pixels, the list follows new calls.
const NEAR_THE_END: i32 = 24;

#[derive(Default)]
pub(super) struct CallList {
    groups: Vec<RunGroup>,
    tab_stop: Option<Element>,
    drawn: Option<RunKey>,
    end: TailFollow,
}

/// Whether the list follows new calls.
struct TailFollow {
    follows: bool,
    scrolled_to: i32,
}

impl Default for TailFollow {
    fn default() -> Self {
        Self {
            follows: true,
            scrolled_to: 0,
        }
    }
}

/// The rows of a run.
struct RunGroup {
    id: RunId,
    element: Element,
    rows: Vec<Element>,
    drawn: Option<RunKey>,
}

impl CallList {
    /// Reads how far the list is scrolled, before it is drawn. It stops following only when the user scrolls up.
    pub(super) fn measure(&mut self) {
        let grid = el("calls");
        let top = grid.scroll_top();
        let is_at_the_end = grid.scroll_height() - top - grid.client_height() < NEAR_THE_END;
        if is_at_the_end {
            self.end.follows = true;
        } else if top < self.end.scrolled_to {
            self.end.follows = false;
        }
        self.end.scrolled_to = top;
    }

    pub(super) fn draw(&mut self, model: &Model, texts: &Texts, waiting: Option<Millis>) {
        let (version, selected, language) = (model.log.version(), model.selected, texts.language);
        let wanted = RunKey {
            version,
            run: None,
            selected,
            language,
        };
        if self.drawn == Some(wanted) && waiting.is_none() {
            return;
        }
        let grid = el("calls");
        let grows = self.drawn.is_none_or(|drawn| drawn.version != version);
        self.drawn = Some(wanted);
        self.match_groups(model, &grid);
        for (group, run) in self.groups.iter_mut().zip(model.runs_in_view()) {
            let selected = selected.filter(|id| run.calls.iter().any(|call| call.id == *id));
            let wanted = RunKey {
                version: run.version,
                selected,
                ..wanted
            };
            group.draw(model, run, wanted, texts, waiting);
        }
        dom::show(&el("calls-empty"), self.groups.is_empty());
        dom::show(&grid, !self.groups.is_empty());
        dom::show(&el("clear"), !model.log.runs().is_empty());
        self.place_tab_stop(&grid);
        if grows && self.end.follows {
            grid.set_scroll_top(i32::MAX);
            self.end.scrolled_to = grid.scroll_top();
        }
    }

    /// Makes one group for each run, in their order.
    fn match_groups(&mut self, model: &Model, grid: &Element) {
        let wanted: Vec<(RunId, bool)> = model
            .runs_in_view()
            .map(|run| (run.id, run.is_talk()))
            .collect();
        self.groups.retain(|group| {
            let stays = wanted.iter().any(|(id, _)| *id == group.id);
            if !stays {
                group.element.remove();
            }
            stays
        });
        for (at, (id, is_talk)) in wanted.into_iter().enumerate() {
            if self.groups.get(at).is_none_or(|group| group.id != id) {
                let element = dom::stamp("run-template", grid);
                let before = self
                    .groups
                    .get(at)
                    .map(|group| Node::from(group.element.clone()));
                grid.insert_before(&element, before.as_ref()).ok();
                dom::set(&element, "data-kind", if is_talk { "talk" } else { "note" });
                self.groups.insert(
                    at,
                    RunGroup {
                        id,
                        element,
                        rows: Vec::new(),
                        drawn: None,
                    },
                );
            }
        }
    }

    /// Makes one row reachable by Tab: the selected one, else the last. Arrow keys reach the others.
    fn place_tab_stop(&mut self, grid: &Element) {
        let selected = grid.query_selector("[aria-selected=true]").ok().flatten();
        let stop = selected.or_else(|| {
            self.groups
                .iter()
                .rev()
                .find_map(|group| group.rows.last())
                .cloned()
        });
        if self.tab_stop != stop {
            for (row, index) in [(&self.tab_stop, "-1"), (&stop, "0")] {
                if let Some(row) = row {
                    dom::set(row, "tabindex", index);
                }
            }
            self.tab_stop = stop;
        }
    }
}

impl RunGroup {
    fn draw(
        &mut self,
        model: &Model,
        run: &Run,
        wanted: RunKey,
        texts: &Texts,
        waiting: Option<Millis>,
    ) {
        let grows = waiting.is_some() && run.is_blocked();
        if self.drawn == Some(wanted) && !grows {
            return;
        }
        self.drawn = Some(wanted);
        dom::write(
            &dom::part(&self.element, "title"),
            &title(model, run, texts),
        );
        let element = &self.element;
        dom::resize_stamped(&mut self.rows, run.calls.len(), "call-template", element);
        for (at, (row, call)) in self.rows.iter().zip(&run.calls).enumerate() {
            row::draw(
                row,
                at + 1,
                call,
                wanted.selected == Some(call.id),
                texts,
                waiting,
            );
        }
    }
}

/// The title of a run.
fn title(model: &Model, run: &Run, texts: &Texts) -> String {
    let transport = run.transport().map_or("", |transport| transport.name());
    let (key, value) = match &run.kind {
        RunKind::Own(_, sentence) if sentence.is_empty() => ("run.bench", String::new()),
        RunKind::Own(_, sentence) => {
            let quoted = format_call::quote_text(sentence, format_call::SHORT);
            return [transport, " ", &quoted, &fate::of_run(run, texts)].concat();
        }
        RunKind::Server(server) => return super::server::note(server, texts),
        RunKind::Stranger(_, address) => ("run.outside", address.to_string()),
        RunKind::Page(_, process) => match model.name_of(*process, texts) {
            Some(name) => return [transport, " ", &name].concat(),
            None => ("run.page", process.to_string()),
        },
        RunKind::ServerStart(_) => ("run.server_starts", String::new()),
        RunKind::Conditions(conditions) => {
            let what = network::summary(conditions, texts);
            return texts.fill("run.conditions", &[("what", &what)]);
        }
        RunKind::Gap(gap) => ("run.gap", units::count(gap.to.saturating_sub(gap.from) + 1)),
        RunKind::CaptureLost(packets) => ("run.capture_lost", units::count(*packets)),
    };
    texts.fill(
        key,
        &[
            ("transport", transport),
            ("address", &value),
            ("said", &value),
            ("n", &value),
        ],
    )
}

/// The name of a call's state in the markup.
pub(super) const fn state(call: &Call) -> &'static str {
    match &call.end {
        Some(end) => match end.outcome {
            Outcome::Returned(_) => "returned",
            Outcome::Failed(_) => "failed",
        },
        None if call.gone => "failed",
        None => "blocked",
    }
}
