//! [`AttemptLimiter`]: limits the rate of wrong class codes and admin tokens. Every attempt is verified, and none is
//! refused; but wrong attempts of all visitors together are limited to a rate, and attempts beyond it wait, in turns by
//! address. A correct attempt does not count, and while nobody guesses it does not wait.
//!
//! Attempts wait before they are verified, correct or not. If only wrong ones were slow, a guesser need not wait for the
//! answers.
//!
//! **Codes.** There are 27⁶ = 387,420,489 codes. With `n` classes and one wrong code every `i` seconds, guessing without
//! repetition hits a class after `27⁶ · i / (n + 1)` seconds on average. `i` is chosen so that this takes 14 days,
//! `3.12 ms · (n + 1)`, but at least 20 ms, which gives 45 days with one class. With the default maximum of 100 classes,
//! 3.2 codes are verified per second. A guesser who hits a code joins that class as a member, and its teacher sees it.
//!
//! **The admin token.** The operator chooses it. At 5 attempts per second, guessing 8 random letters and digits (36⁸
//! tokens) takes 8,900 years on average; guessing four digits takes 17 minutes.
//!
//! **All other tokens** (for seats, links and their deletion, lab ids) have 128 random bits: a million guesses per second
//! find one of a million tokens after 5 · 10¹⁸ years. They are not limited.

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

use self::queue::{Budget, TurnQueue};
use crate::metrics::Metrics;

/// Number of wrong attempts that do not wait. A class of beginners mistypes fewer codes.
const BURST: u64 = 100;
/// Mean time until continuous guessing hits a code.
const MEAN_TIME_TO_HIT: Duration = Duration::from_secs(14 * 24 * 3600);
/// Minimum interval between wrong codes.
const MIN_CODE_INTERVAL: Duration = Duration::from_millis(20);
/// Interval between wrong admin tokens.
const TOKEN_INTERVAL: Duration = Duration::from_millis(200);
/// Number of wrong attempts of one connection before it has to pause.
const FREE_ATTEMPTS: u32 = 5;
/// Maximum pause of one connection.
const MAX_PAUSE: Duration = Duration::from_secs(8);

/// Limits attempts at class codes or at the admin token.
#[derive(Debug)]
pub struct AttemptLimiter {
    state: RefCell<State>,
    began: Instant,
    metrics: Arc<Metrics>,
}

#[derive(Debug)]
struct State {
    budget: Budget,
    turns: TurnQueue<oneshot::Sender<()>>,
    /// Whether a task is granting turns to waiting attempts.
    is_granting_turns: bool,
}

impl AttemptLimiter {
    /// A limiter for class codes.
    #[must_use]
    pub fn for_codes(metrics: Arc<Metrics>) -> Rc<Self> {
        Self::new(code_interval(0), metrics)
    }

    /// A limiter for the admin token.
    #[must_use]
    pub fn for_admin_tokens(metrics: Arc<Metrics>) -> Rc<Self> {
        Self::new(TOKEN_INTERVAL, metrics)
    }

    fn new(interval: Duration, metrics: Arc<Metrics>) -> Rc<Self> {
        let state = State {
            budget: Budget::new(BURST, micros(interval)),
            turns: TurnQueue::default(),
            is_granting_turns: false,
        };
        Rc::new(Self {
            state: RefCell::new(state),
            began: Instant::now(),
            metrics,
        })
    }

    /// Sets the number of classes. With more classes a guess is more likely to hit one, so the interval is longer.
    pub fn set_classes(&self, classes: usize) {
        let interval = code_interval(classes as u64);
        self.state
            .borrow_mut()
            .budget
            .set_interval_us(micros(interval));
    }

    /// Waits for the attempt's turn and verifies it. `verify` returns `None` if the attempt is wrong.
    pub async fn check<T>(
        self: &Rc<Self>,
        from: IpAddr,
        verify: impl FnOnce() -> Option<T>,
    ) -> Option<T> {
        self.wait_for_turn(from).await;
        let found = verify();
        if found.is_some() {
            self.state.borrow_mut().budget.refund();
        } else {
            self.metrics.wrong_attempts.fetch_add(1, Relaxed);
        }
        found
    }

    async fn wait_for_turn(self: &Rc<Self>, from: IpAddr) {
        let turn = {
            let mut state = self.state.borrow_mut();
            let now_us = self.now_us();
            if state.turns.is_empty() && state.budget.wait_us(now_us) == 0 {
                state.budget.spend(now_us);
                return;
            }
            let (grant, turn) = oneshot::channel();
            state.turns.push(from, grant);
            if !state.is_granting_turns {
                state.is_granting_turns = true;
                tokio::task::spawn_local(Rc::clone(self).grant_turns());
            }
            turn
        };
        let _waiting = WaitingGauge::new(&self.metrics);
        // The task that grants turns outlives all waiting attempts.
        turn.await.ok();
    }

    /// Grants turns one after the other until no attempt waits.
    async fn grant_turns(self: Rc<Self>) {
        loop {
            let wait_us = self.state.borrow().budget.wait_us(self.now_us());
            if wait_us > 0 {
                tokio::time::sleep(Duration::from_micros(wait_us)).await;
                continue;
            }
            let mut state = self.state.borrow_mut();
            let Some(next) = state.turns.pop() else {
                state.is_granting_turns = false;
                return;
            };
            // An attempt that was given up meanwhile does not count.
            if next.send(()).is_ok() {
                state.budget.spend(self.now_us());
            }
        }
    }

    fn now_us(&self) -> u64 {
        micros(self.began.elapsed())
    }
}

/// Returns how long a connection pauses before its next attempt, given its number of wrong attempts: not at all at
/// first, then twice as long each time.
#[must_use]
pub fn pause_after_failures(wrong: u32) -> Duration {
    match wrong.checked_sub(FREE_ATTEMPTS) {
        None => Duration::ZERO,
        Some(beyond) => Duration::from_secs(1 << beyond.min(8)).min(MAX_PAUSE),
    }
}

fn code_interval(classes: u64) -> Duration {
    let codes =
        u128::from(CODE_LETTERS.len() as u64).pow(u32::try_from(CODE_LENGTH).unwrap_or(u32::MAX));
    let needed = MEAN_TIME_TO_HIT.as_micros() * u128::from(classes + 1) / codes;
    let needed = Duration::from_micros(u64::try_from(needed).unwrap_or(u64::MAX));
    needed.max(MIN_CODE_INTERVAL)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Counts a waiting attempt in the metrics until dropped.
struct WaitingGauge<'m>(&'m Metrics);

impl<'m> WaitingGauge<'m> {
    fn new(metrics: &'m Metrics) -> Self {
        metrics.attempts_waiting.fetch_add(1, Relaxed);
        Self(metrics)
    }
}

impl Drop for WaitingGauge<'_> {
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
    fn guessing_codes_takes_a_fortnight_with_any_number_of_classes() {
        const CODES: u128 = 387_420_489;
        for classes in [1, 10, 100, 1000] {
            let interval = code_interval(classes);
            let mean_s = CODES * interval.as_micros() / u128::from(classes + 1) / 1_000_000;
            assert!(
                mean_s >= 14 * 24 * 3600 - 1000,
                "{classes} classes: {mean_s} s"
            );
        }
        assert_eq!(code_interval(1), MIN_CODE_INTERVAL);
        assert_eq!(code_interval(100), Duration::from_micros(315_341));
    }

    #[test]
    fn pauses_grow_with_wrong_attempts() {
        let pauses =
            [0, 4, 5, 6, 7, 8, 9, u32::MAX].map(|wrong| pause_after_failures(wrong).as_secs());
        assert_eq!(pauses, [0, 0, 1, 2, 4, 8, 8, 8]);
    }

    /// Makes `count` wrong attempts at once.
    fn guesses(attempts: &Rc<AttemptLimiter>, count: u64) -> Vec<tokio::task::JoinHandle<bool>> {
        let guess = |attempts: Rc<AttemptLimiter>| async move {
            attempts.check(HERE, || None::<()>).await.is_none()
        };
        (0..count)
            .map(|_| tokio::task::spawn_local(guess(Rc::clone(attempts))))
            .collect()
    }

    #[tokio::test]
    async fn attempts_beyond_the_burst_wait() {
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
    async fn a_correct_attempt_succeeds_after_any_number_of_wrong_ones() {
        let story = async {
            let metrics = Arc::<Metrics>::default();
            let attempts = AttemptLimiter::new(Duration::from_millis(1), Arc::clone(&metrics));
            let guesses = guesses(&attempts, 300);
            assert_eq!(attempts.check(HERE, || Some("in")).await, Some("in"));
            for guess in guesses {
                assert!(guess.await.expect("a guess"), "each was verified");
            }
            assert_eq!(attempts.check(HERE, || Some("in")).await, Some("in"));
            assert_eq!(metrics.wrong_attempts.load(Relaxed), 300);
            assert_eq!(metrics.attempts_waiting.load(Relaxed), 0);
        };
        LocalSet::new().run_until(story).await;
    }

    #[tokio::test]
    async fn an_attempt_given_up_while_waiting_does_not_count() {
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
