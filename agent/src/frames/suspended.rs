//! Suspended generators, coroutines and async generators that run given code: many of them stand at one place, and are looked
//! at together.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyWeakrefReference};

use super::generators::{Generators, generators};
use super::moves::Uncollected;
use crate::cpython::functions::function_type;
use crate::once::name;
use crate::{cpython, heap};

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

/// Functions, how many calls, and the calls.
type Runners<'py> = (Vec<Bound<'py, PyList>>, Vec<usize>, Option<Vec<Group<'py>>>);

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
    let search = Search::new(py, codes.iter().map(|code| code.as_ptr() as usize).collect(), kinds);
    // A reference to each of many would have garbage collected again and again.
    let quiet = Uncollected::begin();
    let mut living = Vec::new();
    let found = heap::scan(py, |object| {
        if search.is_kind(object) {
            return search.is_wanted(object);
        }
        if tasks.iter().any(|task| heap::is_exactly(object, task)) {
            living.push(object);
        }
        false
    })?;
    let groups = search.groups(found, &on_stacks, &living, named);
    drop(quiet);
    groups
}

/// Of each code the functions that run it, and how many suspended calls refer to it; and those that wait, as [`suspended_calls`] gives
/// them: in one pass over the heap. The groups are missing where only objects that Python sees tell where a call stands.
#[pyfunction]
pub fn runners_of<'py>(
    py: Python<'py>,
    codes: &Bound<'py, PyList>,
    kinds: Vec<Kind<'py>>,
    tasks: Vec<Bound<'py, PyAny>>,
    named: usize,
) -> PyResult<Runners<'py>> {
    let mut places: HashMap<usize, Vec<usize>> = HashMap::new();
    for (place, code) in codes.iter().enumerate() {
        places.entry(code.as_ptr() as usize).or_default().push(place);
    }
    let symbols = cpython::required()?;
    let function = function_type(py);
    let search = Search::new(py, places.keys().copied().collect(), kinds);
    let functions: Vec<_> = codes.iter().map(|_| PyList::empty(py)).collect();
    let mut suspended = vec![0; functions.len()];
    let mut count = |code: usize| places.get(&code).into_iter().flatten().for_each(|&place| suspended[place] += 1);
    let quiet = Uncollected::begin();
    let mut living = Vec::new();
    let found = heap::scan(py, |object| {
        // SAFETY: the objects are alive while they are visited.
        if unsafe { ffi::Py_TYPE(object).cast() == function } {
            return places.contains_key(&(cpython::function_code(symbols, object) as usize));
        }
        if search.is_kind(object) {
            let Some(generators) = search.generators else { return true };
            // SAFETY: as above, an object of one of these kinds.
            count(unsafe { generators.code(object) });
            return search.is_wanted(object);
        }
        if tasks.iter().any(|task| heap::is_exactly(object, task)) {
            living.push(object);
        }
        false
    })?;
    let (items, found): (Vec<_>, Vec<_>) = found.into_iter().partition(|object| search.is_kind(object.as_ptr()));
    for object in found {
        let code = cpython::function_code(symbols, object.as_ptr()) as usize;
        for &place in places.get(&code).into_iter().flatten() {
            functions[place].append(&object)?;
        }
    }
    if search.generators.is_none() {
        drop(quiet);
        for item in items {
            let kind = search.kinds.iter().find(|kind| kind.is_of(item.as_ptr()));
            if let Some(kind) = kind {
                count(item.getattr(&kind.code)?.as_ptr() as usize);
            }
        }
        return Ok((functions, suspended, None));
    }
    let groups = search.groups(items, &HashSet::new(), &living, named);
    drop(quiet);
    Ok((functions, suspended, Some(groups?)))
}

/// Suspended calls that are looked for.
struct Search<'py> {
    codes: HashSet<usize>,
    kinds: Vec<Kind<'py>>,
    generators: Option<Generators>,
}

impl<'py> Search<'py> {
    fn new(py: Python<'py>, codes: HashSet<usize>, kinds: Vec<Kind<'py>>) -> Self {
        Self { codes, kinds, generators: generators(py) }
    }

    fn is_kind(&self, object: *mut ffi::PyObject) -> bool {
        self.kinds.iter().any(|kind| kind.is_of(object))
    }

    /// Whether an object of these kinds waits in one of the codes, or may.
    fn is_wanted(&self, object: *mut ffi::PyObject) -> bool {
        // SAFETY: callers pass live objects of one of the kinds.
        let frame = self.generators.map(|known| unsafe { known.waiting(object) });
        frame.is_none_or(|waiting| waiting.is_some_and(|frame| self.codes.contains(&frame.code())))
    }

    /// Those that stand at one place together. `living` are the tasks: as they were seen alive, and nothing is let go before this ends.
    fn groups(
        &self,
        found: Vec<Bound<'py, PyAny>>,
        on_stacks: &HashSet<usize>,
        living: &[*mut ffi::PyObject],
        named: usize,
    ) -> PyResult<Vec<Group<'py>>> {
        let mut places: HashMap<(usize, usize, isize), usize> = HashMap::new();
        let mut groups: Vec<Group<'py>> = Vec::new();
        // Where the name of the task goes that runs a coroutine.
        let mut unnamed: HashMap<usize, (usize, usize)> = HashMap::new();
        let Some(py) = found.first().map(Bound::py) else { return Ok(groups) };
        for item in found {
            let Some(which) = self.kinds.iter().position(|kind| kind.is_of(item.as_ptr())) else { continue };
            let kind = &self.kinds[which];
            // SAFETY: it is held.
            let waiting = self.generators.and_then(|known| unsafe { known.waiting(item.as_ptr()) });
            let (mut object, (code, place)) = match waiting {
                Some(frame) => (None, (frame.code(), frame.instruction() as isize)),
                None => {
                    let code = item.getattr(&kind.code)?.as_ptr() as usize;
                    if !self.codes.contains(&code) {
                        continue;
                    }
                    let frame = kind.frame(&item).filter(|frame| !on_stacks.contains(&(frame.as_ptr() as usize)));
                    let Some(frame) = frame else { continue };
                    let offset = frame.getattr(name!(py, "f_lasti"))?.extract()?;
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
        for &task in living {
            if unnamed.is_empty() {
                break;
            }
            // SAFETY: by the caller's word; up to here attributes of built-in types were read, and objects made.
            let task = unsafe { Bound::from_borrowed_ptr(py, task) };
            let coroutine = task.call_method0(name!(py, "get_coro"))?;
            if let Some((place, index)) = unnamed.remove(&(coroutine.as_ptr() as usize)) {
                groups[place].3[index] = Some(task.call_method0(name!(py, "get_name"))?);
            }
        }
        Ok(groups)
    }
}
