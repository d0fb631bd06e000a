//! Finds the datagram of a later fragment, because only the first one has the ports. Pure, and bounded.

use std::collections::VecDeque;

use shared::dissect::Piece;

/// Maximum number of fragmented datagrams that are remembered; the oldest is dropped first.
const MAX_KNOWN: usize = 256;
/// Maximum number of fragments that wait for the first one of their datagram; the oldest is dropped first. Fragments of
/// datagrams that are not for a server wait until they are dropped.
const MAX_WAITING: usize = 256;
/// Maximum number of bytes that wait.
const MAX_WAITING_BYTES: usize = 4 << 20;

/// Fragmented datagrams: the owner of each whose first fragment is known, and fragments captured before the first one.
#[derive(Debug)]
pub(super) struct Fragments<Owner, Packet> {
    known: VecDeque<(Piece, Owner)>,
    waiting: VecDeque<(Piece, Packet, usize)>,
    waiting_bytes: usize,
}

impl<Owner, Packet> Default for Fragments<Owner, Packet> {
    fn default() -> Self {
        Self {
            known: VecDeque::new(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
        }
    }
}

impl<Owner: Clone, Packet> Fragments<Owner, Packet> {
    /// Remembers the owner of a datagram, which its first fragment shows. Returns the later fragments that were captured
    /// before.
    pub(super) fn handle_first(&mut self, piece: Piece, owner: Owner) -> Vec<Packet> {
        // Identifications are used again after a while.
        self.known
            .retain(|(known, _)| !known.is_of_the_same(&piece));
        if self.known.len() == MAX_KNOWN {
            self.known.pop_front();
        }
        self.known.push_back((piece, owner));
        let mut found = Vec::new();
        for (waiting, packet, length) in std::mem::take(&mut self.waiting) {
            if waiting.is_of_the_same(&piece) {
                self.waiting_bytes -= length;
                found.push(packet);
            } else {
                self.waiting.push_back((waiting, packet, length));
            }
        }
        found
    }

    /// The owner of a later fragment, if it is known.
    pub(super) fn owner(&self, piece: Piece) -> Option<Owner> {
        let mut newest_first = self.known.iter().rev();
        let found = newest_first.find(|(known, _)| known.is_of_the_same(&piece));
        found.map(|(_, owner)| owner.clone())
    }

    /// Keeps a later fragment of `length` bytes that was captured before the first one.
    pub(super) fn hold(&mut self, piece: Piece, packet: Packet, length: usize) {
        self.waiting.push_back((piece, packet, length));
        self.waiting_bytes += length;
        while self.waiting.len() > MAX_WAITING || self.waiting_bytes > MAX_WAITING_BYTES {
            let Some((.., length)) = self.waiting.pop_front() else {
                return;
            };
            self.waiting_bytes -= length;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn piece(identification: u32, offset: u32) -> Piece {
        Piece {
            source: IpAddr::from([127, 0, 0, 1]),
            destination: IpAddr::from([127, 3, 4, 5]),
            identification,
            protocol: 17,
            offset,
            more: true,
            length: 1480,
        }
    }

    #[test]
    fn later_fragments_have_the_owner_of_their_first_one() {
        let mut fragments = Fragments::<_, &str>::default();
        assert!(fragments.handle_first(piece(1, 0), "ada").is_empty());
        assert!(fragments.handle_first(piece(2, 0), "bob").is_empty());
        assert_eq!(fragments.owner(piece(1, 1480)), Some("ada"));
        assert_eq!(fragments.owner(piece(2, 1480)), Some("bob"));
        assert_eq!(fragments.owner(piece(3, 1480)), None);
        let back = Piece {
            source: piece(1, 0).destination,
            destination: piece(1, 0).source,
            ..piece(1, 1480)
        };
        assert_eq!(
            fragments.owner(back),
            None,
            "the opposite direction is another datagram"
        );
        fragments.handle_first(piece(1, 0), "eve");
        assert_eq!(
            fragments.owner(piece(1, 2960)),
            Some("eve"),
            "the identification is used again"
        );
    }

    #[test]
    fn fragments_captured_before_the_first_are_returned_in_order() {
        let mut fragments = Fragments::<&str, _>::default();
        fragments.hold(piece(1, 2960), "third", 1480);
        fragments.hold(piece(2, 1480), "other", 1480);
        fragments.hold(piece(1, 1480), "second", 1480);
        assert_eq!(
            fragments.handle_first(piece(1, 0), "ada"),
            ["third", "second"]
        );
        assert!(
            fragments.handle_first(piece(1, 0), "ada").is_empty(),
            "only once"
        );
        assert_eq!(fragments.handle_first(piece(2, 0), "bob"), ["other"]);
        assert_eq!(fragments.waiting_bytes, 0);
    }

    #[test]
    fn waiting_fragments_and_known_datagrams_are_bounded() {
        let mut fragments = Fragments::default();
        for number in 0..2_000 {
            fragments.hold(piece(number, 1480), number, 60_000);
            fragments.handle_first(piece(number + 1_000_000, 0), number);
        }
        assert!(fragments.waiting.len() <= MAX_WAITING);
        assert!(fragments.waiting_bytes <= MAX_WAITING_BYTES);
        assert_eq!(fragments.known.len(), MAX_KNOWN);
        assert_eq!(fragments.owner(piece(1_000_000, 8)), None);
        assert_eq!(fragments.owner(piece(1_001_999, 8)), Some(1_999));
    }
}
