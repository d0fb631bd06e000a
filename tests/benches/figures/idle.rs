//! The memory of the bridge per connection that has exchanged one sentence and is then idle.
//!
//! With a trace, its events count too, up to the limit of the trace.

use std::{rc::Rc, time::Duration};

use super::{IDLE, SENTENCE};
use crate::{
    bench::{Bench, Measurement},
    generator::{LoadDriver, Sentences},
    machine::Placement::Spread,
    peers::{
        Peer::{Websocat4Udp, WebsocatUdp},
        Service::{BlindPage, RawTcp, RawUdp},
        Tracing::{L1, Off},
    },
    report::Metric::Memory,
    subject::Contender::{Bridge, Echo, Peer, Relay},
};

/// The time in which memory freed after opening returns to the system.
const SETTLING: Duration = Duration::from_millis(300);

pub(super) fn measure(bench: &mut Bench) {
    let all = [
        Echo,
        Bridge,
        Relay(RawUdp, Off),
        Relay(RawUdp, L1),
        Relay(RawTcp, Off),
        Relay(BlindPage, Off),
        Relay(BlindPage, L1),
        Peer(WebsocatUdp),
        Peer(Websocat4Udp),
    ];
    let sentences = Rc::new(Sentences::of(SENTENCE));
    for (figure, connections) in &IDLE[..bench.effort.idle] {
        bench.figure_of_fresh_programs(figure, Spread, &all, |subject, _| {
            // The first connection allocates what all share.
            subject.answers()?;
            let before = subject.pss_kib();
            let _connections = LoadDriver::open(subject.target, &sentences, *connections)?;
            std::thread::sleep(SETTLING);
            let grown = subject
                .pss_kib()
                .zip(before)
                .map(|(after, before)| after.saturating_sub(before));
            let each = grown.map(|grown| (Memory, grown as f64 / *connections as f64));
            Ok(Measurement {
                values: each.into_iter().collect(),
                ..Measurement::default()
            })
        });
    }
}
