//! Connections opened, 64 at a time: handshake, one sentence, close.

use std::{io, rc::Rc};

use super::{OPENS, SENTENCE};
use crate::{
    bench::{Bench, Measurement},
    effort::Effort,
    generator::{Sentences, churn},
    machine::Placement,
    peers::{
        Peer::{Websocat4Tcp, Websocat4Udp, WebsocatTcp, WebsocatUdp},
        Service::{BlindPage, RawTcp, RawUdp},
        Tracing::{L1, L2, Off},
    },
    report::Metric::{Lost, P50, P99, Rate, Worst},
    subject::{
        Contender::{Bridge, Echo, Peer, Relay},
        Subject,
    },
};

pub(super) fn measure(bench: &mut Bench) {
    let all = [
        Echo,
        Bridge,
        Relay(RawUdp, Off),
        Relay(RawUdp, L1),
        Relay(RawUdp, L2),
        Relay(RawTcp, Off),
        Relay(RawTcp, L1),
        Relay(BlindPage, Off),
        Relay(BlindPage, L1),
        Peer(WebsocatUdp),
        Peer(Websocat4Udp),
        Peer(WebsocatTcp),
        Peer(Websocat4Tcp),
    ];
    let sentences = Rc::new(Sentences::of(SENTENCE));
    for placement in Placement::ALL {
        bench.figure(OPENS, placement, &all, |subject, effort| {
            come_and_go(subject, &sentences, effort)
        });
    }
}

/// One turn.
pub(super) fn come_and_go(
    subject: &Subject,
    sentences: &Rc<Sentences>,
    effort: &Effort,
) -> io::Result<Measurement> {
    let (total, longest) = effort.churn;
    let outcome = subject.counted(|| churn(subject.target, sentences, total, longest))?;
    let values = vec![
        (Rate, outcome.per_second),
        (P50, outcome.took.microseconds(0.5)),
        (P99, outcome.took.microseconds(0.99)),
        (Worst, outcome.took.longest().as_secs_f64() * 1e3),
        (Lost, outcome.lost as f64),
    ];
    Ok(Measurement::of(&outcome, values))
}
