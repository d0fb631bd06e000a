//! The client's program, line by line. A line is plain Python, done at once, or exactly one socket call: then the
//! program stays in that line until the call's reply has come, however long that takes.

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

/// How long a line stays before it is done, unless somebody wants it otherwise.
const PACE: Millis = 600;

/// Where the program is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It has not begun.
    #[default]
    Fresh,
    /// Before its line.
    Ready,
    /// In its line: the call of this message has not returned since then.
    InCall(u64, Millis),
    /// In its line, which reads the keyboard.
    Reading,
    /// Through.
    Ended,
    /// Ended in its line by an exception.
    Died,
    /// The relay would not make the call of its line.
    Refused(Failed),
    /// The connection to the relay broke.
    Lost,
}

/// A name and what it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variable {
    /// The name, or the expression.
    pub(crate) name: String,
    /// Its value as Python print it.
    pub(crate) value: String,
    /// Its type.
    pub(crate) kind: &'static str,
}

/// The program and all that it knows.
#[derive(Debug)]
pub(crate) struct Client {
    /// Where it is.
    pub(crate) phase: Phase,
    /// The line it is at, counted from 0.
    pub(crate) at: usize,
    /// Its variables, in the order in which they came.
    pub(crate) variables: Vec<Variable>,
    /// What stands in its terminal.
    pub(crate) screen: String,
    /// What it has printed.
    pub(crate) printed: String,
    /// Whether it goes on by itself.
    pub(crate) runs: bool,
    /// How long a line stays before it is done.
    pub(crate) pace: Millis,
    /// The call it made last: its message.
    pub(crate) request: Option<u64>,
    /// What its user has in the keyboard's field.
    typed: String,
    /// Whether Enter was pressed before it read the keyboard: then it goes on until it has.
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

/// What a program is begun with.
pub(super) struct ProgramStart {
    pub(super) file: &'static str,
    pub(super) transport: Transport,
    pub(super) lines: Vec<String>,
    pub(super) on_linux: bool,
    /// The run its calls are shown as.
    pub(super) run: RunId,
}

impl Client {
    /// Whether it has begun and not ended.
    pub(crate) const fn is_under_way(&self) -> bool {
        matches!(
            self.phase,
            Phase::Ready | Phase::InCall(..) | Phase::Reading
        )
    }

    /// Whether a call of its has not returned.
    pub(crate) const fn is_blocked(&self) -> bool {
        matches!(self.phase, Phase::InCall(..))
    }

    /// Whether it has read its sentence and is not through: until then it reads no keyboard.
    pub(crate) fn has_read(&self) -> bool {
        self.is_under_way() && !self.will_read()
    }

    /// Whether a line entered now is its next input.
    fn will_read(&self) -> bool {
        let mut rest = self.lines.iter().skip(self.at);
        self.is_under_way() && rest.any(|line| Statement::parse(line) == Statement::Input)
    }

    /// Whether it halts after its sentence, so that only its user can bring it on.
    pub(crate) fn is_held(&self) -> bool {
        self.has_read() && self.phase == Phase::Ready && !self.runs
    }

    /// Whether it has begun, and what it does is the latest.
    pub(crate) fn is_there(&self) -> bool {
        self.phase != Phase::Fresh
    }

    /// By which transport it talks.
    pub(crate) const fn transport(&self) -> Transport {
        self.transport
    }

    /// Begins at the first line.
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

    /// Goes back to before the first line; what it had open is closed, and what blocks it given up.
    pub(super) fn reset(&mut self, outbox: &mut Outbox) {
        self.interrupt(outbox);
        self.close_socket(outbox);
        self.clear();
    }

    /// The same where nothing of it is there any more.
    pub(super) fn clear(&mut self) {
        *self = Self {
            pace: self.pace,
            typed: std::mem::take(&mut self.typed),
            ..Self::default()
        };
    }

    /// Ctrl-C, while a call blocks.
    pub(super) fn interrupt(&self, outbox: &mut Outbox) {
        if let Phase::InCall(of, _) = self.phase {
            outbox.call(Call::Cancel { of }, self.run);
        }
    }

    /// The connection to the relay is gone, and its socket with it.
    pub(super) fn lose_connection(&mut self) {
        if self.is_under_way() {
            self.socket = None;
            self.end(Phase::Lost);
        }
    }

    /// Its user has this in the field now.
    pub(super) fn typed(&mut self, text: String) {
        self.typed = text;
    }

    /// Its user has pressed Enter. Where it does not read yet, it goes on line by line until it has read this.
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

    /// When it wants to go on, or the time of its call to be told again.
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

    /// Goes on by itself, as far as it may.
    pub(super) fn advance(&mut self, outbox: &mut Outbox, now: Millis) {
        while self.is_advancing() && self.phase == Phase::Ready && self.due <= now {
            self.step(outbox, now);
        }
    }

    const fn is_advancing(&self) -> bool {
        self.runs || self.entered
    }

    /// It is to go on by itself, or not.
    pub(super) const fn set_running(&mut self, runs: bool, now: Millis) {
        (self.runs, self.due) = (runs, now);
        self.entered &= runs;
    }

    /// Does its line.
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

    /// On to the next line that says something.
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

    /// The sentence that was typed becomes the line's variable.
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

    /// Tells whether what came could be decoded.
    fn print(&mut self, line: &str) -> bool {
        let inside = line.trim_start_matches("print(").trim_end_matches(')');
        let name = inside.rsplit_once(", ").map_or(inside, |(_, name)| name);
        let before = between(inside, "'", '\'').unwrap_or_default();
        let Ok(text) = String::from_utf8(self.received.clone()) else {
            let exception = python::undecodable(&self.received).unwrap_or_default();
            self.raise(&exception);
            return false;
        };
        // The bracket that closes `decode(` went with that of `print(`.
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
