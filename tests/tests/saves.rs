//! Every way to save is seen, on every Python, and a long session of all kinds of saves misses none and leaks nothing
//! (`tests/saves.py`, `tests/soak.py`; `cargo xtask bench` measures the first, `cargo xtask torture saves` runs the second for longer).

use std::time::Duration;

use hotsplice_tests::program::{Program, Workspace};
use hotsplice_tests::pythons::{self, Python};
use hotsplice_tests::repository;
use serde_json::Value;

/// Each of the long runs is some seconds on a quiet machine.
const LONG: Duration = Duration::from_secs(300);

fn watched(workspace: &Workspace, python: &Python, script: &str, arguments: &[&str]) -> Program {
    let mut command = workspace.hotsplice();
    command.args(["run", "--watch", "--python"]).arg(&python.path);
    command.arg(repository().join("tests").join(script)).args(arguments);
    Program::start(command)
}

#[test]
fn every_way_to_save_is_seen() {
    pythons::two_at_a_time(pythons::all().iter(), |python| {
        let workspace = Workspace::new();
        let mut program = watched(&workspace, python, "saves.py", &["hotsplice", "1", "60"]);
        let mut count = 0;
        for _ in 0..16 {
            let line: Value = serde_json::from_str(&program.line_within(LONG)).expect("JSON");
            assert!(line["times"].is_array(), "Python {}: saved {}: not seen", python.name(), line["way"]);
            count += 1;
        }
        assert_eq!((program.wait(), count), (Some(0), 16), "{}", program.stderr());
        assert!(!program.stderr().contains("HS0"), "Python {}: {}", python.name(), program.stderr());
    });
}

#[test]
fn saves_of_all_kinds_are_not_missed_and_leave_nothing_behind() {
    let workspace = Workspace::new();
    let mut program = watched(&workspace, pythons::newest(), "soak.py", &["120", "1"]);
    program.wait_line("ready");
    let line = program.line_within(LONG);
    let measured: Value = serde_json::from_str(line.strip_prefix("done ").unwrap_or(&line)).expect("JSON");
    let (warm, end) = (&measured["warm"], &measured["end"]);
    for what in ["threads", "open"] {
        assert_eq!(warm[what], end[what], "{what}: {measured}");
    }
    assert_eq!(program.wait(), Some(0), "{}", program.stderr());
}
