//! Messages about functions that are guarded, calls that have failed and are held, and frames that begin again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Guards functions by the names of their modules, or of themselves.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GuardRequest {
    /// `app.views.index`, `app.views`, `app.*`; `/srv/app`: what is defined in files of that folder.
    pub patterns: Vec<String>,
    /// Guard them no more.
    #[serde(default)]
    pub remove: bool,
    /// Hold for at most so many seconds, also when nobody watches; 0: only while somebody does; nothing: as it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_for: Option<f64>,
    /// Whether to hold what the program would handle, too; nothing: as it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub even_handled: Option<bool>,
    /// Hold by these patterns only what nobody would handle, a framework neither.
    #[serde(default)]
    pub only_uncaught: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GuardAnswer {
    /// Functions that are guarded now and were not (or the other way round).
    pub functions: Vec<String>,
    /// Calls of them that run already: they are not guarded themselves.
    pub running: Vec<String>,
    pub patterns: Vec<String>,
}

/// Answer of `holds`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct HoldsAnswer {
    pub holds: Vec<Hold>,
}

/// A call that has failed and waits for an answer. Also the parameters of `hold/began`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hold {
    pub hold: u64,
    /// The guarded function.
    pub function: String,
    /// Where it failed: the innermost place in the program's own files.
    pub path: String,
    pub line: u32,
    /// The exception, as at the end of a traceback.
    pub error: String,
    pub thread: String,
    pub traceback: String,
    /// The names of the line that failed, with their values in short.
    pub variables: BTreeMap<String, String>,
    /// Seconds since the epoch.
    pub since: f64,
    /// Nothing else runs in its event loop meanwhile.
    pub stops_loop: bool,
    /// The calls around it that may begin again, the innermost first.
    #[serde(default)]
    pub frames: Vec<HeldFrame>,
}

/// A call that a held one lies in, or itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeldFrame {
    pub function: String,
    pub path: String,
    pub line: u32,
    /// It is what begins again if nothing else is said.
    pub guarded: bool,
    /// Why it can't begin again, with a code; nothing if it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// From which of its `frames` a held call is about to begin again; nothing: from the guarded one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HoldChoice {
    pub hold: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame: Option<u32>,
}

/// What is to be done with a call that is held: `retry`, `return`, `raise`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HoldAnswer {
    pub hold: u64,
    pub answer: String,
    /// With `return`: what the call is to return.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    /// Which of its `frames` is meant; nothing: the guarded one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame: Option<u32>,
}

/// Has a debugger stand where a held call failed: the one that is attached, else what the client can do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DebugRequest {
    pub hold: u64,
    /// `debugger`: only the one that is attached; `listen`: else debugpy is to listen for the client's; `pdb`: pdb, in any case.
    pub by: String,
    /// A line for pdb.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// A folder with a debugpy, where the program has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub debugpy: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct DebugAnswer {
    /// `debugger`, `listening` or `pdb`.
    pub by: String,
    #[serde(default)]
    pub message: String,
    /// Where debugpy listens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// What pdb has printed.
    #[serde(default)]
    pub output: String,
    /// Of pdb: it `asks`, is `busy`, or has `ended`.
    #[serde(default)]
    pub state: String,
}

/// A frame of a thread that is stopped in a debugger, to begin again. What is not said may be anything.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct RestartRequest {
    /// Its name, or its identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<String>,
    /// 0 is the innermost one of the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame: Option<u32>,
    /// Its function, as a debugger shows it, its file, and the line that it stands at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RestartAnswer {
    pub function: String,
    /// Where the code begins that it will run.
    pub path: String,
    pub line: u32,
    pub thread: String,
    /// When the debugger lets it go on; else where its next line begins.
    pub at_once: bool,
    /// Whether it ran other code than is live.
    pub is_new: bool,
    /// Arguments that may have another value than the call was made with.
    pub changed: Vec<String>,
    /// What a generator has given stays given.
    pub yielded: bool,
}
