//! Processes that listen by TCP, and who may come in. Each line of `docs/security.md` is a test, here or elsewhere.

mod connecting;
mod ssh;
mod strangers;
mod threat_model;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::Command;

use hotsplice_channel::PROTOCOL;
use hotsplice_tests::program::{PATIENCE, Program, Workspace};
use hotsplice_tests::pythons::{self, Python};
use hotsplice_tests::repository;
use serde_json::{Value, json};

const TOKEN: &str = "a token that nobody guesses";

const APP: &str = "\
import os, sys
import hotsplice
def greet():
    return 'old'
print(hotsplice.listen(tcp='127.0.0.1:0', token=os.environ['TOKEN']), flush=True)
for line in sys.stdin:
    print(eval(line) if line.strip() else greet(), flush=True)
";

/// A program that listens, and where.
fn start_with(workspace: &Workspace, python: &Python, text: &str) -> (Program, String) {
    let script = workspace.write("app.py", text);
    let mut command = Command::new(&python.path);
    command.arg(script).current_dir(workspace.path()).env("PYTHONPATH", repository().join("agent/python"));
    command.env("HOTSPLICE_RUNTIME_DIR", workspace.registry()).env("TOKEN", TOKEN);
    let mut program = Program::start(command);
    let address = program.line();
    assert!(address.starts_with("127.0.0.1:"), "{address}{}", program.errors_so_far());
    (program, address)
}

fn start(workspace: &Workspace) -> (Program, String) {
    start_with(workspace, pythons::newest(), APP)
}

/// Another registry, of another machine as it were, and the command line there.
struct Elsewhere(tempfile::TempDir);

impl Elsewhere {
    fn new() -> Self {
        Self(tempfile::Builder::new().prefix("hs-").tempdir_in("/tmp").expect("a folder"))
    }

    fn command(&self, workspace: &Workspace, arguments: &[&str]) -> Command {
        let mut command = workspace.hotsplice();
        command.args(arguments).env("HOTSPLICE_RUNTIME_DIR", self.0.path().join("r")).env_remove("HOTSPLICE_TOKEN");
        command
    }

    fn connect(&self, workspace: &Workspace, address: &str) -> Program {
        let mut command = self.command(workspace, &["connect", address]);
        command.env("HOTSPLICE_TOKEN", TOKEN);
        let mut connected = Program::start(command);
        let line = connected.line();
        assert!(line.contains("can be patched for as long as this runs"), "{line}");
        connected
    }

    fn call(&self, workspace: &Workspace, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.command(workspace, arguments).output().expect("it starts");
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        (output.status.code(), text)
    }
}

fn ask(program: &mut Program, line: &str) -> String {
    program.send(line);
    program.line()
}

/// Somebody who knows the address.
struct Stranger {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Stranger {
    fn come(address: &str) -> Self {
        let stream = TcpStream::connect(address).expect("somebody listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        let reader = BufReader::new(stream.try_clone().expect("a socket"));
        Self { stream, reader }
    }

    fn request(&mut self, method: &str, params: &Value) -> Option<Value> {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        self.say(format!("{message}\n").as_bytes());
        self.hear()
    }

    fn say(&mut self, bytes: &[u8]) {
        // It may have been cut off.
        let _ = self.stream.write_all(bytes);
    }

    /// Nothing when the connection is closed.
    fn hear(&mut self) -> Option<Value> {
        let mut line = String::new();
        match self.reader.read_line(&mut line) {
            Ok(1..) => Some(serde_json::from_str(&line).expect("the agent speaks JSON")),
            Ok(0) => None,
            Err(error) => {
                assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "it is neither answered nor cut off");
                None
            }
        }
    }

    fn guess(&mut self, token: &str) -> Option<Value> {
        self.request("authenticate", &json!({ "token": token }))
    }

    fn hello(&mut self) -> Option<Value> {
        self.request("hello", &json!({ "protocol": PROTOCOL, "client": "test" }))
    }
}

fn code(answer: Option<Value>) -> String {
    let answer = answer.unwrap_or_else(|| panic!("no answer"));
    answer["error"]["data"]["code"].as_str().unwrap_or("none").to_owned()
}
