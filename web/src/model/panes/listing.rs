//! The book's programs, line by line: the page runs the client's and follows the server's in the trace. A line is
//! current until its call has really returned. How a listing is drawn is in `view::listing`; the files are in
//! `www/programs`.

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
    trace::{CallId, Event},
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

/// A command of the user for the programs.
#[derive(Debug)]
pub(crate) enum ListingCommand {
    /// Open or close the client's program.
    Look(bool),
    /// Run or pause it.
    Run,
    /// Execute one line.
    Step,
    /// Press Ctrl-C.
    Interrupt,
    /// Reset it.
    Reset,
    /// Set the time that a line stays.
    Pace(Millis),
    /// The sentence in the input field.
    Typed(String),
    /// Copy the program of this side.
    Copy(Side),
}

/// The programs of both sides.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Whether the client's program is shown.
    pub(crate) open: bool,
    /// The client's program.
    pub(crate) client: Client,
    /// The state of the servers' programs.
    pub(crate) servers: ServerSnapshots,
    /// The side whose program is on the clipboard.
    pub(crate) copied: Option<Side>,
    copying: Option<Side>,
    version: u64,
}

impl Listing {
    /// Handles that a text was copied. Returns whether it was a program.
    pub(in crate::model) fn finish_copy(&mut self) -> bool {
        self.copied = self.copying.take();
        self.version += 1;
        self.copied.is_some()
    }

    /// Grows with every change of the client's program.
    pub(crate) const fn version(&self) -> u64 {
        self.version
    }

    /// Starts again in another lab.
    pub(in crate::model) fn reset(&mut self) {
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
    /// Handles a command.
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

    /// Whether the client's program can execute a line now: only one program at a time reads the input field.
    pub(crate) fn can_run_listing(&self) -> bool {
        !self.is_past()
            && self.connection.state == ConnectionState::Open
            && !self.lab_session.is_moving()
            && !self.program.is_busy()
    }

    /// Chooses a transport, and with it another program.
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

    /// Executes the lines that are due.
    pub(in crate::model) fn advance_listing(&mut self, now: Millis) {
        if WHOLE && self.listing.client.is_under_way() {
            self.listing.version += 1;
            self.listing.client.advance(&mut self.outbox, now);
        }
    }

    /// Offers a sentence to the program. Returns whether it takes it; a program that has not begun or has ended is
    /// reset.
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

    /// Starts the program at its first line, unless it is running. Returns whether it is.
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
        self.connection.clear_losses();
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

    /// Whether errno has Linux's numbers.
    pub(in crate::model) fn is_linux(&self) -> bool {
        let truth = self.welcome.as_ref().map(|welcome| &welcome.truth);
        let obstacle = truth.and_then(|truth| truth.why_not_higher.as_ref());
        obstacle.is_none_or(|obstacle| obstacle.kind != ObstacleKind::NotLinux)
    }

    /// Handles a reply: the line that waited for it is done.
    pub(in crate::model) fn handle_listing_reply(&mut self, reply: &Reply, now: Millis) {
        if self.listing.client.is_blocked() {
            self.listing.version += 1;
            self.listing.client.reply(reply, &mut self.outbox, now);
            self.listing.client.advance(&mut self.outbox, now);
        }
    }

    /// Follows the servers' programs. Returns the call that the client's program has just started, while the page
    /// follows it.
    pub(in crate::model) fn listing_call_started(&mut self, event: &Event) -> Option<CallId> {
        self.listing.servers.handle_event(event);
        let request = self.listing.client.followed_request()?;
        let started = event.what.call_started()?;
        (started.request == Some(request)).then_some(started.call)
    }

    /// Selects the call that the client's program has started, and its packet as soon as that is there.
    pub(in crate::model) fn select_listing_call(&mut self, started: Option<CallId>) {
        let client = &self.listing.client;
        let lacks_packet = client.is_under_way() && self.inspector.selected.is_none();
        let is_followed = client.followed_request().is_some();
        if is_followed && (started.is_some() || lacks_packet) {
            self.select(started.or(self.selected));
        }
    }

    /// The text of the program in this lab.
    fn program_text(&self, side: Side) -> Option<String> {
        let listing_view = self.shown().listing_view(side)?;
        let lines = listing_view
            .lines
            .iter()
            .flat_map(|line| [line.text.as_str(), "\n"]);
        Some(lines.collect())
    }

    /// The files of shown programs that are not loaded.
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
