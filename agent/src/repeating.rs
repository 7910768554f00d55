//! Calls that go through us, and are made again when they have failed for as long as that is the answer.

use std::cell::{Cell, RefCell};

use pyo3::exceptions::{PyException, PyRecursionError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyTuple};

use crate::finalizing;
use crate::frames::Vectorcall;

/// How many guarded calls may lie within each other, as each takes of the thread's own stack, which the interpreter's do not: a function
/// that is called deeper is not guarded in what it calls. So a recursion is as deep as ever.
pub const DEEPEST: usize = 50;
/// The bit of `nargsf` that is no count (`PY_VECTORCALL_ARGUMENTS_OFFSET`).
const OFFSET: usize = 1 << (usize::BITS - 1);

thread_local! {
    /// How many calls this thread makes for another time.
    static REPEATED: Cell<usize> = const { Cell::new(0) };
    /// The functions of the calls that go through us and that this thread is in, the outermost first.
    static ENTERED: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// How a function is called that goes through us.
pub struct Way<'a> {
    /// What every function has that nobody has changed.
    pub plain: Vectorcall,
    /// What this one has.
    pub own: Vectorcall,
    /// Gives a live function one of them.
    pub set: unsafe fn(*mut ffi::PyObject, Vectorcall),
    pub deepest: usize,
    /// What is called when a call has failed: `failed(function, arguments, named, error)`.
    pub failed: &'a Py<PyAny>,
}

/// A call through a `vectorcall`, as it was made of us. What it names lives until that call has returned.
#[derive(Clone, Copy)]
pub struct Made {
    pub function: *mut ffi::PyObject,
    pub arguments: *const *mut ffi::PyObject,
    /// `nargsf`: how many of them have no name, and a bit that is no count.
    pub count: usize,
    pub names: *mut ffi::PyObject,
}

pub fn is_repeating() -> bool {
    REPEATED.get() > 0
}

/// How many calls that go through us this thread is in.
pub fn depth() -> usize {
    ENTERED.with_borrow(Vec::len)
}

/// How many of them are this function's.
pub fn entered_calls(function: *mut ffi::PyObject) -> usize {
    ENTERED.with_borrow(|entered| entered.iter().filter(|known| **known == function as usize).count())
}

/// Calls a function, until the call has not failed, or is to raise.
///
/// # Safety
/// The call has not returned.
pub unsafe fn called(way: &Way<'_>, made: Made) -> *mut ffi::PyObject {
    // SAFETY: as the caller says.
    let result = unsafe { entered(way, made) };
    if !result.is_null() {
        return result;
    }
    // SAFETY: as above; an exception is set.
    unsafe { failed(way, made) }
}

/// Calls a guarded function.
///
/// # Safety
/// The call has not returned.
unsafe fn entered(way: &Way<'_>, made: Made) -> *mut ffi::PyObject {
    let depth = ENTERED.with_borrow_mut(|entered| {
        entered.push(made.function as usize);
        entered.len()
    });
    if depth > way.deepest {
        // SAFETY: who calls the function keeps it until the call has returned.
        unsafe { (way.set)(made.function, way.plain) };
    }
    // SAFETY: as the caller says.
    let result = unsafe { (way.plain)(made.function, made.arguments, made.count, made.names) };
    ENTERED.with_borrow_mut(|entered| entered.truncate(depth - 1));
    if depth > way.deepest {
        // SAFETY: as above.
        unsafe { (way.set)(made.function, way.own) };
    }
    result
}

/// Asks what to do about a call that failed until it has not, or is to raise.
///
/// # Safety
/// The call has not returned.
#[cold]
unsafe fn failed(way: &Way<'_>, made: Made) -> *mut ffi::PyObject {
    // SAFETY: a function is called with the GIL held.
    let py = unsafe { Python::assume_attached() };
    loop {
        let error = match PyErr::take(py) {
            Some(error) if error.is_instance_of::<PyException>(py) => error,
            other => {
                if let Some(error) = other {
                    error.restore(py);
                }
                return std::ptr::null_mut();
            }
        };
        if let Some(trace) = error.traceback(py).filter(|_| py.version_info() < (3, 12)) {
            // Older versions hold it apart from the exception until somebody catches that.
            let _ = error.value(py).setattr("__traceback__", trace);
        }
        // SAFETY: the arguments are borrowed from the caller until we return.
        let answer = unsafe { made.taken(py) }.and_then(|(function, arguments, named)| {
            finalizing::call(way.failed.bind(py), &(function, arguments, named, error.value(py)).into_pyobject(py)?)
        });
        match answer {
            Ok(answer) if answer.is_none() => error.restore(py),
            Ok(answer) if answer.is_instance_of::<PyBool>() => {
                drop((error, answer));
                REPEATED.set(REPEATED.get() + 1);
                // SAFETY: as above.
                let result = unsafe { entered(way, made) };
                REPEATED.set(REPEATED.get() - 1);
                if result.is_null() {
                    continue;
                }
                return result;
            }
            Ok(answer) => match answer.get_item(0) {
                Ok(value) => return value.into_ptr(),
                Err(error) => error.restore(py),
            },
            // Too deep to be asked: it is where there is room again.
            Err(other)
                if other.is_instance_of::<PyRecursionError>(py) && error.is_instance_of::<PyRecursionError>(py) =>
            {
                error.restore(py);
            }
            // Ctrl-C at the question.
            Err(error) => error.restore(py),
        }
        return std::ptr::null_mut();
    }
}

pub type Taken<'py> = (Bound<'py, PyAny>, Bound<'py, PyTuple>, Bound<'py, PyDict>);

impl Made {
    /// The function and its arguments, as Python passes them on.
    ///
    /// # Safety
    /// The call has not returned.
    pub unsafe fn taken<'py>(&self, py: Python<'py>) -> PyResult<Taken<'py>> {
        let count = self.count & !OFFSET;
        // SAFETY: there are `count` positional arguments, and one more for each name.
        let argument = |index: usize| unsafe { Bound::from_borrowed_ptr(py, *self.arguments.add(index)) };
        let named = PyDict::new(py);
        // SAFETY: the names are null, or a tuple of the caller's.
        if let Some(names) = unsafe { Bound::from_borrowed_ptr_or_opt(py, self.names) } {
            for (index, name) in names.cast::<PyTuple>()?.iter().enumerate() {
                named.set_item(name, argument(count + index))?;
            }
        }
        // SAFETY: the function is the one that is called.
        let function = unsafe { Bound::from_borrowed_ptr(py, self.function) };
        Ok((function, PyTuple::new(py, (0..count).map(argument))?, named))
    }
}
