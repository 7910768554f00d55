//! Every object that the garbage collector tracks, those that `gc.freeze()` put aside included.
//!
//! No object is made and no event is raised, so this can be done in the middle of a commit.

use std::ffi::{c_int, c_void};

use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::required;
use crate::once::Once;

/// Calls `visit` for each object: it must make no Python object and run no Python code.
pub fn for_each(py: Python<'_>, mut visit: impl FnMut(*mut ffi::PyObject)) -> PyResult<()> {
    if py.version_info() >= (3, 14) {
        let visit_objects = required()?.visit_objects.ok_or_else(unknown)?;
        let mut visit: &mut dyn FnMut(*mut ffi::PyObject) = &mut visit;
        unsafe extern "C" fn call(object: *mut ffi::PyObject, visit: *mut c_void) -> c_int {
            // SAFETY: `visit` is the reference below, borrowed for the duration of the visit.
            unsafe { (*visit.cast::<&mut dyn FnMut(*mut ffi::PyObject)>())(object) };
            1
        }
        // SAFETY: the callback keeps to what the function demands.
        unsafe { visit_objects(call, (&raw mut visit).cast()) };
        return Ok(());
    }
    for head in lists(py)? {
        // SAFETY: the GIL is held, so nobody changes the list; its nodes are heads of live objects.
        unsafe {
            let mut node = next(head);
            while node != head {
                visit((node + HEAD) as *mut ffi::PyObject);
                node = next(node);
            }
        }
    }
    Ok(())
}

fn unknown() -> PyErr {
    PyRuntimeError::new_err("this interpreter keeps its objects in an unknown way")
}

/// `PyGC_Head`, two words before each object.
const HEAD: usize = 2 * size_of::<usize>();
/// One generation: the list's head and two numbers.
const GENERATION: usize = HEAD + 2 * size_of::<c_int>();
/// How far into an interpreter's state the lists are looked for.
const STATE: usize = 256 * 1024;

/// The two lowest bits of a link are the collector's.
unsafe fn next(node: usize) -> usize {
    // SAFETY: callers pass nodes of a list.
    unsafe { (node as *const usize).read() & !3 }
}

/// The heads of the lists before 3.14: three generations and, behind a pointer to the first, what is frozen.
fn lists(py: Python<'_>) -> PyResult<[usize; 4]> {
    static LISTS: Once<Option<[usize; 4]>> = Once::new();
    LISTS.get_or_init(py, || find_lists(py)).ok_or_else(unknown)
}

fn find_lists(py: Python<'_>) -> Option<[usize; 4]> {
    let probe = PyList::empty(py);
    let probe = probe.as_ptr() as usize - HEAD;
    // SAFETY: the GIL is held.
    let state = unsafe { ffi::PyInterpreterState_Get() } as usize;
    let is_head = |node: usize| (state..state + STATE).contains(&node);
    // What is new stands at the end of its list: the head follows soon, as the only node that is part of the state.
    let mut node = probe;
    for _ in 0..100_000 {
        // SAFETY: a tracked object's head is in a list.
        node = unsafe { next(node) };
        if is_head(node) {
            break;
        }
    }
    let frozen = node + 3 * GENERATION + size_of::<usize>();
    let lists = [node, node + GENERATION, node + 2 * GENERATION, frozen];
    // SAFETY: all these lie in the interpreter's state if the first does; what they hold is compared.
    let fits = is_head(node)
        && unsafe {
            let word = |address: usize| (address as *const usize).read();
            let is_list = |head: usize| {
                let (next, previous) = (word(head) & !3, word(head + size_of::<usize>()) & !3);
                next != 0
                    && previous != 0
                    && word(next + size_of::<usize>()) & !3 == head
                    && word(previous) & !3 == head
            };
            word(node + 3 * GENERATION) == node && lists.iter().all(|head| is_list(*head))
        };
    fits.then_some(lists)
}
