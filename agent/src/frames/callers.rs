//! Functions that mean one thing to calls which began before a patch, and another to everybody else.
//!
//! A function that a patch has made unfit for such calls is reached by them in ways that no name tells: from a registry, a
//! variable, an object. For as long as they run it has a `vectorcall` of ours (PEP 590), which asks the engine who calls.
//! CPython 3.11 looks at it only where somebody evaluates frames otherwise (PEP 523): meanwhile we do, by what it does itself.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;

use super::depth::is_deep;
use crate::cpython::{functions, symbol};

/// It may be unwound by `pthread_exit`: what calls it has nothing to drop.
pub type Vectorcall = unsafe extern "C-unwind" fn(
    *mut ffi::PyObject,
    *const *mut ffi::PyObject,
    usize,
    *mut ffi::PyObject,
) -> *mut ffi::PyObject;
type GetVectorcall = unsafe extern "C" fn(*mut ffi::PyObject) -> Option<Vectorcall>;
type SetVectorcall = unsafe extern "C" fn(*mut ffi::PyObject, Vectorcall);

/// The bit of `nargsf` that is no count (`PY_VECTORCALL_ARGUMENTS_OFFSET`).
const OFFSET: usize = 1 << (usize::BITS - 1);

struct Api {
    /// What every function has that nobody has changed.
    plain: Vectorcall,
    /// From 3.12: what is specialised for the function ends with it.
    set: Option<SetVectorcall>,
    /// Where a function keeps it, in words.
    field: usize,
    /// In 3.11 alone.
    evaluation: Option<Evaluation>,
}

type Evaluate = unsafe extern "C-unwind" fn(*mut c_void, *mut c_void, c_int) -> *mut ffi::PyObject;

/// How frames are evaluated: `_PyInterpreterState_GetEvalFrameFunc`, its setter, and what is done where nobody has set it.
struct Evaluation {
    get: unsafe extern "C" fn(*mut ffi::PyInterpreterState) -> *const c_void,
    set: unsafe extern "C" fn(*mut ffi::PyInterpreterState, *const c_void),
    default: Evaluate,
}

impl Evaluation {
    fn find() -> Option<Self> {
        // SAFETY: the types are those of the declarations in cpython/pystate.h and cpython/ceval.h of 3.11.
        unsafe {
            Some(Self {
                get: std::mem::transmute::<
                    *mut c_void,
                    unsafe extern "C" fn(*mut ffi::PyInterpreterState) -> *const c_void,
                >(symbol(c"_PyInterpreterState_GetEvalFrameFunc")?),
                set: std::mem::transmute::<
                    *mut c_void,
                    unsafe extern "C" fn(*mut ffi::PyInterpreterState, *const c_void),
                >(symbol(c"_PyInterpreterState_SetEvalFrameFunc")?),
                default: std::mem::transmute::<*mut c_void, Evaluate>(symbol(c"_PyEval_EvalFrameDefault")?),
            })
        }
    }

    /// Puts one in place of the other; nothing where somebody else has set a third.
    fn exchange(&self, expected: Evaluate, wanted: Evaluate) {
        // SAFETY: the GIL is held, so that there is an interpreter; functions of the type that is asked for are given.
        unsafe {
            let interpreter = ffi::PyInterpreterState_Get();
            if (self.get)(interpreter) == expected as *const c_void {
                (self.set)(interpreter, wanted as *const c_void);
            }
        }
    }
}

unsafe extern "C-unwind" fn evaluate(thread: *mut c_void, frame: *mut c_void, thrown: c_int) -> *mut ffi::PyObject {
    let default = DEFAULT.load(Ordering::Acquire);
    let is_off = is_deep() && stop_evaluating(true);
    // SAFETY: it is set before this is, to CPython's own function of this type; what CPython has given is handed on.
    let result = unsafe { std::mem::transmute::<*mut (), Evaluate>(default)(thread, frame, thrown) };
    if is_off {
        stop_evaluating(false);
    }
    result
}

/// Has frames evaluated as CPython does it by itself, or by us again if functions ask still. Answers whether it was otherwise.
fn stop_evaluating(stop: bool) -> bool {
    // SAFETY: CPython evaluates frames with the GIL held.
    let py = unsafe { Python::assume_attached() };
    let Some(evaluation) = api(py).and_then(|api| api.evaluation.as_ref()) else { return false };
    let are_asking = asked().as_ref().is_some_and(|known| !known.is_empty());
    if stop {
        evaluation.exchange(evaluate, evaluation.default);
    } else if are_asking {
        evaluation.exchange(evaluation.default, evaluate);
    }
    true
}

static DEFAULT: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());

/// Whether a call gets the former function: `decide(frame, count, names)`.
struct Decider {
    former: Py<PyAny>,
    decide: Py<PyAny>,
}

struct Asked {
    function: Py<PyAny>,
    /// Of each patch whose calls still run, the oldest first.
    deciders: Vec<Decider>,
    /// What the function had before.
    before: Vectorcall,
    had_version: bool,
}

/// How many commits there were: what was decided before one does not hold after it.
static COMMITS: AtomicU64 = AtomicU64::new(0);

/// A commit begins, with the GIL held until it is done.
pub fn note_commit() {
    COMMITS.fetch_add(1, Ordering::AcqRel);
}

/// By the function's address; each is kept alive by its entry.
static ASKED: Mutex<Option<HashMap<usize, Asked>>> = Mutex::new(None);

fn asked() -> MutexGuard<'static, Option<HashMap<usize, Asked>>> {
    ASKED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn api(py: Python<'_>) -> Option<&'static Api> {
    static API: OnceLock<Option<Api>> = OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "nothing in it lets the GIL go for another thread that waits here")]
    API.get_or_init(|| find(py)).as_ref()
}

fn find(py: Python<'_>) -> Option<Api> {
    let evaluation = if py.version_info() >= (3, 11) && py.version_info() < (3, 12) {
        let found = Evaluation::find()?;
        DEFAULT.store(found.default as *mut (), Ordering::Release);
        Some(found)
    } else {
        None
    };
    let probe = py.eval(c"lambda: 0", None, None).ok()?;
    let plain = match symbol(c"PyVectorcall_Function") {
        // SAFETY: the type is that of the function's declaration in abstract.h; the probe is a live function.
        Some(get) => unsafe { std::mem::transmute::<*mut c_void, GetVectorcall>(get)(probe.as_ptr()) }? as *mut c_void,
        // Before 3.12.
        None => symbol(c"_PyFunction_Vectorcall")?,
    };
    let size: usize = probe.get_type().getattr("__basicsize__").ok()?.extract().ok()?;
    // SAFETY: the probe is a live object of that size.
    let words: Vec<usize> = (0..size / 8).map(|word| unsafe { *probe.as_ptr().cast::<usize>().add(word) }).collect();
    let mut found = words.iter().enumerate().filter(|(_, word)| **word == plain as usize);
    let (field, _) = found.next()?;
    if found.next().is_some() {
        return None;
    }
    let set = symbol(c"PyFunction_SetVectorcall");
    if py.version_info() >= (3, 12) && set.is_none() {
        return None;
    }
    // SAFETY: the types are those of the functions' declarations in funcobject.h and cpython/funcobject.h, from 3.10 to 3.15.
    unsafe {
        Some(Api {
            plain: std::mem::transmute::<*mut c_void, Vectorcall>(plain),
            set: set.map(|set| std::mem::transmute::<*mut c_void, SetVectorcall>(set)),
            field,
            evaluation,
        })
    }
}

impl Api {
    fn exchange(&self, function: &Bound<'_, PyAny>, wanted: Vectorcall) -> Vectorcall {
        // SAFETY: callers pass live functions; the field was found in one, and holds such a function always.
        unsafe {
            let field = function.as_ptr().cast::<Vectorcall>().add(self.field);
            let before = field.read();
            match self.set {
                Some(set) => set(function.as_ptr(), wanted),
                None => field.write(wanted),
            }
            before
        }
    }
}

/// Whether functions can ask who calls them in this interpreter.
#[pyfunction]
pub fn can_ask_callers(py: Python<'_>) -> bool {
    api(py).is_some()
}

/// Has calls of a function ask from now on whether they are to be calls of the former one.
#[pyfunction]
pub fn ask_callers(function: &Bound<'_, PyAny>, former: &Bound<'_, PyAny>, decide: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = function.py();
    let api =
        api(py).ok_or_else(|| PyRuntimeError::new_err("functions of this interpreter can't ask who calls them"))?;
    if !functions::is_function(function) || !functions::is_function(former) || function.is(former) {
        return Err(PyTypeError::new_err("this takes two functions"));
    }
    let key = function.as_ptr() as usize;
    let decider = Decider { former: former.clone().unbind(), decide: decide.clone().unbind() };
    let had_version = functions::has_version(function)?;
    let mut known = asked();
    match known.get_or_insert_default().entry(key) {
        Entry::Occupied(mut entry) => entry.get_mut().deciders.push(decider),
        Entry::Vacant(place) => {
            place.insert(Asked {
                function: function.clone().unbind(),
                deciders: vec![decider],
                before: api.exchange(function, choose),
                had_version,
            });
        }
    }
    drop(known);
    if let Some(evaluation) = &api.evaluation {
        evaluation.exchange(evaluation.default, evaluate);
    }
    Ok(())
}

/// Calls of a function do not ask for one patch any more; once for none, they are calls of it again.
#[pyfunction]
pub fn ask_no_more(function: &Bound<'_, PyAny>, decide: &Bound<'_, PyAny>) -> PyResult<()> {
    let key = function.as_ptr() as usize;
    let mut known = asked();
    let Some(entry) = known.as_mut().and_then(|known| known.get_mut(&key)) else { return Ok(()) };
    let place = entry.deciders.iter().position(|decider| decider.decide.is(decide));
    let decider = place.map(|place| entry.deciders.remove(place));
    let is_last = entry.deciders.is_empty();
    let entry = known.as_mut().filter(|_| is_last).and_then(|known| known.remove(&key));
    let are_left = known.as_ref().is_some_and(|known| !known.is_empty());
    // Not while it is locked: what is freed may run code.
    drop(known);
    if let (Some(entry), Some(api)) = (&entry, api(function.py())) {
        api.exchange(entry.function.bind(function.py()), entry.before);
        if entry.had_version {
            functions::give_version(function)?;
        }
        if let Some(evaluation) = api.evaluation.as_ref().filter(|_| !are_left) {
            evaluation.exchange(evaluate, evaluation.default);
        }
    }
    drop((entry, decider));
    Ok(())
}

/// What every function is called through that nobody has changed.
pub fn plain_vectorcall(py: Python<'_>) -> Option<Vectorcall> {
    api(py).map(|api| api.plain)
}

/// What a function is called through now.
pub fn vectorcall_of(function: &Bound<'_, PyAny>) -> Option<Vectorcall> {
    let api = api(function.py()).filter(|_| functions::is_function(function))?;
    // SAFETY: the field was found in a function, and holds such a function always.
    Some(unsafe { function.as_ptr().cast::<Vectorcall>().add(api.field).read() })
}

/// Has a function called through something else.
pub fn replace_vectorcall(function: &Bound<'_, PyAny>, wanted: Vectorcall) {
    if let Some(api) = api(function.py()).filter(|_| functions::is_function(function)) {
        api.exchange(function, wanted);
    }
}

/// What a function that asks is called through otherwise; nothing for one that does not.
pub fn beneath(function: *mut ffi::PyObject) -> Option<Vectorcall> {
    asked().as_ref().and_then(|known| known.get(&(function as usize))).map(|entry| entry.before)
}

/// Has a function that asks called through something else otherwise. False for one that does not.
pub fn exchange_beneath(function: *mut ffi::PyObject, wanted: Vectorcall) -> bool {
    let mut known = asked();
    let Some(entry) = known.as_mut().and_then(|known| known.get_mut(&(function as usize))) else { return false };
    entry.before = wanted;
    true
}

unsafe extern "C-unwind" fn choose(
    function: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    let (callee, call) = chosen(function, count & !OFFSET, names);
    // A function that calls itself often would take more of the stack than it does by itself.
    let is_silent = callee == function && is_deep() && stop_asking(function, true);
    // SAFETY: what CPython has given is handed on; who calls keeps the function alive, and the engine its former.
    let result = unsafe { call(callee, arguments, count, names) };
    if is_silent {
        stop_asking(function, false);
    }
    result
}

/// Has calls of a function not ask for a while, or ask again if they still are to. Answers whether it was otherwise.
fn stop_asking(function: *mut ffi::PyObject, stop: bool) -> bool {
    // SAFETY: CPython calls functions with the GIL held; who calls keeps the function alive.
    let (py, function) = unsafe {
        let py = Python::assume_attached();
        (py, Bound::from_borrowed_ptr(py, function))
    };
    let (Some(api), Some(before)) = (api(py), beneath(function.as_ptr())) else { return false };
    api.exchange(&function, if stop { before } else { choose });
    true
}

/// What is called in place of a function.
fn chosen(function: *mut ffi::PyObject, count: usize, names: *mut ffi::PyObject) -> (*mut ffi::PyObject, Vectorcall) {
    // SAFETY: CPython calls functions with the GIL held.
    let py = unsafe { Python::assume_attached() };
    let plain = api(py).map_or(choose as Vectorcall, |api| api.plain);
    // SAFETY: the GIL is held; the result is borrowed from the running frame, or null.
    let frame = unsafe { Bound::from_borrowed_ptr_or_opt(py, ffi::PyEval_GetFrame().cast()) };
    // SAFETY: a tuple that the caller holds, or null.
    let names = unsafe { Bound::from_borrowed_ptr_or_opt(py, names) };
    loop {
        let commits = COMMITS.load(Ordering::Acquire);
        let known = asked().as_ref().and_then(|known| {
            let entry = known.get(&(function as usize))?;
            let deciders = entry.deciders.iter();
            let deciders = deciders.map(|one| (one.former.clone_ref(py), one.decide.clone_ref(py)));
            Some((deciders.collect::<Vec<_>>(), entry.before))
        });
        // It may have been let go while the call was on its way.
        let Some((deciders, before)) = known else { return (function, plain) };
        let wanted = deciders.iter().find(|(_, decide)| {
            let decided = frame.as_ref().and_then(|frame| decide.call1(py, (frame, count, names.as_ref())).ok());
            decided.is_some_and(|decided| decided.is_truthy(py).unwrap_or(false))
        });
        // The engine keeps it for as long as it is asked.
        let chosen = wanted.map_or((function, before), |(former, _)| (former.as_ptr(), plain));
        drop(deciders);
        // Other threads may have run meanwhile. From here on none does until the call has its code.
        if COMMITS.load(Ordering::Acquire) == commits {
            return chosen;
        }
    }
}
