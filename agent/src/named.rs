//! What modules and classes name, sorted. All of a project is looked at for each patch, so it is done natively.

use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PyModule, PySet, PyString, PyTuple, PyType,
};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::cpython::functions::{self, Part, code, code_type, is_function, may_have_attributes};
use crate::once::{Once, name};

/// How many values are looked at below one: wrappers may lead in circles.
const DEPTH: usize = 50;
/// By which names an object holds what it was made of.
const WRAPPED: [&str; 3] = ["__wrapped__", "py_func", "func"];

/// Whether a dictionary holds these values and no others, in this order.
#[pyfunction]
#[pyo3(signature = (namespace, values, /))]
pub fn holds_same(namespace: &Bound<'_, PyAny>, values: &Bound<'_, PyList>) -> bool {
    let Ok(namespace) = namespace.cast_exact::<PyDict>() else { return false };
    namespace.len() == values.len() && namespace.iter().zip(values.iter()).all(|((_, own), value)| own.is(&value))
}

/// What many namespaces name, each with its number. It stays here: a list of Python's for each would have the program's garbage
/// collected.
#[pyclass(module = "hotsplice._agent")]
#[derive(Default)]
pub struct Named {
    count: usize,
    /// Functions, also those under wrappers and descriptors, and their codes.
    functions: Vec<(Py<PyAny>, Py<PyAny>, usize)>,
    /// All else that was made of a function, by name.
    others: Vec<(Py<PyAny>, Py<PyAny>, usize)>,
    names: Names,
}

/// Which functions name something, by the addresses of names: those in code are interned, and so are the others, which are kept.
#[derive(Default)]
struct Names {
    naming: FxHashMap<usize, Vec<usize>>,
    kept: Vec<Py<PyString>>,
}

impl Names {
    fn keep(&mut self, name: Bound<'_, PyString>) -> usize {
        let known = address(&name);
        self.kept.push(name.unbind());
        known
    }
}

#[pymethods]
impl Named {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Takes dicts, or what classes show of their own, and gives the classes that they name.
    fn look<'py>(&mut self, namespaces: &Bound<'py, PyList>) -> PyResult<Vec<(Bound<'py, PyAny>, usize)>> {
        let mut classes = Vec::new();
        for namespace in namespaces.iter() {
            match namespace.cast::<PyDict>() {
                Ok(namespace) => self.sort(namespace, &mut classes)?,
                Err(_) => self.sort(namespace.call_method0("copy")?.cast()?, &mut classes)?,
            }
            self.count += 1;
        }
        Ok(classes)
    }

    /// By name, with the number of the namespace.
    fn others(&self, py: Python<'_>) -> Vec<(Py<PyAny>, Py<PyAny>, usize)> {
        let shown =
            |(name, value, number): &(Py<PyAny>, Py<PyAny>, usize)| (name.clone_ref(py), value.clone_ref(py), *number);
        self.others.iter().map(shown).collect()
    }

    /// The functions with other codes than these, which are given by their ids, and the number of the namespace of each.
    fn functions_but(&self, py: Python<'_>, known: &Bound<'_, PyDict>) -> PyResult<Vec<(Py<PyAny>, usize)>> {
        let mut found = Vec::new();
        for (function, code, number) in &self.functions {
            if !known.contains(code.as_ptr() as usize)? {
                found.push((function.clone_ref(py), *number));
            }
        }
        Ok(found)
    }

    /// Reads what some of the functions name, from this one on, and tells whether more are left: other threads wait meanwhile.
    fn read_names(&mut self, py: Python<'_>, first: usize, count: usize) -> PyResult<bool> {
        let kinds = Kinds::known(py)?;
        let mut names = Vec::new();
        for (place, (function, code, _)) in self.functions.iter().enumerate().skip(first).take(count) {
            let function = function.bind(py);
            names.clear();
            add_names(code.bind(py), &mut names)?;
            if let Ok(cells) = functions::get(function, Part::Closure)?.cast_into::<PyTuple>() {
                for cell in cells.iter() {
                    let mut inside = Vec::new();
                    // An empty one has none.
                    if let Ok(content) = cell.getattr(name!(py, "cell_contents")) {
                        kinds.functions_in(content, &mut inside)?;
                    }
                    for one in inside {
                        names.push(self.names.keep(name_of(&one)?));
                    }
                }
            }
            names.push(self.names.keep(name_of(function)?));
            names.iter().for_each(|name| self.names.naming.entry(*name).or_default().push(place));
        }
        Ok(first + count < self.functions.len())
    }

    /// Adds the names of all functions, and of the classes that have them, that may lead to one of these names, once all names
    /// were read. `owners`: the name of the class that each namespace belongs to, if it does. A function may lead to what its
    /// code names, and to the functions that it has from around it.
    fn add_leading(&self, py: Python<'_>, found: &Bound<'_, PySet>, owners: &Bound<'_, PyList>) -> PyResult<()> {
        let owners: Vec<Option<Bound<'_, PyString>>> = owners
            .iter()
            .map(|name| name.cast_into::<PyString>().ok().map(|name| interned(&name)).transpose())
            .collect::<PyResult<_>>()?;
        let given: Vec<_> = found.iter().map(|name| interned(&name.cast_into()?)).collect::<PyResult<_>>()?;
        let mut pending: Vec<usize> = given.iter().map(address).collect();
        let mut seen: FxHashSet<usize> = pending.iter().copied().collect();
        let mut leading = vec![false; self.functions.len()];
        while let Some(name) = pending.pop() {
            for &place in self.names.naming.get(&name).into_iter().flatten() {
                if std::mem::replace(&mut leading[place], true) {
                    continue;
                }
                let (function, _, number) = &self.functions[place];
                for name in std::iter::once(&name_of(function.bind(py))?).chain(&owners[*number]) {
                    if seen.insert(address(name)) {
                        pending.push(address(name));
                        found.add(name)?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl Named {
    fn sort<'py>(
        &mut self,
        namespace: &Bound<'py, PyDict>,
        classes: &mut Vec<(Bound<'py, PyAny>, usize)>,
    ) -> PyResult<()> {
        let kinds = Kinds::known(namespace.py())?;
        let number = self.count;
        let mut found = Vec::new();
        // Types of whose objects none has a dict.
        let mut bare: FxHashSet<usize> = FxHashSet::default();
        // Before 3.12 an object that is made may have garbage collected, and so run code that changes the dict.
        let named: Vec<_> = namespace.iter().filter(|(_, value)| !kinds.plain.contains(&kind_of(value))).collect();
        for (name, value) in named {
            let kind = kind_of(&value);
            if bare.contains(&kind) {
                continue;
            }
            if value.is_instance_of::<PyType>() {
                classes.push((value, number));
                continue;
            }
            if !kinds.leads(kind) && !is_function(&value) && attributes(&value).is_none() {
                bare.insert(kind);
                continue;
            }
            kinds.functions_in(value.clone(), &mut found)?;
            let inner = if kinds.holding.contains(&kind) { held(&value)? } else { value.clone() };
            if kind == kinds.property || (is_function(&inner) && !may_have_attributes(&inner)) {
                continue;
            }
            if is_function(&inner) || wrapped_function(&inner)?.is_some() {
                self.others.push((name.unbind(), value.unbind(), number));
            }
        }
        for function in found {
            let code = code(&function)?;
            self.functions.push((function.unbind(), code.unbind(), number));
        }
        Ok(())
    }
}

/// The functions in a value: under wrappers, descriptors and partials. None of the program's code runs.
#[pyfunction]
pub fn functions_in<'py>(value: Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let mut found = Vec::new();
    Kinds::known(value.py())?.functions_in(value, &mut found)?;
    Ok(found)
}

/// What an object was made of by a decorator, as far as its own attributes tell.
#[pyfunction]
pub fn wrapped_function<'py>(value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let Some(attributes) = attributes(value) else { return Ok(None) };
    for name in WRAPPED {
        if let Some(wrapped) = attributes.get_item(name)? {
            return Ok(Some(wrapped));
        }
    }
    Ok(None)
}

/// What an object holds itself, as the interpreter keeps it: no attribute of its class is asked.
fn attributes<'py>(value: &Bound<'py, PyAny>) -> Option<Bound<'py, PyDict>> {
    if value.is_instance_of::<PyType>() {
        return None;
    }
    // SAFETY: the object is alive. One without a dict raises, which is let go of.
    let found = unsafe {
        Bound::from_owned_ptr_or_err(value.py(), ffi::PyObject_GenericGetDict(value.as_ptr(), std::ptr::null_mut()))
    };
    found.ok()?.cast_into_exact().ok()
}

/// Types, by address: what is exactly of one of them is asked nothing else.
pub struct Kinds {
    /// Of which no object leads to a function.
    plain: FxHashSet<usize>,
    /// Descriptors and methods that hold one function.
    holding: [usize; 3],
    property: usize,
    /// None, as long as the program has not loaded what defines it.
    partial: AtomicUsize,
}

impl Kinds {
    pub fn known(py: Python<'_>) -> PyResult<&'static Self> {
        static KINDS: Once<Kinds> = Once::new();
        let kinds = KINDS.get_or_try_init(py, || Self::new(py))?;
        let name = name!(py, "_functools");
        // SAFETY: it gives what is in `sys.modules`, or null; nothing is imported, which may run code of the program's.
        let module = unsafe { Bound::from_owned_ptr_or_opt(py, ffi::PyImport_GetModule(name.as_ptr())) };
        let partial = module.and_then(|module| module.getattr("partial").ok());
        kinds.partial.store(partial.map_or(0, |kind| kind.as_ptr() as usize), Ordering::Relaxed);
        Ok(kinds)
    }

    fn new(py: Python<'_>) -> PyResult<Self> {
        let address = |kind: Bound<'_, PyType>| kind.as_ptr() as usize;
        let mut plain = FxHashSet::from_iter([
            address(py.get_type::<PyString>()),
            address(py.get_type::<PyBytes>()),
            address(py.get_type::<PyInt>()),
            address(py.get_type::<PyFloat>()),
            address(py.get_type::<PyBool>()),
            address(py.get_type::<PyTuple>()),
            address(py.get_type::<PyList>()),
            address(py.get_type::<PyDict>()),
            address(py.get_type::<PySet>()),
            address(py.get_type::<PyFrozenSet>()),
            address(py.get_type::<PyModule>()),
        ]);
        // Of what is part of the language: a program may have a `types` of its own. A list, since to iterate over what is not
        // known to be one asks `operator`.
        let others = c"[*map(type, (None, len, type.__dict__['__dict__'], type(lambda: 0).__dict__['__globals__'], \
            int.__add__, str.join)), type((lambda: 0).__get__(0)), staticmethod, classmethod, property]";
        let others: Vec<usize> =
            py.eval(others, None, None)?.cast::<PyList>()?.iter().map(|kind| kind.as_ptr() as usize).collect();
        let (of_language, descriptors) = others.split_at(others.len() - 4);
        plain.extend(of_language);
        Ok(Self {
            plain,
            holding: [descriptors[0], descriptors[1], descriptors[2]],
            property: descriptors[3],
            partial: AtomicUsize::new(0),
        })
    }

    /// Whether a type is part of the language, and its objects lead to no functions.
    pub fn is_plain(&self, kind: usize) -> bool {
        self.plain.contains(&kind)
    }

    /// Whether objects of a type lead to functions in a known way.
    fn leads(&self, kind: usize) -> bool {
        kind == self.property || kind == self.partial.load(Ordering::Relaxed) || self.holding.contains(&kind)
    }

    pub fn functions_in<'py>(&self, value: Bound<'py, PyAny>, found: &mut Vec<Bound<'py, PyAny>>) -> PyResult<()> {
        let py = value.py();
        let mut pending = vec![value];
        let mut seen = 0;
        while let Some(one) = pending.pop() {
            seen += 1;
            if seen > DEPTH {
                break;
            }
            let kind = kind_of(&one);
            if self.plain.contains(&kind) {
                continue;
            }
            if is_function(&one) {
                if may_have_attributes(&one)
                    && let Ok(attributes) = one.getattr(name!(py, "__dict__"))?.cast_into::<PyDict>()
                {
                    pending.extend(attributes.get_item(name!(py, "__wrapped__"))?);
                }
                found.push(one);
            } else if self.holding.contains(&kind) {
                pending.push(held(&one)?);
            } else if kind == self.property {
                for part in [name!(py, "fget"), name!(py, "fset"), name!(py, "fdel")] {
                    pending.push(one.getattr(part)?);
                }
            } else if kind == self.partial.load(Ordering::Relaxed) {
                pending.push(one.getattr(name!(py, "func"))?);
            } else {
                pending.extend(wrapped_function(&one)?);
            }
        }
        Ok(())
    }
}

fn held<'py>(method: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    method.getattr(name!(method.py(), "__func__"))
}

pub fn kind_of(value: &Bound<'_, PyAny>) -> usize {
    value.get_type_ptr() as usize
}

fn address(name: &Bound<'_, PyString>) -> usize {
    name.as_ptr() as usize
}

fn name_of<'py>(function: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
    interned(&function.getattr(name!(function.py(), "__name__"))?.cast_into()?)
}

/// The string of these characters that all code shares.
fn interned<'py>(name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyString>> {
    Ok(PyString::intern(name.py(), name.to_str()?))
}

/// What code names, and what is nested in it. The names live as long as the code does.
fn add_names(code: &Bound<'_, PyAny>, names: &mut Vec<usize>) -> PyResult<()> {
    let py = code.py();
    for name in code.getattr(name!(py, "co_names"))?.cast::<PyTuple>()?.iter() {
        names.push(name.as_ptr() as usize);
    }
    for constant in code.getattr(name!(py, "co_consts"))?.cast::<PyTuple>()?.iter() {
        if kind_of(&constant) == code_type(py) as usize {
            add_names(&constant, names)?;
        }
    }
    Ok(())
}
