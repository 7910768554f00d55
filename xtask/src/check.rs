//! Format, lints and what ARCHITECTURE.md promises.

use std::process::Command;

use hotsplice_tests::repository;

use crate::shell::{self, cargo};
use crate::tools;

/// What is typed throughout so far.
const TYPED: &[&str] = &[
    "_api.py",
    "_again.py",
    "_cells.py",
    "_console.py",
    "_forwarding.py",
    "_guard.py",
    "_guarding.py",
    "_handlers.py",
    "_holds.py",
    "_ipython.py",
    "_output.py",
    "_overlay.py",
    "_recoder.py",
    "_repeat.py",
    "_terminal.py",
    "dask.py",
];

pub fn run() -> anyhow::Result<()> {
    shell::run(cargo(&["fmt", "--all", "--check"]))?;
    shell::run(cargo(&["clippy", "--quiet", "--release", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    let ruff = tools::environment("tools/ruff", &["ruff==0.14.*"])?.join("bin/ruff");
    for arguments in [&["check", "--quiet"][..], &["format", "--check", "--quiet"][..]] {
        let mut command = Command::new(&ruff);
        command.current_dir(repository().join("agent")).args(arguments).args([
            "python",
            "../tests/cells.py",
            "../tests/driver.py",
            "../tests/kernel.py",
            "../tests/situations",
            "../tests/terminal.py",
            "../xtask/src",
        ]);
        shell::run(command)?;
    }
    let mypy = tools::environment("tools/mypy", &["mypy==1.18.*"])?.join("bin/mypy");
    let mut command = Command::new(&mypy);
    command.current_dir(repository().join("agent/python")).args(["--strict", "--follow-imports=silent"]);
    command.args(["--no-error-summary", "--cache-dir", "../../target/mypy", "--python-version", "3.10"]);
    command.args(TYPED.iter().map(|name| format!("hotsplice/{name}")));
    shell::run(command)?;
    shell::run(cargo(&["test", "--quiet", "--release", "-p", "hotsplice-tests", "--test", "architecture"]))
}
