//! `hotsplice patch` and `hotsplice undo`.

use hotsplice_tests::program::{Program, Workspace, wait_for};
use hotsplice_tests::pythons;
use serde_json::json;

use super::{PROGRAM, ask, start};

#[test]
fn a_shell_may_let_everything_register() {
    let workspace = Workspace::new();
    let script = workspace.write("app.py", "print('ready', flush=True)\ninput()\n");
    let mut command = std::process::Command::new("sh");
    let hotsplice = workspace.hotsplice();
    command.envs(hotsplice.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.args(["-c", "eval \"$(\"$1\" env)\"; exec \"$2\" \"$3\"", "sh"]);
    let mut program = Program::start({
        command.arg(hotsplice.get_program()).arg(&pythons::newest().path).arg(&script);
        command
    });
    program.wait_line("ready");
    assert_eq!(workspace.sessions(1)[0].pid, program.pid());
    let variables = workspace.call(&["env", "--json"]).expect(0).json();
    assert!(variables["PYTHONPATH"].as_str().is_some_and(|path| path.contains("_bootstrap")), "{variables}");
    program.send("");
    assert_eq!(program.wait(), Some(0));
}

#[test]
fn a_file_is_patched_as_it_is_on_disk() {
    let workspace = Workspace::new();
    let mut program = start(&workspace);
    assert_eq!(ask(&mut program, "a"), "hello a view");
    workspace.write("app.py", &PROGRAM.replace("hello", "welcome").replace("'view'", "'page'"));
    let results = workspace.call(&["patch", "app.py", "--json"]).expect(0).json();
    assert_eq!(results[0]["committed"], true);
    let edits = results[0]["edits"].as_array().expect("edits");
    let named: Vec<_> =
        edits.iter().map(|edit| (edit["definition"].clone(), edit["verdict"].clone(), edit["line"].clone())).collect();
    assert_eq!(named, [(json!("greet"), json!("applied"), json!(3)), (json!("View.get"), json!("applied"), json!(7))]);
    assert!(results[0]["timings"]["commit"].is_u64(), "{results}");
    assert_eq!(ask(&mut program, "a"), "welcome a page");

    let again = workspace.call(&["patch", "app.py", "--json"]).expect(0).json();
    assert_eq!(again[0]["edits"], json!([]), "nothing is left to patch");
    assert!(workspace.call(&["patch", "app.py"]).expect(0).text().contains("nothing to change"));

    workspace.call(&["undo", "app.py"]).expect(0);
    assert_eq!(ask(&mut program, "a"), "hello a view");
}

#[test]
fn a_file_that_is_named_twice_is_patched_once() {
    let workspace = Workspace::new();
    let mut program = start(&workspace);
    let app = workspace.write("app.py", &PROGRAM.replace("hello", "welcome"));
    std::os::unix::fs::symlink(&app, workspace.path().join("other.py")).expect("a link");
    let names = ["patch", "app.py", "./app.py", &app.display().to_string(), "other.py", "--json"];
    let results = workspace.call(&names).expect(0).json();
    let files = results.as_array().expect("results");
    let edits: Vec<_> = files.iter().flat_map(|file| file["edits"].as_array().expect("edits")).collect();
    assert_eq!((files.len(), edits.len()), (1, 1), "{results}");
    assert_eq!(ask(&mut program, "a"), "welcome a view");
    // One undo takes it back.
    workspace.call(&["undo", "app.py"]).expect(0);
    assert_eq!(ask(&mut program, "a"), "hello a view");
}

#[test]
fn one_function_of_several_and_undo_of_one() {
    let workspace = Workspace::new();
    let mut program = start(&workspace);
    workspace.write("new.txt", &PROGRAM.replace("hello", "welcome").replace("'view'", "'page'"));
    workspace.call(&["patch", "app.py", "--function", "View.get", "--from", "new.txt"]).expect(0);
    assert_eq!(ask(&mut program, "a"), "hello a page");
    workspace.call(&["patch", "app.py", "--from", "new.txt"]).expect(0);
    assert_eq!(ask(&mut program, "a"), "welcome a page");
    workspace.call(&["undo", "app.py", "--function", "View.get"]).expect(0);
    assert_eq!(ask(&mut program, "a"), "welcome a view");
    let status = workspace.call(&["status"]).expect(0).text();
    assert!(!status.contains("View.get") && status.contains("greet"), "{status}");
}

/// Each undo took a place of the former texts that are kept: half of the patches could not be undone.
#[test]
fn every_patch_of_the_last_twenty_is_undone_one_after_the_other() {
    let workspace = Workspace::new();
    let mut program = start(&workspace);
    let text = |number: usize| PROGRAM.replace("hello", &format!("hello{number}"));
    for number in 1..22 {
        workspace.write("app.py", &text(number));
        workspace.call(&["patch", "app.py"]).expect(0);
    }
    for number in (1..21).rev() {
        workspace.call(&["undo"]).expect(0);
        assert_eq!(ask(&mut program, "a"), format!("hello{number} a view"));
    }
    let nothing = workspace.call(&["undo"]).expect(2).errors();
    assert!(nothing.contains("HS0013: nothing is left to undo; of each file the latest 20"), "{nothing}");
    // One that comes in between is undone, and what was before it.
    workspace.write("app.py", &text(30));
    workspace.call(&["patch", "app.py"]).expect(0);
    workspace.call(&["undo", "app.py"]).expect(0);
    assert_eq!(ask(&mut program, "a"), "hello1 a view");
}

/// It would take the program's input, or be done twice.
#[test]
fn a_statement_that_runs_is_not_run_again_with_those_that_are_asked_for() {
    const APP: &str = "import sys\nimport stock\nseen = []\nseen.append(stock.COUNT)\nprint('ready', flush=True)\nfor line in sys.stdin:\n    print(stock.COUNT, seen, flush=True)\nprint('ended', stock.COUNT, flush=True)\n";
    for python in pythons::all() {
        let workspace = Workspace::new();
        workspace.write("stock.py", "COUNT = 0\n");
        let script = workspace.write("app.py", APP);
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        program.wait_line("ready");
        assert_eq!(ask(&mut program, ""), "0 [0]");
        workspace.write("stock.py", "COUNT = 1\n");
        workspace.call(&["patch", "stock.py", "--run-statements"]).expect(0);
        assert_eq!(ask(&mut program, ""), "1 [0, 1]", "Python {}", python.name());
        let told = workspace.call(&["patch", "app.py", "--again", "6"]).expect(0).text();
        assert!(told.contains("runs at this moment; run it again when it has ended"), "{told}");
        let told = workspace.call(&["patch", "app.py", "--again", "8"]).expect(0).text();
        assert!(told.contains("has not come to this line") && !told.contains("HS0"), "{told}");
        assert_eq!(ask(&mut program, ""), "1 [0, 1]", "Python {}", python.name());
        // Its own text is edited, beside a new statement.
        let edited = APP.replace("print(stock.COUNT, seen,", "print('new', stock.COUNT, seen,");
        workspace.write("app.py", &edited.replace("print('ready'", "print('asked for', flush=True)\nprint('ready'"));
        workspace.call(&["patch", "--run-statements"]).expect(0);
        assert_eq!(program.line(), "asked for", "Python {}", python.name());
        let line = ask(&mut program, "");
        assert!(line.ends_with("1 [0, 1]"), "Python {}: {line}", python.name());
        program.close();
        let line = wait_for("its end", || Some(program.line()).filter(|line| line.starts_with("ended")));
        assert_eq!(line, "ended 1");
        assert_eq!(program.wait(), Some(0));
    }
}

/// The program waits for its input, which is not the patch's.
#[test]
fn a_value_that_is_being_computed_is_not_computed_a_second_time_beside_it() {
    const APP: &str = "import sys\nLIMIT = 1\nprint('ready', flush=True)\nfirst = sys.stdin.readline()\nprint(LIMIT, repr(first), flush=True)\nprint(repr(sys.stdin.readline()), flush=True)\n";
    for python in pythons::all() {
        let workspace = Workspace::new();
        let script = workspace.write("app.py", APP);
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        program.wait_line("ready");
        workspace.write(
            "app.py",
            &APP.replace("LIMIT = 1", "LIMIT = 2").replace("readline()\nprint(L", "readline().strip()\nprint(L"),
        );
        let told = workspace.call(&["patch", "app.py"]).expect(0).text();
        assert!(told.contains("HS0401: this statement runs at this moment"), "Python {}: {told}", python.name());
        assert_eq!(ask(&mut program, "one"), "2 'one\\n'", "Python {}: {told}", python.name());
        assert_eq!(ask(&mut program, "two"), "'two\\n'");
        assert_eq!(program.wait(), Some(0));
    }
}

#[test]
fn a_dry_run_changes_nothing() {
    let workspace = Workspace::new();
    let mut program = start(&workspace);
    workspace.write("app.py", &PROGRAM.replace("hello", "welcome"));
    let results = workspace.call(&["patch", "app.py", "--dry-run", "--json"]).expect(0).json();
    assert_eq!((&results[0]["committed"], &results[0]["edits"][0]["verdict"]), (&json!(false), &json!("applied")));
    assert_eq!(ask(&mut program, "a"), "hello a view");
}

#[test]
fn several_processes_are_patched_all_or_none() {
    let workspace = Workspace::new();
    let text = "import sys\ndef f():\n    return 1\nprint('ready', flush=True)\nfor _ in sys.stdin:\n    print(f(), flush=True)\n";
    let script = workspace.write("twice.py", text).display().to_string();
    let mut good = workspace.run(pythons::newest(), &[&script]);
    let mut odd = workspace.run(pythons::newest(), &[&script, "odd"]);
    good.wait_line("ready");
    odd.wait_line("ready");
    workspace.write(
        "twice.py",
        &text.replace("return 1", "return 2").replace("import sys\n", "import sys\nX = 1 / (2 - len(sys.argv))\n"),
    );
    let results = workspace.call(&["patch", "twice.py", "--json"]).expect(1).json();
    let refused =
        results.as_array().expect("two").iter().find(|result| result["pid"] == odd.pid()).expect("the odd one");
    let held =
        results.as_array().expect("two").iter().find(|result| result["pid"] == good.pid()).expect("the good one");
    assert_eq!(refused["edits"][0]["code"], "HS0103", "{results:#}");
    assert_eq!(held["edits"][0]["code"], "HS0108", "{results:#}");
    assert_eq!((ask(&mut good, ""), ask(&mut odd, "")), ("1".to_owned(), "1".to_owned()));
    workspace.call(&["patch", "twice.py", "--each"]).expect(1);
    assert_eq!((ask(&mut good, ""), ask(&mut odd, "")), ("2".to_owned(), "1".to_owned()));
}
