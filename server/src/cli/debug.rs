//! `hotsplice debug`: a debugger where a held call failed; pdb here, where no other one is attached.

use std::io::BufRead;
use std::process::{ExitCode, exit};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use hotsplice_channel::codes;
use hotsplice_channel::message::{DebugAnswer, DebugRequest, event};

use super::{Failure, output};
use crate::requests::Held;
use crate::session::{Event, Session};

#[derive(Args)]
#[command(
    after_help = "Examples:\n  hotsplice debug               the only call that is held\n  hotsplice debug 4711.2 --pdb\n  hotsplice debug --listen      prints where an editor's debugger can attach\n\nThe call stays held: answer it with `hotsplice retry`, `return` or `raise` afterwards."
)]
pub struct Arguments {
    /// The call, as `hotsplice holds` shows it; may be left out if only one is held
    hold: Option<String>,
    /// pdb here, also where another debugger is attached to the process
    #[arg(long)]
    pdb: bool,
    /// Have debugpy listen in the process, and the call stop there once an editor is attached
    #[arg(long, conflicts_with = "pdb")]
    listen: bool,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let held = super::holds::find(arguments.hold.as_deref())?;
    if !arguments.pdb {
        match held.debug(if arguments.listen { "listen" } else { "debugger" }, None) {
            Ok(answer) => {
                output::line(&answer.message);
                return Ok(ExitCode::SUCCESS);
            }
            Err(failure) if arguments.listen || failure.code != codes::NO_DEBUGGER => return Err(failure),
            Err(_) => {}
        }
    }
    let number = held.hold.hold;
    let function = held.hold.function.clone();
    let is_over = Arc::new(AtomicBool::new(false));
    let is_left = is_over.clone();
    // Somebody sits before it.
    let session = Session::connect(&held.session.entry, "debug", move |event| match event {
        Event::Notification { method, params } if method == event::HOLD_ENDED && params["hold"] == number => {
            let how = params["how"].as_str().unwrap_or("is not held any more");
            output::line(&format!("\n{function} {how}"));
            exit(0);
        }
        Event::Notification { .. } => {}
        Event::Closed if is_left.load(Ordering::Acquire) => {}
        Event::Closed => {
            output::line("\nthe process has ended");
            exit(1);
        }
    })?;
    session.watch_holds(true)?;
    let mut line = None;
    loop {
        let wanted = DebugRequest { hold: number, by: "pdb".to_owned(), input: line.take(), debugpy: None };
        let DebugAnswer { output, state, .. } = session.debug_hold(&wanted)?;
        output::put(&output);
        match state.as_str() {
            "asks" => line = Some(read()),
            "busy" => {}
            _ => {
                is_over.store(true, Ordering::Release);
                return Ok(ended(&held));
            }
        }
    }
}

fn ended(held: &Held) -> ExitCode {
    let name = held.name();
    output::line(&format!(
        "{} is still held: hotsplice retry {name} | return EXPRESSION --hold {name} | raise {name}",
        held.hold.function
    ));
    ExitCode::SUCCESS
}

/// What is typed; the end of the input ends pdb.
fn read() -> String {
    let mut line = String::new();
    match std::io::stdin().lock().read_line(&mut line) {
        Ok(1..) => line,
        _ => "quit\n".to_owned(),
    }
}
