//! The book's UDPServer and TCPServer, call for call: one client at a time, and dead of whatever they did not
//! expect, as an exception nobody catches ends a Python program.

use std::net::SocketAddr;

use shared::{
    outcome::Returned,
    trace::{Arguments, CallName},
};
use tokio::{
    io::Interest,
    net::{TcpListener, TcpStream, UdpSocket},
};

use super::{
    Ended, FIRST_FD, Job, is_question,
    task::book_answer,
    witness::{Broken, Served, Witness, receives, sends},
};
use crate::{
    failure,
    netem::ImpairedReceiver,
    sys::{descriptors::is_exhausted, errno, receive},
    trace::{Ends, OpenCall},
};

/// The connection's socket: the one before it is closed by then, so it always gets the same number.
const CONNECTION_FD: u32 = FIRST_FD + 1;

pub(super) async fn udp(
    socket: UdpSocket,
    receiver: ImpairedReceiver,
    job: Job,
    witness: Witness,
) -> Ended {
    let ended = loop {
        if let Err(ended) = answer_datagram(&socket, &receiver, job, &witness).await {
            break ended;
        }
    };
    let local = socket.local_addr().ok();
    gives_back(&witness, socket, local, &ended);
    ended
}

async fn answer_datagram(
    socket: &UdpSocket,
    receiver: &ImpairedReceiver,
    job: Job,
    witness: &Witness,
) -> Result<(), Ended> {
    let local = socket.local_addr().ok();
    let ends = |peer| Ends {
        local,
        peer,
        ..Ends::default()
    };
    let mut buffer = vec![0; job.receive_size];
    let asks = receives(job.receive_size);
    let open = witness.starts(Some(FIRST_FD), CallName::RecvFrom, asks, None);
    let receiving = receiver.receive(socket, &mut buffer);
    let receive::Received {
        kept,
        length,
        from,
        told,
    } = match witness.blocks(receiving).await {
        Ok(received) => received,
        Err(broken) => {
            return Err(breaks(
                witness,
                open,
                CallName::RecvFrom,
                &broken,
                ends(None),
            ));
        }
    };
    buffer.truncate(kept);
    let door = (witness.transport, from);
    witness.trace.heard_from(door, told.received_at_ns);
    let returned = Returned::Datagram {
        data: buffer.as_slice().into(),
        from,
        truncated: kept < length,
        length: length as u64,
    };
    witness.returns(
        open,
        Ok(returned),
        Ends {
            facts: told.facts(),
            ..ends(Some(from))
        },
    );
    if !is_question(from, &told, local.map_or(0, |local| local.port())) {
        return Ok(());
    }
    let answer = witness
        .works(job.task, &buffer, from, || book_answer(job.task, &buffer))
        .map_err(|why| Ended::Died(why.to_string()))?;
    let thought = witness.thinks(job.think_ms, from).await;
    thought.map_err(|broken| ends_by(CallName::Sleep, &broken))?;
    let open = witness.starts(
        Some(FIRST_FD),
        CallName::SendTo,
        sends(&answer, Some(from)),
        Some(from),
    );
    match witness.blocks(socket.send_to(&answer, from)).await {
        Ok(sent) => {
            let sent = Returned::Sent { sent: sent as u64 };
            witness.returns(open, Ok(sent), ends(Some(from)));
            Ok(())
        }
        Err(broken) => Err(breaks(
            witness,
            open,
            CallName::SendTo,
            &broken,
            ends(Some(from)),
        )),
    }
}

pub(super) async fn tcp(listener: TcpListener, job: Job, witness: Witness) -> Ended {
    let ended = loop {
        if let Err(ended) = answer_client(&listener, job, &witness).await {
            break ended;
        }
    };
    let local = listener.local_addr().ok();
    gives_back(&witness, listener, local, &ended);
    ended
}

async fn answer_client(listener: &TcpListener, job: Job, witness: &Witness) -> Result<(), Ended> {
    let open = witness.starts(Some(FIRST_FD), CallName::Accept, Arguments::default(), None);
    let (stream, from) = match witness.blocks(listener.accept()).await {
        Ok(accepted) => accepted,
        Err(Broken::Failed(error)) if is_exhausted(&error) => {
            witness.returns(open, Err(failure::kernel(&error)), Ends::default());
            // The relay's process has no descriptor left. The book's server runs in a process of its own, which
            // would have: so it does not die of this, and tries again when there is one.
            let waited = witness.wait_for_descriptor().await;
            return waited.map_err(|broken| ends_by(CallName::Accept, &broken));
        }
        Err(broken) => {
            return Err(breaks(
                witness,
                open,
                CallName::Accept,
                &broken,
                Ends::default(),
            ));
        }
    };
    job.meets(&stream);
    let facts = witness.facts(&stream, true);
    let local = stream.local_addr().ok();
    let ends = || Ends {
        local,
        peer: Some(from),
        ..Ends::default()
    };
    let accepted = Returned::Accepted {
        fd: CONNECTION_FD,
        from,
    };
    witness.returns(open, Ok(accepted), Ends { facts, ..ends() });
    let _served = Served { witness, from };
    let answered = answer_connection(&stream, from, job, witness, &ends).await;
    if let Ok(()) | Err(Ended::Stopped) = answered {
        let facts = witness.facts(&stream, false);
        witness.closes(CONNECTION_FD, stream, Some(from), Ends { facts, ..ends() });
    }
    answered
}

async fn answer_connection(
    stream: &TcpStream,
    from: SocketAddr,
    job: Job,
    witness: &Witness,
    ends: &impl Fn() -> Ends,
) -> Result<(), Ended> {
    let fd = Some(CONNECTION_FD);
    let ends = || Ends {
        offset: Some(0),
        ..ends()
    };
    let mut buffer = vec![0; job.receive_size];
    let open = witness.starts(fd, CallName::Recv, receives(job.receive_size), Some(from));
    let receiving = stream.async_io(Interest::READABLE, || stream.try_read(&mut buffer));
    let kept = match witness.blocks(receiving).await {
        Ok(kept) => kept,
        Err(broken) => return Err(breaks(witness, open, CallName::Recv, &broken, ends())),
    };
    buffer.truncate(kept);
    let returned = match kept {
        0 => Returned::EndOfStream,
        _ => Returned::Chunk {
            data: buffer.as_slice().into(),
        },
    };
    witness.returns(open, Ok(returned), ends());
    let answer = witness
        .works(job.task, &buffer, from, || book_answer(job.task, &buffer))
        .map_err(|why| Ended::Died(why.to_string()))?;
    let thought = witness.thinks(job.think_ms, from).await;
    thought.map_err(|broken| ends_by(CallName::Sleep, &broken))?;
    let open = witness.starts(fd, CallName::Send, sends(&answer, None), Some(from));
    let sending = stream.async_io(Interest::WRITABLE, || stream.try_write(&answer));
    match witness.blocks(sending).await {
        Ok(sent) => {
            let sent = Returned::Sent { sent: sent as u64 };
            witness.returns(open, Ok(sent), ends());
            Ok(())
        }
        Err(broken) => Err(breaks(witness, open, CallName::Send, &broken, ends())),
    }
}

/// An interrupted program closes its socket on its way out; of one that died the kernel does.
fn gives_back<S>(witness: &Witness, socket: S, local: Option<SocketAddr>, ended: &Ended) {
    if matches!(ended, Ended::Stopped) {
        let ends = Ends {
            local,
            ..Ends::default()
        };
        witness.closes(FIRST_FD, socket, None, ends);
    }
}

/// A call that failed is the program's end.
fn breaks(witness: &Witness, open: OpenCall, call: CallName, broken: &Broken, ends: Ends) -> Ended {
    witness.returns(open, Err(broken.told()), ends);
    ends_by(call, broken)
}

fn ends_by(call: CallName, broken: &Broken) -> Ended {
    match broken {
        Broken::Interrupted => Ended::Stopped,
        Broken::Failed(error) => Ended::Died(format!(
            "{}: {} ({})",
            call.as_str(),
            errno::message(error),
            errno::name(error)
        )),
    }
}
