//! Other tools on the same edits as ours, in the same run.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use hotsplice_tests::program::{Program, Workspace};
use hotsplice_tests::pythons::Python;
use serde_json::json;

use crate::shell::target;
use crate::{subject, tools};

pub const TOOLS: [&str; 2] = ["autoreload", "jurigged"];

/// A Python that has them.
pub fn interpreter(python: &Python) -> anyhow::Result<PathBuf> {
    let environment = tools::environment_of(python, "tools/peers", &["jurigged==0.6.1", "ipython"])?;
    Ok(environment.join("bin/python"))
}

/// Prints the time from a saved file to live code, and its ratio to ours (milliseconds, by number of lines).
pub fn compare(python: &Python, edits: usize, ours: &[(usize, f64)]) -> anyhow::Result<()> {
    let interpreter = interpreter(python)?;
    println!(
        "\nOther tools, the same edits in an idle program without more objects, from the saved file to live code (p50):\n"
    );
    println!("{:<12} {:>7} {:>9} {:>16}", "tool", "lines", "ms", "ours is faster");
    for (lines, our_time) in ours {
        println!("{:<12} {lines:>7} {our_time:>9.2} {:>16}", "hotsplice", "");
        for tool in TOOLS {
            // A second and more for each edit in a large file.
            let edits = if *lines > 1000 { edits.min(10) } else { edits.min(30) };
            let workspace = Workspace::with_program(target().join("release/hotsplice"));
            let time = measure(&interpreter, tool, &workspace, *lines, edits, 0)?;
            println!("{tool:<12} {lines:>7} {time:>9.2} {:>15.1}x", time / our_time);
        }
    }
    println!(
        "\nautoreload works when asked before each notebook cell and is timed from there; jurigged watches files."
    );
    Ok(())
}

/// The p50 of edits of a file that stands among others in a folder, all of which are loaded.
pub fn measure(
    python: &Path,
    tool: &str,
    workspace: &Workspace,
    lines: usize,
    edits: usize,
    objects: usize,
) -> anyhow::Result<f64> {
    workspace.write("subject.py", &subject::text(lines, 0));
    let mut command = Command::new(python);
    command.arg("-c").arg(include_str!("peers.py")).arg(tool).arg(workspace.path()).arg(objects.to_string());
    let mut program = Program::start(command);
    program.wait_line("ready");
    let mut times = Vec::new();
    for edit in 1..=edits + 2 {
        program.send(&json!([subject::text(lines, edit), format!("function_{}", lines / 10), edit]).to_string());
        let time: f64 = program.line().parse().with_context(|| format!("{tool} failed"))?;
        if edit > 2 {
            times.push(time);
        }
    }
    program.close();
    let deadline = Instant::now() + Duration::from_secs(10);
    while program.child.try_wait()?.is_none() {
        ensure!(Instant::now() < deadline, "{tool} does not end");
        std::thread::sleep(Duration::from_millis(5));
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}
