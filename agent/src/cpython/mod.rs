//! Everything of CPython that is not in its limited API: functions found by name at run time, and struct fields found
//! by looking for known values in objects made for the purpose. What is not found as expected is not used.
//!
//! Checked on CPython 3.10.13, 3.11.7, 3.12.1, 3.13.0, 3.14 and 3.15 (builds with the GIL).

pub mod audit;
pub mod bodies;
pub mod collecting;
pub mod contexts;
pub mod frames;
pub mod functions;
pub mod hashing;
mod layout;
pub mod objects;
pub mod switches;
pub mod types;

pub use layout::{
    can_set_base, can_set_first_line, can_set_line_table, exchange_field, find_word, is_made_in_python, layout,
    replace_field, set_first_line,
};

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::OnceLock;

use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;

pub type VisitCallback = unsafe extern "C" fn(*mut ffi::PyObject, *mut c_void) -> c_int;
pub type AuditHook = unsafe extern "C" fn(*const c_char, *mut ffi::PyObject, *mut c_void) -> c_int;

type Getter = unsafe extern "C" fn(*mut ffi::PyObject) -> *mut ffi::PyObject;
type Setter = unsafe extern "C" fn(*mut ffi::PyObject, *mut ffi::PyObject) -> c_int;
type SetVersion = unsafe extern "C" fn(*mut ffi::PyObject, u32);
type VisitObjects = unsafe extern "C" fn(VisitCallback, *mut c_void);
type Pending = extern "C" fn(*mut c_void) -> c_int;
type AddPendingCallTo = unsafe extern "C" fn(*mut c_void, Pending, *mut c_void) -> c_int;
type AddAuditHook = unsafe extern "C" fn(AuditHook, *mut c_void) -> c_int;

/// Functions of CPython's public, but not limited, C API.
pub struct Symbols {
    pub function_get_code: Getter,
    pub function_get_globals: Getter,
    pub function_get_defaults: Getter,
    pub function_get_kwdefaults: Getter,
    pub function_get_closure: Getter,
    pub function_set_defaults: Setter,
    pub function_set_kwdefaults: Setter,
    pub function_set_closure: Setter,
    /// From 3.13: before, a function whose parts were set gets a new version by itself.
    pub function_set_version: Option<SetVersion>,
    /// From 3.12.
    pub visit_objects: Option<VisitObjects>,
    pub add_audit_hook: AddAuditHook,
}

/// A function of the interpreter by its name.
pub fn symbol(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: dlsym with the default handle only looks a name up; the name is a C string.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!found.is_null()).then_some(found)
}

/// The functions; nothing if this interpreter lacks one that is needed.
pub fn symbols() -> Option<&'static Symbols> {
    static SYMBOLS: OnceLock<Option<Symbols>> = OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "no Python is needed for it")]
    SYMBOLS
        .get_or_init(|| {
            // SAFETY: each type is that of the function's declaration in funcobject.h, sysmodule.h, objimpl.h and (the
            // version) pycore_function.h, unchanged from 3.10 to 3.15, or since the version that is named above.
            unsafe {
                let getter = |name| symbol(name).map(|found| std::mem::transmute::<*mut c_void, Getter>(found));
                let setter = |name| symbol(name).map(|found| std::mem::transmute::<*mut c_void, Setter>(found));
                Some(Symbols {
                    function_get_code: getter(c"PyFunction_GetCode")?,
                    function_get_globals: getter(c"PyFunction_GetGlobals")?,
                    function_get_defaults: getter(c"PyFunction_GetDefaults")?,
                    function_get_kwdefaults: getter(c"PyFunction_GetKwDefaults")?,
                    function_get_closure: getter(c"PyFunction_GetClosure")?,
                    function_set_defaults: setter(c"PyFunction_SetDefaults")?,
                    function_set_kwdefaults: setter(c"PyFunction_SetKwDefaults")?,
                    function_set_closure: setter(c"PyFunction_SetClosure")?,
                    function_set_version: symbol(c"_PyFunction_SetVersion")
                        .map(|found| std::mem::transmute::<*mut c_void, SetVersion>(found)),
                    visit_objects: symbol(c"PyUnstable_GC_VisitObjects")
                        .map(|found| std::mem::transmute::<*mut c_void, VisitObjects>(found)),
                    add_audit_hook: std::mem::transmute::<*mut c_void, AddAuditHook>(symbol(c"PySys_AddAuditHook")?),
                })
            }
        })
        .as_ref()
}

/// [`symbols`], or the error that a Python caller sees.
pub fn required() -> PyResult<&'static Symbols> {
    symbols().ok_or_else(|| PyRuntimeError::new_err("this interpreter lacks a C function that Hotsplice needs"))
}

/// The main interpreter's address, for [`call_soon`] before 3.12; 0 from there on, where it is not needed.
static MAIN: OnceLock<Option<usize>> = OnceLock::new();

/// What [`call_soon`] needs; called in the main interpreter, with the GIL held.
pub fn remember_interpreter(py: Python<'_>) {
    #[expect(clippy::disallowed_methods, reason = "no Python is needed for it")]
    MAIN.get_or_init(|| {
        if py.version_info() >= (3, 12) {
            return Some(0);
        }
        // SAFETY: the GIL is held.
        let interpreter = unsafe { ffi::PyInterpreterState_Get() } as usize;
        symbol(c"_PyEval_AddPendingCall").map(|_| interpreter)
    });
}

/// Whether this is the interpreter that the process began with.
#[pyfunction]
pub fn is_main_interpreter() -> bool {
    // SAFETY: the GIL is held in a function called from Python.
    unsafe { ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get()) == 0 }
}

/// Has the main thread call a function between two bytecodes. Needs no GIL. False if it won't.
pub fn call_soon(function: Pending) -> bool {
    match MAIN.get() {
        Some(Some(0)) => {
            // SAFETY: from 3.12 on this may be called from any thread.
            unsafe { ffi::Py_AddPendingCall(Some(function), std::ptr::null_mut()) == 0 }
        }
        // Before, `Py_AddPendingCall` finds the interpreter through whatever thread is current, which may be ending: it
        // has read freed memory. What it calls then takes the interpreter.
        Some(Some(interpreter)) => symbol(c"_PyEval_AddPendingCall").is_some_and(|add| {
            // SAFETY: the type is that of the function's declaration in 3.10's and 3.11's pycore_ceval.h; the main
            // interpreter lives as long as the process.
            unsafe {
                let add = std::mem::transmute::<*mut c_void, AddPendingCallTo>(add);
                add(*interpreter as *mut c_void, function, std::ptr::null_mut()) == 0
            }
        }),
        _ => false,
    }
}

/// The code object that a function runs; a borrowed pointer.
pub fn function_code(symbols: &Symbols, function: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: callers pass objects whose type is `function`; the result is borrowed from it.
    unsafe { (symbols.function_get_code)(function) }
}

/// The globals of a function; a borrowed pointer.
pub fn function_globals(symbols: &Symbols, function: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: callers pass objects whose type is `function`; the result is borrowed from it.
    unsafe { (symbols.function_get_globals)(function) }
}

/// CPython's own `gc`. Importing it would leave it in a program's `sys.modules`.
pub fn gc(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    py.import("hotsplice._loading")?.getattr("gc")
}
