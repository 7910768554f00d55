//! Carries out a plan: primitive operations, all in one hold of the GIL, with no Python code run in between.
//!
//! If one fails, those before it are taken back and the error is the caller's. Whatever is replaced stays alive until
//! the caller drops the returned list, so that no destructor runs inside the commit.

use std::sync::OnceLock;

use pyo3::exceptions::{PyKeyError, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PySet, PyString, PyTuple};

use crate::internals::{self, layout};
use crate::job;

/// Marks an empty cell.
pub fn unset(py: Python<'_>) -> PyResult<Py<PyAny>> {
    static UNSET: OnceLock<Py<PyAny>> = OnceLock::new();
    if UNSET.get().is_none() {
        let marker = py.import("builtins")?.getattr("object")?.call0()?.unbind();
        let _ = UNSET.set(marker);
    }
    UNSET.get().map(|marker| marker.clone_ref(py)).ok_or_else(|| PyValueError::new_err("no marker"))
}

/// `collections.OrderedDict`, whose order the functions for plain dictionaries would leave behind.
fn ordered_dict<'py>(py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
    static TYPE: OnceLock<Py<PyAny>> = OnceLock::new();
    if TYPE.get().is_none() {
        let _ = TYPE.set(py.import("_collections")?.getattr("OrderedDict")?.unbind());
    }
    TYPE.get().map(|kind| kind.bind(py).clone()).ok_or_else(|| PyValueError::new_err("no OrderedDict"))
}

/// Sets or deletes an item with the dictionary's own C code: what a subclass in Python defines is not run.
fn dict_item<'py>(
    target: &Bound<'py, PyDict>,
    key: &Bound<'py, PyAny>,
    value: Option<&Bound<'py, PyAny>>,
) -> PyResult<()> {
    let ordered = ordered_dict(target.py())?;
    match (target.is_instance(&ordered)?, value) {
        (false, Some(value)) => target.set_item(key, value),
        (false, None) => target.del_item(key),
        (true, Some(value)) => ordered.call_method1("__setitem__", (target, key, value)).map(drop),
        (true, None) => ordered.call_method1("__delitem__", (target, key)).map(drop),
    }
}

/// Takes one operation back.
type Inverse<'py> = Box<dyn FnOnce() -> PyResult<()> + 'py>;

#[pyfunction]
pub fn commit<'py>(py: Python<'py>, operations: &Bound<'py, PyList>) -> PyResult<Bound<'py, PyList>> {
    // What a first use would look up, import or allocate is done before anything is changed.
    internals::required()?;
    layout(py);
    unset(py)?;
    ordered_dict(py)?;
    job::end_limit(py);
    // SAFETY: the GIL is held.
    let collecting = unsafe { ffi::PyGC_Disable() } == 1;
    let result = carry_out(py, operations);
    if collecting {
        // SAFETY: the GIL is held.
        unsafe { ffi::PyGC_Enable() };
    }
    result
}

fn carry_out<'py>(py: Python<'py>, operations: &Bound<'py, PyList>) -> PyResult<Bound<'py, PyList>> {
    let mut log = Log { replaced: PyList::empty(py), inverses: Vec::new() };
    for operation in operations.iter() {
        if let Err(error) = apply(&operation, &mut log) {
            // One that fails does not keep the others from being taken back; what went wrong first is said.
            for inverse in log.inverses.into_iter().rev() {
                let _ = inverse();
            }
            return Err(error);
        }
    }
    Ok(log.replaced)
}

struct Log<'py> {
    replaced: Bound<'py, PyList>,
    inverses: Vec<Inverse<'py>>,
}

impl<'py> Log<'py> {
    fn keep(&self, value: &Bound<'py, PyAny>) -> PyResult<()> {
        self.replaced.append(value)
    }

    fn undo_with(&mut self, inverse: impl FnOnce() -> PyResult<()> + 'py) {
        self.inverses.push(Box::new(inverse));
    }
}

fn apply<'py>(operation: &Bound<'py, PyAny>, log: &mut Log<'py>) -> PyResult<()> {
    let operation = operation.cast::<PyTuple>()?;
    let kind = operation.get_item(0)?;
    let target = operation.get_item(1)?;
    let item = |index| operation.get_item(index);
    match kind.extract::<&str>()? {
        "function" => function(&target, item(2)?.cast::<PyDict>()?, log),
        "dict-set" => dict(&target, item(2)?, Some(item(3)?), log),
        "dict-delete" => dict(&target, item(2)?, None, log),
        "type-set" => type_attribute(&target, item(2)?, Some(item(3)?), log),
        "type-delete" => type_attribute(&target, item(2)?, None, log),
        "bases" => bases(&target, &item(2)?, &item(3)?, log),
        "attribute-set" => instance_attribute(&target, item(2)?, Some(item(3)?), log),
        "attribute-delete" => instance_attribute(&target, item(2)?, None, log),
        "setattr" => attribute(&target, item(2)?, Some(item(3)?), ffi::PyObject_SetAttr, log),
        "cell" => cell(&target, item(2)?, log),
        "dict-replace" => dict_replace(&target, item(2)?, &item(3)?, item(4)?, log),
        "dict-keys" => dict_keys(&target, &item(2)?, item(3)?.extract()?, log),
        "list" => list(&target, &item(2)?, &item(3)?, log),
        "list-content" => list_content(&target, &item(2)?, &item(3)?, log),
        "tuple" => tuple(&target, item(2)?.extract()?, item(3)?, log),
        "set-replace" => set(&target, item(2)?, item(3)?, log),
        "line-table" => line_table(&target, item(2)?, log),
        "first-line" => first_line(&target, item(2)?.extract()?, log),
        other => Err(PyValueError::new_err(format!("unknown operation {other}"))),
    }
}

type Setter = unsafe extern "C" fn(*mut ffi::PyObject, *mut ffi::PyObject, *mut ffi::PyObject) -> i32;

/// `type`'s own setter: what a metaclass defines is not run.
fn type_setter() -> PyResult<Setter> {
    // SAFETY: the slot of a static type has the type of `setattrofunc`; PyType_GetSlot takes static types from 3.10 on.
    unsafe {
        let slot = ffi::PyType_GetSlot(&raw mut ffi::PyType_Type, ffi::Py_tp_setattro);
        if slot.is_null() {
            return Err(PyValueError::new_err("type has no setter"));
        }
        Ok(std::mem::transmute::<*mut std::ffi::c_void, Setter>(slot))
    }
}

fn set_with(
    setter: Setter,
    target: &Bound<'_, PyAny>,
    name: &Bound<'_, PyAny>,
    value: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let value = value.map_or(std::ptr::null_mut(), |value| value.as_ptr());
    // SAFETY: all pointers are live references, null means deletion; the setters are CPython's own.
    match unsafe { setter(target.as_ptr(), name.as_ptr(), value) } {
        0 => Ok(()),
        _ => Err(PyErr::fetch(target.py())),
    }
}

fn attribute<'py>(
    target: &Bound<'py, PyAny>,
    name: Bound<'py, PyAny>,
    value: Option<Bound<'py, PyAny>>,
    setter: Setter,
    log: &mut Log<'py>,
) -> PyResult<()> {
    let old = target.getattr(name.cast::<PyString>()?).ok();
    change(target, name, old, value, setter, log)
}

/// Sets `__bases__`. If the last is a class and not None, it is put in as the first base before: CPython (`type_set_bases` in
/// Objects/typeobject.c) compares the layouts of the former and the new first base, and says no to any change from or
/// to `object`. The caller knows that the layout is the same.
fn bases<'py>(
    target: &Bound<'py, PyAny>,
    new: &Bound<'py, PyAny>,
    first: &Bound<'py, PyAny>,
    log: &mut Log<'py>,
) -> PyResult<()> {
    let old = target.getattr("__bases__")?;
    let old_first = target.getattr("__base__")?;
    log.keep(&old)?;
    log.keep(&old_first)?;
    let forced = !first.is_none();
    set_bases(target, new, forced.then_some(first))?;
    let target = target.clone();
    log.undo_with(move || set_bases(&target, &old, forced.then_some(&old_first)));
    Ok(())
}

fn set_bases(target: &Bound<'_, PyAny>, bases: &Bound<'_, PyAny>, first: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    let field = layout(target.py()).type_base;
    let before = first.map(|first| internals::replace_field(target, field, first)).transpose()?;
    let name = PyString::new(target.py(), "__bases__");
    let result = set_with(type_setter()?, target, name.as_any(), Some(bases));
    if let (Err(_), Some(before)) = (&result, &before) {
        internals::replace_field(target, field, before)?;
    }
    result
}

fn type_attribute<'py>(
    target: &Bound<'py, PyAny>,
    name: Bound<'py, PyAny>,
    value: Option<Bound<'py, PyAny>>,
    log: &mut Log<'py>,
) -> PyResult<()> {
    let old = target.getattr("__dict__")?.get_item(&name).ok();
    change(target, name, old, value, type_setter()?, log)
}

/// An attribute that the instance itself has, in its `__dict__` or a slot: no property or `__getattr__` is asked.
fn instance_attribute<'py>(
    target: &Bound<'py, PyAny>,
    name: Bound<'py, PyAny>,
    value: Option<Bound<'py, PyAny>>,
    log: &mut Log<'py>,
) -> PyResult<()> {
    let old = match class_attribute(target, &name)? {
        Some(found) if is_slot(&found)? => get_with_generic(target, &name).ok(),
        _ => own_dict(target).map_or(Ok(None), |own| own.get_item(&name))?,
    };
    change(target, name, old, value, ffi::PyObject_GenericSetAttr, log)
}

fn get_with_generic<'py>(target: &Bound<'py, PyAny>, name: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: both are live references; the result is a new one, or null with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(target.py(), ffi::PyObject_GenericGetAttr(target.as_ptr(), name.as_ptr())) }
}

fn own_dict<'py>(target: &Bound<'py, PyAny>) -> Option<Bound<'py, PyDict>> {
    // SAFETY: the target is a live reference; the result is a new one, or null with an exception set.
    let own = unsafe {
        Bound::from_owned_ptr_or_err(target.py(), ffi::PyObject_GenericGetDict(target.as_ptr(), std::ptr::null_mut()))
    };
    own.ok()?.cast_into::<PyDict>().ok()
}

/// What an attribute's name means in the class of an object, found without a metaclass's code.
fn class_attribute<'py>(target: &Bound<'py, PyAny>, name: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = target.py();
    let bases = get_with_generic(target.get_type().as_any(), PyString::intern(py, "__mro__").as_any())?;
    for base in bases.cast::<PyTuple>()?.iter() {
        let own = get_with_generic(&base, PyString::intern(py, "__dict__").as_any())?;
        if let Ok(found) = own.get_item(name) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn is_slot(found: &Bound<'_, PyAny>) -> PyResult<bool> {
    let kind = found.get_type().name()?;
    Ok(kind == "member_descriptor" || kind == "getset_descriptor")
}

fn change<'py>(
    target: &Bound<'py, PyAny>,
    name: Bound<'py, PyAny>,
    old: Option<Bound<'py, PyAny>>,
    value: Option<Bound<'py, PyAny>>,
    setter: Setter,
    log: &mut Log<'py>,
) -> PyResult<()> {
    if value.is_none() && old.is_none() {
        return Ok(());
    }
    if let Some(old) = &old {
        log.keep(old)?;
    }
    set_with(setter, target, &name, value.as_ref())?;
    let target = target.clone();
    log.undo_with(move || set_with(setter, &target, &name, old.as_ref()));
    Ok(())
}

fn dict<'py>(
    target: &Bound<'py, PyAny>,
    key: Bound<'py, PyAny>,
    value: Option<Bound<'py, PyAny>>,
    log: &mut Log<'py>,
) -> PyResult<()> {
    let target = target.cast::<PyDict>()?.clone();
    let old = target.get_item(&key)?;
    if let Some(old) = &old {
        log.keep(old)?;
    }
    if value.is_none() && old.is_none() {
        return Ok(());
    }
    dict_item(&target, &key, value.as_ref())?;
    log.undo_with(move || dict_item(&target, &key, old.as_ref()));
    Ok(())
}

fn cell<'py>(target: &Bound<'py, PyAny>, value: Bound<'py, PyAny>, log: &mut Log<'py>) -> PyResult<()> {
    let unset = unset(target.py())?;
    let name = PyString::new(target.py(), "cell_contents").into_any();
    let value = (!value.is(&unset)).then_some(value);
    attribute(target, name, value, ffi::PyObject_SetAttr, log)
}

/// Sets an item that still holds what it did when the plan was made: what the program has put there since stays.
fn dict_replace<'py>(
    target: &Bound<'py, PyAny>,
    key: Bound<'py, PyAny>,
    old: &Bound<'py, PyAny>,
    value: Bound<'py, PyAny>,
    log: &mut Log<'py>,
) -> PyResult<()> {
    match target.cast::<PyDict>()?.get_item(&key)? {
        Some(held) if held.is(old) => dict(target, key, Some(value), log),
        _ => Ok(()),
    }
}

/// Gives items other keys, `pairs` of old and new, with the values that they have now. In their places, if `in_order`:
/// what follows is set anew, so its keys must hash without Python code.
fn dict_keys<'py>(
    target: &Bound<'py, PyAny>,
    pairs: &Bound<'py, PyAny>,
    in_order: bool,
    log: &mut Log<'py>,
) -> PyResult<()> {
    let pairs: Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)> = pairs.extract()?;
    let items: Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)> = target.cast::<PyDict>()?.items().extract()?;
    let mut moving = false;
    for (key, value) in items {
        let new = pairs.iter().find(|(old, _)| old.is(&key)).map(|(_, new)| new);
        moving |= new.is_some();
        if new.is_some() || (moving && in_order) {
            let new = new.unwrap_or(&key).clone();
            dict(target, key, None, log)?;
            dict(target, new, Some(value), log)?;
        }
    }
    Ok(())
}

/// Replaces an object wherever the list has it at this moment.
fn list<'py>(
    target: &Bound<'py, PyAny>,
    old: &Bound<'py, PyAny>,
    new: &Bound<'py, PyAny>,
    log: &mut Log<'py>,
) -> PyResult<()> {
    let target = target.cast::<PyList>()?.clone();
    for index in 0..target.len() {
        if target.get_item(index)?.is(old) {
            log.keep(old)?;
            target.set_item(index, new)?;
            let (target, old) = (target.clone(), old.clone());
            log.undo_with(move || target.set_item(index, old));
        }
    }
    Ok(())
}

/// Gives a list other items in place of `before`, which it held when the plan was made. What the program has appended since
/// stays; if it changed otherwise, that is an error, and nothing of the plan is done.
fn list_content<'py>(
    target: &Bound<'py, PyAny>,
    before: &Bound<'py, PyAny>,
    items: &Bound<'py, PyAny>,
    log: &mut Log<'py>,
) -> PyResult<()> {
    let target = target.cast::<PyList>()?.clone();
    let before = before.cast::<PyList>()?;
    let count = before.len();
    let is_prefix = target.len() >= count && target.iter().zip(before.iter()).all(|(now, then)| now.is(&then));
    if !is_prefix {
        return Err(PyValueError::new_err("the program changed a list while the patch was prepared: try again"));
    }
    let old = target.get_slice(0, target.len());
    log.keep(&old)?;
    target.set_slice(0, count, items.cast::<PyList>()?)?;
    log.undo_with(move || target.set_slice(0, target.len(), &old));
    Ok(())
}

/// Writes an item of a tuple in place: every holder of the tuple sees it.
fn tuple<'py>(target: &Bound<'py, PyAny>, index: usize, value: Bound<'py, PyAny>, log: &mut Log<'py>) -> PyResult<()> {
    let length = target.cast::<PyTuple>()?.len();
    if index >= length {
        return Err(PyValueError::new_err("no such item in the tuple"));
    }
    let offset = layout(target.py()).tuple_items.map(|items| items + index * size_of::<usize>());
    let old = internals::replace_field(target, offset, &value)?;
    log.keep(&old)?;
    let target = target.clone();
    log.undo_with(move || internals::replace_field(&target, offset, &old).map(drop));
    Ok(())
}

fn set<'py>(
    target: &Bound<'py, PyAny>,
    old: Bound<'py, PyAny>,
    new: Bound<'py, PyAny>,
    log: &mut Log<'py>,
) -> PyResult<()> {
    let target = target.cast::<PySet>()?.clone();
    if !target.discard(&old)? {
        return Err(PyKeyError::new_err("no such element in the set"));
    }
    target.add(&new)?;
    log.undo_with(move || {
        target.discard(&new)?;
        target.add(&old)
    });
    Ok(())
}

fn first_line<'py>(target: &Bound<'py, PyAny>, line: i32, log: &mut Log<'py>) -> PyResult<()> {
    let old: i32 = target.getattr("co_firstlineno")?.extract()?;
    internals::set_first_line(target, line)?;
    let target = target.clone();
    log.undo_with(move || internals::set_first_line(&target, old));
    Ok(())
}

/// Where the bytecodes of a code object stand in the text, for one that runs and whose own code stays as it is.
fn line_table<'py>(target: &Bound<'py, PyAny>, table: Bound<'py, PyAny>, log: &mut Log<'py>) -> PyResult<()> {
    table.cast::<PyBytes>()?;
    let offset = layout(target.py()).code_line_table;
    let old = internals::replace_field(target, offset, &table)?;
    log.keep(&old)?;
    let target = target.clone();
    log.undo_with(move || internals::replace_field(&target, offset, &old).map(drop));
    Ok(())
}

/// Attributes of a function that are set as such, by the name of the part.
const FUNCTION_ATTRIBUTES: &[(&str, &str)] = &[
    ("defaults", "__defaults__"),
    ("kwdefaults", "__kwdefaults__"),
    ("annotate", "__annotate__"),
    ("annotations", "__annotations__"),
    ("doc", "__doc__"),
    ("name", "__name__"),
    ("qualname", "__qualname__"),
    ("module", "__module__"),
    ("type_params", "__type_params__"),
];

fn function<'py>(target: &Bound<'py, PyAny>, parts: &Bound<'py, PyDict>, log: &mut Log<'py>) -> PyResult<()> {
    let known = |name: &str| {
        matches!(name, "code" | "closure" | "globals" | "builtins")
            || FUNCTION_ATTRIBUTES.iter().any(|(part, _)| *part == name)
    };
    for key in parts.keys() {
        if !known(key.extract::<&str>()?) {
            return Err(PyValueError::new_err(format!("a function has no part {key}")));
        }
    }
    let py = target.py();
    if target.get_type().name()? != "function" {
        return Err(PyTypeError::new_err("this is no function"));
    }
    for (part, find) in [("globals", layout(py).function_globals), ("builtins", layout(py).function_builtins)] {
        if let Some(value) = parts.get_item(part)? {
            let old = internals::replace_field(target, find, &value)?;
            log.keep(&old)?;
            let target = target.clone();
            log.undo_with(move || internals::replace_field(&target, find, &old).map(drop));
        }
    }
    if let Some(code) = parts.get_item("code")? {
        let old_code = target.getattr("__code__")?;
        let old_closure = target.getattr("__closure__")?;
        log.keep(&old_code)?;
        log.keep(&old_closure)?;
        let closure = parts.get_item("closure")?;
        // The closure alone does not fit the old code: no bytecode runs until both are set.
        set_code(target, &code, closure.as_ref())?;
        let changes_closure = closure.is_some();
        let target = target.clone();
        log.undo_with(move || set_code(&target, &old_code, changes_closure.then_some(&old_closure)));
    } else if parts.contains("closure")? {
        return Err(PyValueError::new_err("a closure goes with its code"));
    }
    for (part, name) in FUNCTION_ATTRIBUTES {
        if let Some(value) = parts.get_item(part)? {
            attribute(target, PyString::intern(py, name).into_any(), Some(value), ffi::PyObject_SetAttr, log)?;
        }
    }
    Ok(())
}

/// Gives a function its code and, if wanted, the cells for the code's free variables.
fn set_code<'py>(
    function: &Bound<'py, PyAny>,
    code: &Bound<'py, PyAny>,
    closure: Option<&Bound<'py, PyAny>>,
) -> PyResult<()> {
    let set_closure = |closure: &Bound<'py, PyAny>| {
        let symbols = internals::required()?;
        // SAFETY: the target is a function and the closure None or a tuple: the C function checks both.
        match unsafe { (symbols.function_set_closure)(function.as_ptr(), closure.as_ptr()) } {
            0 => Ok(()),
            _ => Err(PyErr::fetch(function.py())),
        }
    };
    let old_closure = function.getattr("__closure__")?;
    if let Some(closure) = closure {
        set_closure(closure)?;
    }
    let result = if is_generator_like(code)? == is_generator_like(&function.getattr("__code__")?)? {
        function.setattr("__code__", code)
    } else {
        exchange_code(function, code)
    };
    if result.is_err() && closure.is_some() {
        set_closure(&old_closure)?;
    }
    result
}

/// Flags that make a call give a generator, a coroutine or an async generator (`inspect.CO_GENERATOR` and so on).
fn is_generator_like(code: &Bound<'_, PyAny>) -> PyResult<u32> {
    Ok(code.getattr("co_flags")?.extract::<u32>()? & (0x20 | 0x80 | 0x100 | 0x200))
}

/// Setting `__code__` warns from 3.13 on when a function becomes a generator or stops being one, and a warning runs Python
/// code. So the field is written, and setting the defaults to what they are makes specialised calls look again.
fn exchange_code<'py>(function: &Bound<'py, PyAny>, code: &Bound<'py, PyAny>) -> PyResult<()> {
    let py = function.py();
    if py.version_info() < (3, 13) {
        return function.setattr("__code__", code);
    }
    let old = internals::replace_field(function, layout(py).function_code, code)?;
    let defaults = function.getattr("__defaults__")?;
    function.setattr("__defaults__", defaults)?;
    drop(old);
    Ok(())
}
