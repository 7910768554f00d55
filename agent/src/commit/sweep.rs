//! Functions that run retired code: those that threads have made since the plan's functions were looked for.
//!
//! Most patches need no pass over all objects: if a code's references are all accounted for, no other function can run it.

use std::collections::{HashMap, HashSet};
use std::ffi::{c_int, c_void};

use pyo3::exceptions::PyValueError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple, PyWeakrefMethods, PyWeakrefReference};

use super::journal::Journal;
use super::operation::Operation;
use super::pair::{Pair, sources};
use crate::cpython::{self, functions, objects};
use crate::frames;

/// Code that goes, each with the code that comes in its place.
#[pyclass(frozen)]
pub struct Retired {
    pairs: Vec<Pair>,
    by_code: HashMap<usize, usize>,
    /// Objects of the engine, whose references to the codes are no functions'.
    known: Vec<Py<PyAny>>,
    /// Calls of them that were found: the engine's objects, each of which has its code and, of what is suspended, weak references.
    calls: Vec<Call>,
}

#[derive(FromPyObject)]
struct Call {
    code: Py<PyAny>,
    suspended: Py<PyList>,
}

/// What has references to retired code that are not accounted for by the plan, the engine and code around it.
#[derive(Default)]
pub struct Held {
    /// The numbers of the pairs.
    pub codes: Vec<usize>,
    /// Whether the calls that are inside of them have all of those references.
    pub by_calls_alone: bool,
}

/// How many functions the sweep found; which codes' functions lack a cell, by the old code's address; and whether calls that began
/// before may make more of them.
pub type Found = (usize, Vec<(usize, String)>, bool);

#[pymethods]
impl Retired {
    /// `pairs` are (old, new, owner or None, docstrings before and after or None).
    #[new]
    fn new(py: Python<'_>, pairs: &Bound<'_, PyList>, known: Vec<Py<PyAny>>, calls: Vec<Call>) -> PyResult<Self> {
        let mut retired = Self { pairs: Vec::with_capacity(pairs.len()), by_code: HashMap::new(), known, calls };
        for pair in pairs.iter() {
            let (old, new, owner, docs): (Bound<'_, PyAny>, Bound<'_, PyAny>, Option<Py<PyAny>>, _) = pair.extract()?;
            if retired.by_code.insert(old.as_ptr() as usize, retired.pairs.len()).is_some() {
                // One of two kinds of new code would go live, nobody knows which.
                return Err(PyValueError::new_err(format!("{} is retired twice", old.repr()?)));
            }
            let cells = sources(&old, &new, owner.is_some())?;
            let (old, new) = (old.unbind(), new.unbind());
            retired.pairs.push(Pair { old, new, owner, docs, cells, is_nested: false });
        }
        let nested = retired.counted_in_constants(retired.pairs.iter().map(|pair| pair.old.bind(py)))?;
        for code in nested.keys() {
            let number = retired.by_code[code];
            retired.pairs[number].is_nested = true;
        }
        Ok(retired)
    }

    /// What calls in progress may still make functions of: the codes among the constants of others. Nothing if there is none.
    fn nested(&self, py: Python<'_>) -> Option<Self> {
        let pairs: Vec<Pair> = self.pairs.iter().filter(|pair| pair.is_nested).map(|pair| pair.copy(py)).collect();
        let by_code = pairs.iter().enumerate().map(|(number, pair)| (pair.old.as_ptr() as usize, number)).collect();
        (!pairs.is_empty()).then_some(Self { pairs, by_code, known: Vec::new(), calls: Vec::new() })
    }

    /// The codes that hold others of them among their constants.
    fn callers<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let mut callers = Vec::new();
        for pair in &self.pairs {
            let old = pair.old.bind(py);
            if !self.counted_in_constants(std::iter::once(old))?.is_empty() {
                callers.push(old.clone());
            }
        }
        Ok(callers)
    }

    /// The same code, with what has come since in the place of what came for it.
    fn advanced(&self, py: Python<'_>, later: &Bound<'_, Self>) -> PyResult<Self> {
        let later = later.borrow();
        let mut pairs: Vec<Pair> = self.pairs.iter().map(|pair| pair.copy(py)).collect();
        for pair in &mut pairs {
            if let Some(&number) = later.by_code.get(&(pair.new.as_ptr() as usize)) {
                let newest = &later.pairs[number];
                pair.new = newest.new.clone_ref(py);
                pair.cells = sources(pair.old.bind(py), pair.new.bind(py), pair.owner.is_some())?;
                if let Some((_, after)) = &newest.docs {
                    let before = pair.docs.as_ref().map_or_else(|| after.clone_ref(py), |docs| docs.0.clone_ref(py));
                    pair.docs = Some((before, after.clone_ref(py)));
                }
            }
        }
        Ok(Self { pairs, by_code: self.by_code.clone(), known: Vec::new(), calls: Vec::new() })
    }
}

/// Gives functions that were made since the commit the code that they should have; answers how many. `holders` are codes that
/// hold the retired ones among their constants.
#[pyfunction]
pub fn sweep_late<'py>(
    py: Python<'py>,
    retired: &Bound<'py, Retired>,
    holders: &Bound<'py, PyList>,
) -> PyResult<usize> {
    let retired = retired.borrow();
    let mut accounted = retired.counted_in_constants(holders.iter().collect::<Vec<_>>().iter())?;
    retired.count_pairs(&mut accounted);
    if retired.extra(py, &accounted).is_empty() {
        return Ok(0);
    }
    let mut journal = Journal::new(py);
    // SAFETY: the GIL is held.
    let collecting = unsafe { ffi::PyGC_Disable() } == 1;
    let found = retired.sweep(py, &mut journal);
    if collecting {
        // SAFETY: the GIL is held.
        unsafe { ffi::PyGC_Enable() };
    }
    Ok(found?.0)
}

impl Retired {
    /// Whether more may hold one of the codes than the functions of the plan, the engine, and code around it. `inside` says how many
    /// references calls on threads' stacks have to each, if that is known.
    pub fn held_elsewhere(
        &self,
        py: Python<'_>,
        operations: &[Operation<'_>],
        inside: Option<&HashMap<usize, isize>>,
    ) -> PyResult<Held> {
        let mut accounted = self.counted_in_constants(self.pairs.iter().map(|pair| pair.old.bind(py)))?;
        let codes: Vec<_> = self.known.iter().map(|known| known.bind(py)).filter(|it| is_code(it)).collect();
        for (code, count) in self.counted_in_constants(codes.into_iter())? {
            *accounted.entry(code).or_default() += count;
        }
        self.count_pairs(&mut accounted);
        let mut seen = HashSet::new();
        for operation in operations {
            if let Operation::Function { function, expected, .. } = operation {
                if let Some(expected) = expected {
                    // The plan's tuple, and what was parsed of it.
                    *accounted.entry(expected.as_ptr() as usize).or_default() += 2;
                }
                if seen.insert(function.as_ptr() as usize) {
                    let code = cpython::function_code(cpython::required()?, function.as_ptr());
                    *accounted.entry(code as usize).or_default() += 1;
                }
            }
        }
        self.count_known(py, &mut accounted);
        let mut held = Held { codes: self.extra(py, &accounted), by_calls_alone: false };
        if let (false, Some(inside)) = (held.codes.is_empty(), inside) {
            held.by_calls_alone = self.count_calls(py, &mut accounted)?;
            for (code, count) in inside {
                *accounted.entry(*code).or_default() += count;
            }
            held.by_calls_alone &= self.extra(py, &accounted).is_empty();
        }
        Ok(held)
    }

    /// Those of suspended calls, each of which has one, and of what the engine has of calls; answers whether they can be counted.
    fn count_calls(&self, py: Python<'_>, accounted: &mut HashMap<usize, isize>) -> PyResult<bool> {
        let Some(generators) = frames::generators(py).filter(|known| known.refers_once()) else { return Ok(false) };
        for call in &self.calls {
            // That of the engine's object, and the one here.
            *accounted.entry(call.code.as_ptr() as usize).or_default() += 2;
        }
        for reference in self.calls.iter().flat_map(|call| call.suspended.bind(py).iter()) {
            let item = reference.cast::<PyWeakrefReference>()?.upgrade();
            if let Some(item) = item.filter(|item| generators.is_one(item)) {
                // SAFETY: a live object of one of the types.
                let code = unsafe { generators.code(item.as_ptr()) };
                if self.by_code.contains_key(&code) {
                    *accounted.entry(code).or_default() += 1;
                }
            }
        }
        Ok(true)
    }

    fn count_pairs(&self, accounted: &mut HashMap<usize, isize>) {
        for pair in &self.pairs {
            *accounted.entry(pair.old.as_ptr() as usize).or_default() += 1;
        }
    }

    /// The pairs whose code has references that are not accounted for.
    fn extra(&self, py: Python<'_>, accounted: &HashMap<usize, isize>) -> Vec<usize> {
        let is_extra = |pair: &Pair| {
            let code = pair.old.bind(py).as_ptr();
            // SAFETY: the code is alive; its count is only read.
            let count = unsafe { ffi::Py_REFCNT(code) as isize };
            Some(&count) != accounted.get(&(code as usize))
        };
        (0..self.pairs.len()).filter(|&number| is_extra(&self.pairs[number])).collect()
    }

    /// How often each of the codes stands among the constants of others.
    fn counted_in_constants<'a, 'py: 'a>(
        &self,
        holders: impl Iterator<Item = &'a Bound<'py, PyAny>>,
    ) -> PyResult<HashMap<usize, isize>> {
        let mut counts = HashMap::new();
        for holder in holders {
            for constant in holder.getattr("co_consts")?.cast::<PyTuple>()?.iter_borrowed() {
                let address = constant.as_ptr() as usize;
                if self.by_code.contains_key(&address) {
                    *counts.entry(address).or_default() += 1;
                }
            }
        }
        Ok(counts)
    }

    /// References from the engine's own objects: dictionaries, lists and tuples, and the objects that were named.
    fn count_known(&self, py: Python<'_>, accounted: &mut HashMap<usize, isize>) {
        struct Visit<'a> {
            by_code: &'a HashMap<usize, usize>,
            accounted: &'a mut HashMap<usize, isize>,
            pending: Vec<*mut ffi::PyObject>,
        }
        unsafe extern "C" fn visit(object: *mut ffi::PyObject, state: *mut c_void) -> c_int {
            // SAFETY: the state is the one below, borrowed for the duration of the visit.
            let state = unsafe { &mut *state.cast::<Visit<'_>>() };
            let address = object as usize;
            if state.by_code.contains_key(&address) {
                *state.accounted.entry(address).or_default() += 1;
            } else {
                state.pending.push(object);
            }
            0
        }
        let plain = [
            py.get_type::<PyDict>().as_type_ptr(),
            py.get_type::<PyList>().as_type_ptr(),
            py.get_type::<PyTuple>().as_type_ptr(),
        ];
        let named: HashSet<usize> = self.known.iter().map(|known| known.as_ptr() as usize).collect();
        let mut state = Visit { by_code: &self.by_code, accounted, pending: Vec::new() };
        let mut seen = HashSet::new();
        state.pending.extend(self.known.iter().map(Py::as_ptr));
        while let Some(object) = state.pending.pop() {
            // SAFETY: what is pending is held by what holds it, and nothing is let go meanwhile.
            unsafe {
                let kind = ffi::Py_TYPE(object);
                let is_named = named.contains(&(object as usize));
                if !(is_named || plain.contains(&kind)) || !seen.insert(object as usize) {
                    continue;
                }
                let traverse = ffi::PyType_GetSlot(kind, ffi::Py_tp_traverse);
                if !traverse.is_null() {
                    let traverse = std::mem::transmute::<*mut c_void, ffi::traverseproc>(traverse);
                    traverse(object, visit, (&raw mut state).cast());
                }
            }
        }
    }

    /// Finds the functions that run retired code, and gives them the new one.
    pub fn sweep<'py>(&self, py: Python<'py>, journal: &mut Journal<'py>) -> PyResult<Found> {
        let symbols = cpython::required()?;
        let kind = functions::function_type(py);
        let mut found: Vec<*mut ffi::PyObject> = Vec::new();
        objects::for_each(py, |object| {
            // SAFETY: the object is alive while it is visited.
            let is_function = unsafe { ffi::Py_TYPE(object).cast::<ffi::PyObject>() == kind };
            if is_function && self.by_code.contains_key(&(cpython::function_code(symbols, object) as usize)) {
                found.push(object);
            }
        })?;
        // SAFETY: nothing was let go since they were seen.
        let found: Vec<_> = found.into_iter().map(|it| unsafe { Bound::from_borrowed_ptr(py, it) }).collect();
        let (mut count, mut lacking) = (0, Vec::new());
        for function in found {
            let number = self.by_code[&(functions::code(&function)?.as_ptr() as usize)];
            match self.pairs[number].give(&function, journal)? {
                None => count += 1,
                Some(name) => lacking.push((self.pairs[number].old.as_ptr() as usize, name)),
            }
        }
        Ok((count, lacking, false))
    }

    /// Whether calls that run one of these may make functions of retired code.
    pub fn may_make_more(&self, py: Python<'_>, held: &[usize]) -> PyResult<bool> {
        let holders = held.iter().map(|&number| self.pairs[number].old.bind(py));
        Ok(!self.counted_in_constants(holders)?.is_empty())
    }
}

fn is_code(object: &Bound<'_, PyAny>) -> bool {
    object.get_type().as_ptr() == functions::code_type(object.py())
}
