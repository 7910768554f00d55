//! One change of a place: what is changed, to what, and what must stand there for the plan to be right.

use std::collections::HashMap;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PySet, PyString, PyTuple, PyType};

use super::unset;
use crate::cpython::functions::{self, Part};

/// What a place holds, or that it holds nothing.
pub type Held<'py> = Option<Bound<'py, PyAny>>;

pub enum FunctionPart<'py> {
    Globals(Bound<'py, PyAny>),
    Builtins(Bound<'py, PyAny>),
    /// With the cells of its free variables, if those are others.
    Code(Bound<'py, PyAny>, Held<'py>),
    Value(Part, Bound<'py, PyAny>),
    Annotations(&'static str, Bound<'py, PyAny>),
    Attribute(&'static str, Bound<'py, PyAny>),
}

pub enum Operation<'py> {
    Function {
        function: Bound<'py, PyAny>,
        parts: Vec<FunctionPart<'py>>,
        expected: Held<'py>,
    },
    Item {
        dict: Bound<'py, PyDict>,
        key: Bound<'py, PyAny>,
        new: Held<'py>,
        /// Only if the item holds this; what the program has put there since stays.
        instead_of: Held<'py>,
        /// The plan is wrong if the item holds anything else.
        expected: Option<Held<'py>>,
    },
    /// Other keys for the values that they have, in their places if so wanted.
    Keys {
        dict: Bound<'py, PyDict>,
        pairs: HashMap<usize, Bound<'py, PyAny>>,
        in_order: bool,
    },
    /// All that a dictionary or set holds, where putting in the items one by one would run code of the program.
    Body {
        container: Bound<'py, PyAny>,
        body: Bound<'py, PyAny>,
        expected: Bound<'py, PyList>,
    },
    TypeAttribute {
        class: Bound<'py, PyType>,
        name: Bound<'py, PyString>,
        new: Held<'py>,
        /// Only if the class's own attribute is this.
        instead_of: Held<'py>,
    },
    /// What a class has under a name when it is committed goes on under another one.
    TypeRename {
        class: Bound<'py, PyType>,
        former: Bound<'py, PyString>,
        name: Bound<'py, PyString>,
    },
    /// Other layouts for the objects of classes; see [`super::class_layout`].
    Layouts {
        classes: Bound<'py, PyList>,
    },
    Metaclass {
        class: Bound<'py, PyType>,
        new: Bound<'py, PyType>,
    },
    /// The last is the first base that is put in before; see [`super::attributes::set_bases`].
    Bases {
        class: Bound<'py, PyAny>,
        bases: Bound<'py, PyAny>,
        first: Held<'py>,
    },
    Attribute {
        object: Bound<'py, PyAny>,
        name: Bound<'py, PyString>,
        new: Held<'py>,
    },
    Cell {
        cell: Bound<'py, PyAny>,
        new: Held<'py>,
    },
    /// An object wherever a list has it at this moment.
    ListItems {
        list: Bound<'py, PyList>,
        old: Bound<'py, PyAny>,
        new: Bound<'py, PyAny>,
    },
    /// Other items in place of those that a list held when the plan was made; what was appended since stays.
    ListContent {
        list: Bound<'py, PyList>,
        expected: Bound<'py, PyList>,
        items: Bound<'py, PyList>,
    },
    TupleItem {
        tuple: Bound<'py, PyTuple>,
        index: usize,
        new: Bound<'py, PyAny>,
    },
    Member {
        set: Bound<'py, PySet>,
        old: Bound<'py, PyAny>,
        new: Bound<'py, PyAny>,
    },
    /// The same for a deque.
    DequeContent {
        deque: Bound<'py, PyAny>,
        expected: Bound<'py, PyList>,
        items: Bound<'py, PyList>,
    },
    /// Whether something is in a set.
    Presence {
        set: Bound<'py, PySet>,
        member: Bound<'py, PyAny>,
        is_in: bool,
    },
    /// The names that a code object looks up; as many as before.
    CodeNames {
        code: Bound<'py, PyAny>,
        names: Bound<'py, PyTuple>,
    },
    LineTable {
        code: Bound<'py, PyAny>,
        table: Bound<'py, PyBytes>,
    },
    FirstLine {
        code: Bound<'py, PyAny>,
        line: i32,
    },
    /// Has a dictionary or set find its keys, whose hashes are other ones now.
    Rehash {
        container: Bound<'py, PyAny>,
    },
}

/// Attributes of a function that are set as such, by the name of the part.
const ATTRIBUTES: &[(&str, &str)] = &[
    ("doc", "__doc__"),
    ("name", "__name__"),
    ("qualname", "__qualname__"),
    ("module", "__module__"),
    ("type_params", "__type_params__"),
];

/// An operation as the engine's plan has it: a tuple of its name and what it needs.
pub fn parse<'py>(operation: &Bound<'py, PyAny>) -> PyResult<Operation<'py>> {
    let operation = operation.cast::<PyTuple>()?;
    let name = operation.get_item(0)?;
    let target = operation.get_item(1)?;
    let item = |index: usize| operation.get_item(index);
    Ok(match name.extract::<&str>()? {
        "function" => parse_function(target, item(2)?.cast::<PyDict>()?, item(3).ok())?,
        "dict-set" => Operation::Item {
            dict: target.cast_into()?,
            key: item(2)?,
            new: Some(item(3)?),
            instead_of: None,
            expected: item(4).ok().map(held).transpose()?,
        },
        "dict-delete" => {
            Operation::Item { dict: target.cast_into()?, key: item(2)?, new: None, instead_of: None, expected: None }
        }
        "dict-replace" => Operation::Item {
            dict: target.cast_into()?,
            key: item(2)?,
            new: Some(item(4)?),
            instead_of: Some(item(3)?),
            expected: None,
        },
        "dict-keys" => {
            let pairs: Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)> = item(2)?.extract()?;
            let pairs = pairs.into_iter().map(|(old, new)| (old.as_ptr() as usize, new)).collect();
            Operation::Keys { dict: target.cast_into()?, pairs, in_order: item(3)?.extract()? }
        }
        "type-set" => type_attribute(target, item(2)?, Some(item(3)?), None)?,
        "type-replace" => type_attribute(target, item(2)?, Some(item(4)?), Some(item(3)?))?,
        "type-delete" => type_attribute(target, item(2)?, None, None)?,
        "type-rename" => Operation::TypeRename {
            class: target.cast_into()?,
            former: item(2)?.cast_into()?,
            name: item(3)?.cast_into()?,
        },
        "layouts" => Operation::Layouts { classes: target.cast_into()? },
        "metaclass" => Operation::Metaclass { class: target.cast_into()?, new: item(2)?.cast_into()? },
        "bases" => {
            let first = item(3)?;
            Operation::Bases { class: target, bases: item(2)?, first: (!first.is_none()).then_some(first) }
        }
        "attribute-set" | "setattr" if target.cast::<PyType>().is_ok() => {
            type_attribute(target, item(2)?, Some(item(3)?), None)?
        }
        "attribute-set" | "setattr" => {
            Operation::Attribute { object: target, name: item(2)?.cast_into()?, new: Some(item(3)?) }
        }
        "attribute-delete" => Operation::Attribute { object: target, name: item(2)?.cast_into()?, new: None },
        "cell" => {
            if target.get_type().name()? != "cell" {
                return Err(PyTypeError::new_err("this is no cell"));
            }
            Operation::Cell { cell: target, new: held(item(2)?)? }
        }
        "list" => Operation::ListItems { list: target.cast_into()?, old: item(2)?, new: item(3)? },
        "list-content" => Operation::ListContent {
            list: target.cast_into()?,
            expected: item(2)?.cast_into()?,
            items: item(3)?.cast_into()?,
        },
        "tuple" => Operation::TupleItem { tuple: target.cast_into()?, index: item(2)?.extract()?, new: item(3)? },
        "set-replace" => Operation::Member { set: target.cast_into()?, old: item(2)?, new: item(3)? },
        "deque-content" => {
            if !super::queues::is_deque(&target)? {
                return Err(PyTypeError::new_err("this is no deque"));
            }
            Operation::DequeContent { deque: target, expected: item(2)?.cast_into()?, items: item(3)?.cast_into()? }
        }
        "set-add" => Operation::Presence { set: target.cast_into()?, member: item(2)?, is_in: true },
        "set-discard" => Operation::Presence { set: target.cast_into()?, member: item(2)?, is_in: false },
        "code-names" => Operation::CodeNames { code: target, names: item(2)?.cast_into()? },
        "line-table" => Operation::LineTable { code: target, table: item(2)?.cast_into()? },
        "first-line" => Operation::FirstLine { code: target, line: item(2)?.extract()? },
        "rehash" => Operation::Rehash { container: target },
        other => return Err(PyValueError::new_err(format!("unknown operation {other}"))),
    })
}

/// What a place holds, as the engine says it.
fn held(value: Bound<'_, PyAny>) -> PyResult<Held<'_>> {
    let nothing = unset(value.py())?;
    Ok((!value.is(&nothing)).then_some(value))
}

fn type_attribute<'py>(
    class: Bound<'py, PyAny>,
    name: Bound<'py, PyAny>,
    new: Held<'py>,
    instead_of: Held<'py>,
) -> PyResult<Operation<'py>> {
    Ok(Operation::TypeAttribute { class: class.cast_into()?, name: name.cast_into()?, new, instead_of })
}

fn parse_function<'py>(
    function: Bound<'py, PyAny>,
    given: &Bound<'py, PyDict>,
    expected: Held<'py>,
) -> PyResult<Operation<'py>> {
    if !functions::is_function(&function) {
        return Err(PyTypeError::new_err("this is no function"));
    }
    let mut parts = Vec::new();
    let mut closure = given.get_item("closure")?;
    let is_new_code = given.contains("code")?;
    if closure.is_some() && !is_new_code {
        return Err(PyValueError::new_err("a closure goes with its code"));
    }
    for (key, value) in given {
        let key = key.extract::<&str>()?;
        parts.push(match key {
            "globals" => FunctionPart::Globals(value),
            "builtins" => FunctionPart::Builtins(value),
            "code" => FunctionPart::Code(value, closure.take()),
            "closure" => continue,
            "defaults" => FunctionPart::Value(Part::Defaults, value),
            "kwdefaults" => FunctionPart::Value(Part::KeywordDefaults, value),
            "annotations" => FunctionPart::Annotations("__annotations__", value),
            "annotate" => FunctionPart::Annotations("__annotate__", value),
            _ => match ATTRIBUTES.iter().find(|(part, _)| *part == key) {
                Some((_, name)) => FunctionPart::Attribute(name, value),
                None => return Err(PyValueError::new_err(format!("a function has no part {key}"))),
            },
        });
    }
    // A new annotate function forgets the annotations: those come last, whatever the order of the parts.
    parts.sort_by_key(|part| matches!(part, FunctionPart::Annotations("__annotations__", _)));
    Ok(Operation::Function { function, parts, expected })
}
