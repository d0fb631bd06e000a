//! A server program's side of the trace: every call it makes is reported, and Ctrl-C ends the one it is in.

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
    sys::facts,
    trace::{Ends, OpenCall, Processes, Starting, Trace},
};

/// What Ctrl-C is to a program in a terminal: told once, it ends every call the program is in or comes to.
#[derive(Debug, Default)]
pub struct Interrupt {
    told: Cell<bool>,
    waiting: Notify,
}

impl Interrupt {
    /// Ends the calls.
    pub fn tell(&self) {
        self.told.set(true);
        self.waiting.notify_waiters();
    }

    async fn told(&self) {
        let waiting = self.waiting.notified();
        if !self.told.get() {
            waiting.await;
        }
    }
}

/// Why a call did not return.
#[derive(Debug)]
pub(super) enum Broken {
    /// The kernel failed it.
    Failed(io::Error),
    /// Ctrl-C.
    Interrupted,
}

impl Broken {
    /// As the trace has it. Nobody has sent the relay a signal: it plays the kernel here, and says that it does.
    pub(super) fn told(&self) -> Failed {
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
pub(super) struct Witness {
    pub(super) transport: Transport,
    pub(super) process: ProcessId,
    pub(super) trace: Rc<Trace>,
    interrupt: Rc<Interrupt>,
}

impl Witness {
    pub(super) fn new(transport: Transport, trace: Rc<Trace>, interrupt: Rc<Interrupt>) -> Self {
        let process = Processes::server(transport);
        trace.server_came(process);
        Self {
            transport,
            process,
            trace,
            interrupt,
        }
    }

    /// The calls [`super::bind`] made, told once the program is there to have made them: all that returned, and
    /// the one that did not.
    pub(super) fn says_bound(
        &self,
        address: SocketAddr,
        settings: Settings,
        refused: Option<&Refused>,
    ) {
        let number = |number| Arguments {
            number: Some(number),
            ..Arguments::default()
        };
        let at = Arguments {
            address: Some(address),
            ..Arguments::default()
        };
        let reuse = Arguments {
            word: Some("SO_REUSEADDR".to_owned()),
            ..number(1)
        };
        let tcp = self.transport == Transport::Tcp;
        let calls = [
            (true, CallName::Socket, Arguments::default()),
            (settings.reuse_address, CallName::SetSockOpt, reuse),
            (true, CallName::Bind, at),
            (tcp, CallName::Listen, number(settings.backlog.into())),
        ];
        for (_, name, arguments) in calls.into_iter().filter(|(made, ..)| *made) {
            let (fd, returned) = if name == CallName::Socket {
                (None, Returned::Socket { fd: FIRST_FD })
            } else {
                (Some(FIRST_FD), Returned::Nothing)
            };
            let failed = refused.filter(|refused| refused.call == name);
            let open = self.starts(fd, name, arguments, None);
            let bound = matches!(name, CallName::Bind | CallName::Listen) && failed.is_none();
            let ends = Ends {
                local: Some(address).filter(|_| bound),
                ..Ends::default()
            };
            let result =
                failed.map_or(Ok(returned), |refused| Err(failure::kernel(&refused.error)));
            self.returns(open, result, ends);
            if failed.is_some() {
                return;
            }
        }
    }

    /// A call starts; `client` is the address it is about, where that is known already.
    pub(super) fn starts(
        &self,
        fd: Option<Fd>,
        name: CallName,
        arguments: Arguments,
        client: Option<SocketAddr>,
    ) -> OpenCall {
        let Self {
            process, transport, ..
        } = *self;
        self.trace.call_started(Starting {
            process,
            fd,
            transport,
            name,
            arguments,
            request: None,
            client,
        })
    }

    /// It returns. Of a server the client is always at the other end.
    pub(super) fn returns(&self, open: OpenCall, result: CallResult, ends: Ends) {
        let client = ends.peer;
        self.trace
            .call_returned(open, failure::outcome(result), Ends { client, ..ends });
    }

    /// Waits for a call that may block; Ctrl-C ends it.
    pub(super) async fn blocks<T>(
        &self,
        call: impl Future<Output = io::Result<T>>,
    ) -> Result<T, Broken> {
        tokio::select! {
            biased;
            result = call => result.map_err(Broken::Failed),
            () = self.interrupt.told() => Err(Broken::Interrupted),
        }
    }

    /// Lets time pass; Ctrl-C ends it.
    pub(super) async fn waits(&self, time: Duration) -> Result<(), Broken> {
        let passing = async {
            tokio::time::sleep(time).await;
            Ok(())
        };
        self.blocks(passing).await
    }

    /// Waits until a file descriptor is free, after a call that failed because none was; Ctrl-C ends it.
    pub(super) async fn wait_for_descriptor(&self) -> Result<(), Broken> {
        let free = async {
            descriptors::wait_for_free().await;
            Ok(())
        };
        self.blocks(free).await
    }

    /// The time a program takes to think before it answers a client.
    pub(super) async fn thinks(&self, think_ms: u32, client: SocketAddr) -> Result<(), Broken> {
        if think_ms == 0 {
            return Ok(());
        }
        let arguments = Arguments {
            number: Some(think_ms.into()),
            ..Arguments::default()
        };
        let open = self.starts(None, CallName::Sleep, arguments, Some(client));
        let slept = self.waits(Duration::from_millis(think_ms.into())).await;
        let result = match &slept {
            Ok(()) => Ok(Returned::Nothing),
            Err(broken) => Err(broken.told()),
        };
        let ends = Ends {
            peer: Some(client),
            ..Ends::default()
        };
        self.returns(open, result, ends);
        slept
    }

    /// Gives a socket back.
    pub(super) fn closes<S>(&self, fd: Fd, socket: S, client: Option<SocketAddr>, ends: Ends) {
        let open = self.starts(Some(fd), CallName::Close, Arguments::default(), client);
        drop(socket);
        self.trace.call_returned(
            open,
            Outcome::Returned(Returned::Nothing),
            Ends { client, ..ends },
        );
    }

    /// What the kernel tells of a connection, and of one just accepted also its first packet.
    pub(super) fn facts(&self, stream: &TcpStream, just_accepted: bool) -> Vec<Fact> {
        if self.trace.level() < Level::L1 {
            return Vec::new();
        }
        let mut told = facts::of_connection(stream);
        told.extend(just_accepted.then(|| facts::saved_syn(stream)).flatten());
        told
    }

    /// The work on a sentence, which is no system call but what the server is there for.
    pub(super) fn works<T: AsRef<[u8]>, E>(
        &self,
        task: Task,
        sentence: &[u8],
        client: SocketAddr,
        work: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let Some((name, letter)) = work_name(task) else {
            return work();
        };
        let arguments = Arguments {
            data: Some(sentence.into()),
            word: letter.map(|letter| letter.to_string()),
            ..Arguments::default()
        };
        let open = self.starts(None, name, arguments, Some(client));
        let answer = work()?;
        let ends = Ends {
            peer: Some(client),
            ..Ends::default()
        };
        let data = answer.as_ref().into();
        self.returns(open, Ok(Returned::Chunk { data }), ends);
        Ok(answer)
    }

    /// The same where nothing can go wrong.
    pub(super) fn answers(
        &self,
        task: Task,
        sentence: &[u8],
        client: SocketAddr,
        work: impl FnOnce() -> Vec<u8>,
    ) -> Vec<u8> {
        let work = || Ok::<_, std::convert::Infallible>(work());
        let Ok(answer) = self.works(task, sentence, client, work);
        answer
    }
}

/// A connection that is being served: however its serving ends, the trace is told that it has.
pub(super) struct Served<'a> {
    pub(super) witness: &'a Witness,
    pub(super) from: SocketAddr,
}

impl Drop for Served<'_> {
    fn drop(&mut self) {
        let Self { witness, from } = self;
        witness.trace.connection_ended((witness.transport, *from));
    }
}

/// What the trace calls the work, and the letter it is about; nothing is done for an echo.
pub(super) const fn work_name(task: Task) -> Option<(CallName, Option<char>)> {
    match task {
        Task::Upper => Some((CallName::Upper, None)),
        Task::Count(letter) => Some((CallName::Count, Some(letter))),
        Task::Reverse => Some((CallName::Reverse, None)),
        Task::Echo => None,
    }
}

pub(super) fn receives(size: usize) -> Arguments {
    Arguments {
        number: i64::try_from(size).ok(),
        ..Arguments::default()
    }
}

pub(super) fn sends(data: &[u8], to: Option<SocketAddr>) -> Arguments {
    Arguments {
        address: to,
        data: Some(data.into()),
        ..Arguments::default()
    }
}
