//! One side of a conversation: its state so far, and how it changes with the next segment.

use super::{Analysis, Duplicate, Mark, Marks};
use crate::dissect::tcp::MOST_SHIFT;
use crate::dissect::{Segment, TcpFlags};

/// Gaps that are remembered.
const MOST_GAPS: usize = 8;

/// A segment with what the conversation needs beside it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) number: u64,
    pub(super) segment: Segment,
    pub(super) length: u32,
}

impl Seen {
    pub(super) fn has(self, any: TcpFlags) -> bool {
        self.segment.flags.has(any)
    }

    /// SYN, FIN and RST take no part in most judgements.
    fn is_plain(self) -> bool {
        !self.has(TcpFlags::SYN.with(TcpFlags::FIN).with(TcpFlags::RST))
    }

    /// The sequence number behind it: SYN and FIN count as one byte each (RFC 9293 3.4).
    fn end(self) -> u32 {
        let counted = u32::from(self.has(TcpFlags::SYN)) + u32::from(self.has(TcpFlags::FIN));
        self.segment
            .seq
            .wrapping_add(self.length)
            .wrapping_add(counted)
    }
}

/// What is known of one side from the segments that it sent.
#[derive(Debug, Default)]
pub(super) struct Side {
    /// The number that counts as 0, once it is known.
    pub(super) base: Option<u32>,
    /// Behind the highest byte seen.
    next: Option<u32>,
    gaps: Vec<(u32, u32)>,
    scale: Option<u8>,
    ack: Option<u32>,
    window: Option<u32>,
    /// The packet that carried the last new acknowledgment, and its repetitions since.
    acked_by: u64,
    repeated: u32,
    probed: bool,
}

impl Side {
    pub(super) fn learn(&mut self, other: &mut Self, seen: Seen) {
        let syn = seen.has(TcpFlags::SYN);
        self.base.get_or_insert(if syn {
            seen.segment.seq
        } else {
            seen.segment.seq.wrapping_sub(1)
        });
        if seen.has(TcpFlags::ACK) {
            other.base.get_or_insert(seen.segment.ack.wrapping_sub(1));
        }
        if syn {
            self.scale = seen.segment.scale;
        }
    }

    /// The window in bytes: a SYN's own is never scaled, and both sides must have offered to scale (RFC 7323 2.2).
    pub(super) fn scaled(&self, other: &Self, seen: Seen) -> u32 {
        let shift = match (self.scale, other.scale) {
            (Some(shift), Some(_)) if !seen.has(TcpFlags::SYN) => shift.min(MOST_SHIFT),
            _ => 0,
        };
        u32::from(seen.segment.window) << shift
    }

    /// What its place among the bytes tells.
    pub(super) fn judge_bytes(&self, other: &Self, seen: Seen, window: u32, marks: &mut Marks) {
        let seq = seen.segment.seq;
        marks.set(Mark::ZeroWindow, window == 0 && seen.is_plain());
        let Some(next) = self.next else {
            return;
        };
        let full = other.ack_limit() == Some(seen.end()) && seen.length > 0;
        marks.set(Mark::WindowFull, full && seen.is_plain());
        // Both kinds of probe are only sent when nothing is on its way; otherwise it is that byte once more.
        let idle = other.ack.is_none_or(|ack| ack == next);
        let one_before = idle && seen.length <= 1 && seq == next.wrapping_sub(1) && seen.is_plain();
        let no_room = other.window == Some(0);
        let pushes = seen.length == 1 && seq == next && no_room && seen.is_plain();
        marks.set(Mark::ZeroWindowProbe, no_room && one_before || pushes);
        marks.set(Mark::KeepAlive, !no_room && one_before);
        if one_before || seen.has(TcpFlags::RST) {
            return;
        }
        marks.set(Mark::LostSegment, is_before(next, seq));
        let again = seq != seen.end() && is_before(seq, next);
        let fills = self
            .gaps
            .iter()
            .any(|(from, to)| !is_before(seq, *from) && !is_before(*to, seen.end()));
        marks.set(Mark::OutOfOrder, again && fills);
        marks.set(Mark::Retransmission, again && !fills);
    }

    /// What an acknowledgment without data tells.
    pub(super) fn judge_answer(
        &mut self,
        other: &Self,
        seen: Seen,
        window: u32,
        analysis: &mut Analysis,
    ) {
        let repeats = seen.length == 0
            && seen.is_plain()
            && self.next == Some(seen.segment.seq)
            && self.ack == Some(seen.segment.ack)
            && seen.has(TcpFlags::ACK);
        let same_window = self.window == Some(window);
        let unacknowledged = other
            .next
            .is_some_and(|next| is_before(seen.segment.ack, next));
        analysis.marks.set(
            Mark::KeepAliveAck,
            repeats && same_window && window > 0 && other.probed,
        );
        analysis
            .marks
            .set(Mark::WindowUpdate, repeats && !same_window && window > 0);
        if repeats && same_window && window > 0 && unacknowledged && !other.probed {
            self.repeated += 1;
            analysis.marks.set(Mark::DuplicateAck, true);
            analysis.duplicate = Some(Duplicate {
                of: self.acked_by,
                count: self.repeated,
            });
        }
    }

    pub(super) fn remember(&mut self, other: &mut Self, seen: Seen, window: u32, marks: Marks) {
        self.probed = marks.has(Mark::KeepAlive) || marks.has(Mark::ZeroWindowProbe);
        self.window = Some(window);
        if seen.has(TcpFlags::ACK) && self.ack.is_none_or(|ack| is_before(ack, seen.segment.ack)) {
            self.ack = Some(seen.segment.ack);
            self.acked_by = seen.number;
            self.repeated = 0;
        }
        other.probed = false;
        self.remember_bytes(seen);
    }

    fn remember_bytes(&mut self, seen: Seen) {
        let (seq, end) = (seen.segment.seq, seen.end());
        self.fill(seq, end);
        match self.next {
            Some(next) if is_before(next, seq) && self.gaps.len() < MOST_GAPS => {
                self.gaps.push((next, seq))
            }
            Some(_) | None => {}
        }
        if self.next.is_none_or(|next| is_before(next, end)) {
            self.next = Some(end);
        }
    }

    /// Takes these bytes out of the gaps.
    fn fill(&mut self, seq: u32, end: u32) {
        if self.gaps.is_empty() {
            return;
        }
        let mut left = Vec::new();
        for (from, to) in self.gaps.drain(..) {
            if !is_before(seq, to) || !is_before(from, end) {
                left.push((from, to));
                continue;
            }
            if is_before(from, seq) {
                left.push((from, seq));
            }
            if is_before(end, to) {
                left.push((end, to));
            }
        }
        left.truncate(MOST_GAPS);
        self.gaps = left;
    }

    /// The first byte that the other side may not send yet.
    fn ack_limit(&self) -> Option<u32> {
        Some(self.ack?.wrapping_add(self.window?))
    }
}

/// Whether `a` comes before `b`, round the corner of 2³² too (RFC 9293 3.4).
const fn is_before(a: u32, b: u32) -> bool {
    a.wrapping_sub(b).cast_signed() < 0
}
