//! The server's pane: what runs there, how it is, and what can be done about it.

use shared::{
    call::Transport,
    lab::{Program, Server, ServerState, Task},
};

use super::pick;
use crate::{
    dom::{self, el},
    i18n::Texts,
    model::{Model, connection::State, explain, words},
};

/// How much of a text fits into the pane.
const BRIEF: usize = 12;

pub(super) fn draw(model: &Model, texts: &Texts) {
    let Some(server) = model.servers.get(model.transport()) else {
        return;
    };
    let may_control = model
        .welcome
        .as_ref()
        .is_some_and(|welcome| welcome.may_control);
    let is_open = model.connection.state == State::Open;
    let is_dead = matches!(server.state, ServerState::Dead { .. });
    let may_start = is_dead || (may_control && server.state == ServerState::Stopped);
    draw_state(server, texts);
    draw_program(server, texts);
    draw_doing(model, server, texts);
    dom::show(&el("server-start"), may_start);
    dom::show(&el("server-program-row"), may_start);
    let start = pick(is_dead, "server.start_again", "server.start");
    dom::write(&el("server-start"), texts.get(start));
    let may_stop = may_control && server.state == ServerState::Running;
    dom::show(&el("server-stop"), may_stop);
    for button in ["server-start", "server-stop"] {
        let is_late = !is_open || model.servers.is_asked();
        dom::toggle(&el(button), "disabled", is_late);
    }
}

/// The call it is in, and why it would not do what it was asked.
fn draw_doing(model: &Model, server: &Server, texts: &Texts) {
    let call = model.log.server_is_in(server.transport);
    let call = call.map(|call| words::brief(call, BRIEF));
    let doing = call.map(|call| texts.fill("server.blocked", &[("call", &call)]));
    dom::say(&el("server-doing"), &doing.unwrap_or_default());
    let refused = model.servers.refused.as_ref();
    let why = refused.map(|failed| explain::failure(failed, texts));
    dom::say(&el("server-refused"), &why.unwrap_or_default());
}

fn draw_state(server: &Server, texts: &Texts) {
    let (state, key, why) = match &server.state {
        ServerState::Running => ("running", "server.running", ""),
        ServerState::Stopped => ("stopped", "server.stopped", ""),
        ServerState::Killed => ("killed", "server.killed", ""),
        ServerState::Dead { why } => ("dead", "server.dead", why.as_str()),
        ServerState::External => ("external", "server.external", ""),
    };
    let pane = el("server");
    // The choice follows the server until it is down and somebody chooses.
    if pane.get_attribute("data-state").as_deref() != Some(state) {
        dom::choose(
            "server-program-choice",
            if server.program == Program::Sturdy {
                "sturdy"
            } else {
                "book"
            },
        );
    }
    dom::set(&pane, "data-state", state);
    dom::write(&el("server-state"), texts.get(key));
    dom::write(
        &el("server-why"),
        &texts.fill("server.died", &[("why", why)]),
    );
    dom::show(&el("server-why"), !why.is_empty());
}

fn draw_program(server: &Server, texts: &Texts) {
    let transport = server.transport.name();
    dom::write(&el("server-name"), &[transport, "Server"].concat());
    let program = match server.program {
        Program::Book => "program.book",
        Program::Sturdy => "program.sturdy",
        Program::External => "program.external",
    };
    dom::write(&el("server-program"), texts.get(program));
    let task = match server.task {
        Task::Upper => texts.get("task.upper").to_owned(),
        Task::Count(letter) => texts.fill("task.count", &[("letter", &String::from(letter))]),
        Task::Reverse => texts.get("task.reverse").to_owned(),
        Task::Echo => texts.get("task.echo").to_owned(),
    };
    dom::write(&el("server-task"), &task);
    let address = server.address;
    dom::write(&el("server-address"), &address.to_string());
    dom::write(
        &el("server-terminal"),
        &["python3 ", transport, "Client.py"].concat(),
    );
    let nc = if server.transport == Transport::Udp {
        "nc -u "
    } else {
        "nc "
    };
    let command = [
        nc,
        &address.ip().to_string(),
        " ",
        &address.port().to_string(),
    ]
    .concat();
    dom::write(&el("server-command"), &command);
}

/// A change of a server in one line.
pub(super) fn note(server: &Server, texts: &Texts) -> String {
    let (key, why) = match &server.state {
        ServerState::Running => ("run.server_running", ""),
        ServerState::Stopped => ("run.server_stopped", ""),
        ServerState::Killed => ("run.server_killed", ""),
        ServerState::Dead { why } => ("run.server_died", why.as_str()),
        ServerState::External => ("run.server_external", ""),
    };
    texts.fill(key, &[("transport", server.transport.name()), ("why", why)])
}
