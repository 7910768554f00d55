//! What other threads tell the listener's, and the bell that wakes it: a pipe, which it waits for with its sockets.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use rustix::pipe::{PipeFlags, pipe_with};

use crate::descriptor::Guarded;
use crate::door::Door;
use crate::job::{self, Alarm};

pub enum Message {
    Reply {
        connection: u64,
        bytes: Vec<u8>,
    },
    Broadcast(Vec<u8>),
    Alarm(Instant, Alarm),
    /// Somebody may come by TCP.
    Door(Box<Door>),
    /// Dropped when all that was in the queue before is written, as far as clients take it.
    Written(Sender<()>),
    /// Hand the state over and end.
    Pause,
}

/// Puts messages in the listener's queue and wakes it.
#[derive(Clone)]
pub struct Mailbox {
    sender: Sender<Message>,
    /// Where to ring. There is none while the listener, having lost its descriptors, waits for the queue itself.
    bell: Arc<Mutex<Option<Guarded<OwnedFd>>>>,
}

impl Mailbox {
    pub fn new(sender: Sender<Message>) -> Self {
        Self { sender, bell: Arc::default() }
    }

    /// As [`Self::send`], but from a job that is still to answer it does not wake the listener, which takes time: it looks when
    /// the answer comes, and every second until then.
    pub fn send_with_answer(&self, message: Message) {
        if job::is_to_answer() { drop(self.sender.send(message)) } else { self.send(message) }
    }

    pub fn send(&self, message: Message) {
        // A listener that is gone needs no message.
        if self.sender.send(message).is_ok()
            && let Ok(bell) = self.bell.lock()
            && let Some(bell) = bell.as_ref().and_then(Guarded::get)
        {
            let _ = rustix::io::write(bell, &[1]);
        }
    }

    /// Hangs up a bell, and gives the end that the listener waits for.
    pub fn new_bell(&self) -> io::Result<Guarded<OwnedFd>> {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        let (read, write) = (Guarded::new(read)?, Guarded::new(write)?);
        *self.bell.lock().unwrap_or_else(PoisonError::into_inner) = Some(write);
        Ok(read)
    }

    pub fn has_bell(&self) -> bool {
        self.bell.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(Guarded::is_ours)
    }

    /// Gives the bell up without closing it.
    pub fn leave_bell(&self) {
        if let Some(bell) = self.bell.lock().unwrap_or_else(PoisonError::into_inner).take() {
            bell.leave();
        }
    }
}
