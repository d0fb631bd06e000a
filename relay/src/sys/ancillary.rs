//! The ancillary data (cmsg(3)) of a datagram, in a form that is cheap to copy.

use shared::trace::{Fact, Source};

/// The ancillary data of one datagram; empty where the socket does not ask for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ancillary {
    /// When the kernel received it: nanoseconds since 1970-01-01 UTC.
    pub received_at_ns: Option<u64>,
    /// Datagrams dropped at this socket so far.
    pub dropped: u32,
    /// The hops it had left.
    pub hops: Option<Hops>,
    /// Whether a server sent it as an answer: see [`super::answers`].
    pub is_answer: bool,
    /// Its number at the edge of the lab's network, if something happened to it there.
    pub touched: Option<u64>,
}

/// The hops a packet has left, by the name its protocol has for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hops {
    /// IPv4: time to live.
    Ttl(i32),
    /// IPv6: hop limit.
    Limit(i32),
}

impl Ancillary {
    /// The ancillary data of a socket that does not ask for it.
    pub const NOTHING: Self = Self {
        received_at_ns: None,
        dropped: 0,
        hops: None,
        is_answer: false,
        touched: None,
    };

    /// As facts of the trace.
    #[must_use]
    pub fn facts(&self) -> Vec<Fact> {
        let fact = |name: &str, value: String, source| Fact {
            name: name.to_owned(),
            value,
            source,
        };
        let kernel = |name, value| fact(name, value, Source::Kernel);
        let received = self
            .received_at_ns
            .map(|at| kernel("datagram.received_at_ns", at.to_string()));
        let dropped =
            (self.dropped > 0).then(|| kernel("socket.dropped", self.dropped.to_string()));
        let hops = self.hops.map(|hops| match hops {
            Hops::Ttl(left) => kernel("ip.ttl", left.to_string()),
            Hops::Limit(left) => kernel("ipv6.hlim", left.to_string()),
        });
        let mark = self
            .is_answer
            .then(|| kernel("ip.dsfield.dscp", "3".to_owned()));
        let touched = self
            .touched
            .map(|number| fact("edge.datagram", number.to_string(), Source::Computed));
        [received, dropped, hops, mark, touched]
            .into_iter()
            .flatten()
            .collect()
    }

    /// The number of [`Self::facts`].
    #[must_use]
    pub fn count(&self) -> usize {
        usize::from(self.received_at_ns.is_some())
            + usize::from(self.dropped > 0)
            + usize::from(self.hops.is_some())
            + usize::from(self.is_answer)
            + usize::from(self.touched.is_some())
    }
}
