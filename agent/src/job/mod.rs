//! One request that needs Python, on a native thread of its own.
//!
//! The thread gets the GIL quickly even in a busy program: the main thread, at its next safe point, steps aside for
//! it. What it runs of the program has a time limit ([`deadline`]), and finds what it would find on the program's main
//! thread ([`thread`]).

mod deadline;
mod thread;

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hotsplice_channel::codes;
use hotsplice_channel::expiry::{Expiry, WORKING_AT_MOST, WORKING_EVERY, WORKING_LEASE};
use hotsplice_channel::message::{JsonRpc, Request, Response, ResponseError, method};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use serde_json::Value;

use crate::switching::Undisturbed;
use crate::{cpython, finalizing, json, session, switching};

use deadline::{Deadline, Limit};
pub use deadline::{begin_commit, limit_time, park, run_program};
pub use thread::list_again;
use thread::{Listed, unlist};

/// Jobs that wait for the GIL.
static WAITING: AtomicUsize = AtomicUsize::new(0);
/// Jobs that have not ended.
static RUNNING: AtomicUsize = AtomicUsize::new(0);
/// The main thread has been asked to step aside and has not done so yet. CPython queues 32 such calls, for everybody.
static ASKED: AtomicBool = AtomicBool::new(false);
/// The job that prepares or commits a patch, which is done one at a time; 0 while none does.
static PATCHING: AtomicU64 = AtomicU64::new(0);
static LAST: AtomicU64 = AtomicU64::new(0);
static IS_ENGINE_LOADED: AtomicBool = AtomicBool::new(false);
/// How long a patch waits for another one. Less than a client waits, so that it is told why.
const PATCH_LOCK_WAIT: Duration = Duration::from_secs(4);

thread_local! {
    static IS_JOB: Cell<bool> = const { Cell::new(false) };
    /// What this thread does.
    static CURRENT: RefCell<Option<Arc<Job>>> = const { RefCell::new(None) };
    /// This thread was a job when it forked, and is all that there is in the child.
    static IN_FORKED_CHILD: Cell<bool> = const { Cell::new(false) };
}

/// One request while it is served.
pub struct Job {
    number: u64,
    request: Request,
    /// Taken by the first answer; there is no second one.
    reply: Mutex<Option<Reply>>,
    /// Until when whoever asked waits for it.
    expires: Mutex<Option<Expiry>>,
    /// Python works on it.
    begun: AtomicBool,
    deadline: Deadline,
}

type Reply = Box<dyn FnOnce(Response) + Send>;

impl Job {
    fn new(request: Request, reply: Reply) -> Self {
        let number = LAST.fetch_add(1, Ordering::AcqRel) + 1;
        let expires = Mutex::new(request.expires.clone());
        let (reply, begun, deadline) = (Mutex::new(Some(reply)), AtomicBool::new(false), Deadline::default());
        Self { number, request, reply, expires, begun, deadline }
    }

    fn answer(&self, answer: Result<Value, ResponseError>) {
        let reply = self.reply.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (result, error) = match answer {
            Ok(result) => (Some(result), None),
            Err(error) => (None, Some(error)),
        };
        if let Some(reply) = reply {
            reply(Response { jsonrpc: JsonRpc::V2, id: Some(self.request.id), result, error });
        }
    }

    fn expiry(&self) -> Option<Expiry> {
        self.expires.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is_expired(&self) -> bool {
        self.expiry().is_some_and(|expires| expires.is_over())
    }

    fn is_answered(&self) -> bool {
        self.reply.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Whoever asked is about to be told that it is worked on, and waits so much longer. False if nobody waits any more.
    fn extend(&self) -> bool {
        let mut expires = self.expires.lock().unwrap_or_else(PoisonError::into_inner);
        match expires.as_mut() {
            Some(expires) if expires.is_over() => false,
            Some(expires) => {
                *expires = Expiry::after(WORKING_LEASE);
                true
            }
            None => true,
        }
    }

    /// Waits until no other patch is made in this process.
    fn take_patch_lock(&self) -> Result<(), ResponseError> {
        let deadline = Instant::now() + PATCH_LOCK_WAIT;
        while PATCHING.compare_exchange(0, self.number, Ordering::AcqRel, Ordering::Acquire).is_err() {
            if Instant::now() > deadline || self.is_expired() {
                let message = "another patch is still being made in this process; try again when it is done";
                return Err(ResponseError::refused(codes::TIMED_OUT, message));
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        Ok(())
    }

    fn release_patch_lock(&self) {
        let _ = PATCHING.compare_exchange(self.number, 0, Ordering::AcqRel, Ordering::Acquire);
    }
}

fn current() -> Option<Arc<Job>> {
    CURRENT.with_borrow(Clone::clone)
}

/// Whether the current thread serves a request that is not answered yet.
pub fn is_to_answer() -> bool {
    current().is_some_and(|job| !job.is_answered())
}

/// Whether the current thread serves a request.
#[pyfunction]
pub fn is_job() -> bool {
    IS_JOB.get()
}

/// Whether any other thread than this one serves a request.
#[pyfunction]
pub fn is_working() -> bool {
    RUNNING.load(Ordering::Acquire) > usize::from(is_job())
}

/// Waits until no job runs, or until the time is over. The caller must not hold the GIL.
pub fn wait_for_all(limit: Duration) -> bool {
    let deadline = Instant::now() + limit;
    while RUNNING.load(Ordering::Acquire) > 0 {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    true
}

/// Before a fork: a job's own thread leaves `threading`, so that the child takes it for its main thread.
pub fn before_fork(py: Python<'_>) {
    if is_job() {
        unlist(py);
    }
}

/// In a child after fork no job runs. Says whether it was one that forked.
pub fn reset(py: Python<'_>) -> bool {
    let forked = is_job();
    if forked {
        IN_FORKED_CHILD.set(true);
        IS_JOB.set(false);
        if let Some(job) = CURRENT.take() {
            // The answer is the parent's.
            drop(job.reply.lock().unwrap_or_else(PoisonError::into_inner).take());
        }
    }
    WAITING.store(0, Ordering::Release);
    RUNNING.store(0, Ordering::Release);
    ASKED.store(false, Ordering::Release);
    PATCHING.store(0, Ordering::Release);
    switching::reset(py);
    forked
}

/// Runs in the main thread between two bytecodes: lets the GIL go until the waiting job has it. No Python code runs here.
extern "C" fn step_aside(_argument: *mut std::ffi::c_void) -> std::ffi::c_int {
    ASKED.store(false, Ordering::Release);
    if WAITING.load(Ordering::Acquire) > 0 {
        // SAFETY: a pending call runs with the GIL held; it is given back before the call returns.
        unsafe {
            let state = ffi::PyEval_SaveThread();
            let deadline = Instant::now() + Duration::from_millis(20);
            while WAITING.load(Ordering::Acquire) > 0 && Instant::now() < deadline {
                std::thread::sleep(Duration::from_micros(20));
            }
            ffi::PyEval_RestoreThread(state);
        }
    }
    0
}

/// What takes the GIL next counts itself out of `WAITING` when it has it.
fn ask_for_gil() {
    WAITING.fetch_add(1, Ordering::AcqRel);
    if !ASKED.swap(true, Ordering::AcqRel) && !cpython::call_soon(step_aside) {
        ASKED.store(false, Ordering::Release);
    }
}

/// Does something without the GIL and gets it back as quickly as a job does at first. `work` must not panic.
pub fn step_out<T>(py: Python<'_>, work: impl FnOnce() -> T) -> T {
    let result = finalizing::without_gil(py, || {
        let result = work();
        ask_for_gil();
        result
    });
    WAITING.fetch_sub(1, Ordering::AcqRel);
    result
}

/// Starts a thread of the agent's that takes the GIL. `work` is not called if there is none to spare.
fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> bool {
    RUNNING.fetch_add(1, Ordering::AcqRel);
    let work = move || {
        IS_JOB.set(true);
        work();
        if !IN_FORKED_CHILD.get() {
            RUNNING.fetch_sub(1, Ordering::AcqRel);
        }
    };
    let spawned = std::thread::Builder::new().name(name.to_owned()).stack_size(thread::stack_size()).spawn(work);
    if spawned.is_err() {
        RUNNING.fetch_sub(1, Ordering::AcqRel);
    }
    spawned.is_ok()
}

/// Serves a request on a thread of its own and hands the answer to `reply`. What it gives tells whether it is worked on.
pub fn start(request: Request, reply: impl FnOnce(Response) + Send + 'static) -> Working {
    let job = Arc::new(Job::new(request, Box::new(reply)));
    let own = job.clone();
    let started = spawn("hotsplice-job", move || {
        CURRENT.set(Some(own.clone()));
        let answer = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| serve(&own)))
            .unwrap_or_else(|_| Err(ResponseError::refused(codes::INTERNAL, "the agent failed; nothing was changed")));
        CURRENT.set(None);
        own.release_patch_lock();
        own.answer(answer);
    });
    if !started {
        let message = "the process can't start a thread; nothing was changed";
        job.answer(Err(ResponseError::refused(codes::INTERNAL, message)));
    }
    Working { job, until: Instant::now() + WORKING_AT_MOST }
}

/// A request that may take long.
pub struct Working {
    job: Arc<Job>,
    until: Instant,
}

/// How it stands.
pub enum Progress {
    Waits,
    Works,
    /// It is answered, or nobody waits for it any more.
    Over,
}

impl Working {
    pub const LOOK: Duration = WORKING_EVERY;

    /// From here on it is waited for as long as is said, if it is worked on.
    pub fn progress(&self) -> Progress {
        if self.job.is_answered() || Instant::now() > self.until {
            Progress::Over
        } else if !self.job.begun.load(Ordering::Acquire) {
            Progress::Waits
        } else if self.job.extend() {
            Progress::Works
        } else {
            Progress::Over
        }
    }
}

/// An interpreter that still starts, and runs `sitecustomize`, takes no thread yet on CPython 3.15; to try it once would spoil all
/// later attempts.
fn wait_for_interpreter() -> Result<(), ResponseError> {
    static HAS_STARTED: AtomicBool = AtomicBool::new(false);
    let deadline = Instant::now() + PATCH_LOCK_WAIT;
    // SAFETY: this may be called at any time.
    while !HAS_STARTED.load(Ordering::Acquire) && unsafe { ffi::Py_IsInitialized() } == 0 {
        if Instant::now() > deadline {
            return Err(ResponseError::refused(codes::TIMED_OUT, "the process is still starting; try again"));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    HAS_STARTED.store(true, Ordering::Release);
    Ok(())
}

fn serve(job: &Arc<Job>) -> Result<Value, ResponseError> {
    if job.request.method.starts_with("patch/") {
        job.take_patch_lock()?;
    }
    wait_for_interpreter()?;
    ask_for_gil();
    Python::attach(|py| {
        WAITING.fetch_sub(1, Ordering::AcqRel);
        if job.is_expired() && matches!(job.request.method.as_str(), method::PREPARE | method::COMMIT) {
            let message = "whoever asked for the patch does not wait for it any more; nothing was changed";
            return Err(ResponseError::refused(codes::TIMED_OUT, message));
        }
        job.begun.store(true, Ordering::Release);
        let listed = Listed::enter(py);
        cpython::contexts::enter_copy_of_main(py);
        // The first request loads it, which reads many files. Should that fail, it does so again below.
        if !IS_ENGINE_LOADED.load(Ordering::Acquire) {
            IS_ENGINE_LOADED.store(switching::hurried(py, || engine(py)).is_ok(), Ordering::Release);
        }
        let undisturbed = Undisturbed::enter(py).ok();
        if let Some(limit) = job.request.params.pointer("/patch/options/time_limit_ms").and_then(Value::as_u64) {
            job.deadline.set(job, Duration::from_millis(limit));
        }
        let answer = call_engine(py, &job.request);
        job.deadline.end();
        drop(undisturbed);
        drop(listed);
        answer.map_err(|error| describe(py, error))
    })
}

fn call_engine(py: Python<'_>, request: &Request) -> PyResult<Value> {
    let params = cpython::collecting::without_collecting(py, || json::to_python(py, &request.params))?;
    let arguments = (&request.method, params).into_pyobject(py)?;
    let answer = finalizing::call(&engine(py)?.getattr("handle")?, &arguments)?;
    json::from_python(&answer)
}

fn engine(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    finalizing::call(&py.import("hotsplice._loading")?.getattr("engine")?, &PyTuple::empty(py))
}

/// `EngineError` carries its own code; anything else is our failure, with the traceback for the report.
fn describe(py: Python<'_>, error: PyErr) -> ResponseError {
    let value = error.value(py);
    let known = value.getattr("code").and_then(|code| code.extract::<String>());
    let message = value.getattr("message").and_then(|message| message.extract::<String>());
    if let (Ok(code), Ok(message)) = (known, message) {
        return ResponseError::refused(&code, message);
    }
    let traceback = error.traceback(py).and_then(|traceback| traceback.format().ok()).unwrap_or_default();
    ResponseError::refused(codes::INTERNAL, format!("the agent failed; nothing was changed: {error}\n{traceback}"))
}

/// What the listener sets off at a time.
pub enum Alarm {
    /// A job's time is over.
    Limit(Limit),
    /// The engine asked to be called.
    Call(Py<PyAny>),
}

impl Alarm {
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Limit(limit) if limit.is_over())
    }

    /// What needs the GIL is done on a thread of its own.
    pub fn ring(self) {
        match self {
            Self::Limit(limit) => limit.reached(),
            Self::Call(callable) => {
                let work = move || Python::attach(|py| call(py, &callable));
                // Without a thread to spare it is not called: nothing better can be done.
                spawn("hotsplice-alarm", work);
            }
        }
    }
}

fn call(py: Python<'_>, callable: &Py<PyAny>) {
    let listed = Listed::enter(py);
    cpython::contexts::enter_copy_of_main(py);
    if let Err(error) = finalizing::call(callable.bind(py), &PyTuple::empty(py)) {
        error.write_unraisable(py, None);
    }
    drop(listed);
}

/// Calls something on an agent's thread after a while.
#[pyfunction]
pub fn call_later(milliseconds: u64, callable: Py<PyAny>) {
    session::at(Instant::now() + Duration::from_millis(milliseconds), Alarm::Call(callable));
}
