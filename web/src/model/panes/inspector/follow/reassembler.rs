//! One direction of a TCP conversation: its bytes put into order, each once.

use super::Payload;

/// So many segments wait for what should have come before them.
const MAX_HELD_SEGMENTS: usize = 64;

/// What has been payload in one direction so far.
#[derive(Debug, Default)]
pub(super) struct Reassembler {
    /// The number of the next byte; none before the first segment.
    next: Option<u32>,
    /// What came too early.
    held: Vec<HeldSegment>,
    /// Its end was seen, and all before it.
    pub(super) ended: bool,
}

/// Where a segment stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct SegmentPosition {
    /// The event it was seen in.
    pub(super) seq: u64,
    /// The number of its first byte.
    pub(super) at: u32,
    /// Whether the stream ends behind it.
    pub(super) ends: bool,
}

#[derive(Debug)]
struct HeldSegment {
    position: SegmentPosition,
    bytes: Vec<u8>,
    missing: u64,
}

/// Takes what is payload, and the event it was first seen in.
type Emit<'a> = &'a mut dyn FnMut(u64, Payload);

impl Reassembler {
    /// A segment with these bytes, and so many more that were not kept.
    pub(super) fn segment(
        &mut self,
        position: SegmentPosition,
        bytes: &[u8],
        missing: u64,
        emit: Emit<'_>,
    ) {
        let next = *self.next.get_or_insert(position.at);
        if is_before(next, position.at) {
            if self.held.len() < MAX_HELD_SEGMENTS {
                self.held.push(HeldSegment {
                    position,
                    bytes: bytes.to_vec(),
                    missing,
                });
                return;
            }
            self.skip_to(position.at, position.seq, emit);
        }
        self.append(position, bytes, missing, emit);
        self.append_held(emit);
    }

    /// The other side has everything before this byte, so what the page lacks of it will not come.
    pub(super) fn acknowledged(&mut self, before: u32, seq: u64, emit: Emit<'_>) {
        let Some(next) = self.next else { return };
        // An end of stream counts as one byte, and may not have been seen itself.
        if before.wrapping_sub(next).cast_signed() <= 1 {
            return;
        }
        let held = self.held.iter().map(|held| held.position.at);
        let nearest = held
            .filter(|at| !is_before(before, *at))
            .min_by_key(|at| at.wrapping_sub(next));
        self.skip_to(nearest.unwrap_or(before), seq, emit);
        self.append_held(emit);
    }

    /// Gives up what lies before this byte.
    fn skip_to(&mut self, to: u32, seq: u64, emit: Emit<'_>) {
        let Some(next) = self.next else { return };
        emit(seq, Payload::Missing(to.wrapping_sub(next).into()));
        self.next = Some(to);
    }

    /// Adds what is new of a segment that leaves no gap.
    fn append(&mut self, position: SegmentPosition, bytes: &[u8], missing: u64, emit: Emit<'_>) {
        let next = self.next.unwrap_or(position.at);
        let known = next.wrapping_sub(position.at) as usize;
        let new = bytes.get(known..).unwrap_or_default();
        // What was cut off is known too if what follows it is.
        let missing = if known <= bytes.len() { missing } else { 0 };
        if !new.is_empty() {
            emit(position.seq, Payload::Bytes(new.to_vec()));
        }
        if missing > 0 {
            emit(position.seq, Payload::Missing(missing));
        }
        let cut = u32::try_from(missing).unwrap_or(0);
        let end = next.wrapping_add(new.len() as u32).wrapping_add(cut);
        self.next = Some(end);
        self.ended |= position.ends
            && end
                == position
                    .at
                    .wrapping_add(bytes.len() as u32)
                    .wrapping_add(cut);
    }

    fn append_held(&mut self, emit: Emit<'_>) {
        loop {
            let next = self.next.unwrap_or(0);
            let Some(at) = self
                .held
                .iter()
                .position(|held| !is_before(next, held.position.at))
            else {
                return;
            };
            let HeldSegment {
                position,
                bytes,
                missing,
            } = self.held.swap_remove(at);
            self.append(position, &bytes, missing, emit);
        }
    }
}

/// Whether `a` comes before `b`, round the corner of 2³² too (RFC 9293 §3.4).
const fn is_before(a: u32, b: u32) -> bool {
    a.wrapping_sub(b).cast_signed() < 0
}
