//! Finding live objects: one pass over everything that the garbage collector tracks.

use std::collections::{HashMap, HashSet};
use std::ffi::{c_int, c_void};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFrozenSet, PyList, PySet, PyTuple};
use rustc_hash::FxHashSet;

use crate::cpython::bodies;
use crate::cpython::functions::function_type;
use crate::cpython::hashing::{has_plain_keys, is_plain};
use crate::cpython::{self, Symbols, objects};

/// The objects that are wanted.
pub fn scan<'py>(
    py: Python<'py>,
    mut wanted: impl FnMut(*mut ffi::PyObject) -> bool,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let mut found: Vec<*mut ffi::PyObject> = Vec::new();
    objects::for_each(py, |object| {
        if wanted(object) {
            found.push(object);
        }
    })?;
    // SAFETY: they were seen alive, and nothing was let go since: the GIL is held and no Python code has run.
    Ok(found.into_iter().map(|object| unsafe { Bound::from_borrowed_ptr(py, object) }).collect())
}

/// Types compared by address: no attribute of the objects is looked at.
pub fn is_exactly(object: *mut ffi::PyObject, kind: &Bound<'_, PyAny>) -> bool {
    // SAFETY: callers pass live objects.
    unsafe { ffi::Py_TYPE(object).cast::<ffi::PyObject>() == kind.as_ptr() }
}

/// Every live function that is wanted; nothing is called while they are looked for.
pub fn functions<'py>(
    py: Python<'py>,
    mut wanted: impl FnMut(&Symbols, *mut ffi::PyObject) -> bool,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let symbols = cpython::required()?;
    let kind = function_type(py);
    scan(py, |object| {
        // SAFETY: the objects are alive while they are visited.
        let is_function = unsafe { ffi::Py_TYPE(object).cast() == kind };
        // Before 3.11 a function that the collector is about to free has lost its code, and crashes who asks for it.
        is_function && !cpython::function_code(symbols, object).is_null() && wanted(symbols, object)
    })
}

/// For each code object, every live function that runs it.
#[pyfunction]
pub fn functions_of<'py>(py: Python<'py>, codes: &Bound<'py, PyList>) -> PyResult<Bound<'py, PyList>> {
    let by_code: HashMap<usize, Bound<'py, PyList>> =
        codes.iter().map(|code| (code.as_ptr() as usize, PyList::empty(py))).collect();
    if by_code.is_empty() {
        // To look at all that lives takes long.
        return Ok(PyList::empty(py));
    }
    let symbols = cpython::required()?;
    let found =
        functions(py, |symbols, function| by_code.contains_key(&(cpython::function_code(symbols, function) as usize)))?;
    for function in found {
        let code = cpython::function_code(symbols, function.as_ptr()) as usize;
        if let Some(list) = by_code.get(&code) {
            list.append(function)?;
        }
    }
    PyList::new(py, codes.iter().map(|code| by_code[&(code.as_ptr() as usize)].clone()))
}

/// Every live function whose code was compiled from a file of this name.
#[pyfunction]
pub fn functions_of_file<'py>(py: Python<'py>, filename: &str) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let symbols = cpython::required()?;
    let all = functions(py, |_, _| true)?;
    Ok(all
        .into_iter()
        .filter(|function| {
            // SAFETY: the function is alive; the code that it has now is held from here on.
            let code =
                unsafe { Bound::from_borrowed_ptr_or_opt(py, cpython::function_code(symbols, function.as_ptr())) };
            let name = code.and_then(|code| code.getattr("co_filename").ok());
            name.is_some_and(|name| name.extract::<&str>().is_ok_and(|name| name == filename))
        })
        .collect())
}

/// Every live function whose globals are one of these very dicts.
#[pyfunction]
#[pyo3(signature = (*globals))]
pub fn functions_with_globals<'py>(py: Python<'py>, globals: &Bound<'py, PyTuple>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let wanted: HashSet<_> = globals.iter().map(|one| one.as_ptr()).collect();
    functions(py, |symbols, function| wanted.contains(&cpython::function_globals(symbols, function)))
}

/// Every live object whose type is exactly one of these.
#[pyfunction]
#[pyo3(signature = (*kinds))]
pub fn objects_of_type<'py>(py: Python<'py>, kinds: &Bound<'py, PyTuple>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let kinds: FxHashSet<usize> = kinds.iter().map(|kind| kind.as_ptr() as usize).collect();
    // SAFETY: the objects are alive while they are visited.
    scan(py, |object| kinds.contains(&(unsafe { ffi::Py_TYPE(object) } as usize)))
}

/// The ids of the types of all that lives.
#[pyfunction]
pub fn kinds_alive(py: Python<'_>) -> PyResult<FxHashSet<usize>> {
    let mut found = FxHashSet::default();
    objects::for_each(py, |object| {
        // SAFETY: the object is alive while it is visited.
        found.insert(unsafe { ffi::Py_TYPE(object) } as usize);
    })?;
    Ok(found)
}

/// As `gc.get_referrers`, which compares each reference with each target, without the list of targets itself.
#[pyfunction]
pub fn referrers<'py>(py: Python<'py>, targets: &Bound<'py, PyList>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let wanted: FxHashSet<usize> = targets.iter().map(|target| target.as_ptr() as usize).collect();
    let (Some(&least), Some(&most)) = (wanted.iter().min(), wanted.iter().max()) else { return Ok(Vec::new()) };
    let mut referring = Referring { wanted: &wanted, least, most };
    scan(py, |object| {
        if object == targets.as_ptr() {
            return false;
        }
        // SAFETY: the object is alive while it is visited; the collector traverses it in the same way.
        unsafe {
            let traverse = ffi::PyType_GetSlot(ffi::Py_TYPE(object), ffi::Py_tp_traverse);
            if traverse.is_null() {
                return false;
            }
            let traverse = std::mem::transmute::<*mut c_void, ffi::traverseproc>(traverse);
            traverse(object, Referring::visit, (&raw mut referring).cast()) != 0
        }
    })
}

/// What is looked for among references.
struct Referring<'a> {
    wanted: &'a FxHashSet<usize>,
    /// Most lie elsewhere.
    least: usize,
    most: usize,
}

impl Referring<'_> {
    unsafe extern "C" fn visit(object: *mut ffi::PyObject, referring: *mut c_void) -> c_int {
        // SAFETY: `referring` is the caller's, borrowed for the duration of the visit.
        let referring = unsafe { &*referring.cast::<Referring<'_>>() };
        let object = object as usize;
        let is_near = referring.least <= object && object <= referring.most;
        c_int::from(is_near && referring.wanted.contains(&object))
    }
}

/// The reference count as the object has it.
#[pyfunction]
pub fn reference_count(object: &Bound<'_, PyAny>) -> isize {
    // SAFETY: the object is alive; the count is only read.
    unsafe { ffi::Py_REFCNT(object.as_ptr()) as isize }
}

/// For each function: which of its code, and of what is nested in it, has more references than the function and the code around it
/// account for, and how many more. Those may be other functions, frames, a debugger, a table. `holders` gives code objects
/// that are known to hold others among their constants.
///
/// The answer comes from reference counts alone, so that most patches need no pass over the heap. The caller must hold
/// no reference to the code itself.
#[pyfunction]
pub fn unaccounted<'py>(
    functions: &Bound<'py, PyList>,
    holders: &Bound<'py, PyList>,
) -> PyResult<Vec<HashMap<usize, isize>>> {
    let symbols = cpython::required()?;
    let mut held: HashMap<usize, isize> = HashMap::new();
    for code in holders.iter() {
        count_constants(&code, &mut held)?;
    }
    let mut answers = Vec::with_capacity(functions.len());
    for function in functions.iter() {
        let root = cpython::function_code(symbols, function.as_ptr());
        let mut known = HashMap::from([(root as usize, 1 + held.get(&(root as usize)).copied().unwrap_or(0))]);
        // SAFETY: the function is alive and its code is borrowed from it; the count is read before the reference is taken.
        let (count, root) = unsafe { (ffi::Py_REFCNT(root) as isize, Bound::from_borrowed_ptr(function.py(), root)) };
        count_constants(&root, &mut known)?;
        let more = known.into_iter().filter_map(|(code, known)| {
            let count = if code == root.as_ptr() as usize {
                count
            } else {
                // SAFETY: code objects among the constants of `root`, which is alive.
                unsafe { ffi::Py_REFCNT(code as *mut ffi::PyObject) as isize }
            };
            (count != known).then_some((code, count - known))
        });
        answers.push(more.collect());
    }
    Ok(answers)
}

/// A dictionary or set, those of its keys that are code or tuples with code in them, and whether it can be told that their hash has
/// changed.
type Table<'py> = (Bound<'py, PyAny>, Vec<Bound<'py, PyAny>>, bool);

/// The dictionaries and sets that have one of these codes as a key, or in a tuple that is one.
#[pyfunction]
pub fn tables_of<'py>(py: Python<'py>, codes: &Bound<'py, PyList>) -> PyResult<Vec<Table<'py>>> {
    let wanted: HashMap<usize, Bound<'py, PyAny>> = codes.iter().map(|code| (code.as_ptr() as usize, code)).collect();
    let (set, frozen) = (py.get_type::<PySet>(), py.get_type::<PyFrozenSet>());
    let mut search = Search { wanted: &wanted, dict: py.get_type::<PyDict>().as_type_ptr(), found: HashSet::new() };
    objects::for_each(py, |object| {
        // SAFETY: the object is alive while it is visited.
        unsafe {
            let kind = ffi::Py_TYPE(object);
            if ffi::PyType_GetFlags(kind) & ffi::Py_TPFLAGS_DICT_SUBCLASS != 0 {
                search.look_at_dict(object);
            } else if kind == set.as_type_ptr() || kind == frozen.as_type_ptr() {
                search.found.insert(object as usize);
            }
            let traverse = ffi::PyType_GetSlot(kind, ffi::Py_tp_traverse);
            if !traverse.is_null() {
                let traverse = std::mem::transmute::<*mut c_void, ffi::traverseproc>(traverse);
                traverse(object, Search::visit, (&raw mut search).cast());
            }
        }
    })?;
    let containers = search.found.into_iter().map(|address| address as *mut ffi::PyObject);
    // SAFETY: nothing was let go since they were seen.
    let containers: Vec<_> = containers.map(|object| unsafe { Bound::from_borrowed_ptr(py, object) }).collect();
    let is_wanted = |it: &Bound<'_, PyAny>| wanted.contains_key(&(it.as_ptr() as usize));
    let mut tables = Vec::new();
    for container in containers {
        let has_wanted = |key: &Bound<'py, PyAny>| match key.cast_exact::<PyTuple>() {
            Ok(items) => items.iter_borrowed().any(|item| is_wanted(&item)),
            Err(_) => is_wanted(key),
        };
        let own: Vec<_> = keys(&container)?.iter().filter(has_wanted).collect();
        if own.is_empty() {
            continue;
        }
        let can_follow = match container.cast::<PyDict>() {
            Ok(dict) => has_plain_keys(dict) && bodies::can_be_exchanged(dict),
            Err(_) => container.cast::<PySet>().is_ok() && keys(&container)?.iter().all(|key| is_plain(&key)),
        };
        tables.push((container, own, can_follow && bodies::are_known(py)));
    }
    Ok(tables)
}

/// What may have wanted codes as keys.
struct Search<'a, 'py> {
    wanted: &'a HashMap<usize, Bound<'py, PyAny>>,
    dict: *mut ffi::PyTypeObject,
    found: HashSet<usize>,
}

impl Search<'_, '_> {
    fn look_at_dict(&mut self, dict: *mut ffi::PyObject) {
        if has_key(dict, self.wanted) {
            self.found.insert(dict as usize);
        }
    }

    /// Before 3.14 the collector does not know dictionaries of what it need not know: whoever holds them leads to them.
    unsafe extern "C" fn visit(object: *mut ffi::PyObject, search: *mut c_void) -> c_int {
        // SAFETY: `search` is the caller's, borrowed for the duration of the visit; the object is alive.
        unsafe {
            let search = &mut *search.cast::<Search<'_, '_>>();
            if ffi::Py_TYPE(object) == search.dict && ffi::PyObject_GC_IsTracked(object) == 0 {
                search.look_at_dict(object);
            }
        }
        0
    }
}

/// Whether a dictionary has one of these as a key, or as part of one.
fn has_key(dict: *mut ffi::PyObject, wanted: &HashMap<usize, Bound<'_, PyAny>>) -> bool {
    let (mut position, mut key, mut value) = (0, std::ptr::null_mut(), std::ptr::null_mut());
    // SAFETY: the caller's object is a dictionary, which does not change meanwhile; the key is borrowed from it.
    unsafe {
        while ffi::PyDict_Next(dict, &raw mut position, &raw mut key, &raw mut value) != 0 {
            if wanted.contains_key(&(key as usize)) {
                return true;
            }
            if ffi::PyTuple_CheckExact(key) != 0
                && (0..ffi::PyTuple_Size(key)).any(|at| wanted.contains_key(&(ffi::PyTuple_GetItem(key, at) as usize)))
            {
                return true;
            }
        }
    }
    false
}

/// The keys of a dictionary, or the members of a set.
fn keys<'py>(container: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
    match container.cast::<PyDict>() {
        Ok(dict) => Ok(dict.keys()),
        // A set's own iterator: no Python code.
        Err(_) => PyList::new(container.py(), container.try_iter()?.collect::<PyResult<Vec<_>>>()?),
    }
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
