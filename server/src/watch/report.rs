//! What the person at the terminal is told: on standard error, since standard output is the program's.

use std::collections::HashSet;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use hotsplice_channel::codes;
use hotsplice_channel::patch::{Kind, Outcome, Verdict};

use crate::patching::{FileResult, went_live};
use crate::source_file;

pub struct Report {
    verbose: bool,
    colour: bool,
}

impl Report {
    /// `verbose` says what went live too; what did not is always said.
    pub fn new(verbose: bool) -> Self {
        let colour =
            std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { verbose, colour }
    }

    pub fn watches(&self, name: &str, files: usize) {
        if self.verbose {
            self.line(&format!("watching {files} {} of {name}", if files == 1 { "file" } else { "files" }));
        }
    }

    pub fn waits(&self, reason: &str) {
        self.line(&format!("waiting: {reason}"));
    }

    pub fn polls(&self, reason: &str) {
        self.line(&format!("no notifications from the system ({reason}): saves are seen within a second"));
    }

    pub fn unreadable(&self, error: &str) {
        self.line(&format!("{} {error}", self.red("not read:")));
    }

    pub fn patched<'a>(&self, results: &'a [FileResult], took: Duration) {
        let refused = results.iter().flat_map(|result| &result.verdicts).filter(|it| it.verdict == Outcome::Refused);
        let has_reason = refused.clone().any(|verdict| !is_held_back(verdict));
        // Of each process, why it took nothing at all.
        let mut reported = HashSet::new();
        let (mut edits, mut files) = (0_usize, 0_usize);
        for result in results {
            let mut is_news = |verdict: &'a Verdict| {
                let is_of_process = verdict.code.as_deref().is_some_and(|code| code < codes::NOT_LOADED);
                let is_first = !is_of_process || reported.insert((&*result.session, &verdict.message));
                verdict.verdict != Outcome::Refused || !has_reason || (is_first && !is_held_back(verdict))
            };
            let shown: Vec<&Verdict> = result.verdicts.iter().filter(|verdict| is_news(verdict)).collect();
            let left_out = result.verdicts.len() - shown.len();
            if left_out > 0 && !shown.iter().any(|verdict| verdict.verdict == Outcome::Refused) {
                (edits, files) = (edits + left_out, files + 1);
                continue;
            }
            let refused = shown.iter().filter(|verdict| verdict.verdict == Outcome::Refused).count();
            edits += left_out;
            let is_live = |verdict: &&Verdict| went_live(verdict);
            let live = result.verdicts.iter().filter(is_live).count();
            let file = &result.file;
            let milliseconds = took.as_secs_f64() * 1000.0;
            if refused > 0 {
                self.line(&format!("{} {file} in {}", self.red("nothing changed:"), result.name));
            } else if self.verbose && !is_as_it_was(&result.verdicts) {
                let names: Vec<&str> =
                    result.verdicts.iter().filter(is_live).map(|verdict| verdict.definition.as_str()).take(5).collect();
                let more = if live > names.len() { format!(" and {} more", live - names.len()) } else { String::new() };
                let what = match (live, result.verdicts.is_empty()) {
                    // Its lines are, and what a person reads of them.
                    (0, true) => format!("{} {file} (comments and empty lines)", self.green("live:")),
                    (0, false) => format!("nothing went live of {file}"),
                    _ => format!("{} {file} {}{more}", self.green("live:"), names.join(", ")),
                };
                self.line(&format!("{what} in {} ({milliseconds:.1} ms)", result.name));
            }
            for verdict in shown {
                self.verdict(verdict, &result.file);
            }
        }
        if edits > 0 {
            let number = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
            let of_others = if files > 0 { format!(" ({} more)", number(files, "file")) } else { String::new() };
            self.line(&format!("  held back with it: {}{of_others}", number(edits, "edit")));
        }
    }

    /// What did not go live, or not as in a fresh process, with its line of source.
    fn verdict(&self, verdict: &Verdict, file: &str) {
        let (Some(code), Some(message)) = (&verdict.code, &verdict.message) else { return };
        let code = match verdict.verdict {
            Outcome::Refused => self.red(code),
            Outcome::Caveat => self.yellow(code),
            _ => return,
        };
        self.line(&format!("  {file}:{}: {code}: {message}", verdict.line));
        let text = source_file::read(file.as_ref()).unwrap_or_default();
        if let Some(source) = text.lines().nth(verdict.line.saturating_sub(1) as usize) {
            self.line(&format!("  {:>5} | {source}", verdict.line));
        }
    }

    fn line(&self, text: &str) {
        // A terminal that is gone reads nothing.
        let _ = writeln!(std::io::stderr(), "hotsplice: {text}");
    }

    fn red(&self, text: &str) -> String {
        self.coloured("31", text)
    }

    fn green(&self, text: &str) -> String {
        self.coloured("32", text)
    }

    fn yellow(&self, text: &str) -> String {
        self.coloured("33", text)
    }

    fn coloured(&self, colour: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Something else is why it was refused.
fn is_held_back(verdict: &Verdict) -> bool {
    let code = verdict.code.as_deref();
    code == Some(codes::HELD_BACK) || code == Some(codes::HELD_BACK_ELSEWHERE)
}

/// Nobody has edited the file, and what reads what was edited elsewhere needs nothing.
fn is_as_it_was(verdicts: &[Verdict]) -> bool {
    let is_unneeded = |verdict: &Verdict| verdict.verdict == Outcome::Unneeded && verdict.kind == Kind::Derived;
    !verdicts.is_empty() && verdicts.iter().all(is_unneeded)
}
