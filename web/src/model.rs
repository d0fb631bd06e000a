//! All that the page knows and decides. Pure: events and the time go in, effects come out; nothing here touches a browser.
//!
//! [`Model::update`] takes one event; the shell then performs the effects, draws, and comes back with
//! [`Event::Woke`] at [`Model::wakes_at`].

pub(crate) mod core;
pub(crate) mod dispatch;
pub(crate) mod panes;
pub(crate) mod past;
pub(crate) mod text;
pub(crate) mod trace;

#[cfg(test)]
mod tests;

use shared::{
    call::Transport,
    codec,
    message::{Reply, ServerMessage, Welcome},
    trace::{CallId, Event as TraceEvent},
};

pub(crate) use self::dispatch::event::{Effect, Event};
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
        network::{self, Network},
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
use crate::{WHOLE, i18n::Language, json};

/// The page's state.
#[derive(Debug, Default)]
pub(crate) struct Model {
    /// How it stands with the relay.
    pub(crate) connection: Connection,
    /// What the relay said first of all, the last time.
    pub(crate) welcome: Option<Welcome>,
    /// Which lab it is in, and which one it can go back to.
    pub(crate) seat: LabSession,
    /// The lab's servers.
    pub(crate) servers: Servers,
    /// The conditions of its network.
    pub(crate) network: Network,
    /// The programs that run.
    pub(crate) program: Program,
    /// The book's programs, line by line.
    pub(crate) listing: Listing,
    /// What happened.
    pub(crate) log: Log,
    /// The lab's sockets as the kernel lists them.
    pub(crate) kernel: Kernel,
    /// The connections the TCP server has accepted.
    pub(crate) accepted: Accepted,
    /// The page's own sockets, and the calls made on them by hand.
    pub(crate) workbench: Workbench,
    /// The cards.
    pub(crate) cards: Cards,
    /// The class it is in.
    pub(crate) classroom: Classroom,
    /// What crossed the wire, packet by packet.
    pub(crate) inspector: Inspector,
    /// The same as it was told, to be taken along.
    pub(crate) kept: RawEvents,
    /// The saved trace one looks at instead.
    pub(crate) archive: Archive,
    /// Recorded calls that are made again.
    pub(crate) again: Option<Rerun>,
    /// The saved traces of one's own.
    pub(crate) links: Links,
    /// The chosen transport.
    pub(crate) transport: Option<Transport>,
    /// Whether a TCP connection is to be kept.
    pub(crate) keep: bool,
    /// The call one looks at.
    pub(crate) selected: Option<CallId>,
    /// Whether only one's own runs are wanted.
    pub(crate) only_mine: bool,
    /// The page's language.
    pub(crate) language: Language,
    outbox: Outbox,
}

impl Model {
    /// Takes in one event. `random` spreads what many pages would else do at once.
    #[must_use]
    pub(crate) fn update(&mut self, event: Event, now: Millis, random: u32) -> Vec<Effect> {
        let mut effects = Vec::new();
        if self.is_of_the_past(&event) {
            return effects;
        }
        match event {
            Event::Started | Event::TryNow => self.connect(&mut effects, now),
            Event::Heard(text) => self.heard(text, &mut effects, now),
            Event::Closed => self.closed(&mut effects, random, now),
            Event::LineInDoubt => self.doubt(&mut effects, now),
            Event::Answered(answer) => self.connection.answered(Refusal::of(answer)),
            Event::Woke => self.woke(&mut effects, random, now),
            Event::Typed => {
                // A lab that another page has is taken back by a button only.
                if self.connection.waits_for_the_user() && !self.connection.is_taken_over() {
                    self.connect(&mut effects, now);
                }
            }
            Event::Choose(transport) => self.choose(transport),
            Event::Keep(keep) => self.keep(keep, now),
            Event::Submit { text, shouted } => self.submit(&text, shouted, now),
            Event::StopWaiting => self.program.stop_waiting(&mut self.outbox),
            Event::CloseConnection => self.program.close_connection(&mut self.outbox, now),
            Event::EndSending => self.program.end_sending(&mut self.outbox, now),
            Event::Server(wish) if WHOLE => {
                let transport = self.transport();
                let may_control = self.may_control();
                self.turns_by_hand(transport);
                self.servers
                    .wish(transport, wish, may_control, &mut self.outbox);
            }
            Event::Network(wish) if WHOLE => {
                if matches!(wish, network::NetworkCommand::Set(_)) {
                    self.sets_by_hand();
                }
                self.network.wish(wish, &mut self.outbox);
            }
            Event::Enter(lab) if WHOLE => self.enter(lab, &mut effects),
            Event::TakeBack if WHOLE => self.take_back(&mut effects, now),
            Event::HadSeat(token) => self.had_seat(token, now),
            Event::Select(call) if WHOLE => {
                self.select(call);
                self.drives_on();
            }
            Event::Inspect(action) if WHOLE => {
                self.handle_inspector_command(action, now);
                self.drives_on();
            }
            Event::Clear if WHOLE => self.clear(),
            Event::Speak(language) => self.language = language,
            Event::OnlyMine(only) if WHOLE => self.see_only_mine(only),
            Event::Archive(wish) if WHOLE => self.archive(wish, &mut effects),
            Event::Replay(wish) if WHOLE => self.replay(wish, now),
            Event::Again(wish) if WHOLE => self.again(wish, &mut effects, now),
            Event::Link(wish) if WHOLE => self.link(wish, &mut effects),
            Event::Bench(act) if WHOLE => self.act(act, &mut effects, now),
            Event::Listing(act) if WHOLE => self.handle_listing_command(act, &mut effects, now),
            Event::Cards(act) if WHOLE => self.with_cards(act, &mut effects),
            Event::Class(wish) if WHOLE => self.wish_of_class(wish, &mut effects, now),
            // The first part of the page hears of none of these.
            Event::Server(_)
            | Event::Network(_)
            | Event::Enter(_)
            | Event::TakeBack
            | Event::Select(_)
            | Event::Inspect(_)
            | Event::Clear
            | Event::OnlyMine(_)
            | Event::Archive(_)
            | Event::Replay(_)
            | Event::Again(_)
            | Event::Link(_)
            | Event::Bench(_)
            | Event::Listing(_)
            | Event::Cards(_)
            | Event::Class(_) => {}
        }
        if WHOLE {
            self.play(&mut effects, now);
            self.cards.settle(&mut effects);
            self.restore_when_over();
            self.restore_on();
            self.tell_progress();
        }
        self.say(&mut effects);
        effects
    }

    /// The chosen transport; UDP before anything was chosen, as the book begins with it.
    pub(crate) fn transport(&self) -> Transport {
        self.transport.unwrap_or(Transport::Udp)
    }

    /// Whether a sentence can be sent right now.
    pub(crate) fn can_send(&self) -> bool {
        let is_here = !self.is_past();
        let is_there = self.connection.state == ConnectionState::Open && !self.seat.is_moving();
        let is_listing_busy = self.listing.client.is_blocked() || self.listing.client.has_read();
        let is_busy = self.program.is_busy() || is_listing_busy;
        is_here && is_there && !is_busy && !self.classroom.is_muted()
    }

    /// When the page must look again though nothing came.
    pub(crate) fn wakes_at(&self, now: Millis) -> Option<Millis> {
        let tick = self
            .program
            .waiting()
            .map(|(_, since)| now + TICK - now.saturating_sub(since) % TICK);
        let is_unheard = self.connection.is_unheard(now);
        let others = [
            self.connection.wakes_at(now),
            self.workbench.wakes_at(now),
            self.blocks_at().filter(|_| WHOLE && !is_unheard),
            self.kernel.wakes_at(now),
            self.seat.wakes_at(now),
            self.listing.client.wakes_at(now),
            self.classroom.wall.wakes_at(),
        ];
        let of_the_whole = WHOLE.then(|| {
            [
                self.replay_wakes_at(now),
                self.again_wakes_at(),
                self.shown().inspector.query.wakes_at(now),
            ]
        });
        let others = others.into_iter().chain(of_the_whole.into_iter().flatten());
        tick.into_iter().chain(others.flatten()).min()
    }

    fn connect(&mut self, effects: &mut Vec<Effect>, now: Millis) {
        self.connection.tries(now);
        effects.push(Effect::Connect);
    }

    fn woke(&mut self, effects: &mut Vec<Effect>, random: u32, now: Millis) {
        if WHOLE {
            self.replay_goes_on(now);
            self.again_goes_on(now);
        }
        self.expire(effects, now);
        if WHOLE {
            self.advance_listing(now);
            if !self.connection.is_unheard(now) {
                self.witness_blocked(now);
            }
            self.classroom.wall.settle(now);
        }
        self.tend_connection(effects, random, now);
    }

    /// What is no message of this protocol says nothing to this page.
    fn heard(&mut self, text: String, effects: &mut Vec<Effect>, now: Millis) {
        self.connection.heard(now);
        let Some(message) = json::read(&text) else {
            return;
        };
        match message {
            ServerMessage::Welcome(welcome) => self.welcomed(*welcome, effects, now),
            ServerMessage::Reply(reply) if self.connection.liveness.take_reply(reply.id) => {}
            ServerMessage::Reply(reply) => self.replied(&reply, effects, now),
            ServerMessage::Trace(_) | ServerMessage::Gap(_) if self.seat.is_deaf() => {}
            ServerMessage::Trace(event) => {
                if self.log.is_strange(&event) {
                    self.start_anew();
                    self.connection.restarted = true;
                }
                if WHOLE {
                    self.kept.keep(&event, text);
                }
                self.happened(event, now);
            }
            ServerMessage::Gap(gap) => self.log.gap(gap),
            ServerMessage::Class(news) if WHOLE => self.hears_news(news, now),
            ServerMessage::Class(_) => {}
            ServerMessage::Goodbye(goodbye) => {
                if WHOLE {
                    self.parts(&goodbye, effects);
                }
                self.connection.goodbye(goodbye);
            }
        }
    }

    /// Something happened in the lab, or had happened when a trace was saved.
    fn happened(&mut self, event: TraceEvent, now: Millis) {
        self.learn(&event);
        if WHOLE {
            self.follow(event, now);
        }
    }

    /// What happened is put where the views look for it.
    fn follow(&mut self, event: TraceEvent, now: Millis) {
        let date = |mono_ns| self.log.page_time(mono_ns, now);
        self.kernel.hear(&event, date);
        self.look_at_address(now);
        let at = self.log.page_time(event.mono_ns, now);
        self.workbench.hear(&event, at);
        self.inspector
            .handle_event(&event, &self.log, &self.servers);
        let returned = self.witness(&event);
        self.listing_sees(event, now);
        self.witness_return(returned);
        self.follows_selection();
    }

    fn replied(&mut self, reply: &Reply, effects: &mut Vec<Effect>, now: Millis) {
        if self.is_placed(reply.id, &reply.outcome, effects, now) {
            return;
        }
        self.servers.reply(reply, &mut self.outbox);
        self.look_at_address(now);
        self.program.reply(reply, &mut self.outbox, now);
        if WHOLE {
            self.network.reply(reply);
            self.handle_listing_reply(reply, now);
            self.workbench.reply(reply);
            self.link_replied(reply, effects);
            self.again_replied(reply, now);
            self.acted(reply);
        }
    }

    fn clear(&mut self) {
        self.selected = None;
        self.log.clear();
        self.inspector.clear();
        self.kept.clear();
    }

    /// The relay is another one: what was seen of the old one's lab says nothing about this one's.
    fn start_anew(&mut self) {
        self.selected = None;
        self.log.start_anew();
        if WHOLE {
            self.kernel.start_anew();
            self.accepted.clear();
            self.workbench.start_anew();
            self.inspector.start_anew();
            self.network.start_anew();
            self.listing.start_anew();
            self.cards.start_anew();
            self.kept.clear();
        }
    }

    /// What is said goes off, and the log will know it again.
    /// On the way to a lab it waits until the page is there.
    fn say(&mut self, effects: &mut Vec<Effect>) {
        let is_on_the_way = self.seat.is_taken() && self.connection.state != ConnectionState::Open;
        if self.seat.is_moving() || is_on_the_way {
            return;
        }
        for (message, run) in self.outbox.take() {
            if let Some(run) = run {
                self.log.expect(message.id, run);
                self.workbench.leave_alone(message.id);
            }
            self.seat.says(&message);
            effects.push(Effect::Say(codec::encode_client(&message)));
        }
    }
}
