//! From edit to live, through the real language server into a real process: p50 and p95, split by stage.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Context, ensure};
use clap::Args;
use hotsplice_tests::lsp::Editor;
use hotsplice_tests::program::Workspace;
use hotsplice_tests::pythons::{self, Python};

use crate::shell::{self, target};
use crate::{attaching, calls, guards, large, peers, saves, subject, tools};

#[derive(Args)]
pub struct Arguments {
    /// Edits to measure in each setting
    #[arg(long, default_value_t = 100)]
    edits: usize,
    /// Only the ways to save, beside jurigged: on all Pythons without `--python`
    #[arg(long)]
    saves: bool,
    /// Only what guarding costs
    #[arg(long, conflicts_with = "saves")]
    guards: bool,
    /// Only what calls that run what is edited cost
    #[arg(long, conflicts_with_all = ["saves", "guards"])]
    calls: bool,
    /// Only a large program: many modules and objects
    #[arg(long, conflicts_with_all = ["saves", "guards", "calls"])]
    large: bool,
    /// Minor version of the Python to measure (12 for 3.12)
    #[arg(long)]
    python: Option<u32>,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    shell::build()?;
    let python = match arguments.python {
        Some(minor) => pythons::all().iter().find(|python| python.minor == minor).context("no such Python here")?,
        None => tools::stable_python(),
    };
    if arguments.saves {
        return saves::compare(arguments.python);
    }
    if arguments.guards {
        return guards::measure(arguments.python);
    }
    if arguments.calls {
        return calls::measure(python, arguments.edits);
    }
    if arguments.large {
        return large::measure(python, arguments.edits);
    }
    println!("Python {}, {} edits of one function each, times in ms (stages: p50)\n", python.name(), arguments.edits);
    println!("{:<7} {:>7} {:>9} {:>7} {:>7}   stages", "program", "lines", "objects", "p50", "p95");
    let mut idle = Vec::new();
    for state in ["idle", "busy"] {
        for (lines, objects) in [(50, 0), (50, 1_000_000), (5000, 0), (5000, 1_000_000)] {
            let time = measure(python, state, lines, objects, arguments.edits)?;
            if state == "idle" && objects == 0 {
                idle.push((lines, time));
            }
        }
    }
    calls::measure(python, arguments.edits)?;
    large::measure(python, arguments.edits)?;
    attaching::measure()?;
    peers::compare(python, arguments.edits, &idle)?;
    guards::measure(arguments.python)?;
    saves::compare(arguments.python)
}

/// Prints a row; gives the p50 in milliseconds.
fn measure(python: &Python, state: &str, lines: usize, objects: usize, edits: usize) -> anyhow::Result<f64> {
    let workspace = Workspace::with_program(target().join("release/hotsplice"));
    let module = workspace.write("subject.py", &subject::text(lines, 0));
    let wait = if state == "idle" { "time.sleep(1000)" } else { "sum(i for i in range(10_000))" };
    let script = format!(
        "import time, subject\nheld = [[number] for number in range({objects})]\nprint('ready', flush=True)\nwhile True:\n    {wait}\n"
    );
    let script = workspace.write("main.py", &script);
    let mut program = workspace.run(python, &[&script.display().to_string()]);
    program.wait_line("ready");
    let mut editor = Editor::start(&workspace);
    editor.wait_sessions(1);
    editor.open(&module, &subject::text(lines, 0));
    let mut times = Vec::new();
    let mut stages: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    // The first few fill caches.
    for edit in 1..=edits + 5 {
        editor.change(&module, &subject::text(lines, edit));
        let started = Instant::now();
        let answer = editor.patch_file(&module);
        let took = started.elapsed();
        ensure!(answer[0]["committed"] == true, "not committed: {answer:#}");
        if edit <= 5 {
            continue;
        }
        times.push(took.as_secs_f64() * 1000.0);
        for (stage, time) in answer[0]["timings"].as_object().into_iter().flatten() {
            stages.entry(stage.clone()).or_default().push(time.as_u64().unwrap_or_default());
        }
    }
    times.sort_by(f64::total_cmp);
    let shown: Vec<String> = stages
        .into_iter()
        .map(|(stage, mut times)| {
            times.sort_unstable();
            format!("{stage} {:.2}", times[times.len() / 2] as f64 / 1000.0)
        })
        .collect();
    println!(
        "{state:<7} {lines:>7} {objects:>9} {:>7.2} {:>7.2}   {}",
        times[times.len() / 2],
        times[times.len() * 95 / 100],
        shown.join(", ")
    );
    Ok(times[times.len() / 2])
}
