//! The variables of a call, read where they lie. Before 3.13 a frame object that is asked for them fills a dictionary again: what a
//! debugger has put there is lost, and what they hold stays alive.

use pyo3::exceptions::PyValueError;
use pyo3::ffi;
use pyo3::prelude::*;

use super::frame::Frame;
use crate::cpython::symbol;
use crate::once::name;

/// In a `PyFrameObject` of 3.10 (`cpython/frameobject.h`): `f_code`, `f_valuestack` and `f_localsplus`.
const FORMER: (usize, usize, usize) = (32, 64, 352);

type Variables<'py> = Vec<(String, Bound<'py, PyAny>)>;

/// Where the variables of a call lie.
enum Slots {
    Former(*const usize),
    Frame(Frame),
}

/// What the variables of a function's call hold, by their names; nothing where the frame's object may be asked without harm, or
/// where they are not found as expected.
#[pyfunction]
pub fn variables_of<'py>(frame: &Bound<'py, PyAny>) -> PyResult<Option<Variables<'py>>> {
    let py = frame.py();
    let version = (py.version_info().major, py.version_info().minor);
    if !is_of(frame, c"PyFrame_Type") || version >= (3, 13) {
        return Ok(None);
    }
    let code = frame.getattr(name!(py, "f_code"))?;
    let names = |attribute| -> PyResult<Vec<String>> { code.getattr(attribute)?.extract() };
    let (locals, cells, free) = (names("co_varnames")?, names("co_cellvars")?, names("co_freevars")?);
    // From 3.11 on a parameter that others share has one place.
    let is_former = version == (3, 10);
    let own = cells.iter().filter(|name| is_former || !locals.contains(name));
    let all: Vec<&String> = locals.iter().chain(own).chain(&free).collect();
    let found = if is_former {
        former(frame, &code, all.len())
    } else {
        Frame::of(py, frame.as_ptr(), code.as_ptr()).map(Slots::Frame)
    };
    let Some(slots) = found else { return Ok(None) };
    let mut variables = Vec::new();
    for (index, name) in all.into_iter().enumerate() {
        let value = match &slots {
            Slots::Frame(frame) => frame.object(py, frame.slot(index)),
            // SAFETY: there are so many slots; each is null, or holds an object that is alive while the GIL is held.
            Slots::Former(first) => unsafe {
                Bound::from_borrowed_ptr_or_opt(py, first.add(index).read() as *mut ffi::PyObject)
            },
        };
        let is_shared = cells.contains(name) || free.contains(name);
        let Some(value) = value else { continue };
        match content(&value, is_shared)? {
            Some(value) => variables.push((name.clone(), value)),
            None => continue,
        }
    }
    Ok(Some(variables))
}

/// What a variable that is shared holds, if it does.
fn content<'py>(value: &Bound<'py, PyAny>, is_shared: bool) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = value.py();
    if !is_shared || !is_of(value, c"PyCell_Type") {
        return Ok(Some(value.clone()));
    }
    match value.getattr(name!(py, "cell_contents")) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.is_instance_of::<PyValueError>(py) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether an object is of one of the interpreter's own types.
fn is_of(object: &Bound<'_, PyAny>, name: &std::ffi::CStr) -> bool {
    symbol(name).is_some_and(|found| found.cast() == object.get_type().as_ptr())
}

/// In 3.10 they lie in the frame's object, and the stack begins behind them.
fn former(frame: &Bound<'_, PyAny>, code: &Bound<'_, PyAny>, count: usize) -> Option<Slots> {
    let (code_at, stack_at, slots_at) = FORMER;
    let base = frame.as_ptr().cast::<u8>().cast_const();
    // SAFETY: a live frame object of 3.10, whose fields these are.
    let (known, stack) =
        unsafe { (base.add(code_at).cast::<usize>().read(), base.add(stack_at).cast::<usize>().read()) };
    let is_expected = known == code.as_ptr() as usize && stack == base as usize + slots_at + 8 * count;
    // SAFETY: as above.
    is_expected.then(|| Slots::Former(unsafe { base.add(slots_at) }.cast()))
}
