//! Generators, coroutines and async generators: their frames lie inside of them, and are read without an object that shows the
//! frame to Python, which each would keep for as long as it lives.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict, PyTuple};

use super::frame::Frame;
use super::layout::{Layout, layout_of_suspended};
use crate::once::Once;

/// How far before its frame such an object tells what it does.
const STATE: usize = 5;

/// What can be read of such objects in this interpreter.
#[derive(Clone, Copy)]
pub struct Generators {
    layout: &'static Layout,
    /// The addresses of the types, which are never freed.
    types: [usize; 3],
}

/// Nothing where they are not as known, by a self-test. It calls Python: not to be asked for the first time while the heap is looked at.
pub fn generators(py: Python<'_>) -> Option<Generators> {
    static FOUND: Once<Option<Generators>> = Once::new();
    *FOUND.get_or_init(py, || find(py, layout_of_suspended(py)?).ok().flatten())
}

impl Generators {
    /// Whether it is one.
    pub fn is_one(self, object: &Bound<'_, PyAny>) -> bool {
        self.types.contains(&(object.get_type_ptr() as usize))
    }

    /// # Safety
    /// `item` is a live generator, coroutine or async generator, and the GIL is held.
    unsafe fn state(self, item: *mut ffi::PyObject) -> u8 {
        // SAFETY: by the caller's word; the table's offset was found right in such objects.
        unsafe { item.cast::<u8>().add(self.layout.generator_frame - STATE).read() }
    }

    /// The frame of one that waits: at its beginning, at a `yield` or at an `await`.
    ///
    /// # Safety
    /// As for [`Generators::state`].
    pub unsafe fn waiting(self, item: *mut ffi::PyObject) -> Option<Frame> {
        // SAFETY: by the caller's word; one that waits has its frame inside of it.
        unsafe {
            let waits = self.layout.waiting.contains(&self.state(item));
            waits.then(|| Frame::inside(item.cast::<u8>().add(self.layout.generator_frame), self.layout))
        }
    }

    /// The address of the code that one refers to which does not run; zero of one that runs.
    ///
    /// # Safety
    /// As for [`Generators::state`].
    pub unsafe fn code(self, item: *mut ffi::PyObject) -> usize {
        // SAFETY: by the caller's word; also one that has ended keeps the field.
        unsafe {
            let runs = self.state(item) == self.layout.running;
            if runs { 0 } else { Frame::inside(item.cast::<u8>().add(self.layout.generator_frame), self.layout).code() }
        }
    }

    /// Whether one refers to its code once.
    pub fn refers_once(self) -> bool {
        self.layout.generator_code.is_none()
    }
}

fn find(py: Python<'_>, layout: &'static Layout) -> PyResult<Option<Generators>> {
    let space = PyDict::new(py);
    // The state while it runs, and the address by which that is read.
    let asked = Arc::new((AtomicUsize::new(usize::MAX), AtomicUsize::new(0)));
    let shared = asked.clone();
    let ask = move |_: &Bound<'_, PyTuple>, _: Option<&Bound<'_, PyDict>>| {
        let item = shared.1.load(Ordering::Relaxed) as *mut ffi::PyObject;
        // SAFETY: the generator below, which calls this.
        let state = unsafe { Generators { layout, types: [0; 3] }.state(item) };
        shared.0.store(usize::from(state), Ordering::Relaxed);
    };
    space.set_item("ask", PyCFunction::new_closure(py, None, None, ask)?)?;
    py.run(PROBE, Some(&space), None)?;
    let made: [Bound<'_, PyAny>; 3] = space.as_any().get_item("made")?.extract()?;
    let types = made.each_ref().map(|item| item.get_type_ptr() as usize);
    let found = Generators { layout, types };
    for (item, prefix) in made.iter().zip(["gi", "cr", "ag"]) {
        let (object, code) = (item.getattr(format!("{prefix}_frame"))?, item.getattr(format!("{prefix}_code"))?);
        let shown = Frame::of(py, object.as_ptr(), code.as_ptr());
        // SAFETY: the probes are alive.
        let (read, of) = unsafe { (found.waiting(item.as_ptr()), found.code(item.as_ptr())) };
        let is_same = shown.zip(read).is_some_and(|(shown, read)| shown.address() == read.address());
        if !is_same || of != code.as_ptr() as usize {
            return Ok(None);
        }
    }
    // It is not awaited: that would be warned of.
    made[1].call_method0("close")?;
    let generator = &made[0];
    asked.1.store(generator.as_ptr() as usize, Ordering::Relaxed);
    for _ in 0..2 {
        generator.call_method0("__next__")?;
        // SAFETY: as above.
        if unsafe { found.waiting(generator.as_ptr()) }.is_none() {
            return Ok(None);
        }
    }
    let has_ended = generator.call_method0("__next__").is_err();
    // SAFETY: as above.
    let waits = unsafe { found.waiting(generator.as_ptr()) }.is_some();
    let is_right = has_ended && !waits && asked.0.load(Ordering::Relaxed) == usize::from(layout.running);
    Ok(is_right.then_some(found))
}

const PROBE: &std::ffi::CStr = c"
def generator():
    ask()
    yield
    yield from (0,)
async def coroutine(): pass
async def asynchronous(): yield
made = generator(), coroutine(), asynchronous()
";
