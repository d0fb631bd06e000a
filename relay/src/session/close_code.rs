//! Why a WebSocket is closed, as a number (RFC 6455 §7.4.1).

/// What it was for is done.
pub(super) const NORMAL: u16 = 1000;
/// The relay is ending.
pub(super) const AWAY: u16 = 1001;
/// A rule of the protocol is broken.
pub(super) const PROTOCOL: u16 = 1002;
/// A message is of a kind that is not taken here.
pub(super) const UNSUPPORTED: u16 = 1003;
/// A message does not hold what its kind says: text that is not UTF-8.
pub(super) const INVALID: u16 = 1007;
/// A message is too long.
pub(super) const SIZE: u16 = 1009;
/// The server behind the relay keeps it from going on. 1014, registered as "Bad Gateway", would say more, but clients
/// that know only the RFC's numbers take it for a broken rule.
pub(super) const INTERNAL: u16 = 1011;
