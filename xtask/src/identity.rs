//! CPython's own tests while every function of every loaded module gets new code of the same text, again and again (after the Dart VM's
//! `--identity-reload` mode). Each test must end as it does without.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use hotsplice_tests::program::Workspace;
use hotsplice_tests::pythons::{self, Python};
use hotsplice_tests::repository;

use crate::shell::{self, target};

/// Modules whose tests run in one process, within seconds, without the network.
const MODULES: &[&str] = &[
    "test_abc",
    "test_argparse",
    "test_bisect",
    "test_bool",
    "test_calendar",
    "test_class",
    "test_cmath",
    "test_collections",
    "test_configparser",
    "test_contextlib",
    "test_copy",
    "test_csv",
    "test_dataclasses",
    "test_decorators",
    "test_deque",
    "test_descr",
    "test_dict",
    "test_difflib",
    "test_dynamicclassattribute",
    "test_enum",
    "test_fractions",
    "test_functools",
    "test_generators",
    "test_genericclass",
    "test_heapq",
    "test_itertools",
    "test_json",
    "test_keyword",
    "test_list",
    "test_numeric_tower",
    "test_operator",
    "test_ordered_dict",
    "test_pprint",
    "test_property",
    "test_queue",
    "test_random",
    "test_sched",
    "test_set",
    "test_statistics",
    "test_string",
    "test_super",
    "test_textwrap",
    "test_traceback",
    "test_typing",
    "test_userdict",
    "test_weakref",
    "test_with",
];

/// Tests that say something of the identity of code objects or of who holds a function, which new code changes.
const ABOUT_CODE_ITSELF: &[&str] = &[];

/// So often the functions of a module are given new code at least, while its tests run.
const ENOUGH: u64 = 5;

/// With these modules of the package `test`, or some 40.
pub fn torture(modules: &[String], python: Option<&str>) -> anyhow::Result<()> {
    let named = |found: &&Python| match python {
        Some(wanted) => found.name() == wanted,
        None => [10, 12, 13].contains(&found.minor),
    };
    let modules: Vec<&str> = match modules.is_empty() {
        true => MODULES.to_vec(),
        false => modules.iter().map(String::as_str).collect(),
    };
    let mut harmed = 0;
    let mut tried = 0;
    for python in pythons::all().iter().filter(named) {
        let (passed, differing) = compare(python, &modules)?;
        println!("identity on Python {}: {passed} tests as without, {differing} otherwise", python.name());
        harmed += differing;
        tried += passed + differing;
    }
    if tried == 0 {
        bail!("no Python here has the tests of its standard library");
    }
    if harmed > 0 {
        bail!("{harmed} tests ended otherwise while their modules were patched with their own text");
    }
    Ok(())
}

/// How many tests of these modules end as they do unpatched, and how many do not.
pub fn compare(python: &Python, modules: &[&str]) -> anyhow::Result<(u64, u64)> {
    let (mut same, mut otherwise) = (0, 0);
    for module in modules {
        let workspace = Workspace::with_program(target().join("release/hotsplice"));
        let script = repository().join("xtask/src/outcomes.py");
        let mut plain = Command::new(&python.path);
        plain.arg(&script).arg(format!("test.{module}")).current_dir(workspace.path());
        let Ended { outcomes: expected, .. } = ended(plain)?;
        if expected.is_empty() {
            println!("Python {} has no {module}", python.name());
            continue;
        }
        let files = subjects(python, module)?;
        let over = AtomicBool::new(false);
        let patches = AtomicU64::new(0);
        // The tests are run again until there were some patches.
        let enough = workspace.path().join("enough");
        let seen = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Acquire) {
                    let mut patch = workspace.hotsplice();
                    patch
                        .args(["patch", "--identity", "--json"])
                        .args(&files)
                        .stdout(Stdio::null())
                        .stderr(Stdio::null());
                    match patch.status() {
                        Ok(status) if status.success() => {
                            if patches.fetch_add(1, Ordering::AcqRel) + 1 == ENOUGH {
                                let _ = std::fs::write(&enough, "");
                            }
                        }
                        // Before it has registered, or after its end.
                        _ => std::thread::sleep(Duration::from_millis(5)),
                    }
                }
            });
            let mut patched = workspace.hotsplice();
            patched.arg("run").arg("--python").arg(&python.path).arg(&script).arg(format!("test.{module}"));
            let seen = ended({
                patched.arg(&enough);
                patched
            });
            over.store(true, Ordering::Release);
            seen
        })?;
        let count = patches.into_inner();
        let mut differing = 0;
        for (test, outcome) in &expected {
            if seen.outcomes.get(test) == Some(outcome) || ABOUT_CODE_ITSELF.contains(&test.as_str()) {
                same += 1;
            } else {
                differing += 1;
                let now = seen.outcomes.get(test).map_or("did not run", String::as_str);
                println!("Python {}: {test}: {outcome} without, {now} with identity patches", python.name());
            }
        }
        if differing > 0 || seen.outcomes.is_empty() {
            println!("{}", seen.output);
        }
        if count == 0 {
            bail!("Python {}: nothing was patched while {module} ran: {}", python.name(), seen.output);
        }
        otherwise += differing;
        println!("{module} on Python {}: {} tests, {count} patches, {differing} differ", python.name(), expected.len());
    }
    Ok((same, otherwise))
}

/// The source files of what a module of tests is about, and its own.
fn subjects(python: &Python, module: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mut where_from = Command::new(&python.path);
    where_from.args(["-c", "import os; print(os.path.dirname(os.__file__))"]);
    let output = where_from.output().context("the interpreter does not start")?;
    let library = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let subject = module.trim_start_matches("test_");
    let mut found = vec![library.join("test").join(format!("{module}.py")), library.join(format!("{subject}.py"))];
    for package in [library.join("test").join(module), library.join(subject)] {
        let inside = std::fs::read_dir(package).into_iter().flatten().flatten().map(|entry| entry.path());
        found.extend(inside.filter(|path| path.extension().is_some_and(|kind| kind == "py")));
    }
    found.retain(|path| path.exists());
    Ok(found)
}

/// How a run of tests ended.
struct Ended {
    /// By the test, `test_x (test.test_y.Case.test_x)`.
    outcomes: BTreeMap<String, String>,
    output: String,
}

fn ended(mut command: Command) -> anyhow::Result<Ended> {
    let shown = shell::show(&command);
    let done = command.stdin(Stdio::null()).output().with_context(|| format!("{shown} does not start"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = text(&done.stdout);
    let mut outcomes: BTreeMap<String, String> =
        said.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
    if done.status.code().is_none() {
        outcomes.insert("the process itself".to_owned(), done.status.to_string());
    }
    Ok(Ended { outcomes, output: text(&done.stderr) })
}
