//! What files the process has executed, each with its text as it was then: the baseline of every later patch.
//!
//! An audit hook (PEP 578) sees every `exec` of a module's code, whoever does it: `import`, `runpy`, pytest's rewriter,
//! `python script.py`. All it does for other events is compare a few bytes. Files outside of the project (the standard
//! library, installed packages) are noted without their text.

use std::collections::{HashMap, HashSet};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Mutex;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use hotsplice_channel::installed::is_installed;
use hotsplice_channel::message::{ModuleLoaded, event};
use hotsplice_channel::registry;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString, PyTuple};
use rustix::time::{ClockId, clock_gettime};

use crate::{cpython, finalizing, frames, session};

#[derive(Clone)]
struct Executed {
    modified: i128,
    size: u64,
    when: f64,
    text: Option<Vec<u8>>,
    count: u64,
    /// Its execution was not seen: the text is the one that was there when we came.
    adopted: bool,
}

// Only touched with the GIL held, and never across Python code: a fork can't find it locked.
static EXECUTED: Mutex<Option<HashMap<PathBuf, Executed>>> = Mutex::new(None);
static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
static PACKAGE: OnceLock<PathBuf> = OnceLock::new();

/// Begins to watch; a second call does nothing. `library` is the folder of the standard library, `package` our own: what makes
/// the patches is no part of the program.
#[pyfunction]
pub fn watch(py: Python<'_>, library: PathBuf, package: PathBuf) -> PyResult<()> {
    let symbols = cpython::required()?;
    // A second call gives the same.
    let _ = PACKAGE.set(package);
    if LIBRARY.set(library).is_err() {
        return Ok(());
    }
    frames::prepare_room(py);
    // SAFETY: the hook lives as long as the process, which never unloads this library.
    match unsafe { (symbols.add_audit_hook)(hook, std::ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(PyErr::fetch(py)),
    }
}

unsafe extern "C" fn hook(name: *const c_char, arguments: *mut ffi::PyObject, _data: *mut c_void) -> c_int {
    // SAFETY: CPython passes a C string.
    if unsafe { CStr::from_ptr(name) } != c"exec" || arguments.is_null() {
        return 0;
    }
    // Modules of sub-interpreters are not those that are patched.
    if !cpython::is_main_interpreter() {
        return 0;
    }
    // SAFETY: events are raised with the GIL held once the interpreter runs; panics must not cross into C.
    let _ = std::panic::catch_unwind(|| unsafe {
        let python = Python::assume_attached();
        let arguments = Bound::from_borrowed_ptr(python, arguments);
        // An event is no place to fail: what can't be read is not noted.
        if let Ok(Some((code, path))) = module_code(&arguments) {
            if is_project(&path) {
                frames::reserve(&code);
            }
            if note(&path) {
                let _ = forget_shown_text(&code, &path);
            }
        }
    });
    0
}

/// What is shown of a file in tracebacks is the text that was patched to be live (`live/shown_text.py`), until the program executes
/// the file again: then it is what the disk has.
fn forget_shown_text(code: &Bound<'_, PyAny>, path: &Path) -> PyResult<()> {
    let py = code.py();
    // An import would go by the `__import__` of whoever imports at this moment, and may wait for a lock.
    // SAFETY: the GIL is held; the dictionary is borrowed from the interpreter.
    let modules = unsafe { Bound::from_borrowed_ptr_or_err(py, ffi::PyImport_GetModuleDict())? };
    let Some(linecache) = modules.cast_exact::<PyDict>()?.get_item("linecache")? else { return Ok(()) };
    let shown = linecache.getattr("cache")?;
    let shown = shown.cast_exact::<PyDict>()?;
    for name in [code.getattr("co_filename")?, PyString::new(py, &path.to_string_lossy()).into_any()] {
        let entry = shown.get_item(&name)?;
        // Such an entry has no time of the file's last change.
        if entry.is_some_and(|entry| {
            entry.len().is_ok_and(|parts| parts == 4) && entry.get_item(1).is_ok_and(|it| it.is_none())
        }) {
            shown.del_item(&name)?;
        }
    }
    Ok(())
}

fn module_code<'py>(arguments: &Bound<'py, PyAny>) -> PyResult<Option<(Bound<'py, PyAny>, PathBuf)>> {
    let code = arguments.get_item(0)?;
    if code.get_type().name()? != "code" || code.getattr("co_name")?.extract::<&str>()? != "<module>" {
        return Ok(None);
    }
    // What is run for a patch is no new execution of the module (`_engine/live/code.py`).
    let constants = code.getattr("co_consts")?;
    let constants = constants.cast_exact::<PyTuple>()?;
    if constants.iter().next_back().is_some_and(|last| last.extract::<&str>().is_ok_and(|last| last == "<patch>")) {
        return Ok(None);
    }
    let filename: PathBuf = code.getattr("co_filename")?.extract::<String>()?.into();
    let path = normal(&filename);
    Ok(Some((code, path)))
}

/// As `os.path.abspath` has it: links are left as they are.
fn normal(path: &Path) -> PathBuf {
    let mut result = if path.is_absolute() { PathBuf::new() } else { std::env::current_dir().unwrap_or_default() };
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                result.pop();
            }
            other => result.push(other),
        }
    }
    result
}

fn is_project(path: &Path) -> bool {
    !is_installed(path) && LIBRARY.get().is_none_or(|library| !path.starts_with(library))
}

/// Whether it was executed before.
fn note(path: &Path) -> bool {
    if PACKAGE.get().is_some_and(|package| path.starts_with(package)) {
        return false;
    }
    let Ok(metadata) = fs::metadata(path) else { return false };
    if !metadata.is_file() {
        return false;
    }
    let text = if is_project(path) { fs::read(path).ok() } else { None };
    let when = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64());
    let fresh = Executed {
        modified: i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec()),
        size: metadata.size(),
        when,
        text,
        count: 1,
        adopted: false,
    };
    let mut is_known = false;
    if let Ok(mut executed) = EXECUTED.lock() {
        let files = executed.get_or_insert_default();
        let count = files.get(path).map_or(1, |known| known.count + 1);
        is_known = count > 1;
        files.insert(path.to_owned(), Executed { count, ..fresh });
    }
    session::broadcast(event::MODULE_LOADED, &ModuleLoaded { path: path.to_string_lossy().into_owned() });
    is_known
}

/// Files that were executed before anybody watched. Of those that have not changed since the process began, the text
/// is what was executed; others, and those that are known, are not noted.
#[pyfunction]
pub fn adopt(py: Python<'_>, paths: Vec<PathBuf>) {
    let Some(began) = process_began() else { return };
    let known: HashSet<PathBuf> = EXECUTED
        .lock()
        .map_or_else(|_| HashSet::new(), |executed| executed.iter().flatten().map(|it| it.0.clone()).collect());
    let paths = paths.iter().map(|path| normal(path)).filter(|path| !known.contains(path));
    // The program goes on while its files are read.
    let found: Vec<(PathBuf, Executed)> = finalizing::without_gil(py, || {
        paths.filter_map(|path| Some((path.clone(), as_it_was(&path, began)?))).collect()
    });
    if let Ok(mut executed) = EXECUTED.lock() {
        let files = executed.get_or_insert_default();
        for (path, file) in found {
            files.entry(path).or_insert(file);
        }
    }
}

fn as_it_was(path: &Path, began: f64) -> Option<Executed> {
    let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    let modified = i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
    if modified as f64 / 1e9 > began + TICK {
        return None;
    }
    let text = Some(fs::read(path).ok()?);
    Some(Executed { modified, size: metadata.size(), when: began, text, count: 1, adopted: true })
}

/// The kernel tells when a process was started in hundredths of a second, rounded down; an interpreter takes longer than one
/// before it executes a file.
const TICK: f64 = 0.01;

/// When this process was started, in seconds since 1970. Linux: `/proc/self/stat` counts from the boot.
fn process_began() -> Option<f64> {
    let started = registry::process_started(std::process::id())? as f64 * TICK;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs_f64();
    let since_boot = clock_gettime(ClockId::Boottime);
    Some(now - (since_boot.tv_sec as f64 + since_boot.tv_nsec as f64 / 1e9) + started)
}

/// What was executed for a patch that did not go live was never executed.
#[pyfunction]
pub fn forget_executed(path: PathBuf) {
    if let Ok(mut executed) = EXECUTED.lock() {
        executed.get_or_insert_default().remove(&path);
    }
}

/// Its record, if a file of this path was executed: (mtime in ns, size, time of the execution, text or None, how often, whether its
/// execution was not seen)
#[pyfunction]
pub fn loaded(py: Python<'_>, path: PathBuf) -> PyResult<Option<Bound<'_, PyTuple>>> {
    let found = EXECUTED.lock().ok().and_then(|executed| executed.as_ref()?.get(&path).cloned());
    let record = |file: Executed| {
        let text = file.text.as_ref().map(|text| PyBytes::new(py, text));
        (file.modified, file.size, file.when, text, file.count, file.adopted).into_pyobject(py)
    };
    found.map(record).transpose()
}

/// How often a file was executed.
#[pyfunction]
pub fn executions(path: PathBuf) -> u64 {
    EXECUTED.lock().ok().and_then(|executed| Some(executed.as_ref()?.get(&path)?.count)).unwrap_or_default()
}

/// The files whose texts are known: the program's own.
#[pyfunction]
pub fn files_with_texts() -> Vec<String> {
    let Ok(executed) = EXECUTED.lock() else { return Vec::new() };
    let with_text = executed.iter().flatten().filter(|(_, file)| file.text.is_some());
    with_text.map(|(path, _)| path.to_string_lossy().into_owned()).collect()
}
