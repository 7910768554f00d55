//! Everything that must hold: format, lints, Rust tests, and the end-to-end tests on every Python that is found.

use hotsplice_tests::pythons;

use crate::count::Count;
use crate::{check, editors, history, identity, programs, shell};

pub fn run() -> anyhow::Result<()> {
    let found: Vec<String> = pythons::all().iter().map(pythons::Python::name).collect();
    println!("Pythons found: {}", found.join(", "));
    if !pythons::missing().is_empty() {
        println!("Pythons missing, not tested: {}", pythons::missing().join(", "));
    }
    check::run()?;
    shell::build()?;
    let mut count = Count::default();
    let programs = programs::run(&mut count);
    let editors = editors::vscode(None, &mut count);
    let histories = histories(&mut count);
    let identities = identities(&mut count);
    count.finish()?;
    programs?;
    editors?;
    histories?;
    identities?;
    Ok(())
}

/// Some of CPython's own tests while what they test is patched with its own text; all of them: `cargo xtask torture`.
fn identities(count: &mut Count) -> anyhow::Result<()> {
    for python in pythons::all().iter().filter(|python| [10, 12, 13].contains(&python.minor)) {
        let modules =
            ["test_contextlib", "test_dataclasses", "test_enum", "test_functools", "test_json", "test_textwrap"];
        let (same, otherwise) = identity::compare(python, &modules)?;
        println!("identity on Python {}: {same} tests as without, {otherwise} otherwise", python.name());
        count.passed += same;
        count.failed += otherwise;
    }
    Ok(())
}

/// Two projects' real histories, by their own tests.
fn histories(count: &mut Count) -> anyhow::Result<()> {
    for (name, versions, with) in [
        ("more-itertools", &["9.0.0", "9.1.0", "10.0.0", "10.1.0", "10.2.0", "10.3.0", "10.5.0"][..], &[][..]),
        ("itsdangerous", &["2.0.1", "2.1.0", "2.1.1", "2.1.2"], &["freezegun"]),
    ] {
        let arguments = history::released(name, versions, with);
        if !history::is_reachable(&arguments) {
            println!("the versions of {name} can't be had here: its history is not replayed");
            continue;
        }
        let summary = history::replay(&arguments)?;
        count.passed += summary.equal as u64;
        count.failed += (summary.told + summary.silent) as u64;
    }
    Ok(())
}
