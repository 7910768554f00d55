//! The language server is calm: it says each thing once, asks nobody in vain, and takes back what is over.

use std::path::{Path, PathBuf};

use hotsplice_tests::lsp::{Editor, uri};
use hotsplice_tests::program::{Program, Workspace, wait_for};
use hotsplice_tests::pythons;
use serde_json::{Value, json};

fn start(workspace: &Workspace, text: &str) -> (Program, PathBuf) {
    let path = workspace.write("app.py", text);
    let mut program = workspace.run(pythons::newest(), &[&path.display().to_string()]);
    program.wait_line("ready");
    (program, path)
}

fn codes(shown: &Value) -> Vec<&str> {
    shown["diagnostics"].as_array().into_iter().flatten().filter_map(|one| one["code"].as_str()).collect()
}

const GREETS: &str = "import sys\n\ndef greet():\n    return 'hello'\n\nLIMIT = 1\nprint('ready', flush=True)\nfor line in sys.stdin:\n    print(greet(), LIMIT, flush=True)\n";

#[test]
fn a_request_that_nobody_knows_is_answered() {
    let workspace = Workspace::new();
    let mut editor = Editor::start(&workspace);
    for method in ["$/no/such/request", "no/such/request"] {
        assert_eq!(editor.try_request(method, json!({})).expect_err("nobody knows it")["code"], -32601, "{method}");
    }
    editor.notify("$/no/such/notification", json!({}));
    assert_eq!(editor.command("hotsplice.sessions", json!([])), json!([]));
}

/// As editors that were given one file.
#[test]
fn a_single_file_needs_no_folder() {
    let workspace = Workspace::new();
    let (mut program, path) = start(&workspace, GREETS);
    let parameters = json!({ "rootUri": null, "workspaceFolders": null });
    let mut editor = Editor::with_parameters(&workspace, json!({}), parameters);
    editor.wait_sessions(1);
    editor.open(&path, GREETS);
    editor.change(&path, &GREETS.replace("hello", "welcome"));
    assert_eq!(editor.patch_file(&path)[0]["committed"], true);
    program.send("");
    assert_eq!(program.line(), "welcome 1");
}

#[test]
fn one_action_is_one_notification() {
    let workspace = Workspace::new();
    let names: Vec<String> = (0..200).map(|number| format!("part_{number}")).collect();
    let text = "def value():\n    return 1\n";
    let paths: Vec<PathBuf> = names.iter().map(|name| workspace.write(&format!("{name}.py"), text)).collect();
    let imports: String = names.iter().map(|name| format!("import {name}\n")).collect();
    let (_program, _) =
        start(&workspace, &format!("import sys\n{imports}print('ready', flush=True)\nsys.stdin.read()\n"));
    let mut editor = Editor::start(&workspace);
    editor.wait_sessions(1);
    let edit = |editor: &mut Editor, text: &str, is_open: bool| {
        for path in &paths {
            if is_open { editor.change(path, text) } else { editor.open(path, text) }
        }
    };
    edit(&mut editor, text, false);
    edit(&mut editor, "def value():\n    return 2\n", true);
    let told = |editor: &mut Editor, command: &str, method: &str| {
        editor.command(command, json!([]));
        let first = editor.wait_notification(method, |_| true)["message"].as_str().unwrap_or_default().to_owned();
        // What else was to be said has been said by the time that this is answered.
        editor.command("hotsplice.sessions", json!([]));
        let more: Vec<Value> =
            ["hotsplice/patched", "window/showMessage"].iter().flat_map(|method| editor.take(method)).collect();
        assert_eq!(more, Vec::<Value>::new(), "{first}");
        first
    };
    let live = told(&mut editor, "hotsplice.patchEdited", "hotsplice/patched");
    assert!(live.starts_with("200 files are live in 1 process ("), "{live}");
    edit(&mut editor, "def value(when=1 / 0):\n    return 3\n", true);
    let refused = told(&mut editor, "hotsplice.patchEdited", "window/showMessage");
    assert!(
        refused.starts_with("Nothing was patched: value (part_") && refused.contains(".py, line 1): HS0103"),
        "{refused}"
    );
    let undone = told(&mut editor, "hotsplice.undo", "hotsplice/patched");
    assert!(undone.starts_with("200 files: undone in 1 process ("), "{undone}");
}

/// How often the threads of a process have waited for something: that a process is asked wakes one of them.
fn waits(pid: u32) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("it runs").flatten();
    let of_task = |task: &Path| -> u64 {
        let status = std::fs::read_to_string(task.join("status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.and_then(|number| number.trim().parse().ok()).unwrap_or_default()
    };
    tasks.map(|task| of_task(&task.path())).sum()
}

#[test]
fn no_process_is_asked_about_a_file_that_it_has_not_loaded() {
    const ROUNDS: u64 = 30;
    let workspace = Workspace::new();
    let (program, _) = start(&workspace, GREETS);
    let mut editor = Editor::with_options(&workspace, json!({ "patchOnExternalChange": true, "patchOnSave": "all" }));
    editor.wait_sessions(1);
    let path = workspace.write("other.py", "def f():\n    return 0\n");
    editor.open(&path, "def f():\n    return 0\n");
    editor.lenses(&path);
    wait_for("its rest", || {
        let before = waits(program.pid());
        std::thread::sleep(std::time::Duration::from_millis(200));
        (waits(program.pid()) == before).then_some(())
    });
    let before = waits(program.pid());
    for round in 0..ROUNDS {
        let text = format!("def f():\n    return {round}\n");
        workspace.write("other.py", &text);
        editor.change(&path, &text);
        assert_eq!(editor.lenses(&path), []);
        editor.actions(&path, 1);
        editor.hover(&path, 0, 4);
        editor.save(&path, 1);
        editor.notify("workspace/didChangeWatchedFiles", json!({ "changes": [{ "uri": uri(&path), "type": 2 }] }));
        assert_eq!(editor.failure("hotsplice.patchEdited", json!([])).0, "HS0005");
    }
    let woken = waits(program.pid()) - before;
    assert!(woken < ROUNDS / 2, "it was woken {woken} times in {ROUNDS} rounds");
}

/// A call that may not fit what it meets is reported until it has ended.
#[test]
fn what_is_said_of_a_call_that_meets_something_new_goes_with_it() {
    let text = "\
import sys, threading
go, reached = threading.Event(), threading.Event()
LIMITS = [1, 2, 3, 4]

def reads():
    first = LIMITS[0]
    reached.set()
    go.wait()
    return first, LIMITS[-1]

thread = threading.Thread(target=reads)
thread.start()
reached.wait()
print('ready', flush=True)
sys.stdin.readline()
go.set()
thread.join()
print('over', flush=True)
sys.stdin.readline()
";
    for python in pythons::all() {
        let workspace = Workspace::new();
        let path = workspace.write("app.py", text);
        let mut program = workspace.run(python, &[&path.display().to_string()]);
        program.wait_line("ready");
        let mut editor = Editor::start(&workspace);
        editor.wait_sessions(1);
        editor.open(&path, text);
        editor.change(&path, &text.replace("[1, 2, 3, 4]", "[1]").replace("return first, LIMITS[-1]", "return 0"));
        assert_eq!(editor.patch_file(&path)[0]["committed"], true);
        let is_said = |shown: &Value| codes(shown).contains(&"HS0308");
        editor.wait_notification("textDocument/publishDiagnostics", is_said);
        // It is known that it runs, by what is shown over its function.
        wait_for("the running call", || {
            editor.lenses(&path).iter().any(|(_, title)| title.contains("still runs")).then_some(())
        });
        program.send("");
        program.wait_line("over");
        editor.wait_notification("textDocument/publishDiagnostics", |shown| !is_said(shown));
    }
}

/// Constants are live, fade and are taken back as functions are.
#[test]
fn what_is_live_is_shown_for_a_while() {
    let workspace = Workspace::new();
    let (mut program, path) = start(&workspace, GREETS);
    let mut editor = Editor::start(&workspace);
    editor.wait_sessions(1);
    editor.open(&path, GREETS);
    editor.change(&path, &GREETS.replace("hello", "welcome").replace("LIMIT = 1", "LIMIT = 2"));
    editor.patch_file(&path);
    program.send("");
    assert_eq!(program.line(), "welcome 2");
    let live = |version: u32| format!("● live v{version} · 1 process");
    let wait = |editor: &mut Editor, wanted: &[(u64, String)]| {
        let mut seen = Vec::new();
        let came = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_for("the lenses", || {
                seen = editor.lenses(&path);
                (seen == wanted).then_some(())
            });
        }));
        assert!(came.is_ok(), "wanted {wanted:?}, seen {seen:?}");
    };
    wait(&mut editor, &[(2, live(1)), (5, live(1))]);
    let names = |status: &Value| -> Vec<String> {
        let functions = status["sessions"][0]["files"][0]["functions"].as_array().into_iter().flatten();
        functions.filter_map(|one| one["name"].as_str().map(str::to_owned)).collect()
    };
    editor.wait_notification("hotsplice/status", |status| {
        let mut names = names(status);
        names.sort();
        names == ["LIMIT", "greet"]
    });
    // With nothing left to do it is no news.
    wait(&mut editor, &[]);
    editor.command("hotsplice.undo", json!([{ "uri": uri(&path), "name": "LIMIT" }]));
    program.send("");
    assert_eq!(program.line(), "welcome 1");
    // It is what was loaded: nothing patched is left of it.
    wait(&mut editor, &[(5, "○ edited · Hot-patch".to_owned())]);
    editor.wait_notification("hotsplice/status", |status| names(status) == ["greet"]);
    let listed = workspace.call(&["status"]).expect(0).text();
    assert!(!listed.contains("LIMIT") && listed.contains("greet is live in version 1"), "{listed}");
}
