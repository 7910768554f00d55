//! What the tools are asked. Texts here are what the agent reads of each argument; what it misspells is an error.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::requests::{Asked, Selection};

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Only the process with this id
    pid: Option<u32>,
    /// Only the session with this id, as `sessions` lists it
    session: Option<String>,
}

impl Which {
    pub fn selection(&self) -> Selection {
        Selection { pid: self.pid, session: self.session.clone() }
    }
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// Python files, absolute or relative to the folder in which this server was started. Without any: all that are loaded
    /// and not installed packages
    #[serde(default)]
    pub files: Vec<PathBuf>,
    /// Only the process with this id
    pid: Option<u32>,
    /// Only the session with this id, as `sessions` lists it
    session: Option<String>,
}

impl Files {
    pub fn selection(&self) -> Selection {
        Selection { pid: self.pid, session: self.session.clone() }
    }
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Patch {
    /// Python files, absolute or relative to the folder in which this server was started; given together they go live together,
    /// or none does. Without any: every loaded file whose text on disk is not the live text
    #[serde(default)]
    files: Vec<PathBuf>,
    /// Only this function, class or constant of a single file, by its qualified name (View.get)
    function: Option<String>,
    /// The whole text that is to be live in a single file, in place of its text on disk
    text: Option<String>,
    /// Patch nothing, but run again what is live at this line of a single file (TABLE = build(), a decorated function)
    again: Option<u32>,
    /// Say what would become of each edit, and change nothing
    #[serde(default)]
    dry_run: bool,
    /// Leave out the edits of a single file that are refused, and patch the rest
    #[serde(default)]
    rest: bool,
    /// Run new and changed module statements too (HS0401), which are not run otherwise because they act
    #[serde(default)]
    run_statements: bool,
    /// Patch the processes that accept, also when another one refuses
    #[serde(default)]
    each: bool,
    /// Only the process with this id
    pid: Option<u32>,
    /// Only the session with this id, as `sessions` lists it
    session: Option<String>,
}

impl Patch {
    pub fn selection(&self) -> Selection {
        Selection { pid: self.pid, session: self.session.clone() }
    }

    pub fn asked(self) -> Asked {
        Asked {
            files: self.files,
            function: self.function,
            again: self.again,
            text: self.text,
            dry_run: self.dry_run,
            each: self.each,
            rest: self.rest,
            run_statements: self.run_statements,
            anew: false,
        }
    }
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Undo {
    /// Only patches of these files. Without any: the latest patch of each process
    #[serde(default)]
    pub files: Vec<PathBuf>,
    /// Only this function or class of the files, by its qualified name (View.get)
    pub function: Option<String>,
    /// Only the process with this id
    pid: Option<u32>,
    /// Only the session with this id, as `sessions` lists it
    session: Option<String>,
}

impl Undo {
    pub fn selection(&self) -> Selection {
        Selection { pid: self.pid, session: self.session.clone() }
    }
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// The call, as `holds` names it (4711.1). Without it: the only one that is held
    pub hold: Option<String>,
    /// Begin again from a call further up: its number among the call's `frames`, from 0. Without it: the guarded one
    pub frame: Option<u32>,
    /// Leave what is live as it is. Otherwise what differs on disk goes live first, in the process of the call
    #[serde(default)]
    pub no_patch: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Return {
    /// A Python expression: its value is what the call returns. It sees the names of the line that failed
    pub expression: String,
    /// The call, as `holds` names it (4711.1). Without it: the only one that is held
    pub hold: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Debug {
    /// A command of pdb, or a Python statement
    pub command: String,
    /// The call, as `holds` names it (4711.1). Without it: the only one that is held
    pub hold: Option<String>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Raise {
    /// The call, as `holds` names it (4711.1). Without it: the only one that is held
    pub hold: Option<String>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// Everything that was recorded, not only what came since the last patch
    #[serde(default)]
    pub all: bool,
    /// Only the process with this id
    pid: Option<u32>,
    /// Only the session with this id, as `sessions` lists it
    session: Option<String>,
}

impl Output {
    pub fn selection(&self) -> Selection {
        Selection { pid: self.pid, session: self.session.clone() }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Explain {
    /// As a verdict shows it: HS0103
    pub code: String,
}
