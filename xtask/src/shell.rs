//! Running programs, and saying what is run.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};
use hotsplice_tests::repository;

/// `target/` of this checkout.
pub fn target() -> PathBuf {
    repository().join("target")
}

/// The cargo that runs this chore, in the repository.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(repository()).args(arguments);
    command
}

/// Builds what is tested and measured: the server, and the agent by itself, as it is packaged. What they are made of is
/// compiled once: the workspace's default members are always built with the same features, and the agent with its own.
pub fn build() -> anyhow::Result<()> {
    run(cargo(&["build", "--quiet", "--release"]))?;
    run(cargo(&["build", "--quiet", "--release", "-p", "hotsplice-agent"]))
}

/// Prints and runs a command; an exit code that is not 0 is an error.
pub fn run(mut command: Command) -> anyhow::Result<()> {
    let shown = show(&command);
    println!("$ {shown}");
    let status = command.status().with_context(|| format!("{shown} does not start"))?;
    if !status.success() {
        bail!("{shown} ended with {status}");
    }
    Ok(())
}

/// Runs a command silently; what it printed is shown only if it fails.
pub fn run_quietly(mut command: Command) -> anyhow::Result<()> {
    let shown = show(&command);
    let output = command.output().with_context(|| format!("{shown} does not start"))?;
    if !output.status.success() {
        let printed = [output.stdout, output.stderr].concat();
        bail!("{shown} ended with {}:\n{}", output.status, String::from_utf8_lossy(&printed));
    }
    Ok(())
}

pub fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}
