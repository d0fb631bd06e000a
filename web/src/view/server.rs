//! The server's pane: what runs there, how it is, and what can be done about it.

use std::rc::Rc;

use shared::lab::{Program, Server as Told, ServerState, Task};
use web_sys::{Element, HtmlSelectElement};

use crate::{
    dom::{self, Listener, Result},
    i18n::Texts,
    model::{Event, Model, explain},
    shell::Tell,
};

pub(super) struct Server {
    pane: Element,
    name: Element,
    state: Element,
    why: Element,
    program: Element,
    program_row: Element,
    program_choice: HtmlSelectElement,
    task: Element,
    address: Element,
    start: Element,
    stop: Element,
    refused: Element,
    terminal: Element,
    command: Element,
}

impl Server {
    pub(super) fn new(tell: &Tell, listeners: &mut Vec<Listener>) -> Result<Self> {
        let server = Self {
            pane: dom::by_id("server")?,
            name: dom::by_id("server-name")?,
            state: dom::by_id("server-state")?,
            why: dom::by_id("server-why")?,
            program: dom::by_id("server-program")?,
            program_row: dom::by_id("server-program-row")?,
            program_choice: dom::by_id("server-program-choice")?,
            task: dom::by_id("server-task")?,
            address: dom::by_id("server-address")?,
            start: dom::by_id("server-start")?,
            stop: dom::by_id("server-stop")?,
            refused: dom::by_id("server-refused")?,
            terminal: dom::by_id("server-terminal")?,
            command: dom::by_id("server-command")?,
        };
        let (start, choice) = (Rc::clone(tell), server.program_choice.clone());
        listeners.push(Listener::on(&server.start, "click", move |_| {
            start(Event::StartServer(match choice.value().as_str() {
                "book" => Some(Program::Book),
                "sturdy" => Some(Program::Sturdy),
                _ => None,
            }));
        })?);
        let stop = Rc::clone(tell);
        listeners.push(Listener::on(&server.stop, "click", move |_| {
            stop(Event::StopServer)
        })?);
        Ok(server)
    }

    pub(super) fn draw(&self, model: &Model, texts: &Texts) {
        let Some(server) = model.servers.get(model.transport()) else {
            return;
        };
        let may_control = model
            .welcome
            .as_ref()
            .is_some_and(|welcome| welcome.may_control);
        let is_dead = matches!(server.state, ServerState::Dead { .. });
        let is_down = is_dead || server.state == ServerState::Stopped;
        self.draw_state(server, texts);
        let refused = model.servers.refused.as_ref();
        dom::say(
            &self.refused,
            &refused
                .map(|failed| explain::failure(failed, texts))
                .unwrap_or_default(),
        );
        dom::show(&self.start, is_down && (may_control || is_dead));
        dom::set_text(
            &self.start,
            texts.get(if is_dead {
                "server.start_again"
            } else {
                "server.start"
            }),
        );
        dom::show(
            &self.stop,
            server.state == ServerState::Running && may_control,
        );
        dom::show(&self.program_row, is_down && (may_control || is_dead));
        for button in [&self.start, &self.stop] {
            dom::toggle(button, "disabled", model.servers.is_asked());
        }
        let address = server.address;
        let nc = match server.transport {
            shared::call::Transport::Udp => "nc -u",
            shared::call::Transport::Tcp => "nc",
        };
        dom::set_text(
            &self.terminal,
            &format!("python3 {}Client.py", server.transport.name()),
        );
        dom::set_text(
            &self.command,
            &format!("{nc} {} {}", address.ip(), address.port()),
        );
    }

    fn draw_state(&self, server: &Told, texts: &Texts) {
        let (state, why) = match &server.state {
            ServerState::Running => ("running", ""),
            ServerState::Stopped => ("stopped", ""),
            ServerState::Dead { why } => ("dead", why.as_str()),
            ServerState::External => ("external", ""),
        };
        // The choice follows the server until it is down and somebody chooses.
        if self.pane.get_attribute("data-state").as_deref() != Some(state) {
            self.program_choice.set_value(match server.program {
                Program::Book | Program::External => "book",
                Program::Sturdy => "sturdy",
            });
        }
        dom::set(&self.pane, "data-state", state);
        dom::set(
            &self.pane,
            "data-transport",
            super::client::name(server.transport),
        );
        dom::set_text(&self.name, &format!("{}Server", server.transport.name()));
        dom::set_text(
            &self.state,
            texts.get(match &server.state {
                ServerState::Running => "server.running",
                ServerState::Stopped => "server.stopped",
                ServerState::Dead { .. } => "server.dead",
                ServerState::External => "server.external",
            }),
        );
        dom::say(
            &self.why,
            &if why.is_empty() {
                String::new()
            } else {
                texts.fill("server.died", &[("why", why)])
            },
        );
        dom::set_text(
            &self.program,
            texts.get(match server.program {
                Program::Book => "program.book",
                Program::Sturdy => "program.sturdy",
                Program::External => "program.external",
            }),
        );
        dom::set_text(
            &self.task,
            &match server.task {
                Task::Upper => texts.get("task.upper").to_owned(),
                Task::Count(letter) => texts.fill("task.count", &[("letter", &letter.to_string())]),
            },
        );
        dom::set_text(&self.address, &server.address.to_string());
    }
}

/// A change of a server in one line.
pub(super) fn note(server: &Told, texts: &Texts) -> String {
    let transport = [("transport", server.transport.name())];
    match &server.state {
        ServerState::Running => texts.fill("run.server_running", &transport),
        ServerState::Stopped => texts.fill("run.server_stopped", &transport),
        ServerState::Dead { why } => texts.fill(
            "run.server_died",
            &[("transport", server.transport.name()), ("why", why)],
        ),
        ServerState::External => texts.fill("run.server_external", &transport),
    }
}
