//! The editors' clients, tried in the real editors that are found.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use clap::Args;
use hotsplice_tests::repository;

use crate::count::Count;
use crate::shell::{self, target};
use crate::{package, tools};

#[derive(Args)]
pub struct Arguments {
    /// Where to put the pictures that the tests take [default: target/pictures]
    #[arg(long)]
    pictures: Option<PathBuf>,
}

/// What is done in a real VS Code, each beginning with a new one.
const SCENARIOS: [&str; 9] =
    ["first_steps", "ways_in", NEWCOMERS, "everyday", "held", FAILING, "debugging", "trouble", NOTEBOOK];
const NEWCOMERS: &str = "newcomers";
const FAILING: &str = "programs";
const NOTEBOOK: &str = "notebook";
/// What people start in their terminals.
const PROGRAMS: [&str; 7] = ["django", "fastapi", "uvicorn", "pytest", "distributed", "flask", "celery"];

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut count = Count::default();
    let outcome = vscode(arguments.pictures.as_deref(), &mut count);
    count.finish()?;
    outcome
}

/// VS Code as code-server has it, driven in Chromium.
pub fn vscode(pictures: Option<&Path>, count: &mut Count) -> anyhow::Result<()> {
    let Some(npm) = find("npm", None, &[]) else {
        println!("npm missing: the extension for VS Code is not tested");
        return Ok(());
    };
    println!("$ {} ci && {} run unit   (editors/vscode)", npm.display(), npm.display());
    package::npm(&["ci", "--silent"])?;
    let mut unit = Command::new("npm");
    unit.args(["run", "--silent", "unit"]);
    follow(unit, count)?;
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let launcher = find("code-server", Some("HOTSPLICE_VSCODE"), &[home.join(".cache/extra-vscode/bin/code-server")]);
    let browser = find("chromium", Some("HOTSPLICE_CHROMIUM"), &[PathBuf::from("/usr/bin/google-chrome")]);
    let (Some(launcher), Some(browser)) = (launcher, browser) else {
        println!("code-server or Chromium missing: the extension is not tried in a real VS Code");
        return Ok(());
    };
    let extension = package::vscode(&package::run()?)?;
    let python = tools::environment("tools/web", &["flask", "debugpy"])?.join("bin/python");
    let pictures = match pictures {
        Some(folder) => std::path::absolute(folder)?,
        None => target().join("pictures"),
    };
    let mut outcome = Ok(());
    for scenario in SCENARIOS {
        let python = match scenario {
            NEWCOMERS | FAILING => tools::environment("tools/newcomers", &PROGRAMS)?.join("bin/python"),
            NOTEBOOK => tools::environment("tools/notebook", &["ipykernel<7", "jupyter_client"])?.join("bin/python"),
            _ => python.clone(),
        };
        let mut test = Command::new("node");
        test.arg(format!("test/{scenario}.mjs")).args([&launcher, &browser, &extension, &python, &pictures]);
        // The others are tried all the same.
        outcome = outcome.and(follow(test, count));
    }
    outcome
}

/// Runs a test in the extension's folder, shows what it prints, and counts.
fn follow(mut command: Command, count: &mut Count) -> anyhow::Result<()> {
    let shown = shell::show(&command);
    println!("$ {shown}");
    command.current_dir(repository().join("editors/vscode")).stdout(Stdio::piped());
    let failed_before = count.failed;
    let mut child = command.spawn().with_context(|| format!("{shown} does not start"))?;
    for line in BufReader::new(child.stdout.take().context("piped")?).lines() {
        let line = line?;
        println!("{line}");
        count.take(&line);
    }
    let status = child.wait()?;
    if !status.success() {
        // A runner that breaks off counts nothing by itself.
        count.failed = count.failed.max(failed_before + 1);
        bail!("{shown} ended with {status}");
    }
    Ok(())
}

/// A program named by a variable, on the path, or at one of these places.
fn find(name: &str, variable: Option<&str>, places: &[PathBuf]) -> Option<PathBuf> {
    let given = variable.and_then(std::env::var_os).map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join(name)).collect::<Vec<_>>();
    given.into_iter().chain(on_path).chain(places.iter().cloned()).find(|program| program.is_file())
}
