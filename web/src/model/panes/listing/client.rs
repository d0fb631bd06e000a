//! The client's program, line by line. A line is plain Python, executed at once, or exactly one socket call: then the
//! program stays in it until the call has returned.

mod calls;

use shared::{
    call::{Call, Fd, Transport},
    outcome::Failed,
};

use super::{
    python,
    statement::{Statement, assigned_names, between},
};
use crate::model::{
    core::{
        outbox::Outbox,
        time::{Millis, TICK},
    },
    trace::log::RunId,
};

/// The time a line stays before it is executed, unless the user sets another, in milliseconds.
const PACE: Millis = 600;

/// The state of the program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It has not started.
    #[default]
    Fresh,
    /// Before its line.
    Ready,
    /// In its line: this request's call has blocked since then.
    InCall(u64, Millis),
    /// In its line, which reads the input field.
    Reading,
    /// It has ended.
    Ended,
    /// Ended in its line by an exception.
    Died,
    /// The relay has refused the call of its line.
    Refused(Failed),
    /// The connection to the relay broke.
    Lost,
}

/// A variable of the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variable {
    /// The name, or the expression.
    pub(crate) name: String,
    /// Its value as Python prints it.
    pub(crate) value: String,
    /// Its type.
    pub(crate) kind: &'static str,
}

/// The program and its state.
#[derive(Debug)]
pub(crate) struct Client {
    /// Its state.
    pub(crate) phase: Phase,
    /// The line it is at, counted from 0.
    pub(crate) at: usize,
    /// Its variables, in the order of their assignment.
    pub(crate) variables: Vec<Variable>,
    /// The text of its terminal.
    pub(crate) screen: String,
    /// What it has printed.
    pub(crate) printed: String,
    /// Whether it advances by itself.
    pub(crate) runs: bool,
    /// The time a line stays before it is executed, in milliseconds.
    pub(crate) pace: Millis,
    /// The request of its last call.
    pub(crate) request: Option<u64>,
    /// The text of the input field.
    typed: String,
    /// Whether Enter was pressed before it read the input: then it advances until it has.
    entered: bool,
    file: &'static str,
    transport: Transport,
    lines: Vec<String>,
    on_linux: bool,
    run: RunId,
    socket: Option<(Fd, String)>,
    sentence: String,
    received: Vec<u8>,
    due: Millis,
}

impl Default for Client {
    fn default() -> Self {
        Self {
            phase: Phase::Fresh,
            at: 0,
            variables: Vec::new(),
            screen: String::new(),
            printed: String::new(),
            runs: false,
            pace: PACE,
            request: None,
            typed: String::new(),
            entered: false,
            file: "",
            transport: Transport::Udp,
            lines: Vec::new(),
            on_linux: true,
            run: 0,
            socket: None,
            sentence: String::new(),
            received: Vec::new(),
            due: 0,
        }
    }
}

/// What a program is started with.
pub(super) struct ProgramStart {
    pub(super) file: &'static str,
    pub(super) transport: Transport,
    pub(super) lines: Vec<String>,
    pub(super) on_linux: bool,
    /// The run its calls are shown as.
    pub(super) run: RunId,
}

impl Client {
    /// Whether it has started and not ended.
    pub(crate) const fn is_under_way(&self) -> bool {
        matches!(
            self.phase,
            Phase::Ready | Phase::InCall(..) | Phase::Reading
        )
    }

    /// Whether one of its calls is blocked.
    pub(crate) const fn is_blocked(&self) -> bool {
        matches!(self.phase, Phase::InCall(..))
    }

    /// Whether it has read its sentence and not ended.
    pub(crate) fn has_read(&self) -> bool {
        self.is_under_way() && !self.will_read()
    }

    /// Whether a line entered now is its next input.
    fn will_read(&self) -> bool {
        let mut rest = self.lines.iter().skip(self.at);
        self.is_under_way() && rest.any(|line| Statement::parse(line) == Statement::Input)
    }

    /// Whether it is paused after it has read its sentence.
    pub(crate) fn is_held(&self) -> bool {
        self.has_read() && self.phase == Phase::Ready && !self.runs
    }

    /// Whether it has started.
    pub(crate) fn is_there(&self) -> bool {
        self.phase != Phase::Fresh
    }

    /// The message that asked for the last call, while the page can follow the program.
    pub(crate) fn followed_request(&self) -> Option<u64> {
        self.request.filter(|_| self.is_there() && self.pace > 0)
    }

    /// Its transport.
    pub(crate) const fn transport(&self) -> Transport {
        self.transport
    }

    /// Starts at the first line.
    pub(super) fn begin(&mut self, beginning: ProgramStart) {
        let ProgramStart {
            file,
            transport,
            lines,
            on_linux,
            run,
        } = beginning;
        *self = Self {
            phase: Phase::Ready,
            runs: self.runs,
            pace: self.pace,
            typed: std::mem::take(&mut self.typed),
            file,
            transport,
            lines,
            on_linux,
            run,
            ..Self::default()
        };
    }

    /// Resets it: closes its socket, and cancels its blocked call.
    pub(super) fn reset(&mut self, outbox: &mut Outbox) {
        self.interrupt(outbox);
        self.close_socket(outbox);
        self.clear();
    }

    /// Resets it without calls.
    pub(super) fn clear(&mut self) {
        *self = Self {
            pace: self.pace,
            typed: std::mem::take(&mut self.typed),
            ..Self::default()
        };
    }

    /// Cancels its blocked call, as Ctrl-C does.
    pub(super) fn interrupt(&self, outbox: &mut Outbox) {
        if let Phase::InCall(of, _) = self.phase {
            outbox.call(Call::Cancel { of }, self.run);
        }
    }

    /// Handles the loss of the connection to the relay, and of its socket.
    pub(super) fn lose_connection(&mut self) {
        if self.is_under_way() {
            self.socket = None;
            self.end(Phase::Lost);
        }
    }

    /// Sets the text of the input field.
    pub(super) fn typed(&mut self, text: String) {
        self.typed = text;
    }

    /// Handles Enter. If it is not reading yet, it advances until it has read the text.
    pub(super) fn enter(&mut self, text: String, now: Millis) {
        self.typed = text;
        if self.phase == Phase::Reading {
            self.read_sentence();
            self.due = now + self.pace;
        } else {
            self.entered = true;
            self.due = now;
        }
    }

    /// When it has to advance, or to show its call's duration again.
    pub(crate) fn wakes_at(&self, now: Millis) -> Option<Millis> {
        match self.phase {
            Phase::InCall(_, since) => Some(now + TICK - now.saturating_sub(since) % TICK),
            Phase::Ready => Some(self.due.max(now)).filter(|_| self.is_advancing()),
            Phase::Fresh
            | Phase::Reading
            | Phase::Ended
            | Phase::Died
            | Phase::Refused(_)
            | Phase::Lost => None,
        }
    }

    /// Executes the lines that are due.
    pub(super) fn advance(&mut self, outbox: &mut Outbox, now: Millis) {
        while self.is_advancing() && self.phase == Phase::Ready && self.due <= now {
            self.step(outbox, now);
        }
    }

    const fn is_advancing(&self) -> bool {
        self.runs || self.entered
    }

    /// Sets whether it advances by itself.
    pub(super) const fn set_running(&mut self, runs: bool, now: Millis) {
        (self.runs, self.due) = (runs, now);
        self.entered &= runs;
    }

    /// Executes its line.
    pub(super) fn step(&mut self, outbox: &mut Outbox, now: Millis) {
        self.due = now + self.pace;
        if self.phase == Phase::Reading && !self.typed.is_empty() {
            return self.read_sentence();
        }
        if self.phase != Phase::Ready {
            return;
        }
        let line = self.line();
        match Statement::parse(&line) {
            Statement::Call(call) => return self.call(call, &line, outbox, now),
            Statement::Input if self.typed.is_empty() && !self.entered => {
                self.prompt(&line);
                self.phase = Phase::Reading;
                return;
            }
            Statement::Input => {
                self.prompt(&line);
                return self.read_sentence();
            }
            Statement::Print if !self.print(&line) => return self.close_socket(outbox),
            Statement::Assign => self.assign(&line),
            Statement::Empty
            | Statement::Import
            | Statement::Print
            | Statement::Loop
            | Statement::Compute => {}
        }
        self.next();
    }

    fn line(&self) -> String {
        self.lines.get(self.at).cloned().unwrap_or_default()
    }

    /// Moves to the next line that is not empty.
    fn next(&mut self) {
        self.phase = Phase::Ready;
        let mut rest = self.lines.iter().enumerate().skip(self.at + 1);
        match rest.find(|(_, line)| Statement::parse(line) != Statement::Empty) {
            Some((at, _)) => self.at = at,
            None => self.end(Phase::Ended),
        }
    }

    fn end(&mut self, phase: Phase) {
        (self.phase, self.runs) = (phase, false);
    }

    fn set(&mut self, name: &str, value: String, kind: &'static str) {
        let known = self.variables.iter_mut().find(|known| known.name == name);
        match known {
            Some(known) => known.value = value,
            None => self.variables.push(Variable {
                name: name.to_owned(),
                value,
                kind,
            }),
        }
    }

    fn assign(&mut self, line: &str) {
        if let Some((name, value)) = line.split_once(" = ") {
            let kind = if value.starts_with('\'') {
                "str"
            } else {
                "int"
            };
            self.set(name, value.to_owned(), kind);
        }
    }

    fn prompt(&mut self, line: &str) {
        self.screen
            .push_str(between(line, "('", '\'').unwrap_or_default());
    }

    /// Assigns the sentence to the line's variable.
    fn read_sentence(&mut self) {
        self.sentence.clone_from(&self.typed);
        self.entered = false;
        let line = self.line();
        self.screen.push_str(&self.sentence);
        self.screen.push('\n');
        if let Some(name) = assigned_names(&line).next() {
            self.set(name, python::text(&self.sentence), "str");
        }
        self.next();
    }

    /// Prints what was received. Returns whether it could be decoded.
    fn print(&mut self, line: &str) -> bool {
        let inside = line.trim_start_matches("print(").trim_end_matches(')');
        let name = inside.rsplit_once(", ").map_or(inside, |(_, name)| name);
        let before = between(inside, "'", '\'').unwrap_or_default();
        let Ok(text) = String::from_utf8(self.received.clone()) else {
            let exception = python::undecodable(&self.received).unwrap_or_default();
            self.raise(&exception);
            return false;
        };
        // The closing bracket of `decode(` was trimmed with that of `print(`.
        let name = [name, ")"].concat();
        self.set(&name, python::text(&text), "str");
        let said = if before.is_empty() {
            text.clone()
        } else {
            [before, " ", &text].concat()
        };
        self.screen.push_str(&said);
        self.screen.push('\n');
        self.printed = text;
        true
    }

    fn raise(&mut self, exception: &str) {
        let shown = python::traceback(self.file, self.at + 1, &self.line(), exception);
        self.screen.push_str(&shown);
        self.end(Phase::Died);
    }
}
