//! What a page knew before a trace began.

use shared::{
    call::Transport,
    lab::{Server, ServerState},
    trace::{Event, What},
};

use crate::model::{Model, panes::workbench::Workbench, trace::log::Log};

/// A model of the same lab that has heard nothing yet. Its runs are numbered from the first of `ids` on, its changes
/// from the second.
pub(super) fn model(of: &Model, events: &[Event], (runs, versions): (u64, u64)) -> Model {
    let mut model = Model {
        log: Log::of_past(runs, versions),
        workbench: Workbench::of_past(versions),
        welcome: of.welcome.clone(),
        ..Model::default()
    };
    let servers = Transport::ALL.into_iter();
    let servers: Vec<Server> = servers
        .filter_map(|transport| of.servers.get(transport))
        .map(|server| before(server, events))
        .collect();
    model.servers.set_all(&servers);
    let is_told = |event: &Event| matches!(event.what, What::Conditions(_));
    if !events.iter().any(is_told) {
        model.network.conditions = of.network.conditions;
    }
    if let Some(welcome) = &mut model.welcome {
        welcome.may_control = false;
        model.log.set_own_process(welcome.process);
        model.workbench.set_own_process(welcome.process);
    }
    model.copy_view_from(of);
    model
}

/// How a server was before anything happened to it: a change tells what it was not before.
fn before(server: &Server, events: &[Event]) -> Server {
    let mut changes = events.iter().filter_map(|event| {
        if let What::Server(changed) = &event.what {
            Some(changed)
        } else {
            None
        }
    });
    let Some(first) = changes.find(|changed| changed.transport == server.transport) else {
        return server.clone();
    };
    let state = match &first.state {
        ServerState::Running => ServerState::Stopped,
        ServerState::External => ServerState::External,
        ServerState::Stopped | ServerState::Killed | ServerState::Dead { .. } => {
            ServerState::Running
        }
    };
    Server {
        state,
        ..first.clone()
    }
}
