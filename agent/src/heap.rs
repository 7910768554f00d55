//! Finding live objects: one pass over everything that the garbage collector tracks.

use std::collections::HashMap;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use crate::cpython::functions::function_type;
use crate::cpython::{self, Symbols, objects};

/// The objects that are wanted.
fn scan<'py>(py: Python<'py>, mut wanted: impl FnMut(*mut ffi::PyObject) -> bool) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let mut found: Vec<*mut ffi::PyObject> = Vec::new();
    objects::for_each(py, |object| {
        if wanted(object) {
            found.push(object);
        }
    })?;
    // SAFETY: they were seen alive, and nothing was let go since: the GIL is held and no Python code has run.
    Ok(found.into_iter().map(|object| unsafe { Bound::from_borrowed_ptr(py, object) }).collect())
}

/// Types compared by address: no attribute of the objects is looked at.
fn is_exactly(object: *mut ffi::PyObject, kind: &Bound<'_, PyAny>) -> bool {
    // SAFETY: callers pass live objects.
    unsafe { ffi::Py_TYPE(object).cast::<ffi::PyObject>() == kind.as_ptr() }
}

fn functions<'py>(
    py: Python<'py>,
    mut wanted: impl FnMut(&Symbols, *mut ffi::PyObject) -> bool,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let symbols = cpython::required()?;
    let kind = function_type(py);
    // SAFETY: the objects are alive while they are visited.
    scan(py, |object| unsafe { ffi::Py_TYPE(object).cast() == kind } && wanted(symbols, object))
}

/// For each code object, every live function that runs it.
#[pyfunction]
pub fn functions_of<'py>(py: Python<'py>, codes: &Bound<'py, PyList>) -> PyResult<Bound<'py, PyList>> {
    let by_code: HashMap<usize, Bound<'py, PyList>> =
        codes.iter().map(|code| (code.as_ptr() as usize, PyList::empty(py))).collect();
    let symbols = cpython::required()?;
    let found =
        functions(py, |symbols, function| by_code.contains_key(&(cpython::function_code(symbols, function) as usize)))?;
    for function in found {
        let code = cpython::function_code(symbols, function.as_ptr()) as usize;
        if let Some(list) = by_code.get(&code) {
            list.append(function)?;
        }
    }
    PyList::new(py, codes.iter().map(|code| by_code[&(code.as_ptr() as usize)].clone()))
}

/// Every live function whose code was compiled from a file of this name.
#[pyfunction]
pub fn functions_of_file<'py>(py: Python<'py>, filename: &str) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let all = functions(py, |_, _| true)?;
    Ok(all
        .into_iter()
        .filter(|function| {
            let name = function.getattr("__code__").and_then(|code| code.getattr("co_filename"));
            name.is_ok_and(|name| name.extract::<&str>().is_ok_and(|name| name == filename))
        })
        .collect())
}

/// Every live function whose globals are this very dict.
#[pyfunction]
pub fn functions_with_globals<'py>(py: Python<'py>, globals: &Bound<'py, PyDict>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    functions(py, |symbols, function| cpython::function_globals(symbols, function) == globals.as_ptr())
}

/// Every live object whose type is exactly one of these.
#[pyfunction]
#[pyo3(signature = (*kinds))]
pub fn objects_of_type<'py>(py: Python<'py>, kinds: &Bound<'py, PyTuple>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let kinds: Vec<_> = kinds.iter().collect();
    scan(py, |object| kinds.iter().any(|kind| is_exactly(object, kind)))
}

/// Like `gc.get_referrers`, without the list of targets itself.
#[pyfunction]
pub fn referrers<'py>(py: Python<'py>, targets: &Bound<'py, PyList>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let arguments = PyTuple::new(py, targets.iter())?;
    let found = cpython::gc(py)?.getattr("get_referrers")?.call1(&arguments)?;
    let found = found.cast_into::<PyList>()?;
    Ok(found.iter().filter(|object| !object.is(targets) && !object.is(&arguments)).collect())
}

/// The reference count as the object has it.
#[pyfunction]
pub fn reference_count(object: &Bound<'_, PyAny>) -> isize {
    // SAFETY: the object is alive; the count is only read.
    unsafe { ffi::Py_REFCNT(object.as_ptr()) as isize }
}

/// Whether anything but `function` (and the code around it) may hold the function's code or what is nested in it: other
/// functions, frames, a debugger. `holders` gives code objects that are known to hold others among their constants.
///
/// The answer comes from reference counts alone, so that most patches need no pass over the heap. The caller must hold
/// no reference to the code itself.
#[pyfunction]
pub fn is_shared(function: &Bound<'_, PyAny>, holders: &Bound<'_, PyList>) -> PyResult<bool> {
    let symbols = cpython::required()?;
    let mut held: HashMap<usize, isize> = HashMap::new();
    for code in holders.iter() {
        count_constants(&code, &mut held)?;
    }
    let root = cpython::function_code(symbols, function.as_ptr());
    // SAFETY: the function is alive and its code is borrowed from it.
    let count = unsafe { ffi::Py_REFCNT(root) as isize };
    if count != 1 + held.get(&(root as usize)).copied().unwrap_or(0) {
        return Ok(true);
    }
    // SAFETY: as above; the reference is dropped at the end of this function.
    let root = unsafe { Bound::from_borrowed_ptr(function.py(), root) };
    let mut own = HashMap::new();
    count_constants(&root, &mut own)?;
    Ok(own.iter().any(|(&code, &references)| {
        // SAFETY: code objects among the constants of `root`, which is alive.
        let count = unsafe { ffi::Py_REFCNT(code as *mut ffi::PyObject) as isize };
        count != references
    }))
}

/// Counts how often each code object stands among the constants of others.
fn count_constants(code: &Bound<'_, PyAny>, held: &mut HashMap<usize, isize>) -> PyResult<()> {
    let constants = code.getattr("co_consts")?;
    for constant in constants.cast::<PyTuple>()?.iter_borrowed() {
        if constant.get_type().is(code.get_type()) {
            *held.entry(constant.as_ptr() as usize).or_insert(0) += 1;
            count_constants(&constant, held)?;
        }
    }
    Ok(())
}
