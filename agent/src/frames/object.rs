//! The object that shows a frame to Python. When the call ends while somebody holds it, the frame's variables are copied into it: it
//! has room for as many slots as the code had that the frame ran when it was made, and is told nowhere how many those are.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};

use super::frame::Frame;

/// How many slots a code object's frames have: for variables, and with those of the stack.
#[derive(Clone, Copy)]
pub struct Size {
    pub locals: usize,
    pub all: usize,
}

/// By address: code that a frame runs whose object was made for less than that has. It has room for its variables. Weak, for
/// other code may come to lie where such a code was.
static LARGER: Mutex<Option<HashMap<usize, Py<PyWeakrefReference>>>> = Mutex::new(None);

fn is_larger(code: &Bound<'_, PyAny>) -> bool {
    let known = LARGER.lock().unwrap_or_else(PoisonError::into_inner);
    let found = known.as_ref().and_then(|known| known.get(&(code.as_ptr() as usize)));
    found.and_then(|known| known.bind(code.py()).upgrade()).is_some_and(|known| known.is(code))
}

/// Those of which the code has gone are forgotten.
fn note_larger(code: &Bound<'_, PyAny>, reference: Py<PyWeakrefReference>) {
    let mut known = LARGER.lock().unwrap_or_else(PoisonError::into_inner);
    let known = known.get_or_insert_default();
    // Nothing refers to a reference but this table: freeing it runs no code.
    known.retain(|_, reference| reference.bind(code.py()).upgrade().is_some());
    known.insert(code.as_ptr() as usize, reference);
}

/// What is to be done before a frame runs other code.
pub enum Room {
    Enough,
    /// There is enough for its variables, and less than the code would have.
    ForVariables(Py<PyWeakrefReference>),
    /// Nobody holds the object: another one is made when one is wanted.
    AnotherObject,
}

impl Room {
    /// Nothing if the object is held and too small. `own` counts the references to it that the caller has; without that it is taken
    /// for held.
    pub fn of(
        frame: &Frame,
        former: &Bound<'_, PyAny>,
        new: &Bound<'_, PyAny>,
        before: Size,
        after: Size,
        own: Option<isize>,
    ) -> Option<Self> {
        if frame.object_of_frame().is_null() {
            return Some(Self::Enough);
        }
        let room = if is_larger(former) { before.locals } else { before.all };
        if after.all <= room {
            return Some(Self::Enough);
        }
        // SAFETY: the frame's object is alive.
        let references = unsafe { ffi::Py_REFCNT(frame.object_of_frame()) };
        if own.is_some_and(|own| references == own + 1) {
            return Some(Self::AnotherObject);
        }
        let reference = PyWeakrefReference::new(new).ok()?;
        (after.locals <= room).then(|| Self::ForVariables(reference.unbind()))
    }

    /// Does it, where nothing can fail any more.
    pub fn take(self, frame: &Frame, code: &Bound<'_, PyAny>) {
        match self {
            Self::Enough => {}
            Self::ForVariables(reference) => note_larger(code, reference),
            Self::AnotherObject => frame.give_up_object(),
        }
    }
}
