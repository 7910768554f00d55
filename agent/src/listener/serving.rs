//! What connected editors ask: read, answered or handed to jobs.

use std::time::Instant;

use hotsplice_channel::message::{Request, ResponseError, event, method};
use hotsplice_channel::{codes, framing};
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

use super::{State, notification};
use crate::connection::greet;
use crate::job::{self, Progress, Working};
use crate::mailbox::Message;

/// A request, who asked, and when to tell that it is worked on.
pub(super) struct Served {
    connection: u64,
    request: u64,
    working: Working,
    pub(super) look: Instant,
}

impl State {
    /// Whoever waits for a request that takes long is told that it is worked on.
    pub(super) fn tell_progress(&mut self) {
        let now = Instant::now();
        let connections = &mut self.connections;
        self.served.retain_mut(|served| {
            if served.look > now {
                return true;
            }
            served.look = now + Working::LOOK;
            match served.working.progress() {
                Progress::Waits => true,
                Progress::Over => false,
                Progress::Works => {
                    let told = notification(event::WORKING, &serde_json::json!({ "id": served.request }));
                    let connection = connections.get_mut(&served.connection);
                    if let (Ok(bytes), Some(connection)) = (told, connection) {
                        connection.unsent.extend_from_slice(&bytes);
                    }
                    true
                }
            }
        });
    }

    pub(super) fn read(&mut self, id: u64) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if connection.closing {
            return;
        }
        if connection.waiting.is_some() && self.door.as_ref().is_none_or(|door| door.shut().is_some()) {
            return;
        }
        let mut block = [0u8; 64 * 1024];
        // Lost ones are given up at the next turn.
        while let Some(stream) = connection.stream.get() {
            match recv(stream, &mut block, RecvFlags::empty()).map(|(count, _)| count) {
                Ok(0) => {
                    connection.closing = true;
                    break;
                }
                Ok(count) => {
                    connection.lines.push(&block[..count]);
                    // What the program has told before it was asked goes out before the answer.
                    self.take_messages();
                    return self.serve_lines(id);
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(_) => {
                    connection.closing = true;
                    connection.unsent.clear();
                    break;
                }
            }
        }
    }

    fn serve_lines(&mut self, id: u64) {
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
        if connection.waiting.is_some() {
            return self.authenticate(id, line);
        }
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
        if request.method == method::WATCH_HOLDS {
            connection.watches_holds = request.params["watch"] != false;
            connection.answer(Some(request.id), Ok(serde_json::json!({})));
            return self.count_watchers();
        }
        let mailbox = self.mailbox.clone();
        let number = request.id;
        let working = job::start(request, move |response| {
            if let Ok(bytes) = framing::encode(&response) {
                mailbox.send(Message::Reply { connection: id, bytes });
            }
        });
        let look = Instant::now() + Working::LOOK;
        self.served.push(Served { connection: id, request: number, working, look });
    }
}
