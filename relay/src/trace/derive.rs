//! What must have been on the wire for a call to end as it did, where nothing was captured. Pure.
//!
//! Only what is certain: that a datagram left, that bytes came, that a connection stands. Not how many segments
//! TCP made of something, and not that a datagram arrived. How a connection ends takes more than one call to know:
//! see [`super::endings`].

use shared::{
    outcome::{FailureSource, Outcome, Returned},
    trace::{CallName, DerivedKind},
};

/// A packet that follows from a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Follows {
    /// What kind.
    pub kind: DerivedKind,
    /// Whether it went from the caller to the other end, or came from there.
    pub outward: bool,
    /// Its payload in bytes.
    pub length: u64,
}

/// What follows from this end of a call. Of a client whose own calls are seen, only what it sends is derived, so
/// that nothing is told twice; `stranger` says that the other end's calls are not seen.
#[must_use]
pub(super) fn follows(
    name: CallName,
    udp: bool,
    outcome: &Outcome,
    stranger: bool,
) -> Option<Follows> {
    let outward = |kind, length| {
        Some(Follows {
            kind,
            outward: true,
            length,
        })
    };
    let inward = |kind, length| {
        stranger.then_some(Follows {
            kind,
            outward: false,
            length,
        })
    };
    match (name, outcome) {
        (CallName::Connect, Outcome::Returned(_)) if !udp => outward(DerivedKind::Handshake, 0),
        (CallName::Accept, Outcome::Returned(_)) => inward(DerivedKind::Handshake, 0),
        (CallName::Send | CallName::SendTo, Outcome::Returned(Returned::Sent { sent: bytes })) => {
            outward(sent(udp), *bytes)
        }
        (
            CallName::Recv | CallName::RecvFrom,
            Outcome::Returned(Returned::Datagram { length, .. }),
        ) => inward(DerivedKind::Datagram, *length),
        (CallName::Recv | CallName::RecvFrom, Outcome::Returned(Returned::Chunk { data })) => {
            inward(DerivedKind::Data, data.len() as u64)
        }
        (CallName::Connect, Outcome::Failed(failed))
            if by_kernel(failed, "ECONNREFUSED") && !udp =>
        {
            Some(Follows {
                kind: DerivedKind::Rst,
                outward: false,
                length: 0,
            })
        }
        (CallName::Recv | CallName::RecvFrom | CallName::Send, Outcome::Failed(failed))
            if by_kernel(failed, "ECONNREFUSED") && udp =>
        {
            Some(Follows {
                kind: DerivedKind::Unreachable,
                outward: false,
                length: 0,
            })
        }
        _ => None,
    }
}

/// What a `send` that returned has put on its way.
pub(super) const fn sent(udp: bool) -> DerivedKind {
    if udp {
        DerivedKind::Datagram
    } else {
        DerivedKind::Data
    }
}

fn by_kernel(failed: &shared::outcome::Failed, errno: &str) -> bool {
    failed.source == FailureSource::Kernel && failed.errno == errno
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::outcome::Failed;

    #[test]
    fn a_datagram_is_derived_from_the_one_who_sent_it() {
        let sent = Outcome::Returned(Returned::Sent { sent: 5 });
        let expected = Follows {
            kind: DerivedKind::Datagram,
            outward: true,
            length: 5,
        };
        assert_eq!(
            follows(CallName::SendTo, true, &sent, false),
            Some(expected)
        );
        let received = Outcome::Returned(Returned::Chunk {
            data: "hello".into(),
        });
        assert_eq!(
            follows(CallName::Recv, false, &received, false),
            None,
            "its sender's call told of it"
        );
        let expected = Follows {
            kind: DerivedKind::Data,
            outward: false,
            length: 5,
        };
        assert_eq!(
            follows(CallName::Recv, false, &received, true),
            Some(expected)
        );
    }

    #[test]
    fn a_refusal_follows_only_from_the_kernels_word() {
        let refused = |source| {
            let (errno, message) = ("ECONNREFUSED".to_owned(), String::new());
            Outcome::Failed(Failed {
                errno,
                message,
                source,
                reason: None,
                limit: None,
            })
        };
        let kind = |udp, name, source| {
            follows(name, udp, &refused(source), false).map(|follows| follows.kind)
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
