//! Exceptions as they are raised: whether one concerns a guarded call is found out here, so that those that do not cost little. The
//! rest is decided in Python (`_guarding.py`).

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::handled::{self, Addresses};
use crate::{connection, finalizing, frames};

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
    let made = |name: &'static std::ffi::CStr, function: ffi::PyCFunctionFast| {
        let definition = Box::leak(Box::new(ffi::PyMethodDef {
            ml_name: name.as_ptr(),
            ml_meth: ffi::PyMethodDefPointer { PyCFunctionFast: function },
            ml_flags: ffi::METH_FASTCALL,
            ml_doc: std::ptr::null(),
        }));
        // SAFETY: the definition is never freed, and says how the function is to be called.
        unsafe {
            let function = ffi::PyCFunction_NewEx(definition, std::ptr::null_mut(), std::ptr::null_mut());
            Bound::from_owned_ptr_or_err(py, function)
        }
    };
    Ok((made(c"raised", raised_anywhere)?, made(c"reraised", raised_again)?))
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

/// Called by CPython when an exception was raised in a frame, or has come to it.
unsafe extern "C" fn raised_anywhere(
    _module: *mut ffi::PyObject,
    arguments: *mut *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
) -> *mut ffi::PyObject {
    // SAFETY: it is a callback of `sys.monitoring`.
    unsafe { called(arguments, count, concerns) }
}

/// Called by CPython when an exception is raised again: at the end of a `finally`, or by `except` clauses that are others'.
unsafe extern "C" fn raised_again(
    _module: *mut ffi::PyObject,
    arguments: *mut *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
) -> *mut ffi::PyObject {
    // SAFETY: it is a callback of `sys.monitoring`.
    unsafe { called(arguments, count, |_, _| UNDER_WAY.load(Ordering::Acquire) > 0) }
}

/// Has Python decide about an exception that concerns a guarded call. All the others come through here as well: nothing is made of them.
///
/// # Safety
/// The arguments are those of a fast call, whose caller holds the GIL.
unsafe fn called(
    arguments: *mut *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    concerns: impl Fn(Python<'_>, [*mut ffi::PyObject; 3]) -> bool,
) -> *mut ffi::PyObject {
    // SAFETY: by the caller's word.
    let py = unsafe { Python::assume_attached() };
    if count != 3 {
        PyTypeError::new_err("a code object, an offset and an exception are expected").restore(py);
        return std::ptr::null_mut();
    }
    // SAFETY: there are three of them, borrowed from the caller.
    let given = unsafe { [*arguments, *arguments.add(1), *arguments.add(2)] };
    if concerns(py, given)
        && let Err(error) = ask(py, given)
    {
        error.restore(py);
        return std::ptr::null_mut();
    }
    py.None().into_ptr()
}

fn concerns(py: Python<'_>, [code, offset, error]: [*mut ffi::PyObject; 3]) -> bool {
    if UNDER_WAY.load(Ordering::Acquire) > 0 {
        return true;
    }
    if !MAY_BE_WATCHED.load(Ordering::Acquire) && !connection::holds_are_watched() {
        return false;
    }
    // SAFETY: the GIL is held, and the interpreter passes an integer and a live exception.
    let (offset, kind) = unsafe { (ffi::PyLong_AsSize_t(offset), ffi::Py_TYPE(error)) };
    // SAFETY: the GIL is held; the result is borrowed from the running frame.
    let frame = unsafe { ffi::PyEval_GetFrame() }.cast::<ffi::PyObject>();
    let place = (code as usize, offset, kind as usize);
    !handled::is_handled(py, frame, place, error as usize)
        && !handled::was_handled(py, frame, place, error as usize)
        && is_below_guarded(py, frame)
}

fn is_below_guarded(py: Python<'_>, frame: *mut ffi::PyObject) -> bool {
    let guarded = lock(&GUARDED);
    let Some(known) = guarded.as_ref() else { return false };
    frames::callers_of(py, frame).any(|caller| known.contains(&caller.code))
}

fn ask(py: Python<'_>, given: [*mut ffi::PyObject; 3]) -> PyResult<()> {
    let Some(raised) = RAISED.get() else { return Ok(()) };
    // SAFETY: they are live, borrowed from who calls us.
    let given = given.map(|given| unsafe { Bound::from_borrowed_ptr(py, given) });
    finalizing::call(raised.bind(py), &PyTuple::new(py, given)?).map(drop)
}

/// Called by `sys.monitoring` when a call begins of code through which one was sent to its beginning.
#[pyfunction]
pub fn begun<'py>(code: &Bound<'py, PyAny>, _offset: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = code.py();
    let is_needed = frames::again::begun(code)?;
    let disable = DISABLE.get().filter(|_| !is_needed);
    Ok(disable.map_or_else(|| py.None().into_bound(py), |disable| disable.bind(py).clone()))
}
