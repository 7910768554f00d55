//! How often the GIL has gone from one thread to another: where it has not, no other thread has run any Python.
//!
//! CPython counts it in `struct _gil_runtime_state` (`Include/internal/pycore_gil.h`), whose first fields are the same from 3.10 to
//! 3.15: the switch interval in microseconds, the thread state that has or had the GIL, whether somebody has it, and the number of
//! switches. It lies in `_PyRuntime`: by itself up to 3.11, in the main interpreter from 3.12 on. It is found there by what it has
//! to hold at the moment; where not exactly one place does, nobody is told a number.

use std::ffi::{c_int, c_void};
use std::sync::OnceLock;

use pyo3::ffi;
use pyo3::prelude::*;

use super::symbol;

#[repr(C)]
struct Gil {
    interval: libc::c_ulong,
    last_holder: *mut ffi::PyThreadState,
    locked: c_int,
    switches: libc::c_ulong,
}

/// What `dladdr1` gives of a symbol: `Elf64_Sym` of `elf.h`.
#[repr(C)]
struct Symbol {
    name: u32,
    info: u8,
    other: u8,
    section: u16,
    value: u64,
    size: u64,
}

type Describe = unsafe extern "C" fn(*const c_void, *mut libc::Dl_info, *mut *const Symbol, c_int) -> c_int;
/// `RTLD_DL_SYMENT` of `dlfcn.h`.
const OF_SYMBOL: c_int = 1;

/// The number of switches from one thread to another up to now; nothing where it can't be had.
#[pyfunction]
pub fn thread_switches(py: Python<'_>) -> PyResult<Option<u64>> {
    static FOUND: OnceLock<usize> = OnceLock::new();
    let gil = match FOUND.get() {
        Some(found) => *found,
        None => match find(py)? {
            Some(found) => {
                let _ = FOUND.set(found);
                found
            }
            None => return Ok(None),
        },
    };
    // SAFETY: it lies in `_PyRuntime`, which is there as long as the process; it is only written with the GIL held.
    Ok(Some(unsafe { (&raw const (*(gil as *const Gil)).switches).read_volatile() }))
}

fn find(py: Python<'_>) -> PyResult<Option<usize>> {
    if !((3, 10)..(3, 16)).contains(&(py.version_info().major, py.version_info().minor))
        || !super::is_main_interpreter()
    {
        return Ok(None);
    }
    let interval: f64 = py.import("sys")?.call_method0("getswitchinterval")?.extract()?;
    let interval = (interval * 1e6).round();
    // SAFETY: the GIL is held.
    let thread = unsafe { ffi::PyThreadState_Get() };
    let Some((start, size)) = runtime() else { return Ok(None) };
    let last = size.saturating_sub(size_of::<Gil>());
    let fits = |offset: &usize| {
        // SAFETY: the whole of it lies in the object that the symbol stands for, whose size the linker knows; all of its fields
        // are plain words, which may be read whatever they hold.
        let (held, holder, locked) = unsafe {
            let gil = (start + offset) as *const Gil;
            (
                (&raw const (*gil).interval).read_volatile(),
                (&raw const (*gil).last_holder).read_volatile(),
                (&raw const (*gil).locked).read_volatile(),
            )
        };
        #[expect(clippy::cast_precision_loss, reason = "it is no long time")]
        let same = held as f64 == interval;
        same && holder == thread && locked == 1
    };
    let mut found = (0..last).step_by(align_of::<Gil>()).filter(fits);
    Ok(match (found.next(), found.next()) {
        (Some(offset), None) => Some(start + offset),
        _ => None,
    })
}

/// Address and size of `_PyRuntime`.
fn runtime() -> Option<(usize, usize)> {
    let start = symbol(c"_PyRuntime")?;
    let describe = symbol(c"dladdr1")?;
    let mut about = std::mem::MaybeUninit::<libc::Dl_info>::zeroed();
    let mut entry = std::ptr::null::<Symbol>();
    // SAFETY: the type is that of the function's declaration in glibc's dlfcn.h; both places that it writes to are there. The entry
    // is of the library's own symbol table, which stays.
    let (known, size) = unsafe {
        let describe = std::mem::transmute::<*mut c_void, Describe>(describe);
        let known = describe(start, about.as_mut_ptr(), &raw mut entry, OF_SYMBOL);
        (known != 0 && !entry.is_null(), entry.as_ref().map_or(0, |entry| entry.size))
    };
    (known && (start as usize).is_multiple_of(align_of::<Gil>()))
        .then_some((start as usize, usize::try_from(size).ok()?))
}
