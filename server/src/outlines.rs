//! What texts parse to, by what is live of their files: a text is parsed anew only where it differs.

use std::path::Path;
use std::sync::Arc;

use hotsplice_analysis::Outline;

use crate::session::Session;

/// The outline of a file's text. Nothing is asked of a process.
pub fn parse(sessions: &[Arc<Session>], path: &Path, text: &str) -> Arc<Outline> {
    let known: Vec<Arc<Outline>> = sessions.iter().filter_map(|session| session.live_outline(path)).collect();
    match known.iter().find(|known| known.text() == text) {
        Some(same) => Arc::clone(same),
        None => Arc::new(known.first().map_or_else(|| Outline::parse(text), |known| Outline::parse_from(known, text))),
    }
}
