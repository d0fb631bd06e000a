//! What the kernel tells along with a datagram, kept small until somebody wants to read it.

use shared::trace::{Fact, Source};

/// What came with one datagram; nothing of a socket that was not asked to tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
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

impl Told {
    /// Of a socket that was not asked to tell.
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

    /// How many facts it is.
    #[must_use]
    pub fn count(&self) -> usize {
        usize::from(self.received_at_ns.is_some())
            + usize::from(self.dropped > 0)
            + usize::from(self.hops.is_some())
            + usize::from(self.is_answer)
            + usize::from(self.touched.is_some())
    }
}
