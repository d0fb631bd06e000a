//! The fields a filter can test: those of packets, and those of calls.

use crate::dissect::{Key, Kind};

/// A field, of which a row may have one, several or no values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// A field of packets.
    Packet(Key),
    /// A field of socket calls, or of the other events of a trace.
    Call(CallKey),
}

/// The fields of a socket call, of a datagram at the relay's edge, and of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallKey {
    /// Present if the row is a call.
    Call,
    /// The call's name, such as `sendto`.
    Name,
    /// The errno of a call that failed, such as `ECONNREFUSED`.
    Errno,
    /// Whether the call blocked.
    Blocked,
    /// The number of bytes sent or received; 0 at the end of a stream.
    Len,
    /// The bytes sent or received.
    Data,
    /// Whether a datagram was truncated.
    Truncated,
    /// The local port of the call's socket.
    Port,
    /// The peer: `server`, `client`, or `nobody`.
    Peer,
    /// The call's word argument: an option, a direction, a name.
    Word,
    /// The name of the calling process.
    Process,
    /// The calling side of the lab: `client` or `server`.
    Side,
    /// `udp` or `tcp`.
    Transport,
    /// The fate of a datagram at the relay's edge.
    Fate,
    /// The direction of that datagram: `request` or `reply`.
    Direction,
    /// A server's new state.
    Server,
}

impl CallKey {
    /// Every key.
    pub const ALL: [Self; 16] = [
        Self::Call,
        Self::Name,
        Self::Errno,
        Self::Blocked,
        Self::Len,
        Self::Data,
        Self::Truncated,
        Self::Port,
        Self::Peer,
        Self::Word,
        Self::Process,
        Self::Side,
        Self::Transport,
        Self::Fate,
        Self::Direction,
        Self::Server,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Name => "call.name",
            Self::Errno => "call.errno",
            Self::Blocked => "call.blocked",
            Self::Len => "call.len",
            Self::Data => "call.data",
            Self::Truncated => "call.truncated",
            Self::Port => "call.port",
            Self::Peer => "call.peer",
            Self::Word => "call.word",
            Self::Process => "process.name",
            Self::Side => "lab.side",
            Self::Transport => "lab.transport",
            Self::Fate => "edge.fate",
            Self::Direction => "edge.direction",
            Self::Server => "lab.server",
        }
    }

    /// Whether a packet can have it.
    const fn is_offered_for_packets(self) -> bool {
        !matches!(
            self,
            Self::Data | Self::Port | Self::Peer | Self::Word | Self::Server
        )
    }

    const fn value_type(self) -> ValueType {
        match self {
            Self::Call => ValueType::Protocol,
            Self::Blocked | Self::Truncated => ValueType::Bool,
            Self::Len => ValueType::Unsigned(32),
            Self::Port => ValueType::Unsigned(16),
            Self::Data => ValueType::Bytes,
            Self::Name
            | Self::Errno
            | Self::Peer
            | Self::Word
            | Self::Process
            | Self::Side
            | Self::Transport
            | Self::Fate
            | Self::Direction
            | Self::Server => ValueType::Text,
        }
    }
}

/// The type of a field's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// Present or not; a packet's protocol also has bytes.
    Protocol,
    /// A whole number of at most this many bits.
    Unsigned(u8),
    /// True or false.
    Bool,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// An Ethernet address.
    Mac,
    /// Bytes.
    Bytes,
    /// Text.
    Text,
}

impl ValueType {
    /// The key of its name on the page.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Protocol => "protocol",
            Self::Unsigned(_) => "number",
            Self::Bool => "bool",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Mac => "mac",
            Self::Bytes => "bytes",
            Self::Text => "text",
        }
    }

    /// Whether `<` is defined for its values.
    pub(super) const fn is_ordered(self) -> bool {
        match self {
            Self::Unsigned(_) | Self::Ipv4 | Self::Ipv6 | Self::Mac | Self::Bytes | Self::Text => {
                true
            }
            Self::Protocol | Self::Bool => false,
        }
    }

    /// Whether its values can be compared with values of the other type.
    pub(super) fn is_comparable(self, other: Self) -> bool {
        match (self, other) {
            (Self::Unsigned(_), Self::Unsigned(_))
            | (Self::Bytes | Self::Protocol, Self::Bytes | Self::Protocol) => true,
            _ => self == other,
        }
    }

    /// Whether `contains` is defined for its values.
    pub(super) const fn is_searchable(self) -> bool {
        match self {
            Self::Protocol | Self::Mac | Self::Bytes | Self::Text => true,
            Self::Unsigned(_) | Self::Bool | Self::Ipv4 | Self::Ipv6 => false,
        }
    }
}

impl From<Kind> for ValueType {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Protocol => Self::Protocol,
            Kind::Unsigned(bits) => Self::Unsigned(bits),
            Kind::Bool => Self::Bool,
            Kind::Ipv4 => Self::Ipv4,
            Kind::Ipv6 => Self::Ipv6,
            Kind::Mac => Self::Mac,
            Kind::Bytes => Self::Bytes,
        }
    }
}

impl Field {
    /// Every field, calls first.
    pub const ALL: [Self; CallKey::ALL.len() + Key::ALL.len()] = {
        let mut all = [Self::Call(CallKey::Call); CallKey::ALL.len() + Key::ALL.len()];
        let mut at = 0;
        while at < all.len() {
            all[at] = match at.checked_sub(CallKey::ALL.len()) {
                None => Self::Call(CallKey::ALL[at]),
                Some(key) => Self::Packet(Key::ALL[key]),
            };
            at += 1;
        }
        all
    };

    /// Its name as it is typed.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Packet(key) => key.name(),
            Self::Call(key) => key.name(),
        }
    }

    /// The type of its values.
    #[must_use]
    pub fn value_type(self) -> ValueType {
        match self {
            Self::Packet(key) => key.kind().into(),
            Self::Call(key) => key.value_type(),
        }
    }

    /// Whether completion offers it: whether a packet can have it.
    pub(super) const fn is_offered_for_packets(self) -> bool {
        match self {
            Self::Packet(_) => true,
            Self::Call(key) => key.is_offered_for_packets(),
        }
    }

    /// The field of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }

    /// The field with the nearest name, if its distance is at most [`MAX_DISTANCE`].
    pub(super) fn nearest(name: &str) -> Option<Self> {
        if name.len() > MAX_GUESSED_BYTES {
            return None;
        }
        let mut nearest = (MAX_DISTANCE.min(name.len().saturating_sub(1)) + 1, None);
        for field in Self::ALL {
            let distance = distance(name.as_bytes(), field.name().as_bytes());
            if distance < nearest.0 {
                nearest = (distance, Some(field));
            }
        }
        nearest.1
    }
}

const MAX_GUESSED_BYTES: usize = 40;
const MAX_DISTANCE: usize = 2;

/// The Damerau-Levenshtein distance: the number of insertions, deletions, replacements and swaps of neighbours.
fn distance(a: &[u8], b: &[u8]) -> usize {
    if a.len().abs_diff(b.len()) > MAX_DISTANCE {
        return usize::MAX;
    }
    let (mut before, mut last): (Vec<usize>, Vec<usize>) = (Vec::new(), (0..=b.len()).collect());
    for (i, letter) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, other) in b.iter().enumerate() {
            let replaced = last[j] + usize::from(letter != other);
            let mut least = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *letter == b[j - 1] && a[i - 1] == *other {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        for field in Field::ALL {
            assert_eq!(Field::from_name(field.name()), Some(field));
        }
    }

    #[test]
    fn the_nearest_name_is_guessed() {
        let guess = |name| Field::nearest(name).map(Field::name);
        assert_eq!(guess("udp.prot"), Some("udp.port"));
        assert_eq!(guess("call.nmae"), Some("call.name"));
        assert_eq!(guess("tpc"), Some("tcp"));
        assert_eq!(guess("weather"), None);
        assert_eq!(guess("ab"), None);
        assert_eq!(guess(&"x".repeat(5000)), None);
    }
}
