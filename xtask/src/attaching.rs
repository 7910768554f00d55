//! Attaching to programs that do all sorts of things, again and again: none may be harmed. And how long it takes.

use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use hotsplice_tests::attaching::{STATES, start};
use hotsplice_tests::program::{Program, Workspace};
use hotsplice_tests::pythons::{self, Python};

use crate::shell::target;

/// How long a program may take to come to what it was given.
const PATIENCE: Duration = Duration::from_secs(60);

/// So many injections into each of the states, on each Python.
pub fn torture(count: usize, version: Option<&str>) -> anyhow::Result<()> {
    let (mut done, mut harmed) = (0, Vec::new());
    for python in pythons::all().iter().filter(|found| version.is_none_or(|version| found.name() == version)) {
        let mut all = Vec::new();
        for (state, body) in STATES {
            match inject(python, body, count) {
                Ok(times) => all.extend(times),
                Err(error) => harmed.push(format!("{state} on Python {}: {error:#}", python.name())),
            }
        }
        done += all.len();
        println!(
            "attaching on Python {}: {} injections, p50 {:.1} ms, p95 {:.1} ms; {done} so far, {} states harmed",
            python.name(),
            all.len(),
            share(&mut all, 50),
            share(&mut all, 95),
            harmed.len()
        );
    }
    if !harmed.is_empty() {
        bail!("programs were harmed, or could not be reached:\n{}", harmed.join("\n"));
    }
    Ok(())
}

/// The time that so many of a hundred stay below.
fn share(times: &mut [f64], percent: usize) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() * percent / 100).copied().unwrap_or_default()
}

/// Gives how many milliseconds each took: from the wish until the statement has run.
fn inject(python: &Python, body: &str, count: usize) -> anyhow::Result<Vec<f64>> {
    let workspace = Workspace::with_program(target().join("release/hotsplice"));
    let mut program = start(&workspace, python, body, 3600);
    let counted = workspace.path().join("counted");
    let statement = format!(
        "import sys, os; sys.hotsplice_count = getattr(sys, 'hotsplice_count', 0) + 1; \
         f = open('{0}.new', 'w'); f.write(str(sys.hotsplice_count)); f.close(); os.replace('{0}.new', '{0}')",
        counted.display()
    );
    let mut times = Vec::new();
    for number in 1..=count {
        let began = Instant::now();
        hotsplice_attach::execute(program.pid(), &statement).with_context(|| format!("injection {number}"))?;
        let end = Instant::now() + PATIENCE;
        while std::fs::read_to_string(&counted).ok().as_deref() != Some(&number.to_string()) {
            ensure!(program.child.try_wait()?.is_none(), "it died of injection {number}");
            ensure!(Instant::now() < end, "injection {number} did not come to run");
            std::thread::sleep(Duration::from_micros(200));
        }
        times.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    ensure!(program.child.try_wait()?.is_none(), "it died");
    Ok(times)
}

/// Prints, for each Python, how long `hotsplice attach` takes: from the command to a session.
pub fn measure() -> anyhow::Result<()> {
    println!("\nattaching, p50 and p95 in ms (the command included)");
    for python in pythons::all() {
        let mut shown = Vec::new();
        for state in ["sleeps", "computes", "has many threads"] {
            let (_, body) = STATES.into_iter().find(|(name, _)| *name == state).context("a state")?;
            let mut times = (0..20).map(|_| attach(python, body)).collect::<anyhow::Result<Vec<f64>>>()?;
            shown.push(format!("{state} {:.1} {:.1}", share(&mut times, 50), share(&mut times, 95)));
        }
        println!("Python {:<5} {}", python.name(), shown.join(", "));
    }
    Ok(())
}

fn attach(python: &Python, body: &str) -> anyhow::Result<f64> {
    let workspace = Workspace::with_program(target().join("release/hotsplice"));
    let program: Program = start(&workspace, python, body, 60);
    let began = Instant::now();
    let called = workspace.call(&["attach", &program.pid().to_string()]);
    let took = began.elapsed().as_secs_f64() * 1000.0;
    ensure!(called.code() == Some(0), "{}", called.errors());
    Ok(took)
}
