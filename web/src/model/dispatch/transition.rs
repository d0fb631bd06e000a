//! From one lab to another: what the page says on the way, and what it forgets when it arrives.

use shared::{
    codec,
    lab::LabKind,
    message::{Ask, ClientMessage, GoodbyeReason, Request, Welcome},
    outcome::Outcome,
    trace::{Event as TraceEvent, What},
};

use crate::{
    WHOLE,
    model::{
        Effect, Model,
        core::{
            connection::{ConnectionState, NextAttempt, Trouble},
            lab_session::{Arrival, TransitionReply},
            liveness::LivenessAction,
            time::Millis,
        },
        panes::{
            class::LeftLab,
            program::{Losses, Program},
        },
    },
};

impl Model {
    /// The page had this seat before it was loaded.
    pub(in crate::model) fn had_seat(&mut self, token: String, now: Millis) {
        self.seat.remember(token, now);
    }

    /// Somebody wants to be in another lab.
    pub(in crate::model) fn enter(&mut self, to: LabKind, effects: &mut Vec<Effect>) {
        // A place in a class is not given up for a lab of one's own: the way there leads back to it.
        let to = match (to, self.seat.home()) {
            (LabKind::Private, LabKind::Class) => LabKind::Class,
            _ => to,
        };
        let is_there = self.classroom.standing.is_some() && !self.seat.is_out();
        if to == LabKind::Class && is_there {
            return;
        }
        if self.connection.state == ConnectionState::Open && !self.seat.is_moving() {
            self.go(to, None, effects);
        }
    }

    /// To a new lab of one's own; who is in a class stays in it.
    pub(in crate::model) fn go_out(&mut self, effects: &mut Vec<Effect>) {
        if self.connection.state == ConnectionState::Open && !self.seat.is_moving() {
            self.go(LabKind::Private, None, effects);
        }
    }

    /// Somebody wants back what another page has taken over.
    pub(in crate::model) fn take_back(&mut self, effects: &mut Vec<Effect>, now: Millis) {
        self.seat.takes_back();
        self.connect(effects, now);
    }

    fn go(&mut self, to: LabKind, lobby: Option<Box<Welcome>>, effects: &mut Vec<Effect>) {
        let message = self.seat.goes(to, self.outbox.next_id(), lobby);
        effects.push(said(&message));
    }

    /// Goes to another lab by this ask.
    pub(in crate::model) fn go_by(&mut self, ask: Ask, effects: &mut Vec<Effect>) {
        let message = self.seat.goes_by(ask, self.outbox.next_id(), None);
        effects.push(said(&message));
    }

    /// The relay welcomes the page: on a new connection, or to the lab it wanted to be in.
    pub(in crate::model) fn welcomed(
        &mut self,
        welcome: Welcome,
        effects: &mut Vec<Effect>,
        now: Millis,
    ) {
        if self.seat.wants_back() {
            self.go(self.seat.home(), Some(Box::new(welcome)), effects);
        } else {
            self.arrive(welcome, effects, now);
        }
    }

    fn arrive(&mut self, welcome: Welcome, effects: &mut Vec<Effect>, now: Millis) {
        let had = self.seat.token().map(str::to_owned);
        let came_back = self.seat.comes_back();
        let arrival = self.seat.arrives(&welcome, now);
        let is_own = welcome.lab.kind != LabKind::Open;
        let is_class = welcome.lab.kind == LabKind::Class;
        let before = self.welcome.as_ref().map(|before| &before.lab.id);
        let is_elsewhere = before.is_some_and(|before| *before != welcome.lab.id);
        let is_back = matches!(arrival, Arrival::Back(_));
        if !is_back && (is_own || is_elsewhere) {
            self.begin_elsewhere();
        }
        if WHOLE {
            self.enters_class(&welcome, effects);
        }
        let seen = self.log.last_seq();
        let restarted = seen.is_some_and(|seen| welcome.lab.next_seq <= seen);
        if restarted {
            self.start_anew();
        }
        self.connection.opened(restarted);
        self.servers.are(&welcome.lab.servers);
        self.network.is(welcome.lab.conditions);
        self.log.i_am(welcome.process);
        self.workbench.i_am(welcome.process);
        if let Some(seat) = &welcome.seat {
            self.outbox.number_from(seat.next_id);
        }
        if let Arrival::Back(again) = arrival {
            effects.extend(again.iter().map(said));
        }
        let from = match seen.filter(|_| !restarted) {
            Some(seen) => Some(seen + 1),
            // To whom has just joined a class its trace is told from now on.
            None => (is_own && (came_back || !is_class)).then_some(welcome.lab.first_seq),
        };
        if let Some(from) = from {
            let whose = if WHOLE { self.watches_whose() } else { None };
            let id = self.outbox.ask(Ask::Watch { from, whose });
            self.seat.catches_up(id);
        }
        self.welcome = Some(welcome);
        self.keep_token(had.as_deref(), effects);
    }

    /// A reply about where the page is; tells whether it was one.
    pub(in crate::model) fn is_placed(
        &mut self,
        id: Option<u64>,
        outcome: &Outcome,
        effects: &mut Vec<Effect>,
        now: Millis,
    ) -> bool {
        let had = self.seat.token().map(str::to_owned);
        let home = self.seat.home();
        match self.seat.answered(id, outcome) {
            TransitionReply::Other => return false,
            TransitionReply::Goes | TransitionReply::Stays(None) => {}
            TransitionReply::Again(lobby) => self.go(self.seat.home(), lobby, effects),
            TransitionReply::Stays(Some(lobby)) => self.arrive(*lobby, effects, now),
        }
        if WHOLE {
            let left = LeftLab {
                home,
                token: had.clone(),
            };
            self.is_kept_out(left, effects);
        }
        self.keep_token(had.as_deref(), effects);
        true
    }

    /// The connection is gone. In a lab of one's own all goes on, and the page comes back to it.
    pub(in crate::model) fn closed(&mut self, effects: &mut Vec<Effect>, random: u32, now: Millis) {
        self.breaks(random, now);
        if self.connection.wants_reason() {
            effects.push(Effect::AskWhy);
        }
    }

    /// Does what the connection's time asks for: pings, and attempts that are due or have taken too long.
    pub(in crate::model) fn tend_connection(
        &mut self,
        effects: &mut Vec<Effect>,
        random: u32,
        now: Millis,
    ) {
        match self.connection.step(now) {
            LivenessAction::Wait => {}
            LivenessAction::Ping => self.ping(effects, now),
            LivenessAction::Dead => self.went_silent(effects, random, now),
        }
        if self.connection.is_overdue(now) {
            self.closed(effects, random, now);
        } else if self.connection.is_due(now) {
            self.connect(effects, now);
        }
    }

    /// Nothing was heard any more: the WebSocket is closed from this side.
    pub(in crate::model) fn went_silent(
        &mut self,
        effects: &mut Vec<Effect>,
        random: u32,
        now: Millis,
    ) {
        self.connection.trouble = Some(Trouble::Silent);
        effects.push(Effect::Disconnect);
        self.breaks(random, now);
    }

    /// Asks the relay for a sign of life. Which seat the page is in has nothing to do with it.
    pub(in crate::model) fn ping(&mut self, effects: &mut Vec<Effect>, now: Millis) {
        let id = self.outbox.next_id();
        self.connection.liveness.pinged(id, now);
        let request = Request::Ask(Ask::Ping);
        effects.push(said(&ClientMessage { id, request }));
    }

    /// The page may have slept, or the network changed: is the relay still there? What is tried later is tried now.
    pub(in crate::model) fn doubt(&mut self, effects: &mut Vec<Effect>, now: Millis) {
        match self.connection.next {
            NextAttempt::At(_) => self.connect(effects, now),
            NextAttempt::Nothing if self.connection.state == ConnectionState::Open => {
                self.ping(effects, now)
            }
            NextAttempt::Nothing | NextAttempt::Trying(_) => {}
        }
    }

    fn breaks(&mut self, random: u32, now: Millis) {
        let is_taken_over = self.connection.is_told(GoodbyeReason::TakenOver);
        if is_taken_over {
            self.seat.is_taken_over(now);
        }
        self.seat.breaks(now);
        // In the other page too all goes on: nothing is lost, it is only not seen here any more.
        if is_taken_over || self.seat.is_taken() {
            self.connection.closed(Losses::default(), random, now);
            return;
        }
        let lost = self.program.lose();
        if WHOLE {
            self.listing.lose_connection();
        }
        self.log.lose();
        self.servers.lose();
        self.workbench.lose();
        self.links.lose();
        self.again_is_lost();
        self.connection.closed(lost, random, now);
    }

    /// A lab that is kept for nobody is forgotten in time.
    pub(in crate::model) fn expire(&mut self, effects: &mut Vec<Effect>, now: Millis) {
        if self.connection.state == ConnectionState::Open && self.seat.expires(now) {
            effects.push(Effect::KeepSeat(None));
        }
    }

    /// What an event says of the lab itself.
    pub(in crate::model) fn learn(&mut self, event: &TraceEvent) {
        self.accepted.hear(event);
        match &event.what {
            What::Server(server) => self.servers.is_now(server),
            What::Conditions(conditions) => self.network.is(*conditions),
            What::Edge(edge) => self.network.touches(edge),
            What::Process(_)
            | What::ProcessEnded { .. }
            | What::CallStarted(_)
            | What::CallReturned(_)
            | What::Packet(_)
            | What::Derived(_)
            | What::Facts(_)
            | What::Sockets(_)
            | What::CaptureLost { .. } => {}
        }
    }

    /// Nothing of another lab is of use here.
    fn begin_elsewhere(&mut self) {
        self.start_anew();
        self.again_is_lost();
        self.program = Program::default();
        self.servers.lose();
        self.servers.refused = None;
        self.outbox.empty();
    }

    fn keep_token(&self, had: Option<&str>, effects: &mut Vec<Effect>) {
        let has = self.seat.token();
        if had != has {
            effects.push(Effect::KeepSeat(has.map(str::to_owned)));
        }
    }
}

fn said(message: &ClientMessage) -> Effect {
    Effect::Say(codec::encode_client(message))
}
