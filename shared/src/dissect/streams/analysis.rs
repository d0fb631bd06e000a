//! What a segment is, judged from its conversation: a retransmission, a duplicate acknowledgment, a keep-alive.

use crate::dissect::{Key, Value};

/// What is known of a segment from the conversation that it belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Analysis {
    /// The conversation, counted from 0 in the order in which they began.
    pub stream: u32,
    /// The sequence number, counted from the SYN's as 0; where that was not seen, the first byte seen is 1.
    pub seq: u32,
    /// The acknowledgment number, counted from the other side's SYN; 0 where it does not count.
    pub ack: u32,
    /// What the other side's numbers are counted from, SACK blocks too.
    pub ack_base: u32,
    /// The window in bytes, scaled as both SYNs agreed (RFC 7323 2.2); as on the wire where they were not seen.
    pub window: u32,
    /// What is remarkable about it.
    pub marks: Marks,
    /// For [`Mark::DuplicateAck`]: of what.
    pub duplicate: Option<Duplicate>,
}

/// Which acknowledgment is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// The number of the packet that acknowledged this first, as it was fed.
    pub of: u64,
    /// How many times it has been repeated since, this one included.
    pub count: u32,
}

/// Something remarkable about a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Its bytes, or its SYN or FIN, were seen before.
    Retransmission,
    /// It fills a gap: later bytes were seen first.
    OutOfOrder,
    /// Bytes before it were never seen.
    LostSegment,
    /// It repeats the last acknowledgment while data is on its way (RFC 5681 2).
    DuplicateAck,
    /// Its sender has no room (RFC 9293 3.8.6).
    ZeroWindow,
    /// It asks whether there is room again (RFC 9293 3.8.6.1). Other analysers call Linux's probes keep-alives.
    ZeroWindowProbe,
    /// With it, all the room that the receiver offered is used up.
    WindowFull,
    /// It only says that there is more or less room.
    WindowUpdate,
    /// It only asks whether the other side is still there (RFC 9293 3.8.4).
    KeepAlive,
    /// It answers such a question.
    KeepAliveAck,
    /// It opens a new conversation between two ports that had one before.
    ReusedPorts,
}

impl Mark {
    /// Every mark.
    pub const ALL: [Self; 11] = [
        Self::Retransmission,
        Self::OutOfOrder,
        Self::LostSegment,
        Self::DuplicateAck,
        Self::ZeroWindow,
        Self::ZeroWindowProbe,
        Self::WindowFull,
        Self::WindowUpdate,
        Self::KeepAlive,
        Self::KeepAliveAck,
        Self::ReusedPorts,
    ];

    /// The field that a filter asks for.
    #[must_use]
    pub const fn key(self) -> Key {
        match self {
            Self::Retransmission => Key::TcpAnalysisRetransmission,
            Self::OutOfOrder => Key::TcpAnalysisOutOfOrder,
            Self::LostSegment => Key::TcpAnalysisLostSegment,
            Self::DuplicateAck => Key::TcpAnalysisDuplicateAck,
            Self::ZeroWindow => Key::TcpAnalysisZeroWindow,
            Self::ZeroWindowProbe => Key::TcpAnalysisZeroWindowProbe,
            Self::WindowFull => Key::TcpAnalysisWindowFull,
            Self::WindowUpdate => Key::TcpAnalysisWindowUpdate,
            Self::KeepAlive => Key::TcpAnalysisKeepAlive,
            Self::KeepAliveAck => Key::TcpAnalysisKeepAliveAck,
            Self::ReusedPorts => Key::TcpAnalysisReusedPorts,
        }
    }
}

/// A set of marks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks(u16);

impl Marks {
    /// Whether this mark is in the set.
    #[must_use]
    pub const fn has(self, mark: Mark) -> bool {
        self.0 & 1 << mark as u16 != 0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those in the set.
    pub fn iter(self) -> impl Iterator<Item = Mark> {
        Mark::ALL.into_iter().filter(move |mark| self.has(*mark))
    }

    pub(super) const fn set(&mut self, mark: Mark, on: bool) {
        self.0 |= (on as u16) << mark as u16;
    }
}

impl Analysis {
    /// The value of a field within the conversation: sequence and acknowledgment numbers and SACK blocks are
    /// relative, all else is as on the wire.
    #[must_use]
    pub fn relative(&self, key: Key, on_wire: u64) -> u64 {
        if key == Key::TcpSeq {
            return self.seq.into();
        }
        if key == Key::TcpAck {
            return self.ack.into();
        }
        let block = key == Key::TcpOptionsSackLe || key == Key::TcpOptionsSackRe;
        if block {
            on_wire.wrapping_sub(self.ack_base.into()) & 0xffff_ffff
        } else {
            on_wire
        }
    }

    /// The fields that only the conversation can tell, as a filter or a tree wants them.
    pub fn each(&self, found: &mut dyn FnMut(Key, Value)) {
        found(Key::TcpStream, Value::Unsigned(self.stream.into()));
        found(Key::TcpWindowSize, Value::Unsigned(self.window.into()));
        if !self.marks.is_empty() {
            found(Key::TcpAnalysisFlags, Value::Bool(true));
        }
        for mark in self.marks.iter() {
            found(mark.key(), Value::Bool(true));
        }
    }
}
