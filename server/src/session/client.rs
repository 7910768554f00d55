//! One connection to one process: requests with answers and time-outs, and events.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hotsplice_channel::expiry::{Expiry, WORKING_PATIENCE};
use hotsplice_channel::message::{Hello, HelloAnswer, JsonRpc, Request, ResponseError, event, method};
use hotsplice_channel::registry::{self, Entry};
use hotsplice_channel::{PROTOCOL, codes, framing};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::SessionError;
use super::naming::shorten;

/// What a process tells without being asked.
#[derive(Debug, Clone)]
pub enum Event {
    Notification {
        method: String,
        params: Value,
    },
    /// The connection is over.
    Closed,
}

/// How often it is looked whether a process that does not answer is stopped.
const LOOK: Duration = Duration::from_millis(200);
/// A process that answered so long ago is not asked whether it answers.
const JUST: Duration = Duration::from_millis(20);
/// Requests that change the process.
const CHANGING: [&str; 3] = [method::PREPARE, method::COMMIT, method::ABORT];

type Pending = Arc<Mutex<Waiting>>;

/// Who waits for an answer.
#[derive(Default)]
struct Waiting {
    asked: HashMap<u64, Sender<Said>>,
    /// Why the connection ends, where that was said before anything was asked.
    refusal: Option<Answer>,
}

/// A result is parsed by whoever asked: that of a large patch is long.
#[derive(Clone)]
struct Answer {
    result: Option<Box<RawValue>>,
    error: Option<ResponseError>,
}

/// What a process says to a request.
enum Said {
    /// It works on it.
    Working,
    Answer(Answer),
}

pub struct Client {
    entry: Entry,
    pid: u32,
    /// How many modules the process has said that it loads.
    loads: Arc<AtomicU64>,
    stream: UnixStream,
    writing: Mutex<()>,
    pending: Pending,
    last: AtomicU64,
    /// When the last answer came.
    heard: Mutex<Option<Instant>>,
    closed: Arc<AtomicBool>,
}

impl Client {
    pub fn connect(entry: &Entry, role: &str, on_event: impl Fn(Event) + Send + 'static) -> Result<Self, SessionError> {
        let gone = |_| SessionError::gone(entry);
        let stream = UnixStream::connect(&entry.socket).map_err(|_| match registry::replaced_by(entry) {
            Some(command) => SessionError::Replaced { pid: entry.pid, command: shorten(&command) },
            None => SessionError::gone(entry),
        })?;
        stream.set_write_timeout(Some(Duration::from_secs(10))).map_err(gone)?;
        let reading = stream.try_clone().map_err(gone)?;
        let pending = Pending::default();
        let closed = Arc::<AtomicBool>::default();
        let loads = Arc::<AtomicU64>::default();
        let client = Self {
            entry: entry.clone(),
            pid: entry.pid,
            loads: loads.clone(),
            stream,
            writing: Mutex::new(()),
            pending: pending.clone(),
            last: AtomicU64::new(0),
            heard: Mutex::default(),
            closed: closed.clone(),
        };
        std::thread::Builder::new()
            .name(format!("session-{}", entry.pid))
            .spawn(move || {
                let on_message = |event: Event| {
                    if matches!(&event, Event::Notification { method, .. } if method == event::MODULE_LOADED) {
                        loads.fetch_add(1, Ordering::Release);
                    }
                    on_event(event);
                };
                read(reading, &pending, &on_message);
                closed.store(true, Ordering::Release);
                // Whoever waits learns that nothing will come.
                pending.lock().unwrap_or_else(PoisonError::into_inner).asked.clear();
                on_event(Event::Closed);
            })
            .map_err(gone)?;
        let answer = client.greet(role)?;
        if answer.session.id != entry.id {
            // The socket of a process that is gone, taken by another one.
            return Err(SessionError::gone(entry));
        }
        Ok(client)
    }

    fn greet(&self, role: &str) -> Result<HelloAnswer, SessionError> {
        let hello = Hello { protocol: PROTOCOL, client: format!("hotsplice {} {role}", env!("CARGO_PKG_VERSION")) };
        self.request(method::HELLO, &hello, Duration::from_secs(5))
    }

    /// Returns when all that the process has told by now has arrived. Wakes no Python: a greeting is answered without it.
    pub fn catch_up(&self) -> Result<(), SessionError> {
        self.greet("again").map(drop)
    }

    /// Whether an answer has come within the last moments: the process runs.
    pub fn was_just_heard(&self) -> bool {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|heard| heard.elapsed() < JUST)
    }

    pub fn loads(&self) -> u64 {
        self.loads.load(Ordering::Acquire)
    }

    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Twice: one that is traced stands still for a moment at every call into the kernel.
    pub fn is_stopped(&self) -> bool {
        registry::is_stopped(&self.entry) && {
            std::thread::sleep(Duration::from_millis(20));
            registry::is_stopped(&self.entry)
        }
    }

    /// Asks and waits for the answer.
    pub fn request<T: DeserializeOwned>(
        &self,
        method: &str,
        params: &impl Serialize,
        patience: Duration,
    ) -> Result<T, SessionError> {
        let bad = |error: serde_json::Error| SessionError::BadMessage { pid: self.pid, detail: error.to_string() };
        let id = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let method = method.to_owned();
        // Earlier than it is waited for: the answer to what goes live at the last moment is on its way then.
        let expires = Some(Expiry::after(patience * 4 / 5));
        let request = Request { jsonrpc: JsonRpc::V2, id, method: method.clone(), params, expires };
        let bytes = framing::encode(&request).map_err(bad)?;
        if bytes.len() > hotsplice_channel::MAX_MESSAGE {
            let message = format!("the patch is {} bytes long, more than a message may be", bytes.len());
            return Err(SessionError::Refused { code: codes::MESSAGE_TOO_LONG.to_owned(), message });
        }
        // What is not asked can't be done later, when whoever asked was told that it was not.
        if self.is_stopped() {
            return Err(SessionError::Stopped { pid: self.pid });
        }
        let (sender, answer) = channel();
        {
            let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
            match &pending.refusal {
                Some(refusal) => drop(sender.send(Said::Answer(refusal.clone()))),
                None => drop(pending.asked.insert(id, sender)),
            }
        }
        if self.is_closed() {
            // Nobody is left to read an answer.
            self.pending.lock().unwrap_or_else(PoisonError::into_inner).asked.clear();
        }
        let written = {
            let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
            (&self.stream).write_all(&bytes)
        };
        drop(bytes);
        let changes = CHANGING.contains(&method.as_str());
        let received = match written {
            Ok(()) => self.wait(&answer, patience, changes),
            // It may have said why before it closed.
            Err(_) => self.wait(&answer, Duration::from_millis(200), true).map_err(|_| RecvTimeoutError::Disconnected),
        };
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).asked.remove(&id);
        let response = received.map_err(|error| match error {
            RecvTimeoutError::Timeout if !changes && self.is_stopped() => SessionError::Stopped { pid: self.pid },
            RecvTimeoutError::Timeout => SessionError::TimedOut { pid: self.pid, seconds: patience.as_secs() },
            RecvTimeoutError::Disconnected => SessionError::gone(&self.entry),
        })?;
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        if let Some(error) = response.error {
            let code = error.data.map_or_else(|| codes::BAD_MESSAGE.to_owned(), |data| data.code);
            return Err(SessionError::Refused { code, message: error.message });
        }
        serde_json::from_str(response.result.as_deref().map_or("null", RawValue::get)).map_err(bad)
    }

    /// A question is not waited for longer once the process is stopped; what may have changed something is. What the process
    /// works on is waited for as long as it says so.
    fn wait(&self, answer: &Receiver<Said>, patience: Duration, changes: bool) -> Result<Answer, RecvTimeoutError> {
        let mut end = Instant::now() + patience;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match answer.recv_timeout(if changes { left } else { left.min(LOOK) }) {
                Ok(Said::Answer(response)) => return Ok(response),
                Ok(Said::Working) => end = end.max(Instant::now() + WORKING_PATIENCE),
                Err(RecvTimeoutError::Timeout) if left > LOOK && !changes && !self.is_stopped() => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Ends the reading thread; a connection that is closed already needs nothing.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

fn read(mut stream: UnixStream, pending: &Pending, on_event: &impl Fn(Event)) {
    let mut lines = framing::Lines::default();
    let mut block = vec![0u8; 64 * 1024];
    'connection: loop {
        match stream.read(&mut block) {
            Ok(0) => break,
            Ok(count) => lines.push(&block[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        }
        loop {
            match lines.next_line() {
                Ok(Some(line)) => {
                    if !take(&line, pending, on_event) {
                        break 'connection;
                    }
                }
                Ok(None) => break,
                Err(_) => break 'connection,
            }
        }
    }
}

/// A notification, or the answer to a request.
#[derive(Deserialize)]
struct Message {
    jsonrpc: JsonRpc,
    method: Option<String>,
    #[serde(default)]
    params: Value,
    id: Option<u64>,
    result: Option<Box<RawValue>>,
    error: Option<ResponseError>,
}

/// Hands a message to whoever it is for; false when the other side does not speak our language.
fn take(line: &[u8], pending: &Pending, on_event: &impl Fn(Event)) -> bool {
    let Ok(Message { jsonrpc: JsonRpc::V2, method, params, id, result, error }) = serde_json::from_slice(line) else {
        return false;
    };
    if let Some(method) = method {
        if method == event::SESSION_ENDED {
            return false;
        }
        if method == event::WORKING {
            let pending = pending.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(waiting) = params.get("id").and_then(Value::as_u64).and_then(|id| pending.asked.get(&id)) {
                let _ = waiting.send(Said::Working);
            }
            return true;
        }
        on_event(Event::Notification { method, params });
        return true;
    }
    let answer = Answer { result, error };
    let mut pending = pending.lock().unwrap_or_else(PoisonError::into_inner);
    match id {
        Some(id) => {
            if let Some(waiting) = pending.asked.remove(&id) {
                // It may have given up waiting.
                let _ = waiting.send(Said::Answer(answer));
            }
        }
        // An error that belongs to no request ends the connection: everybody who waits is told.
        None => {
            if pending.asked.is_empty() {
                pending.refusal = Some(answer.clone());
            }
            for (_, waiting) in pending.asked.drain() {
                let _ = waiting.send(Said::Answer(answer.clone()));
            }
        }
    }
    true
}
