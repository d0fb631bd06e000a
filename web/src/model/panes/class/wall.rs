//! The wall: a tile for each member, in an order that does not change faster than one can read.

use std::collections::BTreeMap;

use shared::class::{MemberId, Roster, Tile, Totals};

use crate::model::core::time::Millis;

/// How long an order of tiles stays, whatever happens meanwhile.
const ORDER_HOLD_TIME: Millis = 2_000;

/// In which order tiles stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum WallOrder {
    /// The most recently active member first.
    #[default]
    Activity,
    /// The member with the most recent failure first.
    Trouble,
    /// In the order of joining.
    Joined,
}

impl WallOrder {
    /// All of them, with the names they have in the markup.
    pub(crate) const ALL: [(&'static str, Self); 3] = [
        ("activity", Self::Activity),
        ("trouble", Self::Trouble),
        ("joined", Self::Joined),
    ];
}

/// A tile, and when it last changed.
#[derive(Debug)]
pub(crate) struct MemberTile {
    /// The member.
    pub(crate) tile: Tile,
    /// The wall's version then.
    pub(crate) version: u64,
}

/// All tiles.
#[derive(Debug, Default)]
pub(crate) struct Wall {
    tiles: BTreeMap<MemberId, MemberTile>,
    /// Those that are wanted, in the order that stands.
    order: Vec<MemberId>,
    totals: Option<Totals>,
    /// The order that is wanted.
    pub(crate) sort: WallOrder,
    /// What must be in a tile.
    pub(crate) filter: String,
    version: u64,
    sorted_at: Millis,
    is_stale: bool,
}

impl Wall {
    /// Grows with every change.
    pub(crate) const fn version(&self) -> u64 {
        self.version
    }

    /// All members' tiles.
    pub(crate) fn tiles(&self) -> impl ExactSizeIterator<Item = &MemberTile> {
        self.tiles.values()
    }

    /// All members together: as the relay told it last, or, before it has, as the tiles say.
    pub(crate) fn totals(&self) -> Totals {
        let tiles = || self.tiles.values().map(|seen| &seen.tile);
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        self.totals.unwrap_or_else(|| Totals {
            members: count(self.tiles.len()),
            connected: count(tiles().filter(|tile| tile.connected).count()),
            errors: tiles().map(|tile| tile.errors).sum(),
            ..Totals::default()
        })
    }

    /// The members whose tiles are wanted, in order.
    pub(crate) fn order(&self) -> &[MemberId] {
        &self.order
    }

    /// One member's tile.
    pub(crate) fn tile(&self, member: MemberId) -> Option<&Tile> {
        self.tiles.get(&member).map(|seen| &seen.tile)
    }

    /// What the relay tells: each tile whole.
    pub(super) fn take(&mut self, roster: Roster, now: Millis) {
        self.version += 1;
        let mut is_other = roster.anew;
        if roster.anew {
            self.tiles.clear();
        }
        for member in roster.removed {
            is_other |= self.tiles.remove(&member).is_some();
        }
        let version = self.version;
        for tile in roster.tiles {
            let seen = MemberTile { tile, version };
            is_other |= self.tiles.insert(seen.tile.member, seen).is_none();
        }
        self.totals = roster.totals.or(self.totals);
        self.is_stale = true;
        if is_other {
            self.arrange(now);
        } else {
            self.settle(now);
        }
    }

    pub(super) fn sort_by(&mut self, sort: WallOrder, now: Millis) {
        self.sort = sort;
        self.arrange(now);
    }

    pub(super) fn filter_by(&mut self, filter: String, now: Millis) {
        self.filter = filter;
        self.arrange(now);
    }

    /// Brings the order up to what has happened, if it has stood long enough.
    pub(in crate::model) fn settle(&mut self, now: Millis) {
        if self.wakes_at().is_some_and(|at| at <= now) {
            self.arrange(now);
        }
    }

    /// When the order is to be looked at again.
    pub(in crate::model) fn wakes_at(&self) -> Option<Millis> {
        self.is_stale.then_some(self.sorted_at + ORDER_HOLD_TIME)
    }

    fn arrange(&mut self, now: Millis) {
        let wanted = self.filter.trim().to_lowercase();
        let seen = self.tiles.values().map(|seen| &seen.tile);
        let mut order: Vec<&Tile> = seen.filter(|tile| matches_filter(tile, &wanted)).collect();
        match self.sort {
            WallOrder::Joined => {}
            WallOrder::Activity => {
                order.sort_by_key(|tile| {
                    std::cmp::Reverse(tile.call.map_or(0, |call| call.mono_ns))
                });
            }
            WallOrder::Trouble => order.sort_by_key(|tile| {
                std::cmp::Reverse(tile.error.as_ref().map_or(0, |error| error.mono_ns))
            }),
        }
        self.order = order.into_iter().map(|tile| tile.member).collect();
        self.version += 1;
        (self.sorted_at, self.is_stale) = (now, false);
    }
}

/// Whether a text is somewhere in a tile: its name, its number, its last call or error.
fn matches_filter(tile: &Tile, wanted: &str) -> bool {
    let error = tile.error.as_ref().map(|error| error.errno.to_lowercase());
    let call = tile.call.map(|call| call.name.as_str());
    tile.name.to_lowercase().contains(wanted)
        || tile.member.to_string() == wanted
        || error.is_some_and(|error| error.contains(wanted))
        || call.is_some_and(|call| call.contains(wanted))
}

#[cfg(test)]
mod tests {
    use shared::{
        class::{LastCall, LastError},
        trace::CallName,
    };

    use super::*;

    fn tile(member: MemberId, name: &str, member_name: u64, failed: u64) -> Tile {
        Tile {
            member,
            name: name.to_owned(),
            connected: true,
            muted: false,
            process: Some(member + 10),
            call: (member_name > 0).then_some(LastCall {
                name: CallName::SendTo,
                mono_ns: member_name,
                blocked: false,
            }),
            error: (failed > 0).then(|| LastError {
                name: CallName::Connect,
                errno: "ECONNREFUSED".to_owned(),
                mono_ns: failed,
            }),
            errors: failed,
            sentences: 0,
            elsewhere: false,
            card: None,
        }
    }

    fn roster(tiles: Vec<Tile>) -> Roster {
        Roster {
            tiles,
            ..Roster::default()
        }
    }

    fn wall() -> Wall {
        let mut wall = Wall::default();
        let tiles = vec![
            tile(1, "Ada", 5, 0),
            tile(2, "小明", 9, 3),
            tile(3, "Bo", 0, 7),
        ];
        wall.take(roster(tiles), 1_000);
        wall
    }

    #[test]
    fn tiles_stand_in_the_order_that_is_wanted() {
        let mut wall = wall();
        assert_eq!(wall.order(), [2, 1, 3], "by activity");
        wall.sort_by(WallOrder::Trouble, 1_000);
        assert_eq!(wall.order(), [3, 2, 1]);
        wall.sort_by(WallOrder::Joined, 1_000);
        assert_eq!(wall.order(), [1, 2, 3]);
    }

    #[test]
    fn an_order_stands_until_it_could_be_read() {
        let mut wall = wall();
        wall.take(roster(vec![tile(1, "Ada", 20, 0)]), 1_100);
        assert_eq!(wall.order(), [2, 1, 3], "not yet");
        assert_eq!(wall.wakes_at(), Some(3_000));
        wall.settle(3_000);
        assert_eq!((wall.order(), wall.wakes_at()), (&[1, 2, 3][..], None));
        wall.take(roster(vec![tile(4, "Cy", 1, 0)]), 3_100);
        assert_eq!(wall.order(), [1, 2, 4, 3], "who is new is there at once");
    }

    #[test]
    fn a_filter_finds_names_numbers_calls_and_errors() {
        let mut wall = wall();
        for (filter, found) in [
            ("ADA ", &[1][..]),
            ("明", &[2]),
            ("3", &[3]),
            ("refused", &[2, 3]),
            ("sendto", &[2, 1]),
            ("nobody", &[]),
            ("", &[2, 1, 3]),
        ] {
            wall.filter_by(filter.to_owned(), 0);
            assert_eq!(wall.order(), found, "{filter:?}");
        }
    }

    #[test]
    fn before_totals_are_told_the_tiles_are_counted() {
        let mut wall = wall();
        let totals = wall.totals();
        assert_eq!(
            (totals.members, totals.connected, totals.errors),
            (3, 3, 10)
        );
        let told = Totals {
            members: 9,
            ..Totals::default()
        };
        let roster = Roster {
            totals: Some(told),
            ..Roster::default()
        };
        wall.take(roster, 1_100);
        assert_eq!(wall.totals(), told);
    }

    #[test]
    fn only_tiles_that_changed_are_newer() {
        let mut wall = wall();
        let before = wall.version();
        wall.take(roster(vec![tile(3, "Bo", 30, 7)]), 1_100);
        let newer: Vec<_> = wall.tiles().filter(|seen| seen.version > before).collect();
        assert_eq!(newer.len(), 1);
        assert_eq!(newer[0].tile.member, 3);
    }

    #[test]
    fn a_roster_that_begins_anew_voids_what_was() {
        let mut wall = wall();
        let removed = Roster {
            removed: vec![2],
            ..Roster::default()
        };
        wall.take(removed, 1_100);
        assert_eq!(wall.order(), [1, 3]);
        let anew = Roster {
            anew: true,
            tiles: vec![tile(9, "Eve", 0, 0)],
            ..Roster::default()
        };
        wall.take(anew, 1_200);
        assert_eq!(wall.order(), [9]);
        assert_eq!(wall.tiles().len(), 1);
    }
}
