//! A person at a terminal, with a program that runs there.

use std::process::Command;

use serde_json::Value;

use crate::program::{Called, Workspace};
use crate::pythons::Python;
use crate::repository;

/// Runs a Python at a terminal and plays these steps (`tests/terminal.py`). `path` is what it finds packages in, besides ours.
pub fn play(workspace: &Workspace, python: &Python, steps: &Value, arguments: &[&str], path: &str) -> Called {
    let mut command = Command::new(&python.path);
    let hotsplice = workspace.hotsplice();
    command.envs(hotsplice.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("HOTSPLICE_BINARY", hotsplice.get_program()).env("NO_COLOR", "1").env("TERM", "dumb");
    command.env("PYTHONPATH", format!("{}:{path}", repository().join("agent/python").display()));
    command.current_dir(workspace.path()).arg(repository().join("tests/terminal.py")).arg(steps.to_string());
    command.arg(&python.path).args(arguments);
    Called(command.output().expect("the interpreter starts"))
}
