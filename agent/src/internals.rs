//! Everything of CPython that is not in its limited API: functions found by name at run time, and struct fields found
//! by looking for known values in objects made for the purpose. What is not found as expected is not used.
//!
//! Checked on CPython 3.10.13, 3.11.7, 3.12.1, 3.13.0, 3.14 and 3.15 (builds with the GIL).

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::OnceLock;

use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};

pub type VisitCallback = unsafe extern "C" fn(*mut ffi::PyObject, *mut c_void) -> c_int;
pub type AuditHook = unsafe extern "C" fn(*const c_char, *mut ffi::PyObject, *mut c_void) -> c_int;

type Getter = unsafe extern "C" fn(*mut ffi::PyObject) -> *mut ffi::PyObject;
type SetClosure = unsafe extern "C" fn(*mut ffi::PyObject, *mut ffi::PyObject) -> c_int;
type VisitObjects = unsafe extern "C" fn(VisitCallback, *mut c_void);
type Pending = extern "C" fn(*mut c_void) -> c_int;
type AddPendingCallTo = unsafe extern "C" fn(*mut c_void, Pending, *mut c_void) -> c_int;
type AddAuditHook = unsafe extern "C" fn(AuditHook, *mut c_void) -> c_int;

/// Functions of CPython's public, but not limited, C API.
pub struct Symbols {
    pub function_get_code: Getter,
    pub function_get_globals: Getter,
    pub function_set_closure: SetClosure,
    /// From 3.12.
    pub visit_objects: Option<VisitObjects>,
    pub add_audit_hook: AddAuditHook,
}

fn symbol(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: dlsym with the default handle only looks a name up; the name is a C string.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!found.is_null()).then_some(found)
}

/// The functions; nothing if this interpreter lacks one that is needed.
pub fn symbols() -> Option<&'static Symbols> {
    static SYMBOLS: OnceLock<Option<Symbols>> = OnceLock::new();
    SYMBOLS
        .get_or_init(|| {
            // SAFETY: each type is that of the function's declaration in funcobject.h, sysmodule.h and objimpl.h,
            // unchanged from 3.10 to 3.15 (PyUnstable_GC_VisitObjects: from 3.12).
            unsafe {
                Some(Symbols {
                    function_get_code: std::mem::transmute::<*mut c_void, Getter>(symbol(c"PyFunction_GetCode")?),
                    function_get_globals: std::mem::transmute::<*mut c_void, Getter>(symbol(c"PyFunction_GetGlobals")?),
                    function_set_closure: std::mem::transmute::<*mut c_void, SetClosure>(symbol(
                        c"PyFunction_SetClosure",
                    )?),
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

/// Offsets in bytes of fields that no API sets, each found by a self-test.
pub struct Layout {
    pub function_globals: Option<usize>,
    pub function_builtins: Option<usize>,
    pub function_code: Option<usize>,
    pub tuple_items: Option<usize>,
    pub code_first_line: Option<usize>,
    pub code_line_table: Option<usize>,
    pub type_base: Option<usize>,
}

/// Finds the fields, once. Needs the GIL.
pub fn layout(py: Python<'_>) -> &'static Layout {
    static LAYOUT: OnceLock<Layout> = OnceLock::new();
    LAYOUT.get_or_init(|| {
        find_layout(py).unwrap_or(Layout {
            function_globals: None,
            function_builtins: None,
            function_code: None,
            tuple_items: None,
            code_first_line: None,
            code_line_table: None,
            type_base: None,
        })
    })
}

fn find_layout(py: Python<'_>) -> PyResult<Layout> {
    let globals = PyDict::new(py);
    let builtins = PyDict::new(py);
    globals.set_item("__builtins__", &builtins)?;
    let code =
        py.import("builtins")?.getattr("compile")?.call1(("def probe(): pass\nprobe()", "<hotsplice>", "exec"))?;
    let probe_code = code.getattr("co_consts")?.get_item(0)?;
    let function = py.import("types")?.getattr("FunctionType")?.call1((&probe_code, &globals))?;
    let pair = PyTuple::new(py, [&globals, &builtins])?;
    let base = made_class(py, py.get_type::<PyAny>().as_any())?;
    Ok(Layout {
        function_globals: find_pointer(&function, globals.as_any(), OBJECT),
        function_builtins: find_pointer(&function, builtins.as_any(), OBJECT),
        function_code: find_pointer(&function, &probe_code, OBJECT),
        tuple_items: find_pointer(pair.as_any(), globals.as_any(), OBJECT),
        code_first_line: find_first_line(py, &probe_code)?,
        code_line_table: find_pointer(&probe_code, &probe_code.getattr("co_linetable")?, OBJECT),
        type_base: find_pointer(&made_class(py, &base)?, &base, TYPE),
    })
}

/// How much of an object is searched for a field: the part that `tp_base` of a type lies in is further back.
const OBJECT: usize = 240;
const TYPE: usize = 320;

/// What `class probe(base): pass` makes.
fn made_class<'py>(py: Python<'py>, base: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    py.get_type::<PyType>().call1(("probe", (base,), PyDict::new(py)))
}

/// The only place in an object's first bytes that holds a pointer to another object.
fn find_pointer(object: &Bound<'_, PyAny>, target: &Bound<'_, PyAny>, most: usize) -> Option<usize> {
    // By the type: a class's own `__sizeof__` is that of its instances.
    let size = object.get_type().getattr("__sizeof__").ok()?.call1((object,)).ok()?.extract::<usize>().ok()?.min(most);
    let header = 2 * size_of::<usize>();
    let found: Vec<usize> = (header..size.saturating_sub(size_of::<usize>() - 1))
        .step_by(size_of::<usize>())
        // SAFETY: the offset lies within the object, whose size `__sizeof__` gives, and is aligned to a pointer.
        .filter(|&offset| unsafe {
            *object.as_ptr().cast::<u8>().add(offset).cast::<*mut ffi::PyObject>() == target.as_ptr()
        })
        .collect();
    match found[..] {
        [offset] => Some(offset),
        _ => None,
    }
}

fn find_first_line(py: Python<'_>, code: &Bound<'_, PyAny>) -> PyResult<Option<usize>> {
    // 3.11 caches absolute lines beside the table once code was traced.
    if py.version_info() >= (3, 11) && py.version_info() < (3, 12) {
        return Ok(None);
    }
    const MARK: i32 = 0x2BAD_51CE;
    let arguments = PyDict::new(py);
    arguments.set_item("co_firstlineno", MARK)?;
    let marked = code.call_method("replace", (), Some(&arguments))?;
    let size = marked.call_method0("__sizeof__")?.extract::<usize>()?.min(160);
    let header = 2 * size_of::<usize>();
    let found: Vec<usize> = (header..size.saturating_sub(3))
        .step_by(size_of::<i32>())
        // SAFETY: the offset lies within the object and is aligned to an int.
        .filter(|&offset| unsafe { *marked.as_ptr().cast::<u8>().add(offset).cast::<i32>() == MARK })
        .collect();
    let [offset] = found[..] else { return Ok(None) };
    // SAFETY: as above; the object was made here and nothing else knows it.
    unsafe { *marked.as_ptr().cast::<u8>().add(offset).cast::<i32>() = 1000 };
    let first_line: i32 = marked.getattr("co_firstlineno")?.extract()?;
    let lines: Vec<(u32, u32, Option<i32>)> =
        marked.call_method0("co_lines")?.try_iter()?.map(|item| item?.extract()).collect::<PyResult<_>>()?;
    let follows = lines.iter().all(|(_, _, line)| line.is_none_or(|line| line == 1000));
    Ok((first_line == 1000 && follows).then_some(offset))
}

/// Whether `co_firstlineno` can be changed in place, so that running calls have right lines too.
#[pyfunction]
pub fn can_set_first_line(py: Python<'_>) -> bool {
    layout(py).code_first_line.is_some()
}

/// Whether a code object's table of lines can be exchanged in place.
#[pyfunction]
pub fn can_set_line_table(py: Python<'_>) -> bool {
    layout(py).code_line_table.is_some()
}

/// Whether the first base of a class can be exchanged where `__bases__` alone refuses.
#[pyfunction]
pub fn can_set_base(py: Python<'_>) -> bool {
    layout(py).type_base.is_some()
}

/// Whether a class was made by a class statement, and not in C: objects of both are freed by the same function.
#[pyfunction]
pub fn is_made_in_python(py: Python<'_>, class: &Bound<'_, PyType>) -> PyResult<bool> {
    let probe = made_class(py, py.get_type::<PyAny>().as_any())?;
    // SAFETY: both are types, and PyType_GetSlot takes any type from 3.10 on.
    unsafe {
        let slot = |class: *mut ffi::PyObject| ffi::PyType_GetSlot(class.cast(), ffi::Py_tp_dealloc);
        Ok(slot(class.as_ptr()) == slot(probe.as_ptr()))
    }
}

/// Reads a code object's first line and writes another one.
pub fn set_first_line(code: &Bound<'_, PyAny>, line: i32) -> PyResult<()> {
    let offset = layout(code.py())
        .code_first_line
        .ok_or_else(|| PyRuntimeError::new_err("this interpreter's code objects have an unknown layout"))?;
    // SAFETY: the offset is that of `co_firstlineno`, an int, as the self-test on this very interpreter found; the GIL
    // is held, and no reader keeps the value across bytecodes.
    unsafe { *code.as_ptr().cast::<u8>().add(offset).cast::<i32>() = line };
    Ok(())
}

/// Puts `value` into a pointer field and returns what was there. The reference that the field held is the result's.
pub fn replace_field<'py>(
    object: &Bound<'py, PyAny>,
    offset: Option<usize>,
    value: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let offset = offset.ok_or_else(|| PyRuntimeError::new_err("this interpreter's objects have an unknown layout"))?;
    // SAFETY: the offset was found by a self-test on an object of the same type, the field is never null there, the GIL
    // is held; the new value's reference is given to the field, the old one's taken from it.
    unsafe {
        let field = object.as_ptr().cast::<u8>().add(offset).cast::<*mut ffi::PyObject>();
        let old = std::mem::replace(&mut *field, value.clone().into_ptr());
        Ok(Bound::from_owned_ptr(object.py(), old))
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
