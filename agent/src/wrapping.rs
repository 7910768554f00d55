//! Functions that are guarded in their source (`hotsplice.wrap`): what the decorator gives is a Python function like any other, but its
//! calls go through us, and not through its code. So a recursion is as deep as ever, and a traceback shows what the program has called.
//!
//! CPython 3.11 calls Python functions from Python functions without a look at how they are to be called: there the code does it.

use std::ffi::c_void;
use std::sync::OnceLock;

use pyo3::exceptions::{PyRecursionError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::builtin;
use crate::cpython::{self, symbol};
use crate::frames::{self, Vectorcall};
use crate::repeating::{self, Made, Way};

/// How deep such calls may lie within each other, each of which takes of the thread's own stack; CPython 3.12 has not room for more.
const DEEPEST: usize = 1000;
const DEEPEST_OF_3_12: usize = 700;
/// What `recursion_remaining` counts of a call through the decorator: the decorator's code, and us, since that code is never specialised
/// (it has no `RESUME`).
const UNCOUNTED: i32 = 2;

struct Wrapping {
    /// What every function has that nobody has changed: it runs its code.
    plain: Vectorcall,
    failed: Py<PyAny>,
    closure_of: Get,
    content_of: Get,
    deepest: usize,
}

static WRAPPING: OnceLock<Wrapping> = OnceLock::new();

type Get = unsafe extern "C" fn(*mut ffi::PyObject) -> *mut ffi::PyObject;

/// Has calls of a function go through us to what is in its only cell, where that can be.
/// `failed(function, arguments, named, error)` is asked when one has failed.
#[pyfunction]
pub fn call_wrapped(wrapper: &Bound<'_, PyAny>, failed: Py<PyAny>) {
    let py = wrapper.py();
    let version = py.version_info();
    if (version.major, version.minor) == (3, 11) {
        return;
    }
    let (Some(plain), Ok(symbols), Some(content_of)) =
        (frames::plain_vectorcall(py), cpython::required(), symbol(c"PyCell_Get"))
    else {
        return;
    };
    let deepest = if (version.major, version.minor) == (3, 12) { DEEPEST_OF_3_12 } else { DEEPEST };
    // SAFETY: the type is that of the function's declaration in cellobject.h.
    let content_of = unsafe { std::mem::transmute::<*mut c_void, Get>(content_of) };
    let _ = WRAPPING.set(Wrapping { plain, failed, closure_of: symbols.function_get_closure, content_of, deepest });
    frames::replace_vectorcall(wrapper, wrapped_call);
}

type Call =
    unsafe extern "C-unwind" fn(*mut ffi::PyObject, *mut ffi::PyObject, *mut ffi::PyObject) -> *mut ffi::PyObject;

/// What calls a function with a tuple and a dictionary, on CPython 3.11: who calls it does not count as part of a recursion.
/// Nothing for other versions.
#[pyfunction]
pub fn deeper_call(py: Python<'_>) -> PyResult<Option<Bound<'_, PyAny>>> {
    let version = py.version_info();
    let is_it = (version.major, version.minor) == (3, 11) && cpython::layout(py).recursion_remaining.is_some();
    // SAFETY: it may be unwound by `pthread_exit`, and has nothing to drop; how it is called is the same.
    let call = unsafe {
        std::mem::transmute::<
            unsafe extern "C-unwind" fn(*mut ffi::PyObject, *mut *mut ffi::PyObject, isize) -> *mut ffi::PyObject,
            ffi::PyCFunctionFast,
        >(call_deeper)
    };
    is_it.then(|| builtin::made(py, c"call_deeper", call)).transpose()
}

unsafe extern "C-unwind" fn call_deeper(
    _module: *mut ffi::PyObject,
    arguments: *mut *mut ffi::PyObject,
    count: isize,
) -> *mut ffi::PyObject {
    if count != 3 {
        // SAFETY: it is called with the GIL held.
        PyTypeError::new_err("a function, a tuple and a dictionary are expected")
            .restore(unsafe { Python::assume_attached() });
        return std::ptr::null_mut();
    }
    // SAFETY: as above.
    let py = unsafe { Python::assume_attached() };
    let left = frames::eighths_of_stack_left();
    let (Some(remaining), 1..) = (cpython::layout(py).recursion_remaining, left) else {
        PyRecursionError::new_err("maximum recursion depth exceeded").restore(py);
        return std::ptr::null_mut();
    };
    let uncounted = if left < 4 { 0 } else { UNCOUNTED };
    // SAFETY: the function is CPython's own; only what is said of its unwinding differs, and it does unwind.
    let call: Call = unsafe {
        std::mem::transmute::<
            unsafe extern "C" fn(*mut ffi::PyObject, *mut ffi::PyObject, *mut ffi::PyObject) -> *mut ffi::PyObject,
            Call,
        >(ffi::PyObject_Call)
    };
    let call = std::hint::black_box(call);
    // SAFETY: the GIL is held, so that the thread has a state, which lives until the call ends; the field was found by a self-test. The
    // arguments are those of our only caller.
    unsafe {
        let remaining = ffi::PyThreadState_Get().cast::<u8>().add(remaining).cast::<i32>();
        remaining.write(remaining.read() + uncounted);
        let result = call(*arguments, *arguments.add(1), *arguments.add(2));
        remaining.write(remaining.read() - uncounted);
        result
    }
}

/// Has an exception that is being handled, and is raised again, be raised with what is its traceback now. CPython 3.10 keeps the one with
/// which it was caught (`do_raise` in ceval.c); later ones ask the exception.
#[pyfunction]
pub fn raise_with_trace(error: &Bound<'_, PyAny>, trace: &Bound<'_, PyAny>) {
    let version = error.py().version_info();
    if (version.major, version.minor) > (3, 10) {
        return;
    }
    let (mut kind, mut value, mut former) = (std::ptr::null_mut(), std::ptr::null_mut(), std::ptr::null_mut());
    // SAFETY: the GIL is held. What is got are new references, or nothing; what is set is taken over. It is the exception of the innermost
    // call that handles one: what is got may be of a call further out, and is set only if it is the one that is asked for.
    unsafe {
        ffi::PyErr_GetExcInfo(&raw mut kind, &raw mut value, &raw mut former);
        if value == error.as_ptr() && !trace.is_none() {
            ffi::PyErr_SetExcInfo(kind, value, trace.clone().into_ptr());
            ffi::Py_XDECREF(former);
        } else {
            for part in [kind, value, former] {
                ffi::Py_XDECREF(part);
            }
        }
    }
}

/// What a decorated function is called through.
unsafe extern "C-unwind" fn wrapped_call(
    wrapper: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    let Some(wrapping) = WRAPPING.get() else { return std::ptr::null_mut() };
    // SAFETY: a function is called with the GIL held, and kept by who calls it.
    let wrapper = unsafe { Bound::from_borrowed_ptr(Python::assume_attached(), wrapper) };
    let function = if repeating::depth() < wrapping.deepest && frames::eighths_of_stack_left() >= 4 {
        wrapping.function(&wrapper)
    } else {
        None
    };
    let own = function.as_ref().and_then(frames::vectorcall_of);
    let (Some(function), Some(own)) = (function, own) else {
        // Where its code calls itself it takes nothing of the stack.
        frames::replace_vectorcall(&wrapper, wrapping.plain);
        // SAFETY: what we were called with is handed on, to the function's own code.
        let result = unsafe { (wrapping.plain)(wrapper.as_ptr(), arguments, count, names) };
        frames::replace_vectorcall(&wrapper, wrapped_call);
        return result;
    };
    let way = Way { own, plain: own, set: |_, _| {}, deepest: usize::MAX, failed: &wrapping.failed };
    // SAFETY: the arguments are those that we were called with.
    unsafe { repeating::called(&way, Made { function: function.as_ptr(), arguments, count, names }) }
}

impl Wrapping {
    /// What is in the cell of a function that the decorator gives.
    fn function<'py>(&self, wrapper: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
        let py = wrapper.py();
        // SAFETY: of a live function a tuple is borrowed, or nothing; of a cell its content is given, or nothing without an exception.
        unsafe {
            let closure = Bound::from_borrowed_ptr_or_opt(py, (self.closure_of)(wrapper.as_ptr()))?;
            let cell = closure.cast_exact::<PyTuple>().ok()?.get_borrowed_item(0).ok()?;
            Bound::from_owned_ptr_or_opt(py, (self.content_of)(cell.as_ptr()))
        }
    }
}
