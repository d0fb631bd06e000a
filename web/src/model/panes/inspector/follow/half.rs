//! One direction of a TCP conversation: its bytes put into order, each once.

use super::Said;

/// So many segments wait for what should have come before them.
const MOST_HELD: usize = 64;

/// What has been said in one direction so far.
#[derive(Debug, Default)]
pub(super) struct Half {
    /// The number of the next byte; none before the first segment.
    next: Option<u32>,
    /// What came too early.
    held: Vec<Held>,
    /// Its end was seen, and all before it.
    pub(super) ended: bool,
}

/// Where a segment stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The event it was seen in.
    pub(super) seq: u64,
    /// The number of its first byte.
    pub(super) at: u32,
    /// Whether the stream ends behind it.
    pub(super) ends: bool,
}

#[derive(Debug)]
struct Held {
    place: Place,
    bytes: Vec<u8>,
    missing: u64,
}

/// Takes what is said, and the event it was first seen in.
type Tell<'a> = &'a mut dyn FnMut(u64, Said);

impl Half {
    /// A segment with these bytes, and so many more that were not kept.
    pub(super) fn segment(&mut self, place: Place, bytes: &[u8], missing: u64, tell: Tell<'_>) {
        let next = *self.next.get_or_insert(place.at);
        if is_before(next, place.at) {
            if self.held.len() < MOST_HELD {
                self.held.push(Held {
                    place,
                    bytes: bytes.to_vec(),
                    missing,
                });
                return;
            }
            self.leap(place.at, place.seq, tell);
        }
        self.append(place, bytes, missing, tell);
        self.take_held(tell);
    }

    /// The other side has everything before this byte, so what the page lacks of it will not come.
    pub(super) fn acknowledged(&mut self, before: u32, seq: u64, tell: Tell<'_>) {
        let Some(next) = self.next else { return };
        // An end of stream counts as one byte, and may not have been seen itself.
        if before.wrapping_sub(next).cast_signed() <= 1 {
            return;
        }
        let held = self.held.iter().map(|held| held.place.at);
        let nearest = held
            .filter(|at| !is_before(before, *at))
            .min_by_key(|at| at.wrapping_sub(next));
        self.leap(nearest.unwrap_or(before), seq, tell);
        self.take_held(tell);
    }

    /// Gives up what lies before this byte.
    fn leap(&mut self, to: u32, seq: u64, tell: Tell<'_>) {
        let Some(next) = self.next else { return };
        tell(seq, Said::Missing(to.wrapping_sub(next).into()));
        self.next = Some(to);
    }

    /// Adds what is new of a segment that leaves no gap.
    fn append(&mut self, place: Place, bytes: &[u8], missing: u64, tell: Tell<'_>) {
        let next = self.next.unwrap_or(place.at);
        let known = next.wrapping_sub(place.at) as usize;
        let new = bytes.get(known..).unwrap_or_default();
        // What was cut off is known too if what follows it is.
        let missing = if known <= bytes.len() { missing } else { 0 };
        if !new.is_empty() {
            tell(place.seq, Said::Bytes(new.to_vec()));
        }
        if missing > 0 {
            tell(place.seq, Said::Missing(missing));
        }
        let cut = u32::try_from(missing).unwrap_or(0);
        let end = next.wrapping_add(new.len() as u32).wrapping_add(cut);
        self.next = Some(end);
        self.ended |=
            place.ends && end == place.at.wrapping_add(bytes.len() as u32).wrapping_add(cut);
    }

    fn take_held(&mut self, tell: Tell<'_>) {
        loop {
            let next = self.next.unwrap_or(0);
            let Some(at) = self
                .held
                .iter()
                .position(|held| !is_before(next, held.place.at))
            else {
                return;
            };
            let Held {
                place,
                bytes,
                missing,
            } = self.held.swap_remove(at);
            self.append(place, &bytes, missing, tell);
        }
    }
}

/// Whether `a` comes before `b`, round the corner of 2³² too (RFC 9293 §3.4).
const fn is_before(a: u32, b: u32) -> bool {
    a.wrapping_sub(b).cast_signed() < 0
}
