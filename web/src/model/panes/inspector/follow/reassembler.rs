//! Reassembles one direction of a TCP conversation: its bytes in order, each once.

use super::Payload;

/// Maximum number of segments that wait for earlier ones.
const MAX_HELD_SEGMENTS: usize = 64;

/// The state of one direction.
#[derive(Debug, Default)]
pub(super) struct Reassembler {
    /// The sequence number of the next byte; `None` before the first segment.
    next: Option<u32>,
    /// Segments that wait for earlier ones.
    held: Vec<HeldSegment>,
    /// Whether all bytes up to FIN were seen.
    pub(super) ended: bool,
}

/// The position of a segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct SegmentPosition {
    /// The event of its packet.
    pub(super) seq: u64,
    /// The sequence number of its first byte.
    pub(super) at: u32,
    /// Whether it has FIN.
    pub(super) ends: bool,
}

#[derive(Debug)]
struct HeldSegment {
    position: SegmentPosition,
    bytes: Vec<u8>,
    missing: u64,
}

/// Receives payload, with the event of its packet.
type Emit<'a> = &'a mut dyn FnMut(u64, Payload);

impl Reassembler {
    /// Adds a segment with these captured bytes, and `missing` bytes more.
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

    /// The other side has acknowledged all bytes before this one: what the page lacks of them will not arrive.
    pub(super) fn acknowledged(&mut self, before: u32, seq: u64, emit: Emit<'_>) {
        let Some(next) = self.next else { return };
        // FIN counts as one byte, and may not have been captured.
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

    /// Reports the bytes before this one as missing.
    fn skip_to(&mut self, to: u32, seq: u64, emit: Emit<'_>) {
        let Some(next) = self.next else { return };
        emit(seq, Payload::Missing(to.wrapping_sub(next).into()));
        self.next = Some(to);
    }

    /// Adds the new bytes of a segment that leaves no gap.
    fn append(&mut self, position: SegmentPosition, bytes: &[u8], missing: u64, emit: Emit<'_>) {
        let next = self.next.unwrap_or(position.at);
        let known = next.wrapping_sub(position.at) as usize;
        let new = bytes.get(known..).unwrap_or_default();
        // The missing bytes are known already if bytes after them are.
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

/// Whether `a` comes before `b`, modulo 2³² (RFC 9293 §3.4).
const fn is_before(a: u32, b: u32) -> bool {
    a.wrapping_sub(b).cast_signed() < 0
}
