//! Processes that a patched one has started while it was patched. They began with what was live before, and were not there to
//! be asked.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use hotsplice_channel::codes;
use hotsplice_channel::registry::{self, Entry};

use super::patch_once;
use super::wanted::{FileResult, Wanted};
use crate::session::{self, Session};

/// Each may have started others meanwhile.
const MOST_ROUNDS: usize = 10;
/// File systems count time in steps.
const STEP: Duration = Duration::from_millis(20);

/// Patches them, too, each for itself.
pub(super) fn follow(sessions: &[Arc<Session>], wanted: &Wanted, results: &mut Vec<FileResult>) {
    let is_committed = |session: &&Arc<Session>| {
        let id = session.entry.id.as_str();
        results.iter().any(|result| result.committed && *result.session == *id)
    };
    let mut patched: Vec<Entry> = sessions.iter().filter(is_committed).map(|session| session.entry.clone()).collect();
    if wanted.dry_run || patched.is_empty() {
        return;
    }
    let mut known: Vec<String> = sessions.iter().map(|session| session.entry.id.clone()).collect();
    for _ in 0..MOST_ROUNDS {
        let found = started_since(wanted, &patched, &known);
        if found.is_empty() {
            return;
        }
        known.extend(found.iter().map(|session| session.entry.id.clone()));
        patched.extend(found.iter().map(|session| session.entry.clone()));
        let mut of_them = patch_once(&found, &Wanted { each: true, ..wanted.clone() });
        of_them.retain(is_news);
        results.extend(of_them);
    }
}

/// Those that have registered since the patch was asked for.
fn started_since(wanted: &Wanted, parents: &[Entry], known: &[String]) -> Vec<Arc<Session>> {
    let age = registry::stamp(&registry::directory()).and_then(|stamp| stamp.age());
    if age.is_some_and(|age| age > wanted.asked.elapsed().unwrap_or_default() + STEP) {
        return Vec::new();
    }
    let asked = wanted.asked.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let is_child = |entry: &Entry, parent: &Entry| {
        (entry.parent, entry.namespace) == (parent.pid, parent.namespace) && parent.via.is_none()
    };
    let is_meant = |entry: &Entry| {
        u128::from(entry.registered) >= asked
            && entry.via.is_none()
            && !known.contains(&entry.id)
            && parents.iter().any(|parent| is_child(entry, parent))
    };
    session::connect_all("newcomers", is_meant).map(|(found, _)| found).unwrap_or_default()
}

/// Of one that has the patch already, or has ended again, nothing is to be told.
fn is_news(result: &FileResult) -> bool {
    result.verdicts.iter().any(|verdict| verdict.code.as_deref() != Some(codes::SESSION_GONE))
}
