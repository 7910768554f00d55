//! One request that needs Python, on a native thread of its own.
//!
//! The thread gets the GIL quickly even in a busy program: the main thread, at its next safe point, steps aside for
//! it. It is hidden from debuggers, and what it runs has a time limit.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hotsplice_channel::codes;
use hotsplice_channel::message::{JsonRpc, Request, Response, ResponseError};
use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::switching::Undisturbed;
use crate::{cpython, finalizing, json, session, switching};

/// Jobs that wait for the GIL.
static WAITING: AtomicUsize = AtomicUsize::new(0);
/// Jobs that have not ended.
static RUNNING: AtomicUsize = AtomicUsize::new(0);
/// The main thread has been asked to step aside and has not done so yet. CPython queues 32 such calls, for everybody.
static ASKED: AtomicBool = AtomicBool::new(false);
/// A job prepares or commits a patch: that is done one at a time.
static PATCHING: AtomicBool = AtomicBool::new(false);
/// How long a patch waits for another one. Less than a client waits, so that it is told why.
const TURN: Duration = Duration::from_secs(4);

thread_local! {
    static IS_JOB: Cell<bool> = const { Cell::new(false) };
    /// Of the job that this thread does.
    static LIMIT: RefCell<Option<Arc<TimeLimit>>> = const { RefCell::new(None) };
}

/// Whether the current thread serves a request.
pub fn is_job() -> bool {
    IS_JOB.get()
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

/// In a child after fork no job runs.
pub fn reset(py: Python<'_>) {
    WAITING.store(0, Ordering::Release);
    RUNNING.store(0, Ordering::Release);
    ASKED.store(false, Ordering::Release);
    PATCHING.store(false, Ordering::Release);
    switching::reset(py);
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

/// Serves a request on a thread of its own and hands the answer to `reply`.
pub fn start(request: Request, reply: impl Fn(Response) + Send + Sync + 'static) {
    RUNNING.fetch_add(1, Ordering::AcqRel);
    let id = request.id;
    let reply = Arc::new(reply);
    let without_thread = reply.clone();
    let work = move || {
        IS_JOB.set(true);
        let answer = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| serve(&request)))
            .unwrap_or_else(|_| Err(ResponseError::refused(codes::INTERNAL, "the agent failed; nothing was changed")));
        let (result, error) = match answer {
            Ok(result) => (Some(result), None),
            Err(error) => (None, Some(error)),
        };
        reply(Response { jsonrpc: JsonRpc::V2, id: Some(id), result, error });
        RUNNING.fetch_sub(1, Ordering::AcqRel);
    };
    if std::thread::Builder::new().name("hotsplice-job".to_owned()).spawn(work).is_err() {
        RUNNING.fetch_sub(1, Ordering::AcqRel);
        let error = ResponseError::refused(codes::INTERNAL, "the process can't start a thread; nothing was changed");
        without_thread(Response { jsonrpc: JsonRpc::V2, id: Some(id), result: None, error: Some(error) });
    }
}

/// While it lives, no other job prepares or commits a patch.
struct Turn;

impl Turn {
    fn take() -> Result<Self, ResponseError> {
        let deadline = Instant::now() + TURN;
        while PATCHING.swap(true, Ordering::AcqRel) {
            if Instant::now() > deadline {
                let message = "another patch is still being made in this process; try again when it is done";
                return Err(ResponseError::refused(codes::TIMED_OUT, message));
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        Ok(Self)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        PATCHING.store(false, Ordering::Release);
    }
}

fn serve(request: &Request) -> Result<serde_json::Value, ResponseError> {
    let _turn = if request.method.starts_with("patch/") { Some(Turn::take()?) } else { None };
    WAITING.fetch_add(1, Ordering::AcqRel);
    if !ASKED.swap(true, Ordering::AcqRel) && !cpython::call_soon(step_aside) {
        ASKED.store(false, Ordering::Release);
    }
    let limit = request.params.pointer("/patch/options/time_limit_ms").and_then(serde_json::Value::as_u64);
    Python::attach(|py| {
        WAITING.fetch_sub(1, Ordering::AcqRel);
        let hidden = Hidden::enter(py);
        let undisturbed = Undisturbed::enter(py).ok();
        let watchdog = Watchdog::start(py, limit.map(Duration::from_millis));
        let answer = call_engine(py, request);
        drop(watchdog);
        drop(undisturbed);
        drop(hidden);
        answer.map_err(|error| describe(py, error))
    })
}

fn call_engine(py: Python<'_>, request: &Request) -> PyResult<serde_json::Value> {
    let params = json::to_python(py, &request.params)?;
    let engine = py.import("hotsplice._engine")?;
    let arguments = (&request.method, params).into_pyobject(py)?;
    let answer = finalizing::call(&engine.getattr("handle")?, &arguments)?;
    json::from_python(&answer)
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

/// While it lives, `threading` knows this thread as one that debuggers leave alone.
struct Hidden<'py> {
    entry: Option<(Bound<'py, PyDict>, u64)>,
}

impl<'py> Hidden<'py> {
    /// Done natively and first: no line of Python runs on the thread before it is marked.
    fn enter(py: Python<'py>) -> Self {
        Self { entry: Self::mark(py).ok() }
    }

    fn mark(py: Python<'py>) -> PyResult<(Bound<'py, PyDict>, u64)> {
        let marker = session::thread_marker(py).ok_or_else(|| PyRuntimeError::new_err("no marker"))?;
        let active = py.import("threading")?.getattr("_active")?.cast_into::<PyDict>()?;
        let ident = thread_ident(py)?;
        active.set_item(ident, marker)?;
        Ok((active, ident))
    }
}

impl Drop for Hidden<'_> {
    fn drop(&mut self) {
        if let Some((active, ident)) = self.entry.take() {
            // Somebody else may have taken it out: it is gone then as it should be.
            let _ = active.del_item(ident);
        }
    }
}

fn thread_ident(py: Python<'_>) -> PyResult<u64> {
    py.import("_thread")?.call_method0("get_ident")?.extract()
}

/// A job may take so long; then `TimeLimit` is raised in its thread.
#[derive(Default)]
pub struct TimeLimit {
    over: AtomicBool,
    raised: AtomicBool,
}

impl TimeLimit {
    /// Called on the job's own thread, with the GIL held: from here on its time is not limited.
    fn end(&self, py: Python<'_>) {
        self.over.store(true, Ordering::Release);
        if self.raised.swap(false, Ordering::AcqRel) {
            // If it has not arrived yet, it does so in whatever is run next. Taking it back by setting null, or ending
            // the thread, would leave CPython 3.11 and older looking for it after every bytecode, for ever.
            let _ = py.eval(c"None", None, None);
        }
    }
}

/// While it lives, the job's time is limited.
struct Watchdog<'py>(Python<'py>);

impl<'py> Watchdog<'py> {
    fn start(py: Python<'py>, limit: Option<Duration>) -> Self {
        if let (Some(limit), Ok(ident)) = (limit, thread_ident(py)) {
            let shared = Arc::<TimeLimit>::default();
            LIMIT.replace(Some(shared.clone()));
            session::at(Instant::now() + limit, Alarm::Limit { limit: shared, ident });
        }
        Self(py)
    }
}

impl Drop for Watchdog<'_> {
    fn drop(&mut self) {
        end_limit(self.0);
    }
}

/// What is about to become live can't be given up any more.
pub fn end_limit(py: Python<'_>) {
    if let Some(limit) = LIMIT.take() {
        limit.end(py);
    }
}

/// What the listener sets off at a time.
pub enum Alarm {
    /// A job's time is over.
    Limit { limit: Arc<TimeLimit>, ident: u64 },
    /// The engine asked to be called.
    Call(Py<PyAny>),
}

impl Alarm {
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Limit { limit, .. } if limit.over.load(Ordering::Acquire))
    }

    /// On a thread of its own, since it needs the GIL.
    pub fn ring(self) {
        RUNNING.fetch_add(1, Ordering::AcqRel);
        let work = move || {
            IS_JOB.set(true);
            if !self.is_over() {
                Python::attach(|py| self.carry_out(py));
            }
            RUNNING.fetch_sub(1, Ordering::AcqRel);
        };
        // Without a thread to spare the evaluation goes on unlimited: nothing better can be done.
        if std::thread::Builder::new().name("hotsplice-alarm".to_owned()).spawn(work).is_err() {
            RUNNING.fetch_sub(1, Ordering::AcqRel);
        }
    }

    fn carry_out(&self, py: Python<'_>) {
        match self {
            Self::Limit { limit, ident } => {
                let exception = py.import("hotsplice._engine").and_then(|engine| engine.getattr("TimeLimit"));
                if let (false, Ok(exception)) = (limit.over.load(Ordering::Acquire), exception) {
                    limit.raised.store(true, Ordering::Release);
                    // SAFETY: the GIL is held and the job has not ended, so the ident is its own.
                    unsafe { ffi::PyThreadState_SetAsyncExc(*ident as _, exception.as_ptr()) };
                }
            }
            Self::Call(callable) => {
                let hidden = Hidden::enter(py);
                if let Err(error) = finalizing::call(callable.bind(py), &PyTuple::empty(py)) {
                    error.write_unraisable(py, None);
                }
                drop(hidden);
            }
        }
    }
}

/// Calls something on an agent's thread after a while.
#[pyfunction]
pub fn call_later(milliseconds: u64, callable: Py<PyAny>) {
    session::at(Instant::now() + Duration::from_millis(milliseconds), Alarm::Call(callable));
}
