//! The system's clocks. The engine is loaded at the first patch: by then the program may have replaced what Python's `time` offers.

use std::time::Duration;

use pyo3::prelude::*;
use rustix::time::{ClockId, clock_gettime};

/// Seconds since 1970.
#[pyfunction]
pub fn time() -> f64 {
    Duration::try_from(clock_gettime(ClockId::Realtime)).unwrap_or_default().as_secs_f64()
}

/// Nanoseconds of a clock that never goes back.
#[pyfunction]
pub fn monotonic_ns() -> u64 {
    let since = Duration::try_from(clock_gettime(ClockId::Monotonic)).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Leaves the interpreter to other threads for so many seconds; with 0 it is only offered to them.
#[pyfunction]
pub fn sleep(py: Python<'_>, seconds: f64) {
    let time = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    py.detach(|| if time.is_zero() { std::thread::yield_now() } else { std::thread::sleep(time) });
}
