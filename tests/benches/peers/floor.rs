//! The floors as contenders.

use std::rc::Rc;

use tests::process::Process;

use crate::{
    floors::Floor,
    generator::{Dialect, Way},
    subject::{Contender, Program, Subject},
};

/// Starts one of the floors.
pub(super) fn subject(contender: Contender) -> Subject {
    let (floor, dialect) = match contender {
        Contender::RawTcp => (Floor::Tcp, Dialect::Stream),
        Contender::Echo => (Floor::Echo, Dialect::Messages),
        Contender::Bridge => (Floor::Bridge, Dialect::Messages),
        Contender::RawUdp | Contender::Relay(..) | Contender::Peer(_) => {
            (Floor::Udp, Dialect::Datagrams)
        }
    };
    let server = (floor == Floor::Bridge).then(|| Floor::Udp.start(None));
    let (program, address) = floor.start(server.as_ref().map(|(_, address)| *address));
    let server = server.map(|(server, _)| kept(server));
    let programs = [kept(program)].into_iter().chain(server).collect();
    Subject::new(
        contender,
        Way {
            address,
            path: "/",
            dialect,
        },
        programs,
    )
}

fn kept(process: Process) -> Program {
    (process.pid(), Rc::new(process))
}
