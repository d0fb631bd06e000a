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

/// Tells a story in a network of its own, which has nothing but a loopback interface. All it starts is in it, too.
///
/// # Panics
/// When root may not have one.
pub fn in_a_network<Story: Future<Output = ()>>(story: impl FnOnce() -> Story + Send + 'static) {
    // A thread of its own: nobody else is in that network.
    let telling = thread::spawn(|| {
        match unshare(CloneFlags::CLONE_NEWNET) {
            Err(Errno::EPERM) => {
                eprintln!("only root has networks of its own: not told");
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

type Deed = Box<dyn FnOnce() + Send>;

/// Another host: a network of its own, joined to the story's by a cable.
#[derive(Debug)]
pub struct Host {
    deeds: Sender<Deed>,
}

impl Host {
    /// A host with this address, joined to the story's network, which gets an interface `cable` with the other one.
    ///
    /// # Panics
    /// When root may not have one.
    #[must_use]
    pub fn joined(cable: &str, here: &str, there: &str) -> Self {
        let (deeds, orders) = mpsc::channel::<Deed>();
        let (born, birth) = mpsc::channel();
        thread::spawn(move || {
            unshare(CloneFlags::CLONE_NEWNET).expect("a network of its own");
            born.send(nix::unistd::gettid()).expect("a story");
            while let Ok(deed) = orders.recv() {
                deed();
            }
        });
        let thread = birth.recv().expect("a host");
        ip(&format!(
            "link add {cable} type veth peer name other netns {thread}"
        ));
        ip(&format!("addr add {here}/24 dev {cable}"));
        ip(&format!("link set {cable} up"));
        let host = Self { deeds };
        let address = format!("addr add {there}/24 dev other");
        host.does(move || {
            ip(&address);
            ip("link set other up");
        });
        host
    }

    /// Does something there, and waits until it is done.
    ///
    /// # Panics
    /// When that panics.
    pub fn does<T: Send + 'static>(&self, deed: impl FnOnce() -> T + Send + 'static) -> T {
        let (done, wait) = mpsc::channel();
        let deed = Box::new(move || done.send(deed()).unwrap_or_default());
        self.deeds.send(deed).expect("a host that is alive");
        wait.recv().expect("done")
    }
}
