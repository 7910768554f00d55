//! What is slow and rarely finds anything. Each part prints what it did and fails if a program was harmed.
//!
//! *Identity*: every function of every loaded module gets new code of the same text while CPython's own tests run.
//!
//! *Moves*: random functions that go on in other code at a random point (`tests/moves.py`).
//! *Guard*: guarded calls of every kind that fail, are mended and go on (`tests/guards.py`).
//! *Attach*: twelve states of a program, each injected into again and again.
//!
//! *Folder*: a watch of one with 200,000 files.
//!
//! *Clusters*: workers of Dask and Ray.
//!
//! *Kernel*: notebooks with the newest ipykernel.
//!
//! *Saves*: an hour's worth of them and more, none of which may be missed, and nothing left behind (`tests/soak.py`).
//!
//! *Situations*: modules of a grammar and edits of every kind (`tests/situations`), as many as there is time for.
//! *Matrix*: each edit of a module, with what is asked of it, how that is kept and how it is imported.

use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use hotsplice_tests::program::Workspace;
use hotsplice_tests::pythons::{self, Python};
use hotsplice_tests::{repository, script};

use crate::shell::{self, cargo, target};
use crate::{attaching, identity};

#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    part: Part,
}

#[derive(Subcommand)]
enum Part {
    /// CPython's own tests while every loaded function is given new code of the same text
    Identity {
        /// Modules of the package `test` [default: some 40]
        modules: Vec<String>,
        /// Only on this version (3.12), else on 3.10, 3.12 and 3.13
        #[arg(long)]
        python: Option<String>,
    },
    /// Random functions that go on in other code while they run: each gives what the rules say
    Moves {
        /// How many on each Python
        #[arg(default_value_t = 100_000)]
        count: u64,
        /// The first seed
        #[arg(long, default_value_t = 1_000_000)]
        first: u64,
        /// Only on this version (3.12), else on all from 3.12 on
        #[arg(long)]
        python: Option<String>,
    },
    /// Guarded calls of every kind that fail, are mended and go on: each gives what the answer says
    Guard {
        /// How often each kind on each Python
        #[arg(default_value_t = 60)]
        rounds: u64,
        /// The first seed
        #[arg(long, default_value_t = 1_000)]
        first: u64,
        /// Only on this version (3.12), else on all from 3.12 on
        #[arg(long)]
        python: Option<String>,
    },
    /// Saves of all kinds under `hotsplice run --watch`: edits, errors, renames, branch switches, files that are deleted
    Saves {
        /// How many on each Python
        #[arg(default_value_t = 2_000)]
        count: u64,
        /// The first seed
        #[arg(long, default_value_t = 1)]
        first: u64,
        /// Only on this version (3.12), else on the oldest and the newest
        #[arg(long)]
        python: Option<String>,
    },
    /// Workers of clusters of Dask and Ray
    Clusters,
    /// Notebooks with the newest kernel of IPython, again and again
    Kernel,
    /// A watch of a folder with 200,000 files, most of which nobody has loaded
    Folder,
    /// The language server with a client that is careless, and with much to do
    Client,
    /// Attaching to programs that do all sorts of things, again and again
    Attach {
        /// How often into each state on each Python
        #[arg(default_value_t = 200)]
        count: usize,
        /// Only on this version (3.12), else on all
        #[arg(long)]
        python: Option<String>,
    },
    /// All behaviour cases, with each commit failing at each of its operations before it may succeed
    Failures {
        /// Only on this version (3.12), else on all
        #[arg(long)]
        python: Option<String>,
    },
    /// Random modules and edits of them: what is not reported must be as in a fresh process
    Situations {
        /// How many on each Python
        #[arg(default_value_t = 10_000)]
        count: u64,
        /// The first seed
        #[arg(long, default_value_t = 1_000_000)]
        first: u64,
        /// Only on this version (3.12), else on all
        #[arg(long)]
        python: Option<String>,
    },
    /// Edits, what is asked of them, how that is kept and imported: sheets of cells
    Matrix {
        /// How many on each Python
        #[arg(default_value_t = 1_000)]
        count: u64,
        /// The first seed
        #[arg(long, default_value_t = 1_000_000)]
        first: u64,
        /// Only on this version (3.12), else on all
        #[arg(long)]
        python: Option<String>,
    },
}

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    shell::build()?;
    match &arguments.part {
        Part::Identity { modules, python } => identity::torture(modules, python.as_deref()),
        Part::Moves { count, first, python } => moves(*count, *first, python.as_deref()),
        Part::Guard { rounds, first, python } => guard(*rounds, *first, python.as_deref()),
        Part::Saves { count, first, python } => saves(*count, *first, python.as_deref()),
        Part::Failures { python } => failures(python.as_deref()),
        Part::Clusters => tests(&["clusters"]),
        Part::Client => tests(&["lsp_load", "lsp_protocol"]),
        Part::Kernel => {
            for _ in 0..5 {
                tests(&["notebooks"])?;
            }
            Ok(())
        }
        Part::Folder => tests(&["watch_trouble"]),
        Part::Attach { count, python } => attaching::torture(*count, python.as_deref()),
        Part::Situations { count, first, python } => situations("run.py", *count, *first, python.as_deref()),
        Part::Matrix { count, first, python } => situations("matrix.py", *count, *first, python.as_deref()),
    }
}

/// A tenth of them with the allocator that finds what is written where it should not be.
fn moves(count: u64, first: u64, version: Option<&str>) -> anyhow::Result<()> {
    let wanted = |found: &&Python| found.minor >= 11 && version.is_none_or(|version| found.name() == version);
    for python in pythons::all().iter().filter(wanted) {
        for (allocator, count) in [("default", count), ("debug", count / 10)] {
            let agent = target().join("release/lib_agent.so");
            let mut command = script::command(python, "moves.py", &agent, allocator);
            command.args([first.to_string(), count.to_string()]);
            shell::run(command)?;
        }
    }
    Ok(())
}

/// As often with the allocator that finds what is written where it should not be.
fn guard(rounds: u64, first: u64, version: Option<&str>) -> anyhow::Result<()> {
    let wanted = |found: &&Python| found.minor >= 12 && version.is_none_or(|version| found.name() == version);
    for python in pythons::all().iter().filter(wanted) {
        for allocator in ["default", "debug"] {
            let mut command = script::command(python, "guards.py", &target().join("release/lib_agent.so"), allocator);
            command.args([rounds.to_string(), first.to_string()]);
            shell::run(command)?;
        }
    }
    Ok(())
}

fn failures(version: Option<&str>) -> anyhow::Result<()> {
    let wanted = pythons::all().iter().filter(|found| version.is_none_or(|version| found.name() == version));
    let paths: Vec<String> = wanted.map(|python| python.path.display().to_string()).collect();
    let mut command = cargo(&["test", "--release", "--quiet", "--test", "behaviour"]);
    command.env("HOTSPLICE_TEST_PYTHONS", paths.join(":")).env("HOTSPLICE_TEST_FORCED_FAILURES", "1");
    shell::run(command)
}

/// How much more of each may be there at the end than after a third of the saves.
const ROOM: &[(&str, i64)] = &[
    ("blocks", 20_000),
    ("resident", 16_384),
    ("watching", 16_384),
    ("threads", 0),
    ("tasks", 1),
    ("open", 0),
    ("open there", 2),
];

fn saves(count: u64, first: u64, version: Option<&str>) -> anyhow::Result<()> {
    let (oldest, newest) = (&pythons::all()[0], pythons::newest());
    let wanted = pythons::all().iter().filter(|found| match version {
        Some(version) => found.name() == version,
        None => *found == oldest || *found == newest,
    });
    for (seed, python) in (first..).zip(wanted) {
        let workspace = Workspace::with_program(target().join("release/hotsplice"));
        let mut command = workspace.hotsplice();
        command.args(["run", "--watch", "--python"]).arg(&python.path).arg(repository().join("tests/soak.py"));
        command.args([count.to_string(), seed.to_string()]).stdin(Stdio::null()).stderr(Stdio::null());
        println!("$ {}", shell::show(&command));
        let output = command.output().context("Python does not start")?;
        let text = String::from_utf8_lossy(&output.stdout);
        let Some(line) = text.lines().find_map(|line| line.strip_prefix("done ")) else {
            bail!("Python {}: a save was missed, or the program harmed ({}): {text}", python.name(), output.status);
        };
        println!("Python {}: {line}", python.name());
        let measured: serde_json::Value = serde_json::from_str(line)?;
        for (what, room) in ROOM {
            let number = |when: &str| measured[when][what].as_i64().unwrap_or_default();
            if number("end") > number("warm") + room {
                bail!("Python {}: {what} grew from {} to {}", python.name(), number("warm"), number("end"));
            }
        }
    }
    Ok(())
}

/// Tests with as much of each as a long life has.
fn tests(names: &[&str]) -> anyhow::Result<()> {
    let mut command = cargo(&["test", "--release"]);
    command
        .args(names.iter().flat_map(|name| ["--test", *name]))
        .args(["--", "--nocapture"])
        .env("HOTSPLICE_TORTURE", "1");
    shell::run(command)
}

/// Every difference is printed, reduced to a smaller situation, and the next one tried.
fn situations(program: &str, count: u64, first: u64, version: Option<&str>) -> anyhow::Result<()> {
    let mut failed = Vec::new();
    for python in pythons::all().iter().filter(|found| version.is_none_or(|version| found.name() == version)) {
        let mut command = Command::new(&python.path);
        command.arg(repository().join("tests/situations").join(program)).arg(target().join("release/hotsplice"));
        command.args([first.to_string(), count.to_string()]).args(["-k", "-v"]);
        println!("$ {}", shell::show(&command));
        if !command.status().context("Python does not start")?.success() {
            failed.push(python.name());
        }
    }
    if !failed.is_empty() {
        bail!("not as in a fresh process, and not reported, on Python {}", failed.join(", "));
    }
    Ok(())
}
