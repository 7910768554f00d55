//! Calls that have failed and wait for an answer: where the editor shows them, and what can be done with them.
//!
//! A call is told in the lines of the text that was live when it failed; where its line is in what the editor shows is looked
//! up whenever it is shown.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use hotsplice_analysis::Outline;
use hotsplice_channel::codes;
use hotsplice_channel::message::{HeldFrame, Hold, HoldAnswer, HoldChoice};
use serde_json::{Value, json};
use tower_lsp::ls_types::{
    CodeAction, CodeActionKind, CodeActionOrCommand, CodeDescription, CodeLens, Command, Diagnostic,
    DiagnosticSeverity, NumberOrString, Position, Range, Uri,
};

use super::comparison::Snapshot;
use super::moved::Moved;
use super::positions::Encoding;
use super::{commands, patches, quick_fixes};
use crate::failure::Failure;
use crate::session::Session;

/// What happens when a call is held, for those who do not know it.
const EXPLANATION: &str = "https://github.com/hotsplice/hotsplice/blob/main/docs/failed-calls.md";
/// Clients that can ask for an expression do it by a command of their own, of this name.
const ASK_FOR_VALUE: &str = "hotsplice.returnValue";
/// And so do those that can start a debugger.
const ASK_DEBUGGER: &str = "hotsplice.debugHere";

/// How many calls further up are offered.
const MOST_ABOVE: usize = 3;

/// A call that waits.
#[derive(Clone)]
pub struct Held {
    pub session: Arc<Session>,
    pub hold: Hold,
    /// The editor's name of the file in which it failed.
    pub uri: Option<Uri>,
    /// The text in whose lines it is told, where the process knows it.
    pub text: Option<Arc<str>>,
    /// The process was asked for it; before that nobody is shown where the call failed.
    pub is_placed: bool,
    /// Something went live since: what was wrong may be mended.
    pub is_patched: bool,
    /// Somebody has answered: it is as good as over.
    pub is_answered: bool,
}

impl Held {
    /// As the command line has it.
    pub fn name(&self) -> String {
        format!("{}.{}", self.session.entry.pid, self.hold.hold)
    }

    fn is(&self, session: &str, number: u64) -> bool {
        self.session.entry.id == session && self.hold.hold == number
    }

    /// Where it failed, in the text as it is now; from 1.
    pub fn line(&self, text: &str) -> u32 {
        let former = self.hold.line.saturating_sub(1);
        let moved = self.text.as_ref().and_then(|known| Moved::new(known, text).now(former));
        moved.unwrap_or(former) + 1
    }

    /// What begins again, once what is patched before has gone live.
    pub fn choose(&self, frame: Option<u32>) -> Result<(), Failure> {
        Ok(self.session.choose_hold(&HoldChoice { hold: self.hold.hold, frame })?)
    }

    pub fn answer(&self, answer: &str, expression: Option<String>, frame: Option<u32>) -> Result<(), Failure> {
        let answer = HoldAnswer { hold: self.hold.hold, answer: answer.to_owned(), expression, frame };
        Ok(self.session.answer_hold(&answer)?)
    }

    /// For clients: `text` is what the file shows now.
    pub fn to_json(&self, text: Option<&str>) -> Value {
        let hold = &self.hold;
        json!({
            "hold": self.name(),
            "session": self.session.entry.id,
            "pid": self.session.entry.pid,
            "process": self.session.name(),
            "function": hold.function,
            "uri": self.uri,
            "path": hold.path,
            "line": text.map_or(hold.line, |text| self.line(text)).saturating_sub(1),
            "error": hold.error,
            "thread": hold.thread,
            "traceback": hold.traceback,
            "variables": hold.variables,
            "since": (hold.since * 1000.0) as u64,
            "stopsLoop": hold.stops_loop,
            "frames": hold.frames,
            "patched": self.is_patched,
            "message": self.message(),
        })
    }

    /// In one line, as a person is told.
    pub fn message(&self) -> String {
        let Hold { function, error, thread, .. } = &self.hold;
        let what = if self.is_patched { "is held, and was patched since," } else { "is held" };
        let stands = if self.hold.stops_loop { "; its event loop stands still" } else { "" };
        format!("{error} · {function} {what} in {thread} ({}){stands}", self.session.name())
    }
}

/// All that wait, and who is watched.
#[derive(Default)]
pub struct Holds {
    held: Vec<Held>,
    /// Those that are over, by session: what was asked before may still name them.
    ended: HashMap<String, HashSet<u64>>,
    /// Sessions whose calls are held for us.
    watched: HashSet<String>,
}

impl Holds {
    /// Notes whether a session is to be watched; true if it was otherwise.
    pub fn set_watched(&mut self, session: &str, watched: bool) -> bool {
        if watched { self.watched.insert(session.to_owned()) } else { self.watched.remove(session) }
    }

    /// True if the call was not known.
    pub fn begin(&mut self, session: Arc<Session>, hold: Hold, uri: Option<Uri>) -> bool {
        let id = &session.entry.id;
        let is_over = self.ended.get(id).is_some_and(|ended| ended.contains(&hold.hold));
        if is_over || !self.watched.contains(id) || self.held.iter().any(|held| held.is(id, hold.hold)) {
            return false;
        }
        self.held.push(Held {
            session,
            hold,
            uri,
            text: None,
            is_placed: false,
            is_patched: false,
            is_answered: false,
        });
        true
    }

    pub fn end(&mut self, session: &str, number: u64) -> Option<Held> {
        self.ended.entry(session.to_owned()).or_default().insert(number);
        let index = self.held.iter().position(|held| held.is(session, number))?;
        Some(self.held.remove(index))
    }

    /// The session is gone, or is not watched any more. Gives the files that are shown otherwise now.
    pub fn forget_session(&mut self, session: &str) -> Vec<Uri> {
        self.watched.remove(session);
        self.ended.remove(session);
        let (gone, left) =
            std::mem::take(&mut self.held).into_iter().partition(|held| held.session.entry.id == session);
        self.held = left;
        let gone: Vec<Held> = gone;
        gone.into_iter().filter_map(|held| held.uri).collect()
    }

    pub fn find(&mut self, session: &str, number: u64) -> Option<&mut Held> {
        self.held.iter_mut().find(|held| held.is(session, number))
    }

    /// Those that are shown: they wait for somebody.
    pub fn all(&self) -> impl Iterator<Item = &Held> {
        self.held.iter().filter(|held| held.is_placed && !held.is_answered)
    }

    pub fn all_mut(&mut self) -> impl Iterator<Item = &mut Held> {
        self.held.iter_mut()
    }

    pub fn of_file(&self, uri: &Uri) -> Vec<Held> {
        self.all().filter(|held| held.uri.as_ref() == Some(uri)).cloned().collect()
    }

    /// The call that is meant: by its name, by a place in a file, or because it is the only one.
    pub fn meant(&self, name: Option<&str>, place: Option<(&Uri, u32, &Outline)>) -> Result<&Held, Failure> {
        let missing = |message: String| Err(Failure::new(codes::NO_HOLD, message));
        if let Some(name) = name {
            let found = self.held.iter().find(|held| held.name() == name);
            return found.map_or_else(|| missing(format!("no call {name} is held")), Ok);
        }
        let all: Vec<&Held> = self.all().collect();
        let mut here = Vec::new();
        if let Some((uri, line, outline)) = place {
            let is_there = |held: &&&Held| held.uri.as_ref() == Some(uri) && is_at(held, outline, line);
            here.extend(all.iter().filter(is_there).copied());
        }
        match if here.is_empty() { &all[..] } else { &here[..] } {
            [only] => Ok(only),
            [] => missing("no call is held".to_owned()),
            several => {
                let names: Vec<String> = several.iter().map(|held| held.name()).collect();
                missing(format!("several calls are held: say which one ({})", names.join(", ")))
            }
        }
    }
}

/// What was live of a file at a time, in seconds since the epoch; nothing where the process does not know it.
pub fn text_at(session: &Session, path: &str, time: f64) -> Option<Arc<str>> {
    let live = session.known_baseline(path).ok()?;
    let formers = if live.baseline.version > 0 { session.history(path).ok()?.versions } else { Vec::new() };
    let replaced_since = formers.into_iter().filter(|former| former.replaced_at > time);
    let first = replaced_since.min_by(|one, other| one.replaced_at.total_cmp(&other.replaced_at));
    Some(first.map_or_else(|| live.text().into(), |former| former.text.into()))
}

pub fn diagnostics(held: &[Held], text: &str, encoding: Encoding) -> Vec<Diagnostic> {
    let mut shown: Vec<Diagnostic> = Vec::new();
    for held in held {
        let diagnostic = Diagnostic {
            range: encoding.line_range(text, held.line(text)),
            severity: Some(DiagnosticSeverity::ERROR),
            code: Some(NumberOrString::String(codes::CALL_HELD.to_owned())),
            code_description: EXPLANATION.parse().ok().map(|href| CodeDescription { href }),
            source: Some("hotsplice".to_owned()),
            message: held.message(),
            data: Some(json!({ "hold": held.name() })),
            ..Diagnostic::default()
        };
        shown.push(diagnostic);
    }
    shown
}

/// At the line that failed: the exception, and the values of the names there.
pub fn hover(held: &[Held], text: &str, line: u32) -> Option<String> {
    let here: Vec<String> = held.iter().filter(|held| held.line(text) == line).map(described).collect();
    (!here.is_empty()).then(|| here.join("\n"))
}

fn described(held: &Held) -> String {
    let hold = &held.hold;
    let mut text = format!(
        "**Hotsplice** `{}` is held in {} ({})\n\n{}\n",
        hold.function,
        hold.thread,
        held.session.name(),
        fenced(&hold.error)
    );
    if !hold.variables.is_empty() {
        let values: Vec<String> = hold.variables.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        text.push_str(&format!("\n{}\n", fenced(&values.join("\n"))));
    }
    if hold.stops_loop {
        text.push_str("\nIts event loop stands still meanwhile.\n");
    }
    text
}

/// What may hold a fence itself.
fn fenced(text: &str) -> String {
    let mut fence = "```".to_owned();
    while text.contains(&fence) {
        fence.push('`');
    }
    format!("{fence}python\n{text}\n{fence}")
}

/// Calls further up than the guarded one.
fn hold_frames_above(held: &Held) -> impl Iterator<Item = (usize, &HeldFrame)> {
    let frames = held.hold.frames.iter().enumerate();
    let above = frames.skip_while(|(_, frame)| !frame.guarded).skip(1);
    above.filter(|(_, frame)| frame.refused.is_none()).take(MOST_ABOVE)
}

/// At the line that failed, and all over the function that it stands in, and the guarded one.
fn is_at(held: &Held, outline: &Outline, line: u32) -> bool {
    let failed = held.line(outline.text());
    let name = |line: u32| outline.definition_at(line).first().map(|found| found.qualified_name.clone());
    let here = name(line);
    line == failed || (here.is_some() && (here == name(failed) || here.as_ref() == Some(&held.hold.function)))
}

/// What can be done with the calls that are held at a line. `asks`: the client can ask for an expression.
pub fn code_actions(
    snapshot: &Snapshot,
    held: &[Held],
    shown: &[Diagnostic],
    position: Position,
    asks: bool,
) -> Vec<CodeActionOrCommand> {
    if held.is_empty() {
        return Vec::new();
    }
    let outline = snapshot.document.outline();
    let here: Vec<&Held> = held.iter().filter(|held| is_at(held, &outline, position.line + 1)).collect();
    let is_edited = !patches::edited(std::slice::from_ref(&snapshot.document), &snapshot.sessions).is_empty();
    let mut actions = Vec::new();
    for held in &here {
        let name = &held.hold.function;
        let which = if here.len() > 1 { format!(" in {} ({})", held.hold.thread, held.name()) } else { String::new() };
        let hold = held.name();
        let mut add = |title: String, command: &str, arguments: Value| {
            let about = |diagnostic: &&Diagnostic| diagnostic.data.as_ref().is_some_and(|data| data["hold"] == hold);
            actions.push(CodeActionOrCommand::CodeAction(CodeAction {
                title: title.clone(),
                kind: Some(CodeActionKind::from(quick_fixes::KIND)),
                diagnostics: Some(shown.iter().filter(about).cloned().collect()),
                command: Some(Command { title, command: command.to_owned(), arguments: Some(vec![arguments]) }),
                ..CodeAction::default()
            }));
        };
        if is_edited {
            let title = format!("Hot-patch {} and retry `{name}`{which}", snapshot.file_name());
            add(title, commands::RETRY, json!({ "hold": hold }));
            add(
                format!("Retry `{name}` as it is live{which}"),
                commands::RETRY,
                json!({ "hold": hold, "patch": false }),
            );
        } else {
            add(format!("Retry `{name}`{which}"), commands::RETRY, json!({ "hold": hold }));
        }
        for (index, frame) in hold_frames_above(held) {
            let title = format!("Retry from `{}`{which}", frame.function);
            add(title, commands::RETRY, json!({ "hold": hold, "frame": index }));
        }
        if asks {
            let title = format!("Return a value from `{name}`…{which}");
            add(title, ASK_FOR_VALUE, json!({ "hold": hold, "function": name }));
        } else {
            let title = format!("Have `{name}` return None{which}");
            add(title, commands::RETURN, json!({ "hold": hold, "expression": "None" }));
        }
        add(format!("Let `{name}` raise{which}"), commands::RAISE, json!({ "hold": hold }));
        let debug = if asks { ASK_DEBUGGER } else { commands::DEBUG };
        add(format!("Debug `{name}` where it failed{which}"), debug, json!({ "hold": hold, "function": name }));
    }
    actions
}

/// Over the line that failed: what it is, and to choose from.
pub fn code_lenses(held: &[Held], text: &str, asks: bool) -> Vec<CodeLens> {
    let mut lenses = Vec::new();
    for held in held {
        let position = Position::new(held.line(text) - 1, 0);
        let Hold { function, error, .. } = &held.hold;
        let mut add = |kind: &str, text: String, title: String, command: &str, arguments: Value| {
            lenses.push(CodeLens {
                range: Range::new(position, position),
                command: Some(Command { title, command: command.to_owned(), arguments: Some(vec![arguments]) }),
                data: Some(json!({ "kind": kind, "text": text, "name": function })),
            });
        };
        let hold = held.name();
        let patched = if held.is_patched { ", patched since" } else { "" };
        let short: String = error.chars().take(60).collect();
        let text = format!("■ {function} is held{patched}: {short}");
        add("held", text.clone(), format!("{text} · Retry"), commands::RETRY, json!({ "hold": hold }));
        // Who draws by itself draws the first one only.
        if asks {
            let arguments = json!({ "hold": hold, "function": function });
            add("choice", String::new(), "Return a value…".to_owned(), ASK_FOR_VALUE, arguments);
        }
        add("choice", String::new(), "Let it raise".to_owned(), commands::RAISE, json!({ "hold": hold }));
        if asks {
            let arguments = json!({ "hold": hold, "function": function });
            add("choice", String::new(), "Debug here".to_owned(), ASK_DEBUGGER, arguments);
        }
    }
    lenses
}
