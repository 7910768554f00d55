//! Every way to save (`tests/saves.py`), seen by us and by jurigged, and how long until it is live.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use hotsplice_tests::program::Workspace;
use hotsplice_tests::pythons::{self, Python};
use hotsplice_tests::repository;
use serde_json::Value;

use crate::shell::target;
use crate::tools;

/// Rounds that are measured, and seconds after which a save counts as lost.
const ROUNDS: &str = "9";
const PATIENCE: &str = "3";

/// What one tool made of one way.
struct Way {
    name: String,
    /// The system tells of such a save.
    notified: bool,
    /// In milliseconds, sorted; nothing where one was lost.
    times: Option<Vec<f64>>,
}

/// Prints how long each way to save took with jurigged and with us on the first Python, and with us alone on all.
pub fn compare(python: &Python) -> anyhow::Result<()> {
    let environment = tools::environment_of(python, "tools/peers", &["jurigged==0.6.1", "ipython"])?;
    let theirs = run_theirs(&environment.join("bin/python"))?;
    let ours = run_ours(python)?;
    println!("\nWays to save, from the save to live code (p50 in ms; lost: not within {PATIENCE} s):\n");
    println!("{:<32} {:>10} {:>10}", "way", "hotsplice", "jurigged");
    for (own, other) in ours.iter().zip(&theirs) {
        let note = if own.notified { "" } else { "   the system tells nobody" };
        println!("{:<32} {:>10} {:>10}{note}", own.name, shown(own), shown(other));
    }
    println!();
    for python in pythons::all() {
        let ways = run_ours(python)?;
        let lost = ways.iter().filter(|way| way.times.is_none()).count();
        let notified = ways.iter().filter(|way| way.notified);
        let mut all: Vec<f64> = notified.flat_map(|way| way.times.iter().flatten().copied()).collect();
        all.sort_by(f64::total_cmp);
        println!(
            "Python {:<5} {} ways, {lost} lost; where the system tells: p50 {:.2}, p95 {:.2}",
            python.name(),
            ways.len(),
            middle(&all),
            all.get(all.len() * 95 / 100).copied().unwrap_or_default()
        );
        ensure!(lost == 0, "a save was lost on Python {}", python.name());
    }
    Ok(())
}

fn shown(way: &Way) -> String {
    way.times.as_deref().map_or_else(|| "lost".to_owned(), |times| format!("{:.2}", middle(times)))
}

fn middle(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

fn run_ours(python: &Python) -> anyhow::Result<Vec<Way>> {
    let workspace = Workspace::with_program(target().join("release/hotsplice"));
    let mut command = workspace.hotsplice();
    command.args(["run", "--watch", "--python"]).arg(&python.path).arg(program());
    command.args(["hotsplice", ROUNDS, PATIENCE]);
    ways(command)
}

fn run_theirs(python: &Path) -> anyhow::Result<Vec<Way>> {
    let workspace = Workspace::with_program(target().join("release/hotsplice"));
    let mut command = Command::new(python);
    command.current_dir(workspace.path()).arg(program()).args(["jurigged", ROUNDS, PATIENCE]);
    ways(command)
}

fn program() -> std::path::PathBuf {
    repository().join("tests/saves.py")
}

fn ways(mut command: Command) -> anyhow::Result<Vec<Way>> {
    let output = command.stdin(Stdio::null()).output().context("Python does not start")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    let mut found = Vec::new();
    for line in String::from_utf8_lossy(&output.stdout).lines().filter(|line| line.starts_with('{')) {
        let said: Value = serde_json::from_str(line)?;
        let times = said["times"].as_array().map(|times| {
            let mut times: Vec<f64> = times.iter().filter_map(Value::as_f64).collect();
            times.sort_by(f64::total_cmp);
            times
        });
        let name = said["way"].as_str().unwrap_or_default().to_owned();
        found.push(Way { name, notified: said["notified"] == true, times });
    }
    ensure!(!found.is_empty(), "nothing was measured: {errors}");
    Ok(found)
}
