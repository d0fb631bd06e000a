//! The real relay binary on ports the system chose.

use std::{
    error::Error,
    io::Write,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
    time::Duration,
};

use crate::{folder::Folder, process::Process, timeout::TIMEOUT};

/// SIGTERM to exit: what the relay promises.
const ENDING: Duration = Duration::from_secs(5);

/// A running relay; it ends with the story.
#[derive(Debug)]
pub struct Relay {
    process: Process,
    _folder: Option<Folder>,
    /// Where its page is.
    pub http: SocketAddr,
    /// Its UDP server.
    pub udp: SocketAddr,
    /// Its TCP server.
    pub tcp: SocketAddr,
}

impl Relay {
    /// Starts it on 127.0.0.1 and ports the system chooses, and waits for its ready line.
    ///
    /// # Panics
    /// When it does not become ready.
    #[must_use]
    pub fn start(args: &[&str]) -> Self {
        Self::launch("127.0.0.1:0", "127.0.0.1:0", args)
    }

    /// Starts it on a host of the story's own, where its ports stay free when it gives them back.
    ///
    /// # Panics
    /// When it does not become ready.
    #[must_use]
    pub fn start_at(host: IpAddr, args: &[&str]) -> Self {
        let any = SocketAddr::new(host, 0).to_string();
        Self::launch(&any, &any, args)
    }

    /// Starts it with exactly these addresses.
    ///
    /// # Panics
    /// When it does not become ready.
    #[must_use]
    pub fn launch(http: &str, server: &str, args: &[&str]) -> Self {
        Self::run(relay(binary()), None, http, server, args)
    }

    /// Starts it as a user who may not capture anything: a copy of the binary without privileges, and as root without
    /// any capability (setpriv(1)), so that its user is still the story's.
    ///
    /// # Panics
    /// When it does not become ready.
    #[cfg(unix)]
    #[must_use]
    pub fn start_unprivileged(args: &[&str]) -> Self {
        use std::os::unix::fs::MetadataExt;
        let folder = Folder::new();
        let copy = folder.copies(binary());
        // What root makes belongs to root.
        let is_root = std::fs::metadata(folder.path()).expect("our folder").uid() == 0;
        let command = if is_root {
            let mut command = relay(Path::new("setpriv"));
            command.args(["--bounding-set=-all", "--inh-caps=-all", "--"]);
            command.arg(copy);
            command
        } else {
            relay(&copy)
        };
        Self::run(command, Some(folder), "127.0.0.1:0", "127.0.0.1:0", args)
    }

    /// Starts it with so many file descriptors, soft and hard limit alike.
    ///
    /// # Panics
    /// When it does not become ready.
    #[cfg(unix)]
    #[must_use]
    pub fn start_with_descriptors(limit: u32, args: &[&str]) -> Self {
        let command = limited(limit, relay(Path::new("sh")));
        Self::run(command, None, "127.0.0.1:0", "127.0.0.1:0", args)
    }

    fn run(
        mut command: Command,
        folder: Option<Folder>,
        http: &str,
        server: &str,
        args: &[&str],
    ) -> Self {
        command
            .args(["--http", http, "--server", server])
            .args(args);
        let process = Process::start(&mut command, "Is it built?");
        let Some(ready) = process.next_line() else {
            panic!("no ready line within {} s", TIMEOUT.as_secs());
        };
        let (http, udp, tcp) =
            addresses(&ready).unwrap_or_else(|| panic!("not a ready line: {ready}"));
        Self {
            process,
            _folder: folder,
            http,
            udp,
            tcp,
        }
    }

    /// Starts a relay again at the same addresses.
    ///
    /// # Panics
    /// When it does not become ready.
    #[must_use]
    pub fn start_again(before: &Ended, args: &[&str]) -> Self {
        Self::launch(&before.http.to_string(), &before.tcp.to_string(), args)
    }

    /// The page's URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/", self.http)
    }

    /// Its process number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Its output so far.
    #[must_use]
    pub fn output(&self) -> String {
        self.process.output()
    }

    /// Sends SIGTERM without waiting.
    pub fn terminate(&self) {
        self.process.terminate();
    }

    /// Sends SIGTERM and waits for the end.
    ///
    /// # Panics
    /// Unless it exits with 0 within 5 seconds.
    pub fn stop(self) -> Ended {
        self.terminate();
        self.ends()
    }

    /// Kills it with SIGKILL.
    #[must_use]
    pub fn kill(self) -> Ended {
        let Self { http, udp, tcp, .. } = self;
        // The guard of the process kills it and waits until it is gone.
        drop(self.process);
        Ended { http, udp, tcp }
    }

    /// Waits for the end it was asked for.
    ///
    /// # Panics
    /// Unless it exits with 0 within 5 seconds.
    pub fn ends(self) -> Ended {
        self.ends_within(ENDING)
    }

    /// Waits for the end it was asked for, no longer than this.
    ///
    /// # Panics
    /// Unless it exits with 0 by then.
    pub fn ends_within(mut self, limit: Duration) -> Ended {
        let status = self.process.ends_within(limit);
        assert!(status.success(), "the relay ended with {status}");
        Ended {
            http: self.http,
            udp: self.udp,
            tcp: self.tcp,
        }
    }

    /// How many descriptors and threads it has; Linux only.
    ///
    /// # Panics
    /// Where there is no `/proc`.
    #[must_use]
    pub fn holdings(&self) -> (usize, usize) {
        let count = |what: &str| {
            let directory = format!("/proc/{}/{what}", self.pid());
            std::fs::read_dir(directory)
                .expect("a running relay under /proc")
                .count()
        };
        (count("fd"), count("task"))
    }
}

/// The addresses of a relay that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// Its page.
    pub http: SocketAddr,
    /// Its UDP server.
    pub udp: SocketAddr,
    /// Its TCP server.
    pub tcp: SocketAddr,
}

/// The standard error of a relay that exits with an error at start.
///
/// # Panics
/// When it starts all the same, or says anything on standard output.
#[must_use]
pub fn refuses_to_start(args: &[&str]) -> String {
    let mut process = Process::start(relay(binary()).args(args), "Is it built?");
    let status = process.ends_within(TIMEOUT);
    assert!(
        !status.success(),
        "it should not have started with {args:?}"
    );
    assert_eq!(process.next_line(), None, "nothing on standard output");
    process.output()
}

/// The same with so many file descriptors.
///
/// # Panics
/// When it starts all the same.
#[cfg(unix)]
#[must_use]
pub fn refuses_to_start_with_descriptors(limit: u32) -> String {
    let mut process = Process::start(&mut limited(limit, relay(Path::new("sh"))), "Is it built?");
    let status = process.ends_within(TIMEOUT);
    assert!(!status.success(), "it should not have started");
    process.output()
}

/// The binary, started by a shell that has lowered its limit of file descriptors.
#[cfg(unix)]
fn limited(limit: u32, mut shell: Command) -> Command {
    shell
        .args(["-c", &format!("ulimit -n {limit}; exec \"$0\" \"$@\"")])
        .arg(binary());
    shell
}

/// A command for the binary, without what the environment may say to it: its user is the story's, also below sudo.
fn relay(binary: &Path) -> Command {
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PLAYGROUND_")) {
        command.env_remove(name);
    }
    command.env_remove("SUDO_UID").env_remove("PKEXEC_UID");
    command
}

/// Built once per test run, in the same profile and target directory as the stories themselves.
///
/// With `--workspace` cargo chooses the same features as for the tests. A relay that does not build ends the whole
/// run at once: a hundred stories that all fail for this one reason would only hide it.
fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        build().unwrap_or_else(|error| {
            // Past the test harness, which would keep the words of a test that never ends.
            writeln!(
                std::io::stderr(),
                "no story can be told, the relay does not build: {error}"
            )
            .ok();
            std::process::exit(101);
        })
    })
}

fn build() -> Result<PathBuf, Box<dyn Error>> {
    let story = std::env::current_exe()?;
    let profile = story
        .ancestors()
        .nth(2)
        .ok_or("this test is not in target/PROFILE/deps")?;
    let target = profile.parent().ok_or("no target directory")?;
    let name = profile
        .file_name()
        .and_then(|name| name.to_str())
        .ok_or("no profile")?;
    let built = Command::new(env!("CARGO"))
        .args([
            "build",
            "--workspace",
            "--bin",
            "relay",
            "--locked",
            "--quiet",
            "--message-format=json",
        ])
        .args(["--profile", if name == "debug" { "dev" } else { name }])
        .arg("--target-dir")
        .arg(target)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .stderr(Stdio::inherit())
        .output()?;
    if !built.status.success() {
        return Err("cargo says why above".into());
    }
    Ok(executable(&String::from_utf8(built.stdout)?).ok_or("cargo did not name the executable")?)
}

fn executable(messages: &str) -> Option<PathBuf> {
    let artifact = |line: &str| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        message["executable"].as_str().map(PathBuf::from)
    };
    messages.lines().rev().find_map(artifact)
}

fn addresses(ready: &str) -> Option<(SocketAddr, SocketAddr, SocketAddr)> {
    let rest = ready.strip_prefix("Socket Playground at http://")?;
    let mut parts = rest.split(" · ");
    let http = parts.next()?.parse().ok()?;
    let udp = parts.next()?.strip_prefix("UDP ")?.parse().ok()?;
    let tcp = parts.next()?.strip_prefix("TCP ")?.parse().ok()?;
    parts.next().is_none().then_some((http, udp, tcp))
}
