//! What crossed the wire, as arrows between the calls it came from and went to.
//!
//! A captured packet stands at its own moment. A derived one leans on the calls it follows from. Where the relay sent
//! neither, two calls that handed over the same bytes are joined: that these crossed is sure, how is not said.

use shared::{
    call::Transport,
    conditions::Direction,
    outcome::{Outcome, Returned},
    trace::{CallId, CallName, DerivedKind},
};

use super::{Rung, RungLayout, Span};
use crate::{
    i18n::Texts,
    model::{
        text::units,
        trace::{
            fate,
            log::{
                Call, DatagramFate, Return, Run, Seen, Side, Transmission, TransmissionKind, sender,
            },
        },
    },
};

/// Something that crossed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arrow {
    /// Where it leaves.
    pub(crate) from_y: i32,
    /// Where it comes in.
    pub(crate) to_y: i32,
    /// Towards the server, or the other way.
    pub(crate) to_server: bool,
    /// Captured, or else inferred.
    pub(crate) captured: bool,
    /// Whether anybody is known to have received it.
    pub(crate) arrives: bool,
    /// Which part of the way it goes.
    pub(crate) way: ArrowSpan,
    /// What the relay's edge made of it.
    pub(crate) fate: Option<DatagramFate>,
    /// What it is.
    pub(crate) carried: ArrowContent,
    /// The call it belongs to.
    pub(crate) call: Option<CallId>,
    /// The event it was told in, if it was.
    pub(crate) seq: Option<u64>,
}

/// A part of the way from one program to the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ArrowSpan {
    /// All of it.
    #[default]
    Whole,
    /// To the relay's edge, just before the program that receives.
    ToEdge,
    /// It waits there.
    AtEdge,
    /// From there on.
    FromEdge,
}

/// What an arrow is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ArrowContent {
    /// Bytes.
    Bytes(Transport, u64),
    /// A segment with these flags, and bytes.
    Segment(String, u64),
    /// The three-way handshake as a whole.
    Handshake,
    /// An end of stream.
    Fin,
    /// A reset.
    Rst,
    /// An ICMP port unreachable.
    Unreachable,
}

impl ArrowContent {
    /// What it is, as the picture calls it.
    pub(crate) fn label(&self, texts: &Texts) -> String {
        let bytes = |what: &str, length| [what, " ", &units::bytes(length)].concat();
        match self {
            Self::Bytes(transport, length) => bytes(transport.name(), *length),
            Self::Segment(flags, 0) => flags.clone(),
            Self::Segment(flags, length) => bytes(flags, *length),
            Self::Handshake => texts.get("wire.handshake").to_owned(),
            Self::Fin => "FIN".to_owned(),
            Self::Rst => "RST".to_owned(),
            Self::Unreachable => texts.get("wire.unreachable").to_owned(),
        }
    }
}

impl Arrow {
    /// What the edge made of it, as it is said beside it.
    pub(crate) fn fate(&self, texts: &Texts) -> String {
        let said = self.fate.filter(|_| self.way == ArrowSpan::ToEdge);
        said.map(|fate| fate::brief(fate, texts))
            .unwrap_or_default()
    }
}

/// A captured packet has a time of its own.
pub(super) const fn has_own_rung(transmission: &Transmission) -> bool {
    matches!(transmission.kind, TransmissionKind::Captured(_))
}

/// The run, ready to be drawn into.
pub(super) struct ArrowLayout<'a> {
    pub(super) calls: &'a [&'a Call],
    pub(super) spans: &'a [Span],
    rungs: &'a [Rung],
    pitch: i32,
}

impl<'a> ArrowLayout<'a> {
    pub(super) fn new(calls: &'a [&'a Call], layout: &'a RungLayout, pitch: i32) -> Self {
        Self {
            calls,
            spans: &layout.spans,
            rungs: &layout.rungs,
            pitch,
        }
    }

    /// The arrows of a run: those of its packets, or else those between its calls. `rungs` are those of the packets.
    pub(super) fn arrows(&self, run: &Run, rungs: &[usize]) -> Vec<Arrow> {
        if run.transmissions.is_empty() {
            return self.joined();
        }
        let transmissions = run.transmissions.iter().zip(rungs);
        transmissions
            .filter_map(|(transmission, rung)| self.arrow(transmission, *rung))
            .collect()
    }

    fn arrow(&self, transmission: &Transmission, rung: usize) -> Option<Arrow> {
        match &transmission.kind {
            TransmissionKind::Captured(seen) => {
                let y = self.middle(Some(rung))?;
                let carried = match seen {
                    Seen::Datagram => ArrowContent::Bytes(Transport::Udp, transmission.length),
                    Seen::Segment(flags) => {
                        ArrowContent::Segment(flags.clone(), transmission.length)
                    }
                    Seen::Unreachable => ArrowContent::Unreachable,
                };
                Some(Arrow {
                    from_y: y - self.pitch / 6,
                    to_y: y + self.pitch / 6,
                    to_server: self.leaves_client(transmission),
                    captured: true,
                    arrives: true,
                    way: ArrowSpan::Whole,
                    fate: None,
                    carried,
                    call: transmission.call,
                    seq: Some(transmission.seq),
                })
            }
            TransmissionKind::Derived(kind) => {
                let seq = Some(transmission.seq);
                let arrow = self.derived(transmission, *kind)?;
                Some(Arrow { seq, ..arrow })
            }
        }
    }

    fn derived(&self, transmission: &Transmission, kind: DerivedKind) -> Option<Arrow> {
        let at = self
            .calls
            .iter()
            .position(|call| Some(call.id) == transmission.call)?;
        let call = self.calls[at];
        // No bytes put nothing on the wire of a stream.
        if kind == DerivedKind::Data && transmission.length == 0 {
            return None;
        }
        let carried = match kind {
            DerivedKind::Datagram | DerivedKind::Data => {
                ArrowContent::Bytes(transmission.transport, transmission.length)
            }
            DerivedKind::Handshake => ArrowContent::Handshake,
            DerivedKind::Fin => ArrowContent::Fin,
            DerivedKind::Rst => ArrowContent::Rst,
            DerivedKind::Unreachable => ArrowContent::Unreachable,
        };
        let to_server = self.leaves_client(transmission);
        if kind == DerivedKind::Handshake {
            return self.between(at, at, to_server, carried, true);
        }
        let came_from_there = (call.side == Side::Client) == to_server;
        if came_from_there {
            let to = (0..self.calls.len()).find(|other| self.took_over(at, *other));
            self.between(at, to.unwrap_or(at), to_server, carried, to.is_some())
        } else {
            let from = (0..self.calls.len()).find(|other| self.took_over(*other, at));
            self.between(from.unwrap_or(at), at, to_server, carried, true)
        }
    }

    /// The arrows that follow from the calls alone.
    fn joined(&self) -> Vec<Arrow> {
        let mut arrows = Vec::new();
        let mut taken = vec![false; self.calls.len()];
        for (from, call) in self.calls.iter().enumerate() {
            for (to, taken) in taken.iter_mut().enumerate() {
                if *taken || !self.took_over(from, to) {
                    continue;
                }
                let carried = handed_over(call, self.calls[to]);
                // Bytes of a stream may come in several chunks; all else comes once.
                *taken = !matches!(carried, ArrowContent::Bytes(Transport::Tcp, _));
                let is_last = *taken;
                let to = if carried == ArrowContent::Handshake {
                    from
                } else {
                    to
                };
                arrows.extend(self.between(from, to, call.side == Side::Client, carried, true));
                if is_last {
                    break;
                }
            }
        }
        arrows
    }

    fn between(
        &self,
        from: usize,
        to: usize,
        to_server: bool,
        carried: ArrowContent,
        arrives: bool,
    ) -> Option<Arrow> {
        let leaving = self.spans[from];
        let from_y = self.middle(leaving.start.or(leaving.end))?;
        let to_y = if from == to && carried != ArrowContent::Handshake {
            from_y
        } else {
            self.middle(self.spans[to].end.or(self.spans[to].start))?
                .max(from_y)
        };
        let call = Some(self.calls[from].id);
        Some(Arrow {
            from_y,
            to_y,
            to_server,
            captured: false,
            arrives,
            way: ArrowSpan::Whole,
            fate: None,
            carried,
            call,
            seq: None,
        })
    }

    /// Whether a call received what another had sent, as far as bytes, places in the stream and times tell.
    fn took_over(&self, from: usize, to: usize) -> bool {
        let (sender, receiver) = (self.calls[from], self.calls[to]);
        let (Some(sent), Some(got)) = (&sender.end, &receiver.end) else {
            return false;
        };
        if sender.side == receiver.side || got.at_ns < sender.started_ns {
            return false;
        }
        if sender.name == CallName::Connect {
            return receiver.name == CallName::Accept
                && matches!(sent.outcome, Outcome::Returned(_));
        }
        if matches!(sender.name, CallName::Close | CallName::Shutdown) {
            return is_end_of_stream(got) || is_reset(got);
        }
        if sender.transport == Transport::Udp {
            return same_datagram(sender, receiver);
        }
        let (Some(one), Some(other)) = (sent.offset, got.offset) else {
            return false;
        };
        let (Some(sent), Some(got)) = (sender.payload(), receiver.payload()) else {
            return false;
        };
        sends(sender) && !sends(receiver) && one < other + got && other < one + sent
    }

    /// Whether the client sent it: the packet's own direction, and what the calls say of its ends where nobody told.
    fn leaves_client(&self, transmission: &Transmission) -> bool {
        if let Some(direction) = transmission.direction {
            return direction == Direction::Request;
        }
        let (Some(from), Some(to)) = (transmission.from, transmission.to) else {
            return true;
        };
        let mut calls = self.calls.iter();
        let because = calls.find(|call| Some(call.id) == transmission.call);
        let derived = because.filter(|_| matches!(transmission.kind, TransmissionKind::Derived(_)));
        let side = derived
            .and_then(|call| sender(call, from, to))
            .or_else(|| self.calls.iter().find_map(|call| sender(call, from, to)));
        // Servers have the lower ports, as a rule.
        side.map_or(from.port() > to.port(), |side| side == Side::Client)
    }

    pub(super) fn middle(&self, rung: Option<usize>) -> Option<i32> {
        Some(self.rungs.get(rung?)?.y + self.pitch / 2)
    }
}

/// What a call's return owes to the other side's call.
fn handed_over(sender: &Call, receiver: &Call) -> ArrowContent {
    if sender.name == CallName::Connect {
        return ArrowContent::Handshake;
    }
    match &receiver.end {
        Some(end) if is_end_of_stream(end) => ArrowContent::Fin,
        Some(end) if is_reset(end) => ArrowContent::Rst,
        Some(_) | None => ArrowContent::Bytes(sender.transport, receiver.payload().unwrap_or(0)),
    }
}

fn sends(call: &Call) -> bool {
    matches!(call.name, CallName::Send | CallName::SendTo)
}

fn is_end_of_stream(end: &Return) -> bool {
    matches!(end.outcome, Outcome::Returned(Returned::EndOfStream))
}

fn is_reset(end: &Return) -> bool {
    matches!(&end.outcome, Outcome::Failed(failed) if failed.errno == "ECONNRESET")
}

/// A datagram comes as it went, or cut.
fn same_datagram(sender: &Call, receiver: &Call) -> bool {
    let sent = sender
        .arguments
        .as_ref()
        .and_then(|arguments| arguments.data.as_ref());
    let Some(Outcome::Returned(Returned::Datagram { data, length, .. })) =
        receiver.end.as_ref().map(|end| &end.outcome)
    else {
        return false;
    };
    sent.is_some_and(|sent| sent.len() as u64 == *length && sent.0.starts_with(&data.0))
}
