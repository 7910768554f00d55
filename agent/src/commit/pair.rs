//! Retired code with the code that comes in its place, and how a function is given that: which cells it has for the new free
//! variables, and which docstring.

use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use super::apply;
use super::attributes::get_with_generic;
use super::journal::Journal;
use super::operation::FunctionPart;
use crate::cpython::functions::{self, Part};

pub struct Pair {
    pub old: Py<PyAny>,
    pub new: Py<PyAny>,
    /// The class whose method this is, for a cell `__class__` that is new.
    pub owner: Option<Py<PyAny>>,
    /// The docstrings before and after, where those differ.
    pub docs: Option<(Py<PyAny>, Py<PyAny>)>,
    /// Where each free variable's cell comes from, if they are other ones.
    pub cells: Option<Vec<Source>>,
    /// Stands among the constants of another retired code.
    pub is_nested: bool,
}

pub enum Source {
    Former(usize),
    Owner,
    Nowhere(String),
}

impl Pair {
    pub fn copy(&self, py: Python<'_>) -> Self {
        Self {
            old: self.old.clone_ref(py),
            new: self.new.clone_ref(py),
            owner: self.owner.as_ref().map(|owner| owner.clone_ref(py)),
            docs: self.docs.as_ref().map(|(before, after)| (before.clone_ref(py), after.clone_ref(py))),
            cells: self.cells.as_ref().map(|cells| cells.iter().map(Source::copy).collect()),
            is_nested: self.is_nested,
        }
    }

    /// Gives a function the new code; the answer is a variable that it has no cell for.
    pub fn give<'py>(&self, function: &Bound<'py, PyAny>, journal: &mut Journal<'py>) -> PyResult<Option<String>> {
        let py = function.py();
        let closure = match &self.cells {
            None => None,
            Some(cells) => {
                let former = functions::get(function, Part::Closure)?;
                let mut chosen = Vec::with_capacity(cells.len());
                for source in cells {
                    chosen.push(match source {
                        Source::Former(index) => former.cast::<PyTuple>()?.get_item(*index)?,
                        Source::Owner => new_cell(py, self.owner.as_ref().map(|owner| owner.bind(py)))?,
                        Source::Nowhere(name) => return Ok(Some(name.clone())),
                    });
                }
                let is_empty = chosen.is_empty();
                Some(if is_empty { py.None().into_bound(py) } else { PyTuple::new(py, chosen)?.into_any() })
            }
        };
        apply::set_code(function, self.new.bind(py), closure.as_ref(), journal)?;
        if let Some((before, after)) = &self.docs {
            let doc = get_with_generic(function, &PyString::intern(py, "__doc__"))?;
            if doc.is(before.bind(py)) {
                let part = FunctionPart::Attribute("__doc__", after.bind(py).clone());
                apply::function_part(function, &part, journal)?;
            }
        }
        Ok(None)
    }
}

impl Source {
    fn copy(&self) -> Self {
        match self {
            Self::Former(index) => Self::Former(*index),
            Self::Owner => Self::Owner,
            Self::Nowhere(name) => Self::Nowhere(name.clone()),
        }
    }
}

fn new_cell<'py>(py: Python<'py>, content: Option<&Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
    let cell = py.eval(c"type((lambda x: lambda: x)(0).__closure__[0])", None, None)?;
    content.map_or_else(|| cell.call0(), |content| cell.call1((content,)))
}

/// Where the cells of the new free variables come from; nothing if the variables are the same.
pub fn sources(old: &Bound<'_, PyAny>, new: &Bound<'_, PyAny>, has_owner: bool) -> PyResult<Option<Vec<Source>>> {
    let names = |code: &Bound<'_, PyAny>| code.getattr("co_freevars")?.extract::<Vec<String>>();
    let (before, after) = (names(old)?, names(new)?);
    if before == after {
        return Ok(None);
    }
    let source = |name: String| match before.iter().position(|known| *known == name) {
        Some(index) => Source::Former(index),
        None if has_owner && name == "__class__" => Source::Owner,
        None => Source::Nowhere(name),
    };
    Ok(Some(after.into_iter().map(source).collect()))
}
