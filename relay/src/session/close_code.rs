//! The codes of close frames (RFC 6455 §7.4.1).

/// The connection has served its purpose.
pub(super) const NORMAL: u16 = 1000;
/// The relay is ending.
pub(super) const AWAY: u16 = 1001;
/// The other end breaks the protocol.
pub(super) const PROTOCOL: u16 = 1002;
/// A message is of a type that is not accepted here.
pub(super) const UNSUPPORTED: u16 = 1003;
/// A message does not match its type: text that is not UTF-8.
pub(super) const INVALID: u16 = 1007;
/// A message is too long.
pub(super) const SIZE: u16 = 1009;
/// The server behind the relay failed. 1014, registered as "Bad Gateway", would be more exact, but clients that know
/// only the codes of the RFC treat it as a protocol error.
pub(super) const INTERNAL: u16 = 1011;
