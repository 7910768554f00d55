//! Patching a program that is stopped at a breakpoint of the real debugger: on every Python that debugpy can be had for.

use std::path::{Path, PathBuf};
use std::process::Command;

use hotsplice_tests::debugger::{Debugger, debugpy};
use hotsplice_tests::lsp::Editor;
use hotsplice_tests::program::Workspace;
use hotsplice_tests::pythons;
use serde_json::json;

const OLD: &str = "\
def helper(number):
    return number + 1


def value(number):
    result = helper(number)
    return result
";

const NEW: &str = "\
import math


def helper(number):
    number = -number
    return number - 1


def value(number):
    step = math.floor(0.5)
    result = helper(number) + step
    return result
";

/// A program that calls `value` again and again, and stops in its line 6 each time.
fn launch(command: Command, workspace: &Workspace, debugpy: &Path) -> (Debugger, PathBuf) {
    let subject = workspace.write("subject.py", OLD);
    let text = "import subject\nfor number in range(1000):\n    subject.value(number)\n";
    let script = workspace.write("main.py", text);
    (Debugger::launch(command, workspace, debugpy, &script, (&subject, 6)), subject)
}

#[test]
fn breakpoints_and_steps_are_right_after_a_patch() {
    let mut tried = 0;
    for python in pythons::all() {
        let Some(debugpy) = debugpy(python) else {
            println!("debugpy can't be had for Python {}: not tested there", python.name());
            continue;
        };
        tried += 1;
        let workspace = Workspace::new();
        let mut command = workspace.hotsplice();
        command.args(["run", "--"]).arg(&python.path);
        let (mut debugger, subject) = launch(command, &workspace, &debugpy);
        let thread = debugger.stopped("breakpoint");
        let (name, line, frame) = debugger.frame(thread);
        assert_eq!((name.as_str(), line), ("value", 6), "Python {}", python.name());
        assert_eq!(debugger.evaluate("number", frame), "0");

        let mut editor = Editor::start(&workspace);
        editor.wait_notification("hotsplice/status", |status| {
            let sessions = status["sessions"].as_array().into_iter().flatten();
            sessions.into_iter().any(|session| session["command"].to_string().contains("main.py"))
        });
        // What an editor asks of what its debugger shows of a thread.
        let told = |editor: &mut Editor, lines: &[i64], thread: &str| {
            let frames: Vec<_> = lines.iter().map(|line| json!({ "path": subject, "line": line })).collect();
            editor.command("hotsplice.oldFrames", json!([{ "frames": frames, "thread": thread }]))
        };
        assert_eq!(told(&mut editor, &[line, 1], "MainThread"), json!([null, null]), "Python {}", python.name());
        editor.open(&subject, OLD);
        editor.change(&subject, NEW);
        // debugpy looks for lines that a breakpoint can have in the file on disk.
        workspace.write("subject.py", NEW);
        let answer = editor.patch_file(&subject);
        assert_eq!(answer[0]["committed"], true, "Python {}: {answer:#}", python.name());
        let stale = told(&mut editor, &[line, 1], "MainThread");
        let text = stale[0].as_str().unwrap_or_default();
        assert!(text.starts_with("stale: this call runs value as it was loaded"), "Python {}: {stale}", python.name());
        assert!(stale[1].is_null(), "Python {}: {stale}", python.name());
        assert_eq!(told(&mut editor, &[line], "Thread-9"), json!([null]), "Python {}", python.name());
        // An editor's breakpoints move with its lines.
        debugger.set_breakpoint((&subject, 11));

        // The call that began before goes on in the old code; the next one stops at the new line.
        debugger.go("continue", thread);
        assert_eq!(debugger.stopped("breakpoint"), thread);
        let (name, line, frame) = debugger.frame(thread);
        assert_eq!((name.as_str(), line), ("value", 11), "Python {}", python.name());
        assert_eq!(told(&mut editor, &[line], "MainThread"), json!([null]), "Python {}", python.name());
        assert_eq!((debugger.evaluate("number", frame), debugger.evaluate("step", frame)), ("1".into(), "0".into()));
        debugger.go("stepIn", thread);
        debugger.stopped("step");
        let (name, line, _) = debugger.frame(thread);
        assert_eq!((name.as_str(), line), ("helper", 5), "Python {}", python.name());
        debugger.go("next", thread);
        debugger.stopped("step");
        let (_, line, frame) = debugger.frame(thread);
        assert_eq!((line, debugger.evaluate("number", frame)), (6, "-1".into()), "Python {}", python.name());
        debugger.go("stepOut", thread);
        debugger.stopped("step");
        assert_eq!(debugger.frame(thread).0, "value");
        debugger.go("next", thread);
        debugger.stopped("step");
        let (_, line, frame) = debugger.frame(thread);
        assert_eq!((line, debugger.evaluate("result", frame)), (12, "-2".into()), "Python {}", python.name());
    }
    assert!(tried > 0 || debugpy(pythons::newest()).is_none());
}

/// An editor sets its breakpoints anew when it saves, not before.
#[test]
fn breakpoints_move_with_the_lines_of_a_text_that_is_not_saved() {
    for python in pythons::all().iter().filter(|python| python.minor >= 12) {
        let Some(debugpy) = debugpy(python) else { continue };
        let workspace = Workspace::new();
        let mut command = workspace.hotsplice();
        command.args(["run", "--"]).arg(&python.path);
        let (mut debugger, subject) = launch(command, &workspace, &debugpy);
        let thread = debugger.stopped("breakpoint");
        debugger.set_breakpoint((&subject, 7));
        let mut stops_at = |line: i64, result: &str| {
            let mut at = Vec::new();
            for _ in 0..3 {
                debugger.go("continue", thread);
                debugger.stopped("breakpoint");
                let (_, stopped, frame) = debugger.frame(thread);
                at.push(stopped);
                if stopped == line {
                    return assert_eq!(debugger.evaluate(result, frame), "True", "Python {}", python.name());
                }
            }
            panic!("Python {}: it does not stop at {line} but at {at:?}", python.name());
        };
        let mut editor = Editor::start(&workspace);
        editor.wait_sessions(1);
        editor.open(&subject, OLD);
        editor.change(&subject, NEW);
        assert_eq!(editor.patch_file(&subject)[0]["committed"], true);
        stops_at(12, "step == 0");
        editor.change(&subject, &NEW.replace("    step =", "\n    step ="));
        assert_eq!(editor.patch_file(&subject)[0]["committed"], true);
        stops_at(13, "step == 0");
        workspace.call(&["undo"]).expect(0);
        stops_at(12, "step == 0");
        workspace.call(&["undo"]).expect(0);
        stops_at(7, "'step' not in locals()");
    }
}

/// What editors have a debugger evaluate in a program that was running before.
#[test]
fn a_program_that_runs_becomes_a_session_by_one_expression() {
    for python in pythons::all() {
        let Some(debugpy) = debugpy(python) else { continue };
        let workspace = Workspace::new();
        let (mut debugger, subject) = launch(Command::new(&python.path), &workspace, &debugpy);
        let thread = debugger.stopped("breakpoint");
        let mut editor = Editor::start(&workspace);
        editor.wait_notification("hotsplice/status", |status| status["sessions"].as_array().is_some_and(Vec::is_empty));
        let expression = workspace.call(&["attach", "--expression"]).expect(0).text();
        // Without a frame, as for a program that runs; and once more, which changes nothing.
        for _ in 0..2 {
            debugger.request("evaluate", json!({ "expression": expression.trim(), "context": "repl" }));
        }
        editor.wait_sessions(1);
        editor.open(&subject, OLD);
        editor.change(&subject, &OLD.replace("number + 1", "number + 100"));
        let answer = editor.patch_file(&subject);
        assert_eq!(answer[0]["committed"], true, "Python {}: {answer:#}", python.name());
        debugger.go("continue", thread);
        debugger.stopped("breakpoint");
        debugger.go("next", thread);
        debugger.stopped("step");
        let (_, _, frame) = debugger.frame(thread);
        assert_eq!(debugger.evaluate("result", frame), "101", "Python {}", python.name());
    }
}

#[test]
fn a_frame_that_debugpy_has_stopped_begins_again_with_the_new_code() {
    for python in pythons::all() {
        let Some(debugpy) = debugpy(python) else { continue };
        let workspace = Workspace::new();
        let mut command = workspace.hotsplice();
        command.args(["run", "--"]).arg(&python.path);
        let (mut debugger, subject) = launch(command, &workspace, &debugpy);
        let thread = debugger.stopped("breakpoint");
        workspace.write("subject.py", NEW);
        workspace.call(&["patch", "subject.py"]).expect(0);
        debugger.set_breakpoint((&subject, 11));
        let called = workspace.call(&["restart-frame"]);
        if python.minor < 12 {
            assert!(called.expect(2).errors().contains("HS0621"), "Python {}", python.name());
            continue;
        }
        let text = called.expect(0).text();
        let said = "value begins again with the new code when the debugger lets it go on";
        assert_eq!(text.trim(), said, "Python {}", python.name());

        debugger.go("next", thread);
        debugger.stopped("step");
        let (name, line, _) = debugger.frame(thread);
        assert_eq!((name.as_str(), line), ("value", 10), "Python {}", python.name());
        debugger.go("continue", thread);
        debugger.stopped("breakpoint");
        let (_, line, frame) = debugger.frame(thread);
        let values = (debugger.evaluate("number", frame), debugger.evaluate("step", frame));
        assert_eq!((line, values), (11, ("0".into(), "0".into())), "Python {}", python.name());

        // Its caller waits for it: that begins again where its next line does, and calls it once more.
        debugger.go("stepIn", thread);
        debugger.stopped("step");
        assert_eq!(debugger.frame(thread).0, "helper");
        let text = workspace.call(&["restart-frame", "--frame", "1"]).expect(0).text();
        let said =
            "value begins again with the code that it has, which no patch has changed, where its next line begins";
        assert_eq!(text.trim(), said, "Python {}", python.name());
        debugger.go("continue", thread);
        debugger.stopped("breakpoint");
        let (_, line, frame) = debugger.frame(thread);
        assert_eq!((line, debugger.evaluate("number", frame)), (11, "0".into()), "Python {}", python.name());
        // As an editor asks, by what its debugger shows of the frame.
        let mut editor = Editor::start(&workspace);
        editor.wait_sessions(1);
        let shown = json!([{ "name": "value", "path": subject, "line": 11 }]);
        let text = editor.command("hotsplice.restartFrame", shown);
        assert!(text.to_string().contains("value begins again"), "Python {}: {text}", python.name());
        editor.wait_notification("window/showMessage", |message| message["message"] == text);
        debugger.go("next", thread);
        debugger.stopped("step");
        assert_eq!(debugger.frame(thread).1, 10, "Python {}", python.name());
        // As VS Code's own *Restart Frame* does: what the debugger evaluates in the frame.
        let (_, line, frame) = debugger.frame(thread);
        let asked = |name: &str| {
            format!(
                r#"__import__("hotsplice._api", fromlist=["_"]).restart_frame("{name}", {subject:?}, {line})["at_once"]"#
            )
        };
        assert_eq!(debugger.evaluate(&asked("value"), frame), "True", "Python {}", python.name());
        let error =
            debugger.refused("evaluate", json!({ "expression": asked("nobody"), "frameId": frame, "context": "repl" }));
        assert!(error.contains("HS0620"), "Python {}: {error}", python.name());
        debugger.go("next", thread);
        debugger.stopped("step");
        assert_eq!(debugger.frame(thread).1, 10, "Python {}", python.name());
        let called = workspace.call(&["restart-frame", "--thread", "nobody"]).expect(2);
        assert!(called.errors().contains("HS0620"), "Python {}", python.name());
    }
}

#[test]
fn a_call_that_debugpy_has_stopped_goes_on_in_the_new_code_behind_a_statement_that_is_as_it_was() {
    const TEXT: &str = "def value(number):\n    first = number + 1\n    second = first + 1\n    third = second * 2\n    return third\n";
    let new = TEXT.replace("second * 2", "second * 3 + more").replace("    third =", "    more = 1000\n    third =");
    for python in pythons::all().iter().filter(|python| python.minor >= 12) {
        let Some(debugpy) = debugpy(python) else { continue };
        let workspace = Workspace::new();
        let mut command = workspace.hotsplice();
        command.args(["run", "--"]).arg(&python.path);
        let subject = workspace.write("subject.py", TEXT);
        let text = "import subject\nfor number in range(1000):\n    got = subject.value(number)\n    print(got)\n";
        let script = workspace.write("main.py", text);
        let mut debugger = Debugger::launch(command, &workspace, &debugpy, &script, (&subject, 3));
        let thread = debugger.stopped("breakpoint");
        workspace.write("subject.py", &new);
        let answer = workspace.call(&["patch", "--json", "subject.py"]).expect(0).json().to_string();
        assert!(answer.contains("HS0309"), "Python {}: {answer}", python.name());
        debugger.set_breakpoint((&subject, 6));
        debugger.go("next", thread);
        debugger.stopped("step");
        let (name, line, frame) = debugger.frame(thread);
        let second = debugger.evaluate("second", frame);
        assert_eq!((name.as_str(), line, second.as_str()), ("value", 4, "2"), "Python {}", python.name());
        debugger.go("continue", thread);
        debugger.stopped("breakpoint");
        let (_, line, frame) = debugger.frame(thread);
        let values = (debugger.evaluate("more", frame), debugger.evaluate("third", frame));
        assert_eq!((line, values), (6, ("1000".into(), "1006".into())), "Python {}", python.name());
    }
}

/// A debugger keeps what it has found out of code, by the code: its lines, and the breakpoints in them.
#[test]
fn breakpoints_hold_in_functions_that_a_patch_edits_adds_or_only_moves() {
    const TEXT: &str = "def edited(number):\n    one = number + 1\n    return one\n\n\ndef moved(number):\n    two = number + 2\n    return two\n\n\nclass Shop:\n    def method(self, number):\n        three = number + 3\n        return three\n\n\ndef stop(number):\n    return number\n";
    let new = TEXT.replace("def edited(number):\n", "import math\n\n\ndef edited(number):\n    added(number)\n")
        + "\n\ndef added(number):\n    return -number\n";
    let line_of = |text: &str, part: &str| {
        let line = text.lines().position(|line| line.contains(part)).expect("a line");
        u32::try_from(line + 1).expect("a small number")
    };
    for python in pythons::all() {
        let Some(debugpy) = debugpy(python) else { continue };
        let workspace = Workspace::new();
        let mut command = workspace.hotsplice();
        command.args(["run", "--"]).arg(&python.path);
        let subject = workspace.write("subject.py", TEXT);
        let text = "import subject\nshop = subject.Shop()\nfor number in range(1000):\n    subject.edited(number)\n    subject.moved(number)\n    shop.method(number)\n    subject.stop(number)\n";
        let script = workspace.write("main.py", text);
        let at = line_of(TEXT, "return number");
        let mut debugger = Debugger::launch(command, &workspace, &debugpy, &script, (&subject, at));
        // It has seen all of them once.
        let thread = debugger.stopped("breakpoint");
        debugger.go("continue", thread);
        debugger.stopped("breakpoint");
        workspace.write("subject.py", &new);
        let answer = workspace.call(&["patch", "subject.py", "--json"]).expect(0).json().to_string();
        for code in ["HS0605", "HS0303"] {
            assert!(!answer.contains(code), "Python {}: {answer}", python.name());
        }
        let lines = ["return -number", "one = number", "two = number", "three = number", "return number"];
        let lines = lines.map(|part| line_of(&new, part));
        debugger.set_breakpoints(&subject, &lines);
        for round in 0..2 {
            for line in lines {
                debugger.go("continue", thread);
                debugger.stopped("breakpoint");
                let stopped = debugger.frame(thread).1;
                assert_eq!(stopped, i64::from(line), "Python {}, round {round}", python.name());
            }
        }
    }
}
