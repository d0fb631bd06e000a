//! The lab's servers as the page knows them, and what it has asked of them.

use shared::{
    call::Transport,
    lab::{Program, Server, ServerState, Settings, Task},
    message::{Ask, Reply},
    outcome::{Failed, Outcome},
};

use crate::model::{
    Model,
    core::{outbox::Outbox, time::Millis},
};

/// How a program of Linux and one of Python say that an address is taken.
const IN_USE: [&str; 2] = ["EADDRINUSE", "Address already in use"];

/// How a server is to be started; what is left out stays as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ServerOptions {
    /// The program.
    pub(crate) program: Option<Program>,
    /// What it does.
    pub(crate) task: Option<Task>,
    /// How it does it.
    pub(crate) settings: Option<Settings>,
}

impl ServerOptions {
    /// What of it is other than it was. Settings that nobody has changed are left to the program.
    #[must_use]
    pub(crate) fn against(self, server: &Server) -> Self {
        Self {
            program: self.program.filter(|program| *program != server.program),
            task: self.task.filter(|task| *task != server.task),
            settings: self
                .settings
                .filter(|settings| server.settings.is_some_and(|known| known != *settings)),
        }
    }
}

/// A command for the server of the chosen transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ServerCommand {
    /// It is to start.
    Start(ServerOptions),
    /// It is to stop, and then to start.
    Restart(ServerOptions),
    /// It is to end as by Ctrl-C.
    Stop,
    /// It is to end as by `kill -9`.
    Kill,
}

/// Both servers, and the last thing asked of one.
#[derive(Debug, Default)]
pub(crate) struct Servers {
    servers: Vec<Server>,
    asked: Option<u64>,
    /// Whether that was to start it.
    starts: bool,
    /// What is asked as soon as that is done.
    then: Option<Ask>,
    /// Why the last ask was refused.
    pub(crate) refused: Option<Failed>,
    /// Whether a connection that is over was seen to hold the address since that was found in use.
    fades: bool,
}

/// What holds an address, as far as the kernel's list tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AddressHold {
    /// TIME_WAIT, for this number of milliseconds more. The kernel's timers may be late by an eighth of the whole: at 0 it
    /// still holds, as long as it is listed.
    TimeWait(Millis),
    /// FIN-WAIT-2: the server has closed a connection and its client has not. The kernel waits this number of milliseconds
    /// more for that.
    HalfClosed(Millis),
    /// It was one of these, and that is over.
    Over,
    /// Something else.
    Other,
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
        matches!(
            state,
            Some(ServerState::Stopped | ServerState::Killed | ServerState::Dead { .. })
        )
    }

    /// Whether an answer to an ask is still to come.
    pub(crate) const fn is_asked(&self) -> bool {
        self.asked.is_some()
    }

    /// Whether it could not start because its address is taken.
    pub(crate) fn finds_address_in_use(&self, transport: Transport) -> bool {
        let refused = self.refused.as_ref();
        if refused.is_some_and(|failed| failed.errno == IN_USE[0]) {
            return self.is_down(transport);
        }
        let state = self.get(transport).map(|server| &server.state);
        matches!(state, Some(ServerState::Dead { why }) if IN_USE.iter().any(|words| why.contains(words)))
    }

    /// What holds an address that is in use, with what the list says of connections there that are over.
    pub(in crate::model) fn held_by(&self, fading: Option<AddressHold>) -> AddressHold {
        let other = if self.fades {
            AddressHold::Over
        } else {
            AddressHold::Other
        };
        fading.unwrap_or(other)
    }

    /// A connection that is over was seen to hold it.
    pub(in crate::model) const fn wait_for_address(&mut self) {
        self.fades = true;
    }

    /// As the welcome tells them.
    pub(in crate::model) fn set_all(&mut self, servers: &[Server]) {
        self.servers = servers.to_vec();
    }

    /// One has changed.
    pub(in crate::model) fn update(&mut self, server: &Server) {
        match self
            .servers
            .iter_mut()
            .find(|known| known.transport == server.transport)
        {
            Some(known) => known.clone_from(server),
            None => self.servers.push(server.clone()),
        }
        // The reply comes before what led to it is told: that it stopped says nothing of why it did not start.
        if !self.starts || server.state == ServerState::Running {
            self.refused = None;
        }
    }

    /// Without the right to control it, the user can only start it as it was.
    pub(in crate::model) fn handle_command(
        &mut self,
        transport: Transport,
        wish: ServerCommand,
        may_control: bool,
        outbox: &mut Outbox,
    ) {
        let known = self.get(transport).filter(|_| may_control);
        let start = |wanted: ServerOptions| {
            let ServerOptions {
                program,
                task,
                settings,
            } = known
                .map(|server| wanted.against(server))
                .unwrap_or_default();
            Ask::StartServer {
                transport,
                program,
                task,
                settings,
            }
        };
        let (ask, then) = match wish {
            ServerCommand::Start(wanted) => (start(wanted), None),
            ServerCommand::Restart(wanted) => (Ask::StopServer { transport }, Some(start(wanted))),
            ServerCommand::Stop => (Ask::StopServer { transport }, None),
            ServerCommand::Kill => (Ask::KillServer { transport }, None),
        };
        self.then = then;
        self.ask(ask, outbox);
    }

    fn ask(&mut self, ask: Ask, outbox: &mut Outbox) {
        (self.refused, self.fades) = (None, false);
        self.starts = matches!(ask, Ask::StartServer { .. });
        self.asked = Some(outbox.ask(ask));
    }

    pub(in crate::model) fn handle_reply(&mut self, reply: &Reply, outbox: &mut Outbox) {
        if self.asked.is_none() || reply.id != self.asked {
            return;
        }
        self.asked = None;
        let then = self.then.take();
        if let Outcome::Failed(failed) = &reply.outcome {
            self.refused = Some(failed.clone());
        } else if let Some(then) = then {
            self.ask(then, outbox);
        }
    }

    /// No answer will come any more.
    pub(in crate::model) fn handle_disconnect(&mut self) {
        (self.asked, self.then) = (None, None);
    }
}

impl Model {
    /// Whether the relay lets this page control the lab's servers.
    pub(in crate::model) fn may_control(&self) -> bool {
        self.welcome.as_ref().is_some_and(|told| told.may_control)
    }

    /// What holds the address of the server that found it in use.
    pub(crate) fn address_hold(&self, now: Millis) -> Option<AddressHold> {
        let transport = self.transport();
        let server = self.servers.get(transport)?;
        let in_use = self.servers.finds_address_in_use(transport);
        let kernel = &self.kernel;
        let half_closed = kernel.half_closed_for(server.address, now);
        let time_wait = kernel.free_in(server.address, now);
        let fading = half_closed.map(AddressHold::HalfClosed);
        let fading = fading.or_else(|| time_wait.map(AddressHold::TimeWait));
        in_use.then(|| self.servers.held_by(fading))
    }

    /// What it was is remembered: as soon as that is over, the kernel lists it no more.
    pub(in crate::model) fn update_address_hold(&mut self, now: Millis) {
        if let Some(AddressHold::TimeWait(_) | AddressHold::HalfClosed(_)) = self.address_hold(now)
        {
            self.servers.wait_for_address();
        }
    }
}
