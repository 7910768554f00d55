//! The names that such calls look up.

use hotsplice_tests::program::{Workspace, wait_for};
use hotsplice_tests::pythons;

use super::committed;
use super::program::{PROGRAM, WORKERS, expect, text};

const HELPERS: [&str; 2] = [
    "LIMIT = 3\nBASE = 4\nROUND = 6\ndef word():\n    return 1\ndef scale(x):\n    return x\ndef low():\n    return BASE\ndef top():\n    return low()\n",
    "MAXIMUM = 3\nROOT = 5\ndef phrase(x):\n    return x\ndef scale(x, factor):\n    return x * factor\ndef deep():\n    return ROOT\ndef summit():\n    return deep()\n",
];

#[test]
fn calls_that_began_before_a_patch_keep_the_names_that_they_began_with() {
    for python in pythons::all() {
        let context = format!("Python {}", python.name());
        let workspace = Workspace::new();
        workspace.write("helpers.py", HELPERS[0]);
        workspace.write("worker.py", &text(0));
        let script = workspace.write("main.py", PROGRAM);
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        program.wait_line("ready");
        program.send("go");
        expect(&mut program, 0, &context);
        workspace.write("helpers.py", HELPERS[1]);
        workspace.write("worker.py", &text(1));
        let answer = workspace.call(&["patch", "--json", "helpers.py", "worker.py"]).json();
        // The program's own file may be told of, too.
        let committed = committed(&answer);
        assert!(committed.len() >= 2 && !committed.contains(&false), "{context}: {answer:#}");
        for _ in 0..3 {
            program.send("go");
            expect(&mut program, 0, &context);
        }
        // Whoever is not an old call sees what a fresh process has.
        program.send("traces");
        let line = program.line();
        assert!(line.ends_with("False"), "{context}: the former name of a method is seen: {line}");
        program.send("stop");
        for (name, ..) in WORKERS {
            assert_eq!(program.line(), format!("work_{name} left"), "{context}");
        }
        wait_for("the end of the world", || {
            program.send("traces");
            (program.line() == "[] [] module object False").then_some(())
        });
        program.send("start");
        program.send("go");
        expect(&mut program, 1, &context);
        let status = workspace.call(&["status", "--json"]).json();
        assert!(!status.to_string().contains("\"place\""), "{context}: {status:#}");
    }
}
