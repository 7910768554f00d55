//! Has a call that an exception is about to leave begin again where it is, its caller none the wiser.
//!
//! The exception is not taken from the interpreter: for this one instruction the code's exception table names the beginning of
//! the code as what handles it. The interpreter drops what the call has on its stack, goes there, and asks for an event as at the
//! start of any call; there the frame is put back to its beginning, as of a call that a debugger has stopped ([`super::restart`]).

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::frame::Frame;
use super::layout;
use super::restart::{GONE, Shape, code_of, restart};
use super::stack;
use crate::once::Once;

/// A call that is on its way to its beginning.
struct Sent {
    frame: Py<PyAny>,
    code: usize,
    unit: usize,
    resume: u8,
    /// Whether it is to run its function's code; else, and where that does not fit into the frame, `otherwise`.
    in_place: bool,
    otherwise: Py<PyAny>,
    /// Is called with the frame as long as it has its former code.
    before: Py<PyAny>,
}

/// A call that has begun again: where its frame lies, its function and its code.
struct Again {
    frame: usize,
    function: usize,
    code: usize,
    /// It comes by its beginning once more.
    is_new: bool,
}

/// A code object whose exception table is ours for now, with its own one.
struct Lent {
    code: usize,
    table: Py<PyBytes>,
    begins: usize,
    units: Vec<usize>,
}

#[derive(Default)]
struct State {
    sent: Vec<Sent>,
    again: Vec<Again>,
    lent: Vec<Lent>,
}

static STATE: Mutex<State> = Mutex::new(State { sent: Vec::new(), again: Vec::new(), lent: Vec::new() });

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether calls can be sent back to their beginning in this interpreter.
pub fn is_possible(py: Python<'_>) -> bool {
    layout::layout(py).is_some() && table_field(py).is_some()
}

/// `co_exceptiontable` in a code object: found in one whose table is no other's.
fn table_field(py: Python<'_>) -> Option<usize> {
    static FIELD: Once<Option<usize>> = Once::new();
    *FIELD.get_or_init(py, || {
        let probe = py.eval(c"compile('try:\\n a\\nexcept b:\\n c', '', 'exec')", None, None).ok()?;
        let table = probe.getattr("co_exceptiontable").ok()?;
        let words = probe.get_type().getattr("__basicsize__").ok()?.extract::<usize>().ok()? / size_of::<usize>();
        let object = probe.as_ptr().cast::<usize>();
        // SAFETY: the words lie within the object.
        let mut found = (2..words).filter(|word| unsafe { object.add(*word).read() } == table.as_ptr() as usize);
        let first = found.next()?;
        found.next().is_none().then_some(first)
    })
}

type Entry = [usize; 4];

/// The entries of an exception table: where they begin, for how many code units, what handles, and how full the stack is then.
fn entries(table: &[u8]) -> Vec<Entry> {
    let mut numbers = Vec::new();
    let mut number = 0;
    for byte in table {
        number = number << 6 | usize::from(byte & 63);
        if byte & 64 == 0 {
            numbers.push(number);
            number = 0;
        }
    }
    numbers.chunks_exact(4).map(|entry| [entry[0], entry[1], entry[2], entry[3]]).collect()
}

fn encode(entries: &[Entry]) -> Vec<u8> {
    let mut table = Vec::new();
    for entry in entries {
        let begins = table.len();
        for number in entry {
            let digits = (1..).find(|digits| number >> (6 * digits) == 0).unwrap_or(1);
            for digit in (0..digits).rev() {
                let more = if digit > 0 { 64 } else { 0 };
                table.push((number >> (6 * digit) & 63) as u8 | more);
            }
        }
        table[begins] |= 128;
    }
    table
}

fn is_handled(entries: &[Entry], unit: usize) -> bool {
    entries.iter().any(|[start, size, ..]| (*start..start + size).contains(&unit))
}

/// Gives a code object another exception table; answers with the one that it had.
fn exchange_table<'py>(py: Python<'py>, code: usize, table: Bound<'py, PyBytes>) -> Option<Bound<'py, PyAny>> {
    let field = table_field(py)?;
    // SAFETY: the code is alive, as a frame runs it; the field holds a reference, which is exchanged for another one under the GIL.
    unsafe {
        let field = (code as *mut usize).add(field);
        let former = field.read();
        field.write(table.into_ptr() as usize);
        Bound::from_owned_ptr_or_opt(py, former as *mut ffi::PyObject)
    }
}

/// Puts the table of a code object as what is sent through it needs it.
fn set_table(py: Python<'_>, lent: &Lent) -> Option<Py<PyAny>> {
    let table = if lent.units.is_empty() {
        lent.table.clone_ref(py).into_bound(py)
    } else {
        let mut all = entries(lent.table.as_bytes(py));
        all.extend(lent.units.iter().map(|unit| [*unit, 1, lent.begins, 0]));
        all.sort_unstable();
        all.dedup();
        PyBytes::new(py, &encode(&all))
    };
    exchange_table(py, lent.code, table).map(Bound::unbind)
}

/// An exception that was raised in a frame, or has come to it, at this offset: has the call begin again, once its own blocks have been
/// left. Answers whether that is now; raises where it can't be done.
#[pyfunction]
pub fn begin_again(
    frame: &Bound<'_, PyAny>,
    offset: usize,
    resume: u8,
    in_place: bool,
    otherwise: Py<PyAny>,
    before: Py<PyAny>,
) -> PyResult<bool> {
    let py = frame.py();
    let refused = |reason: &str| PyRuntimeError::new_err(reason.to_owned());
    let code = frame.getattr("f_code")?;
    let unit = offset / 2;
    let is_plain = Frame::of(py, frame.as_ptr(), code.as_ptr()).is_some_and(|found| found.is_on_a_stack());
    if !is_possible(py) || !is_plain {
        return Err(refused("its frame is not as expected"));
    }
    let shape = Shape::of(&code, resume)?;
    let table: Bound<'_, PyBytes> = code.getattr("co_exceptiontable")?.cast_into().map_err(PyErr::from)?;
    let mut all = state();
    let known = all.lent.iter().position(|lent| lent.code == code.as_ptr() as usize);
    let own = known.map_or_else(|| entries(table.as_bytes()), |index| entries(all.lent[index].table.as_bytes(py)));
    if is_handled(&own, unit) {
        return Ok(false);
    }
    let index = known.unwrap_or_else(|| {
        let code = code.as_ptr() as usize;
        all.lent.push(Lent { code, table: table.clone().unbind(), begins: shape.begins, units: Vec::new() });
        all.lent.len() - 1
    });
    all.lent[index].units.push(unit);
    let former = set_table(py, &all.lent[index]);
    all.sent.push(Sent {
        frame: frame.clone().unbind(),
        code: code.as_ptr() as usize,
        unit,
        resume,
        in_place,
        otherwise,
        before,
    });
    drop(all);
    drop(former);
    Ok(true)
}

/// Called by `sys.monitoring` when a call begins, or comes to its beginning. Answers whether the event is needed any longer.
pub fn begun(code: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = code.py();
    // SAFETY: the GIL is held; the result is borrowed from the running frame.
    let object = unsafe { ffi::PyEval_GetFrame() }.cast::<ffi::PyObject>();
    // SAFETY: a live object, or null.
    let Some(held) = (unsafe { Bound::from_borrowed_ptr_or_opt(py, object) }) else { return Ok(true) };
    let Some(frame) = Frame::of(py, object, code.as_ptr()) else { return Ok(true) };
    let mut all = state();
    let Some(index) = all.sent.iter().position(|sent| sent.frame.as_ptr() == object) else {
        // Another call has come to lie where one did that had begun again.
        all.again.retain_mut(|again| again.frame != frame.address() || std::mem::take(&mut again.is_new));
        let own = code.as_ptr() as usize;
        let is_needed = all.sent.iter().any(|sent| sent.code == own) || all.again.iter().any(|again| again.code == own);
        drop(all);
        return match stray(&frame, code)? {
            Some(error) => Err(error),
            None => Ok(is_needed),
        };
    };
    let sent = all.sent.swap_remove(index);
    let mut former = None;
    if let Some(index) = all.lent.iter().position(|lent| lent.code == sent.code) {
        let units = &mut all.lent[index].units;
        if let Some(index) = units.iter().position(|unit| *unit == sent.unit) {
            units.swap_remove(index);
        }
        let is_over = units.is_empty();
        former = set_table(py, &all.lent[index]);
        if is_over {
            all.lent.swap_remove(index);
        }
    }
    drop(all);
    let error = frame.used().and_then(|used| frame.object(py, frame.slot(used.checked_sub(1)?)));
    if let Some(error) = &error {
        // What it holds of this call's frame has it look held.
        // SAFETY: the interpreter has put the exception there that it was to handle; the GIL is held.
        unsafe { ffi::PyException_SetTraceback(error.as_ptr(), ffi::Py_None()) };
    }
    if let Err(failed) = sent.before.call1(py, (&held,)) {
        failed.write_unraisable(py, None);
    }
    let function = frame.function(py);
    let own = || function.as_ref().and_then(|function| code_of(function).ok()).ok_or(GONE);
    let otherwise = sent.otherwise.bind(py);
    let restarted =
        Err(GONE)
            .or_else(|_: &str| {
                if sent.in_place { own().and_then(|new| restart(&frame, code, &new, sent.resume)) } else { Err(GONE) }
            })
            .or_else(|_| restart(&frame, code, otherwise, sent.resume));
    match restarted {
        Ok(dropped) => {
            let (address, code) = (frame.address(), frame.code());
            let is_new = code != otherwise.as_ptr() as usize;
            let function = function.map_or(0, |function| function.as_ptr() as usize);
            let mut all = state();
            all.again.retain(|again| again.frame != address);
            all.again.push(Again { frame: address, function, code, is_new });
            drop(all);
            drop((dropped, error, former, sent, held));
            Ok(true)
        }
        Err(_) => Err(error.map_or_else(|| PyRuntimeError::new_err("a call could not begin again"), PyErr::from_value)),
    }
}

/// The exception of another call that came through a table that was not meant for it.
fn stray(frame: &Frame, code: &Bound<'_, PyAny>) -> PyResult<Option<PyErr>> {
    let Some(top) = frame.used().and_then(|used| used.checked_sub(1)) else { return Ok(None) };
    let locals = ["co_varnames", "co_cellvars", "co_freevars"].iter().map(|names| code.getattr(*names)?.len());
    if top < locals.sum::<PyResult<usize>>()? {
        return Ok(None);
    }
    Ok(frame.object(code.py(), frame.slot(top)).map(PyErr::from_value))
}

/// Whether one of the calls that this thread is in has begun again.
pub fn is_in_one(py: Python<'_>) -> bool {
    let all = state();
    let is_one =
        |base: usize, function: usize| all.again.iter().any(|again| again.frame == base && again.function == function);
    !all.again.is_empty() && stack::callers(py).any(|caller| is_one(caller.address, caller.function))
}
