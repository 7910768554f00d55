//! Reading files for the engine, at the price of one wait for the GIL: Python's own way lets it go at each call into the system.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::job;

/// `(content, time of the last change in ns, size)`; raises `OSError`.
#[pyfunction]
pub fn read_file(py: Python<'_>, path: PathBuf) -> PyResult<(Bound<'_, PyBytes>, i128, u64)> {
    match job::step_out(py, || read(&path)) {
        Ok((content, metadata)) => {
            let modified = i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
            Ok((PyBytes::new(py, &content), modified, metadata.size()))
        }
        Err(error) => Err(as_python(py, &error, &path)),
    }
}

fn read(path: &Path) -> io::Result<(Vec<u8>, fs::Metadata)> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    let mut content = Vec::new();
    file.read_to_end(&mut content)?;
    Ok((content, metadata))
}

/// With the number and the words that Python gives for it, from which it takes the subclass.
fn as_python(py: Python<'_>, error: &io::Error, path: &Path) -> PyErr {
    let Some(number) = error.raw_os_error() else { return PyOSError::new_err(error.to_string()) };
    let words = py.import("os").and_then(|os| os.call_method1("strerror", (number,))?.extract::<String>());
    PyOSError::new_err((number, words.unwrap_or_else(|_| error.to_string()), path.to_path_buf()))
}
