//! A process that imports modules and runs what a test tells it: `tests/driver.py`.

use serde_json::{Value, json};

use crate::program::{Program, Workspace};
use crate::pythons::Python;
use crate::repository;

pub struct Driver {
    program: Program,
}

impl Driver {
    /// Starts it under `hotsplice run`.
    pub fn patchable(workspace: &Workspace, python: &Python) -> Self {
        let script = repository().join("tests/driver.py");
        Self { program: workspace.run(python, &[&script.display().to_string()]) }
    }

    /// Starts it as it is: what a fresh process does.
    pub fn fresh(python: &Python) -> Self {
        let mut command = std::process::Command::new(&python.path);
        command.arg(repository().join("tests/driver.py")).env("PYTHONDONTWRITEBYTECODE", "1");
        // A program may import the package without being a session.
        command.env("PYTHONPATH", repository().join("agent/python"));
        Self { program: Program::start(command) }
    }

    /// Carries out a request; an error is a mistake of the test's.
    pub fn ask(&mut self, what: &str, mut parameters: Value) -> Result<Value, String> {
        parameters["do"] = json!(what);
        self.program.send(&parameters.to_string());
        let answer: Value = serde_json::from_str(&self.program.line()).map_err(|error| error.to_string())?;
        match answer.get("error").and_then(Value::as_str) {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer["result"].clone()),
        }
    }

    pub fn pid(&self) -> u32 {
        self.program.pid()
    }
}
