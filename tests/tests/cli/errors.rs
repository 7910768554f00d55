//! Refusals, misuse, and what can't be printed.

use hotsplice_tests::program::Workspace;
use serde_json::json;

use super::{PROGRAM, ask, start};

#[test]
fn a_refusal_says_why_at_its_line_and_changes_nothing() {
    let workspace = Workspace::new();
    let mut program = start(&workspace);
    workspace
        .write("app.py", &PROGRAM.replace("hello", "welcome").replace("class View", "LIMIT = 1 / 0\n\nclass View"));
    let results = workspace.call(&["patch", "app.py", "--json"]).expect(1).json();
    let edits = results[0]["edits"].as_array().expect("edits");
    let limit = edits.iter().find(|edit| edit["definition"] == "LIMIT").expect("an edit");
    assert_eq!((&limit["verdict"], &limit["code"], &limit["line"]), (&json!("refused"), &json!("HS0103"), &json!(6)));
    assert!(limit["message"].as_str().expect("a message").contains("ZeroDivisionError"), "{limit}");
    let greet = edits.iter().find(|edit| edit["definition"] == "greet").expect("an edit");
    assert_eq!(greet["code"], "HS0105", "held back with it");
    assert_eq!(ask(&mut program, "a"), "hello a view");
}

#[test]
fn a_syntax_error_never_reaches_the_process() {
    let workspace = Workspace::new();
    let mut program = start(&workspace);
    workspace.write("app.py", &PROGRAM.replace("def greet(name):", "def greet(name)"));
    let results = workspace.call(&["patch", "app.py", "--json"]).expect(1).json();
    assert_eq!((&results[0]["edits"][0]["code"], &results[0]["edits"][0]["line"]), (&json!("HS0101"), &json!(3)));
    assert_eq!(ask(&mut program, "a"), "hello a view");
}

#[test]
fn misuse_and_no_session_end_with_2() {
    let workspace = Workspace::new();
    workspace.write("app.py", PROGRAM);
    assert!(workspace.call(&["patch", "app.py"]).expect(2).errors().contains("HS0005"));
    assert_eq!(workspace.call(&["patch", "app.py", "--json"]).expect(2).json()["error"]["code"], "HS0005");
    assert!(workspace.call(&["sessions"]).expect(0).text().contains("no process is registered"));
    assert_eq!(workspace.call(&["sessions", "--json"]).expect(0).json(), json!([]));
    let _program = start(&workspace);
    workspace.write("other.py", "x = 1\n");
    assert!(workspace.call(&["patch", "other.py"]).expect(2).errors().contains("other.py"));
    assert!(workspace.call(&["patch", "missing.py"]).expect(2).errors().contains("HS0011"));
    assert!(
        workspace.call(&["patch", "app.py", "--pid", "1"]).expect(2).errors().contains("process 1 is not registered")
    );
    assert!(workspace.call(&["undo", "app.py"]).expect(2).errors().contains("HS0013"));
    assert!(workspace.call(&["patch", "app.py", "--function", "nope"]).expect(1).text().contains("HS0014"));
    workspace.call(&["patch", "app.py", "--pid"]).expect(2);
    workspace.call(&["run", "-m"]).expect(2);
}

#[test]
fn what_can_not_be_printed_is_an_error_unless_the_reader_has_gone() {
    let workspace = Workspace::new();
    let mut program = start(&workspace);
    workspace.write("app.py", &PROGRAM.replace("hello", "welcome"));
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    let commands: [&[&str]; 10] = [
        &["sessions"],
        &["sessions", "--json"],
        &["show", "app.py"],
        &["diff"],
        &["env"],
        &["explain", "HS0103"],
        &["--help"],
        &["--version"],
        &["attach", "--list"],
        &["patch", "app.py", "--dry-run"],
    ];
    for arguments in commands {
        let ended = workspace.hotsplice().args(arguments).stdout(full()).output().expect("the command runs");
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(ended.status.code() == Some(2) && said.contains("No space left"), "{arguments:?}: {ended:?}");
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let ended = workspace.hotsplice().args(arguments).stdout(writer).output().expect("the command runs");
        assert!(ended.status.success() && ended.stderr.is_empty(), "{arguments:?}: {ended:?}");
        let ended = workspace.hotsplice().args(arguments).stderr(full()).output().expect("the command runs");
        assert!(ended.status.success(), "{arguments:?}: {ended:?}");
    }
    let ended = workspace.hotsplice().args(["patch", "gone.py"]).stderr(full()).output().expect("the command runs");
    assert_eq!(ended.status.code(), Some(2), "who can't be told what is wrong has the exit code");
    assert_eq!(ask(&mut program, "a"), "hello a view");
}
