//! Quick fixes of refusals: the rest is patched without what is refused, a code is explained.

use hotsplice_tests::lsp::Editor;
use hotsplice_tests::program::{Program, Workspace};
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

    def get(self):
        return 'view'

print('ready', flush=True)
for line in sys.stdin:
    print(LIMIT, price(), greet(), View.size, View().get(), flush=True)
";

fn start(workspace: &Workspace, python: &pythons::Python) -> (Program, std::path::PathBuf) {
    let path = workspace.write("app.py", APP);
    let mut program = workspace.run(python, &[&path.display().to_string()]);
    program.wait_line("ready");
    (program, path)
}

fn ask(program: &mut Program) -> String {
    program.send("");
    program.line()
}

/// By code, the lines (from 0) at which something is said.
fn said(diagnostics: &Value) -> Vec<(String, u64)> {
    let shown = diagnostics["diagnostics"].as_array().into_iter().flatten();
    shown.filter_map(|one| Some((one["code"].as_str()?.to_owned(), one["range"]["start"]["line"].as_u64()?))).collect()
}

#[test]
fn the_rest_is_patched_when_that_is_chosen() {
    for python in pythons::all() {
        let workspace = Workspace::new();
        let (mut program, path) = start(&workspace, python);
        let mut editor = Editor::start(&workspace);
        editor.wait_sessions(1);
        editor.open(&path, APP);
        // A constant, a default and a class attribute that raise, each seen only when the ones before are out of the way.
        let edited = APP
            .replace("LIMIT = 1", "LIMIT = (\n    1 / 0\n)")
            .replace("cents=100", "cents=100 / 0")
            .replace("'hello'", "'welcome'")
            .replace("size = 1", "size = missing")
            .replace("'view'", "'page'");
        editor.change(&path, &edited);
        let refused = editor.patch_file(&path);
        assert_eq!(refused[0]["committed"], false, "{refused}");
        assert_eq!(ask(&mut program), "1 100 hello 1 view");
        let answer = editor.choose(&path, 2, "Patch the rest of app.py");
        assert_eq!(answer[0]["committed"], true, "Python {}: {answer:#}", python.name());
        assert_eq!(ask(&mut program), "1 100 welcome 1 page", "Python {}", python.name());
        // What is left out is still said, at its line.
        let wanted = ["HS0103", "HS0103", "HS0103"].map(str::to_owned);
        let shown = editor.wait_notification("textDocument/publishDiagnostics", |shown| {
            said(shown).iter().map(|(code, _)| code.clone()).eq(wanted.clone())
        });
        let mut lines: Vec<u64> = said(&shown).into_iter().map(|(_, line)| line).collect();
        lines.sort_unstable();
        assert_eq!(lines, [2, 6, 13], "Python {}: {shown:#}", python.name());
        // What is live now is the text without it.
        editor.change(&path, &edited.replace("1 / 0", "2").replace("100 / 0", "200").replace("missing", "2"));
        assert_eq!(editor.patch_file(&path)[0]["committed"], true);
        assert_eq!(ask(&mut program), "2 200 welcome 2 page", "Python {}", python.name());
    }
}

#[test]
fn the_rest_is_patched_from_the_command_line() {
    let workspace = Workspace::new();
    let (mut program, _) = start(&workspace, pythons::newest());
    workspace.write("app.py", &APP.replace("cents=100", "cents=1 / 0").replace("'hello'", "'welcome'"));
    workspace.call(&["patch", "app.py"]).expect(1);
    let done = workspace.call(&["patch", "app.py", "--rest"]).expect(1);
    assert!(done.text().contains("1 edit live, 1 left out"), "{}", done.text());
    assert_eq!(ask(&mut program), "1 100 welcome 1 view");
    // Nothing can be left out of a text that does not parse.
    workspace.write("app.py", &APP.replace("cents=100", "cents="));
    let refused = workspace.call(&["patch", "app.py", "--rest"]).expect(1);
    assert!(refused.text().contains("HS0101"), "{}", refused.text());
    assert_eq!(ask(&mut program), "1 100 welcome 1 view");
}

/// What is left out stands in each process as it was there, whatever it is elsewhere.
#[test]
fn what_is_left_out_is_each_process_s_own() {
    let workspace = Workspace::new();
    let (mut one, path) = start(&workspace, pythons::newest());
    let mut other = workspace.run(pythons::newest(), &[&path.display().to_string()]);
    other.wait_line("ready");
    workspace.sessions(2);
    workspace.write("app.py", &APP.replace("cents=100", "cents=150"));
    workspace.call(&["patch", "app.py", "--pid", &one.pid().to_string()]).expect(0);
    workspace.write("app.py", &APP.replace("cents=100", "cents=1 / 0").replace("'hello'", "'welcome'"));
    let done = workspace.call(&["patch", "app.py", "--rest"]).expect(1);
    assert_eq!((ask(&mut one), ask(&mut other)), ("1 150 welcome 1 view".into(), "1 100 welcome 1 view".into()));
    assert_eq!(done.text().matches("1 edit live, 1 left out").count(), 2, "{}", done.text());
}

/// One process refuses: the other is patched when that is chosen.
#[test]
fn processes_that_do_not_refuse_are_patched_when_that_is_chosen() {
    let workspace = Workspace::new();
    let (mut one, path) = start(&workspace, pythons::newest());
    let mut other = workspace.run(pythons::newest(), &[&path.display().to_string(), "refuse"]);
    other.wait_line("ready");
    let mut editor = Editor::start(&workspace);
    editor.wait_sessions(2);
    editor.open(&path, APP);
    editor.change(&path, &APP.replace("cents=100", "cents=200 // (len(sys.argv) == 1)"));
    editor.patch_file(&path);
    assert_eq!((ask(&mut one), ask(&mut other)), ("1 100 hello 1 view".to_owned(), "1 100 hello 1 view".to_owned()));
    editor.choose(&path, 4, "Patch the processes that do not refuse");
    assert_eq!((ask(&mut one), ask(&mut other)), ("1 200 hello 1 view".to_owned(), "1 100 hello 1 view".to_owned()));
}

#[test]
fn a_code_explains_itself() {
    let workspace = Workspace::new();
    let (_program, path) = start(&workspace, pythons::newest());
    let mut editor = Editor::start(&workspace);
    editor.wait_sessions(1);
    editor.open(&path, APP);
    editor.change(&path, &APP.replace("cents=100", "cents=1 / 0"));
    editor.patch_file(&path);
    editor.choose(&path, 4, "Explain HS0103");
    // This editor opens no documents: it is a message.
    editor.wait_notification("window/showMessage", |said| {
        said["message"].as_str().is_some_and(|text| text.starts_with("# HS0103: ") && text.contains("What to do"))
    });
    let failure =
        editor.try_request("workspace/executeCommand", json!({ "command": "hotsplice.explain", "arguments": [{}] }));
    assert!(failure.is_err());
    let printed = workspace.call(&["explain", "hs0103"]).expect(0);
    assert!(printed.text().starts_with("# HS0103: "), "{}", printed.text());
    let unknown = workspace.call(&["explain", "HS9999"]).expect(2);
    assert!(unknown.errors().contains("HS0001"), "{}", unknown.errors());
}

/// The text is the editor's: whether the file can be written is of no concern.
#[test]
fn a_file_that_can_not_be_written_is_patched_all_the_same() {
    use std::os::unix::fs::PermissionsExt;
    let workspace = Workspace::new();
    let (mut program, path) = start(&workspace, pythons::newest());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o444)).expect("its mode");
    let mut editor = Editor::start(&workspace);
    editor.wait_sessions(1);
    editor.open(&path, APP);
    editor.change(&path, &APP.replace("'hello'", "'welcome'"));
    assert_eq!(editor.patch_file(&path)[0]["committed"], true);
    assert_eq!(ask(&mut program), "1 100 welcome 1 view");
    assert_eq!(std::fs::read_to_string(&path).expect("a file"), APP);
    editor.command("hotsplice.undo", json!([{}]));
    assert_eq!(ask(&mut program), "1 100 hello 1 view");
}
