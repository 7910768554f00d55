//! Exceptions as they are raised: whether one concerns a guarded call is found out here, so that those that do not cost little. The
//! rest is decided in Python (`_guarding.py`).

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use pyo3::ffi;
use pyo3::prelude::*;

use crate::{connection, finalizing, frames};

/// How far up an `except` may stand for it to be remembered, and how many are.
const HIGHEST: usize = 8;
const MOST: usize = 4096;

/// For keys that are addresses.
#[derive(Default)]
pub struct Mixed(u64);

impl Hasher for Mixed {
    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 29
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_usize(usize::from(*byte));
        }
    }

    fn write_usize(&mut self, number: usize) {
        self.0 = (self.0 ^ number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

type Addresses = HashSet<usize, BuildHasherDefault<Mixed>>;
/// Code, offset, class of the exception.
type Place = (usize, usize, usize);
/// How far up it is handled, and a digest of the calls between.
type Handled = HashMap<Place, Vec<(usize, u64)>, BuildHasherDefault<Mixed>>;

/// Code of guarded functions; an address may have come to be another code's since.
static GUARDED: Mutex<Option<Addresses>> = Mutex::new(None);
/// What the program handles itself, as found out before.
static HANDLED: Mutex<Option<Handled>> = Mutex::new(None);
/// Whether somebody may watch who is no client.
static MAY_BE_WATCHED: AtomicBool = AtomicBool::new(false);
/// How many exceptions are on their way to a call that is to begin again.
static UNDER_WAY: AtomicUsize = AtomicUsize::new(0);
static RAISED: OnceLock<Py<PyAny>> = OnceLock::new();
static DISABLE: OnceLock<Py<PyAny>> = OnceLock::new();

/// What is handled where it is raised, of which there is most: at a number made from the place, the last one found out.
static HANDLED_HERE: [[AtomicUsize; 3]; 256] = [const { [const { AtomicUsize::new(0) }; 3] }; 256];

thread_local! {
    /// An exception that is handled further up, and how many calls it will still come through.
    static PASSING: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `raised(code, offset, error)` is called where something is to be found out; `disable` is `sys.monitoring.DISABLE`.
#[pyfunction]
pub fn prepare_raising(raised: Py<PyAny>, disable: Py<PyAny>) {
    let _ = (RAISED.set(raised), DISABLE.set(disable));
}

#[pyfunction]
pub fn expect_watchers(may_be: bool) {
    MAY_BE_WATCHED.store(may_be, Ordering::Release);
}

/// An exception is on its way to a call that is to begin again, or has come there.
#[pyfunction]
pub fn expect_exception(more: bool) {
    let change = |count: usize| if more { count.checked_add(1) } else { count.checked_sub(1) };
    let _ = UNDER_WAY.fetch_update(Ordering::AcqRel, Ordering::Acquire, change);
}

/// True if it was not known.
pub fn add(code: usize) -> bool {
    lock(&GUARDED).get_or_insert_default().insert(code)
}

pub fn forget_all() -> impl Fn(usize) -> bool {
    let former = lock(&GUARDED).take().unwrap_or_default();
    move |code| former.contains(&code)
}

/// Whether a code object may be a guarded function's.
pub fn is_known(code: usize) -> bool {
    lock(&GUARDED).as_ref().is_some_and(|known| known.contains(&code))
}

/// Called by `sys.monitoring` when an exception was raised in a frame, or has come to it.
#[pyfunction]
pub fn raised(code: &Bound<'_, PyAny>, offset: &Bound<'_, PyAny>, error: &Bound<'_, PyAny>) -> PyResult<()> {
    let is_expected = UNDER_WAY.load(Ordering::Acquire) > 0;
    if !is_expected && !MAY_BE_WATCHED.load(Ordering::Acquire) && !connection::holds_are_watched() {
        return Ok(());
    }
    if !is_expected {
        let place = (code.as_ptr() as usize, offset.extract()?, error.get_type_ptr() as usize);
        if is_handled_here(place) {
            return Ok(());
        }
        let py = code.py();
        // SAFETY: the GIL is held; the result is borrowed from the running frame.
        let frame = unsafe { ffi::PyEval_GetFrame() }.cast::<ffi::PyObject>();
        let (passing, calls) = PASSING.get();
        if passing == error.as_ptr() as usize && calls > 0 {
            PASSING.set((passing, calls - 1));
            return Ok(());
        }
        let handled = lock(&HANDLED);
        let known = handled.as_ref().and_then(|handled| handled.get(&place)).map_or(&[][..], Vec::as_slice);
        if let Some((depth, _)) = known.iter().find(|(depth, digest)| self::digest(py, frame, *depth) == *digest) {
            PASSING.set((error.as_ptr() as usize, *depth));
            return Ok(());
        }
        drop(handled);
        let guarded = lock(&GUARDED);
        let Some(known) = guarded.as_ref() else { return Ok(()) };
        if !frames::callers_of(py, frame).any(|caller| known.contains(&caller.code)) {
            return Ok(());
        }
    }
    ask(code, offset, error)
}

fn slot((code, offset, kind): Place) -> &'static [AtomicUsize; 3] {
    let mut mixed = Mixed::default();
    mixed.write_usize(code ^ kind.rotate_left(24) ^ offset.rotate_left(48));
    &HANDLED_HERE[(mixed.finish() >> 40) as usize & 255]
}

fn is_handled_here(place: Place) -> bool {
    let [code, offset, kind] = slot(place).each_ref().map(|part| part.load(Ordering::Relaxed));
    (code, offset, kind) == place
}

/// Called by `sys.monitoring` when an exception is raised again: at the end of a `finally`, or by `except` clauses that are others'.
#[pyfunction]
pub fn reraised(code: &Bound<'_, PyAny>, offset: &Bound<'_, PyAny>, error: &Bound<'_, PyAny>) -> PyResult<()> {
    if UNDER_WAY.load(Ordering::Acquire) == 0 {
        return Ok(());
    }
    ask(code, offset, error)
}

fn ask(code: &Bound<'_, PyAny>, offset: &Bound<'_, PyAny>, error: &Bound<'_, PyAny>) -> PyResult<()> {
    let Some(raised) = RAISED.get() else { return Ok(()) };
    finalizing::call(raised.bind(code.py()), &(code, offset, error).into_pyobject(code.py())?).map(drop)
}

/// Called by `sys.monitoring` when a call begins of code through which one was sent to its beginning.
#[pyfunction]
pub fn begun<'py>(code: &Bound<'py, PyAny>, _offset: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = code.py();
    let is_needed = frames::again::begun(code)?;
    let disable = DISABLE.get().filter(|_| !is_needed);
    Ok(disable.map_or_else(|| py.None().into_bound(py), |disable| disable.bind(py).clone()))
}

/// The calls between the one that raises and the one, so many further up, that handles.
fn digest(py: Python<'_>, frame: *mut ffi::PyObject, depth: usize) -> u64 {
    let mut digest = Mixed::default();
    for caller in frames::callers_of(py, frame).take(depth + 1).skip(1) {
        digest.write_usize(caller.code);
        digest.write_usize(caller.instruction);
    }
    digest.finish()
}

/// An exception of this class that is raised at this place of this frame is handled so many calls further up.
#[pyfunction]
pub fn remember_handled(
    frame: &Bound<'_, PyAny>,
    offset: usize,
    kind: &Bound<'_, PyAny>,
    depth: usize,
) -> PyResult<()> {
    if depth > HIGHEST {
        return Ok(());
    }
    let place = (frame.getattr("f_code")?.as_ptr() as usize, offset, kind.as_ptr() as usize);
    if depth == 0 {
        for (part, value) in slot(place).iter().zip([place.0, place.1, place.2]) {
            part.store(value, Ordering::Relaxed);
        }
        return Ok(());
    }
    let digest = digest(frame.py(), frame.as_ptr(), depth);
    let mut handled = lock(&HANDLED);
    let handled = handled.get_or_insert_default();
    if handled.len() >= MOST {
        handled.clear();
    }
    let known = handled.entry(place).or_default();
    known.truncate(HIGHEST);
    known.push((depth, digest));
    Ok(())
}

/// Code, or a class, is gone, or means something else.
#[pyfunction]
pub fn forget_handled() {
    HANDLED_HERE.iter().flatten().for_each(|part| part.store(0, Ordering::Relaxed));
    if let Some(handled) = lock(&HANDLED).as_mut() {
        handled.clear();
    }
}
