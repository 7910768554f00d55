//! The test programs that cargo builds, two at a time: most of them wait for processes, and cargo runs one after the other.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::Context;
use serde_json::Value;

use crate::count::Count;
use crate::shell::{self, cargo};

/// Takes longer than any other, so it begins first.
const LONGEST: &str = "behaviour";
const AT_A_TIME: usize = 2;

/// A program of tests, as cargo builds it.
struct Program {
    name: String,
    path: PathBuf,
    /// Where cargo would run it.
    folder: PathBuf,
}

/// Runs all of them, prints what each has printed, and counts; an error if one of them failed.
pub fn run(count: &mut Count) -> anyhow::Result<()> {
    let mut programs = built()?;
    programs.sort_by_key(|program| program.name != LONGEST);
    let waiting = Mutex::new(programs.into_iter());
    let done = Mutex::new((count, Ok(())));
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some(program) = next else { break };
                    let started = Instant::now();
                    let printed = printed_by(&program);
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    println!("\n{} ({:.0} s)", program.name, started.elapsed().as_secs_f32());
                    let outcome = printed.and_then(|(printed, succeeded)| {
                        for line in printed.lines() {
                            println!("{line}");
                            done.0.take(line);
                        }
                        anyhow::ensure!(succeeded, "{} failed", program.name);
                        Ok(())
                    });
                    if let Err(error) = outcome {
                        println!("{error:#}");
                        done.1 = Err(error);
                    }
                }
            });
        }
    });
    shell::run(cargo(&["test", "--quiet", "--release", "--doc"]))?;
    done.into_inner().unwrap_or_else(PoisonError::into_inner).1
}

fn built() -> anyhow::Result<Vec<Program>> {
    let mut command = cargo(&["test", "--quiet", "--release", "--no-run", "--message-format", "json"]);
    println!("$ {}", shell::show(&command));
    let output = command.stderr(Stdio::inherit()).output().context("cargo test does not start")?;
    anyhow::ensure!(output.status.success(), "the tests can't be built");
    let messages = String::from_utf8_lossy(&output.stdout);
    let programs = messages.lines().filter_map(|line| program(&serde_json::from_str(line).ok()?)).collect::<Vec<_>>();
    anyhow::ensure!(programs.iter().any(|program| program.name == LONGEST), "cargo names no test program {LONGEST}");
    Ok(programs)
}

/// What one of cargo's messages says of a test program; of other things, nothing.
fn program(message: &Value) -> Option<Program> {
    if message["profile"]["test"] != true {
        return None;
    }
    Some(Program {
        name: message["target"]["name"].as_str()?.to_owned(),
        path: message["executable"].as_str()?.into(),
        folder: Path::new(message["manifest_path"].as_str()?).parent()?.to_owned(),
    })
}

/// What a program has printed, and whether its tests have passed.
fn printed_by(program: &Program) -> anyhow::Result<(String, bool)> {
    let mut command = Command::new(&program.path);
    command.current_dir(&program.folder).stdin(Stdio::null());
    let output = command.output().with_context(|| format!("{} does not start", program.name))?;
    let printed = [output.stdout, output.stderr].concat();
    Ok((String::from_utf8_lossy(&printed).into_owned(), output.status.success()))
}
