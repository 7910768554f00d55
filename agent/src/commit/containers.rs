//! Items of dictionaries, lists, tuples and sets. What the program put there since the plan was made stays.

use std::sync::OnceLock;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PySet, PyTuple};

use super::{Log, ProgramChanged};
use crate::internals::{self, layout};

/// `collections.OrderedDict`, whose order the functions for plain dictionaries would leave behind.
pub(super) fn ordered_dict<'py>(py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
    static TYPE: OnceLock<Py<PyAny>> = OnceLock::new();
    if TYPE.get().is_none() {
        let _ = TYPE.set(py.import("_collections")?.getattr("OrderedDict")?.unbind());
    }
    TYPE.get().map(|kind| kind.bind(py).clone()).ok_or_else(|| PyValueError::new_err("no OrderedDict"))
}

/// Sets or deletes an item with the dictionary's own C code: what a subclass in Python defines is not run.
fn dict_item<'py>(
    target: &Bound<'py, PyDict>,
    key: &Bound<'py, PyAny>,
    value: Option<&Bound<'py, PyAny>>,
) -> PyResult<()> {
    let ordered = ordered_dict(target.py())?;
    match (target.get_type().is_subclass(&ordered)?, value) {
        (false, Some(value)) => target.set_item(key, value),
        (false, None) => target.del_item(key),
        (true, Some(value)) => ordered.call_method1("__setitem__", (target, key, value)).map(drop),
        (true, None) => ordered.call_method1("__delitem__", (target, key)).map(drop),
    }
}

pub(super) fn dict<'py>(
    target: &Bound<'py, PyAny>,
    key: Bound<'py, PyAny>,
    value: Option<Bound<'py, PyAny>>,
    log: &mut Log<'py>,
) -> PyResult<()> {
    let target = target.cast::<PyDict>()?.clone();
    let old = target.get_item(&key)?;
    if let Some(old) = &old {
        log.keep(old)?;
    }
    if value.is_none() && old.is_none() {
        return Ok(());
    }
    dict_item(&target, &key, value.as_ref())?;
    log.undo_with(move || dict_item(&target, &key, old.as_ref()));
    Ok(())
}

/// Sets an item that still holds what it did when the plan was made: what the program has put there since stays.
pub(super) fn dict_replace<'py>(
    target: &Bound<'py, PyAny>,
    key: Bound<'py, PyAny>,
    old: &Bound<'py, PyAny>,
    value: Bound<'py, PyAny>,
    log: &mut Log<'py>,
) -> PyResult<()> {
    match target.cast::<PyDict>()?.get_item(&key)? {
        Some(held) if held.is(old) => dict(target, key, Some(value), log),
        _ => Ok(()),
    }
}

/// Gives items other keys, `pairs` of old and new, with the values that they have now. In their places, if `in_order`:
/// what follows is set anew, so its keys must hash without Python code.
pub(super) fn dict_keys<'py>(
    target: &Bound<'py, PyAny>,
    pairs: &Bound<'py, PyAny>,
    in_order: bool,
    log: &mut Log<'py>,
) -> PyResult<()> {
    let pairs: Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)> = pairs.extract()?;
    let items: Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)> = target.cast::<PyDict>()?.items().extract()?;
    let mut moving = false;
    for (key, value) in items {
        let new = pairs.iter().find(|(old, _)| old.is(&key)).map(|(_, new)| new);
        moving |= new.is_some();
        if new.is_some() || (moving && in_order) {
            let new = new.unwrap_or(&key).clone();
            dict(target, key, None, log)?;
            dict(target, new, Some(value), log)?;
        }
    }
    Ok(())
}

/// Replaces an object wherever the list has it at this moment.
pub(super) fn list<'py>(
    target: &Bound<'py, PyAny>,
    old: &Bound<'py, PyAny>,
    new: &Bound<'py, PyAny>,
    log: &mut Log<'py>,
) -> PyResult<()> {
    let target = target.cast::<PyList>()?.clone();
    for index in 0..target.len() {
        if target.get_item(index)?.is(old) {
            log.keep(old)?;
            target.set_item(index, new)?;
            let (target, old) = (target.clone(), old.clone());
            log.undo_with(move || target.set_item(index, old));
        }
    }
    Ok(())
}

/// Gives a list other items in place of `before`, which it held when the plan was made. What the program has appended since
/// stays; if it changed otherwise, that is a [`ProgramChanged`], and nothing of the plan is done.
pub(super) fn list_content<'py>(
    target: &Bound<'py, PyAny>,
    before: &Bound<'py, PyAny>,
    items: &Bound<'py, PyAny>,
    log: &mut Log<'py>,
) -> PyResult<()> {
    let target = target.cast::<PyList>()?.clone();
    let before = before.cast::<PyList>()?;
    let count = before.len();
    let is_prefix = target.len() >= count && target.iter().zip(before.iter()).all(|(now, then)| now.is(&then));
    if !is_prefix {
        return Err(ProgramChanged::new_err("the program changed a list that the patch fills"));
    }
    let old = target.get_slice(0, target.len());
    log.keep(&old)?;
    target.set_slice(0, count, items.cast::<PyList>()?)?;
    log.undo_with(move || target.set_slice(0, target.len(), &old));
    Ok(())
}

/// Writes an item of a tuple in place: every holder of the tuple sees it.
pub(super) fn tuple<'py>(
    target: &Bound<'py, PyAny>,
    index: usize,
    value: Bound<'py, PyAny>,
    log: &mut Log<'py>,
) -> PyResult<()> {
    let length = target.cast::<PyTuple>()?.len();
    if index >= length {
        return Err(PyValueError::new_err("no such item in the tuple"));
    }
    let offset = layout(target.py()).tuple_items.map(|items| items + index * size_of::<usize>());
    let old = internals::replace_field(target, offset, &value)?;
    log.keep(&old)?;
    let target = target.clone();
    log.undo_with(move || internals::replace_field(&target, offset, &old).map(drop));
    Ok(())
}

pub(super) fn set<'py>(
    target: &Bound<'py, PyAny>,
    old: Bound<'py, PyAny>,
    new: Bound<'py, PyAny>,
    log: &mut Log<'py>,
) -> PyResult<()> {
    let target = target.cast::<PySet>()?.clone();
    if !target.discard(&old)? {
        // The program has taken it out since.
        return Ok(());
    }
    target.add(&new)?;
    log.undo_with(move || {
        target.discard(&new)?;
        target.add(&old)
    });
    Ok(())
}
