//! Room for later code in what can be suspended. The frame of a generator or coroutine lies inside of it and can't grow, so its
//! code asks for some slots more than it needs: code that takes its place may have some more variables.
//!
//! What a code object asks for never exceeds what the calls have that run it. So it is changed only as long as nothing but
//! its maker knows it, and code that takes the place of other code asks for as much as that did.

use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::layout;
use crate::cpython;
use crate::once::Once;

/// How many slots more than needed: 64 bytes for each generator.
const SPARE: i32 = 8;
/// Generators, coroutines, iterable coroutines and async generators.
const SUSPENDABLE: i32 = 0x20 | 0x80 | 0x100 | 0x200;

/// Byte offsets of `co_stacksize` and `co_framesize`, which is worked out for each call before 3.12.
struct Fields {
    stack: usize,
    frame: Option<usize>,
}

fn fields(py: Python<'_>) -> Option<&'static Fields> {
    static FOUND: Once<Option<Fields>> = Once::new();
    FOUND.get_or_init(py, || find(py).ok().flatten()).as_ref()
}

fn find(py: Python<'_>) -> PyResult<Option<Fields>> {
    let Some(layout) = layout::layout_of_suspended(py) else { return Ok(None) };
    const MARK: i32 = 0x00BA_D51C;
    let text = "def probe(a, b, c):\n    yield a";
    let module = py.import("builtins")?.getattr("compile")?.call1((text, "<hotsplice>", "exec"))?;
    let probe = module.getattr("co_consts")?.get_item(0)?;
    let marked = |size: i32| {
        let arguments = PyDict::new(py);
        arguments.set_item("co_stacksize", size)?;
        probe.call_method("replace", (), Some(&arguments))
    };
    let code = marked(MARK)?;
    let specials = i32::try_from(layout.slots / 8).map_err(|_| PyRuntimeError::new_err("an odd layout"))?;
    let stack = cpython::find_word(&code, |word| word == MARK as u32)?;
    let frame = cpython::find_word(&code, |word| word == (MARK + 3 + specials) as u32)?;
    let Some(stack) = stack else { return Ok(None) };
    if frame.is_none() && py.version_info() >= (3, 12) {
        return Ok(None);
    }
    let found = Fields { stack, frame };
    let code = marked(20)?;
    found.add(&code, SPARE);
    let is_right = code.getattr("co_stacksize")?.extract::<i32>()? == 20 + SPARE;
    Ok(is_right.then_some(found))
}

impl Fields {
    /// Slots for variables and stack.
    fn room(&self, code: &Bound<'_, PyAny>) -> PyResult<i32> {
        let own: Vec<String> = code.getattr("co_varnames")?.extract()?;
        let cells: Vec<String> = code.getattr("co_cellvars")?.extract()?;
        let free = code.getattr("co_freevars")?.len()?;
        let locals = own.len() + cells.iter().filter(|name| !own.contains(name)).count() + free;
        Ok(i32::try_from(locals)? + code.getattr("co_stacksize")?.extract::<i32>()?)
    }

    fn add(&self, code: &Bound<'_, PyAny>, more: i32) {
        for offset in std::iter::once(self.stack).chain(self.frame) {
            // SAFETY: the offsets are those of ints in code objects, found by a self-test on this very interpreter; the GIL is
            // held, and the callers see to it that no call has been made of the code.
            unsafe { *code.as_ptr().cast::<u8>().add(offset).cast::<i32>() += more };
        }
    }
}

/// Finds the fields, at a time when no code of the program is being executed.
pub fn prepare(py: Python<'_>) {
    fields(py);
}

/// Gives generator and coroutine functions in a module's code room to spare, before it is executed for the first time.
pub fn reserve(module: &Bound<'_, PyAny>) {
    let py = module.py();
    if let Some(fields) = fields(py) {
        // An event is no place to fail.
        let _ = reserve_nested(fields, module);
    }
}

fn is_code(object: Borrowed<'_, '_, PyAny>) -> bool {
    // SAFETY: a live object's type is read.
    unsafe { ffi::Py_TYPE(object.as_ptr()) }.cast::<ffi::PyObject>() == cpython::functions::code_type(object.py())
}

fn reserve_nested(fields: &Fields, code: &Bound<'_, PyAny>) -> PyResult<()> {
    let constants = code.getattr("co_consts")?;
    for constant in constants.cast::<PyTuple>()?.iter_borrowed() {
        if !is_code(constant) {
            continue;
        }
        // Otherwise there may be a function or a call that has it.
        // SAFETY: the tuple holds the object.
        if unsafe { ffi::Py_REFCNT(constant.as_ptr()) } == 1
            && constant.getattr("co_flags")?.extract::<i32>()? & SUSPENDABLE != 0
        {
            fields.add(&constant, SPARE);
        }
        reserve_nested(fields, &constant)?;
    }
    Ok(())
}

/// What [`reserve`] does, for code that is to be executed.
#[pyfunction]
pub fn reserve_room(module: &Bound<'_, PyAny>) {
    reserve(module);
}

/// Has new code, of which no call has been made, ask for as much room as the former, if that is enough, so that the calls of the
/// former can go on in it; else for some to spare.
#[pyfunction]
pub fn match_room(former: &Bound<'_, PyAny>, new: &Bound<'_, PyAny>) -> PyResult<()> {
    let Some(fields) = fields(new.py()) else { return Ok(()) };
    let are_code = [former, new].iter().all(|one| is_code(one.as_borrowed()));
    if !are_code || new.getattr("co_flags")?.extract::<i32>()? & SUSPENDABLE == 0 {
        return Ok(());
    }
    let (has, needs) = (fields.room(former)?, fields.room(new)?);
    fields.add(new, if needs <= has { has - needs } else { SPARE });
    Ok(())
}
