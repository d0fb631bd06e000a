//! A datagram between the kernel and its program: taken from the one, given to the other.

use std::{net::SocketAddr, rc::Rc, time::Duration};

use crate::{
    sys::{Told, bursts::Burst, receive},
    trace::Trace,
};
use bytes::Bytes;
use shared::{
    conditions::{DatagramId, Direction},
    trace::{CallId, ProcessId},
};

/// A datagram between the kernel and its program.
#[derive(Debug)]
pub(super) struct Crossing {
    pub(super) direction: Direction,
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) data: Bytes,
    /// What the kernel told along with it.
    pub(super) told: Told,
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
    /// As it is received by who hears bursts.
    #[must_use]
    pub fn burst(&self) -> Burst {
        let Crossing { from, ref data, .. } = *self.crossing;
        Burst::one(from, self.told(), data.clone())
    }

    fn told(&self) -> Told {
        Told {
            touched: self.number,
            ..self.crossing.told
        }
    }

    /// Its length in bytes.
    #[must_use]
    pub fn length(&self) -> usize {
        self.crossing.data.len()
    }

    /// As recv(2) gives it: what does not fit is cut off and lost, but counted.
    pub fn put_into(&self, buffer: &mut [u8]) -> receive::Received {
        let Crossing { from, data, .. } = &*self.crossing;
        let kept = data.len().min(buffer.len());
        buffer[..kept].copy_from_slice(&data[..kept]);
        receive::Received {
            kept,
            length: data.len(),
            from: *from,
            told: self.told(),
        }
    }
}

/// When the kernel received it, on the lab's clock, if the kernel told.
pub(super) fn kernel_time(trace: &Trace, told: &Told) -> Option<u64> {
    let seconds = Duration::from_nanos(told.received_at_ns?);
    Some(trace.mono_of(seconds.as_secs(), seconds.subsec_nanos()))
}

/// A server bound to no address in particular is at all of them. A socket of IPv6 names IPv4 addresses in its own way.
pub(super) fn is_at(server: SocketAddr, address: SocketAddr) -> bool {
    let is_its_host = server.ip().is_unspecified() || server.ip() == address.ip().to_canonical();
    server.port() == address.port() && is_its_host
}
