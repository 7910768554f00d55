//! Files that other programs change: what comes in quick succession is one patch (a branch switch changes hundreds), and what
//! does not fit what is live waits for what does (a tool that writes a caller first, then what it calls).

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use serde_json::json;
use tower_lsp::ls_types::{Registration, Unregistration};

use super::events::Event;

/// A change is waited for so long after the last one.
const QUIET: Duration = Duration::from_millis(150);
/// What does not fit waits no longer: it goes live as it stands on disk.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
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

/// Changed files that are not live yet.
#[derive(Default)]
pub struct Waiting {
    paths: BTreeSet<PathBuf>,
    since: Option<Instant>,
    /// Whether it is being found out if they fit, and if more have come since.
    checking: bool,
    more: bool,
    told: bool,
}

/// What is to be done with files after a check.
#[derive(Debug, PartialEq)]
pub enum Checked {
    /// More have come meanwhile.
    Again,
    Waits {
        first_time: bool,
        left: Duration,
    },
    Ready(Vec<PathBuf>),
}

impl Waiting {
    /// Adds files. Gives all that wait, if they are to be checked now.
    pub fn add(&mut self, paths: Vec<PathBuf>) -> Option<Vec<PathBuf>> {
        self.paths.extend(paths);
        if self.paths.is_empty() {
            return None;
        }
        self.since.get_or_insert_with(Instant::now);
        self.more = self.checking;
        if std::mem::replace(&mut self.checking, true) {
            return None;
        }
        Some(self.paths.iter().cloned().collect())
    }

    pub fn checked(&mut self, paths: &[PathBuf], is_misfit: bool) -> Checked {
        self.checking = false;
        if std::mem::take(&mut self.more) {
            return Checked::Again;
        }
        let left = LONGEST_WAIT.saturating_sub(self.since.map_or(Duration::ZERO, |since| since.elapsed()));
        if is_misfit && !left.is_zero() {
            return Checked::Waits { first_time: !std::mem::replace(&mut self.told, true), left };
        }
        *self = Self::default();
        Checked::Ready(paths.to_vec())
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_waits_for_what_does() {
        let (one, other) = (PathBuf::from("/a.py"), PathBuf::from("/b.py"));
        let mut waiting = Waiting::default();
        assert_eq!(waiting.add(Vec::new()), None);
        let first = waiting.add(vec![one.clone()]).expect("it is checked");
        // While that is found out, the other one comes.
        assert_eq!(waiting.add(vec![other.clone()]), None);
        assert_eq!(waiting.checked(&first, true), Checked::Again);
        let both = waiting.add(Vec::new()).expect("both are checked");
        assert_eq!(both, [one.clone(), other]);
        assert_eq!(waiting.checked(&both, false), Checked::Ready(both));
        let first = waiting.add(vec![one]).expect("it is checked");
        assert!(matches!(waiting.checked(&first, true), Checked::Waits { first_time: true, .. }));
        let again = waiting.add(Vec::new()).expect("it is checked again");
        assert!(matches!(waiting.checked(&again, true), Checked::Waits { first_time: false, .. }));
    }
}
