//! Runs the steps of a card, each with the page's own commands, as if the user gave them by hand.

use shared::{
    call::{Call, Family, Transport},
    lab::{LabKind, ServerState},
    outcome::{Failed, FailureSource, Reason},
};

use super::{
    card::{ServerAction, StepAction},
    play::StepWait,
};
use crate::model::{
    Effect, Model,
    core::time::Millis,
    panes::{
        network, server,
        workbench::{CallForm, arguments::call_named},
    },
};

/// The result of one action.
enum StepResult {
    /// It is done, or under way.
    Done(Option<StepWait>),
    /// It has to be tried again when this has come.
    NotYet(StepWait),
    /// There is no socket of this name.
    MissingSocket(String),
    /// It may not be done here.
    Refused(Failed),
}

impl Model {
    /// Runs the card's steps as far as they go, and puts back what a finished card has changed.
    pub(in crate::model) fn advance_cards(&mut self, effects: &mut Vec<Effect>, now: Millis) {
        self.run_card_steps(effects, now);
        self.cards.record_done(effects);
        self.restore_when_over();
        self.restore_next_server();
    }

    /// Goes on with the running step as far as it can.
    fn run_card_steps(&mut self, effects: &mut Vec<Effect>, now: Millis) {
        self.check_unfinished_calls();
        while let Some(play) = &self.cards.play
            && play.running.is_some()
            && self.can_act()
        {
            let action = play.queue.front().cloned();
            // A call that blocks may be what a step is for: others can be made meanwhile, and it is waited to be seen.
            let goes_on = action.as_ref().is_none_or(|action| !action.wait.is_empty());
            let leaves_it = goes_on && matches!(play.waits, Some(StepWait::Call(_)));
            let waits = play.waits.as_ref();
            if !leaves_it && waits.is_some_and(|waits| self.is_waiting_for(waits)) {
                return;
            }
            let refusal = waits.and_then(|waits| self.refusal_of(waits));
            if let Some((refusal, play)) = refusal.zip(self.cards.play.as_mut()) {
                play.refuse(refusal);
                return;
            }
            self.note_finished_changes();
            let result = action.map(|action| self.perform(&action, effects, now));
            let Some(play) = &mut self.cards.play else {
                return;
            };
            match result {
                None => play.complete_step(),
                Some(StepResult::Done(waits)) => {
                    play.queue.pop_front();
                    if let (Some(StepWait::Call(request)), Some(at)) = (&waits, play.running) {
                        play.under_way.push((at, *request));
                    }
                    play.waits = waits;
                }
                Some(StepResult::NotYet(waits)) => play.waits = Some(waits),
                Some(StepResult::MissingSocket(name)) => play.stop_for_missing_socket(&name),
                Some(StepResult::Refused(failed)) => play.refuse(failed),
            }
        }
    }

    /// Whether it has not come yet.
    fn is_waiting_for(&self, waits: &StepWait) -> bool {
        match waits {
            StepWait::Call(request) => {
                let mut made = self.workbench.calls.iter();
                made.any(|made| made.request == Some(*request) && made.is_open())
            }
            StepWait::Ask => self.network.is_asked(),
            StepWait::Restored => self.is_restoring(),
            StepWait::Server(transport, up) => {
                let server = self.servers.get(*transport);
                let runs = server.is_some_and(|server| server.state == ServerState::Running);
                self.servers.is_asked() || runs != *up && self.servers.refused.is_none()
            }
            StepWait::Lab(left) => {
                let here = self.welcome.as_ref().map(|welcome| &welcome.lab.id);
                self.lab_session.is_moving()
                    || here == Some(left) && self.lab_session.refused.is_none()
            }
            StepWait::Held => self.network.held.is_empty(),
            StepWait::Sight => {
                let play = self.cards.play.as_ref();
                play.is_some_and(|play| !play.check.has_matched())
            }
        }
    }

    /// A step does not wait for its last call: that it was refused is known later.
    fn check_unfinished_calls(&mut self) {
        let Some(play) = &mut self.cards.play else {
            return;
        };
        let made = &self.workbench.calls;
        let mut refused = Vec::new();
        play.under_way.retain(|(at, request)| {
            let found = made.iter().find(|made| made.request == Some(*request));
            let failed = found.and_then(|made| made.failed());
            let refusal = failed.filter(|failed| is_refusal(failed));
            refused.extend(refusal.map(|failed| (*at, failed.clone())));
            found.is_some_and(|made| made.is_open())
        });
        for (at, failed) in refused {
            play.refuse_at(at, failed);
        }
    }

    /// Why what was waited for was not done, where the relay would not.
    fn refusal_of(&self, waits: &StepWait) -> Option<Failed> {
        let failed = match waits {
            StepWait::Call(request) => {
                let mut made = self.workbench.calls.iter();
                let made = made.find(|made| made.request == Some(*request))?;
                made.failed().filter(|_| !made.is_open())
            }
            StepWait::Ask => self.network.refused.as_ref(),
            StepWait::Server(..) => self.servers.refused.as_ref(),
            StepWait::Lab(_) => self.lab_session.refused.as_ref(),
            StepWait::Restored | StepWait::Held | StepWait::Sight => None,
        };
        failed.filter(|failed| is_refusal(failed)).cloned()
    }

    fn perform(
        &mut self,
        action: &StepAction,
        effects: &mut Vec<Effect>,
        now: Millis,
    ) -> StepResult {
        // A step starts in the lab as it was before the previous card.
        if self.is_restoring() {
            return StepResult::NotYet(StepWait::Restored);
        }
        self.note_servers();
        if let Some(lab) = action.lab {
            return self.go_to(lab, effects);
        }
        if let Some((becomes, transport)) = action.server.zip(action.transport) {
            return self.apply_server_action(becomes, transport, action);
        }
        if let Some(conditions) = action.network {
            self.note_network_change(conditions);
            let wish = network::NetworkCommand::Set(conditions);
            self.network.handle_command(wish, &mut self.outbox);
            return StepResult::Done(Some(StepWait::Ask));
        }
        if let Some(verdict) = action.decide {
            let Some(held) = self.network.held.first() else {
                return StepResult::NotYet(StepWait::Held);
            };
            let wish = network::NetworkCommand::Decide(held.datagram, verdict);
            self.network.handle_command(wish, &mut self.outbox);
            return StepResult::Done(Some(StepWait::Ask));
        }
        if !action.wait.is_empty() {
            return self.wait_for_filter();
        }
        if !action.cancel.is_empty() {
            return self.cancel_call(&action.cancel);
        }
        self.call(action, now)
    }

    /// Goes to the open lab, or to a new private lab. From a kept lab the page must first return to it: it has only one.
    fn go_to(&mut self, lab: LabKind, effects: &mut Vec<Effect>) -> StepResult {
        let Some(here) = self.welcome.as_ref().map(|welcome| &welcome.lab) else {
            return StepResult::Done(None);
        };
        let left = StepWait::Lab(here.id.clone());
        if here.kind == LabKind::Class {
            // The class's lab is the teacher's own; a member goes out and stays in the class.
            if lab == LabKind::Open || self.may_control() {
                return StepResult::Done(None);
            }
            self.enter_private_lab(effects);
            return StepResult::Done(Some(left));
        }
        if lab == LabKind::Open && here.kind == lab {
            return StepResult::Done(None);
        }
        let must_return = lab == LabKind::Private && self.lab_session.kept_lab() == Some(lab);
        self.enter_lab(lab, effects);
        if must_return {
            StepResult::NotYet(left)
        } else {
            StepResult::Done(Some(left))
        }
    }

    fn apply_server_action(
        &mut self,
        becomes: ServerAction,
        transport: Transport,
        action: &StepAction,
    ) -> StepResult {
        self.transport = Some(transport);
        let Some(known) = self.servers.get(transport) else {
            return StepResult::Done(None);
        };
        let before = known.clone();
        let runs = known.state == ServerState::Running;
        let wanted = server::ServerOptions {
            program: action.program,
            task: action.task,
            settings: action.settings,
        };
        let is_as_wanted =
            runs && wanted.clone().against(known) == server::ServerOptions::default();
        let wish = match becomes {
            ServerAction::Start if is_as_wanted => return StepResult::Done(None),
            ServerAction::Start if runs => server::ServerCommand::Restart(wanted),
            ServerAction::Start => server::ServerCommand::Start(wanted),
            ServerAction::Stop | ServerAction::Kill if !runs => return StepResult::Done(None),
            ServerAction::Stop => server::ServerCommand::Stop,
            ServerAction::Kill => server::ServerCommand::Kill,
        };
        let may_control = self.may_control();
        // Without the right to control a server, another program cannot be asked for.
        if !may_control && matches!(wish, server::ServerCommand::Restart(_)) {
            return StepResult::Refused(self.no_control_failure());
        }
        self.note_server_change(before);
        self.servers
            .handle_command(transport, wish, may_control, &mut self.outbox);
        let up = becomes == ServerAction::Start;
        StepResult::Done(Some(StepWait::Server(transport, up)))
    }

    /// What the relay would say of a server that is not this page's to control.
    fn no_control_failure(&self) -> Failed {
        let reason = if self.classroom.standing.is_some() {
            Reason::OnlyTeacher
        } else {
            Reason::OnlyThisMachine
        };
        Failed {
            errno: String::new(),
            message: String::new(),
            source: FailureSource::Relay,
            reason: Some(reason),
            limit: None,
        }
    }

    fn wait_for_filter(&mut self) -> StepResult {
        let Some(play) = self
            .cards
            .play
            .as_mut()
            .filter(|play| play.check.has_matched())
        else {
            return StepResult::NotYet(StepWait::Sight);
        };
        play.check.stop_waiting();
        StepResult::Done(None)
    }

    fn cancel_call(&mut self, name: &str) -> StepResult {
        let Some(key) = self.key_of(name) else {
            return StepResult::MissingSocket(name.to_owned());
        };
        let mut made = self.workbench.calls_on(key).filter(|made| made.is_open());
        if let Some(of) = made.find_map(|made| made.request) {
            self.outbox.make(Call::Cancel { of });
        }
        StepResult::Done(None)
    }

    fn call(&mut self, action: &StepAction, now: Millis) -> StepResult {
        let outbox = &mut self.outbox;
        if action.call == "socket" {
            let (transport, family) = (
                action.transport.unwrap_or(Transport::Udp),
                action.family.unwrap_or(Family::Inet),
            );
            self.transport = Some(transport);
            self.workbench.open_socket(transport, family, outbox, now);
        } else if action.call == "getaddrinfo" {
            self.workbench.resolve(action.name.clone(), outbox, now);
        } else {
            let Some(key) = self.key_of(&action.on) else {
                return StepResult::MissingSocket(action.on.clone());
            };
            let Some(to) = self.target(&action.to) else {
                return StepResult::MissingSocket(action.to.clone());
            };
            let typed = action.typed(to);
            if let Some(name) = call_named(&action.call) {
                let asked = (key, name, &typed);
                self.workbench
                    .call(asked, &self.servers, &mut self.outbox, now);
            }
        }
        let request = self.workbench.calls.last().and_then(|made| made.request);
        if action.call == "socket"
            && let Some(play) = &mut self.cards.play
        {
            play.name_socket(&action.on, request);
        }
        StepResult::Done(request.map(StepWait::Call))
    }

    fn key_of(&mut self, name: &str) -> Option<u64> {
        self.cards.play.as_mut()?.key(name, &self.workbench)
    }

    /// A target as picked on the workbench: one of its sockets by descriptor.
    fn target(&mut self, name: &str) -> Option<String> {
        if ["", "server", "nobody", "localhost6"].contains(&name) {
            return Some(name.to_owned());
        }
        let key = self.key_of(name)?;
        self.workbench.card(key).map(|card| card.fd.to_string())
    }
}

/// Whether that was not done because the relay would not; what a card may want to show is none.
fn is_refusal(failed: &Failed) -> bool {
    let shows = [
        Reason::Cancelled,
        Reason::TimedOut,
        Reason::NoSuchSocket,
        Reason::NoSuchCall,
        Reason::UnknownName,
        Reason::NoAddress,
        Reason::AlreadyRunning,
        Reason::NotRunning,
    ];
    failed.reason.is_some_and(|reason| !shows.contains(&reason))
}

impl StepAction {
    /// Its call as it would be typed at the workbench.
    pub(in crate::model) fn typed(&self, to: String) -> CallForm {
        let times = usize::try_from(self.times.max(1)).unwrap_or(1);
        CallForm {
            data: self.data.repeat(times),
            hex: self.hex,
            to,
            port: self.port.clone(),
            size: self.size.clone(),
            timeout: self.timeout.clone(),
            option: self.option.clone(),
            value: self.value.clone(),
            how: self.how.clone(),
        }
    }
}
