//! Impaired datagrams: the arrow ends before the receiving program, and goes on from there when that program gets it.

use shared::{call::Transport, conditions::Direction};

use super::{Arrow, ArrowContent, ArrowSpan, arrows::ArrowLayout};
use crate::model::trace::log::{Impaired, Run};

/// Adds the relay's impairments to the arrows of their datagrams. `rungs` are those of the run's impairments.
pub(super) fn add(run: &Run, layout: &ArrowLayout<'_>, rungs: &[usize], arrows: &mut Vec<Arrow>) {
    for first in run.impaired() {
        let datagram = first.edge.datagram;
        let Some((fate, last)) = run.fate(datagram) else {
            continue;
        };
        let y_of = |touch: &Impaired| {
            let at = run
                .impairments
                .iter()
                .position(|known| known.seq == touch.seq)?;
            layout.middle(rungs.get(at).copied())
        };
        let (Some(edge_y), Some(left_y)) = (y_of(first), y_of(last)) else {
            continue;
        };
        let to_edge = arrival(first, layout, arrows, edge_y);
        let Some(to_edge) = arrows.get_mut(to_edge) else {
            continue;
        };
        to_edge.way = ArrowSpan::ToEdge;
        to_edge.arrives = true;
        to_edge.fate = Some(fate);
        if !to_edge.captured {
            to_edge.to_y = edge_y.max(to_edge.from_y);
        }
        let from = Arrow {
            from_y: if left_y > edge_y {
                left_y
            } else {
                to_edge.to_y
            },
            seq: None,
            captured: false,
            way: ArrowSpan::FromEdge,
            ..to_edge.clone()
        };
        if from.from_y > to_edge.to_y {
            let waits = Arrow {
                from_y: to_edge.to_y,
                to_y: from.from_y,
                way: ArrowSpan::AtEdge,
                ..from.clone()
            };
            arrows.push(waits);
        }
        let got = layout.calls.iter().zip(layout.spans);
        let got = got.filter(|(call, _)| call.datagram() == Some(datagram));
        let ends = got.filter_map(|(call, span)| Some((call.id, layout.middle(span.end)?)));
        let goes_on = ends.map(|(call, y)| Arrow {
            to_y: y.max(from.from_y),
            call: Some(call),
            ..from.clone()
        });
        let goes_on: Vec<Arrow> = goes_on.collect();
        arrows.extend(goes_on);
    }
}

/// The arrow that brought the datagram to the edge; where none was drawn, one that follows from the edge having had it.
fn arrival(touch: &Impaired, layout: &ArrowLayout<'_>, arrows: &mut Vec<Arrow>, y: i32) -> usize {
    let edge = &touch.edge;
    let to_server = edge.direction == Direction::Request;
    let carried = ArrowContent::Bytes(Transport::Udp, edge.length);
    let is_free = |arrow: &Arrow| {
        arrow.way == ArrowSpan::Whole
            && arrow.fate.is_none()
            && arrow.to_server == to_server
            && arrow.carried == carried
    };
    let by_call = |arrow: &Arrow| edge.call.is_some() && arrow.call == edge.call;
    let same = |arrow: &&Arrow| is_free(arrow) && by_call(arrow);
    // Where it is not known who sent one of them, the last that came before.
    let before = |arrow: &&Arrow| {
        let is_open = edge.call.is_none() || arrow.call.is_none();
        is_free(arrow) && is_open && arrow.from_y <= y
    };
    let found = arrows.iter().position(|arrow| same(&arrow));
    let found = found.or_else(|| arrows.iter().rposition(|arrow| before(&arrow)));
    found.unwrap_or_else(|| {
        let sender = layout
            .calls
            .iter()
            .position(|call| Some(call.id) == edge.call);
        let sent_y =
            sender.and_then(|at| layout.middle(layout.spans[at].start.or(layout.spans[at].end)));
        arrows.push(Arrow {
            from_y: sent_y.unwrap_or(y),
            to_y: y,
            to_server,
            captured: false,
            arrives: true,
            way: ArrowSpan::ToEdge,
            fate: None,
            carried,
            call: edge.call,
            seq: None,
        });
        arrows.len() - 1
    })
}
