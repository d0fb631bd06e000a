//! What an errno or a reason usually means and what to do about it: the keys of the texts that say it.

use shared::{
    lab::{Level, ObstacleKind},
    message::{Goodbye, GoodbyeReason},
    outcome::{Failed, FailureSource, Reason},
};

use crate::{i18n::Texts, model::text::units::count};

/// The errnos that have a sentence of their own.
const ERRNOS: [(&str, &str); 32] = [
    ("EACCES", "errno.EACCES"),
    ("EADDRINUSE", "errno.EADDRINUSE"),
    ("EADDRNOTAVAIL", "errno.EADDRNOTAVAIL"),
    ("EAFNOSUPPORT", "errno.EAFNOSUPPORT"),
    ("EAGAIN", "errno.EAGAIN"),
    ("EAI_NONAME", "errno.EAI_NONAME"),
    ("EALREADY", "errno.EALREADY"),
    ("EBADF", "errno.EBADF"),
    ("ECANCELED", "errno.ECANCELED"),
    ("ECONNABORTED", "errno.ECONNABORTED"),
    ("ECONNREFUSED", "errno.ECONNREFUSED"),
    ("ECONNRESET", "errno.ECONNRESET"),
    ("EDESTADDRREQ", "errno.EDESTADDRREQ"),
    ("EHOSTUNREACH", "errno.EHOSTUNREACH"),
    ("EINPROGRESS", "errno.EINPROGRESS"),
    ("EINTR", "errno.EINTR"),
    ("EINVAL", "errno.EINVAL"),
    ("EISCONN", "errno.EISCONN"),
    ("EMFILE", "errno.EMFILE"),
    ("EMSGSIZE", "errno.EMSGSIZE"),
    ("ENETUNREACH", "errno.ENETUNREACH"),
    ("ENFILE", "errno.ENFILE"),
    ("ENOBUFS", "errno.ENOBUFS"),
    ("ENOMEM", "errno.ENOMEM"),
    ("ENOPROTOOPT", "errno.ENOPROTOOPT"),
    ("ENOTCONN", "errno.ENOTCONN"),
    ("ENOTSUP", "errno.ENOTSUP"),
    ("EOPNOTSUPP", "errno.ENOTSUP"),
    ("EPERM", "errno.EPERM"),
    ("EPIPE", "errno.EPIPE"),
    ("ETIMEDOUT", "errno.ETIMEDOUT"),
    ("EWOULDBLOCK", "errno.EAGAIN"),
];

/// Why a call failed and what to do: one or two plain sentences.
pub(crate) fn failure(failed: &Failed, texts: &Texts) -> String {
    let limit = failed.limit.map(count).unwrap_or_default();
    if let Some(reason) = failed.reason {
        return texts.fill(reason_key(reason), &[("limit", &limit)]);
    }
    match ERRNOS.iter().find(|(errno, _)| *errno == failed.errno) {
        Some((_, key)) => texts.get(key).to_owned(),
        None if failed.source == FailureSource::Relay => failed.message.clone(),
        None => texts.fill("errno.other", &[("message", &failed.message)]),
    }
}

pub(crate) const fn reason_key(reason: Reason) -> &'static str {
    match reason {
        Reason::Malformed => "reason.malformed",
        Reason::UnknownCall => "reason.unknown_call",
        Reason::UnknownKey => "reason.unknown_key",
        Reason::MessageTooLarge => "reason.message_too_large",
        Reason::DataTooLarge => "reason.data_too_large",
        Reason::TooManySockets => "reason.too_many_sockets",
        Reason::TooManyCalls => "reason.too_many_calls",
        Reason::TooMuchWaiting => "reason.too_much_waiting",
        Reason::NoSuchSocket => "reason.no_such_socket",
        Reason::NoSuchCall => "reason.no_such_call",
        Reason::IdInUse => "reason.id_in_use",
        Reason::Cancelled => "reason.cancelled",
        Reason::TimedOut => "reason.timed_out",
        Reason::PortReserved => "reason.port_reserved",
        Reason::LabsPort => "reason.labs_port",
        Reason::OnlyPortZero => "reason.only_port_zero",
        Reason::OnlyThisMachine => "reason.only_this_machine",
        Reason::AlreadyRunning => "reason.already_running",
        Reason::NotRunning => "reason.not_running",
        Reason::NotOnThisSystem => "reason.not_on_this_system",
        Reason::UnknownName => "reason.unknown_name",
        Reason::NotNobody => "reason.not_nobody",
        Reason::NoAddress => "reason.no_address",
        Reason::TooManyLabs => "reason.too_many_labs",
        Reason::TooManyLabsFromAddress => "reason.too_many_labs_from_address",
        Reason::NoAddressLeft => "reason.no_address_left",
        Reason::NoSuchSeat => "reason.no_such_seat",
        Reason::OutOfRange => "reason.out_of_range",
        Reason::NotHeld => "reason.not_held",
        Reason::OnlyWithAdminToken => "reason.only_with_admin_token",
        Reason::TooManyClasses => "reason.too_many_classes",
        Reason::NoSuchClass => "reason.no_such_class",
        Reason::ClassLocked => "reason.class_locked",
        Reason::ClassFull => "reason.class_full",
        Reason::TooManyMembersFromAddress => "reason.too_many_members_from_address",
        Reason::TextMissing => "reason.text_missing",
        Reason::TextTooLong => "reason.text_too_long",
        Reason::TextNotPlain => "reason.text_not_plain",
        Reason::OnlyTeacher => "reason.only_teacher",
        Reason::NotInClass => "reason.not_in_class",
        Reason::Muted => "reason.muted",
        Reason::Removed => "reason.removed",
        Reason::NoSuchMember => "reason.no_such_member",
        Reason::NoCard => "reason.no_card",
        Reason::NotVisible => "reason.not_visible",
        Reason::TooManyToSeeAll => "reason.too_many_to_see_all",
        Reason::NotKept => "reason.not_kept",
        Reason::NoSuchLink => "reason.no_such_link",
        Reason::TooManyLinks => "reason.too_many_links",
        Reason::TooManyLinksFromAddress => "reason.too_many_links_from_address",
        Reason::TooManyLinkBytes => "reason.too_many_link_bytes",
        Reason::TooManyLinkBytesFromAddress => "reason.too_many_link_bytes_from_address",
        Reason::TraceTooLong => "reason.trace_too_long",
        Reason::NothingToSave => "reason.nothing_to_save",
    }
}

/// Why the relay has ended the conversation.
pub(crate) fn goodbye(goodbye: &Goodbye, texts: &Texts) -> String {
    let limit = goodbye.limit.map(count).unwrap_or_default();
    texts.fill(goodbye_key(goodbye.reason), &[("limit", &limit)])
}

pub(crate) const fn goodbye_key(reason: GoodbyeReason) -> &'static str {
    match reason {
        GoodbyeReason::ShuttingDown => "goodbye.shutting_down",
        GoodbyeReason::Idle => "goodbye.idle",
        GoodbyeReason::TooManyPages => "goodbye.too_many_pages",
        GoodbyeReason::TooManyPagesFromAddress => "goodbye.too_many_pages_from_address",
        GoodbyeReason::OutOfDescriptors => "goodbye.out_of_descriptors",
        GoodbyeReason::Unread => "goodbye.unread",
        GoodbyeReason::PingTimeout => "goodbye.ping_timeout",
        GoodbyeReason::NotAConversation => "goodbye.not_a_conversation",
        GoodbyeReason::TooLong => "goodbye.too_long",
        GoodbyeReason::TakenOver => "goodbye.taken_over",
        GoodbyeReason::Removed => "goodbye.removed",
        GoodbyeReason::ClassEnded => "goodbye.class_ended",
    }
}

pub(crate) const fn obstacle_key(kind: ObstacleKind) -> &'static str {
    match kind {
        ObstacleKind::NotLinux => "obstacle.not_linux",
        ObstacleKind::NoCapNetRaw => "obstacle.no_cap_net_raw",
        ObstacleKind::CappedByChoice => "obstacle.capped_by_choice",
        ObstacleKind::Failed => "obstacle.failed",
    }
}

/// A level's name, and what it shows.
pub(crate) const fn level_keys(level: Level) -> (&'static str, &'static str) {
    match level {
        Level::L0 => ("level.l0", "level.l0_shows"),
        Level::L1 => ("level.l1", "level.l1_shows"),
        Level::L2 => ("level.l2", "level.l2_shows"),
    }
}
