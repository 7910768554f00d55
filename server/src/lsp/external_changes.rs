//! Files that other programs change: what comes in quick succession is one patch (a branch switch changes hundreds).

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use serde_json::json;
use tower_lsp::ls_types::{Registration, Unregistration};

use super::events::Event;

/// A change is waited for so long after the last one.
const QUIET: Duration = Duration::from_millis(150);
const ID: &str = "hotsplice-files";
const METHOD: &str = "workspace/didChangeWatchedFiles";

/// What the editor is asked to watch.
pub fn registration() -> Registration {
    let options = json!({ "watchers": [{ "globPattern": "**/*.py" }] });
    Registration { id: ID.to_owned(), method: METHOD.to_owned(), register_options: Some(options) }
}

pub fn unregistration() -> Unregistration {
    Unregistration { id: ID.to_owned(), method: METHOD.to_owned() }
}

/// Collects paths until it is quiet; then they are an event.
pub struct Collector(Sender<PathBuf>);

impl Collector {
    pub fn start(events: Sender<Event>) -> Self {
        let (sender, inbox) = channel();
        let collect = move || {
            while let Ok(first) = inbox.recv() {
                let mut paths = BTreeSet::from([first]);
                let over = loop {
                    match inbox.recv_timeout(QUIET) {
                        Ok(path) => drop(paths.insert(path)),
                        Err(RecvTimeoutError::Timeout) => break false,
                        Err(RecvTimeoutError::Disconnected) => break true,
                    }
                };
                // The loop is gone when the server ends.
                if over || events.send(Event::ExternalChanges(paths.into_iter().collect())).is_err() {
                    return;
                }
            }
        };
        // Without it, changes from outside are not seen; all else works.
        let _ = std::thread::Builder::new().name("external-changes".to_owned()).spawn(collect);
        Self(sender)
    }

    pub fn add(&self, path: PathBuf) {
        let _ = self.0.send(path);
    }
}
