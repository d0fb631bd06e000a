//! The book's UDPServer and TCPServer, call for call: one client at a time. Any unexpected input ends them, as an
//! uncaught exception ends a Python program.

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
    Ended, FIRST_FD, TaskConfig, is_question,
    task::book_answer,
    tracer::{CallError, ConnectionGuard, ServerTracer, receive_arguments, send_arguments},
};
use crate::{
    failure,
    netem::ImpairedReceiver,
    sys::{descriptors::is_exhausted, errno, receive},
    trace::{OpenCall, SocketSnapshot},
};

/// The connection's socket: the one before it is closed by then, so it always gets the same number.
const CONNECTION_FD: u32 = FIRST_FD + 1;

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
    let ends = |peer| SocketSnapshot {
        local,
        peer,
        ..SocketSnapshot::default()
    };
    let mut buffer = vec![0; config.receive_size];
    let asks = receive_arguments(config.receive_size);
    let open = tracer.start(Some(FIRST_FD), CallName::RecvFrom, asks, None);
    let receiving = receiver.receive(socket, &mut buffer);
    let receive::Received {
        kept,
        length,
        from,
        ancillary,
    } = match tracer.interruptible(receiving).await {
        Ok(received) => received,
        Err(error) => {
            return Err(record_failure(
                tracer,
                open,
                CallName::RecvFrom,
                &error,
                ends(None),
            ));
        }
    };
    buffer.truncate(kept);
    let door = (tracer.transport, from);
    tracer.trace.register_sender(door, ancillary.received_at_ns);
    let returned = Returned::Datagram {
        data: buffer.as_slice().into(),
        from,
        truncated: kept < length,
        length: length as u64,
    };
    tracer.finish(
        open,
        Ok(returned),
        SocketSnapshot {
            facts: ancillary.facts(),
            ..ends(Some(from))
        },
    );
    if !is_question(from, &ancillary, local.map_or(0, |local| local.port())) {
        return Ok(());
    }
    let answer = tracer
        .apply_task(config.task, &buffer, from, || {
            book_answer(config.task, &buffer)
        })
        .map_err(|why| Ended::Died(why.to_string()))?;
    let thought = tracer.delay(config.think_ms, from).await;
    thought.map_err(|error| end_reason(CallName::Sleep, &error))?;
    let open = tracer.start(
        Some(FIRST_FD),
        CallName::SendTo,
        send_arguments(&answer, Some(from)),
        Some(from),
    );
    match tracer.interruptible(socket.send_to(&answer, from)).await {
        Ok(sent) => {
            let sent = Returned::Sent { sent: sent as u64 };
            tracer.finish(open, Ok(sent), ends(Some(from)));
            Ok(())
        }
        Err(error) => Err(record_failure(
            tracer,
            open,
            CallName::SendTo,
            &error,
            ends(Some(from)),
        )),
    }
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
        Err(CallError::Failed(error)) if is_exhausted(&error) => {
            tracer.finish(
                open,
                Err(failure::kernel(&error)),
                SocketSnapshot::default(),
            );
            // The relay's process has no descriptor left. The book's server runs in a process of its own, which
            // would have: so it does not die of this, and tries again when there is one.
            let waited = tracer.wait_for_descriptor().await;
            return waited.map_err(|error| end_reason(CallName::Accept, &error));
        }
        Err(error) => {
            return Err(record_failure(
                tracer,
                open,
                CallName::Accept,
                &error,
                SocketSnapshot::default(),
            ));
        }
    };
    config.configure_connection(&stream);
    let facts = tracer.facts(&stream, true);
    let local = stream.local_addr().ok();
    let ends = || SocketSnapshot {
        local,
        peer: Some(from),
        ..SocketSnapshot::default()
    };
    let accepted = Returned::Accepted {
        fd: CONNECTION_FD,
        from,
    };
    tracer.finish(open, Ok(accepted), SocketSnapshot { facts, ..ends() });
    let _guard = ConnectionGuard { tracer, from };
    let answered = answer_connection(&stream, from, config, tracer, &ends).await;
    if let Ok(()) | Err(Ended::Stopped) = answered {
        let facts = tracer.facts(&stream, false);
        tracer.close(
            CONNECTION_FD,
            stream,
            Some(from),
            SocketSnapshot { facts, ..ends() },
        );
    }
    answered
}

async fn answer_connection(
    stream: &TcpStream,
    from: SocketAddr,
    config: TaskConfig,
    tracer: &ServerTracer,
    ends: &impl Fn() -> SocketSnapshot,
) -> Result<(), Ended> {
    let fd = Some(CONNECTION_FD);
    let ends = || SocketSnapshot {
        offset: Some(0),
        ..ends()
    };
    let mut buffer = vec![0; config.receive_size];
    let open = tracer.start(
        fd,
        CallName::Recv,
        receive_arguments(config.receive_size),
        Some(from),
    );
    let receiving = stream.async_io(Interest::READABLE, || stream.try_read(&mut buffer));
    let kept = match tracer.interruptible(receiving).await {
        Ok(kept) => kept,
        Err(error) => return Err(record_failure(tracer, open, CallName::Recv, &error, ends())),
    };
    buffer.truncate(kept);
    let returned = match kept {
        0 => Returned::EndOfStream,
        _ => Returned::Chunk {
            data: buffer.as_slice().into(),
        },
    };
    tracer.finish(open, Ok(returned), ends());
    let answer = tracer
        .apply_task(config.task, &buffer, from, || {
            book_answer(config.task, &buffer)
        })
        .map_err(|why| Ended::Died(why.to_string()))?;
    let thought = tracer.delay(config.think_ms, from).await;
    thought.map_err(|error| end_reason(CallName::Sleep, &error))?;
    let open = tracer.start(
        fd,
        CallName::Send,
        send_arguments(&answer, None),
        Some(from),
    );
    let sending = stream.async_io(Interest::WRITABLE, || stream.try_write(&answer));
    match tracer.interruptible(sending).await {
        Ok(sent) => {
            let sent = Returned::Sent { sent: sent as u64 };
            tracer.finish(open, Ok(sent), ends());
            Ok(())
        }
        Err(error) => Err(record_failure(tracer, open, CallName::Send, &error, ends())),
    }
}

/// An interrupted program closes its socket on its way out; of one that died the kernel does.
fn close_if_stopped<S>(tracer: &ServerTracer, socket: S, local: Option<SocketAddr>, ended: &Ended) {
    if matches!(ended, Ended::Stopped) {
        let ends = SocketSnapshot {
            local,
            ..SocketSnapshot::default()
        };
        tracer.close(FIRST_FD, socket, None, ends);
    }
}

/// A call that failed is the program's end.
fn record_failure(
    tracer: &ServerTracer,
    open: OpenCall,
    call: CallName,
    error: &CallError,
    ends: SocketSnapshot,
) -> Ended {
    tracer.finish(open, Err(error.to_failed()), ends);
    end_reason(call, error)
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
