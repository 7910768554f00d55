//! `hotsplice patch`: make what is live equal to files as they are on disk.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Args;
use hotsplice_channel::codes;
use hotsplice_channel::patch::Options;

use super::{Failure, Selection, output, select};
use crate::cancel::Cancel;
use crate::patching::{self, Deed, Wanted, WantedFile};
use crate::requests::{Asked, NOTHING};
use crate::source_file::{self, SourceError};

#[derive(Args, Default)]
pub struct Arguments {
    /// Python files; given together they go live together. Without any: every loaded file that differs from the disk
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Only this function or class, by its qualified name (View.get)
    #[arg(long, value_name = "NAME")]
    function: Option<String>,
    /// Patch nothing: run again what is live at this line (`TABLE = build()`, a decorated function)
    #[arg(long, value_name = "LINE", conflicts_with_all = ["function", "run_statements", "from"])]
    again: Option<u32>,
    #[command(flatten)]
    selection: Selection,
    /// Take the text of FILE from here instead
    #[arg(long, value_name = "TEXTFILE")]
    from: Option<PathBuf>,
    /// Say what would become of each edit, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Patch the processes that accept, also when another refuses
    #[arg(long)]
    each: bool,
    /// Leave out the edits of FILE that are refused, and patch the rest
    #[arg(long, conflicts_with_all = ["function", "again"])]
    rest: bool,
    /// Run new and changed module statements too, which are only offered otherwise
    #[arg(long)]
    run_statements: bool,
    /// For tests: give every function new code of the same text; without FILE in all that is loaded
    #[arg(long, hide = true)]
    identity: bool,
    /// For cells that run: what the definitions of the text read when they are made is evaluated again
    #[arg(long, hide = true)]
    anew: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    if arguments.identity {
        return identity(arguments);
    }
    let unreadable = |error: SourceError| Failure::new(codes::UNREADABLE, error.to_string());
    let asked = Asked {
        files: arguments.files.clone(),
        function: arguments.function.clone(),
        again: arguments.again,
        text: arguments.from.as_deref().map(source_file::read_stream).transpose().map_err(unreadable)?,
        dry_run: arguments.dry_run,
        each: arguments.each,
        rest: arguments.rest,
        run_statements: arguments.run_statements,
        anew: arguments.anew,
    };
    let ready = asked.read()?;
    let results = ready.patch(&select(&arguments.selection)?, Cancel::default())?;
    if results.is_empty() && !arguments.json {
        output::line(NOTHING);
        return Ok(ExitCode::SUCCESS);
    }
    Ok(output::results(&results, arguments.json, Deed::patch(arguments.dry_run)))
}

/// Makes all that was saved live in the processes.
pub fn saved(selection: &Selection) -> Result<ExitCode, Failure> {
    run(&Arguments { selection: selection.clone(), ..Arguments::default() })
}

/// What is live, once more.
fn identity(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let sessions = select(&arguments.selection)?;
    let mut paths = arguments.files.clone();
    if paths.is_empty() {
        for files in sessions.iter().filter_map(|session| session.files().ok()) {
            paths.extend(files.iter().map(|file| PathBuf::from(&file.path)));
        }
    }
    let live = |path: &PathBuf| {
        let known = sessions.iter().find_map(|session| session.loaded(path).ok().flatten().map(|path| (session, path)));
        let (session, path) = known?;
        Some(WantedFile {
            identity: true,
            ..WantedFile::new(path.clone().into(), session.known_baseline(&path).ok()?.text().to_owned())
        })
    };
    let wanted = Wanted {
        label: "Identity".to_owned(),
        files: paths.iter().filter_map(live).collect(),
        options: Options::default(),
        dry_run: false,
        each: arguments.each,
        asked: SystemTime::now(),
        cancel: Cancel::default(),
    };
    Ok(output::results(&patching::patch(&sessions, &wanted), arguments.json, Deed::Patched))
}
