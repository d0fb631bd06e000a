//! Records the calls of a server program in the lab's trace, and ends the current one on Ctrl-C.
//!
//! What the programs do lives in `book` and `robust`; how a trace stores calls, in [`crate::trace`].

use std::{cell::Cell, io, net::SocketAddr, rc::Rc, time::Duration};

use shared::{
    call::{Fd, Transport},
    lab::{Level, Settings, Task},
    outcome::{Failed, FailureSource, Outcome, Returned},
    trace::{Arguments, CallName, Fact, ProcessId},
};
use tokio::{net::TcpStream, sync::Notify};

use super::{FIRST_FD, Refused};
use crate::{
    descriptors,
    failure::{self, CallResult},
    sys::{descriptors::is_exhausted, facts},
    trace::{CallStart, OpenCall, Processes, SocketSnapshot, Trace},
};

/// Ctrl-C in the program's terminal: once triggered, it ends every call that blocks, now and later.
#[derive(Debug, Default)]
pub struct Interrupt {
    is_triggered: Cell<bool>,
    waiting: Notify,
}

impl Interrupt {
    /// Ends the calls.
    pub fn trigger(&self) {
        self.is_triggered.set(true);
        self.waiting.notify_waiters();
    }

    async fn triggered(&self) {
        let waiting = self.waiting.notified();
        if !self.is_triggered.get() {
            waiting.await;
        }
    }
}

/// Why a call did not return.
#[derive(Debug)]
pub(super) enum CallError {
    /// The kernel failed it.
    Failed(io::Error),
    /// Ctrl-C.
    Interrupted,
}

impl CallError {
    /// Whether it failed because no file descriptor was left.
    pub(super) fn is_exhaustion(&self) -> bool {
        matches!(self, Self::Failed(error) if is_exhausted(error))
    }

    /// The failure in the trace. No signal was sent: the relay plays the kernel here, and is named as the source.
    pub(super) fn to_failed(&self) -> Failed {
        match self {
            Self::Failed(error) => failure::kernel(error),
            Self::Interrupted => Failed {
                errno: "EINTR".to_owned(),
                message: "Ctrl-C interrupted this call".to_owned(),
                source: FailureSource::Relay,
                reason: None,
                limit: None,
            },
        }
    }
}

/// Reports a server program's calls to the trace.
#[derive(Clone, Debug)]
pub(super) struct ServerTracer {
    pub(super) transport: Transport,
    pub(super) process: ProcessId,
    pub(super) trace: Rc<Trace>,
    interrupt: Rc<Interrupt>,
}

impl ServerTracer {
    pub(super) fn new(transport: Transport, trace: Rc<Trace>, interrupt: Rc<Interrupt>) -> Self {
        let process = Processes::server(transport);
        trace.register_server(process);
        Self {
            transport,
            process,
            trace,
            interrupt,
        }
    }

    /// Records the calls that [`super::bind`] made before the program existed: those that returned, and the one that
    /// failed.
    pub(super) fn record_bind(
        &self,
        address: SocketAddr,
        settings: Settings,
        refused: Option<&Refused>,
    ) {
        let at = Arguments {
            address: Some(address),
            ..Arguments::default()
        };
        let reuse = Arguments {
            word: Some("SO_REUSEADDR".to_owned()),
            ..number_argument(1_u32)
        };
        let tcp = self.transport == Transport::Tcp;
        let calls = [
            (true, CallName::Socket, Arguments::default()),
            (settings.reuse_address, CallName::SetSockOpt, reuse),
            (true, CallName::Bind, at),
            (tcp, CallName::Listen, number_argument(settings.backlog)),
        ];
        for (_, name, arguments) in calls.into_iter().filter(|(made, ..)| *made) {
            let (fd, returned) = if name == CallName::Socket {
                (None, Returned::Socket { fd: FIRST_FD })
            } else {
                (Some(FIRST_FD), Returned::Nothing)
            };
            let failed = refused.filter(|refused| refused.call == name);
            let open = self.start(fd, name, arguments, None);
            let bound = matches!(name, CallName::Bind | CallName::Listen) && failed.is_none();
            let ends = SocketSnapshot::between(bound.then_some(address), None);
            let result =
                failed.map_or(Ok(returned), |refused| Err(failure::kernel(&refused.error)));
            self.finish(open, result, ends);
            if failed.is_some() {
                return;
            }
        }
    }

    /// Records the start of a call; `client` is the address it concerns, where that is known already.
    pub(super) fn start(
        &self,
        fd: Option<Fd>,
        name: CallName,
        arguments: Arguments,
        client: Option<SocketAddr>,
    ) -> OpenCall {
        let Self {
            process, transport, ..
        } = *self;
        self.trace.start_call(CallStart {
            process,
            fd,
            transport,
            name,
            arguments,
            request: None,
            client,
        })
    }

    /// Records its return. The peer of a server is always the client.
    pub(super) fn finish(&self, open: OpenCall, result: CallResult, ends: SocketSnapshot) {
        let client = ends.peer;
        self.trace.finish_call(
            open,
            failure::outcome(result),
            SocketSnapshot { client, ..ends },
        );
    }

    /// Waits for a call that may block; Ctrl-C ends it.
    pub(super) async fn interruptible<T>(
        &self,
        call: impl Future<Output = io::Result<T>>,
    ) -> Result<T, CallError> {
        tokio::select! {
            biased;
            result = call => result.map_err(CallError::Failed),
            () = self.interrupt.triggered() => Err(CallError::Interrupted),
        }
    }

    /// Sleeps; Ctrl-C ends it.
    pub(super) async fn sleep(&self, time: Duration) -> Result<(), CallError> {
        let passing = async {
            tokio::time::sleep(time).await;
            Ok(())
        };
        self.interruptible(passing).await
    }

    /// Waits until a file descriptor is free, after a call that failed because none was; Ctrl-C ends it.
    pub(super) async fn wait_for_descriptor(&self) -> Result<(), CallError> {
        let free = async {
            descriptors::wait_for_free().await;
            Ok(())
        };
        self.interruptible(free).await
    }

    /// The delay before an answer, recorded as `sleep`.
    pub(super) async fn delay(&self, think_ms: u32, client: SocketAddr) -> Result<(), CallError> {
        if think_ms == 0 {
            return Ok(());
        }
        let open = self.start(
            None,
            CallName::Sleep,
            number_argument(think_ms),
            Some(client),
        );
        let slept = self.sleep(Duration::from_millis(think_ms.into())).await;
        let result = match &slept {
            Ok(()) => Ok(Returned::Nothing),
            Err(error) => Err(error.to_failed()),
        };
        let ends = SocketSnapshot::between(None, Some(client));
        self.finish(open, result, ends);
        slept
    }

    /// Closes a socket.
    pub(super) fn close<S>(
        &self,
        fd: Fd,
        socket: S,
        client: Option<SocketAddr>,
        ends: SocketSnapshot,
    ) {
        let open = self.start(Some(fd), CallName::Close, Arguments::default(), client);
        drop(socket);
        self.trace.finish_call(
            open,
            Outcome::Returned(Returned::Nothing),
            SocketSnapshot { client, ..ends },
        );
    }

    /// The kernel's facts about a connection, with the saved SYN where it was just accepted.
    pub(super) fn facts(&self, stream: &TcpStream, just_accepted: bool) -> Vec<Fact> {
        if self.trace.level() < Level::L1 {
            return Vec::new();
        }
        let mut facts = facts::of_connection(stream);
        facts.extend(just_accepted.then(|| facts::saved_syn(stream)).flatten());
        facts
    }

    /// Applies the server's task to a sentence, and records it like a call.
    pub(super) fn apply_task<T: AsRef<[u8]>, E>(
        &self,
        task: Task,
        sentence: &[u8],
        client: SocketAddr,
        work: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let Some((name, letter)) = task_call(task) else {
            return work();
        };
        let arguments = Arguments {
            data: Some(sentence.into()),
            word: letter.map(|letter| letter.to_string()),
            ..Arguments::default()
        };
        let open = self.start(None, name, arguments, Some(client));
        let answer = work()?;
        let ends = SocketSnapshot::between(None, Some(client));
        let data = answer.as_ref().into();
        self.finish(open, Ok(Returned::Chunk { data }), ends);
        Ok(answer)
    }

    /// The same for a task that cannot fail.
    pub(super) fn apply_infallible_task(
        &self,
        task: Task,
        sentence: &[u8],
        client: SocketAddr,
        work: impl FnOnce() -> Vec<u8>,
    ) -> Vec<u8> {
        let work = || Ok::<_, std::convert::Infallible>(work());
        let Ok(answer) = self.apply_task(task, sentence, client, work);
        answer
    }
}

/// Records the end of a connection when it is dropped, however serving it ends.
pub(super) struct ConnectionGuard<'a> {
    pub(super) tracer: &'a ServerTracer,
    pub(super) from: SocketAddr,
}

impl Drop for ConnectionGuard<'_> {
    fn drop(&mut self) {
        let Self { tracer, from } = self;
        tracer.trace.end_connection((tracer.transport, *from));
    }
}

/// The trace's name for a task, and the letter it counts; none for an echo.
pub(super) const fn task_call(task: Task) -> Option<(CallName, Option<char>)> {
    match task {
        Task::Upper => Some((CallName::Upper, None)),
        Task::Count(letter) => Some((CallName::Count, Some(letter))),
        Task::Reverse => Some((CallName::Reverse, None)),
        Task::Echo => None,
    }
}

pub(super) fn receive_arguments(size: usize) -> Arguments {
    number_argument(size)
}

fn number_argument(number: impl TryInto<i64>) -> Arguments {
    Arguments {
        number: number.try_into().ok(),
        ..Arguments::default()
    }
}

pub(super) fn send_arguments(data: &[u8], to: Option<SocketAddr>) -> Arguments {
    Arguments {
        address: to,
        data: Some(data.into()),
        ..Arguments::default()
    }
}
