//! What the relay sends, handed to the rooms that wait for it, and what the page sends to the relay.

use shared::{
    codec,
    message::{Reply, ServerMessage},
    trace::Event,
};

use crate::{
    WHOLE, json,
    model::{
        Effect, Model,
        core::{connection::ConnectionState, time::Millis},
    },
};

impl Model {
    /// Handles one text message of the relay. Text that is no message of the protocol is ignored.
    pub(in crate::model) fn handle_message(
        &mut self,
        text: String,
        effects: &mut Vec<Effect>,
        now: Millis,
    ) {
        self.connection.record_received(now);
        let Some(message) = json::read(&text) else {
            return;
        };
        match message {
            ServerMessage::Welcome(welcome) => self.handle_welcome(*welcome, effects, now),
            ServerMessage::Reply(reply) if self.connection.liveness.take_reply(reply.id) => {}
            ServerMessage::Reply(reply) => self.handle_reply(&reply, effects, now),
            ServerMessage::Trace(_) | ServerMessage::Gap(_)
                if self.lab_session.ignores_events() => {}
            ServerMessage::Traces(_) if self.lab_session.ignores_events() => {}
            ServerMessage::Trace(event) => self.handle_trace_message(event, text, now),
            ServerMessage::Traces(events) => {
                for event in events {
                    let text = codec::encode_trace_message(&event);
                    self.handle_trace_message(event, text, now);
                }
            }
            ServerMessage::Gap(gap) => self.log.add_gap(gap),
            ServerMessage::Class(news) if WHOLE => self.handle_class_news(news, now),
            ServerMessage::Class(_) => {}
            ServerMessage::Goodbye(goodbye) => {
                if WHOLE {
                    self.leave_class_on(&goodbye, effects);
                }
                self.connection.handle_goodbye(goodbye);
            }
        }
    }

    /// Handles one event and its text, as a message of its own has it.
    fn handle_trace_message(&mut self, event: Event, text: String, now: Millis) {
        if self.log.is_from_other_lab(&event) {
            self.reset_lab();
            self.connection.restarted = true;
        }
        if WHOLE {
            self.raw_events.keep(&event, text);
        }
        self.handle_trace_event(event, now);
    }

    fn handle_reply(&mut self, reply: &Reply, effects: &mut Vec<Effect>, now: Millis) {
        if self.handle_transition_reply(reply.id, &reply.outcome, effects, now) {
            return;
        }
        self.servers.handle_reply(reply, &mut self.outbox);
        self.update_address_hold(now);
        self.program.handle_reply(reply, &mut self.outbox, now);
        if WHOLE {
            self.network.handle_reply(reply);
            self.handle_listing_reply(reply, now);
            self.workbench.handle_reply(reply);
            self.handle_link_reply(reply, effects);
            self.handle_rerun_reply(reply, now);
            self.handle_class_reply(reply);
        }
    }

    /// Sends what is in the outbox. On the way to a lab it waits until the page has arrived.
    pub(in crate::model) fn send_outbox(&mut self, effects: &mut Vec<Effect>) {
        let is_returning =
            self.lab_session.is_active() && self.connection.state != ConnectionState::Open;
        if self.lab_session.is_moving() || is_returning {
            return;
        }
        for (message, run) in self.outbox.take() {
            if let Some(run) = run {
                self.log.expect(message.id, run);
                self.workbench.ignore_request(message.id);
            }
            self.lab_session.record_sent(&message);
            effects.push(Effect::Send(codec::encode_client(&message)));
        }
    }
}
