//! Exceptions that the program handles itself, as was found out before: what is raised again at the same place, and by the same way, is
//! recognised here without a lock and without Python. All of it is done with the GIL held.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::ffi;
use pyo3::prelude::*;

use crate::frames::{self, Caller};

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

pub type Addresses = HashSet<usize, BuildHasherDefault<Mixed>>;
/// Code, offset, class of the exception.
pub type Place = (usize, usize, usize);
/// How far up it is handled, and a digest of the calls between.
type Ways = HashMap<Place, Vec<(usize, u64)>, BuildHasherDefault<Mixed>>;

/// All that was found out but what is handled where it is raised.
static WAYS: Mutex<Option<Ways>> = Mutex::new(None);

/// What is handled where it is raised, of which there is most: at a number made from the place, the last one found out.
static HERE: [[AtomicUsize; 3]; 256] = [const { [const { AtomicUsize::new(0) }; 3] }; 256];

/// The same for what is handled further up: at a number made from the place and from where the caller is.
static ABOVE: [Above; 512] = [const { Above::new() }; 512];

struct Above {
    place: [AtomicUsize; 3],
    depth: AtomicUsize,
    digest: AtomicU64,
}

impl Above {
    const fn new() -> Self {
        Self { place: [const { AtomicUsize::new(0) }; 3], depth: AtomicUsize::new(0), digest: AtomicU64::new(0) }
    }
}

/// The exception that was last seen to be handled further up: which, how many calls it will still come through, and the frame of the next
/// one. One for all threads: what another thread has put in its place is looked up again, at no harm.
static PASSING: [AtomicUsize; 3] = [const { AtomicUsize::new(0) }; 3];

fn pass(error: usize, calls: usize, next: usize) {
    PASSING.iter().zip([error, calls, next]).for_each(|(part, value)| part.store(value, Ordering::Relaxed));
}

fn ways() -> MutexGuard<'static, Option<Ways>> {
    WAYS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether this exception, in the running frame, is handled by the program: as the last time, when it was raised in the same way.
pub fn is_handled(py: Python<'_>, frame: *mut ffi::PyObject, place: Place, error: usize) -> bool {
    let [passing, left, expected] = PASSING.each_ref().map(|part| part.load(Ordering::Relaxed));
    if passing != error && is_here(place) {
        return true;
    }
    let mut calls = frames::callers_of(py, frame);
    let (Some(own), Some(caller)) = (calls.next(), calls.next()) else { return is_here(place) };
    if passing == error {
        if left > 0 && expected == own.address {
            pass(if left > 1 { error } else { 0 }, left - 1, caller.address);
            return true;
        }
        if is_here(place) {
            return true;
        }
    }
    let above = above(place, caller.instruction);
    let depth = above.depth.load(Ordering::Relaxed);
    let is_known = depth > 0
        && is(&above.place, place)
        && above.digest.load(Ordering::Relaxed) == digest(caller, calls.take(depth - 1));
    if is_known {
        pass(error, depth, caller.address);
    }
    is_known
}

/// The same for what was pushed out of the quick table.
pub fn was_handled(py: Python<'_>, frame: *mut ffi::PyObject, place: Place, error: usize) -> bool {
    let mut calls = frames::callers_of(py, frame).skip(1);
    let Some(caller) = calls.next() else { return false };
    let calls: Vec<Caller> = calls.take(HIGHEST).collect();
    let ways = ways();
    let known = ways.as_ref().and_then(|ways| ways.get(&place)).map_or(&[][..], Vec::as_slice);
    let is_it = |depth: usize, known: u64| digest(caller, calls.iter().copied().take(depth - 1)) == known;
    let Some((depth, digest)) = known.iter().find(|(depth, digest)| is_it(*depth, *digest)) else {
        return false;
    };
    keep(place, caller.instruction, *depth, *digest);
    pass(error, *depth, caller.address);
    true
}

fn mixed((code, offset, kind): Place) -> Mixed {
    let mut mixed = Mixed::default();
    mixed.write_usize(code ^ kind.rotate_left(24) ^ offset.rotate_left(48));
    mixed
}

fn here(place: Place) -> &'static [AtomicUsize; 3] {
    &HERE[(mixed(place).finish() >> 40) as usize & 255]
}

fn above(place: Place, caller: usize) -> &'static Above {
    let mut mixed = mixed(place);
    mixed.write_usize(caller);
    &ABOVE[(mixed.finish() >> 40) as usize & 511]
}

fn is(known: &[AtomicUsize; 3], (code, offset, kind): Place) -> bool {
    known.each_ref().map(|part| part.load(Ordering::Relaxed)) == [code, offset, kind]
}

fn is_here(place: Place) -> bool {
    is(here(place), place)
}

fn keep(place: Place, caller: usize, depth: usize, digest: u64) {
    let above = above(place, caller);
    for (part, value) in above.place.iter().zip([place.0, place.1, place.2]) {
        part.store(value, Ordering::Relaxed);
    }
    above.depth.store(depth, Ordering::Relaxed);
    above.digest.store(digest, Ordering::Relaxed);
}

/// The calls between the one that raises and the one that handles: its caller and those further up.
fn digest(caller: Caller, above: impl Iterator<Item = Caller>) -> u64 {
    let mut digest = Mixed::default();
    for call in std::iter::once(caller).chain(above) {
        digest.write_usize(call.code);
        digest.write_usize(call.instruction);
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
    let py = frame.py();
    let calls = frames::callers_of(py, frame.as_ptr()).take(depth + 1).count();
    // Of an interpreter whose frames can't be read nothing is remembered.
    if depth > HIGHEST || calls <= depth {
        return Ok(());
    }
    let place = (frame.getattr("f_code")?.as_ptr() as usize, offset, kind.as_ptr() as usize);
    if depth == 0 {
        for (part, value) in here(place).iter().zip([place.0, place.1, place.2]) {
            part.store(value, Ordering::Relaxed);
        }
        return Ok(());
    }
    let mut callers = frames::callers_of(py, frame.as_ptr()).skip(1);
    let Some(caller) = callers.next() else { return Ok(()) };
    let digest = digest(caller, callers.take(depth - 1));
    keep(place, caller.instruction, depth, digest);
    let mut ways = ways();
    let ways = ways.get_or_insert_default();
    if ways.len() >= MOST {
        ways.clear();
    }
    let known = ways.entry(place).or_default();
    known.truncate(HIGHEST);
    known.push((depth, digest));
    Ok(())
}

/// Code, or a class, is gone, or means something else.
#[pyfunction]
pub fn forget_handled() {
    let quick = HERE.iter().flatten().chain(ABOVE.iter().flat_map(|above| &above.place));
    quick.for_each(|part| part.store(0, Ordering::Relaxed));
    if let Some(ways) = ways().as_mut() {
        ways.clear();
    }
}
