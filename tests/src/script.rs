//! A script of the tests' that loads the agent into its own process and calls the engine.

use std::path::Path;
use std::process::Command;

use crate::pythons::Python;
use crate::repository;

/// The command for a script in `tests`, with the agent's library at a path.
pub fn command(python: &Python, script: &str, agent: &Path, allocator: &str) -> Command {
    let mut command = Command::new(&python.path);
    command
        .arg(repository().join("tests").join(script))
        .env("PYTHONPATH", repository().join("agent/python"))
        .env("HOTSPLICE_AGENT_LIBRARY", agent)
        .env("PYTHONFAULTHANDLER", "1")
        .env("PYTHONMALLOC", allocator);
    command
}

/// What it prints; it must end well, with a line that begins with `done`.
pub fn run(python: &Python, script: &str, arguments: &[&str], allocator: &str) -> String {
    let mut command = command(python, script, &crate::built("lib_agent.so"), allocator);
    let output = command.args(arguments).output().expect("Python starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let is_done = text.lines().any(|line| line.starts_with("done"));
    assert!(output.status.success() && is_done, "Python {}: {text}", python.name());
    text
}
