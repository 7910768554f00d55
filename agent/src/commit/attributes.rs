//! Attributes of modules' objects, classes and instances, bases and closure cells.

use std::sync::OnceLock;

use pyo3::exceptions::PyValueError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use super::Log;
use crate::internals::{self, layout};

/// Marks an empty cell.
pub fn unset(py: Python<'_>) -> PyResult<Py<PyAny>> {
    static UNSET: OnceLock<Py<PyAny>> = OnceLock::new();
    if UNSET.get().is_none() {
        let marker = py.import("builtins")?.getattr("object")?.call0()?.unbind();
        let _ = UNSET.set(marker);
    }
    UNSET.get().map(|marker| marker.clone_ref(py)).ok_or_else(|| PyValueError::new_err("no marker"))
}

type Setter = unsafe extern "C" fn(*mut ffi::PyObject, *mut ffi::PyObject, *mut ffi::PyObject) -> i32;

/// `type`'s own setter: what a metaclass defines is not run.
fn type_setter() -> PyResult<Setter> {
    // SAFETY: the slot of a static type has the type of `setattrofunc`; PyType_GetSlot takes static types from 3.10 on.
    unsafe {
        let slot = ffi::PyType_GetSlot(&raw mut ffi::PyType_Type, ffi::Py_tp_setattro);
        if slot.is_null() {
            return Err(PyValueError::new_err("type has no setter"));
        }
        Ok(std::mem::transmute::<*mut std::ffi::c_void, Setter>(slot))
    }
}

fn set_with(
    setter: Setter,
    target: &Bound<'_, PyAny>,
    name: &Bound<'_, PyAny>,
    value: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let value = value.map_or(std::ptr::null_mut(), |value| value.as_ptr());
    // SAFETY: all pointers are live references, null means deletion; the setters are CPython's own.
    match unsafe { setter(target.as_ptr(), name.as_ptr(), value) } {
        0 => Ok(()),
        _ => Err(PyErr::fetch(target.py())),
    }
}

pub(super) fn attribute<'py>(
    target: &Bound<'py, PyAny>,
    name: Bound<'py, PyAny>,
    value: Option<Bound<'py, PyAny>>,
    setter: Setter,
    log: &mut Log<'py>,
) -> PyResult<()> {
    let old = target.getattr(name.cast::<PyString>()?).ok();
    change(target, name, old, value, setter, log)
}

/// Sets `__bases__`. If the last is a class and not None, it is put in as the first base before: CPython (`type_set_bases` in
/// Objects/typeobject.c) compares the layouts of the former and the new first base, and says no to any change from or
/// to `object`. The caller knows that the layout is the same.
pub(super) fn bases<'py>(
    target: &Bound<'py, PyAny>,
    new: &Bound<'py, PyAny>,
    first: &Bound<'py, PyAny>,
    log: &mut Log<'py>,
) -> PyResult<()> {
    let old = target.getattr("__bases__")?;
    let old_first = target.getattr("__base__")?;
    log.keep(&old)?;
    log.keep(&old_first)?;
    let forced = !first.is_none();
    set_bases(target, new, forced.then_some(first))?;
    let target = target.clone();
    log.undo_with(move || set_bases(&target, &old, forced.then_some(&old_first)));
    Ok(())
}

fn set_bases(target: &Bound<'_, PyAny>, bases: &Bound<'_, PyAny>, first: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    let field = layout(target.py()).type_base;
    let before = first.map(|first| internals::replace_field(target, field, first)).transpose()?;
    let name = PyString::new(target.py(), "__bases__");
    let result = set_with(type_setter()?, target, name.as_any(), Some(bases));
    if let (Err(_), Some(before)) = (&result, &before) {
        internals::replace_field(target, field, before)?;
    }
    result
}

pub(super) fn type_attribute<'py>(
    target: &Bound<'py, PyAny>,
    name: Bound<'py, PyAny>,
    value: Option<Bound<'py, PyAny>>,
    log: &mut Log<'py>,
) -> PyResult<()> {
    let old = target.getattr("__dict__")?.get_item(&name).ok();
    change(target, name, old, value, type_setter()?, log)
}

/// An attribute that the instance itself has, in its `__dict__` or a slot: no property or `__getattr__` is asked.
pub(super) fn instance_attribute<'py>(
    target: &Bound<'py, PyAny>,
    name: Bound<'py, PyAny>,
    value: Option<Bound<'py, PyAny>>,
    log: &mut Log<'py>,
) -> PyResult<()> {
    let old = match class_attribute(target, &name)? {
        Some(found) if is_slot(&found)? => get_with_generic(target, &name).ok(),
        _ => own_dict(target).map_or(Ok(None), |own| own.get_item(&name))?,
    };
    change(target, name, old, value, ffi::PyObject_GenericSetAttr, log)
}

fn get_with_generic<'py>(target: &Bound<'py, PyAny>, name: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: both are live references; the result is a new one, or null with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(target.py(), ffi::PyObject_GenericGetAttr(target.as_ptr(), name.as_ptr())) }
}

fn own_dict<'py>(target: &Bound<'py, PyAny>) -> Option<Bound<'py, PyDict>> {
    // SAFETY: the target is a live reference; the result is a new one, or null with an exception set.
    let own = unsafe {
        Bound::from_owned_ptr_or_err(target.py(), ffi::PyObject_GenericGetDict(target.as_ptr(), std::ptr::null_mut()))
    };
    own.ok()?.cast_into::<PyDict>().ok()
}

/// What an attribute's name means in the class of an object, found without a metaclass's code.
fn class_attribute<'py>(target: &Bound<'py, PyAny>, name: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = target.py();
    let bases = get_with_generic(target.get_type().as_any(), PyString::intern(py, "__mro__").as_any())?;
    for base in bases.cast::<PyTuple>()?.iter() {
        let own = get_with_generic(&base, PyString::intern(py, "__dict__").as_any())?;
        if let Ok(found) = own.get_item(name) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn is_slot(found: &Bound<'_, PyAny>) -> PyResult<bool> {
    let kind = found.get_type().name()?;
    Ok(kind == "member_descriptor" || kind == "getset_descriptor")
}

fn change<'py>(
    target: &Bound<'py, PyAny>,
    name: Bound<'py, PyAny>,
    old: Option<Bound<'py, PyAny>>,
    value: Option<Bound<'py, PyAny>>,
    setter: Setter,
    log: &mut Log<'py>,
) -> PyResult<()> {
    if value.is_none() && old.is_none() {
        return Ok(());
    }
    if let Some(old) = &old {
        log.keep(old)?;
    }
    set_with(setter, target, &name, value.as_ref())?;
    let target = target.clone();
    log.undo_with(move || set_with(setter, &target, &name, old.as_ref()));
    Ok(())
}

pub(super) fn cell<'py>(target: &Bound<'py, PyAny>, value: Bound<'py, PyAny>, log: &mut Log<'py>) -> PyResult<()> {
    let unset = unset(target.py())?;
    let name = PyString::new(target.py(), "cell_contents").into_any();
    let value = (!value.is(&unset)).then_some(value);
    attribute(target, name, value, ffi::PyObject_SetAttr, log)
}
