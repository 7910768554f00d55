//! How long what a job runs of the program may take.
//!
//! When the time is over, the transaction is dead at once and for good: the listener's thread, which needs no GIL,
//! answers that it is refused, and the commit, should anything still ask for it, refuses. Then the program's code is
//! interrupted by an exception. Code that catches it and goes on is interrupted again a few times; after that its thread
//! is abandoned: it never comes back from the program's code, another thread undoes what was done, and the next patch
//! can be made.
//!
//! The engine's own code is never interrupted, only what is called by [`run_program`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hotsplice_channel::codes;
use hotsplice_channel::message::{Request, ResponseError, method};
use pyo3::exceptions::{PyRuntimeError, PySystemExit};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};
use serde_json::{Value, json};

use super::thread::{self, Listed, ProgramSignals};
use super::{Alarm, CURRENT, IN_FORKED_CHILD, Job, RUNNING, current, engine, spawn};
use crate::once::Once;
use crate::{finalizing, json as python_json, session};

/// Nothing is live yet.
const PREPARING: u8 = 0;
/// The patch is live, or about to be: it can't be refused any more.
const LIVE: u8 = 1;
/// The time was over before: whatever the thread still does, nothing of it goes live.
const DEAD: u8 = 2;

/// How often code that catches the exception is interrupted, and how long it gets each time.
const INTERRUPTIONS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(30);
/// How long an abandoned thread is waited for that does not run any of its bytecodes: it sleeps, or waits for a lock.
const STANDSTILL: Duration = Duration::from_millis(300);

#[derive(Default)]
pub struct Deadline {
    phase: AtomicU8,
    /// Which of the job's limits counts: one that was set before does not.
    serial: AtomicU64,
    /// The time is over.
    late: AtomicBool,
    /// The job's thread, once it has one.
    ident: AtomicU64,
    /// How deep the thread is in calls of [`run_program`].
    depth: AtomicUsize,
    /// An interruption is on its way, or has arrived.
    interrupted: AtomicBool,
    abandoned: AtomicBool,
    parked: AtomicBool,
    limit_ms: AtomicU64,
}

impl Deadline {
    /// From here on the job has so much time; what it had before does not count.
    pub fn set(&self, job: &Arc<Job>, limit: Duration) {
        let serial = self.serial.fetch_add(1, Ordering::AcqRel) + 1;
        self.late.store(false, Ordering::Release);
        self.ident.store(thread::ident(), Ordering::Release);
        self.limit_ms.store(limit.as_millis() as u64, Ordering::Release);
        session::at(Instant::now() + limit, Alarm::Limit(Limit { job: job.clone(), serial }));
    }

    /// The time is not limited any more.
    pub fn end(&self) {
        self.serial.fetch_add(1, Ordering::AcqRel);
    }

    fn is_late(&self) -> bool {
        self.late.load(Ordering::Acquire)
    }
}

/// What is about to become live can't be given up any more, and what was given up can't become live.
pub fn begin_commit() -> PyResult<()> {
    let Some(job) = current() else { return Ok(()) };
    if job.is_expired() {
        return Err(PyRuntimeError::new_err("whoever asked for the patch does not wait for it any more"));
    }
    match job.deadline.phase.compare_exchange(PREPARING, LIVE, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => {
            job.deadline.end();
            Ok(())
        }
        // The engine commits more than once: what was renamed for a moment, for example.
        Err(LIVE) => Ok(()),
        Err(_) => Err(PyRuntimeError::new_err("the time of this patch is over: it can't go live")),
    }
}

/// What follows the commit has so much time from here on; zero: it is not limited.
#[pyfunction]
pub fn limit_time(milliseconds: u64) {
    if let Some(job) = current() {
        job.deadline.end();
        job.deadline.late.store(false, Ordering::Release);
        if milliseconds > 0 {
            job.deadline.set(&job, Duration::from_millis(milliseconds));
        }
    }
}

/// Calls something that runs code of the program: with the signals of its main thread, and as long as the time allows.
/// Raises `TimeLimit` if that is over; never comes back if the thread was abandoned meanwhile, nor in a child that the
/// code forked.
#[pyfunction]
pub fn run_program<'py>(py: Python<'py>, callable: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let Some(job) = current() else { return callable.call0() };
    let deadline = &job.deadline;
    if deadline.is_late() {
        return Err(time_limit(py));
    }
    let is_outermost = deadline.depth.fetch_add(1, Ordering::AcqRel) == 0;
    let signals = is_outermost.then(ProgramSignals::enter);
    let had_threading = thread::active(py).is_some();
    let result = finalizing::call(callable, &PyTuple::empty(py));
    drop(signals);
    if !had_threading && thread::active(py).is_some() {
        // If it fails, the program has a `threading` that is not the standard library's.
        let _ = py.import("hotsplice._session").and_then(|session| session.call_method0("correct_main_thread"));
    }
    if IN_FORKED_CHILD.get() {
        end_forked_child(py, result);
    }
    if deadline.abandoned.load(Ordering::Acquire) {
        stay(py, &job);
    }
    deadline.depth.fetch_sub(1, Ordering::AcqRel);
    if is_outermost && deadline.interrupted.swap(false, Ordering::AcqRel) {
        // If it has not arrived yet, it does so in whatever is run next. Taking it back by setting null, or ending the
        // thread, would leave CPython 3.11 and older looking for it after every bytecode, for ever.
        let _ = py.eval(c"None", None, None);
    }
    if deadline.is_late() { Err(time_limit(py)) } else { result }
}

fn time_limit(py: Python<'_>) -> PyErr {
    match engine(py).and_then(|engine| engine.getattr("TimeLimit")?.call0()) {
        Ok(error) => PyErr::from_value(error),
        Err(error) => error,
    }
}

/// Code that an edit runs has forked, and goes on in the child where only its parent can: the child ends here, with
/// nothing of the patch in it. What it inherited unwritten is its parent's to write.
fn end_forked_child(py: Python<'_>, result: PyResult<Bound<'_, PyAny>>) -> ! {
    let status = match result {
        Ok(_) => 0,
        Err(error) if error.is_instance_of::<PySystemExit>(py) => {
            let code = error.value(py).getattr("code").ok();
            code.map_or(0, |code| if code.is_none() { 0 } else { code.extract::<i32>().unwrap_or(1) })
        }
        Err(error) => {
            error.print(py);
            1
        }
    };
    // SAFETY: ends the process, and does nothing else.
    unsafe { libc::_exit(status) }
}

/// What making an exception of the class [`parked`] calls: an abandoned thread does not come back from here.
#[pyfunction]
#[pyo3(signature = (*_arguments))]
pub fn park(py: Python<'_>, _arguments: &Bound<'_, PyTuple>) {
    if let Some(job) = current().filter(|job| job.deadline.abandoned.load(Ordering::Acquire)) {
        stay(py, &job);
    }
}

/// Lets the GIL go for good. The thread can't be ended: what its frames refer to would be freed under them.
fn stay(_py: Python<'_>, job: &Job) -> ! {
    if !job.deadline.parked.swap(true, Ordering::AcqRel) {
        RUNNING.fetch_sub(1, Ordering::AcqRel);
    }
    // SAFETY: the name is a C string, and the thread its own; the GIL is held and never asked for again.
    unsafe {
        libc::pthread_setname_np(libc::pthread_self(), c"abandoned".as_ptr());
        ffi::PyEval_SaveThread();
    }
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}

/// A `BaseException` that parks the thread in which it is made.
fn parked(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static CLASS: Once<Py<PyAny>> = Once::new();
    let class = CLASS.get_or_try_init(py, || {
        let members = PyDict::new(py);
        members.set_item("__init__", py.import("hotsplice._agent")?.getattr("park")?)?;
        let base = py.get_type::<pyo3::exceptions::PyBaseException>();
        Ok::<_, PyErr>(py.get_type::<PyType>().call1(("Abandoned", (base,), members))?.unbind())
    })?;
    Ok(class.bind(py).clone())
}

/// The end of a job's time.
pub struct Limit {
    job: Arc<Job>,
    serial: u64,
}

impl Limit {
    pub fn is_over(&self) -> bool {
        self.job.deadline.serial.load(Ordering::Acquire) != self.serial
    }

    /// Called on the listener's thread, without the GIL.
    pub fn reached(self) {
        let deadline = &self.job.deadline;
        deadline.late.store(true, Ordering::Release);
        match deadline.phase.compare_exchange(PREPARING, DEAD, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => self.job.answer(refusal(&self.job)),
            // What follows a commit is late. A commit that has just begun has ended this limit.
            Err(_) if self.is_over() => return,
            Err(_) => {}
        }
        // Without a thread to spare it goes on, and can do no more than that.
        spawn("hotsplice-alarm", move || {
            if !self.is_over() {
                Python::attach(|py| self.interrupt(py));
            }
        });
    }

    fn interrupt(&self, py: Python<'_>) {
        let Ok(exception) = engine(py).and_then(|engine| engine.getattr("TimeLimit")) else { return };
        let mut interruptions = 0;
        while !self.is_over() && interruptions < INTERRUPTIONS {
            if self.raise(&exception) {
                interruptions += 1;
            }
            py.detach(|| std::thread::sleep(PAUSE));
        }
        if !self.is_over() && self.job.deadline.depth.load(Ordering::Acquire) > 0 {
            self.abandon(py);
        }
    }

    /// Raises an exception in the program's code that the job runs; false while it runs none.
    fn raise(&self, exception: &Bound<'_, PyAny>) -> bool {
        let deadline = &self.job.deadline;
        if deadline.depth.load(Ordering::Acquire) == 0 {
            return false;
        }
        deadline.interrupted.store(true, Ordering::Release);
        let ident = deadline.ident.load(Ordering::Acquire);
        // SAFETY: the GIL is held and the job is inside of the program's code, so the ident is its own.
        unsafe { ffi::PyThreadState_SetAsyncExc(ident as _, exception.as_ptr()) };
        true
    }

    /// The thread gets no further. What it leaves undone is done here.
    fn abandon(&self, py: Python<'_>) {
        let deadline = &self.job.deadline;
        deadline.abandoned.store(true, Ordering::Release);
        let until = Instant::now() + STANDSTILL;
        if let Ok(parked) = parked(py) {
            while !deadline.parked.load(Ordering::Acquire) && Instant::now() < until {
                self.raise(&parked);
                py.detach(|| std::thread::sleep(Duration::from_millis(10)));
            }
        }
        if !deadline.parked.swap(true, Ordering::AcqRel) {
            // It is parked when it wakes; until then it is nobody who works.
            RUNNING.fetch_sub(1, Ordering::AcqRel);
        }
        thread::forget(py, deadline.ident.load(Ordering::Acquire));
        let successor = Arc::new(self.successor());
        CURRENT.set(Some(successor.clone()));
        let listed = Listed::enter(py);
        let answer = engine(py)
            .and_then(|engine| finalizing::call(&engine.getattr("abandon")?, &PyTuple::empty(py)))
            .and_then(|answer| python_json::from_python(&answer));
        successor.deadline.end();
        drop(listed);
        CURRENT.set(None);
        self.job.release_patch_lock();
        self.job.answer(answer.map_err(|error| super::describe(py, error)));
    }

    /// A job that carries on in the place of the abandoned one.
    fn successor(&self) -> Job {
        let request = Request { expires: self.job.expiry(), ..self.job.request.clone() };
        let successor = Job::new(request, Box::new(|_| {}));
        successor.deadline.phase.store(self.job.deadline.phase.load(Ordering::Acquire), Ordering::Release);
        successor
    }
}

/// The answer to a request whose time is over, made without Python.
fn refusal(job: &Job) -> Result<Value, ResponseError> {
    let limit = job.deadline.limit_ms.load(Ordering::Acquire) as f64 / 1000.0;
    if job.request.method == method::ANSWER_HOLD {
        let message = format!("it took longer than {limit} s; the call stays held");
        return Err(ResponseError::refused(codes::NO_VALUE, message));
    }
    let message = format!("evaluating the patch took longer than {limit} s");
    let files = job.request.params.pointer("/patch/files").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let verdicts: Vec<Value> = files
        .iter()
        .flat_map(|file| {
            let edits = file["edits"].as_array().map_or(&[][..], Vec::as_slice);
            let message = &message;
            edits.iter().map(move |edit| {
                json!({
                    "path": file["path"],
                    "definition": edit["definition"],
                    "kind": edit["kind"],
                    "line": edit["line"],
                    "end_line": edit["end_line"],
                    "verdict": "refused",
                    "code": codes::EVALUATION_TOO_LONG,
                    "message": message,
                })
            })
        })
        .collect();
    Ok(json!({
        "transaction": 0,
        "verdicts": verdicts,
        "ready": false,
        "committed": false,
        "users": [],
        "running": {},
        "timings": {},
    }))
}
