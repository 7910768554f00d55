//! The commands that any LSP client can bind, parsed once at the door.

use std::path::PathBuf;

use hotsplice_channel::message::RestartRequest;
use serde::Deserialize;
use serde_json::Value;
use tower_lsp::ls_types::{Position, TextDocumentIdentifier, Uri};

use super::documents::file_path;

pub const PATCH_FUNCTION: &str = "hotsplice.patchFunction";
pub const PATCH_FILE: &str = "hotsplice.patchFile";
pub const RUN_AGAIN: &str = "hotsplice.runAgain";
pub const UNDO: &str = "hotsplice.undo";
pub const SESSIONS: &str = "hotsplice.sessions";
pub const KEEP_VALUE: &str = "hotsplice.keepValue";
pub const EXPLAIN: &str = "hotsplice.explain";
pub const PATCH_EDITED: &str = "hotsplice.patchEdited";
pub const WHY_NOT: &str = "hotsplice.whyNot";
pub const RESTART_FRAME: &str = "hotsplice.restartFrame";
pub const OLD_FRAMES: &str = "hotsplice.oldFrames";
pub const GUARD: &str = "hotsplice.guard";
pub const HOLDS: &str = "hotsplice.holds";
pub const RETRY: &str = "hotsplice.retry";
pub const RETURN: &str = "hotsplice.return";
pub const RAISE: &str = "hotsplice.raise";
pub const DEBUG: &str = "hotsplice.debug";
pub const ALL: &[&str] = &[
    PATCH_FUNCTION,
    PATCH_FILE,
    PATCH_EDITED,
    RUN_AGAIN,
    UNDO,
    SESSIONS,
    KEEP_VALUE,
    EXPLAIN,
    WHY_NOT,
    GUARD,
    HOLDS,
    RETRY,
    RETURN,
    RAISE,
    DEBUG,
    RESTART_FRAME,
    OLD_FRAMES,
];

/// Which file a command is about.
#[derive(Debug, Clone)]
pub enum File {
    Named(Uri),
    /// By its path or the end of it: some editors can put no more than that into a command.
    Path(PathBuf),
    /// The one that is meant if there is only one.
    Unnamed,
}

#[derive(Debug, Clone)]
pub enum Command {
    PatchFunction {
        file: File,
        name: Option<String>,
        position: Option<Position>,
        how: How,
    },
    PatchFile {
        file: File,
        how: How,
    },
    /// Every open file that differs from what is live, or those of them that are named, as one patch.
    PatchEdited {
        paths: Vec<PathBuf>,
    },
    /// Says why a file can't be patched.
    WhyNot {
        file: File,
    },
    RunAgain {
        file: File,
        position: Position,
    },
    Undo {
        file: File,
        name: Option<String>,
    },
    Sessions,
    /// The process's value is the one that the user wants: no more is said of it.
    KeepValue {
        file: File,
        position: Position,
    },
    Explain {
        code: String,
    },
    /// A frame that a debugger has stopped is to begin again.
    RestartFrame(RestartRequest),
    /// Which of the frames that a debugger shows of a thread run old code.
    OldFrames {
        frames: Vec<Place>,
        thread: Option<String>,
    },
    /// Has calls of a function that fail held, or no more.
    Guard {
        file: File,
        name: Option<String>,
        position: Option<Position>,
        remove: bool,
    },
    Holds,
    /// What is to be done with a call that is held: by its name, or that at a place, or the only one.
    Answer {
        hold: Option<String>,
        place: Option<(File, Position)>,
        answer: Answer,
    },
}

#[derive(Debug, Clone)]
pub enum Answer {
    /// With what the editor shows of the file in which it failed, unless it is to be tried as it is live.
    Retry {
        patch: bool,
        /// Which of its calls begins again, in place of the guarded one.
        frame: Option<u32>,
    },
    /// The value of an expression.
    Return(String),
    Raise,
    /// A debugger is to stand there, for which debugpy is to listen where none is attached; it may be one that the program does not
    /// have. The call stays held.
    Debug {
        listen: bool,
        debugpy: Option<String>,
    },
}

/// Where a debugger shows a frame.
#[derive(Debug, Clone, Deserialize)]
pub struct Place {
    pub path: PathBuf,
    /// From 1.
    pub line: u32,
}

/// How a file is patched.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct How {
    /// New and changed statements run too.
    pub run_statements: bool,
    /// What is refused is left out.
    pub rest: bool,
    /// A process that refuses does not hold the others back.
    pub each: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Arguments {
    uri: Option<Uri>,
    /// As the protocol's own requests name a place: some editors can't put it otherwise.
    text_document: Option<TextDocumentIdentifier>,
    path: Option<PathBuf>,
    #[serde(default)]
    paths: Vec<PathBuf>,
    /// From 1, in place of a position.
    line: Option<u32>,
    name: Option<String>,
    position: Option<Position>,
    code: Option<String>,
    hold: Option<String>,
    expression: Option<String>,
    patch: Option<bool>,
    #[serde(default)]
    remove: bool,
    #[serde(default)]
    listen: bool,
    debugpy: Option<String>,
    frame: Option<u32>,
    #[serde(default)]
    frames: Vec<Place>,
    thread: Option<String>,
    #[serde(flatten)]
    how: How,
}

impl Command {
    /// The error says what the command takes.
    pub fn parse(name: &str, arguments: Vec<Value>) -> Result<Self, String> {
        let first = arguments.into_iter().next().unwrap_or_else(|| serde_json::json!({}));
        let given: Arguments =
            serde_json::from_value(first).map_err(|error| format!("the arguments of {name} can't be read: {error}"))?;
        let of_document = given.text_document.map(|document| document.uri);
        let file = match (given.uri.or(of_document), given.path.clone()) {
            (Some(uri), _) => File::Named(uri),
            (None, Some(path)) => File::Path(path),
            (None, None) => File::Unnamed,
        };
        let at_line = given.line.map(|line| Position::new(line.saturating_sub(1), 0));
        let position = given.position.or(at_line);
        Ok(match name {
            PATCH_FUNCTION if given.name.is_none() && position.is_none() => {
                return Err(format!("{name} needs the function's name, or a position or line in it"));
            }
            PATCH_FUNCTION => Self::PatchFunction { file, name: given.name, position, how: given.how },
            PATCH_EDITED => Self::PatchEdited { paths: given.paths },
            WHY_NOT => Self::WhyNot { file },
            PATCH_FILE => Self::PatchFile { file, how: given.how },
            RUN_AGAIN | KEEP_VALUE => {
                let position = position.ok_or_else(|| format!("{name} needs the position of a statement"))?;
                if name == KEEP_VALUE { Self::KeepValue { file, position } } else { Self::RunAgain { file, position } }
            }
            EXPLAIN => Self::Explain { code: given.code.ok_or_else(|| format!("{name} needs a code"))? },
            RESTART_FRAME => {
                // As a debugger's front end has it, before `uri`.
                let of_uri = || if let File::Named(uri) = &file { file_path(uri) } else { None };
                let path = given.path.clone().or_else(of_uri).map(|path| path.to_string_lossy().into_owned());
                let Arguments { thread, frame, line, name, .. } = given;
                Self::RestartFrame(RestartRequest { thread, frame, function: name, path, line })
            }
            OLD_FRAMES => Self::OldFrames { frames: given.frames, thread: given.thread },
            UNDO => Self::Undo { file, name: given.name },
            SESSIONS => Self::Sessions,
            GUARD if given.name.is_none() && position.is_none() => {
                return Err(format!("{name} needs the function's name, or a position or line in it"));
            }
            GUARD => Self::Guard { file, name: given.name, position, remove: given.remove },
            HOLDS => Self::Holds,
            RETRY | RETURN | RAISE | DEBUG => Self::Answer {
                hold: given.hold,
                place: position.map(|position| (file, position)).filter(|(file, _)| !matches!(file, File::Unnamed)),
                answer: match name {
                    RETRY => Answer::Retry { patch: given.patch.unwrap_or(true), frame: given.frame },
                    RETURN => Answer::Return(given.expression.ok_or_else(|| format!("{name} needs an expression"))?),
                    DEBUG => Answer::Debug { listen: given.listen, debugpy: given.debugpy },
                    _ => Answer::Raise,
                },
            },
            _ => return Err(format!("there is no command {name}")),
        })
    }
}

impl Command {
    /// The file that it is about.
    pub fn file(&self) -> Option<&File> {
        match self {
            Self::PatchFunction { file, .. }
            | Self::PatchFile { file, .. }
            | Self::WhyNot { file }
            | Self::RunAgain { file, .. }
            | Self::Undo { file, .. }
            | Self::KeepValue { file, .. }
            | Self::Guard { file, .. } => Some(file),
            Self::Answer { place, .. } => place.as_ref().map(|(file, _)| file),
            Self::RestartFrame(_)
            | Self::OldFrames { .. }
            | Self::Holds
            | Self::PatchEdited { .. }
            | Self::Sessions
            | Self::Explain { .. } => None,
        }
    }
}
