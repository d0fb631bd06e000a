//! The book's programs, line by line: the client's is run here, the server's is followed in the trace. Nothing is
//! faked: a line is left when what it does is done.

mod client;
mod listing_view;
mod program_source;
mod python;
mod server_program;
mod statement;

use shared::{
    call::Transport,
    lab::{ObstacleKind, Program as ServerProgram},
    message::Reply,
    trace::{Event, What},
};

use self::server_program::ServerSnapshots;
pub(crate) use self::{
    client::{Client, Phase},
    listing_view::{LinePosition, ListingLine, ListingView},
    program_source::Program,
};
use crate::{
    WHOLE,
    i18n::{TextFile, read},
    model::{
        Effect, Model,
        core::{connection::ConnectionState, time::Millis},
        trace::log::Side,
    },
};

/// What somebody does with the programs.
#[derive(Debug)]
pub(crate) enum ListingCommand {
    /// Looks at the client's, or away.
    Look(bool),
    /// Lets it run, or halts it.
    Run,
    /// Has one line done.
    Step,
    /// Presses Ctrl-C.
    Interrupt,
    /// Has it begin again.
    Reset,
    /// Has it go on at this pace.
    Pace(Millis),
    /// Has written this sentence.
    Typed(String),
    /// Wants the program of this side on the clipboard.
    Copy(Side),
}

/// ServerSnapshots sides' programs.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Whether one looks at the client's.
    pub(crate) open: bool,
    /// The client's.
    pub(crate) client: Client,
    /// What the servers' are at.
    pub(crate) servers: ServerSnapshots,
    /// The side whose program is on the clipboard.
    pub(crate) copied: Option<Side>,
    copying: Option<Side>,
    version: u64,
}

impl Listing {
    /// A text is on the clipboard; tells whether it is a program.
    pub(in crate::model) fn has_copied(&mut self) -> bool {
        self.copied = self.copying.take();
        self.version += 1;
        self.copied.is_some()
    }

    /// Grows with every change of the client's program.
    pub(crate) const fn version(&self) -> u64 {
        self.version
    }

    /// Another lab, another trace.
    pub(in crate::model) fn start_anew(&mut self) {
        self.client.clear();
        self.servers = ServerSnapshots::default();
        self.version += 1;
    }

    /// The connection to the relay is gone.
    pub(in crate::model) fn lose_connection(&mut self) {
        self.client.lose_connection();
        self.version += 1;
    }
}

impl Model {
    /// Does what somebody wants with the programs.
    pub(in crate::model) fn handle_listing_command(
        &mut self,
        act: ListingCommand,
        effects: &mut Vec<Effect>,
        now: Millis,
    ) {
        self.listing.version += 1;
        self.listing.copied = None;
        match act {
            ListingCommand::Look(open) => self.listing.open = open,
            ListingCommand::Pace(pace) => self.listing.client.pace = pace,
            ListingCommand::Typed(text) => self.listing.client.typed(text),
            ListingCommand::Copy(side) => {
                self.listing.copying = Some(side);
                effects.extend(self.program_text(side).map(Effect::Copy));
            }
            ListingCommand::Reset => self.reset_listing(),
            ListingCommand::Interrupt => self.listing.client.interrupt(&mut self.outbox),
            ListingCommand::Run if self.listing.client.runs => {
                self.listing.client.set_running(false, now)
            }
            ListingCommand::Run => {
                if self.can_run_listing() && self.begin_listing() {
                    self.listing.client.set_running(true, now);
                }
            }
            ListingCommand::Step => {
                if self.can_run_listing() && self.begin_listing() {
                    self.listing.client.set_running(false, now);
                    self.listing.client.step(&mut self.outbox, now);
                }
            }
        }
        self.listing.client.advance(&mut self.outbox, now);
    }

    /// Whether the client's program can do a line right now: one program at a time has the page's keyboard.
    pub(crate) fn can_run_listing(&self) -> bool {
        !self.is_past()
            && self.connection.state == ConnectionState::Open
            && !self.seat.is_moving()
            && !self.program.is_busy()
    }

    /// Another transport is another program.
    pub(in crate::model) fn choose(&mut self, transport: Transport) {
        if WHOLE && self.transport() != transport {
            self.reset_listing();
            self.selected = None;
        }
        self.transport = Some(transport);
    }

    fn reset_listing(&mut self) {
        self.listing.version += 1;
        self.listing.client.reset(&mut self.outbox);
    }

    /// Time has passed.
    pub(in crate::model) fn advance_listing(&mut self, now: Millis) {
        if WHOLE && self.listing.client.is_under_way() {
            self.listing.version += 1;
            self.listing.client.advance(&mut self.outbox, now);
        }
    }

    /// A sentence was entered; tells whether the program has it. One that has not begun or is through makes room.
    pub(in crate::model) fn offer_input(&mut self, text: &str, now: Millis) -> bool {
        if !WHOLE {
            return false;
        }
        self.listing.version += 1;
        if !self.listing.client.is_under_way() {
            self.listing.client.reset(&mut self.outbox);
            return false;
        }
        self.listing.client.enter(text.to_owned(), now);
        self.listing.client.advance(&mut self.outbox, now);
        true
    }

    /// Has the program stand before a line, at the first one where it has not begun or is through.
    fn begin_listing(&mut self) -> bool {
        if self.listing.client.is_under_way() {
            return true;
        }
        let transport = self.transport();
        let program = Program {
            transport,
            side: Side::Client,
        };
        let server = self.servers.get(transport);
        let Some(lines) = server.and_then(|server| program_source::lines(program, server)) else {
            return false;
        };
        self.program.close_connection(&mut self.outbox, 0);
        self.connection.forget();
        let run = self.log.begin_own(transport, "");
        self.listing.client.begin(client::ProgramStart {
            file: program.name(),
            transport,
            lines,
            on_linux: self.is_linux(),
            run,
        });
        self.select(None);
        true
    }

    /// Whether the numbers of errors are Linux's.
    pub(in crate::model) fn is_linux(&self) -> bool {
        let truth = self.welcome.as_ref().map(|welcome| &welcome.truth);
        let obstacle = truth.and_then(|truth| truth.why_not_higher.as_ref());
        obstacle.is_none_or(|obstacle| obstacle.kind != ObstacleKind::NotLinux)
    }

    /// A reply has come: the line that waited for it is done.
    pub(in crate::model) fn handle_listing_reply(&mut self, reply: &Reply, now: Millis) {
        if self.listing.client.is_blocked() {
            self.listing.version += 1;
            self.listing.client.reply(reply, &mut self.outbox, now);
            self.listing.client.advance(&mut self.outbox, now);
        }
    }

    /// The line's call and its packet are looked at as they come, as long as somebody can follow.
    pub(in crate::model) fn listing_sees(&mut self, event: Event, now: Millis) {
        self.listing.servers.handle_event(&event);
        let client = &self.listing.client;
        let mine = client
            .request
            .filter(|_| client.is_there() && client.pace > 0);
        let lacks_packet = client.is_under_way() && self.inspector.selected.is_none();
        let starts = match &event.what {
            What::CallStarted(started) if started.request == mine => mine.map(|_| started.call),
            What::Process(_)
            | What::ProcessEnded { .. }
            | What::CallStarted(_)
            | What::CallReturned(_)
            | What::Packet(_)
            | What::Derived(_)
            | What::Facts(_)
            | What::Server(_)
            | What::Sockets(_)
            | What::Conditions(_)
            | What::Edge(_)
            | What::CaptureLost { .. } => None,
        };
        self.log.add(event, now);
        if mine.is_some() && (starts.is_some() || lacks_packet) {
            self.select(starts.or(self.selected));
        }
    }

    /// The program as it runs in this lab.
    fn program_text(&self, side: Side) -> Option<String> {
        let listing_view = self.shown().listing_view(side)?;
        let lines = listing_view
            .lines
            .iter()
            .flat_map(|line| [line.text.as_str(), "\n"]);
        Some(lines.collect())
    }

    /// The programs one wants to read that have not come yet.
    pub(crate) fn missing_programs(&self) -> Vec<TextFile> {
        let shown = self.shown();
        let transport = shown.transport();
        let server = shown.servers.get(transport);
        let book = server.is_some_and(|server| server.program == ServerProgram::Book);
        let wanted = [(Side::Client, self.listing.open), (Side::Server, book)];
        let wanted = wanted.into_iter().filter(|(_, wanted)| *wanted);
        let files = wanted.map(|(side, _)| Program { transport, side }.file());
        files.filter(|file| read(*file).is_none()).collect()
    }
}
