//! The key of a conversation: which packets belong to one exchange between two sockets.

use std::net::{IpAddr, SocketAddr};

use shared::{
    call::Transport,
    dissect::{Protocol, Summary},
};

/// An exchange between two sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ConversationKey {
    /// UDP or TCP.
    pub(crate) transport: Transport,
    /// Both ends, the lower address first.
    pub(crate) ends: [SocketAddr; 2],
    /// TCP: the number of the connection between these ends; unknown if nothing was captured. UDP: the client's
    /// process, as another process may have had the same port.
    pub(crate) stream: Option<u32>,
}

impl ConversationKey {
    /// The conversation of a packet; an ICMP error belongs to the conversation it quotes.
    pub(crate) fn of(summary: &Summary, stream: Option<u32>) -> Option<Self> {
        let (protocol, source, destination) = match &summary.quoted {
            Some(quoted) => (quoted.protocol, quoted.source, quoted.destination),
            None => (summary.protocol, summary.source?, summary.destination?),
        };
        let transport = match protocol {
            Protocol::Udp => Transport::Udp,
            Protocol::Tcp => Transport::Tcp,
            Protocol::Ethernet
            | Protocol::Ipv4
            | Protocol::Ipv6
            | Protocol::Icmp
            | Protocol::Icmpv6
            | Protocol::Data => return None,
        };
        Some(Self {
            stream,
            ..Self::between(transport, source, destination)
        })
    }

    /// The conversation between two ends.
    pub(crate) fn between(transport: Transport, one: SocketAddr, other: SocketAddr) -> Self {
        let ends = if one <= other {
            [one, other]
        } else {
            [other, one]
        };
        Self {
            transport,
            ends,
            stream: None,
        }
    }

    /// Whether both are the same conversation; an unknown stream matches any.
    pub(crate) fn matches(&self, other: &Self) -> bool {
        let streams = self.stream.zip(other.stream);
        self.transport == other.transport
            && self.ends == other.ends
            && streams.is_none_or(|(one, other)| one == other)
    }

    /// A hash of transport and ends (FNV-1a, 32 bits), to compare packets cheaply.
    pub(crate) fn hash(&self) -> u32 {
        let mut hash = 0x811c_9dc5_u32;
        let mut add = |bytes: &[u8]| {
            for byte in bytes {
                hash = (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
            }
        };
        add(&[self.transport as u8]);
        for end in self.ends {
            match end.ip() {
                IpAddr::V4(address) => add(&address.octets()),
                IpAddr::V6(address) => add(&address.octets()),
            }
            add(&end.port().to_be_bytes());
        }
        hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_directions_are_one_exchange() {
        let [client, server] =
            ["127.0.0.1:49152", "127.0.0.1:12000"].map(|end| end.parse().expect("an address"));
        let there = ConversationKey::between(Transport::Udp, client, server);
        let back = ConversationKey::between(Transport::Udp, server, client);
        assert!(there.matches(&back));
        assert_eq!(there.hash(), back.hash());
        let tcp = ConversationKey::between(Transport::Tcp, client, server);
        assert!(!there.matches(&tcp));
        assert_ne!(there.hash(), tcp.hash());
    }

    #[test]
    fn a_connection_between_the_same_ports_is_another_one() {
        let [client, server] =
            ["127.0.0.1:49152", "127.0.0.1:12000"].map(|end| end.parse().expect("an address"));
        let unknown = ConversationKey::between(Transport::Tcp, client, server);
        let first = ConversationKey {
            stream: Some(0),
            ..unknown
        };
        let second = ConversationKey {
            stream: Some(1),
            ..unknown
        };
        assert!(!first.matches(&second));
        assert!(first.matches(&unknown), "nothing says it matches not");
    }
}
