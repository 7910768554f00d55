//! `docs/what-works.md`, made from the behaviour cases.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;

use crate::cases::{self, Case};
use crate::repository;

const HEAD: &str = "\
# What works

Made from the behaviour cases by `cargo xtask docs`; each links to its text: the edit, what must hold after it, and how it is
compared with a process that is started fresh on the new source. All of them run on every CPython from 3.10 to 3.15.
";

/// The page's text.
pub fn page() -> String {
    let folder = repository().join("tests/behaviour");
    let mut files: Vec<_> = fs::read_dir(&folder).expect("the cases").flatten().map(|entry| entry.path()).collect();
    files.sort();
    let mut page = HEAD.to_owned();
    for file in files {
        let text = fs::read_to_string(&file).expect("text");
        let title = text.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or("More");
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        let _ = write!(page, "\n## {title}\n\n| edit | answer |\n|---|---|\n");
        for case in cases::read(&file) {
            let _ = writeln!(
                page,
                "| [{}](../tests/behaviour/{name}#L{}){} | {} |",
                case.name.replace('|', "\\|"),
                case.line,
                versions(&case),
                answer(&case)
            );
        }
    }
    page
}

fn versions(case: &Case) -> String {
    match (case.from_python, case.before_python) {
        (0, u32::MAX) => String::new(),
        (0, before) => format!(" (before 3.{before})"),
        (from, _) => format!(" (3.{from} and later)"),
    }
}

/// What is said of the edit: nothing but `applied`, or the codes.
fn answer(case: &Case) -> String {
    let mut said = BTreeSet::new();
    for verdict in case.steps.iter().filter_map(|step| step.verdicts.as_deref()).flat_map(str::lines) {
        let mut words = verdict.split_whitespace().rev();
        let last = words.next().unwrap_or_default();
        if last.starts_with("HS") {
            let kind = words.next().unwrap_or_default();
            said.insert(format!("{kind} [{last}](verdicts.md)"));
        }
    }
    if said.is_empty() { "applied".to_owned() } else { said.into_iter().collect::<Vec<_>>().join(", ") }
}
