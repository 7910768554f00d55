//! A call that is moved to other code gives what the rules say: the former code up to there, the new one from there on.

use std::process::Command;

use hotsplice_tests::{built, pythons, repository};

#[test]
fn random_functions_go_on_in_other_code() {
    for python in pythons::all().iter().filter(|python| python.minor >= 12) {
        for allocator in ["default", "debug"] {
            let output = Command::new(&python.path)
                .arg(repository().join("tests/moves.py"))
                .args(["0", "150"])
                .env("PYTHONPATH", repository().join("agent/python"))
                .env("HOTSPLICE_AGENT_LIBRARY", built("lib_agent.so"))
                .env("PYTHONFAULTHANDLER", "1")
                .env("PYTHONMALLOC", allocator)
                .output()
                .expect("Python starts");
            let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && text.contains("done 150"), "Python {}: {text}", python.name());
            let moved = |how: &str| text.lines().any(|line| line.ends_with(how));
            assert!(moved(" next") && moved(" now"), "Python {}: nothing was moved: {text}", python.name());
        }
    }
}
