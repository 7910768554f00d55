//! The frames that threads are at.

use std::ffi::c_void;
use std::sync::OnceLock;

use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::symbol;
use crate::once::Once;

type Head = unsafe extern "C" fn() -> *mut c_void;
type Next = unsafe extern "C" fn(*mut c_void) -> *mut c_void;
type Frame = unsafe extern "C" fn(*mut c_void) -> *mut ffi::PyObject;

/// C functions that debuggers are meant to use.
struct Walk {
    interpreters: Head,
    next_interpreter: Next,
    main: Head,
    threads: Next,
    next_thread: Next,
    frame: Frame,
}

fn walk() -> Option<&'static Walk> {
    static WALK: OnceLock<Option<Walk>> = OnceLock::new();
    // SAFETY: each type is that of the function's declaration in pystate.h, unchanged from 3.10 to 3.15.
    #[expect(clippy::disallowed_methods, reason = "no Python is needed for it")]
    WALK.get_or_init(|| unsafe {
        Some(Walk {
            interpreters: std::mem::transmute::<*mut c_void, Head>(symbol(c"PyInterpreterState_Head")?),
            next_interpreter: std::mem::transmute::<*mut c_void, Next>(symbol(c"PyInterpreterState_Next")?),
            main: std::mem::transmute::<*mut c_void, Head>(symbol(c"PyInterpreterState_Main")?),
            threads: std::mem::transmute::<*mut c_void, Next>(symbol(c"PyInterpreterState_ThreadHead")?),
            next_thread: std::mem::transmute::<*mut c_void, Next>(symbol(c"PyThreadState_Next")?),
            frame: std::mem::transmute::<*mut c_void, Frame>(symbol(c"PyThreadState_GetFrame")?),
        })
    })
    .as_ref()
}

/// `sys._current_frames()`. Where another interpreter with a GIL of its own runs, that aborts the process on CPython 3.12 and 3.13: then
/// only this interpreter's threads are looked at.
#[pyfunction]
pub fn current_frames(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let has_others = || {
        // SAFETY: the GIL is held; an interpreter that comes or goes meanwhile does so at the head of the list.
        walk().is_some_and(|walk| unsafe { !(walk.next_interpreter)((walk.interpreters)()).is_null() })
    };
    if !(py.version_info() >= (3, 12) && py.version_info() < (3, 14) && has_others()) {
        return py.import("sys")?.call_method0("_current_frames");
    }
    let unknown = || PyRuntimeError::new_err("this interpreter's threads have an unknown layout");
    let walk = walk().ok_or_else(unknown)?;
    let ident = ident_field(py).ok_or_else(unknown)?;
    let frames = PyDict::new(py);
    // SAFETY: this interpreter's GIL is held: its threads stand still, and end only with the GIL. The field was found by a self-test.
    unsafe {
        let mut thread = (walk.threads)((walk.main)());
        while !thread.is_null() {
            if let Some(frame) = Bound::from_owned_ptr_or_opt(py, (walk.frame)(thread)) {
                frames.set_item(thread.cast::<u8>().add(ident).cast::<usize>().read(), frame)?;
            }
            thread = (walk.next_thread)(thread);
        }
    }
    Ok(frames.into_any())
}

/// The state of the thread of this number, if there is one. It stays as long as the GIL is held.
pub fn state_of(py: Python<'_>, ident: usize) -> Option<*mut c_void> {
    let walk = walk()?;
    let field = ident_field(py)?;
    // SAFETY: as above.
    unsafe {
        let mut thread = (walk.threads)((walk.main)());
        while !thread.is_null() && thread.cast::<u8>().add(field).cast::<usize>().read() != ident {
            thread = (walk.next_thread)(thread);
        }
        (!thread.is_null()).then_some(thread)
    }
}

/// How much of a thread's state is searched: it is longer on every version.
const STATE: usize = 256;

/// Where a thread's state has the number that `threading` knows it by: the only place with the current thread's.
fn ident_field(py: Python<'_>) -> Option<usize> {
    static FIELD: Once<Option<usize>> = Once::new();
    *FIELD.get_or_init(py, || {
        let own: usize = py.import("_thread").ok()?.call_method0("get_ident").ok()?.extract().ok()?;
        // SAFETY: the GIL is held, so there is a current state; what is read lies within it.
        let found: Vec<usize> = unsafe {
            let state = ffi::PyThreadState_Get().cast::<u8>();
            (0..STATE).step_by(size_of::<usize>()).filter(|at| state.add(*at).cast::<usize>().read() == own).collect()
        };
        if let [field] = found[..] { Some(field) } else { None }
    })
}
