//! Guarded functions: a call of one that fails is put before whoever watches, and may be made again.
//!
//! Most functions are guarded by their code alone: it is known when something is raised below a call of it ([`crate::raising`]), and
//! the call begins again in its own frame ([`crate::frames::again`]). Functions that give their arguments other values, and those that
//! suspend, have a `vectorcall` of ours (PEP 590), by CPython's public `PyFunction_SetVectorcall`. Either way the function, its code
//! and all who hold it stay as they are, so that patches reach it as ever. Functions that are made later are guarded when they are made,
//! by a function watcher. All of it comes with CPython 3.12.

use std::collections::HashMap;
use std::ffi::{c_int, c_void};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::cpython::{self, functions, layout, symbol};
use crate::frames::Vectorcall;
use crate::patterns::{self, fits};
use crate::rebinding::Stores;
use crate::repeating::{self, DEEPEST, Made, Way};
use crate::{finalizing, frames, heap, raising};

type SetVectorcall = unsafe extern "C" fn(*mut ffi::PyObject, Vectorcall);
type GetVectorcall = unsafe extern "C" fn(*mut ffi::PyObject) -> Option<Vectorcall>;
type Watcher = extern "C" fn(c_int, *mut ffi::PyObject, *mut ffi::PyObject) -> c_int;
type AddWatcher = unsafe extern "C" fn(Watcher) -> c_int;

/// `PyFunction_EVENT_CREATE`.
const CREATED: c_int = 0;
/// `CO_GENERATOR`, `CO_COROUTINE`, `CO_ITERABLE_COROUTINE`, `CO_ASYNC_GENERATOR`.
const SUSPENDS: u32 = 0x20 | 0x80 | 0x100 | 0x200;

struct Api {
    set: SetVectorcall,
    get: GetVectorcall,
    /// What every function has that nobody has changed.
    plain: Vectorcall,
    /// What is called when a call has failed: `failed(function, arguments, named, error)`.
    failed: Py<PyAny>,
    /// What is called in place of a function that suspends: `suspending(function, arguments, named)`.
    suspending: Py<PyAny>,
    stores: Stores,
}

impl Api {
    /// What a function is called through, but for what a patch puts before it for a while.
    ///
    /// # Safety
    /// It is a live function.
    unsafe fn own(&self, function: *mut ffi::PyObject) -> Option<Vectorcall> {
        // SAFETY: by the caller's word.
        frames::beneath(function).or_else(|| unsafe { (self.get)(function) })
    }

    /// # Safety
    /// It is a live function.
    unsafe fn call_through(&self, function: *mut ffi::PyObject, wanted: Vectorcall) {
        if !frames::exchange_beneath(function, wanted) {
            // SAFETY: by the caller's word. What is specialised for the function is invalidated.
            unsafe { (self.set)(function, wanted) };
        }
    }
}

/// # Safety
/// It is a live function.
unsafe fn call_through(function: *mut ffi::PyObject, wanted: Vectorcall) {
    if let Some(api) = API.get() {
        // SAFETY: by the caller's word.
        unsafe { api.call_through(function, wanted) };
    }
}

static API: OnceLock<Api> = OnceLock::new();
/// Whether functions are guarded by their code where that can be: exceptions are seen where they are raised.
static BY_CODE: AtomicBool = AtomicBool::new(false);

/// Finds what is needed; `failed` and `suspending` are called as [`Api`] says, `opcodes` is `opcode.opmap`. Raises where this interpreter
/// lacks something.
#[pyfunction]
pub fn prepare_guards(
    py: Python<'_>,
    failed: Py<PyAny>,
    suspending: Py<PyAny>,
    opcodes: HashMap<String, u32>,
) -> PyResult<()> {
    if API.get().is_some() {
        return Ok(());
    }
    let lacks = || PyRuntimeError::new_err("functions of this interpreter can't be guarded from outside");
    if py.version_info() < (3, 12) || layout(py).code_version.is_none() {
        return Err(lacks());
    }
    let probe = py.eval(c"lambda: 0", None, None)?;
    // SAFETY: each type is that of the function's declaration in funcobject.h and abstract.h, unchanged from 3.12 to 3.15.
    let (set, get, watch) = unsafe {
        (
            std::mem::transmute::<*mut c_void, SetVectorcall>(symbol(c"PyFunction_SetVectorcall").ok_or_else(lacks)?),
            std::mem::transmute::<*mut c_void, GetVectorcall>(symbol(c"PyVectorcall_Function").ok_or_else(lacks)?),
            std::mem::transmute::<*mut c_void, AddWatcher>(symbol(c"PyFunction_AddWatcher").ok_or_else(lacks)?),
        )
    };
    // SAFETY: the probe is a live function, and the GIL is held.
    let plain = unsafe { get(probe.as_ptr()) }.ok_or_else(lacks)?;
    let _ = API.set(Api { set, get, plain, failed, suspending, stores: Stores::new(&opcodes) });
    // SAFETY: the GIL is held; the watcher lives as long as the process.
    if unsafe { watch(function_changed) } < 0 {
        // Without one, functions that are made later are guarded after the next patch only.
        return Err(PyErr::fetch(py));
    }
    Ok(())
}

/// Whether exceptions are seen where they are raised; else every guarded call goes through us.
#[pyfunction]
pub fn guard_by_code(py: Python<'_>, on: bool) {
    BY_CODE.store(on && frames::again::is_possible(py), Ordering::Release);
}

/// The function that a frame is a call of, if that is guarded.
#[pyfunction]
pub fn guarded_function<'py>(frame: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = frame.py();
    if !raising::is_known(frame.getattr("f_code")?.as_ptr() as usize) {
        return Ok(None);
    }
    Ok(frames::function_of(frame)?.filter(|function| fits(py, function.as_ptr())))
}

/// Whether calls of a function go through us, with the arguments that they began with.
#[pyfunction]
pub fn goes_through_guard(function: &Bound<'_, PyAny>) -> bool {
    functions::is_function(function) && API.get().is_some_and(|api| is_guarded(api, function.as_ptr()))
}

/// How many calls of a function this thread is in that go through us.
#[pyfunction]
pub fn entered_calls(function: &Bound<'_, PyAny>) -> usize {
    repeating::entered_calls(function.as_ptr())
}

/// Whether calls of a code may give their arguments other values.
#[pyfunction]
pub fn rebinds_arguments(code: &Bound<'_, PyAny>) -> bool {
    API.get().is_none_or(|api| api.stores.rebind(code).unwrap_or(true))
}

/// Guards what fits the pattern from now on; answers with the functions that are guarded now and were not.
#[pyfunction]
pub fn guard<'py>(py: Python<'py>, pattern: &str) -> PyResult<Vec<Bound<'py, PyAny>>> {
    patterns::add(pattern);
    guard_again(py)
}

/// Guards what fits the patterns and is not guarded, as far as the program has made it by now.
#[pyfunction]
pub fn guard_again(py: Python<'_>) -> PyResult<Vec<Bound<'_, PyAny>>> {
    let Some(api) = API.get() else { return Ok(Vec::new()) };
    let found = heap::functions(py, |_, function| fits(py, function))?;
    // Two steps: nothing is called while the heap is walked.
    Ok(found.into_iter().filter(|function| arm(api, py, function.as_ptr())).collect())
}

/// Lets functions go that were guarded by this pattern and by no other one; answers with them.
#[pyfunction]
pub fn let_go<'py>(py: Python<'py>, pattern: &str) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let Some(api) = API.get() else { return Ok(Vec::new()) };
    patterns::remove(pattern);
    let was_known = raising::forget_all();
    let found = heap::functions(py, |symbols, function| {
        let is_ours = is_guarded(api, function) || was_known(cpython::function_code(symbols, function) as usize);
        is_ours && !fits(py, function)
    })?;
    for function in found.iter().filter(|function| is_guarded(api, function.as_ptr())) {
        // SAFETY: it is a live function, and gets back what it had.
        unsafe { api.call_through(function.as_ptr(), api.plain) };
    }
    guard_again(py)?;
    Ok(found)
}

#[pyfunction]
pub fn guarded_patterns() -> Vec<String> {
    patterns::all()
}

/// Whether this thread makes a guarded call for another time.
#[pyfunction]
pub fn is_repeating(py: Python<'_>) -> bool {
    repeating::is_repeating() || frames::again::is_in_one(py)
}

/// Calls a guarded function as if it were not.
#[pyfunction]
pub fn call_unguarded<'py>(
    function: &Bound<'py, PyAny>,
    arguments: &Bound<'py, PyTuple>,
    named: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = function.py();
    let api = API.get().ok_or_else(|| PyRuntimeError::new_err("nothing is guarded"))?;
    if !functions::is_function(function) {
        return Err(PyRuntimeError::new_err("this is no function"));
    }
    let names = PyTuple::new(py, named.keys())?;
    let given: Vec<*mut ffi::PyObject> =
        arguments.iter().chain(named.values()).map(|argument| argument.as_ptr()).collect();
    // SAFETY: `given` holds what the tuple and the dictionary hold, which live until the call ends; the count is that of the
    // positional ones, and the names are those of the rest.
    let result = unsafe { (api.plain)(function.as_ptr(), given.as_ptr(), arguments.len(), names.as_ptr()) };
    // SAFETY: the call gives a new reference, or null with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(py, result) }
}

fn is_guarded(api: &Api, function: *mut ffi::PyObject) -> bool {
    // SAFETY: callers pass live functions.
    let own = unsafe { api.own(function) };
    own.is_some_and(|own| {
        [guarded_call as Vectorcall, guarded_suspending].iter().any(|ours| *ours as usize == own as usize)
    })
}

/// Gives a function our `vectorcall`. False if it has it, or another one than all functions have.
fn arm(api: &Api, py: Python<'_>, function: *mut ffi::PyObject) -> bool {
    let Ok(symbols) = cpython::required() else { return false };
    // SAFETY: the function is alive; its code is borrowed from it.
    let code = unsafe { Bound::from_borrowed_ptr(py, cpython::function_code(symbols, function)) };
    let Ok(flags) = code.getattr("co_flags").and_then(|flags| flags.extract::<u32>()) else { return false };
    let suspends = flags & SUSPENDS != 0;
    let wanted: Vectorcall = if suspends { guarded_suspending } else { guarded_call };
    // SAFETY: as above.
    let own = unsafe { api.own(function) };
    let was_plain = own.is_some_and(|own| own as usize == api.plain as usize);
    let is_new = !suspends && raising::add(code.as_ptr() as usize);
    // What can't be read is taken for the worse.
    if !suspends && BY_CODE.load(Ordering::Acquire) && !api.stores.rebind(&code).unwrap_or(true) {
        if is_guarded(api, function) {
            // SAFETY: the function is alive, and gets back what it had.
            unsafe { api.call_through(function, api.plain) };
            functions::forget_code_version(py, function);
        }
        return is_new;
    }
    if !was_plain && !is_guarded(api, function) {
        // Somebody else calls it in a way of their own.
        return false;
    }
    // SAFETY: the function is alive. What is specialised for it is invalidated by the call.
    unsafe { api.call_through(function, wanted) };
    functions::forget_code_version(py, function);
    was_plain
}

/// A function has other code from now on: if it was guarded it stays so, also if it is called before anybody has looked. What suspends is
/// guarded in another way. Runs no code of the program.
pub fn recoded(former: &Bound<'_, PyAny>, code: &Bound<'_, PyAny>) {
    if !raising::is_known(former.as_ptr() as usize) {
        return;
    }
    let flags = code.getattr("co_flags").and_then(|flags| flags.extract::<u32>());
    if flags.is_ok_and(|flags| flags & SUSPENDS == 0) {
        raising::add(code.as_ptr() as usize);
    }
}

/// Called by CPython with the GIL held, when a function was made or changed. Runs no code of the program.
extern "C" fn function_changed(event: c_int, function: *mut ffi::PyObject, _new: *mut ffi::PyObject) -> c_int {
    if event == CREATED
        && let Some(api) = API.get()
    {
        // SAFETY: watchers are called with the GIL held.
        let py = unsafe { Python::assume_attached() };
        if fits(py, function) {
            arm(api, py, function);
        }
    }
    0
}

/// What a guarded function is called through.
unsafe extern "C-unwind" fn guarded_call(
    function: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    let Some(api) = API.get() else { return std::ptr::null_mut() };
    let way = Way { plain: api.plain, own: guarded_call, set: call_through, deepest: DEEPEST, failed: &api.failed };
    // SAFETY: the arguments are those that we were called with.
    unsafe { repeating::called(&way, Made { function, arguments, count, names }) }
}

/// What a guarded generator function, or one that makes a coroutine, is called through.
unsafe extern "C-unwind" fn guarded_suspending(
    function: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    let Some(api) = API.get() else { return std::ptr::null_mut() };
    // SAFETY: a function is called with the GIL held.
    let py = unsafe { Python::assume_attached() };
    // SAFETY: the arguments are those that we were called with.
    let call = unsafe { Made { function, arguments, count, names }.taken(py) };
    let made = call.and_then(|(function, arguments, named)| {
        finalizing::call(api.suspending.bind(py), &(function, arguments, named).into_pyobject(py)?)
    });
    match made {
        Ok(made) => made.into_ptr(),
        Err(error) => {
            error.restore(py);
            std::ptr::null_mut()
        }
    }
}
