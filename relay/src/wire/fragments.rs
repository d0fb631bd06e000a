//! Which datagram a later fragment belongs to: only the first one has the ports. Pure, and bounded.

use std::collections::VecDeque;

use shared::dissect::Piece;

/// So many datagrams in pieces are remembered; the oldest makes room.
const MOST_KNOWN: usize = 256;
/// So many fragments, and bytes of them, wait for the first one of their datagram; the oldest makes room. Fragments
/// of others than the servers' wait in vain.
const MOST_WAITING: usize = 256;
const MOST_WAITING_BYTES: usize = 4 << 20;

/// Datagrams in pieces: what is known of each from its first fragment, and later ones that came before it.
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
    /// The first fragment has told whose the datagram is. Gives back the later ones that were there before it.
    pub(super) fn first(&mut self, piece: Piece, owner: Owner) -> Vec<Packet> {
        // Numbers are given again in time.
        self.known
            .retain(|(known, _)| !known.is_of_the_same(&piece));
        if self.known.len() == MOST_KNOWN {
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

    /// Whose a later fragment is, if that is known.
    pub(super) fn owner(&self, piece: Piece) -> Option<Owner> {
        let mut newest_first = self.known.iter().rev();
        let found = newest_first.find(|(known, _)| known.is_of_the_same(&piece));
        found.map(|(_, owner)| owner.clone())
    }

    /// A later fragment of this many bytes has come before the first one.
    pub(super) fn wait(&mut self, piece: Piece, packet: Packet, length: usize) {
        self.waiting.push_back((piece, packet, length));
        self.waiting_bytes += length;
        while self.waiting.len() > MOST_WAITING || self.waiting_bytes > MOST_WAITING_BYTES {
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
    fn later_fragments_are_the_first_ones_whoever_else_has_fragments() {
        let mut fragments = Fragments::<_, &str>::default();
        assert!(fragments.first(piece(1, 0), "ada").is_empty());
        assert!(fragments.first(piece(2, 0), "bob").is_empty());
        assert_eq!(fragments.owner(piece(1, 1480)), Some("ada"));
        assert_eq!(fragments.owner(piece(2, 1480)), Some("bob"));
        assert_eq!(fragments.owner(piece(3, 1480)), None);
        let back = Piece {
            source: piece(1, 0).destination,
            destination: piece(1, 0).source,
            ..piece(1, 1480)
        };
        assert_eq!(fragments.owner(back), None, "the other way is another");
        fragments.first(piece(1, 0), "eve");
        assert_eq!(fragments.owner(piece(1, 2960)), Some("eve"), "given again");
    }

    #[test]
    fn those_that_came_before_the_first_are_given_back_in_order() {
        let mut fragments = Fragments::<&str, _>::default();
        fragments.wait(piece(1, 2960), "third", 1480);
        fragments.wait(piece(2, 1480), "another's", 1480);
        fragments.wait(piece(1, 1480), "second", 1480);
        assert_eq!(fragments.first(piece(1, 0), "ada"), ["third", "second"]);
        assert!(fragments.first(piece(1, 0), "ada").is_empty(), "only once");
        assert_eq!(fragments.first(piece(2, 0), "bob"), ["another's"]);
        assert_eq!(fragments.waiting_bytes, 0);
    }

    #[test]
    fn what_waits_and_what_is_known_is_bounded() {
        let mut fragments = Fragments::default();
        for number in 0..2_000 {
            fragments.wait(piece(number, 1480), number, 60_000);
            fragments.first(piece(number + 1_000_000, 0), number);
        }
        assert!(fragments.waiting.len() <= MOST_WAITING);
        assert!(fragments.waiting_bytes <= MOST_WAITING_BYTES);
        assert_eq!(fragments.known.len(), MOST_KNOWN);
        assert_eq!(fragments.owner(piece(1_000_000, 8)), None);
        assert_eq!(fragments.owner(piece(1_001_999, 8)), Some(1_999));
    }
}
