//! The servers one would run: everyone at once, streams answered as they come, and no input ends them.

use std::{cell::RefCell, collections::BTreeSet, io, net::SocketAddr, rc::Rc, time::Duration};

use shared::{
    call::Fd,
    lab::Task,
    outcome::Returned,
    trace::{Arguments, CallName},
};
use tokio::{
    io::{AsyncWriteExt, Interest},
    net::{TcpListener, TcpStream, UdpSocket},
    task::JoinSet,
};

use super::{
    Died, FIRST_FD, PLAYGROUND_PORT, Witness, receives, sends,
    task::{Stream, datagram_answer},
};
use crate::{client::lowest_free, edge::Gate, failure, sys::receive, trace::Ends};

/// Room for any datagram there can be.
const DATAGRAM: usize = 65_535;
/// What one `recv` takes of a stream.
const CHUNK: usize = 64 << 10;
/// How long to wait when the system has no descriptor left for another connection.
const BACK_OFF: Duration = Duration::from_millis(50);

pub(super) async fn udp(
    socket: UdpSocket,
    gate: Gate,
    task: Task,
    witness: Witness,
) -> io::Result<Died> {
    let local = socket.local_addr()?;
    let mut buffer = vec![0; DATAGRAM];
    loop {
        let open = witness.starts(Some(FIRST_FD), CallName::RecvFrom, receives(DATAGRAM), None);
        let received = gate.receive(&socket, &mut buffer).await;
        let ends = |peer| Ends {
            local: Some(local),
            peer,
            ..Ends::default()
        };
        match received {
            Ok(receive::Received {
                kept,
                length,
                from,
                facts,
            }) => {
                let sentence = &buffer[..kept];
                let truncated = kept < length;
                let returned = Returned::Datagram {
                    data: sentence.into(),
                    from,
                    truncated,
                    length: length as u64,
                };
                witness.returns(
                    open,
                    Ok(returned),
                    Ends {
                        facts,
                        ..ends(Some(from))
                    },
                );
                if from.port() != PLAYGROUND_PORT && from.port() != local.port() {
                    answer_datagram(&socket, sentence, from, task, &witness, ends(Some(from)))
                        .await;
                }
            }
            Err(error) => {
                witness.returns(open, Err(failure::kernel(&error)), ends(None));
                tokio::task::yield_now().await;
            }
        }
    }
}

async fn answer_datagram(
    socket: &UdpSocket,
    sentence: &[u8],
    from: SocketAddr,
    task: Task,
    witness: &Witness,
    ends: Ends,
) {
    let answer = witness.answers(task, sentence, from, || datagram_answer(task, sentence));
    let open = witness.starts(
        Some(FIRST_FD),
        CallName::SendTo,
        sends(&answer, Some(from)),
        Some(from),
    );
    let result = socket.send_to(&answer, from).await;
    let result = result
        .map(|sent| Returned::Sent { sent: sent as u64 })
        .map_err(|error| failure::kernel(&error));
    witness.returns(open, result, ends);
}

pub(super) async fn tcp(listener: TcpListener, task: Task, witness: Witness) -> io::Result<Died> {
    let mut connections = JoinSet::new();
    let fds = Rc::new(RefCell::new(BTreeSet::from([FIRST_FD])));
    loop {
        let open = witness.starts(Some(FIRST_FD), CallName::Accept, Arguments::default(), None);
        let accepted = loop {
            tokio::select! {
                accepted = listener.accept() => break accepted,
                Some(_) = connections.join_next() => {}
            }
        };
        match accepted {
            Ok((stream, from)) => {
                let fd = lowest_free(|fd| fds.borrow().contains(&fd));
                fds.borrow_mut().insert(fd);
                let local = stream.local_addr().ok();
                let facts = witness.facts(&stream, true);
                let ends = Ends {
                    local,
                    peer: Some(from),
                    facts,
                    ..Ends::default()
                };
                witness.returns(open, Ok(Returned::Accepted { fd, from }), ends);
                let connection = Connection {
                    fd,
                    from,
                    local,
                    witness: witness.clone(),
                };
                let fds = Rc::clone(&fds);
                connections.spawn_local(async move {
                    connection.serve(stream, task).await;
                    fds.borrow_mut().remove(&fd);
                });
            }
            Err(error) => {
                witness.returns(open, Err(failure::kernel(&error)), Ends::default());
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }
}

/// One client's connection to the sturdy TCP server.
struct Connection {
    fd: Fd,
    from: SocketAddr,
    local: Option<SocketAddr>,
    witness: Witness,
}

thread_local! {
    /// One buffer for all connections of an event loop: an idle one then costs next to nothing.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; CHUNK]);
}

impl Connection {
    async fn serve(self, mut stream: TcpStream, task: Task) {
        // A stranger's option that fails costs latency, nothing else.
        stream.set_nodelay(true).ok();
        let mut answers = Stream::new(task);
        let (mut received, mut sent) = (0, 0);
        while let Some(chunk) = self.receive(&stream, received).await {
            received += chunk.len() as u64;
            let answer = self
                .witness
                .answers(task, &chunk, self.from, || answers.answer(&chunk));
            if !self.send(&mut stream, &answer, &mut sent).await {
                break;
            }
        }
        let rest = answers.end();
        if rest.is_empty() || self.send(&mut stream, &rest, &mut sent).await {
            self.close(stream);
        }
        self.witness
            .trace
            .connection_ended((self.witness.transport, self.from));
    }

    /// The next bytes; none at the end of the stream or of the connection.
    async fn receive(&self, stream: &TcpStream, offset: u64) -> Option<Vec<u8>> {
        let open = self.starts(CallName::Recv, receives(CHUNK));
        let attempt = || {
            BUFFER.with_borrow_mut(|buffer| {
                let kept = stream.try_read(buffer)?;
                Ok(buffer[..kept].to_vec())
            })
        };
        let received: io::Result<Vec<u8>> = stream.async_io(Interest::READABLE, attempt).await;
        let result = match &received {
            Ok(chunk) if chunk.is_empty() => Ok(Returned::EndOfStream),
            Ok(chunk) => Ok(Returned::Chunk {
                data: chunk.as_slice().into(),
            }),
            Err(error) => Err(failure::kernel(error)),
        };
        self.witness.returns(open, result, self.ends(Some(offset)));
        received.ok().filter(|chunk| !chunk.is_empty())
    }

    /// Sends all of it; tells whether the connection still stands.
    async fn send(&self, stream: &mut TcpStream, answer: &[u8], sent: &mut u64) -> bool {
        if answer.is_empty() {
            return true;
        }
        let open = self.starts(CallName::Send, sends(answer, None));
        let result = stream.write_all(answer).await;
        let stands = result.is_ok();
        let returned = result.map(|()| Returned::Sent {
            sent: answer.len() as u64,
        });
        self.witness.returns(
            open,
            returned.map_err(|error| failure::kernel(&error)),
            self.ends(Some(*sent)),
        );
        *sent += answer.len() as u64;
        stands
    }

    fn close(&self, stream: TcpStream) {
        let open = self.starts(CallName::Close, Arguments::default());
        let facts = self.witness.facts(&stream, false);
        drop(stream);
        self.witness.returns(
            open,
            Ok(Returned::Nothing),
            Ends {
                facts,
                ..self.ends(None)
            },
        );
    }

    fn starts(&self, name: CallName, arguments: Arguments) -> crate::trace::OpenCall {
        self.witness
            .starts(Some(self.fd), name, arguments, Some(self.from))
    }

    fn ends(&self, offset: Option<u64>) -> Ends {
        Ends {
            local: self.local,
            peer: Some(self.from),
            offset,
            ..Ends::default()
        }
    }
}
