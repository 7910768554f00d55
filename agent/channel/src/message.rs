//! Requests, answers and events: JSON-RPC 2.0, one object a line.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::expiry::Expiry;
pub use crate::holds::*;
pub use crate::output::*;
use crate::patch::{Patch, Verdict};
use crate::registry::Entry;
pub use crate::status::*;

/// Names of the methods that an agent answers.
pub mod method {
    /// The first that is said at a TCP door; see [`Authenticate`](super::Authenticate).
    pub const AUTHENTICATE: &str = "authenticate";
    pub const HELLO: &str = "hello";
    pub const FILES: &str = "files";
    pub const BASELINE: &str = "baseline";
    /// Those of many files; what is not loaded is left out.
    pub const BASELINES: &str = "baselines";
    pub const PREPARE: &str = "patch/prepare";
    pub const COMMIT: &str = "patch/commit";
    pub const ABORT: &str = "patch/abort";
    /// A patch was refused, by this process, another one or before any was asked: for the program's `logging`.
    pub const REFUSED: &str = "refused";
    pub const HISTORY: &str = "history";
    pub const STATUS: &str = "status";
    /// What the program has printed and raised; from the first time that it is asked on, that is recorded.
    pub const OUTPUT: &str = "output";
    /// Guard functions, or guard them no more.
    pub const GUARD: &str = "guard";
    pub const HOLDS: &str = "holds";
    /// Calls that fail are to be held for as long as this connection lasts; with `{"watch": false}` no more for its sake.
    pub const WATCH_HOLDS: &str = "holds/watch";
    /// Which call a held one is about to begin again from: patches until then say what becomes of those between.
    pub const CHOOSE_HOLD: &str = "hold/choose";
    pub const ANSWER_HOLD: &str = "hold/answer";
    /// A debugger is to stand where a held call failed; what pdb prints there, and is told.
    pub const DEBUG_HOLD: &str = "hold/debug";
    /// A frame that a debugger has stopped is to begin again.
    pub const RESTART_FRAME: &str = "frame/restart";
}

/// Names of the notifications that an agent sends to every connection that has said hello.
pub mod event {
    pub const MODULE_LOADED: &str = "module/loaded";
    pub const PATCH_APPLIED: &str = "patch/applied";
    pub const FIRST_RUN: &str = "code/first-run";
    pub const OLD_CODE_LEFT: &str = "code/old-left";
    /// A call that was to take the new code could not.
    pub const MOVE_REFUSED: &str = "code/move-refused";
    pub const HOLD_BEGAN: &str = "hold/began";
    pub const HOLD_ENDED: &str = "hold/ended";
    /// What is guarded has changed.
    pub const GUARDS_CHANGED: &str = "guards/changed";
    pub const SESSION_ENDED: &str = "session/ended";
    /// To the connection that asked: the process works on a request, whose number is `id`, and needs more time.
    pub const WORKING: &str = "request/working";
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Request<P = Value> {
    pub jsonrpc: JsonRpc,
    pub id: u64,
    pub method: String,
    #[serde(default)]
    pub params: P,
    /// Nothing of it may go live later than that, unless the process said since that it works on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Expiry>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Response {
    pub jsonrpc: JsonRpc,
    /// Nothing when the request could not be read at all.
    pub id: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ResponseError>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Notification {
    pub jsonrpc: JsonRpc,
    pub method: String,
    #[serde(default)]
    pub params: Value,
}

/// The constant `"2.0"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum JsonRpc {
    #[default]
    #[serde(rename = "2.0")]
    V2,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ResponseError {
    /// JSON-RPC's own number: -32700 parse, -32600 request, -32601 method, -32602 params, -32000 refused.
    pub code: i32,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<ErrorData>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorData {
    /// The numbered code: `HS0004`.
    pub code: String,
}

impl ResponseError {
    pub fn refused(code: &str, message: impl Into<String>) -> Self {
        Self { code: -32000, message: message.into(), data: Some(ErrorData { code: code.to_owned() }) }
    }
}

/// Who comes by TCP says this before the greeting, and is answered only if the token is right.
#[derive(Clone, Serialize, Deserialize)]
pub struct Authenticate {
    pub token: String,
}

/// The first request on a connection; anything else before it is refused.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Hello {
    pub protocol: u32,
    /// `hotsplice 0.1.0 lsp`
    pub client: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HelloAnswer {
    pub protocol: u32,
    pub session: Entry,
    /// What this process can do: `monitoring`, `in-place-line-shift`, `pending-calls`, … with the reason where not.
    pub capabilities: BTreeMap<String, Capability>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Capability {
    pub available: bool,
    #[serde(default)]
    pub reason: Option<String>,
}

/// Answer of `files`: every Python source file that the process has loaded.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FilesAnswer {
    pub files: Vec<LoadedFile>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LoadedFile {
    pub path: String,
    pub modules: Vec<String>,
    /// 0 as imported; one more with each patch.
    pub version: u64,
    /// Which file that is, for whoever has another name for it. Nothing for installed packages.
    #[serde(default)]
    pub device: Option<u64>,
    #[serde(default)]
    pub inode: Option<u64>,
    /// Whether it is of an installed package or the standard library, and no part of the project.
    pub installed: bool,
    /// It is no file, but a cell of a notebook, or an input of a prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell: Option<Cell>,
}

/// What was run in a notebook or at a prompt, of which definitions are live.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// What the client calls the cell; nothing where it does not say.
    #[serde(default)]
    pub id: Option<String>,
    /// Those of its functions and classes that are live.
    #[serde(default)]
    pub definitions: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BaselineRequest {
    pub path: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BaselinesRequest {
    pub paths: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BaselinesAnswer {
    pub files: Vec<BaselineAnswer>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BaselineAnswer {
    #[serde(flatten)]
    pub baseline: Baseline,
    /// The text that is live.
    pub text: String,
}

/// What a process knows of the text that is live of a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Baseline {
    pub path: String,
    pub modules: Vec<String>,
    pub version: u64,
    pub trust: Trust,
    /// Qualified names whose live code is not what the text says (only with [`Trust::Assumed`]).
    #[serde(default)]
    pub differs: Vec<String>,
    /// Text of the former versions, newest first, for undo.
    #[serde(default)]
    pub undoable: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// Read when the module was executed, or put there by a patch.
    Exact,
    /// The file has changed since the import and its former text is not known: `text` is what is on disk, and
    /// `differs` names what was found to be otherwise by comparing code.
    Assumed,
}

#[derive(Debug, Serialize)]
pub struct PrepareRequest<'a> {
    pub patch: &'a Patch,
    /// Commit in the same breath if nothing is refused; for a single session this saves a round trip.
    pub commit: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PrepareAnswer {
    pub transaction: u64,
    pub verdicts: Vec<Verdict>,
    /// Nothing is refused: the transaction may be committed. A transaction that may not is already dropped.
    pub ready: bool,
    pub committed: bool,
    /// Other files that use what was patched and is run by calling it (see [`CommitAnswer::users`]).
    #[serde(default)]
    pub users: Vec<String>,
    #[serde(default)]
    pub running: BTreeMap<String, u32>,
    /// Microseconds by stage.
    pub timings: BTreeMap<String, u64>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TransactionRequest {
    pub transaction: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RefusedNotice {
    /// The patch's.
    pub label: String,
    pub verdicts: Vec<Verdict>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CommitAnswer {
    pub committed: bool,
    /// What came up after the commit: hooks that failed, values that were computed again.
    #[serde(default)]
    pub verdicts: Vec<Verdict>,
    /// Files whose modules name a function or class a call of which runs edited code: they may have computed values with it.
    #[serde(default)]
    pub users: Vec<String>,
    /// The line of a module's own statement that is being executed, in those of them where one is.
    #[serde(default)]
    pub running: BTreeMap<String, u32>,
    pub timings: BTreeMap<String, u64>,
}

/// Answer of `history` (parameters as `baseline`): former texts of a file, newest first, for undo.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HistoryAnswer {
    pub versions: Vec<FormerVersion>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FormerVersion {
    pub version: u64,
    /// What the file was called.
    pub path: String,
    pub text: String,
    /// The patch that replaced this version.
    pub label: String,
    /// Names of the transactions' definitions that the patch changed.
    pub definitions: Vec<String>,
    /// Files patched in one transaction carry the same number.
    pub transaction: u64,
    /// Seconds since the epoch, when it was replaced.
    pub replaced_at: f64,
}

/// Parameters of `module/loaded`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ModuleLoaded {
    pub path: String,
}
