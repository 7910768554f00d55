//! Which processes and files an editor's window is about, and what other programs change in them.

use std::process::Command;

use hotsplice_tests::lsp::{Editor, uri};
use hotsplice_tests::program::{Program, Workspace};
use hotsplice_tests::pythons;
use serde_json::{Value, json};

const APP: &str = "import sys\n\ndef greet():\n    return 'hello'\n\nprint('ready', flush=True)\nfor line in sys.stdin:\n    print(greet(), flush=True)\n";

/// Runs a script in a folder of its own, outside of the workspace, but registered with it.
fn run_elsewhere(workspace: &Workspace, folder: &std::path::Path) -> Program {
    let script = folder.join("app.py");
    std::fs::write(&script, APP).expect("a file");
    let mut command: Command = workspace.hotsplice();
    command.current_dir(folder).args(["run", "--python"]).arg(&pythons::newest().path).arg(script);
    let mut program = Program::start(command);
    program.wait_line("ready");
    program
}

#[test]
fn processes_of_other_projects_are_left_alone() {
    let workspace = Workspace::new();
    let elsewhere = tempfile::tempdir().expect("a folder");
    let _other = run_elsewhere(&workspace, elsewhere.path());
    let script = workspace.write("own.py", APP);
    let mut own = workspace.run(pythons::newest(), &[&script.display().to_string()]);
    own.wait_line("ready");
    let mut editor = Editor::start(&workspace);
    editor.wait_sessions(1);
    let listed = editor.command("hotsplice.sessions", json!([{}]));
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");
    assert_eq!(listed[0]["pid"], own.pid());
    let mut wide = Editor::with_options(&workspace, json!({ "sessions": { "match": "all" } }));
    wide.wait_sessions(2);
}

/// A process that runs elsewhere, and has loaded a file of the workspace.
#[test]
fn a_process_belongs_where_its_files_are() {
    let workspace = Workspace::new();
    let elsewhere = tempfile::tempdir().expect("a folder");
    let library = workspace.write("library.py", "def name():\n    return 'old'\n");
    let mut command = workspace.hotsplice();
    command.current_dir(elsewhere.path()).env("PYTHONPATH", workspace.path());
    let code = "import sys\nprint('ready', flush=True)\nsys.stdin.readline()\nimport library\nprint('loaded', flush=True)\nsys.stdin.readline()\nprint(library.name(), flush=True)\n";
    std::fs::write(elsewhere.path().join("main.py"), code).expect("a file");
    command.args(["run", "--python"]).arg(&pythons::newest().path).arg(elsewhere.path().join("main.py"));
    let mut program = Program::start(command);
    program.wait_line("ready");
    let mut editor = Editor::start(&workspace);
    editor.wait_notification("hotsplice/status", |status| status["sessions"] == json!([]));
    program.send("");
    program.wait_line("loaded");
    editor.wait_sessions(1);
    editor.open(&library, "def name():\n    return 'old'\n");
    editor.change(&library, "def name():\n    return 'new'\n");
    assert_eq!(editor.patch_file(&library)[0]["committed"], true);
    program.send("");
    assert_eq!(program.line(), "new");
}

#[test]
fn files_may_have_other_names_where_they_run() {
    let workspace = Workspace::new();
    let container = tempfile::tempdir().expect("a folder");
    let mut program = run_elsewhere(&workspace, container.path());
    let path = workspace.write("app.py", APP);
    let mapping = json!({ "localRoot": workspace.path(), "remoteRoot": container.path() });
    let mut editor = Editor::with_options(&workspace, json!({ "pathMappings": [mapping] }));
    editor.wait_sessions(1);
    editor.open(&path, APP);
    editor.change(&path, &APP.replace("def greet():", "def greet(when=1 / 0):"));
    editor.patch_file(&path);
    let at_its_place = |params: &Value| {
        params["uri"] == uri(&path) && params["diagnostics"].as_array().is_some_and(|found| !found.is_empty())
    };
    editor.wait_notification("textDocument/publishDiagnostics", at_its_place);
    editor.change(&path, &APP.replace("hello", "welcome"));
    assert_eq!(editor.patch_file(&path)[0]["committed"], true);
    assert_eq!(editor.wait_notification("hotsplice/patched", |_| true)["files"][0]["uri"], uri(&path));
    program.send("");
    assert_eq!(program.line(), "welcome");
    // Without the mapping they are strangers.
    let mut editor = Editor::with_options(&workspace, json!({ "sessions": { "match": "all" } }));
    editor.wait_sessions(1);
    editor.open(&path, APP);
    let actions = editor.actions(&path, 3);
    let reason = actions[0].1.as_deref().expect("a reason");
    let loaded = format!("no registered process has loaded app.py, but app.py · pid {} has loaded", program.pid());
    assert!(reason.starts_with(&loaded), "{reason}");
    // What it says to set is what helps.
    let (_, mapping) = reason.split_once("set hotsplice.pathMappings to ").expect("a way on");
    let mapping: Value = serde_json::from_str(mapping).expect("JSON");
    assert_eq!(mapping[0], json!({ "localRoot": workspace.path(), "remoteRoot": container.path() }));
    editor.notify(
        "workspace/didChangeConfiguration",
        json!({ "settings": { "hotsplice": { "pathMappings": mapping } } }),
    );
    editor.change(&path, &APP.replace("hello", "mapped"));
    assert_eq!(editor.patch_file(&path)[0]["committed"], true);
    program.send("");
    assert_eq!(program.line(), "mapped");
    // A file that only has the same name is not taken for it.
    let other = workspace.write("other/app.py", "def different():\n    pass\n");
    editor.open(&other, "def different():\n    pass\n");
    let actions = editor.actions(&other, 0);
    assert!(actions[0].1.as_deref().is_some_and(|reason| reason.ends_with("has not imported it")), "{actions:?}");
}

#[test]
fn what_other_programs_change_is_one_patch() {
    let workspace = Workspace::new();
    let names: Vec<String> = (0..200).map(|number| format!("part_{number}")).collect();
    for name in &names {
        workspace.write(&format!("{name}.py"), "def value():\n    return 'old'\n");
    }
    let imports: String = names.iter().map(|name| format!("import {name}\n")).collect();
    let values = names.iter().map(|name| format!("{name}.value()")).collect::<Vec<_>>().join(", ");
    let code = format!(
        "import sys\n{imports}print('ready', flush=True)\nfor line in sys.stdin:\n    print(*sorted({{{values}}}), flush=True)\n"
    );
    let script = workspace.write("main.py", &code);
    let mut program = workspace.run(pythons::newest(), &[&script.display().to_string()]);
    program.wait_line("ready");
    let mut editor = Editor::with_options(&workspace, json!({ "patchOnExternalChange": true }));
    editor.wait_sessions(1);
    // One of them is being edited: what the user types stays the user's.
    let edited = workspace.path().join("part_0.py");
    editor.open(&edited, "def value():\n    return 'old'\n");
    editor.change(&edited, "def value():\n    return 'mine'\n");
    std::fs::remove_file(workspace.path().join("part_1.py")).unwrap();
    for part in names.chunks(50) {
        let mut changes = Vec::new();
        for name in part {
            if name == "part_1" {
                changes.push(json!({ "uri": uri(&workspace.path().join("part_1.py")), "type": 3 }));
                continue;
            }
            let path = workspace.write(&format!("{name}.py"), "def value():\n    return 'new'\n");
            changes.push(json!({ "uri": uri(&path), "type": 2 }));
        }
        // Half of a file that somebody is still writing.
        let path = workspace.write("main.py", &format!("{code}def ("));
        changes.push(json!({ "uri": uri(&path), "type": 2 }));
        editor.notify("workspace/didChangeWatchedFiles", json!({ "changes": changes }));
    }
    // No editor shows the deleted one: the log says it.
    editor.wait_notification("window/logMessage", |said| said["message"].as_str().unwrap().contains("HS0205"));
    // One message for all of them.
    let told = editor.wait_notification("hotsplice/patched", |_| true);
    assert!(told["message"].as_str().is_some_and(|text| text.starts_with("198 files are live in 1 process")), "{told}");
    assert_eq!(told["files"].as_array().map(Vec::len), Some(198));
    program.send("");
    assert_eq!(program.line(), "new old");
    let status = workspace.call(&["status", "--json"]).expect(0).json();
    assert_eq!(status[0]["patched"].as_array().map(Vec::len), Some(198));
    // All of them go back at once.
    let undone = editor.command("hotsplice.undo", json!([{}]));
    assert_eq!(undone.as_array().map(Vec::len), Some(198), "{undone}");
    program.send("");
    assert_eq!(program.line(), "old");
}

/// An editor that shows the file takes the change too, and says so first.
#[test]
fn what_other_programs_change_in_an_open_file_is_patched() {
    let workspace = Workspace::new();
    let path = workspace.write("app.py", APP);
    let mut program = workspace.run(pythons::newest(), &[&path.display().to_string()]);
    program.wait_line("ready");
    let mut editor = Editor::with_options(&workspace, json!({ "patchOnExternalChange": true }));
    editor.wait_sessions(1);
    editor.open(&path, APP);
    let changed = APP.replace("hello", "changed");
    workspace.write("app.py", &changed);
    editor.change(&path, &changed);
    editor.notify("workspace/didChangeWatchedFiles", json!({ "changes": [{ "uri": uri(&path), "type": 2 }] }));
    editor.wait_notification("hotsplice/patched", |_| true);
    program.send("");
    assert_eq!(program.line(), "changed");
}

/// A tool writes the caller, and what it calls a moment later: no call in between fails.
#[test]
fn what_does_not_fit_yet_waits_for_what_does() {
    const CALLEE: &str = "def rate():\n    return 2\n";
    const CALLER: &str = "import sys, rates\n\ndef price():\n    return rates.rate() * 10\n\nprint('ready', flush=True)\nfor _ in sys.stdin:\n    print(price(), flush=True)\n";
    let workspace = Workspace::new();
    let callee = workspace.write("rates.py", CALLEE);
    let caller = workspace.write("shop.py", CALLER);
    let mut program = workspace.run(pythons::newest(), &[&caller.display().to_string()]);
    program.wait_line("ready");
    let mut editor = Editor::with_options(&workspace, json!({ "patchOnExternalChange": true }));
    editor.wait_sessions(1);
    let changed = |path: &std::path::Path| json!({ "changes": [{ "uri": uri(path), "type": 2 }] });
    let mut ask = |wanted: &str| {
        program.send("");
        assert_eq!(program.line(), wanted);
    };
    workspace.write("shop.py", &CALLER.replace("rate()", "rate('eu')"));
    editor.notify("workspace/didChangeWatchedFiles", changed(&caller));
    let waits = |said: &Value| {
        said["message"].as_str().is_some_and(|text| text.contains("waits for more: __main__ calls rates.rate"))
    };
    editor.wait_notification("window/logMessage", waits);
    ask("20");
    workspace.write("rates.py", "def rate(where):\n    return 3\n");
    editor.notify("workspace/didChangeWatchedFiles", changed(&callee));
    let told = editor.wait_notification("hotsplice/patched", |_| true);
    assert_eq!(told["files"].as_array().map(Vec::len), Some(2), "{told}");
    ask("30");
}
