//! Code that calls have left which went on in other code or from their beginning: it stays alive for as long as the interpreter may
//! look at it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::types::PyList;

use super::moves::lock;
use crate::{job, session};

/// Code that a moved call has left, but may still stand in natively.
static LEFT: Mutex<Vec<Py<PyAny>>> = Mutex::new(Vec::new());
static IS_RELEASING: AtomicBool = AtomicBool::new(false);

/// The interpreter looks at the code that a call has left once more when it comes back from here.
pub fn keep_for_a_while(py: Python<'_>, code: Bound<'_, PyAny>) {
    let mut left = lock(&LEFT);
    // Of many calls that are moved together each has left the same.
    if left.last().is_none_or(|last| !last.is(&code)) {
        left.push(code.unbind());
    }
    drop(left);
    if !IS_RELEASING.swap(true, Ordering::AcqRel)
        && let Ok(release) = pyo3::wrap_pyfunction!(release_left, py)
    {
        session::at(Instant::now() + Duration::from_millis(200), job::Alarm::Call(release.into_any().unbind()));
    }
}

/// Gives up the code that moved calls have left.
#[pyfunction]
pub fn release_left(py: Python<'_>) -> PyResult<()> {
    IS_RELEASING.store(false, Ordering::Release);
    let left = std::mem::take(&mut *lock(&LEFT));
    drop(PyList::new(py, left)?);
    Ok(())
}
