//! Which functions are to be guarded: patterns of the names of their modules, and of their own.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::cpython;

static PATTERNS: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn patterns() -> MutexGuard<'static, Vec<String>> {
    PATTERNS.lock().unwrap_or_else(PoisonError::into_inner)
}

pub fn add(pattern: &str) {
    let mut known = patterns();
    if !known.iter().any(|known| known == pattern) {
        known.push(pattern.to_owned());
    }
}

pub fn remove(pattern: &str) {
    patterns().retain(|known| known != pattern);
}

pub fn all() -> Vec<String> {
    patterns().clone()
}

/// Whether a function is one that is to be guarded, by the names of its module and its own.
pub fn fits(py: Python<'_>, function: *mut ffi::PyObject) -> bool {
    let patterns = patterns();
    if patterns.is_empty() {
        return false;
    }
    let Ok(symbols) = cpython::required() else { return false };
    let globals = cpython::function_globals(symbols, function);
    let text = |key: &str| -> Option<String> {
        let key = PyString::intern(py, key);
        // SAFETY: the globals are a live dictionary, borrowed from the function; what is found is borrowed from it.
        let found = unsafe { Bound::from_borrowed_ptr_or_opt(py, ffi::PyDict_GetItemWithError(globals, key.as_ptr())) };
        // A subclass of `str` runs no code of its own here: its text is read.
        found?.cast::<PyString>().ok()?.to_str().ok().map(str::to_owned)
    };
    let Some(module) = text("__name__") else { return false };
    // SAFETY: the function is alive; its code is borrowed from it.
    let code = unsafe { Bound::from_borrowed_ptr(py, cpython::function_code(symbols, function)) };
    let Some(name) = code.getattr("co_qualname").ok().and_then(|name| name.extract::<String>().ok()) else {
        return false;
    };
    // A lambda is an expression of the function around it.
    if name.ends_with('>') {
        return false;
    }
    let script = (module == "__main__")
        .then(|| text("__file__"))
        .flatten()
        .and_then(|path| Some(std::path::Path::new(&path).file_stem()?.to_str()?.to_owned()));
    std::iter::once(module).chain(script).any(|module| {
        let whole = format!("{module}.{name}");
        patterns.iter().any(|pattern| matches(pattern, &module) || matches(pattern, &whole))
    })
}

/// `*` stands for any text and `?` for a character, as in a shell.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut read) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while read < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(&wanted) if wanted == '?' || wanted == text[read] => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((after, from)) = star else { return false };
                star = Some((after, from + 1));
                at = after + 1;
                read = from + 1;
            }
        }
    }
    pattern[at..].iter().all(|rest| *rest == '*')
}
