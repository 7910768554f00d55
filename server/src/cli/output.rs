//! What the commands print: tables and verdicts for people, JSON for programs.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;
use std::sync::OnceLock;

use hotsplice_channel::patch::Outcome;
use serde_json::{Value, json};

use super::{MISUSE, REFUSED};
use crate::patching::{Deed, FileResult};

/// Why something could not be printed: whoever reads it then has not all of it.
static UNWRITTEN: OnceLock<String> = OnceLock::new();

/// Prints a line.
pub fn line(text: &str) {
    put(&format!("{text}\n"));
}

/// Prints what may have no end of line, as a prompt has none. A reader that has gone away is no error.
pub fn put(text: &str) {
    let mut out = std::io::stdout().lock();
    note(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

fn note(written: std::io::Result<()>) {
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => drop(UNWRITTEN.set(error.to_string())),
        _ => (),
    }
}

/// Says what went wrong, on standard error; where that can't be written, there is nobody to be told.
pub fn problem(what: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "hotsplice: {what}");
}

/// Prints what the parser of the command line has to say: help and versions, or on standard error how it was misused.
pub fn told(by_parser: &clap::Error) -> ExitCode {
    let code = ExitCode::from(u8::try_from(by_parser.exit_code()).unwrap_or(MISUSE));
    note(by_parser.print());
    end(code)
}

/// How a command ends that was to end so.
pub fn end(code: ExitCode) -> ExitCode {
    let Some(error) = UNWRITTEN.get() else { return code };
    problem(format!("what was to be printed can't be written: {error}"));
    ExitCode::from(MISUSE)
}

pub fn print_json(value: &Value) {
    line(&serde_json::to_string_pretty(value).unwrap_or_default());
}

/// Columns as wide as their widest cell, the last one as it is.
pub fn table<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> String {
    let widths: [usize; COLUMNS] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default());
    let lines = rows.iter().map(|row| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Results of a patch or of an undo, and the exit code that they stand for.
pub fn results(results: &[FileResult], as_json: bool, deed: Deed) -> ExitCode {
    if as_json {
        print_json(&json!(results.iter().map(FileResult::report).collect::<Vec<_>>()));
    } else {
        line(render(results, deed).trim_end());
    }
    let refused = results.iter().any(FileResult::is_refused);
    ExitCode::from(if refused { REFUSED } else { 0 })
}

fn render(results: &[FileResult], deed: Deed) -> String {
    let mut text = String::new();
    for result in results {
        text.push_str(&format!("{}\n", result.summary(deed)));
        for verdict in &result.verdicts {
            let sign = match verdict.verdict {
                Outcome::Applied => "+",
                Outcome::Caveat => "!",
                Outcome::Refused => "x",
                Outcome::Unneeded => "=",
            };
            let kind = serde_json::to_value(verdict.kind).unwrap_or_default();
            text.push_str(&format!(
                "  {sign} {}:{} {} ({})",
                result.file,
                verdict.line,
                verdict.definition,
                kind.as_str().unwrap_or_default()
            ));
            match (&verdict.code, &verdict.message) {
                (Some(code), Some(message)) => text.push_str(&format!("\n      {code}: {message}\n")),
                (None, Some(message)) => text.push_str(&format!("\n      {message}\n")),
                _ => text.push('\n'),
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use hotsplice_channel::patch::{Kind, Verdict};

    fn sample(outcome: Outcome, code: Option<&str>, message: Option<&str>) -> FileResult {
        FileResult {
            session: "7-1".into(),
            pid: 7,
            name: "app.py · pid 7".to_owned(),
            file: "/srv/app.py".to_owned(),
            function: None,
            committed: outcome != Outcome::Refused,
            verdicts: vec![Verdict {
                path: "/srv/app.py".to_owned(),
                definition: "View.get".to_owned(),
                kind: Kind::Body,
                line: 12,
                end_line: 14,
                verdict: outcome,
                code: code.map(str::to_owned),
                message: message.map(str::to_owned),
            }],
            timings: [("prepare".to_owned(), 250)].into(),
        }
    }

    #[test]
    fn for_people() {
        let results = [
            sample(Outcome::Applied, None, None),
            sample(Outcome::Caveat, Some("HS0301"), Some("2 live closures lack the variable 'y'")),
            sample(Outcome::Refused, Some("HS0103"), Some("line 12: running this raised KeyError: 'a'")),
        ];
        expect![[r#"
            app.py · pid 7: /srv/app.py: 1 edit live
              + /srv/app.py:12 View.get (body)
            app.py · pid 7: /srv/app.py: 1 edit live, 1 with a caveat
              ! /srv/app.py:12 View.get (body)
                  HS0301: 2 live closures lack the variable 'y'
            app.py · pid 7: /srv/app.py: nothing changed: 1 refused
              x /srv/app.py:12 View.get (body)
                  HS0103: line 12: running this raised KeyError: 'a'
        "#]]
        .assert_eq(&render(&results, Deed::Patched));
    }

    #[test]
    fn columns_line_up() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned);
        expect![[r#"
            SESSION  NAME    FOLDER
            1-2      naïve   /srv
            10-20    app.py"#]]
        .assert_eq(&table(&[
            row(["SESSION", "NAME", "FOLDER"]),
            row(["1-2", "naïve", "/srv"]),
            row(["10-20", "app.py", ""]),
        ]));
    }

    #[test]
    fn for_programs() {
        expect![[r#"{"committed":true,"edits":[{"code":null,"definition":"View.get","kind":"body","line":12,"message":null,"verdict":"applied"}],"file":"/srv/app.py","pid":7,"session":"7-1","timings":{"prepare":250}}"#]]
            .assert_eq(&json!(sample(Outcome::Applied, None, None).report()).to_string());
    }
}
