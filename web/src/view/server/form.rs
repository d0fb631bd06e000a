//! The form with a server's configuration, and the buttons that start and stop it.

use shared::{
    call::Transport,
    lab::{Program, Server as Lab, ServerState, Settings, Task},
};

use crate::{
    dom::{self, el},
    i18n::Texts,
    model::{
        Model,
        core::{connection::ConnectionState, time::Millis},
        panes::server::ServerOptions,
    },
    view::common::pick,
};

/// Maximum of the fields for receive size, backlog and pause.
const MOST: u32 = 1_000_000;

/// The server's pane.
#[derive(Default)]
pub(in crate::view) struct ServerPanel {
    /// What the fields were filled with; the user's changes stay until the server's configuration changes.
    filled: Option<(String, Lab)>,
}

impl ServerPanel {
    pub(in crate::view) fn draw(&mut self, model: &Model, texts: &Texts, now: Millis) {
        let Some(server) = model.servers.get(model.transport()) else {
            return;
        };
        super::draw(model, server, texts, now);
        self.fill(model, server);
        draw_buttons(model, server, texts);
    }

    fn fill(&mut self, model: &Model, server: &Lab) {
        let lab = model.welcome.as_ref().map(|welcome| welcome.lab.id.clone());
        // Its state is no part of its configuration.
        let same = Lab {
            state: ServerState::External,
            ..server.clone()
        };
        let wanted = (lab.unwrap_or_default(), same);
        if self.filled.as_ref() == Some(&wanted) {
            return;
        }
        let program = pick(server.program == Program::Sturdy, "sturdy", "book");
        dom::select_option("server-program-choice", program);
        let (task, letter) = match server.task {
            Task::Upper => ("upper", 's'),
            Task::Count(letter) => ("count", letter),
            Task::Reverse => ("reverse", 's'),
            Task::Echo => ("echo", 's'),
        };
        dom::select_option("server-task-choice", task);
        dom::set_value("server-letter", letter.encode_utf8(&mut [0; 4]));
        choose_letter();
        if let Some(settings) = &server.settings {
            dom::set_value("server-backlog", &settings.backlog.to_string());
            dom::set_value("server-receive-size", &settings.receive_size.to_string());
            dom::set_value("server-think", &settings.think_ms.to_string());
            dom::check("server-reuse", settings.reuse_address);
        }
        self.filled = Some(wanted);
    }
}

fn draw_buttons(model: &Model, server: &Lab, texts: &Texts) {
    let welcome = model.welcome.as_ref();
    let may_control = welcome.is_some_and(|welcome| welcome.may_control);
    let is_ours = may_control && server.program != Program::External;
    let is_dead = matches!(server.state, ServerState::Dead { .. });
    let is_down = matches!(server.state, ServerState::Stopped | ServerState::Killed);
    let runs = may_control && server.state == ServerState::Running;
    dom::write(
        &el("server-start"),
        texts.get(pick(is_dead, "server.start_again", "server.start")),
    );
    for (button, on) in [
        ("server-start", is_dead || (may_control && is_down)),
        ("server-stop", runs),
        ("server-restart", runs),
        ("server-kill", runs),
    ] {
        let is_late = model.connection.state != ConnectionState::Open || model.servers.is_asked();
        dom::show(&el(button), on);
        dom::toggle(&el(button), "disabled", is_late);
    }
    dom::show(&el("server-program-row"), is_ours);
    dom::show(&el("server-task-row"), is_ours);
    dom::show(&el("server-settings"), is_ours && server.settings.is_some());
    dom::show(
        &el("server-backlog-row"),
        server.transport == Transport::Tcp,
    );
}

/// Shows the field for a letter only if the task is to count one.
pub(in crate::view) fn choose_letter() {
    let counts = dom::value("server-task-choice") == "count";
    dom::show(&el("server-letter-row"), counts);
}

/// The configuration in the fields.
pub(in crate::view) fn wanted() -> ServerOptions {
    let program = match dom::value("server-program-choice").as_str() {
        "book" => Some(Program::Book),
        "sturdy" => Some(Program::Sturdy),
        _ => None,
    };
    let letter = || dom::value("server-letter").chars().next();
    let task = match dom::value("server-task-choice").as_str() {
        "upper" => Some(Task::Upper),
        "count" => letter().map(Task::Count),
        "reverse" => Some(Task::Reverse),
        "echo" => Some(Task::Echo),
        _ => None,
    };
    ServerOptions {
        program,
        task,
        settings: Some(Settings {
            backlog: dom::number("server-backlog", MOST),
            receive_size: dom::number("server-receive-size", MOST),
            think_ms: dom::number("server-think", MOST),
            reuse_address: dom::is_checked("server-reuse"),
        }),
    }
}
