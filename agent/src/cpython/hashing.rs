//! Which keys are hashed and compared by the interpreter's own code.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyComplex, PyDict, PyFloat, PyInt, PyString, PyTuple, PyType};

use crate::once::Once;

/// What a type hashes and compares with.
type Slots = (usize, usize);

fn slots(kind: *mut ffi::PyTypeObject) -> Slots {
    // SAFETY: PyType_GetSlot takes any type from 3.10 on.
    unsafe {
        (
            ffi::PyType_GetSlot(kind, ffi::Py_tp_hash) as usize,
            ffi::PyType_GetSlot(kind, ffi::Py_tp_richcompare) as usize,
        )
    }
}

fn known(py: Python<'_>) -> &'static [Slots] {
    static KNOWN: Once<Vec<Slots>> = Once::new();
    KNOWN.get_or_init(py, || {
        let types = [
            py.get_type::<PyAny>(),
            py.get_type::<PyString>(),
            py.get_type::<PyInt>(),
            py.get_type::<PyBool>(),
            py.get_type::<PyFloat>(),
            py.get_type::<PyComplex>(),
            py.get_type::<PyBytes>(),
            py.get_type::<PyType>(),
            py.None().bind(py).get_type(),
        ];
        types.iter().map(|kind| slots(kind.as_type_ptr())).collect()
    })
}

/// Whether hashing the key, and comparing it with others of this sort, runs no Python code.
pub fn is_plain(key: &Bound<'_, PyAny>) -> bool {
    if let Ok(items) = key.cast_exact::<PyTuple>() {
        return items.iter_borrowed().all(|item| is_plain(&item));
    }
    known(key.py()).contains(&slots(key.get_type().as_type_ptr())) || is_code(key)
}

/// Code objects compare names, constants and bytes, which are plain.
fn is_code(key: &Bound<'_, PyAny>) -> bool {
    key.get_type().as_ptr() == super::functions::code_type(key.py())
}

/// Whether all keys of a dictionary are plain.
pub fn has_plain_keys(dict: &Bound<'_, PyDict>) -> bool {
    let mut position = 0;
    let (mut key, mut value) = (std::ptr::null_mut(), std::ptr::null_mut());
    // SAFETY: the dictionary does not change meanwhile: no Python code runs, and the GIL is held.
    while unsafe { ffi::PyDict_Next(dict.as_ptr(), &raw mut position, &raw mut key, &raw mut value) } != 0 {
        // SAFETY: the key is borrowed from the dictionary.
        if !is_plain(&unsafe { Bound::from_borrowed_ptr(dict.py(), key) }) {
            return false;
        }
    }
    true
}
