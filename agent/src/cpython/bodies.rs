//! Exchanging all that two dictionaries, or two sets, hold: no key is hashed or compared, so no Python code runs.

use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PySet};

use crate::once::Once;

/// Words of a dictionary: number of items, a tag, the table, the values of a table that instances share.
const DICT: std::ops::Range<usize> = 2..6;
const DICT_SIZE: usize = 48;
/// Words of a set: fill, used, mask, table, hash, finger, and eight entries for small ones.
const SET: std::ops::Range<usize> = 2..24;
const SET_SIZE: usize = 200;
const SET_TABLE: usize = 5;
const SET_SMALL: usize = 8;

fn word(object: *mut ffi::PyObject, index: usize) -> *mut usize {
    // SAFETY: callers stay within the object's size.
    unsafe { object.cast::<usize>().add(index) }
}

/// Whether bodies can be exchanged in this interpreter: its dictionaries and sets have the layout that is known.
pub fn are_known(py: Python<'_>) -> bool {
    static KNOWN: Once<bool> = Once::new();
    *KNOWN.get_or_init(py, || check(py).unwrap_or(false))
}

fn check(py: Python<'_>) -> PyResult<bool> {
    let size = |kind: Bound<'_, PyAny>| kind.getattr("__basicsize__")?.extract::<usize>();
    if size(py.get_type::<PyDict>().into_any())? != DICT_SIZE || size(py.get_type::<PySet>().into_any())? != SET_SIZE {
        return Ok(false);
    }
    let numbers = |count: i32| (0..count).collect::<Vec<_>>();
    for (few, many) in [(3, 5), (2, 40), (0, 1)] {
        let (a, b) = (PyDict::new(py), PyDict::new(py));
        let (c, d) = (PySet::new(py, numbers(few))?, PySet::new(py, numbers(many))?);
        for (dict, count) in [(&a, few), (&b, many)] {
            numbers(count).into_iter().try_for_each(|number| dict.set_item(number, number))?;
        }
        // SAFETY: both objects have the sizes that were compared above.
        unsafe {
            let counts = |object: *mut ffi::PyObject, index| *word(object, index);
            if (counts(a.as_ptr(), 2), counts(b.as_ptr(), 2)) != (few as usize, many as usize)
                || (counts(c.as_ptr(), 3), counts(d.as_ptr(), 3)) != (few as usize, many as usize)
                || counts(a.as_ptr(), 5) != 0
                || (*word(c.as_ptr(), SET_TABLE) == word(c.as_ptr(), SET_SMALL) as usize) != (few < 5)
            {
                return Ok(false);
            }
        }
        swap_words(a.as_any(), b.as_any(), DICT);
        swap_sets(c.as_any(), d.as_any());
        let same = a.len() == many as usize
            && b.len() == few as usize
            && c.len() == many as usize
            && d.len() == few as usize
            && numbers(many)
                .iter()
                .all(|number| a.contains(number).unwrap_or(false) && c.contains(number).unwrap_or(false));
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a dictionary's content can be exchanged: not an `OrderedDict`'s, nor one whose keys instances share.
pub fn can_be_exchanged(dict: &Bound<'_, PyDict>) -> bool {
    static ORDERED: Once<Option<Py<PyAny>>> = Once::new();
    let py = dict.py();
    let ordered =
        ORDERED.get_or_init(py, || Some(py.import("hotsplice._loading").ok()?.getattr("ordered_dict").ok()?.unbind()));
    ordered.as_ref().is_some_and(|ordered| {
        // By the classes alone: no metaclass is asked. SAFETY: both are types, and the layout was checked.
        unsafe {
            ffi::PyType_IsSubtype(dict.get_type().as_type_ptr(), ordered.as_ptr().cast()) == 0
                && are_known(py)
                && *word(dict.as_ptr(), 5) == 0
        }
    })
}

/// Exchanges what two dictionaries hold. Neither may be an instance's whose keys are shared with others, nor an `OrderedDict`.
pub fn swap<'py>(one: &Bound<'py, PyAny>, other: &Bound<'py, PyAny>) -> PyResult<()> {
    let py = one.py();
    let are_dicts = one.cast::<PyDict>().is_ok() && other.cast::<PyDict>().is_ok();
    let are_sets = one.cast::<PySet>().is_ok() && other.cast::<PySet>().is_ok();
    if !are_known(py) || !(are_dicts || are_sets) {
        return Err(PyRuntimeError::new_err("this interpreter's containers have an unknown layout"));
    }
    // SAFETY: the layout is the one that was checked: the last word says whether keys are shared.
    if are_dicts && unsafe { *word(one.as_ptr(), 5) != 0 || *word(other.as_ptr(), 5) != 0 } {
        return Err(PyRuntimeError::new_err("this dictionary shares its keys"));
    }
    if are_dicts {
        swap_words(one, other, DICT)
    } else {
        swap_sets(one, other)
    }
    Ok(())
}

fn swap_words(one: &Bound<'_, PyAny>, other: &Bound<'_, PyAny>, words: std::ops::Range<usize>) {
    for index in words {
        // SAFETY: the words lie within both objects; the GIL is held, and every reference keeps its one holder.
        unsafe { std::ptr::swap(word(one.as_ptr(), index), word(other.as_ptr(), index)) };
    }
}

fn swap_sets(one: &Bound<'_, PyAny>, other: &Bound<'_, PyAny>) {
    let has_small = |set: &Bound<'_, PyAny>| {
        // SAFETY: as below.
        unsafe { *word(set.as_ptr(), SET_TABLE) == word(set.as_ptr(), SET_SMALL) as usize }
    };
    let (first, second) = (has_small(one), has_small(other));
    swap_words(one, other, SET);
    // A small set's entries stand in the set itself.
    for (set, is_small) in [(one, second), (other, first)] {
        if is_small {
            // SAFETY: the words lie within the object.
            unsafe { *word(set.as_ptr(), SET_TABLE) = word(set.as_ptr(), SET_SMALL) as usize };
        }
    }
}
