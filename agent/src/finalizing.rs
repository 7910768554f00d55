//! Calls into Python on threads that may outlive the interpreter.
//!
//! Before 3.14, CPython ends such a thread where it asks for the GIL, by `pthread_exit`. That unwinds the stack: our
//! destructors would run without the GIL while the main thread takes the interpreter down, and crash the program at its
//! exit. So the unwinding is stopped at the first Rust frame that it reaches, as CPython 3.14 does by itself.

use std::time::Duration;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

type Call =
    unsafe extern "C-unwind" fn(*mut ffi::PyObject, *mut ffi::PyObject, *mut ffi::PyObject) -> *mut ffi::PyObject;
type Restore = unsafe extern "C-unwind" fn(*mut ffi::PyThreadState);

/// Dropped only when the stack is unwound: keeps the thread where it is until the process is gone.
struct Stay;

impl Drop for Stay {
    fn drop(&mut self) {
        loop {
            std::thread::sleep(Duration::from_secs(3600));
        }
    }
}

/// Calls something; does not return if the interpreter ends meanwhile.
pub fn call<'py>(callable: &Bound<'py, PyAny>, arguments: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: the function is CPython's own; only what is said of its unwinding differs, and it does unwind.
    let call: Call = unsafe {
        std::mem::transmute::<
            unsafe extern "C" fn(*mut ffi::PyObject, *mut ffi::PyObject, *mut ffi::PyObject) -> *mut ffi::PyObject,
            Call,
        >(ffi::PyObject_Call)
    };
    let stay = Stay;
    // The compiler must not see which function that is: it would know from its declaration that it never unwinds.
    let call = std::hint::black_box(call);
    // SAFETY: the GIL is held, both pointers are live references, and no keyword arguments are passed.
    let result = unsafe { call(callable.as_ptr(), arguments.as_ptr(), std::ptr::null_mut()) };
    std::mem::forget(stay);
    // SAFETY: the call gives a new reference, or null with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(callable.py(), result) }
}

/// Does something without the GIL; does not return if the interpreter ends meanwhile. It must not panic.
pub fn without_gil<T>(_py: Python<'_>, work: impl FnOnce() -> T) -> T {
    // SAFETY: as above.
    let restore: Restore = unsafe {
        std::mem::transmute::<unsafe extern "C" fn(*mut ffi::PyThreadState), Restore>(ffi::PyEval_RestoreThread)
    };
    // SAFETY: the GIL is held, and taken back below; `work` has no token that says it is.
    let state = unsafe { ffi::PyEval_SaveThread() };
    let result = std::mem::ManuallyDrop::new(work());
    let stay = Stay;
    let restore = std::hint::black_box(restore);
    // SAFETY: the state is this thread's own.
    unsafe { restore(state) };
    std::mem::forget(stay);
    std::mem::ManuallyDrop::into_inner(result)
}
