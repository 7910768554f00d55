//! Replays a project's history into a live process, version by version, and runs each version's own tests in it.
//!
//! What must hold: the tests end as in a fresh process on the same version, or the patch said at a line why not.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use clap::Args;
use hotsplice_tests::program::{Program, Workspace};
use hotsplice_tests::pythons::{self, Python};
use serde_json::{Value, json};

use crate::shell::{self, target};
use crate::tools;

/// A project's tests may take so long.
const PATIENCE: Duration = Duration::from_secs(300);

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

/// One version's files, unpacked.
struct Version {
    name: String,
    folder: PathBuf,
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

/// A process that has loaded the project, and the folder that its files are in.
struct Live {
    workspace: Workspace,
    program: Program,
}

/// What a patch from one version to the next came to.
struct Step {
    files: usize,
    edits: usize,
    committed: bool,
    took: Duration,
    results: Value,
}

impl Step {
    /// Codes and messages of everything that is not simply applied.
    fn said(&self) -> Vec<(String, String)> {
        let results = self.results.as_array().into_iter().flatten();
        let edits = results.flat_map(|result| result["edits"].as_array().into_iter().flatten());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let coded = edits.filter(|edit| !edit["code"].is_null());
        coded
            .map(|edit| (text(&edit["code"]), format!("{}: {}", text(&edit["definition"]), text(&edit["message"]))))
            .collect()
    }
}

impl Live {
    fn start(python: &Python, version: &Version) -> anyhow::Result<Self> {
        let workspace = Workspace::with_program(target().join("release/hotsplice"));
        let project = workspace.path().join("project");
        copy(&version.folder, &project)?;
        let (source, packages) = layout(&project)?;
        let mut arguments = vec![workspace.write("history.py", include_str!("history.py")), project, source];
        arguments.extend(packages.iter().map(PathBuf::from));
        let arguments: Vec<String> = arguments.iter().map(|path| path.display().to_string()).collect();
        let program = workspace.run(python, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
        let mut live = Self { workspace, program };
        ensure!(live.read()? == json!("ready"), "the process does not start");
        let loaded = live.ask(&json!({ "do": "load" }))?;
        ensure!(loaded["error"].is_null(), "{} can't be imported: {}", version.name, loaded["error"]);
        Ok(live)
    }

    fn read(&mut self) -> anyhow::Result<Value> {
        Ok(serde_json::from_str(&self.program.line_within(PATIENCE))?)
    }

    fn ask(&mut self, request: &Value) -> anyhow::Result<Value> {
        self.program.send(&request.to_string());
        self.read()
    }

    fn test(&mut self, tests: &[String]) -> anyhow::Result<Value> {
        let project = self.workspace.path().join("project");
        let mut given = tests.to_vec();
        if given.is_empty() {
            let found = ["tests", "testing", "test"].into_iter().find(|name| project.join(name).is_dir());
            given.push(found.context("there is no folder of tests: say --tests")?.to_owned());
        }
        self.ask(&json!({ "do": "test", "arguments": given }))
    }

    /// Puts another version on disk: the modules of which the text changed.
    fn put(&self, version: &Version) -> anyhow::Result<Vec<PathBuf>> {
        let project = self.workspace.path().join("project");
        let (source, _) = layout(&project)?;
        let before = texts(&source, &project)?;
        for entry in fs::read_dir(&project)?.flatten() {
            let path = entry.path();
            if path.is_dir() { fs::remove_dir_all(path)? } else { fs::remove_file(path)? }
        }
        copy(&version.folder, &project)?;
        let (source, packages) = layout(&project)?;
        let after = texts(&source, &project)?;
        let in_packages = |path: &&PathBuf| {
            let relative = path.strip_prefix(&source).unwrap_or(path);
            // A program's entry is not loaded.
            let is_loaded = path.file_stem().is_none_or(|name| name != "__main__");
            is_loaded
                && packages
                    .iter()
                    .any(|package| relative.starts_with(package) || relative == Path::new(&format!("{package}.py")))
        };
        // What is new is loaded by what imports it.
        let is_changed = |path: &PathBuf, text: &Vec<u8>| before.get(path).is_some_and(|former| former != text);
        let changed = after.iter().filter(|(path, text)| is_changed(path, text)).map(|(path, _)| path);
        Ok(changed.filter(in_packages).cloned().collect())
    }

    /// Puts another version on disk and makes it live.
    fn go_to(&mut self, version: &Version) -> anyhow::Result<Step> {
        let changed = self.put(version)?;
        if changed.is_empty() {
            let nothing = Step { files: 0, edits: 0, committed: true, took: Duration::ZERO, results: json!([]) };
            return Ok(nothing);
        }
        let mut command = self.workspace.hotsplice();
        let started = Instant::now();
        let output = command.args(["patch", "--json"]).args(&changed).output()?;
        let took = started.elapsed();
        let results: Value = serde_json::from_slice(&output.stdout)
            .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
        ensure!(results["error"].is_null(), "the patch of {} failed: {}", version.name, results["error"]);
        let list = results.as_array().cloned().unwrap_or_default();
        let edits = list.iter().filter_map(|result| result["edits"].as_array()).map(Vec::len).sum();
        let committed = list.iter().all(|result| result["committed"] == true);
        Ok(Step { files: changed.len(), edits, committed, took, results })
    }
}

/// Every Python file below a folder, with its text; tests and the like are not of the project's own code.
fn texts(source: &Path, project: &Path) -> anyhow::Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![source.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)?.flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() {
                if !(name.starts_with('.') || (folder == *project && OTHERS.contains(&&*name))) {
                    folders.push(path);
                }
            } else if name.ends_with(".py") {
                found.insert(path.clone(), fs::read(&path)?);
            }
        }
    }
    Ok(found)
}

const OTHERS: [&str; 9] = ["tests", "testing", "test", "docs", "doc", "examples", "benchmarks", "scripts", "tools"];

/// The folder that packages are imported from, and their names.
fn layout(project: &Path) -> anyhow::Result<(PathBuf, Vec<String>)> {
    let source = if project.join("src").is_dir() { project.join("src") } else { project.to_owned() };
    let mut packages = Vec::new();
    for entry in fs::read_dir(&source)?.flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_other = source == project && OTHERS.contains(&&*name);
        if path.join("__init__.py").is_file() && !is_other {
            packages.push(name);
        } else if let Some(module) = name.strip_suffix(".py").filter(|module| {
            !["setup", "conftest", "noxfile", "tasks", "build"].contains(module) && !module.starts_with("test")
        }) {
            packages.push(module.to_owned());
        }
    }
    packages.sort();
    ensure!(!packages.is_empty(), "there is no package in {}", source.display());
    Ok((source, packages))
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)?.flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy(&path, &target)?;
        } else if kind.is_file() {
            fs::copy(&path, &target)?;
        }
    }
    Ok(())
}

/// Source archives, unpacked once.
fn released_versions(name: &str, versions: &[String]) -> anyhow::Result<Vec<Version>> {
    let mut found = Vec::new();
    for version in versions {
        let folder = target().join("history").join(format!("{name}-{version}"));
        if !folder.is_dir() {
            let archives = tempfile::tempdir()?;
            let mut command = Command::new(tools::environment("tools/pip", &["pip"])?.join("bin/python"));
            command.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]);
            command.args(["--no-binary=:all:", "--dest"]).arg(archives.path()).arg(format!("{name}=={version}"));
            shell::run_quietly(command)?;
            let archive = fs::read_dir(archives.path())?.flatten().next().context("pip brought nothing")?.path();
            let unpacked = archives.path().join("unpacked");
            let mut unpack = Command::new(&tools::stable_python().path);
            unpack.args(["-c", "import shutil, sys; shutil.unpack_archive(*sys.argv[1:])"]).arg(archive).arg(&unpacked);
            shell::run_quietly(unpack)?;
            let root = fs::read_dir(&unpacked)?.flatten().next().context("the archive is empty")?.path();
            copy(&root, &folder)?;
        }
        found.push(Version { name: format!("{name} {version}"), folder });
    }
    Ok(found)
}

/// Commits of a range that change Python files, oldest first, with the one before them.
fn commits(repository: &Path, range: &str) -> anyhow::Result<Vec<Version>> {
    let git = |arguments: &[&str]| -> anyhow::Result<String> {
        let output = Command::new("git").arg("-C").arg(repository).args(arguments).output()?;
        ensure!(output.status.success(), "git: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let listed = git(&["log", "--reverse", "--first-parent", "--format=%H %s", range, "--", "*.py"])?;
    let mut hashes: Vec<(String, String)> = Vec::new();
    for line in listed.lines() {
        let (hash, subject) = line.split_once(' ').unwrap_or((line, ""));
        hashes.push((hash.to_owned(), format!("{} {}", &hash[..9], subject.chars().take(18).collect::<String>())));
    }
    let first = &hashes.first().context("no commit of that range changes a Python file")?.0;
    let parent = git(&["rev-parse", &format!("{first}^")])?.trim().to_owned();
    hashes.insert(0, (parent.clone(), parent));
    let mut versions = Vec::new();
    for (hash, name) in hashes {
        let folder = target().join("history").join(&hash);
        if !folder.is_dir() {
            let archive = tempfile::tempdir()?;
            let file = archive.path().join("tree.tar");
            git(&["archive", "--output", &file.display().to_string(), &hash])?;
            let mut unpack = Command::new("tar");
            fs::create_dir_all(&folder)?;
            unpack.arg("-xf").arg(&file).arg("-C").arg(&folder);
            shell::run_quietly(unpack)?;
        }
        versions.push(Version { name, folder });
    }
    Ok(versions)
}
