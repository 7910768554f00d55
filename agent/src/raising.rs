//! Exceptions as they are raised: whether one concerns a guarded call is found out here, so that those that do not cost little. The
//! rest is decided in Python (`_failed/guarding.py`).

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::handled::{self, Addresses};
use crate::{builtin, connection, finalizing, frames};

/// Code of guarded functions; an address may have come to be another code's since.
static GUARDED: Mutex<Option<Addresses>> = Mutex::new(None);
/// Whether somebody may watch who is no client.
static MAY_BE_WATCHED: AtomicBool = AtomicBool::new(false);
/// How many exceptions are on their way to a call that is to begin again.
static UNDER_WAY: AtomicUsize = AtomicUsize::new(0);
static RAISED: OnceLock<Py<PyAny>> = OnceLock::new();
static DISABLE: OnceLock<Py<PyAny>> = OnceLock::new();

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What `sys.monitoring` is to call of `RAISE` and of `RERAISE`: in turn, `raised(code, offset, error)` is called where something is to
/// be found out. `disable` is `sys.monitoring.DISABLE`.
#[pyfunction]
pub fn prepare_raising(
    py: Python<'_>,
    raised: Py<PyAny>,
    disable: Py<PyAny>,
) -> PyResult<(Bound<'_, PyAny>, Bound<'_, PyAny>)> {
    let _ = (RAISED.set(raised), DISABLE.set(disable));
    Ok((builtin::made(py, c"raised", raised_anywhere)?, builtin::made(py, c"reraised", raised_again)?))
}

#[pyfunction]
pub fn expect_watchers(may_be: bool) {
    MAY_BE_WATCHED.store(may_be, Ordering::Release);
}

/// An exception is on its way to a call that is to begin again, or has come there.
#[pyfunction]
pub fn expect_exception(more: bool) {
    let change = |count: usize| if more { count.checked_add(1) } else { count.checked_sub(1) };
    let _ = UNDER_WAY.fetch_update(Ordering::AcqRel, Ordering::Acquire, change);
}

/// True if it was not known.
pub fn add(code: usize) -> bool {
    lock(&GUARDED).get_or_insert_default().insert(code)
}

pub fn forget_all() -> impl Fn(usize) -> bool {
    let former = lock(&GUARDED).take().unwrap_or_default();
    move |code| former.contains(&code)
}

/// Whether a code object may be a guarded function's.
pub fn is_known(code: usize) -> bool {
    lock(&GUARDED).as_ref().is_some_and(|known| known.contains(&code))
}

/// Called by CPython when an exception was raised in a frame, or has come to it. Nearly all are none of ours: nothing is made of them.
unsafe extern "C" fn raised_anywhere(
    _module: *mut ffi::PyObject,
    arguments: *mut *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
) -> *mut ffi::PyObject {
    if count != 3 {
        return nothing();
    }
    // SAFETY: it is a callback of `sys.monitoring`, with the GIL held; there are three arguments, borrowed from the caller.
    let (py, code, error) = unsafe { (Python::assume_attached(), *arguments, *arguments.add(2)) };
    if UNDER_WAY.load(Ordering::Acquire) == 0 {
        if !MAY_BE_WATCHED.load(Ordering::Acquire) && !connection::holds_are_watched() {
            return nothing();
        }
        let calls = frames::callers_at_raise(py, error, code);
        // SAFETY: a live exception.
        let kind = unsafe { ffi::Py_TYPE(error) } as usize;
        if handled::is_handled(calls, kind, error as usize) || !concerns(calls, kind, error as usize) {
            return nothing();
        }
    }
    // SAFETY: as above.
    unsafe { ask(py, arguments, count) }
}

/// Called by CPython when an exception is raised again: at the end of a `finally`, or by `except` clauses that are others'.
unsafe extern "C" fn raised_again(
    _module: *mut ffi::PyObject,
    arguments: *mut *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
) -> *mut ffi::PyObject {
    if UNDER_WAY.load(Ordering::Acquire) == 0 {
        return nothing();
    }
    // SAFETY: as above.
    unsafe { ask(Python::assume_attached(), arguments, count) }
}

/// `None`, of which no references are counted where there is `sys.monitoring` (PEP 683).
#[inline]
fn nothing() -> *mut ffi::PyObject {
    // SAFETY: it lives as long as the process.
    unsafe { ffi::Py_None() }
}

#[cold]
fn concerns(calls: frames::Callers, kind: usize, error: usize) -> bool {
    !handled::was_handled(calls, kind, error) && is_below_guarded(calls)
}

fn is_below_guarded(mut calls: frames::Callers) -> bool {
    let guarded = lock(&GUARDED);
    let Some(known) = guarded.as_ref() else { return false };
    calls.any(|caller| known.contains(&caller.code))
}

/// Has Python decide about an exception that concerns a guarded call.
///
/// # Safety
/// The arguments are those of a fast call, whose caller holds the GIL.
#[cold]
unsafe fn ask(py: Python<'_>, arguments: *mut *mut ffi::PyObject, count: ffi::Py_ssize_t) -> *mut ffi::PyObject {
    let Some(raised) = RAISED.get() else { return nothing() };
    // SAFETY: by the caller's word; they are live, borrowed from who calls us.
    let given = (0..count.unsigned_abs()).map(|index| unsafe { Bound::from_borrowed_ptr(py, *arguments.add(index)) });
    let asked = PyTuple::new(py, given.collect::<Vec<_>>()).and_then(|given| finalizing::call(raised.bind(py), &given));
    match asked {
        Ok(_) => nothing(),
        Err(error) => {
            error.restore(py);
            std::ptr::null_mut()
        }
    }
}

/// Called by `sys.monitoring` when a call begins of code through which one was sent to its beginning.
#[pyfunction]
pub fn begun<'py>(code: &Bound<'py, PyAny>, _offset: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = code.py();
    let is_needed = frames::again::begun(code)?;
    let disable = DISABLE.get().filter(|_| !is_needed);
    Ok(disable.map_or_else(|| py.None().into_bound(py), |disable| disable.bind(py).clone()))
}
