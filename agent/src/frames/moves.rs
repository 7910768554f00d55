//! Moves calls to other code: a suspended one where it waits, one that runs when it comes to the line that begins the body
//! of its loop. Whole or not at all: everything is checked before the first field is written.
//!
//! The engine plans: which offset of the former code is which of the new one, which local variable goes where, and which
//! the new code reads before it gives them a value. Here the frame itself has the last word.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use pyo3::exceptions::PyValueError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyWeakrefMethods, PyWeakrefReference};

use super::frame::{Frame, OwnCode};
use super::generators::generators;
use super::layout;
use super::left::keep_for_a_while;
use super::object::{Room, Size};
use super::restart::{self, new_cell};
use super::suspended::Kind;
use crate::cpython::switches::thread_switches;
use crate::once::{Once, name};
use crate::{job, session};

/// Where a call goes on, and what it takes along.
#[derive(FromPyObject)]
pub struct Target {
    code: Py<PyAny>,
    /// The code unit to go on at.
    unit: usize,
    /// How many objects the call has on its stack, there as here.
    depth: usize,
    /// For each local variable of the new code, which one of the former it was.
    locals: Vec<Option<usize>>,
    /// Those of the new code that are read before they are given a value.
    needed: Vec<usize>,
    /// Those that the new code shares with functions inside of it, and the former does not.
    wrapped: Vec<usize>,
    /// The other way round.
    unwrapped: Vec<usize>,
    former_locals: usize,
    former_stack: usize,
    stack: usize,
    units: usize,
}

/// Code unit → target.
type Plan = HashMap<usize, Arc<Target>>;
/// By the addresses of a call's code and of its frame's object: why it stays, and whether that was reported.
type Refused = HashMap<(usize, usize), (&'static str, bool)>;

/// By the code object's address. A call is moved when it comes by.
static PLANS: Mutex<Option<HashMap<usize, Plan>>> = Mutex::new(None);
/// Calls that stayed where they were to be moved.
static REFUSED: Mutex<Option<Refused>> = Mutex::new(None);
/// What is called, on the agent's thread, when there is more of that.
static ON_REFUSAL: Mutex<Option<Py<PyAny>>> = Mutex::new(None);

const HELD: &str = "something holds its frame, which has no room for the variables of the new code";
const SHARED: &str = "functions that it has made share a variable that the new code has for itself";
const NO_VALUE: &str = "the new code reads a variable there that this call has given no value";
const UNKNOWN: &str = "it is not as it was when it was looked for";

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether suspended calls can be moved in this interpreter.
#[pyfunction]
pub fn can_move_suspended(py: Python<'_>) -> bool {
    layout::layout_of_suspended(py).is_some()
}

/// Whether calls can be moved in this interpreter, those that run too.
#[pyfunction]
pub fn can_move(py: Python<'_>) -> bool {
    layout::layout(py).is_some()
}

/// From now on a call of `code` that comes to one of the units goes on at its target. If one can't, `on_refusal` is called later.
#[pyfunction]
pub fn plan_moves(
    py: Python<'_>,
    code: &Bound<'_, PyAny>,
    targets: &Bound<'_, PyAny>,
    on_refusal: Py<PyAny>,
) -> PyResult<()> {
    let targets: HashMap<usize, Target> = targets.extract()?;
    for target in targets.values() {
        target.check(py)?;
    }
    let targets = targets.into_iter().map(|(unit, target)| (unit, Arc::new(target))).collect();
    let former = lock(&PLANS).get_or_insert_default().insert(code.as_ptr() as usize, targets);
    let former_callback = lock(&ON_REFUSAL).replace(on_refusal);
    // Not while it is locked: what is freed may run code, and let the GIL go.
    drop((former, former_callback));
    Ok(())
}

/// Whether calls of a code are to be moved when they come by.
#[pyfunction]
pub fn has_moves(code: &Bound<'_, PyAny>) -> bool {
    lock(&PLANS).as_ref().is_some_and(|plans| plans.contains_key(&(code.as_ptr() as usize)))
}

/// For each of the codes, how many of the places hold it at which calls are to go on.
#[pyfunction]
pub fn planned_references(codes: &Bound<'_, PyList>) -> Vec<usize> {
    let plans = lock(&PLANS);
    let mut counts: HashMap<usize, usize> = HashMap::new();
    for target in plans.iter().flat_map(HashMap::values).flat_map(HashMap::values) {
        *counts.entry(target.code.as_ptr() as usize).or_default() += 1;
    }
    codes.iter().map(|code| counts.get(&(code.as_ptr() as usize)).copied().unwrap_or(0)).collect()
}

#[pyfunction]
pub fn forget_moves(code: usize) {
    let gone = lock(&PLANS).as_mut().and_then(|plans| plans.remove(&code));
    drop(gone);
    lock(&REFUSED).get_or_insert_default().retain(|(of, _), _| *of != code);
}

/// Calls that could not be moved when they came by, and that this was not asked about before: the ids of their code and of their
/// frame, and why.
#[pyfunction]
pub fn refused_moves() -> Vec<(usize, usize, &'static str)> {
    let mut refused = lock(&REFUSED);
    let news = refused.iter_mut().flatten().filter(|(_, (_, is_reported))| !is_reported);
    news.map(|((code, frame), (reason, is_reported))| {
        *is_reported = true;
        (*code, *frame, *reason)
    })
    .collect()
}

fn note_refused(py: Python<'_>, code: usize, frame: usize, reason: &'static str) {
    let known = lock(&REFUSED).get_or_insert_default().insert((code, frame), (reason, false));
    if known.is_some_and(|(known, _)| known == reason) {
        lock(&REFUSED).get_or_insert_default().insert((code, frame), (reason, true));
    } else if let Some(callback) = lock(&ON_REFUSAL).as_ref() {
        session::at(Instant::now(), job::Alarm::Call(callback.clone_ref(py)));
    }
}

/// Called by `sys.monitoring` in the program's own thread, before a line of retired code is executed: no Python frame is above.
#[pyfunction]
pub fn arrive(py: Python<'_>, code: &Bound<'_, PyAny>, _line: &Bound<'_, PyAny>) {
    if restart::restart_current(code, restart::is_at_line) {
        return;
    }
    // SAFETY: the GIL is held; the result is borrowed from the running frame.
    let object = unsafe { ffi::PyEval_GetFrame() }.cast::<ffi::PyObject>();
    if object.is_null() {
        return;
    }
    // Kept alive for as long as this is looked at.
    // SAFETY: a live object.
    let held = unsafe { Bound::from_borrowed_ptr(py, object) };
    let Some(frame) = Frame::of(py, held.as_ptr(), code.as_ptr()) else { return };
    let Some(unit) = unit_of(&frame, code) else { return };
    // Nothing is locked while the call is moved: what is done may let the GIL go.
    let target = lock(&PLANS).as_ref().and_then(|plans| plans.get(&(code.as_ptr() as usize))?.get(&unit).cloned());
    if let Some(target) = target {
        let place = (code.as_ptr() as usize, held.as_ptr() as usize);
        match target.take(py, &frame, code, 0) {
            Ok(dropped) => {
                lock(&REFUSED).get_or_insert_default().remove(&place);
                drop(dropped);
            }
            Err(reason) => note_refused(py, place.0, place.1, reason),
        }
    }
}

/// Suspended calls of a kind, given by weak references, that stand at the code unit, or behind it; where they go on; and whether nothing
/// else is moved unless all of them are.
type Wanted<'py> = (Vec<Bound<'py, PyWeakrefReference>>, Kind<'py>, Bound<'py, PyAny>, usize, Target, bool);

/// Which of the calls could not be moved, and why; those that have gone on meanwhile have no reason.
type Staying = Vec<(usize, Option<&'static str>)>;

/// Moves suspended calls, in this order, and answers for each of these groups up to the first that has to be whole and is not. No other
/// thread runs from beginning to end. If one has since the GIL had gone over so many times, nothing is done, and there is no answer.
#[pyfunction]
pub fn move_suspended<'py>(
    py: Python<'py>,
    groups: Vec<Wanted<'py>>,
    switches: Option<u64>,
) -> PyResult<Option<Vec<Staying>>> {
    for (_, _, _, _, target, _) in &groups {
        target.check(py)?;
    }
    // Before 3.12 what is allocated may collect garbage, which runs code: the calls could go on meanwhile.
    let quiet = Uncollected::begin();
    if switches.is_some() && thread_switches(py)? != switches {
        return Ok(None);
    }
    let mut dropped = Vec::new();
    let mut answers = Vec::with_capacity(groups.len());
    for group in &groups {
        let staying = move_group(py, group, &mut dropped)?;
        let is_whole = staying.is_empty();
        answers.push(staying);
        if group.5 && !is_whole {
            break;
        }
    }
    drop(quiet);
    drop(dropped);
    Ok(Some(answers))
}

/// What the calls do not hold any more is put into `dropped`: to let go of it may run code.
fn move_group<'py>(py: Python<'py>, group: &Wanted<'py>, dropped: &mut Vec<Bound<'py, PyAny>>) -> PyResult<Staying> {
    let (references, kind, code, unit, target, _) = group;
    let mut staying = Vec::new();
    let generators = generators(py);
    let mut checked: Option<Frame> = None;
    for (index, reference) in references.iter().enumerate() {
        let Some(item) = reference.upgrade() else {
            staying.push((index, None));
            continue;
        };
        // SAFETY: a live object of this kind.
        let bare =
            generators.filter(|_| kind.is_of(item.as_ptr())).and_then(|known| unsafe { known.waiting(item.as_ptr()) });
        let bare = bare.filter(|frame| checked.as_ref().is_some_and(|checked| frame.is_like(checked, code.as_ptr())));
        // The only reference to the object that is not the frame's: another one would be taken for somebody's who holds it.
        let object = if bare.is_none() { kind.frame(&item) } else { None };
        let frame = bare.or_else(|| Frame::of(py, object.as_ref()?.as_ptr(), code.as_ptr()));
        match frame {
            Some(frame) => match target.take_suspended(py, &item, &frame, code, *unit) {
                Ok(left) => {
                    dropped.extend(left);
                    checked = Some(frame);
                }
                Err(reason) => staying.push((index, Some(reason))),
            },
            None => staying.push((index, object.map(|_| UNKNOWN))),
        }
        dropped.push(item);
    }
    Ok(staying)
}

/// As long as it lives, no garbage is collected.
pub struct Uncollected(bool);

impl Uncollected {
    pub fn begin() -> Self {
        // SAFETY: the GIL is held.
        Self(unsafe { ffi::PyGC_Disable() } != 0)
    }
}

impl Drop for Uncollected {
    fn drop(&mut self) {
        if self.0 {
            // SAFETY: as above.
            unsafe { ffi::PyGC_Enable() };
        }
    }
}

/// Where the bytecode of a code object begins.
pub fn bytecode(code: &Bound<'_, PyAny>) -> Option<usize> {
    static SIZE: Once<usize> = Once::new();
    let size = SIZE.get_or_try_init(code.py(), || code.get_type().getattr("__basicsize__")?.extract::<usize>());
    Some(code.as_ptr() as usize + size.ok()?)
}

pub fn unit_of(frame: &Frame, code: &Bound<'_, PyAny>) -> Option<usize> {
    let bytes = frame.instruction().checked_sub(bytecode(code)?)?;
    bytes.is_multiple_of(2).then_some(bytes / 2)
}

impl Target {
    fn check(&self, py: Python<'_>) -> PyResult<()> {
        let locals = self.locals.iter().flatten().all(|index| *index < self.former_locals);
        let mut named = self.needed.iter().chain(&self.wrapped).chain(&self.unwrapped);
        let needed = named.all(|index| *index < self.locals.len());
        if !locals || !needed || self.depth > self.stack || self.depth > self.former_stack || self.unit >= self.units {
            return Err(PyValueError::new_err("this is no place to move a call to"));
        }
        bytecode(self.code.bind(py)).map(drop).ok_or_else(|| PyValueError::new_err("this is no code object"))
    }

    fn take_suspended<'py>(
        &self,
        py: Python<'py>,
        item: &Bound<'py, PyAny>,
        frame: &Frame,
        code: &Bound<'py, PyAny>,
        unit: usize,
    ) -> Result<Vec<Bound<'py, PyAny>>, &'static str> {
        if frame.is_on_a_stack() {
            return Err(UNKNOWN);
        }
        // The same is true of the new code.
        let behind = unit_of(frame, code).and_then(|at| at.checked_sub(unit)).filter(|behind| *behind <= 2);
        let own = OwnCode::of(py, item, code).map_err(|()| UNKNOWN)?;
        let mut dropped = self.take(py, frame, code, behind.ok_or(UNKNOWN)?)?;
        dropped.extend(own.map(|own| own.exchange(self.code.bind(py))));
        Ok(dropped)
    }

    /// Does it, if the frame is as the plan says; gives what the call does not hold any more.
    fn take<'py>(
        &self,
        py: Python<'py>,
        frame: &Frame,
        former: &Bound<'py, PyAny>,
        behind: usize,
    ) -> Result<Vec<Bound<'py, PyAny>>, &'static str> {
        let code = self.code.bind(py);
        let start = bytecode(code).ok_or(UNKNOWN)?;
        if frame.used() != Some(self.former_locals + self.depth) {
            return Err(UNKNOWN);
        }
        let before: Vec<usize> = (0..self.former_locals + self.depth).map(|index| frame.slot(index)).collect();
        if self.needed.iter().any(|&new| self.locals[new].is_none_or(|old| frame.is_null(before[old]))) {
            return Err(NO_VALUE);
        }
        let held_otherwise = self.held_otherwise(frame, code, &before)?;
        let (size, wanted) = (self.former_locals + self.former_stack, self.locals.len() + self.stack);
        let (own_before, own_after) = (self.former_locals, self.locals.len());
        let (before_size, after_size) =
            (Size { locals: own_before, all: size }, Size { locals: own_after, all: wanted });
        // A trace function of the frame's own is kept in its object; else who moves the call has the only reference to it.
        let own = (!frame.is_traced(py)).then_some(1);
        let room = Room::of(frame, former, code, before_size, after_size, own).ok_or(HELD)?;
        if wanted > size && !(frame.is_on_a_stack() && frame.grow(size, wanted - size)) {
            return Err("the new code needs more room than the call has");
        }
        // From here on nothing fails.
        let mut is_kept = vec![false; self.former_locals];
        for (new, old) in self.locals.iter().enumerate() {
            let kept = old.filter(|_| !self.wrapped.contains(&new) && !self.unwrapped.contains(&new));
            frame.set_slot(new, kept.map_or(frame.null(), |old| frame.owned(before[old])));
            if let Some(old) = kept {
                is_kept[old] = true;
            }
        }
        for (new, object) in held_otherwise {
            frame.set_slot(new, object.map_or(frame.null(), |object| frame.holding(object)));
        }
        for index in 0..self.depth {
            frame.set_slot(self.locals.len() + index, frame.owned(before[self.former_locals + index]));
        }
        frame.set_used(self.locals.len() + self.depth);
        let left = frame.exchange_code(code);
        frame.set_instruction(start + 2 * (self.unit + behind));
        room.take(frame, code);
        let mut dropped: Vec<Bound<'py, PyAny>> = Vec::new();
        for (slot, _) in before.iter().zip(&is_kept).filter(|(_, kept)| !**kept) {
            // SAFETY: the slot was one of the frame's and is written over.
            dropped.extend(unsafe { frame.release(py, *slot) });
        }
        keep_for_a_while(py, left.unwrap_or_else(|| former.clone()));
        frame.forget_locals(code);
        Ok(dropped)
    }
}

/// By their index, what the slots of variables hold that the new code shares and the former does not, or the other way round.
type HeldOtherwise<'py> = Vec<(usize, Option<Bound<'py, PyAny>>)>;

impl Target {
    fn held_otherwise<'py>(
        &self,
        frame: &Frame,
        code: &Bound<'py, PyAny>,
        before: &[usize],
    ) -> Result<HeldOtherwise<'py>, &'static str> {
        let py = code.py();
        let mut found = HeldOtherwise::with_capacity(self.wrapped.len() + self.unwrapped.len());
        for &new in &self.wrapped {
            let value = self.locals[new].and_then(|old| frame.object(py, before[old]));
            found.push((new, Some(new_cell(py, value.as_ref()).ok_or(UNKNOWN)?)));
        }
        for &new in &self.unwrapped {
            let cell = self.locals[new].and_then(|old| frame.object(py, before[old])).ok_or(UNKNOWN)?;
            // The frame's reference, and this one.
            // SAFETY: a live object.
            if unsafe { ffi::Py_REFCNT(cell.as_ptr()) } != 2 {
                return Err(SHARED);
            }
            let value = cell.getattr(name!(py, "cell_contents")).ok();
            if value.is_none() && self.needed.contains(&new) {
                return Err(NO_VALUE);
            }
            found.push((new, value));
        }
        Ok(found)
    }
}
