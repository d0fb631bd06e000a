//! The source of a program in this lab: the file of `www/programs` with the lab's address, and with the running
//! server's configuration.

use shared::{
    call::Transport,
    lab::{Server, Task},
};

use super::statement::{Statement, between};
use crate::{
    i18n::{TextFile, read},
    model::trace::log::Side,
};

/// One of the book's programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    /// Its transport.
    pub(crate) transport: Transport,
    /// Its side.
    pub(crate) side: Side,
}

impl Program {
    /// The file of its lines.
    pub(crate) const fn file(self) -> TextFile {
        TextFile::Program(match (self.transport, self.side) {
            (Transport::Udp, Side::Client) => "programs/UDPClient.py",
            (Transport::Udp, Side::Server) => "programs/UDPServer.py",
            (Transport::Tcp, Side::Client) => "programs/TCPClient.py",
            (Transport::Tcp, Side::Server) => "programs/TCPServer.py",
        })
    }

    /// `UDPClient.py`
    pub(crate) fn name(self) -> &'static str {
        let path = self.file().path();
        path.rsplit_once('/').map_or(path, |(_, name)| name)
    }
}

/// Its lines in a lab with this server; `None` until the file is loaded.
pub(crate) fn lines(program: Program, server: &Server) -> Option<Vec<String>> {
    let mut lines = Vec::new();
    for line in read(program.file())?.lines() {
        match program.side {
            Side::Client => lines.push(with_addresses(line, server)),
            Side::Server => push_server_line(line, server, &mut lines),
        }
    }
    Some(lines)
}

/// The line with the lab's addresses.
fn with_addresses(line: &str, server: &Server) -> String {
    let address = server.address;
    match line.split_once(" = ") {
        Some((name @ "serverName", _)) => [name, " = '", &address.ip().to_string(), "'"].concat(),
        Some((name @ "serverPort", _)) => [name, " = ", &address.port().to_string()].concat(),
        _ => line.to_owned(),
    }
}

/// Adds a line of the server's program, with its configuration; some options add lines.
fn push_server_line(line: &str, server: &Server, lines: &mut Vec<String>) {
    use shared::trace::CallName::{Listen, Recv, RecvFrom, Send, SendTo, Socket};
    let settings = server.settings.as_ref();
    let number = |number: u32| number.to_string();
    let pause_ms = settings.map_or(0, |settings| settings.think_ms);
    let statement = Statement::parse(line);
    if pause_ms > 0 && matches!(statement, Statement::Call(Send | SendTo)) {
        lines.push(["    sleep(", &seconds(pause_ms), ")"].concat());
    }
    lines.push(match (statement, settings) {
        (Statement::Call(Recv | RecvFrom), Some(settings)) => {
            with_number(line, &number(settings.receive_size))
        }
        (Statement::Call(Listen), Some(settings)) => with_number(line, &number(settings.backlog)),
        (Statement::Compute, _) => with_task(line, server.task),
        _ => with_addresses(line, server),
    });
    if pause_ms > 0 && statement == Statement::Import {
        lines.push("from time import sleep".to_owned());
    }
    if statement == Statement::Call(Socket)
        && settings.is_some_and(|settings| settings.reuse_address)
    {
        lines.push("serverSocket.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)".to_owned());
    }
}

/// The line with another number in its brackets.
fn with_number(line: &str, number: &str) -> String {
    match between(line, "(", ')').filter(|inside| *inside != number) {
        Some(inside) => line.replacen(inside, number, 1),
        None => line.to_owned(),
    }
}

/// The line with another task than upper case.
fn with_task(line: &str, task: Task) -> String {
    let Some((name, work)) = line.split_once(" = ") else {
        return line.to_owned();
    };
    let text = work.trim_end_matches(".upper()");
    let letter;
    let (before, after) = match task {
        Task::Upper => return line.to_owned(),
        Task::Reverse => ("", "[::-1]"),
        Task::Echo => ("", ""),
        Task::Count(counted) => {
            let lower: String = counted.to_lowercase().collect();
            letter = [".lower().count('", &lower, "'))"].concat();
            ("str(", letter.as_str())
        }
    };
    [name, " = ", before, text, after].concat()
}

/// Seconds as Python writes them, from milliseconds.
fn seconds(ms: u32) -> String {
    let part = (1_000 + ms % 1_000).to_string();
    let part = part[1..].trim_end_matches('0');
    let whole = (ms / 1_000).to_string();
    if part.is_empty() {
        return whole;
    }
    [&whole, ".", part].concat()
}
