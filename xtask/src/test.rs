//! Everything that must hold: format, lints, Rust tests, and the end-to-end tests on every Python that is found.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use anyhow::{Context, bail};
use hotsplice_tests::pythons;

use crate::check;
use crate::shell::{self, cargo};

pub fn run() -> anyhow::Result<()> {
    let found: Vec<String> = pythons::all().iter().map(pythons::Python::name).collect();
    println!("Pythons found: {}", found.join(", "));
    if !pythons::missing().is_empty() {
        println!("Pythons missing, not tested: {}", pythons::missing().join(", "));
    }
    check::run()?;
    shell::run(cargo(&["build", "--quiet", "-p", "hotsplice", "-p", "hotsplice-agent"]))?;
    let mut count = Count::default();
    let mut command = cargo(&["test", "--workspace", "--no-fail-fast"]);
    println!("$ {}", shell::show(&command));
    let mut child = command.stdout(Stdio::piped()).spawn().context("cargo test does not start")?;
    let stdout = child.stdout.take().context("piped")?;
    for line in BufReader::new(stdout).lines() {
        let line = line?;
        println!("{line}");
        count.take(&line);
    }
    let status = child.wait()?;
    println!("\n{} passed, {} failed, {} skipped", count.passed, count.failed, count.skipped);
    if !status.success() || count.failed > 0 || count.passed == 0 {
        bail!("the tests failed");
    }
    Ok(())
}

#[derive(Default)]
struct Count {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Count {
    /// `test result: ok. 3 passed; 0 failed; 1 ignored; …`
    fn take(&mut self, line: &str) {
        let Some(rest) = line.strip_prefix("test result:") else { return };
        let mut number = 0;
        for word in rest.split([' ', ';', '.']) {
            match word {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.skipped += number,
                _ => number = word.parse().unwrap_or(number),
            }
        }
    }
}
