//! `hotsplice patch`: make what is live equal to files as they are on disk.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use hotsplice_channel::codes;
use hotsplice_channel::patch::Options;

use super::diff::loaded;
use super::{Failure, Selection, output, select};
use crate::cancel::Cancel;
use crate::patching::{self, Wanted, WantedFile};
use crate::rest;
use crate::source_file;

#[derive(Args)]
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
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    if arguments.identity {
        return identity(arguments);
    }
    if arguments.files.is_empty() {
        return all_that_differ(arguments);
    }
    let of_one = [arguments.from.is_some(), arguments.function.is_some(), arguments.again.is_some(), arguments.rest];
    let single = of_one.contains(&true);
    if arguments.files.len() > 1 && single {
        return Err(Failure::new(codes::BAD_MESSAGE, "--from, --function, --again and --rest go with a single FILE"));
    }
    let mut files = Vec::new();
    for path in &arguments.files {
        let path = std::path::absolute(path)
            .map_err(|error| Failure::new(codes::UNREADABLE, format!("{}: {error}", path.display())))?;
        if !single && matches!(path.try_exists(), Ok(false)) {
            files.push(WantedFile::deleted(path));
            continue;
        }
        let text = source_file::read(arguments.from.as_deref().unwrap_or(&path))
            .map_err(|error| Failure::new(codes::UNREADABLE, error.to_string()))?;
        files.push(WantedFile {
            function: arguments.function.clone(),
            again: arguments.again,
            ..WantedFile::new(path, text)
        });
    }
    let sessions = select(&arguments.selection)?;
    // A process that does not answer may have it; the patch then says so.
    let is_loaded = |file: &WantedFile| !sessions.iter().all(|session| matches!(session.loaded(&file.path), Ok(None)));
    let named = files.iter().zip(&arguments.files);
    let unloaded: Vec<String> =
        named.filter(|(file, _)| !is_loaded(file)).map(|(_, named)| named.display().to_string()).collect();
    if let Some(missing) = files.iter().find(|file| file.deleted && !is_loaded(file)) {
        let message = format!("{}: there is no such file, and no process has loaded one", missing.path.display());
        return Err(Failure::new(codes::UNREADABLE, message));
    }
    if !unloaded.is_empty() {
        // What is asked for together goes live together.
        let nothing = if unloaded.len() < files.len() { "; nothing was patched" } else { "" };
        let named = unloaded.join(", ");
        let message = format!("no registered process has loaded {named}{nothing}; `hotsplice sessions` lists them");
        return Err(Failure::new(codes::NO_SESSION, message));
    }
    let wanted = Wanted {
        label: match arguments.again {
            Some(line) => format!("Run line {line} again"),
            None => label(&files, arguments.function.as_deref()),
        },
        files,
        options: Options { run_statements: arguments.run_statements, ..Options::default() },
        dry_run: arguments.dry_run,
        each: arguments.each,
        cancel: Cancel::default(),
    };
    let results = match wanted.files.as_slice() {
        [file] if arguments.rest => rest::patch(&sessions, &wanted, file),
        _ => patching::patch(&sessions, &wanted),
    };
    if results.is_empty() {
        return Err(Failure::new(codes::SESSION_GONE, "every process that had loaded it has ended meanwhile"));
    }
    Ok(output::results(&results, arguments.json, arguments.dry_run))
}

/// Every loaded file of the project whose text on disk is another one than the live text, as one patch.
fn all_that_differ(arguments: &Arguments) -> Result<ExitCode, Failure> {
    if arguments.function.is_some() || arguments.again.is_some() || arguments.from.is_some() || arguments.rest {
        return Err(Failure::new(codes::BAD_MESSAGE, "--from, --function, --again and --rest go with a single FILE"));
    }
    let sessions = select(&arguments.selection)?;
    let mut files: Vec<WantedFile> = Vec::new();
    for session in &sessions {
        for path in loaded(session, &[]) {
            let Ok(Some(known)) = session.loaded(&path) else { continue };
            // A file that is gone has nothing that could go live.
            let Ok(text) = source_file::read(&path) else { continue };
            if session.known_baseline(&known)?.baseline.text != text && !files.iter().any(|file| file.path == path) {
                files.push(WantedFile::new(path, text));
            }
        }
    }
    let wanted = Wanted {
        label: label(&files, None),
        files,
        options: Options { run_statements: arguments.run_statements, ..Options::default() },
        dry_run: arguments.dry_run,
        each: arguments.each,
        cancel: Cancel::default(),
    };
    if wanted.files.is_empty() {
        if arguments.json {
            output::print_json(&serde_json::json!([]));
        } else {
            output::line("nothing to change: every loaded file is live as it is on disk");
        }
        return Ok(ExitCode::SUCCESS);
    }
    Ok(output::results(&patching::patch(&sessions, &wanted), arguments.json, arguments.dry_run))
}

/// What is live, once more.
fn identity(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let sessions = select(&arguments.selection)?;
    let mut paths = arguments.files.clone();
    if paths.is_empty() {
        let loaded = sessions.iter().filter_map(|session| session.files().ok()).flatten();
        paths.extend(loaded.map(|file| PathBuf::from(file.path)));
    }
    let live = |path: &PathBuf| {
        let known = sessions.iter().find_map(|session| session.loaded(path).ok().flatten().map(|path| (session, path)));
        let (session, path) = known?;
        Some(WantedFile {
            identity: true,
            ..WantedFile::new(path.clone().into(), session.known_baseline(&path).ok()?.baseline.text.clone())
        })
    };
    let wanted = Wanted {
        label: "Identity".to_owned(),
        files: paths.iter().filter_map(live).collect(),
        options: Options::default(),
        dry_run: false,
        each: arguments.each,
        cancel: Cancel::default(),
    };
    Ok(output::results(&patching::patch(&sessions, &wanted), arguments.json, false))
}

fn label(files: &[WantedFile], function: Option<&str>) -> String {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match (function, files) {
        (Some(function), _) => format!("Hot-patch function {function}"),
        (None, [file]) => format!("Hot-patch file {}", name(&file.path)),
        (None, files) => format!("Hot-patch {} files", files.len()),
    }
}
