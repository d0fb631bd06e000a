//! A datagram between the kernel's socket and the program that receives it.

use std::{net::SocketAddr, rc::Rc, time::Duration};

use bytes::Bytes;
use shared::{
    conditions::{DatagramId, Direction},
    trace::{CallId, ProcessId},
};

use crate::{
    sys::{Ancillary, bursts::Burst, receive},
    trace::Trace,
};

/// A datagram that was read from the kernel and not delivered to its program yet.
#[derive(Debug)]
pub(super) struct InTransit {
    pub(super) direction: Direction,
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) data: Bytes,
    /// The kernel's ancillary data.
    pub(super) ancillary: Ancillary,
    /// The client that sent or will receive it.
    pub(super) process: Option<ProcessId>,
    /// The call that sent it.
    pub(super) call: Option<CallId>,
}

/// A datagram that is delivered to its program.
#[derive(Debug)]
pub struct Delivered {
    pub(super) datagram: Rc<InTransit>,
    /// Its number, if it was impaired.
    pub(super) number: Option<DatagramId>,
}

impl Delivered {
    /// The datagram as a burst of one.
    #[must_use]
    pub fn to_burst(&self) -> Burst {
        let InTransit { from, ref data, .. } = *self.datagram;
        Burst::one(from, self.ancillary(), data.clone())
    }

    fn ancillary(&self) -> Ancillary {
        Ancillary {
            touched: self.number,
            ..self.datagram.ancillary
        }
    }

    /// Its length in bytes.
    #[must_use]
    pub fn length(&self) -> usize {
        self.datagram.data.len()
    }

    /// Copies it as recv(2) does: bytes that do not fit are lost, but the length counts them.
    pub fn copy_into(&self, buffer: &mut [u8]) -> receive::Received {
        let InTransit { from, data, .. } = &*self.datagram;
        let kept = data.len().min(buffer.len());
        buffer[..kept].copy_from_slice(&data[..kept]);
        receive::Received {
            kept,
            length: data.len(),
            from: *from,
            ancillary: self.ancillary(),
        }
    }
}

/// When the kernel received it, in nanoseconds on the lab's clock; none if the kernel gave no timestamp.
pub(super) fn kernel_time(trace: &Trace, ancillary: &Ancillary) -> Option<u64> {
    let seconds = Duration::from_nanos(ancillary.received_at_ns?);
    Some(trace.to_lab_time(seconds.as_secs(), seconds.subsec_nanos()))
}
