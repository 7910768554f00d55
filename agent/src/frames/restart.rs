//! Restarts calls from their beginning, with the code that their function has by then and the arguments that they have.
//!
//! A call that a debugger has stopped can't be changed then: the debugger's own frames are above it, and the interpreter
//! comes back to it with what it knows of the former code. So it is only sent to the beginning of its code, as a debugger's
//! *jump* does, and restarted by the event that comes there. A call that waits for another one is restarted where its next
//! line begins.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use pyo3::exceptions::PyValueError;
use pyo3::ffi;
use pyo3::prelude::*;

use super::frame::Frame;
use super::layout::Traced;
use super::left::keep_for_a_while;
use super::moves::{bytecode, unit_of};
use super::object::{Room, Size};
use crate::{cpython, job, session};

/// `CO_GENERATOR`, `CO_COROUTINE`, `CO_ITERABLE_COROUTINE`, `CO_ASYNC_GENERATOR`.
const SUSPENDS: u32 = 0x20 | 0x80 | 0x100 | 0x200;

pub const GONE: &str = "the frame has gone on meanwhile";
const NO_ROOM: &str = "the new code needs more room than the frame has";
const ARGUMENTS: &str = "the new code takes other arguments";

/// A call that is to be restarted.
pub struct Planned {
    frame: Py<PyAny>,
    code: Py<PyAny>,
    /// Where its code begins, if it has been sent there.
    begins: Option<usize>,
    /// The number of the instruction that code begins with.
    resume: u8,
    /// Code units at which lines begin where it may be restarted, if it has not been sent anywhere or a debugger has sent it elsewhere.
    lines: HashSet<usize>,
    /// What was on its stack when it was sent to its beginning: freed in its own thread.
    left: Vec<Py<PyAny>>,
    /// Called on the agent's thread if it could not be restarted with new code.
    failed: Py<PyAny>,
}

static PLANNED: Mutex<Vec<Planned>> = Mutex::new(Vec::new());
/// So that nobody else has to ask for the lock.
static ARE_PLANNED: AtomicBool = AtomicBool::new(false);

fn planned() -> MutexGuard<'static, Vec<Planned>> {
    PLANNED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a debugger's code runs in a thread for an event, and the event's number.
#[pyfunction]
pub fn event_of(py: Python<'_>, thread: u64) -> Option<(bool, i32)> {
    Traced::of(py, thread).map(|traced| (traced.is_in_event, traced.event))
}

/// Whether a frame begins again as soon as its thread goes on.
#[pyfunction]
pub fn is_restarting(frame: &Bound<'_, PyAny>) -> bool {
    planned().iter().any(|plan| plan.frame.as_ptr() == frame.as_ptr() && plan.begins.is_some())
}

/// The function that a frame is a call of.
#[pyfunction]
pub fn function_of<'py>(frame: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let code = frame.getattr("f_code")?;
    Ok(Frame::of(frame.py(), frame.as_ptr(), code.as_ptr()).and_then(|found| found.function(frame.py())))
}

/// Has a frame restarted: at once when its thread goes on (`jump`: it stands before a line, at the code unit `at`), else when
/// it comes to one of the lines. Answers why that is not possible.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "one call from Python")]
pub fn plan_restart(
    frame: &Bound<'_, PyAny>,
    code: &Bound<'_, PyAny>,
    thread: u64,
    jump: bool,
    at: usize,
    lines: HashSet<usize>,
    resume: u8,
    failed: Py<PyAny>,
) -> PyResult<Option<&'static str>> {
    let py = frame.py();
    let (Some(found), Some(traced)) = (Frame::of(py, frame.as_ptr(), code.as_ptr()), Traced::of(py, thread)) else {
        return Ok(Some(GONE));
    };
    let start = bytecode(code).ok_or_else(|| PyValueError::new_err("this is no code object"))?;
    if jump && !(traced.is_at_line() && unit_of(&found, code) == Some(at)) {
        return Ok(Some(GONE));
    }
    let Some(function) = found.function(py) else { return Ok(Some(GONE)) };
    let live = code_of(&function)?;
    let (former, new) = (Shape::of(code, resume)?, Shape::of(&live, resume)?);
    if !former.takes_the_same(&new) {
        return Ok(Some(ARGUMENTS));
    }
    let more = new.size().saturating_sub(former.size());
    // Debuggers hold the frames that they have stopped.
    let is_room = Room::of(&found, code, &live, former.sizes(), new.sizes(), None).is_some();
    if !is_room || more > 0 && !(found.is_on_a_stack() && found.could_grow(&traced, former.size(), more)) {
        return Ok(Some(NO_ROOM));
    }
    let used = found.used().unwrap_or(0);
    if jump && used < former.locals() {
        return Ok(Some(GONE));
    }
    let plan = Planned {
        left: Vec::new(),
        frame: frame.clone().unbind(),
        code: code.clone().unbind(),
        begins: jump.then_some(former.begins),
        resume,
        lines,
        failed,
    };
    let mut all = planned();
    if all.iter().any(|known| known.frame.as_ptr() == frame.as_ptr() && known.begins.is_some()) {
        // It has been sent to its beginning already.
        return Ok(None);
    }
    let earlier =
        all.iter().position(|known| known.frame.as_ptr() == frame.as_ptr()).map(|index| all.swap_remove(index));
    all.push(plan);
    if jump {
        // As a debugger's jump does: the interpreter comes back with the stack and the instruction that the frame tells of.
        let held: Vec<usize> = (former.locals()..used).map(|index| found.slot(index)).collect();
        found.set_used(former.locals());
        found.set_instruction(start + 2 * former.begins);
        // SAFETY: the slots were the frame's and are not looked at any more.
        let left = held.iter().filter_map(|slot| unsafe { found.release(py, *slot) }).map(Bound::unbind).collect();
        if let Some(plan) = all.last_mut() {
            plan.left = left;
        }
    }
    ARE_PLANNED.store(true, Ordering::Release);
    drop(all);
    drop(earlier);
    Ok(None)
}

/// Forgets the calls that have ended without being restarted; answers with what is to be called for each, and whether others are
/// planned still.
#[pyfunction]
pub fn ended_restarts(py: Python<'_>) -> (Vec<Py<PyAny>>, bool) {
    let (ended, left): (Vec<_>, Vec<_>) = std::mem::take(&mut *planned())
        .into_iter()
        .partition(|plan| Frame::of(py, plan.frame.as_ptr(), plan.code.as_ptr()).is_none());
    let mut all = planned();
    all.extend(left);
    let are_left = !all.is_empty();
    ARE_PLANNED.store(are_left, Ordering::Release);
    drop(all);
    (ended.into_iter().map(|plan| plan.failed).collect(), are_left)
}

/// Called by `sys.monitoring` in the program's own thread when a call begins, with what else is to be called then.
#[pyfunction]
pub fn started<'py>(
    otherwise: &Bound<'py, PyAny>,
    code: &Bound<'py, PyAny>,
    offset: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    if restart_current(code, |plan, unit| plan.begins == Some(unit)) {
        return Ok(code.py().None().into_bound(code.py()));
    }
    otherwise.call1((code, offset))
}

/// Restarts the running call, if that is planned for this place. Answers whether it was.
pub fn restart_current(code: &Bound<'_, PyAny>, is_here: impl Fn(&Planned, usize) -> bool) -> bool {
    if !ARE_PLANNED.load(Ordering::Acquire) {
        return false;
    }
    let py = code.py();
    // SAFETY: the GIL is held; the result is borrowed from the running frame.
    let object = unsafe { ffi::PyEval_GetFrame() }.cast::<ffi::PyObject>();
    // SAFETY: a live object, or null.
    let Some(held) = (unsafe { Bound::from_borrowed_ptr_or_opt(py, object) }) else { return false };
    let Some(frame) = Frame::of(py, object, code.as_ptr()) else { return false };
    let Some(unit) = unit_of(&frame, code) else { return false };
    let plan = {
        let mut all = planned();
        let index = all.iter().position(|plan| plan.frame.as_ptr() == object && is_here(plan, unit));
        let plan = index.map(|index| all.swap_remove(index));
        ARE_PLANNED.store(!all.is_empty(), Ordering::Release);
        plan
    };
    let Some(plan) = plan else { return false };
    let restarted = frame
        .function(py)
        .ok_or(GONE)
        .and_then(|function| code_of(&function).map_err(|_| GONE))
        .and_then(|new| restart(&frame, code, &new, plan.resume));
    let dropped = restarted.or_else(|_| {
        session::at(Instant::now(), job::Alarm::Call(plan.failed.clone_ref(py)));
        // It has been sent to its beginning.
        if plan.begins.is_some() { restart(&frame, code, code, plan.resume) } else { Ok(Vec::new()) }
    });
    drop((dropped, plan, held));
    true
}

/// Whether a call is to be restarted at a line that begins at a code unit. One that has been sent to its beginning comes to a line
/// only if a debugger has sent it elsewhere since.
pub fn is_at_line(plan: &Planned, unit: usize) -> bool {
    plan.lines.contains(&unit)
}

pub fn code_of<'py>(function: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let symbols = cpython::required()?;
    // SAFETY: callers pass functions; the code is borrowed from one.
    Ok(unsafe { Bound::from_borrowed_ptr(function.py(), cpython::function_code(symbols, function.as_ptr())) })
}

/// What a code object's frames look like.
pub struct Shape {
    arguments: Vec<String>,
    /// By slot: the local variables, the cells that are none of those, the free variables.
    own: usize,
    cells: HashSet<usize>,
    free: usize,
    flags: u32,
    stack: usize,
    /// The code unit at which a call begins: behind what makes the generator, where it is one.
    pub begins: usize,
}

impl Shape {
    pub fn of(code: &Bound<'_, PyAny>, resume: u8) -> PyResult<Self> {
        let names = |name: &str| code.getattr(name)?.extract::<Vec<String>>();
        let number = |name: &str| code.getattr(name)?.extract::<u32>();
        let (flags, locals) = (number("co_flags")?, names("co_varnames")?);
        let count = number("co_argcount")? + number("co_kwonlyargcount")? + (flags >> 2 & 1) + (flags >> 3 & 1);
        let mut own = locals.len();
        let mut cells = HashSet::new();
        for cell in names("co_cellvars")? {
            let place = locals.iter().position(|name| *name == cell);
            cells.insert(place.unwrap_or(own));
            own += usize::from(place.is_none());
        }
        let mut arguments = locals;
        arguments.truncate(count as usize);
        let free = names("co_freevars")?.len();
        let bytecode: Vec<u8> = code.getattr("co_code")?.extract()?;
        let begins = bytecode.chunks_exact(2).position(|unit| unit[0] == resume);
        let begins = begins.ok_or_else(|| PyValueError::new_err("this code has no beginning"))?;
        Ok(Self { arguments, own, cells, free, flags, stack: number("co_stacksize")? as usize, begins })
    }

    fn locals(&self) -> usize {
        self.own + self.free
    }

    fn size(&self) -> usize {
        self.locals() + self.stack
    }

    fn sizes(&self) -> Size {
        Size { locals: self.locals(), all: self.size() }
    }

    fn suspends(&self) -> bool {
        self.flags & SUSPENDS != 0
    }

    fn takes_the_same(&self, other: &Self) -> bool {
        let kind = SUSPENDS | 4 | 8;
        self.arguments == other.arguments && (self.flags ^ other.flags) & kind == 0
    }
}

type NewCell = unsafe extern "C" fn(*mut ffi::PyObject) -> *mut ffi::PyObject;

pub fn new_cell<'py>(py: Python<'py>, value: Option<&Bound<'py, PyAny>>) -> Option<Bound<'py, PyAny>> {
    let made = cpython::symbol(c"PyCell_New")?;
    // SAFETY: the type is that of its declaration in cellobject.h.
    let made = unsafe { std::mem::transmute::<*mut std::ffi::c_void, NewCell>(made) };
    // SAFETY: the value is a live object, or null for a cell without one; the result is a new reference.
    unsafe { Bound::from_owned_ptr_or_opt(py, made(value.map_or(std::ptr::null_mut(), Bound::as_ptr))) }
}

/// What a frame owned and does not hold any more.
pub type Dropped<'py> = Vec<Bound<'py, PyAny>>;

/// Puts a running call back to the beginning, of the same code or of other code. Whole or not at all.
pub fn restart<'py>(
    frame: &Frame,
    former: &Bound<'py, PyAny>,
    new: &Bound<'py, PyAny>,
    resume: u8,
) -> Result<Dropped<'py>, &'static str> {
    let py = former.py();
    let (before, after) = (Shape::of(former, resume).map_err(|_| GONE)?, Shape::of(new, resume).map_err(|_| GONE)?);
    let start = bytecode(new).ok_or(GONE)?;
    let used = frame.used().filter(|used| (before.locals()..=before.size()).contains(used)).ok_or(GONE)?;
    if !before.takes_the_same(&after) {
        return Err(ARGUMENTS);
    }
    let held: Vec<usize> = (0..used).map(|index| frame.slot(index)).collect();
    // What the slots are to hold.
    let mut slots: Vec<Option<Bound<'py, PyAny>>> = Vec::with_capacity(after.locals());
    for (index, slot) in held.iter().enumerate().take(after.arguments.len()) {
        let value = frame.object(py, *slot);
        let value = match value {
            Some(cell) if before.cells.contains(&index) => cell.getattr("cell_contents").ok(),
            value => value,
        };
        slots.push(value);
    }
    slots.resize(after.locals(), None);
    if after.suspends() {
        // Its beginning, which makes the cells, is behind it: there it became a generator.
        for index in &after.cells {
            slots[*index] = Some(new_cell(py, slots[*index].as_ref()).ok_or(GONE)?);
        }
        let function = frame.function(py).ok_or(GONE)?;
        let symbols = cpython::required().map_err(|_| GONE)?;
        // SAFETY: a function; the closure is borrowed from it, or null.
        let closure = unsafe { Bound::from_borrowed_ptr_or_opt(py, (symbols.function_get_closure)(function.as_ptr())) };
        let closure: Vec<Bound<'py, PyAny>> = closure.and_then(|cells| cells.extract().ok()).unwrap_or_default();
        if closure.len() != after.free {
            return Err(GONE);
        }
        for (index, cell) in closure.into_iter().enumerate() {
            slots[after.own + index] = Some(cell);
        }
    }
    // The plan has a reference, and who restarts it.
    let room = Room::of(frame, former, new, before.sizes(), after.sizes(), Some(2)).ok_or(NO_ROOM)?;
    let more = after.size().saturating_sub(before.size());
    if more > 0 && !(frame.is_on_a_stack() && frame.grow(before.size(), more)) {
        return Err(NO_ROOM);
    }
    // From here on nothing fails.
    for (index, value) in slots.into_iter().enumerate() {
        frame.set_slot(index, value.map_or(frame.null(), |value| frame.holding(value)));
    }
    frame.set_used(after.locals());
    let left = frame.exchange_code(new);
    room.take(frame, new);
    frame.set_instruction(start + if after.suspends() { 2 * after.begins } else { 0 });
    keep_for_a_while(py, left.unwrap_or_else(|| former.clone()));
    frame.forget_locals(new);
    // SAFETY: the slots were the frame's and are written over, or not looked at any more.
    Ok(held.iter().filter_map(|slot| unsafe { frame.release(py, *slot) }).collect())
}
