//! How long threads of the program wait for the GIL while a job has it.
//!
//! Getting it back costs a busy program's agent 5 ms for each thread; a patch, done in one go, keeps them for one or two.
//! So the switch interval is longer while any job runs, and is the program's own again when the last one ends.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;

const SECONDS: f64 = 0.02;
const HURRIED: f64 = 0.0002;
/// CPython keeps whole microseconds and cuts off what is beyond: without this, writing back what was read makes it less.
const ROUNDING: f64 = 0.5e-6;

struct Longer {
    jobs: usize,
    before: f64,
}

// Only touched with the GIL held, and never across Python code: a fork can't find it locked.
static LONGER: Mutex<Option<Longer>> = Mutex::new(None);

fn longer() -> MutexGuard<'static, Option<Longer>> {
    LONGER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// While one lives, threads wait longer.
pub struct Undisturbed<'py>(Python<'py>);

impl<'py> Undisturbed<'py> {
    pub fn enter(py: Python<'py>) -> PyResult<Self> {
        if let Some(longer) = longer().as_mut() {
            longer.jobs += 1;
            return Ok(Self(py));
        }
        let before = get(py)?;
        set(py, SECONDS.max(before))?;
        *longer() = Some(Longer { jobs: 1, before });
        Ok(Self(py))
    }
}

impl Drop for Undisturbed<'_> {
    fn drop(&mut self) {
        let mut longer = longer();
        let last = longer.as_mut().is_some_and(|longer| {
            longer.jobs -= 1;
            longer.jobs == 0
        });
        let ended = if last { longer.take() } else { None };
        drop(longer);
        if let Some(ended) = ended {
            restore(self.0, ended.before);
        }
    }
}

/// Does something that lets the GIL go over and over, as reading files does: threads wait for it as short as can be meanwhile, for
/// getting it back from many busy ones takes as many intervals.
pub fn hurried<T>(py: Python<'_>, work: impl FnOnce() -> T) -> T {
    let before = if longer().is_none() { get(py).ok().filter(|before| *before > HURRIED + ROUNDING) } else { None };
    if before.is_some() {
        // It is within what is accepted.
        let _ = set(py, HURRIED);
    }
    let result = work();
    if let Some(before) = before
        && longer().is_none()
        && get(py).is_ok_and(|now| (now - HURRIED).abs() < 2.0 * ROUNDING)
    {
        let _ = set(py, before);
    }
    result
}

/// Who has brought the agent in was hurried itself (`hotsplice attach`): the program gets its interval back, by the job that runs already
/// if there is one.
#[pyfunction]
pub fn give_back_switch_interval(py: Python<'_>, before: f64) -> PyResult<()> {
    let is_hurried = |interval: f64| (interval - HURRIED).abs() < 2.0 * ROUNDING;
    if let Some(longer) = longer().as_mut() {
        if is_hurried(longer.before) {
            longer.before = before;
        }
        return Ok(());
    }
    if is_hurried(get(py)?) { set(py, before) } else { Ok(()) }
}

/// In a child after fork no job runs.
pub fn reset(py: Python<'_>) {
    let ended = longer().take();
    if let Some(ended) = ended {
        restore(py, ended.before);
    }
}

/// What the program has set meanwhile is kept.
fn restore(py: Python<'_>, before: f64) {
    let ours = SECONDS.max(before);
    if get(py).is_ok_and(|now| (now - ours).abs() < 2.0 * ROUNDING) {
        // It was accepted before.
        let _ = set(py, before);
    }
}

fn get(py: Python<'_>) -> PyResult<f64> {
    py.import("sys")?.call_method0("getswitchinterval")?.extract()
}

fn set(py: Python<'_>, seconds: f64) -> PyResult<()> {
    py.import("sys")?.call_method1("setswitchinterval", (seconds + ROUNDING,)).map(drop)
}
