//! Exceptions that the program handles itself, as was found out before: what is raised again at the same place, and by the same way, is
//! recognised here without a lock and without Python. All of it is done with the GIL held.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;

use crate::frames::{self, Caller, Callers};

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
/// What is raised: the instruction, of which there is one in all code, and the class of the exception.
pub type Place = (usize, usize);
/// How far up it is handled, and a digest of the calls between.
type Ways = HashMap<Place, Vec<(usize, u64)>, BuildHasherDefault<Mixed>>;

/// All that was found out but what is handled where it is raised.
static WAYS: Mutex<Option<Ways>> = Mutex::new(None);

/// What is handled where it is raised, of which there is most: at a number made from the place, the last one found out.
static HERE: [[AtomicUsize; 2]; 256] = [const { [const { AtomicUsize::new(0) }; 2] }; 256];

/// The same for what is handled further up: at a number made from the place and from where the caller is.
static ABOVE: [Above; 512] = [const { Above::new() }; 512];

struct Above {
    place: [AtomicUsize; 2],
    /// Where the caller is.
    caller: AtomicUsize,
    depth: AtomicUsize,
    /// Of the calls above the caller.
    digest: AtomicU64,
}

impl Above {
    const fn new() -> Self {
        Self {
            place: [const { AtomicUsize::new(0) }; 2],
            caller: AtomicUsize::new(0),
            depth: AtomicUsize::new(0),
            digest: AtomicU64::new(0),
        }
    }
}

/// The exception that was last seen to be handled further up: which, how many calls it will still come through, and the frame of the next
/// one. One for all threads: what another thread has put in its place is looked up again, at no harm.
static PASSING: [AtomicUsize; 3] = [const { AtomicUsize::new(0) }; 3];

#[inline]
fn pass(error: usize, calls: usize, next: usize) {
    PASSING.iter().zip([error, calls, next]).for_each(|(part, value)| part.store(value, Ordering::Relaxed));
}

fn ways() -> MutexGuard<'static, Option<Ways>> {
    WAYS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether this exception, in the first of these frames, is handled by the program: as the last time, when it was raised in the same way.
#[inline]
pub fn is_handled(mut calls: Callers, kind: usize, error: usize) -> bool {
    let Some(own) = calls.next() else { return false };
    let [passing, left, expected] = PASSING.each_ref().map(|part| part.load(Ordering::Relaxed));
    // Another one may have come to lie where one did that has not come so far: it is raised here.
    if passing == error && left > 0 && expected == own.address && frames::has_come(error) {
        if left > 1 {
            let Some(caller) = calls.next() else { return false };
            pass(error, left - 1, caller.address);
        } else {
            pass(0, 0, 0);
        }
        return true;
    }
    let place = (own.instruction, kind);
    if is(here(place), place) {
        return true;
    }
    let Some(caller) = calls.next() else { return false };
    let above = above(place, caller.instruction);
    let depth = above.depth.load(Ordering::Relaxed);
    let is_known = depth > 0
        && is(&above.place, place)
        && above.caller.load(Ordering::Relaxed) == caller.instruction
        && (depth == 1 || above.digest.load(Ordering::Relaxed) == digest(calls.take(depth - 1)));
    if is_known {
        pass(error, depth, caller.address);
    }
    is_known
}

/// The same for what was pushed out of the quick table.
pub fn was_handled(mut calls: Callers, kind: usize, error: usize) -> bool {
    let (Some(own), Some(caller)) = (calls.next(), calls.next()) else { return false };
    let place = (own.instruction, kind);
    let ways = ways();
    let known = ways.as_ref().and_then(|ways| ways.get(&place)).map_or(&[][..], Vec::as_slice);
    let found = known.iter().find(|(depth, known)| whole(caller, digest(calls.take(depth - 1))) == *known);
    let Some((depth, _)) = found else { return false };
    keep(place, caller.instruction, *depth, digest(calls.take(depth - 1)));
    pass(error, *depth, caller.address);
    true
}

#[inline]
fn mixed((instruction, kind): Place) -> Mixed {
    let mut mixed = Mixed::default();
    mixed.write_usize(instruction ^ kind.rotate_left(24));
    mixed
}

#[inline]
fn here(place: Place) -> &'static [AtomicUsize; 2] {
    &HERE[(mixed(place).0 >> 56) as usize]
}

#[inline]
fn above((instruction, kind): Place, caller: usize) -> &'static Above {
    &ABOVE[(mixed((instruction ^ caller.rotate_left(48), kind)).0 >> 55) as usize]
}

#[inline]
fn is(known: &[AtomicUsize; 2], (instruction, kind): Place) -> bool {
    known.each_ref().map(|part| part.load(Ordering::Relaxed)) == [instruction, kind]
}

fn keep(place: Place, caller: usize, depth: usize, digest: u64) {
    let above = above(place, caller);
    for (part, value) in above.place.iter().chain([&above.caller]).zip([place.0, place.1, caller]) {
        part.store(value, Ordering::Relaxed);
    }
    above.depth.store(depth, Ordering::Relaxed);
    above.digest.store(digest, Ordering::Relaxed);
}

/// Where calls are that lie above each other.
fn digest(calls: impl Iterator<Item = Caller>) -> u64 {
    let mut digest = Mixed::default();
    calls.for_each(|call| digest.write_usize(call.instruction));
    digest.finish()
}

/// The calls between the one that raises and the one that handles: its caller, and a digest of those above.
fn whole(caller: Caller, above: u64) -> u64 {
    let mut digest = Mixed::default();
    digest.write_usize(caller.instruction);
    digest.write_u64(above);
    digest.finish()
}

/// An exception of this class that is raised where this frame is now is handled so many calls further up.
#[pyfunction]
pub fn remember_handled(frame: &Bound<'_, PyAny>, kind: &Bound<'_, PyAny>, depth: usize) {
    let mut calls = frames::callers_of(frame.py(), frame.as_ptr());
    // Of an interpreter whose frames can't be read nothing is remembered.
    if depth > HIGHEST || calls.take(depth + 1).count() <= depth {
        return;
    }
    let Some(own) = calls.next() else { return };
    let place = (own.instruction, kind.as_ptr() as usize);
    if depth == 0 {
        for (part, value) in here(place).iter().zip([place.0, place.1]) {
            part.store(value, Ordering::Relaxed);
        }
        return;
    }
    let Some(caller) = calls.next() else { return };
    let digest = digest(calls.take(depth - 1));
    keep(place, caller.instruction, depth, digest);
    let mut ways = ways();
    let ways = ways.get_or_insert_default();
    if ways.len() >= MOST {
        ways.clear();
    }
    let known = ways.entry(place).or_default();
    known.truncate(HIGHEST);
    known.push((depth, whole(caller, digest)));
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
