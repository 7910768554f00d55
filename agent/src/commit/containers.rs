//! Items of dictionaries, lists, tuples and sets. What the program put there since the plan was made stays.

use std::collections::HashMap;
use std::sync::OnceLock;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PySet, PyTuple};

use super::ProgramChanged;
use super::journal::{Inverse, Journal};
use crate::cpython::{self, bodies, functions, layout};

/// `collections.OrderedDict`, whose order the functions for plain dictionaries would leave behind.
pub fn ordered_dict<'py>(py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
    static TYPE: OnceLock<Py<PyAny>> = OnceLock::new();
    if TYPE.get().is_none() {
        let _ = TYPE.set(py.import("hotsplice._loading")?.getattr("ordered_dict")?.unbind());
    }
    TYPE.get().map(|kind| kind.bind(py).clone()).ok_or_else(|| PyValueError::new_err("no OrderedDict"))
}

pub fn is_ordered(dict: &Bound<'_, PyDict>) -> PyResult<bool> {
    // By the classes alone: no metaclass is asked.
    let kind = dict.get_type();
    let ordered = ordered_dict(dict.py())?;
    // SAFETY: both are types.
    Ok(unsafe { pyo3::ffi::PyType_IsSubtype(kind.as_type_ptr(), ordered.as_ptr().cast()) } != 0)
}

/// Sets or deletes an item with the dictionary's own C code: what a subclass in Python defines is not run.
pub fn put<'py>(dict: &Bound<'py, PyDict>, key: &Bound<'py, PyAny>, value: Option<&Bound<'py, PyAny>>) -> PyResult<()> {
    match (is_ordered(dict)?, value) {
        (false, Some(value)) => dict.set_item(key, value),
        (false, None) => dict.del_item(key),
        (true, Some(value)) => ordered_dict(dict.py())?.call_method1("__setitem__", (dict, key, value)).map(drop),
        (true, None) => ordered_dict(dict.py())?.call_method1("__delitem__", (dict, key)).map(drop),
    }
}

pub(super) fn item<'py>(
    dict: &Bound<'py, PyDict>,
    key: &Bound<'py, PyAny>,
    new: Option<&Bound<'py, PyAny>>,
    instead_of: Option<&Bound<'py, PyAny>>,
    journal: &mut Journal<'py>,
) -> PyResult<()> {
    let old = dict.get_item(key)?;
    if let Some(wanted) = instead_of
        && !old.as_ref().is_some_and(|old| old.is(wanted))
    {
        return Ok(());
    }
    if new.is_none() {
        if old.is_none() {
            return Ok(());
        }
        journal.keep_order(dict);
    }
    if let Some(old) = &old {
        journal.keep(old)?;
    }
    put(dict, key, new)?;
    journal.undo_with(Inverse::Item { dict: dict.clone(), key: key.clone(), old });
    Ok(())
}

/// Gives items other keys, with the values that they have now. In their places, if `in_order`: what follows is set anew,
/// so its keys must hash without Python code.
pub(super) fn keys<'py>(
    dict: &Bound<'py, PyDict>,
    pairs: &HashMap<usize, Bound<'py, PyAny>>,
    in_order: bool,
    journal: &mut Journal<'py>,
) -> PyResult<()> {
    let items: Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)> = dict.items().extract()?;
    let mut moving = false;
    for (key, value) in items {
        let new = pairs.get(&(key.as_ptr() as usize));
        moving |= new.is_some();
        if new.is_some() || (moving && in_order) {
            item(dict, &key, None, None, journal)?;
            item(dict, new.unwrap_or(&key), Some(&value), None, journal)?;
        }
    }
    Ok(())
}

/// Puts keys that are there in the order that they had.
pub fn restore_order(dict: &Bound<'_, PyDict>, keys: &Bound<'_, PyList>) -> PyResult<()> {
    let now = dict.keys();
    if now.len() == keys.len() && now.iter().zip(keys.iter()).all(|(now, then)| now.is(&then)) {
        return Ok(());
    }
    for key in keys.iter() {
        if let Some(value) = dict.get_item(&key)? {
            put(dict, &key, None)?;
            put(dict, &key, Some(&value))?;
        }
    }
    Ok(())
}

/// Replaces an object wherever the list has it at this moment.
pub(super) fn list_items<'py>(
    list: &Bound<'py, PyList>,
    old: &Bound<'py, PyAny>,
    new: &Bound<'py, PyAny>,
    journal: &mut Journal<'py>,
) -> PyResult<()> {
    for index in 0..list.len() {
        if list.get_item(index)?.is(old) {
            journal.keep(old)?;
            list.set_item(index, new)?;
            journal.undo_with(Inverse::ListItem { list: list.clone(), index, old: old.clone() });
        }
    }
    Ok(())
}

/// Gives a list other items in place of `before`, which it held when the plan was made. If it changed otherwise than by
/// what was appended, that is a [`ProgramChanged`], and nothing of the plan is done.
pub(super) fn list_content<'py>(
    list: &Bound<'py, PyList>,
    before: &Bound<'py, PyList>,
    items: &Bound<'py, PyList>,
    journal: &mut Journal<'py>,
) -> PyResult<()> {
    let count = before.len();
    let is_prefix = list.len() >= count && list.iter().zip(before.iter()).all(|(now, then)| now.is(&then));
    if !is_prefix {
        return Err(ProgramChanged::new_err("the program changed a list that the patch fills"));
    }
    let old = list.get_slice(0, list.len());
    journal.keep(old.as_any())?;
    list.set_slice(0, count, items)?;
    journal.undo_with(Inverse::ListContent { list: list.clone(), old });
    Ok(())
}

/// Writes an item of a tuple in place: every holder of the tuple sees it.
pub(super) fn tuple_item<'py>(
    tuple: &Bound<'py, PyTuple>,
    index: usize,
    new: &Bound<'py, PyAny>,
    journal: &mut Journal<'py>,
) -> PyResult<()> {
    if index >= tuple.len() {
        return Err(PyValueError::new_err("no such item in the tuple"));
    }
    let offset = layout(tuple.py()).tuple_items.map(|items| items + index * size_of::<usize>());
    let old = cpython::replace_field(tuple.as_any(), offset, new)?;
    journal.keep(&old)?;
    journal.undo_with(Inverse::Field { object: tuple.as_any().clone(), offset, old: Some(old) });
    Ok(())
}

pub(super) fn member<'py>(
    set: &Bound<'py, PySet>,
    old: &Bound<'py, PyAny>,
    new: &Bound<'py, PyAny>,
    journal: &mut Journal<'py>,
) -> PyResult<()> {
    if !set.discard(old)? {
        // The program has taken it out since.
        return Ok(());
    }
    set.add(new)?;
    journal.undo_with(Inverse::Member { set: set.clone(), new: new.clone(), old: old.clone() });
    Ok(())
}

/// Puts something into a set, or takes it out.
pub(super) fn presence<'py>(
    set: &Bound<'py, PySet>,
    member: &Bound<'py, PyAny>,
    is_in: bool,
    journal: &mut Journal<'py>,
) -> PyResult<()> {
    if set.contains(member)? == is_in {
        return Ok(());
    }
    if is_in {
        set.add(member)?
    } else {
        set.discard(member).map(drop)?
    }
    journal.keep(member)?;
    journal.undo_with(Inverse::Presence { set: set.clone(), member: member.clone(), was_in: !is_in });
    Ok(())
}

/// What a container holds, in order: keys and values of a dictionary, members of a set.
pub fn content<'py>(container: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
    let py = container.py();
    let content = PyList::empty(py);
    match container.cast::<PyDict>() {
        Ok(dict) => {
            let (mut position, mut key, mut value) = (0, std::ptr::null_mut(), std::ptr::null_mut());
            // SAFETY: the dictionary does not change meanwhile; key and value are borrowed from it.
            unsafe {
                use pyo3::ffi::PyDict_Next;
                while PyDict_Next(dict.as_ptr(), &raw mut position, &raw mut key, &raw mut value) != 0 {
                    content.append(Bound::from_borrowed_ptr(py, key))?;
                    content.append(Bound::from_borrowed_ptr(py, value))?;
                }
            }
        }
        Err(_) => container.cast::<PySet>()?.iter().try_for_each(|member| content.append(member))?,
    }
    Ok(content)
}

/// Exchanges all that a container holds for the content of another one, if it holds what it did when that was made.
pub(super) fn body<'py>(
    container: &Bound<'py, PyAny>,
    body: &Bound<'py, PyAny>,
    expected: &Bound<'py, PyList>,
    journal: &mut Journal<'py>,
) -> PyResult<()> {
    let now = content(container)?;
    if now.len() != expected.len() || !now.iter().zip(expected.iter()).all(|(now, then)| now.is(&then)) {
        return Err(ProgramChanged::new_err("the program changed a container that the patch changes"));
    }
    exchange(container, body, journal)
}

fn exchange<'py>(container: &Bound<'py, PyAny>, body: &Bound<'py, PyAny>, journal: &mut Journal<'py>) -> PyResult<()> {
    bodies::swap(container, body)?;
    journal.keep(body)?;
    journal.undo_with(Inverse::Body { container: container.clone(), body: body.clone() });
    Ok(())
}

/// Has a container whose keys' hashes have changed hold them at their places. All its keys must hash without Python code.
pub(super) fn rehash<'py>(container: &Bound<'py, PyAny>, journal: &mut Journal<'py>) -> PyResult<()> {
    let py = container.py();
    let items = content(container)?;
    let fresh = match container.cast::<PyDict>() {
        Ok(_) => {
            let fresh = PyDict::new(py);
            for index in (0..items.len()).step_by(2) {
                fresh.set_item(hashed_anew(items.get_item(index)?)?, items.get_item(index + 1)?)?;
            }
            fresh.into_any()
        }
        Err(_) => PySet::new(py, items.iter().map(hashed_anew).collect::<PyResult<Vec<_>>>()?)?.into_any(),
    };
    exchange(container, &fresh, journal)
}

/// From CPython 3.14 on a tuple remembers its hash: in its place comes one that has not been asked for it.
fn hashed_anew(key: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
    let code = functions::code_type(key.py());
    match key.cast_exact::<PyTuple>() {
        Ok(items) if items.iter_borrowed().any(|item| item.get_type().as_ptr() == code) => {
            Ok(PyTuple::new(key.py(), items.iter())?.into_any())
        }
        _ => Ok(key),
    }
}
