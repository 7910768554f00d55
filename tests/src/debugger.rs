//! A debugger's front end: speaks the Debug Adapter Protocol to the real debugpy.

use std::io::Write;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::time::Instant;

use serde_json::{Value, json};

use crate::lsp::messages;
use crate::packages;
use crate::program::{PATIENCE, Workspace};
use crate::pythons::Python;

pub struct Debugger {
    /// The adapter, where it is ours: then the program ends with it.
    child: Option<Child>,
    stdin: Box<dyn Write>,
    messages: Receiver<Value>,
    last: u64,
    events: Vec<Value>,
}

/// Where debugpy for this Python is. None where that can't be had.
pub fn debugpy(python: &Python) -> Option<PathBuf> {
    packages::folder(python, "debugpy", &["debugpy".to_owned()])
}

impl Debugger {
    /// Launches a script under the debugger. `python` starts the interpreter that the debugger itself runs in: as it is, or
    /// by `hotsplice run -- `.
    pub fn launch(
        mut python: Command,
        workspace: &Workspace,
        debugpy: &Path,
        script: &Path,
        breakpoint: (&Path, u32),
    ) -> Self {
        python.current_dir(workspace.path()).env("PYTHONPATH", debugpy).args(["-m", "debugpy.adapter"]);
        let mut child = python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the debug adapter");
        let messages = messages(child.stdout.take().expect("piped"));
        let stdin = Box::new(child.stdin.take().expect("piped"));
        let mut debugger = Self { child: Some(child), stdin, messages, last: 0, events: Vec::new() };
        debugger.request("initialize", json!({ "adapterID": "debugpy", "pathFormat": "path" }));
        let launch = json!({
            "program": script, "cwd": workspace.path(), "console": "internalConsole", "justMyCode": false,
        });
        let launched = debugger.send("launch", launch);
        debugger.event("initialized", |_| true);
        debugger.set_breakpoint(breakpoint);
        debugger.request("configurationDone", json!({}));
        debugger.answer(launched);
        debugger
    }

    /// Attaches to what listens, and goes again without ending it.
    pub fn attach(host: &str, port: u16) -> Self {
        let stream = TcpStream::connect((host, port)).expect("it listens");
        let messages = messages(stream.try_clone().expect("a socket"));
        let mut debugger = Self { child: None, stdin: Box::new(stream), messages, last: 0, events: Vec::new() };
        debugger.request("initialize", json!({ "adapterID": "debugpy", "pathFormat": "path" }));
        let attached = debugger.send("attach", json!({ "justMyCode": true }));
        debugger.event("initialized", |_| true);
        debugger.request("configurationDone", json!({}));
        debugger.answer(attached);
        debugger
    }

    /// One breakpoint in a file, in place of those that were there; lines count from 1.
    pub fn set_breakpoint(&mut self, (file, line): (&Path, u32)) {
        self.set_breakpoints(file, &[line]);
    }

    /// The breakpoints in a file, in place of those that were there.
    pub fn set_breakpoints(&mut self, file: &Path, lines: &[u32]) {
        let breakpoints: Vec<Value> = lines.iter().map(|line| json!({ "line": line })).collect();
        let answer = self.request("setBreakpoints", json!({ "source": { "path": file }, "breakpoints": breakpoints }));
        for breakpoint in answer["breakpoints"].as_array().expect("breakpoints") {
            assert_eq!(breakpoint["verified"], true, "{answer}");
        }
    }

    /// Waits until a thread stops, and gives its number.
    pub fn stopped(&mut self, reason: &str) -> i64 {
        let event = self.event("stopped", |_| true);
        assert_eq!(event["reason"], reason, "{event}");
        event["threadId"].as_i64().expect("a thread")
    }

    /// Function, line and number of the frame where a thread is stopped.
    pub fn frame(&mut self, thread: i64) -> (String, i64, i64) {
        let answer = self.request("stackTrace", json!({ "threadId": thread, "startFrame": 0, "levels": 1 }));
        let frame = &answer["stackFrames"][0];
        let number = |name: &str| frame[name].as_i64().expect("a number");
        (frame["name"].as_str().expect("a name").to_owned(), number("line"), number("id"))
    }

    pub fn evaluate(&mut self, expression: &str, frame: i64) -> String {
        let arguments = json!({ "expression": expression, "frameId": frame, "context": "repl" });
        self.request("evaluate", arguments)["result"].as_str().expect("a result").to_owned()
    }

    /// `next`, `stepIn`, `continue` and the like.
    pub fn go(&mut self, how: &str, thread: i64) {
        self.request(how, json!({ "threadId": thread }));
    }

    pub fn request(&mut self, command: &str, arguments: Value) -> Value {
        let number = self.send(command, arguments);
        self.answer(number)
    }

    /// What is said of a request that can't be served.
    pub fn refused(&mut self, command: &str, arguments: Value) -> String {
        let number = self.send(command, arguments);
        let message = self.wait(|message| message["type"] == "response" && message["request_seq"] == json!(number));
        assert_eq!(message["success"], false, "{message}");
        message["message"].as_str().expect("a reason").to_owned()
    }

    fn send(&mut self, command: &str, arguments: Value) -> u64 {
        self.last += 1;
        let message = json!({ "seq": self.last, "type": "request", "command": command, "arguments": arguments });
        let text = message.to_string();
        write!(self.stdin, "Content-Length: {}\r\n\r\n{text}", text.len()).expect("the adapter reads");
        self.stdin.flush().expect("the adapter reads");
        self.last
    }

    fn answer(&mut self, number: u64) -> Value {
        let message = self.wait(|message| message["type"] == "response" && message["request_seq"] == json!(number));
        assert_eq!(message["success"], true, "{message}");
        message["body"].clone()
    }

    /// Waits for an event, and gives its body.
    pub fn event(&mut self, name: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let message = self.wait(|message| message["event"] == name && fits(&message["body"]));
        message["body"].clone()
    }

    fn wait(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        if let Some(index) = self.events.iter().position(&fits) {
            return self.events.remove(index);
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(message) = self.messages.recv_timeout(left) else {
                panic!("nothing came; seen: {:#?}", self.events)
            };
            if fits(&message) {
                return message;
            }
            self.events.push(message);
        }
    }
}

impl Drop for Debugger {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.request("disconnect", json!({ "terminateDebuggee": self.child.is_some() }));
        }
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
