//! The client programs the page runs, as the book has them. Replies drive them; the trace only shows them.

mod sentence;
mod session;
mod step;

use shared::{
    call::{Call, Fd, How, Transport},
    lab::Task,
    limits::Limits,
    message::Reply,
};

pub(crate) use self::{
    sentence::{Sentence, SentenceEnd},
    session::SocketSession,
    step::ProgramStep,
};
use crate::{
    WHOLE,
    model::{
        Model,
        core::{connection::Losses, outbox::Outbox, time::Millis},
        trace::log::RunId,
    },
};

/// A sentence to be sent, and how.
#[derive(Debug)]
pub(crate) struct SentenceOrder<'a> {
    /// The run it will be shown as.
    pub(crate) run: RunId,
    /// By which transport.
    pub(crate) transport: Transport,
    /// Whether the connection is to stand for more sentences.
    pub(crate) keep: bool,
    /// The sentence.
    pub(crate) text: &'a str,
    /// How many bytes the reply will have, where that can be known.
    pub(crate) expected: Option<usize>,
    /// What may be used.
    pub(crate) limits: &'a Limits,
}

/// All programs of this page: the last one is on the page, earlier ones only wait for their `close`.
#[derive(Debug, Default)]
pub(crate) struct Program {
    sessions: Vec<SocketSession>,
}

impl Program {
    /// The one on the page.
    pub(crate) fn current(&self) -> Option<&SocketSession> {
        self.sessions.last()
    }

    /// The sentence on the page.
    pub(crate) fn sentence(&self) -> Option<&Sentence> {
        self.current().map(|session| &session.sentence)
    }

    /// Whether a sentence still waits for its reply: a program that is blocked reads no keyboard.
    pub(crate) fn is_busy(&self) -> bool {
        self.sentence()
            .is_some_and(|sentence| sentence.ending.is_none())
    }

    /// The call the current sentence waits in, and since when.
    pub(crate) fn waiting(&self) -> Option<(ProgramStep, Millis)> {
        if !self.is_busy() {
            return None;
        }
        self.current()?.oldest()
    }

    /// The connection that stands for more sentences.
    pub(crate) fn kept(&self) -> Option<&SocketSession> {
        self.current().filter(|session| session.is_kept())
    }

    /// Runs the program for a sentence, or sends it through the connection that was kept.
    pub(crate) fn submit(&mut self, order: &SentenceOrder<'_>, outbox: &mut Outbox, now: Millis) {
        let sentence = Sentence::new(order);
        if sentence.ending.is_none()
            && order.keep
            && order.transport == Transport::Tcp
            && self.kept().is_some()
        {
            if let Some(session) = self.sessions.last_mut() {
                session.goes_on(sentence, outbox, now);
            }
            return;
        }
        self.close_connection(outbox, now);
        self.sessions.retain(|session| !session.is_over());
        self.sessions
            .push(SocketSession::begin(order, sentence, outbox, now));
    }

    /// A call has ended.
    pub(crate) fn handle_reply(&mut self, reply: &Reply, outbox: &mut Outbox, now: Millis) {
        let Some(id) = reply.id else { return };
        for session in &mut self.sessions {
            session.handle_reply(id, reply, outbox, now);
        }
    }

    /// Stops waiting: the blocked calls are cancelled.
    pub(crate) fn stop_waiting(&mut self, outbox: &mut Outbox) {
        if let Some(session) = self.sessions.last_mut() {
            session.cancel_blocked(outbox);
        }
    }

    /// Closes the connection that was kept, if there is one.
    pub(crate) fn close_connection(&mut self, outbox: &mut Outbox, now: Millis) {
        if let Some(session) = self.sessions.last_mut().filter(|session| session.is_kept()) {
            session.close(outbox, now);
        }
    }

    /// Ends the sending half of the connection that was kept.
    pub(crate) fn end_sending(&mut self, outbox: &mut Outbox, now: Millis) {
        if let Some(session) = self.sessions.last_mut().filter(|session| session.is_kept()) {
            session.end_sending(outbox, now);
        }
    }

    /// The relay is gone, and all sockets with it.
    pub(crate) fn handle_disconnect(&mut self) -> Losses {
        let mut lost = Losses::default();
        for session in &mut self.sessions {
            session.handle_disconnect(&mut lost);
        }
        lost
    }
}

fn shutdown(fd: Fd) -> Call {
    Call::Shutdown {
        fd,
        how: How::Write,
    }
}

impl Model {
    /// Whether a TCP connection is kept for the next sentence; one that is kept no longer is closed.
    pub(in crate::model) fn keep(&mut self, keep: bool, now: Millis) {
        self.keep = keep;
        if !keep {
            self.program.close_connection(&mut self.outbox, now);
        }
    }

    /// Somebody has typed a sentence: the program for it runs, or a listing's `input` reads it.
    pub(in crate::model) fn submit(&mut self, text: &str, upper_case_bytes: usize, now: Millis) {
        if !self.can_send() {
            return;
        }
        if self.offer_input(text, now) {
            return;
        }
        let Some(welcome) = &self.welcome else { return };
        let transport = self.transport();
        let run = self.log.begin_own(transport, text);
        let shouts = self
            .servers
            .get(transport)
            .is_some_and(|server| server.task == Task::Upper);
        let order = SentenceOrder {
            run,
            transport,
            keep: self.keep,
            text,
            expected: shouts.then_some(upper_case_bytes),
            limits: &welcome.limits,
        };
        self.connection.clear_losses();
        self.lab_session.refused = None;
        self.program.submit(&order, &mut self.outbox, now);
        if WHOLE {
            self.select(None);
        }
    }
}
