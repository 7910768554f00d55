//! What is saved goes live: without an editor, by the same way as with one.
//!
//! Files that are saved within [`QUIET`] of each other belong together and are one patch. An edit that names nothing of other
//! files need not wait for them ([`hotsplice_analysis::is_self_contained`]).

mod disk;
mod report;
mod sessions;

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant, SystemTime};

use hotsplice_analysis::is_self_contained;
use hotsplice_channel::patch::Options;
use hotsplice_channel::registry;

use crate::cancel::Cancel;
use crate::outlines;
use crate::patching::{self, FileResult, Wanted, WantedFile};
use crate::session::Session;
use crate::source_file;
use disk::{Disk, Touched};
pub use report::Report;
use sessions::Sessions;

/// Files that are saved so soon after each other are one patch.
const QUIET: Duration = Duration::from_millis(150);

/// Of more files that were saved at once it is not worked out whether they belong together.
const FEW: usize = 4;

/// For how long a file that is gone or empty may be one that is just being saved.
const UNFINISHED: Duration = Duration::from_secs(2);

/// What the loop is woken by.
#[derive(Debug)]
pub enum Event {
    Touched(Touched),
    /// A session came into the registry, or loaded a module, or ended.
    Sessions,
    /// A patch went live in this session, of these files and versions: ours, or somebody else's.
    Patched(String, serde_json::Value),
    /// Nobody is left to watch for.
    Stop,
}

/// Which processes and files are watched.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// Files in these folders, and these files; without any, all that are not installed packages.
    pub paths: Vec<PathBuf>,
    pub pid: Option<u32>,
    /// This process and those that it started.
    pub tree: Option<u32>,
}

impl Scope {
    /// Those that are watched of the files that a process has loaded.
    fn files(&self, session: &Session) -> Vec<PathBuf> {
        let is_held = |installed: bool, path: &Path| match self.paths.is_empty() {
            true => !installed,
            false => self.paths.iter().any(|own| path.starts_with(own)),
        };
        let loaded = session.files().unwrap_or_default();
        let loaded = loaded.iter().filter(|file| file.cell.is_none());
        let named = loaded.map(|file| (file.installed, session.editor_path(&file.path)));
        named.filter(|(installed, path)| is_held(*installed, path)).map(|(_, path)| path).collect()
    }
}

/// Watches until it is told to stop. `events` is the other end of `inbox`.
pub fn run(scope: &Scope, run_statements: bool, report: &mut Report, events: &Sender<Event>, inbox: &Receiver<Event>) {
    Watch {
        scope,
        run_statements,
        disk: Disk::new(events.clone()),
        sessions: Sessions::start(events.clone()),
        batch: BTreeSet::new(),
        waiting: BTreeSet::new(),
        unfinished: HashMap::new(),
        due: None,
        refused: HashMap::new(),
        waits_for: None,
        was_served: false,
        left_alone: None,
        report,
    }
    .run(inbox);
}

/// A loop's two ends.
pub fn events() -> (Sender<Event>, Receiver<Event>) {
    channel()
}

struct Watch<'a> {
    scope: &'a Scope,
    run_statements: bool,
    disk: Disk,
    sessions: Sessions,
    /// Saved, and not yet patched.
    batch: BTreeSet<PathBuf>,
    /// Refused: they go with the next save.
    waiting: BTreeSet<PathBuf>,
    /// Gone or empty, and since when.
    unfinished: HashMap<PathBuf, Instant>,
    due: Option<Instant>,
    /// The text of a file that was refused last: the same text is refused in silence.
    refused: HashMap<PathBuf, String>,
    /// Why there is nothing to watch, if that has been reported.
    waits_for: Option<String>,
    was_served: bool,
    /// Since when there has been none of the sessions that there were: a process that ends is none a little before.
    left_alone: Option<Instant>,
    report: &'a mut Report,
}

impl Watch<'_> {
    fn run(&mut self, inbox: &Receiver<Event>) {
        self.look_at_sessions();
        loop {
            let next = self.due.map_or(self.disk.next_sweep(), |due| due.min(self.disk.next_sweep()));
            match inbox.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(first) => {
                    if self.take(std::iter::once(first).chain(inbox.try_iter())) {
                        return;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) if self.sessions.is_incomplete || self.left_alone.is_some() => {
                    self.look_at_sessions();
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self.is_over() {
                return;
            }
            let saved = self.disk.sweep();
            self.add(saved);
            if self.due.is_some_and(|due| due <= Instant::now()) {
                self.patch();
            }
        }
    }

    /// What has come by now, once for whatever is told many times: each module of a program that starts, each file of a branch.
    /// Says whether to stop.
    fn take(&mut self, events: impl Iterator<Item = Event>) -> bool {
        let mut folders: HashMap<Option<PathBuf>, bool> = HashMap::new();
        let mut is_about_sessions = false;
        for event in events {
            match event {
                Event::Touched(Touched { folder, complete }) => *folders.entry(folder).or_default() |= complete,
                Event::Sessions => is_about_sessions = true,
                Event::Patched(id, params) => self.sessions.patched(&id, &params),
                Event::Stop => return true,
            }
        }
        if is_about_sessions {
            self.look_at_sessions();
        }
        for (folder, complete) in folders {
            let saved = self.disk.saved_in(folder.as_deref());
            self.add(saved);
            if complete && self.need_not_wait() {
                self.patch();
            }
        }
        false
    }

    /// Whether the only process that is watched is gone.
    fn is_over(&self) -> bool {
        let is_gone = |pid| registry::process_started(pid).is_none();
        self.scope.pid.is_some_and(|pid| self.sessions.all().is_empty() && is_gone(pid))
    }

    fn look_at_sessions(&mut self) {
        let came = self.sessions.refresh(self.scope);
        let files = self.sessions.files(self.scope);
        let added = self.disk.watch(&files);
        for session in &came {
            self.report.watches(&session.name(), self.scope.files(session).len());
        }
        for reason in self.disk.without_notification.drain(..) {
            self.report.polls(&reason);
        }
        self.report_waiting(files.is_empty());
        // What was saved before it was watched: between its import and now.
        let changed = self.differing(&added);
        self.add(changed);
    }

    /// Whoever waits in vain is told what for. A program that `run` has just started is about to come.
    fn report_waiting(&mut self, without_files: bool) {
        let is_alone = self.sessions.all().is_empty();
        self.was_served |= !is_alone;
        self.left_alone = (is_alone && self.was_served).then(|| self.left_alone.unwrap_or_else(Instant::now));
        let may_be_ending = self.left_alone.is_some_and(|since| since.elapsed() < UNFINISHED);
        let waits_for = match self.scope {
            Scope { tree: Some(_), .. } => None,
            Scope { pid: Some(_), .. } if may_be_ending => None,
            Scope { pid: Some(pid), .. } if self.sessions.all().is_empty() => Some(format!(
                "process {pid} is no session: it has to call hotsplice.listen(), or `hotsplice attach {pid}`"
            )),
            _ if self.sessions.all().is_empty() => Some(
                "no process can be patched yet: `hotsplice run` starts one, `hotsplice attach` reaches others"
                    .to_owned(),
            ),
            Scope { paths, .. } if without_files && !paths.is_empty() => {
                let named: BTreeSet<String> = paths.iter().map(|path| path.display().to_string()).collect();
                Some(format!("no process has loaded a file of {}", named.into_iter().collect::<Vec<_>>().join(", ")))
            }
            _ => None,
        };
        if waits_for != self.waits_for {
            if let Some(reason) = &waits_for {
                self.report.waits(reason);
            }
            self.waits_for = waits_for;
        }
    }

    fn differing(&self, files: &[PathBuf]) -> Vec<PathBuf> {
        let sessions = self.sessions.all();
        let Some(oldest) = sessions.iter().filter_map(|session| registry::started_at(&session.entry)).min() else {
            return Vec::new();
        };
        let differs = |path: &&PathBuf| {
            let text = disk::changed_since(path, oldest).then(|| source_file::read(path).ok()).flatten();
            text.is_some_and(|text| sessions.iter().any(|session| self.is_other(session, path, &text)))
        };
        files.iter().filter(differs).cloned().collect()
    }

    /// Whether a process runs another text of the file.
    fn is_other(&self, session: &Arc<Session>, path: &Path, text: &str) -> bool {
        let Ok(Some(known)) = session.loaded(path) else { return false };
        session.known_baseline(&known).is_ok_and(|live| live.text() != text)
    }

    fn add(&mut self, saved: Vec<PathBuf>) {
        if !saved.is_empty() {
            self.batch.extend(saved);
            self.due = Some(Instant::now() + QUIET);
        }
    }

    /// Whether a file may be about to be filled, or made again, by whoever saves that way.
    fn is_unfinished(&mut self, path: &Path, text: Option<&str>, now: Instant) -> bool {
        let is_whole = text.map_or_else(|| path.exists(), |text| !text.trim().is_empty());
        if is_whole {
            self.unfinished.remove(path);
            return false;
        }
        let since = *self.unfinished.entry(path.to_owned()).or_insert(now);
        let is_over = now.saturating_duration_since(since) >= UNFINISHED;
        if is_over {
            self.unfinished.remove(path);
        }
        !is_over
    }

    /// Whether the only file that was saved holds nothing that another one could still have to be saved for.
    fn need_not_wait(&self) -> bool {
        if self.batch.len() > FEW || !self.waiting.is_empty() {
            return false;
        }
        // What was touched and is live as it is does not count.
        let texts = self.batch.iter().map(|path| (path, source_file::read(path)));
        let mut differing = texts.filter(|(path, text)| {
            let is_other = |text: &String| self.sessions.all().iter().any(|session| self.is_other(session, path, text));
            text.as_ref().map_or(true, is_other)
        });
        let (Some((path, Ok(text))), None) = (differing.next(), differing.next()) else { return false };
        let outline = outlines::parse(&self.sessions.all(), path, &text);
        self.sessions.all().iter().all(|session| match session.loaded(path) {
            Ok(Some(known)) => {
                session.known_baseline(&known).is_ok_and(|live| is_self_contained(live.outline(), &outline))
            }
            Ok(None) => true,
            Err(_) => false,
        })
    }

    fn patch(&mut self) {
        let started = Instant::now();
        self.due = None;
        let saved = std::mem::take(&mut self.batch);
        let earlier: Vec<PathBuf> = std::mem::take(&mut self.waiting).difference(&saved).cloned().collect();
        let sessions = self.sessions.all();
        let waiting = self.differing_files(&sessions, earlier, started);
        let files = self.differing_files(&sessions, saved, started);
        if files.is_empty() && waiting.is_empty() {
            return;
        }
        let is_broken = |file: &WantedFile| file.outline.as_ref().is_some_and(|outline| !outline.is_valid());
        // What was refused before goes with what is saved now, if it can; it holds nothing up that could go without it.
        let together: Vec<WantedFile> = files.iter().chain(&waiting).cloned().collect();
        let is_apart = !files.is_empty() && !waiting.is_empty();
        if !(is_apart && waiting.iter().any(is_broken)) {
            let (wanted, results) = self.attempt(&sessions, together);
            if !(is_apart && is_refused(&results)) {
                return self.conclude(&sessions, wanted, &results, started);
            }
        }
        self.waiting.extend(waiting.into_iter().map(|file| file.path));
        let (wanted, results) = self.attempt(&sessions, files);
        self.conclude(&sessions, wanted, &results, started);
    }

    /// Those of which a process runs another text than the disk holds.
    fn differing_files(
        &mut self,
        sessions: &[Arc<Session>],
        paths: impl IntoIterator<Item = PathBuf>,
        started: Instant,
    ) -> Vec<WantedFile> {
        let mut files = Vec::new();
        for path in paths {
            let text = source_file::read(&path);
            if self.is_unfinished(&path, text.as_deref().ok(), started) {
                self.batch.insert(path);
                self.due = Some(started + UNFINISHED);
                continue;
            }
            match text {
                Ok(text) => {
                    if sessions.iter().any(|session| self.is_other(session, &path, &text)) {
                        let outline = Some(outlines::parse(sessions, &path, &text));
                        files.push(WantedFile { outline, ..WantedFile::new(path, text) });
                    } else {
                        self.refused.remove(&path);
                    }
                }
                Err(_) if !path.exists() => files.push(WantedFile::deleted(path)),
                Err(error) => self.report.unreadable(&error.to_string()),
            }
        }
        files
    }

    fn attempt(&self, sessions: &[Arc<Session>], files: Vec<WantedFile>) -> (Wanted, Vec<FileResult>) {
        let wanted = Wanted {
            label: match files.as_slice() {
                [file] => format!("Saved {}", file.path.file_name().unwrap_or_default().to_string_lossy()),
                files => format!("Saved {} files", files.len()),
            },
            files,
            options: Options { run_statements: self.run_statements, ..Options::default() },
            dry_run: false,
            each: false,
            asked: SystemTime::now(),
            cancel: Cancel::default(),
        };
        let results = patching::patch_in_silence(sessions, &wanted);
        (wanted, results)
    }

    /// Tells what became of it, and has what was refused wait for the next save.
    fn conclude(&mut self, sessions: &[Arc<Session>], wanted: Wanted, results: &[FileResult], started: Instant) {
        let is_known = |file: &WantedFile| self.refused.get(&file.path) == Some(&file.text);
        let is_broken = |file: &WantedFile| file.outline.as_ref().is_some_and(|outline| !outline.is_valid());
        let mut broken = wanted.files.iter().filter(|file| is_broken(file)).peekable();
        if broken.peek().is_none() || !broken.all(is_known) {
            self.report.patched(results, started.elapsed());
            patching::log_refused(sessions, &wanted, results);
        }
        let is_refused = is_refused(results);
        for file in wanted.files {
            if is_refused {
                self.waiting.insert(file.path.clone());
                self.refused.insert(file.path, file.text);
            } else {
                self.refused.remove(&file.path);
            }
        }
    }
}

fn is_refused(results: &[FileResult]) -> bool {
    results.iter().any(FileResult::is_refused)
}
