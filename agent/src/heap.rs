//! Finding live objects: one pass over everything that the garbage collector tracks.

use std::collections::{HashMap, HashSet};
use std::ffi::{c_int, c_void};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use crate::internals::{self, Symbols};

/// CPython 3.12 freezes some hundred objects of its own when it starts; a program that calls `gc.freeze()` has thousands.
const FROZEN_BY_CPYTHON: usize = 1000;

/// Calls `wanted` for every tracked object; those that it says yes to are returned.
fn scan<'py>(py: Python<'py>, mut wanted: impl FnMut(*mut ffi::PyObject) -> bool) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let symbols = internals::required()?;
    let mut found: Vec<Bound<'py, PyAny>> = Vec::new();
    match symbols.visit_objects {
        Some(visit_objects) => {
            struct State<'a> {
                wanted: &'a mut dyn FnMut(*mut ffi::PyObject) -> bool,
                found: Vec<*mut ffi::PyObject>,
            }
            unsafe extern "C" fn visit(object: *mut ffi::PyObject, state: *mut c_void) -> c_int {
                // SAFETY: `state` is the State below, borrowed for the duration of the visit.
                let state = unsafe { &mut *state.cast::<State<'_>>() };
                if (state.wanted)(object) {
                    // SAFETY: the object is alive while it is visited, and the GIL is held.
                    unsafe { ffi::Py_INCREF(object) };
                    state.found.push(object);
                }
                1
            }
            let mut state = State { wanted: &mut wanted, found: Vec::new() };
            // SAFETY: the callback allocates no Python object and runs no Python code, as the function demands.
            unsafe { visit_objects(visit, (&raw mut state).cast()) };
            // SAFETY: each reference was taken in the callback.
            found.extend(state.found.into_iter().map(|object| unsafe { Bound::from_owned_ptr(py, object) }));
        }
        None => {
            let objects = py.import("gc")?.call_method0("get_objects")?;
            let objects = objects.cast_into::<PyList>()?;
            found.extend(objects.iter().filter(|object| wanted(object.as_ptr())));
        }
    }
    if py.import("gc")?.call_method0("get_freeze_count")?.extract::<usize>()? > FROZEN_BY_CPYTHON {
        add_frozen(py, &mut wanted, &mut found)?;
    }
    Ok(found)
}

/// `gc.freeze()` hides objects from the collector's lists: those are found by walking from the modules.
fn add_frozen<'py>(
    py: Python<'py>,
    wanted: &mut impl FnMut(*mut ffi::PyObject) -> bool,
    found: &mut Vec<Bound<'py, PyAny>>,
) -> PyResult<()> {
    let known: HashSet<usize> = found.iter().map(|object| object.as_ptr() as usize).collect();
    let get_referents = py.import("gc")?.getattr("get_referents")?;
    let mut seen = HashSet::new();
    let mut pending = vec![py.import("sys")?.getattr("modules")?];
    while let Some(object) = pending.pop() {
        for item in get_referents.call1((&object,))?.cast::<PyList>()?.iter() {
            let address = item.as_ptr() as usize;
            if !seen.insert(address) {
                continue;
            }
            if !known.contains(&address) && wanted(item.as_ptr()) {
                found.push(item.clone());
            }
            pending.push(item);
        }
    }
    Ok(())
}

/// Types compared by address: no attribute of the objects is looked at.
fn function_type(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    py.import("types")?.getattr("FunctionType")
}

fn is_exactly(object: *mut ffi::PyObject, kind: &Bound<'_, PyAny>) -> bool {
    // SAFETY: callers pass live objects.
    unsafe { ffi::Py_TYPE(object).cast::<ffi::PyObject>() == kind.as_ptr() }
}

fn functions<'py>(
    py: Python<'py>,
    mut wanted: impl FnMut(&Symbols, *mut ffi::PyObject) -> bool,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let symbols = internals::required()?;
    let kind = function_type(py)?;
    scan(py, |object| is_exactly(object, &kind) && wanted(symbols, object))
}

/// For each code object, every live function that runs it.
#[pyfunction]
pub fn functions_of<'py>(py: Python<'py>, codes: &Bound<'py, PyList>) -> PyResult<Bound<'py, PyList>> {
    let by_code: HashMap<usize, Bound<'py, PyList>> =
        codes.iter().map(|code| (code.as_ptr() as usize, PyList::empty(py))).collect();
    let symbols = internals::required()?;
    let found = functions(py, |symbols, function| {
        by_code.contains_key(&(internals::function_code(symbols, function) as usize))
    })?;
    for function in found {
        let code = internals::function_code(symbols, function.as_ptr()) as usize;
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
    functions(py, |symbols, function| internals::function_globals(symbols, function) == globals.as_ptr())
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
    let found = py.import("gc")?.getattr("get_referrers")?.call1(&arguments)?;
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
    let symbols = internals::required()?;
    let mut held: HashMap<usize, isize> = HashMap::new();
    for code in holders.iter() {
        count_constants(&code, &mut held)?;
    }
    let root = internals::function_code(symbols, function.as_ptr());
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
