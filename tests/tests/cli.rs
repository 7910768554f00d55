//! The command line's contract (`docs/cli.md`), on the newest Python.

use hotsplice_tests::program::{Program, Workspace, wait_for};
use hotsplice_tests::pythons;
use serde_json::json;

const PROGRAM: &str = "import sys\n\ndef greet(name):\n    return f'hello {name}'\n\nclass View:\n    def get(self):\n        return 'view'\n\nprint('ready', flush=True)\nfor line in sys.stdin:\n    print(greet(line.strip()), View().get(), flush=True)\n";

fn start(workspace: &Workspace) -> Program {
    let script = workspace.write("app.py", PROGRAM);
    let mut program = workspace.run(pythons::newest(), &[&script.display().to_string()]);
    // It is a session before it has read its own script.
    program.wait_line("ready");
    program
}

fn ask(program: &mut Program, line: &str) -> String {
    program.send(line);
    program.line()
}

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

/// What lies in an archive is no file that could differ.
#[test]
fn what_differs_is_listed_beside_a_module_of_an_archive() {
    for python in [&pythons::all()[0], pythons::newest()] {
        let workspace = Workspace::new();
        workspace.write("own.py", "def own():\n    return 'old'\n");
        let script = workspace.write(
            "app.py",
            "import sys, zipfile\nwith zipfile.ZipFile('lib.zip', 'w') as archive:\n    archive.writestr('zipped.py', 'X = 1\\n')\nsys.path.insert(0, 'lib.zip')\nimport own, zipped\nprint('ready', flush=True)\nsys.stdin.read()\n",
        );
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        program.wait_line("ready");
        workspace.write("own.py", "def own():\n    return 'new'\n");
        let told = workspace.call(&["diff"]).expect(0);
        assert!(told.text().contains("+    return 'new'") && told.errors().is_empty(), "Python {}", python.name());
        workspace.call(&["diff", "lib.zip/zipped.py"]).expect(2);
        program.close();
        assert_eq!(program.wait(), Some(0));
    }
}

/// However a definition came to be what it was when it was loaded, it is not patched.
#[test]
fn what_is_as_it_was_loaded_again_is_listed_no_more() {
    const TEXT: &str = "\
LIMIT = 1
DOUBLE = LIMIT * 2
def greet(x=LIMIT):
    return 'hello'
if LIMIT:
    def two():
        return 1
else:
    def two():
        return 3
class A:
    def n(self):
        return 2
print('ready', flush=True)
input()
";
    for python in [&pythons::all()[0], pythons::newest()] {
        let workspace = Workspace::new();
        let script = workspace.write("app.py", TEXT);
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        program.wait_line("ready");
        let patch = |edits: &[(&str, &str)]| {
            let text = edits.iter().fold(TEXT.to_owned(), |text, (before, after)| text.replace(before, after));
            workspace.write("app.py", &text);
            workspace.call(&["patch", "app.py"]).expect(0);
        };
        let patched = |edits: &[(&str, &str)]| -> Vec<String> {
            patch(edits);
            let status = workspace.call(&["status", "--json"]).expect(0).json();
            let listed = status[0]["patched"].as_array().expect("a list");
            let mut names: Vec<String> =
                listed.iter().map(|one| one["definition"].as_str().expect("a name").to_owned()).collect();
            names.sort();
            names
        };
        let gone = ("def greet(x=LIMIT):\n    return 'hello'\n", "");
        let both = [("return 1", "return 5"), ("return 3", "return 4")];
        type Step<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str]);
        let steps: [Step<'_>; 9] = [
            (&[("hello", "welcome")], &["greet"]),
            // A comment is no edit.
            (&[("'hello'", "'welcome'  # so"), ("LIMIT = 1", "# The most.\nLIMIT = 1")], &["greet"]),
            (&[], &[]),
            (&[("LIMIT = 1", "LIMIT = 2"), ("2\nprint", "3\nprint")], &["A.n", "LIMIT", "greet"]),
            (&[("2\nprint", "3\nprint")], &["A.n"]),
            (&[("def greet", "def salute")], &["salute"]),
            (&[gone], &[]),
            (&both, &["two"]),
            (&[], &[]),
        ];
        // Each stands where the live text has it.
        let other = ("LIMIT = 1", "# The most.\nOTHER = 2\nLIMIT = 1");
        patch(&[("hello", "welcome"), ("return 3", "return (\n            3)")]);
        patch(&[("hello", "welcome"), other, ("return 3", "return 4")]);
        patch(&[("hello", "welcome"), other, ("class A", "\n\nclass A"), ("2\nprint", "3\nprint")]);
        patch(&[("hello", "welcome"), other, ("class A", "\nclass A"), ("2\nprint", "3\nprint")]);
        let listed = workspace.call(&["status"]).expect(0).text();
        for place in ["app.py:5 greet ", "app.py:2 OTHER ", "app.py:15 A.n "] {
            assert!(listed.contains(place), "{listed}");
        }
        for (edits, names) in steps {
            assert_eq!(patched(edits), names, "Python {}: {edits:?}", python.name());
        }
        program.send("");
        assert_eq!(program.wait(), Some(0));
    }
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

#[test]
fn what_is_said_is_true_of_files_that_are_gone_or_not_loaded_and_of_undo() {
    let workspace = Workspace::new();
    workspace.write("rates.py", "def rate():\n    return 1\n");
    let script = workspace.write("app.py", &format!("import rates\n{PROGRAM}"));
    let mut program = workspace.run(pythons::newest(), &[&script.display().to_string()]);
    program.wait_line("ready");
    workspace.write("app.py", &format!("import rates\n{}", PROGRAM.replace("hello", "welcome")));
    assert!(workspace.call(&["patch"]).expect(0).text().contains("1 edit live"));
    let undone = workspace.call(&["undo"]).expect(0);
    assert!(undone.text().contains("1 edit undone") && !undone.text().contains("live"), "{}", undone.text());
    // What differs nowhere and what nobody has loaded are two things.
    assert_eq!(workspace.call(&["diff", "rates.py"]).expect(0).text(), "");
    for unknown in ["other.py", "."] {
        assert!(workspace.call(&["diff", unknown]).expect(2).errors().contains("HS0005"));
    }
    workspace.call(&["patch"]).expect(0);
    std::fs::remove_file(workspace.path().join("rates.py")).expect("removed");
    let gone = workspace.call(&["patch"]).expect(0);
    assert!(gone.text().contains("nothing went live") && gone.text().contains("HS0205"), "{}", gone.text());
    program.close();
}

/// Server and process agree on it: the process knows what a name does not tell.
#[test]
fn what_pip_installed_beside_the_program_is_no_part_of_the_project() {
    let workspace = Workspace::new();
    workspace.write("vendor/helper.py", "def help():\n    return 'old'\n");
    let record = "helper.py,sha256=x,1\nhelper-1.0.dist-info/RECORD,,\n";
    workspace.write("vendor/helper-1.0.dist-info/RECORD", record);
    workspace.write("vendor/own.py", "def own():\n    return 'old'\n");
    let script = workspace.write(
        "app.py",
        "import sys\nsys.path.insert(0, 'vendor')\nimport helper, own\nprint('ready', flush=True)\nfor _ in sys.stdin:\n    print(helper.help(), own.own(), flush=True)\n",
    );
    let mut program = workspace.run(pythons::newest(), &[&script.display().to_string()]);
    program.wait_line("ready");
    workspace.sessions(1);
    workspace.write("vendor/helper.py", "def help():\n    return 'new'\n");
    // What differs unasked.
    assert_eq!(workspace.call(&["diff"]).expect(0).text().trim(), "");
    let nothing = workspace.call(&["patch"]).expect(0).text();
    assert!(nothing.contains("nothing to change"), "{nothing}");
    assert_eq!(program.ask(""), "old old");
    // A file of the program's own that lies among them is its own.
    workspace.write("vendor/own.py", "def own():\n    return 'new'\n");
    let patched = workspace.call(&["patch"]).expect(0).text();
    assert!(patched.contains("own.py") && !patched.contains("helper.py"), "{patched}");
    assert_eq!(program.ask(""), "old new");
    // Who names it means it.
    workspace.call(&["patch", "vendor/helper.py"]).expect(0);
    assert_eq!(program.ask(""), "new new");
}

#[test]
fn what_was_not_looked_for_to_the_end_is_told() {
    let workspace = Workspace::new();
    workspace.write("rates.py", "def rate():\n    return 2\n");
    workspace.write("prices.py", "from rates import rate\n\nPRICE = rate() * 10\n");
    let script = workspace.write("app.py", "import prices\nprint('ready', flush=True)\ninput()\n");
    let mut program = workspace.run(pythons::newest(), &[&script.display().to_string()]);
    program.wait_line("ready");
    let patch = |body: &str, seconds: Option<&str>| {
        workspace.write("rates.py", &format!("def rate():\n    {body}\n"));
        let mut command = workspace.hotsplice();
        command.args(["patch", "rates.py"]).envs(seconds.map(|seconds| ("HOTSPLICE_FOLLOW_SECONDS", seconds)));
        let output = command.output().expect("hotsplice starts");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let told = patch("return 3", Some("0"));
    assert!(told.contains("HS0415") && !told.contains("HS0403"), "{told}");
    let told = patch("return 4", None);
    assert!(!told.contains("HS0415") && told.contains("PRICE") && told.contains("HS0403"), "{told}");
}
