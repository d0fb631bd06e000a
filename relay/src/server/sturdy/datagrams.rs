//! The sturdy UDP server. What comes in a burst is answered in a burst; in the trace, and for everybody else, each
//! datagram is received, worked on and answered by itself.

use std::{io, net::SocketAddr, rc::Rc};

use shared::{lab::Level, outcome::Returned, trace::CallName};
use tokio::{net::UdpSocket, task::JoinSet};

use super::super::{
    Ended, FIRST_FD, Job, PLAYGROUND_PORT,
    task::{append_datagram_answer, datagram_answer},
    witness::{Broken, Witness, receives, sends, work_name},
};
use crate::{
    edge::Gate,
    sys::bursts::{self, Batch, Burst, Gathering},
    trace::{Came, Ends, Given, Line, OpenCall, Stretch},
};

/// So many datagrams are thought about at once; with more the next one waits in the kernel's buffer.
const MOST_THOUGHTS: usize = 256;

/// What is thought about holds up nobody else: as such a program hands each sentence to a thread or task of its own,
/// each datagram is thought about beside the others. Without a time to think there is nothing to hand on.
pub(in super::super) async fn udp(
    socket: UdpSocket,
    gate: Gate,
    job: Job,
    witness: Witness,
) -> io::Result<Ended> {
    bursts::hear(&socket);
    let local = socket.local_addr()?;
    let server = Server {
        socket: Rc::new(socket),
        gate: Rc::new(gate),
        job,
        witness,
        local,
    };
    let mut thoughts = JoinSet::new();
    loop {
        while thoughts.try_join_next().is_some() {}
        let open = server.receives();
        let witness = &server.witness;
        match witness.blocks(server.gate.burst(&server.socket)).await {
            Ok(burst) if job.think_ms == 0 && server.answers(burst.from) => {
                server.answer(open, &burst).await;
            }
            Ok(burst) => server.think(open, &burst, &mut thoughts).await,
            Err(broken) => {
                witness.returns(open, Err(broken.told()), server.ends(None));
                if matches!(broken, Broken::Interrupted) {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
    }
    while thoughts.join_next().await.is_some() {}
    let ends = server.ends(None);
    server.witness.closes(FIRST_FD, server.socket, None, ends);
    Ok(Ended::Stopped)
}

#[derive(Clone)]
struct Server {
    socket: Rc<UdpSocket>,
    gate: Rc<Gate>,
    job: Job,
    witness: Witness,
    local: SocketAddr,
}

/// What came in a burst and is not answered yet, the first last, and the answers.
struct Answers {
    from: SocketAddr,
    sentences: Vec<Came>,
    batch: Batch,
}

impl Server {
    fn receives(&self) -> OpenCall {
        let asks = receives(self.job.receive_size);
        self.witness
            .starts(Some(FIRST_FD), CallName::RecvFrom, asks, None)
    }

    fn ends(&self, peer: Option<SocketAddr>) -> Ends {
        Ends {
            local: Some(self.local),
            peer,
            ..Ends::default()
        }
    }

    /// Two servers at one port would answer each other for ever.
    const fn answers(&self, from: SocketAddr) -> bool {
        from.port() != PLAYGROUND_PORT && from.port() != self.local.port()
    }

    /// Answers all of a burst at once.
    async fn answer(&self, open: OpenCall, burst: &Burst) {
        let mut answers = Answers::to(burst, self.job);
        let mut receiving = Some(open);
        while let Some(stuck) = self.answer_on(&mut answers, &mut receiving) {
            let answer = answers.batch.next(1);
            let sending = self.socket.send_to(&answer, answers.from);
            let sent = self.witness.blocks(sending).await;
            let result = sent
                .map(|sent| Returned::Sent { sent: sent as u64 })
                .map_err(|broken| broken.told());
            self.witness
                .returns(stuck, result, self.ends(Some(answers.from)));
            answers.batch.are_sent(1);
        }
    }

    /// Goes on answering, as long as the kernel has room; else the `sendto` that has to wait.
    fn answer_on(
        &self,
        answers: &mut Answers,
        receiving: &mut Option<OpenCall>,
    ) -> Option<OpenCall> {
        let trace = &self.witness.trace;
        let at_once = trace.level() < Level::L2;
        let mut stretch = trace.stretch(Line {
            process: self.witness.process,
            fd: FIRST_FD,
            transport: self.witness.transport,
            local: Some(self.local),
            peer: answers.from,
            client: answers.from,
        });
        stretch.expects(answers.batch.left().len());
        while !answers.batch.is_empty() {
            let together = answers.batch.together(at_once);
            // Those the kernel does not take together may leave alone.
            let many = together > 1 && self.sends(answers, together);
            for nth in 0..if many { together } else { 1 } {
                let open = self.works(&mut stretch, answers, receiving.take())?;
                if !many && !self.sends(answers, 1) {
                    return Some(open);
                }
                if nth == 0 {
                    stretch.tick();
                }
                let sent = answers.batch.left()[0] as u64;
                stretch.returns(open, Came::Sent(sent), None);
                answers.batch.are_sent(1);
            }
        }
        None
    }

    /// Sends the next answers in one call, if the kernel takes them.
    fn sends(&self, answers: &Answers, count: usize) -> bool {
        let to = Some(answers.from);
        let sent = answers.batch.send(&self.socket, to, count).is_ok();
        if sent {
            self.gate.rings(answers.from);
        }
        sent
    }

    /// Receives the next sentence, unless that has begun before, works on it and begins to send the answer.
    fn works(
        &self,
        stretch: &mut Stretch<'_>,
        answers: &mut Answers,
        receiving: Option<OpenCall>,
    ) -> Option<OpenCall> {
        let size = Given {
            size: Some(self.job.receive_size),
            ..Given::default()
        };
        let receiving = receiving.unwrap_or_else(|| stretch.starts(CallName::RecvFrom, true, size));
        let received = answers.sentences.pop()?;
        let (sentence, answer) = (received.data(), answers.batch.next(1));
        stretch.returns(receiving, received, None);
        if let Some((name, letter)) = work_name(self.job.task) {
            let given = Given {
                data: sentence,
                letter,
                ..Given::default()
            };
            let open = stretch.starts(name, false, given);
            stretch.returns(open, Came::Chunk(answer.clone()), None);
        }
        let given = Given {
            data: Some(answer),
            names_peer: true,
            ..Given::default()
        };
        Some(stretch.starts(CallName::SendTo, true, given))
    }

    /// Receives each datagram of a burst, and answers it once it has been thought about.
    async fn think(&self, open: OpenCall, burst: &Burst, thoughts: &mut JoinSet<()>) {
        let (from, mut receiving) = (burst.from, Some(open));
        for datagram in burst.datagrams() {
            if thoughts.len() >= MOST_THOUGHTS {
                thoughts.join_next().await;
            }
            let open = receiving.take().unwrap_or_else(|| self.receives());
            let sentence = datagram.slice(..datagram.len().min(self.job.receive_size));
            let returned = Returned::Datagram {
                data: sentence.as_ref().into(),
                from,
                truncated: sentence.len() < datagram.len(),
                length: datagram.len() as u64,
            };
            let facts = burst.told.facts();
            let ends = self.ends(Some(from));
            self.witness
                .returns(open, Ok(returned), Ends { facts, ..ends });
            if self.answers(from) {
                let task = self.job.task;
                let work = || datagram_answer(task, &sentence);
                let answer = self.witness.answers(task, &sentence, from, work);
                let server = self.clone();
                thoughts.spawn_local(async move { server.thinks(from, &answer).await });
            }
        }
    }

    async fn thinks(&self, from: SocketAddr, answer: &[u8]) {
        let thinking = self.witness.thinks(self.job.think_ms, from);
        if thinking.await.is_err() {
            return;
        }
        let asks = sends(answer, Some(from));
        let open = self
            .witness
            .starts(Some(FIRST_FD), CallName::SendTo, asks, Some(from));
        let result = self.witness.blocks(self.socket.send_to(answer, from)).await;
        let result = result
            .map(|sent| Returned::Sent { sent: sent as u64 })
            .map_err(|broken| broken.told());
        self.witness.returns(open, result, self.ends(Some(from)));
    }
}

impl Answers {
    fn to(burst: &Burst, job: Job) -> Self {
        let count = burst.count();
        let (mut sentences, mut answers) = (Vec::with_capacity(count), Gathering::default());
        for datagram in burst.datagrams() {
            let sentence = datagram.slice(..datagram.len().min(job.receive_size));
            answers.add_with(|bytes| append_datagram_answer(job.task, &sentence, bytes));
            sentences.push(Came::Datagram(sentence, datagram.len(), burst.told));
        }
        sentences.reverse();
        Self {
            from: burst.from,
            sentences,
            batch: answers.finish(),
        }
    }
}
