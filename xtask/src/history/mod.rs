//! Replays a project's history into a live process, version by version, and runs each version's own tests in it.
//!
//! What must hold: the tests end as in a fresh process on the same version, or the patch said at a line why not.

mod process;
mod versions;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, bail, ensure};
use clap::Args;
use hotsplice_tests::pythons::{self, Python};
use serde_json::Value;

use self::process::Live;
use self::versions::{commits, layout, released_versions};
use crate::{shell, tools};

#[derive(Args)]
#[command(
    after_help = "Examples:\n  cargo xtask history ../click 8.1.0..8.1.8\n  cargo xtask history --pypi tomli 2.0.0 2.0.1 2.0.2"
)]
pub struct Arguments {
    /// A git checkout and a range of its commits; with --pypi, a name and two or more released versions
    #[arg(required = true, num_args = 2..)]
    what: Vec<String>,
    /// Take released versions, with the tests that their source archives carry
    #[arg(long)]
    pypi: bool,
    /// What the tests need besides pytest and the project's own requirements
    #[arg(long, value_name = "REQUIREMENT")]
    with: Vec<String>,
    /// The tests [default: tests, testing or test]
    #[arg(long, value_name = "PATH")]
    tests: Vec<String>,
    /// Run the old version's tests in the process first: caches, registries and subclasses exist then
    #[arg(long)]
    old_tests_first: bool,
    /// Minor version of the Python (12 for 3.12)
    #[arg(long)]
    python: Option<u32>,
    /// Count the versions whose tests the old version, unpatched, does not pass
    #[arg(long)]
    discriminating: bool,
    /// Show what differs, and every caveat
    #[arg(long, short)]
    verbose: bool,
}

/// What a replay came to, in versions.
#[derive(Default)]
pub struct Summary {
    pub equal: usize,
    pub told: usize,
    pub silent: usize,
    /// Versions whose tests end otherwise where the old version runs on unpatched.
    discriminating: usize,
    discriminating_and_equal: usize,
    /// Edits of versions that are equal, and those of them that carry a caveat.
    edits_of_equal: usize,
    caveats_of_equal: usize,
}

impl Summary {
    fn told_of_equal(&self) -> String {
        format!("{} of {} edits of equal versions carry a caveat", self.caveats_of_equal, self.edits_of_equal)
    }
}

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let summary = replay(arguments)?;
    if summary.silent > 0 {
        bail!("{} versions differ from a fresh process without a word", summary.silent);
    }
    Ok(())
}

pub fn released(name: &str, versions: &[&str], with: &[&str]) -> Arguments {
    Arguments {
        what: std::iter::once(&name).chain(versions).map(|word| (*word).to_owned()).collect(),
        pypi: true,
        with: with.iter().map(|word| (*word).to_owned()).collect(),
        tests: Vec::new(),
        old_tests_first: false,
        python: None,
        discriminating: false,
        verbose: true,
    }
}

/// Whether released versions are here, or can be brought.
pub fn is_reachable(arguments: &Arguments) -> bool {
    released_versions(&arguments.what[0], &arguments.what[1..]).is_ok()
}

pub fn replay(arguments: &Arguments) -> anyhow::Result<Summary> {
    shell::build()?;
    let python = match arguments.python {
        Some(minor) => pythons::all().iter().find(|python| python.minor == minor).context("no such Python here")?,
        None => tools::stable_python(),
    };
    let (name, versions) = if arguments.pypi {
        (arguments.what[0].clone(), released_versions(&arguments.what[0], &arguments.what[1..])?)
    } else {
        ensure!(arguments.what.len() == 2, "give a git checkout and a range of its commits");
        let folder = Path::new(&arguments.what[0]).canonicalize().context("no such checkout")?;
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        (name, commits(&folder, &arguments.what[1])?)
    };
    let mut packages: Vec<&str> = vec!["pytest"];
    packages.extend(arguments.with.iter().map(String::as_str));
    if arguments.pypi {
        packages.push(&name);
    }
    let environment = tools::environment_of(python, &format!("tools/history-{name}-{}", python.name()), &packages)?;
    let python = Python { minor: python.minor, path: environment.join("bin/python") };
    println!("{name}, Python {}: each version's tests in the patched process and in a fresh one\n", python.name());
    println!("{:<28} {:>6} {:>6} {:>8} {:>8}  result", "version", "files", "edits", "ms", "tests");
    let mut summary = Summary::default();
    let mut live: Option<Live> = None;
    for pair in versions.windows(2) {
        let (old, new) = (&pair[0], &pair[1]);
        // Files that stand elsewhere are other modules.
        let moved =
            layout(&old.folder)?.0.strip_prefix(&old.folder)? != layout(&new.folder)?.0.strip_prefix(&new.folder)?;
        let mut process = match live.take() {
            Some(process) if !moved => process,
            _ if moved => {
                println!("{:<28} its files stand elsewhere", new.name);
                continue;
            }
            _ => Live::start(&python, old)?,
        };
        if arguments.old_tests_first {
            process.test(&arguments.tests)?;
        }
        let step = process.go_to(new)?;
        let mut other = Live::start(&python, new)?;
        if arguments.old_tests_first {
            // Some tests end otherwise when they are run again.
            other.test(&arguments.tests)?;
        }
        let fresh = other.test(&arguments.tests)?;
        let patched = process.test(&arguments.tests)?;
        let ran = fresh["outcomes"].as_object().is_some_and(|outcomes| !outcomes.is_empty());
        ensure!(ran, "no test of {} ran: {}", new.name, fresh["printed"].as_str().unwrap_or_default());
        let discriminates = arguments.discriminating && {
            let mut unpatched = Live::start(&python, old)?;
            unpatched.put(new)?;
            !differing(&unpatched.test(&arguments.tests)?, &fresh).is_empty()
        };
        let differing = differing(&patched, &fresh);
        let said = step.said();
        summary.discriminating += usize::from(discriminates);
        if differing.is_empty() {
            summary.discriminating_and_equal += usize::from(discriminates);
            summary.edits_of_equal += step.edits;
            summary.caveats_of_equal += said.len();
        }
        let result = match (differing.is_empty(), said.is_empty()) {
            (true, _) => {
                summary.equal += 1;
                "equal".to_owned()
            }
            (false, false) => {
                summary.told += 1;
                format!("{} tests differ, said", differing.len())
            }
            (false, true) => {
                summary.silent += 1;
                format!("{} tests differ, NOTHING SAID", differing.len())
            }
        };
        let count = fresh["outcomes"].as_object().map_or(0, |outcomes| outcomes.len());
        println!(
            "{:<28} {:>6} {:>6} {:>8.1} {count:>8}  {result}{}{}",
            new.name,
            step.files,
            step.edits,
            step.took.as_secs_f64() * 1000.0,
            if discriminates { ", discriminating" } else { "" },
            if said.is_empty() { String::new() } else { format!("   {}", counted(&said)) },
        );
        if arguments.verbose {
            for name in differing.iter().take(5) {
                println!("    {name}\n{}", indent(patched["problems"][name].as_str().unwrap_or("passes only here")));
            }
            // What was held back because of another says least.
            let mut telling: Vec<_> = said.iter().collect();
            telling.sort_by_key(|(code, _)| code == "HS0105");
            for (code, message) in telling {
                println!("    {code}: {message}");
            }
        }
        if step.committed {
            live = Some(process);
        }
    }
    println!("\n{} equal, {} different and said, {} different in silence", summary.equal, summary.told, summary.silent);
    println!("{}", summary.told_of_equal());
    if arguments.discriminating {
        let (equal, all) = (summary.discriminating_and_equal, summary.discriminating);
        println!("{equal} of {all} versions that tell patched from unpatched are equal");
    }
    Ok(summary)
}

fn counted(said: &[(String, String)]) -> String {
    let mut codes: BTreeMap<&str, usize> = BTreeMap::new();
    for (code, _) in said {
        *codes.entry(code).or_default() += 1;
    }
    codes.iter().map(|(code, count)| format!("{code}×{count}")).collect::<Vec<_>>().join(" ")
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("        {line}\n")).collect()
}

/// Tests that end otherwise.
fn differing(patched: &Value, fresh: &Value) -> Vec<String> {
    let empty = serde_json::Map::new();
    let (patched, fresh) =
        (patched["outcomes"].as_object().unwrap_or(&empty), fresh["outcomes"].as_object().unwrap_or(&empty));
    let names: BTreeSet<&String> = patched.keys().chain(fresh.keys()).collect();
    names.into_iter().filter(|name| patched.get(*name) != fresh.get(*name)).cloned().collect()
}
