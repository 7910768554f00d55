//! The thread that waits for editors: accepts connections, reads requests, writes answers and events.
//!
//! It never takes the GIL. Requests that need Python become jobs; `hello` is answered here, so that a client is greeted
//! while Python is busy, blocked or stopped at a breakpoint.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use hotsplice_channel::message::{
    Capability, Hello, HelloAnswer, JsonRpc, Notification, Request, Response, ResponseError, event, method,
};
use hotsplice_channel::registry::Entry;
use hotsplice_channel::{PROTOCOL, codes, framing};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::job::{self, Alarm};

/// More than this many bytes unread by a client and it is cut off.
const MAX_UNREAD: usize = 2 * hotsplice_channel::MAX_MESSAGE;
const MAX_CONNECTIONS: usize = 64;

/// What other threads tell the listener.
pub enum Message {
    Reply {
        connection: u64,
        bytes: Vec<u8>,
    },
    Broadcast(Vec<u8>),
    Alarm(Instant, Alarm),
    /// Return the state to whoever joins the thread.
    Pause,
}

/// Puts a message in the listener's queue and wakes it.
#[derive(Clone)]
pub struct Mailbox {
    sender: Sender<Message>,
    bell: Arc<OwnedFd>,
}

impl Mailbox {
    pub fn new(sender: Sender<Message>, bell: Arc<OwnedFd>) -> Self {
        Self { sender, bell }
    }

    pub fn send(&self, message: Message) {
        // A listener that is gone needs no message.
        if self.sender.send(message).is_ok() {
            let _ = rustix::io::write(&*self.bell, &1u64.to_ne_bytes());
        }
    }
}

struct Connection {
    stream: UnixStream,
    lines: framing::Lines,
    unsent: Vec<u8>,
    greeted: bool,
    /// No more is read; what is unsent is still written.
    closing: bool,
}

/// Everything that the thread owns; it outlives the thread when that is paused for a fork.
pub struct State {
    listener: UnixListener,
    connections: HashMap<u64, Connection>,
    last_connection: u64,
    inbox: Receiver<Message>,
    mailbox: Mailbox,
    bell: Arc<OwnedFd>,
    alarms: Vec<(Instant, Alarm)>,
    entry: Entry,
    capabilities: BTreeMap<String, Capability>,
}

impl State {
    pub fn new(
        listener: UnixListener,
        inbox: Receiver<Message>,
        mailbox: Mailbox,
        entry: Entry,
        capabilities: BTreeMap<String, Capability>,
    ) -> Self {
        Self {
            listener,
            connections: HashMap::new(),
            last_connection: 0,
            inbox,
            bell: mailbox.bell.clone(),
            mailbox,
            alarms: Vec::new(),
            entry,
            capabilities,
        }
    }

    /// Tells every client that the session is over, as far as that can be done without waiting.
    pub fn say_goodbye(&mut self) {
        self.take_messages();
        let Ok(bytes) = notification(event::SESSION_ENDED, &serde_json::json!({})) else { return };
        for connection in self.connections.values_mut().filter(|connection| connection.greeted) {
            connection.unsent.extend_from_slice(&bytes);
            let _ = write_some(connection);
        }
    }

    /// Waits and serves until it is told to pause.
    pub fn run(mut self) -> Self {
        loop {
            match self.turn() {
                Ok(true) => return self,
                Ok(false) => {}
                // Nothing is left to wait on: the process is out of descriptors or memory. Try again, slowly.
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    fn turn(&mut self) -> io::Result<bool> {
        let (accepting, ringing, ready) = self.wait()?;
        if ringing {
            let mut count = [0u8; 8];
            let _ = rustix::io::read(&*self.bell, &mut count);
        }
        let pause = self.take_messages();
        self.ring_alarms();
        if accepting {
            self.accept();
        }
        for id in ready {
            self.read(id);
        }
        self.connections
            .retain(|_, connection| write_some(connection) && !(connection.closing && connection.unsent.is_empty()));
        Ok(pause)
    }

    /// Whether one of the messages says that the thread is to pause.
    fn take_messages(&mut self) -> bool {
        let mut pause = false;
        while let Ok(message) = self.inbox.try_recv() {
            match message {
                Message::Reply { connection, bytes } => {
                    if let Some(connection) = self.connections.get_mut(&connection) {
                        connection.unsent.extend_from_slice(&bytes);
                    }
                }
                Message::Broadcast(bytes) => {
                    for connection in self.connections.values_mut().filter(|connection| connection.greeted) {
                        connection.unsent.extend_from_slice(&bytes);
                    }
                }
                Message::Alarm(when, alarm) => self.alarms.push((when, alarm)),
                Message::Pause => pause = true,
            }
        }
        pause
    }

    /// What there is to do: accept, look into the inbox, and connections with something to read.
    fn wait(&self) -> io::Result<(bool, bool, Vec<u64>)> {
        let ids: Vec<u64> = self.connections.keys().copied().collect();
        let mut waited = vec![
            PollFd::new(&self.listener, PollFlags::IN),
            PollFd::from_borrowed_fd(self.bell.as_fd(), PollFlags::IN),
        ];
        for id in &ids {
            let connection = &self.connections[id];
            let mut flags = PollFlags::empty();
            if !connection.closing {
                flags |= PollFlags::IN;
            }
            if !connection.unsent.is_empty() {
                flags |= PollFlags::OUT;
            }
            waited.push(PollFd::new(&connection.stream, flags));
        }
        let next = self.alarms.iter().map(|(when, _)| when.saturating_duration_since(Instant::now())).min();
        let timeout = next.and_then(|next| Timespec::try_from(next).ok());
        match poll(&mut waited, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let ready = ids.into_iter().zip(&waited[2..]).filter(|(_, fd)| !fd.revents().is_empty()).map(|(id, _)| id);
        let ready = ready.collect();
        Ok((!waited[0].revents().is_empty(), !waited[1].revents().is_empty(), ready))
    }

    fn ring_alarms(&mut self) {
        let now = Instant::now();
        for (when, alarm) in std::mem::take(&mut self.alarms) {
            if alarm.is_over() {
                continue;
            }
            if when <= now {
                alarm.ring();
            } else {
                self.alarms.push((when, alarm));
            }
        }
    }

    fn accept(&mut self) {
        while let Ok((stream, _)) = self.listener.accept() {
            if self.connections.len() >= MAX_CONNECTIONS || stream.set_nonblocking(true).is_err() {
                continue;
            }
            let mut connection = Connection {
                lines: framing::Lines::default(),
                unsent: Vec::new(),
                greeted: false,
                closing: false,
                stream,
            };
            let ours = rustix::process::getuid();
            match rustix::net::sockopt::socket_peercred(&connection.stream) {
                Ok(peer) if peer.uid == ours => {}
                _ => connection.fail(None, codes::OTHER_USER, "this process belongs to another user"),
            }
            self.last_connection += 1;
            self.connections.insert(self.last_connection, connection);
        }
    }

    fn read(&mut self, id: u64) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if connection.closing {
            return;
        }
        let mut block = [0u8; 64 * 1024];
        loop {
            match connection.stream.read(&mut block) {
                Ok(0) => {
                    connection.closing = true;
                    break;
                }
                Ok(count) => {
                    connection.lines.push(&block[..count]);
                    match connection.lines.next_line() {
                        Ok(Some(line)) => self.serve(id, &line),
                        Ok(None) => {}
                        Err(error) => {
                            connection.fail(None, codes::MESSAGE_TOO_LONG, error.to_string());
                            return;
                        }
                    }
                    self.serve_rest(id);
                    let Some(again) = self.connections.get_mut(&id) else { return };
                    if again.closing {
                        return;
                    }
                    return;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => {
                    connection.closing = true;
                    connection.unsent.clear();
                    break;
                }
            }
        }
    }

    /// The lines that came together with the first one.
    fn serve_rest(&mut self, id: u64) {
        while let Some(connection) = self.connections.get_mut(&id) {
            if connection.closing {
                return;
            }
            match connection.lines.next_line() {
                Ok(Some(line)) => self.serve(id, &line),
                Ok(None) => return,
                Err(error) => return connection.fail(None, codes::MESSAGE_TOO_LONG, error.to_string()),
            }
        }
    }

    fn serve(&mut self, id: u64, line: &[u8]) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let request: Request = match serde_json::from_slice(line) {
            Ok(request) => request,
            Err(error) => {
                let message = format!("this is no request: {error}");
                let error = ResponseError { code: -32600, ..ResponseError::refused(codes::BAD_MESSAGE, message) };
                return connection.answer(None, Err(error));
            }
        };
        if request.method == method::HELLO {
            return greet(connection, request, &self.entry, &self.capabilities);
        }
        if !connection.greeted {
            let message = format!("{} came before hello", request.method);
            return connection.fail(Some(request.id), codes::BAD_MESSAGE, message);
        }
        let mailbox = self.mailbox.clone();
        job::start(request, move |response| {
            if let Ok(bytes) = framing::encode(&response) {
                mailbox.send(Message::Reply { connection: id, bytes });
            }
        });
    }
}

fn greet(connection: &mut Connection, request: Request, entry: &Entry, capabilities: &BTreeMap<String, Capability>) {
    let hello: Hello = match serde_json::from_value(request.params) {
        Ok(hello) => hello,
        Err(error) => return connection.fail(Some(request.id), codes::BAD_MESSAGE, format!("no hello: {error}")),
    };
    if hello.protocol != PROTOCOL {
        let message = format!(
            "the agent in process {} speaks protocol {PROTOCOL} (hotsplice {}), {} speaks {}: start the process again \
             with the same version of Hotsplice",
            entry.pid, entry.version, hello.client, hello.protocol
        );
        return connection.fail(Some(request.id), codes::PROTOCOL_MISMATCH, message);
    }
    connection.greeted = true;
    let answer = HelloAnswer { protocol: PROTOCOL, session: entry.clone(), capabilities: capabilities.clone() };
    match serde_json::to_value(answer) {
        Ok(answer) => connection.answer(Some(request.id), Ok(answer)),
        Err(error) => connection.fail(Some(request.id), codes::INTERNAL, error.to_string()),
    }
}

impl Connection {
    fn answer(&mut self, id: Option<u64>, answer: Result<serde_json::Value, ResponseError>) {
        let (result, error) = match answer {
            Ok(result) => (Some(result), None),
            Err(error) => (None, Some(error)),
        };
        if let Ok(bytes) = framing::encode(&Response { jsonrpc: JsonRpc::V2, id, result, error }) {
            self.unsent.extend_from_slice(&bytes);
        }
    }

    /// One clear message, and the connection is closed.
    fn fail(&mut self, id: Option<u64>, code: &str, message: impl Into<String>) {
        self.answer(id, Err(ResponseError::refused(code, message)));
        self.closing = true;
    }
}

/// Writes what the client takes now; false if it is gone or does not read.
fn write_some(connection: &mut Connection) -> bool {
    while !connection.unsent.is_empty() {
        match connection.stream.write(&connection.unsent) {
            Ok(0) => return false,
            Ok(count) => drop(connection.unsent.drain(..count)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return connection.unsent.len() <= MAX_UNREAD,
            Err(_) => return false,
        }
    }
    true
}

/// An event as it goes on the wire.
pub fn notification(method: &str, params: &impl serde::Serialize) -> Result<Vec<u8>, serde_json::Error> {
    framing::encode(&Notification {
        jsonrpc: JsonRpc::V2,
        method: method.to_owned(),
        params: serde_json::to_value(params)?,
    })
}
