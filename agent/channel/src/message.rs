//! Requests, answers and events: JSON-RPC 2.0, one object a line.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::expiry::Expiry;
use crate::patch::{Patch, Verdict};
use crate::registry::Entry;

/// Names of the methods that an agent answers.
pub mod method {
    pub const HELLO: &str = "hello";
    pub const FILES: &str = "files";
    pub const BASELINE: &str = "baseline";
    pub const PREPARE: &str = "patch/prepare";
    pub const COMMIT: &str = "patch/commit";
    pub const ABORT: &str = "patch/abort";
    pub const HISTORY: &str = "history";
    pub const STATUS: &str = "status";
}

/// Names of the notifications that an agent sends to every connection that has said hello.
pub mod event {
    pub const MODULE_LOADED: &str = "module/loaded";
    pub const PATCH_APPLIED: &str = "patch/applied";
    pub const FIRST_RUN: &str = "code/first-run";
    pub const OLD_CODE_LEFT: &str = "code/old-left";
    pub const SESSION_ENDED: &str = "session/ended";
    /// To the connection that asked: the process works on a request, whose number is `id`, and needs more time.
    pub const WORKING: &str = "request/working";
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Request {
    pub jsonrpc: JsonRpc,
    pub id: u64,
    pub method: String,
    #[serde(default)]
    pub params: Value,
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

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadedFile {
    pub path: String,
    pub modules: Vec<String>,
    /// 0 as imported; one more with each patch.
    pub version: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BaselineRequest {
    pub path: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BaselineAnswer {
    pub path: String,
    pub modules: Vec<String>,
    pub version: u64,
    /// The text that is live.
    pub text: String,
    pub trust: Trust,
    /// Qualified names whose live code is not what `text` says (only with [`Trust::Assumed`]).
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

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PrepareRequest {
    pub patch: Patch,
    /// Commit in the same breath if nothing is refused; for a single session this saves a round trip.
    #[serde(default)]
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

/// Answer of `status`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct StatusAnswer {
    pub patched: Vec<PatchedDefinition>,
    pub running: Vec<StillRunning>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PatchedDefinition {
    pub path: String,
    pub definition: String,
    pub line: u32,
    /// How often it was patched.
    pub version: u64,
    /// Seconds since the epoch.
    pub patched_at: f64,
    /// Whether the new code has run; nothing where that can't be observed.
    pub ran: Option<bool>,
}

/// A call that began before a patch and has not ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StillRunning {
    pub path: String,
    pub definition: String,
    pub version: u64,
    pub line: u32,
    /// `thread MainThread`, `task Task-3`, `generator`, …
    pub place: String,
}

/// Parameters of `module/loaded`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ModuleLoaded {
    pub path: String,
}
