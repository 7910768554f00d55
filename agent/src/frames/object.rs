//! The object that shows a frame to Python. When the call ends while somebody holds it, the frame's variables are copied into it: it
//! has room for as many slots as the code had that the frame ran when it was made, and is told nowhere how many those are.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::ffi;
use pyo3::prelude::*;

use super::layout::Frame;

/// How many slots a code object's frames have: for variables, and with those of the stack.
#[derive(Clone, Copy)]
pub struct Size {
    pub locals: usize,
    pub all: usize,
}

/// By address: code that a frame runs whose object was made for less than that has. It has room for its variables.
static LARGER: Mutex<Option<HashSet<usize>>> = Mutex::new(None);

fn larger() -> MutexGuard<'static, Option<HashSet<usize>>> {
    LARGER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is to be done before a frame runs other code.
pub enum Room {
    Enough,
    /// There is enough for its variables, and less than the code would have.
    ForVariables,
    /// Nobody holds the object: another one is made when one is wanted.
    AnotherObject,
}

impl Room {
    /// Nothing if the object is held and too small. `own` counts the references to it that the caller has; without that it is taken
    /// for held.
    pub fn of(
        frame: &Frame,
        former: *mut ffi::PyObject,
        before: Size,
        after: Size,
        own: Option<isize>,
    ) -> Option<Self> {
        let is_larger = larger().as_ref().is_some_and(|known| known.contains(&(former as usize)));
        let room = if is_larger { before.locals } else { before.all };
        if after.all <= room {
            return Some(Self::Enough);
        }
        // SAFETY: the frame's object is alive.
        let references = unsafe { ffi::Py_REFCNT(frame.object_of_frame()) };
        if own.is_some_and(|own| references == own + 1) {
            return Some(Self::AnotherObject);
        }
        (after.locals <= room).then_some(Self::ForVariables)
    }

    /// Does it, where nothing can fail any more.
    pub fn take(self, frame: &Frame, code: &Bound<'_, PyAny>) {
        match self {
            Self::Enough => {}
            Self::ForVariables => {
                larger().get_or_insert_default().insert(code.as_ptr() as usize);
            }
            Self::AnotherObject => frame.give_up_object(),
        }
    }
}
