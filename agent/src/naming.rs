//! Who names what: objects, by the modules that have a name for them, and functions, by what their code names. All of a project is
//! looked at after each patch, so it is done natively.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFrozenSet, PyList, PyModule, PySet, PyString, PyTuple, PyType};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::cpython::functions::{self, Part, code, code_type, is_function};
use crate::named::{Kinds, kind_of};
use crate::once::name;

/// How many items of a container are looked at.
const LOOKED_INTO: usize = 20;

/// A function or class of a module, the module's number, and the code in which something is named.
type Place = (Py<PyAny>, usize, Py<PyAny>);

#[pyclass(module = "hotsplice._agent")]
#[derive(Default)]
pub struct Naming {
    count: usize,
    /// By the id of an object: the numbers of modules, and their names for it.
    named: FxHashMap<usize, Vec<(usize, Py<PyString>)>>,
    codes: Vec<Place>,
    /// By the address of a name: in which of these it stands. Those in code are interned, and live as long as that does.
    naming: FxHashMap<usize, Vec<usize>>,
}

#[pymethods]
impl Naming {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Takes modules' namespaces, and gives the classes that they name, with the module's number.
    fn look<'py>(&mut self, namespaces: Vec<Bound<'py, PyDict>>) -> PyResult<Vec<(Bound<'py, PyAny>, usize)>> {
        let mut classes = Vec::new();
        for namespace in namespaces {
            let kinds = Kinds::known(namespace.py())?;
            let number = self.count;
            self.count += 1;
            // Before 3.12 an object that is made may have garbage collected, and so run code that changes the dict.
            let named: Vec<_> = namespace.iter().collect();
            for (name, value) in named {
                if is_own_module(&value, &namespace) {
                    continue;
                }
                if let Ok(name) = name.cast::<PyString>() {
                    self.add_name(kinds, name, &value, number)?;
                }
                if value.is_instance_of::<PyType>() {
                    classes.push((value, number));
                } else if is_function(&value) && functions::globals(&value)?.is(&namespace) {
                    self.add_codes(&value, &code(&value)?, number)?;
                }
            }
        }
        Ok(classes)
    }

    /// Classes, what each shows of its own, and the number of the module that they are of.
    fn look_into(&mut self, classes: Vec<(Bound<'_, PyAny>, Bound<'_, PyAny>, usize)>) -> PyResult<()> {
        for (class, members, number) in classes {
            let kinds = Kinds::known(class.py())?;
            let members = members.call_method0("copy")?.cast_into::<PyDict>()?;
            let mut found = Vec::new();
            for value in members.values() {
                kinds.functions_in(value, &mut found)?;
            }
            for function in found {
                self.add_codes(&class, &code(&function)?, number)?;
            }
        }
        Ok(())
    }

    /// Which modules name an object, and how.
    fn names_of(&self, py: Python<'_>, one: usize) -> Vec<(usize, Py<PyString>)> {
        let names = self.named.get(&one).into_iter().flatten();
        names.map(|(number, name)| (*number, name.clone_ref(py))).collect()
    }

    /// Functions and classes of modules in whose code one of these names stands: with the module's number, and that code.
    fn naming(&self, py: Python<'_>, names: Vec<Bound<'_, PyString>>) -> PyResult<Vec<Place>> {
        let mut places = FxHashSet::default();
        for name in names {
            let name = PyString::intern(py, name.to_str()?);
            places.extend(self.naming.get(&(name.as_ptr() as usize)).into_iter().flatten().copied());
        }
        let mut places: Vec<usize> = places.into_iter().collect();
        places.sort_unstable();
        let found = places.into_iter().map(|place| {
            let (value, number, code) = &self.codes[place];
            (value.clone_ref(py), *number, code.clone_ref(py))
        });
        Ok(found.collect())
    }
}

impl Naming {
    fn add_name(
        &mut self,
        kinds: &Kinds,
        name: &Bound<'_, PyString>,
        value: &Bound<'_, PyAny>,
        number: usize,
    ) -> PyResult<()> {
        let mut known_by = vec![value.as_ptr() as usize];
        let items: Option<Vec<Bound<'_, PyAny>>> = if let Ok(list) = value.cast_exact::<PyList>() {
            Some(list.iter().take(LOOKED_INTO).collect())
        } else if let Ok(tuple) = value.cast_exact::<PyTuple>() {
            Some(tuple.iter().take(LOOKED_INTO).collect())
        } else if let Ok(dict) = value.cast_exact::<PyDict>() {
            Some(dict.iter().take(LOOKED_INTO).map(|(_, item)| item).collect())
        } else if let Ok(set) = value.cast_exact::<PySet>() {
            Some(set.iter().take(LOOKED_INTO).collect())
        } else if let Ok(set) = value.cast_exact::<PyFrozenSet>() {
            Some(set.iter().take(LOOKED_INTO).collect())
        } else {
            None
        };
        if let Some(items) = items {
            known_by.extend(items.iter().map(kind_of));
        } else if is_function(value) {
            // Of a wrapper, the names around it.
            if !functions::get(value, Part::Closure)?.is_none() {
                known_by.push(functions::globals(value)?.as_ptr() as usize);
            }
        } else {
            known_by.push(kind_of(value));
        }
        known_by[1..].sort_unstable();
        known_by.dedup();
        for one in known_by.into_iter().filter(|one| !kinds.is_plain(*one)) {
            self.named.entry(one).or_default().push((number, name.clone().unbind()));
        }
        Ok(())
    }

    fn add_codes(&mut self, value: &Bound<'_, PyAny>, code: &Bound<'_, PyAny>, number: usize) -> PyResult<()> {
        let py = code.py();
        let names = code.getattr(name!(py, "co_names"))?.cast_into::<PyTuple>()?;
        if !names.is_empty() {
            let place = self.codes.len();
            self.codes.push((value.clone().unbind(), number, code.clone().unbind()));
            for name in names.iter() {
                self.naming.entry(name.as_ptr() as usize).or_default().push(place);
            }
        }
        for constant in code.getattr(name!(py, "co_consts"))?.cast::<PyTuple>()?.iter() {
            if kind_of(&constant) == code_type(py) as usize {
                self.add_codes(value, &constant, number)?;
            }
        }
        Ok(())
    }
}

/// The names for an object in many namespaces, each with the number of the namespace.
#[pyfunction]
pub fn names_for<'py>(
    namespaces: Vec<Bound<'py, PyDict>>,
    value: &Bound<'py, PyAny>,
) -> Vec<(usize, Bound<'py, PyAny>)> {
    let mut found = Vec::new();
    for (number, namespace) in namespaces.iter().enumerate() {
        found.extend(namespace.iter().filter(|(_, held)| held.is(value)).map(|(name, _)| (number, name)));
    }
    found
}

/// A module that has a name for itself.
fn is_own_module(value: &Bound<'_, PyAny>, namespace: &Bound<'_, PyDict>) -> bool {
    value.cast::<PyModule>().is_ok_and(|module| module.dict().is(namespace))
}
