//! A program that ends with the story that started it, and its output.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, Sender, channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use crate::timeout::{TIMEOUT, poll_until};

/// A running program. It ends with the story; if the story fails, its output is shown.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    output: Arc<Mutex<String>>,
    listeners: [JoinHandle<Option<()>>; 2],
}

impl Process {
    /// Starts it with open standard input.
    ///
    /// # Panics
    /// When it cannot be started; `remedy` then says what to do.
    pub fn start(command: &mut Command, remedy: &str) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let started = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child =
            started.unwrap_or_else(|error| panic!("cannot start {name}: {error}. {remedy}"));
        let output = Arc::default();
        let (said, lines) = channel();
        let listeners = [
            keep(child.stdout.take(), &output, Some(said)),
            keep(child.stderr.take(), &output, None),
        ];
        let input = child.stdin.take();
        Self {
            name,
            child,
            input,
            lines,
            output,
            listeners,
        }
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Writes one line to its standard input.
    ///
    /// # Panics
    /// When it has closed its standard input.
    pub fn types(&mut self, line: &str) {
        let input = self.input.as_mut().expect("open standard input");
        writeln!(input, "{line}").expect("the program reads its standard input");
    }

    /// Its next line on standard output; `None` after the last, or when none came in time.
    #[must_use]
    pub fn next_line(&self) -> Option<String> {
        self.lines.recv_timeout(TIMEOUT).ok()
    }

    /// Its output so far, on standard output and standard error.
    #[must_use]
    pub fn output(&self) -> String {
        self.output
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Sends SIGTERM.
    ///
    /// # Panics
    /// When there is no shell to ask with.
    pub fn terminate(&self) {
        let kill = format!("kill -TERM {}", self.pid());
        let asked = Command::new("sh")
            .args(["-c", &kill])
            .status()
            .expect("a shell");
        assert!(
            asked.success(),
            "{} is not there any more\n{}",
            self.name,
            self.output()
        );
    }

    /// Waits until it ends; all its output is then in [`Self::output`].
    ///
    /// # Panics
    /// When it did not end in `limit`.
    pub fn ends_within(&mut self, limit: Duration) -> ExitStatus {
        let ended = poll_until(limit, || self.child.try_wait().expect("our own child"));
        let status = ended.unwrap_or_else(|| panic!("{} did not end within {limit:?}", self.name));
        poll_until(TIMEOUT, || {
            self.listeners
                .iter()
                .all(JoinHandle::is_finished)
                .then_some(())
        });
        status
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        if std::thread::panicking() {
            eprintln!("--- {} said ---\n{}---", self.name, self.output());
        }
    }
}

/// Reads to the end on another thread, so that the program never blocks on a full pipe.
fn keep(
    stream: Option<impl Read + Send + 'static>,
    output: &Arc<Mutex<String>>,
    said: Option<Sender<String>>,
) -> JoinHandle<Option<()>> {
    let output = Arc::clone(output);
    std::thread::spawn(move || {
        for line in BufReader::new(stream?).lines() {
            let line = line.ok()?;
            output
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push_str(&(line.clone() + "\n"));
            if let Some(said) = &said {
                said.send(line).ok();
            }
        }
        Some(())
    })
}
