//! Networks of a story's own (network_namespaces(7)), which only root may have.
#![cfg(target_os = "linux")]

use std::{
    panic::resume_unwind,
    process::Command,
    sync::mpsc::{self, Sender},
    thread,
};

use nix::{
    errno::Errno,
    sched::{CloneFlags, unshare},
};

/// Runs a story in a network namespace of its own, with only a loopback interface. Programs that it starts are in it too.
///
/// # Panics
/// When root may not have one.
pub fn in_a_network<Story: Future<Output = ()>>(story: impl FnOnce() -> Story + Send + 'static) {
    // unshare(2) moves one thread only, so the story gets a thread of its own.
    let telling = thread::spawn(|| {
        match unshare(CloneFlags::CLONE_NEWNET) {
            Err(Errno::EPERM) => {
                eprintln!("skipped: only root may create network namespaces");
                return;
            }
            other => other.expect("a network of its own"),
        }
        ip("link set lo up");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.expect("an event loop").block_on(story());
    });
    if let Err(panicked) = telling.join() {
        resume_unwind(panicked);
    }
}

/// `ip` of iproute2, in the network of the thread that asks.
///
/// # Panics
/// When it fails.
pub fn ip(arguments: &str) {
    let status = Command::new("ip")
        .args(arguments.split_whitespace())
        .status();
    assert!(status.expect("iproute2").success(), "ip {arguments}");
}

type Task = Box<dyn FnOnce() + Send>;

/// Another host: a second network namespace, joined to the story's by a pair of veth interfaces.
#[derive(Debug)]
pub struct Host {
    tasks: Sender<Task>,
}

impl Host {
    /// A host with this address, joined to the story's network, which gets an interface `cable` with the other one.
    ///
    /// # Panics
    /// When root may not have one.
    #[must_use]
    pub fn joined(cable: &str, here: &str, there: &str) -> Self {
        let (tasks, received_tasks) = mpsc::channel::<Task>();
        let (started, start) = mpsc::channel();
        thread::spawn(move || {
            unshare(CloneFlags::CLONE_NEWNET).expect("a network of its own");
            started.send(nix::unistd::gettid()).expect("a story");
            while let Ok(task) = received_tasks.recv() {
                task();
            }
        });
        let thread = start.recv().expect("a host");
        ip(&format!(
            "link add {cable} type veth peer name other netns {thread}"
        ));
        ip(&format!("addr add {here}/24 dev {cable}"));
        ip(&format!("link set {cable} up"));
        let host = Self { tasks };
        let address = format!("addr add {there}/24 dev other");
        host.runs(move || {
            ip(&address);
            ip("link set other up");
        });
        host
    }

    /// Runs `task` there and returns its result.
    ///
    /// # Panics
    /// When that panics.
    pub fn runs<T: Send + 'static>(&self, task: impl FnOnce() -> T + Send + 'static) -> T {
        let (done, wait) = mpsc::channel();
        let task = Box::new(move || done.send(task()).unwrap_or_default());
        self.tasks.send(task).expect("a host that is alive");
        wait.recv().expect("done")
    }
}
