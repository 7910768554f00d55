//! A job's thread as the program's code finds it that runs there: the stack and the signal mask of the main thread, and
//! an entry in `threading` that can be looked at and joined like any other.

use std::fs;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::session;

const MEBI: usize = 1024 * 1024;

/// How much stack the main thread has, and a little more for what of ours lies below the program's code.
pub fn stack_size() -> usize {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the call fills the struct that it is given.
    let known = unsafe { libc::getrlimit(libc::RLIMIT_STACK, &raw mut limit) } == 0;
    let wanted = if known { usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX) } else { 0 };
    // Address space only: what is not used is never there. Without a limit a thread has to have one all the same.
    wanted.clamp(16 * MEBI, 256 * MEBI) + MEBI
}

/// While it lives, this thread blocks the signals that the main thread blocks: a process that is started inherits that.
/// The agent's threads block all otherwise.
pub struct ProgramSignals {
    before: libc::sigset_t,
}

impl ProgramSignals {
    pub fn enter() -> Self {
        let blocked = blocked_in_main_thread();
        // SAFETY: the sets are made by the calls that fill them; the mask is this thread's own and is put back. Numbers
        // that are no signals, or the C library's own, are refused by `sigaddset`, which is as it should be.
        unsafe {
            let mut wanted = std::mem::zeroed::<libc::sigset_t>();
            let mut before = std::mem::zeroed::<libc::sigset_t>();
            libc::sigemptyset(&raw mut wanted);
            for number in (1..=64).filter(|number| blocked >> (number - 1) & 1 == 1) {
                libc::sigaddset(&raw mut wanted, number);
            }
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const wanted, &raw mut before);
            Self { before }
        }
    }
}

impl Drop for ProgramSignals {
    fn drop(&mut self) {
        // SAFETY: the set was filled by `pthread_sigmask`.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.before, std::ptr::null_mut()) };
    }
}

/// Bit n - 1 stands for signal n. Linux: `/proc/self/status` is about the main thread.
fn blocked_in_main_thread() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("SigBlk:"));
    line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

/// While it lives, `threading` knows this thread: as one that debuggers leave alone, and that can be joined.
pub struct Listed<'py> {
    python: Python<'py>,
}

impl<'py> Listed<'py> {
    /// Done natively and first: no line of Python runs on the thread before it is marked.
    pub fn enter(python: Python<'py>) -> Self {
        list(python);
        Self { python }
    }
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        unlist(self.python);
    }
}

/// The native name of this thread, which gevent's `get_ident` does not tell.
pub fn ident() -> u64 {
    // SAFETY: it only asks the system.
    unsafe { ffi::PyThread_get_thread_ident() as u64 }
}

/// The threads that `threading` lists; nothing if the program has not imported it.
pub fn active(py: Python<'_>) -> Option<Bound<'_, PyDict>> {
    let modules = py.import("sys").and_then(|sys| sys.getattr("modules")).ok()?;
    let threading = modules.cast_into::<PyDict>().ok()?.get_item("threading").ok()??;
    // A program's own module of that name has no such thing.
    threading.getattr("_active").ok()?.cast_into::<PyDict>().ok()
}

fn list(py: Python<'_>) {
    if let (Some(active), Some(entry)) = (active(py), session::thread_entry(py)) {
        // What goes wrong in a program's own `threading` is no concern of the patch.
        let _ = active.set_item(ident(), entry);
    }
}

/// Somebody else may have taken it out: it is gone then as it should be.
pub fn unlist(py: Python<'_>) {
    forget(py, ident());
}

pub fn forget(py: Python<'_>, ident: u64) {
    if let Some(active) = active(py) {
        let _ = active.del_item(ident);
    }
}

/// After a fork, in the parent.
pub fn list_again(py: Python<'_>) {
    if super::is_job() {
        list(py);
    }
}
