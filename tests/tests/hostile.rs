//! Bad input on the socket, and either side going away: nothing crashes or hangs, and there is one clear message.

use std::io::Write;

use hotsplice_channel::{MAX_MESSAGE, PROTOCOL};
use hotsplice_tests::lsp::Editor;
use hotsplice_tests::program::{Program, Workspace};
use hotsplice_tests::pythons;
use hotsplice_tests::wire::Wire;
use serde_json::json;

fn start(workspace: &Workspace) -> Program {
    let script = workspace
        .write("app.py", "import sys\ndef f():\n    return 'old'\nprint('ready', flush=True)\nfor _ in sys.stdin:\n    print(f(), flush=True)\n");
    let mut program = workspace.run(pythons::newest(), &[&script.display().to_string()]);
    // It is a session before it has read its own script.
    program.wait_line("ready");
    program
}

fn still_works(workspace: &Workspace, program: &mut Program) {
    workspace
        .write("app.py", "import sys\ndef f():\n    return 'new'\nprint('ready', flush=True)\nfor _ in sys.stdin:\n    print(f(), flush=True)\n");
    workspace.call(&["patch", "app.py"]).expect(0);
    program.send("");
    assert_eq!(program.line(), "new");
}

/// Numbers that look random and are the same every time (xorshift, George Marsaglia, 2003).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

#[test]
fn hostile_bytes() {
    let workspace = Workspace::new();
    let mut program = start(&workspace);
    let entry = workspace.sessions(1).remove(0);
    let valid = json!({ "jsonrpc": "2.0", "id": 7, "method": "patch/prepare", "params": { "patch": { "label": "x", "files": [{ "path": "/a.py", "base_version": 0, "text": "", "edits": [] }] } } }).to_string();
    for seed in 1..=300u64 {
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut wire = Wire::connect(&entry);
        if seed % 2 == 0 {
            wire.hello(PROTOCOL);
        }
        let mut bytes: Vec<u8> = match seed % 3 {
            0 => (0..random.next() % 400).map(|_| random.next() as u8).collect(),
            _ => valid.clone().into_bytes(),
        };
        for _ in 0..random.next() % 8 {
            let place = random.next() as usize % bytes.len().max(1);
            match random.next() % 3 {
                0 if !bytes.is_empty() => bytes[place] = random.next() as u8,
                1 => bytes.truncate(place),
                _ => bytes.insert(place.min(bytes.len()), random.next() as u8),
            }
        }
        bytes.push(b'\n');
        // The agent may have closed the connection already.
        let _ = wire.send(&bytes);
        let _ = wire.stream.shutdown(std::net::Shutdown::Write);
        while wire.receive().is_some() {}
    }
    still_works(&workspace, &mut program);
}

#[test]
fn a_message_of_a_gigabyte_is_cut_off() {
    let workspace = Workspace::new();
    let mut program = start(&workspace);
    let entry = workspace.sessions(1).remove(0);
    let mut wire = Wire::connect(&entry);
    let block = vec![b'x'; 1024 * 1024];
    let mut sent = 0;
    while sent < 1024 * 1024 * 1024 {
        match wire.stream.write(&block) {
            Ok(count) => sent += count,
            Err(_) => break,
        }
    }
    assert!(sent < 2 * MAX_MESSAGE, "the agent took {sent} bytes");
    still_works(&workspace, &mut program);
}

#[test]
fn another_protocol_version_is_told_so() {
    let workspace = Workspace::new();
    let mut program = start(&workspace);
    let entry = workspace.sessions(1).remove(0);
    let mut wire = Wire::connect(&entry);
    let answer = wire.hello(99).expect("an answer");
    assert_eq!(answer["error"]["data"]["code"], "HS0001", "{answer}");
    assert!(
        answer["error"]["message"].as_str().is_some_and(|text| text.contains("start the process again")),
        "{answer}"
    );
    assert_eq!(wire.receive(), None, "the connection is closed");
    let mut wire = Wire::connect(&entry);
    wire.request(1, "files", &json!({})).expect("it listens");
    assert_eq!(wire.receive().expect("an answer")["error"]["data"]["code"], "HS0003");
    still_works(&workspace, &mut program);
}

#[test]
fn other_users_are_kept_out() {
    let workspace = Workspace::new();
    let mut program = start(&workspace);
    let entry = workspace.sessions(1).remove(0);
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &std::path::Path| std::fs::metadata(path).expect("it exists").permissions().mode() & 0o777;
    assert_eq!(mode(workspace.registry()), 0o700);
    assert_eq!(mode(std::path::Path::new(&entry.socket)), 0o600);
    if rustix::process::getuid().is_root() {
        // As somebody else, past the folder's permissions.
        let open = |path: &std::path::Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("ours")
        };
        let parent = workspace.registry().parent().expect("a folder");
        for (path, mode) in
            [(parent, 0o755), (workspace.registry(), 0o755), (std::path::Path::new(&entry.socket), 0o666)]
        {
            open(path, mode);
        }
        let script = "import os, socket, sys\nos.setuid(65534)\nconnection = socket.socket(socket.AF_UNIX)\nconnection.connect(sys.argv[1])\nprint(connection.makefile().readline())\n";
        let output = std::process::Command::new("/usr/bin/env")
            .args(["python3", "-c", script, &entry.socket])
            .output()
            .expect("python3");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("HS0007"), "{text}{}", String::from_utf8_lossy(&output.stderr));
        open(workspace.registry(), 0o700);
    }
    still_works(&workspace, &mut program);
}

#[test]
fn a_process_that_is_killed_during_prepare() {
    let workspace = Workspace::new();
    let mut program = start(&workspace);
    workspace.write("app.py", "import sys\nimport os, signal\nX = os.kill(os.getpid(), signal.SIGKILL)\ndef f():\n    return 'new'\nprint('ready', flush=True)\nfor _ in sys.stdin:\n    print(f(), flush=True)\n");
    let called = workspace.call(&["patch", "app.py"]).expect(1);
    assert_eq!(called.text().matches("HS0002").count(), 1, "{}", called.text());
    assert!(!called.text().contains("another file"), "there is one: {}", called.text());
    program.wait();
    workspace.sessions(0);
}

/// As the workers of a reloader are, that ends them when a file is written.
#[test]
fn a_process_that_its_parent_starts_again_during_prepare_says_what_that_may_be() {
    let workspace = Workspace::new();
    let quiet = "X = 1\ndef f():\n    return 'old'\nif __name__ == '__main__':\n    import sys\n    print('ready', flush=True)\n    sys.stdin.read()\n";
    workspace.write("app.py", quiet);
    let supervisor = workspace.write(
        "supervisor.py",
        "import subprocess, sys\nsubprocess.run([sys.executable, 'app.py'])\nprint('ended', flush=True)\nsys.stdin.read()\n",
    );
    let mut program = workspace.run(pythons::newest(), &[&supervisor.display().to_string()]);
    program.wait_line("ready");
    workspace.sessions(2);
    let ending = quiet.replace("X = 1", "import os, signal\nX = os.kill(os.getpid(), signal.SIGKILL)");
    workspace.write("app.py", &ending);
    let called = workspace.call(&["patch", "app.py"]).expect(1);
    for part in ["HS0002", "supervisor.py", "reloader", "--no-reload"] {
        assert!(called.text().contains(part), "{part}: {}", called.text());
    }
    program.wait_line("ended");
}

#[test]
fn an_evaluation_without_end_is_stopped() {
    let workspace = Workspace::new();
    let mut program = start(&workspace);
    let entry = workspace.sessions(1).remove(0);
    let mut wire = Wire::connect(&entry);
    wire.hello(PROTOCOL).expect("hello");
    let path = workspace.path().join("app.py");
    let statement = "X = [None for _ in iter(int, 1)]";
    let excerpt = json!([{ "line": 1, "text": statement }]);
    // Above the loop that runs: what comes after that is not run before its turn.
    let text = format!("{statement}\n{}", std::fs::read_to_string(&path).expect("its text"));
    let edit = json!({ "definition": "X", "kind": "constant", "change": "added", "what": "assignment", "scope": [], "line": 1, "end_line": 1, "binds": ["X"], "run": excerpt });
    let patch = json!({ "label": "x", "files": [{ "path": path, "base_version": 0, "text": text, "edits": [edit] }], "options": { "time_limit_ms": 300 } });
    wire.request(2, "patch/prepare", &json!({ "patch": patch })).expect("it listens");
    // News of modules that are loaded may come before it.
    let mut answer = wire.receive().expect("an answer");
    while answer.get("id").is_none() {
        answer = wire.receive().expect("an answer");
    }
    assert_eq!(answer["result"]["verdicts"][0]["code"], "HS0104", "{answer}");
    still_works(&workspace, &mut program);
}

#[test]
fn an_editor_that_dies() {
    let workspace = Workspace::new();
    let mut program = start(&workspace);
    let mut editor = Editor::start(&workspace);
    editor.wait_sessions(1);
    editor.die();
    still_works(&workspace, &mut program);
}

/// What an interpreter looks like is found out by the first who ask: as often as not, an editor asks several things at once.
#[test]
fn all_who_ask_at_once_are_answered_from_the_first_moment_on() {
    for python in pythons::all() {
        for _ in 0..3 {
            let workspace = Workspace::new();
            workspace.write("other.py", "def f(): return 1\n");
            let script = workspace.write(
                "main.py",
                // The functions of a file that no module stands for are looked for.
                "space = {}\nexec(compile(open('other.py').read(), __file__.replace('main', 'other'), 'exec'), space)\n\
                print('ready', flush=True)\nfor line in iter(input, 'end'):\n    print(line, flush=True)\n",
            );
            let mut program = workspace.run(python, &[&script.display().to_string()]);
            program.wait_line("ready");
            let entry = workspace.sessions(1).remove(0);
            let mut wires: Vec<Wire> = (0..8).map(|_| Wire::connect(&entry)).collect();
            for wire in &mut wires {
                wire.hello(PROTOCOL).expect("hello");
            }
            for (number, wire) in wires.iter_mut().enumerate() {
                let (method, params) = match number % 2 {
                    0 => ("files", json!({})),
                    _ => ("baseline", json!({ "path": script })),
                };
                wire.request(2, method, &params).expect("it listens");
            }
            for wire in &mut wires {
                let answer = loop {
                    let message = wire.receive().unwrap_or_else(|| panic!("Python {}: no answer", python.name()));
                    if message.get("id").is_some() {
                        break message;
                    }
                };
                assert!(answer["result"].is_object(), "Python {}: {answer}", python.name());
            }
            program.send("still there");
            assert_eq!(program.line(), "still there", "Python {}", python.name());
        }
    }
}
