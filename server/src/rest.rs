//! A file without the edits that are refused. Nothing of a patch goes live while a part of it is refused, unless the user
//! says that the rest is wanted.

use std::slice;
use std::sync::Arc;

use hotsplice_analysis::{Outline, Rest, without};
use hotsplice_channel::codes;
use hotsplice_channel::patch::{Outcome, Verdict};

use crate::outlines;
use crate::patching::{self, FileResult, Wanted, WantedFile};
use crate::session::Session;

/// More rounds than this no text needs: each leaves out what the one before was refused for.
const MOST_ROUNDS: usize = 20;

/// Makes one file live in the sessions that have loaded it, without the edits that are refused. These stay among the
/// verdicts. Where they can't be told apart from the rest, nothing is changed. Processes whose live texts differ are patched
/// one by one.
pub fn patch(sessions: &[Arc<Session>], wanted: &Wanted, file: &WantedFile) -> Vec<FileResult> {
    if wanted.each || run_different_texts(sessions, file) {
        // What one refuses is not left out elsewhere, and what stands for it is the one's own.
        return sessions.iter().flat_map(|session| patch_together(slice::from_ref(session), wanted, file)).collect();
    }
    patch_together(sessions, wanted, file)
}

fn run_different_texts(sessions: &[Arc<Session>], file: &WantedFile) -> bool {
    let live = |session: &Arc<Session>| {
        let path = session.loaded(&file.path).ok().flatten()?;
        session.known_baseline(&path).ok()
    };
    let mut lives = sessions.iter().filter_map(live);
    lives.next().is_some_and(|first| lives.any(|other| other.outline().text() != first.outline().text()))
}

fn patch_together(sessions: &[Arc<Session>], wanted: &Wanted, file: &WantedFile) -> Vec<FileResult> {
    let shown = file.outline.clone().unwrap_or_else(|| outlines::parse(sessions, &file.path, &file.text));
    let mut left_out: Vec<(FileResult, Verdict)> = Vec::new();
    let mut rest = Rest::whole(&shown);
    let mut rounds = 0;
    loop {
        rounds += 1;
        let files = vec![WantedFile::new(file.path.clone(), rest.text.clone())];
        let mut results = patching::patch_in_silence(sessions, &Wanted { files, ..wanted.clone() });
        let (of_file, elsewhere): (Vec<_>, Vec<_>) = results.iter_mut().partition(|it| is_of(sessions, it, file));
        // What follows in other files can't be left out.
        let is_refused_elsewhere = elsewhere.iter().any(|result| result.verdicts.iter().any(is_cause));
        for verdict in of_file.into_iter().flat_map(|result| &mut result.verdicts) {
            let height = verdict.end_line.saturating_sub(verdict.line);
            verdict.line = rest.line_in_new(verdict.line);
            verdict.end_line = verdict.line + height;
        }
        let refused = causes(&results);
        if is_refused_elsewhere {
            return results;
        }
        if refused.is_empty() {
            add(&mut results, left_out);
            return results;
        }
        let known = left_out.len();
        left_out.extend(refused);
        let names: Vec<(String, u32)> =
            left_out.iter().map(|(_, verdict)| (verdict.definition.clone(), verdict.line)).collect();
        let live = left_out.get(known).and_then(|(result, _)| live_text(sessions, result));
        match live.and_then(|live| without(&live, &shown, &names)) {
            Some(next) if next.text != rest.text && rounds < MOST_ROUNDS => rest = next,
            _ => return results,
        }
    }
}

/// What a patch was refused for.
fn causes(results: &[FileResult]) -> Vec<(FileResult, Verdict)> {
    let of_one = |result: &FileResult| {
        let refused = result.verdicts.iter().filter(|verdict| is_cause(verdict));
        refused.map(|verdict| (result.clone(), verdict.clone())).collect::<Vec<_>>()
    };
    results.iter().flat_map(of_one).collect()
}

fn is_cause(verdict: &Verdict) -> bool {
    let held_back = [codes::HELD_BACK, codes::HELD_BACK_ELSEWHERE];
    verdict.verdict == Outcome::Refused && !held_back.iter().any(|code| verdict.code.as_deref() == Some(code))
}

fn session_of<'a>(sessions: &'a [Arc<Session>], result: &FileResult) -> Option<&'a Arc<Session>> {
    sessions.iter().find(|session| session.entry.id == *result.session)
}

/// Whether a result is about the file itself, and not about one in which something follows.
fn is_of(sessions: &[Arc<Session>], result: &FileResult, file: &WantedFile) -> bool {
    let loaded = session_of(sessions, result).and_then(|session| session.loaded(&file.path).ok().flatten());
    loaded.is_none_or(|path| path == result.file)
}

fn live_text(sessions: &[Arc<Session>], result: &FileResult) -> Option<Arc<Outline>> {
    Some(session_of(sessions, result)?.known_baseline(&result.file).ok()?.outline().clone())
}

/// What was left out is told where it was refused.
fn add(results: &mut Vec<FileResult>, left_out: Vec<(FileResult, Verdict)>) {
    for (refusing, verdict) in left_out {
        match results.iter_mut().find(|result| result.session == refusing.session && result.file == refusing.file) {
            Some(result) => result.verdicts.push(verdict),
            None => results.push(FileResult { verdicts: vec![verdict], ..refusing }),
        }
    }
}
