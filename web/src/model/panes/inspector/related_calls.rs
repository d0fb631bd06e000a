//! Finds the call that received a packet's payload.

use shared::outcome::{Outcome, Returned};

use super::record::{PacketData, Record};
use crate::model::trace::log::{Call, Run};

/// A call may return at most this long before its packet's capture time, in nanoseconds, as the clocks differ.
const CLOCKS_NS: u64 = 1_000_000;

/// The call that received a packet's payload.
pub(super) fn receiver<'a>(record: &Record, run: &'a Run) -> Option<&'a Call> {
    let (from, _) = record.ends()?;
    let side = record.side?;
    let (length, place) = payload(record)?;
    let received = |call: &&Call| {
        let Some(end) = call
            .end
            .as_ref()
            .filter(|end| end.at_ns + CLOCKS_NS >= record.at_ns)
        else {
            return false;
        };
        match &end.outcome {
            Outcome::Returned(Returned::Datagram {
                from: sender,
                length: got,
                ..
            }) => *sender == from && *got == length,
            Outcome::Returned(Returned::Chunk { data }) => {
                let (Some(place), Some(offset)) = (place, end.offset) else {
                    return false;
                };
                place < offset + data.len() as u64 && offset < place + length
            }
            Outcome::Returned(Returned::Accepted { from: client, .. }) => {
                length == 0 && opens(record) && *client == from
            }
            Outcome::Returned(_) | Outcome::Failed(_) => false,
        }
    };
    run.calls
        .iter()
        .filter(|call| call.side != side)
        .find(received)
}

/// A packet's payload length and, for a stream, its offset.
fn payload(record: &Record) -> Option<(u64, Option<u64>)> {
    match &record.data {
        PacketData::Captured(captured) => {
            let summary = captured.summary();
            let place = captured
                .analysis
                .map(|analysis| u64::from(analysis.seq).saturating_sub(1));
            summary
                .quoted
                .is_none()
                .then_some((summary.payload_length as u64, place))
        }
        PacketData::Inferred(inferred) => Some((inferred.length, None)),
    }
}

/// Whether it opens a connection.
fn opens(record: &Record) -> bool {
    match &record.data {
        PacketData::Captured(captured) => {
            let flags = captured.summary().tcp.map(|segment| segment.flags);
            flags.is_some_and(|flags| flags.has(shared::dissect::TcpFlags::SYN))
        }
        PacketData::Inferred(inferred) => inferred.kind == shared::trace::DerivedKind::Handshake,
    }
}
