//! The TCP server compared with the textbook's: 64 clients that connect, send one sentence, and close.

use std::rc::Rc;

use super::{NATIVE_TCP, SENTENCE, opens::come_and_go};
use crate::{
    bench::Bench,
    generator::Sentences,
    machine::Placement,
    peers::{
        Peer::PythonTcp,
        Service::Tcp,
        Tracing::{L1, L2, Off},
    },
    subject::Contender::{Peer, RawTcp, Relay},
};

pub(super) fn measure(bench: &mut Bench) {
    let all = [
        RawTcp,
        Relay(Tcp, Off),
        Relay(Tcp, L1),
        Relay(Tcp, L2),
        Peer(PythonTcp),
    ];
    let sentences = Rc::new(Sentences::of(SENTENCE));
    // With the textbook's server some clients wait for seconds.
    let rounds = bench.effort.rounds.min(3);
    for placement in Placement::ALL {
        bench.figure_in_rounds(rounds, NATIVE_TCP, placement, &all, |subject, effort| {
            come_and_go(subject, &sentences, effort)
        });
    }
}
