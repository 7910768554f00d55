//! `hotsplice holds`, `retry`, `return`, `raise`: calls that have failed and wait for an answer.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::channel;

use clap::Args;
use hotsplice_channel::codes;
use hotsplice_channel::message::{Hold, HoldAnswer, event};
use serde_json::json;

use super::{Failure, Selection, output, patch, select};
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
    after_help = "Examples:\n  hotsplice retry               the only call that is held\n  hotsplice retry 4711.2"
)]
pub struct RetryArguments {
    /// The call, as `hotsplice holds` shows it; may be left out if only one is held
    hold: Option<String>,
    /// Do not make live first what was saved
    #[arg(long)]
    no_patch: bool,
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
        let listed: Vec<_> = held?.iter().map(|(session, hold)| to_json(session, hold)).collect();
        output::print_json(&json!(listed));
        return Ok(ExitCode::SUCCESS);
    }
    let held = held?;
    if held.is_empty() {
        output::line("no call is held");
    }
    for (session, hold) in &held {
        output::line(&describe(session.entry.pid, hold));
    }
    Ok(ExitCode::SUCCESS)
}

fn to_json(session: &Session, hold: &Hold) -> serde_json::Value {
    let mut value = json!(hold);
    value["hold"] = json!(name(session.entry.pid, hold.hold));
    value["session"] = json!(session.entry.id);
    value["pid"] = json!(session.entry.pid);
    value
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
    if hold.stops_loop {
        text.push_str("\n  its event loop stands still meanwhile");
    }
    text.push_str(&format!("\n  hotsplice retry {number} | return EXPRESSION --hold {number} | raise {number}"));
    text
}

fn all(selection: &Selection) -> Result<Vec<(Arc<Session>, Hold)>, Failure> {
    let mut held = Vec::new();
    for session in select(selection)? {
        match session.holds() {
            Ok(answer) => held.extend(answer.holds.into_iter().map(|hold| (session.clone(), hold))),
            Err(error) => eprintln!("hotsplice: {}: {error}", error.code()),
        }
    }
    Ok(held)
}

/// Calls are held for as long as we are connected.
fn follow(selection: &Selection) -> Result<ExitCode, Failure> {
    let chosen = select(selection)?;
    let (events, inbox) = channel();
    let mut following = Vec::new();
    for session in &chosen {
        let (pid, events) = (session.entry.pid, events.clone());
        let told = move |event| drop(events.send((pid, event)));
        let session = Session::connect(&session.entry, "holds", told)?;
        session.watch_holds(true)?;
        for hold in session.holds()?.holds {
            output::line(&describe(pid, &hold));
        }
        following.push(session);
    }
    drop(chosen);
    drop(events);
    output::line("calls that fail are held");
    // Ends when every process has.
    let mut left = following.len();
    while left > 0 {
        let Ok((pid, event)) = inbox.recv() else { break };
        match event {
            Event::Closed => left -= 1,
            Event::Notification { method, params } if method == event::HOLD_BEGAN => {
                if let Ok(hold) = serde_json::from_value::<Hold>(params) {
                    output::line(&describe(pid, &hold));
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

/// The call that is meant: by its process and number, its number, or because it is the only one.
fn find(wanted: Option<&str>) -> Result<(Arc<Session>, Hold), Failure> {
    let misuse = |message: String| Failure::new(codes::NO_HOLD, message);
    let (pid, number) = match wanted.map(|wanted| wanted.split_once('.').unwrap_or(("", wanted))) {
        None => (None, None),
        Some((pid, number)) => {
            let unknown =
                || misuse(format!("{} is no number of a call; `hotsplice holds` lists them", wanted.unwrap_or("")));
            let pid = if pid.is_empty() { None } else { Some(pid.parse::<u32>().map_err(|_| unknown())?) };
            (pid, Some(number.parse::<u64>().map_err(|_| unknown())?))
        }
    };
    let mut held = all(&Selection { pid, ..Selection::default() })?;
    held.retain(|(_, hold)| number.is_none_or(|number| number == hold.hold));
    if held.len() > 1 {
        let names: Vec<_> = held.iter().map(|(session, hold)| name(session.entry.pid, hold.hold)).collect();
        return Err(misuse(format!("several calls are held: say which one ({})", names.join(", "))));
    }
    held.pop().ok_or_else(|| match wanted {
        Some(wanted) => misuse(format!("no call {wanted} is held; `hotsplice holds` lists those that are")),
        None => misuse("no call is held".to_owned()),
    })
}

fn answer(found: &(Arc<Session>, Hold), answer: &str, expression: Option<String>) -> Result<ExitCode, Failure> {
    let (session, hold) = found;
    session.answer_hold(&HoldAnswer { hold: hold.hold, answer: answer.to_owned(), expression })?;
    let what = match answer {
        "retry" => "is tried again",
        "return" => "returns that",
        _ => "raises",
    };
    output::line(&format!("{} {what}", hold.function));
    Ok(ExitCode::SUCCESS)
}

/// What was saved goes live first; where that is refused the call stays held.
pub fn retry(arguments: &RetryArguments) -> Result<ExitCode, Failure> {
    let found = find(arguments.hold.as_deref())?;
    if !arguments.no_patch {
        let selection = Selection { pid: Some(found.0.entry.pid), ..Selection::default() };
        let code = patch::saved(&selection)?;
        if code != ExitCode::SUCCESS {
            output::line(&format!(
                "{} stays held; `hotsplice retry --no-patch` tries it again all the same",
                found.1.function
            ));
            return Ok(code);
        }
    }
    answer(&found, "retry", None)
}

pub fn return_value(arguments: &ReturnArguments) -> Result<ExitCode, Failure> {
    answer(&find(arguments.hold.as_deref())?, "return", Some(arguments.expression.clone()))
}

pub fn raise(arguments: &RaiseArguments) -> Result<ExitCode, Failure> {
    answer(&find(arguments.hold.as_deref())?, "raise", None)
}
