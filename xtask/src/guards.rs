//! What guarding costs: functions with and without a guard, by turns in the same process (`guards.py`).

use std::process::Command;

use anyhow::{Context, ensure};
use hotsplice_tests::pythons::{self, Python};
use hotsplice_tests::repository;
use serde_json::Value;

use crate::shell::target;

/// Prints a table: on Pythons that can be guarded from outside, and with the decorator on the older ones.
pub fn measure(minor: Option<u32>) -> anyhow::Result<()> {
    println!("\nA guarded call beside one that is not, in ns (the loop around it included):\n");
    println!("{:<7} {:<32} {:>9} {:>9} {:>7} {:>9}", "python", "call", "guarded", "plain", "ratio", "more");
    for python in pythons::all().iter().filter(|python| minor.is_none_or(|minor| minor == python.minor)) {
        for row in rows(python)? {
            let number = |name: &str| row[name].as_f64().unwrap_or(f64::NAN);
            let (guarded, plain) = (number("guarded"), number("plain"));
            let (ratio, more) = (guarded / plain, guarded - plain);
            let what = row["what"].as_str().unwrap_or_default();
            println!("{:<7} {what:<32} {guarded:>9.1} {plain:>9.1} {ratio:>7.3} {more:>9.1}", python.name());
        }
    }
    Ok(())
}

fn rows(python: &Python) -> anyhow::Result<Vec<Value>> {
    let mut command = Command::new(&python.path);
    command.arg(repository().join("xtask/src/guards.py")).env("PYTHONPATH", repository().join("agent/python"));
    command.env("HOTSPLICE_AGENT_LIBRARY", target().join("release/lib_agent.so"));
    if python.minor < 12 {
        command.arg("decorator");
    }
    let output = command.output().context("Python does not start")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).context("it prints text")?;
    text.lines().map(|line| serde_json::from_str(line).context("a row")).collect()
}
