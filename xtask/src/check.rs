//! Format, lints and what ARCHITECTURE.md promises.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use hotsplice_tests::repository;

use crate::shell::{self, cargo};
use crate::tools;

/// The engine is typed for the oldest Python that it serves. These ask before they use what only newer ones have.
const NEWER: &[&str] = &[
    "_engine/after/blocks.py",
    "_engine/after/bytecode.py",
    "_engine/after/first_run.py",
    "_engine/after/restarting.py",
];

pub fn run() -> anyhow::Result<()> {
    shell::run(cargo(&["fmt", "--all", "--check"]))?;
    for which in [&["--all-targets"][..], &["-p", "hotsplice-agent"]] {
        let mut command = cargo(&["clippy", "--quiet", "--release"]);
        command.args(which).args(["--", "-D", "warnings"]);
        shell::run(command)?;
    }
    let ruff = tools::environment("tools/ruff", &["ruff==0.14.*"])?.join("bin/ruff");
    for arguments in [&["check", "--quiet"][..], &["format", "--check", "--quiet"][..]] {
        let mut command = Command::new(&ruff);
        command.current_dir(repository().join("agent")).args(arguments).args([
            "python",
            "../tests/cells",
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
    let package = repository().join("agent/python/hotsplice");
    let is_newer = |path: &PathBuf| NEWER.iter().any(|name| *path == package.join(name));
    let (newer, files): (Vec<_>, Vec<_>) = modules(&package)?.into_iter().partition(is_newer);
    for (version, files) in [("3.10", files), ("3.14", newer)] {
        let mut command = Command::new(&mypy);
        command.current_dir(repository().join("agent/python")).args(["--strict", "--follow-imports=silent"]);
        command.args(["--no-error-summary", "--cache-dir", "../../target/mypy", "--python-version", version]);
        command.args(&files);
        shell::run(command)?;
    }
    public_types(&mypy)?;
    shell::run(cargo(&["test", "--quiet", "--release", "--test", "architecture"]))
}

/// The Python files below a folder.
fn modules(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(modules(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "py") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
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
