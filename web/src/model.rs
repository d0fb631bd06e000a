//! Everything the page knows and decides. Pure: events and the time go in, effects come out; nothing here touches a
//! browser. [`crate::shell`] performs the effects, [`crate::view`] draws.
//!
//! Floors from the top down: [`dispatch`], [`past`], [`panes`], [`text`], [`trace`], [`core`]. Imports between them point
//! downward, but for a few texts that `trace` still takes from above, and for [`Model`] itself: rooms of the
//! upper three add methods to it, each for its own part of the state.

pub(crate) mod core;
pub(crate) mod dispatch;
pub(crate) mod panes;
pub(crate) mod past;
pub(crate) mod text;
pub(crate) mod trace;

#[cfg(test)]
mod tests;

use shared::{call::Transport, message::Welcome, trace::CallId};

pub(crate) use self::dispatch::event::{Effect, Event, WholeEvent};
use self::{
    core::{
        connection::{Connection, ConnectionState},
        lab_session::LabSession,
        outbox::Outbox,
        refusal::Refusal,
        time::{Millis, TICK},
    },
    panes::{
        cards::Cards,
        class::Classroom,
        inspector::Inspector,
        listing::Listing,
        network::Network,
        program::Program,
        server::Servers,
        workbench::{Workbench, doors::Accepted},
    },
    past::{
        archive::{Archive, RawEvents, link::Links},
        rerun::Rerun,
    },
    trace::{kernel::Kernel, log::Log},
};
use crate::{WHOLE, i18n::Language};

/// The page's state.
#[derive(Debug, Default)]
pub(crate) struct Model {
    /// The connection to the relay.
    pub(crate) connection: Connection,
    /// The relay's last welcome.
    pub(crate) welcome: Option<Welcome>,
    /// The lab the page is in, and the lab it can return to.
    pub(crate) lab_session: LabSession,
    /// The lab's servers.
    pub(crate) servers: Servers,
    /// The lab's network.
    pub(crate) network: Network,
    /// The running programs.
    pub(crate) program: Program,
    /// The book's programs, line by line.
    pub(crate) listing: Listing,
    /// The runs, with their calls and packets.
    pub(crate) log: Log,
    /// The lab's sockets as the kernel lists them.
    pub(crate) kernel: Kernel,
    /// The connections the TCP server has accepted.
    pub(crate) accepted: Accepted,
    /// The page's own sockets, and the calls made on them by hand.
    pub(crate) workbench: Workbench,
    /// The cards.
    pub(crate) cards: Cards,
    /// The class the page is in.
    pub(crate) classroom: Classroom,
    /// The packet inspector.
    pub(crate) inspector: Inspector,
    /// The trace's events as the relay sent them, for saving.
    pub(crate) raw_events: RawEvents,
    /// The saved trace or replay that is shown instead of the lab.
    pub(crate) archive: Archive,
    /// The recorded calls that are run again.
    pub(crate) rerun: Option<Rerun>,
    /// The links to saved traces that this browser made.
    pub(crate) links: Links,
    /// The chosen transport.
    pub(crate) transport: Option<Transport>,
    /// Whether TCP connections are kept for more sentences.
    pub(crate) keep: bool,
    /// The selected call.
    pub(crate) selected: Option<CallId>,
    /// Whether only the page's own runs are shown.
    pub(crate) only_mine: bool,
    /// The page's language.
    pub(crate) language: Language,
    outbox: Outbox,
}

impl Model {
    /// Handles one event. `random` spreads in time what many pages would otherwise do at once.
    #[must_use]
    pub(crate) fn update(&mut self, event: Event, now: Millis, random: u32) -> Vec<Effect> {
        let mut effects = Vec::new();
        if self.route_past_event(&event) {
            return effects;
        }
        match event {
            Event::Started | Event::ConnectNow => self.connect(&mut effects, now),
            Event::MessageReceived(text) => self.handle_message(text, &mut effects, now),
            Event::Closed => self.handle_close(&mut effects, random, now),
            Event::ConnectionInDoubt => self.check_connection(&mut effects, now),
            Event::RefusalProbed(answer) => self.connection.handle_probe(Refusal::of(answer)),
            Event::TimerFired => self.handle_timer(&mut effects, random, now),
            Event::SentenceEdited => {
                // A session that another page has taken over is taken back by a button only.
                if self.connection.waits_for_the_user() && !self.connection.is_taken_over() {
                    self.connect(&mut effects, now);
                }
            }
            Event::ChooseTransport(transport) => self.choose(transport),
            Event::KeepConnection(keep) => self.keep(keep, now),
            Event::Submit {
                text,
                upper_case_bytes,
            } => self.submit(&text, upper_case_bytes, now),
            Event::StopWaiting => self.program.stop_waiting(&mut self.outbox),
            Event::CloseConnection => self.program.close_connection(&mut self.outbox, now),
            Event::EndSending => self.program.end_sending(&mut self.outbox, now),
            Event::SessionRemembered(token) => self.lab_session.remember(token, now),
            Event::SetLanguage(language) => self.language = language,
            Event::Whole(event) if WHOLE => self.handle_whole_event(event, &mut effects, now),
            Event::Whole(_) => {}
        }
        if WHOLE {
            self.advance_cards(&mut effects, now);
            self.report_progress();
        }
        self.send_outbox(&mut effects);
        effects
    }

    /// The chosen transport; UDP until one is chosen, as the book begins with it.
    pub(crate) fn transport(&self) -> Transport {
        self.transport.unwrap_or(Transport::Udp)
    }

    /// Whether a sentence can be sent right now.
    pub(crate) fn can_send(&self) -> bool {
        let is_connected =
            self.connection.state == ConnectionState::Open && !self.lab_session.is_moving();
        let is_listing_busy = self.listing.client.is_blocked() || self.listing.client.has_read();
        let is_busy = self.program.is_busy() || is_listing_busy;
        !self.is_past() && is_connected && !is_busy && !self.classroom.is_muted()
    }

    /// The time of the next [`Event::TimerFired`], if the page waits for one.
    pub(crate) fn wakes_at(&self, now: Millis) -> Option<Millis> {
        let tick = self
            .program
            .waiting()
            .map(|(_, since)| now + TICK - now.saturating_sub(since) % TICK);
        let is_stale = self.connection.is_stale(now);
        let others = [
            tick,
            self.connection.wakes_at(now),
            self.workbench.wakes_at(now),
            self.next_blocked_at().filter(|_| WHOLE && !is_stale),
            self.kernel.wakes_at(now),
            self.lab_session.wakes_at(now),
            self.listing.client.wakes_at(now),
            self.classroom.wall.wakes_at(),
        ];
        let of_the_whole = WHOLE.then(|| {
            [
                self.replay_wakes_at(now),
                self.rerun_wakes_at(),
                self.shown().inspector.query.wakes_at(now),
            ]
        });
        let of_the_whole = of_the_whole.into_iter().flatten();
        others.into_iter().chain(of_the_whole).flatten().min()
    }

    fn connect(&mut self, effects: &mut Vec<Effect>, now: Millis) {
        self.connection.start_attempt(now);
        effects.push(Effect::Connect);
    }

    fn handle_timer(&mut self, effects: &mut Vec<Effect>, random: u32, now: Millis) {
        if WHOLE {
            self.advance_replay(now);
            self.advance_rerun(now);
        }
        self.expire_session(effects, now);
        if WHOLE {
            self.advance_listing(now);
            if !self.connection.is_stale(now) {
                self.check_blocked_calls(now);
            }
            self.classroom.wall.settle(now);
        }
        self.tend_connection(effects, random, now);
    }

    fn clear(&mut self) {
        self.selected = None;
        self.log.clear();
        self.inspector.clear();
        self.raw_events.clear();
    }

    /// Forgets what was seen of the lab: the page is in another one, or the relay was restarted.
    fn reset_lab(&mut self) {
        self.selected = None;
        self.log.reset();
        if WHOLE {
            self.kernel.reset();
            self.accepted.clear();
            self.workbench.reset();
            self.inspector.reset();
            self.network.reset();
            self.listing.reset();
            self.cards.reset();
            self.raw_events.clear();
        }
    }
}
