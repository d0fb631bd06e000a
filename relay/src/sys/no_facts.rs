//! The fallback of `facts` for systems other than Linux: they report nothing about sockets.

use shared::trace::Fact;

/// Nothing is asked.
pub fn ask_of_datagrams<S>(_socket: &S, _v6: bool) {}

/// No errors are reported.
#[must_use]
pub const fn of_errors<S>(_socket: &S) -> Vec<Fact> {
    Vec::new()
}

/// No first packets are kept.
///
/// # Errors
/// Never.
pub fn save_syns<S>(_listener: &S) -> std::io::Result<()> {
    Ok(())
}

/// No first packet was kept.
#[must_use]
pub const fn saved_syn<S>(_accepted: &S) -> Option<Fact> {
    None
}

/// Nothing is reported.
#[must_use]
pub const fn of_connection<S>(_socket: &S) -> Vec<Fact> {
    Vec::new()
}

/// It is not reported.
#[must_use]
pub const fn backlog<S>(_listener: &S) -> Option<u32> {
    None
}
