//! The time that an evaluation may take, and a request may wait.

use std::path::Path;
use std::time::Duration;

use hotsplice_channel::expiry::Expiry;
use hotsplice_tests::program::Workspace;
use hotsplice_tests::pythons::{self};
use hotsplice_tests::wire::Wire;
use serde_json::{Value, json};

use super::{connected, start};

/// A patch as the server sends it, of one assignment that is added to `m.py` and of nothing else.
fn assignment(path: &Path, version: u64, text: &str, limit_ms: u64) -> Value {
    let edit = json!({ "definition": "X", "kind": "constant", "change": "changed", "what": "assignment", "scope": [],
        "line": 1, "end_line": 1, "binds": ["X"], "fresh": ["X"], "parts": [], "reads": [], "run": [{ "line": 1, "text": text }] });
    json!({ "commit": true, "patch": { "label": "x", "options": { "time_limit_ms": limit_ms },
        "files": [{ "path": path, "base_version": version, "text": text, "edits": [edit] }] } })
}

fn next_answer(wire: &mut Wire) -> Value {
    loop {
        let message = wire.receive().expect("an answer");
        if message.get("id").is_some() {
            return message;
        }
    }
}

#[test]
fn code_that_catches_every_exception_is_abandoned_and_the_next_patch_goes_live() {
    for python in pythons::all() {
        let workspace = Workspace::new();
        let spin = "import time\nTABLE = {}\nTICKS = []\ndef spin():\n    while True:\n        try:\n            TICKS.append(1)\n            time.sleep(0.001)\n        except BaseException:\n            pass\n";
        let mut program = start(&workspace, python, spin);
        let path = workspace.path().join("m.py");
        let mut wire = connected(&workspace);
        wire.request(2, "patch/prepare", &assignment(&path, 0, "TABLE['new'] = 1; X = spin()", 300))
            .expect("it listens");
        let answer = next_answer(&mut wire);
        assert_eq!(answer["result"]["verdicts"][0]["code"], "HS0104", "Python {}: {answer}", python.name());
        wire.request(3, "patch/prepare", &assignment(&path, 0, "X = 2", 5000)).expect("it listens");
        let answer = next_answer(&mut wire);
        assert_eq!(answer["result"]["committed"], true, "Python {}: {answer}", python.name());
        assert_eq!(program.ask("m.X, m.TABLE"), "(2, {})", "Python {}", python.name());
        // The thread that was abandoned does nothing any more.
        assert_eq!(program.ask("[len(m.TICKS), m.time.sleep(0.1), len(m.TICKS)][::2] == [len(m.TICKS)] * 2"), "True");
        drop(program);
    }
}

#[test]
fn what_follows_a_commit_is_stopped_too_and_the_rest_of_it_is_done() {
    for python in pythons::all() {
        let workspace = Workspace::new();
        let module = "import hotsplice, time\nDONE = []\n@hotsplice.on_patch\ndef first(patch):\n    while True:\n        try:\n            time.sleep(0.001)\n        except BaseException:\n            pass\n@hotsplice.on_patch\ndef second(patch):\n    DONE.append(1)\n";
        let mut program = start(&workspace, python, module);
        let path = workspace.path().join("m.py");
        let mut wire = connected(&workspace);
        wire.request(2, "patch/prepare", &assignment(&path, 0, "X = 1", 2000)).expect("it listens");
        let answer = next_answer(&mut wire);
        let result = &answer["result"];
        assert_eq!(result["committed"], true, "Python {}: {answer}", python.name());
        assert_eq!(result["verdicts"][1]["code"], "HS0603", "Python {}: {answer}", python.name());
        assert_eq!(program.ask("m.X, m.DONE"), "(1, [1])", "Python {}", python.name());
    }
}

#[test]
fn a_patch_that_nobody_waits_for_any_more_does_not_go_live() {
    let workspace = Workspace::new();
    let mut program = start(&workspace, pythons::newest(), "X = 0\n");
    let path = workspace.path().join("m.py");
    let mut wire = connected(&workspace);
    let ask_until = |wire: &mut Wire, id: u64, expires: Expiry| {
        let request = json!({ "jsonrpc": "2.0", "id": id, "method": "patch/prepare",
            "params": assignment(&path, 0, "X = 1", 1000), "expires": expires });
        wire.send(format!("{request}\n").as_bytes()).expect("it listens");
        next_answer(wire)
    };
    let answer = ask_until(&mut wire, 2, Expiry::after(Duration::ZERO));
    assert_eq!(answer["error"]["data"]["code"], "HS0006", "{answer}");
    assert_eq!(program.ask("m.X"), "0");
    let answer = ask_until(&mut wire, 3, Expiry::after(Duration::from_secs(60)));
    assert_eq!(answer["result"]["committed"], true, "{answer}");
    assert_eq!(program.ask("m.X"), "1");
}

#[test]
fn a_patch_that_is_worked_on_is_waited_for() {
    let workspace = Workspace::new();
    let mut program = start(&workspace, pythons::newest(), "X = 0\n");
    let path = workspace.path().join("m.py");
    let mut wire = connected(&workspace);
    let slow = assignment(&path, 0, "X = (__import__('time').sleep(6), 1)[1]", 20_000);
    let request = json!({ "jsonrpc": "2.0", "id": 2, "method": "patch/prepare", "params": slow,
        "expires": Expiry::after(Duration::from_secs(5)) });
    wire.send(format!("{request}\n").as_bytes()).expect("it listens");
    let mut told = 0;
    let answer = loop {
        let message = wire.receive().expect("it answers");
        told += usize::from(message["method"] == "request/working" && message["params"]["id"] == 2);
        if message["id"] == 2 {
            break message;
        }
    };
    assert_eq!(answer["result"]["committed"], true, "{answer}");
    assert!(told > 0);
    assert_eq!(program.ask("m.X"), "1");
}
