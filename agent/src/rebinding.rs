//! Whether a function gives its arguments other values: a call of one that does can't begin again with what its frame holds.

use std::collections::HashMap;

use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::cpython::functions::code_type;

/// By number: instructions that store into a variable, or forget one.
#[derive(Default)]
pub struct Stores(HashMap<u8, Kind>);

#[derive(Clone, Copy)]
enum Kind {
    Extended,
    One,
    /// The variables are the halves of the argument.
    Both,
    First,
    Cell,
}

impl Stores {
    /// From `opcode.opmap`.
    pub fn new(numbers: &HashMap<String, u32>) -> Self {
        let kinds = [
            ("EXTENDED_ARG", Kind::Extended),
            ("STORE_FAST", Kind::One),
            ("DELETE_FAST", Kind::One),
            ("LOAD_FAST_AND_CLEAR", Kind::One),
            ("STORE_FAST_STORE_FAST", Kind::Both),
            ("STORE_FAST_LOAD_FAST", Kind::First),
            ("STORE_DEREF", Kind::Cell),
            ("DELETE_DEREF", Kind::Cell),
        ];
        let number = |name: &str| numbers.get(name).and_then(|number| u8::try_from(*number).ok());
        Self(kinds.into_iter().filter_map(|(name, kind)| Some((number(name)?, kind))).collect())
    }

    /// Whether a call of the code, or of what is defined in it, may give an argument another value, or forget it.
    pub fn rebind(&self, code: &Bound<'_, PyAny>) -> PyResult<bool> {
        let names: Vec<String> = code.getattr("co_varnames")?.extract()?;
        let number = |name: &str| code.getattr(name)?.extract::<u32>();
        let flags = number("co_flags")?;
        let count = number("co_argcount")? + number("co_kwonlyargcount")? + (flags >> 2 & 1) + (flags >> 3 & 1);
        let arguments = &names[..(count as usize).min(names.len())];
        if self.stored(code)?.iter().any(|name| arguments.contains(name)) {
            return Ok(true);
        }
        let cells: Vec<String> = code.getattr("co_cellvars")?.extract()?;
        let shared: Vec<&String> = arguments.iter().filter(|name| cells.contains(name)).collect();
        Ok(!shared.is_empty() && self.is_stored_within(code, &shared)?)
    }

    fn is_stored_within(&self, code: &Bound<'_, PyAny>, names: &[&String]) -> PyResult<bool> {
        let constants: Bound<'_, PyTuple> = code.getattr("co_consts")?.cast_into().map_err(PyErr::from)?;
        for nested in constants.iter().filter(|constant| constant.get_type().as_ptr() == code_type(code.py())) {
            let free: Vec<String> = nested.getattr("co_freevars")?.extract()?;
            let shared: Vec<&String> = names.iter().copied().filter(|name| free.contains(name)).collect();
            let stores = || -> PyResult<bool> { Ok(self.stored(&nested)?.iter().any(|name| shared.contains(&name))) };
            if !shared.is_empty() && (stores()? || self.is_stored_within(&nested, &shared)?) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The names of all variables that the code itself stores into.
    fn stored(&self, code: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
        let mut names: Vec<String> = code.getattr("co_varnames")?.extract()?;
        for cell in code.getattr("co_cellvars")?.extract::<Vec<String>>()? {
            if !names.contains(&cell) {
                names.push(cell);
            }
        }
        names.extend(code.getattr("co_freevars")?.extract::<Vec<String>>()?);
        let bytecode: Vec<u8> = code.getattr("co_code")?.extract()?;
        let mut indices = Vec::new();
        let mut extended = 0;
        for unit in bytecode.chunks_exact(2) {
            let argument = extended << 8 | usize::from(unit[1]);
            extended = 0;
            match self.0.get(&unit[0]) {
                Some(Kind::Extended) => extended = argument,
                Some(Kind::One | Kind::Cell) => indices.push(argument),
                Some(Kind::Both) => indices.extend([argument >> 4, argument & 15]),
                Some(Kind::First) => indices.push(argument >> 4),
                None => {}
            }
        }
        Ok(indices.into_iter().filter_map(|index| names.get(index).cloned()).collect())
    }
}
