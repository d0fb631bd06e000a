//! A program that ends with the story that started it, and what it said.

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

use crate::patience::{PATIENCE, look_for};

/// A running program. When the story fails, all that it said is shown; in any case it ends.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    diary: Arc<Mutex<String>>,
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
        let diary = Arc::default();
        let (said, lines) = channel();
        let listeners = [
            keep(child.stdout.take(), &diary, Some(said)),
            keep(child.stderr.take(), &diary, None),
        ];
        let input = child.stdin.take();
        Self {
            name,
            child,
            input,
            lines,
            diary,
            listeners,
        }
    }

    /// Its number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Types one line for it.
    ///
    /// # Panics
    /// When it does not listen.
    pub fn types(&mut self, line: &str) {
        let input = self.input.as_mut().expect("open standard input");
        writeln!(input, "{line}").expect("the program reads its standard input");
    }

    /// Its next line on standard output; `None` after the last, or when none came in time.
    #[must_use]
    pub fn says(&self) -> Option<String> {
        self.lines.recv_timeout(PATIENCE).ok()
    }

    /// All it said so far, on standard output and standard error.
    #[must_use]
    pub fn diary(&self) -> String {
        self.diary
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Asks it to end (SIGTERM).
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
            self.diary()
        );
    }

    /// How it ended; all it said is then in the diary.
    ///
    /// # Panics
    /// When it did not end in `limit`.
    pub fn ends_within(&mut self, limit: Duration) -> ExitStatus {
        let ended = look_for(limit, || self.child.try_wait().expect("our own child"));
        let status = ended.unwrap_or_else(|| panic!("{} did not end within {limit:?}", self.name));
        look_for(PATIENCE, || {
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
            eprintln!("--- {} said ---\n{}---", self.name, self.diary());
        }
    }
}

/// Reads to the end in a thread of its own, so that the program never waits for its reader.
fn keep(
    stream: Option<impl Read + Send + 'static>,
    diary: &Arc<Mutex<String>>,
    said: Option<Sender<String>>,
) -> JoinHandle<Option<()>> {
    let diary = Arc::clone(diary);
    std::thread::spawn(move || {
        for line in BufReader::new(stream?).lines() {
            let line = line.ok()?;
            diary
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
