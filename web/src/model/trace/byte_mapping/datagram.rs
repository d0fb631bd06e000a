//! Datagrams: each comes whole or cut, or not at all, and on one machine in its order.

use shared::{
    data::Data,
    outcome::{Outcome, Returned},
};

use super::{Delivery, MappedRange, sends};
use crate::model::trace::log::Call;

/// The pieces of a call, among the calls between both addresses.
pub(super) fn pieces<'a>(call: &'a Call, calls: &[&'a Call]) -> Option<Vec<MappedRange<'a>>> {
    let is_send = sends(call);
    let of = |sending: bool| {
        let mut of: Vec<&Call> = calls
            .iter()
            .filter(|other| {
                sends(other) == sending && (other.side == call.side) == (sending == is_send)
            })
            .copied()
            .collect();
        of.sort_by_key(|call| {
            if sending {
                call.started_ns
            } else {
                ended_ns(call)
            }
        });
        of
    };
    let matched = in_order(&of(true), &of(false));
    if is_send {
        let receive = matched.iter().find(|(send, _)| send.id == call.id);
        sent(call, receive.map(|(_, receive)| *receive))
    } else {
        let send = matched.iter().find(|(_, receive)| receive.id == call.id);
        received(call, send.map(|(send, _)| *send))
    }
}

/// Each receive got the first datagram after the one before that it can be.
fn in_order<'a>(sent: &[&'a Call], received: &[&'a Call]) -> Vec<(&'a Call, &'a Call)> {
    let mut matched = Vec::new();
    let mut next = 0;
    for receive in received {
        let rest = sent.get(next..).unwrap_or_default();
        if let Some(at) = rest.iter().position(|send| can_be(send, receive)) {
            matched.push((rest[at], *receive));
            next += at + 1;
        }
    }
    matched
}

fn can_be(send: &Call, receive: &Call) -> bool {
    let Some((data, length)) = brought(receive) else {
        return false;
    };
    let begins = given(send)
        .is_some_and(|given| given.0.starts_with(&data.0) && given.len() as u64 == length);
    begins && send.started_ns <= ended_ns(receive)
}

fn sent<'a>(call: &'a Call, receive: Option<&'a Call>) -> Option<Vec<MappedRange<'a>>> {
    let length = call.payload()?;
    let Some(receive) = receive else {
        return Some(vec![MappedRange {
            bytes: 0..length,
            fate: Delivery::UnderWay,
        }]);
    };
    let kept = (brought(receive)?.0.len() as u64).min(length);
    let mut pieces = vec![MappedRange {
        bytes: 0..kept,
        fate: Delivery::Met(receive, 0..kept),
    }];
    if kept < length {
        pieces.push(MappedRange {
            bytes: kept..length,
            fate: Delivery::CutOff(receive),
        });
    }
    Some(pieces)
}

fn received<'a>(call: &'a Call, send: Option<&'a Call>) -> Option<Vec<MappedRange<'a>>> {
    let bytes = 0..brought(call)?.0.len() as u64;
    let fate = send.map_or(Delivery::Unseen, |send| Delivery::Met(send, bytes.clone()));
    Some(vec![MappedRange { bytes, fate }])
}

/// What a receive brought, and how long the datagram was.
fn brought(call: &Call) -> Option<(&Data, u64)> {
    match &call.end.as_ref()?.outcome {
        Outcome::Returned(Returned::Datagram { data, length, .. }) => Some((data, *length)),
        Outcome::Returned(_) | Outcome::Failed(_) => None,
    }
}

fn given(call: &Call) -> Option<&Data> {
    call.arguments.as_ref()?.data.as_ref()
}

fn ended_ns(call: &Call) -> u64 {
    call.end.as_ref().map_or(u64::MAX, |end| end.at_ns)
}
