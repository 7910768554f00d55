//! Has a Python process that runs already execute one statement, from outside: by a thread that is started in it through
//! ptrace. It works on every CPython with the GIL, needs nothing of the process, and knows nothing of Hotsplice.
//!
//! One thread of the process is stopped for about a millisecond where it holds no lock of the allocator or the loader (in a
//! system call that waits, or in the interpreter's own code), calls `pthread_create`, and goes on as if nothing had been. The
//! new thread waits for the GIL like any other, runs the statement, and ends. What is left behind are two pages of memory.

mod error;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod inject;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod stub;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod target;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod tracee;

pub use error::AttachError;

/// Has a process execute a Python statement on a thread of its own. Returns when the statement has been handed over; the
/// process executes it as soon as the new thread gets the GIL.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub fn execute(pid: u32, statement: &str) -> Result<(), AttachError> {
    inject::execute(pid, statement)
}

/// Not on this machine.
#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
pub fn execute(_pid: u32, _statement: &str) -> Result<(), AttachError> {
    Err(AttachError::Platform)
}

/// Why a process can't be reached, as far as can be seen without touching it.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub fn check(pid: u32) -> Result<(), AttachError> {
    inject::check(pid)
}

/// Not on this machine.
#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
pub fn check(_pid: u32) -> Result<(), AttachError> {
    Err(AttachError::Platform)
}
