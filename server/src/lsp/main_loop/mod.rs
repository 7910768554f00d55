//! The one place that owns the server's state. Events come in the order in which the editor sent them; what may take
//! time runs on a thread of its own, on a snapshot, and comes back as an event.

mod holding;
mod requests;
mod results;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use hotsplice_channel::{registry, watchers};
use tokio::runtime::Handle;
use tower_lsp::Client;
use tower_lsp::ls_types::{InitializeParams, MessageType, TextDocumentContentChangeEvent, TextDocumentSaveReason, Uri};

use crate::session::registry_watch;

use super::documents::{Documents, file_path};
use super::events::{Event, Finished};
use super::external_changes::{self, Collector, Waiting};
use super::holds::Holds;
use super::pool::{self, Pool};
use super::positions::Encoding;
use super::settings::{Match, Settings};
use super::status::StatusParams;
use super::verdicts::Verdicts;
use crate::workspace::Workspace;

struct State {
    /// Programs that come know that we look at them.
    announced: Option<watchers::Announced>,
    client: Client,
    runtime: Handle,
    events: Sender<Event>,
    done: Finished,
    encoding: Encoding,
    shows_disabled: bool,
    shows_documents: bool,
    /// The client has views of its own for what goes beyond the protocol.
    takes_notifications: bool,
    /// It shows by itself how a program becomes one that can be patched.
    shows_ways_in: bool,
    refreshes_lenses: bool,
    /// Sessions that are being looked at, and whether they are to be looked at once more after that.
    observing: HashMap<String, bool>,
    /// It is to be told what they said.
    tells_soon: bool,
    can_watch_files: bool,
    watches_files: bool,
    changes: Collector,
    waiting: Waiting,
    folders: Vec<PathBuf>,
    workspace: Arc<Workspace>,
    documents: Documents,
    settings: Settings,
    pool: Pool,
    verdicts: Verdicts,
    holds: Holds,
    last_save: Option<(Uri, TextDocumentSaveReason)>,
    last_status: Option<StatusParams>,
    /// Names of the sessions that the log says are there, by id.
    logged_sessions: HashMap<String, String>,
}

/// Starts the loop on a thread of its own; it ends with the last sender.
pub fn start(client: Client) -> Sender<Event> {
    let (events, inbox) = channel();
    let state = State {
        announced: None,
        client,
        runtime: Handle::current(),
        events: events.clone(),
        done: Finished::default(),
        encoding: Encoding::default(),
        shows_disabled: false,
        shows_documents: false,
        takes_notifications: false,
        shows_ways_in: false,
        refreshes_lenses: false,
        observing: HashMap::new(),
        tells_soon: false,
        can_watch_files: false,
        watches_files: false,
        changes: Collector::start(events.clone()),
        waiting: Waiting::default(),
        folders: Vec::new(),
        workspace: Arc::default(),
        documents: Documents::default(),
        settings: Settings::default(),
        pool: Pool::default(),
        verdicts: Verdicts::default(),
        holds: Holds::default(),
        last_save: None,
        last_status: None,
        logged_sessions: HashMap::new(),
    };
    std::thread::Builder::new().name("main-loop".to_owned()).spawn(move || run(state, inbox)).ok();
    events
}

fn run(mut state: State, inbox: Receiver<Event>) {
    for event in inbox {
        // A mistake in one feature must not take the editor's server away.
        let outcome = catch_unwind(AssertUnwindSafe(|| state.handle(event)));
        if outcome.is_err() {
            state.log(MessageType::ERROR, "hotsplice failed on a request; the session goes on".to_owned());
        }
    }
}

/// The folder of an editor that knows of one only.
#[expect(deprecated, reason = "older clients have nothing else")]
fn root(params: &InitializeParams) -> Option<PathBuf> {
    let named = params.root_uri.as_ref().and_then(file_path);
    named.or_else(|| params.root_path.as_ref().map(PathBuf::from).filter(|path| path.is_absolute()))
}

impl State {
    fn handle(&mut self, event: Event) {
        for done in self.done.take() {
            self.patched(done);
        }
        match event {
            Event::Initialize(params, encoding) => self.initialize(&params, encoding),
            Event::Initialized => {
                self.log(MessageType::INFO, format!("hotsplice {} is ready", env!("CARGO_PKG_VERSION")));
                self.look();
                self.tell_status();
                self.watch_files();
                let events = self.events.clone();
                registry_watch::start(move || events.send(Event::Look).is_ok());
                // Programs don't wait for us if it can't be said.
                self.announced = watchers::announce(&registry::directory()).ok();
            }
            Event::Open(uri, version, text) => {
                self.documents.open(uri.clone(), version, text);
                self.opened(&uri);
            }
            Event::OpenCell(uri, version, text) => {
                self.documents.open_cell(uri.clone(), version, text);
                self.cell_defines(&uri);
                self.opened(&uri);
            }
            Event::Change(uri, version, changes) => self.change(&uri, version, changes),
            Event::WillSave(uri, reason) => self.last_save = Some((uri, reason)),
            Event::Saved(uri, asked) => self.saved(&uri, asked),
            Event::Close(uri) => self.close(&uri),
            Event::Settings(value) => {
                let former = self.guarded_folders();
                if let Err(message) = self.settings.update(&value) {
                    self.show(message);
                }
                self.set_workspace();
                self.guard_folders(&former);
                self.watch_files();
                self.tell_status();
                self.refresh_lenses();
            }
            Event::CodeActions(params, answer) => self.code_actions(*params, answer),
            Event::Command(command, asked) => self.command(command, asked),
            Event::Folders(change) => {
                let former = self.guarded_folders();
                let removed: Vec<PathBuf> = change.removed.iter().filter_map(|folder| file_path(&folder.uri)).collect();
                self.folders.retain(|folder| !removed.contains(folder));
                self.folders.extend(change.added.iter().filter_map(|folder| file_path(&folder.uri)));
                self.set_workspace();
                self.guard_folders(&former);
                self.tell_status();
                self.refresh_lenses();
            }
            Event::Look => self.look(),
            Event::FileChanged(uri) => self.file_changed(&uri),
            Event::ExternalChanges(paths) => self.external_changes(paths),
            Event::Fitted(paths, misfit) => self.fitted(&paths, misfit),
            Event::Connected(id, outcome) => self.connected(&id, outcome),
            Event::CodeLenses(uri, answer) => self.code_lenses(uri, answer),
            Event::Hover(uri, position, answer) => self.hover(uri, position, answer),
            Event::ModuleLoaded(id, path) => {
                if let Some(session) = self.pool.find(&id) {
                    session.forget_baseline(&path);
                }
                self.observe(&id);
            }
            Event::PatchApplied(id, params) => {
                let files = params["files"].as_array().into_iter().flatten();
                let versions = files.filter_map(|file| Some((file["path"].as_str()?, file["version"].as_u64()?)));
                if let Some(session) = self.pool.find(&id) {
                    versions.for_each(|(path, version)| session.forget_unless(path, version));
                }
                self.patched_under_holds(&id);
                self.observe(&id);
            }
            Event::HoldBegan(id, hold) => self.hold_began(&id, hold),
            Event::HoldEnded(id, number) => self.hold_ended(&id, number),
            Event::HoldPlaced(id, number, text) => self.hold_placed(&id, number, text),
            Event::Holds(id, held) => self.holds_known(&id, held),
            Event::StaysHeld(id, number) => self.stays_held(&id, number),
            Event::StatusChanged(id) => self.observe(&id),
            Event::OldCodeLeft(id, path, definition) => {
                self.verdicts.old_code_left(&id, &path, &definition);
                self.observe(&id);
            }
            Event::Observed(id, asked) => self.observed(&id, Some(asked)),
            Event::NotObserved(id) => self.observed(&id, None),
            Event::Tell => self.tell(),
            Event::LensesFaded => self.refresh_lenses(),
            Event::SessionEnded(id) => self.session_ended(&id),
            // It was taken already.
            Event::Patched => {}
        }
    }

    fn initialize(&mut self, params: &InitializeParams, encoding: Encoding) {
        self.encoding = encoding;
        let actions = params.capabilities.text_document.as_ref().and_then(|document| document.code_action.as_ref());
        self.shows_disabled = actions.is_some_and(|actions| actions.disabled_support.unwrap_or(false));
        let documents = params.capabilities.window.as_ref().and_then(|window| window.show_document.as_ref());
        self.shows_documents = documents.is_some_and(|documents| documents.support);
        let experimental = params.capabilities.experimental.as_ref();
        self.takes_notifications = experimental.is_some_and(|own| own["hotspliceNotifications"] == true);
        self.shows_ways_in = experimental.is_some_and(|own| own["hotspliceWaysIn"] == true);
        let workspace = params.capabilities.workspace.as_ref();
        let lenses = workspace.and_then(|workspace| workspace.code_lens.as_ref());
        self.refreshes_lenses = lenses.is_some_and(|lenses| lenses.refresh_support.unwrap_or(false));
        let watching = workspace.and_then(|workspace| workspace.did_change_watched_files.as_ref());
        self.can_watch_files = watching.is_some_and(|watching| watching.dynamic_registration.unwrap_or(false));
        let folders = params.workspace_folders.iter().flatten().map(|folder| &folder.uri);
        self.folders = folders.filter_map(file_path).collect();
        if self.folders.is_empty() {
            self.folders.extend(root(params));
        }
        if let Some(Err(message)) = params.initialization_options.as_ref().map(|options| self.settings.update(options))
        {
            self.show(message);
        }
        self.set_workspace();
    }

    fn set_workspace(&mut self) {
        self.workspace = Arc::new(Workspace {
            folders: self.folders.clone(),
            mappings: self.settings.path_mappings.clone(),
            takes_all: self.settings.sessions.matching == Match::All,
            cells: self.workspace.cells.clone(),
        });
        self.pool.set_workspace(&self.workspace);
        let ids: Vec<String> = self.pool.sessions.iter().map(|session| session.entry.id.clone()).collect();
        for id in ids {
            self.observe(&id);
        }
    }

    /// Has the editor watch files, or stop it, as the settings say.
    fn watch_files(&mut self) {
        let wanted = self.settings.patch_on_external_change;
        if !self.can_watch_files || wanted == self.watches_files {
            return;
        }
        self.watches_files = wanted;
        let client = self.client.clone();
        self.runtime.spawn(async move {
            // An editor that says no has no such changes to tell.
            let _ = if wanted {
                client.register_capability(vec![external_changes::registration()]).await
            } else {
                client.unregister_capability(vec![external_changes::unregistration()]).await
            };
        });
    }

    fn change(&mut self, uri: &Uri, version: i32, changes: Vec<TextDocumentContentChangeEvent>) {
        self.documents.edit(uri, version, changes, self.encoding);
        self.cell_defines(uri);
        let moved = self.verdicts.all().any(|(shown, _)| shown == uri)
            && self.documents.get(uri).is_some_and(|document| self.verdicts.follow(uri, &document.outline()));
        if moved || !self.holds.of_file(uri).is_empty() {
            self.publish(uri);
            self.tell_status();
        }
    }

    /// By what it defines, a cell is found in a kernel that does not know its name.
    fn cell_defines(&self, uri: &Uri) {
        let Some(cell) = self.documents.get(uri).filter(|document| document.is_cell) else { return };
        let outline = cell.outline();
        if outline.is_valid() {
            let outermost = outline.definitions().into_iter().filter(|one| !one.qualified_name.contains('.'));
            self.workspace.cells.define(&cell.path, outermost.map(|one| one.qualified_name).collect());
        }
    }

    fn close(&mut self, uri: &Uri) {
        if let Some(cell) = self.documents.get(uri).filter(|document| document.is_cell) {
            self.workspace.cells.forget(&cell.path);
        }
        self.documents.close(uri);
        if self.verdicts.forget_file(uri) || !self.holds.of_file(uri).is_empty() {
            self.publish(uri);
            self.tell_status();
        }
    }

    pub(super) fn look(&mut self) {
        let before = self.pool.trouble().map(str::to_owned);
        self.pool.refresh(&self.workspace, &self.events);
        if self.pool.trouble() != before.as_deref() {
            if let Some(trouble) = self.pool.trouble() {
                let further = if self.pool.shown().is_empty() { "" } else { "further " };
                self.show(format!("No {further}Python process can be found: {trouble}"));
            }
            self.tell_status();
        }
    }

    pub(super) fn look_later(&self) {
        let events = self.events.clone();
        self.runtime.spawn(async move {
            tokio::time::sleep(pool::RETRY).await;
            // The loop is gone when the server ends.
            let _ = events.send(Event::Look);
        });
    }
}
