//! Who comes in, and who may not: other users, and who comes by TCP ([`crate::door`]), until the token was right.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::time::Instant;

use hotsplice_channel::message::{Authenticate, Request, method};
use hotsplice_channel::{codes, framing};
use rustix::process::Uid;

use super::{MAX_CONNECTIONS, REST, State};
use crate::connection::{self, Connection};
use crate::descriptor::Guarded;
use crate::door;

impl State {
    pub(super) fn accept(&mut self) {
        self.accept_after = None;
        while let Some(accepted) =
            self.waited.as_ref().and_then(|waited| waited.listener.get()).map(UnixListener::accept)
        {
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted) => {
                    continue;
                }
                // No descriptor is left. The client stays in the queue, and would wake us at once.
                Err(_) => {
                    self.accept_after = Some(Instant::now() + REST);
                    break;
                }
            };
            if self.connections.len() >= MAX_CONNECTIONS || stream.set_nonblocking(true).is_err() {
                continue;
            }
            let peer = connection::peer_user(&stream);
            let Ok(stream) = Guarded::new(OwnedFd::from(stream)) else { continue };
            let mut connection = Connection::new(stream);
            let ours = rustix::process::getuid();
            if !matches!(peer, Ok(peer) if peer == ours.as_raw()) {
                connection.fail(None, codes::OTHER_USER, self.other_user(ours));
            }
            self.add(connection);
        }
    }

    pub(super) fn add(&mut self, connection: Connection) {
        self.last_connection += 1;
        self.connections.insert(self.last_connection, connection);
    }

    /// What somebody is told whose process this is not, now that it is a user's.
    pub(super) fn other_user(&self, now: Uid) -> String {
        if now == self.user {
            return "this process belongs to another user".to_owned();
        }
        format!(
            "process {} has changed its user (from {} to {}) since it registered: have it call hotsplice.stop() and \
             hotsplice.listen() after that, and patch it as that user",
            self.entry.pid,
            self.user.as_raw(),
            now.as_raw()
        )
    }

    /// Who comes by TCP.
    pub(super) fn enter(&mut self) {
        while let Some(entered) = self.door.as_ref().and_then(|door| door.accept()) {
            let stream = match entered {
                Ok(stream) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted) => {
                    continue;
                }
                Err(_) => {
                    self.accept_after = Some(Instant::now() + REST);
                    break;
                }
            };
            let waiting = self.connections.iter().filter(|(_, connection)| connection.waiting.is_some());
            let waiting: Vec<u64> = waiting.map(|(id, _)| *id).collect();
            // Whoever says nothing keeps nobody out.
            if waiting.len() >= door::MAX_WAITING
                && let Some(oldest) = waiting.iter().min()
            {
                self.connections.remove(oldest);
            }
            if self.connections.len() >= MAX_CONNECTIONS {
                continue;
            }
            let Ok(stream) = door::take(stream) else { continue };
            let mut connection = Connection::new(stream);
            connection.lines = framing::Lines::of_at_most(door::MAX_LINE);
            connection.waiting = Some(Instant::now() + door::PATIENCE);
            self.add(connection);
        }
    }

    /// Who has not said the token in time.
    pub(super) fn turn_away(&mut self) {
        let now = Instant::now();
        self.connections.retain(|_, connection| connection.waiting.is_none_or(|until| until > now));
    }

    /// What somebody says first who came by TCP.
    pub(super) fn authenticate(&mut self, id: u64, line: &[u8]) {
        let (Some(door), Some(connection)) = (&mut self.door, self.connections.get_mut(&id)) else { return };
        let request = serde_json::from_slice::<Request>(line).ok();
        let said = request.filter(|request| request.method == method::AUTHENTICATE).and_then(|request| {
            let said: Authenticate = serde_json::from_value(request.params).ok()?;
            Some((request.id, said))
        });
        let Some((number, said)) = said else {
            // A browser that a page has sent here, a scanner.
            return connection.fail(None, codes::BAD_MESSAGE, "the token has to be said first");
        };
        if door.token.is(&said.token) {
            door.admit();
            connection.waiting = None;
            connection.lines.allow(hotsplice_channel::MAX_MESSAGE);
            return connection.answer(Some(number), Ok(serde_json::json!({})));
        }
        let shut = door.refuse();
        connection.fail(Some(number), codes::WRONG_TOKEN, "this is not the token that the process was given");
        // The others are not listened to meanwhile.
        for waiting in self.connections.values_mut().filter_map(|connection| connection.waiting.as_mut()) {
            *waiting += shut;
        }
    }
}
