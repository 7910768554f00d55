//! The session through forks: the listener leaves before one and comes back in the parent; the child becomes a session of its own.

use std::fs;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hotsplice_channel::codes;
use hotsplice_channel::registry::{self, Entry};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;

use super::{Thread, begin, own, pause, session};
use crate::{cpython, job};

/// For `os.register_at_fork(before=…)`: CPython 3.12 and later count the process's threads at a fork and warn, so the
/// listener leaves. Its connections stay open; clients notice nothing.
#[pyfunction]
pub fn before_fork(py: Python<'_>) {
    job::before_fork(py);
    let taken = own(&mut session()).map(|session| {
        session.forks += 1;
        match session.thread {
            Thread::Running(_) => Some((session.mailbox.clone(), std::mem::replace(&mut session.thread, Thread::Gone))),
            // Another thread's fork has it already.
            Thread::Paused(_) | Thread::Gone => None,
        }
    });
    let Some(taken) = taken else { return };
    // The listener first, since it starts the jobs.
    if let Some((mailbox, thread)) = taken {
        let state = pause(py, &mailbox, thread);
        if let Some(session) = session().as_mut() {
            session.thread = state.map_or(Thread::Gone, Thread::Paused);
        }
    }
    if job::is_job() || py.detach(|| job::wait_for_all(Duration::from_secs(2))) {
        wait_until_gone();
    }
}

/// Threads that have ended stay in the kernel's count for a moment.
fn wait_until_gone() {
    let deadline = Instant::now() + Duration::from_millis(100);
    while thread_count() != Some(1) && some_are_ours() && Instant::now() < deadline {
        std::thread::yield_now();
    }
}

fn some_are_ours() -> bool {
    let current = rustix::thread::gettid().as_raw_nonzero().to_string();
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    tasks
        .filter(|task| *task.file_name() != *current)
        .any(|task| fs::read(task.path().join("comm")).is_ok_and(|name| name.starts_with(b"hotsplice")))
}

fn thread_count() -> Option<usize> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    stat[stat.rfind(')')? + 1..].split_ascii_whitespace().nth(17)?.parse().ok()
}

#[pyfunction]
pub fn after_fork_in_parent(py: Python<'_>) {
    job::list_again(py);
    let mut session = session();
    let Some(session) = own(&mut session) else { return };
    session.forks = session.forks.saturating_sub(1);
    if session.forks > 0 {
        return;
    }
    // CPython 3.13 counts the threads after this call: where there is no other, the main thread starts the listener behind it.
    let is_counted_later = py.version_info() >= (3, 13) && py.version_info() < (3, 14) && thread_count() == Some(1);
    if !(is_counted_later && cpython::call_soon(resume_soon)) {
        session.resume();
    }
}

extern "C" fn resume_soon(_: *mut std::ffi::c_void) -> std::ffi::c_int {
    // It may have forked once more by now, or the session be over.
    if let Some(session) = own(&mut session()).filter(|session| session.forks == 0) {
        session.resume();
    }
    0
}

/// The child closes what it inherited and becomes a session of its own. Says whether it was a job that forked.
#[pyfunction]
pub fn after_fork_in_child(py: Python<'_>) -> PyResult<bool> {
    let forked = job::reset(py);
    let Some(inherited) = session().take() else { return Ok(forked) };
    // Dropping closes the child's copies of the descriptors; the parent's connections stay open.
    if let Thread::Paused(state) = inherited.thread {
        drop(state);
    }
    let pid = std::process::id();
    let Some(started) = registry::process_started(pid) else { return Ok(forked) };
    let entry = Entry {
        id: registry::session_id(pid, started, registry::pid_namespace()),
        pid,
        parent: inherited.entry.pid,
        started,
        registered: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as u64),
        socket: String::new(),
        ..inherited.entry
    };
    begin(py, inherited.directory, entry, inherited.thread_entry)
        .map_err(|error| PyOSError::new_err(format!("{}: {error}", codes::INTERNAL)))?;
    Ok(forked)
}
