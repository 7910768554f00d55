//! `hotsplice holds`, `retry`, `return`, `raise`: calls that have failed and wait for an answer.

use std::collections::{HashMap, HashSet};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use clap::Args;
use hotsplice_channel::codes;
use hotsplice_channel::message::{Hold, event};
use hotsplice_channel::registry::{self, Entry};
use hotsplice_channel::watchers;
use serde_json::json;

use super::{Failure, ROLE, Selection, output, patch, select};
use crate::requests::{self, Held};
use crate::session::{Event, Session};

#[derive(Args)]
#[command(
    after_help = "Examples:\n  hotsplice holds\n  hotsplice holds --follow      calls that fail are held while this runs"
)]
pub struct Arguments {
    #[command(flatten)]
    selection: Selection,
    /// Have guarded calls held while this runs, and print each
    #[arg(long, conflicts_with = "json")]
    follow: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
#[command(
    after_help = "Examples:\n  hotsplice retry               the only call that is held\n  hotsplice retry 4711.2\n  hotsplice retry --frame 1     from the caller of what failed"
)]
pub struct RetryArguments {
    /// The call, as `hotsplice holds` shows it; may be left out if only one is held
    hold: Option<String>,
    /// Do not make live first what was saved
    #[arg(long)]
    no_patch: bool,
    /// From a call further up, by its number in `hotsplice holds`
    #[arg(long, value_name = "N")]
    frame: Option<u32>,
}

#[derive(Args)]
#[command(after_help = "Examples:\n  hotsplice return 'total + 1'\n  hotsplice return None --hold 4711.2")]
pub struct ReturnArguments {
    /// What the call is to return; sees the names of the line that failed
    #[arg(allow_hyphen_values = true)]
    expression: String,
    /// The call, as `hotsplice holds` shows it; may be left out if only one is held
    #[arg(long)]
    hold: Option<String>,
}

#[derive(Args)]
pub struct RaiseArguments {
    /// The call, as `hotsplice holds` shows it; may be left out if only one is held
    hold: Option<String>,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    if arguments.follow {
        return follow(&arguments.selection);
    }
    let held = all(&arguments.selection);
    if arguments.json {
        let listed: Vec<_> = held?.iter().map(Held::to_json).collect();
        output::print_json(&json!(listed));
        return Ok(ExitCode::SUCCESS);
    }
    let held = held?;
    if held.is_empty() {
        output::line("no call is held");
    }
    for Held { session, hold } in &held {
        output::line(&describe(session.entry.pid, hold));
    }
    Ok(ExitCode::SUCCESS)
}

fn name(pid: u32, number: u64) -> String {
    format!("{pid}.{number}")
}

fn describe(pid: u32, hold: &Hold) -> String {
    let number = name(pid, hold.hold);
    let mut text = format!(
        "{number}  {} is held in {}\n  {}:{}: {}",
        hold.function, hold.thread, hold.path, hold.line, hold.error
    );
    for (variable, value) in &hold.variables {
        text.push_str(&format!("\n    {variable} = {value}"));
    }
    if hold.frames.len() > 1 {
        text.push_str("\n  from (--frame N):");
        for (index, frame) in hold.frames.iter().enumerate() {
            let guarded = if frame.guarded { ", guarded" } else { "" };
            text.push_str(&format!("\n    {index} {} ({}:{}{guarded})", frame.function, frame.path, frame.line));
            if let Some(refused) = &frame.refused {
                text.push_str(&format!(": {refused}"));
            }
        }
    }
    if hold.stops_loop {
        text.push_str("\n  its event loop stands still meanwhile");
    }
    text.push_str(&format!(
        "\n  hotsplice retry {number} | return EXPRESSION --hold {number} | raise {number} | debug {number}"
    ));
    text
}

fn all(selection: &Selection) -> Result<Vec<Held>, Failure> {
    let (held, unreachable) = requests::holds(ROLE, &selection.wanted())?;
    unreachable.iter().for_each(|error| output::problem(format!("{}: {error}", error.code())));
    Ok(held)
}

/// How often it is looked for processes that have come.
const LOOK: Duration = Duration::from_millis(250);

/// Calls are held for as long as we are connected: those of processes that are there, and of those that come.
fn follow(selection: &Selection) -> Result<ExitCode, Failure> {
    let mut following = Following { sessions: HashMap::new(), events: channel(), shown: HashSet::new() };
    let is_of_some = selection.pid.is_some() || selection.session.is_some();
    let running = match select(selection) {
        Ok(sessions) => sessions,
        // Programs are started in another terminal, again and again.
        Err(failure) if failure.code == codes::NO_SESSION && !is_of_some => Vec::new(),
        Err(failure) => return Err(failure),
    };
    for session in &running {
        following.begin(&session.entry)?;
    }
    // A program that comes and fails at once waits for us.
    let _announced = watchers::announce(&registry::directory());
    output::line(if running.is_empty() {
        "calls that fail are held; no process is there yet, one that is started is found"
    } else {
        "calls that fail are held"
    });
    // Of a process that was named it ends with that, else when it is interrupted.
    while !(is_of_some && following.sessions.is_empty()) {
        let Ok((id, pid, event)) = following.events.1.recv_timeout(LOOK) else {
            following.look(selection);
            continue;
        };
        match event {
            Event::Closed => drop(following.sessions.remove(&id)),
            Event::Notification { method, params } if method == event::HOLD_BEGAN => {
                if let Ok(hold) = serde_json::from_value::<Hold>(params) {
                    following.show(pid, &hold);
                }
            }
            Event::Notification { method, params } if method == event::HOLD_ENDED => {
                let number = params.get("hold").and_then(serde_json::Value::as_u64).unwrap_or_default();
                let how = params.get("how").and_then(serde_json::Value::as_str).unwrap_or("ended");
                output::line(&format!("{}  {how}", name(pid, number)));
            }
            Event::Notification { .. } => {}
        }
    }
    Ok(ExitCode::SUCCESS)
}

type Told = (String, u32, Event);

struct Following {
    /// By what each is called.
    sessions: HashMap<String, Session>,
    events: (Sender<Told>, Receiver<Told>),
    shown: HashSet<(u32, u64)>,
}

impl Following {
    /// One that began just now is listed, and comes as an event.
    fn show(&mut self, pid: u32, hold: &Hold) {
        if self.shown.insert((pid, hold.hold)) {
            output::line(&describe(pid, hold));
        }
    }

    fn begin(&mut self, entry: &Entry) -> Result<(), Failure> {
        let (id, pid, events) = (entry.id.clone(), entry.pid, self.events.0.clone());
        let told = move |event| drop(events.send((id.clone(), pid, event)));
        let session = Session::connect(entry, "holds", told)?;
        session.watch_holds(true)?;
        for hold in session.holds()?.holds {
            self.show(pid, &hold);
        }
        self.sessions.insert(entry.id.clone(), session);
        Ok(())
    }

    fn look(&mut self, selection: &Selection) {
        let is_wanted = |entry: &Entry| {
            selection.pid.is_none_or(|pid| pid == entry.pid)
                && selection.session.as_deref().is_none_or(|id| id == entry.id)
                && registry::is_visible(entry)
                && !self.sessions.contains_key(&entry.id)
        };
        let all = registry::sessions(&registry::directory()).unwrap_or_default();
        let new: Vec<Entry> = all.into_iter().filter(is_wanted).collect();
        for entry in new {
            // One that is about to end, or to begin: it is looked again.
            let _ = self.begin(&entry);
        }
    }
}

/// The call that is meant.
pub fn find(wanted: Option<&str>) -> Result<Held, Failure> {
    requests::held(ROLE, wanted).map_err(|(failure, unreachable)| {
        unreachable.iter().for_each(|error| output::problem(format!("{}: {error}", error.code())));
        failure
    })
}

fn answer(held: &Held, answer: &str, expression: Option<String>, frame: Option<u32>) -> Result<ExitCode, Failure> {
    held.answer(answer, expression, frame)?;
    let what = match answer {
        "retry" => "is tried again",
        "return" => "returns that",
        _ => "raises",
    };
    let begins = frame.and_then(|index| held.hold.frames.get(index as usize)).filter(|frame| !frame.guarded);
    let from = begins.map(|frame| format!(" from {}", frame.function)).unwrap_or_default();
    output::line(&format!("{} {what}{from}", held.hold.function));
    Ok(ExitCode::SUCCESS)
}

/// What was saved goes live first; where that is refused the call stays held.
pub fn retry(arguments: &RetryArguments) -> Result<ExitCode, Failure> {
    let found = find(arguments.hold.as_deref())?;
    if !arguments.no_patch {
        found.choose(arguments.frame)?;
        let selection = Selection { pid: Some(found.session.entry.pid), ..Selection::default() };
        let code = patch::saved(&selection)?;
        if code != ExitCode::SUCCESS {
            output::line(&format!(
                "{} stays held; `hotsplice retry --no-patch` tries it again all the same",
                found.hold.function
            ));
            return Ok(code);
        }
    }
    answer(&found, "retry", None, arguments.frame)
}

pub fn return_value(arguments: &ReturnArguments) -> Result<ExitCode, Failure> {
    answer(&find(arguments.hold.as_deref())?, "return", Some(arguments.expression.clone()), None)
}

pub fn raise(arguments: &RaiseArguments) -> Result<ExitCode, Failure> {
    answer(&find(arguments.hold.as_deref())?, "raise", None, None)
}
