//! Carries out a plan: primitive operations, all in one hold of the GIL, with no Python code run in between.
//!
//! If one fails, those before it are taken back and the error is the caller's. Whatever is replaced stays alive until
//! the caller drops the returned list, so that no destructor runs inside the commit.

mod attributes;
mod containers;
mod functions;

use pyo3::exceptions::{PyException, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

pub use attributes::unset;

use crate::internals::{self, layout};
use crate::job;

pyo3::create_exception!(
    hotsplice._agent,
    ProgramChanged,
    PyException,
    "What the plan was made for is not so any more."
);

/// Takes one operation back.
type Inverse<'py> = Box<dyn FnOnce() -> PyResult<()> + 'py>;

#[pyfunction]
pub fn commit<'py>(py: Python<'py>, operations: &Bound<'py, PyList>) -> PyResult<Bound<'py, PyList>> {
    // What a first use would look up, import or allocate is done before anything is changed.
    internals::required()?;
    layout(py);
    unset(py)?;
    containers::ordered_dict(py)?;
    job::end_limit(py);
    // SAFETY: the GIL is held.
    let collecting = unsafe { ffi::PyGC_Disable() } == 1;
    let result = carry_out(py, operations);
    if collecting {
        // SAFETY: the GIL is held.
        unsafe { ffi::PyGC_Enable() };
    }
    result
}

fn carry_out<'py>(py: Python<'py>, operations: &Bound<'py, PyList>) -> PyResult<Bound<'py, PyList>> {
    let mut log = Log { replaced: PyList::empty(py), inverses: Vec::new() };
    for operation in operations.iter() {
        if let Err(error) = apply(&operation, &mut log) {
            // One that fails does not keep the others from being taken back; what went wrong first is said.
            for inverse in log.inverses.into_iter().rev() {
                let _ = inverse();
            }
            return Err(error);
        }
    }
    Ok(log.replaced)
}

struct Log<'py> {
    replaced: Bound<'py, PyList>,
    inverses: Vec<Inverse<'py>>,
}

impl<'py> Log<'py> {
    fn keep(&self, value: &Bound<'py, PyAny>) -> PyResult<()> {
        self.replaced.append(value)
    }

    fn undo_with(&mut self, inverse: impl FnOnce() -> PyResult<()> + 'py) {
        self.inverses.push(Box::new(inverse));
    }
}

fn apply<'py>(operation: &Bound<'py, PyAny>, log: &mut Log<'py>) -> PyResult<()> {
    let operation = operation.cast::<PyTuple>()?;
    let kind = operation.get_item(0)?;
    let target = operation.get_item(1)?;
    let item = |index| operation.get_item(index);
    match kind.extract::<&str>()? {
        "function" => functions::function(&target, item(2)?.cast::<PyDict>()?, log),
        "dict-set" => containers::dict(&target, item(2)?, Some(item(3)?), log),
        "dict-delete" => containers::dict(&target, item(2)?, None, log),
        "type-set" => attributes::type_attribute(&target, item(2)?, Some(item(3)?), log),
        "type-delete" => attributes::type_attribute(&target, item(2)?, None, log),
        "bases" => attributes::bases(&target, &item(2)?, &item(3)?, log),
        "attribute-set" => attributes::instance_attribute(&target, item(2)?, Some(item(3)?), log),
        "attribute-delete" => attributes::instance_attribute(&target, item(2)?, None, log),
        "setattr" => attributes::attribute(&target, item(2)?, Some(item(3)?), ffi::PyObject_SetAttr, log),
        "cell" => attributes::cell(&target, item(2)?, log),
        "dict-replace" => containers::dict_replace(&target, item(2)?, &item(3)?, item(4)?, log),
        "dict-keys" => containers::dict_keys(&target, &item(2)?, item(3)?.extract()?, log),
        "list" => containers::list(&target, &item(2)?, &item(3)?, log),
        "list-content" => containers::list_content(&target, &item(2)?, &item(3)?, log),
        "tuple" => containers::tuple(&target, item(2)?.extract()?, item(3)?, log),
        "set-replace" => containers::set(&target, item(2)?, item(3)?, log),
        "line-table" => functions::line_table(&target, item(2)?, log),
        "first-line" => functions::first_line(&target, item(2)?.extract()?, log),
        other => Err(PyValueError::new_err(format!("unknown operation {other}"))),
    }
}
