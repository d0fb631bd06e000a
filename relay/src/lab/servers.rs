//! The lives of a lab's servers: started, stopped, killed, died of what they met.

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

/// The place of one server: what it is or was, and the task it runs in.
#[derive(Debug)]
pub(super) struct ServerSlot {
    pub(super) server: RefCell<Server>,
    running: RefCell<Option<RunningServer>>,
    /// How many connections the kernel lets wait for it, as it said when the server began to listen.
    pub(super) backlog: Rc<Cell<Option<u32>>>,
}

/// A server that runs, and what ends it.
#[derive(Debug)]
struct RunningServer {
    task: JoinHandle<()>,
    interrupt: Rc<Interrupt>,
}

/// How a server is to be started; what is none stays as it was.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServerChanges {
    /// The program.
    pub program: Option<Program>,
    /// Its task.
    pub task: Option<Task>,
    /// How it works; with another program and none of these, as is usual for that program.
    pub settings: Option<Settings>,
}

impl ServerChanges {
    /// Whether it is to be started just as it was.
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
    /// Starts a server that does not run, at the address it had. Where its port cannot be had the trace tells of a
    /// program that came, was refused, and went.
    ///
    /// # Errors
    /// Where it runs already, is not the lab's own, or is to work as none can, and the kernel's where its port
    /// cannot be had; the server is then as it was.
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
                "this server is already running",
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
                self.run(transport, bound);
                Ok(())
            }
            Err(refused) => {
                server::record_refused(transport, server.address, settings, &refused, &self.trace);
                self.process_ended(transport);
                Err(failure::kernel(&refused.error))
            }
        }
    }

    /// How a server is to work from now on.
    fn settings(&self, server: &Server, changes: ServerChanges) -> Result<Settings, Failed> {
        let usual = |program| server::usual(self.kind(), program, server.transport);
        let settings = match (changes.settings, changes.program) {
            (Some(settings), _) => Some(settings),
            (None, Some(program)) if program != server.program => usual(program),
            (None, _) => server.settings.or_else(|| usual(server.program)),
        };
        let settings = settings.ok_or_else(not_own)?;
        server::check(&settings, server.transport)?;
        Ok(settings)
    }

    /// Stops a running server as Ctrl-C would: the calls it is in fail with `EINTR`, it closes its sockets, and
    /// when this resolves it has ended.
    ///
    /// # Errors
    /// Where it does not run, or is not the lab's own.
    pub async fn stop_server(&self, transport: Transport) -> Result<(), Failed> {
        let running = self.take_running(transport)?;
        running.interrupt.trigger();
        // The task itself tells how it ended.
        running.task.await.ok();
        Ok(())
    }

    /// Kills a running server as `kill -9` would: no call of it returns any more, and the kernel closes its sockets.
    ///
    /// # Errors
    /// Where it does not run, or is not the lab's own.
    pub async fn kill_server(self: &Rc<Self>, transport: Transport) -> Result<(), Failed> {
        let running = self.take_running(transport)?;
        let lab = Rc::clone(self);
        // A task of its own: whoever asked may leave before it is done.
        let killing = tokio::task::spawn_local(async move {
            running.task.abort();
            // Only a task that was aborted ends with an error; its sockets are closed by then.
            if running.task.await.is_err() {
                lab.record_end(transport, ServerState::Killed);
            }
        });
        killing.await.ok();
        Ok(())
    }

    /// Ends what runs in a lab that is over; nothing more is told of it.
    pub(super) fn end_servers(&self) {
        for slot in &self.slots {
            if let Some(running) = slot.running.take() {
                running.task.abort();
            }
        }
    }

    /// Takes what runs out of its place, to be ended.
    fn take_running(&self, transport: Transport) -> Result<RunningServer, Failed> {
        let slot = self.slot(transport);
        self.check_own(&slot.server.borrow(), None)?;
        let running = slot.running.take().filter(|_| self.is_up(transport));
        running.ok_or_else(|| failure::relay(Reason::NotRunning, "this server is not running"))
    }

    fn check_own(&self, server: &Server, program: Option<Program>) -> Result<(), Failed> {
        if server.program == Program::External || program == Some(Program::External) {
            return Err(not_own());
        }
        Ok(())
    }

    pub(super) fn run(self: &Rc<Self>, transport: Transport, bound: Bound) {
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

    /// A server's process has ended.
    fn record_end(&self, transport: Transport, state: ServerState) {
        self.slot(transport).backlog.take();
        self.process_ended(transport);
        self.set_state(transport, state);
    }

    fn process_ended(&self, transport: Transport) {
        let process = Processes::server(transport);
        self.trace.record(What::ProcessEnded { process }, None);
    }

    fn set_state(&self, transport: Transport, state: ServerState) {
        let mut server = self.slot(transport).server.borrow_mut();
        server.state = state;
        self.trace
            .metrics()
            .server_is(transport, server.state == ServerState::Running);
        self.trace.record(What::Server(server.clone()), None);
    }

    pub(super) const fn slot(&self, transport: Transport) -> &ServerSlot {
        match transport {
            Transport::Udp => &self.slots[0],
            Transport::Tcp => &self.slots[1],
        }
    }
}

fn not_own() -> Failed {
    failure::relay(Reason::NotRunning, "this server is not the relay's own")
}
