//! How fast and how much may be asked.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::{Budget, StopReason};

/// How long a wait may last before it looks whether it should end.
const GLANCE: Duration = Duration::from_millis(50);

/// Spaces requests evenly, over all threads.
#[derive(Debug)]
pub(super) struct Gate {
    interval: Duration,
    next: Mutex<Instant>,
}

impl Gate {
    pub(super) fn new(requests_per_minute: Option<u32>) -> Self {
        let interval = match requests_per_minute {
            Some(requests) => Duration::from_secs(60) / requests,
            None => Duration::ZERO,
        };
        Self { interval, next: Mutex::new(Instant::now()) }
    }

    /// Waits for a turn, or until `over` says why there is to be none.
    pub(super) fn wait(&self, over: impl Fn() -> Option<StopReason>) -> Result<(), StopReason> {
        let turn = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let turn = (*next).max(Instant::now());
            *next = turn + self.interval;
            turn
        };
        pause(turn.saturating_duration_since(Instant::now()), over)
    }

    /// Gives no turn for some time.
    pub(super) fn hold(&self, time: Duration) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        *next = (*next).max(Instant::now() + time);
    }
}

/// Sleeps, or until `over` says why it should not.
pub(super) fn pause(
    time: Duration,
    over: impl Fn() -> Option<StopReason>,
) -> Result<(), StopReason> {
    let end = Instant::now() + time;
    loop {
        if let Some(reason) = over() {
            return Err(reason);
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        thread::sleep(left.min(GLANCE));
    }
}

/// What a run has used, over all threads.
#[derive(Debug)]
pub(super) struct Spending {
    budget: Budget,
    requests: AtomicU64,
    tokens: AtomicU64,
    retries: AtomicU64,
}

impl Spending {
    pub(super) fn new(budget: Budget) -> Self {
        Self { budget, requests: 0.into(), tokens: 0.into(), retries: 0.into() }
    }

    /// Counts a request, if the budget has one left.
    pub(super) fn take_request(&self) -> bool {
        let Budget { requests, tokens } = self.budget;
        let within = tokens.is_none_or(|limit| self.tokens() < limit);
        let one_more =
            |used| (within && requests.is_none_or(|limit| used < limit)).then_some(used + 1);
        self.requests.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
    }

    /// Whether nothing is left to spend: who waits for a turn then waits in vain.
    pub(super) fn is_exhausted(&self) -> bool {
        let Budget { requests, tokens } = self.budget;
        tokens.is_some_and(|limit| self.tokens() >= limit)
            || requests.is_some_and(|limit| self.requests() >= limit)
    }

    pub(super) fn add_tokens(&self, tokens: u64) {
        self.tokens.fetch_add(tokens, Ordering::Relaxed);
    }

    pub(super) fn add_retry(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    pub(super) fn tokens(&self) -> u64 {
        self.tokens.load(Ordering::Relaxed)
    }

    pub(super) fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }
}
