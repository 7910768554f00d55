//! How long it is looked for what follows.

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::cancel::Cancel;

/// Whoever waits for the verdict is not to wait longer for what else it may say.
const LONGEST: Duration = Duration::from_secs(5);
/// From a patch of many files more follows, and it takes longer itself: so much more for each file more than one.
const MORE_PER_FILE: Duration = Duration::from_millis(100);
/// Another number of seconds.
const SECONDS: &str = "HOTSPLICE_FOLLOW_SECONDS";

#[derive(Clone)]
pub struct Limit {
    cancel: Cancel,
    longest: Duration,
    until: Cell<Instant>,
    was_reached: Cell<bool>,
}

impl Limit {
    /// `files`: how many are to be patched.
    pub fn new(cancel: Cancel, files: usize) -> Self {
        let given = std::env::var(SECONDS).ok().and_then(|seconds| seconds.parse().ok());
        let given = given.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let more = u32::try_from(files.saturating_sub(1)).unwrap_or(u32::MAX);
        let longest = given.unwrap_or_else(|| LONGEST.saturating_add(MORE_PER_FILE.saturating_mul(more)));
        Self { cancel, longest, until: Cell::new(Instant::now()), was_reached: Cell::new(false) }
    }

    /// The time runs from here.
    pub(super) fn start(&self) {
        let now = Instant::now();
        self.until.set(now.checked_add(self.longest).unwrap_or(now));
    }

    /// Whether there is something left to be looked at and it is not to be.
    pub(super) fn is_reached(&self) -> bool {
        let is_over = self.cancel.is_cancelled() || Instant::now() >= self.until.get();
        self.was_reached.set(self.was_reached.get() || is_over);
        is_over
    }

    /// Whether not all was looked at.
    pub fn was_reached(&self) -> bool {
        self.was_reached.get()
    }
}
