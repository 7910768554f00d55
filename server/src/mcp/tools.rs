//! The tools, one function each.

use std::sync::Arc;

use hotsplice_channel::codes;
use hotsplice_channel::message::OutputRequest;
use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::tool::ToolCallContext;
use rmcp::handler::server::wrapper::{Json, Parameters};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorCode, Implementation, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler, tool, tool_router};

use super::answers::{
    Answered, Debugged, Differences, Explanation, Holds, Output, Outputs, Patched, Sessions, Status, Statuses,
    Unserved, reasons,
};
use super::questions;
use crate::cancel::{Cancel, CancelOnDrop};
use crate::explanations;
use crate::failure::Failure;
use crate::patching::Deed;
use crate::requests::{self, Asked, Differing, Held, Listed, Selected, Selection};
use crate::session::{Session, SessionError};
use crate::working::Working;

/// How processes know whom they talk to.
const ROLE: &str = "mcp";

const INSTRUCTIONS: &str = "Hotsplice makes edits of Python code live in processes that are running, with their state kept: no \
    restart, no reload. Edit files as usual, then call `patch` (without arguments: all that differs from the disk). A patch is \
    whole or not at all: if one edit is refused nothing has changed, and each verdict says why and what to do. `applied` means \
    the same as after a restart; a `caveat` is live with something to know. `dry_run` foresees, `undo` brings back, `status` \
    tells whether the new code has run and what still runs old code, `output` what the program printed and raised since, \
    `diff` what is on disk and not live. A guarded call that \
    fails waits: `holds` lists such calls, `retry` makes one again with the mended code, `debug` looks around in it. A process takes part \
    if it was started with `hotsplice run PROGRAM`, called hotsplice.listen(), or was attached to with `hotsplice attach PID`.";

#[derive(Debug, Clone)]
pub struct Tools {
    router: ToolRouter<Self>,
}

#[tool_router(router = router)]
impl Tools {
    pub fn new() -> Self {
        Self { router: Self::router() }
    }

    /// The running Python processes that can be patched
    #[tool(annotations(read_only_hint = true, open_world_hint = false))]
    async fn sessions(
        &self,
        _nothing: Parameters<questions::Nothing>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<Sessions>, Unserved> {
        work(context, |_| {
            let Selected { sessions, unreachable } = requests::sessions(ROLE)?;
            let note = sessions.is_empty().then(|| requests::NOBODY.to_owned());
            let sessions = sessions.iter().map(|session| Listed::from(&**session)).collect();
            Ok(Sessions { sessions, unreachable: reasons(&unreachable), note })
        })
        .await
    }

    /// Make running processes have the code that the files hold now, as one patch, with their state kept
    #[tool(annotations(destructive_hint = false, idempotent_hint = true, open_world_hint = false))]
    async fn patch(
        &self,
        Parameters(question): Parameters<questions::Patch>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<Patched>, Unserved> {
        work(context, |cancel| {
            let selection = question.selection();
            let asked = question.asked();
            let dry_run = asked.dry_run;
            let ready = asked.read()?;
            let Selected { sessions, unreachable } = select(&selection)?;
            if !dry_run {
                record(&sessions);
            }
            let results = ready.patch(&sessions, cancel)?;
            Patched::new(&results, &unreachable, Deed::patch(dry_run)).checked()
        })
        .await
    }

    /// What differs between the files on disk and what is live in each process, as unified diffs
    #[tool(annotations(read_only_hint = true, open_world_hint = false))]
    async fn diff(
        &self,
        Parameters(question): Parameters<questions::Files>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<Differences>, Unserved> {
        work(context, move |_| {
            let Selected { sessions, unreachable } = select(&question.selection())?;
            let Differing { differences, unknown } = requests::diff(&sessions, &question.files)?;
            let unknown = unknown.into_iter().map(|failure| format!("{}: {}", failure.code, failure.message)).collect();
            Ok(Differences { differences, unknown, unreachable: reasons(&unreachable) })
        })
        .await
    }

    /// What is patched in each process, whether the new code has run since, and which calls still run old code
    #[tool(annotations(read_only_hint = true, open_world_hint = false))]
    async fn status(
        &self,
        Parameters(question): Parameters<questions::Which>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<Statuses>, Unserved> {
        work(context, move |_| {
            let (sessions, unreachable) = each(&question.selection(), |session| {
                let status = session.status()?;
                let (session, pid) = (session.entry.id.clone(), session.entry.pid);
                Ok(Status { session, pid, patched: status.all_patched(), running: status.running })
            })?;
            Ok(Statuses { sessions, unreachable })
        })
        .await
    }

    /// What each process printed to standard output and error, and which exceptions patched code raised, since the last patch
    #[tool(annotations(read_only_hint = true, open_world_hint = false))]
    async fn output(
        &self,
        Parameters(question): Parameters<questions::Output>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<Outputs>, Unserved> {
        work(context, move |_| {
            let (sessions, unreachable) = each(&question.selection(), |session| {
                let output = session.output(OutputRequest { all: question.all })?;
                Ok(Output {
                    session: session.entry.id.clone(),
                    pid: session.entry.pid,
                    printed: output.printed,
                    raised: output.raised,
                    recorded_since: output.recorded_since,
                    patched_at: output.patched_at,
                    dropped: output.dropped,
                    missing: output.missing,
                })
            })?;
            Ok(Outputs { sessions, unreachable })
        })
        .await
    }

    /// Bring back what was live before the latest patch; the files on disk stay as they are
    #[tool(annotations(destructive_hint = false, open_world_hint = false))]
    async fn undo(
        &self,
        Parameters(question): Parameters<questions::Undo>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<Patched>, Unserved> {
        work(context, move |_| {
            if question.function.is_some() && question.files.is_empty() {
                let message = "a function is undone in files: name those";
                return Err(Failure::new(codes::BAD_MESSAGE, message).into());
            }
            let Selected { sessions, mut unreachable } = select(&question.selection())?;
            record(&sessions);
            let undone = requests::undo(&sessions, &question.files, question.function.as_deref())?;
            unreachable.extend(undone.failures);
            Patched::new(&undone.results, &unreachable, Deed::Undone).checked()
        })
        .await
    }

    /// Calls of guarded functions that have failed and wait, with the exception, where it was raised and the values there. Mend the
    /// code and call `retry`, or `return` a value in its place, or let it `raise`
    #[tool(annotations(read_only_hint = true, open_world_hint = false))]
    async fn holds(
        &self,
        Parameters(question): Parameters<questions::Which>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<Holds>, Unserved> {
        work(context, move |_| {
            let (held, unreachable) = requests::holds(ROLE, &question.selection())?;
            let note = held.is_empty().then(|| {
                "no call is held; functions are guarded with `hotsplice guard NAME --hold-for SECONDS` or `hotsplice run --guard NAME \
                 --hold-for SECONDS PROGRAM`"
                    .to_owned()
            });
            let listed = held.iter().map(Held::to_json).collect();
            Ok(Holds { holds: listed, unreachable: reasons(&unreachable), note })
        })
        .await
    }

    /// Have a call that is held begin again with its arguments, after what differs on disk has gone live; a patch that is refused leaves
    /// it held
    #[tool(annotations(destructive_hint = false, open_world_hint = false))]
    async fn retry(
        &self,
        Parameters(question): Parameters<questions::Retry>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<Answered>, Unserved> {
        work(context, move |cancel| {
            let held = held(question.hold.as_deref())?;
            let patched = if question.no_patch {
                None
            } else {
                held.choose(question.frame)?;
                let sessions = [held.session.clone()];
                let results = Asked::default().read()?.patch(&sessions, cancel)?;
                Some(Patched::new(&results, &[], Deed::Patched).checked()?)
            };
            held.answer("retry", None, question.frame)?;
            Ok(Answered { hold: held.name(), function: held.hold.function, patched })
        })
        .await
    }

    /// Have a call that is held return the value of an expression
    #[tool(name = "return", annotations(destructive_hint = false, open_world_hint = false))]
    async fn return_value(
        &self,
        Parameters(question): Parameters<questions::Return>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<Answered>, Unserved> {
        work(context, move |_| answer(question.hold.as_deref(), "return", Some(question.expression))).await
    }

    /// Let the exception of a call that is held go its way
    #[tool(annotations(destructive_hint = true, open_world_hint = false))]
    async fn raise(
        &self,
        Parameters(question): Parameters<questions::Raise>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<Answered>, Unserved> {
        work(context, move |_| answer(question.hold.as_deref(), "raise", None)).await
    }

    /// Look around where a call that is held failed: a command of pdb (`p total`, `up`, `args`, `w`), answered with what it prints.
    /// The call stays held
    #[tool(annotations(destructive_hint = false, open_world_hint = false))]
    async fn debug(
        &self,
        Parameters(question): Parameters<questions::Debug>,
        context: RequestContext<RoleServer>,
    ) -> Result<Json<Debugged>, Unserved> {
        work(context, move |_| {
            let held = held(question.hold.as_deref())?;
            // What it says to begin with: where it stands.
            let mut told = held.debug("pdb", None)?;
            let mut output = std::mem::take(&mut told.output);
            if told.state == "asks" {
                told = held.debug("pdb", Some(question.command))?;
                output = told.output;
            }
            Ok(Debugged { hold: held.name(), function: held.hold.function, output, state: told.state })
        })
        .await
    }

    /// What a code of a verdict (HS0103) means, with an example and what to do
    #[tool(annotations(read_only_hint = true, open_world_hint = false))]
    async fn explain(
        &self,
        Parameters(question): Parameters<questions::Explain>,
    ) -> Result<Json<Explanation>, Unserved> {
        let text = explanations::of(&question.code).ok_or_else(|| explanations::unknown(&question.code))?;
        Ok(Json(Explanation { code: question.code.to_uppercase(), text }))
    }
}

impl ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("hotsplice", env!("CARGO_PKG_VERSION")).with_title("Hotsplice"))
            .with_instructions(INSTRUCTIONS)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let is_known = self.router.has_route(&request.name);
        match self.router.call(ToolCallContext::new(self, request, context)).await {
            // Who mends the arguments is a model: it reads a tool's errors, not the protocol's.
            Err(error) if is_known && error.code == ErrorCode::INVALID_PARAMS => {
                Ok(CallToolResult::error(vec![ContentBlock::text(error.message)]).into())
            }
            answer => answer,
        }
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.router.list_all()))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.router.get(name).cloned()
    }
}

/// From the first patch on, so that what follows it can be asked for. That it can't be recorded keeps no patch from being made.
fn record(sessions: &[Arc<Session>]) {
    for session in sessions {
        let _ = session.output(OutputRequest::default());
    }
}

fn select(selection: &Selection) -> Result<Selected, Failure> {
    requests::select(ROLE, selection)
}

/// What each process says, and why others say nothing.
fn each<T>(
    selection: &Selection,
    ask: impl Fn(&Session) -> Result<T, SessionError>,
) -> Result<(Vec<T>, Vec<String>), Failure> {
    let Selected { sessions, mut unreachable } = select(selection)?;
    let mut told = Vec::new();
    for session in sessions {
        match ask(&session) {
            Ok(answer) => told.push(answer),
            Err(error) => unreachable.push(error),
        }
    }
    Ok((told, reasons(&unreachable)))
}

fn held(name: Option<&str>) -> Result<Held, Failure> {
    requests::held(ROLE, name).map_err(|(failure, _)| failure)
}

/// Ends what is held, without anything being patched.
fn answer(name: Option<&str>, how: &str, value: Option<String>) -> Result<Answered, Unserved> {
    let held = held(name)?;
    held.answer(how, value, None)?;
    Ok(Answered { hold: held.name(), function: held.hold.function, patched: None })
}

/// Talks to processes on a thread of its own. A call that the client gives up is cancelled: what is not live yet never will be.
async fn work<T: Send + 'static>(
    context: RequestContext<RoleServer>,
    work: impl FnOnce(Cancel) -> Result<T, Unserved> + Send + 'static,
) -> Result<Json<T>, Unserved> {
    let cancel = Cancel::default();
    let _given_up = CancelOnDrop(cancel.clone());
    let working = Working::begin();
    let task = tokio::task::spawn_blocking(move || {
        let _working = working;
        work(cancel)
    });
    tokio::select! {
        done = task => match done {
            Ok(answer) => answer.map(Json),
            Err(_) => {
                let message = "hotsplice failed while it served the call; `status` tells what is live";
                Err(Failure::new(codes::INTERNAL, message).into())
            }
        },
        () = context.ct.cancelled() => {
            Err(Failure::new(codes::CANCELLED, "the call was cancelled; `status` tells what is live").into())
        }
    }
}
