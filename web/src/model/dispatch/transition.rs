//! From one lab to another: what the page says on the way, and what it forgets when it arrives.

use shared::{
    codec,
    lab::LabKind,
    message::{Ask, ClientMessage, GoodbyeReason, Request, Welcome},
    outcome::Outcome,
};

use crate::{
    WHOLE,
    model::{
        Effect, Model,
        core::{
            connection::{ConnectionState, Losses, NextAttempt, Trouble},
            lab_session::{Arrival, TransitionReply},
            liveness::LivenessAction,
            time::Millis,
        },
        panes::{class::LeftLab, program::Program},
    },
};

impl Model {
    /// Somebody wants to be in another lab.
    pub(in crate::model) fn enter_lab(&mut self, to: LabKind, effects: &mut Vec<Effect>) {
        // A class member keeps the seat in the class: going to a private lab leads back to the class.
        let to = match (to, self.lab_session.return_lab()) {
            (LabKind::Private, LabKind::Class) => LabKind::Class,
            _ => to,
        };
        let is_there = self.classroom.standing.is_some() && !self.lab_session.is_out_of_class();
        if to == LabKind::Class && is_there {
            return;
        }
        if self.connection.state == ConnectionState::Open && !self.lab_session.is_moving() {
            self.start_transition(to, None, effects);
        }
    }

    /// Goes to a new private lab. A class member stays in the class.
    pub(in crate::model) fn enter_private_lab(&mut self, effects: &mut Vec<Effect>) {
        if self.connection.state == ConnectionState::Open && !self.lab_session.is_moving() {
            self.start_transition(LabKind::Private, None, effects);
        }
    }

    /// Somebody wants back what another page has taken over.
    pub(in crate::model) fn reclaim_session(&mut self, effects: &mut Vec<Effect>, now: Millis) {
        self.lab_session.reclaim();
        self.connect(effects, now);
    }

    fn start_transition(
        &mut self,
        to: LabKind,
        pending_welcome: Option<Box<Welcome>>,
        effects: &mut Vec<Effect>,
    ) {
        let message = self
            .lab_session
            .request_lab(to, self.outbox.next_id(), pending_welcome);
        effects.push(send_effect(&message));
    }

    /// Goes to another lab by this ask.
    pub(in crate::model) fn start_transition_by(&mut self, ask: Ask, effects: &mut Vec<Effect>) {
        let message = self.lab_session.request(ask, self.outbox.next_id(), None);
        effects.push(send_effect(&message));
    }

    /// The relay welcomes the page: on a new connection, or to the lab it wanted to be in.
    pub(in crate::model) fn handle_welcome(
        &mut self,
        welcome: Welcome,
        effects: &mut Vec<Effect>,
        now: Millis,
    ) {
        if self.lab_session.wants_back() {
            self.start_transition(
                self.lab_session.return_lab(),
                Some(Box::new(welcome)),
                effects,
            );
        } else {
            self.enter_welcomed_lab(welcome, effects, now);
        }
    }

    fn enter_welcomed_lab(&mut self, welcome: Welcome, effects: &mut Vec<Effect>, now: Millis) {
        let had = self.lab_session.token().map(str::to_owned);
        let came_back = self.lab_session.is_returning();
        let arrival = self.lab_session.handle_welcome(&welcome, now);
        let is_own = welcome.lab.kind != LabKind::Open;
        let is_class = welcome.lab.kind == LabKind::Class;
        let before = self.welcome.as_ref().map(|before| &before.lab.id);
        let is_elsewhere = before.is_some_and(|before| *before != welcome.lab.id);
        let is_back = matches!(arrival, Arrival::Back(_));
        if !is_back && (is_own || is_elsewhere) {
            self.reset_for_other_lab();
        }
        if WHOLE {
            self.enter_class(&welcome, effects);
        }
        let seen = self.log.last_seq();
        let restarted = seen.is_some_and(|seen| welcome.lab.next_seq <= seen);
        if restarted {
            self.reset_lab();
        }
        self.connection.handle_welcome(restarted);
        self.servers.set_all(&welcome.lab.servers);
        self.network.set_conditions(welcome.lab.conditions);
        self.log.set_own_process(welcome.process);
        self.workbench.set_own_process(welcome.process);
        if let Some(seat) = &welcome.seat {
            self.outbox.number_from(seat.next_id);
        }
        if let Arrival::Back(again) = arrival {
            effects.extend(again.iter().map(send_effect));
        }
        let from = match seen.filter(|_| !restarted) {
            Some(seen) => Some(seen + 1),
            // To whom has just joined a class its trace is told from now on.
            None => (is_own && (came_back || !is_class)).then_some(welcome.lab.first_seq),
        };
        if let Some(from) = from {
            let whose = if WHOLE { self.watched_events() } else { None };
            let id = self.outbox.ask(Ask::Watch { from, whose });
            self.lab_session.begin_catch_up(id);
        }
        self.welcome = Some(welcome);
        self.store_token(had.as_deref(), effects);
    }

    /// Handles the reply to a transition. Returns whether the reply was one.
    pub(in crate::model) fn handle_transition_reply(
        &mut self,
        id: Option<u64>,
        outcome: &Outcome,
        effects: &mut Vec<Effect>,
        now: Millis,
    ) -> bool {
        let had = self.lab_session.token().map(str::to_owned);
        let home = self.lab_session.return_lab();
        match self.lab_session.handle_reply(id, outcome) {
            TransitionReply::Other => return false,
            TransitionReply::Goes | TransitionReply::Stays(None) => {}
            TransitionReply::Again(pending_welcome) => {
                self.start_transition(self.lab_session.return_lab(), pending_welcome, effects)
            }
            TransitionReply::Stays(Some(pending_welcome)) => {
                self.enter_welcomed_lab(*pending_welcome, effects, now)
            }
        }
        if WHOLE {
            let left = LeftLab {
                home,
                token: had.clone(),
            };
            self.handle_refused_entry(left, effects);
        }
        self.store_token(had.as_deref(), effects);
        true
    }

    /// Handles the end of the connection. A private lab goes on, and the page returns to it.
    pub(in crate::model) fn handle_close(
        &mut self,
        effects: &mut Vec<Effect>,
        random: u32,
        now: Millis,
    ) {
        self.disconnect(random, now);
        if self.connection.wants_reason() {
            effects.push(Effect::ProbeRefusal);
        }
    }

    /// Does what the connection's time asks for: pings, and attempts that are due or have taken too long.
    pub(in crate::model) fn tend_connection(
        &mut self,
        effects: &mut Vec<Effect>,
        random: u32,
        now: Millis,
    ) {
        match self.connection.action(now) {
            LivenessAction::Wait => {}
            LivenessAction::Ping => self.send_ping(effects, now),
            LivenessAction::Dead => self.handle_silence(effects, random, now),
        }
        if self.connection.is_overdue(now) {
            self.handle_close(effects, random, now);
        } else if self.connection.is_due(now) {
            self.connect(effects, now);
        }
    }

    /// Nothing was heard any more: the WebSocket is closed from this side.
    pub(in crate::model) fn handle_silence(
        &mut self,
        effects: &mut Vec<Effect>,
        random: u32,
        now: Millis,
    ) {
        self.connection.trouble = Some(Trouble::Silent);
        effects.push(Effect::Disconnect);
        self.disconnect(random, now);
    }

    /// Asks the relay for a sign of life. Which seat the page is in has nothing to do with it.
    pub(in crate::model) fn send_ping(&mut self, effects: &mut Vec<Effect>, now: Millis) {
        let id = self.outbox.next_id();
        self.connection.liveness.record_ping(id, now);
        let request = Request::Ask(Ask::Ping);
        effects.push(send_effect(&ClientMessage { id, request }));
    }

    /// The page may have slept, or the network changed: is the relay still there? What is tried later is tried now.
    pub(in crate::model) fn check_connection(&mut self, effects: &mut Vec<Effect>, now: Millis) {
        match self.connection.next {
            NextAttempt::At(_) => self.connect(effects, now),
            NextAttempt::Nothing if self.connection.state == ConnectionState::Open => {
                self.send_ping(effects, now)
            }
            NextAttempt::Nothing | NextAttempt::Trying(_) => {}
        }
    }

    fn disconnect(&mut self, random: u32, now: Millis) {
        let is_taken_over = self.connection.has_goodbye(GoodbyeReason::TakenOver);
        if is_taken_over {
            self.lab_session.handle_takeover(now);
        }
        self.lab_session.handle_disconnect(now);
        // In the other page too all goes on: nothing is lost, it is only not seen here any more.
        if is_taken_over || self.lab_session.is_active() {
            self.connection.handle_close(Losses::default(), random, now);
            return;
        }
        let lost = self.program.handle_disconnect();
        if WHOLE {
            self.listing.lose_connection();
        }
        self.log.handle_disconnect();
        self.servers.handle_disconnect();
        self.workbench.handle_disconnect();
        self.links.handle_disconnect();
        self.end_rerun();
        self.connection.handle_close(lost, random, now);
    }

    /// A lab that is kept for nobody is forgotten in time.
    pub(in crate::model) fn expire_session(&mut self, effects: &mut Vec<Effect>, now: Millis) {
        if self.connection.state == ConnectionState::Open && self.lab_session.expire(now) {
            effects.push(Effect::StoreSessionToken(None));
        }
    }

    /// Nothing of another lab is of use here.
    fn reset_for_other_lab(&mut self) {
        self.reset_lab();
        self.end_rerun();
        self.program = Program::default();
        self.servers.handle_disconnect();
        self.servers.refused = None;
        self.outbox.empty();
    }

    fn store_token(&self, had: Option<&str>, effects: &mut Vec<Effect>) {
        let has = self.lab_session.token();
        if had != has {
            effects.push(Effect::StoreSessionToken(has.map(str::to_owned)));
        }
    }
}

fn send_effect(message: &ClientMessage) -> Effect {
    Effect::Send(codec::encode_client(message))
}
