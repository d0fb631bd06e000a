//! TCP conversations: relative sequence numbers, and the analysis of each segment.
//!
//! A [`Streams`] is fed the summary of every packet, in order. It sees what the wire shows and no more: why a
//! connection was reset, or whether a lost segment was lost before or after it was seen, is not knowable here.

mod analysis;
mod side;
#[cfg(test)]
mod tests;

pub use analysis::{Analysis, Duplicate, Mark, Marks};

use super::{Segment, Summary, TcpFlags};
use side::{Seen, Side};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// So many conversations are certainly remembered, and at most twice as many; the ones quiet for longest are forgotten.
const REMEMBERED: usize = 8_192;

/// All conversations seen so far.
#[derive(Debug, Default)]
pub struct Streams {
    /// Those with a recent packet; when they are many, they become `quiet` and what was quiet is forgotten.
    recent: BTreeMap<Pair, Conversation>,
    quiet: BTreeMap<Pair, Conversation>,
    opened: u32,
}

/// Both ends, the lower address first.
type Pair = (SocketAddr, SocketAddr);

impl Streams {
    /// Takes the next packet, numbered `number` in its trace, and places it. `None` if it is no TCP segment.
    pub fn feed(&mut self, number: u64, summary: &Summary) -> Option<Analysis> {
        let (source, destination) = summary.source.zip(summary.destination)?;
        let segment = summary.tcp?;
        let length = u32::try_from(summary.payload_length).ok()?;
        let forward = source <= destination;
        let pair = if forward {
            (source, destination)
        } else {
            (destination, source)
        };
        if self.recent.len() >= REMEMBERED {
            self.quiet = std::mem::take(&mut self.recent);
        }
        let quiet = self.quiet.get_mut(&pair);
        let conversation = self.recent.entry(pair).or_insert_with(|| match quiet {
            Some(quiet) => std::mem::take(quiet),
            None => Conversation::new(&mut self.opened),
        });
        let reused = conversation.is_over_for(forward, segment);
        if reused {
            *conversation = Conversation::new(&mut self.opened);
        }
        let mut analysis = conversation.take(
            forward,
            Seen {
                number,
                segment,
                length,
            },
        );
        analysis.marks.set(Mark::ReusedPorts, reused);
        Some(analysis)
    }
}

#[derive(Debug, Default)]
struct Conversation {
    stream: u32,
    /// The lower address first.
    sides: [Side; 2],
}

impl Conversation {
    fn new(opened: &mut u32) -> Self {
        let stream = *opened;
        *opened = opened.wrapping_add(1);
        Self {
            stream,
            ..Self::default()
        }
    }

    /// Whether this SYN begins another conversation: a new one, not the old SYN sent again.
    fn is_over_for(&self, forward: bool, segment: Segment) -> bool {
        let [lower, higher] = &self.sides;
        let own = if forward { lower } else { higher };
        let opens = segment.flags.has(TcpFlags::SYN) && !segment.flags.has(TcpFlags::ACK);
        opens && own.base.is_some_and(|base| base != segment.seq)
    }

    fn take(&mut self, forward: bool, seen: Seen) -> Analysis {
        let [lower, higher] = &mut self.sides;
        let (own, other) = if forward {
            (lower, higher)
        } else {
            (higher, lower)
        };
        own.learn(other, seen);
        let window = own.scaled(other, seen);
        let acks = seen.has(TcpFlags::ACK);
        let mut analysis = Analysis {
            stream: self.stream,
            seq: seen.segment.seq.wrapping_sub(own.base.unwrap_or(0)),
            ack_base: other.base.unwrap_or(0),
            ack: if acks {
                seen.segment.ack.wrapping_sub(other.base.unwrap_or(0))
            } else {
                0
            },
            window,
            ..Analysis::default()
        };
        own.judge_bytes(other, seen, window, &mut analysis.marks);
        own.judge_answer(other, seen, window, &mut analysis);
        own.remember(other, seen, window, analysis.marks);
        analysis
    }
}
