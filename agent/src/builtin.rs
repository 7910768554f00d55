//! Functions for Python without what PyO3 puts around its own: for what is called so often that it shows.

use std::ffi::CStr;

use pyo3::ffi;
use pyo3::prelude::*;

/// A function of this name; it is called with the GIL held, and with the arguments and their count (`METH_FASTCALL`).
pub fn made<'py>(py: Python<'py>, name: &'static CStr, function: ffi::PyCFunctionFast) -> PyResult<Bound<'py, PyAny>> {
    let definition = Box::leak(Box::new(ffi::PyMethodDef {
        ml_name: name.as_ptr(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunctionFast: function },
        ml_flags: ffi::METH_FASTCALL,
        ml_doc: std::ptr::null(),
    }));
    // SAFETY: the definition is never freed, and says how the function is to be called.
    unsafe {
        let function = ffi::PyCFunction_NewEx(definition, std::ptr::null_mut(), std::ptr::null_mut());
        Bound::from_owned_ptr_or_err(py, function)
    }
}
