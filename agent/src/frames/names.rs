//! The tuple of names that a code object looks up. From 3.12 on a running frame reads it through its code at each use; before,
//! it is read once, when the frame is entered, and only its items can be exchanged.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::cpython::{self, layout};

/// Whether the names of a code object can be exchanged while it runs.
#[pyfunction]
pub fn can_set_names(py: Python<'_>) -> bool {
    py.version_info() >= (3, 12) && layout(py).code_names.is_some()
}

/// Gives a code object other names, as many as before; returns those that it had, which must outlive the code's use of them.
#[pyfunction]
pub fn set_names<'py>(code: &Bound<'py, PyAny>, names: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
    let py = code.py();
    let kind = py.import("types")?.getattr("CodeType")?;
    // SAFETY: a live object's type is read.
    let is_code = unsafe { ffi::Py_TYPE(code.as_ptr()).cast::<ffi::PyObject>() } == kind.as_ptr();
    if !is_code || !can_set_names(py) {
        return Err(pyo3::exceptions::PyTypeError::new_err("the names of this can't be exchanged"));
    }
    let before = code.getattr("co_names")?;
    if before.len()? != names.len() {
        return Err(pyo3::exceptions::PyValueError::new_err("a code object needs as many names as it had"));
    }
    cpython::replace_field(code, layout(py).code_names, names.as_any())
}

/// Writes an item of a tuple of names in place: every code object that has the tuple looks it up by the new name.
#[pyfunction]
pub fn set_name_in_place<'py>(
    names: &Bound<'py, PyTuple>,
    index: usize,
    name: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    if index >= names.len() {
        return Err(pyo3::exceptions::PyValueError::new_err("no such item in the tuple"));
    }
    let items = layout(names.py()).tuple_items;
    cpython::replace_field(names, items.map(|items| items + index * size_of::<usize>()), name)
}

/// Has specialised bytecode look its names up again: what it knows of a namespace ends when that gains a key. Nobody sees the key.
#[pyfunction]
pub fn look_again(namespace: &Bound<'_, PyDict>) -> PyResult<()> {
    const NOWHERE: &str = "<a name that is nowhere>";
    namespace.set_item(NOWHERE, namespace.py().None())?;
    namespace.del_item(NOWHERE)
}
