//! One socket of the page and the calls made on it, in the book's order.
//!
//! UDP: `socket`, `sendto`, `recvfrom`, `close`. TCP: `socket`, `connect`, `send`, `recv`, `close`. Calls that do not
//! need each other's result are sent together. A socket does one call at a time, so a `recv` that is kept pending
//! is cancelled before the next `send`, as a program with one thread could not do both either.

use std::net::SocketAddr;

use shared::{
    call::{Call, Fd, Target, Transport},
    message::Reply,
    outcome::{Failed, Outcome, Returned},
};

use super::{ProgramStep, Sentence, SentenceEnd, SentenceOrder, shutdown, step::PendingCall};
use crate::model::core::{connection::Losses, outbox::Outbox, time::Millis};

/// A socket's life.
#[derive(Debug)]
pub(crate) struct SocketSession {
    /// The sentence it is at.
    pub(crate) sentence: Sentence,
    /// The socket's own address, once it has one.
    pub(crate) local: Option<SocketAddr>,
    /// The other end.
    pub(crate) peer: Option<SocketAddr>,
    /// Why a kept connection is no more.
    pub(crate) broke: Option<SentenceEnd>,
    /// Whether our half of the connection is ended.
    pub(crate) sending_ended: bool,
    keep: bool,
    fd: Option<Fd>,
    connected: bool,
    closing: bool,
    in_flight: Vec<PendingCall>,
}

impl SocketSession {
    /// Starts a program; a sentence that cannot be sent at all starts none.
    pub(super) fn begin(
        order: &SentenceOrder<'_>,
        sentence: Sentence,
        outbox: &mut Outbox,
        now: Millis,
    ) -> Self {
        let mut session = Self {
            sentence,
            local: None,
            peer: None,
            broke: None,
            sending_ended: false,
            keep: order.keep && order.transport == Transport::Tcp,
            fd: None,
            connected: false,
            closing: false,
            in_flight: Vec::new(),
        };
        if session.sentence.ending.is_none() {
            session.make(
                ProgramStep::Socket,
                Call::Socket {
                    transport: order.transport,
                    family: None,
                },
                outbox,
                now,
            );
        }
        session
    }

    /// The next sentence of a connection that was kept.
    pub(super) fn goes_on(&mut self, sentence: Sentence, outbox: &mut Outbox, now: Millis) {
        self.sentence = sentence;
        self.recall_receive(outbox);
        if let Some(fd) = self.fd {
            self.speak(fd, outbox, now);
        }
    }

    pub(super) fn handle_reply(
        &mut self,
        id: u64,
        reply: &Reply,
        outbox: &mut Outbox,
        now: Millis,
    ) {
        let Some(at) = self.in_flight.iter().position(|flight| flight.id == id) else {
            return;
        };
        let flight = self.in_flight.remove(at);
        self.local = reply.local.or(self.local);
        self.peer = reply.peer.or(self.peer);
        match &reply.outcome {
            Outcome::Returned(returned) => self.returned(flight.step, returned, outbox, now),
            Outcome::Failed(_) if flight.recalled => {}
            Outcome::Failed(failed) => self.failed(flight.step, failed, outbox, now),
        }
    }

    fn returned(
        &mut self,
        step: ProgramStep,
        returned: &Returned,
        outbox: &mut Outbox,
        now: Millis,
    ) {
        if let (ProgramStep::Socket, Returned::Socket { fd }) = (step, returned) {
            self.fd = Some(*fd);
        }
        let Some(fd) = self.fd else { return };
        match (step, returned) {
            (ProgramStep::Socket, _) if self.sentence.transport == Transport::Tcp => {
                self.make(
                    ProgramStep::Connect,
                    Call::Connect {
                        fd,
                        to: Target::Server,
                    },
                    outbox,
                    now,
                );
            }
            (ProgramStep::Socket, _) => self.send_datagram(fd, outbox, now),
            (ProgramStep::Connect, _) => {
                self.connected = true;
                self.speak(fd, outbox, now);
            }
            (ProgramStep::Send, Returned::Sent { sent }) => self.sent(fd, *sent, outbox, now),
            (ProgramStep::Receive, _) => self.received(fd, returned, outbox, now),
            _ => {}
        }
    }

    fn send_datagram(&mut self, fd: Fd, outbox: &mut Outbox, now: Millis) {
        let data = self.sentence.datagram();
        self.make(
            ProgramStep::Send,
            Call::SendTo {
                fd,
                to: Target::Server,
                data,
            },
            outbox,
            now,
        );
        if self.sentence.can_be_answered() {
            self.receive(fd, outbox, now);
        }
    }

    fn speak(&mut self, fd: Fd, outbox: &mut Outbox, now: Millis) {
        self.make(
            ProgramStep::Send,
            Call::Send {
                fd,
                data: self.sentence.next_piece(),
            },
            outbox,
            now,
        );
        self.receive(fd, outbox, now);
    }

    fn sent(&mut self, fd: Fd, sent: u64, outbox: &mut Outbox, now: Millis) {
        self.sentence.took(sent);
        if self.sentence.transport == Transport::Tcp && !self.sentence.is_sent() {
            self.make(
                ProgramStep::Send,
                Call::Send {
                    fd,
                    data: self.sentence.next_piece(),
                },
                outbox,
                now,
            );
        }
        if self.sentence.ending.is_none() {
            self.receive(fd, outbox, now);
        }
    }

    fn receive(&mut self, fd: Fd, outbox: &mut Outbox, now: Millis) {
        if self.closing
            || self
                .in_flight
                .iter()
                .any(|flight| flight.step == ProgramStep::Receive && !flight.recalled)
        {
            return;
        }
        let size = self.sentence.size();
        let call = match self.sentence.transport {
            Transport::Udp => Call::RecvFrom { fd, size },
            Transport::Tcp => Call::Recv { fd, size },
        };
        self.make(ProgramStep::Receive, call, outbox, now);
    }

    fn received(&mut self, fd: Fd, returned: &Returned, outbox: &mut Outbox, now: Millis) {
        if let Returned::Datagram { data, length, .. } = returned {
            self.sentence.received.extend_from_slice(&data.0);
            self.sentence.cut = length.saturating_sub(data.len() as u64);
        } else if let Returned::Chunk { data } = returned {
            self.sentence.received.extend_from_slice(&data.0);
        } else {
            self.sentence.end(SentenceEnd::EndOfStream);
            self.broke.get_or_insert(SentenceEnd::EndOfStream);
            return self.close(outbox, now);
        }
        let wants_more = self.sentence.transport == Transport::Tcp && self.sentence.wants_more();
        if !wants_more {
            self.sentence.end(SentenceEnd::Whole);
        }
        if wants_more || self.keep {
            self.receive(fd, outbox, now);
        } else {
            self.close(outbox, now);
        }
    }

    fn failed(&mut self, step: ProgramStep, failed: &Failed, outbox: &mut Outbox, now: Millis) {
        let ending = SentenceEnd::Failed(step, failed.clone());
        self.sentence.end(ending.clone());
        let stays = self.keep
            && self.connected
            && step == ProgramStep::Receive
            && failed.errno == "ECANCELED";
        if !stays && step != ProgramStep::Shutdown {
            self.broke.get_or_insert(ending);
            self.close(outbox, now);
        }
    }

    /// Closes the socket; a receive that would keep it waiting is taken back first.
    pub(super) fn close(&mut self, outbox: &mut Outbox, now: Millis) {
        let Some(fd) = self.fd.filter(|_| !self.closing) else {
            return;
        };
        self.recall_receive(outbox);
        self.closing = true;
        self.make(ProgramStep::Close, Call::Close { fd }, outbox, now);
    }

    /// Tells the server that no more will come, and listens on.
    pub(super) fn end_sending(&mut self, outbox: &mut Outbox, now: Millis) {
        let Some(fd) = self.fd.filter(|_| !self.sending_ended) else {
            return;
        };
        self.recall_receive(outbox);
        self.sending_ended = true;
        self.make(ProgramStep::Shutdown, shutdown(fd), outbox, now);
        self.receive(fd, outbox, now);
    }

    fn recall_receive(&mut self, outbox: &mut Outbox) {
        for flight in self
            .in_flight
            .iter_mut()
            .filter(|flight| flight.step == ProgramStep::Receive && !flight.recalled)
        {
            flight.recalled = true;
            outbox.call(Call::Cancel { of: flight.id }, self.sentence.run);
        }
    }

    pub(super) fn cancel_blocked(&self, outbox: &mut Outbox) {
        for flight in self
            .in_flight
            .iter()
            .filter(|flight| !flight.recalled && flight.step != ProgramStep::Close)
        {
            outbox.call(Call::Cancel { of: flight.id }, self.sentence.run);
        }
    }

    fn make(&mut self, step: ProgramStep, call: Call, outbox: &mut Outbox, now: Millis) {
        let id = outbox.call(call, self.sentence.run);
        self.in_flight.push(PendingCall {
            id,
            step,
            since: now,
            recalled: false,
        });
    }

    pub(super) fn handle_disconnect(&mut self, lost: &mut Losses) {
        lost.calls += self
            .in_flight
            .iter()
            .filter(|flight| flight.step != ProgramStep::Close)
            .count();
        lost.connections += usize::from(self.connected && !self.closing);
        self.in_flight.clear();
        self.sentence.end(SentenceEnd::Lost);
        if self.is_kept() {
            self.broke = Some(SentenceEnd::Lost);
        }
        self.closing = true;
    }

    pub(super) fn oldest(&self) -> Option<(ProgramStep, Millis)> {
        self.in_flight
            .iter()
            .find(|flight| !flight.recalled)
            .map(|flight| (flight.step, flight.since))
    }

    /// Whether more sentences can go through it.
    pub(crate) const fn is_kept(&self) -> bool {
        self.keep && self.connected && !self.closing
    }

    pub(super) const fn is_over(&self) -> bool {
        self.in_flight.is_empty()
    }
}
