//! `pytest --hotsplice-loop`: where nothing is mended all is as without; what is mended passes, in the same process.

mod as_without;
mod mending;
mod other_runners;

use std::path::{Path, PathBuf};
use std::process::Command;

use hotsplice_tests::program::Workspace;
use hotsplice_tests::pythons::{self, Python};
use hotsplice_tests::{packages, repository};

const LOOP: &[&str] = &["-m", "pytest", "-p", "hotsplice._pytest_plugin", "-p", "no:cacheprovider", "--hotsplice-loop"];

/// The newest Python that packages are published for.
fn python() -> &'static Python {
    pythons::all().iter().rev().find(|python| python.minor <= 13).unwrap_or_else(|| pythons::newest())
}

/// A Python, and where pytest for it is; nothing where that can't be had.
fn pytest_with(more: &[&str]) -> Option<(&'static Python, PathBuf)> {
    let wanted: Vec<String> = ["pytest"].iter().chain(more).map(|&name| name.to_owned()).collect();
    let folder = packages::folder(python(), &format!("framework-{}", wanted.join("-")), &wanted);
    if folder.is_none() {
        println!("{} can't be had: not tested", wanted.join(", "));
    }
    Some((python(), folder?))
}

fn pytest() -> Option<(&'static Python, PathBuf)> {
    pytest_with(&[])
}

/// A run of pytest without a terminal.
fn run(workspace: &Workspace, folder: &Path, packages: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(&python().path);
    let hotsplice = workspace.hotsplice();
    command.envs(hotsplice.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("HOTSPLICE_BINARY", hotsplice.get_program()).env("PYTHONDONTWRITEBYTECODE", "1");
    let ours = repository().join("agent/python");
    command.env("PYTHONPATH", format!("src:{}:{}", ours.display(), packages.display())).env("NO_COLOR", "1");
    command.env("PYTHONWARNINGS", "ignore::DeprecationWarning").current_dir(folder).args(arguments);
    command
}
