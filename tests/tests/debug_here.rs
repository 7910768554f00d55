//! A debugger stands where a held call failed: pdb by the command line and for agents, debugpy for editors; the call stays held.

use std::path::Path;

use hotsplice_tests::debugger::{Debugger, debugpy};
use hotsplice_tests::holding::{held, holds};
use hotsplice_tests::lsp::Editor;
use hotsplice_tests::program::{Program, Workspace};
use hotsplice_tests::pythons::{self, Python};
use serde_json::json;

const TRAIN: &str = "\
import json
import sys

def evaluate(total, n):
    share = total * 2
    if n == 'json':
        return json.loads('{')
    return share / n

print('ready', flush=True)
for line in sys.stdin:
    print('result', evaluate(44, 'json' if 'json' in line else 0), flush=True)
";

fn start(workspace: &Workspace, python: &Python, text: &str, path: Option<&Path>) -> Program {
    let script = workspace.write("train.py", text).display().to_string();
    let mut command = workspace.hotsplice();
    command.envs(path.map(|path| ("PYTHONPATH", path))).args(["run", "--python"]).arg(&python.path);
    let mut program = Program::start({
        command.args(["--guard", "train.*", "--hold-for", "300", &script]);
        command
    });
    program.wait_line("ready");
    program
}

fn pdb(workspace: &Workspace, arguments: &[&str]) -> Program {
    let mut command = workspace.hotsplice();
    command.arg("debug").args(arguments);
    Program::start(command)
}

#[test]
fn pdb_by_the_command_line_leaves_the_call_held() {
    for python in pythons::all().iter().filter(|python| python.minor >= 12) {
        let workspace = Workspace::new();
        let mut program = start(&workspace, python, TRAIN, None);
        program.send("");
        held(&workspace);
        let mut prompt = pdb(&workspace, &[]);
        for line in ["p 'share', share", "up", "p 'above', line", "undefined", "q"] {
            prompt.send(line);
        }
        prompt.wait_line("('share', 88)");
        prompt.wait_line("('above', '\\n')");
        prompt.wait_line("*** NameError: name 'undefined' is not defined");
        assert_eq!(prompt.wait(), Some(0));
        assert_eq!(holds(&workspace).len(), 1, "{}", python.name());
        workspace.write("train.py", &TRAIN.replace("share / n", "share"));
        workspace.call(&["retry"]).expect(0);
        program.wait_line("result 88");
    }
}

#[test]
fn it_begins_in_the_program_and_not_in_what_that_calls() {
    let workspace = Workspace::new();
    let mut program = start(&workspace, pythons::newest(), TRAIN, None);
    program.send("json");
    held(&workspace);
    let mut prompt = pdb(&workspace, &[]);
    prompt.send("p 'share', share");
    prompt.wait_line("('share', 88)");
    prompt.send("q");
    assert_eq!(prompt.wait(), Some(0));
}

#[test]
fn what_ends_the_hold_ends_the_prompt_and_one_that_was_left_is_found_again() {
    let workspace = Workspace::new();
    let mut program = start(&workspace, pythons::newest(), TRAIN, None);
    program.send("");
    held(&workspace);
    let mut prompt = pdb(&workspace, &[]);
    prompt.send("kept = 5");
    prompt.send("p 'first', share");
    prompt.wait_line("('first', 88)");
    prompt.child.kill().expect("it runs");
    let mut again = pdb(&workspace, &["--pdb"]);
    again.send("p 'second', kept");
    again.wait_line("('second', 5)");
    workspace.call(&["return", "share + 1"]).expect(0);
    program.wait_line("result 89");
    again.wait_line("evaluate returns a value");
    // The thread has left pdb: its next call is held as ever.
    program.send("");
    held(&workspace);
    workspace.call(&["raise"]).expect(0);
    assert_eq!(program.wait(), Some(1));
}

#[test]
fn a_call_that_was_left_and_a_task_are_debugged_too() {
    for python in [&pythons::all()[0], pythons::newest()] {
        let workspace = Workspace::new();
        let text = "\
import asyncio, hotsplice, sys
from hotsplice._failed import watched
watched.settings.hold_for = 300
@hotsplice.wrap
def plain(x):
    inner = x + 1
    return inner / 0
@hotsplice.wrap
async def task(x):
    await asyncio.sleep(0)
    inner = x + 2
    return inner / 0
print('ready', flush=True)
sys.stdin.readline()
print('result', plain(1), flush=True)
print('result', asyncio.run(task(1)), flush=True)
";
        let script = workspace.write("train.py", text).display().to_string();
        let mut program = workspace.run(python, &[&script]);
        program.wait_line("ready");
        program.send("");
        for (inner, value) in [("2", "7"), ("3", "8")] {
            held(&workspace);
            let mut prompt = pdb(&workspace, &[]);
            prompt.send("p 'inner', inner");
            prompt.wait_line(&format!("('inner', {inner})"));
            prompt.send("q");
            assert_eq!(prompt.wait(), Some(0));
            workspace.call(&["return", value]).expect(0);
            program.wait_line(&format!("result {value}"));
        }
    }
}

/// A front end that an editor would attach is `each_is_mended_under_debugpy`'s; here is what editors are told.
#[test]
fn debugpy_listens_where_it_can_be_had_and_else_it_is_reported() {
    let workspace = Workspace::new();
    let mut program = start(&workspace, pythons::newest(), TRAIN, None);
    let path = workspace.path().join("train.py");
    let mut editor = Editor::start(&workspace);
    editor.open(&path, TRAIN);
    program.send("");
    editor.wait_notification("hotsplice/hold", |_| true);
    let told = editor.command("hotsplice.debug", json!([{ "listen": true }]));
    assert_eq!(told["by"], "none", "{told}");
    let message = told["message"].as_str().unwrap_or_default();
    assert!(message.contains("debugpy can't be had") && message.contains("`hotsplice debug "), "{message}");
    assert!(workspace.call(&["debug", "--listen"]).expect(2).errors().contains("HS0690"));
    let offered = editor.actions(&path, 7);
    assert!(offered.iter().any(|(title, _)| title == "Debug `evaluate` where it failed"), "{offered:?}");
    drop(program);

    let found = pythons::all().iter().rev().find_map(|python| Some((python, debugpy(python)?)));
    let Some((python, folder)) = found.filter(|(python, _)| python.minor >= 12) else { return };
    let workspace = Workspace::new();
    let mut program = start(&workspace, python, TRAIN, None);
    let path = workspace.path().join("train.py");
    let mut editor = Editor::start(&workspace);
    editor.open(&path, TRAIN);
    program.send("");
    editor.wait_notification("hotsplice/hold", |_| true);
    // One that the editor brings.
    let told = editor.command("hotsplice.debug", json!([{ "listen": true, "debugpy": folder }]));
    assert_eq!(
        (&told["by"], &told["host"], &told["function"]),
        (&json!("listening"), &json!("127.0.0.1"), &json!("evaluate")),
        "{told}"
    );
    let again = editor.command("hotsplice.debug", json!([{ "listen": true }]));
    assert_eq!(again["port"], told["port"]);
    // Its adapter is none of the program's processes.
    assert_eq!(workspace.sessions(1).len(), 1);
    // Its debugger stops there; when it has gone on and left, the call is still held.
    let port = told["port"].as_u64().and_then(|port| port.try_into().ok()).expect("a port");
    let mut attached = Debugger::attach("127.0.0.1", port);
    let thread = attached.stopped("exception");
    let (function, line, frame) = attached.frame(thread);
    assert_eq!((function.as_str(), line, attached.evaluate("share", frame).as_str()), ("evaluate", 8, "88"));
    attached.go("continue", thread);
    drop(attached);
    editor.change(&path, &TRAIN.replace("share / n", "share + 1"));
    let answer = editor.command("hotsplice.retry", json!([{}]));
    assert_eq!(answer[0]["committed"], true, "{answer}");
    program.wait_line("result 89");
}
