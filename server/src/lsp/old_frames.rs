//! Which frames of a stopped thread run old code: the line that a debugger shows of one is of a text that the editor does not
//! show any more.

use std::path::Path;
use std::sync::Arc;

use hotsplice_channel::message::StillRunning;

use super::commands::Place;
use crate::session::Session;

/// For each of the frames what is said of it; nothing of one that runs what is live. The processes are asked anew: a call may have
/// been moved since, or have ended.
pub fn told(sessions: &[Arc<Session>], frames: &[Place], thread: Option<&str>) -> Vec<Option<String>> {
    // A process that does not answer says nothing of its frames.
    let running: Vec<_> =
        sessions.iter().filter_map(|session| Some((session, session.status().ok()?.running))).collect();
    let old = |frame: &Place| {
        running.iter().find_map(|(session, running)| {
            let is_it = |call: &&StillRunning| {
                call.line == frame.line
                    && is_of(&call.place, thread)
                    && (Path::new(&call.path) == frame.path || session.editor_path(&call.path) == frame.path)
            };
            running.iter().find(is_it).map(words)
        })
    };
    frames.iter().map(old).collect()
}

/// Whether a call is one of the thread; of a thread without a known name, of any.
fn is_of(place: &str, thread: Option<&str>) -> bool {
    match place.strip_prefix("thread ") {
        Some(name) => thread.is_none_or(|thread| thread == name),
        // A greenlet stands on no thread's stack of its own; what is suspended stands on none.
        None => place == "greenlet",
    }
}

fn words(call: &StillRunning) -> String {
    let version = match call.version {
        0 => "as it was loaded".to_owned(),
        version => format!("v{version}"),
    };
    let reason = call.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("stale: this call runs {} {version}{reason}", call.definition)
}
