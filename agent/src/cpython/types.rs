//! The fields of type objects and of slot descriptors, at their places in CPython's headers (`PyTypeObject` in
//! cpython/object.h, `PyMemberDescrObject` in descrobject.h), which are the same from 3.10 to 3.15. A self-test
//! compares each with what Python says of classes made for the purpose; where one differs, none is used.

use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};

use crate::once::Once;

/// One word of a type or of a descriptor, by its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word(usize);

impl Word {
    pub const TYPE: Word = Word(1);
    pub const SIZE: Word = Word(2);
    pub const BASIC_SIZE: Word = Word(4);
    pub const ITEM_SIZE: Word = Word(5);
    pub const DEALLOC: Word = Word(6);
    pub const FLAGS: Word = Word(21);
    pub const TRAVERSE: Word = Word(23);
    pub const CLEAR: Word = Word(24);
    pub const WEAK_LIST_OFFSET: Word = Word(26);
    pub const MEMBERS: Word = Word(30);
    pub const BASE: Word = Word(32);
    pub const DICT: Word = Word(33);
    pub const DICT_OFFSET: Word = Word(36);
    pub const ALLOC: Word = Word(38);
    pub const FREE: Word = Word(40);
    pub const BASES: Word = Word(42);
    pub const MRO: Word = Word(43);
    /// Of a descriptor: the class that it belongs to.
    pub const DESCRIPTOR_TYPE: Word = Word(2);
    /// Of a descriptor of a slot: where the slot is (a `PyMemberDef`).
    pub const DESCRIPTOR_MEMBER: Word = Word(5);
}

/// `sizeof(PyMemberDef)` in words.
const MEMBER: usize = 5;

/// Flags of a type that say how its objects are laid out: whether they have a dictionary or weak references before them,
/// values inside, and are collected.
pub const LAYOUT_FLAGS: usize = (1 << 2) | (1 << 3) | (1 << 4) | (1 << 14);

/// Reads one word.
///
/// # Safety
/// The object is alive and is of the kind that has this word.
pub unsafe fn read(object: *mut ffi::PyObject, word: Word) -> usize {
    // SAFETY: the caller's promise.
    unsafe { *object.cast::<usize>().add(word.0) }
}

/// Writes one word and gives what it held.
///
/// # Safety
/// As for [`read`]; what the word means to CPython must hold afterwards, references included.
pub unsafe fn write(object: *mut ffi::PyObject, word: Word, value: usize) -> usize {
    // SAFETY: the caller's promise.
    unsafe { std::mem::replace(&mut *object.cast::<usize>().add(word.0), value) }
}

/// What lies behind the public fields.
pub struct HeapType {
    /// The shared keys of the instances' dictionaries (`ht_cached_keys`).
    pub cached_keys: Word,
    /// Where the slots of a class are described, in words from its beginning.
    members: usize,
}

impl HeapType {
    /// The address of the end mark behind the descriptions of a class's slots.
    pub fn end_of_members(&self, class: *mut ffi::PyObject) -> usize {
        // SAFETY: a class made by a class statement: its slots are counted in `ob_size`.
        let count = unsafe { read(class, Word::SIZE) };
        class as usize + (self.members + count * MEMBER) * size_of::<usize>()
    }
}

/// The fields as found on this interpreter, once. Needs the GIL.
pub fn heap_type(py: Python<'_>) -> PyResult<&'static HeapType> {
    static FOUND: Once<Option<HeapType>> = Once::new();
    let unknown = || PyRuntimeError::new_err("this interpreter's classes have an unknown layout");
    FOUND.get_or_init(py, || checked(py).ok().flatten()).as_ref().ok_or_else(unknown)
}

/// Whether the layout of a class can be exchanged in this interpreter.
#[pyfunction]
pub fn can_set_layout(py: Python<'_>) -> bool {
    heap_type(py).is_ok()
}

fn checked(py: Python<'_>) -> PyResult<Option<HeapType>> {
    let object = py.get_type::<PyAny>();
    let slotted = probe(py, object.as_any(), Some(&["first", "second"]))?;
    let plain = probe(py, object.as_any(), None)?;
    let below = probe(py, &plain, Some(&[]))?;
    if ![&slotted, &plain, &below].into_iter().all(|class| is_as_python_says(class).unwrap_or(false)) {
        return Ok(None);
    }
    let size: usize = py.get_type::<PyType>().getattr("__basicsize__")?.extract()?;
    let members = size / size_of::<usize>();
    let pointer = slotted.as_ptr();
    // SAFETY: a class; its words up to `size` are its own.
    let described =
        unsafe { read(pointer, Word::MEMBERS) == pointer as usize + size && read(pointer, Word::SIZE) == 2 };
    let descriptor = slotted.getattr("__dict__")?.get_item("first")?;
    // SAFETY: a descriptor of a slot has six words.
    let is_descriptor = unsafe {
        read(descriptor.as_ptr(), Word::DESCRIPTOR_TYPE) == pointer as usize
            && read(descriptor.as_ptr(), Word::DESCRIPTOR_MEMBER) == pointer as usize + size
    };
    let Some(cached_keys) = find_cached_keys(py, &slotted, &plain, members)? else { return Ok(None) };
    Ok((described && is_descriptor).then_some(HeapType { cached_keys, members }))
}

fn probe<'py>(py: Python<'py>, base: &Bound<'py, PyAny>, slots: Option<&[&str]>) -> PyResult<Bound<'py, PyAny>> {
    let namespace = PyDict::new(py);
    if let Some(slots) = slots {
        namespace.set_item("__slots__", PyTuple::new(py, slots)?)?;
    }
    py.get_type::<PyType>().call1(("probe", (base,), namespace))
}

fn is_as_python_says(class: &Bound<'_, PyAny>) -> PyResult<bool> {
    let pointer = class.as_ptr();
    // SAFETY: `word` is only called with words of a type.
    let word = |word| unsafe { read(pointer, word) };
    let number = |name: &str| class.getattr(name).and_then(|value| value.extract::<isize>());
    let address = |name: &str| class.getattr(name).map(|value| value.as_ptr() as usize);
    let slot = |slot| {
        // SAFETY: PyType_GetSlot takes any type from 3.10 on.
        unsafe { ffi::PyType_GetSlot(pointer.cast(), slot) as usize }
    };
    // SAFETY: the word is only compared with a dictionary's address after its type was read from a live object: `tp_dict`
    // of a class is never null.
    let members = unsafe { Bound::from_borrowed_ptr_or_opt(class.py(), word(Word::DICT) as *mut ffi::PyObject) };
    let copied = class.getattr("__dict__")?.call_method0("copy")?;
    let is_dict =
        members.is_some_and(|members| members.is_instance_of::<PyDict>() && members.eq(copied).unwrap_or(false));
    Ok(is_dict
        && word(Word::TYPE) == class.get_type().as_ptr() as usize
        && word(Word::BASIC_SIZE) as isize == number("__basicsize__")?
        && word(Word::ITEM_SIZE) as isize == number("__itemsize__")?
        && word(Word::FLAGS) == class.getattr("__flags__")?.extract::<usize>()?
        && word(Word::WEAK_LIST_OFFSET) as isize == number("__weakrefoffset__")?
        && word(Word::DICT_OFFSET) as isize == number("__dictoffset__")?
        && word(Word::BASE) == address("__base__")?
        && word(Word::BASES) == address("__bases__")?
        && word(Word::MRO) == address("__mro__")?
        && word(Word::DEALLOC) == slot(ffi::Py_tp_dealloc)
        && word(Word::TRAVERSE) == slot(ffi::Py_tp_traverse)
        && word(Word::CLEAR) == slot(ffi::Py_tp_clear)
        && word(Word::ALLOC) == slot(ffi::Py_tp_alloc)
        && word(Word::FREE) == slot(ffi::Py_tp_free))
}

/// The word behind the qualified name: set for a class whose objects have dictionaries, null for one with slots only.
fn find_cached_keys(
    py: Python<'_>,
    slotted: &Bound<'_, PyAny>,
    plain: &Bound<'_, PyAny>,
    words: usize,
) -> PyResult<Option<Word>> {
    let name = PyString::new(py, "a qualified name for a probe");
    let namespace = PyDict::new(py);
    namespace.set_item("__qualname__", &name)?;
    let named = py.get_type::<PyType>().call1(("probe", (py.get_type::<PyAny>(),), namespace))?;
    let found: Vec<usize> = (Word::MRO.0..words - 1)
        // SAFETY: words of a class.
        .filter(|&index| unsafe { read(named.as_ptr(), Word(index)) == name.as_ptr() as usize })
        .collect();
    let [index] = found[..] else { return Ok(None) };
    let word = Word(index + 1);
    // SAFETY: words of classes.
    let fits = unsafe { read(slotted.as_ptr(), word) == 0 && read(plain.as_ptr(), word) != 0 };
    Ok(fits.then_some(word))
}

/// What gives objects of a class their `__dict__`, as `type.__new__` makes it for a class whose bases have none.
#[pyfunction]
pub fn dictionary_descriptor<'py>(class: &Bound<'py, pyo3::types::PyType>) -> PyResult<Bound<'py, PyAny>> {
    struct Definition(ffi::PyGetSetDef);
    // SAFETY: nothing in it is ever written to; its pointers are to constants and functions.
    unsafe impl Sync for Definition {}
    static DEFINITION: Definition = Definition(ffi::PyGetSetDef {
        name: c"__dict__".as_ptr(),
        get: Some(ffi::PyObject_GenericGetDict),
        set: Some(ffi::PyObject_GenericSetDict),
        doc: c"dictionary for instance variables".as_ptr(),
        closure: std::ptr::null_mut(),
    });
    let definition = (&raw const DEFINITION.0).cast_mut();
    // SAFETY: the class is a type, and the definition lives for ever and is only read; the result is a new reference.
    unsafe { Bound::from_owned_ptr_or_err(class.py(), ffi::PyDescr_NewGetSet(class.as_type_ptr(), definition)) }
}
