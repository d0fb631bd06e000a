//! Parses a line of the book's Python programs into a statement.

use shared::trace::CallName;

/// The statement of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Statement {
    /// An empty line.
    Empty,
    /// `from … import …`
    Import,
    /// `name = 'literal'`
    Assign,
    /// `name = input('…')`
    Input,
    /// `print(…)`
    Print,
    /// `while True:`
    Loop,
    /// The server's task: plain Python, which the trace has as a call of its own.
    Compute,
    /// Exactly one socket call, or `sleep`.
    Call(CallName),
}

/// How the calls are written in Python.
const CALLS: [(&str, CallName); 12] = [
    ("= socket(", CallName::Socket),
    (".setsockopt(", CallName::SetSockOpt),
    (".bind(", CallName::Bind),
    (".listen(", CallName::Listen),
    (".accept(", CallName::Accept),
    (".connect(", CallName::Connect),
    (".sendto(", CallName::SendTo),
    (".send(", CallName::Send),
    (".recvfrom(", CallName::RecvFrom),
    (".recv(", CallName::Recv),
    (".close(", CallName::Close),
    ("sleep(", CallName::Sleep),
];

impl Statement {
    /// Parses a line.
    pub(crate) fn parse(line: &str) -> Self {
        let code = line.trim();
        if code.is_empty() {
            return Self::Empty;
        }
        for (begin, says) in [
            ("from ", Self::Import),
            ("print(", Self::Print),
            ("while ", Self::Loop),
        ] {
            if code.starts_with(begin) {
                return says;
            }
        }
        if let Some((_, call)) = CALLS.iter().find(|(written, _)| code.contains(written)) {
            return Self::Call(*call);
        }
        if code.contains("= input(") {
            Self::Input
        } else if line.starts_with(' ') {
            Self::Compute
        } else {
            Self::Assign
        }
    }

    /// Whether the statement makes this call.
    pub(crate) fn makes(self, call: CallName) -> bool {
        let computes = matches!(call, CallName::Upper | CallName::Count | CallName::Reverse);
        self == Self::Call(call) || self == Self::Compute && computes
    }
}

/// The line that makes this call.
pub(crate) fn of_call(lines: &[String], call: CallName) -> Option<usize> {
    lines
        .iter()
        .position(|line| Statement::parse(line).makes(call))
}

/// The names on the left of `=`, in order.
pub(crate) fn assigned_names(line: &str) -> impl Iterator<Item = &str> {
    let left = line.split_once(" = ").map_or("", |(left, _)| left);
    left.trim().split(", ").filter(|name| !name.is_empty())
}

/// The text in the first pair of these quotes or brackets.
pub(crate) fn between<'a>(line: &'a str, open: &str, close: char) -> Option<&'a str> {
    Some(line.split_once(open)?.1.split_once(close)?.0)
}
