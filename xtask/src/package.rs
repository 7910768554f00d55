//! The wheel: the package, the agent's library and the server's program in one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;
use hotsplice_tests::repository;

use crate::shell::{self, cargo, target};
use crate::tools;

/// Builds it and gives its path.
pub fn run() -> anyhow::Result<PathBuf> {
    shell::run(cargo(&["build", "--quiet", "--release", "-p", "hotsplice"]))?;
    let scripts = repository().join("agent/hotsplice.data/scripts");
    fs::create_dir_all(&scripts)?;
    let program = scripts.join("hotsplice");
    fs::copy(target().join("release/hotsplice"), &program)?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    let maturin = tools::environment("tools/maturin", &["maturin==1.16.*"])?.join("bin/maturin");
    let wheels = target().join("wheels");
    let _ = fs::remove_dir_all(&wheels);
    let mut command = Command::new(maturin);
    command
        .current_dir(repository().join("agent"))
        .args(["build", "--quiet", "--release", "--strip", "--compatibility", "linux", "--out"])
        .arg(&wheels)
        .env("PYO3_BUILD_EXTENSION_MODULE", "1");
    shell::run(command)?;
    let wheel = fs::read_dir(&wheels)?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|kind| kind == "whl"));
    wheel.context("maturin made no wheel")
}
