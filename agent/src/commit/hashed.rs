//! Containers whose keys are hashed or compared by Python code.
//!
//! That code must see all of a patch or nothing of it. So what such a container is to hold is made beforehand, in a copy, and
//! the commit exchanges the two bodies.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PySet};

use super::apply::{elsewhere, keyed};
use super::containers::content;
use super::journal::Journal;
use super::operation::Operation;
use crate::cpython::bodies;
use crate::cpython::hashing::{has_plain_keys, is_plain};

/// A container, the copy of it that takes the changes, and what it held.
type NewBody<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyList>);

/// Gives each container whose keys run Python code its new body. Done before the commit: nothing of the program is changed, but
/// its `__hash__` and `__eq__` run here.
pub fn prepare<'py>(py: Python<'py>, operations: Vec<Operation<'py>>) -> PyResult<Vec<Operation<'py>>> {
    let mut plain: HashMap<usize, bool> = HashMap::new();
    let mut bodies: HashMap<usize, NewBody<'py>> = HashMap::new();
    let mut left = Vec::with_capacity(operations.len());
    // What the copies lose is dropped here, before the commit: it is still held by the containers themselves.
    let mut journal = Journal::new(py);
    let mut order = Vec::new();
    for operation in operations {
        let Some(container) = keyed(&operation) else {
            left.push(operation);
            continue;
        };
        let address = container.as_ptr() as usize;
        let is_plain = *plain.entry(address).or_insert_with(|| has_only_plain(container)) && uses_plain(&operation);
        let copy = match bodies.entry(address) {
            Entry::Occupied(known) => known.get().1.clone(),
            Entry::Vacant(_) if is_plain || !can_be_exchanged(container) => {
                left.push(operation);
                continue;
            }
            Entry::Vacant(new) => {
                let expected = content(container)?;
                let copy = match container.cast::<PyDict>() {
                    Ok(dict) => dict.copy()?.into_any(),
                    Err(_) => PySet::new(py, container.cast::<PySet>()?.iter())?.into_any(),
                };
                order.push(address);
                new.insert((container.clone(), copy, expected)).1.clone()
            }
        };
        elsewhere(&operation, &copy, &mut journal)?;
    }
    for address in order {
        if let Some((container, body, expected)) = bodies.remove(&address) {
            left.push(Operation::Body { container, body, expected });
        }
    }
    Ok(left)
}

fn has_only_plain(container: &Bound<'_, PyAny>) -> bool {
    match container.cast::<PyDict>() {
        Ok(dict) => has_plain_keys(dict),
        Err(_) => container.cast::<PySet>().is_ok_and(|set| set.iter().all(|member| is_plain(&member))),
    }
}

fn uses_plain(operation: &Operation<'_>) -> bool {
    match operation {
        Operation::Item { key, .. } => is_plain(key),
        Operation::Keys { pairs, .. } => pairs.values().all(is_plain),
        Operation::Member { old, new, .. } => is_plain(old) && is_plain(new),
        Operation::Presence { member, .. } => is_plain(member),
        _ => true,
    }
}

fn can_be_exchanged(container: &Bound<'_, PyAny>) -> bool {
    match container.cast::<PyDict>() {
        Ok(dict) => bodies::can_be_exchanged(dict),
        Err(_) => bodies::are_known(container.py()),
    }
}
