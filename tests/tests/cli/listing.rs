//! What `hotsplice status` and `hotsplice diff` list.

use hotsplice_tests::program::Workspace;
use hotsplice_tests::pythons;

use super::PROGRAM;

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
