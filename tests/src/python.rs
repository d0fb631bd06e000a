//! The book's programs, as the page shows them, run by Python 3.

use std::{net::SocketAddr, path::Path, process::Command};

use crate::process::Process;

/// What a client asks its user for.
const PROMPT: &str = "Input lowercase sentence: ";

/// Starts one of `www/programs`, with the address of its peer, or its own, written into it.
///
/// # Panics
/// When there is none of that name.
#[must_use]
pub fn program(name: &str, at: SocketAddr) -> Process {
    let mut command = Command::new("python3");
    command
        .args(["-u", "-c", &written_for(name, at)])
        .env("PYTHONIOENCODING", "utf-8");
    Process::start(&mut command, "Install Python 3, or let tests/run do it.")
}

/// The program with this address in place of the open lab's.
fn written_for(name: &str, at: SocketAddr) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../www/programs");
    let text = std::fs::read_to_string(path.join(name)).expect("a program of the book");
    let lines = text.lines().map(|line| match line.split_once(" = ") {
        Some(("serverName", _)) => format!("serverName = '{}'\n", at.ip()),
        Some(("serverPort", _)) => format!("serverPort = {}\n", at.port()),
        _ => format!("{line}\n"),
    });
    lines.collect()
}

/// Runs a client to its end: types the sentence, and takes what it prints.
///
/// # Panics
/// When it does not end well.
#[must_use]
pub fn client_says(name: &str, server: SocketAddr, sentence: &str) -> String {
    let mut client = program(name, server);
    client.types(sentence);
    let status = client.ends_within(crate::timeout::TIMEOUT);
    assert!(
        status.success(),
        "{name} ended with {status}\n{}",
        client.output()
    );
    let mut last = String::new();
    while let Some(line) = client.next_line() {
        last = line;
    }
    let printed = last.strip_prefix(PROMPT);
    printed.expect("a prompt comes before all").to_owned()
}
