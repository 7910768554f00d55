//! The parts of a function, read and written without an audit event: the program's hooks run Python code.

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::{Getter, Setter, function_code, function_globals, layout, replace_field, required};
use crate::once::Once;

/// A part that is None, in Python, when there is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    Defaults,
    KeywordDefaults,
    Closure,
}

fn access(part: Part) -> PyResult<(Getter, Setter)> {
    let symbols = required()?;
    Ok(match part {
        Part::Defaults => (symbols.function_get_defaults, symbols.function_set_defaults),
        Part::KeywordDefaults => (symbols.function_get_kwdefaults, symbols.function_set_kwdefaults),
        Part::Closure => (symbols.function_get_closure, symbols.function_set_closure),
    })
}

/// Whether something is a function, and of no other class.
pub fn is_function(object: &Bound<'_, PyAny>) -> bool {
    object.get_type().as_ptr() == function_type(object.py())
}

/// The type of all functions: never freed, so that its address can be kept.
pub fn function_type(py: Python<'_>) -> *mut ffi::PyObject {
    static TYPE: Once<usize> = Once::new();
    *TYPE.get_or_init(py, || {
        // Not from `types`, which a program may have of its own.
        py.eval(c"type(lambda: 0)", None, None).map_or(0, |found| found.into_ptr() as usize)
    }) as *mut ffi::PyObject
}

/// The type of code objects.
pub fn code_type(py: Python<'_>) -> *mut ffi::PyObject {
    static TYPE: Once<usize> = Once::new();
    *TYPE.get_or_init(py, || {
        py.eval(c"type((lambda: 0).__code__)", None, None).map_or(0, |found| found.into_ptr() as usize)
    }) as *mut ffi::PyObject
}

/// Whether a function may have attributes of its own. To ask for them would make a dict for each.
pub fn may_have_attributes(function: &Bound<'_, PyAny>) -> bool {
    let Some(field) = layout(function.py()).function_dict else { return true };
    // SAFETY: callers pass functions, in which the field was found by a self-test: a dict, or null if there is none.
    unsafe {
        let attributes = function.as_ptr().cast::<u8>().add(field).cast::<*mut ffi::PyObject>().read();
        !attributes.is_null() && ffi::PyDict_Size(attributes) != 0
    }
}

pub fn get<'py>(function: &Bound<'py, PyAny>, part: Part) -> PyResult<Bound<'py, PyAny>> {
    let py = function.py();
    let (get, _) = access(part)?;
    // SAFETY: callers pass functions; the result is borrowed from it, or null if there is none.
    unsafe {
        let found = get(function.as_ptr());
        Ok(if found.is_null() { py.None().into_bound(py) } else { Bound::from_borrowed_ptr(py, found) })
    }
}

/// Sets a part; what specialised calls know of the function stays right.
pub fn set(function: &Bound<'_, PyAny>, part: Part, value: &Bound<'_, PyAny>) -> PyResult<()> {
    let had_version = has_version(function)?;
    set_raw(function, part, value)?;
    if had_version { give_version(function) } else { Ok(()) }
}

fn set_raw(function: &Bound<'_, PyAny>, part: Part, value: &Bound<'_, PyAny>) -> PyResult<()> {
    let (_, set) = access(part)?;
    // SAFETY: the target is a function; the C function checks the value's type.
    match unsafe { set(function.as_ptr(), value.as_ptr()) } {
        0 => Ok(()),
        _ => Err(PyErr::fetch(function.py())),
    }
}

pub fn code<'py>(function: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: callers pass functions; the result is borrowed from it.
    Ok(unsafe { Bound::from_borrowed_ptr(function.py(), function_code(required()?, function.as_ptr())) })
}

/// The namespace that a function reads global names of.
pub fn globals<'py>(function: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: callers pass functions; the result is borrowed from it.
    Ok(unsafe { Bound::from_borrowed_ptr(function.py(), function_globals(required()?, function.as_ptr())) })
}

/// Gives a function its code and, if wanted, the cells for the code's free variables. The caller keeps what it had.
pub fn set_code(
    function: &Bound<'_, PyAny>,
    new: &Bound<'_, PyAny>,
    closure: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let py = function.py();
    let field = layout(py).function_code;
    if field.is_none() {
        return Err(PyRuntimeError::new_err("this interpreter's functions have an unknown layout"));
    }
    if new.get_type().as_ptr() != code(function)?.get_type().as_ptr() {
        return Err(PyValueError::new_err("this is no code"));
    }
    let held = match closure {
        Some(cells) => cells.clone(),
        None => get(function, Part::Closure)?,
    };
    let cells = if held.is_none() { 0 } else { held.cast::<PyTuple>()?.len() };
    if cells != new.getattr("co_freevars")?.cast::<PyTuple>()?.len() {
        return Err(PyValueError::new_err("the closure does not fit the code"));
    }
    let had_version = has_version(function)?;
    // Setting the defaults to what they are has the interpreter forget all that it derived from the function.
    set_raw(function, Part::Defaults, &get(function, Part::Defaults)?)?;
    if let Some(closure) = closure {
        set_raw(function, Part::Closure, closure)?;
    }
    drop(replace_field(function, field, new)?);
    if had_version { give_version(function) } else { Ok(()) }
}

/// Whether the function has the version of its code, as one that was just made.
pub fn has_version(function: &Bound<'_, PyAny>) -> PyResult<bool> {
    let Some(versions) = layout(function.py()).versions else { return Ok(false) };
    let code = code(function)?;
    // SAFETY: both fields were found by a self-test on objects of these types.
    let (own, of_code) = unsafe {
        (
            function.as_ptr().cast::<u8>().add(versions.function).cast::<u32>().read(),
            code.as_ptr().cast::<u8>().add(versions.code).cast::<u32>().read(),
        )
    };
    Ok(own == of_code && is_version(own))
}

/// 0 and 1 say that there is none.
fn is_version(version: u32) -> bool {
    version > 1
}

pub fn give_version(function: &Bound<'_, PyAny>) -> PyResult<()> {
    let (Some(versions), Some(set_version)) = (layout(function.py()).versions, required()?.function_set_version) else {
        return Ok(());
    };
    let code = code(function)?;
    // SAFETY: the field was found by a self-test; the function has lost its version before, as the C function demands.
    unsafe {
        let version = code.as_ptr().cast::<u8>().add(versions.code).cast::<u32>().read();
        if is_version(version) {
            set_version(function.as_ptr(), version);
        }
    }
    Ok(())
}

/// Takes the version away from a function's code, so that functions made of it later have none: calls of them are not specialised.
pub fn forget_code_version(py: Python<'_>, function: *mut ffi::PyObject) {
    if let (Some(field), Ok(symbols)) = (layout(py).code_version, required()) {
        // SAFETY: the field was found by a self-test on objects of this type; a code without a version is one that came when
        // CPython had run out of them.
        unsafe { function_code(symbols, function).cast::<u8>().add(field).cast::<u32>().write(0) };
    }
}
