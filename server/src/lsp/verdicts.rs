//! Verdicts as diagnostics, at the lines where the editor has them now.

use std::collections::HashMap;

use hotsplice_analysis::Outline;
use hotsplice_channel::patch::{Outcome, Verdict};
use tower_lsp::ls_types::{CodeDescription, Diagnostic, DiagnosticSeverity, NumberOrString, Uri};

use super::positions::Encoding;
use crate::patching::FileResult;

/// Where every code is explained.
const EXPLANATIONS: &str = "https://github.com/hotsplice/hotsplice/blob/main/docs/verdicts.md";

/// What is to be shown in open files: by file, then by session.
#[derive(Default)]
pub struct Verdicts {
    shown: HashMap<Uri, Vec<Shown>>,
}

struct Shown {
    session: String,
    process: String,
    verdict: Verdict,
    /// The definition's own text when the verdict came: it holds for that.
    text: Option<String>,
}

impl Verdicts {
    /// Takes the results of a patch: they replace what the sessions said of the file before.
    pub fn take(&mut self, uri: &Uri, results: &[FileResult], outline: &Outline) {
        let shown = self.shown.entry(uri.clone()).or_default();
        for result in results {
            shown.retain(|known| known.session != *result.session);
            let told = result.verdicts.iter().filter(|verdict| verdict.code.is_some());
            shown.extend(told.map(|verdict| {
                let mut verdict = verdict.clone();
                if let Some(line) = line_of(outline, &verdict.definition) {
                    let height = verdict.end_line.saturating_sub(verdict.line);
                    verdict.line = line;
                    verdict.end_line = line + height;
                }
                let text = text_at(outline, verdict.line, verdict.end_line);
                Shown { session: result.session.to_string(), process: result.name.clone(), verdict, text }
            }));
        }
    }

    /// After an edit of the file: a verdict stays with its text, wherever that is now, and goes when it is changed.
    pub fn follow(&mut self, uri: &Uri, outline: &Outline) -> bool {
        let Some(shown) = self.shown.get_mut(uri) else {
            return false;
        };
        if shown.is_empty() {
            return false;
        }
        shown.retain_mut(|known| {
            let verdict = &mut known.verdict;
            let height = verdict.end_line.saturating_sub(verdict.line);
            let line = line_of(outline, &verdict.definition).unwrap_or(verdict.line);
            let here = text_at(outline, line, line + height) == known.text;
            if here {
                (verdict.line, verdict.end_line) = (line, line + height);
                return true;
            }
            let found = known.text.as_ref().and_then(|text| find(outline.text(), text));
            if let Some(line) = found {
                (verdict.line, verdict.end_line) = (line, line + height);
            }
            found.is_some()
        });
        true
    }

    /// A session has ended: what it said is of no interest any more. Gives the files that are shown otherwise now.
    pub fn forget_session(&mut self, session: &str) -> Vec<Uri> {
        let mut changed = Vec::new();
        for (uri, shown) in &mut self.shown {
            let before = shown.len();
            shown.retain(|known| known.session != session);
            if shown.len() != before {
                changed.push(uri.clone());
            }
        }
        changed
    }

    pub fn forget_file(&mut self, uri: &Uri) -> bool {
        self.shown.remove(uri).is_some_and(|shown| !shown.is_empty())
    }

    pub fn diagnostics(&self, uri: &Uri, text: &str, encoding: Encoding) -> Vec<Diagnostic> {
        let shown = self.shown.get(uri).map(Vec::as_slice).unwrap_or_default();
        let mut diagnostics: Vec<Diagnostic> = Vec::new();
        for known in shown {
            let diagnostic = diagnostic(known, text, encoding);
            if !diagnostics.iter().any(|other| other.range == diagnostic.range && other.message == diagnostic.message) {
                diagnostics.push(diagnostic);
            }
        }
        diagnostics
    }

    pub fn all(&self) -> impl Iterator<Item = (&Uri, &Verdict)> {
        self.shown.iter().flat_map(|(uri, shown)| shown.iter().map(move |known| (uri, &known.verdict)))
    }
}

fn diagnostic(known: &Shown, text: &str, encoding: Encoding) -> Diagnostic {
    let verdict = &known.verdict;
    let code = verdict.code.clone().unwrap_or_default();
    let severity = match verdict.verdict {
        Outcome::Refused => DiagnosticSeverity::ERROR,
        Outcome::Caveat => DiagnosticSeverity::WARNING,
        Outcome::Applied | Outcome::Unneeded => DiagnosticSeverity::INFORMATION,
    };
    let href = format!("{EXPLANATIONS}#{}", code.to_lowercase()).parse().ok();
    Diagnostic {
        range: encoding.line_range(text, verdict.line),
        severity: Some(severity),
        code: Some(NumberOrString::String(code)),
        code_description: href.map(|href| CodeDescription { href }),
        source: Some("hotsplice".to_owned()),
        message: format!("{} ({})", verdict.message.clone().unwrap_or_default(), known.process),
        ..Diagnostic::default()
    }
}

fn line_of(outline: &Outline, definition: &str) -> Option<u32> {
    outline.definitions().into_iter().find(|found| found.qualified_name == definition).map(|found| found.line)
}

fn text_at(outline: &Outline, first: u32, last: u32) -> Option<String> {
    let lines: Vec<&str> =
        outline.text().lines().skip(first.saturating_sub(1) as usize).take((last - first) as usize + 1).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn find(text: &str, part: &str) -> Option<u32> {
    let lines: Vec<&str> = text.lines().collect();
    let wanted: Vec<&str> = part.lines().collect();
    lines.windows(wanted.len().max(1)).position(|window| window == wanted).map(|index| index as u32 + 1)
}
