//! The book's programs, run by Python 3.

use std::{net::SocketAddr, process::Command};

use crate::process::Process;

/// Starts one of `tests/python`, told where its peer is or where to listen.
#[must_use]
pub fn program(name: &str, at: SocketAddr) -> Process {
    let path = format!("{}/python/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new("python3");
    command
        .args(["-u", &path, &at.ip().to_string(), &at.port().to_string()])
        .env("PYTHONIOENCODING", "utf-8");
    Process::start(&mut command, "Install Python 3, or let tests/run do it.")
}

/// Runs a client to its end: types the sentence, and takes its last line.
///
/// # Panics
/// When it does not end well.
#[must_use]
pub fn client_says(name: &str, server: SocketAddr, sentence: &str) -> String {
    let mut client = program(name, server);
    client.types(sentence);
    let status = client.ends_within(crate::patience::PATIENCE);
    assert!(
        status.success(),
        "{name} ended with {status}\n{}",
        client.diary()
    );
    let mut last = String::new();
    while let Some(line) = client.says() {
        last = line;
    }
    last
}
