//! An editor's end of the language server, over the standard input and output of the real program.

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::program::{PATIENCE, Workspace};

pub struct Editor {
    child: Child,
    stdin: Option<ChildStdin>,
    messages: Receiver<Value>,
    last: u64,
    notifications: VecDeque<Value>,
    /// Answers that came before they were waited for.
    early: HashMap<u64, Value>,
    versions: HashMap<String, i64>,
    /// What the server answered to `initialize`.
    pub capabilities: Value,
}

impl Editor {
    pub fn start(workspace: &Workspace) -> Self {
        Self::with_options(workspace, json!({}))
    }

    /// `options` are the initialization options: settings.
    pub fn with_options(workspace: &Workspace, options: Value) -> Self {
        Self::with_parameters(workspace, options, json!({}))
    }

    /// `parameters` stand beside or instead of the usual ones of `initialize`.
    pub fn with_parameters(workspace: &Workspace, options: Value, parameters: Value) -> Self {
        let mut child = workspace
            .hotsplice()
            .arg("lsp")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("hotsplice lsp");
        let stdout = child.stdout.take().expect("piped");
        let messages = messages(stdout);
        let mut editor = Self {
            stdin: child.stdin.take(),
            child,
            messages,
            last: 0,
            notifications: VecDeque::new(),
            early: HashMap::new(),
            versions: HashMap::new(),
            capabilities: Value::Null,
        };
        let folder = uri(&workspace.path());
        let mut usual = json!({
                "processId": null,
                "rootUri": folder,
                "workspaceFolders": [{ "uri": folder, "name": "test" }],
                "capabilities": {
                    "textDocument": { "codeAction": { "disabledSupport": true } },
                    "window": { "workDoneProgress": true },
                    "experimental": { "hotspliceNotifications": true },
                    "workspace": {
                        "codeLens": { "refreshSupport": true },
                        "didChangeWatchedFiles": { "dynamicRegistration": true },
                    },
                },
                "initializationOptions": options,
        });
        for (name, value) in parameters.as_object().into_iter().flatten() {
            usual[name] = value.clone();
        }
        let answer = editor.request("initialize", usual);
        editor.capabilities = answer["capabilities"].clone();
        editor.notify("initialized", json!({}));
        editor
    }

    pub fn notify(&mut self, method: &str, params: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    /// The result of a request; panics on an error.
    pub fn request(&mut self, method: &str, params: Value) -> Value {
        self.try_request(method, params).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    pub fn try_request(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        let id = self.begin(method, params);
        self.answer(id)
    }

    /// Sends a request and does not wait; gives its number.
    pub fn begin(&mut self, method: &str, params: Value) -> u64 {
        self.last += 1;
        let id = self.last;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        id
    }

    /// The answer to the request of this number, which may have come.
    pub fn answer(&mut self, id: u64) -> Result<Value, Value> {
        self.answer_within(id, PATIENCE)
    }

    /// As [`Self::answer`], of what may take so long.
    pub fn answer_within(&mut self, id: u64, patience: Duration) -> Result<Value, Value> {
        let deadline = Instant::now() + patience;
        loop {
            let message = match self.early.remove(&id) {
                Some(message) => message,
                None => self.next(deadline).unwrap_or_else(|| panic!("no answer to request {id}")),
            };
            if message.get("method").is_none() && message["id"] == json!(id) {
                return match message.get("error") {
                    Some(error) => Err(error.clone()),
                    None => Ok(message["result"].clone()),
                };
            }
            match message["id"].as_u64().filter(|other| message.get("method").is_none() && *other <= self.last) {
                Some(other) => drop(self.early.insert(other, message)),
                None => self.keep(message),
            }
        }
    }

    /// A line of `/proc/<pid>/status` of the server: `VmHWM` is the most memory that it had, in KiB.
    pub fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find(|line| line.starts_with(name)).expect("a line");
        line.split_whitespace().nth(1).and_then(|size| size.parse().ok()).expect("a number")
    }

    /// How long the server has worked so far.
    pub fn processor_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("it runs");
        // utime and stime of proc_pid_stat(5), in hundredths of a second.
        let fields: Vec<&str> = stat[stat.rfind(')').expect("a name")..].split_whitespace().collect();
        let spent: u64 = fields[12..14].iter().map(|field| field.parse::<u64>().expect("a number")).sum();
        Duration::from_millis(spent * 10)
    }

    fn keep(&mut self, message: Value) {
        match (message.get("method"), message.get("id")) {
            // A request of the server's: progress tokens and the like are granted.
            (Some(_), Some(id)) => {
                let id = id.clone();
                self.send(&json!({ "jsonrpc": "2.0", "id": id, "result": null }));
            }
            (Some(_), None) => self.notifications.push_back(message),
            _ => panic!("an answer that nobody asked for: {message}"),
        }
    }

    fn next(&mut self, deadline: Instant) -> Option<Value> {
        self.messages.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
    }

    /// Waits for a notification that fits.
    pub fn wait_notification(&mut self, method: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        loop {
            while let Some(message) = self.notifications.pop_front() {
                if message["method"] == method && fits(&message["params"]) {
                    return message["params"].clone();
                }
                seen.push(message);
            }
            match self.next(deadline) {
                Some(message) => self.keep(message),
                None => panic!("{method} did not come; seen: {seen:#?}"),
            }
        }
    }

    /// Those of the notifications that have come and were not waited for.
    pub fn take(&mut self, method: &str) -> Vec<Value> {
        let (taken, left) = self.notifications.drain(..).partition(|message| message["method"] == method);
        self.notifications = left;
        Vec::from(taken)
    }

    /// Waits until the server knows this many sessions.
    pub fn wait_sessions(&mut self, count: usize) {
        let fits = |params: &Value| params["sessions"].as_array().is_some_and(|sessions| sessions.len() == count);
        self.wait_notification("hotsplice/status", fits);
    }

    pub fn open(&mut self, path: &Path, text: &str) {
        let uri = uri(path);
        self.versions.insert(uri.clone(), 1);
        let document = json!({ "uri": uri, "languageId": "python", "version": 1, "text": text });
        self.notify("textDocument/didOpen", json!({ "textDocument": document }));
    }

    /// Replaces the whole text.
    pub fn change(&mut self, path: &Path, text: &str) {
        self.change_parts(path, json!([{ "text": text }]));
    }

    pub fn change_parts(&mut self, path: &Path, changes: Value) {
        let uri = uri(path);
        let version = self.versions.entry(uri.clone()).or_insert(1);
        *version += 1;
        let document = json!({ "uri": uri, "version": *version });
        self.notify("textDocument/didChange", json!({ "textDocument": document, "contentChanges": changes }));
    }

    pub fn close(&mut self, path: &Path) {
        self.notify("textDocument/didClose", json!({ "textDocument": { "uri": uri(path) } }));
    }

    /// Says that a file was saved, and why (1 by hand, 2 after a delay).
    pub fn save(&mut self, path: &Path, reason: u32) {
        let document = json!({ "uri": uri(path) });
        self.notify("textDocument/willSave", json!({ "textDocument": document, "reason": reason }));
        self.notify("textDocument/didSave", json!({ "textDocument": document }));
    }

    /// Titles of the code actions at a line (from 0), with the reason where one is disabled.
    pub fn actions(&mut self, path: &Path, line: u32) -> Vec<(String, Option<String>)> {
        let actions = self.raw_actions(path, line);
        let text = |value: &Value| value.as_str().map(str::to_owned);
        actions
            .iter()
            .map(|action| (text(&action["title"]).unwrap_or_default(), text(&action["disabled"]["reason"])))
            .collect()
    }

    pub fn raw_actions(&mut self, path: &Path, line: u32) -> Vec<Value> {
        let position = json!({ "line": line, "character": 1 });
        let params = json!({
            "textDocument": { "uri": uri(path) },
            "range": { "start": position, "end": position },
            "context": { "diagnostics": [] },
        });
        self.request("textDocument/codeAction", params).as_array().cloned().unwrap_or_default()
    }

    /// Line (from 0) and title of every code lens.
    pub fn lenses(&mut self, path: &Path) -> Vec<(u64, String)> {
        let lenses = self.request("textDocument/codeLens", json!({ "textDocument": { "uri": uri(path) } }));
        let read = |lens: &Value| {
            let title = lens["command"]["title"].as_str().unwrap_or_default().to_owned();
            (lens["range"]["start"]["line"].as_u64().unwrap_or_default(), title)
        };
        lenses.as_array().into_iter().flatten().map(read).collect()
    }

    /// Markdown shown at a place; empty where there is nothing.
    pub fn hover(&mut self, path: &Path, line: u32, character: u32) -> String {
        let position = json!({ "line": line, "character": character });
        let answer =
            self.request("textDocument/hover", json!({ "textDocument": { "uri": uri(path) }, "position": position }));
        answer["contents"]["value"].as_str().unwrap_or_default().to_owned()
    }

    /// Chooses a code action by its title, as a person would, and gives what its command answered.
    pub fn choose(&mut self, path: &Path, line: u32, title: &str) -> Value {
        let actions = self.raw_actions(path, line);
        let action = actions.iter().find(|action| action["title"] == title);
        let action = action.unwrap_or_else(|| panic!("no {title:?} among {actions:#?}"));
        assert!(action.get("disabled").is_none(), "{action}");
        self.command(action["command"]["command"].as_str().unwrap_or_default(), action["command"]["arguments"].clone())
    }

    pub fn command(&mut self, command: &str, arguments: Value) -> Value {
        self.request("workspace/executeCommand", json!({ "command": command, "arguments": arguments }))
    }

    /// What a command that can't be done says: its code and its message.
    pub fn failure(&mut self, command: &str, arguments: Value) -> (String, String) {
        let parameters = json!({ "command": command, "arguments": arguments });
        let error = self.try_request("workspace/executeCommand", parameters).expect_err("it can't be done");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (text(&error["data"]["code"]), text(&error["message"]))
    }

    pub fn patch_file(&mut self, path: &Path) -> Value {
        self.command("hotsplice.patchFile", json!([{ "uri": uri(path) }]))
    }

    /// Bytes as they are.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().expect("open");
        stdin.write_all(bytes).and_then(|()| stdin.flush()).expect("the server reads");
    }

    /// The next answer to nobody: an error about a message that could not be read.
    pub fn next_complaint(&mut self) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let message = self.next(deadline).expect("a complaint");
            if message.get("method").is_none() && message["id"].is_null() {
                return message["error"].clone();
            }
            self.keep(message);
        }
    }

    /// Waits for the server's end, its input still open.
    pub fn wait_end(mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                self.stdin = None;
                return status.code();
            }
            assert!(Instant::now() < deadline, "the server does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn send(&mut self, message: &Value) {
        let text = message.to_string();
        let stdin = self.stdin.as_mut().expect("open");
        write!(stdin, "Content-Length: {}\r\n\r\n{text}", text.len()).expect("the server reads");
        stdin.flush().expect("the server reads");
    }

    /// Dies as an editor does that is killed. Gives the server's exit code.
    pub fn die(mut self) -> Option<i32> {
        self.stdin = None;
        self.child.wait().expect("a child").code()
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        if self.stdin.is_none() {
            return;
        }
        if std::thread::panicking() {
            let _ = self.child.kill();
            return;
        }
        self.request("shutdown", Value::Null);
        self.notify("exit", Value::Null);
        self.stdin = None;
        let deadline = Instant::now() + PATIENCE;
        while self.child.try_wait().expect("a child").is_none() {
            assert!(Instant::now() < deadline, "the server does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

pub fn uri(path: &Path) -> String {
    format!("file://{}", path.display())
}

/// What a program writes that frames its messages as the language server and the debug adapter protocols do.
pub fn messages(stdout: impl std::io::Read + Send + 'static) -> Receiver<Value> {
    let (sender, messages) = channel();
    std::thread::spawn(move || {
        let mut reader = BufReader::new(stdout);
        while let Some(message) = read_message(&mut reader) {
            if sender.send(message).is_err() {
                break;
            }
        }
    });
    messages
}

fn read_message(reader: &mut impl BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.trim().parse().ok()?,
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}
