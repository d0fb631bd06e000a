//! A second thread that writes to bridges' connections while the event loop goes on.
//!
//! Most of a bridge's cost is the kernel's `send` to the client. When many connections are written to in one turn of
//! the event loop, the loop queues [`WriteJob`]s instead, at most one per connection. Bytes that the kernel does not
//! take at once return to the connection's task, which waits until it can write them. A lone message is written by the
//! event loop: it costs more to wake another thread.

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

/// The event loop itself writes to this many connections in a turn; beyond, it queues jobs.
const MAX_DIRECT_CONNECTIONS: u32 = 4;
/// With more jobs or bytes queued, the event loop writes as well: both threads share the work.
const MAX_QUEUED_JOBS: usize = 64;
const MAX_QUEUED_BYTES: usize = 4 << 20;
/// The number and capacity of written buffers that are kept for reuse.
const MAX_SPARE_BUFFERS: usize = 64;
const MAX_SPARE_BYTES: usize = 1 << 20;

thread_local! {
    /// The number of the event loop's turn, from waking to sleeping, and the connections written to in it.
    static TURN: Cell<(u64, u32)> = const { Cell::new((1, 0)) };
    /// This event loop's writer thread, started on first use; none on a machine with one processor.
    static WRITER: OnceCell<Option<WriterThread>> = const { OnceCell::new() };
}

/// Ends a turn of the event loop. The runtime calls it before it parks the thread.
pub fn end_turn() {
    let (turn, _) = TURN.get();
    TURN.set((turn + 1, 0));
}

/// True once more than [`MAX_DIRECT_CONNECTIONS`] connections were written to in this turn: for fewer, the extra
/// wake-up costs more than it saves. `last_turn` is the connection's last turn, 0 at first, and is updated.
pub(super) fn should_queue(last_turn: &mut u64) -> bool {
    let (turn, connections) = TURN.get();
    let connections = connections + u32::from(mem::replace(last_turn, turn) != turn);
    TURN.set((turn, connections));
    connections > MAX_DIRECT_CONNECTIONS
}

/// Whether there is a writer thread.
pub(super) fn exists() -> bool {
    with_writer(|writer| writer.is_some())
}

/// Queues these bytes and returns an empty buffer; returns the bytes where the event loop is to write them.
pub(super) fn queue(
    connection: &Arc<WriteState>,
    bytes: Vec<u8>,
    context: &Context<'_>,
) -> Result<Vec<u8>, Vec<u8>> {
    with_writer(|writer| match writer {
        Some(writer) => writer.queue(connection, bytes, context),
        None => Err(bytes),
    })
}

fn with_writer<T>(use_writer: impl FnOnce(Option<&WriterThread>) -> T) -> T {
    WRITER.with(|writer| use_writer(writer.get_or_init(WriterThread::if_parallel).as_ref()))
}

/// A connection as both threads see it.
#[derive(Debug)]
pub(super) struct WriteState {
    stream: TcpStream,
    job: Mutex<JobState>,
}

#[derive(Debug)]
enum JobState {
    /// No job, or all of it is written.
    Done,
    /// The writer thread has the job. It wakes the task if bytes remain, and otherwise only if `wake_when_done`.
    Queued { task: Waker, wake_when_done: bool },
    /// The kernel did not take all bytes. An error shows when the task writes the rest.
    Unsent(Unsent),
}

/// A job of which the first `written` bytes are written.
#[derive(Debug)]
pub(super) struct Unsent {
    pub(super) bytes: Vec<u8>,
    pub(super) written: usize,
}

/// Bytes for one connection.
#[derive(Debug)]
struct WriteJob {
    connection: Arc<WriteState>,
    bytes: Vec<u8>,
}

impl WriteState {
    /// For this connection, whose descriptor it duplicates; `None` where no descriptor is left.
    pub(super) fn new(connection: &tokio::net::TcpStream) -> Option<Arc<Self>> {
        let stream = socket2::SockRef::from(connection).try_clone().ok()?;
        Some(Arc::new(Self {
            stream: stream.into(),
            job: Mutex::new(JobState::Done),
        }))
    }

    /// What remains of the job once the writer thread is done with it. While pending, the task is woken if bytes remain,
    /// and with `wake_when_done` in any case.
    pub(super) fn poll_done(
        &self,
        context: &Context<'_>,
        wake_when_done: bool,
    ) -> Poll<Option<Unsent>> {
        let mut job = lock(&self.job);
        if let JobState::Queued {
            task,
            wake_when_done: wake,
        } = &mut *job
        {
            *wake |= wake_when_done;
            task.clone_from(context.waker());
            return Poll::Pending;
        }
        Poll::Ready(match mem::replace(&mut *job, JobState::Done) {
            JobState::Unsent(unsent) => Some(unsent),
            JobState::Done | JobState::Queued { .. } => None,
        })
    }

    fn complete(&self, unsent: Option<Unsent>) {
        let is_unsent = unsent.is_some();
        let next = unsent.map_or(JobState::Done, JobState::Unsent);
        let previous = mem::replace(&mut *lock(&self.job), next);
        if let JobState::Queued {
            task,
            wake_when_done,
        } = previous
            && (wake_when_done || is_unsent)
        {
            task.wake();
        }
    }
}

impl WriteJob {
    /// Writes what the kernel takes at once. Returns the buffer, empty, for reuse.
    fn write(self) -> Vec<u8> {
        let Self {
            connection,
            mut bytes,
        } = self;
        let mut written = 0;
        while written < bytes.len() {
            match (&connection.stream).write(&bytes[written..]) {
                Ok(more @ 1..) => written += more,
                Ok(0) | Err(_) => {
                    connection.complete(Some(Unsent { bytes, written }));
                    return Vec::new();
                }
            }
        }
        connection.complete(None);
        bytes.clear();
        bytes
    }
}

/// The event loop's handle. The thread ends when it is dropped.
#[derive(Debug)]
struct WriterThread {
    queue: Arc<Mutex<Queue>>,
    thread: JoinHandle<()>,
}

/// What the two threads share.
#[derive(Debug, Default)]
struct Queue {
    jobs: VecDeque<WriteJob>,
    job_bytes: usize,
    spare: Vec<Vec<u8>>,
    spare_bytes: usize,
    is_closed: bool,
}

impl WriterThread {
    fn if_parallel() -> Option<Self> {
        let processors = thread::available_parallelism().ok()?;
        (processors.get() > 1).then(Self::start)?
    }

    fn start() -> Option<Self> {
        let queue = Arc::default();
        let run = {
            let queue = Arc::clone(&queue);
            move || run(&queue)
        };
        let thread = thread::Builder::new().name("writer".to_owned()).spawn(run);
        thread.ok().map(|thread| Self { queue, thread })
    }

    fn queue(
        &self,
        connection: &Arc<WriteState>,
        bytes: Vec<u8>,
        context: &Context<'_>,
    ) -> Result<Vec<u8>, Vec<u8>> {
        let mut queue = lock(&self.queue);
        if queue.jobs.len() >= MAX_QUEUED_JOBS || queue.job_bytes >= MAX_QUEUED_BYTES {
            return Err(bytes);
        }
        *lock(&connection.job) = JobState::Queued {
            task: context.waker().clone(),
            wake_when_done: false,
        };
        queue.job_bytes += bytes.len();
        queue.jobs.push_back(WriteJob {
            connection: Arc::clone(connection),
            bytes,
        });
        let spare = queue.pop_spare();
        drop(queue);
        self.thread.thread().unpark();
        Ok(spare)
    }
}

impl Drop for WriterThread {
    fn drop(&mut self) {
        lock(&self.queue).is_closed = true;
        self.thread.thread().unpark();
    }
}

impl Queue {
    fn pop_spare(&mut self) -> Vec<u8> {
        let spare = self.spare.pop().unwrap_or_default();
        self.spare_bytes -= spare.capacity();
        spare
    }

    fn push_spare(&mut self, buffer: Vec<u8>) {
        let total = self.spare_bytes + buffer.capacity();
        if buffer.capacity() > 0 && self.spare.len() < MAX_SPARE_BUFFERS && total <= MAX_SPARE_BYTES
        {
            self.spare_bytes = total;
            self.spare.push(buffer);
        }
    }
}

/// The thread: runs until the queue is closed and all jobs are done.
fn run(queue: &Mutex<Queue>) {
    let mut jobs = VecDeque::new();
    let mut buffers = Vec::new();
    loop {
        let mut shared = lock(queue);
        buffers
            .drain(..)
            .for_each(|buffer| shared.push_spare(buffer));
        mem::swap(&mut jobs, &mut shared.jobs);
        shared.job_bytes = 0;
        let is_closed = shared.is_closed;
        drop(shared);
        if jobs.is_empty() {
            if is_closed {
                return;
            }
            thread::park();
        }
        buffers.extend(jobs.drain(..).map(WriteJob::write));
    }
}

/// Nothing panics while it holds one of these locks, so a poisoned one holds a valid value.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
