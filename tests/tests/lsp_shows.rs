//! What an editor is shown without asking for a patch: lenses, hovers, status.

use hotsplice_tests::lsp::{Editor, uri};
use hotsplice_tests::program::{Program, Workspace, wait_for};
use hotsplice_tests::pythons;
use serde_json::{Value, json};

const APP: &str = "import sys\n\ndef greet():\n    return 'hello'\n\ndef wait():\n    return sys.stdin.readline()\n\nclass View:\n    def get(self):\n        return 'view'\n\nprint('ready', flush=True)\nwhile wait():\n    print(greet(), flush=True)\n";

fn start(workspace: &Workspace, python: &pythons::Python) -> Program {
    let script = workspace.write("app.py", APP);
    let mut program = workspace.run(python, &[&script.display().to_string()]);
    program.wait_line("ready");
    program
}

/// Waits until the lenses are these.
fn wait_lenses(editor: &mut Editor, path: &std::path::Path, wanted: &[(u64, &str)]) {
    let wanted: Vec<(u64, String)> = wanted.iter().map(|(line, title)| (*line, (*title).to_owned())).collect();
    let mut seen = Vec::new();
    let came = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        wait_for("the lenses", || {
            seen = editor.lenses(path);
            (seen == wanted).then_some(())
        });
    }));
    assert!(came.is_ok(), "wanted {wanted:#?}, seen {seen:#?}");
}

#[test]
fn lenses_say_what_is_live_edited_and_still_running() {
    for python in pythons::all() {
        let workspace = Workspace::new();
        let mut program = start(&workspace, python);
        let path = workspace.path().join("app.py");
        let mut editor = Editor::start(&workspace);
        editor.wait_sessions(1);
        editor.open(&path, APP);
        wait_lenses(&mut editor, &path, &[]);
        let edited = APP.replace("'hello'", "'welcome'").replace("sys.stdin.readline()", "sys.stdin.readline() + ''");
        editor.change(&path, &edited);
        wait_lenses(&mut editor, &path, &[(2, "○ edited · Hot-patch"), (5, "○ edited · Hot-patch")]);
        let answer = editor.patch_file(&path);
        assert_eq!(answer[0]["committed"], true, "{answer:#}");
        // From 3.12 on it is seen whether new code has run.
        let observed = python.minor >= 12;
        let waiting = if observed { " · never called since the patch" } else { "" };
        let live = format!("● live v1 · 1 process{waiting}");
        wait_lenses(&mut editor, &path, &[(2, &live), (5, &live), (5, "1 call still runs the code as loaded")]);
        program.send("x");
        assert_eq!(program.line(), "welcome");
        wait_lenses(&mut editor, &path, &[(2, "● live v1 · 1 process"), (5, "● live v1 · 1 process")]);
        let shown = editor.hover(&path, 2, 5);
        let wanted =
            if observed { "live v1, patched less than a minute ago, has run since" } else { "live v1, patched" };
        assert!(shown.contains(wanted) && shown.contains("`greet`"), "{shown}");
        drop(program);
        wait_lenses(&mut editor, &path, &[]);
        assert_eq!(editor.hover(&path, 2, 5), "");
    }
}

#[test]
fn what_is_said_of_calls_on_old_code_goes_when_they_have_ended() {
    // The call keeps the old code, takes the new code behind its statement, or at the next iteration of its loop.
    let bodies = [
        "print('ready', flush=True)\n    print('old', sys.stdin.readline(), flush=True)\n",
        "print('ready', flush=True)\n    sys.stdin.readline()\n    print('old', flush=True)\n",
        "for _ in range(3):\n        print('ready', flush=True)\n        sys.stdin.readline()\n        print('old', flush=True)\n",
    ];
    for python in pythons::all() {
        for body in bodies {
            let workspace = Workspace::new();
            let text = format!("import sys\n\n\ndef work():\n    {body}\n\nwhile True:\n    work()\n");
            let path = workspace.write("app.py", &text);
            let mut program = workspace.run(python, &[&path.display().to_string()]);
            program.wait_line("ready");
            let mut editor = Editor::start(&workspace);
            editor.wait_sessions(1);
            editor.open(&path, &text);
            editor.change(&path, &text.replace("'old'", "'new'"));
            editor.patch_file(&path);
            let file = uri(&path);
            let codes = |told: &Value| -> Vec<String> {
                let shown = told["diagnostics"].as_array().into_iter().flatten();
                shown.filter_map(|problem| problem["code"].as_str().map(str::to_owned)).collect()
            };
            let of_calls = |told: &Value| codes(told).iter().any(|code| code == "HS0306" || code == "HS0309");
            editor.wait_notification("textDocument/publishDiagnostics", |told| told["uri"] == file && of_calls(told));
            // The calls that are on old code now end, all of them.
            for _ in 0..4 {
                program.send("");
                program.wait_line("ready");
            }
            editor.wait_notification("textDocument/publishDiagnostics", |told| {
                told["uri"] == file && codes(told).is_empty()
            });
        }
    }
}

#[test]
fn a_hover_shows_the_difference_to_what_is_live() {
    let workspace = Workspace::new();
    let _program = start(&workspace, pythons::newest());
    let path = workspace.path().join("app.py");
    let mut editor = Editor::start(&workspace);
    editor.wait_sessions(1);
    editor.open(&path, APP);
    assert!(editor.hover(&path, 2, 4).contains("as loaded"));
    assert_eq!(editor.hover(&path, 3, 4), "", "only on the name");
    editor.change(&path, &APP.replace("'hello'", "'welcome'"));
    let shown = editor.hover(&path, 2, 8);
    assert!(shown.contains("-    return 'hello'\n+    return 'welcome'"), "{shown}");
}

#[test]
fn clients_are_told_what_went_live() {
    let workspace = Workspace::new();
    let program = start(&workspace, pythons::newest());
    let path = workspace.path().join("app.py");
    let mut editor = Editor::start(&workspace);
    editor.wait_sessions(1);
    editor.open(&path, APP);
    editor.change(&path, &APP.replace("'view'", "'page'"));
    editor.patch_file(&path);
    let told = editor.wait_notification("hotsplice/patched", |_| true);
    assert_eq!(told["files"][0]["uri"], uri(&path));
    assert_eq!((&told["sessions"], &told["label"]), (&json!(1), &json!("app.py")), "{told}");
    assert_eq!(told["files"][0]["ranges"][0]["start"]["line"], 9, "{told}");
    assert!(told["milliseconds"].as_f64().is_some_and(|time| time > 0.0));
    assert!(told["message"].as_str().is_some_and(|text| text.starts_with("app.py is live in 1 process (")), "{told}");
    let has_files = |status: &Value| status["sessions"][0]["files"].as_array().is_some_and(|files| !files.is_empty());
    let status = editor.wait_notification("hotsplice/status", has_files);
    let session = &status["sessions"][0];
    assert_eq!(session["name"], format!("app.py · pid {}", program.pid()));
    assert_eq!(session["files"][0]["uri"], uri(&path));
    assert_eq!(session["files"][0]["functions"][0]["name"], "View.get");
    assert_eq!(session["files"][0]["functions"][0]["line"], 9);
    assert_eq!(status["patchOnSave"], "never");
    // Whoever asks is told also that there is nothing to do; here the place is named as the protocol's own requests do it.
    let place = json!({ "textDocument": { "uri": uri(&path) }, "position": { "line": 10, "character": 0 } });
    editor.command("hotsplice.patchFunction", json!([place]));
    let told = editor.wait_notification("hotsplice/patched", |told| told["files"][0]["ranges"] == json!([]));
    assert_eq!(told["message"], "View.get: what is live is what the editor shows");
    editor.patch_file(&path);
    let told = editor.wait_notification("hotsplice/patched", |told| told["files"][0]["ranges"] == json!([]));
    assert_eq!(told["message"], "app.py: what is live is what the editor shows");
}

#[test]
fn the_log_tells_what_happened_one_thing_after_the_other() {
    let workspace = Workspace::new();
    let program = start(&workspace, pythons::newest());
    let path = workspace.path().join("app.py");
    let mut editor = Editor::start(&workspace);
    let logged = |editor: &mut Editor, start: &str| {
        let fits = |params: &Value| params["message"].as_str().is_some_and(|text| text.starts_with(start));
        editor.wait_notification("window/logMessage", fits);
    };
    logged(&mut editor, &format!("hotsplice {} is ready", env!("CARGO_PKG_VERSION")));
    logged(&mut editor, &format!("app.py · pid {}: can be patched", program.pid()));
    editor.open(&path, APP);
    editor.change(&path, &APP.replace("'view'", "'page'"));
    editor.patch_file(&path);
    logged(&mut editor, "app.py is live in 1 process (");
    editor.change(&path, &APP.replace("def greet():", "def greet(when=1 / 0):"));
    editor.patch_file(&path);
    logged(&mut editor, &format!("{}:3 greet: HS", path.display()));
    logged(&mut editor, "Nothing was patched: greet (line 3): HS");
    let name = format!("app.py · pid {}: is gone", program.pid());
    drop(program);
    logged(&mut editor, &name);
}

#[test]
fn a_refusal_stands_over_its_function() {
    let workspace = Workspace::new();
    let _program = start(&workspace, pythons::newest());
    let path = workspace.path().join("app.py");
    let mut editor = Editor::start(&workspace);
    editor.wait_sessions(1);
    editor.open(&path, APP);
    editor.change(&path, &APP.replace("def greet():", "def greet(when=1 / 0):"));
    editor.patch_file(&path);
    let lenses = editor.lenses(&path);
    assert!(lenses.iter().any(|(line, title)| *line == 2 && title.starts_with("▲ refused HS")), "{lenses:?}");
    assert!(lenses.iter().any(|(line, title)| *line == 2 && title == "○ edited · Hot-patch"), "{lenses:?}");
    editor.notify("workspace/didChangeConfiguration", json!({ "settings": { "hotsplice": { "codeLens": false } } }));
    assert_eq!(editor.lenses(&path), []);
}

/// The code of the function is the same object as before: it is seen to run all the same, each time.
#[test]
fn a_call_with_new_defaults_is_seen() {
    const TEXT: &str = "import sys\n\ndef price(cents=1):\n    return cents\n\nprint('ready', flush=True)\nfor line in sys.stdin:\n    print(price(), flush=True)\n";
    for python in pythons::all() {
        let workspace = Workspace::new();
        let path = workspace.write("app.py", TEXT);
        let mut program = workspace.run(python, &[&path.display().to_string()]);
        program.wait_line("ready");
        let mut editor = Editor::start(&workspace);
        editor.wait_sessions(1);
        editor.open(&path, TEXT);
        for version in 1..=3 {
            editor.change(&path, &TEXT.replace("cents=1", &format!("cents={}", version + 1)));
            editor.patch_file(&path);
            let waiting = if python.minor >= 12 { " · never called since the patch" } else { "" };
            wait_lenses(&mut editor, &path, &[(2, &format!("● live v{version} · 1 process{waiting}"))]);
            program.send("");
            assert_eq!(program.line(), (version + 1).to_string());
            wait_lenses(&mut editor, &path, &[(2, &format!("● live v{version} · 1 process"))]);
        }
    }
}
