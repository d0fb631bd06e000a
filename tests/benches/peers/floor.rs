//! The floors as contenders.

use std::rc::Rc;

use tests::process::Process;

use crate::{
    floors::Floor,
    generator::{Encoding, Target},
    subject::{Contender, Program, Subject},
};

/// Starts one of the floors.
pub(super) fn subject(contender: Contender) -> Subject {
    let (floor, encoding) = match contender {
        Contender::RawTcp => (Floor::Tcp, Encoding::Stream),
        Contender::Echo => (Floor::Echo, Encoding::Messages),
        Contender::Bridge => (Floor::Bridge, Encoding::Messages),
        Contender::RawUdp | Contender::Relay(..) | Contender::Peer(_) => {
            (Floor::Udp, Encoding::Datagrams)
        }
    };
    let server = (floor == Floor::Bridge).then(|| Floor::Udp.start(None));
    let (program, address) = floor.start(server.as_ref().map(|(_, address)| *address));
    let server = server.map(|(server, _)| kept(server));
    let programs = [kept(program)].into_iter().chain(server).collect();
    Subject::new(
        contender,
        Target {
            address,
            path: "/",
            encoding,
        },
        programs,
    )
}

fn kept(process: Process) -> Program {
    (process.pid(), Rc::new(process))
}
