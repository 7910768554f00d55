//! Audit hooks in Python, which must not run in the middle of a commit.
//!
//! The interpreter keeps them in a list of its own, found by adding a hook and looking for what holds it. While a commit writes
//! what raises events (`__class__`, `__bases__`), that list is empty.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyList;

/// It lives as long as the interpreter.
static LIST: OnceLock<Option<Py<PyList>>> = OnceLock::new();

/// Finds the list, once: hooks that the program adds later are put there. It can't be found if a hook forbids others.
pub fn find(py: Python<'_>) -> PyResult<()> {
    if LIST.get().is_none() {
        let _ = LIST.set(look(py)?);
    }
    Ok(())
}

fn look(py: Python<'_>) -> PyResult<Option<Py<PyList>>> {
    let probe = pyo3::wrap_pyfunction!(ignore, py)?;
    py.import("sys")?.call_method1("addaudithook", (&probe,))?;
    let Some(list) = find_list(py, probe.as_any()) else { return Ok(None) };
    list.del_item(list.len() - 1)?;
    Ok(Some(list.unbind()))
}

/// How much of the interpreter's state is searched.
const STATE: usize = 1024 * 1024;

/// The list in the interpreter's state whose last item this is. The collector does not know it. What words of the state mean is
/// not known either, so memory is read in a way that fails where there is none.
fn find_list<'py>(py: Python<'py>, last: &Bound<'py, PyAny>) -> Option<Bound<'py, PyList>> {
    let memory = File::open("/proc/self/mem").ok()?;
    let words = |address: usize, count: usize| -> Vec<usize> {
        let mut bytes = vec![0u8; count * size_of::<usize>()];
        let read = memory.read_at(&mut bytes, address as u64).unwrap_or(0);
        bytes[..read]
            .chunks_exact(size_of::<usize>())
            .filter_map(|it| Some(usize::from_ne_bytes(it.try_into().ok()?)))
            .collect()
    };
    // SAFETY: the GIL is held.
    let state = unsafe { ffi::PyInterpreterState_Get() } as usize;
    let list_type = py.get_type::<PyList>().as_type_ptr() as usize;
    let is_it = |&candidate: &usize| {
        candidate > STATE && candidate.is_multiple_of(size_of::<usize>()) && {
            // Reference count, type, size, items.
            match words(candidate, 4)[..] {
                [_, kind, length, items] if kind == list_type && length > 0 && length < STATE => {
                    words(items + (length - 1) * size_of::<usize>(), 1).first() == Some(&(last.as_ptr() as usize))
                }
                _ => false,
            }
        }
    };
    let found = words(state, STATE / size_of::<usize>()).into_iter().find(is_it)?;
    // SAFETY: a list that holds an object which was made here and is held nowhere else: the interpreter's own, which lives on.
    Some(unsafe { Bound::from_borrowed_ptr(py, found as *mut ffi::PyObject).cast_into_unchecked::<PyList>() })
}

#[pyfunction]
#[pyo3(signature = (*_arguments))]
fn ignore(_arguments: &Bound<'_, pyo3::types::PyTuple>) {}

/// While it lives, no hook in Python is called. The GIL must not be let go meanwhile.
pub struct Silence {
    list: *mut ffi::PyVarObject,
    count: ffi::Py_ssize_t,
}

impl Silence {
    pub fn begin(_py: Python<'_>) -> Option<Self> {
        let list = LIST.get()?.as_ref()?.as_ptr().cast::<ffi::PyVarObject>();
        // SAFETY: the list lives as long as the interpreter, the GIL is held; what is beyond its size stays where it is.
        unsafe {
            let count = (*list).ob_size;
            (*list).ob_size = 0;
            Some(Self { list, count })
        }
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // SAFETY: as above; nobody has seen the list meanwhile.
        unsafe { (*self.list).ob_size = self.count };
    }
}
