//! The lives of a lab's servers: started, stopped, died of what they met.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use shared::{
    call::Transport,
    lab::{Program, Server, ServerState, Task},
    outcome::{Failed, Reason},
    trace::What,
};
use tokio::task::JoinHandle;

use super::Lab;
use crate::{
    failure,
    server::{self, Bound, Orders},
    trace::Processes,
};

/// The place of one server: what it is or was, and the task it runs in.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) server: RefCell<Server>,
    pub(super) running: RefCell<Option<JoinHandle<()>>>,
    /// Tells a server's end from that of the one started after it.
    pub(super) life: Cell<u64>,
}

impl Lab {
    /// Starts a stopped or dead server, at the address it had.
    ///
    /// # Errors
    /// Where it runs already or is not the lab's own, and the kernel's where its port cannot be had.
    pub fn start_server(
        self: &Rc<Self>,
        transport: Transport,
        program: Option<Program>,
        task: Option<Task>,
    ) -> Result<(), Failed> {
        let slot = self.slot(transport);
        let server = slot.server.borrow().clone();
        self.must_own(&server, program)?;
        if server.state == ServerState::Running {
            return Err(failure::relay(
                Reason::AlreadyRunning,
                "this server is already running",
            ));
        }
        let program = program.unwrap_or(server.program);
        let bound = server::bind(transport, server.address, program)
            .map_err(|error| failure::kernel(&error))?;
        let mut changed = slot.server.borrow_mut();
        (changed.program, changed.task) = (program, task.unwrap_or(server.task));
        drop(changed);
        self.run(transport, bound);
        Ok(())
    }

    /// Stops a running server; when this resolves its sockets are closed.
    ///
    /// # Errors
    /// Where it does not run, or is not the lab's own.
    pub async fn stop_server(&self, transport: Transport) -> Result<(), Failed> {
        let slot = self.slot(transport);
        self.must_own(&slot.server.borrow(), None)?;
        let running = slot.running.take();
        let Some(running) = running.filter(|_| self.is_up(transport)) else {
            return Err(failure::relay(
                Reason::NotRunning,
                "this server is not running",
            ));
        };
        self.becomes(transport, ServerState::Stopped);
        running.abort();
        // An aborted task ends as cancelled: that is what was wanted.
        running.await.ok();
        self.trace.record(
            What::ProcessEnded {
                process: Processes::server(transport),
            },
            None,
        );
        Ok(())
    }

    fn must_own(&self, server: &Server, program: Option<Program>) -> Result<(), Failed> {
        if server.program == Program::External || program == Some(Program::External) {
            return Err(failure::relay(
                Reason::NotRunning,
                "this server is not the relay's own",
            ));
        }
        Ok(())
    }

    pub(super) fn run(self: &Rc<Self>, transport: Transport, bound: Bound) {
        let slot = self.slot(transport);
        let life = slot.life.get() + 1;
        slot.life.set(life);
        let orders = {
            let server = slot.server.borrow();
            Orders {
                program: server.program,
                task: server.task,
            }
        };
        self.becomes(transport, ServerState::Running);
        let lab = Rc::clone(self);
        let running = tokio::task::spawn_local(async move {
            let why = match bound.run(orders, Rc::clone(&lab.trace)).await {
                Ok(server::Died(why)) => why,
                Err(error) => error.to_string(),
            };
            lab.died(transport, life, why);
        });
        slot.running.replace(Some(running));
    }

    fn died(&self, transport: Transport, life: u64, why: String) {
        if self.slot(transport).life.get() == life {
            self.trace.record(
                What::ProcessEnded {
                    process: Processes::server(transport),
                },
                None,
            );
            self.becomes(transport, ServerState::Dead { why });
        }
    }

    fn becomes(&self, transport: Transport, state: ServerState) {
        let mut server = self.slot(transport).server.borrow_mut();
        server.state = state;
        self.trace
            .metrics()
            .server_is(transport, server.state == ServerState::Running);
        self.trace.record(What::Server(server.clone()), None);
    }

    pub(super) const fn slot(&self, transport: Transport) -> &Slot {
        match transport {
            Transport::Udp => &self.slots[0],
            Transport::Tcp => &self.slots[1],
        }
    }
}
