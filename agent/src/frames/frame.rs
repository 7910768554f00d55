//! Views of a frame, and of the code of a generator, that check what they read against what is known otherwise before anybody writes.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::layout::{FRAME_OF_OBJECT, Layout, OWNED_BY_GENERATOR, OWNED_BY_THREAD, Top, Traced, layout_of_suspended};
use crate::cpython::functions;
use crate::once::name;

/// By how many slots code that a frame ran before may have been larger.
const LARGEST: usize = 4096;
/// `CO_OPTIMIZED`: the variables are in the frame, and in no namespace.
const OPTIMIZED: u32 = 1;

/// A frame, checked to be the one that its frame object tells of.
pub struct Frame {
    base: *mut u8,
    layout: &'static Layout,
}

impl Frame {
    /// The frame behind a live frame object; nothing unless all that can be compared is as expected.
    pub fn of(py: Python<'_>, object: *mut ffi::PyObject, code: *mut ffi::PyObject) -> Option<Self> {
        let layout = layout_of_suspended(py)?;
        // SAFETY: the object is a live frame object, of a version whose layout is known: the field holds its frame.
        let base = unsafe { object.cast::<u8>().add(FRAME_OF_OBJECT).cast::<*mut u8>().read() };
        if base.is_null() || !(base as usize).is_multiple_of(8) {
            return None;
        }
        let frame = Self { base, layout };
        let known = frame.word(layout.frame_object) == object as usize
            && frame.word(layout.executable) & !layout.borrowed == code as usize
            && matches!(frame.owner(), OWNED_BY_THREAD | OWNED_BY_GENERATOR)
            && frame.has_namespaces(py, object);
        known.then_some(frame)
    }

    /// # Safety
    /// The frame of a live generator, coroutine or async generator lies there, and is one of this layout.
    pub unsafe fn inside(base: *mut u8, layout: &'static Layout) -> Self {
        Self { base, layout }
    }

    /// Whether it is a waiting one of this code that has no object, and is as one that was checked with its object.
    pub fn is_like(&self, checked: &Self, code: *mut ffi::PyObject) -> bool {
        let Layout { globals, builtins, .. } = *self.layout;
        self.object_of_frame().is_null()
            && self.code() == code as usize
            && self.owner() == OWNED_BY_GENERATOR
            && [globals, builtins].iter().all(|&offset| self.word(offset) == checked.word(offset))
    }

    fn has_namespaces(&self, py: Python<'_>, object: *mut ffi::PyObject) -> bool {
        // SAFETY: a live object.
        let object = unsafe { Bound::from_borrowed_ptr(py, object) };
        let names = [(name!(py, "f_globals"), self.layout.globals), (name!(py, "f_builtins"), self.layout.builtins)];
        names.into_iter().all(|(name, offset)| {
            object.getattr(name).is_ok_and(|namespace| self.word(offset) == namespace.as_ptr() as usize)
        })
    }

    fn word(&self, offset: usize) -> usize {
        // SAFETY: offsets of the table lie within a frame.
        unsafe { self.base.add(offset).cast::<usize>().read() }
    }

    fn set_word(&self, offset: usize, value: usize) {
        // SAFETY: as above; the GIL is held, so nobody else reads or writes the frame.
        unsafe { self.base.add(offset).cast::<usize>().write(value) };
    }

    pub fn address(&self) -> usize {
        self.base as usize
    }

    /// The address of the code object that it runs.
    pub fn code(&self) -> usize {
        self.word(self.layout.executable) & !self.layout.borrowed
    }

    fn owner(&self) -> u8 {
        // SAFETY: as above.
        unsafe { self.base.add(self.layout.owner).read() }
    }

    pub fn is_on_a_stack(&self) -> bool {
        self.owner() == OWNED_BY_THREAD
    }

    /// The function that is called; nothing where what is known of it is not as expected.
    pub fn function<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        let object = (self.word(self.layout.function) & !self.layout.borrowed) as *mut ffi::PyObject;
        // SAFETY: the field of a frame that has not ended holds an object.
        let function = unsafe { Bound::from_borrowed_ptr_or_opt(py, object) }?;
        functions::is_function(&function).then_some(function)
    }

    /// Empties the dictionary of variables that a debugger, or `locals()`, has had made of a function's before 3.13: it would show
    /// what the new code does not have.
    pub fn forget_locals(&self, code: &Bound<'_, PyAny>) {
        if self.word(self.layout.locals) == 0 {
            return;
        }
        let is_function = code.getattr(name!(code.py(), "co_flags")).and_then(|flags| flags.extract::<u32>());
        if !is_function.is_ok_and(|flags| flags & OPTIMIZED != 0) {
            return;
        }
        let py = code.py();
        let locals = self.word(self.layout.locals) as *mut ffi::PyObject;
        // SAFETY: the field of a frame that has not ended holds an object, or none.
        if let Some(locals) = unsafe { Bound::from_borrowed_ptr_or_opt(py, locals) }
            && let Ok(locals) = locals.cast_into_exact::<PyDict>()
        {
            locals.clear();
        }
    }

    /// Whether a debugger has given the frame a trace function.
    pub fn is_traced(&self, py: Python<'_>) -> bool {
        // SAFETY: the frame's object is alive, if it has one.
        let object = unsafe { Bound::from_borrowed_ptr_or_opt(py, self.object_of_frame()) };
        let function = object.and_then(|object| object.getattr(name!(py, "f_trace")).ok());
        function.is_some_and(|function| !function.is_none())
    }

    pub fn object_of_frame(&self) -> *mut ffi::PyObject {
        self.word(self.layout.frame_object) as *mut ffi::PyObject
    }

    /// Lets go of the frame's object, which the caller holds: the interpreter makes another one when it needs one.
    pub fn give_up_object(&self) {
        let object = self.object_of_frame();
        self.set_word(self.layout.frame_object, 0);
        // SAFETY: the frame's own reference. The object refers to the frame, and is freed without looking at it.
        unsafe { ffi::Py_DECREF(object) };
    }

    /// Whether the frame could be made so much larger once nothing is above it on its thread's stack.
    pub fn could_grow(&self, traced: &Traced, size: usize, more: usize) -> bool {
        let (begin, limit) = traced.chunk;
        let end = self.slot_address(size);
        begin < self.base as usize && end <= limit && limit - end > 8 * more
    }

    pub fn instruction(&self) -> usize {
        self.word(self.layout.instruction)
    }

    pub fn set_instruction(&self, address: usize) {
        self.set_word(self.layout.instruction, address);
    }

    /// How many slots are in use, locals and stack together; nothing while the frame runs.
    pub fn used(&self) -> Option<usize> {
        match self.layout.top {
            // SAFETY: as for `word`.
            Top::Count(offset) => usize::try_from(unsafe { self.base.add(offset).cast::<i32>().read() }).ok(),
            Top::Pointer(offset) => {
                let bytes = self.word(offset).checked_sub(self.base as usize + self.layout.slots)?;
                bytes.is_multiple_of(8).then_some(bytes / 8)
            }
        }
    }

    pub fn set_used(&self, count: usize) {
        match self.layout.top {
            // SAFETY: as for `set_word`; a frame has far fewer than 2^31 slots.
            Top::Count(offset) => unsafe { self.base.add(offset).cast::<i32>().write(count as i32) },
            Top::Pointer(offset) => self.set_word(offset, self.slot_address(count)),
        }
    }

    pub fn slot(&self, index: usize) -> usize {
        self.word(self.layout.slots + 8 * index)
    }

    pub fn set_slot(&self, index: usize, value: usize) {
        self.set_word(self.layout.slots + 8 * index, value);
    }

    pub fn slot_address(&self, index: usize) -> usize {
        self.base as usize + self.layout.slots + 8 * index
    }

    pub fn is_null(&self, slot: usize) -> bool {
        slot == self.layout.null
    }

    pub fn null(&self) -> usize {
        self.layout.null
    }

    /// A slot with a reference of its own: what is lent, by a caller or by the constants of the former code, may go before the
    /// call does.
    pub fn owned(&self, slot: usize) -> usize {
        let object = slot & !self.layout.borrowed;
        // The second bit tells an integer from an object.
        if self.is_null(slot) || object == slot || slot & 2 != 0 || is_immortal(object) {
            return slot;
        }
        // SAFETY: a slot that is no integer and not null holds a live object.
        unsafe { ffi::Py_INCREF(object as *mut ffi::PyObject) };
        object
    }

    /// What a slot holds for an object that it owns from now on.
    pub fn holding(&self, object: Bound<'_, PyAny>) -> usize {
        let object = object.into_ptr() as usize;
        if is_immortal(object) { object | self.layout.borrowed } else { object }
    }

    /// The object of a slot.
    pub fn object<'py>(&self, py: Python<'py>, slot: usize) -> Option<Bound<'py, PyAny>> {
        if self.is_null(slot) || slot & 2 != 0 {
            return None;
        }
        // SAFETY: the slots of a frame that has not ended hold objects.
        unsafe { Bound::from_borrowed_ptr_or_opt(py, (slot & !self.layout.borrowed) as *mut ffi::PyObject) }
    }

    /// The reference that a slot owns, given up by it.
    ///
    /// # Safety
    /// The slot is one of this frame, and is overwritten or not looked at any more.
    pub unsafe fn release<'py>(&self, py: Python<'py>, slot: usize) -> Option<Bound<'py, PyAny>> {
        if self.is_null(slot) || slot & self.layout.borrowed != 0 {
            return None;
        }
        // SAFETY: an owned reference, by the above and the caller's word.
        unsafe { Bound::from_owned_ptr_or_opt(py, slot as *mut ffi::PyObject) }
    }

    /// Exchanges the code, and gives the reference to the former one, if the frame had it.
    pub fn exchange_code<'py>(&self, code: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
        let before = self.word(self.layout.executable);
        self.set_word(self.layout.executable, code.clone().into_ptr() as usize);
        // SAFETY: the field has just been overwritten.
        unsafe { self.release(code.py(), before) }
    }

    /// Makes a frame that is the last on its thread's stack larger by some slots. Answers whether that was possible.
    pub fn grow(&self, size: usize, more: usize) -> bool {
        // SAFETY: the calling thread has a state; it is that of the frame's thread, which runs this.
        let state = unsafe { ffi::PyThreadState_Get() }.cast::<u8>();
        // SAFETY: the fields of the table lie within the thread's state.
        let fields = unsafe { state.add(self.layout.stack_top).cast::<usize>() };
        // SAFETY: as above.
        let (top, limit) = unsafe { (fields.read(), fields.add(1).read()) };
        // That the frame ends there proves the layout of the thread's state. It ends further up where it ran larger code before.
        let end = self.slot_address(size);
        if !(end..=end + 8 * LARGEST).contains(&top) || limit < top {
            return false;
        }
        let wanted = end + 8 * more;
        if wanted > top {
            if limit <= wanted {
                return false;
            }
            // SAFETY: as above; there is room, as `_PyThreadState_HasStackSpace` would say.
            unsafe { fields.write(wanted) };
        }
        true
    }
}

/// The code that a generator, coroutine or async generator has beside its frame, before 3.12.
pub struct OwnCode(*mut usize);

impl OwnCode {
    /// Where it is; fails if that is not as expected.
    pub fn of(py: Python<'_>, item: &Bound<'_, PyAny>, code: &Bound<'_, PyAny>) -> Result<Option<Self>, ()> {
        let Some(offset) = layout_of_suspended(py).and_then(|layout| layout.generator_code) else { return Ok(None) };
        // SAFETY: callers pass a live object of one of these types, which all begin alike.
        let field = unsafe { item.as_ptr().cast::<u8>().add(offset) }.cast::<usize>();
        // SAFETY: as above.
        if unsafe { field.read() } == code.as_ptr() as usize { Ok(Some(Self(field))) } else { Err(()) }
    }

    /// Exchanges it, while the object is alive, and gives the reference to the former one.
    pub fn exchange<'py>(self, code: &Bound<'py, PyAny>) -> Bound<'py, PyAny> {
        // SAFETY: the field holds a reference of its own, which is given to the caller for another one.
        unsafe {
            let former = self.0.replace(code.clone().into_ptr() as usize);
            Bound::from_owned_ptr(code.py(), former as *mut ffi::PyObject)
        }
    }
}

/// What is never counted: no slot need own a reference to it.
fn is_immortal(object: usize) -> bool {
    // SAFETY: the slots of a frame hold live objects, which begin with their counts.
    unsafe { *(object as *const u32) >= 1 << 31 }
}
