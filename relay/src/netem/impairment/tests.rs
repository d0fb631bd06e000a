//! The conditions' effects, on datagrams that are only numbers.

use std::collections::BTreeMap;

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::netem::delay_queue::{MAX_WAITING, MAX_WAITING_BYTES};

const MS: u64 = NS_PER_MS;
/// After every delay.
const LATER: u64 = NEVER - 1;
const NOTHING: [DatagramId; 0] = [];
const FIRST: ReceiverId = 1;
const SECOND: ReceiverId = 2;

/// An impairment and everything it has returned.
struct Fixture {
    impairment: Impairment<u64>,
    fates: Vec<(DatagramId, Fate)>,
    delivered: Vec<DatagramId>,
    touched: Vec<DatagramId>,
    sent: DatagramId,
}

impl Fixture {
    fn with(way: Way) -> Self {
        Self::with_seed(way, 7)
    }

    fn with_seed(way: Way, seed: u64) -> Self {
        let mut impairment = Impairment::new();
        let [dice, _] = Dice::pair(seed);
        assert_eq!(impairment.set(way, dice, 0), []);
        let (fates, delivered, touched, sent) = Default::default();
        Self {
            impairment,
            fates,
            delivered,
            touched,
            sent,
        }
    }

    /// Hands in the next datagram at the time it was received.
    fn send(&mut self, now: u64) {
        self.send_to(FIRST, 100, now);
    }

    fn send_to(&mut self, receiver: ReceiverId, length: usize, now: u64) {
        self.sent += 1;
        let incoming = IncomingDatagram {
            number: self.sent,
            receiver,
            received_ns: now,
            length,
            datagram: self.sent,
        };
        let decided = self.impairment.handle_datagram(incoming, now);
        self.record(decided);
    }

    fn record(&mut self, decided: impl IntoIterator<Item = Decided<u64>>) {
        for decided in decided {
            assert_eq!(decided.number, decided.datagram);
            self.fates.push((decided.number, decided.fate));
        }
    }

    /// All datagrams delivered by `now`.
    fn receive(&mut self, now: u64) -> &[DatagramId] {
        for receiver in [FIRST, SECOND] {
            while let Some(delivery) = self.impairment.pop_due(receiver, now) {
                assert_eq!(delivery.number, delivery.datagram);
                self.delivered.push(delivery.number);
                self.touched
                    .extend(delivery.touched.then_some(delivery.number));
            }
        }
        &self.delivered
    }

    fn decide(&mut self, number: DatagramId, verdict: Verdict, now: u64) -> Option<Fate> {
        let decided = self.impairment.decide(number, verdict, now)?;
        assert!(decided.by_hand);
        Some(decided.fate)
    }

    fn count(&self, fate: Fate) -> usize {
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
    let run = |seed| {
        let mut fixture = Fixture::with_seed(way, seed);
        for at in 0..10_000 {
            fixture.send(at * MS);
            fixture.receive(at * MS);
        }
        fixture.receive(LATER);
        (fixture.fates, fixture.delivered)
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn percentages_are_probabilities() {
    let way = Way {
        loss_percent: 30,
        duplicate_percent: 10,
        ..clear()
    };
    let mut fixture = Fixture::with(way);
    for _ in 0..10_000 {
        fixture.send(0);
        fixture.receive(0);
    }
    // Five standard deviations of a binomial distribution around its mean.
    let lost = fixture.count(Fate::Lost);
    assert!((2771..=3229).contains(&lost), "{lost} of 10000 at 30 %");
    let doubled = fixture.count(Fate::Doubled);
    assert!((568..=832).contains(&doubled), "{doubled} of 7000 at 10 %");
}

#[test]
fn zero_percent_is_never_and_a_hundred_is_always() {
    for percent in [0, 100] {
        let always = percent == 100;
        let run = |way| {
            let mut fixture = Fixture::with(way);
            for at in 0..1000 {
                fixture.send(at);
            }
            fixture
        };
        let lost = run(Way {
            loss_percent: percent,
            ..clear()
        });
        assert_eq!(lost.count(Fate::Lost), if always { 1000 } else { 0 });
        let doubled = run(Way {
            duplicate_percent: percent,
            ..clear()
        });
        assert_eq!(doubled.count(Fate::Doubled), if always { 1000 } else { 0 });
        let overtaken = run(Way {
            reorder_percent: percent,
            ..clear()
        });
        // A datagram that overtakes is not overtaken.
        assert_eq!(
            overtaken.count(Fate::Overtaken),
            if always { 500 } else { 0 }
        );
    }
}

#[test]
fn changing_one_percentage_does_not_shift_the_others() {
    let lost = |others: Way| {
        let mut fixture = Fixture::with(Way {
            loss_percent: 30,
            ..others
        });
        for at in 0..500 {
            fixture.send(at);
        }
        let mut lost = fixture.fates;
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
fn a_delay_counts_from_the_kernels_timestamp() {
    let mut fixture = Fixture::with(Way {
        delay_ms: 100,
        ..clear()
    });
    let incoming = IncomingDatagram {
        number: 1,
        receiver: FIRST,
        received_ns: 10 * MS,
        length: 5,
        datagram: 1,
    };
    let decided = fixture.impairment.handle_datagram(incoming, 90 * MS);
    fixture.record(decided);
    assert_eq!(fixture.fates, [(1, Fate::Delayed { milliseconds: 100 })]);
    assert_eq!(fixture.impairment.next_due(FIRST), Some(110 * MS));
    assert_eq!(fixture.receive(110 * MS - 1), NOTHING);
    assert_eq!(fixture.receive(110 * MS), [1]);
    assert_eq!(fixture.impairment.next_due(FIRST), None);
}

#[test]
fn jitter_is_symmetric_and_never_makes_a_delay_negative() {
    let mut fixture = Fixture::with(Way {
        delay_ms: 10,
        jitter_ms: 30,
        ..clear()
    });
    for _ in 0..1000 {
        fixture.send(0);
        fixture.receive(LATER);
    }
    let delays: Vec<_> = fixture
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
    // 20 of the 61 possible sums are negative and count as 0, and one is 0.
    assert!((550..=760).contains(&delays.len()), "{}", delays.len());
    assert_eq!(fixture.delivered.len(), 1000);
}

#[test]
fn a_smaller_delay_delivers_a_later_datagram_first() {
    let mut fixture = Fixture::with(Way {
        delay_ms: 1000,
        ..clear()
    });
    fixture.send(0);
    let quick = Way {
        delay_ms: 1,
        ..clear()
    };
    fixture
        .impairment
        .set(quick, Dice::pair(1)[0].clone(), 5 * MS);
    fixture.send(5 * MS);
    assert_eq!(fixture.receive(LATER), [2, 1]);
}

#[test]
fn the_next_datagram_overtakes_and_the_overtaken_one_follows_at_once() {
    let all = Way {
        reorder_percent: 100,
        ..clear()
    };
    let mut fixture = Fixture::with(all);
    fixture.send(0);
    assert_eq!(fixture.receive(1), NOTHING);
    for at in [2, 3, 4] {
        fixture.send(at);
    }
    assert_eq!(fixture.receive(4), [2, 1, 4, 3]);
    fixture.send(5);
    assert_eq!(fixture.receive(5 + MAX_OVERTAKE_NS - 1).len(), 4);
    assert_eq!(
        fixture.receive(5 + MAX_OVERTAKE_NS)[4..],
        [5],
        "nothing overtook it"
    );
    fixture.send(LATER / 2);
    assert_eq!(
        fixture.receive(LATER / 2).len(),
        5,
        "nothing waits to be overtaken"
    );
}

#[test]
fn a_datagram_after_the_timeout_overtakes_nothing() {
    let mut fixture = Fixture::with(Way {
        reorder_percent: 100,
        ..clear()
    });
    fixture.send(0);
    fixture.send(MAX_OVERTAKE_NS + 1);
    assert_eq!(fixture.receive(MAX_OVERTAKE_NS + 1), [1]);
    assert_eq!(fixture.receive(LATER), [1, 2]);
}

#[test]
fn datagrams_overtake_only_at_the_same_receiver() {
    let mut fixture = Fixture::with(Way {
        reorder_percent: 100,
        ..clear()
    });
    fixture.send_to(FIRST, 1, 0);
    fixture.send_to(SECOND, 1, 0);
    assert_eq!(fixture.receive(0), NOTHING);
    fixture.send_to(FIRST, 1, 0);
    assert_eq!(fixture.receive(0), [3, 1]);
}

#[test]
fn an_overtaken_datagram_keeps_its_delay() {
    let mut fixture = Fixture::with(Way {
        reorder_percent: 100,
        delay_ms: 100,
        ..clear()
    });
    fixture.send(0);
    fixture.send(50 * MS);
    assert_eq!(fixture.receive(150 * MS - 1), NOTHING);
    assert_eq!(fixture.receive(150 * MS), [2, 1]);
}

#[test]
fn a_doubled_datagram_is_delivered_twice_with_one_number() {
    let mut fixture = Fixture::with(Way {
        duplicate_percent: 100,
        ..clear()
    });
    fixture.send(0);
    fixture.send(0);
    assert_eq!(fixture.receive(0), [1, 1, 2, 2]);
    assert_eq!(fixture.touched, [1, 1, 2, 2]);
}

#[test]
fn a_held_datagram_waits_for_a_decision() {
    let mut fixture = Fixture::with(Way {
        by_hand: true,
        loss_percent: 100,
        ..clear()
    });
    for _ in 0..4 {
        fixture.send(0);
    }
    assert_eq!(
        fixture.count(Fate::Held),
        4,
        "dice are not thrown for held datagrams"
    );
    assert_eq!(fixture.impairment.next_due(FIRST), None);
    assert_eq!(fixture.receive(LATER), NOTHING);
    assert_eq!(fixture.decide(3, Verdict::Release, 1), Some(Fate::Released));
    assert_eq!(fixture.decide(1, Verdict::Double, 2), Some(Fate::Doubled));
    assert_eq!(fixture.decide(2, Verdict::Kill, 3), Some(Fate::Lost));
    assert_eq!(fixture.decide(3, Verdict::Kill, 3), None, "decided already");
    assert_eq!(fixture.decide(2, Verdict::Release, 3), None, "lost already");
    assert_eq!(
        fixture.decide(99, Verdict::Release, 3),
        None,
        "unknown number"
    );
    assert_eq!(fixture.receive(3), [3, 1, 1]);
    assert_eq!(fixture.decide(1, Verdict::Release, 4), None, "delivered");
}

#[test]
fn only_held_datagrams_can_be_decided() {
    let mut fixture = Fixture::with(Way {
        delay_ms: 10,
        ..clear()
    });
    fixture.send(0);
    assert_eq!(fixture.decide(1, Verdict::Kill, 1), None);
    assert_eq!(fixture.receive(10 * MS), [1]);
}

#[test]
fn without_conditions_everything_is_released_in_order() {
    let mut fixture = Fixture::with(Way {
        delay_ms: 1000,
        jitter_ms: 900,
        ..clear()
    });
    for _ in 0..20 {
        fixture.send(0);
    }
    let hold = Way {
        by_hand: true,
        ..clear()
    };
    let decided = fixture.impairment.set(hold, Dice::pair(1)[0].clone(), 1);
    assert_eq!(decided, [], "waiting datagrams keep their fate");
    fixture.send(2);
    let decided = fixture.impairment.set(clear(), Dice::pair(1)[0].clone(), 3);
    assert!(decided.iter().all(|decided| decided.by_hand));
    fixture.record(decided);
    assert_eq!(fixture.count(Fate::Released), 21);
    assert!(!fixture.impairment.is_idle());
    let all: Vec<_> = (1..=21).collect();
    assert_eq!(fixture.receive(3), all);
    assert!(fixture.impairment.is_idle());
}

#[test]
fn the_number_of_waiting_datagrams_is_bounded() {
    let mut fixture = Fixture::with(Way {
        by_hand: true,
        ..clear()
    });
    for _ in 0..=MAX_WAITING {
        fixture.send_to(FIRST, 0, 0);
    }
    assert_eq!(fixture.count(Fate::Held), MAX_WAITING);
    assert_eq!(fixture.fates.last(), Some(&(1025, Fate::NoRoom)));
    assert_eq!(fixture.decide(1025, Verdict::Release, 0), None);
    fixture.impairment.remove_receiver(FIRST);
    assert!(fixture.impairment.queue.is_empty());
    assert!(
        !fixture.impairment.is_full(MAX_WAITING_BYTES),
        "no byte is left"
    );
}

#[test]
fn the_bytes_of_waiting_datagrams_are_bounded() {
    let mut fixture = Fixture::with(Way {
        delay_ms: 1,
        ..clear()
    });
    let length = shared::udp::MAX_PAYLOAD_BYTES;
    for _ in 0..100 {
        fixture.send_to(FIRST, length, 0);
    }
    let room = MAX_WAITING_BYTES / length;
    assert_eq!(fixture.count(Fate::Delayed { milliseconds: 1 }), room);
    assert_eq!(fixture.count(Fate::NoRoom), 100 - room);
    assert_eq!(fixture.receive(LATER).len(), room);
}

#[test]
fn a_datagram_that_does_not_wait_needs_no_room() {
    let mut fixture = Fixture::with(Way {
        by_hand: true,
        ..clear()
    });
    for _ in 0..MAX_WAITING {
        fixture.send(0);
    }
    let some = Way {
        loss_percent: 1,
        ..clear()
    };
    fixture.impairment.set(some, Dice::pair(1)[0].clone(), 0);
    fixture.fates.clear();
    for _ in 0..50 {
        fixture.send_to(SECOND, 100, 0);
        fixture.receive(0);
    }
    assert_eq!(fixture.count(Fate::NoRoom), 0);
    assert_eq!(fixture.delivered.len() + fixture.count(Fate::Lost), 50);
}

#[test]
fn a_removed_receiver_drops_delayed_and_reports_held_datagrams() {
    let mut fixture = Fixture::with(Way {
        delay_ms: 10,
        ..clear()
    });
    fixture.send_to(FIRST, 1, 0);
    let hold = Way {
        by_hand: true,
        ..clear()
    };
    fixture.impairment.set(hold, Dice::pair(1)[0].clone(), 0);
    fixture.send_to(FIRST, 1, 0);
    fixture.send_to(SECOND, 1, 0);
    let decided = fixture.impairment.remove_receiver(FIRST);
    let expected = Decided {
        number: 2,
        datagram: 2,
        fate: Fate::Unclaimed,
        by_hand: false,
    };
    assert_eq!(decided, [expected]);
    assert_eq!(fixture.decide(2, Verdict::Release, 0), None);
    assert_eq!(fixture.decide(3, Verdict::Release, 0), Some(Fate::Released));
    assert_eq!(fixture.receive(LATER), [3]);
    assert!(fixture.impairment.queue.is_empty() && fixture.impairment.to_overtake.is_empty());
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
    fn every_loss_and_copy_is_reported(
        way in any_way(),
        seed in any::<u64>(),
        sends in vec((0..300_u64, any::<bool>()), 0..200),
        receive_every in 1..20_usize,
    ) {
        let mut fixture = Fixture::with_seed(way, seed);
        let mut now = 0;
        for (at, (pause, second)) in sends.iter().enumerate() {
            now += pause * MS;
            fixture.send_to(if *second { SECOND } else { FIRST }, 10, now);
            if at % receive_every == 0 {
                fixture.receive(now);
            }
        }
        // Finally every held datagram is decided: every third doubled, every fifth lost, the others released.
        for number in 1..=fixture.sent {
            let verdict = match number % 15 {
                3 | 6 | 9 | 12 => Verdict::Double,
                0 | 5 | 10 => Verdict::Kill,
                _ => Verdict::Release,
            };
            let fate = fixture.decide(number, verdict, now);
            prop_assert_eq!(fate.is_some(), way.by_hand);
            fixture.fates.extend(fate.map(|fate| (number, fate)));
        }
        fixture.receive(LATER);
        let mut expected: BTreeMap<DatagramId, i32> = (1..=fixture.sent).map(|number| (number, 1)).collect();
        for (number, fate) in &fixture.fates {
            *expected.entry(*number).or_default() += match fate {
                Fate::Lost | Fate::NoRoom | Fate::Unclaimed => -1,
                Fate::Doubled => 1,
                Fate::Delayed { .. } | Fate::Overtaken | Fate::Held | Fate::Released => 0,
            };
        }
        for number in &fixture.delivered {
            *expected.entry(*number).or_default() -= 1;
        }
        prop_assert!(expected.values().all(|left| *left == 0), "{:?}", expected);
        let fated: Vec<_> = fixture.fates.iter().map(|(number, _)| *number).collect();
        for number in &fixture.delivered {
            prop_assert_eq!(fated.contains(number), fixture.touched.contains(number));
        }
        prop_assert!(fixture.impairment.queue.is_empty());
        prop_assert!(!fixture.impairment.is_full(MAX_WAITING_BYTES), "no byte is left");
    }
}
