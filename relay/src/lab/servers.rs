//! Starts, stops and kills a lab's servers, and records their states in the trace. What a server does while it runs is in
//! room `server`; who may control one is decided in `session`.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use shared::{
    call::Transport,
    lab::{Program, Server, ServerState, Settings, Task},
    outcome::{Failed, Reason},
    trace::What,
};
use tokio::task::JoinHandle;

use super::Lab;
use crate::{
    failure,
    server::{self, Bound, Ended, Interrupt, ServerConfig},
    trace::Processes,
};

/// One of the lab's two servers: its current or last state, and the task it runs in.
#[derive(Debug)]
pub(super) struct ServerSlot {
    pub(super) server: RefCell<Server>,
    running: RefCell<Option<RunningServer>>,
    /// The backlog that the kernel applied when the server began to listen.
    pub(super) backlog: Rc<Cell<Option<u32>>>,
}

/// The task of a running server, and the signal that stops it.
#[derive(Debug)]
struct RunningServer {
    task: JoinHandle<()>,
    interrupt: Rc<Interrupt>,
}

/// Changes with which a server is started; `None` keeps the previous value.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServerChanges {
    /// The program to run.
    pub program: Option<Program>,
    /// What it does with a sentence.
    pub task: Option<Task>,
    /// Its settings. If only the program changes, the defaults of that program apply.
    pub settings: Option<Settings>,
}

impl ServerChanges {
    /// Whether nothing changes.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.program.is_none() && self.task.is_none() && self.settings.is_none()
    }
}

impl ServerSlot {
    pub(super) fn new(server: Server) -> Self {
        Self {
            server: RefCell::new(server),
            running: RefCell::default(),
            backlog: Rc::default(),
        }
    }
}

impl Lab {
    /// Starts a server at its previous address. If the address cannot be bound, the trace contains the failed attempt.
    ///
    /// # Errors
    /// If the server is running or external, the settings are invalid, or the kernel refuses the address. The server is
    /// unchanged then.
    pub fn start_server(
        self: &Rc<Self>,
        transport: Transport,
        changes: ServerChanges,
    ) -> Result<(), Failed> {
        let slot = self.slot(transport);
        let mut server = slot.server.borrow().clone();
        self.check_own(&server, changes.program)?;
        if server.state == ServerState::Running {
            return Err(failure::relay(
                Reason::AlreadyRunning,
                "this server is already running; stop it first",
            ));
        }
        let settings = self.settings(&server, changes)?;
        server.settings = Some(settings);
        server.program = changes.program.unwrap_or(server.program);
        server.task = changes.task.unwrap_or(server.task);
        let (address, program) = (server.address, server.program);
        match server::bind(transport, address, program, settings, self.shares_port) {
            Ok(bound) => {
                slot.server.replace(server);
                self.spawn_server(transport, bound);
                Ok(())
            }
            Err(refused) => {
                server::record_refused(transport, server.address, settings, &refused, &self.trace);
                self.record_process_end(transport);
                Err(failure::kernel(&refused.error))
            }
        }
    }

    /// The settings with which a server starts.
    fn settings(&self, server: &Server, changes: ServerChanges) -> Result<Settings, Failed> {
        let usual = |program| server::usual(self.kind(), program, server.transport);
        let settings = match (changes.settings, changes.program) {
            (Some(settings), _) => Some(settings),
            (None, Some(program)) if program != server.program => usual(program),
            (None, _) => server.settings.or_else(|| usual(server.program)),
        };
        let settings = settings.ok_or_else(external_server)?;
        server::check(&settings, server.transport)?;
        Ok(settings)
    }

    /// Stops a running server as Ctrl-C would: its blocked calls fail with `EINTR`, and it closes its sockets. Resolves
    /// when it has ended.
    ///
    /// # Errors
    /// If the server is not running or is external.
    pub async fn stop_server(&self, transport: Transport) -> Result<(), Failed> {
        let running = self.take_running(transport)?;
        running.interrupt.trigger();
        // The task itself records how it ended.
        running.task.await.ok();
        Ok(())
    }

    /// Kills a running server as `kill -9` would: its blocked calls do not return, and its sockets are closed.
    ///
    /// # Errors
    /// If the server is not running or is external.
    pub async fn kill_server(self: &Rc<Self>, transport: Transport) -> Result<(), Failed> {
        let running = self.take_running(transport)?;
        let lab = Rc::clone(self);
        // In a task of its own, because the caller's future may be dropped before the server has ended.
        let killing = tokio::task::spawn_local(async move {
            running.task.abort();
            // An aborted task ends with an error, after its sockets are closed. Otherwise it had ended by itself.
            if running.task.await.is_err() {
                lab.record_end(transport, ServerState::Killed);
            }
        });
        killing.await.ok();
        Ok(())
    }

    /// Aborts the servers of a lab that is closing, without recording it.
    pub(super) fn end_servers(&self) {
        for slot in &self.slots {
            if let Some(running) = slot.running.take() {
                running.task.abort();
            }
        }
    }

    /// Takes the running server out of its slot, so that the caller can end it.
    fn take_running(&self, transport: Transport) -> Result<RunningServer, Failed> {
        let slot = self.slot(transport);
        self.check_own(&slot.server.borrow(), None)?;
        let running = slot.running.take().filter(|_| self.is_up(transport));
        running.ok_or_else(|| {
            failure::relay(
                Reason::NotRunning,
                "this server is not running; start it first",
            )
        })
    }

    fn check_own(&self, server: &Server, program: Option<Program>) -> Result<(), Failed> {
        if server.program == Program::External || program == Some(Program::External) {
            return Err(external_server());
        }
        Ok(())
    }

    pub(super) fn spawn_server(self: &Rc<Self>, transport: Transport, bound: Bound) {
        let slot = self.slot(transport);
        let server_config = {
            let server = slot.server.borrow();
            let usual = ServerConfig::usual(self.kind(), server.program, server.task);
            ServerConfig {
                shares_port: self.shares_port,
                settings: usual.settings.map(|usual| server.settings.unwrap_or(usual)),
                ..usual
            }
        };
        slot.backlog.set(bound.backlog());
        self.set_state(transport, ServerState::Running);
        let interrupt = Rc::new(Interrupt::default());
        let (lab, interrupted) = (Rc::clone(self), Rc::clone(&interrupt));
        let task = tokio::task::spawn_local(async move {
            let running = bound.run(
                server_config,
                interrupted,
                Rc::clone(&lab.trace),
                &lab.netem,
            );
            let ended = running.await;
            let state = match ended {
                Ok(Ended::Stopped) => ServerState::Stopped,
                Ok(Ended::Died(why)) => ServerState::Dead { why },
                Err(error) => ServerState::Dead {
                    why: error.to_string(),
                },
            };
            lab.record_end(transport, state);
        });
        slot.running
            .replace(Some(RunningServer { task, interrupt }));
    }

    /// Records that a server has ended.
    fn record_end(&self, transport: Transport, state: ServerState) {
        self.slot(transport).backlog.take();
        self.record_process_end(transport);
        self.set_state(transport, state);
    }

    fn record_process_end(&self, transport: Transport) {
        let process = Processes::server(transport);
        self.trace.record(What::ProcessEnded { process }, None);
    }

    fn set_state(&self, transport: Transport, state: ServerState) {
        let mut server = self.slot(transport).server.borrow_mut();
        server.state = state;
        self.trace
            .metrics()
            .set_server_up(transport, server.state == ServerState::Running);
        self.trace.record(What::Server(server.clone()), None);
    }

    pub(super) const fn slot(&self, transport: Transport) -> &ServerSlot {
        match transport {
            Transport::Udp => &self.slots[0],
            Transport::Tcp => &self.slots[1],
        }
    }
}

fn external_server() -> Failed {
    failure::relay(
        Reason::NotRunning,
        "this server is external: the relay did not start it and cannot control it",
    )
}
