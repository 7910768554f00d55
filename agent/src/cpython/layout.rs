//! Offsets of struct fields, each found by looking for known values in objects made for the purpose. What is not found as
//! expected is not used.

use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};

use crate::once::Once;

/// Offsets in bytes of fields that no API sets, each found by a self-test.
pub struct Layout {
    pub function_globals: Option<usize>,
    pub function_builtins: Option<usize>,
    pub function_code: Option<usize>,
    pub function_annotations: Option<usize>,
    pub function_dict: Option<usize>,
    /// From 3.14.
    pub function_annotate: Option<usize>,
    pub versions: Option<Versions>,
    /// The version that functions made of a code get, from 3.12.
    pub code_version: Option<usize>,
    pub tuple_items: Option<usize>,
    pub code_first_line: Option<usize>,
    pub code_line_table: Option<usize>,
    pub code_names: Option<usize>,
    pub type_base: Option<usize>,
    /// In the state of a thread, an `int`: how many calls may still lie within each other. Of 3.11 alone.
    pub recursion_remaining: Option<usize>,
}

/// Finds the fields, once. Needs the GIL.
pub fn layout(py: Python<'_>) -> &'static Layout {
    static LAYOUT: Once<Layout> = Once::new();
    LAYOUT.get_or_init(py, || {
        find_layout(py).unwrap_or(Layout {
            function_globals: None,
            function_builtins: None,
            function_code: None,
            function_annotations: None,
            function_dict: None,
            function_annotate: None,
            versions: None,
            code_version: None,
            tuple_items: None,
            code_first_line: None,
            code_line_table: None,
            code_names: None,
            type_base: None,
            recursion_remaining: None,
        })
    })
}

fn find_layout(py: Python<'_>) -> PyResult<Layout> {
    let globals = PyDict::new(py);
    let builtins = PyDict::new(py);
    globals.set_item("__builtins__", &builtins)?;
    let code =
        py.import("builtins")?.getattr("compile")?.call1(("def probe(): pass\nprobe()", "<hotsplice>", "exec"))?;
    let probe_code = code.getattr("co_consts")?.get_item(0)?;
    let function_type = py.eval(c"type(lambda: 0)", None, None)?;
    let function = function_type.call1((&probe_code, &globals))?;
    let pair = PyTuple::new(py, [&globals, &builtins])?;
    let annotated = function_type.call1((&probe_code, &globals))?;
    let annotate = function_type.call1((&probe_code, &globals))?;
    if py.version_info() >= (3, 14) {
        annotated.setattr("__annotate__", &annotate)?;
    }
    let function_annotate = find_pointer(&annotated, &annotate, OBJECT);
    let annotations = PyDict::new(py);
    annotated.setattr("__annotations__", &annotations)?;
    let attributes = PyDict::new(py);
    annotated.setattr("__dict__", &attributes)?;
    let base = made_class(py, py.get_type::<PyAny>().as_any())?;
    let versions = find_versions(py)?;
    let code_version = match &versions {
        Some(versions) => Some(versions.code),
        None => find_code_version(py)?,
    };
    Ok(Layout {
        function_globals: find_pointer(&function, globals.as_any(), OBJECT),
        function_builtins: find_pointer(&function, builtins.as_any(), OBJECT),
        function_code: find_pointer(&function, &probe_code, OBJECT),
        function_annotations: find_pointer(&annotated, annotations.as_any(), OBJECT),
        function_dict: find_pointer(&annotated, attributes.as_any(), OBJECT),
        function_annotate,
        versions,
        code_version,
        tuple_items: find_pointer(pair.as_any(), globals.as_any(), OBJECT),
        code_first_line: find_first_line(py, &probe_code)?,
        code_line_table: find_pointer(&probe_code, &probe_code.getattr("co_linetable")?, OBJECT),
        code_names: find_code_names(py)?,
        type_base: find_pointer(&made_class(py, &base)?, &base, TYPE),
        recursion_remaining: find_recursion_remaining(py),
    })
}

/// Where a function and a code object have their versions: what specialised calls compare. From 3.13 a function whose parts
/// were set is without one for good, so that calls of it are never specialised again.
#[derive(Clone, Copy)]
pub struct Versions {
    pub function: usize,
    pub code: usize,
}

fn find_versions(py: Python<'_>) -> PyResult<Option<Versions>> {
    let Some(set_version) = super::required()?.function_set_version else { return Ok(None) };
    const MARK: u32 = 0x2BAD_51CE;
    const COUNT: usize = 8;
    let text: String = (0..=COUNT).map(|number| format!("def probe{number}(): pass\n")).collect();
    let names = PyDict::new(py);
    // Functions as a program makes them: those have the versions of their codes.
    py.run(&std::ffi::CString::new(text)?, Some(&names), None)?;
    let function = |number: usize| -> PyResult<Bound<'_, PyAny>> {
        names.get_item(format!("probe{number}"))?.ok_or_else(|| PyRuntimeError::new_err("no probe"))
    };
    let marked = function(COUNT)?;
    // SAFETY: the object is a function. Its code is never freed, since the interpreter notes it beside the mark.
    unsafe {
        ffi::Py_INCREF(super::function_code(super::required()?, marked.as_ptr()));
        set_version(marked.as_ptr(), MARK);
    }
    let Some(offset) = find_word(&marked, |word| word == MARK)? else { return Ok(None) };
    let mut found: Option<Vec<usize>> = None;
    for number in 0..COUNT {
        let function = function(number)?;
        // SAFETY: the field was found in an object of the same type.
        let version = unsafe { function.as_ptr().cast::<u8>().add(offset).cast::<u32>().read() };
        let code = function.getattr("__code__")?;
        let places = words(&code)?;
        let here = places.iter().filter(|(_, word)| *word == version).map(|(offset, _)| *offset);
        found = Some(match found {
            None => here.collect(),
            Some(before) => {
                let here: Vec<usize> = here.collect();
                before.into_iter().filter(|offset| here.contains(offset)).collect()
            }
        });
    }
    Ok(match found.as_deref() {
        Some([code]) => Some(Versions { function: offset, code: *code }),
        _ => None,
    })
}

/// The number that CPython 3.12 counts up for each code, and gives to the functions made of it.
fn find_code_version(py: Python<'_>) -> PyResult<Option<usize>> {
    if py.version_info() < (3, 12) {
        return Ok(None);
    }
    const COUNT: usize = 8;
    let text: String = (0..COUNT).map(|number| format!("def probe{number}(): pass\n")).collect();
    let names = PyDict::new(py);
    py.import("builtins")?.getattr("exec")?.call1((text, &names))?;
    let mut places: Option<Vec<(usize, u32)>> = None;
    for number in 0..COUNT {
        let function = names.get_item(format!("probe{number}"))?.ok_or_else(|| PyRuntimeError::new_err("no probe"))?;
        let in_function: Vec<u32> = words(&function)?.into_iter().map(|(_, word)| word).collect();
        let here = words(&function.getattr("__code__")?)?;
        let is_next = |(offset, word): &(usize, u32)| match &places {
            None => true,
            Some(before) => {
                before.iter().any(|(place, former)| place == offset && former.checked_add(1) == Some(*word))
            }
        };
        let here = here.into_iter().filter(|place| in_function.contains(&place.1) && is_next(place)).collect();
        places = Some(here);
    }
    Ok(match places.as_deref() {
        Some([(offset, _)]) => Some(*offset),
        _ => None,
    })
}

/// The first bytes of an object, in words of 32 bits, each with its offset.
fn words(object: &Bound<'_, PyAny>) -> PyResult<Vec<(usize, u32)>> {
    let size = object.get_type().getattr("__sizeof__")?.call1((object,))?.extract::<usize>()?.min(160);
    let header = 2 * size_of::<usize>();
    // SAFETY: the offsets lie within the object and are aligned.
    Ok((header..size.saturating_sub(3))
        .step_by(size_of::<u32>())
        .map(|offset| (offset, unsafe { object.as_ptr().cast::<u8>().add(offset).cast::<u32>().read() }))
        .collect())
}

/// The only such word of an object that is wanted.
pub fn find_word(object: &Bound<'_, PyAny>, wanted: impl Fn(u32) -> bool) -> PyResult<Option<usize>> {
    let found: Vec<usize> = words(object)?.into_iter().filter(|(_, word)| wanted(*word)).map(|(at, _)| at).collect();
    Ok(if let [offset] = found[..] { Some(offset) } else { None })
}

/// The names and the variables of the code must be different tuples.
fn find_code_names(py: Python<'_>) -> PyResult<Option<usize>> {
    let compile = py.import("builtins")?.getattr("compile")?;
    let code = compile.call1(("probed_name + another_name", "<hotsplice>", "eval"))?;
    Ok(find_pointer(&code, &code.getattr("co_names")?, OBJECT))
}

/// How much of an object is searched for a field: the part that `tp_base` of a type lies in is further back.
const OBJECT: usize = 240;
const TYPE: usize = 320;

/// What `class probe(base): pass` makes.
fn made_class<'py>(py: Python<'py>, base: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    py.get_type::<PyType>().call1(("probe", (base,), PyDict::new(py)))
}

/// The only place in an object's first bytes that holds a pointer to another object.
fn find_pointer(object: &Bound<'_, PyAny>, target: &Bound<'_, PyAny>, most: usize) -> Option<usize> {
    // By the type: a class's own `__sizeof__` is that of its instances.
    let size = object.get_type().getattr("__sizeof__").ok()?.call1((object,)).ok()?.extract::<usize>().ok()?.min(most);
    let header = 2 * size_of::<usize>();
    let found: Vec<usize> = (header..size.saturating_sub(size_of::<usize>() - 1))
        .step_by(size_of::<usize>())
        // SAFETY: the offset lies within the object, whose size `__sizeof__` gives, and is aligned to a pointer.
        .filter(|&offset| unsafe {
            *object.as_ptr().cast::<u8>().add(offset).cast::<*mut ffi::PyObject>() == target.as_ptr()
        })
        .collect();
    match found[..] {
        [offset] => Some(offset),
        _ => None,
    }
}

fn find_first_line(py: Python<'_>, code: &Bound<'_, PyAny>) -> PyResult<Option<usize>> {
    // 3.11 caches absolute lines beside the table once code was traced.
    if py.version_info() >= (3, 11) && py.version_info() < (3, 12) {
        return Ok(None);
    }
    const MARK: i32 = 0x2BAD_51CE;
    let arguments = PyDict::new(py);
    arguments.set_item("co_firstlineno", MARK)?;
    let marked = code.call_method("replace", (), Some(&arguments))?;
    let size = marked.call_method0("__sizeof__")?.extract::<usize>()?.min(160);
    let header = 2 * size_of::<usize>();
    let found: Vec<usize> = (header..size.saturating_sub(3))
        .step_by(size_of::<i32>())
        // SAFETY: the offset lies within the object and is aligned to an int.
        .filter(|&offset| unsafe { *marked.as_ptr().cast::<u8>().add(offset).cast::<i32>() == MARK })
        .collect();
    let [offset] = found[..] else { return Ok(None) };
    // SAFETY: as above; the object was made here and nothing else knows it.
    unsafe { *marked.as_ptr().cast::<u8>().add(offset).cast::<i32>() = 1000 };
    let first_line: i32 = marked.getattr("co_firstlineno")?.extract()?;
    let mut follows = true;
    // Not collected: PyO3 would import `operator` to ask how many there are, a module that the program may have of its own.
    for item in marked.call_method0("co_lines")?.try_iter()? {
        let (_, _, line): (u32, u32, Option<i32>) = item?.extract()?;
        follows &= line.is_none_or(|line| line == 1000);
    }
    Ok((first_line == 1000 && follows).then_some(offset))
}

/// The only number of a thread's state that is one less for each call that C code enters.
fn find_recursion_remaining(py: Python<'_>) -> Option<usize> {
    if py.version_info() < (3, 11) || py.version_info() >= (3, 12) {
        return None;
    }
    /// Less than the size of a state of 3.11, in numbers of 32 bits.
    const COUNT: usize = 48;
    // SAFETY: the GIL is held, so that the thread has a state; it is larger, and aligned to a pointer.
    let numbers = || unsafe { ffi::PyThreadState_Get().cast::<[i32; COUNT]>().read() };
    let before = numbers();
    let mut entered = Vec::new();
    // SAFETY: the GIL is held; each that is entered is left.
    while entered.len() < 2 && unsafe { ffi::Py_EnterRecursiveCall(c"".as_ptr()) } == 0 {
        entered.push(numbers());
    }
    // SAFETY: as above.
    entered.iter().for_each(|_| unsafe { ffi::Py_LeaveRecursiveCall() });
    let after = numbers();
    let [once, twice] = entered[..] else {
        // There was no room for another call.
        drop(PyErr::take(py));
        return None;
    };
    let counts = |at: &usize| {
        let down = |from: i32, to: i32| from.checked_sub(to) == Some(1);
        down(before[*at], once[*at]) && down(once[*at], twice[*at]) && after[*at] == before[*at]
    };
    let found: Vec<usize> = (0..COUNT).filter(counts).collect();
    let [at] = found[..] else { return None };
    Some(at * size_of::<i32>())
}

/// Whether `co_firstlineno` can be changed in place, so that running calls have right lines too.
#[pyfunction]
pub fn can_set_first_line(py: Python<'_>) -> bool {
    layout(py).code_first_line.is_some()
}

/// Whether a code object's table of lines can be exchanged in place.
#[pyfunction]
pub fn can_set_line_table(py: Python<'_>) -> bool {
    layout(py).code_line_table.is_some()
}

/// Whether the first base of a class can be exchanged where `__bases__` alone refuses.
#[pyfunction]
pub fn can_set_base(py: Python<'_>) -> bool {
    layout(py).type_base.is_some()
}

/// Whether a class was made by a class statement, and not in C: objects of both are freed by the same function.
#[pyfunction]
pub fn is_made_in_python(py: Python<'_>, class: &Bound<'_, PyType>) -> PyResult<bool> {
    let probe = made_class(py, py.get_type::<PyAny>().as_any())?;
    // SAFETY: both are types, and PyType_GetSlot takes any type from 3.10 on.
    unsafe {
        let slot = |class: *mut ffi::PyObject| ffi::PyType_GetSlot(class.cast(), ffi::Py_tp_dealloc);
        Ok(slot(class.as_ptr()) == slot(probe.as_ptr()))
    }
}

/// Reads a code object's first line and writes another one.
pub fn set_first_line(code: &Bound<'_, PyAny>, line: i32) -> PyResult<()> {
    let offset = layout(code.py())
        .code_first_line
        .ok_or_else(|| PyRuntimeError::new_err("this interpreter's code objects have an unknown layout"))?;
    // SAFETY: the offset is that of `co_firstlineno`, an int, as the self-test on this very interpreter found; the GIL
    // is held, and no reader keeps the value across bytecodes.
    unsafe { *code.as_ptr().cast::<u8>().add(offset).cast::<i32>() = line };
    Ok(())
}

/// Puts `value` into a pointer field, null for nothing, and returns what was there. The reference that the field held is the
/// result's.
pub fn exchange_field<'py>(
    object: &Bound<'py, PyAny>,
    offset: Option<usize>,
    value: Option<&Bound<'py, PyAny>>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let offset = offset.ok_or_else(|| PyRuntimeError::new_err("this interpreter's objects have an unknown layout"))?;
    let value = value.map_or(std::ptr::null_mut(), |value| value.clone().into_ptr());
    // SAFETY: the offset was found by a self-test on an object of the same type, the GIL is held; the new value's
    // reference is given to the field, the old one's taken from it.
    unsafe {
        let field = object.as_ptr().cast::<u8>().add(offset).cast::<*mut ffi::PyObject>();
        let old = std::mem::replace(&mut *field, value);
        Ok(Bound::from_owned_ptr_or_opt(object.py(), old))
    }
}

/// [`exchange_field`] for a field that is never null.
pub fn replace_field<'py>(
    object: &Bound<'py, PyAny>,
    offset: Option<usize>,
    value: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    exchange_field(object, offset, Some(value))?.ok_or_else(|| PyRuntimeError::new_err("the field was empty"))
}
