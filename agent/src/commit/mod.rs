//! Carries out a plan: typed operations, all in one hold of the GIL, with no Python code of anybody run in between.
//!
//! | step | what is done |
//! |---|---|
//! | parse | the plan's tuples become [`operation::Operation`]s; what a first use would look up or import is looked up |
//! | prepare | containers whose keys run Python code get new bodies, beside the ones that they have |
//! | look | every call of retired code stands where it stood, else it is [`CallsWentOn`], and the plan is made anew |
//! | check | every place still holds what the plan was made for, else it is a [`ProgramChanged`] |
//! | apply | the operations; each notes how it is taken back |
//! | sweep | functions that were made from retired code since they were looked for |
//!
//! Everything from the look on happens in one hold of the GIL. If something fails, what was done is rolled back; what can't be
//! is reported. Whatever is replaced stays alive until the caller drops the returned list: no destructor runs inside.

mod apply;
mod attributes;
mod class_layout;
mod containers;
mod hashed;
mod journal;
mod operation;
mod pair;
mod queues;
mod sweep;

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use pyo3::exceptions::{PyException, PyRuntimeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::cpython::{self, audit, bodies, functions, layout};
use crate::{frames, job};
use journal::Journal;
use operation::Operation;
pub use sweep::{Retired, sweep_late};

pyo3::create_exception!(
    hotsplice._agent,
    ProgramChanged,
    PyException,
    "What the plan was made for is not so any more."
);
pyo3::create_exception!(
    hotsplice._agent,
    CallsWentOn,
    PyException,
    "Calls of code that the patch retires have begun or gone on since they were looked at."
);
pyo3::create_exception!(
    hotsplice._agent,
    RollbackFailed,
    PyException,
    "The commit failed, and not all of what it had done could be taken back."
);

/// Stands for what a place holds that holds nothing: an empty cell, a name that is not there.
pub fn unset(py: Python<'_>) -> PyResult<Py<PyAny>> {
    static UNSET: OnceLock<Py<PyAny>> = OnceLock::new();
    if UNSET.get().is_none() {
        let marker = py.import("builtins")?.getattr("object")?.call0()?.unbind();
        let _ = UNSET.set(marker);
    }
    UNSET.get().map(|marker| marker.clone_ref(py)).ok_or_else(|| PyValueError::new_err("no marker"))
}

/// Gives what was replaced, and what the sweep found. `retired` says which code goes: (old, new, owner, texts) each, as
/// [`Retired`] has it. `fail_at` is for tests: the number of an operation that is to fail. `calls` has the code objects by id and
/// where calls of them stand (`f_lasti`): with one that stands elsewhere nothing is done, and [`CallsWentOn`] raised.
#[pyfunction]
#[pyo3(signature = (operations, retired = None, fail_at = None, calls = None))]
pub fn commit<'py>(
    py: Python<'py>,
    operations: &Bound<'py, PyList>,
    retired: Option<&Bound<'py, Retired>>,
    fail_at: Option<usize>,
    calls: Option<HashMap<usize, HashSet<isize>>>,
) -> PyResult<(Bound<'py, PyList>, sweep::Found)> {
    // What a first use would look up, import or allocate is done before anything is changed.
    cpython::required()?;
    layout(py);
    unset(py)?;
    containers::ordered_dict(py)?;
    queues::deque(py)?;
    bodies::are_known(py);
    functions::function_type(py);
    functions::code_type(py);
    let operations = operations.iter().map(|operation| operation::parse(&operation)).collect::<PyResult<Vec<_>>>()?;
    let is_heard = operations.iter().any(apply::raises_events);
    if is_heard {
        audit::find(py)?;
    }
    let operations = hashed::prepare(py, operations)?;
    // SAFETY: the GIL is held.
    let collecting = unsafe { ffi::PyGC_Disable() } == 1;
    let silence = if is_heard { audit::Silence::begin(py) } else { None };
    let result = check_calls(py, calls.as_ref()).and_then(|inside| {
        job::begin_commit()?;
        frames::note_commit();
        carry_out(py, &operations, retired, inside.as_ref(), fail_at)
    });
    drop(silence);
    if collecting {
        // SAFETY: the GIL is held.
        unsafe { ffi::PyGC_Enable() };
    }
    result
}

/// Whether every call on a thread's stack stands where it stood when the plan was made. Gives how many references such calls have to
/// each of the codes, by its address; nothing where that is not known.
fn check_calls(
    py: Python<'_>,
    calls: Option<&HashMap<usize, HashSet<isize>>>,
) -> PyResult<Option<HashMap<usize, isize>>> {
    let mut inside = HashMap::new();
    let Some(calls) = calls else { return Ok(None) };
    if calls.is_empty() {
        return Ok(Some(inside));
    }
    let check = |code: usize, offset: isize| match calls.get(&code) {
        Some(known) if !known.contains(&offset) => {
            Err(CallsWentOn::new_err("calls have gone on since they were looked at"))
        }
        _ => Ok(()),
    };
    let is_known = frames::can_move(py);
    for frame in cpython::frames::current_frames(py)?.cast::<PyDict>()?.values() {
        for caller in frames::callers_of(py, frame.as_ptr()) {
            if calls.contains_key(&caller.code) {
                check(caller.code, caller.offset(py))?;
                *inside.entry(caller.code).or_default() += isize::from(caller.owns_code);
            }
        }
        let mut next = (!is_known).then_some(frame);
        while let Some(frame) = next.filter(|frame| !frame.is_none()) {
            // Fields of a frame: no Python code runs.
            check(frame.getattr("f_code")?.as_ptr() as usize, frame.getattr("f_lasti")?.extract()?)?;
            next = Some(frame.getattr("f_back")?);
        }
    }
    Ok(is_known.then_some(inside))
}

fn carry_out<'py>(
    py: Python<'py>,
    operations: &[Operation<'py>],
    retired: Option<&Bound<'py, Retired>>,
    inside: Option<&HashMap<usize, isize>>,
    fail_at: Option<usize>,
) -> PyResult<(Bound<'py, PyList>, sweep::Found)> {
    for operation in operations {
        if !apply::is_as_expected(operation)? {
            return Err(apply::changed(operation));
        }
    }
    let mut journal = Journal::new(py);
    match steps(operations, retired, inside, fail_at, &mut journal) {
        Ok(found) => Ok((journal.kept, found)),
        Err(error) => {
            // Held until everything is as before.
            let kept = journal.kept.clone();
            let failures = journal.roll_back();
            drop(kept);
            if failures.is_empty() {
                return Err(error);
            }
            let failed: Vec<String> = failures.iter().map(ToString::to_string).collect();
            Err(RollbackFailed::new_err(format!("{error}; not taken back: {}", failed.join("; "))))
        }
    }
}

fn steps<'py>(
    operations: &[Operation<'py>],
    retired: Option<&Bound<'py, Retired>>,
    inside: Option<&HashMap<usize, isize>>,
    fail_at: Option<usize>,
    journal: &mut Journal<'py>,
) -> PyResult<sweep::Found> {
    let must_fail = |number: usize| match fail_at == Some(number) {
        true => Err(PyRuntimeError::new_err(format!("operation {number} was to fail"))),
        false => Ok(()),
    };
    let held = match retired {
        Some(retired) => retired.borrow().held_elsewhere(retired.py(), operations, inside)?,
        None => sweep::Held::default(),
    };
    for (number, operation) in operations.iter().enumerate() {
        must_fail(number)?;
        apply::apply(operation, journal)?;
    }
    must_fail(operations.len())?;
    let mut found = sweep::Found::default();
    if let (Some(retired), false) = (retired, held.codes.is_empty()) {
        if !held.by_calls_alone {
            found = retired.borrow().sweep(retired.py(), journal)?;
        }
        found.2 = retired.borrow().may_make_more(retired.py(), &held.codes)?;
    }
    must_fail(operations.len() + 1)?;
    Ok(found)
}
