//! Situations that a grammar makes, and a matrix of what is edited, asked and kept: what a patch does not report is as in a fresh process
//! that did the same.
//!
//! `HOTSPLICE_SITUATIONS` asks for more, `HOTSPLICE_SEED` for others: with `HOTSPLICE_SITUATIONS=1` for that one alone. `HOTSPLICE_SHEETS`
//! asks for more of the matrix.

use std::process::Command;

use hotsplice_tests::{built, pythons, repository};

/// On each Python; `cargo xtask torture situations` makes more of them.
const SITUATIONS: u64 = 200;

/// On each Python; `cargo xtask torture matrix` makes more of them.
const SHEETS: u64 = 12;

#[test]
fn situations_are_as_in_a_fresh_process_or_reported() {
    all_are_as_in_a_fresh_process("run.py", number("HOTSPLICE_SITUATIONS", SITUATIONS), |_| {
        number("HOTSPLICE_SEED", 0)
    });
}

#[test]
fn what_is_edited_asked_and_kept_is_as_in_a_fresh_process_or_reported() {
    // Another part on each Python.
    let first = |minor| number("HOTSPLICE_SEED", u64::from(minor) * 24);
    all_are_as_in_a_fresh_process("matrix.py", number("HOTSPLICE_SHEETS", SHEETS), first);
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn all_are_as_in_a_fresh_process(program: &str, count: u64, first: impl Fn(u32) -> u64 + Sync) {
    pythons::two_at_a_time(pythons::all().iter(), |python| {
        let first = first(python.minor);
        let output = Command::new(&python.path)
            .arg(repository().join("tests/situations").join(program))
            .arg(built("hotsplice"))
            .args([first.to_string(), count.to_string()])
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .output()
            .expect("Python starts");
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && text.contains(&format!("done {count}")), "Python {}: {text}", python.name());
        println!("Python {}: seeds from {first}: {}", python.name(), text.trim_end());
    });
}
