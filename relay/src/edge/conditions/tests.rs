//! What the conditions promise, on datagrams that are only numbers.

use std::collections::BTreeMap;

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::edge::line::{MOST_WAITING, MOST_WAITING_BYTES};

const MS: u64 = NS_PER_MS;
/// Long after anything.
const LATER: u64 = NEVER - 1;
const NOTHING: [DatagramId; 0] = [];
const HERE: Place = 1;
const THERE: Place = 2;

/// A direction and all that came out of it.
struct World {
    passage: Passage<u64>,
    fates: Vec<(DatagramId, Fate)>,
    delivered: Vec<DatagramId>,
    touched: Vec<DatagramId>,
    sent: DatagramId,
}

impl World {
    fn with(way: Way) -> Self {
        Self::of_seed(way, 7)
    }

    fn of_seed(way: Way, seed: u64) -> Self {
        let mut passage = Passage::new();
        let [dice, _] = Dice::pair(seed);
        assert_eq!(passage.set(way, dice, 0), []);
        let (fates, delivered, touched, sent) = Default::default();
        Self {
            passage,
            fates,
            delivered,
            touched,
            sent,
        }
    }

    /// The next datagram is received and looked at in the same moment.
    fn sends(&mut self, now: u64) {
        self.sends_to(HERE, 100, now);
    }

    fn sends_to(&mut self, place: Place, length: usize, now: u64) {
        self.sent += 1;
        let arriving = Arriving {
            number: self.sent,
            place,
            received_ns: now,
            length,
            datagram: self.sent,
        };
        let happened = self.passage.arrives(arriving, now);
        self.notes(happened);
    }

    fn notes(&mut self, happened: impl IntoIterator<Item = Happened<u64>>) {
        for happened in happened {
            assert_eq!(happened.number, happened.datagram);
            self.fates.push((happened.number, happened.fate));
        }
    }

    /// What has gone on by then, with all before.
    fn receives(&mut self, now: u64) -> &[DatagramId] {
        for place in [HERE, THERE] {
            while let Some(delivery) = self.passage.due(place, now) {
                assert_eq!(delivery.number, delivery.datagram);
                self.delivered.push(delivery.number);
                self.touched
                    .extend(delivery.touched.then_some(delivery.number));
            }
        }
        &self.delivered
    }

    fn decides(&mut self, number: DatagramId, verdict: Verdict, now: u64) -> Option<Fate> {
        let happened = self.passage.decide(number, verdict, now)?;
        assert!(happened.by_hand);
        Some(happened.fate)
    }

    fn fated(&self, fate: Fate) -> usize {
        self.fates.iter().filter(|(_, had)| *had == fate).count()
    }
}

fn clear() -> Way {
    Way::default()
}

#[test]
fn the_same_seed_means_the_same_fates() {
    let way = Way {
        loss_percent: 10,
        duplicate_percent: 20,
        reorder_percent: 30,
        delay_ms: 50,
        jitter_ms: 40,
        by_hand: false,
    };
    let lived = |seed| {
        let mut world = World::of_seed(way, seed);
        for at in 0..10_000 {
            world.sends(at * MS);
            world.receives(at * MS);
        }
        world.receives(LATER);
        (world.fates, world.delivered)
    };
    assert_eq!(lived(1), lived(1));
    assert_ne!(lived(1), lived(2));
}

#[test]
fn percentages_are_what_they_say() {
    let way = Way {
        loss_percent: 30,
        duplicate_percent: 10,
        ..clear()
    };
    let mut world = World::with(way);
    for _ in 0..10_000 {
        world.sends(0);
        world.receives(0);
    }
    // Five standard deviations of a binomial distribution around its mean.
    let lost = world.fated(Fate::Lost);
    assert!((2771..=3229).contains(&lost), "{lost} of 10000 at 30 %");
    let doubled = world.fated(Fate::Doubled);
    assert!((568..=832).contains(&doubled), "{doubled} of 7000 at 10 %");
}

#[test]
fn none_of_a_hundred_is_never_and_all_is_always() {
    for percent in [0, 100] {
        let always = percent == 100;
        let lives = |way| {
            let mut world = World::with(way);
            for at in 0..1000 {
                world.sends(at);
            }
            world
        };
        let lost = lives(Way {
            loss_percent: percent,
            ..clear()
        });
        assert_eq!(lost.fated(Fate::Lost), if always { 1000 } else { 0 });
        let doubled = lives(Way {
            duplicate_percent: percent,
            ..clear()
        });
        assert_eq!(doubled.fated(Fate::Doubled), if always { 1000 } else { 0 });
        let overtaken = lives(Way {
            reorder_percent: percent,
            ..clear()
        });
        // Who overtakes is not overtaken.
        assert_eq!(
            overtaken.fated(Fate::Overtaken),
            if always { 500 } else { 0 }
        );
    }
}

#[test]
fn changing_one_percentage_does_not_shift_the_others() {
    let lost = |others: Way| {
        let mut world = World::with(Way {
            loss_percent: 30,
            ..others
        });
        for at in 0..500 {
            world.sends(at);
        }
        let mut lost = world.fates;
        lost.retain(|(_, fate)| *fate == Fate::Lost);
        lost
    };
    let others = Way {
        duplicate_percent: 50,
        reorder_percent: 50,
        delay_ms: 10,
        jitter_ms: 10,
        ..clear()
    };
    assert_eq!(lost(clear()), lost(others));
}

#[test]
fn a_delay_counts_from_when_the_kernel_received() {
    let mut world = World::with(Way {
        delay_ms: 100,
        ..clear()
    });
    let arriving = Arriving {
        number: 1,
        place: HERE,
        received_ns: 10 * MS,
        length: 5,
        datagram: 1,
    };
    let happened = world.passage.arrives(arriving, 90 * MS);
    world.notes(happened);
    assert_eq!(world.fates, [(1, Fate::Delayed { milliseconds: 100 })]);
    assert_eq!(world.passage.next_due(HERE), Some(110 * MS));
    assert_eq!(world.receives(110 * MS - 1), NOTHING);
    assert_eq!(world.receives(110 * MS), [1]);
    assert_eq!(world.passage.next_due(HERE), None);
}

#[test]
fn jitter_is_both_ways_and_never_before_the_datagram() {
    let mut world = World::with(Way {
        delay_ms: 10,
        jitter_ms: 30,
        ..clear()
    });
    for _ in 0..1000 {
        world.sends(0);
        world.receives(LATER);
    }
    let delays: Vec<_> = world
        .fates
        .iter()
        .filter_map(|(_, fate)| {
            let Fate::Delayed { milliseconds } = fate else {
                return None;
            };
            Some(*milliseconds)
        })
        .collect();
    assert_eq!(delays.iter().max(), Some(&40));
    assert_eq!(delays.iter().min(), Some(&1));
    // 20 of the 61 possible ones are below none, and one is none.
    assert!((550..=760).contains(&delays.len()), "{}", delays.len());
    assert_eq!(world.delivered.len(), 1000);
}

#[test]
fn a_smaller_delay_comes_first_though_it_was_sent_later() {
    let mut world = World::with(Way {
        delay_ms: 1000,
        ..clear()
    });
    world.sends(0);
    let quick = Way {
        delay_ms: 1,
        ..clear()
    };
    world.passage.set(quick, Dice::pair(1)[0].clone(), 5 * MS);
    world.sends(5 * MS);
    assert_eq!(world.receives(LATER), [2, 1]);
}

#[test]
fn the_next_one_overtakes_and_the_one_before_goes_on_right_after() {
    let all = Way {
        reorder_percent: 100,
        ..clear()
    };
    let mut world = World::with(all);
    world.sends(0);
    assert_eq!(world.receives(1), NOTHING);
    for at in [2, 3, 4] {
        world.sends(at);
    }
    assert_eq!(world.receives(4), [2, 1, 4, 3]);
    world.sends(5);
    assert_eq!(world.receives(5 + OVERTAKEN_NS - 1).len(), 4);
    assert_eq!(world.receives(5 + OVERTAKEN_NS)[4..], [5], "none came");
    world.sends(LATER / 2);
    assert_eq!(world.receives(LATER / 2).len(), 5, "the one before is gone");
}

#[test]
fn what_comes_after_the_while_overtakes_nobody() {
    let mut world = World::with(Way {
        reorder_percent: 100,
        ..clear()
    });
    world.sends(0);
    world.sends(OVERTAKEN_NS + 1);
    assert_eq!(world.receives(OVERTAKEN_NS + 1), [1]);
    assert_eq!(world.receives(LATER), [1, 2]);
}

#[test]
fn one_overtakes_another_only_at_the_same_receiver() {
    let mut world = World::with(Way {
        reorder_percent: 100,
        ..clear()
    });
    world.sends_to(HERE, 1, 0);
    world.sends_to(THERE, 1, 0);
    assert_eq!(world.receives(0), NOTHING);
    world.sends_to(HERE, 1, 0);
    assert_eq!(world.receives(0), [3, 1]);
}

#[test]
fn an_overtaken_one_keeps_its_delay() {
    let mut world = World::with(Way {
        reorder_percent: 100,
        delay_ms: 100,
        ..clear()
    });
    world.sends(0);
    world.sends(50 * MS);
    assert_eq!(world.receives(150 * MS - 1), NOTHING);
    assert_eq!(world.receives(150 * MS), [2, 1]);
}

#[test]
fn a_doubled_one_arrives_twice_with_its_number() {
    let mut world = World::with(Way {
        duplicate_percent: 100,
        ..clear()
    });
    world.sends(0);
    world.sends(0);
    assert_eq!(world.receives(0), [1, 1, 2, 2]);
    assert_eq!(world.touched, [1, 1, 2, 2]);
}

#[test]
fn what_is_held_waits_for_a_decision() {
    let mut world = World::with(Way {
        by_hand: true,
        loss_percent: 100,
        ..clear()
    });
    for _ in 0..4 {
        world.sends(0);
    }
    assert_eq!(world.fated(Fate::Held), 4, "before any dice");
    assert_eq!(world.passage.next_due(HERE), None);
    assert_eq!(world.receives(LATER), NOTHING);
    assert_eq!(world.decides(3, Verdict::Release, 1), Some(Fate::Released));
    assert_eq!(world.decides(1, Verdict::Double, 2), Some(Fate::Doubled));
    assert_eq!(world.decides(2, Verdict::Kill, 3), Some(Fate::Lost));
    assert_eq!(world.decides(3, Verdict::Kill, 3), None, "decided already");
    assert_eq!(world.decides(2, Verdict::Release, 3), None, "lost already");
    assert_eq!(world.decides(99, Verdict::Release, 3), None, "never there");
    assert_eq!(world.receives(3), [3, 1, 1]);
    assert_eq!(world.decides(1, Verdict::Release, 4), None, "delivered");
}

#[test]
fn only_what_is_held_can_be_decided_about() {
    let mut world = World::with(Way {
        delay_ms: 10,
        ..clear()
    });
    world.sends(0);
    assert_eq!(world.decides(1, Verdict::Kill, 1), None);
    assert_eq!(world.receives(10 * MS), [1]);
}

#[test]
fn when_all_is_clear_what_waits_goes_on_in_order() {
    let mut world = World::with(Way {
        delay_ms: 1000,
        jitter_ms: 900,
        ..clear()
    });
    for _ in 0..20 {
        world.sends(0);
    }
    let hold = Way {
        by_hand: true,
        ..clear()
    };
    let happened = world.passage.set(hold, Dice::pair(1)[0].clone(), 1);
    assert_eq!(happened, [], "what waits keeps its fate");
    world.sends(2);
    let happened = world.passage.set(clear(), Dice::pair(1)[0].clone(), 3);
    assert!(happened.iter().all(|happened| happened.by_hand));
    world.notes(happened);
    assert_eq!(world.fated(Fate::Released), 21);
    assert!(!world.passage.is_idle());
    let all: Vec<_> = (1..=21).collect();
    assert_eq!(world.receives(3), all);
    assert!(world.passage.is_idle());
}

#[test]
fn so_many_wait_and_no_more() {
    let mut world = World::with(Way {
        by_hand: true,
        ..clear()
    });
    for _ in 0..=MOST_WAITING {
        world.sends_to(HERE, 0, 0);
    }
    assert_eq!(world.fated(Fate::Held), MOST_WAITING);
    assert_eq!(world.fates.last(), Some(&(1025, Fate::NoRoom)));
    assert_eq!(world.decides(1025, Verdict::Release, 0), None);
    world.passage.leaves(HERE);
    assert!(world.passage.line.is_empty());
    assert!(
        !world.passage.is_full(MOST_WAITING_BYTES),
        "no byte is left"
    );
}

#[test]
fn so_many_bytes_wait_and_no_more() {
    let mut world = World::with(Way {
        delay_ms: 1,
        ..clear()
    });
    let length = 65_507;
    for _ in 0..100 {
        world.sends_to(HERE, length, 0);
    }
    let room = MOST_WAITING_BYTES / length;
    assert_eq!(world.fated(Fate::Delayed { milliseconds: 1 }), room);
    assert_eq!(world.fated(Fate::NoRoom), 100 - room);
    assert_eq!(world.receives(LATER).len(), room);
}

#[test]
fn what_need_not_wait_needs_no_room() {
    let mut world = World::with(Way {
        by_hand: true,
        ..clear()
    });
    for _ in 0..MOST_WAITING {
        world.sends(0);
    }
    let some = Way {
        loss_percent: 1,
        ..clear()
    };
    world.passage.set(some, Dice::pair(1)[0].clone(), 0);
    world.fates.clear();
    for _ in 0..50 {
        world.sends_to(THERE, 100, 0);
        world.receives(0);
    }
    assert_eq!(world.fated(Fate::NoRoom), 0);
    assert_eq!(world.delivered.len() + world.fated(Fate::Lost), 50);
}

#[test]
fn with_its_receiver_goes_what_waits_and_of_what_was_held_it_is_told() {
    let mut world = World::with(Way {
        delay_ms: 10,
        ..clear()
    });
    world.sends_to(HERE, 1, 0);
    let hold = Way {
        by_hand: true,
        ..clear()
    };
    world.passage.set(hold, Dice::pair(1)[0].clone(), 0);
    world.sends_to(HERE, 1, 0);
    world.sends_to(THERE, 1, 0);
    let happened = world.passage.leaves(HERE);
    let expected = Happened {
        number: 2,
        datagram: 2,
        fate: Fate::Unclaimed,
        by_hand: false,
    };
    assert_eq!(happened, [expected]);
    assert_eq!(world.decides(2, Verdict::Release, 0), None);
    assert_eq!(world.decides(3, Verdict::Release, 0), Some(Fate::Released));
    assert_eq!(world.receives(LATER), [3]);
    assert!(world.passage.line.is_empty() && world.passage.overtaken.is_empty());
}

fn any_way() -> impl Strategy<Value = Way> {
    let percent = || prop_oneof![Just(0), Just(100), 0..=100_u8];
    let times = prop_oneof![Just(0), 0..2000_u32];
    (
        percent(),
        percent(),
        percent(),
        times.clone(),
        times,
        any::<bool>(),
    )
        .prop_map(
            |(loss_percent, duplicate_percent, reorder_percent, delay_ms, jitter_ms, by_hand)| {
                Way {
                    loss_percent,
                    duplicate_percent,
                    reorder_percent,
                    delay_ms,
                    jitter_ms,
                    by_hand,
                }
            },
        )
}

proptest! {
    #[test]
    fn nothing_is_lost_or_doubled_unless_it_is_said(
        way in any_way(),
        seed in any::<u64>(),
        sends in vec((0..300_u64, any::<bool>()), 0..200),
        look_every in 1..20_usize,
    ) {
        let mut world = World::of_seed(way, seed);
        let mut now = 0;
        for (at, (pause, there)) in sends.iter().enumerate() {
            now += pause * MS;
            world.sends_to(if *there { THERE } else { HERE }, 10, now);
            if at % look_every == 0 {
                world.receives(now);
            }
        }
        // In the end everything that is held goes on, every third twice, every fifth not.
        for number in 1..=world.sent {
            let verdict = match number % 15 {
                3 | 6 | 9 | 12 => Verdict::Double,
                0 | 5 | 10 => Verdict::Kill,
                _ => Verdict::Release,
            };
            let fate = world.decides(number, verdict, now);
            prop_assert_eq!(fate.is_some(), way.by_hand);
            world.fates.extend(fate.map(|fate| (number, fate)));
        }
        world.receives(LATER);
        let mut expected: BTreeMap<DatagramId, i32> = (1..=world.sent).map(|number| (number, 1)).collect();
        for (number, fate) in &world.fates {
            *expected.entry(*number).or_default() += match fate {
                Fate::Lost | Fate::NoRoom | Fate::Unclaimed => -1,
                Fate::Doubled => 1,
                Fate::Delayed { .. } | Fate::Overtaken | Fate::Held | Fate::Released => 0,
            };
        }
        for number in &world.delivered {
            *expected.entry(*number).or_default() -= 1;
        }
        prop_assert!(expected.values().all(|left| *left == 0), "{:?}", expected);
        let fated: Vec<_> = world.fates.iter().map(|(number, _)| *number).collect();
        for number in &world.delivered {
            prop_assert_eq!(fated.contains(number), world.touched.contains(number));
        }
        prop_assert!(world.passage.line.is_empty());
        prop_assert!(!world.passage.is_full(MOST_WAITING_BYTES), "no byte is left");
    }
}
