//! The UDP server compared with the textbook's: bursts of datagrams of one size, and many clients.

use super::{NATIVE_LOSS, NATIVE_UDP, SENTENCE, messages::many};
use crate::{
    bench::{Bench, Measurement},
    generator::{Sentences, bursts},
    machine::Placement,
    peers::{
        Peer::PythonUdp,
        Service::Udp,
        Tracing::{L1, L2, Off},
    },
    report::Metric::{Lost, Rate},
    subject::Contender::{self, Peer, RawUdp, Relay},
};

const ALL: [Contender; 5] = [
    RawUdp,
    Relay(Udp, Off),
    Relay(Udp, L1),
    Relay(Udp, L2),
    Peer(PythonUdp),
];

pub(super) fn bursts_of_one_size(bench: &mut Bench) {
    let sentences = Sentences::of(SENTENCE);
    for placement in Placement::ALL {
        bench.figure(NATIVE_UDP, placement, &ALL, |subject, effort| {
            let server = subject.target.address;
            let outcome = subject.counted(|| bursts(server, &sentences, effort.load))?;
            let values = vec![(Rate, outcome.per_second), (Lost, outcome.lost as f64)];
            Ok(Measurement::of(&outcome, values))
        });
    }
}

pub(super) fn many_outstanding(bench: &mut Bench) {
    for placement in Placement::ALL {
        bench.figure(NATIVE_LOSS, placement, &ALL, |subject, effort| {
            many(subject, effort, 50, 32)
        });
    }
}
