//! Calls that have failed and wait for an answer: which there are, and which is meant.

use std::sync::Arc;

use hotsplice_channel::codes;
use hotsplice_channel::message::{DebugAnswer, DebugRequest, Hold, HoldAnswer, HoldChoice};
use serde_json::{Value, json};

use super::{Selection, select};
use crate::failure::Failure;
use crate::session::{Session, SessionError};

/// A call that waits, in its process.
pub struct Held {
    pub session: Arc<Session>,
    pub hold: Hold,
}

impl Held {
    /// Its process and its number there.
    pub fn name(&self) -> String {
        format!("{}.{}", self.session.entry.pid, self.hold.hold)
    }

    /// As `docs/cli.md` promises it.
    pub fn to_json(&self) -> Value {
        let mut value = json!(self.hold);
        value["hold"] = json!(self.name());
        value["session"] = json!(self.session.entry.id);
        value["pid"] = json!(self.session.entry.pid);
        value
    }

    /// What begins again, once what is patched before has gone live.
    pub fn choose(&self, frame: Option<u32>) -> Result<(), Failure> {
        Ok(self.session.choose_hold(&HoldChoice { hold: self.hold.hold, frame })?)
    }

    pub fn answer(&self, answer: &str, expression: Option<String>, frame: Option<u32>) -> Result<(), Failure> {
        let answer = HoldAnswer { hold: self.hold.hold, answer: answer.to_owned(), expression, frame };
        Ok(self.session.answer_hold(&answer)?)
    }

    /// `by` and `input` as in [`DebugRequest`].
    pub fn debug(&self, by: &str, input: Option<String>) -> Result<DebugAnswer, Failure> {
        let wanted = DebugRequest { hold: self.hold.hold, by: by.to_owned(), input, debugpy: None };
        Ok(self.session.debug_hold(&wanted)?)
    }
}

/// All that wait in the processes of a selection, and what did not answer.
pub fn holds(role: &str, selection: &Selection) -> Result<(Vec<Held>, Vec<SessionError>), Failure> {
    let selected = select(role, selection)?;
    let (mut held, mut unreachable) = (Vec::new(), selected.unreachable);
    for session in selected.sessions {
        match session.holds() {
            Ok(answer) => held.extend(answer.holds.into_iter().map(|hold| Held { session: session.clone(), hold })),
            Err(error) => unreachable.push(error),
        }
    }
    Ok((held, unreachable))
}

/// The call that is meant: by its process and number, its number, or because it is the only one. Where it can't be told, why some
/// processes did not answer comes with the reason.
pub fn held(role: &str, wanted: Option<&str>) -> Result<Held, (Failure, Vec<SessionError>)> {
    let misuse = |message: String| (Failure::new(codes::NO_HOLD, message), Vec::new());
    let (pid, number) = match wanted.map(|wanted| wanted.split_once('.').unwrap_or(("", wanted))) {
        None => (None, None),
        Some((pid, number)) => {
            let unknown =
                || misuse(format!("{} is no number of a call; `hotsplice holds` lists them", wanted.unwrap_or("")));
            let pid = if pid.is_empty() { None } else { Some(pid.parse::<u32>().map_err(|_| unknown())?) };
            (pid, Some(number.parse::<u64>().map_err(|_| unknown())?))
        }
    };
    let (mut found, unreachable) =
        holds(role, &Selection { pid, session: None }).map_err(|failure| (failure, Vec::new()))?;
    found.retain(|held| number.is_none_or(|number| number == held.hold.hold));
    if found.len() > 1 {
        let names: Vec<_> = found.iter().map(Held::name).collect();
        return Err(misuse(format!("several calls are held: say which one ({})", names.join(", "))));
    }
    found.pop().ok_or_else(|| {
        let (failure, _) = match wanted {
            Some(wanted) => misuse(format!("no call {wanted} is held; `hotsplice holds` lists those that are")),
            None => misuse("no call is held".to_owned()),
        };
        (failure, unreachable)
    })
}
