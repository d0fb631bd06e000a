//! Constructors of the protocol's failures: those that the kernel reports, and those with which the relay enforces a rule.

use std::io;

use shared::outcome::{Failed, FailureSource, Outcome, Reason, Returned};

use crate::{descriptors, sys::errno};

/// The result of a call inside the relay.
pub type CallResult = Result<Returned, Failed>;

/// A failure that the kernel reported.
#[must_use]
pub fn kernel(error: &io::Error) -> Failed {
    let errno = errno::name(error);
    if matches!(errno.as_str(), "EMFILE" | "ENFILE") {
        descriptors::record_exhaustion();
    }
    Failed {
        errno,
        message: errno::message(error),
        source: FailureSource::Kernel,
        reason: None,
        limit: None,
    }
}

/// A failure that the relay decides without a system call.
#[must_use]
pub fn relay(reason: Reason, message: impl Into<String>) -> Failed {
    Failed {
        errno: errno_for(reason).to_owned(),
        message: message.into(),
        source: FailureSource::Relay,
        reason: Some(reason),
        limit: None,
    }
}

/// A failure because a limit of the relay is reached.
#[must_use]
pub fn limit(reason: Reason, limit: u64, message: impl Into<String>) -> Failed {
    Failed {
        limit: Some(limit),
        ..relay(reason, message)
    }
}

/// Converts the result of a call to the protocol's type.
#[must_use]
pub fn outcome(result: CallResult) -> Outcome {
    match result {
        Ok(returned) => Outcome::Returned(returned),
        Err(failed) => Outcome::Failed(failed),
    }
}

/// The errno that a kernel would report in a similar case.
const fn errno_for(reason: Reason) -> &'static str {
    match reason {
        Reason::Malformed
        | Reason::UnknownKey
        | Reason::NotRunning
        | Reason::NoSuchCall
        | Reason::OutOfRange
        | Reason::NotHeld
        | Reason::TextMissing
        | Reason::TextNotPlain
        | Reason::NoCard
        | Reason::NothingToSave => "EINVAL",
        Reason::UnknownCall => "ENOSYS",
        Reason::MessageTooLarge
        | Reason::DataTooLarge
        | Reason::TextTooLong
        | Reason::TraceTooLong => "EMSGSIZE",
        Reason::TooManySockets => "EMFILE",
        Reason::TooManyCalls | Reason::TooMuchWaiting => "ENOBUFS",
        Reason::NoSuchSocket => "EBADF",
        Reason::IdInUse | Reason::AlreadyRunning => "EALREADY",
        Reason::Cancelled => "ECANCELED",
        Reason::TimedOut => "EAGAIN",
        Reason::PortReserved
        | Reason::OnlyPortZero
        | Reason::ClassLocked
        | Reason::Removed
        | Reason::NotVisible => "EACCES",
        // The teacher's decision: no errno corresponds to it.
        Reason::Muted => "",
        Reason::OnlyThisMachine | Reason::OnlyWithAdminToken | Reason::OnlyTeacher => "EPERM",
        Reason::NotOnThisSystem => "ENOTSUP",
        Reason::UnknownName => "EAI_NONAME",
        Reason::NotNobody | Reason::LabsPort => "EADDRINUSE",
        Reason::NoAddress => "EDESTADDRREQ",
        Reason::TooManyLabs
        | Reason::TooManyLabsFromAddress
        | Reason::TooManyClasses
        | Reason::ClassFull
        | Reason::TooManyMembersFromAddress
        | Reason::TooManyToSeeAll => "EUSERS",
        Reason::NotKept => "EIO",
        Reason::TooManyLinks
        | Reason::TooManyLinksFromAddress
        | Reason::TooManyLinkBytes
        | Reason::TooManyLinkBytesFromAddress => "EDQUOT",
        Reason::NoAddressLeft => "EADDRNOTAVAIL",
        Reason::NoSuchSeat
        | Reason::NoSuchClass
        | Reason::NoSuchMember
        | Reason::NotInClass
        | Reason::NoSuchLink => "ENOENT",
    }
}
