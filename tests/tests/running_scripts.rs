//! Statements of a script that are being executed while they are edited: nothing of them runs a second time beside itself, nothing
//! before its turn.

use hotsplice_tests::program::Workspace;
use hotsplice_tests::pythons;

const HEAD: &str = "import contextlib, sys
LIMIT = 1
def main(number=1):
    for line in sys.stdin:
        print('main', number, LIMIT, line.strip(), flush=True)
print('ready', flush=True)
";

struct Case {
    before: &'static str,
    after: &'static str,
    /// What must be reported; on Pythons whose calls can't be moved too.
    reported: &'static [&'static str],
    /// What it prints for a line before the patch, for two after it, and at its end; on Pythons that move loops.
    printed: [&'static str; 4],
}

const CASES: &[Case] = &[
    // A value before a loop, and what is done when that ends.
    Case {
        before: "try:\n    size = 1\n    for line in sys.stdin:\n        print(size, line.strip(), flush=True)\nfinally:\n    print('end', flush=True)\n",
        after: "try:\n    size = 2\n    for line in sys.stdin:\n        print(size, line.strip(), flush=True)\nfinally:\n    print('end', flush=True)\n",
        reported: &[],
        printed: ["1 a", "2 b", "2 c", "end"],
    },
    Case {
        before: "with open(__file__) as file:\n    size = 1\n    while line := sys.stdin.readline():\n        print(size, line.strip(), flush=True)\n",
        after: "with open(__file__) as file:\n    size = 2\n    while line := sys.stdin.readline():\n        print(size, line.strip(), flush=True)\n",
        reported: &[],
        printed: ["1 a", "2 b", "2 c", ""],
    },
    Case {
        before: "with contextlib.suppress(KeyError):\n    main()\nprint('end', flush=True)\n",
        after: "with contextlib.suppress(KeyError, ValueError):\n    main()\n    print('left', flush=True)\nprint('end', flush=True)\n",
        reported: &["HS0306"],
        printed: ["main 1 1 a", "main 1 1 b", "main 1 1 c", "end"],
    },
    // What the program waits for.
    Case {
        before: "try:\n    first = [sys.stdin.readline(), print(LIMIT, flush=True), sys.stdin.readline()]\nexcept ValueError:\n    first = ''\nprint(first[2:], flush=True)\nprint(repr(sys.stdin.readline()), flush=True)\n",
        after: "try:\n    first = [sys.stdin.readline(), print(LIMIT, flush=True), sys.stdin.readline(), 1]\nexcept ValueError:\n    first = ''\nprint(first[2:], flush=True)\nprint(repr(sys.stdin.readline()), flush=True)\n",
        reported: &["HS0401: the statement on line 8 runs at this moment", "still runs the old code"],
        printed: ["1", "['b\\n']", "'c\\n'", ""],
    },
    // Under a guard: values follow, what acts is reported.
    Case {
        before: "if __name__ == '__main__':\n    size = 1\n    for line in sys.stdin:\n        print(size, line.strip(), flush=True)\n",
        after: "if __name__ == '__main__':\n    size = 2\n    for line in sys.stdin:\n        print(size, line.strip(), flush=True)\n",
        reported: &[],
        printed: ["1 a", "2 b", "2 c", ""],
    },
    // Something else stands where it was.
    Case {
        before: "main()\nprint('end', flush=True)\n",
        after: "try:\n    main()\nexcept KeyboardInterrupt:\n    print('bye', flush=True)\nprint('end', flush=True)\n",
        reported: &["HS0401: it stands where a statement runs", "it runs at this moment, and goes on as it was"],
        printed: ["main 1 1 a", "main 1 1 b", "main 1 1 c", "end"],
    },
    Case {
        before: "main()\nprint('end', flush=True)\n",
        after: "code = main(2)\nprint('end', flush=True)\n",
        reported: &["HS0401: it stands where a statement runs", "it runs at this moment, and goes on as it was"],
        printed: ["main 1 1 a", "main 1 1 b", "main 1 1 c", "end"],
    },
    Case {
        before: "for line in sys.stdin:\n    print(LIMIT, line.strip(), flush=True)\n",
        after: "def work():\n    for line in sys.stdin:\n        print(LIMIT, line.strip(), flush=True)\nwork()\nlast = main()\n",
        reported: &["HS0401: it stands where a statement runs", "it runs at this moment, and goes on as it was"],
        printed: ["1 a", "1 b", "1 c", ""],
    },
];

#[test]
fn nothing_of_a_statement_that_runs_is_run_beside_it() {
    pythons::two_at_a_time([&pythons::all()[0], pythons::newest()].into_iter(), |python| {
        for case in CASES {
            for run_statements in [false, true] {
                let workspace = Workspace::new();
                let script = workspace.write("app.py", &format!("{HEAD}{}", case.before)).display().to_string();
                let mut program = workspace.run(python, &[&script]);
                program.wait_line("ready");
                let [first, second, third, last] = case.printed;
                assert_eq!(program.ask("a"), first);
                workspace.write("app.py", &format!("{HEAD}{}", case.after));
                let arguments = ["patch", "app.py", "--run-statements"];
                let told = workspace.call(&arguments[..if run_statements { 3 } else { 2 }]).expect(0).text();
                let context = format!("Python {}: {}{told}", python.name(), case.after);
                for one in case.reported {
                    assert!(told.contains(one), "{context}");
                }
                assert_eq!((program.ask("b"), program.ask("c")), (second.to_owned(), third.to_owned()), "{context}");
                program.close();
                if !last.is_empty() {
                    assert_eq!(program.line(), last, "{context}");
                }
                assert_eq!(program.wait(), Some(0), "{context}");
            }
        }
    });
}

/// Reported as live while the statement before the loop had not been run.
#[test]
fn what_is_new_before_a_loop_that_goes_on_in_new_code_is_reported() {
    for python in [&pythons::all()[0], pythons::newest()] {
        let workspace = Workspace::new();
        let loops = "    for line in sys.stdin:\n        print(line.strip(), flush=True)\n";
        let text = format!("{HEAD}if __name__ == '__main__':\n{loops}");
        let script = workspace.write("app.py", &text).display().to_string();
        let mut program = workspace.run(python, &[&script]);
        program.wait_line("ready");
        assert_eq!(program.ask("a"), "a");
        workspace.write(
            "app.py",
            &text.replace(
                loops,
                &format!("    main.setup = print('setup', flush=True)\n    print('also', flush=True)\n{loops}"),
            ),
        );
        let told = workspace.call(&["patch", "app.py"]).expect(0).text();
        assert!(
            told.contains("HS0401: the statement on line 9 stands before what runs"),
            "Python {}: {told}",
            python.name()
        );
        program.close();
        assert_eq!(program.wait(), Some(0));
    }
}

/// It was refused after ten seconds, and took the next line that the program was given.
#[test]
fn what_takes_the_program_s_input_is_offered() {
    for python in [&pythons::all()[0], pythons::newest()] {
        for statement in [
            "name = input()",
            "name = sys.stdin.readline().strip()",
            "name = 'a'\nwhole = [one for one in sys.stdin]",
            "try:\n    name = int(input())\nexcept ValueError:\n    name = 0",
        ] {
            let workspace = Workspace::new();
            let text = "import sys\nname = 'a'\ndef value(): return 1\nprint('ready', flush=True)\nfor line in sys.stdin:\n    print(value(), name, line.strip(), flush=True)\n";
            let script = workspace.write("app.py", text).display().to_string();
            let mut program = workspace.run(python, &[&script]);
            program.wait_line("ready");
            assert_eq!(program.ask("one"), "1 a one");
            workspace.write("app.py", &text.replace("name = 'a'", statement).replace("return 1", "return 2"));
            let told = workspace.call(&["patch", "app.py"]).expect(0).text();
            assert!(told.contains("HS0401") && !told.contains("HS0104"), "Python {}: {told}", python.name());
            assert_eq!((program.ask("two"), program.ask("three")), ("2 a two".to_owned(), "2 a three".to_owned()));
            workspace.call(&["undo", "app.py"]).expect(0);
            assert_eq!(program.ask("four"), "1 a four");
            program.close();
            assert_eq!(program.wait(), Some(0));
        }
    }
}

/// Values of a block were left out of a patch, unsaid, while the block was running.
#[test]
fn what_a_running_block_has_computed_of_what_changes_follows_or_is_reported() {
    for python in [&pythons::all()[0], pythons::newest()] {
        let workspace = Workspace::new();
        let text = "import sys\nLIMIT = 1\ndef work(): return 3\nclass Kept:\n    def shown(self): return 1\nprint('ready', flush=True)\n\
                    with open(__file__) as file:\n    size = LIMIT * 2\n    made = work()\n    kept = Kept()\n    for line in sys.stdin:\n        print(size, made, kept.shown(), flush=True)\n";
        let script = workspace.write("app.py", text).display().to_string();
        let mut program = workspace.run(python, &[&script]);
        program.wait_line("ready");
        assert_eq!(program.ask(""), "2 3 1");
        workspace
            .write("app.py", &text.replace("LIMIT = 1", "LIMIT = 5").replace("self): return 1", "self): return 2"));
        let told = workspace.call(&["patch", "app.py"]).expect(0).text();
        assert!(!told.contains("HS0"), "Python {}: {told}", python.name());
        assert_eq!(program.ask(""), "10 3 2");
        workspace.write(
            "app.py",
            &text
                .replace("LIMIT = 1", "LIMIT = 5")
                .replace("self): return 1", "self): return 2")
                .replace("return 3", "return 4"),
        );
        let told = workspace.call(&["patch", "app.py"]).expect(0).text();
        assert!(told.contains("HS0403: made was computed by calling"), "Python {}: {told}", python.name());
        assert_eq!(program.ask(""), "10 3 2");
        program.close();
        assert_eq!(program.wait(), Some(0));
    }
}

#[test]
fn what_the_guard_of_a_script_has_computed_of_what_changes_is_reported() {
    for python in [&pythons::all()[0], pythons::newest()] {
        let workspace = Workspace::new();
        // A long sum, and a text that begins at the margin.
        let long = format!("{}1\n    text = \"\"\"\nif so\n\"\"\"", "1 + ".repeat(1100));
        let text = "import sys\nLIMIT = 1\nOTHER = 1\ndef work(): return 3\nprint('ready', flush=True)\n\
                    if __name__ == '__main__':\n    size = LIMIT * 2\n    made: int = work()\n    long = LONG\n    for line in sys.stdin:\n        print(LIMIT, size, made, flush=True)\n    last = OTHER\n".replace("LONG", &long);
        let script = workspace.write("app.py", &text).display().to_string();
        let mut program = workspace.run(python, &[&script]);
        program.wait_line("ready");
        assert_eq!(program.ask(""), "1 2 3");
        workspace.write("app.py", &text.replace("OTHER = 1", "OTHER = 2"));
        let told = workspace.call(&["patch", "app.py"]).expect(0).text();
        assert!(!told.contains("HS0"), "Python {}: {told}", python.name());
        let text = text.replace("OTHER = 1", "OTHER = 2\nMORE = 3").replace("LIMIT = 1", "LIMIT = 5");
        workspace.write("app.py", &text.replace("return 3", "return 4"));
        let told = workspace.call(&["patch", "app.py"]).expect(0).text();
        for one in
            ["app.py:8 size", "HS0403: it was computed of LIMIT", "app.py:9 made", "HS0403: it was computed of work"]
        {
            assert!(told.contains(one), "Python {}: {told}", python.name());
        }
        assert_eq!(program.ask(""), "5 2 3");
        program.close();
        assert_eq!(program.wait(), Some(0));
    }
}
