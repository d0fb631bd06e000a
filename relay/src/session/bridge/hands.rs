//! A second pair of hands: a thread that writes to visitors while the event loop goes on with its turn.
//!
//! Most of what a bridge costs is the kernel sending to the visitor. A lone sentence is written by the event loop
//! itself, as another thread would first have to be woken. Where many are answered before the event loop sleeps again,
//! most of them are [`Job`]s: bytes for one visitor, who has nothing else written meanwhile. What the kernel does not
//! take at once goes back to the visitor, who knows how to wait for it.

use std::{
    cell::{Cell, OnceCell},
    collections::VecDeque,
    io::Write,
    mem,
    net::TcpStream,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    thread::{self, JoinHandle},
};

/// So many visitors the event loop answers by itself before it sleeps again.
const ALONE: u32 = 4;
/// With more than this waiting, the event loop writes, too: both share the work.
const MOST_JOBS: usize = 64;
const MOST_BYTES: usize = 4 << 20;
/// So much room of written jobs is kept for the next ones.
const SPARE_BUFFERS: usize = 64;
const SPARE_BYTES: usize = 1 << 20;

thread_local! {
    /// The event loop's turn, from waking to sleeping, and how many visitors it has answered in it.
    static TURN: Cell<(u64, u32)> = const { Cell::new((1, 0)) };
    /// The hands of this event loop, from when they were first needed; none where there is one processor.
    static HANDS: OnceCell<Option<Hands>> = const { OnceCell::new() };
}

/// To be told whenever the event loop has nothing more to do and goes to sleep.
pub fn turn_ends() {
    let (turn, _) = TURN.get();
    TURN.set((turn + 1, 0));
}

/// Whether somebody else is to answer a visitor who was last answered in that turn, none at first. However much one
/// visitor is sent, for it alone the waking of two threads costs more than the event loop is spared.
pub(super) fn are_needed(last: &mut u64) -> bool {
    let (turn, answered) = TURN.get();
    let answered = answered + u32::from(mem::replace(last, turn) != turn);
    TURN.set((turn, answered));
    answered > ALONE
}

/// Whether there is somebody else.
pub(super) fn are_there() -> bool {
    with(|hands| hands.is_some())
}

/// Gives these bytes away to be written, for an empty buffer; or gives them back, where the event loop is to write.
pub(super) fn take(
    slip: &Arc<Slip>,
    bytes: Vec<u8>,
    context: &Context<'_>,
) -> Result<Vec<u8>, Vec<u8>> {
    with(|hands| match hands {
        Some(hands) => hands.take(slip, bytes, context),
        None => Err(bytes),
    })
}

fn with<T>(asks: impl FnOnce(Option<&Hands>) -> T) -> T {
    HANDS.with(|hands| asks(hands.get_or_init(Hands::if_they_help).as_ref()))
}

/// What the hands know of one visitor.
#[derive(Debug)]
pub(super) struct Slip {
    stream: TcpStream,
    state: Mutex<State>,
}

/// Where the visitor's job is.
#[derive(Debug)]
enum State {
    /// Nowhere: all was written.
    Done,
    /// With the hands; they wake the visitor's task if it `waits`.
    Away { task: Waker, waits: bool },
    /// Back, as more than `written` the kernel did not take: what is wrong is found out by who writes the rest.
    Left(Left),
}

/// What the hands could not write.
#[derive(Debug)]
pub(super) struct Left {
    pub(super) bytes: Vec<u8>,
    pub(super) written: usize,
}

/// Bytes for one visitor.
#[derive(Debug)]
struct Job {
    slip: Arc<Slip>,
    bytes: Vec<u8>,
}

impl Slip {
    /// For a visitor whose connection this is; none where there are no descriptors left.
    pub(super) fn of(connection: &tokio::net::TcpStream) -> Option<Arc<Self>> {
        let stream = socket2::SockRef::from(connection).try_clone().ok()?;
        Some(Arc::new(Self {
            stream: stream.into(),
            state: Mutex::new(State::Done),
        }))
    }

    /// What came back of the job, once it is not away any more; wakes the task then, if it `waits` for that, and if
    /// something came back.
    pub(super) fn poll_back(&self, context: &Context<'_>, waits: bool) -> Poll<Option<Left>> {
        let mut state = lock(&self.state);
        if let State::Away {
            task,
            waits: awaited,
        } = &mut *state
        {
            *awaited |= waits;
            task.clone_from(context.waker());
            return Poll::Pending;
        }
        Poll::Ready(match mem::replace(&mut *state, State::Done) {
            State::Left(left) => Some(left),
            State::Done | State::Away { .. } => None,
        })
    }

    fn is_back(&self, left: Option<Left>) {
        let (now, failed) = match left {
            None => (State::Done, false),
            Some(left) => (State::Left(left), true),
        };
        let before = mem::replace(&mut *lock(&self.state), now);
        if let State::Away { task, waits } = before
            && (waits || failed)
        {
            task.wake();
        }
    }
}

impl Job {
    /// Writes as much as the kernel takes at once; what remains is the empty buffer.
    fn write(self) -> Vec<u8> {
        let Self { slip, mut bytes } = self;
        let mut written = 0;
        while written < bytes.len() {
            match (&slip.stream).write(&bytes[written..]) {
                Ok(more @ 1..) => written += more,
                Ok(0) | Err(_) => {
                    slip.is_back(Some(Left { bytes, written }));
                    return Vec::new();
                }
            }
        }
        slip.is_back(None);
        bytes.clear();
        bytes
    }
}

/// The thread, as the event loop sees it. It ends with the event loop.
#[derive(Debug)]
struct Hands {
    tray: Arc<Mutex<Tray>>,
    thread: JoinHandle<()>,
}

/// What lies between the two threads.
#[derive(Debug, Default)]
struct Tray {
    jobs: VecDeque<Job>,
    job_bytes: usize,
    spare: Vec<Vec<u8>>,
    spare_bytes: usize,
    ends: bool,
}

impl Hands {
    /// Where there is a processor for them.
    fn if_they_help() -> Option<Self> {
        let processors = thread::available_parallelism().ok()?;
        (processors.get() > 1).then(Self::start)?
    }

    fn start() -> Option<Self> {
        let tray = Arc::default();
        let works = {
            let tray = Arc::clone(&tray);
            move || work(&tray)
        };
        let thread = thread::Builder::new().name("hands".to_owned()).spawn(works);
        thread.ok().map(|thread| Self { tray, thread })
    }

    fn take(
        &self,
        slip: &Arc<Slip>,
        bytes: Vec<u8>,
        context: &Context<'_>,
    ) -> Result<Vec<u8>, Vec<u8>> {
        let mut tray = lock(&self.tray);
        if tray.jobs.len() >= MOST_JOBS || tray.job_bytes >= MOST_BYTES {
            return Err(bytes);
        }
        *lock(&slip.state) = State::Away {
            task: context.waker().clone(),
            waits: false,
        };
        tray.job_bytes += bytes.len();
        tray.jobs.push_back(Job {
            slip: Arc::clone(slip),
            bytes,
        });
        let spare = tray.next_spare();
        drop(tray);
        self.thread.thread().unpark();
        Ok(spare)
    }
}

impl Drop for Hands {
    fn drop(&mut self) {
        lock(&self.tray).ends = true;
        self.thread.thread().unpark();
    }
}

impl Tray {
    fn next_spare(&mut self) -> Vec<u8> {
        let spare = self.spare.pop().unwrap_or_default();
        self.spare_bytes -= spare.capacity();
        spare
    }

    fn keep(&mut self, buffer: Vec<u8>) {
        let room = self.spare_bytes + buffer.capacity();
        if buffer.capacity() > 0 && self.spare.len() < SPARE_BUFFERS && room <= SPARE_BYTES {
            self.spare_bytes = room;
            self.spare.push(buffer);
        }
    }
}

/// What the thread does, until the event loop is gone and all is written.
fn work(tray: &Mutex<Tray>) {
    let mut jobs = VecDeque::new();
    let mut buffers = Vec::new();
    loop {
        let mut shared = lock(tray);
        buffers.drain(..).for_each(|buffer| shared.keep(buffer));
        mem::swap(&mut jobs, &mut shared.jobs);
        shared.job_bytes = 0;
        let ends = shared.ends;
        drop(shared);
        if jobs.is_empty() {
            if ends {
                return;
            }
            thread::park();
        }
        buffers.extend(jobs.drain(..).map(Job::write));
    }
}

/// Nobody breaks down while holding one of these, and if so, what is in it is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
