//! Calls that fail while an editor is there: shown at their lines, and answered from there.

use std::path::{Path, PathBuf};

use hotsplice_tests::lsp::{Editor, uri};
use hotsplice_tests::program::{Program, Workspace, wait_for};
use hotsplice_tests::pythons::{self, Python};
use serde_json::{Value, json};

const TRAIN: &str = "\
import sys

def batch(n):
    return list(range(n))

def evaluate(total, n):
    items = batch(n)
    return total / len(items)

print('ready', flush=True)
for line in sys.stdin:
    print('result', evaluate(int(line), 0), flush=True)
";
/// Where it fails, from 0.
const FAILS: u32 = 7;
const MENDED: (&str, &str) = ("total / len(items)", "total / (len(items) or 1)");

fn start(workspace: &Workspace, python: &Python, text: &str) -> (Program, PathBuf) {
    let script = workspace.write("train.py", text);
    let mut program = workspace.run(python, &["--guard", "train.*", &script.display().to_string()]);
    program.wait_line("ready");
    (program, script)
}

/// An editor that shows the file, once calls are held for its sake.
fn open(workspace: &Workspace, path: &Path, text: &str) -> Editor {
    let mut editor = Editor::start(workspace);
    editor.open(path, text);
    let watched = |session: &Value| session["watched"] == true;
    editor.wait_notification("hotsplice/status", |status| {
        status["sessions"].as_array().is_some_and(|sessions| sessions.iter().any(watched))
    });
    editor
}

/// Waits until the lines (from 0) of the diagnostics about calls that are held are these.
fn wait_shown(editor: &mut Editor, path: &Path, lines: &[u32]) -> Vec<Value> {
    let held = |shown: &Value| -> Vec<Value> {
        let all = shown["diagnostics"].as_array().into_iter().flatten();
        all.filter(|it| it["code"] == "HS0025").cloned().collect()
    };
    let line = |diagnostic: &Value| diagnostic["range"]["start"]["line"].as_u64();
    let wanted: Vec<Option<u64>> = lines.iter().map(|line| Some(u64::from(*line))).collect();
    let of_file = uri(path);
    let shown = editor.wait_notification("textDocument/publishDiagnostics", |shown| {
        shown["uri"] == of_file && held(shown).iter().map(line).eq(wanted.iter().copied())
    });
    held(&shown)
}

fn wait_told(editor: &mut Editor) -> Value {
    editor.wait_notification("hotsplice/hold", |_| true)
}

fn titles(editor: &mut Editor, path: &Path, line: u32) -> Vec<String> {
    editor.actions(path, line).into_iter().filter(|(_, reason)| reason.is_none()).map(|(title, _)| title).collect()
}

#[test]
fn a_call_that_fails_is_shown_at_its_line_mended_and_tried_again() {
    for python in pythons::all().iter().filter(|python| python.minor >= 12) {
        let workspace = Workspace::new();
        let (mut program, path) = start(&workspace, python, TRAIN);
        let mut editor = open(&workspace, &path, TRAIN);
        program.send("44");
        let shown = wait_shown(&mut editor, &path, &[FAILS]);
        assert_eq!((&shown[0]["severity"], &shown[0]["source"]), (&json!(1), &json!("hotsplice")));
        let message = shown[0]["message"].as_str().unwrap_or_default();
        let begins = "ZeroDivisionError: division by zero · evaluate is held in ";
        assert!(message.starts_with(begins) && message.contains("train.py · pid"), "{message}");
        assert!(shown[0]["range"]["end"]["character"].as_u64().is_some_and(|end| end > 10), "{}", shown[0]);
        let hover = editor.hover(&path, FAILS, 6);
        assert!(hover.contains("division by zero") && hover.contains("items = []\nn = 0\ntotal = 44"), "{hover}");
        let lenses = editor.lenses(&path);
        let lens = "■ evaluate is held: ZeroDivisionError: division by zero · Retry".to_owned();
        assert_eq!(lenses[0], (u64::from(FAILS), lens), "{lenses:?}");
        assert_eq!(
            titles(&mut editor, &path, FAILS)[..3],
            ["Retry `evaluate`", "Return a value from `evaluate`…", "Let `evaluate` raise"]
        );
        // One that lies in no other function can't begin again from further up.
        assert!(!titles(&mut editor, &path, FAILS).iter().any(|title| title.starts_with("Retry from")));
        // Its line moves with what is typed above it.
        let moved = format!("# one\n\n{}", TRAIN.replace("def evaluate(", "# three\ndef evaluate("));
        editor.change(&path, &moved);
        wait_shown(&mut editor, &path, &[FAILS + 3]);
        editor.change(&path, &moved.replace(MENDED.0, MENDED.1));
        wait_shown(&mut editor, &path, &[FAILS + 3]);
        editor.choose(&path, FAILS + 2, "Hot-patch train.py and retry `evaluate`");
        program.wait_line("result 44.0");
        wait_shown(&mut editor, &path, &[]);
        drop(program);
    }
}

#[test]
fn a_held_call_returns_a_value_or_raises() {
    let workspace = Workspace::new();
    let (mut program, path) = start(&workspace, pythons::newest(), TRAIN);
    let mut editor = open(&workspace, &path, TRAIN);
    program.send("44");
    let told = wait_told(&mut editor);
    assert_eq!(
        (&told["function"], &told["line"], &told["uri"]),
        (&json!("evaluate"), &json!(FAILS), &json!(uri(&path)))
    );
    assert_eq!(told["variables"]["total"], "44");
    let hold = told["hold"].clone();
    assert_eq!(hold.as_str().map(str::to_owned), Some(format!("{}.1", program.pid())));
    let listed = editor.command("hotsplice.holds", json!([]));
    assert_eq!(listed[0]["hold"], hold, "{listed}");
    let (code, message) = editor.failure("hotsplice.return", json!([{ "hold": hold, "expression": "totl" }]));
    assert!(code == "HS0024" && message.contains("totl"), "{code}: {message}");
    assert_eq!(editor.failure("hotsplice.raise", json!([{ "hold": "1.99" }])).0, "HS0023");
    editor.command("hotsplice.return", json!([{ "hold": hold, "expression": "[total for _ in 'ab']" }]));
    program.wait_line("result [44, 44]");
    editor.wait_notification("hotsplice/status", |status| status["holds"] == json!([]));
    assert_eq!(editor.failure("hotsplice.raise", json!([])).0, "HS0023");

    program.send("45");
    wait_shown(&mut editor, &path, &[FAILS]);
    editor.choose(&path, FAILS, "Let `evaluate` raise");
    assert_eq!(program.wait(), Some(1));
    assert!(program.stderr().contains("ZeroDivisionError"));
}

#[test]
fn a_patch_offers_to_retry_and_one_that_is_refused_leaves_the_call_held() {
    let workspace = Workspace::new();
    let (mut program, path) = start(&workspace, pythons::newest(), TRAIN);
    let mut editor = open(&workspace, &path, TRAIN);
    program.send("44");
    assert_eq!(wait_told(&mut editor)["patched"], false);
    editor.change(&path, &TRAIN.replace("def batch(n):", "def batch(n=1 / 0):"));
    let answer = editor.choose(&path, FAILS, "Hot-patch train.py and retry `evaluate`");
    assert_eq!(answer[0]["committed"], false, "{answer}");
    wait_shown(&mut editor, &path, &[FAILS]);
    // As it is live it fails again.
    editor.choose(&path, FAILS, "Retry `evaluate` as it is live");
    assert_eq!(wait_told(&mut editor)["hold"], format!("{}.2", program.pid()));

    editor.change(&path, &TRAIN.replace(MENDED.0, MENDED.1));
    let place = json!({ "line": FAILS, "character": 4 });
    editor.command("hotsplice.patchFunction", json!([{ "uri": uri(&path), "position": place }]));
    let told = editor.wait_notification("hotsplice/hold", |told| told["patched"] == true);
    assert!(told["message"].as_str().is_some_and(|text| text.contains("was patched since")), "{told}");
    editor.choose(&path, FAILS, "Retry `evaluate`");
    program.wait_line("result 44.0");
}

#[test]
fn a_call_further_up_begins_again() {
    let workspace = Workspace::new();
    let text = TRAIN
        .replace("print('ready'", "def step(line):\n    return evaluate(int(line), 0)\n\nprint('ready'")
        .replace("evaluate(int(line), 0), flush", "step(line), flush");
    let (mut program, path) = start(&workspace, pythons::newest(), &text);
    let mut editor = open(&workspace, &path, &text);
    program.send("44");
    wait_shown(&mut editor, &path, &[FAILS]);
    assert_eq!(titles(&mut editor, &path, FAILS)[..2], ["Retry `evaluate`", "Retry from `step`"]);
    editor.change(&path, &text.replace("int(line), 0)", "int(line), 4)"));
    editor.choose(&path, FAILS, "Retry from `step`");
    program.wait_line("result 11.0");
    wait_shown(&mut editor, &path, &[]);
}

#[test]
fn a_call_is_held_for_as_long_as_one_of_several_editors_is_there() {
    let workspace = Workspace::new();
    let (mut program, path) = start(&workspace, pythons::newest(), TRAIN);
    let mut one = open(&workspace, &path, TRAIN);
    let mut other = open(&workspace, &path, TRAIN);
    program.send("44");
    let hold = wait_told(&mut one)["hold"].clone();
    assert_eq!(wait_told(&mut other)["hold"], hold);
    one.command("hotsplice.return", json!([{ "expression": "'from one'" }]));
    program.wait_line("result from one");
    other.wait_notification("hotsplice/status", |status| status["holds"] == json!([]));

    program.send("45");
    wait_told(&mut other);
    one.die();
    other.command("hotsplice.return", json!([{ "expression": "'from the other'" }]));
    program.wait_line("result from the other");

    program.send("46");
    wait_told(&mut other);
    other.die();
    assert_eq!(program.wait(), Some(1));
    assert!(program.stderr().contains("ZeroDivisionError"));
}

#[test]
fn a_function_is_guarded_from_the_editor() {
    let workspace = Workspace::new();
    let script = workspace.write("train.py", TRAIN);
    let mut program = workspace.run(pythons::newest(), &[&script.display().to_string()]);
    program.wait_line("ready");
    let mut editor = open(&workspace, &script, TRAIN);
    let message = editor.choose(&script, FAILS, "Guard function `evaluate`");
    assert_eq!(message, "evaluate is guarded in 1 process: a call that fails is held");
    program.send("44");
    wait_shown(&mut editor, &script, &[FAILS]);
    editor.command("hotsplice.return", json!([{ "expression": "1" }]));
    program.wait_line("result 1");
    wait_for("the other action", || {
        titles(&mut editor, &script, FAILS).contains(&"Guard function `evaluate` no more".to_owned()).then_some(())
    });
    editor.choose(&script, FAILS, "Guard function `evaluate` no more");
    program.send("44");
    assert_eq!(program.wait(), Some(1));
}

const SERVED: &str = "\
import os, sys
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'site-packages'))
import framework

def work():
    return 1 / framework.nothing()

print('ready', flush=True)
for line in sys.stdin:
    print('result', framework.serve(work) if line.strip() == 'served' else work(), flush=True)
";
/// A handler that catches everything, and what fails within the framework itself.
const FRAMEWORK: &str = "\
def serve(call):
    try: return call()
    except Exception: return 'handled'

def nothing():
    return {}['nothing']
";
const WAYS: &[(&str, &str)] =
    &[("uncaught", "site-packages"), ("workspace", "site-packages"), ("uncaught", "vendor"), ("workspace", "vendor")];

#[test]
fn a_setting_guards_the_functions_of_the_workspace() {
    for &(setting, folder) in WAYS {
        let workspace = Workspace::new();
        workspace.write(&format!("{folder}/framework.py"), FRAMEWORK);
        if folder == "vendor" {
            // As `pip install --target vendor` does.
            let record = "framework.py,sha256=x,1\nframework-1.0.dist-info/RECORD,,\n";
            workspace.write("vendor/framework-1.0.dist-info/RECORD", record);
        }
        let text = SERVED.replace("site-packages", folder);
        let script = workspace.write("app.py", &text);
        let mut program = workspace.run(pythons::newest(), &[&script.display().to_string()]);
        program.wait_line("ready");
        let mut editor = Editor::with_options(&workspace, json!({ "guard": setting }));
        editor.open(&script, &text);
        editor.wait_notification("hotsplice/status", |status| status["sessions"][0]["watched"] == true);
        program.send("served");
        if setting == "workspace" {
            assert_eq!(wait_told(&mut editor)["function"], "work");
            editor.command("hotsplice.return", json!([{ "expression": "2" }]));
            program.wait_line("result 2");
        } else {
            program.wait_line("result handled");
        }
        program.send("alone");
        assert_eq!(wait_told(&mut editor)["function"], "work");
        editor.command("hotsplice.return", json!([{ "expression": "3" }]));
        program.wait_line("result 3");
        editor.notify("workspace/didChangeConfiguration", json!({ "settings": { "hotsplice": { "guard": "off" } } }));
        wait_for("the end of the guard", || {
            let guarded = workspace.call(&["guard", "other", "--json"]).json();
            (guarded[0]["patterns"] == json!(["other"])).then_some(())
        });
        program.send("alone");
        assert_eq!(program.wait(), Some(1));
    }
}

#[test]
fn an_older_python_says_why_its_functions_can_not_be_guarded() {
    let Some(python) = pythons::all().iter().find(|python| python.minor < 12) else { return };
    let workspace = Workspace::new();
    let script = workspace.write("train.py", TRAIN);
    let mut program = workspace.run(python, &[&script.display().to_string()]);
    program.wait_line("ready");
    let mut editor = open(&workspace, &script, TRAIN);
    let actions = editor.actions(&script, FAILS);
    let (_, reason) = actions.iter().find(|(title, _)| title == "Guard function `evaluate`").expect("an action");
    assert!(reason.as_deref().is_some_and(|reason| reason.contains("CPython 3.12")), "{reason:?}");
    let place = json!([{ "uri": uri(&script), "name": "evaluate" }]);
    assert_eq!(editor.failure("hotsplice.guard", place).0, "HS0022");
    // What is guarded in its source is held there, too.
    drop(program);
    let wrapped = TRAIN.replace("def evaluate", "import hotsplice\n@hotsplice.wrap\ndef evaluate");
    editor.change(&script, &wrapped);
    workspace.write("train.py", &wrapped);
    let mut program = workspace.run(python, &[&script.display().to_string()]);
    program.wait_line("ready");
    editor.wait_notification("hotsplice/status", |status| status["sessions"][0]["watched"] == true);
    program.send("44");
    wait_shown(&mut editor, &script, &[FAILS + 2]);
    editor.change(&script, &wrapped.replace(MENDED.0, MENDED.1));
    editor.choose(&script, FAILS + 2, "Hot-patch train.py and retry `evaluate`");
    program.wait_line("result 44.0");
}

#[test]
fn threads_and_tasks_are_shown_each_and_go_with_their_process() {
    let workspace = Workspace::new();
    let text = "\
import asyncio, sys, threading
def fail(name):
    raise ValueError(name)
async def task():
    await asyncio.sleep(0)
    return {}['key']
print('ready', flush=True)
sys.stdin.readline()
for name in 'ab':
    threading.Thread(target=fail, args=(name,), name=name).start()
asyncio.run(task())
";
    let (mut program, path) = start(&workspace, pythons::newest(), text);
    let mut editor = open(&workspace, &path, text);
    program.send("");
    let holds = |status: &Value| status["holds"].as_array().is_some_and(|holds| holds.len() == 3);
    editor.wait_notification("hotsplice/status", holds);
    let shown = titles(&mut editor, &path, 2);
    let retries: Vec<&String> = shown.iter().filter(|title| title.starts_with("Retry `fail` in ")).collect();
    assert_eq!(retries.len(), 2, "{shown:?}");
    assert!(titles(&mut editor, &path, 5).contains(&"Retry `task`".to_owned()));
    let (code, message) = editor.failure("hotsplice.retry", json!([{}]));
    assert!(code == "HS0023" && message.contains("say which one"), "{code}: {message}");
    program.child.kill().expect("it runs");
    wait_shown(&mut editor, &path, &[]);
    editor.wait_notification("hotsplice/status", |status| status["holds"] == json!([]));
}

#[test]
fn a_call_that_waits_already_is_shown_to_who_comes_later_whatever_they_can_show() {
    let workspace = Workspace::new();
    let script = workspace.write("train.py", TRAIN);
    let arguments = ["--guard", "train.*", "--hold-for", "300", &script.display().to_string()];
    let mut program = workspace.run(pythons::newest(), &arguments);
    program.wait_line("ready");
    program.send("44");
    wait_for("the hold", || workspace.call(&["holds", "--json"]).json().get(0).cloned());
    // Its line is that of the text that was live when it failed.
    let moved = format!("# one\n{TRAIN}");
    workspace.write("train.py", &moved);
    workspace.call(&["patch"]).expect(0);
    // An editor that knows only the protocol, and has not opened the file.
    let mut editor = Editor::with_parameters(&workspace, json!({}), json!({ "capabilities": {} }));
    wait_shown(&mut editor, &script, &[FAILS + 1]);
    let told = editor.wait_notification("window/showMessage", |_| true);
    assert!(told["message"].as_str().is_some_and(|text| text.contains("train.py:9")), "{told}");
    editor.open(&script, &moved);
    let offered = titles(&mut editor, &script, FAILS + 1);
    assert_eq!(offered[..3], ["Retry `evaluate`", "Have `evaluate` return None", "Let `evaluate` raise"]);
    editor.choose(&script, FAILS + 1, "Have `evaluate` return None");
    program.wait_line("result None");
}
