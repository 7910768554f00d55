//! Which functions are to be guarded: patterns of the names of their modules, and of their own, and folders of their files.

use std::path::{Component, Path};
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::cpython::{self, functions};
use crate::installed;

struct Pattern {
    text: String,
    /// Whether a function has fitted it.
    has_fitted: bool,
}

static PATTERNS: Mutex<Vec<Pattern>> = Mutex::new(Vec::new());

fn patterns() -> MutexGuard<'static, Vec<Pattern>> {
    PATTERNS.lock().unwrap_or_else(PoisonError::into_inner)
}

pub fn add(pattern: &str) {
    let mut known = patterns();
    if !known.iter().any(|known| known.text == pattern) {
        known.push(Pattern { text: pattern.to_owned(), has_fitted: false });
    }
}

pub fn remove(pattern: &str) {
    patterns().retain(|known| known.text != pattern);
}

pub fn all() -> Vec<String> {
    patterns().iter().map(|known| known.text.clone()).collect()
}

/// Those of the patterns that no function has fitted so far.
#[pyfunction]
pub fn patterns_without_function() -> Vec<String> {
    patterns().iter().filter(|known| !known.has_fitted).map(|known| known.text.clone()).collect()
}

/// Whether a function is one that is to be guarded, by the names of its module and its own, or by its file's folder.
pub fn fits(py: Python<'_>, function: *mut ffi::PyObject) -> bool {
    let mut patterns = patterns();
    if patterns.is_empty() {
        return false;
    }
    let Some(names) = Names::of(py, function) else { return false };
    let mut fits = false;
    for pattern in patterns.iter_mut().filter(|pattern| names.fit(&pattern.text)) {
        pattern.has_fitted = true;
        fits = true;
    }
    fits
}

/// The patterns that a function fits.
#[pyfunction]
pub fn fitting_patterns(function: &Bound<'_, PyAny>) -> Vec<String> {
    let names = functions::is_function(function).then(|| Names::of(function.py(), function.as_ptr())).flatten();
    let Some(names) = names else { return Vec::new() };
    all().into_iter().filter(|pattern| names.fit(pattern)).collect()
}

/// `CO_OPTIMIZED` and `CO_NEWLOCALS`: variables of its own.
const OWN: u32 = 0x3;

/// What a program's script is called, and the same in a process that `multiprocessing` has started.
const MAIN: [&str; 2] = ["__main__", "__mp_main__"];

/// The module that the program was started with: `python -m package.tool`.
fn run_as_module(py: Python<'_>, globals: *mut ffi::PyObject) -> Option<String> {
    let key = PyString::intern(py, "__spec__");
    // SAFETY: the globals are a live dictionary; what is found is borrowed from it.
    let spec = unsafe { Bound::from_borrowed_ptr_or_opt(py, ffi::PyDict_GetItemWithError(globals, key.as_ptr())) }?;
    // Of any other type it may run code of the program when it is asked.
    let is_spec = spec.get_type().name().is_ok_and(|name| name == "ModuleSpec");
    if is_spec { spec.getattr("name").ok()?.extract().ok() } else { None }
}

/// What a function is called.
struct Names {
    /// Its module's name; where that is the program's script, its file's, too, and by which it was started as a module.
    modules: Vec<String>,
    name: String,
    file: Option<String>,
}

impl Names {
    fn of(py: Python<'_>, function: *mut ffi::PyObject) -> Option<Self> {
        let symbols = cpython::required().ok()?;
        let globals = cpython::function_globals(symbols, function);
        let text = |key: &str| -> Option<String> {
            let key = PyString::intern(py, key);
            // SAFETY: the globals are a live dictionary, borrowed from the function; what is found is borrowed from it.
            let found =
                unsafe { Bound::from_borrowed_ptr_or_opt(py, ffi::PyDict_GetItemWithError(globals, key.as_ptr())) };
            // A subclass of `str` runs no code of its own here: its text is read.
            found?.cast::<PyString>().ok()?.to_str().ok().map(str::to_owned)
        };
        let module = text("__name__")?;
        // SAFETY: the function is alive; its code is borrowed from it.
        let code = unsafe { Bound::from_borrowed_ptr(py, cpython::function_code(symbols, function)) };
        let name: String = code.getattr("co_qualname").ok()?.extract().ok()?;
        // A lambda is an expression of the function around it, and a class's own statements are some of that.
        let is_function =
            code.getattr("co_flags").and_then(|flags| flags.extract::<u32>()).is_ok_and(|it| it & OWN == OWN);
        if name.ends_with('>') || !is_function {
            return None;
        }
        // A script's namespace loses its own once the script has ended, and threads go on.
        let file = text("__file__").or_else(|| code.getattr("co_filename").ok()?.extract().ok());
        let mut modules = vec![module];
        if MAIN.contains(&modules[0].as_str()) {
            modules.extend(MAIN.map(str::to_owned));
            modules.extend(file.as_ref().and_then(|path| Path::new(path).file_stem()?.to_str()).map(str::to_owned));
            modules.extend(run_as_module(py, globals));
        }
        Some(Self { modules, name, file })
    }

    fn fit(&self, pattern: &str) -> bool {
        if pattern.starts_with('/') {
            return self.file.as_ref().is_some_and(|file| is_of_project(Path::new(file), Path::new(pattern)));
        }
        self.modules
            .iter()
            .any(|module| matches(pattern, module) || matches(pattern, &format!("{module}.{}", self.name)))
    }
}

/// Whether a file lies in a folder, and neither in an environment there nor among what was installed beside the project.
fn is_of_project(file: &Path, folder: &Path) -> bool {
    let is_environment =
        |part: Component<'_>| ["site-packages", "dist-packages"].iter().any(|it| part.as_os_str() == *it);
    file.strip_prefix(folder).is_ok_and(|rest| !rest.components().any(is_environment))
        && !installed::is_installed(file, folder)
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
