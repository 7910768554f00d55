//! Carrying out one operation, and noting how it is taken back.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::journal::{Inverse, Journal};
use super::operation::{FunctionPart, Operation};
use super::{ProgramChanged, attributes, class_layout, containers, queues};
use crate::cpython::functions::{self, Part};
use crate::cpython::{self, layout};
use crate::{frames, guard};

/// Whether what the operation changes is still what the plan was made for.
pub fn is_as_expected(operation: &Operation<'_>) -> PyResult<bool> {
    Ok(match operation {
        Operation::Function { function, expected: Some(code), .. } => functions::code(function)?.is(code),
        Operation::Item { dict, key, expected: Some(expected), .. } => match (dict.get_item(key)?, expected) {
            (Some(now), Some(then)) => now.is(then),
            (None, None) => true,
            _ => false,
        },
        _ => true,
    })
}

pub fn apply<'py>(operation: &Operation<'py>, journal: &mut Journal<'py>) -> PyResult<()> {
    match operation {
        Operation::Function { function, parts, .. } => {
            parts.iter().try_for_each(|part| function_part(function, part, journal))
        }
        Operation::Item { dict, key, new, instead_of, .. } => {
            containers::item(dict, key, new.as_ref(), instead_of.as_ref(), journal)
        }
        Operation::Keys { dict, pairs, in_order } => containers::keys(dict, pairs, *in_order, journal),
        Operation::Body { container, body, expected } => containers::body(container, body, expected, journal),
        Operation::TypeAttribute { class, name, new, instead_of } => {
            attributes::of_class(class, name, new.as_ref(), instead_of.as_ref(), journal)
        }
        Operation::TypeRename { class, former, name } => attributes::rename(class, former, name, journal),
        Operation::Layouts { classes } => class_layout::layouts(classes, journal),
        Operation::Metaclass { class, new } => class_layout::metaclass(class, new, journal),
        Operation::Bases { class, bases, first } => attributes::bases(class, bases, first.as_ref(), journal),
        Operation::Attribute { object, name, new } => attributes::of_object(object, name, new.as_ref(), journal),
        Operation::Cell { cell, new } => attributes::cell(cell, new.as_ref(), journal),
        Operation::ListItems { list, old, new } => containers::list_items(list, old, new, journal),
        Operation::ListContent { list, expected, items } => containers::list_content(list, expected, items, journal),
        Operation::TupleItem { tuple, index, new } => containers::tuple_item(tuple, *index, new, journal),
        Operation::Member { set, old, new } => containers::member(set, old, new, journal),
        Operation::DequeContent { deque, expected, items } => queues::content(deque, expected, items, journal),
        Operation::Presence { set, member, is_in } => containers::presence(set, member, *is_in, journal),
        Operation::CodeNames { code, names } => {
            let old = frames::set_names(code, names)?;
            journal.keep(&old)?;
            let offset = layout(code.py()).code_names;
            journal.undo_with(Inverse::Field { object: code.clone(), offset, old: Some(old) });
            Ok(())
        }
        Operation::LineTable { code, table } => {
            let offset = layout(code.py()).code_line_table;
            let old = cpython::replace_field(code, offset, table)?;
            journal.keep(&old)?;
            journal.undo_with(Inverse::Field { object: code.clone(), offset, old: Some(old) });
            Ok(())
        }
        Operation::FirstLine { code, line } => {
            let old: i32 = code.getattr("co_firstlineno")?.extract()?;
            cpython::set_first_line(code, *line)?;
            journal.undo_with(Inverse::FirstLine { code: code.clone(), line: old });
            Ok(())
        }
        Operation::Rehash { container } => containers::rehash(container, journal),
    }
}

pub fn function_part<'py>(
    function: &Bound<'py, PyAny>,
    part: &FunctionPart<'py>,
    journal: &mut Journal<'py>,
) -> PyResult<()> {
    let layout = layout(function.py());
    let mut field = |offset, value: &Bound<'py, PyAny>| {
        let old = cpython::exchange_field(function, offset, Some(value))?;
        journal.undo_with(Inverse::Field { object: function.clone(), offset, old: old.clone() });
        old.map_or(Ok(()), |old| journal.keep(&old))
    };
    match part {
        FunctionPart::Globals(value) => field(layout.function_globals, value),
        FunctionPart::Builtins(value) => field(layout.function_builtins, value),
        FunctionPart::Code(code, closure) => set_code(function, code, closure.as_ref(), journal),
        FunctionPart::Value(part, value) => {
            let old = functions::get(function, *part)?;
            journal.keep(&old)?;
            functions::set(function, *part, value)?;
            journal.undo_with(Inverse::FunctionPart { function: function.clone(), part: *part, old });
            Ok(())
        }
        FunctionPart::Annotations(name, value) => {
            // Setting one forgets the other, and reading them would run code of the program.
            for offset in [layout.function_annotations, layout.function_annotate].into_iter().flatten() {
                let old = cpython::exchange_field(function, Some(offset), None)?;
                cpython::exchange_field(function, Some(offset), old.as_ref())?;
                if let Some(old) = &old {
                    journal.keep(old)?;
                }
                journal.undo_with(Inverse::Field { object: function.clone(), offset: Some(offset), old });
            }
            set_generic(function, name, Some(value))
        }
        FunctionPart::Attribute(name, value) => {
            let name = &PyString::intern(function.py(), name);
            let old = attributes::get_with_generic(function, name)?;
            journal.keep(&old)?;
            let setter = pyo3::ffi::PyObject_GenericSetAttr;
            attributes::set_with(setter, function, name, Some(value))?;
            let (target, name) = (function.clone(), name.clone());
            journal.undo_with(Inverse::Attribute { setter, target, name, old: Some(old) });
            Ok(())
        }
    }
}

fn set_generic(target: &Bound<'_, PyAny>, name: &str, value: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    attributes::set_with(pyo3::ffi::PyObject_GenericSetAttr, target, &PyString::intern(target.py(), name), value)
}

pub fn set_code<'py>(
    function: &Bound<'py, PyAny>,
    code: &Bound<'py, PyAny>,
    closure: Option<&Bound<'py, PyAny>>,
    journal: &mut Journal<'py>,
) -> PyResult<()> {
    let old = functions::code(function)?;
    let cells = functions::get(function, Part::Closure)?;
    journal.keep(&old)?;
    journal.keep(&cells)?;
    functions::set_code(function, code, closure)?;
    guard::recoded(&old, code);
    let closure = closure.is_some().then_some(cells);
    journal.undo_with(Inverse::Code { function: function.clone(), code: old, closure });
    Ok(())
}

/// The error for a plan that was made for something else.
pub fn changed(operation: &Operation<'_>) -> PyErr {
    let what = match operation {
        Operation::Item { key, .. } => {
            key.cast::<PyString>().map_or_else(|_| "an item".to_owned(), ToString::to_string)
        }
        Operation::Function { function, .. } => name(function),
        _ => "something".to_owned(),
    };
    ProgramChanged::new_err(format!("the program changed {what}"))
}

fn name(function: &Bound<'_, PyAny>) -> String {
    attributes::get_with_generic(function, &PyString::intern(function.py(), "__qualname__"))
        .map_or_else(|_| "a function".to_owned(), |name| name.to_string())
}

/// Whether carrying out the operation makes the interpreter tell the program's audit hooks.
pub fn raises_events(operation: &Operation<'_>) -> bool {
    matches!(
        operation,
        Operation::TypeAttribute { .. }
            | Operation::TypeRename { .. }
            | Operation::Bases { .. }
            | Operation::Attribute { .. }
    )
}

/// The dictionary or set whose keys an operation has to find.
pub fn keyed<'a, 'py>(operation: &'a Operation<'py>) -> Option<&'a Bound<'py, PyAny>> {
    match operation {
        Operation::Item { dict, .. } | Operation::Keys { dict, .. } => Some(dict.as_any()),
        Operation::Member { set, .. } | Operation::Presence { set, .. } => Some(set.as_any()),
        _ => None,
    }
}

/// The same operation on another container.
pub fn elsewhere<'py>(
    operation: &Operation<'py>,
    container: &Bound<'py, PyAny>,
    journal: &mut Journal<'py>,
) -> PyResult<()> {
    match operation {
        Operation::Item { key, new, instead_of, .. } => {
            containers::item(container.cast::<PyDict>()?, key, new.as_ref(), instead_of.as_ref(), journal)
        }
        Operation::Keys { pairs, .. } => containers::keys(container.cast::<PyDict>()?, pairs, true, journal),
        Operation::Member { old, new, .. } => containers::member(container.cast()?, old, new, journal),
        Operation::Presence { member, is_in, .. } => containers::presence(container.cast()?, member, *is_in, journal),
        other => apply(other, journal),
    }
}
