//! What a commit has done, and how it is rolled back.

use std::collections::HashSet;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PySet, PyString, PyType};

use super::operation::Held;
use super::{attributes, class_layout, containers, queues};
use crate::cpython::functions::{self, Part};
use crate::cpython::types::Word;
use crate::cpython::{self, bodies};

pub type Setter = unsafe extern "C" fn(*mut ffi::PyObject, *mut ffi::PyObject, *mut ffi::PyObject) -> i32;

/// Takes one change back.
pub enum Inverse<'py> {
    Code {
        function: Bound<'py, PyAny>,
        code: Bound<'py, PyAny>,
        closure: Held<'py>,
    },
    FunctionPart {
        function: Bound<'py, PyAny>,
        part: Part,
        old: Bound<'py, PyAny>,
    },
    Field {
        object: Bound<'py, PyAny>,
        offset: Option<usize>,
        old: Held<'py>,
    },
    Attribute {
        setter: Setter,
        target: Bound<'py, PyAny>,
        name: Bound<'py, PyString>,
        old: Held<'py>,
    },
    Namespace {
        class: Bound<'py, PyAny>,
        name: Bound<'py, PyString>,
        old: Held<'py>,
    },
    Bases {
        class: Bound<'py, PyAny>,
        bases: Bound<'py, PyAny>,
        first: Held<'py>,
    },
    Item {
        dict: Bound<'py, PyDict>,
        key: Bound<'py, PyAny>,
        old: Held<'py>,
    },
    Body {
        container: Bound<'py, PyAny>,
        body: Bound<'py, PyAny>,
    },
    ListItem {
        list: Bound<'py, PyList>,
        index: usize,
        old: Bound<'py, PyAny>,
    },
    ListContent {
        list: Bound<'py, PyList>,
        old: Bound<'py, PyList>,
    },
    Member {
        set: Bound<'py, PySet>,
        new: Bound<'py, PyAny>,
        old: Bound<'py, PyAny>,
    },
    DequeContent {
        deque: Bound<'py, PyAny>,
        old: Bound<'py, PyList>,
    },
    Presence {
        set: Bound<'py, PySet>,
        member: Bound<'py, PyAny>,
        was_in: bool,
    },
    FirstLine {
        code: Bound<'py, PyAny>,
        line: i32,
    },
    /// A word of a type or a descriptor that holds no reference.
    Word {
        object: Bound<'py, PyAny>,
        word: Word,
        old: usize,
    },
    /// One that holds a reference.
    Reference {
        object: Bound<'py, PyAny>,
        word: Word,
        old: Bound<'py, PyAny>,
    },
    Modified {
        class: Bound<'py, PyType>,
    },
}

impl Inverse<'_> {
    fn run(self) -> PyResult<()> {
        match self {
            Self::Code { function, code, closure } => functions::set_code(&function, &code, closure.as_ref()),
            Self::FunctionPart { function, part, old } => functions::set(&function, part, &old),
            Self::Field { object, offset, old } => cpython::exchange_field(&object, offset, old.as_ref()).map(drop),
            Self::Attribute { setter, target, name, old } => attributes::set_with(setter, &target, &name, old.as_ref()),
            Self::Namespace { class, name, old } => attributes::set_in_namespace(&class, &name, old.as_ref()),
            Self::Bases { class, bases, first } => attributes::set_bases(&class, &bases, first.as_ref()),
            Self::Item { dict, key, old } => containers::put(&dict, &key, old.as_ref()),
            Self::Body { container, body } => bodies::swap(&container, &body),
            Self::ListItem { list, index, old } => list.set_item(index, old),
            Self::ListContent { list, old } => list.set_slice(0, list.len(), &old),
            Self::Member { set, new, old } => {
                set.discard(&new)?;
                set.add(&old)
            }
            Self::DequeContent { deque, old } => queues::fill(&deque, &old),
            Self::Presence { set, member, was_in: true } => set.add(&member),
            Self::Presence { set, member, was_in: false } => set.discard(&member).map(drop),
            Self::FirstLine { code, line } => cpython::set_first_line(&code, line),
            Self::Word { object, word, old } => {
                class_layout::exchange(&object, word, old);
                Ok(())
            }
            Self::Reference { object, word, old } => {
                drop(class_layout::exchange_reference(&object, word, &old));
                Ok(())
            }
            Self::Modified { class } => {
                class_layout::modified(&class);
                Ok(())
            }
        }
    }
}

pub struct Journal<'py> {
    /// All that was replaced: its destructors run when the caller drops this, after the commit.
    pub kept: Bound<'py, PyList>,
    inverses: Vec<Inverse<'py>>,
    /// Dictionaries that lose items, with their keys in the order that they had.
    orders: Vec<(Bound<'py, PyDict>, Bound<'py, PyList>)>,
    ordered: HashSet<usize>,
}

impl<'py> Journal<'py> {
    pub fn new(py: Python<'py>) -> Self {
        Self { kept: PyList::empty(py), inverses: Vec::new(), orders: Vec::new(), ordered: HashSet::new() }
    }

    pub fn keep(&self, value: &Bound<'py, PyAny>) -> PyResult<()> {
        self.kept.append(value)
    }

    pub fn undo_with(&mut self, inverse: Inverse<'py>) {
        self.inverses.push(inverse);
    }

    /// An item goes: if it comes back, it does so in its place.
    pub fn keep_order(&mut self, dict: &Bound<'py, PyDict>) {
        if self.ordered.insert(dict.as_ptr() as usize) {
            self.orders.push((dict.clone(), dict.keys()));
        }
    }

    /// Takes everything back. One that fails does not keep the others from it; the failures are the answer.
    pub fn roll_back(self) -> Vec<PyErr> {
        let mut failures: Vec<PyErr> =
            self.inverses.into_iter().rev().filter_map(|inverse| inverse.run().err()).collect();
        for (dict, keys) in self.orders {
            failures.extend(containers::restore_order(&dict, &keys).err());
        }
        failures
    }
}
