//! A datagram between the kernel and its program: taken from the one, given to the other.

use std::{cell::RefCell, io, net::SocketAddr, rc::Rc, time::Duration};

use shared::{
    conditions::{DatagramId, Direction},
    trace::{CallId, Fact, ProcessId, Source},
};
use tokio::{io::Interest, net::UdpSocket};

use crate::{sys::receive, trace::Trace};

/// The longest datagram there can be (RFC 768: the length field has 16 bits).
pub(super) const LONGEST: usize = 65_535;

/// A datagram between the kernel and its program.
#[derive(Debug)]
pub(super) struct Crossing {
    pub(super) direction: Direction,
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) data: Vec<u8>,
    /// What the kernel told along with it.
    pub(super) facts: Vec<Fact>,
    pub(super) process: Option<ProcessId>,
    pub(super) call: Option<CallId>,
}

/// A datagram that has come through the gate.
#[derive(Debug)]
pub struct Through {
    pub(super) crossing: Rc<Crossing>,
    /// Its number, if the edge has touched it.
    pub(super) number: Option<DatagramId>,
}

impl Through {
    /// Its length in bytes.
    #[must_use]
    pub fn length(&self) -> usize {
        self.crossing.data.len()
    }

    /// As recv(2) gives it: what does not fit is cut off and lost, but counted.
    pub fn put_into(&self, buffer: &mut [u8]) -> receive::Received {
        let Crossing {
            from, data, facts, ..
        } = &*self.crossing;
        let kept = data.len().min(buffer.len());
        buffer[..kept].copy_from_slice(&data[..kept]);
        let touched = self.number.map(|number| Fact {
            name: "edge.datagram".to_owned(),
            value: number.to_string(),
            source: Source::Computed,
        });
        receive::Received {
            kept,
            length: data.len(),
            from: *from,
            facts: facts.iter().cloned().chain(touched).collect(),
        }
    }
}

thread_local! {
    /// Room for any datagram, shared by all sockets of an event loop.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; LONGEST]);
}

/// The kernel's next datagram, all of it. Where there is none, the event loop knows from then on that it has to
/// wait for one.
pub(super) fn whole<T>(
    socket: &UdpSocket,
    take: impl FnOnce(receive::Received, &[u8]) -> io::Result<T>,
) -> io::Result<T> {
    BUFFER.with_borrow_mut(|buffer| {
        let received = match receive::datagram(socket, buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                socket.try_io(Interest::READABLE, || receive::datagram(socket, buffer))?
            }
            other => other?,
        };
        let kept = received.kept;
        take(received, &buffer[..kept])
    })
}

/// When the kernel received it, on the lab's clock, if the kernel told.
pub(super) fn kernel_time(trace: &Trace, facts: &[Fact]) -> Option<u64> {
    let named = |fact: &&Fact| fact.name == "datagram.received_at_ns";
    let at: u64 = facts.iter().find(named)?.value.parse().ok()?;
    let seconds = Duration::from_nanos(at);
    Some(trace.mono_of(seconds.as_secs(), seconds.subsec_nanos()))
}

/// A server bound to no address in particular is at all of them.
pub(super) fn is_at(server: SocketAddr, address: SocketAddr) -> bool {
    server.port() == address.port() && (server.ip().is_unspecified() || server.ip() == address.ip())
}
