//! The thread that waits for editors: accepts connections, reads requests, writes answers and events.
//!
//! It never takes the GIL. Requests that need Python become jobs; `hello` is answered here, so that a client is greeted
//! while Python is busy, blocked or stopped at a breakpoint.

mod entering;
mod serving;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use hotsplice_channel::framing;
use hotsplice_channel::message::{Capability, JsonRpc, Notification, event};
use hotsplice_channel::registry::Entry;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{Shutdown, shutdown};
use rustix::process::Uid;

use crate::connection::{self, Connection, write_some};
use crate::descriptor::Guarded;
use crate::door::Door;
use crate::job::Alarm;
use crate::mailbox::{Mailbox, Message};
use serving::Served;

/// What the system says of a path that has no room in a socket's address names nothing that a user can set.
const TOO_LONG: &str =
    "the path of a socket has 107 bytes at most; set HOTSPLICE_RUNTIME_DIR to a folder with a shorter one";

const MAX_CONNECTIONS: usize = 64;

/// What there is to do: accept, look into the queue, and connections with something to read.
struct Ready {
    accepting: bool,
    entering: bool,
    ringing: bool,
    connections: Vec<u64>,
}

/// What the thread waits for, apart from its connections.
struct Waited {
    listener: Guarded<UnixListener>,
    bell: Guarded<OwnedFd>,
}

/// Everything that the thread owns; it outlives the thread when that is paused for a fork.
pub struct State {
    /// None after the program has closed our descriptors, until new ones are opened.
    waited: Option<Waited>,
    door: Option<Box<Door>>,
    reopen: Option<Reopen>,
    /// Clients wait until then: the process is out of descriptors.
    accept_after: Option<Instant>,
    connections: HashMap<u64, Connection>,
    last_connection: u64,
    inbox: Receiver<Message>,
    mailbox: Mailbox,
    alarms: Vec<(Instant, Alarm)>,
    waiting_for_writes: Vec<Sender<()>>,
    /// Requests that are being served.
    served: Vec<Served>,
    /// Whether the thread was told to pause.
    pausing: bool,
    /// How long to wait at most until the descriptors are looked at again.
    look: Duration,
    /// Whose process it was when it registered.
    user: Uid,
    entry: Entry,
    capabilities: BTreeMap<String, Capability>,
}

/// When to open new descriptors, and how often that has been tried.
struct Reopen {
    when: Instant,
    tries: u32,
}

/// A program that has closed everything is about to open its own files; ours come after that.
const REST: Duration = Duration::from_millis(200);
const MAX_TRIES: u32 = 5;

/// Closing the bell wakes who waits for it already, but not who is about to: between the look at the descriptors and the
/// wait a program may close them all. So they are looked at again, soon at first and ever more seldom when nothing happens.
const FIRST_LOOK: Duration = Duration::from_millis(100);
const LAST_LOOK: Duration = Duration::from_secs(10);

enum Turn {
    Again,
    Pause,
    /// The program has closed descriptors of ours.
    Lost,
}

impl State {
    pub fn new(
        inbox: Receiver<Message>,
        mailbox: Mailbox,
        entry: Entry,
        capabilities: BTreeMap<String, Capability>,
    ) -> io::Result<Self> {
        let mut state = Self {
            waited: None,
            door: None,
            reopen: None,
            accept_after: None,
            connections: HashMap::new(),
            last_connection: 0,
            inbox,
            mailbox,
            alarms: Vec::new(),
            waiting_for_writes: Vec::new(),
            served: Vec::new(),
            pausing: false,
            look: FIRST_LOOK,
            user: rustix::process::getuid(),
            entry,
            capabilities,
        };
        state.count_watchers();
        state.open()?;
        Ok(state)
    }

    fn open(&mut self) -> io::Result<()> {
        let socket = Path::new(&self.entry.socket);
        // What an earlier program in this process (before an `exec`) left there, or ourselves.
        let _ = fs::remove_file(socket);
        let listener = UnixListener::bind(socket).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidInput => io::Error::new(error.kind(), TOO_LONG),
            _ => error,
        })?;
        listener.set_nonblocking(true)?;
        fs::set_permissions(socket, fs::Permissions::from_mode(0o600))?;
        self.waited = Some(Waited { listener: Guarded::new(listener)?, bell: self.mailbox.new_bell()? });
        if let Some(door) = &mut self.door {
            // The program may have given the port to something of its own: then there is no door any more.
            let _ = door.reopen();
        }
        Ok(())
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
                Ok(Turn::Pause) => return self,
                Ok(Turn::Again) => {}
                Ok(Turn::Lost) => self.give_up_descriptors(),
                // Nothing is left to wait on: the process is out of descriptors or memory. Try again, slowly.
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    fn turn(&mut self) -> io::Result<Turn> {
        let Some(waited) = &self.waited else { return Ok(self.turn_without_descriptors()) };
        let Some(Ready { accepting, entering, ringing, connections }) = self.wait(waited)? else {
            return Ok(Turn::Lost);
        };
        if !self.owns_descriptors(waited) {
            return Ok(Turn::Lost);
        }
        if ringing && let Some(bell) = waited.bell.get() {
            let _ = rustix::io::read(bell, &mut [0u8; 64]);
        }
        let idle = !accepting && !entering && !ringing && connections.is_empty();
        self.look = if idle { (self.look * 2).min(LAST_LOOK) } else { FIRST_LOOK };
        self.take_messages();
        self.ring_alarms();
        self.tell_progress();
        if accepting {
            self.accept();
        }
        if entering {
            self.enter();
        }
        for id in connections {
            self.read(id);
        }
        self.turn_away();
        self.connections
            .retain(|_, connection| write_some(connection) && !(connection.closing && connection.unsent.is_empty()));
        self.waiting_for_writes.clear();
        self.count_watchers();
        Ok(if std::mem::take(&mut self.pausing) { Turn::Pause } else { Turn::Again })
    }

    /// Waits for the queue alone until it is time to open new descriptors.
    fn turn_without_descriptors(&mut self) -> Turn {
        let reopen = self.reopen.as_ref().map(|reopen| reopen.when);
        let next = reopen.into_iter().chain(self.times()).min();
        let wait = next.map_or(Duration::from_secs(3600), |next| next.saturating_duration_since(Instant::now()));
        match self.inbox.recv_timeout(wait) {
            Ok(message) => {
                self.take(message);
                self.take_messages();
            }
            Err(RecvTimeoutError::Timeout) => {}
            // Nobody can say anything any more.
            Err(RecvTimeoutError::Disconnected) => self.pausing = true,
        }
        self.ring_alarms();
        self.tell_progress();
        if std::mem::take(&mut self.pausing) {
            return Turn::Pause;
        }
        if let Some(reopen) = self.reopen.take_if(|reopen| reopen.when <= Instant::now()) {
            let tries = reopen.tries + 1;
            if self.open().is_err() && tries < MAX_TRIES {
                self.reopen = Some(Reopen { when: Instant::now() + REST * 4u32.pow(tries), tries });
            }
        }
        Turn::Again
    }

    /// None of them is closed: another thread may be closing them at this moment, and opening its own.
    fn give_up_descriptors(&mut self) {
        for (_, connection) in self.connections.drain() {
            if let Some(stream) = connection.stream.get() {
                let _ = shutdown(stream, Shutdown::Both);
            }
            connection.stream.leave();
        }
        if let Some(waited) = self.waited.take() {
            waited.listener.leave();
            waited.bell.leave();
        }
        if let Some(door) = &mut self.door {
            door.leave();
        }
        self.count_watchers();
        self.mailbox.leave_bell();
        self.look = FIRST_LOOK;
        self.reopen = Some(Reopen { when: Instant::now() + REST, tries: 0 });
    }

    fn owns_descriptors(&self, waited: &Waited) -> bool {
        waited.listener.is_ours()
            && waited.bell.is_ours()
            && self.mailbox.has_bell()
            && self.door.as_ref().is_none_or(|door| door.is_ours())
            && self.connections.values().all(|connection| connection.stream.is_ours())
    }

    fn take_messages(&mut self) {
        while let Ok(message) = self.inbox.try_recv() {
            self.take(message);
        }
    }

    fn take(&mut self, message: Message) {
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
            Message::Door(door) => self.door = Some(door),
            Message::Written(waiting) => self.waiting_for_writes.push(waiting),
            Message::Pause => self.pausing = true,
        }
    }

    /// What there is to do; nothing if descriptors are lost.
    fn wait(&self, waited: &Waited) -> io::Result<Option<Ready>> {
        let (Some(listener), Some(bell)) = (waited.listener.get(), waited.bell.get()) else { return Ok(None) };
        let accept_after = self.accept_after.filter(|when| *when > Instant::now());
        let accepting = if accept_after.is_some() { PollFlags::empty() } else { PollFlags::IN };
        let mut polled = vec![PollFd::new(listener, accepting), PollFd::from_borrowed_fd(bell.as_fd(), PollFlags::IN)];
        let mut ids = Vec::with_capacity(self.connections.len());
        let shut = self.door.as_ref().and_then(|door| door.shut());
        for (id, connection) in &self.connections {
            if shut.is_some() && connection.waiting.is_some() {
                continue;
            }
            let Some(stream) = connection.stream.get() else { return Ok(None) };
            let mut flags = PollFlags::empty();
            if !connection.closing {
                flags |= PollFlags::IN;
            }
            if !connection.unsent.is_empty() {
                flags |= PollFlags::OUT;
            }
            ids.push(*id);
            polled.push(PollFd::new(stream, flags));
        }
        if !self.mailbox.has_bell() {
            return Ok(None);
        }
        let door = self.door.as_ref().filter(|_| accept_after.is_none() && shut.is_none());
        polled.extend(door.and_then(|door| door.listener()).map(|listener| PollFd::new(listener, PollFlags::IN)));
        let times = self.times().chain(accept_after).chain(shut);
        let next = times.map(|when| when.saturating_duration_since(Instant::now())).min();
        let timeout = next.map_or(self.look, |next| next.min(self.look));
        match poll(&mut polled, Timespec::try_from(timeout).ok().as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let connections =
            ids.iter().copied().zip(&polled[2..]).filter(|(_, fd)| !fd.revents().is_empty()).map(|(id, _)| id);
        Ok(Some(Ready {
            connections: connections.collect(),
            accepting: !polled[0].revents().is_empty(),
            entering: polled.get(2 + ids.len()).is_some_and(|fd| !fd.revents().is_empty()),
            ringing: !polled[1].revents().is_empty(),
        }))
    }

    fn count_watchers(&self) {
        connection::count_watchers(self.connections.values());
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

    /// When there is something to do without being asked.
    fn times(&self) -> impl Iterator<Item = Instant> {
        let waiting = self.connections.values().filter(|connection| !connection.closing);
        let alarms = self.alarms.iter().map(|(when, _)| *when);
        alarms.chain(self.served.iter().map(|served| served.look)).chain(waiting.filter_map(|one| one.waiting))
    }
}

/// An event as it goes on the wire.
pub fn notification(method: &str, params: &impl serde::Serialize) -> Result<Vec<u8>, serde_json::Error> {
    framing::encode(&Notification {
        jsonrpc: JsonRpc::V2,
        method: method.to_owned(),
        params: serde_json::to_value(params)?,
    })
}
