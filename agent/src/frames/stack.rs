//! The calls that a thread is in, read without objects of their frames.

use pyo3::ffi;
use pyo3::prelude::*;

use super::layout::{FRAME_OF_OBJECT, Layout, OWNED_BY_GENERATOR, OWNED_BY_THREAD, V3_12, layout};
use super::moves::bytecode;

/// `traceback` in an exception, and `tb_next` and `tb_frame` in a traceback.
const TRACEBACK: usize = 40;
const NEXT_OF_TRACEBACK: usize = 16;
const FRAME_OF_TRACEBACK: usize = 24;

/// What can be read of a frame without an object of it.
#[derive(Clone, Copy)]
pub struct Caller {
    pub address: usize,
    pub code: usize,
    pub function: usize,
    pub instruction: usize,
    /// Whether it has a reference to its code.
    pub owns_code: bool,
}

impl Caller {
    /// `f_lasti` of its frame.
    pub fn offset(&self, py: Python<'_>) -> isize {
        // SAFETY: the frame has not ended, so that its code is alive.
        let start = unsafe { Bound::from_borrowed_ptr_or_opt(py, self.code as *mut ffi::PyObject) };
        let start = start.and_then(|code| bytecode(&code)).unwrap_or(usize::MAX);
        self.instruction.checked_sub(start).map_or(-1, |bytes| bytes as isize)
    }
}

/// The running frame and those that called it.
pub fn callers(py: Python<'_>) -> impl Iterator<Item = Caller> {
    // SAFETY: the GIL is held; the result is borrowed from the running frame.
    callers_of(py, unsafe { ffi::PyEval_GetFrame() }.cast())
}

/// A frame that has not ended, by its object, and those that called it.
pub fn callers_of(py: Python<'_>, object: *mut ffi::PyObject) -> Callers {
    let known = layout(py).filter(|_| !object.is_null());
    // SAFETY: a live frame object, of a version whose layout is known: the field holds its frame.
    let first = known.map_or(0, |_| unsafe { word(object as usize, FRAME_OF_OBJECT) });
    Callers { next: first, layout: known.unwrap_or(&V3_12) }
}

/// The frame that an exception has just come to, of this code, and those that called it. Of an interpreter whose frames can't be read: none.
#[inline]
pub fn callers_at_raise(py: Python<'_>, error: *mut ffi::PyObject, code: *mut ffi::PyObject) -> Callers {
    let Some(layout) = layout(py) else { return Callers { next: 0, layout: &V3_12 } };
    // The interpreter has put it at the head of the traceback: it is had from there for less than from the thread's state.
    // SAFETY: a live exception; its fields hold a traceback or null, whose frame object and frame are alive.
    let newest = unsafe {
        match word(error as usize, TRACEBACK) {
            0 => 0,
            traceback => word(word(traceback, FRAME_OF_TRACEBACK), FRAME_OF_OBJECT),
        }
    };
    let newest = Callers { next: newest, layout };
    // SAFETY: as above.
    let is_it = unsafe { newest.next != 0 && newest.is_shown() && newest.code() == code as usize };
    if is_it {
        return newest;
    }
    // SAFETY: the GIL is held; the object is borrowed from the running frame, or null.
    let object = unsafe { ffi::PyEval_GetFrame() } as usize;
    // SAFETY: as above.
    Callers { next: if object == 0 { 0 } else { unsafe { word(object, FRAME_OF_OBJECT) } }, layout }
}

/// Whether an exception has come to the frame that it is in from another one.
#[inline]
pub fn has_come(error: usize) -> bool {
    // SAFETY: a live exception; its field holds a traceback or null, and the field of that the next one or null.
    unsafe {
        match word(error, TRACEBACK) {
            0 => false,
            traceback => word(traceback, NEXT_OF_TRACEBACK) != 0,
        }
    }
}

/// # Safety
/// There are as many bytes at the address.
#[inline]
unsafe fn word(address: usize, offset: usize) -> usize {
    // SAFETY: by the caller's word; all that is read lies at multiples of eight.
    unsafe { (address as *const u8).add(offset).cast::<usize>().read() }
}

/// A frame that has not ended, and those that called it.
#[derive(Clone, Copy)]
pub struct Callers {
    next: usize,
    layout: &'static Layout,
}

impl Callers {
    /// Whether it is no frame of the interpreter's own: they lie between calls into C, and nobody else is shown them.
    ///
    /// # Safety
    /// There is a next one.
    #[inline]
    unsafe fn is_shown(&self) -> bool {
        // SAFETY: the offset of the table lies within a frame.
        let owner = unsafe { (self.next as *const u8).add(self.layout.owner).read() };
        matches!(owner, OWNED_BY_THREAD | OWNED_BY_GENERATOR)
    }

    /// # Safety
    /// There is a next one.
    #[inline]
    unsafe fn code(&self) -> usize {
        // SAFETY: as above.
        unsafe { word(self.next, self.layout.executable) & !self.layout.borrowed }
    }
}

impl Iterator for Callers {
    type Item = Caller;

    #[inline]
    fn next(&mut self) -> Option<Caller> {
        while self.next != 0 {
            let address = self.next;
            // SAFETY: frames that have not ended lead to their callers' only, and offsets of the table lie within one.
            unsafe {
                let found = self.is_shown().then(|| Caller {
                    address,
                    code: self.code(),
                    function: word(address, self.layout.function) & !self.layout.borrowed,
                    instruction: word(address, self.layout.instruction),
                    owns_code: word(address, self.layout.executable) & self.layout.borrowed == 0,
                });
                self.next = word(address, self.layout.previous);
                if found.is_some() {
                    return found;
                }
            }
        }
        None
    }
}
