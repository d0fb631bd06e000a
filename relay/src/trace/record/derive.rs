//! The packet that must have been sent for a call to return as it did, where none is captured. Pure.
//!
//! Only what is certain is derived: that a datagram was sent, that bytes arrived, that a connection was established. Not
//! the number of TCP's segments, and not that a datagram arrived. How a connection ends takes more than one call to
//! know: see [`super::tcp_close`].

use shared::{
    outcome::{Failed, FailureSource, Outcome, Returned},
    trace::{CallName, DerivedKind},
};

use crate::trace::log::CallReturn;

/// How a call ended, as far as packets depend on it.
#[derive(Clone, Copy, Debug)]
pub(super) enum CallEnd<'a> {
    /// It sent this many bytes.
    Sent(u64),
    /// It received this many bytes of a stream.
    Chunk(u64),
    /// It received a datagram of this length.
    Datagram(u64),
    /// It received the end of a stream.
    EndOfStream,
    /// It returned something else.
    Done,
    /// It failed.
    Failed(&'a Failed),
}

impl<'a> From<&'a Outcome> for CallEnd<'a> {
    fn from(outcome: &'a Outcome) -> Self {
        match outcome {
            Outcome::Returned(Returned::Sent { sent }) => Self::Sent(*sent),
            Outcome::Returned(Returned::Chunk { data }) => Self::Chunk(data.len() as u64),
            Outcome::Returned(Returned::Datagram { length, .. }) => Self::Datagram(*length),
            Outcome::Returned(Returned::EndOfStream) => Self::EndOfStream,
            Outcome::Returned(_) => Self::Done,
            Outcome::Failed(failed) => Self::Failed(failed),
        }
    }
}

impl From<CallReturn<&[u8]>> for CallEnd<'_> {
    fn from(returned: CallReturn<&[u8]>) -> Self {
        match returned {
            CallReturn::Sent(sent) => Self::Sent(sent),
            CallReturn::Chunk(data) => Self::Chunk(data.len() as u64),
            CallReturn::Datagram(_, length) => Self::Datagram(length as u64),
        }
    }
}

impl CallEnd<'_> {
    /// Whether the call did not fail.
    pub(super) const fn is_success(self) -> bool {
        !matches!(self, Self::Failed(_))
    }

    /// Whether the kernel failed the call with this error.
    pub(super) fn is_kernel_error(self, errno: &str) -> bool {
        matches!(self, Self::Failed(failed)
            if failed.source == FailureSource::Kernel && failed.errno == errno)
    }
}

/// A packet that follows from a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DerivedPacket {
    pub(super) kind: DerivedKind,
    /// Whether the caller sent it; otherwise the other end did.
    pub(super) outward: bool,
    /// Its payload in bytes.
    pub(super) length: u64,
}

/// The packet that follows from a call. If the other end's calls are traced, only sent packets are derived from either
/// end, so that none is derived twice; `is_external` tells that the other end's calls are not traced.
#[must_use]
pub(super) fn packet(
    name: CallName,
    udp: bool,
    end: CallEnd<'_>,
    is_external: bool,
) -> Option<DerivedPacket> {
    use CallName::{Accept, Connect, Recv, RecvFrom, Send, SendTo};

    let is_refused = end.is_kernel_error("ECONNREFUSED");
    let (kind, outward, length) = match (name, end) {
        (Connect, _) if end.is_success() && !udp => (DerivedKind::Handshake, true, 0),
        (Accept, _) if end.is_success() => (DerivedKind::Handshake, false, 0),
        (Send | SendTo, CallEnd::Sent(length)) if udp => (DerivedKind::Datagram, true, length),
        (Send | SendTo, CallEnd::Sent(length)) => (DerivedKind::Data, true, length),
        (Recv | RecvFrom, CallEnd::Datagram(length)) => (DerivedKind::Datagram, false, length),
        (Recv | RecvFrom, CallEnd::Chunk(length)) => (DerivedKind::Data, false, length),
        (Connect, _) if is_refused && !udp => (DerivedKind::Rst, false, 0),
        (Recv | RecvFrom | Send, _) if is_refused && udp => (DerivedKind::Unreachable, false, 0),
        _ => return None,
    };
    (outward || is_external || is_refused).then_some(DerivedPacket {
        kind,
        outward,
        length,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_is_derived_from_its_senders_call() {
        let sent = CallEnd::Sent(5);
        let expected = DerivedPacket {
            kind: DerivedKind::Datagram,
            outward: true,
            length: 5,
        };
        assert_eq!(packet(CallName::SendTo, true, sent, false), Some(expected));
        let received = CallEnd::Chunk(5);
        assert_eq!(
            packet(CallName::Recv, false, received, false),
            None,
            "its sender's call is traced"
        );
        let expected = DerivedPacket {
            kind: DerivedKind::Data,
            outward: false,
            length: 5,
        };
        assert_eq!(
            packet(CallName::Recv, false, received, true),
            Some(expected)
        );
    }

    #[test]
    fn a_refusal_is_derived_only_from_the_kernels_error() {
        let kind = |udp, name, source| {
            let refused = Failed {
                errno: "ECONNREFUSED".to_owned(),
                message: String::new(),
                source,
                reason: None,
                limit: None,
            };
            packet(name, udp, CallEnd::Failed(&refused), false).map(|packet| packet.kind)
        };
        assert_eq!(
            kind(false, CallName::Connect, FailureSource::Kernel),
            Some(DerivedKind::Rst)
        );
        assert_eq!(
            kind(true, CallName::Recv, FailureSource::Kernel),
            Some(DerivedKind::Unreachable)
        );
        assert_eq!(kind(false, CallName::Connect, FailureSource::Relay), None);
    }
}
