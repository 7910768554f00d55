//! Has a frame that a debugger has stopped begin again, in whichever process that is.

use std::sync::Arc;

use hotsplice_channel::codes;
use hotsplice_channel::message::{RestartAnswer, RestartRequest};

use crate::failure::Failure;
use crate::session::Session;

/// Asks one process after the other until one has such a frame.
pub fn restart(sessions: &[Arc<Session>], wanted: &RestartRequest) -> Result<RestartAnswer, Failure> {
    let mut reason = Failure::new(codes::NO_SESSION, "no process can be patched");
    for session in sessions {
        match session.restart_frame(wanted) {
            Ok(answer) => return Ok(answer),
            Err(error) if error.code() == codes::NOT_STOPPED => reason = error.into(),
            Err(error) => return Err(error.into()),
        }
    }
    Err(reason)
}

/// What becomes of the frame, in words.
pub fn describe(answer: &RestartAnswer) -> String {
    let RestartAnswer { function, at_once, is_new, changed, yielded, .. } = answer;
    let code = if *is_new { "the new code" } else { "the code that it has, which no patch has changed," };
    let when = if *at_once { "when the debugger lets it go on" } else { "where its next line begins" };
    let mut text = format!("{function} begins again with {code} {when}");
    if !changed.is_empty() {
        let (names, has) = (changed.join(" and "), if changed.len() == 1 { "has" } else { "have" });
        text.push_str(&format!("; {names} may have been given another value since the call, and {has} that"));
    }
    if *yielded {
        text.push_str("; what the generator has given so far stays given");
    }
    text
}
