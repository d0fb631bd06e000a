//! A program as it is shown: its lines, the current one, and the call of each.

use shared::{
    lab::{Program as ServerProgram, Server},
    trace::CallId,
};

use super::{
    client::{Phase, Variable},
    program_source::{self, Program},
    statement::{Statement, of_call},
};
use crate::model::{
    Model,
    core::time::Millis,
    trace::log::{Call, Side},
};

/// The program's position relative to a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LinePosition {
    /// The program is elsewhere.
    #[default]
    Elsewhere,
    /// This line is executed next.
    Next,
    /// It is in this line since then, on the page's clock.
    In(Millis),
    /// It died in this line.
    Died,
}

/// A line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ListingLine {
    /// Its text.
    pub(crate) text: String,
    /// Whether the program is in it.
    pub(crate) at: LinePosition,
    /// Its last call in the shown run.
    pub(crate) call: Option<CallId>,
    /// Whether its call is selected.
    pub(crate) selected: bool,
}

/// A program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListingView {
    /// The program.
    pub(crate) program: Program,
    /// Its lines.
    pub(crate) lines: Vec<ListingLine>,
    /// Its variables.
    pub(crate) variables: Vec<Variable>,
    /// The exception that ended the server's program.
    pub(crate) exception: Option<String>,
}

impl ListingView {
    /// The line to explain: the current one, else the selected one.
    pub(crate) fn line(&self) -> Option<&ListingLine> {
        let is_at = |line: &&ListingLine| line.at != LinePosition::Elsewhere;
        let mut all = self.lines.iter();
        let selected = self.lines.iter().find(|line| line.selected);
        all.find(is_at).or(selected)
    }

    /// The name of the sentence about a line.
    pub(crate) fn about(&self, line: &ListingLine) -> String {
        let side = match self.program.side {
            Side::Client => "client.",
            Side::Server => "server.",
        };
        let what = match Statement::parse(&line.text) {
            Statement::Empty => "",
            Statement::Import => "import",
            Statement::Assign => "assign",
            Statement::Input => "input",
            Statement::Print => "print",
            Statement::Loop => "while",
            Statement::Compute => "work",
            Statement::Call(call) => call.as_str(),
        };
        [side, what].concat()
    }
}

impl Model {
    /// The program of a side as it runs in this lab; `None` if it is not one of the book's, or its file is not loaded.
    pub(crate) fn listing_view(&self, side: Side) -> Option<ListingView> {
        let transport = self.transport();
        let program = Program { transport, side };
        let server = self.servers.get(transport)?;
        if side == Side::Server && server.program != ServerProgram::Book {
            return None;
        }
        let texts = program_source::lines(program, server)?;
        let mut lines: Vec<ListingLine> = texts.iter().map(|text| line(text)).collect();
        self.mark_calls(program, &texts, &mut lines);
        let (variables, exception) = match side {
            Side::Client => (self.mark_client(program, &texts, &mut lines), None),
            Side::Server => self.mark_server(server, &texts, &mut lines),
        };
        Some(ListingView {
            program,
            lines,
            variables,
            exception,
        })
    }

    /// Assigns the calls of the shown run to their lines.
    fn mark_calls(&self, program: Program, texts: &[String], lines: &mut [ListingLine]) {
        let of_run = self.shown_run().map_or(&[][..], |run| &run.calls);
        let now = self.log.open_server_call(program.transport);
        let is_its =
            |call: &&Call| call.side == program.side && call.transport == program.transport;
        for call in of_run.iter().chain(now).filter(is_its) {
            let Some(line) = of_call(texts, call.name).and_then(|at| lines.get_mut(at)) else {
                continue;
            };
            line.call = Some(call.id);
            line.selected |= self.selected == Some(call.id);
        }
    }

    fn mark_client(
        &self,
        program: Program,
        texts: &[String],
        lines: &mut [ListingLine],
    ) -> Vec<Variable> {
        let client = &self.listing.client;
        if !client.is_there() || client.transport() != program.transport {
            let waiting = self.program.waiting();
            let sentence = self.program.sentence();
            let its = sentence.filter(|sentence| sentence.transport == program.transport);
            if let Some(((step, since), _)) = waiting.zip(its) {
                let name = step.name(program.transport);
                let makes = |line: &String| matches!(Statement::parse(line), Statement::Call(call) if call.as_str() == name);
                if let Some(at) = texts.iter().position(makes) {
                    lines[at].at = LinePosition::In(since);
                }
            }
            return Vec::new();
        }
        let at = match client.phase {
            Phase::Ready => LinePosition::Next,
            Phase::InCall(_, since) => LinePosition::In(since),
            Phase::Reading => LinePosition::In(Millis::MAX),
            Phase::Died | Phase::Refused(_) | Phase::Lost => LinePosition::Died,
            Phase::Fresh | Phase::Ended => LinePosition::Elsewhere,
        };
        if let Some(line) = lines.get_mut(client.at) {
            line.at = at;
        }
        client.variables.clone()
    }

    fn mark_server(
        &self,
        server: &Server,
        texts: &[String],
        lines: &mut [ListingLine],
    ) -> (Vec<Variable>, Option<String>) {
        let snapshot = self.listing.servers.of(server.transport);
        let linux = self.is_linux();
        let mut exception = None;
        if let Some((at, raised)) = snapshot.death(texts, server, linux) {
            exception = Some(raised);
            lines[at].at = LinePosition::Died;
        } else if let Some((name, id)) = snapshot.call
            && let Some(at) = of_call(texts, name)
        {
            let open = self.log.open_server_call(server.transport);
            let open = open.filter(|open| open.id == id && snapshot.is_in_it);
            lines[at].at = open.map_or(LinePosition::Next, |call| LinePosition::In(call.since));
        }
        (snapshot.variables(texts), exception)
    }
}

fn line(text: &str) -> ListingLine {
    ListingLine {
        text: text.to_owned(),
        ..ListingLine::default()
    }
}
