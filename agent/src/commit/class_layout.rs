//! How the objects of a class lie in memory, exchanged on the live class; and its metaclass.
//!
//! A class whose `__slots__` change stays the object that it is, so that whoever holds it makes objects of the new kind. Its
//! layout is that of another class, the *carrier*, which was made for this and has nothing but the slots: it
//! becomes what CPython calls the first base (`tp_base`), along which objects are traversed, cleared and freed. Neither
//! `__bases__` nor `__mro__` name it. The engine has made sure that there are no objects; here that is asked again, in the same
//! hold of the GIL.

use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple, PyType};

use super::journal::{Inverse, Journal};
use super::{ProgramChanged, containers};
use crate::cpython::types::{HeapType, LAYOUT_FLAGS, Word, heap_type, read, write};
use crate::heap;

/// Plain values: they are the carrier's afterwards.
const TAKEN: [Word; 9] = [
    Word::BASIC_SIZE,
    Word::ITEM_SIZE,
    Word::DEALLOC,
    Word::TRAVERSE,
    Word::CLEAR,
    Word::WEAK_LIST_OFFSET,
    Word::DICT_OFFSET,
    Word::ALLOC,
    Word::FREE,
];

/// Gives each class the layout of its carrier: `(class, carrier, first base of the carrier, donor of shared keys or None)`.
pub(super) fn layouts<'py>(classes: &Bound<'py, PyList>, journal: &mut Journal<'py>) -> PyResult<()> {
    let py = classes.py();
    let fields = heap_type(py)?;
    let mut parts = Vec::new();
    for one in classes.iter() {
        let (class, carrier, base, donor): (
            Bound<'py, PyType>,
            Bound<'py, PyType>,
            Bound<'py, PyType>,
            Bound<'py, PyAny>,
        ) = one.extract()?;
        parts.push((class, carrier, base, donor));
    }
    // Objects of classes made by a class statement are all known to the collector.
    let kinds = PyTuple::new(py, parts.iter().map(|(class, ..)| class))?;
    if !heap::objects_of_type(py, &kinds)?.is_empty() {
        return Err(ProgramChanged::new_err("the program made objects of a class that gets another layout"));
    }
    for (class, carrier, base, donor) in &parts {
        layout(fields, class, carrier, base, donor, journal)?;
    }
    Ok(())
}

fn layout<'py>(
    fields: &HeapType,
    class: &Bound<'py, PyType>,
    carrier: &Bound<'py, PyType>,
    base: &Bound<'py, PyType>,
    donor: &Bound<'py, PyAny>,
    journal: &mut Journal<'py>,
) -> PyResult<()> {
    // Taken back last.
    journal.undo_with(Inverse::Modified { class: class.clone() });
    take_descriptors(fields, class, carrier, journal)?;
    for word in TAKEN {
        // SAFETY: both are types made in Python, and no object of the class exists.
        let value = unsafe { read(carrier.as_ptr(), word) };
        set(class.as_any(), word, value, journal);
    }
    // SAFETY: as above.
    let (flags, others) = unsafe { (read(carrier.as_ptr(), Word::FLAGS), read(class.as_ptr(), Word::FLAGS)) };
    set(class.as_any(), Word::FLAGS, (others & !LAYOUT_FLAGS) | (flags & LAYOUT_FLAGS), journal);
    // The slots are the carrier's.
    set(class.as_any(), Word::SIZE, 0, journal);
    // Its own first base is the class's, so that what compares layouts along first bases finds what it would have found.
    set_reference(carrier.as_any(), Word::BASE, base.as_any(), journal)?;
    set_reference(class.as_any(), Word::BASE, carrier.as_any(), journal)?;
    // A class that derives from both this one and another counts as fitting by the carrier's order of resolution.
    let order: Vec<_> = std::iter::once(carrier.clone().into_any()).chain(class.mro().iter()).collect();
    let order = PyTuple::new(class.py(), order)?;
    set_reference(carrier.as_any(), Word::MRO, order.as_any(), journal)?;
    // SAFETY: both are types; the donor was made for this and has no objects.
    unsafe {
        if donor.is_instance_of::<PyType>() && read(class.as_ptr(), fields.cached_keys) == 0 {
            let keys = read(donor.as_ptr(), fields.cached_keys);
            set(class.as_any(), fields.cached_keys, keys, journal);
            set(donor, fields.cached_keys, 0, journal);
        }
    }
    // Descriptors point into it for as long as anybody holds them.
    std::mem::forget(carrier.clone());
    modified(class);
    Ok(())
}

/// The descriptors of slots, `__dict__` and `__weakref__`. One that somebody holds means the slot of its name from now
/// on, or nothing that any object has.
fn take_descriptors<'py>(
    fields: &HeapType,
    class: &Bound<'py, PyType>,
    carrier: &Bound<'py, PyType>,
    journal: &mut Journal<'py>,
) -> PyResult<()> {
    let (own, new) = (namespace(class)?, namespace(carrier)?);
    for (name, descriptor) in new.iter().collect::<Vec<_>>() {
        if !belongs(&descriptor, carrier)? && !is_shared(&name, &descriptor)? {
            continue;
        }
        let before = own.get_item(&name)?;
        match before {
            Some(before) if before.is(&descriptor) => {}
            Some(before) if belongs(&before, class)? && before.get_type().is(descriptor.get_type()) => {
                if is_slot(&before)? {
                    // SAFETY: both describe slots.
                    let member = unsafe { read(descriptor.as_ptr(), Word::DESCRIPTOR_MEMBER) };
                    set(&before, Word::DESCRIPTOR_MEMBER, member, journal);
                }
            }
            _ => {
                if belongs(&descriptor, carrier)? {
                    set_reference(&descriptor, Word::DESCRIPTOR_TYPE, class.as_any(), journal)?;
                }
                containers::item(&own, &name, Some(&descriptor), None, journal)?;
            }
        }
    }
    // They change while we look.
    for (name, descriptor) in own.iter().collect::<Vec<_>>() {
        let is_own = belongs(&descriptor, class)?;
        if (is_own || is_shared(&name, &descriptor)?) && !new.contains(&name)? {
            if is_own {
                if is_slot(&descriptor)? {
                    set(&descriptor, Word::DESCRIPTOR_MEMBER, fields.end_of_members(carrier.as_ptr()), journal);
                }
                set_reference(&descriptor, Word::DESCRIPTOR_TYPE, carrier.as_any(), journal)?;
            }
            containers::item(&own, &name, None, None, journal)?;
        }
    }
    Ok(())
}

/// Makes a class an object of another metaclass, one whose objects lie in memory alike.
pub(super) fn metaclass<'py>(
    class: &Bound<'py, PyType>,
    new: &Bound<'py, PyType>,
    journal: &mut Journal<'py>,
) -> PyResult<()> {
    let py = class.py();
    heap_type(py)?;
    let old = class.get_type();
    for size in ["__basicsize__", "__itemsize__", "__dictoffset__", "__weakrefoffset__"] {
        if !old.getattr(size)?.eq(new.getattr(size)?)? {
            return Err(PyTypeError::new_err("the metaclasses have different layouts"));
        }
    }
    set_reference(class.as_any(), Word::TYPE, new.as_any(), journal)?;
    modified(class);
    journal.undo_with(Inverse::Modified { class: class.clone() });
    Ok(())
}

fn set<'py>(object: &Bound<'py, PyAny>, word: Word, value: usize, journal: &mut Journal<'py>) {
    let old = exchange(object, word, value);
    journal.undo_with(Inverse::Word { object: object.clone(), word, old });
}

/// Writes a word that holds no reference and gives what it held.
pub(super) fn exchange(object: &Bound<'_, PyAny>, word: Word, value: usize) -> usize {
    // SAFETY: a word that holds no reference, of a type or a descriptor, which the callers know; the GIL is held.
    unsafe { write(object.as_ptr(), word, value) }
}

fn set_reference<'py>(
    object: &Bound<'py, PyAny>,
    word: Word,
    value: &Bound<'py, PyAny>,
    journal: &mut Journal<'py>,
) -> PyResult<()> {
    let old = exchange_reference(object, word, value);
    journal.keep(&old)?;
    journal.undo_with(Inverse::Reference { object: object.clone(), word, old });
    Ok(())
}

/// Writes a word that holds a reference and gives what it held.
pub(super) fn exchange_reference<'py>(
    object: &Bound<'py, PyAny>,
    word: Word,
    value: &Bound<'py, PyAny>,
) -> Bound<'py, PyAny> {
    // SAFETY: the word holds a strong reference that is never null in a class or descriptor; the new one is given to it, and
    // the old one's is ours.
    unsafe {
        let old = write(object.as_ptr(), word, value.clone().into_ptr() as usize);
        Bound::from_owned_ptr(object.py(), old as *mut ffi::PyObject)
    }
}

/// The dictionary itself that a class keeps its attributes in.
fn namespace<'py>(class: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyDict>> {
    // SAFETY: `tp_dict` of a class made in Python is a dictionary.
    let members =
        unsafe { Bound::from_borrowed_ptr(class.py(), read(class.as_ptr(), Word::DICT) as *mut ffi::PyObject) };
    Ok(members.cast_into::<PyDict>()?)
}

fn is_slot(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    // SAFETY: the type of a live object is compared with a static type, by their addresses.
    Ok(unsafe { ffi::Py_TYPE(value.as_ptr()) == &raw mut ffi::PyMemberDescr_Type })
}

fn is_attribute(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    // SAFETY: as above.
    Ok(unsafe { ffi::Py_TYPE(value.as_ptr()) == &raw mut ffi::PyGetSetDescr_Type })
}

/// From 3.15 on all classes have the same descriptors for dictionary and weak references.
fn is_shared(name: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<bool> {
    let name = name.cast::<PyString>()?;
    Ok((name == "__dict__" || name == "__weakref__") && is_attribute(value)?)
}

fn belongs(value: &Bound<'_, PyAny>, class: &Bound<'_, PyType>) -> PyResult<bool> {
    // SAFETY: both kinds of descriptors begin alike.
    let owner = |value: &Bound<'_, PyAny>| unsafe { read(value.as_ptr(), Word::DESCRIPTOR_TYPE) };
    Ok((is_attribute(value)? || is_slot(value)?) && owner(value) == class.as_ptr() as usize)
}

pub(super) fn modified(class: &Bound<'_, PyType>) {
    // SAFETY: a live type; what is cached about it is forgotten.
    unsafe { ffi::PyType_Modified(class.as_ptr().cast()) };
}
