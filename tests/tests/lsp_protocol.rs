//! The language server as a client sees it that is careless, broken, or gone.

use std::process::{Command, Stdio};

use hotsplice_tests::lsp::{Editor, uri};
use hotsplice_tests::program::{Program, Workspace, wait_for};
use hotsplice_tests::pythons;
use serde_json::{Value, json};

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 33) as usize) % sides.max(1)
    }
}

/// `cargo xtask torture client`.
fn whole() -> bool {
    std::env::var_os("HOTSPLICE_TORTURE").is_some()
}

fn framed(header: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{header}: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

#[test]
fn header_names_have_no_case() {
    let workspace = Workspace::new();
    let mut editor = Editor::start(&workspace);
    for header in ["content-length", "CONTENT-LENGTH", "Content-Type: application/vscode-jsonrpc\r\nContent-length"] {
        let body = br#"{"jsonrpc": "2.0", "method": "no/such/request", "id": null}"#;
        editor.send_raw(&framed(header, body));
        assert_eq!(editor.next_complaint()["code"], -32601, "{header}");
    }
}

#[test]
fn malformed_messages_are_answered_and_survived() {
    let workspace = Workspace::new();
    let mut editor = Editor::start(&workspace);
    let bodies: [&[u8]; 10] = [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"{\"jsonrpc\": \"2.0\"}",
        b"{\"jsonrpc\": \"1.0\", \"method\": \"textDocument/hover\"}",
        b"{\"jsonrpc\": \"2.0\", \"method\": 5}",
        b"{\"jsonrpc\": \"2.0\", \"method\": \"textDocument/hover\", \"params\": \"x\"}",
        &[b'['; 2000],
    ];
    for body in bodies {
        editor.send_raw(&framed("Content-Length", body));
        let code = editor.next_complaint()["code"].clone();
        assert!([json!(-32700), json!(-32600)].contains(&code), "{}: {code}", String::from_utf8_lossy(body));
    }
    for header in ["no header at all", "Content-Length: none", "Content-Length: -5", "Content-Length 12"] {
        editor.send_raw(format!("{header}\r\n\r\n").as_bytes());
        assert_eq!(editor.next_complaint()["code"], -32700, "{header}");
    }
    // Parameters that a request does not take, and notifications that nobody knows, answered or not, end nothing.
    for method in ["textDocument/hover", "textDocument/codeAction", "workspace/executeCommand", "initialize"] {
        assert!(editor.try_request(method, json!({ "textDocument": 7 })).is_err(), "{method}");
    }
    let path = workspace.write("app.py", "def f(:\n");
    let place = |line: Value| json!({ "textDocument": { "uri": uri(&path) }, "position": { "line": line, "character": 4_000_000_000_u32 } });
    editor.open(&path, "def f(:\n");
    for method in ["textDocument/didChange", "textDocument/didOpen", "$/cancelRequest", "no/such/notification", "$/x"] {
        editor
            .notify(method, json!({ "id": [], "textDocument": { "uri": "::", "version": "x" }, "contentChanges": 3 }));
    }
    let far = json!({ "start": { "line": 9, "character": 9 }, "end": { "line": 0, "character": 0 } });
    editor.change_parts(&path, json!([{ "range": far, "text": "é" }, { "text": "x = (" }]));
    assert_eq!(editor.request("textDocument/hover", place(json!(4_000_000_000_u32))), Value::Null);
    assert_eq!(editor.command("hotsplice.sessions", json!([])), json!([]));
}

#[test]
fn thousands_of_random_bytes_are_survived() {
    let workspace = Workspace::new();
    let mut editor = Editor::start(&workspace);
    let mut dice = Dice(1);
    let sample = br#"{"jsonrpc": "2.0", "id": 7, "method": "textDocument/hover", "params": {"textDocument": {"uri": "file:///a.py"}}}"#;
    for _ in 0..if whole() { 10_000 } else { 2000 } {
        let mut body = sample.to_vec();
        for _ in 0..=dice.roll(4) {
            let at = dice.roll(body.len());
            match dice.roll(3) {
                0 => body[at] = dice.roll(256) as u8,
                1 if body.len() > 1 => drop(body.remove(at)),
                _ => body.truncate(at.max(1)),
            }
        }
        // The body begins as none that could be valid: what it is answered does not matter, that it is over does.
        body.insert(0, b'#');
        editor.send_raw(&framed(["Content-Length", "content-length"][dice.roll(2)], &body));
        assert_eq!(editor.next_complaint()["code"], -32700);
    }
    assert_eq!(editor.command("hotsplice.sessions", json!([])), json!([]));
}

#[test]
fn random_edits_leave_the_server_with_the_editor_s_text() {
    for encoding in ["utf-8", "utf-16", "utf-32"] {
        let workspace = Workspace::new();
        let frame = |inner: &str| {
            format!(
                "import sys\nTEXT = r'''{inner}'''\nprint('ready', flush=True)\nfor _ in sys.stdin:\n    print(ascii(TEXT), flush=True)\n"
            )
        };
        let path = workspace.write("app.py", &frame("\n"));
        let mut program = workspace.run(pythons::newest(), &[&path.display().to_string()]);
        program.wait_line("ready");
        let parameters = json!({ "capabilities": {
            "general": { "positionEncodings": [encoding] },
            "experimental": { "hotspliceNotifications": true },
        } });
        let mut editor = Editor::with_parameters(&workspace, json!({}), parameters);
        assert_eq!(editor.capabilities["positionEncoding"], if encoding == "utf-32" { "utf-32" } else { encoding });
        editor.wait_sessions(1);
        editor.open(&path, &frame("\n"));
        let width = |letter: char| match encoding {
            "utf-8" => letter.len_utf8(),
            "utf-16" => letter.len_utf16(),
            _ => 1,
        };
        let mut inner: Vec<char> = vec!['\n'];
        let mut dice = Dice(encoding.len() as u64 * 7 + width('é') as u64);
        for _ in 0..if whole() { 5000 } else { 1500 } {
            let (one, other) = (dice.roll(inner.len() + 1), dice.roll(inner.len() + 1));
            let (from, to) = (one.min(other), one.max(other).min(one.min(other) + 3));
            let position = |index: usize| {
                let before: Vec<char> = "TEXT = r'''".chars().chain(inner[..index].iter().copied()).collect();
                let line = before.iter().filter(|letter| **letter == '\n').count();
                let start = before.iter().rposition(|letter| *letter == '\n').map_or(0, |end| end + 1);
                let character: usize = before[start..].iter().map(|letter| width(*letter)).sum();
                json!({ "line": 1 + line, "character": character })
            };
            let text: String = (0..dice.roll(4)).map(|_| ['a', 'é', '😀', '\n', ' ', '字'][dice.roll(6)]).collect();
            editor.change_parts(
                &path,
                json!([{ "range": { "start": position(from), "end": position(to) }, "text": text }]),
            );
            inner.splice(from..to, text.chars());
        }
        let answer = editor.patch_file(&path);
        assert_eq!(answer[0]["committed"], true, "{answer:#}");
        let text: String = inner.into_iter().collect();
        program.send("");
        let shown = program.line();
        program.send("");
        assert_eq!(shown, program.line());
        assert_eq!(ascii(&text), shown, "{encoding}");
    }
}

/// As Python's `ascii` writes it.
fn ascii(text: &str) -> String {
    let letters = text.chars().map(|letter| match letter {
        '\n' => "\\n".to_owned(),
        ' '..='~' => letter.to_string(),
        letter if (letter as u32) < 0x100 => format!("\\x{:02x}", letter as u32),
        letter if (letter as u32) < 0x10000 => format!("\\u{:04x}", letter as u32),
        letter => format!("\\U{:08x}", letter as u32),
    });
    format!("'{}'", letters.collect::<String>())
}

#[test]
fn the_server_ends_with_its_editor() {
    let workspace = Workspace::new();
    let mut editor_process = Command::new("cat").stdin(Stdio::piped()).spawn().expect("a process");
    let parameters = json!({ "processId": editor_process.id() });
    let editor = Editor::with_parameters(&workspace, json!({}), parameters);
    drop(editor_process.stdin.take());
    editor_process.wait().expect("its end");
    assert_eq!(editor.wait_end(), Some(1));
}

#[test]
fn the_exit_code_tells_how_it_ended() {
    let workspace = Workspace::new();
    assert_eq!(Editor::start(&workspace).die(), Some(1));
    let mut editor = Editor::start(&workspace);
    editor.notify("exit", Value::Null);
    assert_eq!(editor.wait_end(), Some(1));
    for nothing in [Value::Null, json!({})] {
        let mut editor = Editor::start(&workspace);
        editor.request("shutdown", nothing.clone());
        editor.notify("exit", nothing);
        assert_eq!(editor.wait_end(), Some(0));
    }
}

const APP: &str = "import sys\n\ndef greet():\n    return 'hello'\n\nprint('ready', flush=True)\nfor line in sys.stdin:\n    print(greet(), flush=True)\n";

fn start(workspace: &Workspace) -> (Program, std::path::PathBuf) {
    let path = workspace.write("app.py", APP);
    let mut program = workspace.run(pythons::newest(), &[&path.display().to_string()]);
    program.wait_line("ready");
    (program, path)
}

#[test]
fn folders_come_and_go() {
    let workspace = Workspace::new();
    let elsewhere = tempfile::tempdir().expect("a folder");
    let (_program, _) = start(&workspace);
    let folder = |path: &std::path::Path| json!({ "uri": uri(path), "name": "one" });
    let mut editor =
        Editor::with_parameters(&workspace, json!({}), json!({ "workspaceFolders": [folder(elsewhere.path())] }));
    assert_eq!(editor.capabilities["workspace"]["workspaceFolders"]["changeNotifications"], true);
    editor.wait_notification("hotsplice/status", |status| status["sessions"] == json!([]));
    let change = |added: Value, removed: Value| json!({ "event": { "added": added, "removed": removed } });
    editor.notify("workspace/didChangeWorkspaceFolders", change(json!([folder(&workspace.path())]), json!([])));
    editor.wait_sessions(1);
    editor.notify("workspace/didChangeWorkspaceFolders", change(json!([]), json!([folder(&workspace.path())])));
    editor.wait_sessions(0);
    // An older client has one folder only.
    let parameters = json!({ "workspaceFolders": null, "rootUri": uri(elsewhere.path()) });
    let mut older = Editor::with_parameters(&workspace, json!({}), parameters);
    older.wait_notification("hotsplice/status", |status| status["sessions"] == json!([]));
}

#[test]
fn diagnostics_say_of_which_text_they_are() {
    let workspace = Workspace::new();
    let (_program, path) = start(&workspace);
    let mut editor = Editor::start(&workspace);
    editor.wait_sessions(1);
    editor.open(&path, APP);
    editor.change(&path, APP);
    editor.change(&path, &APP.replace("def greet():", "def greet(when=1 / 0):"));
    editor.patch_file(&path);
    let shown =
        editor.wait_notification("textDocument/publishDiagnostics", |shown| shown["diagnostics"][0].is_object());
    assert_eq!(shown["version"], 3, "{shown}");
    // The empty kind stands for all.
    let place = json!({ "line": 3, "character": 0 });
    let mut titles = |only: Value| {
        let params = json!({ "textDocument": { "uri": uri(&path) }, "range": { "start": place, "end": place },
            "context": { "diagnostics": [], "only": only } });
        editor.request("textDocument/codeAction", params).as_array().map(Vec::len)
    };
    assert!(titles(json!([""])).is_some_and(|count| count > 0));
    assert_eq!(titles(json!(["refactor.extract"])), Some(0));
}

/// One that is stopped costs nobody anything, and what could not be asked is not done later.
#[test]
fn a_stopped_process_is_not_waited_for() {
    let workspace = Workspace::new();
    let (mut program, path) = start(&workspace);
    let other = workspace.write("other.py", APP);
    let mut stopped = workspace.run(pythons::newest(), &[&other.display().to_string()]);
    stopped.wait_line("ready");
    let mut editor = Editor::start(&workspace);
    editor.wait_sessions(2);
    editor.open(&path, APP);
    // By then it is known what each has loaded.
    editor.patch_file(&path);
    let signal = |name: &str| {
        let done = Command::new("kill").args([name, &stopped.pid().to_string()]).status().expect("kill");
        assert!(done.success());
    };
    signal("-STOP");
    wait_for("its stop", || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", stopped.pid())).expect("it is there");
        stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" T")).then_some(())
    });
    editor.change(&path, &APP.replace("hello", "welcome"));
    assert_eq!(editor.patch_file(&path)[0]["committed"], true);
    program.send("");
    assert_eq!(program.line(), "welcome");
    workspace.write("app.py", &APP.replace("hello", "again"));
    let patched = workspace.call(&["patch", "app.py"]).expect(0);
    assert!(patched.errors().contains("is stopped"), "{}", patched.errors());
    // It is told at once that this one can't be patched now; when it goes on, nothing has changed.
    editor.open(&other, APP);
    editor.change(&other, &APP.replace("hello", "late"));
    let refused = editor.patch_file(&other);
    assert_eq!(refused[0]["edits"][0]["code"], "HS0006", "{refused:#}");
    signal("-CONT");
    stopped.send("");
    assert_eq!(stopped.line(), "hello");
    assert_eq!(editor.patch_file(&other)[0]["committed"], true);
    stopped.send("");
    assert_eq!(stopped.line(), "late");
}
