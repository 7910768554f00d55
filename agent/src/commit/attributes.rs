//! Attributes of classes and objects, and bases, set with CPython's own setters: what a program defines for it is not run.

use pyo3::exceptions::PyValueError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};

use super::journal::{Inverse, Journal, Setter};
use super::operation::Held;
use crate::cpython::{self, layout};

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

pub fn set_with(
    setter: Setter,
    target: &Bound<'_, PyAny>,
    name: &Bound<'_, PyString>,
    value: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let value = value.map_or(std::ptr::null_mut(), |value| value.as_ptr());
    // SAFETY: all pointers are live references, null means deletion; the setters are CPython's own.
    match unsafe { setter(target.as_ptr(), name.as_ptr(), value) } {
        0 => Ok(()),
        _ => Err(PyErr::fetch(target.py())),
    }
}

pub fn get_with_generic<'py>(target: &Bound<'py, PyAny>, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: both are live references; the result is a new one, or null with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(target.py(), ffi::PyObject_GenericGetAttr(target.as_ptr(), name.as_ptr())) }
}

/// A class's own namespace.
fn namespace<'py>(class: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    get_with_generic(class, &PyString::intern(class.py(), "__dict__"))
}

/// Sets `__bases__`. If `first` is given, it is put in as the first base before: CPython (`type_set_bases` in
/// Objects/typeobject.c) compares the layouts of the former and the new first base, and says no to any change from or
/// to `object`. The caller knows that the layout is the same. A class whose layout was exchanged keeps the carrier of it as
/// the first base (see [`super::class_layout`]).
pub fn set_bases(
    target: &Bound<'_, PyAny>,
    bases: &Bound<'_, PyAny>,
    first: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let base_of = |class| get_with_generic(class, &PyString::intern(target.py(), "__base__"));
    let order = get_with_generic(target, &PyString::intern(target.py(), "__mro__"))?;
    let carrier = base_of(target)?;
    if order.cast::<PyTuple>()?.iter().any(|base| base.is(&carrier)) {
        return set_plain_bases(target, bases, first);
    }
    let first = first.map_or_else(|| base_of(&carrier), |first| Ok(first.clone()))?;
    set_plain_bases(target, bases, Some(&first))?;
    cpython::replace_field(target, layout(target.py()).type_base, &carrier).map(drop)
}

fn set_plain_bases(
    target: &Bound<'_, PyAny>,
    bases: &Bound<'_, PyAny>,
    first: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let field = layout(target.py()).type_base;
    let before = first.map(|first| cpython::replace_field(target, field, first)).transpose()?;
    let result = set_with(type_setter()?, target, &PyString::intern(target.py(), "__bases__"), Some(bases));
    if let (Err(_), Some(before)) = (&result, &before) {
        cpython::replace_field(target, field, before)?;
    }
    result
}

pub(super) fn bases<'py>(
    class: &Bound<'py, PyAny>,
    bases: &Bound<'py, PyAny>,
    first: Option<&Bound<'py, PyAny>>,
    journal: &mut Journal<'py>,
) -> PyResult<()> {
    let py = class.py();
    let old = get_with_generic(class, &PyString::intern(py, "__bases__"))?;
    let old_first = get_with_generic(class, &PyString::intern(py, "__base__"))?;
    journal.keep(&old)?;
    journal.keep(&old_first)?;
    set_bases(class, bases, first)?;
    let first = first.is_some().then_some(old_first);
    journal.undo_with(Inverse::Bases { class: class.clone(), bases: old, first });
    Ok(())
}

/// What of a class is kept elsewhere than in its namespace, and is always there.
const FIELDS: &[&str] = &["__name__", "__qualname__"];
/// What CPython 3.14 makes of annotations in a namespace; each of them sets or forgets others.
const ANNOTATIONS: &[&str] = &["__annotations__", "__annotate__", "__annotations_cache__", "__annotate_func__"];

pub(super) fn of_class<'py>(
    class: &Bound<'py, PyType>,
    name: &Bound<'py, PyString>,
    new: Option<&Bound<'py, PyAny>>,
    instead_of: Option<&Bound<'py, PyAny>>,
    journal: &mut Journal<'py>,
) -> PyResult<()> {
    let (class, text) = (class.as_any(), name.to_str()?);
    let own = namespace(class)?;
    if let Some(wanted) = instead_of
        && !own.get_item(name).is_ok_and(|now| now.is(wanted))
    {
        return Ok(());
    }
    let old = match FIELDS.contains(&text) {
        true => Some(get_with_generic(class, name)?),
        false => own.get_item(name).ok(),
    };
    if ANNOTATIONS.contains(&text) {
        for other in ANNOTATIONS {
            let name = &PyString::intern(class.py(), other);
            let old = own.get_item(name).ok();
            if let Some(old) = &old {
                journal.keep(old)?;
            }
            // Put back as they were: by the names that stand in the namespace.
            journal.undo_with(Inverse::Namespace { class: class.clone(), name: name.clone(), old });
        }
        return set_with(type_setter()?, class, name, new);
    }
    if text == "__dict__" {
        // Of the class's objects: the setter would take it for the class's own namespace.
        journal.undo_with(Inverse::Namespace { class: class.clone(), name: name.clone(), old });
        return set_in_namespace(class, name, new);
    }
    if text == "__module__" {
        // CPython 3.13 and later forget the line with it, in the inverse too: this is undone after that.
        let line = PyString::intern(class.py(), "__firstlineno__");
        if let Ok(old) = own.get_item(&line) {
            journal.keep(&old)?;
            journal.undo_with(Inverse::Namespace { class: class.clone(), name: line, old: Some(old) });
        }
    }
    change(class, name, old, new, type_setter()?, journal)
}

/// Gives what a class has under a name another one.
pub(super) fn rename<'py>(
    class: &Bound<'py, PyType>,
    former: &Bound<'py, PyString>,
    name: &Bound<'py, PyString>,
    journal: &mut Journal<'py>,
) -> PyResult<()> {
    let value = namespace(class.as_any())?.get_item(former)?;
    of_class(class, name, Some(&value), None, journal)?;
    of_class(class, former, None, None, journal)
}

/// Puts an item into a class's namespace, or takes it out.
pub fn set_in_namespace(
    class: &Bound<'_, PyAny>,
    name: &Bound<'_, PyString>,
    old: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let own = namespace(class)?;
    // The dictionary behind the view: written to directly, since the setters for these names do more.
    let referents = cpython::gc(class.py())?.call_method1("get_referents", (own,))?;
    let own = referents.get_item(0)?.cast_into::<PyDict>()?;
    match old {
        Some(old) => own.set_item(name, old)?,
        None if own.contains(name)? => own.del_item(name)?,
        None => return Ok(()),
    }
    // SAFETY: the target is a class.
    unsafe { ffi::PyType_Modified(class.as_ptr().cast()) };
    Ok(())
}

/// An attribute that the object itself has, in its `__dict__` or a slot: no property or `__getattr__` is asked.
pub(super) fn of_object<'py>(
    object: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
    new: Option<&Bound<'py, PyAny>>,
    journal: &mut Journal<'py>,
) -> PyResult<()> {
    let found = class_attribute(object, name)?;
    let is_slot = found.as_ref().is_some_and(is_slot);
    // A module's annotations are made when they are asked for: what is in its namespace is what counts.
    let old = match is_slot && name.to_str()? != "__annotations__" {
        true => get_with_generic(object, name).ok(),
        false => own_dict(object).map_or(Ok(None), |own| own.get_item(name))?,
    };
    match (is_slot || found.is_none(), own_dict_if_described(object, found.as_ref())) {
        (false, Some(own)) => super::containers::item(&own, name.as_any(), new, None, journal),
        _ => change(object, name, old, new, ffi::PyObject_GenericSetAttr, journal),
    }
}

/// The object's own dictionary, if a descriptor in Python would take what is assigned.
fn own_dict_if_described<'py>(
    object: &Bound<'py, PyAny>,
    found: Option<&Bound<'py, PyAny>>,
) -> Option<Bound<'py, PyDict>> {
    let found = found?;
    // SAFETY: PyType_GetSlot takes any type from 3.10 on.
    let takes = unsafe { !ffi::PyType_GetSlot(found.get_type().as_type_ptr(), ffi::Py_tp_descr_set).is_null() };
    if takes { own_dict(object) } else { None }
}

fn own_dict<'py>(target: &Bound<'py, PyAny>) -> Option<Bound<'py, PyDict>> {
    // SAFETY: the target is a live reference; the result is a new one, or null with an exception set.
    let own = unsafe {
        Bound::from_owned_ptr_or_err(target.py(), ffi::PyObject_GenericGetDict(target.as_ptr(), std::ptr::null_mut()))
    };
    own.ok()?.cast_into::<PyDict>().ok()
}

/// What an attribute's name means in the class of an object, found without a metaclass's code.
fn class_attribute<'py>(
    target: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = target.py();
    let bases = get_with_generic(target.get_type().as_any(), &PyString::intern(py, "__mro__"))?;
    for base in bases.cast::<PyTuple>()?.iter() {
        if let Ok(found) = namespace(&base)?.get_item(name) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn is_slot(found: &Bound<'_, PyAny>) -> bool {
    let kind = found.get_type();
    kind.name().is_ok_and(|kind| kind == "member_descriptor" || kind == "getset_descriptor")
}

fn change<'py>(
    target: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
    old: Held<'py>,
    new: Option<&Bound<'py, PyAny>>,
    setter: Setter,
    journal: &mut Journal<'py>,
) -> PyResult<()> {
    if new.is_none() && old.is_none() {
        return Ok(());
    }
    if let Some(old) = &old {
        journal.keep(old)?;
    }
    set_with(setter, target, name, new)?;
    journal.undo_with(Inverse::Attribute { setter, target: target.clone(), name: name.clone(), old });
    Ok(())
}

pub(super) fn cell<'py>(
    cell: &Bound<'py, PyAny>,
    new: Option<&Bound<'py, PyAny>>,
    journal: &mut Journal<'py>,
) -> PyResult<()> {
    let name = &PyString::intern(cell.py(), "cell_contents");
    let old = get_with_generic(cell, name).ok();
    change(cell, name, old, new, ffi::PyObject_GenericSetAttr, journal)
}
