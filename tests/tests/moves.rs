//! A call that is moved to other code gives what the rules say: the former code up to there, the new one from there on.

use std::process::Command;

use hotsplice_tests::{built, pythons, repository};

/// The share of calls that want of room may keep in the old code, in percent.
const WITHOUT_ROOM: usize = 10;

#[test]
fn random_functions_go_on_in_other_code() {
    for python in pythons::all().iter().filter(|python| python.minor >= 12) {
        for (allocator, count) in [("default", "600"), ("debug", "150")] {
            let output = Command::new(&python.path)
                .arg(repository().join("tests/moves.py"))
                .args(["0", count])
                .env("PYTHONPATH", repository().join("agent/python"))
                .env("HOTSPLICE_AGENT_LIBRARY", built("lib_agent.so"))
                .env("PYTHONFAULTHANDLER", "1")
                .env("PYTHONMALLOC", allocator)
                .output()
                .expect("Python starts");
            let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
            assert!(
                output.status.success() && text.contains(&format!("done {count}")),
                "Python {}: {text}",
                python.name()
            );
            let number = |what: &str| {
                let line = text.lines().find_map(|line| line.strip_prefix(what));
                line.and_then(|line| line.trim().parse::<usize>().ok()).unwrap_or(usize::MAX)
            };
            let tried = number("done");
            assert!(number("without room") * 100 <= tried * WITHOUT_ROOM, "Python {}: {text}", python.name());
            let moved = |how: &str| text.lines().any(|line| line.ends_with(how));
            assert!(moved(" next") && moved(" now"), "Python {}: nothing was moved: {text}", python.name());
        }
    }
}
