//! The sturdy UDP server. What comes in a burst is answered in a burst; in the trace, and for everybody else, each
//! datagram is received, worked on and answered by itself.

use std::{io, net::SocketAddr, rc::Rc};

use shared::{lab::Level, outcome::Returned, trace::CallName};
use tokio::{net::UdpSocket, task::JoinSet};

use super::super::{
    Ended, FIRST_FD, Job, is_question,
    task::{append_datagram_answer, datagram_answer},
    witness::{Broken, Witness, receives, sends, work_name},
};
use crate::{
    netem::ImpairedReceiver,
    sys::bursts::{self, Batch, Burst, Gathering},
    trace::{Came, Ends, Given, Line, OpenCall, Stretch},
};

/// So many datagrams are thought about at once; with more the next one waits in the kernel's buffer.
const MOST_THOUGHTS: usize = 256;

/// What is thought about holds up nobody else: as such a program hands each sentence to a thread or task of its own,
/// each datagram is thought about beside the others. Without a time to think there is nothing to hand on.
pub(in super::super) async fn udp(
    socket: UdpSocket,
    receiver: ImpairedReceiver,
    job: Job,
    witness: Witness,
) -> io::Result<Ended> {
    bursts::hear(&socket);
    let local = socket.local_addr()?;
    let server = Server {
        socket: Rc::new(socket),
        receiver: Rc::new(receiver),
        job,
        witness,
        local,
    };
    let (mut thoughts, mut next) = (JoinSet::new(), None);
    loop {
        while thoughts.try_join_next().is_some() {}
        let open = next.take().unwrap_or_else(|| server.receives());
        let witness = &server.witness;
        match witness
            .blocks(server.receiver.receive_burst(&server.socket))
            .await
        {
            Ok(burst) if job.think_ms == 0 && server.answers(&burst) => {
                next = server.answer(open, &burst).await;
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
    receiver: Rc<ImpairedReceiver>,
    job: Job,
    witness: Witness,
    local: SocketAddr,
}

/// What came in a burst, how much of it was received, and the answers.
struct Answers<'a> {
    burst: &'a Burst,
    received: usize,
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

    /// Whether it answers these datagrams.
    const fn answers(&self, burst: &Burst) -> bool {
        is_question(burst.from, &burst.told, self.local.port())
    }

    /// Answers all of a burst at once; the next `recvfrom`, where it was written down along with that.
    async fn answer(&self, open: OpenCall, burst: &Burst) -> Option<OpenCall> {
        let door = (self.witness.transport, burst.from);
        let trace = &self.witness.trace;
        trace.heard_from(door, burst.told.received_at_ns);
        let mut answers = Answers::to(burst, self.job);
        let mut receiving = Some(open);
        while let Some(stuck) = self.answer_on(&mut answers, &mut receiving) {
            let answer = answers.batch.next(1);
            let sending = self.socket.send_to(answer, burst.from);
            let sent = self.witness.blocks(sending).await;
            let result = sent
                .map(|sent| Returned::Sent { sent: sent as u64 })
                .map_err(|broken| broken.told());
            self.witness
                .returns(stuck, result, self.ends(Some(burst.from)));
            answers.batch.are_sent(1);
        }
        receiving
    }

    /// Goes on answering, as long as the kernel has room; else the `sendto` that has to wait.
    fn answer_on(
        &self,
        answers: &mut Answers<'_>,
        receiving: &mut Option<OpenCall>,
    ) -> Option<OpenCall> {
        let trace = &self.witness.trace;
        let at_once = trace.level() < Level::L2;
        let mut stretch = trace.stretch(Line {
            process: self.witness.process,
            fd: FIRST_FD,
            transport: self.witness.transport,
            local: Some(self.local),
            peer: answers.burst.from,
            client: answers.burst.from,
        });
        stretch.is_told(answers.burst.told);
        stretch.holds(answers.burst.bytes());
        stretch.holds(answers.batch.bytes());
        while !answers.batch.is_empty() {
            let together = answers.batch.together(at_once);
            // Those the kernel does not take together may leave alone.
            let many = together > 1 && self.sends(answers, together);
            for nth in 0..if many { together } else { 1 } {
                let open = self.works(&mut stretch, answers, receiving.take());
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
        // In a crowd it has to be found again, once it is known for whom it was.
        *receiving =
            (!trace.is_crowded()).then(|| stretch.starts(CallName::RecvFrom, true, self.room()));
        None
    }

    fn room(&self) -> Given<'static> {
        Given {
            size: Some(self.job.receive_size),
            ..Given::default()
        }
    }

    /// Sends the next answers in one call, if the kernel takes them.
    fn sends(&self, answers: &Answers<'_>, count: usize) -> bool {
        let from = answers.burst.from;
        let sent = answers.batch.send(&self.socket, Some(from), count).is_ok();
        if sent {
            self.receiver.hint_client(from);
        }
        sent
    }

    /// Receives the next sentence, unless that has begun before, works on it and begins to send the answer.
    fn works(
        &self,
        stretch: &mut Stretch<'_>,
        answers: &mut Answers<'_>,
        receiving: Option<OpenCall>,
    ) -> OpenCall {
        let receiving =
            receiving.unwrap_or_else(|| stretch.starts(CallName::RecvFrom, true, self.room()));
        let datagram = answers.burst.datagram(answers.received);
        answers.received += 1;
        let sentence = self.job.receives(datagram);
        let answer = answers.batch.next(1);
        stretch.returns(receiving, Came::Datagram(sentence, datagram.len()), None);
        if let Some((name, letter)) = work_name(self.job.task) {
            let given = Given {
                data: Some(sentence),
                letter,
                ..Given::default()
            };
            let open = stretch.starts(name, false, given);
            stretch.returns(open, Came::Chunk(answer), None);
        }
        let given = Given {
            data: Some(answer),
            names_peer: true,
            ..Given::default()
        };
        stretch.starts(CallName::SendTo, true, given)
    }

    /// Receives each datagram of a burst, and answers it once it has been thought about.
    async fn think(&self, open: OpenCall, burst: &Burst, thoughts: &mut JoinSet<()>) {
        let (from, mut receiving) = (burst.from, Some(open));
        for datagram in burst.datagrams() {
            if thoughts.len() >= MOST_THOUGHTS {
                thoughts.join_next().await;
            }
            let open = receiving.take().unwrap_or_else(|| self.receives());
            let sentence = self.job.receives(&datagram);
            let returned = Returned::Datagram {
                data: sentence.into(),
                from,
                truncated: sentence.len() < datagram.len(),
                length: datagram.len() as u64,
            };
            let facts = burst.told.facts();
            let ends = self.ends(Some(from));
            self.witness
                .returns(open, Ok(returned), Ends { facts, ..ends });
            if self.answers(burst) {
                let task = self.job.task;
                let work = || datagram_answer(task, sentence);
                let answer = self.witness.answers(task, sentence, from, work);
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

impl<'a> Answers<'a> {
    fn to(burst: &'a Burst, job: Job) -> Self {
        let mut answers = Gathering::default();
        for at in 0..burst.count() {
            let sentence = job.receives(burst.datagram(at));
            answers.add_with(|bytes| append_datagram_answer(job.task, sentence, bytes));
        }
        Self {
            burst,
            received: 0,
            batch: answers.finish(),
        }
    }
}
