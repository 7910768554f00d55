//! This process as a session: its entry in the registry, its socket, and what happens at exit and fork.
//!
//! All functions here are called with the GIL held, and the lock below is never held while the GIL is let go: so a
//! fork can't find it taken.

pub mod forking;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hotsplice_channel::PROTOCOL;
use hotsplice_channel::message::Capability;
use hotsplice_channel::registry::{self, Entry};
use hotsplice_channel::watchers;
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::door::{Door, DoorError, Token};
use crate::listener::{State, notification};
use crate::mailbox::{Mailbox, Message};
use crate::{cpython, finalizing, job, json};

struct Session {
    mailbox: Mailbox,
    entry: Entry,
    directory: PathBuf,
    /// The thread object that stands for the agent's threads in `threading`, once there is one.
    thread_entry: Option<Py<PyAny>>,
    thread: Thread,
    /// Forks that are under way: several threads may fork at once, the listener comes back after the last.
    forks: usize,
    /// Where it listens by TCP, and for whom.
    door: Option<(SocketAddr, Token)>,
}

enum Thread {
    Running(Running),
    /// While the process forks.
    Paused(Box<State>),
    /// Could not be started again, or its state was lost.
    Gone,
}

struct Running {
    thread: JoinHandle<()>,
    /// Where the thread puts its state when it is told to pause.
    ended: Receiver<Box<State>>,
}

/// How long the program waits for the listener to leave. It does so at once; one that is stuck is left behind.
const LEAVING: Duration = Duration::from_secs(1);

static SESSION: Mutex<Option<Session>> = Mutex::new(None);

fn session() -> MutexGuard<'static, Option<Session>> {
    SESSION.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A library may fork without Python's hooks: then the child has the parent's session in its memory, and nothing of it.
impl Session {
    fn is_ours(&self) -> bool {
        self.entry.pid == std::process::id()
    }

    /// The listener goes on where it paused.
    fn resume(&mut self) {
        self.thread = match std::mem::replace(&mut self.thread, Thread::Gone) {
            Thread::Paused(state) => spawn(*state).map_or(Thread::Gone, Thread::Running),
            other => other,
        };
    }
}

/// The session of this very process. What was inherited by a fork that nobody announced is left as it is.
fn own(session: &mut Option<Session>) -> Option<&mut Session> {
    session.as_mut().filter(|session| session.is_ours())
}

/// Makes this process a session. `about` gives `command`, `cwd`, `executable`, `python`, `version`. A second
/// call does nothing.
#[pyfunction]
pub fn start(py: Python<'_>, directory: PathBuf, about: &Bound<'_, PyDict>) -> PyResult<()> {
    let inherited = session().take_if(|session| !session.is_ours());
    if let Some(inherited) = inherited {
        // Its thread, socket and connections are the parent's.
        std::mem::forget(inherited);
        job::reset(py);
    }
    if session().is_some() {
        return Ok(());
    }
    cpython::required()?;
    cpython::remember_interpreter(py);
    let text = |key: &str| -> PyResult<String> {
        about.get_item(key)?.ok_or_else(|| PyRuntimeError::new_err(format!("{key} is missing")))?.extract()
    };
    let command = about.get_item("command")?.map_or(Ok(serde_json::Value::Null), |value| json::from_python(&value))?;
    let pid = std::process::id();
    let started = registry::process_started(pid)
        .ok_or_else(|| PyRuntimeError::new_err("this process can't read its own start time in /proc"))?;
    let entry = Entry {
        protocol: PROTOCOL,
        id: registry::session_id(pid, started, registry::pid_namespace()),
        pid,
        parent: rustix::process::getppid().map_or(0, |parent| parent.as_raw_nonzero().get().cast_unsigned()),
        started,
        namespace: None,
        registered: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as u64),
        command: serde_json::from_value(command).unwrap_or_default(),
        cwd: text("cwd")?,
        executable: text("executable")?,
        python: text("python")?,
        socket: String::new(),
        version: text("version")?,
        via: None,
    };
    begin(py, directory, entry, None).map_err(|error| PyOSError::new_err(error.to_string()))
}

/// Has this process, which is a session, listen by TCP too. Gives the address. Once more gives it again.
#[pyfunction]
pub fn open_door(address: &str, token: &str, exposed: bool) -> PyResult<String> {
    let refused = |error: DoorError| match error {
        DoorError::Io { .. } => PyOSError::new_err(error.to_string()),
        _ => PyValueError::new_err(error.to_string()),
    };
    let mut session = session();
    let Some(session) = own(&mut session) else { return Err(PyRuntimeError::new_err("this process is no session")) };
    if let Some((known, its)) = &session.door {
        if its.is(token) {
            return Ok(known.to_string());
        }
        let message =
            format!("this process listens at {known} already, with another token: hotsplice.stop() ends that");
        return Err(PyValueError::new_err(message));
    }
    let door = Door::open(address, Token::new(token).map_err(refused)?, exposed).map_err(refused)?;
    let opened = door.address;
    session.door = Some((opened, door.token.clone()));
    session.mailbox.send(Message::Door(Box::new(door)));
    Ok(opened.to_string())
}

#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(transparent)]
    Registry(#[from] registry::RegistryError),
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error(transparent)]
    System(#[from] rustix::io::Errno),
    #[error(transparent)]
    Io(#[from] io::Error),
}

fn begin(
    py: Python<'_>,
    directory: PathBuf,
    mut entry: Entry,
    thread_entry: Option<Py<PyAny>>,
) -> Result<(), StartError> {
    registry::ensure(&directory)?;
    let socket = directory.join(format!("{}.sock", entry.id));
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| StartError::File { path, source }
    };
    entry.socket = socket.to_string_lossy().into_owned();
    entry.namespace = registry::pid_namespace();
    let (sender, inbox) = channel();
    let mailbox = Mailbox::new(sender);
    let state = State::new(inbox, mailbox.clone(), entry.clone(), capabilities(py)).map_err(at(&socket))?;
    let thread = spawn(state)?;
    // Last, and whole at once: whoever sees the entry can connect.
    let file = directory.join(format!("{}.json", entry.id));
    let draft = directory.join(format!("{}.draft", entry.id));
    let text = serde_json::to_vec_pretty(&entry).map_err(io::Error::from)?;
    fs::write(&draft, text).map_err(at(&draft))?;
    fs::rename(&draft, &file).map_err(at(&file))?;
    *session() = Some(Session {
        mailbox,
        entry,
        directory,
        thread_entry,
        thread: Thread::Running(thread),
        forks: 0,
        door: None,
    });
    Ok(())
}

/// Signals are the program's: the thread blocks them all.
fn spawn(state: State) -> io::Result<Running> {
    let (sender, ended) = channel();
    let work = move || {
        // Nobody waits any more if it took too long.
        let _ = sender.send(Box::new(state.run()));
    };
    // SAFETY: the sets are made by the calls that fill them; the mask is this thread's own and is put back.
    unsafe {
        let mut all = std::mem::zeroed::<libc::sigset_t>();
        let mut before = std::mem::zeroed::<libc::sigset_t>();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
        let thread = std::thread::Builder::new().name("hotsplice".to_owned()).spawn(work);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut());
        Ok(Running { thread: thread?, ended })
    }
}

fn capabilities(py: Python<'_>) -> BTreeMap<String, Capability> {
    let unless =
        |available: bool, reason: &str| Capability { available, reason: (!available).then(|| reason.to_owned()) };
    BTreeMap::from([
        (
            "in-place-line-shift".to_owned(),
            // Not looked for in the layout of objects, which would be a part of each start.
            unless(py.version_info() < (3, 11) || py.version_info() >= (3, 12), "CPython 3.11 caches line numbers"),
        ),
        (
            "heap-visitor".to_owned(),
            unless(
                cpython::symbols().is_some_and(|symbols| symbols.visit_objects.is_some()),
                "PyUnstable_GC_VisitObjects comes with CPython 3.12",
            ),
        ),
    ])
}

/// The thread object that stands for the agent's threads in `threading`, which the program has imported.
pub fn thread_entry(py: Python<'_>) -> Option<Py<PyAny>> {
    let known = session().as_ref().map(|session| session.thread_entry.as_ref().map(|entry| entry.clone_ref(py)));
    if let Some(entry) = known? {
        return Some(entry);
    }
    let made = py.import("hotsplice._session").ok()?.getattr("thread_entry").ok()?.call0().ok()?.unbind();
    if let Some(session) = session().as_mut() {
        session.thread_entry = Some(made.clone_ref(py));
    }
    Some(made)
}

/// Makes the thread object before the first job needs it, where that costs no import.
#[pyfunction]
pub fn prepare_thread_entry(py: Python<'_>) {
    thread_entry(py);
}

/// Sends an event to every client. Never waits.
pub fn broadcast(method: &str, params: &impl serde::Serialize) {
    if let Some((mailbox, event)) = event(method, params) {
        mailbox.send(event);
    }
}

#[pyfunction]
pub fn notify(method: &str, params: &Bound<'_, PyDict>) -> PyResult<()> {
    if let Some((mailbox, event)) = event(method, &json::from_python(params.as_any())?) {
        mailbox.send_with_answer(event);
    }
    Ok(())
}

/// An event for every client, and where it goes.
fn event(method: &str, params: &impl serde::Serialize) -> Option<(Mailbox, Message)> {
    let mailbox = own(&mut session()).map(|session| session.mailbox.clone())?;
    Some((mailbox, Message::Broadcast(notification(method, params).ok()?)))
}

/// How long a program waits at most that may end at once, until clients have got their answers.
const TELLING: Duration = Duration::from_secs(1);

/// Waits until who has asked for something is told what became of it, if that takes no time: the program may end at once.
#[pyfunction]
pub fn wait_until_told(py: Python<'_>) {
    let Some(mailbox) = own(&mut session()).map(|session| session.mailbox.clone()) else { return };
    finalizing::without_gil(py, || {
        let (sender, written) = std::sync::mpsc::channel::<()>();
        if job::wait_for_all(TELLING) {
            mailbox.send(Message::Written(sender));
            // Nothing is ever sent: it is dropped.
            let _ = written.recv_timeout(TELLING);
        }
    });
}

/// Has the listener set off an alarm at a time.
pub fn at(when: Instant, alarm: job::Alarm) {
    if let Some(session) = own(&mut session()) {
        let is_far = when.saturating_duration_since(Instant::now()) > 2 * job::Working::LOOK;
        let message = Message::Alarm(when, alarm);
        if is_far { session.mailbox.send_with_answer(message) } else { session.mailbox.send(message) }
    }
}

/// For how long after it has come a program may not have been looked at by who watches.
const LOOKED_AT: Duration = Duration::from_secs(2);

/// Whether somebody watches for sessions who may not have come by yet.
#[pyfunction]
pub fn may_come_by() -> bool {
    let mut session = session();
    let Some(session) = own(&mut session) else { return false };
    let came = UNIX_EPOCH + Duration::from_millis(session.entry.registered);
    SystemTime::now().duration_since(came).is_ok_and(|age| age < LOOKED_AT)
        && watchers::are_announced(&session.directory)
}

/// Takes the listener's thread out of the process and gives its state.
fn pause(py: Python<'_>, mailbox: &Mailbox, thread: Thread) -> Option<Box<State>> {
    match thread {
        Thread::Running(Running { thread, ended }) => {
            mailbox.send(Message::Pause);
            py.detach(move || {
                let state = ended.recv_timeout(LEAVING).ok()?;
                let _ = thread.join();
                Some(state)
            })
        }
        Thread::Paused(state) => Some(state),
        Thread::Gone => None,
    }
}

/// Ends the session: no thread, socket or entry is left. For `atexit`, while the interpreter still runs.
#[pyfunction]
pub fn stop(py: Python<'_>) {
    let Some(session) = session().take() else { return };
    if !session.is_ours() {
        return std::mem::forget(session);
    }
    let _ = fs::remove_file(session.directory.join(format!("{}.json", session.entry.id)));
    let _ = fs::remove_file(&session.entry.socket);
    // The listener first, since it starts the jobs.
    let state = pause(py, &session.mailbox, session.thread);
    if !job::is_job() {
        py.detach(|| job::wait_for_all(Duration::from_secs(2)));
    }
    if let Some(mut state) = state {
        state.say_goodbye();
    }
}
