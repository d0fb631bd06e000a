//! The book's UDPServer and TCPServer, call for call: one client at a time. Any unexpected input ends them, as an
//! uncaught exception ends a Python program.

use std::{io, net::SocketAddr};

use shared::{
    call::Fd,
    outcome::Returned,
    trace::{Arguments, CallName},
};
use tokio::{
    io::Interest,
    net::{TcpListener, TcpStream, UdpSocket},
};

use super::{
    Ended, FIRST_FD, TaskConfig, is_question,
    task::book_answer,
    tracer::{CallError, ConnectionGuard, ServerTracer, receive_arguments, send_arguments},
};
use crate::{
    netem::ImpairedReceiver,
    sys::{errno, receive},
    trace::{OpenCall, SocketSnapshot},
};

/// The connection's socket: the one before it is closed by then, so it always gets the same number.
const CONNECTION_FD: Fd = FIRST_FD + 1;

pub(super) async fn udp(
    socket: UdpSocket,
    receiver: ImpairedReceiver,
    config: TaskConfig,
    tracer: ServerTracer,
) -> Ended {
    let ended = loop {
        if let Err(ended) = answer_datagram(&socket, &receiver, config, &tracer).await {
            break ended;
        }
    };
    let local = socket.local_addr().ok();
    close_if_stopped(&tracer, socket, local, &ended);
    ended
}

async fn answer_datagram(
    socket: &UdpSocket,
    receiver: &ImpairedReceiver,
    config: TaskConfig,
    tracer: &ServerTracer,
) -> Result<(), Ended> {
    let local = socket.local_addr().ok();
    let ends = |peer| SocketSnapshot::between(local, peer);
    let mut buffer = vec![0; config.receive_size];
    let asks = receive_arguments(config.receive_size);
    let receiving = receiver.receive(socket, &mut buffer);
    let (open, received) = call(
        tracer,
        (FIRST_FD, CallName::RecvFrom),
        asks,
        ends(None),
        receiving,
    )
    .await?;
    let receive::Received {
        kept,
        length,
        from,
        ancillary,
    } = received;
    buffer.truncate(kept);
    let door = (tracer.transport, from);
    tracer.trace.register_sender(door, ancillary.received_at_ns);
    let returned = Returned::Datagram {
        data: buffer.as_slice().into(),
        from,
        truncated: kept < length,
        length: length as u64,
    };
    let facts = ancillary.facts();
    let ends = ends(Some(from));
    tracer.finish(
        open,
        Ok(returned),
        SocketSnapshot {
            facts,
            ..ends.clone()
        },
    );
    if !is_question(from, &ancillary, local.map_or(0, |local| local.port())) {
        return Ok(());
    }
    let answer = work_out(&buffer, from, config, tracer).await?;
    let asks = send_arguments(&answer, Some(from));
    let sending = socket.send_to(&answer, from);
    send(tracer, (FIRST_FD, CallName::SendTo), asks, ends, sending).await
}

pub(super) async fn tcp(listener: TcpListener, config: TaskConfig, tracer: ServerTracer) -> Ended {
    let ended = loop {
        if let Err(ended) = answer_client(&listener, config, &tracer).await {
            break ended;
        }
    };
    let local = listener.local_addr().ok();
    close_if_stopped(&tracer, listener, local, &ended);
    ended
}

async fn answer_client(
    listener: &TcpListener,
    config: TaskConfig,
    tracer: &ServerTracer,
) -> Result<(), Ended> {
    let open = tracer.start(Some(FIRST_FD), CallName::Accept, Arguments::default(), None);
    let (stream, from) = match tracer.interruptible(listener.accept()).await {
        Ok(accepted) => accepted,
        Err(error) => {
            let failed = Err(error.to_failed());
            tracer.finish(open, failed, SocketSnapshot::default());
            if error.is_exhaustion() {
                // The relay's process has no descriptor left. The book's server runs in a process of its own, which
                // would have: so it does not die of this, and tries again when there is one.
                let waited = tracer.wait_for_descriptor().await;
                return waited.map_err(|error| end_reason(CallName::Accept, &error));
            }
            return Err(end_reason(CallName::Accept, &error));
        }
    };
    config.configure_connection(&stream);
    let facts = tracer.facts(&stream, true);
    let local = stream.local_addr().ok();
    let ends = SocketSnapshot::between(local, Some(from));
    let fd = CONNECTION_FD;
    let accepted = Returned::Accepted { fd, from };
    tracer.finish(
        open,
        Ok(accepted),
        SocketSnapshot {
            facts,
            ..ends.clone()
        },
    );
    let _guard = ConnectionGuard { tracer, from };
    let answered = answer_connection(&stream, from, config, tracer, &ends).await;
    if let Ok(()) | Err(Ended::Stopped) = answered {
        let facts = tracer.facts(&stream, false);
        let ends = SocketSnapshot { facts, ..ends };
        tracer.close(CONNECTION_FD, stream, Some(from), ends);
    }
    answered
}

async fn answer_connection(
    stream: &TcpStream,
    from: SocketAddr,
    config: TaskConfig,
    tracer: &ServerTracer,
    ends: &SocketSnapshot,
) -> Result<(), Ended> {
    let ends = SocketSnapshot {
        offset: Some(0),
        ..ends.clone()
    };
    let mut buffer = vec![0; config.receive_size];
    let asks = receive_arguments(config.receive_size);
    let receiving = stream.async_io(Interest::READABLE, || stream.try_read(&mut buffer));
    let recv = (CONNECTION_FD, CallName::Recv);
    let (open, kept) = call(tracer, recv, asks, ends.clone(), receiving).await?;
    buffer.truncate(kept);
    let returned = match kept {
        0 => Returned::EndOfStream,
        _ => Returned::Chunk {
            data: buffer.as_slice().into(),
        },
    };
    tracer.finish(open, Ok(returned), ends.clone());
    let answer = work_out(&buffer, from, config, tracer).await?;
    let asks = send_arguments(&answer, None);
    let sending = stream.async_io(Interest::WRITABLE, || stream.try_write(&answer));
    send(tracer, (CONNECTION_FD, CallName::Send), asks, ends, sending).await
}

/// Makes a call that may block. If it fails, that is recorded and is the program's end.
async fn call<T>(
    tracer: &ServerTracer,
    (fd, name): (Fd, CallName),
    arguments: Arguments,
    ends: SocketSnapshot,
    result: impl Future<Output = io::Result<T>>,
) -> Result<(OpenCall, T), Ended> {
    let open = tracer.start(Some(fd), name, arguments, ends.peer);
    match tracer.interruptible(result).await {
        Ok(returned) => Ok((open, returned)),
        Err(error) => {
            tracer.finish(open, Err(error.to_failed()), ends);
            Err(end_reason(name, &error))
        }
    }
}

/// Makes a call that sends, and records how many bytes it took.
async fn send(
    tracer: &ServerTracer,
    call_of: (Fd, CallName),
    arguments: Arguments,
    ends: SocketSnapshot,
    sending: impl Future<Output = io::Result<usize>>,
) -> Result<(), Ended> {
    let (open, sent) = call(tracer, call_of, arguments, ends.clone(), sending).await?;
    tracer.finish(open, Ok(Returned::Sent { sent: sent as u64 }), ends);
    Ok(())
}

/// Applies the task to a sentence, and then waits as long as the server is set to.
async fn work_out(
    sentence: &[u8],
    from: SocketAddr,
    config: TaskConfig,
    tracer: &ServerTracer,
) -> Result<Vec<u8>, Ended> {
    let task = config.task;
    let answer = tracer.apply_task(task, sentence, from, || book_answer(task, sentence));
    let answer = answer.map_err(|why| Ended::Died(why.to_string()))?;
    let delayed = tracer.delay(config.think_ms, from).await;
    delayed.map_err(|error| end_reason(CallName::Sleep, &error))?;
    Ok(answer)
}

/// An interrupted program closes its socket on its way out; of one that died the kernel does.
fn close_if_stopped<S>(tracer: &ServerTracer, socket: S, local: Option<SocketAddr>, ended: &Ended) {
    if matches!(ended, Ended::Stopped) {
        tracer.close(FIRST_FD, socket, None, SocketSnapshot::between(local, None));
    }
}

fn end_reason(call: CallName, error: &CallError) -> Ended {
    match error {
        CallError::Interrupted => Ended::Stopped,
        CallError::Failed(error) => Ended::Died(format!(
            "{}: {} ({})",
            call.as_str(),
            errno::message(error),
            errno::name(error)
        )),
    }
}
