//! Situations that a grammar makes: what a patch does not report is as in a fresh process that did the same.
//!
//! `HOTSPLICE_SITUATIONS` asks for more, `HOTSPLICE_SEED` for others: with `HOTSPLICE_SITUATIONS=1` for that one alone.

use std::process::Command;

use hotsplice_tests::{built, pythons, repository};

/// On each Python; `cargo xtask torture situations` makes more of them.
const SITUATIONS: u64 = 200;

#[test]
fn situations_are_as_in_a_fresh_process_or_reported() {
    let number = |name: &str, default| std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default);
    let (count, first): (u64, u64) = (number("HOTSPLICE_SITUATIONS", SITUATIONS), number("HOTSPLICE_SEED", 0));
    pythons::two_at_a_time(pythons::all().iter(), |python| {
        let output = Command::new(&python.path)
            .arg(repository().join("tests/situations/run.py"))
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
