//! The context of the main thread: what `contextvars` hold there, and `decimal`'s precision with them. What an edit runs is to find
//! what a fresh process would, in which the main thread runs it.

use std::ffi::{c_int, c_void};

use pyo3::ffi;
use pyo3::prelude::*;

use super::{frames, symbol};
use crate::once::Once;

type Make = unsafe extern "C" fn() -> *mut ffi::PyObject;
type Copy = unsafe extern "C" fn(*mut ffi::PyObject) -> *mut ffi::PyObject;
type Switch = unsafe extern "C" fn(*mut ffi::PyObject) -> c_int;

/// Public functions, and where two structs have what they do not tell.
struct Contexts {
    copy: Copy,
    enter: Switch,
    /// In the state of a thread: the context that it is in, or null.
    current: usize,
    /// In a context: the one that was left for it, or null.
    outer: usize,
}

/// How much of either is searched: both are longer on every version.
const STATE: usize = 288;
const CONTEXT: usize = 40;

/// This thread goes on in a copy of the main thread's context, until its state is cleared. Where that can't be had, it has its own.
pub fn enter_copy_of_main(py: Python<'_>) {
    static CONTEXTS: Once<Option<Contexts>> = Once::new();
    let Some(contexts) = CONTEXTS.get_or_init(py, || find(py)) else { return };
    let Some(main) = main_ident(py).and_then(|ident| frames::state_of(py, ident)) else { return };
    // SAFETY: the GIL is held, so the main thread stands still; the fields were found by a self-test, and hold null or a context.
    unsafe {
        let mut context = read(main.cast(), contexts.current);
        if context.is_null() {
            return;
        }
        // A task's own context lies in the one that it was run from.
        while let outer @ 1.. = read(context.cast(), contexts.outer) as usize {
            context = outer as *mut ffi::PyObject;
        }
        let copy = (contexts.copy)(context);
        if copy.is_null() || (contexts.enter)(copy) != 0 {
            ffi::PyErr_Clear();
        }
        ffi::Py_XDECREF(copy);
    }
}

fn main_ident(py: Python<'_>) -> Option<usize> {
    py.import("hotsplice._session").ok()?.getattr("_main_ident").ok()?.extract().ok()
}

unsafe fn read(object: *mut u8, offset: usize) -> *mut ffi::PyObject {
    // SAFETY: the caller's: a pointer lies there.
    unsafe { object.add(offset).cast::<*mut ffi::PyObject>().read() }
}

fn find(py: Python<'_>) -> Option<Contexts> {
    if !super::is_main_interpreter() {
        return None;
    }
    // SAFETY: each type is that of the function's declaration in context.h, unchanged from 3.10 to 3.15. The GIL is held; what is
    // read lies within the objects; what is entered is left again, in the opposite order.
    unsafe {
        let make = std::mem::transmute::<*mut c_void, Make>(symbol(c"PyContext_New")?);
        let copy = std::mem::transmute::<*mut c_void, Copy>(symbol(c"PyContext_Copy")?);
        let enter = std::mem::transmute::<*mut c_void, Switch>(symbol(c"PyContext_Enter")?);
        let exit = std::mem::transmute::<*mut c_void, Switch>(symbol(c"PyContext_Exit")?);
        let first = Bound::from_owned_ptr_or_opt(py, make())?;
        let second = Bound::from_owned_ptr_or_opt(py, make())?;
        let state = ffi::PyThreadState_Get().cast::<u8>();
        let places = |object: *mut u8, size: usize, wanted: &Bound<'_, PyAny>| -> Vec<usize> {
            (0..size).step_by(size_of::<usize>()).filter(|at| read(object, *at) == wanted.as_ptr()).collect()
        };
        if enter(first.as_ptr()) != 0 {
            ffi::PyErr_Clear();
            return None;
        }
        let with_first = places(state, STATE, &first);
        let mut found = None;
        if enter(second.as_ptr()) == 0 {
            found = Some((places(state, STATE, &second), places(second.as_ptr().cast(), CONTEXT, &first)));
            exit(second.as_ptr());
        }
        exit(first.as_ptr());
        ffi::PyErr_Clear();
        let (with_second, outer) = found?;
        match (&with_first[..], &with_second[..], &outer[..]) {
            ([current], [same], [outer]) if current == same && read(state, *current) != first.as_ptr() => {
                Some(Contexts { copy, enter, current: *current, outer: *outer })
            }
            _ => None,
        }
    }
}
