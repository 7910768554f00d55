//! A bare connection to an agent, for what a well-behaved client would never send.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use hotsplice_channel::registry::Entry;
use serde_json::{Value, json};

use crate::program::PATIENCE;

pub struct Wire {
    pub stream: UnixStream,
    reader: BufReader<UnixStream>,
}

impl Wire {
    pub fn connect(entry: &Entry) -> Self {
        let stream = UnixStream::connect(&entry.socket).expect("the agent listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        let reader = BufReader::new(stream.try_clone().expect("a socket"));
        Self { stream, reader }
    }

    pub fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)
    }

    pub fn request(&mut self, id: u64, method: &str, params: &Value) -> std::io::Result<()> {
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        self.send(format!("{message}\n").as_bytes())
    }

    pub fn hello(&mut self, protocol: u32) -> Option<Value> {
        self.request(1, "hello", &json!({ "protocol": protocol, "client": "test" })).ok()?;
        self.receive()
    }

    /// The next message; nothing when the agent has closed the connection.
    pub fn receive(&mut self) -> Option<Value> {
        let mut line = String::new();
        match self.reader.read_line(&mut line) {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(serde_json::from_str(&line).expect("the agent speaks JSON")),
        }
    }
}
