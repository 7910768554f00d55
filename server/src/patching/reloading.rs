//! What a reloader of the program's own has done to processes that a patch comes too late for. Of one that is about to do it the
//! process itself tells.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hotsplice_channel::codes;
use hotsplice_channel::patch::{Outcome, Verdict};

use super::changes::refusal;
use super::{FileResult, Wanted, went_live};
use crate::session::Session;

/// A process that runs for longer is no news.
const NEWS: Duration = Duration::from_secs(60);

pub(super) fn tell(sessions: &[Arc<Session>], wanted: &Wanted, results: &mut [FileResult]) {
    let is_told = |verdict: &Verdict| {
        verdict.code.as_deref().is_some_and(|code| [codes::RELOADER, codes::SESSION_GONE].contains(&code))
    };
    if wanted.dry_run || results.iter().flat_map(|result| &result.verdicts).any(is_told) {
        return;
    }
    let find = |result: &FileResult| sessions.iter().find(|session| *session.entry.id == *result.session);
    let parents: Vec<u32> = results.iter().filter_map(find).map(|session| session.entry.parent).collect();
    for result in results.iter_mut().filter(|result| result.committed) {
        let Some(session) = find(result) else { continue };
        if result.verdicts.iter().all(|verdict| verdict.verdict == Outcome::Unneeded) {
            result.verdicts.extend(started_again(wanted, session, &result.file));
        } else if !parents.contains(&session.entry.pid)
            && let Some(itself) = session.as_reloader()
        {
            // What it has started is not there at this moment.
            let plain = |verdict: &&mut Verdict| went_live(verdict) && verdict.code.is_none();
            if let Some(verdict) = result.verdicts.iter_mut().find(plain) {
                verdict.verdict = Outcome::Caveat;
                verdict.code = Some(codes::RELOADER.to_owned());
                let message = format!("what was patched is {}, not what it starts: {}", itself.name, itself.what);
                verdict.message = Some(message);
            }
        }
    }
}

/// Nothing is left to change in a process that was started after the file had been written.
fn started_again(wanted: &Wanted, session: &Session, file: &str) -> Option<Verdict> {
    let written = written(wanted, session, file).filter(|written| is_news(*written, session.entry.registered))?;
    let parent =
        session.reloader().filter(|parent| parent.registered.is_some_and(|registered| registered < written))?;
    let message = format!(
        "{} has started this process since the file was written: it runs the file as it is on disk, and what the one before \
         it held is lost; {}",
        parent.name, parent.what
    );
    Some(Verdict { verdict: Outcome::Caveat, ..refusal(file, 1, codes::SESSION_GONE, message) })
}

/// When a file was written, in milliseconds since the epoch.
fn written(wanted: &Wanted, session: &Session, file: &str) -> Option<u64> {
    let path = session.editor_path(file);
    let is_wanted = wanted.files.iter().any(|one| one.path == path) || wanted.files.len() == 1;
    let modified = fs::metadata(&path).ok()?.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    is_wanted.then_some(modified.as_millis() as u64)
}

fn is_news(written: u64, registered: u64) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    written <= registered && now.saturating_sub(Duration::from_millis(registered)) < NEWS
}
