//! The program's garbage, which Python collects by itself whenever many objects were made.

use pyo3::ffi;
use pyo3::prelude::*;

/// Makes many objects without a collection on the way: they are all needed, and the program's would be looked through for them.
/// `make` must run no Python code, so that nobody sees that none is made.
pub fn without_collecting<T>(_py: Python<'_>, make: impl FnOnce() -> T) -> T {
    struct AsBefore(bool);
    impl Drop for AsBefore {
        fn drop(&mut self) {
            if self.0 {
                // SAFETY: only made, and dropped, while the GIL is held.
                unsafe { ffi::PyGC_Enable() };
            }
        }
    }
    // SAFETY: the GIL is held.
    let _as_before = AsBefore(unsafe { ffi::PyGC_Disable() } == 1);
    make()
}
