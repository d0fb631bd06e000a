//! TCP conversations: where a segment stands in its own, and what can be told from that.
//!
//! A [`Streams`] is fed the summary of every packet, in order. It sees what the wire shows and no more: why a connection was
//! reset, or whether a lost segment was lost before or after it was seen, is not knowable here.

mod analysis;
mod side;
#[cfg(test)]
mod tests;

pub use analysis::{Analysis, Duplicate, Mark, Marks};

use super::{Segment, Summary, TcpFlags};
use side::{Seen, Side};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Conversations that are remembered; beyond that the one quiet for longest is forgotten.
const MOST_CONVERSATIONS: usize = 16_384;

/// All conversations seen so far.
#[derive(Debug, Default)]
pub struct Streams {
    conversations: BTreeMap<(SocketAddr, SocketAddr), Conversation>,
    opened: u32,
    fed: u64,
}

impl Streams {
    /// Takes the next packet, numbered `number` in its trace, and places it. `None` if it is no TCP segment.
    pub fn feed(&mut self, number: u64, summary: &Summary) -> Option<Analysis> {
        let (source, destination) = summary.source.zip(summary.destination)?;
        let segment = summary.tcp?;
        let length = u32::try_from(summary.payload_length).ok()?;
        self.fed += 1;
        let forward = source <= destination;
        let pair = if forward {
            (source, destination)
        } else {
            (destination, source)
        };
        let reused = self
            .conversations
            .get(&pair)
            .is_some_and(|known| known.is_over_for(forward, segment));
        if reused || !self.conversations.contains_key(&pair) {
            self.open(pair);
        }
        let conversation = self.conversations.get_mut(&pair)?;
        conversation.touched = self.fed;
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

    fn open(&mut self, pair: (SocketAddr, SocketAddr)) {
        if self.conversations.len() >= MOST_CONVERSATIONS {
            let quiet = self
                .conversations
                .iter()
                .min_by_key(|(_, known)| known.touched)
                .map(|(pair, _)| *pair);
            quiet.map(|pair| self.conversations.remove(&pair));
        }
        self.conversations.insert(
            pair,
            Conversation {
                stream: self.opened,
                ..Conversation::default()
            },
        );
        self.opened += 1;
    }
}

#[derive(Debug, Default)]
struct Conversation {
    stream: u32,
    touched: u64,
    /// The lower address first.
    sides: [Side; 2],
}

impl Conversation {
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
