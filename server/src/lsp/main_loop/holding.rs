//! Calls that fail in the processes of the window: the editor counts as somebody who watches, for as long as it is there.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use hotsplice_channel::codes;
use hotsplice_channel::message::{DebugAnswer, DebugRequest, Hold};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tower_lsp::ls_types::{MessageType, Position, Uri};

use super::State;
use crate::failure::Failure;
use crate::lsp::commands::{Answer, How};
use crate::lsp::events::{Asked, Cause, Done, Event};
use crate::lsp::guards;
use crate::lsp::holds::{self, Held};
use crate::lsp::patches::{self, Part};
use crate::lsp::settings::Guard;
use crate::lsp::status::HoldTold;

impl State {
    /// Has calls of the session's process held if it is one of the window, and no more if it is not.
    pub(super) fn watch_holds(&mut self, id: &str) {
        let Some(session) = self.pool.find(id).cloned() else { return };
        let wanted = session.belongs();
        if !self.holds.set_watched(id, wanted) {
            return;
        }
        if !wanted {
            self.forget_holds(id);
        }
        let (events, id) = (self.events.clone(), id.to_owned());
        let ((folders, guard), client, runtime) = (self.guarded_folders(), self.client.clone(), self.runtime.clone());
        std::thread::spawn(move || {
            if wanted && let Err(failure) = guards::guard_folders(&session, &[], &folders, guard) {
                runtime.block_on(client.log_message(MessageType::WARNING, failure.to_string()));
            }
            let held = session
                .watch_holds(wanted)
                .and_then(|()| if wanted { session.holds() } else { Ok(Default::default()) });
            // The loop is gone when the server ends.
            let _ = events.send(Event::Holds(id, held.ok().map(|answer| answer.holds)));
        });
    }

    /// What `hotsplice.guard` is about, and what it says.
    pub(super) fn guarded_folders(&self) -> (Vec<String>, Guard) {
        let guard = self.settings.guard;
        if guard == Guard::Off { (Vec::new(), guard) } else { (guards::folders(&self.workspace), guard) }
    }

    /// The setting, or the window's folders, were others before.
    pub(super) fn guard_folders(&self, former: &(Vec<String>, Guard)) {
        let wanted = self.guarded_folders();
        if wanted == *former {
            return;
        }
        for session in self.pool.sessions.iter().filter(|session| session.watches_holds()) {
            let session = session.clone();
            let (client, runtime, (former, _), (folders, guard)) =
                (self.client.clone(), self.runtime.clone(), former.clone(), wanted.clone());
            std::thread::spawn(move || {
                if let Err(failure) = guards::guard_folders(&session, &former, &folders, guard) {
                    runtime.block_on(client.log_message(MessageType::WARNING, failure.to_string()));
                }
            });
        }
    }

    /// What waited already, or that the process is to be asked again.
    pub(super) fn holds_known(&mut self, id: &str, held: Option<Vec<Hold>>) {
        match held {
            Some(held) => held.into_iter().for_each(|hold| self.hold_began(id, hold)),
            None => drop(self.holds.set_watched(id, false)),
        }
        self.tell_status();
    }

    pub(super) fn hold_began(&mut self, id: &str, hold: Hold) {
        let Some(session) = self.pool.find(id).cloned() else { return };
        let (number, path, since) = (hold.hold, hold.path.clone(), hold.since);
        // What was executed from a string is in no file.
        let uri = self.uri_of(&path).filter(|uri| self.document(uri).is_ok());
        if !self.holds.begin(session.clone(), hold, uri) {
            return;
        }
        let (events, id) = (self.events.clone(), id.to_owned());
        std::thread::spawn(move || {
            let text = catch_unwind(AssertUnwindSafe(|| holds::text_at(&session, &path, since)));
            let _ = events.send(Event::HoldPlaced(id, number, text.unwrap_or_default()));
        });
    }

    /// It is shown once it is known where.
    pub(super) fn hold_placed(&mut self, id: &str, number: u64, text: Option<Arc<str>>) {
        // It may be over by now.
        let Some(held) = self.holds.find(id, number) else { return };
        (held.text, held.is_placed) = (text, true);
        let held = held.clone();
        self.show_hold(&held);
        self.log(
            MessageType::INFO,
            format!("{} is held ({})\n{}", held.hold.function, held.name(), held.hold.traceback),
        );
        self.tell_hold(&held);
    }

    pub(super) fn hold_ended(&mut self, id: &str, number: u64) {
        if let Some(held) = self.holds.end(id, number) {
            self.show_hold(&held);
        }
    }

    pub(super) fn forget_holds(&mut self, id: &str) {
        for uri in self.holds.forget_session(id) {
            self.publish(&uri);
        }
        self.tell_status();
    }

    /// Something went live in a process: what is held there may be mended.
    pub(super) fn patched_under_holds(&mut self, id: &str) {
        let mut mended = Vec::new();
        for held in self.holds.all_mut().filter(|held| held.session.entry.id == id) {
            held.is_patched = true;
            mended.push(held.clone());
        }
        for held in mended.into_iter().filter(|held| held.is_placed && !held.is_answered) {
            self.show_hold(&held);
            self.tell_hold(&held);
        }
    }

    /// A file has come to be known by this name.
    pub(super) fn opened(&mut self, uri: &Uri) {
        let paths: Vec<(String, u64, String)> = self
            .holds
            .all()
            .filter(|held| held.uri.as_ref() != Some(uri))
            .map(|held| (held.session.entry.id.clone(), held.hold.hold, held.hold.path.clone()))
            .collect();
        for (id, number, path) in paths {
            let Some(now) = self.uri_of(&path) else { continue };
            let Some(held) = self.holds.find(&id, number) else { continue };
            if let Some(former) = held.uri.replace(now.clone()).filter(|former| *former != now) {
                self.publish(&former);
            }
        }
        if !self.holds.of_file(uri).is_empty() {
            self.publish(uri);
        }
    }

    /// Shows a call, or shows it no more.
    fn show_hold(&mut self, held: &Held) {
        if let Some(uri) = &held.uri {
            self.publish(uri);
        }
        self.tell_status();
        self.refresh_lenses();
    }

    fn tell_hold(&self, held: &Held) {
        let told = self.hold_to_json(held);
        if !self.takes_notifications {
            let place = format!("{}:{}", held.hold.path, told["line"].as_u64().unwrap_or_default() + 1);
            return self.say(MessageType::WARNING, format!("{}; code actions at {place} answer it", held.message()));
        }
        let client = self.client.clone();
        self.runtime.block_on(async move { client.send_notification::<HoldTold>(told).await });
    }

    fn hold_to_json(&self, held: &Held) -> Value {
        held.to_json(held.uri.as_ref().and_then(|uri| self.text_of(uri)).as_deref())
    }

    pub(super) fn holds_to_json(&self) -> Value {
        self.holds.all().map(|held| self.hold_to_json(held)).collect()
    }

    /// What a file shows now.
    pub(super) fn text_of(&self, uri: &Uri) -> Option<Arc<str>> {
        self.document(uri).ok().map(|document| document.text)
    }

    pub(super) fn answer_hold(
        &mut self,
        hold: Option<String>,
        place: Option<(Uri, Position)>,
        answer: Answer,
        Asked { answer: asked, cancel }: Asked,
    ) {
        let document = place.as_ref().and_then(|(uri, _)| self.document(uri).ok());
        let outline = document.map(|document| document.outline());
        let place = place.as_ref().zip(outline.as_ref()).map(|((uri, at), outline)| (uri, at.line + 1, &**outline));
        let held = match self.holds.meant(hold.as_deref(), place) {
            Ok(held) => held.clone(),
            Err(failure) => return self.work(Cause::Command, Some(asked), move || Err(failure)),
        };
        match answer {
            Answer::Return(expression) => {
                self.work(Cause::Command, Some(asked), move || {
                    held.answer("return", Some(expression), None).map(|()| Vec::new())
                });
            }
            Answer::Raise => {
                self.work(Cause::Command, Some(asked), move || held.answer("raise", None, None).map(|()| Vec::new()));
            }
            Answer::Debug { listen, debugpy } => self.debug_hold(held, listen, debugpy, asked),
            Answer::Retry { patch, frame } => {
                let document = held.uri.as_ref().filter(|_| patch).and_then(|uri| self.document(uri).ok());
                let (id, number) = (held.session.entry.id.clone(), held.hold.hold);
                if let Some(known) = self.holds.find(&id, number) {
                    // That it was patched is no news for who has asked for both.
                    known.is_answered = true;
                }
                let snapshot = held.uri.clone().zip(document).map(|(uri, document)| self.snapshot(uri, document));
                let events = self.events.clone();
                self.work(Cause::Command, Some(asked), move || {
                    let patched = snapshot.map_or_else(
                        || Ok(Vec::new()),
                        |snapshot| {
                            let snapshot = snapshot();
                            let edited = patches::edited(std::slice::from_ref(&snapshot.document), &snapshot.sessions);
                            if edited.is_empty() {
                                return Ok(Vec::new());
                            }
                            held.choose(frame)?;
                            patches::patch(&snapshot, Part::File(How::default()), &cancel)
                        },
                    );
                    let is_live = patched.as_ref().is_ok_and(|results| results.iter().all(|result| result.committed));
                    let outcome = if is_live { held.answer("retry", None, frame) } else { Ok(()) };
                    if !is_live || outcome.is_err() {
                        let _ = events.send(Event::StaysHeld(id, number));
                    }
                    outcome.and(patched)
                });
            }
        }
    }

    /// Has a debugger stand where it failed. That none can be had is an answer: the client knows of others.
    fn debug_hold(
        &self,
        held: Held,
        listen: bool,
        debugpy: Option<String>,
        asked: oneshot::Sender<Result<Value, Failure>>,
    ) {
        let (client, runtime, is_silent) = (self.client.clone(), self.runtime.clone(), self.takes_notifications);
        let by = if listen { "listen" } else { "debugger" };
        let wanted = DebugRequest { hold: held.hold.hold, by: by.to_owned(), input: None, debugpy };
        std::thread::spawn(move || {
            let answer = match held.session.debug_hold(&wanted).map_err(Failure::from) {
                Err(failure) if failure.code == codes::NO_DEBUGGER => DebugAnswer {
                    by: "none".to_owned(),
                    message: format!(
                        "{}; `hotsplice debug {}` in a terminal is pdb there",
                        failure.message,
                        held.name()
                    ),
                    ..DebugAnswer::default()
                },
                Err(failure) => return drop(asked.send(Err(failure))),
                Ok(answer) => answer,
            };
            if !is_silent {
                runtime.block_on(client.show_message(MessageType::INFO, answer.message.clone()));
            }
            let mut told = json!(answer);
            told["hold"] = json!(held.name());
            told["function"] = json!(held.hold.function);
            let _ = asked.send(Ok(told));
        });
    }

    /// A patch before a retry was refused.
    pub(super) fn stays_held(&mut self, id: &str, number: u64) {
        if let Some(held) = self.holds.find(id, number) {
            held.is_answered = false;
            let held = held.clone();
            self.show_hold(&held);
        }
    }

    /// Guards a function of a file in the processes that have loaded it, or no more.
    pub(super) fn guard(&mut self, uri: Uri, name: Option<String>, position: Position, remove: bool, asked: Asked) {
        let document = match self.document(&uri) {
            Ok(document) => document,
            Err(failure) => return self.work(Cause::Command, Some(asked.answer), move || Err(failure)),
        };
        let (events, finished) = (self.events.clone(), self.done.clone());
        let (snapshot, client, runtime) = (self.snapshot(uri, document), self.client.clone(), self.runtime.clone());
        std::thread::spawn(move || {
            let guarded = catch_unwind(AssertUnwindSafe(|| guards::guard(&snapshot(), name, position, remove)));
            let guarded = guarded.unwrap_or_else(|_| Err(Failure::new(codes::INTERNAL, "hotsplice failed")));
            match guarded {
                Ok(message) => {
                    runtime.block_on(client.show_message(MessageType::INFO, message.clone()));
                    let _ = asked.answer.send(Ok(json!(message)));
                }
                Err(failure) => {
                    let done = Done {
                        outcome: Err(failure),
                        took: std::time::Duration::ZERO,
                        cause: Cause::Command,
                        answer: Some(asked.answer),
                    };
                    finished.put(done);
                    let _ = events.send(Event::Patched);
                }
            }
        });
    }
}
