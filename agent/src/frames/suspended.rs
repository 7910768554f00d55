//! Suspended generators, coroutines and async generators that run given code: many of them stand at one place, and are looked
//! at together.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyWeakrefReference};

use super::generators::generators;
use super::moves::Uncollected;
use crate::heap;

/// A kind of suspended call: its type, and the attributes that have its code and its frame, and tell whether it runs.
#[derive(FromPyObject)]
pub struct Kind<'py> {
    kind: Bound<'py, PyAny>,
    code: Bound<'py, PyString>,
    frame: Bound<'py, PyString>,
    /// Nothing where the answer is of no use.
    running: Option<Bound<'py, PyString>>,
}

/// Those that stand at one place: their kind, the frame of one of them, a weak reference to each, and what the first of them are called
/// that are tasks.
type Group<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyList>, Vec<Option<Bound<'py, PyAny>>>);

impl<'py> Kind<'py> {
    pub fn is_of(&self, item: *mut ffi::PyObject) -> bool {
        // SAFETY: callers pass live objects.
        unsafe { ffi::Py_TYPE(item).cast::<ffi::PyObject>() == self.kind.as_ptr() }
    }

    /// The frame of one that is suspended.
    pub fn frame(&self, item: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
        let runs = self.running.as_ref().is_some_and(|name| item.getattr(name).is_ok_and(|runs| is_true(&runs)));
        let frame = item.getattr(&self.frame).ok()?;
        (!runs && !frame.is_none()).then_some(frame)
    }
}

fn is_true(value: &Bound<'_, PyAny>) -> bool {
    // SAFETY: the attribute of a built-in type, which is one of two constants.
    unsafe { ffi::Py_IsTrue(value.as_ptr()) != 0 }
}

/// What is suspended in one of the codes, by the place where it stands. Frames of these addresses are on a thread's stack. `tasks` are
/// the types of tasks; `named` says of how many at each place the name is wanted.
#[pyfunction]
pub fn suspended_calls<'py>(
    py: Python<'py>,
    codes: &Bound<'py, PyList>,
    kinds: Vec<Kind<'py>>,
    on_stacks: HashSet<usize>,
    tasks: Vec<Bound<'py, PyAny>>,
    named: usize,
) -> PyResult<Vec<Group<'py>>> {
    let codes: HashSet<usize> = codes.iter().map(|code| code.as_ptr() as usize).collect();
    let generators = generators(py);
    let mut places: HashMap<(usize, usize, isize), usize> = HashMap::new();
    let mut groups: Vec<Group<'py>> = Vec::new();
    let mut living = Vec::new();
    // Where the name of the task goes that runs a coroutine.
    let mut unnamed: HashMap<usize, (usize, usize)> = HashMap::new();
    // A reference to each of many would have garbage collected again and again.
    let quiet = Uncollected::begin();
    let found = heap::scan(py, |object| {
        if kinds.iter().any(|kind| kind.is_of(object)) {
            // SAFETY: it is alive while it is visited.
            let frame = generators.map(|known| unsafe { known.waiting(object) });
            return frame.is_none_or(|waiting| waiting.is_some_and(|frame| codes.contains(&frame.code())));
        }
        tasks.iter().any(|task| heap::is_exactly(object, task))
    })?;
    for item in found {
        let Some(which) = kinds.iter().position(|kind| kind.is_of(item.as_ptr())) else {
            living.push(item);
            continue;
        };
        let kind = &kinds[which];
        // SAFETY: it is held.
        let (mut object, (code, place)) = match generators.and_then(|known| unsafe { known.waiting(item.as_ptr()) }) {
            Some(frame) => (None, (frame.code(), frame.instruction() as isize)),
            None => {
                let code = item.getattr(&kind.code)?.as_ptr() as usize;
                if !codes.contains(&code) {
                    continue;
                }
                let frame = kind.frame(&item).filter(|frame| !on_stacks.contains(&(frame.as_ptr() as usize)));
                let Some(frame) = frame else { continue };
                let offset = frame.getattr(intern!(py, "f_lasti"))?.extract()?;
                (Some(frame), (code, offset))
            }
        };
        let place = match places.entry((which, code, place)) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                // Of many that wait at one place a single one has its object made.
                object = object.or_else(|| kind.frame(&item));
                let Some(object) = object else { continue };
                groups.push((kind.kind.clone(), object, PyList::empty(py), Vec::new()));
                *new.insert(groups.len() - 1)
            }
        };
        let (_, _, references, names) = &mut groups[place];
        references.append(PyWeakrefReference::new(&item)?)?;
        if names.len() < named {
            unnamed.insert(item.as_ptr() as usize, (place, names.len()));
            names.push(None);
        }
    }
    drop(quiet);
    for task in living {
        if unnamed.is_empty() {
            break;
        }
        let coroutine = task.call_method0(intern!(py, "get_coro"))?;
        if let Some((place, index)) = unnamed.remove(&(coroutine.as_ptr() as usize)) {
            groups[place].3[index] = Some(task.call_method0(intern!(py, "get_name"))?);
        }
    }
    Ok(groups)
}
