//! Packages that a test's process imports: installed once for each Python, by a pip that is found.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::pythons::{self, Python};

/// A folder with these requirements. None where they can't be had: no network, or nothing that fits this Python.
pub fn folder(python: &Python, name: &str, requirements: &[String]) -> Option<PathBuf> {
    install(python, format!("{name}-{}", python.name()), requirements)
}

/// The same with the name by which installed packages are known.
pub fn site(python: &Python, name: &str, requirements: &[String]) -> Option<PathBuf> {
    install(python, format!("{name}-{}/site-packages", python.name()), requirements)
}

fn install(python: &Python, name: String, requirements: &[String]) -> Option<PathBuf> {
    let tools = crate::repository().join("target/tools");
    let folder = tools.join(&name);
    // Tests run side by side, in several programs too, and some want the same.
    std::fs::create_dir_all(&tools).ok()?;
    let installing = std::fs::File::create(tools.join(name.replace('/', "-") + ".lock")).ok()?;
    installing.lock().ok()?;
    let marker = folder.join("installed.txt");
    let wanted = requirements.join("\n");
    if std::fs::read_to_string(&marker).is_ok_and(|installed| installed == wanted) {
        return Some(folder);
    }
    let _ = std::fs::remove_dir_all(&folder);
    // What a package needs may depend on the Python; pip goes by the one that it runs on.
    let others = pythons::all().iter().rev().filter(|other| *other != python);
    let installed = std::iter::once(python).chain(others).any(|with_pip| {
        let mut command = Command::new(&with_pip.path);
        command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]);
        command.args(["--python-version", &python.name()]).args(requirements).arg("--target").arg(&folder);
        command.output().is_ok_and(|output| output.status.success())
    });
    (installed && std::fs::write(marker, wanted).is_ok()).then_some(folder)
}

/// The same folder under a name, in `folder`, by which it is known for what is installed: none of it is the project's.
pub fn as_installed(packages: &Path, folder: &Path) -> PathBuf {
    let site = folder.join("site-packages");
    std::os::unix::fs::symlink(packages, &site).expect("a link");
    site
}
