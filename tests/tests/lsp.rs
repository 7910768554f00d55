//! The language server as an editor sees it.

use hotsplice_tests::lsp::{Editor, uri};
use hotsplice_tests::program::{Program, Workspace};
use hotsplice_tests::pythons;
use serde_json::{Value, json};

const TEXT: &str = "import sys\n\ndef greet(name):\n    return f'hello {name}'\n\nclass View:\n    def get(self):\n        def inner():\n            return 'view'\n        return inner()\n\nprint('ready', flush=True)\nfor line in sys.stdin:\n    print(greet(line.strip()), View().get(), flush=True)\n";

fn start(workspace: &Workspace) -> (Program, std::path::PathBuf) {
    let script = workspace.write("app.py", TEXT);
    let mut program = workspace.run(pythons::newest(), &[&script.display().to_string()]);
    // It is a session before it has read its own script.
    program.wait_line("ready");
    (program, script)
}

fn ask(program: &mut Program) -> String {
    program.send("a");
    program.line()
}

fn enabled(actions: &[(String, Option<String>)]) -> Vec<&str> {
    // Functions can be guarded also where nothing is to be patched.
    let is_about_patches = |title: &&str| !title.starts_with("Guard ");
    let open = actions.iter().filter(|(_, reason)| reason.is_none());
    open.map(|(title, _)| title.as_str()).filter(is_about_patches).collect()
}

#[test]
fn actions_are_offered_where_they_do_something() {
    let workspace = Workspace::new();
    let (mut program, path) = start(&workspace);
    let mut editor = Editor::start(&workspace);
    editor.wait_sessions(1);
    editor.open(&path, TEXT);
    let unchanged = editor.actions(&path, 3);
    assert!(enabled(&unchanged).is_empty(), "{unchanged:?}");
    assert_eq!(
        unchanged[0],
        ("Hot-patch function `greet`".to_owned(), Some("what is live is what the editor shows".to_owned()))
    );

    editor.change(&path, &TEXT.replace("hello", "welcome").replace("'view'", "'page'"));
    assert_eq!(enabled(&editor.actions(&path, 3)), ["Hot-patch function `greet`", "Hot-patch file app.py"]);
    let inside = editor.actions(&path, 8);
    assert_eq!(
        enabled(&inside),
        ["Hot-patch function `View.get.<locals>.inner`", "Hot-patch class `View`", "Hot-patch file app.py"]
    );
    let answer = editor.choose(&path, 3, "Hot-patch function `greet`");
    assert_eq!(answer[0]["committed"], true, "{answer:#}");
    assert_eq!(ask(&mut program), "welcome a view");
    editor.choose(&path, 8, "Hot-patch function `View.get.<locals>.inner`");
    assert_eq!(ask(&mut program), "welcome a page");
    let undo = editor.actions(&path, 0);
    assert!(enabled(&undo).contains(&"Undo hot-patch"), "{undo:?}");
    editor.choose(&path, 0, "Undo hot-patch");
    assert_eq!(ask(&mut program), "welcome a view");
}

#[test]
fn what_can_not_be_done_says_why() {
    let workspace = Workspace::new();
    let path = workspace.write("app.py", TEXT);
    let mut editor = Editor::start(&workspace);
    editor.open(&path, TEXT);
    let actions = editor.actions(&path, 3);
    let titles: Vec<&str> = actions.iter().map(|(title, _)| title.as_str()).collect();
    assert_eq!(titles, ["Hot-patch function `greet`", "Hot-patch file app.py", "Hot-patch: why not?"]);
    for (_, reason) in &actions[..2] {
        let reason = reason.as_deref().expect("a reason");
        assert!(reason.starts_with("no registered process has loaded app.py: start the program with"), "{reason}");
    }
    let (mut program, path) = start(&workspace);
    editor.wait_sessions(1);
    editor.change(&path, &TEXT.replace("def greet(name):", "def greet(name"));
    let broken = editor.actions(&path, 3);
    assert_eq!(enabled(&broken), ["Hot-patch: why not?"]);
    assert!(
        broken[0].1.as_deref().is_some_and(|reason| reason.starts_with("app.py does not parse: line 3")),
        "{broken:?}"
    );
    editor.change(&path, &TEXT.replace("hello", "welcome"));
    assert_eq!(enabled(&editor.actions(&path, 3))[0], "Hot-patch function `greet`");
    // One that is new, and that nobody has imported yet.
    let new = workspace.write("new.py", "def f():\n    pass\n");
    let (code, message) = editor.failure("hotsplice.patchFile", json!([{ "uri": uri(&new) }]));
    let reason = format!("app.py · pid {} has not imported it", program.pid());
    assert!(code == "HS0005" && message.ends_with(&reason), "{code}: {message}");
    // A file that is no file is nobody's business.
    editor.notify(
        "textDocument/didOpen",
        json!({ "textDocument": { "uri": "vscode-notebook-cell:/a.ipynb#1", "languageId": "python", "version": 1, "text": "x" } }),
    );
    let (code, message) = editor.failure("hotsplice.patchFile", json!([{ "uri": "untitled:Untitled-1" }]));
    assert!(code == "HS0011" && message.contains("never saved"), "{code}: {message}");
    editor.wait_notification("window/showMessage", |_| true);
    assert!(
        editor
            .try_request("workspace/executeCommand", json!({ "command": "hotsplice.patchFile", "arguments": [1] }))
            .is_err()
    );
    assert_eq!(ask(&mut program), "hello a view");
}

#[test]
fn verdicts_are_shown_at_their_line_and_go() {
    let workspace = Workspace::new();
    let (mut program, path) = start(&workspace);
    let mut editor = Editor::start(&workspace);
    editor.wait_sessions(1);
    editor.open(&path, TEXT);
    let failing = TEXT.replace("class View", "LIMIT = 1 / 0\n\nclass View");
    editor.change(&path, &failing);
    editor.patch_file(&path);
    let with_some = |params: &Value| !params["diagnostics"].as_array().is_none_or(Vec::is_empty);
    let shown = editor.wait_notification("textDocument/publishDiagnostics", with_some);
    let diagnostic = &shown["diagnostics"][0];
    assert_eq!((&diagnostic["code"], &diagnostic["severity"]), (&json!("HS0103"), &json!(1)));
    assert_eq!(diagnostic["range"]["start"], json!({ "line": 5, "character": 0 }));
    assert!(
        diagnostic["codeDescription"]["href"].as_str().is_some_and(|href| href.ends_with("#hs0103")),
        "{diagnostic}"
    );
    let message = editor.wait_notification("window/showMessage", |_| true);
    assert!(message["message"].as_str().is_some_and(|text| text.contains("HS0103")), "{message}");
    assert_eq!(ask(&mut program), "hello a view");
    // It moves with its text, and goes when that changes.
    editor.change(&path, &format!("\n{failing}"));
    let moved = editor.wait_notification("textDocument/publishDiagnostics", with_some);
    assert_eq!(moved["diagnostics"][0]["range"]["start"]["line"], 6);
    editor.change(&path, &failing.replace("1 / 0", "10"));
    editor.wait_notification("textDocument/publishDiagnostics", |params| !with_some(params));
}

#[test]
fn saving_patches_if_the_user_wants_it() {
    let workspace = Workspace::new();
    let (mut program, path) = start(&workspace);
    let mut editor = Editor::with_options(&workspace, json!({ "patchOnSave": "manual" }));
    editor.wait_sessions(1);
    editor.open(&path, TEXT);
    let status = |editor: &mut Editor| editor.wait_notification("textDocument/publishDiagnostics", |_| true);
    editor.change(&path, &TEXT.replace("hello", "one"));
    editor.save(&path, 2);
    editor.save(&path, 1);
    status(&mut editor);
    assert_eq!(ask(&mut program), "one a view");
    editor.notify(
        "workspace/didChangeConfiguration",
        json!({ "settings": { "hotsplice": { "patchOnSave": "always" } } }),
    );
    editor.change(&path, &TEXT.replace("hello", "two"));
    editor.save(&path, 2);
    status(&mut editor);
    assert_eq!(ask(&mut program), "two a view");
    // A file with a syntax error is never sent; neither is anything when the user says never.
    editor.change(&path, &TEXT.replace("def greet(name):", "def greet(name"));
    editor.save(&path, 1);
    editor
        .notify("workspace/didChangeConfiguration", json!({ "settings": { "hotsplice": { "patchOnSave": "never" } } }));
    editor.change(&path, &TEXT.replace("hello", "three"));
    editor.save(&path, 1);
    assert_eq!(editor.command("hotsplice.sessions", json!([])).as_array().map(Vec::len), Some(1));
    assert_eq!(ask(&mut program), "two a view");
}

#[test]
fn edits_apply_in_the_order_of_their_arrival() {
    let workspace = Workspace::new();
    let (mut program, path) = start(&workspace);
    let mut editor = Editor::start(&workspace);
    editor.wait_sessions(1);
    editor.open(&path, TEXT);
    // 300 keystrokes, each at a place that is right only after the one before; with letters that UTF-16 counts as two.
    let mut column = TEXT.lines().nth(3).map(|line| line.find("hello").unwrap_or_default()).unwrap_or_default();
    for number in 0..300 {
        let letter = ["x", "é", "😀"][number % 3];
        let position = json!({ "line": 3, "character": column });
        editor.change_parts(&path, json!([{ "range": { "start": position, "end": position }, "text": letter }]));
        column += letter.encode_utf16().count();
    }
    editor.patch_file(&path);
    assert_eq!(ask(&mut program), format!("{}hello a view", "xé😀".repeat(100)));
}

#[test]
fn sessions_come_and_go() {
    let workspace = Workspace::new();
    let mut editor = Editor::start(&workspace);
    let (mut program, path) = start(&workspace);
    editor.wait_sessions(1);
    let listed = editor.command("hotsplice.sessions", json!([]));
    assert_eq!(listed[0]["pid"], program.pid());
    assert_eq!(listed[0]["name"], format!("app.py · pid {}", program.pid()));
    program.child.kill().expect("it runs");
    editor.wait_sessions(0);
    editor.open(&path, TEXT);
    let failure = editor.failure("hotsplice.patchFunction", json!([{ "uri": uri(&path), "name": "greet" }]));
    assert_eq!(failure.0, "HS0005", "{failure:?}");
    editor.wait_notification("window/showMessage", |_| true);
}
