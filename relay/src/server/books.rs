//! The book's UDPServer and TCPServer, call for call: one client at a time, and dead of whatever they did not
//! expect, as an exception nobody catches ends a Python program.

use std::io;

use shared::{
    lab::Task,
    outcome::Returned,
    trace::{Arguments, CallName},
};
use tokio::{
    io::Interest,
    net::{TcpListener, TcpStream, UdpSocket},
};

use super::{Died, FIRST_FD, PLAYGROUND_PORT, Witness, receives, sends, task::book_answer};
use crate::{
    edge::Gate,
    failure,
    sys::{errno, receive},
    trace::Ends,
};

/// `recvfrom(2048)`.
const DATAGRAM: usize = 2048;
/// `recv(1024)`.
const CHUNK: usize = 1024;

/// The connection's socket: the one before it is closed by then, so it always gets the same number.
const CONNECTION_FD: u32 = FIRST_FD + 1;

pub(super) async fn udp(socket: UdpSocket, gate: Gate, task: Task, witness: Witness) -> Died {
    loop {
        if let Err(died) = answer_datagram(&socket, &gate, task, &witness).await {
            return died;
        }
    }
}

async fn answer_datagram(
    socket: &UdpSocket,
    gate: &Gate,
    task: Task,
    witness: &Witness,
) -> Result<(), Died> {
    let local = socket.local_addr().ok();
    let mut buffer = vec![0; DATAGRAM];
    let open = witness.starts(Some(FIRST_FD), CallName::RecvFrom, receives(DATAGRAM), None);
    let received = gate.receive(socket, &mut buffer).await;
    let received = received.map_err(|error| died("recvfrom", &error))?;
    let receive::Received {
        kept,
        length,
        from,
        facts,
    } = received;
    buffer.truncate(kept);
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
            local,
            peer: Some(from),
            facts,
            ..Ends::default()
        },
    );
    if from.port() == PLAYGROUND_PORT || Some(from.port()) == local.map(|local| local.port()) {
        return Ok(());
    }
    let answer = witness
        .works(task, &buffer, from, || book_answer(task, &buffer))
        .map_err(|why| Died(why.to_string()))?;
    let open = witness.starts(
        Some(FIRST_FD),
        CallName::SendTo,
        sends(&answer, Some(from)),
        Some(from),
    );
    let ends = Ends {
        local,
        peer: Some(from),
        ..Ends::default()
    };
    match socket.send_to(&answer, from).await {
        Ok(sent) => witness.returns(open, Ok(Returned::Sent { sent: sent as u64 }), ends),
        Err(error) => {
            witness.returns(open, Err(failure::kernel(&error)), ends);
            return Err(died("sendto", &error));
        }
    }
    Ok(())
}

pub(super) async fn tcp(listener: TcpListener, task: Task, witness: Witness) -> Died {
    loop {
        let open = witness.starts(Some(FIRST_FD), CallName::Accept, Arguments::default(), None);
        let (stream, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => return died("accept", &error),
        };
        let facts = witness.facts(&stream, true);
        let ends = Ends {
            local: stream.local_addr().ok(),
            peer: Some(from),
            facts,
            ..Ends::default()
        };
        witness.returns(
            open,
            Ok(Returned::Accepted {
                fd: CONNECTION_FD,
                from,
            }),
            ends,
        );
        let served = answer_connection(stream, from, task, &witness).await;
        witness.trace.connection_ended((witness.transport, from));
        if let Err(died) = served {
            return died;
        }
    }
}

async fn answer_connection(
    stream: TcpStream,
    from: std::net::SocketAddr,
    task: Task,
    witness: &Witness,
) -> Result<(), Died> {
    let fd = Some(CONNECTION_FD);
    let local = stream.local_addr().ok();
    let ends = || Ends {
        local,
        peer: Some(from),
        offset: Some(0),
        ..Ends::default()
    };
    let mut buffer = vec![0; CHUNK];
    let open = witness.starts(fd, CallName::Recv, receives(CHUNK), Some(from));
    let received = stream
        .async_io(Interest::READABLE, || stream.try_read(&mut buffer))
        .await;
    let kept = match received {
        Ok(kept) => kept,
        Err(error) => {
            witness.returns(open, Err(failure::kernel(&error)), ends());
            return Err(died("recv", &error));
        }
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
        .works(task, &buffer, from, || book_answer(task, &buffer))
        .map_err(|why| Died(why.to_string()))?;
    let open = witness.starts(fd, CallName::Send, sends(&answer, None), Some(from));
    match stream
        .async_io(Interest::WRITABLE, || stream.try_write(&answer))
        .await
    {
        Ok(sent) => witness.returns(open, Ok(Returned::Sent { sent: sent as u64 }), ends()),
        Err(error) => {
            witness.returns(open, Err(failure::kernel(&error)), ends());
            return Err(died("send", &error));
        }
    }
    let open = witness.starts(fd, CallName::Close, Arguments::default(), Some(from));
    let facts = witness.facts(&stream, false);
    drop(stream);
    witness.returns(
        open,
        Ok(Returned::Nothing),
        Ends {
            offset: None,
            facts,
            ..ends()
        },
    );
    Ok(())
}

fn died(call: &str, error: &io::Error) -> Died {
    Died(format!(
        "{call}: {} ({})",
        errno::message(error),
        errno::name(error)
    ))
}
