//! The list of calls: run by run, each with its arguments, its result, how long it took, and both addresses.

use std::rc::Rc;

use shared::{outcome::Outcome, trace::CallId};
use web_sys::{Element, HtmlElement};

use self::row::Row;
use crate::{
    dom::{self, Listener, Result},
    i18n::{Language, Texts},
    model::{
        Event, Millis, Model,
        log::{Call, Kind, Run, RunId, Side, Visitor},
        units, words,
    },
    shell::Tell,
};

mod row;

/// The servers' calls that wait for a client stand below all runs.
const WAITING: RunId = RunId::MAX;

pub(super) struct Calls {
    grid: Element,
    empty: Element,
    clear: Element,
    groups: Vec<Group>,
    tab_stop: Option<Element>,
    drawn: Option<Drawn>,
    follow: Rc<std::cell::Cell<bool>>,
}

/// What a drawing depends on.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Drawn {
    version: u64,
    selected: Option<CallId>,
    language: Language,
}

/// A run's rows.
struct Group {
    id: RunId,
    element: Element,
    title: Element,
    rows: Vec<Row>,
    drawn: Option<Drawn>,
}

impl Calls {
    pub(super) fn new(tell: &Tell, listeners: &mut Vec<Listener>) -> Result<Self> {
        let grid: HtmlElement = dom::by_id("calls")?;
        let clear: Element = dom::by_id("clear")?;
        let follow = Rc::new(std::cell::Cell::new(true));
        let select = Rc::clone(tell);
        listeners.push(Listener::on(&grid, "focusin", move |event| {
            if let Some(call) = dom::data_around(&event, "id").and_then(|id| id.parse().ok()) {
                select(Event::Select(Some(call)));
            }
        })?);
        let deselect = Rc::clone(tell);
        listeners.push(Listener::on(&grid, "keydown", move |event| {
            let Some(key) = dom::key(&event) else { return };
            if key == "Escape" {
                deselect(Event::Select(None));
            } else if move_focus(&key) {
                event.prevent_default();
            }
        })?);
        let wipe = Rc::clone(tell);
        listeners.push(Listener::on(&clear, "click", move |_| wipe(Event::Clear))?);
        let (scrolled, follows) = (grid.clone(), Rc::clone(&follow));
        listeners.push(Listener::on(&grid, "scroll", move |_| {
            // Against what is drawn, never against rows that have come since.
            let below = scrolled.scroll_height() - scrolled.scroll_top() - scrolled.client_height();
            follows.set(below < 24);
        })?);
        let empty = dom::by_id("calls-empty")?;
        Ok(Self {
            grid: grid.into(),
            empty,
            clear,
            groups: Vec::new(),
            tab_stop: None,
            drawn: None,
            follow,
        })
    }

    pub(super) fn draw(&mut self, model: &Model, texts: &Texts, now: Millis) -> Result<()> {
        let wanted = Drawn {
            version: model.log.version(),
            selected: model.selected,
            language: texts.language,
        };
        let is_new = self.drawn != Some(wanted);
        if !is_new && model.program.waiting().is_none() {
            return Ok(());
        }
        let grows = self
            .drawn
            .is_none_or(|drawn| drawn.version != wanted.version);
        self.drawn = Some(wanted);
        self.match_groups(model)?;
        for (group, run) in self.groups.iter_mut().zip(model.log.runs()) {
            let selected = model
                .selected
                .filter(|id| run.calls.iter().any(|call| call.id == *id));
            group.draw(
                &title(run, texts),
                &run.calls,
                Drawn {
                    version: run.version,
                    selected,
                    ..wanted
                },
                texts,
                now,
            )?;
        }
        if let Some(group) = self.groups.last_mut().filter(|group| group.id == WAITING) {
            group.draw(
                texts.get("calls.waiting"),
                model.log.waiting(),
                wanted,
                texts,
                now,
            )?;
        }
        let is_empty = self.groups.is_empty();
        dom::show(&self.empty, is_empty);
        dom::show(&self.grid, !is_empty);
        dom::show(&self.clear, !model.log.runs().is_empty());
        self.place_tab_stop(model.selected);
        if grows && self.follow.get() {
            self.grid.set_scroll_top(self.grid.scroll_height());
        }
        Ok(())
    }

    /// One group for each run, in their order, and one for what waits.
    fn match_groups(&mut self, model: &Model) -> Result<()> {
        let mut wanted: Vec<RunId> = model.log.runs().iter().map(|run| run.id).collect();
        if !model.log.waiting().is_empty() {
            wanted.push(WAITING);
        }
        self.groups.retain(|group| {
            let stays = wanted.binary_search(&group.id).is_ok();
            if !stays {
                group.element.remove();
            }
            stays
        });
        for (at, id) in wanted.into_iter().enumerate() {
            if self.groups.get(at).is_none_or(|group| group.id != id) {
                let group = Group::new(id)?;
                let before = self
                    .groups
                    .get(at)
                    .map(|group| web_sys::Node::from(group.element.clone()));
                self.grid.insert_before(&group.element, before.as_ref())?;
                self.groups.insert(at, group);
            }
        }
        Ok(())
    }

    /// One row can be reached by Tab: the selected one, else the last; the others by arrows.
    fn place_tab_stop(&mut self, selected: Option<CallId>) {
        let mut rows = self.groups.iter().flat_map(|group| &group.rows);
        let chosen = rows
            .clone()
            .find(|row| selected.is_some() && row.call() == selected);
        let stop = chosen
            .or_else(|| rows.next_back())
            .map(|row| row.element().clone());
        if self.tab_stop != stop {
            if let Some(before) = &self.tab_stop {
                dom::set(before, "tabindex", "-1");
            }
            if let Some(stop) = &stop {
                dom::set(stop, "tabindex", "0");
            }
            self.tab_stop = stop;
        }
    }
}

impl Group {
    fn new(id: RunId) -> Result<Self> {
        let element = dom::stamp("run-template")?;
        let title = dom::part(&element, "title")?;
        Ok(Self {
            id,
            element,
            title,
            rows: Vec::new(),
            drawn: None,
        })
    }

    fn draw(
        &mut self,
        title: &str,
        calls: &[Call],
        wanted: Drawn,
        texts: &Texts,
        now: Millis,
    ) -> Result<()> {
        let grows = calls
            .iter()
            .any(|call| call.is_open() && call.side == Side::Client);
        if self.drawn == Some(wanted) && !grows {
            return Ok(());
        }
        self.drawn = Some(wanted);
        dom::set_text(&self.title, title);
        let element = &self.element;
        dom::resize(
            &mut self.rows,
            calls.len(),
            || Row::new(element),
            Row::element,
        )?;
        for (at, (row, call)) in self.rows.iter_mut().zip(calls).enumerate() {
            row.draw(at + 1, call, wanted.selected == Some(call.id), texts, now);
        }
        Ok(())
    }
}

/// What a run is called.
fn title(run: &Run, texts: &Texts) -> String {
    match &run.kind {
        Kind::Own(transport, sentence) => {
            format!(
                "{} {}",
                transport.name(),
                words::quote_text(sentence, words::SHORT)
            )
        }
        Kind::Visitor(transport, visitor) => {
            let name = transport.name();
            match visitor {
                Visitor::Address(address) => texts.fill(
                    "run.outside",
                    &[("transport", name), ("address", &address.to_string())],
                ),
                Visitor::Process(..) => texts.fill("run.page", &[("transport", name)]),
            }
        }
        Kind::ServerStart(transport) => {
            texts.fill("run.server_starts", &[("transport", transport.name())])
        }
        Kind::Server(server) => super::server::note(server, texts),
        Kind::Gap(gap) => {
            let missing = units::count(gap.to.saturating_sub(gap.from) + 1);
            texts.fill("run.gap", &[("n", &missing)])
        }
        Kind::CaptureLost(packets) => {
            texts.fill("run.capture_lost", &[("n", &units::count(*packets))])
        }
    }
}

/// Moves to another row; tells whether that key does so.
fn move_focus(key: &str) -> bool {
    let Ok(rows) = dom::all("#calls [data-id]") else {
        return false;
    };
    let focused = dom::focused();
    let at = rows.iter().position(|row| Some(row) == focused.as_ref());
    let to = match (key, at) {
        ("ArrowDown", Some(at)) => at + 1,
        ("ArrowUp", Some(at)) => at.saturating_sub(1),
        ("Home", Some(_)) => 0,
        ("End", Some(_)) => rows.len().saturating_sub(1),
        _ => return false,
    };
    if let Some(row) = rows.get(to) {
        dom::focus(row);
    }
    true
}

/// How a call's state is named in the page's markup.
pub(super) fn state(call: &Call) -> &'static str {
    match &call.end {
        Some(end) => match end.outcome {
            Outcome::Returned(_) => "returned",
            Outcome::Failed(_) => "failed",
        },
        None if call.gone => "failed",
        None => "blocked",
    }
}
