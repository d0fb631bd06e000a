//! The lab's servers as the page knows them, and what it has asked of them.

use shared::{
    call::Transport,
    lab::{Program, Server, ServerState},
    message::{Ask, Reply},
    outcome::{Failed, Outcome},
};

use super::outbox::Outbox;

/// Both servers, and the last thing asked of one.
#[derive(Debug, Default)]
pub(crate) struct Servers {
    servers: Vec<Server>,
    asked: Option<u64>,
    /// Why the last ask was refused.
    pub(crate) refused: Option<Failed>,
}

impl Servers {
    /// One of them.
    pub(crate) fn get(&self, transport: Transport) -> Option<&Server> {
        self.servers
            .iter()
            .find(|server| server.transport == transport)
    }

    /// Whether it is known to be down: nobody will answer.
    pub(crate) fn is_down(&self, transport: Transport) -> bool {
        let state = self.get(transport).map(|server| &server.state);
        matches!(state, Some(ServerState::Stopped | ServerState::Dead { .. }))
    }

    /// Whether an answer to an ask is still to come.
    pub(crate) const fn is_asked(&self) -> bool {
        self.asked.is_some()
    }

    /// As the welcome tells them.
    pub(super) fn are(&mut self, servers: &[Server]) {
        self.servers = servers.to_vec();
    }

    /// One has changed.
    pub(super) fn is_now(&mut self, server: &Server) {
        match self
            .servers
            .iter_mut()
            .find(|known| known.transport == server.transport)
        {
            Some(known) => known.clone_from(server),
            None => self.servers.push(server.clone()),
        }
        self.refused = None;
    }

    pub(super) fn start(
        &mut self,
        transport: Transport,
        program: Option<Program>,
        outbox: &mut Outbox,
    ) {
        self.ask(
            Ask::StartServer {
                transport,
                program,
                task: None,
                settings: None,
            },
            outbox,
        );
    }

    pub(super) fn stop(&mut self, transport: Transport, outbox: &mut Outbox) {
        self.ask(Ask::StopServer { transport }, outbox);
    }

    fn ask(&mut self, ask: Ask, outbox: &mut Outbox) {
        self.refused = None;
        self.asked = Some(outbox.ask(ask));
    }

    pub(super) fn reply(&mut self, reply: &Reply) {
        if self.asked.is_none() || reply.id != self.asked {
            return;
        }
        self.asked = None;
        if let Outcome::Failed(failed) = &reply.outcome {
            self.refused = Some(failed.clone());
        }
    }

    /// No answer will come any more.
    pub(super) fn lose(&mut self) {
        self.asked = None;
    }
}
