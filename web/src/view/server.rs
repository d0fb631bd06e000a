//! Draws the server's pane: its program, its state, and what it is doing.

mod form;

use shared::{
    call::Transport,
    lab::{Program, Server as Lab, ServerState, Task},
};

pub(super) use self::form::{ServerPanel, choose_letter, wanted};
use crate::{
    dom::{self, el},
    i18n::Texts,
    model::{Model, core::time::Millis, panes::server::AddressHold, text::format_call},
    view::common::{whole_seconds, write_failure},
};

/// Maximum characters of a text in the pane.
const BRIEF: usize = 12;

fn draw(model: &Model, server: &Lab, texts: &Texts, now: Millis) {
    draw_state(server, texts);
    draw_program(server, texts);
    draw_doing(model, server, texts);
    draw_address_in_use(model, texts, now);
}

/// Draws why the server's address is in use, and for how long, by the kernel's list of sockets.
fn draw_address_in_use(model: &Model, texts: &Texts, now: Millis) {
    let held = model.address_hold(now);
    dom::show(&el("server-in-use"), held.is_some());
    let counted = |key, left| texts.fill(key, &[("time", &whole_seconds(left + 999))]);
    let text = match held {
        None => return,
        Some(AddressHold::Other) => texts.get("server.no_time_wait").to_owned(),
        Some(AddressHold::Over) => texts.get("server.free").to_owned(),
        Some(AddressHold::TimeWait(left)) => counted("server.time_wait", left),
        Some(AddressHold::HalfClosed(left)) => counted("server.half_closed", left),
    };
    dom::write(&el("server-time-wait"), &text);
}

/// Draws the call it is in, and why the last command was refused.
fn draw_doing(model: &Model, server: &Lab, texts: &Texts) {
    // Where the program is listed, its marked line shows that.
    let is_listed = server.program == Program::Book;
    let call = model.log.open_server_call(server.transport);
    let call = call.filter(|_| !is_listed);
    let call = call.map(|call| format_call::brief(call, BRIEF));
    let doing = call.map(|call| texts.fill("server.blocked", &[("call", &call)]));
    dom::write_or_hide(&el("server-doing"), &doing.unwrap_or_default());
    let refused = model.servers.refused.as_ref();
    // An address in use is explained in a place of its own.
    let refused = refused.filter(|_| !model.servers.finds_address_in_use(server.transport));
    write_failure("server-refused", refused, texts);
}

fn draw_state(server: &Lab, texts: &Texts) {
    let (state, key, why) = match &server.state {
        ServerState::Running => ("running", "server.running", ""),
        ServerState::Stopped => ("stopped", "server.stopped", ""),
        ServerState::Killed => ("killed", "server.killed", ""),
        ServerState::Dead { why } => ("dead", "server.dead", why.as_str()),
        ServerState::External => ("external", "server.external", ""),
    };
    dom::set(&el("server"), "data-state", state);
    dom::write(&el("server-state"), texts.get(key));
    dom::write(
        &el("server-why"),
        &texts.fill("server.died", &[("why", why)]),
    );
    dom::show(&el("server-why"), !why.is_empty());
}

fn draw_program(server: &Lab, texts: &Texts) {
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
    let place = [&address.ip().to_string(), " ", &address.port().to_string()].concat();
    // A private lab has an address of its own, which the copied program contains.
    let python = ["python3 ", transport, "Client.py"].concat();
    dom::write(&el("server-terminal"), &python);
    let nc = if server.transport == Transport::Udp {
        "nc -u "
    } else {
        "nc "
    };
    dom::write(&el("server-command"), &[nc, &place].concat());
}

/// The text of a server's change of state.
pub(super) fn note(server: &Lab, texts: &Texts) -> String {
    let (key, why) = match &server.state {
        ServerState::Running => ("run.server_running", ""),
        ServerState::Stopped => ("run.server_stopped", ""),
        ServerState::Killed => ("run.server_killed", ""),
        ServerState::Dead { why } => ("run.server_died", why.as_str()),
        ServerState::External => ("run.server_external", ""),
    };
    texts.fill(key, &[("transport", server.transport.name()), ("why", why)])
}
