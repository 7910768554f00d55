//! One client of the listener: what it has said so far, and what is still to be written to it.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use hotsplice_channel::message::{Capability, Hello, HelloAnswer, JsonRpc, Request, Response, ResponseError};
use hotsplice_channel::registry::Entry;
use hotsplice_channel::{PROTOCOL, codes, framing};
use pyo3::prelude::*;
use rustix::io::Errno;
use rustix::net::{SendFlags, send};

use crate::descriptor::Guarded;

/// More than this many bytes unread by a client and it is cut off.
const MAX_UNREAD: usize = 2 * hotsplice_channel::MAX_MESSAGE;

/// How many clients have asked to be told of calls that are held.
static WATCHERS: AtomicUsize = AtomicUsize::new(0);

/// Whether a client has asked to be told of calls that are held, and is still there.
#[pyfunction]
pub fn holds_are_watched() -> bool {
    WATCHERS.load(Ordering::Acquire) > 0
}

pub fn count_watchers<'a>(connections: impl Iterator<Item = &'a Connection>) {
    let watching = connections.filter(|connection| connection.watches_holds && !connection.closing);
    WATCHERS.store(watching.count(), Ordering::Release);
}

/// A client.
pub struct Connection {
    /// A socket.
    pub stream: Guarded<OwnedFd>,
    pub lines: framing::Lines,
    pub unsent: Vec<u8>,
    /// It came by the door, and has to say the token until then.
    pub waiting: Option<Instant>,
    pub greeted: bool,
    pub watches_holds: bool,
    /// No more is read; what is unsent is still written.
    pub closing: bool,
}

impl Connection {
    pub fn new(stream: Guarded<OwnedFd>) -> Self {
        Self {
            lines: framing::Lines::default(),
            unsent: Vec::new(),
            waiting: None,
            greeted: false,
            watches_holds: false,
            closing: false,
            stream,
        }
    }

    pub fn answer(&mut self, id: Option<u64>, answer: Result<serde_json::Value, ResponseError>) {
        let (result, error) = match answer {
            Ok(result) => (Some(result), None),
            Err(error) => (None, Some(error)),
        };
        if let Ok(bytes) = framing::encode(&Response { jsonrpc: JsonRpc::V2, id, result, error }) {
            self.unsent.extend_from_slice(&bytes);
        }
    }

    /// One clear message, and the connection is closed.
    pub fn fail(&mut self, id: Option<u64>, code: &str, message: impl Into<String>) {
        self.answer(id, Err(ResponseError::refused(code, message)));
        self.closing = true;
    }
}

/// Whose process connected, as the kernel knows. `rustix` has no answer where that is of another pid namespace, as one
/// outside of our container is: its id is 0 here.
pub fn peer_user(stream: &UnixStream) -> io::Result<u32> {
    let mut peer = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut size = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `size` bytes, which `peer` has.
    let failed = unsafe {
        libc::getsockopt(stream.as_raw_fd(), libc::SOL_SOCKET, libc::SO_PEERCRED, (&raw mut peer).cast(), &raw mut size)
    };
    if failed != 0 || size as usize != size_of::<libc::ucred>() {
        return Err(io::Error::last_os_error());
    }
    Ok(peer.uid)
}

/// Writes what the client takes now; false if it is gone or does not read.
pub fn write_some(connection: &mut Connection) -> bool {
    while !connection.unsent.is_empty() {
        let Some(stream) = connection.stream.get() else { return true };
        // The program may want to know of closed pipes by a signal.
        match send(stream, &connection.unsent, SendFlags::NOSIGNAL) {
            Ok(0) => return false,
            Ok(count) => drop(connection.unsent.drain(..count)),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return connection.unsent.len() <= MAX_UNREAD,
            Err(_) => return false,
        }
    }
    true
}

/// The first that a client says.
pub fn greet(
    connection: &mut Connection,
    request: Request,
    entry: &Entry,
    capabilities: &BTreeMap<String, Capability>,
) {
    let hello: Hello = match serde_json::from_value(request.params) {
        Ok(hello) => hello,
        Err(error) => return connection.fail(Some(request.id), codes::BAD_MESSAGE, format!("no hello: {error}")),
    };
    if hello.protocol != PROTOCOL {
        let message = format!(
            "process {} was started with another build of Hotsplice ({}, messages {PROTOCOL:08x}) than {} is \
             (messages {:08x}), and the two don't understand each other; nothing was changed: start the process again, with the \
             package that belongs to this program",
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
