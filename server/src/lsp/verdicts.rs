//! Verdicts as diagnostics, at the lines where the editor has them now.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use hotsplice_analysis::Outline;
use hotsplice_channel::codes;
use hotsplice_channel::message::StillRunning;
use hotsplice_channel::patch::{Outcome, Verdict};
use tower_lsp::ls_types::{CodeDescription, Diagnostic, DiagnosticSeverity, NumberOrString, Uri};

use super::positions::Encoding;
use crate::patching::FileResult;

/// Where every code is explained.
const EXPLANATIONS: &str = "https://github.com/hotsplice/hotsplice/blob/main/docs/verdicts.md";

/// How many calls are named.
const NAMED: usize = 4;

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
    /// When it came.
    since: Instant,
    call: Call,
}

/// What is known of calls of the definition that run old code.
#[derive(Clone, Copy, PartialEq)]
enum Call {
    Unseen,
    Runs,
    Over,
}

impl Verdicts {
    /// Takes the results of a patch: they replace what the sessions said of the file before, or of the one definition
    /// that was patched.
    pub fn take(&mut self, uri: &Uri, results: &[FileResult], outline: &Outline) {
        let shown = self.shown.entry(uri.clone()).or_default();
        for result in results {
            shown.retain(|known| known.session != *result.session || !is_replaced(&known.verdict, result));
            // Who has cancelled it knows.
            let is_told = |code: &str| code != codes::CANCELLED;
            let told = result.verdicts.iter().filter(|verdict| verdict.code.as_deref().is_some_and(is_told));
            shown.extend(told.map(|verdict| {
                let mut verdict = verdict.clone();
                let line = line_of(outline, &verdict.definition, verdict.line).unwrap_or(verdict.line);
                place(&mut verdict, line);
                let text = text_at(outline, verdict.line, verdict.end_line);
                Shown {
                    session: result.session.to_string(),
                    process: result.name.clone(),
                    verdict,
                    text,
                    since: Instant::now(),
                    call: Call::Unseen,
                }
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
            let line = line_of(outline, &verdict.definition, verdict.line).unwrap_or(verdict.line);
            let stays = if text_at(outline, line, line + height) == known.text {
                Some(line)
            } else {
                known.text.as_ref().and_then(|text| find(outline.text(), text))
            };
            if let Some(line) = stays {
                place(verdict, line);
            }
            stays.is_some()
        });
        true
    }

    /// A session has ended: what it said is of no interest any more. Gives the files that are shown otherwise now.
    pub fn forget_session(&mut self, session: &str) -> Vec<Uri> {
        self.drop_all(|known| known.session == session)
    }

    /// A call of the definition ran old code, whether or not the process was asked while it did.
    pub fn old_code_left(&mut self, session: &str, path: &str, definition: &str) {
        for known in self.shown.values_mut().flatten().filter(|known| known.session == session) {
            if known.verdict.path == path && known.verdict.definition == definition {
                known.call = Call::Runs;
            }
        }
    }

    /// A process was asked for the calls that run old code, at this time: what is said of others is over. Gives the files
    /// that are shown otherwise now.
    pub fn calls_have_ended(&mut self, session: &str, running: &[StillRunning], asked: Instant) -> Vec<Uri> {
        let of_session = |known: &&mut Shown| known.session == session && known.since < asked;
        for known in self.shown.values_mut().flatten().filter(of_session) {
            let Shown { verdict, .. } = known;
            let same = |call: &StillRunning| call.path == verdict.path && call.definition == verdict.definition;
            known.call = match (running.iter().any(same), known.call) {
                (true, _) => Call::Runs,
                (false, Call::Runs) => Call::Over,
                (false, unseen) => unseen,
            };
        }
        let is_over = |known: &Shown| {
            let is_said = match known.verdict.code.as_deref() {
                Some(codes::CALLS_STILL_INSIDE | codes::CALLS_MOVED) => known.call != Call::Runs,
                // It may be about a call of code that is not retired, of which nobody tells when it ends.
                Some(codes::OLD_CALL_MEETS_NEW) => known.call == Call::Over,
                _ => false,
            };
            is_said && known.session == session && known.since < asked
        };
        self.drop_all(is_over)
    }

    /// A process was asked for the calls that run old code, at this time: what was to be moved, and could not, is said to stay.
    /// Gives the files that are shown otherwise now.
    pub fn calls_have_stayed(&mut self, session: &str, running: &[StillRunning], asked: Instant) -> Vec<Uri> {
        let mut changed = Vec::new();
        for (uri, shown) in &mut self.shown {
            for known in shown.iter_mut().filter(|known| known.session == session && known.since < asked) {
                let verdict = &mut known.verdict;
                let of_it =
                    running.iter().filter(|call| call.path == verdict.path && call.definition == verdict.definition);
                if verdict.code.as_deref() == Some(codes::CALLS_MOVED)
                    && let Some(message) = staying(of_it)
                {
                    verdict.code = Some(codes::CALLS_STILL_INSIDE.to_owned());
                    verdict.message = Some(message);
                    changed.push(uri.clone());
                }
            }
        }
        changed
    }

    fn drop_all(&mut self, is_over: impl Fn(&Shown) -> bool) -> Vec<Uri> {
        let mut changed = Vec::new();
        for (uri, shown) in &mut self.shown {
            let before = shown.len();
            shown.retain(|known| !is_over(known));
            if shown.len() != before {
                changed.push(uri.clone());
            }
        }
        changed
    }

    /// Whether something at the line said so.
    pub fn dismiss(&mut self, uri: &Uri, line: u32, code: &str) -> bool {
        let Some(shown) = self.shown.get_mut(uri) else { return false };
        let before = shown.len();
        shown.retain(|known| known.verdict.line != line || known.verdict.code.as_deref() != Some(code));
        shown.len() != before
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

/// What is said of calls that stay on old code though they were to be moved, of all that run it; nothing if there is none.
fn staying<'a>(running: impl Iterator<Item = &'a StillRunning>) -> Option<String> {
    let calls: Vec<_> = running.filter(|call| !call.is_planned && call.reason.is_some()).collect();
    let places: Vec<_> = calls.iter().map(|call| format!("{}, line {}", call.place, call.line)).take(NAMED).collect();
    let more = calls.len() - places.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let what = if calls.len() == 1 { "call that began before still runs" } else { "calls that began before still run" };
    let reasons: BTreeSet<_> = calls.iter().filter_map(|call| call.reason.as_deref()).collect();
    let reasons: Vec<_> = reasons.into_iter().collect();
    (!calls.is_empty())
        .then(|| format!("{} {what} the old code ({}{more}): {}", calls.len(), places.join(", "), reasons.join("; ")))
}

/// How much of the user's attention a verdict is worth. An edit that only waits for another one is not what is wrong.
pub fn severity(verdict: &Verdict) -> DiagnosticSeverity {
    match verdict.verdict {
        Outcome::Refused if verdict.code.as_deref().is_some_and(codes::is_held_back) => DiagnosticSeverity::HINT,
        Outcome::Refused => DiagnosticSeverity::ERROR,
        Outcome::Caveat => DiagnosticSeverity::WARNING,
        Outcome::Applied | Outcome::Unneeded => DiagnosticSeverity::INFORMATION,
    }
}

fn diagnostic(known: &Shown, text: &str, encoding: Encoding) -> Diagnostic {
    let verdict = &known.verdict;
    let code = verdict.code.clone().unwrap_or_default();
    let href = format!("{EXPLANATIONS}#{}", code.to_lowercase()).parse().ok();
    Diagnostic {
        range: encoding.line_range(text, verdict.line),
        severity: Some(severity(verdict)),
        code: Some(NumberOrString::String(code)),
        code_description: href.map(|href| CodeDescription { href }),
        source: Some("hotsplice".to_owned()),
        message: format!("{} ({})", verdict.message.clone().unwrap_or_default(), known.process),
        ..Diagnostic::default()
    }
}

/// Whether the result says anew what a verdict said.
fn is_replaced(known: &Verdict, result: &FileResult) -> bool {
    let Some(function) = &result.function else {
        return true;
    };
    let inside =
        known.definition.strip_prefix(function.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    let again = result.verdicts.iter().any(|verdict| verdict.definition == known.definition);
    // What was wrong with the whole file did not stop this patch.
    inside || again || known.definition == "<module>"
}

fn place(verdict: &mut Verdict, line: u32) {
    let height = verdict.end_line.saturating_sub(verdict.line);
    (verdict.line, verdict.end_line) = (line, line + height);
}

/// Of several definitions with one name (a property's getter and setter), the nearest.
fn line_of(outline: &Outline, definition: &str, line: u32) -> Option<u32> {
    let lines = outline.definitions().into_iter().filter(|found| found.qualified_name == definition);
    lines.map(|found| found.line).min_by_key(|found| found.abs_diff(line))
}

fn text_at(outline: &Outline, first: u32, last: u32) -> Option<String> {
    let count = last.saturating_sub(first) as usize + 1;
    let lines: Vec<&str> = outline.text().lines().skip(first.saturating_sub(1) as usize).take(count).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn find(text: &str, part: &str) -> Option<u32> {
    let lines: Vec<&str> = text.lines().collect();
    let wanted: Vec<&str> = part.lines().collect();
    lines.windows(wanted.len().max(1)).position(|window| window == wanted).map(|index| index as u32 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hotsplice_channel::patch::Kind;

    const TEXT: &str = "def f():\n    return 1\n\ndef g():\n    return 2\n";

    fn refused(definition: &str, line: u32, function: Option<&str>) -> FileResult {
        let verdict = Verdict {
            path: "/srv/app.py".to_owned(),
            definition: definition.to_owned(),
            kind: Kind::Body,
            line,
            end_line: line + 1,
            verdict: Outcome::Refused,
            code: Some("HS0103".to_owned()),
            message: Some("it raised".to_owned()),
        };
        FileResult {
            session: "7-1".into(),
            pid: 7,
            name: "app.py · pid 7".to_owned(),
            file: verdict.path.clone(),
            function: function.map(str::to_owned),
            committed: false,
            verdicts: vec![verdict],
            timings: Default::default(),
        }
    }

    fn shown(verdicts: &Verdicts, uri: &Uri, text: &str) -> Vec<u32> {
        let diagnostics = verdicts.diagnostics(uri, text, Encoding::Utf16);
        diagnostics.iter().map(|diagnostic| diagnostic.range.start.line + 1).collect()
    }

    #[test]
    fn a_verdict_stays_with_its_text_and_goes_when_that_changes() {
        let uri: Uri = "file:///srv/app.py".parse().expect("a uri");
        let mut verdicts = Verdicts::default();
        verdicts.take(&uri, &[refused("g", 4, None)], &Outline::parse(TEXT));
        assert_eq!(shown(&verdicts, &uri, TEXT), [4]);
        let moved = format!("# new\n{TEXT}");
        assert!(verdicts.follow(&uri, &Outline::parse(&moved)));
        assert_eq!(shown(&verdicts, &uri, &moved), [5]);
        verdicts.follow(&uri, &Outline::parse(&moved.replace("return 1", "return 3")));
        assert_eq!(shown(&verdicts, &uri, &moved), [5]);
        verdicts.follow(&uri, &Outline::parse(&moved.replace("return 2", "return 3")));
        assert!(shown(&verdicts, &uri, &moved).is_empty());
    }

    #[test]
    fn patching_one_function_leaves_what_is_said_of_others() {
        let uri: Uri = "file:///srv/app.py".parse().expect("a uri");
        let outline = Outline::parse(TEXT);
        let mut verdicts = Verdicts::default();
        verdicts.take(&uri, &[refused("g", 4, Some("g"))], &outline);
        verdicts.take(&uri, &[refused("f", 1, Some("f"))], &outline);
        assert_eq!(shown(&verdicts, &uri, TEXT), [4, 1]);
        let mut well = refused("g", 4, Some("g"));
        well.verdicts.clear();
        verdicts.take(&uri, &[well], &outline);
        assert_eq!(shown(&verdicts, &uri, TEXT), [1]);
        verdicts.take(&uri, &[refused("g", 4, None)], &outline);
        assert_eq!(shown(&verdicts, &uri, TEXT), [4]);
    }

    #[test]
    fn what_is_said_of_an_old_call_goes_when_it_has_ended_before_anybody_saw_it_run() {
        let uri: Uri = "file:///srv/app.py".parse().expect("a uri");
        let mut verdicts = Verdicts::default();
        let mut result = refused("g", 4, None);
        result.verdicts[0].code = Some(codes::OLD_CALL_MEETS_NEW.to_owned());
        verdicts.take(&uri, &[result], &Outline::parse(TEXT));
        assert!(verdicts.calls_have_ended("7-1", &[], Instant::now()).is_empty());
        verdicts.old_code_left("7-1", "/srv/app.py", "f");
        assert!(verdicts.calls_have_ended("7-1", &[], Instant::now()).is_empty());
        verdicts.old_code_left("7-1", "/srv/app.py", "g");
        assert_eq!(verdicts.calls_have_ended("7-1", &[], Instant::now()), [uri]);
    }
}
