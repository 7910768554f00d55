//! Functions, part by part, and the lines of code objects.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};

use super::Log;
use super::attributes::attribute;
use crate::internals::{self, layout};

/// Attributes of a function that are set as such, by the name of the part.
const FUNCTION_ATTRIBUTES: &[(&str, &str)] = &[
    ("defaults", "__defaults__"),
    ("kwdefaults", "__kwdefaults__"),
    ("annotate", "__annotate__"),
    ("annotations", "__annotations__"),
    ("doc", "__doc__"),
    ("name", "__name__"),
    ("qualname", "__qualname__"),
    ("module", "__module__"),
    ("type_params", "__type_params__"),
];

pub(super) fn function<'py>(
    target: &Bound<'py, PyAny>,
    parts: &Bound<'py, PyDict>,
    log: &mut Log<'py>,
) -> PyResult<()> {
    let known = |name: &str| {
        matches!(name, "code" | "closure" | "globals" | "builtins")
            || FUNCTION_ATTRIBUTES.iter().any(|(part, _)| *part == name)
    };
    for key in parts.keys() {
        if !known(key.extract::<&str>()?) {
            return Err(PyValueError::new_err(format!("a function has no part {key}")));
        }
    }
    let py = target.py();
    if target.get_type().name()? != "function" {
        return Err(PyTypeError::new_err("this is no function"));
    }
    for (part, find) in [("globals", layout(py).function_globals), ("builtins", layout(py).function_builtins)] {
        if let Some(value) = parts.get_item(part)? {
            let old = internals::replace_field(target, find, &value)?;
            log.keep(&old)?;
            let target = target.clone();
            log.undo_with(move || internals::replace_field(&target, find, &old).map(drop));
        }
    }
    if let Some(code) = parts.get_item("code")? {
        let old_code = target.getattr("__code__")?;
        let old_closure = target.getattr("__closure__")?;
        log.keep(&old_code)?;
        log.keep(&old_closure)?;
        let closure = parts.get_item("closure")?;
        // The closure alone does not fit the old code: no bytecode runs until both are set.
        set_code(target, &code, closure.as_ref())?;
        let changes_closure = closure.is_some();
        let target = target.clone();
        log.undo_with(move || set_code(&target, &old_code, changes_closure.then_some(&old_closure)));
    } else if parts.contains("closure")? {
        return Err(PyValueError::new_err("a closure goes with its code"));
    }
    for (part, name) in FUNCTION_ATTRIBUTES {
        if let Some(value) = parts.get_item(part)? {
            attribute(target, PyString::intern(py, name).into_any(), Some(value), ffi::PyObject_SetAttr, log)?;
        }
    }
    Ok(())
}

/// Gives a function its code and, if wanted, the cells for the code's free variables.
fn set_code<'py>(
    function: &Bound<'py, PyAny>,
    code: &Bound<'py, PyAny>,
    closure: Option<&Bound<'py, PyAny>>,
) -> PyResult<()> {
    let set_closure = |closure: &Bound<'py, PyAny>| {
        let symbols = internals::required()?;
        // SAFETY: the target is a function and the closure None or a tuple: the C function checks both.
        match unsafe { (symbols.function_set_closure)(function.as_ptr(), closure.as_ptr()) } {
            0 => Ok(()),
            _ => Err(PyErr::fetch(function.py())),
        }
    };
    let old_closure = function.getattr("__closure__")?;
    if let Some(closure) = closure {
        set_closure(closure)?;
    }
    let result = if is_generator_like(code)? == is_generator_like(&function.getattr("__code__")?)? {
        function.setattr("__code__", code)
    } else {
        exchange_code(function, code)
    };
    if result.is_err() && closure.is_some() {
        set_closure(&old_closure)?;
    }
    result
}

/// Flags that make a call give a generator, a coroutine or an async generator (`inspect.CO_GENERATOR` and so on).
fn is_generator_like(code: &Bound<'_, PyAny>) -> PyResult<u32> {
    Ok(code.getattr("co_flags")?.extract::<u32>()? & (0x20 | 0x80 | 0x100 | 0x200))
}

/// Setting `__code__` warns from 3.13 on when a function becomes a generator or stops being one, and a warning runs Python
/// code. So the field is written, and setting the defaults to what they are makes specialised calls look again.
fn exchange_code<'py>(function: &Bound<'py, PyAny>, code: &Bound<'py, PyAny>) -> PyResult<()> {
    let py = function.py();
    if py.version_info() < (3, 13) {
        return function.setattr("__code__", code);
    }
    let old = internals::replace_field(function, layout(py).function_code, code)?;
    let defaults = function.getattr("__defaults__")?;
    function.setattr("__defaults__", defaults)?;
    drop(old);
    Ok(())
}

pub(super) fn first_line<'py>(target: &Bound<'py, PyAny>, line: i32, log: &mut Log<'py>) -> PyResult<()> {
    let old: i32 = target.getattr("co_firstlineno")?.extract()?;
    internals::set_first_line(target, line)?;
    let target = target.clone();
    log.undo_with(move || internals::set_first_line(&target, old));
    Ok(())
}

/// Where the bytecodes of a code object stand in the text, for one that runs and whose own code stays as it is.
pub(super) fn line_table<'py>(
    target: &Bound<'py, PyAny>,
    table: Bound<'py, PyAny>,
    log: &mut Log<'py>,
) -> PyResult<()> {
    table.cast::<PyBytes>()?;
    let offset = layout(target.py()).code_line_table;
    let old = internals::replace_field(target, offset, &table)?;
    log.keep(&old)?;
    let target = target.clone();
    log.undo_with(move || internals::replace_field(&target, offset, &old).map(drop));
    Ok(())
}
