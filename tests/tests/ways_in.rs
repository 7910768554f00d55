//! How a program becomes one that can be patched, and what is said where none is.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use hotsplice_tests::lsp::{Editor, uri};
use hotsplice_tests::program::{Program, Workspace, wait_for};
use hotsplice_tests::{built, pythons, repository};
use serde_json::json;

const APP: &str = "import sys\n\ndef greet():\n    return 'hello'\n\nprint('ready', flush=True)\nfor line in sys.stdin:\n    print(greet(), flush=True)\n";

fn start(workspace: &Workspace, name: &str) -> (Program, std::path::PathBuf) {
    let path = workspace.write(name, APP);
    let mut program = workspace.run(pythons::newest(), &[&path.display().to_string()]);
    program.wait_line("ready");
    (program, path)
}

fn ask(program: &mut Program) -> String {
    program.send("");
    program.line()
}

/// A Python that only says which one it is.
fn fake_python(folder: &Path, name: &str) {
    let bin = folder.join("bin");
    std::fs::create_dir_all(&bin).expect("a folder");
    let python = bin.join("python");
    std::fs::write(&python, format!("#!/bin/sh\necho {name}\n")).expect("a file");
    std::fs::set_permissions(&python, std::fs::Permissions::from_mode(0o755)).expect("its mode");
}

#[test]
fn the_active_environment_s_python_comes_first() {
    let workspace = Workspace::new();
    let script = workspace.write("app.py", "");
    let folder = |name: &str| workspace.path().join(name);
    for name in ["own", "active", "conda"] {
        fake_python(&folder(name), name);
    }
    let program = folder("own").join("bin/hotsplice");
    std::fs::copy(built("hotsplice"), &program).expect("a copy");
    let ran = |variables: &[(&str, &str)]| {
        let mut command = Command::new(&program);
        command.arg("run").arg(&script).env("HOTSPLICE_AGENT_DIR", repository().join("agent/python/hotsplice"));
        command.env_remove("VIRTUAL_ENV").env_remove("CONDA_PREFIX").env_remove("CONDA_DEFAULT_ENV");
        for (name, value) in variables {
            command.env(name, value);
        }
        // Whoever forks while the copy is written holds it open for a moment.
        let output = wait_for("the program", || command.output().ok().filter(|output| !output.stdout.is_empty()));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    let (active, conda) = (folder("active").display().to_string(), folder("conda").display().to_string());
    assert_eq!(ran(&[("VIRTUAL_ENV", &active)]), "active");
    assert_eq!(ran(&[]), "own");
    assert_eq!(ran(&[("VIRTUAL_ENV", &folder("gone").display().to_string())]), "own");
    assert_eq!(ran(&[("CONDA_PREFIX", &conda), ("CONDA_DEFAULT_ENV", "shop")]), "conda");
    assert_eq!(ran(&[("CONDA_PREFIX", &conda), ("CONDA_DEFAULT_ENV", "base")]), "own");
    assert_eq!(ran(&[("VIRTUAL_ENV", &active), ("CONDA_PREFIX", &conda), ("CONDA_DEFAULT_ENV", "shop")]), "active");
}

/// Terminals and service files that put us in front of what is not set.
#[test]
fn nothing_behind_a_separator_is_not_the_current_folder() {
    let workspace = Workspace::new();
    workspace.write("json.py", "raise ImportError('the wrong one')\n");
    let variables = workspace.call(&["env", "--json"]).expect(0).json();
    let text = |name: &str| variables[name].as_str().unwrap_or_default().to_owned();
    assert!(!text("PYTHONPATH").ends_with(':'), "{variables}");
    let shown = "import json, os, sys; sys.path.remove(''); print(sys.path, os.environ['PYTHONPATH'])";
    for python in pythons::all() {
        let run = |path: String, arguments: &[&str]| {
            let mut command = Command::new(&python.path);
            command.current_dir(workspace.path()).env("HOTSPLICE_RUNTIME_DIR", workspace.registry());
            command.env("HOTSPLICE_AGENT_DIR", text("HOTSPLICE_AGENT_DIR")).env("PYTHONPATH", path);
            let output = command.args(arguments).output().expect("it starts");
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
        };
        let script = workspace.write("sub/app.py", &shown.replace("sys.path.remove(''); ", ""));
        let script = script.display().to_string();
        let (with, without) =
            (run(format!("{}:", text("PYTHONPATH")), &[&script]), run(text("PYTHONPATH"), &[&script]));
        assert_eq!(with, without, "Python {}", python.name());
        assert!(with.starts_with('['), "{with}");
        // Who has the separator there for a reason keeps it.
        let own = run(format!("{}:/own:", text("PYTHONPATH")), &[&script]);
        assert!(own.contains("the wrong one"), "{own}");
    }
}

#[test]
fn processes_to_attach_to_are_listed() {
    let workspace = Workspace::new();
    let mut command = Command::new(&pythons::newest().path);
    command.current_dir(workspace.path()).args(["-c", "print('ready', flush=True); input()", "a word"]);
    command.arg(format!("two\nlines {}", "of many options ".repeat(200)));
    let mut program = Program::start(command);
    program.wait_line("ready");
    let (registered, _) = start(&workspace, "app.py");
    let listed = workspace.call(&["attach", "--list", "--json"]).expect(0).json();
    let find = |pid: u32| listed.as_array().into_iter().flatten().find(|process| process["pid"] == pid);
    let found = find(program.pid()).unwrap_or_else(|| panic!("{listed}"));
    assert_eq!(found["cwd"], json!(workspace.path()));
    assert_eq!(found["command"][3], "a word");
    assert!(found["obstacle"].is_null() || found["obstacle"].is_string(), "{found}");
    assert!(find(registered.pid()).is_none(), "one that can be patched already");
    assert!(find(std::process::id()).is_none(), "one that is no Python");
    let text = workspace.call(&["attach", "--list"]).expect(0).text();
    let line = text.lines().find(|line| line.starts_with(&program.pid().to_string()));
    let folder = workspace.path().display().to_string();
    assert!(line.is_some_and(|line| line.contains('…') && line.contains(&folder) && line.len() < 500), "{text}");
    Command::new("kill").args(["-STOP", &program.pid().to_string()]).status().expect("kill");
    wait_for("the reason", || {
        let listed = workspace.call(&["attach", "--list"]).expect(0).text();
        let line = listed.lines().find(|line| line.starts_with(&program.pid().to_string()))?.to_owned();
        line.contains("it is stopped").then_some(())
    });
    Command::new("kill").args(["-CONT", &program.pid().to_string()]).status().expect("kill");
}

/// A client that has buttons for it is told instead of the user.
#[test]
fn a_missing_process_is_for_the_client_to_show() {
    let workspace = Workspace::new();
    let path = workspace.write("app.py", APP);
    let capabilities = json!({ "capabilities": { "experimental": { "hotspliceWaysIn": true } } });
    let mut editor = Editor::with_parameters(&workspace, json!({}), capabilities);
    editor.open(&path, APP);
    for command in ["hotsplice.patchFile", "hotsplice.patchEdited"] {
        let (code, message) = editor.failure(command, json!([{ "uri": uri(&path) }]));
        assert_eq!(code, "HS0005");
        let told = editor.wait_notification("hotsplice/noProcess", |_| true);
        assert_eq!(told["message"], json!(message));
        assert!(message.contains("start the program with `hotsplice run`"), "{message}");
    }
    let why = editor.choose(&path, 3, "Hot-patch: why not?");
    assert_eq!(editor.wait_notification("hotsplice/noProcess", |_| true)["message"], why);
    // What no new process would mend is shown as ever.
    let (code, message) = editor.failure("hotsplice.patchFile", json!([{ "uri": "untitled:Untitled-1" }]));
    let shown = editor.wait_notification("window/showMessage", |_| true);
    assert_eq!(shown["message"], json!(message), "{code}");
}

#[test]
fn why_not_says_what_is_so() {
    let workspace = Workspace::new();
    let (_program, path) = start(&workspace, "app.py");
    let mut editor = Editor::start(&workspace);
    editor.open(&path, APP);
    editor.wait_sessions(1);
    let why = |editor: &mut Editor| {
        let answer = editor.command("hotsplice.whyNot", json!([{ "uri": uri(&path) }]));
        answer.as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(why(&mut editor), "app.py: what is live is what the editor shows");
    editor.change(&path, &APP.replace("'hello'", "'welcome'"));
    assert_eq!(why(&mut editor), "app.py can be patched: it differs from what is live");
    editor.change(&path, &APP.replace("'hello'", "("));
    assert!(why(&mut editor).starts_with("app.py does not parse: line "));
    // Where an editor does not show what is disabled, this is all that is left.
    let actions = editor.actions(&path, 3);
    assert!(actions.iter().any(|(title, reason)| title == "Hot-patch: why not?" && reason.is_none()), "{actions:?}");
}

/// Editors whose commands can hold no address.
#[test]
fn a_command_may_name_its_file_in_short() {
    let workspace = Workspace::new();
    let (mut program, path) = start(&workspace, "src/app.py");
    let mut editor = Editor::start(&workspace);
    editor.open(&path, APP);
    editor.wait_sessions(1);
    let edit = |editor: &mut Editor, answer: &str| editor.change(&path, &APP.replace("hello", answer));
    edit(&mut editor, "one");
    editor.command("hotsplice.patchFile", json!([]));
    assert_eq!(ask(&mut program), "one");
    let other = workspace.write("other/app.py", "");
    editor.open(&other, "");
    edit(&mut editor, "two");
    // Only one of them is edited.
    editor.command("hotsplice.patchFile", json!([]));
    assert_eq!(ask(&mut program), "two");
    edit(&mut editor, "three");
    editor.command("hotsplice.patchFunction", json!([{ "path": "src/app.py", "line": 4 }]));
    assert_eq!(ask(&mut program), "three");
    editor.command("hotsplice.undo", json!([{ "path": path }]));
    assert_eq!(ask(&mut program), "two");
    let (_, message) = editor.failure("hotsplice.patchFile", json!([{ "path": "app.py" }]));
    assert!(message.contains("more than one file is called app.py (other/app.py, src/app.py)"), "{message}");
    editor.change(&other, "x = 1\n");
    let (_, message) = editor.failure("hotsplice.patchFile", json!([]));
    assert!(message.contains("more than one file is open"), "{message}");
    let (_, message) = editor.failure("hotsplice.patchFile", json!([{ "path": "gone.py" }]));
    assert!(message.contains("no file is called gone.py"), "{message}");
}
