//! What a filter can ask for: the fields of packets, and those of calls.

use shared::dissect::{Key, Kind};

/// Something that a row may have one, several or no values of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// Of a packet.
    Packet(Key),
    /// Of a socket call, or of what else happens beside the packets.
    Call(CallKey),
}

/// What is known of a socket call, of the relay's edge, and of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallKey {
    /// That the row is a call.
    Call,
    /// The call's name, such as `sendto`.
    Name,
    /// The errno that it failed with, such as `ECONNREFUSED`.
    Errno,
    /// Whether it did not return at once.
    Blocked,
    /// How many bytes it sent or received; 0 at the end of a stream.
    Len,
    /// The bytes it was given or brought.
    Data,
    /// Whether it cut a datagram off.
    Truncated,
    /// The port of its own socket, as far as it has one.
    Port,
    /// Who is at the other end: `server`, `client`, or `nobody`.
    Peer,
    /// The word it was made with: an option, a direction, a name.
    Word,
    /// The name of the process that made it.
    Process,
    /// The side of the lab it was made on: `client` or `server`.
    Side,
    /// `udp` or `tcp`.
    Transport,
    /// What became of a datagram at the relay's edge.
    Fate,
    /// Which way that one went: `request` or `reply`.
    Direction,
    /// How a server is from then on.
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

    /// Whether a packet can have it: the others are of calls and servers alone.
    const fn is_of_packets(self) -> bool {
        !matches!(
            self,
            Self::Data | Self::Port | Self::Peer | Self::Word | Self::Server
        )
    }

    const fn type_of(self) -> Type {
        match self {
            Self::Call => Type::Protocol,
            Self::Blocked | Self::Truncated => Type::Bool,
            Self::Len => Type::Unsigned(32),
            Self::Port => Type::Unsigned(16),
            Self::Data => Type::Bytes,
            Self::Name
            | Self::Errno
            | Self::Peer
            | Self::Word
            | Self::Process
            | Self::Side
            | Self::Transport
            | Self::Fate
            | Self::Direction
            | Self::Server => Type::Text,
        }
    }
}

/// What the values of a field are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
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

impl Type {
    /// The key under which the page names it.
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

    /// Whether its values have a smaller and a greater.
    pub(super) const fn is_ordered(self) -> bool {
        match self {
            Self::Unsigned(_) | Self::Ipv4 | Self::Ipv6 | Self::Mac | Self::Bytes | Self::Text => {
                true
            }
            Self::Protocol | Self::Bool => false,
        }
    }

    /// Whether `contains` can look into its values.
    pub(super) const fn is_searchable(self) -> bool {
        match self {
            Self::Protocol | Self::Mac | Self::Bytes | Self::Text => true,
            Self::Unsigned(_) | Self::Bool | Self::Ipv4 | Self::Ipv6 => false,
        }
    }
}

impl From<Kind> for Type {
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

    /// The field as it is typed.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Packet(key) => key.name(),
            Self::Call(key) => key.name(),
        }
    }

    /// What its values are.
    #[must_use]
    pub fn type_of(self) -> Type {
        match self {
            Self::Packet(key) => key.kind().into(),
            Self::Call(key) => key.type_of(),
        }
    }

    /// Whether it is offered where packets are asked about.
    pub(super) const fn is_of_packets(self) -> bool {
        match self {
            Self::Packet(_) => true,
            Self::Call(key) => key.is_of_packets(),
        }
    }

    /// The field of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }

    /// The field that was probably meant: the nearest, if at most two letters are wrong.
    pub(super) fn nearest(name: &str) -> Option<Self> {
        if name.len() > LONGEST_GUESSED {
            return None;
        }
        let mut nearest = (MOST_WRONG.min(name.len().saturating_sub(1)) + 1, None);
        for field in Self::ALL {
            let distance = distance(name.as_bytes(), field.name().as_bytes());
            if distance < nearest.0 {
                nearest = (distance, Some(field));
            }
        }
        nearest.1
    }
}

const LONGEST_GUESSED: usize = 40;
const MOST_WRONG: usize = 2;

/// How many letters must be put in, taken out, replaced or swapped with their neighbour to make one of the other.
fn distance(a: &[u8], b: &[u8]) -> usize {
    if a.len().abs_diff(b.len()) > MOST_WRONG {
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
    fn names_are_unique_and_found_again() {
        for field in Field::ALL {
            assert_eq!(Field::named(field.name()), Some(field));
        }
    }

    #[test]
    fn a_slip_is_guessed() {
        let guess = |name| Field::nearest(name).map(Field::name);
        assert_eq!(guess("udp.prot"), Some("udp.port"));
        assert_eq!(guess("call.nmae"), Some("call.name"));
        assert_eq!(guess("tpc"), Some("tcp"));
        assert_eq!(guess("weather"), None);
        assert_eq!(guess("ab"), None);
        assert_eq!(guess(&"x".repeat(5000)), None);
    }
}
