//! Format, lints and what ARCHITECTURE.md promises.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use hotsplice_tests::repository;

use crate::shell::{self, cargo};
use crate::tools;

/// What is typed throughout so far.
const TYPED: &[&str] = &[
    "__init__.py",
    "__main__.py",
    "_api.py",
    "_again.py",
    "_cells.py",
    "_celltext.py",
    "_console.py",
    "_debugging.py",
    "_earlier.py",
    "_forwarding.py",
    "_guard.py",
    "_guarding.py",
    "_handlers.py",
    "_holds.py",
    "_hooks.py",
    "_ipython.py",
    "_loaded.py",
    "_native.py",
    "_output.py",
    "_overlay.py",
    "_recoder.py",
    "_repeat.py",
    "_session.py",
    "_stars.py",
    "_terminal.py",
    "_engine/after/events.py",
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
            "../tests/typed.py",
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
    public_types(&mypy)?;
    shell::run(cargo(&["test", "--quiet", "--release", "-p", "hotsplice-tests", "--test", "architecture"]))
}

/// What a user's checker makes of the package: `tests/typed.py` uses all that is public, and all of that is to be typed.
fn public_types(mypy: &Path) -> anyhow::Result<()> {
    let package = repository().join("agent/python");
    let user = repository().join("tests/typed.py");
    let mut command = Command::new(mypy);
    command.args(["--strict", "--follow-imports=silent", "--no-error-summary", "--python-version", "3.11"]);
    command.arg("--cache-dir").arg(shell::target().join("mypy")).arg(&user).env("MYPYPATH", &package);
    shell::run(command)?;
    let Some(pyright) = tools::pyright()? else {
        println!("npm missing: the public types are not checked by pyright");
        return Ok(());
    };
    for arguments in
        [vec![user.as_os_str()], ["--ignoreexternal", "--verifytypes", "hotsplice"].map(OsStr::new).to_vec()]
    {
        let mut command = Command::new("node");
        command.arg(&pyright).arg("--pythonpath").arg(&tools::stable_python().path).args(arguments);
        // What it finds it prints; a summary of what it does not find is of no use.
        command.env("PYTHONPATH", &package);
        shell::run_quietly(command)?;
    }
    Ok(())
}
