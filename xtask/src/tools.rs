//! Python tools in a virtual environment of the project's own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use hotsplice_tests::pythons;

use crate::shell;

/// A virtual environment under `target/`, made if need be, with these packages in it.
pub fn environment(name: &str, packages: &[&str]) -> anyhow::Result<PathBuf> {
    environment_of(stable_python(), name, packages)
}

/// The same for a certain Python.
pub fn environment_of(base: &pythons::Python, name: &str, packages: &[&str]) -> anyhow::Result<PathBuf> {
    let folder = shell::target().join(name);
    let python = folder.join("bin/python");
    if !works(&python) {
        let _ = std::fs::remove_dir_all(&folder);
        let mut command = Command::new(&base.path);
        command.args(["-m", "venv"]).arg(&folder);
        shell::run_quietly(command).context("making a virtual environment (on Debian: apt install python3-venv)")?;
    }
    let marker = folder.join("installed.txt");
    let wanted = packages.join("\n");
    if std::fs::read_to_string(&marker).is_ok_and(|installed| installed == wanted) {
        return Ok(folder);
    }
    let mut command = Command::new(&python);
    command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages);
    shell::run_quietly(command)?;
    std::fs::write(marker, wanted)?;
    Ok(folder)
}

/// Where pyright's program is, installed if need be. None where there is no npm.
pub fn pyright() -> anyhow::Result<Option<PathBuf>> {
    const WANTED: &str = "pyright@1.1.414";
    let folder = shell::target().join("tools/pyright");
    let (program, marker) = (folder.join("node_modules/pyright/index.js"), folder.join("installed.txt"));
    if std::fs::read_to_string(&marker).is_ok_and(|installed| installed == WANTED) && program.exists() {
        return Ok(Some(program));
    }
    if !Command::new("npm").arg("--version").output().is_ok_and(|output| output.status.success()) {
        return Ok(None);
    }
    std::fs::create_dir_all(&folder)?;
    let mut command = Command::new("npm");
    command.args(["install", "--silent", "--no-audit", "--no-fund", "--no-save", "--prefix"]).arg(&folder).arg(WANTED);
    shell::run_quietly(command)?;
    std::fs::write(marker, WANTED)?;
    Ok(Some(program))
}

/// The newest Python that packages on the index are made for.
pub fn stable_python() -> &'static pythons::Python {
    pythons::all().iter().rev().find(|python| python.minor <= 13).unwrap_or_else(|| pythons::newest())
}

fn works(python: &Path) -> bool {
    python.exists()
        && Command::new(python).args(["-m", "pip", "--version"]).output().is_ok_and(|output| output.status.success())
}
