//! Proxies before a relay: a real nginx, or a tunnel of another user that adds nothing.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::Command,
};

use crate::{
    address_allocator::own_host,
    folder::Folder,
    process::Process,
    timeout::{TIMEOUT, poll_until},
};

/// The directives of nginx beside the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setup {
    /// Nothing: HTTP/1.0, the relay's address as `Host`.
    Default,
    /// To carry WebSockets, with the relay's address as `Host`.
    WebSockets,
    /// To carry WebSockets, with the `Host` its visitor chose.
    Host,
    /// The same, and to say for whom it does.
    Forwarding,
}

impl Setup {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Default,
        Self::WebSockets,
        Self::Host,
        Self::Forwarding,
    ];

    fn lines(self) -> String {
        const WEB_SOCKETS: &str = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; \
            proxy_set_header Connection $http_connection;";
        const HOST: &str = "proxy_set_header Host $http_host;";
        const FORWARDING: &str = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; \
            proxy_set_header X-Forwarded-Proto $scheme;";
        match self {
            Self::Default => String::new(),
            Self::WebSockets => WEB_SOCKETS.to_owned(),
            Self::Host => format!("{WEB_SOCKETS} {HOST}"),
            Self::Forwarding => format!("{WEB_SOCKETS} {HOST} {FORWARDING}"),
        }
    }
}

/// A running nginx of the story's own; started by root its workers are `www-data`'s. It is at an address in
/// [`HOSTS`](Self::HOSTS) and comes to the relay from there.
#[derive(Debug)]
pub struct Nginx {
    process: Process,
    _folder: Folder,
    /// Its address.
    pub address: SocketAddr,
}

impl Nginx {
    /// A range that has the addresses of all of them, and no other visitor's.
    pub const HOSTS: &str = "127.64.0.0/10";

    /// Starts one before a relay, and waits until it listens.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn before(relay: SocketAddr, setup: Setup) -> Self {
        let lines = setup.lines();
        Self::with(&format!(
            "location / {{ proxy_pass http://{relay}; {lines} }}"
        ))
    }

    /// Starts one with these directives in its `server`, and waits until it listens.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn with(directives: &str) -> Self {
        let folder = Folder::new();
        let address = free_port();
        let host = address.ip();
        let prefix = folder.path().display();
        let user = if is_root() { "user www-data;" } else { "" };
        let config = format!(
            "{user} worker_processes 1; daemon off; pid {prefix}/pid; error_log stderr;
             events {{ worker_connections 512; }}
             http {{
               access_log off;
               client_body_temp_path {prefix}/body; proxy_temp_path {prefix}/proxy;
               fastcgi_temp_path {prefix}/fastcgi; uwsgi_temp_path {prefix}/uwsgi; scgi_temp_path {prefix}/scgi;
               server {{ listen {address}; proxy_bind {host}; {directives} }}
             }}"
        );
        let config = folder.keeps("nginx.conf", config.as_bytes());
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("nginx");
        command
            .env("PATH", format!("{path}:/usr/sbin"))
            .args(["-e", "stderr", "-p"])
            .arg(folder.path())
            .arg("-c")
            .arg(config);
        let process = Process::start(&mut command, "Install nginx, or let tests/run do it.");
        let listens = || TcpStream::connect(address).ok();
        if poll_until(TIMEOUT, listens).is_none() {
            panic!("nginx does not listen: {}", process.output());
        }
        Self {
            process,
            _folder: folder,
            address,
        }
    }
}

impl Nginx {
    /// The URL of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Nginx {
    /// SIGTERM, so that the master ends its workers; killed, it would leave them behind.
    fn drop(&mut self) {
        self.process.terminate();
        self.process.ends_within(TIMEOUT);
    }
}

/// A user number that is neither root's nor, but by rare chance, the story's.
pub const ANOTHER_USER: u32 = 12_345;

/// Whether the story may start programs as other users.
///
/// # Panics
/// Where there is no `/proc`.
#[must_use]
pub fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").expect("Linux").uid() == 0
}

/// Passes bytes on unchanged, as another user of this machine.
#[derive(Debug)]
pub struct Tunnel {
    _process: Process,
    /// Its near end.
    pub address: SocketAddr,
}

impl Tunnel {
    /// To a relay. As root only.
    ///
    /// # Panics
    /// When Python cannot be started as that user.
    #[must_use]
    pub fn of_another_user(relay: SocketAddr) -> Self {
        use std::os::unix::process::CommandExt;
        const PROGRAM: &str = "
import socket, sys, threading
def pass_on(here, there):
    try:
        while data := here.recv(65536): there.sendall(data)
        there.shutdown(socket.SHUT_WR)
    except OSError: pass
near = socket.create_server(('127.0.0.1', 0))
print(near.getsockname()[1], flush=True)
while True:
    here, _ = near.accept()
    there = socket.create_connection((sys.argv[1], int(sys.argv[2])))
    for pair in ((here, there), (there, here)): threading.Thread(target=pass_on, args=pair, daemon=True).start()
";
        let mut command = Command::new("python3");
        command
            .args([
                "-c",
                PROGRAM,
                &relay.ip().to_string(),
                &relay.port().to_string(),
            ])
            .current_dir("/")
            .uid(ANOTHER_USER)
            .gid(ANOTHER_USER);
        let process = Process::start(&mut command, "Install Python 3, or let tests/run do it.");
        let port = process.next_line().and_then(|port| port.parse().ok());
        let port: u16 = port.expect("the tunnel's port");
        Self {
            _process: process,
            address: (Ipv4Addr::LOCALHOST, port).into(),
        }
    }
}

fn free_port() -> SocketAddr {
    let listener = TcpListener::bind((own_host(), 0)).expect("a port");
    listener.local_addr().expect("its address")
}
