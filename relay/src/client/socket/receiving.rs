//! `recv` and `recvfrom`.

use shared::{
    call::Transport,
    data::Data,
    outcome::{Failed, Returned},
};
use tokio::io::Interest;

use super::ClientSocket;
use crate::{
    client::handle::Datagram,
    failure::{self, CallResult},
};

impl ClientSocket {
    pub(super) async fn receive(&self, size: u32) -> CallResult {
        let size = size as usize;
        match self.transport {
            Transport::Udp => {
                let Some(Datagram {
                    data,
                    length,
                    from,
                    facts,
                }) = self.datagram(size).await?
                else {
                    let data = Data::default();
                    return Ok(Returned::Chunk { data });
                };
                self.datagram_facts.replace(facts);
                let truncated = (data.len() as u64) < length;
                Ok(Returned::Datagram {
                    data,
                    from,
                    truncated,
                    length,
                })
            }
            Transport::Tcp => {
                let data = self
                    .blocking(Interest::READABLE, |handle| handle.chunk(size))
                    .await?;
                if data.is_empty() && size > 0 {
                    return Ok(Returned::EndOfStream);
                }
                self.received.set(self.received.get() + data.len() as u64);
                Ok(Returned::Chunk { data })
            }
        }
    }

    /// The next datagram, from the kernel itself or, where something happens to datagrams, through netem; none where
    /// a `recv` that blocks returns without one, as on Linux after `shutdown`. With a timeout Python polls and tries
    /// without blocking, until the time is over.
    async fn datagram(&self, size: usize) -> Result<Option<Datagram>, Failed> {
        let handle = self.handle();
        match handle.datagram_now(&self.receiver, size) {
            Err(error) if self.may_wait_after(&error) => {}
            other => return other.map(Some).map_err(|error| failure::kernel(&error)),
        }
        if self.receiving_shut_down.get() && self.timeout.get().is_none() {
            return Ok(None);
        }
        let next = handle.next_datagram(&self.receiver, size);
        self.with_timeout(next).await.map(Some)
    }
}
