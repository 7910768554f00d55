//! What the editor says is so, and no more than that.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use hotsplice_tests::lsp::{Editor, uri};
use hotsplice_tests::program::{Program, Workspace, wait_for};
use hotsplice_tests::pythons;
use serde_json::{Value, json};

const APP: &str = "\
import sys

LIMIT = 1

def price(cents=100):
    return cents

def greet():
    return 'hello'

class View:
    size = 1

print('ready', flush=True)
for line in sys.stdin:
    print(LIMIT, price(), greet(), View.size, flush=True)
";

fn start(workspace: &Workspace) -> (Program, std::path::PathBuf, Editor) {
    let path = workspace.write("app.py", APP);
    let mut program = workspace.run(pythons::newest(), &[&path.display().to_string()]);
    program.wait_line("ready");
    let mut editor = Editor::start(workspace);
    editor.wait_sessions(1);
    editor.open(&path, APP);
    (program, path, editor)
}

fn ask(program: &mut Program) -> String {
    program.send("");
    program.line()
}

fn message(editor: &mut Editor) -> String {
    let told = editor.wait_notification("hotsplice/patched", |_| true);
    told["message"].as_str().unwrap_or_default().to_owned()
}

fn severities(shown: &Value) -> Vec<(String, u64)> {
    let each = shown["diagnostics"].as_array().into_iter().flatten();
    each.map(|one| (one["code"].as_str().unwrap_or_default().to_owned(), one["severity"].as_u64().unwrap_or_default()))
        .collect()
}

#[test]
fn a_statement_that_was_not_run_is_not_live() {
    let workspace = Workspace::new();
    let (mut program, path, mut editor) = start(&workspace);
    let text = APP.replace("print('ready', flush=True)\n", "print('ready', flush=True)\nprint('again', flush=True)\n");
    editor.change(&path, &text);
    editor.patch_file(&path);
    let said = message(&mut editor);
    assert!(said.contains("nothing was changed: ") && said.ends_with("was not run, HS0401"), "{said}");
    editor.change(&path, &text.replace("hello", "welcome"));
    editor.patch_file(&path);
    assert!(message(&mut editor).starts_with("app.py is live in 1 process ("));
    editor.command("hotsplice.undo", json!([{ "uri": uri(&path) }]));
    let said = message(&mut editor);
    assert!(said.starts_with("app.py: undone in 1 process ("), "{said}");
    assert_eq!(ask(&mut program), "1 100 hello 1");
}

#[test]
fn only_what_is_wrong_is_an_error() {
    let workspace = Workspace::new();
    let (_program, path, mut editor) = start(&workspace);
    editor.change(&path, &APP.replace("LIMIT = 1", "LIMIT = missing").replace("hello", "welcome"));
    editor.patch_file(&path);
    let shown = editor.wait_notification("textDocument/publishDiagnostics", |shown| !severities(shown).is_empty());
    let mut found = severities(&shown);
    found.sort();
    assert_eq!(found, [("HS0103".to_owned(), 1), ("HS0105".to_owned(), 4)]);
    let said = editor.wait_notification("window/showMessage", |_| true);
    assert!(
        said["message"].as_str().is_some_and(|text| text.starts_with("Nothing was patched: LIMIT (line 3): HS0103")),
        "{said}"
    );
    let lenses = editor.lenses(&path);
    assert!(!lenses.iter().any(|(line, title)| *line == 7 && title.contains("refused")), "{lenses:?}");
    assert!(lenses.iter().any(|(line, title)| *line == 2 && title.starts_with("▲ refused HS0103")), "{lenses:?}");
}

#[test]
fn processes_that_refuse_are_named() {
    let workspace = Workspace::new();
    let (mut one, path, mut editor) = start(&workspace);
    let mut other = workspace.run(pythons::newest(), &[&path.display().to_string()]);
    other.wait_line("ready");
    editor.wait_sessions(2);
    // Something that the one can evaluate and the other can't.
    let text =
        APP.replace("cents=100", &format!("cents=(200 if __import__('os').getpid() == {} else 1 / 0)", one.pid()));
    editor.change(&path, &text);
    editor.command("hotsplice.patchFile", json!([{ "uri": uri(&path), "each": true }]));
    let said = message(&mut editor);
    assert!(said.starts_with("app.py is live in 1 of 2 processes ("), "{said}");
    assert!(said.contains(&format!("; not in app.py · pid {}, which refused it", other.pid())), "{said}");
    assert_eq!((ask(&mut one), ask(&mut other)), ("1 200 hello 1".to_owned(), "1 100 hello 1".to_owned()));
}

/// Nobody knows whether one that is stopped has the file: it holds nobody back, and is not said to be patched.
#[test]
fn a_process_that_was_not_asked_is_named() {
    let workspace = Workspace::new();
    let (mut one, path, mut editor) = start(&workspace);
    let mut other = workspace.run(pythons::newest(), &[&path.display().to_string()]);
    other.wait_line("ready");
    editor.wait_sessions(2);
    let signal = |name: &str| {
        let done = Command::new("kill").args([name, &other.pid().to_string()]).status().expect("kill");
        assert!(done.success());
    };
    signal("-STOP");
    wait_for("its stop", || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", other.pid())).expect("it is there");
        stat.contains(") T ").then_some(())
    });
    editor.change(&path, &APP.replace("hello", "welcome"));
    let results = editor.patch_file(&path);
    let of = |pid: u32| results.as_array().into_iter().flatten().find(|result| result["pid"] == pid).cloned();
    assert_eq!(of(one.pid()).map(|result| result["committed"].clone()), Some(json!(true)), "{results:#}");
    assert_eq!(of(other.pid()).map(|result| result["committed"].clone()), Some(json!(false)), "{results:#}");
    let said = message(&mut editor);
    assert!(said.starts_with("app.py is live in 1 process ("), "{said}");
    assert!(said.ends_with(&format!("; app.py · pid {} is stopped and was not asked", other.pid())), "{said}");
    signal("-CONT");
    assert!(ask(&mut one).contains("welcome") && ask(&mut other).contains("hello"));
}

/// What is said of a call in old code is over when the call is.
#[test]
fn a_call_that_has_ended_takes_its_diagnostic_with_it() {
    let workspace = Workspace::new();
    let text = "import sys\n\ndef wait():\n    return sys.stdin.readline()\n\nprint('ready', flush=True)\nwhile wait():\n    print('went on', flush=True)\n";
    let path = workspace.write("app.py", text);
    let mut program = workspace.run(pythons::newest(), &[&path.display().to_string()]);
    program.wait_line("ready");
    let mut editor = Editor::start(&workspace);
    editor.wait_sessions(1);
    editor.open(&path, text);
    editor.change(&path, &text.replace("readline()", "readline() + ''"));
    editor.patch_file(&path);
    let inside = |shown: &Value| severities(shown).iter().any(|(code, _)| code == "HS0306");
    editor.wait_notification("textDocument/publishDiagnostics", inside);
    program.send("");
    program.wait_line("went on");
    editor.wait_notification("textDocument/publishDiagnostics", |shown| !inside(shown));
}

#[test]
fn why_no_process_is_found_is_said() {
    let workspace = Workspace::new();
    let path = workspace.write("app.py", APP);
    std::fs::create_dir_all(workspace.registry()).expect("a folder");
    std::fs::set_permissions(workspace.registry(), std::fs::Permissions::from_mode(0o755)).expect("its mode");
    let mut editor = Editor::start(&workspace);
    editor.open(&path, APP);
    let folder = workspace.registry().display().to_string();
    let told = editor.wait_notification("hotsplice/status", |status| status["trouble"].is_string());
    assert!(told["trouble"].as_str().is_some_and(|text| text.contains(&format!("chmod 700 {folder}"))), "{told}");
    let (code, message) = editor.failure("hotsplice.patchFile", json!([{ "uri": uri(&path) }]));
    assert!(code == "HS0005" && message.contains(&folder), "{message}");
    let listed = workspace.call(&["sessions"]).expect(2);
    assert!(listed.errors().contains(&folder), "{}", listed.errors());
    // What is no folder is said to be so: no other mode would help.
    let link = workspace.path().join("link");
    std::os::unix::fs::symlink(workspace.registry(), &link).expect("a link");
    let file = workspace.write("file", "");
    for (path, what) in [(link, "is a symbolic link"), (file, "is no folder")] {
        let mut command = workspace.hotsplice();
        let output = command.arg("sessions").env("HOTSPLICE_RUNTIME_DIR", &path).output().expect("it starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(&format!("{} {what}", path.display())) && !said.contains("chmod"), "{said}");
    }
    // Put right, it is seen at once.
    std::fs::set_permissions(workspace.registry(), std::fs::Permissions::from_mode(0o700)).expect("its mode");
    editor.wait_notification("hotsplice/status", |status| status["trouble"].is_null());
    let why = editor.choose(&path, 0, "Hot-patch: why not?");
    assert!(why.as_str().is_some_and(|text| text.contains("start the program with `hotsplice run`")), "{why}");
}

/// A process of the window that becomes another program does not just vanish.
#[test]
fn a_process_that_became_another_program_is_told_of_once() {
    let workspace = Workspace::new();
    let text = "import os, sys\nprint('ready', flush=True)\nsys.stdin.readline()\nos.execv('/bin/sh', ['sh', '-c', 'echo another; read line'])\n";
    let path = workspace.write("app.py", text);
    let mut program = workspace.run(pythons::newest(), &[&path.display().to_string()]);
    program.wait_line("ready");
    let mut editor = Editor::start(&workspace);
    editor.wait_sessions(1);
    program.send("go");
    program.wait_line("another");
    let said = format!("HS0672: process {} runs another program now (sh -c echo another; read line)", program.pid());
    editor.wait_notification("window/showMessage", |shown| {
        shown["message"].as_str().is_some_and(|message| message.starts_with(&said))
    });
}

/// A file of another project, opened beside those of this one.
#[test]
fn a_file_of_another_folder_s_process_says_so() {
    let workspace = Workspace::new();
    let elsewhere = tempfile::tempdir().expect("a folder");
    let path = elsewhere.path().join("app.py");
    std::fs::write(&path, APP).expect("a file");
    let mut command = workspace.hotsplice();
    command.current_dir(elsewhere.path()).args(["run", "--python"]).arg(&pythons::newest().path).arg(&path);
    let mut program = Program::start(command);
    program.wait_line("ready");
    let mut editor = Editor::start(&workspace);
    editor.open(&path, APP);
    let reason = wait_for("the process to be known", || {
        let actions = editor.actions(&path, 4);
        let reason = actions.iter().find_map(|(_, reason)| reason.clone()).unwrap_or_default();
        reason.contains("is loaded by app.py · pid").then_some(reason)
    });
    assert!(reason.contains(&elsewhere.path().display().to_string()), "{reason}");
}

/// Half of an expression in one function takes no mark from another.
#[test]
fn marks_stay_while_something_else_is_typed() {
    let workspace = Workspace::new();
    let (_program, path, mut editor) = start(&workspace);
    let edited = APP.replace("return cents", "return cents * 2").replace("'hello'", "'welcome'");
    editor.change(&path, &edited);
    let marks = [(4, "○ edited · Hot-patch".to_owned()), (7, "○ edited · Hot-patch".to_owned())];
    assert_eq!(editor.lenses(&path), marks);
    editor.change(&path, &edited.replace("'welcome'", "'welcome' + ("));
    assert_eq!(editor.lenses(&path), marks);
    // Lines come in above the second function.
    editor.change(&path, &edited.replace("return cents * 2", "return (cents\n\n    * "));
    assert_eq!(editor.lenses(&path), [marks[0].clone(), (9, marks[1].1.clone())]);
    editor.change(&path, APP);
    assert_eq!(editor.lenses(&path), []);
}

/// Constants, class attributes and statements are edited, patched and taken back as functions are.
#[test]
fn statements_are_patched_by_themselves() {
    let workspace = Workspace::new();
    let (mut program, path, mut editor) = start(&workspace);
    let edited = APP
        .replace("LIMIT = 1", "LIMIT = 2")
        .replace("size = 1", "size = 2")
        .replace("hello", "welcome")
        .replace("print('ready', flush=True)\n", "print('ready', flush=True)\nLIMIT += 40\n");
    editor.change(&path, &edited);
    let lenses = editor.lenses(&path);
    for line in [2, 7, 11, 14] {
        assert!(lenses.iter().any(|(at, title)| *at == line && title.starts_with("○ edited · ")), "{line}: {lenses:?}");
    }
    editor.choose(&path, 2, "Hot-patch `LIMIT`");
    // A name is all that its statements give it.
    assert_eq!(ask(&mut program), "42 100 hello 1");
    let place = json!({ "uri": uri(&path), "position": { "line": 11, "character": 6 } });
    editor.command("hotsplice.patchFunction", json!([place]));
    assert_eq!(ask(&mut program), "42 100 hello 2");
    editor.command("hotsplice.undo", json!([{ "uri": uri(&path), "name": "LIMIT" }]));
    assert_eq!(ask(&mut program), "1 100 hello 2");
    workspace.write("app.py", &edited);
    workspace.call(&["patch", "app.py", "--function", "View.size"]).expect(0);
    workspace.call(&["patch", "app.py", "--function", "LIMIT"]).expect(0);
    assert!(ask(&mut program).ends_with(" 100 hello 2"));
}

/// What a program writes to a file that an editor holds unsaved is shown as an edit of the editor's, which goes its way.
#[test]
fn an_unsaved_copy_is_its_editors() {
    const SHOP: &str = "def price():\n    return 1\n\n\ndef other():\n    return 1\n";
    let workspace = Workspace::new();
    let path = workspace.write("shop.py", SHOP);
    let text = "import sys, hotsplice, shop\nprint('ready', flush=True)\nfor line in sys.stdin:\n    exec(line)\n    print(shop.price(), shop.other(), flush=True)\n";
    let script = workspace.write("app.py", text);
    let mut program = workspace.run(pythons::newest(), &[&script.display().to_string()]);
    program.wait_line("ready");
    let mut editor = Editor::start(&workspace);
    editor.wait_sessions(1);
    editor.open(&path, SHOP);
    let unsaved = SHOP.replace("other():\n    return 1", "other():\n    return 5");
    editor.change(&path, &unsaved);
    let recoded = "def price():\n    return 2\n";
    let recode = format!("made = hotsplice.recoder(shop.price); made.patch({recoded:?}); made.commit()");
    assert_eq!(program.ask(&recode), "2 1");
    let committed = SHOP.replacen("return 1", "return 2", 1);
    assert_eq!(std::fs::read_to_string(&path).expect("there"), committed);
    editor.notify("workspace/didChangeWatchedFiles", json!({ "changes": [{ "uri": uri(&path), "type": 2 }] }));
    let edited = |editor: &mut Editor| -> Vec<u64> {
        let lenses = editor.lenses(&path);
        lenses.into_iter().filter(|(_, title)| title.starts_with("○ edited")).map(|(line, _)| line).collect()
    };
    wait_for("both to be marked", || (edited(&mut editor) == [0, 4]).then_some(()));
    // The one function of it that is wanted, and then all of it, as the editor has it.
    let place = json!({ "uri": uri(&path), "name": "other" });
    editor.command("hotsplice.patchFunction", json!([place]));
    assert_eq!(program.ask(""), "2 5");
    editor.patch_file(&path);
    assert_eq!(program.ask(""), "1 5");
    assert_eq!(std::fs::read_to_string(&path).expect("there"), committed, "only the editor saves its copy");
    assert_eq!(program.ask("made.revert()"), "1 5");
    assert_eq!(program.wait(), Some(0));
}

/// What belongs together goes live together.
#[test]
fn all_edited_files_are_one_patch() {
    let workspace = Workspace::new();
    let helper = workspace.write("helper.py", "def rate():\n    return 1\n");
    let text = "import sys, helper\n\ndef price():\n    return helper.rate()\n\nprint('ready', flush=True)\nfor _ in sys.stdin:\n    print(price(), flush=True)\n";
    let path = workspace.write("app.py", text);
    let mut program = workspace.run(pythons::newest(), &[&path.display().to_string()]);
    program.wait_line("ready");
    let mut editor = Editor::start(&workspace);
    editor.wait_sessions(1);
    editor.open(&path, text);
    editor.open(&helper, "def rate():\n    return 1\n");
    editor.change(&path, &text.replace("rate()", "rate('eu')"));
    editor.change(&helper, "def rate(where):\n    return 1 / 0 if where is None else 2\nX = 1 / 0\n");
    let refused = editor.choose(&path, 3, "Hot-patch all 2 edited files");
    assert!(refused.as_array().is_some_and(|all| all.iter().all(|one| one["committed"] == false)), "{refused}");
    editor.change(&helper, "def rate(where):\n    return 2\n");
    editor.command("hotsplice.patchEdited", json!([]));
    let said = message(&mut editor);
    assert!(said.starts_with("2 files are live in 1 process ("), "{said}");
    assert_eq!(ask(&mut program), "2");
    assert_eq!(editor.failure("hotsplice.patchEdited", json!([])).0, "HS0005");
}

/// A function that takes other parameters goes live with those who call it otherwise, and nothing else.
#[test]
fn edited_callers_in_another_file_go_along() {
    let workspace = Workspace::new();
    let helper_text = "def rate():\n    return 1\n\ndef other():\n    return 1\n";
    let helper = workspace.write("helper.py", helper_text);
    let text = "import sys, helper, apart\n\ndef price():\n    return helper.rate(), apart.WORD\n\nprint('ready', flush=True)\nfor _ in sys.stdin:\n    print(*price(), flush=True)\n";
    let path = workspace.write("app.py", text);
    let apart = workspace.write("apart.py", "WORD = 'as it was'\n");
    let mut program = workspace.run(pythons::newest(), &[&path.display().to_string()]);
    program.wait_line("ready");
    let mut editor = Editor::start(&workspace);
    editor.wait_sessions(1);
    editor.open(&path, text);
    editor.open(&helper, helper_text);
    editor.open(&apart, "WORD = 'as it was'\n");
    editor.change(&apart, "WORD = 'edited'\n");
    editor.change(&helper, &helper_text.replace("rate():\n    return 1", "rate(where):\n    return where"));
    let titles = |editor: &mut Editor, line: u32| -> Vec<String> {
        editor.actions(&helper, line).into_iter().map(|(title, _)| title).collect()
    };
    let title = "Hot-patch helper.py with the edited callers of `rate` in app.py";
    // Nobody who calls it is edited.
    assert!(!titles(&mut editor, 1).iter().any(|offered| offered.contains("callers")));
    editor.change(&path, &text.replace("rate()", "rate('eu')"));
    assert!(titles(&mut editor, 1).iter().any(|offered| offered == title));
    // The other function takes what it took.
    assert!(!titles(&mut editor, 4).iter().any(|offered| offered.contains("callers")));
    editor.choose(&helper, 1, title);
    let said = message(&mut editor);
    assert!(said.starts_with("2 files are live in 1 process ("), "{said}");
    assert_eq!(ask(&mut program), "eu as it was");
}
