//! AttemptLimiter at secrets that could be guessed: class codes and the admin token. Each is looked at, none is refused;
//! but wrong ones follow each other only so fast, whoever makes them, and where more come they wait, in turns by
//! address. A right one costs nothing and, while nobody guesses, waits for nothing.
//!
//! Waiting comes before looking, for right and wrong alike: if only wrong ones were slow, who guesses would not wait
//! for their answers.
//!
//! **Codes.** A code is one of 27⁶ = 387,420,489. With `n` classes and one wrong code looked at each `i` seconds, a
//! code of any of them is hit after `27⁶ · i / (n + 1)` seconds on average, if no guess is made twice. `i` is chosen so
//! that this is 14 days of guessing without a pause, `3.12 ms · (n + 1)`, and no less than 20 ms: then it is 45 days with
//! one class. With the 100 classes a relay has at most by default, 3.2 are looked at in a second. Who hits one has joined a
//! class as a member, before the teacher's eyes.
//!
//! **The admin token.** Its length is its owner's choice. At 5 in a second, 8 random letters and digits (36⁸ of them)
//! take 8,900 years on average, four digits 17 minutes.
//!
//! **All other secrets** (seats, links and what deletes them, labs' names) have 128 random bits: a million guesses a
//! second find one of a million after 5 · 10¹⁸ years. These are not counted at all.

mod queue;

use std::{
    cell::RefCell,
    net::IpAddr,
    rc::Rc,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use shared::class::{CODE_LENGTH, CODE_LETTERS};
use tokio::sync::oneshot;

use self::queue::{Budget, Turns};
use crate::metrics::Metrics;

/// A class of beginners mistypes this many codes without any of them waiting.
const BURST: u64 = 100;
/// Mean time until guessing without a pause hits one of all codes.
const MEAN_TIME_TO_HIT: Duration = Duration::from_secs(14 * 24 * 3600);
/// The shortest interval between wrong codes.
const LEAST_CODE_INTERVAL: Duration = Duration::from_millis(20);
/// The interval between wrong admin tokens.
const TOKEN_INTERVAL: Duration = Duration::from_millis(200);
/// Wrong attempts of one connection that cost it no pause.
const FREE_ATTEMPTS: u32 = 5;
/// The longest pause of one connection.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// AttemptLimiter at secrets of one kind.
#[derive(Debug)]
pub struct AttemptLimiter {
    state: RefCell<State>,
    began: Instant,
    metrics: Arc<Metrics>,
}

#[derive(Debug)]
struct State {
    budget: Budget,
    turns: Turns<oneshot::Sender<()>>,
    /// Whether a task gives turns to those who wait.
    is_giving_turns: bool,
}

impl AttemptLimiter {
    /// At the codes of classes.
    #[must_use]
    pub fn at_codes(metrics: Arc<Metrics>) -> Rc<Self> {
        Self::new(code_interval(0), metrics)
    }

    /// At the admin token.
    #[must_use]
    pub fn at_admin_token(metrics: Arc<Metrics>) -> Rc<Self> {
        Self::new(TOKEN_INTERVAL, metrics)
    }

    fn new(interval: Duration, metrics: Arc<Metrics>) -> Rc<Self> {
        let state = State {
            budget: Budget::new(BURST, micros(interval)),
            turns: Turns::default(),
            is_giving_turns: false,
        };
        Rc::new(Self {
            state: RefCell::new(state),
            began: Instant::now(),
            metrics,
        })
    }

    /// There are so many classes now: the more there are, the more often a guess hits one.
    pub fn set_classes(&self, classes: usize) {
        let interval = code_interval(classes as u64);
        self.state
            .borrow_mut()
            .budget
            .set_interval_us(micros(interval));
    }

    /// Looks whether an attempt from this address is right, once it is its turn; `None` means it was wrong.
    pub async fn check<T>(
        self: &Rc<Self>,
        from: IpAddr,
        look: impl FnOnce() -> Option<T>,
    ) -> Option<T> {
        self.turn(from).await;
        let found = look();
        if found.is_some() {
            self.state.borrow_mut().budget.refund();
        } else {
            self.metrics.wrong_attempts.fetch_add(1, Relaxed);
        }
        found
    }

    async fn turn(self: &Rc<Self>, from: IpAddr) {
        let turn = {
            let mut state = self.state.borrow_mut();
            let now_us = self.now_us();
            if state.turns.is_empty() && state.budget.wait_us(now_us) == 0 {
                state.budget.spend(now_us);
                return;
            }
            let (give, turn) = oneshot::channel();
            state.turns.push(from, give);
            if !state.is_giving_turns {
                state.is_giving_turns = true;
                tokio::task::spawn_local(Rc::clone(self).give_turns());
            }
            turn
        };
        let _waiting = Waiting::new(&self.metrics);
        // The task that gives turns outlives whoever waits.
        turn.await.ok();
    }

    /// Gives a turn to one after the other, until nobody waits.
    async fn give_turns(self: Rc<Self>) {
        loop {
            let wait_us = self.state.borrow().budget.wait_us(self.now_us());
            if wait_us > 0 {
                tokio::time::sleep(Duration::from_micros(wait_us)).await;
                continue;
            }
            let mut state = self.state.borrow_mut();
            let Some(next) = state.turns.pop() else {
                state.is_giving_turns = false;
                return;
            };
            // Who has gone away in the meantime costs nothing.
            if next.send(()).is_ok() {
                state.budget.spend(self.now_us());
            }
        }
    }

    fn now_us(&self) -> u64 {
        micros(self.began.elapsed())
    }
}

/// How long a connection waits before its next attempt, after so many wrong ones of its own: nothing at first, then
/// twice as long each time.
#[must_use]
pub fn pause_after_failures(wrong: u32) -> Duration {
    match wrong.checked_sub(FREE_ATTEMPTS) {
        None => Duration::ZERO,
        Some(beyond) => Duration::from_secs(1 << beyond.min(8)).min(LONGEST_PAUSE),
    }
}

fn code_interval(classes: u64) -> Duration {
    let codes =
        u128::from(CODE_LETTERS.len() as u64).pow(u32::try_from(CODE_LENGTH).unwrap_or(u32::MAX));
    let needed = MEAN_TIME_TO_HIT.as_micros() * u128::from(classes + 1) / codes;
    let needed = Duration::from_micros(u64::try_from(needed).unwrap_or(u64::MAX));
    needed.max(LEAST_CODE_INTERVAL)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Counts one that waits.
struct Waiting<'m>(&'m Metrics);

impl<'m> Waiting<'m> {
    fn new(metrics: &'m Metrics) -> Self {
        metrics.attempts_waiting.fetch_add(1, Relaxed);
        Self(metrics)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.attempts_waiting.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::LocalSet;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn guessing_codes_takes_a_fortnight_however_many_classes_there_are() {
        const CODES: u128 = 387_420_489;
        for classes in [1, 10, 100, 1000] {
            let interval = code_interval(classes);
            let mean_s = CODES * interval.as_micros() / u128::from(classes + 1) / 1_000_000;
            assert!(
                mean_s >= 14 * 24 * 3600 - 1000,
                "{classes} classes: {mean_s} s"
            );
        }
        assert_eq!(code_interval(1), LEAST_CODE_INTERVAL);
        assert_eq!(code_interval(100), Duration::from_micros(315_341));
    }

    #[test]
    fn a_connection_that_guesses_is_slowed_down() {
        let pauses =
            [0, 4, 5, 6, 7, 8, 9, u32::MAX].map(|wrong| pause_after_failures(wrong).as_secs());
        assert_eq!(pauses, [0, 0, 1, 2, 4, 8, 8, 8]);
    }

    /// So many wrong attempts at once.
    fn guesses(attempts: &Rc<AttemptLimiter>, count: u64) -> Vec<tokio::task::JoinHandle<bool>> {
        let guess = |attempts: Rc<AttemptLimiter>| async move {
            attempts.check(HERE, || None::<()>).await.is_none()
        };
        (0..count)
            .map(|_| tokio::task::spawn_local(guess(Rc::clone(attempts))))
            .collect()
    }

    #[tokio::test]
    async fn beyond_the_burst_attempts_wait() {
        let story = async {
            let (metrics, hour) = (Arc::<Metrics>::default(), Duration::from_secs(3600));
            let attempts = AttemptLimiter::new(hour, Arc::clone(&metrics));
            let guesses = guesses(&attempts, BURST + 10);
            let counted = || {
                let wrong = metrics.wrong_attempts.load(Relaxed);
                (wrong, metrics.attempts_waiting.load(Relaxed))
            };
            while counted().0 + counted().1 < BURST + 10 {
                tokio::task::yield_now().await;
            }
            assert_eq!(counted(), (BURST, 10));
            drop(guesses);
        };
        LocalSet::new().run_until(story).await;
    }

    #[tokio::test]
    async fn a_right_attempt_is_let_in_after_any_number_of_wrong_ones() {
        let story = async {
            let metrics = Arc::<Metrics>::default();
            let attempts = AttemptLimiter::new(Duration::from_millis(1), Arc::clone(&metrics));
            let guesses = guesses(&attempts, 300);
            assert_eq!(attempts.check(HERE, || Some("in")).await, Some("in"));
            for guess in guesses {
                assert!(guess.await.expect("a guess"), "each was looked at");
            }
            assert_eq!(attempts.check(HERE, || Some("in")).await, Some("in"));
            assert_eq!(metrics.wrong_attempts.load(Relaxed), 300);
            assert_eq!(metrics.attempts_waiting.load(Relaxed), 0);
        };
        LocalSet::new().run_until(story).await;
    }

    #[tokio::test]
    async fn who_goes_away_while_waiting_costs_nothing() {
        let story = async {
            let attempts = AttemptLimiter::new(Duration::from_millis(1), Arc::default());
            for _ in 0..BURST {
                attempts.check(HERE, || None::<()>).await;
            }
            let waiting: Vec<_> = (0..10_000)
                .map(|_| {
                    let attempts = Rc::clone(&attempts);
                    tokio::task::spawn_local(
                        async move { attempts.check(HERE, || None::<()>).await },
                    )
                })
                .collect();
            tokio::task::yield_now().await;
            for attempt in waiting {
                attempt.abort();
            }
            assert_eq!(attempts.check(HERE, || Some(1)).await, Some(1));
        };
        LocalSet::new().run_until(story).await;
    }
}
