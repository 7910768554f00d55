//! What the tools answer: the same as the command line with `--json`, with what to do beside the reasons.

use hotsplice_channel::codes;
use hotsplice_channel::message::{PatchedDefinition, Printed, Raised, StillRunning};
use rmcp::ErrorData;
use rmcp::handler::server::tool::IntoCallToolResult;
use rmcp::model::{CallToolResponse, CallToolResult, ContentBlock};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::explanations;
use crate::failure::Failure;
use crate::patching::{Deed, FileReport, FileResult};
use crate::requests::{Difference, Listed, NOTHING};
use crate::session::SessionError;

#[derive(Debug, Serialize, JsonSchema)]
pub struct Sessions {
    pub sessions: Vec<Listed>,
    /// Processes that did not answer, and why
    pub unreachable: Vec<String>,
    /// What to do where there is none
    pub note: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Patched {
    /// What became of it: one line for each process and file
    summary: Vec<String>,
    results: Vec<FileReport>,
    /// What the codes in the results mean, and what can be done
    advice: Vec<Advice>,
    /// Processes that did not answer, and why
    unreachable: Vec<String>,
    #[serde(skip)]
    is_refused: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Advice {
    code: String,
    title: String,
    what_to_do: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Differences {
    /// None: what is live is what is on disk
    pub differences: Vec<Difference>,
    /// Files of which it can't be told what is live, or not all of it, and why
    pub unknown: Vec<String>,
    /// Processes that did not answer, and why
    pub unreachable: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Statuses {
    pub sessions: Vec<Status>,
    /// Processes that did not answer, and why
    pub unreachable: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Status {
    pub session: String,
    pub pid: u32,
    /// Each with path, definition, line, version (how often it was patched), patched_at (seconds since the epoch) and ran
    /// (whether the new code has run; null where that can't be observed)
    #[schemars(with = "Vec<Map<String, Value>>")]
    pub patched: Vec<PatchedDefinition>,
    /// Calls that began before a patch and still run old code, each with path, definition, version, line, place, the
    /// reason if it is known, and whether it takes the new code when it comes by (is_planned)
    #[schemars(with = "Vec<Map<String, Value>>")]
    pub running: Vec<StillRunning>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Holds {
    /// Each with hold (its name), function, path, line, error, thread, traceback, variables and frames (the calls that can begin
    /// again, the innermost first)
    #[schemars(with = "Vec<Map<String, Value>>")]
    pub holds: Vec<Value>,
    /// Processes that did not answer, and why
    pub unreachable: Vec<String>,
    /// What to do where there is none
    pub note: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Answered {
    /// The call that was answered
    pub hold: String,
    pub function: String,
    /// What went live before it
    pub patched: Option<Patched>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Debugged {
    pub hold: String,
    pub function: String,
    /// What pdb printed
    pub output: String,
    /// `asks`: it waits for the next command; `busy`: it has not come to an end yet; `ended`: it was left, the call is still held
    pub state: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Outputs {
    pub sessions: Vec<Output>,
    /// Processes that did not answer, and why
    pub unreachable: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    pub session: String,
    pub pid: u32,
    /// What it printed, each with stream (stdout or stderr), text and at (seconds since the epoch)
    #[schemars(with = "Vec<Map<String, Value>>")]
    pub printed: Vec<Printed>,
    /// Exceptions that were raised in patched files or came to them, handled or not, each with exception, message, path, line,
    /// definition and at; null where the Python is too old to observe that (before 3.12)
    #[schemars(with = "Option<Vec<Map<String, Value>>>")]
    pub raised: Option<Vec<Raised>>,
    /// Since when it is recorded (seconds since the epoch): what came before is not known
    pub recorded_since: f64,
    /// When the last patch went live; null where there was none since
    pub patched_at: Option<f64>,
    /// Older characters and exceptions that were given up for want of room
    pub dropped: u64,
    /// What is not recorded, and why
    pub missing: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Explanation {
    pub code: String,
    /// Markdown
    pub text: String,
}

impl Patched {
    pub fn new(results: &[FileResult], unreachable: &[SessionError], deed: Deed) -> Self {
        let mut summary: Vec<String> = results.iter().map(|result| result.summary(deed)).collect();
        if summary.is_empty() {
            summary.push(NOTHING.to_owned());
        }
        let verdicts = results.iter().flat_map(|result| &result.verdicts);
        let mut named: Vec<&str> = verdicts.filter_map(|verdict| verdict.code.as_deref()).collect();
        named.sort_unstable();
        named.dedup();
        let advice = |code: &str| {
            let known = codes::find(code)?;
            let what_to_do = explanations::what_to_do(code)?;
            Some(Advice { code: known.code.to_owned(), title: known.title.to_owned(), what_to_do })
        };
        Self {
            summary,
            results: results.iter().map(FileResult::report).collect(),
            advice: named.into_iter().filter_map(advice).collect(),
            unreachable: reasons(unreachable),
            // What would be refused is an answer; what was refused did not become what was asked for.
            is_refused: deed != Deed::Foreseen && results.iter().any(FileResult::is_refused),
        }
    }

    /// Itself, or as an error where something was refused.
    pub fn checked(self) -> Result<Self, Unserved> {
        if self.is_refused { Err(Unserved::Refused(self)) } else { Ok(self) }
    }
}

pub fn reasons(errors: &[SessionError]) -> Vec<String> {
    errors.iter().map(|error| format!("{}: {error}", error.code())).collect()
}

/// What the agent asked for did not come about.
pub enum Unserved {
    Failure(Failure),
    /// With the verdicts, as of a patch that went live.
    Refused(Patched),
}

impl From<Failure> for Unserved {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl IntoCallToolResult for Unserved {
    fn into_call_tool_result(self) -> Result<CallToolResponse, ErrorData> {
        let answer = match self {
            Self::Failure(failure) => {
                let advice = explanations::what_to_do(&failure.code);
                let advice = advice.map(|advice| format!("\nWhat to do: {advice}")).unwrap_or_default();
                CallToolResult::error(vec![ContentBlock::text(format!("{failure}{advice}"))])
            }
            Self::Refused(patched) => {
                let value = serde_json::to_value(patched)
                    .map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
                CallToolResult::structured_error(value)
            }
        };
        Ok(answer.into())
    }
}
