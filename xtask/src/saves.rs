//! Every way to save (`tests/saves.py`), seen by us and by jurigged in the same run, and how long until it is live.

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

/// What one way or all may take where the system tells, in milliseconds (p50).
const AIM: f64 = 20.0;

/// Prints how long each way to save took with us and with jurigged, one after the other on each Python, or on one only.
pub fn compare(only: Option<u32>) -> anyhow::Result<()> {
    println!("\nWays to save, from the save to live code (p50 in ms; lost: not within {PATIENCE} s):");
    let mut failed = Vec::new();
    for python in pythons::all().iter().filter(|python| only.is_none_or(|minor| python.minor == minor)) {
        let theirs = run_theirs(python).inspect_err(|error| println!("\nno jurigged on {}: {error}", python.name()));
        let (ours, theirs) = (run_ours(python)?, theirs.ok());
        println!("\n{:<32} {:>10} {:>10}", format!("Python {}", python.name()), "hotsplice", "jurigged");
        for (place, own) in ours.iter().enumerate() {
            let other = theirs.as_ref().map_or_else(|| "-".to_owned(), |theirs| shown(&theirs[place]));
            let note = if own.notified { "" } else { "   the system tells nobody" };
            println!("{:<32} {:>10} {other:>10}{note}", own.name, shown(own));
        }
        let lost = |ways: &[Way]| ways.iter().filter(|way| way.times.is_none()).count();
        let time = told(&ours);
        println!(
            "{:<32} {time:>10.2} {:>10}",
            "all where the system tells",
            theirs.as_deref().map_or_else(|| "-".to_owned(), |theirs| format!("{:.2}", told(theirs)))
        );
        println!(
            "{:<32} {:>10} {:>10}",
            "lost",
            lost(&ours),
            theirs.as_deref().map_or_else(|| "-".to_owned(), |theirs| lost(theirs).to_string())
        );
        let slow = ours
            .iter()
            .filter(|way| way.notified && way.times.as_deref().is_some_and(|times| middle(times) >= AIM))
            .count();
        if lost(&ours) > 0 || slow > 0 || time >= AIM {
            failed.push(format!("Python {}: {} lost, {slow} ways of {AIM} ms and more", python.name(), lost(&ours)));
        }
    }
    ensure!(failed.is_empty(), "{}", failed.join("; "));
    Ok(())
}

/// p50 of all saves of which the system tells.
fn told(ways: &[Way]) -> f64 {
    let mut all: Vec<f64> =
        ways.iter().filter(|way| way.notified).flat_map(|way| way.times.iter().flatten().copied()).collect();
    all.sort_by(f64::total_cmp);
    middle(&all)
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

fn run_theirs(python: &Python) -> anyhow::Result<Vec<Way>> {
    let name = format!("tools/peers-{}", python.name());
    let python = tools::environment_of(python, &name, &["jurigged==0.6.1", "ipython"])?.join("bin/python");
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
