//! The content of a deque. What the program appended since the plan was made stays.

use std::sync::OnceLock;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::ProgramChanged;
use super::journal::{Inverse, Journal};

/// `collections.deque`; its methods are taken from it, so that a subclass in Python is not asked.
pub(super) fn deque<'py>(py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
    static TYPE: OnceLock<Py<PyAny>> = OnceLock::new();
    if TYPE.get().is_none() {
        let _ = TYPE.set(py.import("hotsplice._loading")?.getattr("deque")?.unbind());
    }
    TYPE.get().map(|kind| kind.bind(py).clone()).ok_or_else(|| PyValueError::new_err("no deque"))
}

pub(super) fn is_deque(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    let kind = deque(value.py())?;
    // SAFETY: both are types.
    Ok(unsafe { pyo3::ffi::PyType_IsSubtype(value.get_type().as_type_ptr(), kind.as_ptr().cast()) } != 0)
}

/// Gives a deque other items in place of those that it held when the plan was made. If it changed otherwise than by what was
/// appended, that is a [`ProgramChanged`].
pub(super) fn content<'py>(
    target: &Bound<'py, PyAny>,
    before: &Bound<'py, PyList>,
    items: &Bound<'py, PyList>,
    journal: &mut Journal<'py>,
) -> PyResult<()> {
    let old = PyList::empty(target.py());
    let count: usize = deque(target.py())?.call_method1("__len__", (target,))?.extract()?;
    for index in 0..count {
        old.append(deque(target.py())?.call_method1("__getitem__", (target, index))?)?;
    }
    let is_prefix = old.len() >= before.len() && old.iter().zip(before.iter()).all(|(now, then)| now.is(&then));
    if !is_prefix {
        return Err(ProgramChanged::new_err("the program changed a deque that the patch fills"));
    }
    let new = items.get_slice(0, items.len());
    for appended in old.iter().skip(before.len()) {
        new.append(appended)?;
    }
    journal.keep(old.as_any())?;
    journal.undo_with(Inverse::DequeContent { deque: target.clone(), old });
    fill(target, &new)
}

pub(super) fn fill(target: &Bound<'_, PyAny>, items: &Bound<'_, PyList>) -> PyResult<()> {
    let kind = deque(target.py())?;
    kind.call_method1("clear", (target,))?;
    kind.call_method1("extend", (target, items)).map(drop)
}
