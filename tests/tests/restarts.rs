//! A frame that a debugger has stopped begins again with other code.

use std::process::Command;

use hotsplice_tests::{built, pythons, repository};

#[test]
fn a_frame_that_pdb_has_stopped_begins_again() {
    for python in pythons::all().iter().filter(|python| python.minor >= 12) {
        for allocator in ["default", "debug"] {
            let output = Command::new(&python.path)
                .arg(repository().join("tests/restarts.py"))
                .env("PYTHONPATH", repository().join("agent/python"))
                .env("HOTSPLICE_AGENT_LIBRARY", built("lib_agent.so"))
                .env("PYTHONFAULTHANDLER", "1")
                .env("PYTHONMALLOC", allocator)
                .output()
                .expect("Python starts");
            let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && text.contains("done"), "Python {}: {text}", python.name());
        }
    }
}
