//! Where things lie in the frames of a running interpreter, a table by CPython version.
//!
//! Read in CPython's headers (`pycore_frame.h`, `pycore_interpframe_structs.h`, `cpython/genobject.h`, `cpython/pystate.h`) of 3.11 to 3.15, builds with the GIL
//! and without `Py_DEBUG`.

use pyo3::ffi;
use pyo3::prelude::*;

use crate::once::Once;

/// Byte offsets in `_PyInterpreterFrame`, `PyFrameObject` and `PyThreadState`.
pub struct Layout {
    pub executable: usize,
    /// The frame of the caller.
    pub previous: usize,
    pub function: usize,
    pub globals: usize,
    pub builtins: usize,
    pub locals: usize,
    pub frame_object: usize,
    pub instruction: usize,
    pub top: Top,
    pub owner: usize,
    pub slots: usize,
    /// Where a generator, coroutine or async generator has its frame.
    pub generator_frame: usize,
    /// What it says, before its frame, when it waits: at its beginning, at a `yield`, at an `await`.
    pub waiting: &'static [u8],
    /// What it says when it runs.
    pub running: u8,
    /// Where it has its code beside its frame.
    pub generator_code: Option<usize>,
    /// Whether calls on a thread's stack can be moved: it is told when they come to a line.
    moves_running: bool,
    /// `datastack_top` in the thread's state; `datastack_chunk` is before it, `datastack_limit` behind.
    pub stack_top: usize,
    /// `tracing` in the thread's state; `what_event` follows it.
    tracing: usize,
    /// `thread_id` in the thread's state.
    thread: usize,
    /// What stands for no object in a slot.
    pub null: usize,
    /// The bit of a reference that the slot does not own.
    pub borrowed: usize,
}

/// How a frame that does not run tells how full its stack is.
#[derive(Clone, Copy)]
pub enum Top {
    /// A count from the first slot, an `int`; negative while the frame runs.
    Count(usize),
    /// A pointer; null while the frame runs.
    Pointer(usize),
}

/// `f_frame` in a `PyFrameObject`.
pub const FRAME_OF_OBJECT: usize = 24;
pub const OWNED_BY_THREAD: u8 = 0;
pub const OWNED_BY_GENERATOR: u8 = 1;

/// What suspended calls need of it is known; calls on a thread's stack can't be moved there.
const V3_11: Layout = Layout {
    executable: 32,
    previous: 48,
    function: 0,
    globals: 8,
    builtins: 16,
    locals: 24,
    frame_object: 40,
    owner: 69,
    generator_frame: 80,
    generator_code: Some(16),
    moves_running: false,
    ..V3_12
};
pub const V3_12: Layout = Layout {
    executable: 0,
    previous: 8,
    function: 16,
    globals: 24,
    builtins: 32,
    locals: 40,
    frame_object: 48,
    instruction: 56,
    top: Top::Count(64),
    owner: 70,
    slots: 72,
    generator_frame: 72,
    waiting: &[0xfe, 0xff],
    running: 0,
    generator_code: None,
    moves_running: true,
    stack_top: 240,
    tracing: 44,
    thread: 136,
    null: 0,
    borrowed: 0,
};
const V3_13: Layout = Layout { waiting: &[0xfd, 0xfe, 0xff], tracing: 60, thread: 152, ..V3_12 };
const V3_14: Layout = Layout { top: Top::Pointer(64), owner: 74, slots: 80, null: 1, borrowed: 1, ..V3_13 };
const V3_15: Layout = Layout { waiting: &[0, 1, 2], running: 4, stack_top: 264, tracing: 64, thread: 176, ..V3_14 };

/// `next` in a thread's state; `prev` is at its beginning.
const NEXT: usize = 8;
/// `what_event` of a line that is about to be executed.
const LINE: i32 = 5;

/// What the state of another thread tells of the trace function, or callback, that it is in.
pub struct Traced {
    /// Whether a debugger's code runs there, called by the interpreter for an event and not by other such code.
    pub is_in_event: bool,
    /// The number of the event.
    pub event: i32,
    /// The part of its stack that new frames are put on: where it begins and ends.
    pub chunk: (usize, usize),
}

impl Traced {
    /// What the thread of this number is in; nothing if there is none, or its state is not as expected.
    pub fn of(py: Python<'_>, thread: u64) -> Option<Self> {
        let layout = layout(py)?;
        // SAFETY: the GIL is held, so that the calling thread has a state, and no thread's state is freed meanwhile.
        let own = unsafe { ffi::PyThreadState_Get() }.cast::<u8>();
        let read = |state: *mut u8, offset: usize| {
            // SAFETY: offsets of the table lie within a thread's state, and the state is one of the list's.
            unsafe { state.add(offset).cast::<usize>().read() }
        };
        let mut first = own;
        while read(first, 0) != 0 {
            first = read(first, 0) as *mut u8;
        }
        let states = std::iter::successors(Some(first), |state| {
            let next = read(*state, NEXT) as *mut u8;
            (!next.is_null()).then_some(next)
        });
        let state = states.into_iter().find(|state| read(*state, layout.thread) as u64 == thread)?;
        // SAFETY: as above; both are an `int`.
        let (tracing, event) = unsafe {
            let field = state.add(layout.tracing).cast::<i32>();
            (field.read(), field.add(1).read())
        };
        let chunk = (read(state, layout.stack_top - 8), read(state, layout.stack_top + 8));
        Some(Self { is_in_event: tracing == 1, event, chunk })
    }

    pub fn is_at_line(&self) -> bool {
        self.is_in_event && self.event == LINE
    }
}

/// The layout of this interpreter; nothing where moving what runs is not known to be sound.
pub fn layout(py: Python<'_>) -> Option<&'static Layout> {
    layout_of_suspended(py).filter(|layout| layout.moves_running)
}

/// The layout of this interpreter; nothing where moving what is suspended is not known to be sound.
pub fn layout_of_suspended(py: Python<'_>) -> Option<&'static Layout> {
    static FOUND: Once<Option<&'static Layout>> = Once::new();
    *FOUND.get_or_init(py, || find(py).ok().flatten())
}

fn find(py: Python<'_>) -> PyResult<Option<&'static Layout>> {
    let sys = py.import("sys")?;
    let name: String = sys.getattr("implementation")?.getattr("name")?.extract()?;
    // A build for debugging lays its frames out otherwise.
    if name != "cpython" || sys.hasattr("gettotalrefcount")? || size_of::<usize>() != 8 {
        return Ok(None);
    }
    let locked = sys.getattr("_is_gil_enabled").map_or(Ok(true), |asked| asked.call0()?.extract())?;
    let version = py.version_info();
    Ok(match (version.major, version.minor, locked) {
        (3, 11, true) => Some(&V3_11),
        (3, 12, true) => Some(&V3_12),
        (3, 13, true) => Some(&V3_13),
        (3, 14, true) => Some(&V3_14),
        (3, 15, true) => Some(&V3_15),
        _ => None,
    })
}
