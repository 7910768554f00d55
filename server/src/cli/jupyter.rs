//! `hotsplice jupyter`: whether the kernels that IPython and Jupyter start can be patched without a cell being run for it.
//!
//! A start-up file of IPython's default profile does it, since every kernel runs it, whoever starts it: Jupyter, an editor, a test.
//! A kernel's specification would not do: editors start kernels without one.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use hotsplice_channel::codes;
use serde_json::json;

use super::{Failure, output, run};

/// Start-up files run in the order of their names.
const NAME: &str = "05-hotsplice.py";

/// What the first line of a file of ours says.
const MARK: &str = "# Written by `hotsplice jupyter install`; `hotsplice jupyter remove` takes it away.\n";

#[derive(Args)]
#[command(
    after_help = "Examples:\n  hotsplice jupyter install    every kernel that starts from now on can be patched\n  hotsplice jupyter remove     none is any more"
)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Clone, Copy)]
enum Action {
    /// Have every kernel of this user register when it starts
    Install,
    /// Take that back
    Remove,
    /// Say whether they do
    Status,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let folder = startup_folder()?;
    let path = folder.join(NAME);
    let known = known(&path)?;
    let shown = path.display();
    match (arguments.action, known) {
        (Action::Status, File::Absent) | (Action::Remove, File::Absent) => {
            output::line("not installed: kernels can be patched once they run `%load_ext hotsplice`");
        }
        (_, File::Other) => {
            let message = format!("{shown} was not written by this command: it is left as it is");
            return Err(Failure::new(codes::BAD_MESSAGE, message));
        }
        (Action::Status, File::Ours(text)) => {
            if text == startup_file(&run::agent_folder(None)?)? {
                output::line(&format!("installed: kernels can be patched from their start ({shown})"));
            } else {
                output::line(&format!("installed by another hotsplice, which kernels load: install again ({shown})"));
            }
        }
        (Action::Install, _) => {
            write(&folder, &path, &startup_file(&run::agent_folder(None)?)?)?;
            output::line(&format!("installed: kernels that start from now on can be patched ({shown})"));
        }
        (Action::Remove, File::Ours(_)) => {
            fs::remove_file(&path).map_err(|error| failed(&path, &error))?;
            output::line("removed: kernels that run now can be patched until they end");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What stands where our file belongs.
enum File {
    Absent,
    Ours(String),
    Other,
}

fn known(path: &Path) -> Result<File, Failure> {
    match fs::read(path) {
        Ok(content) => Ok(match String::from_utf8(content) {
            Ok(text) if text.starts_with(MARK) => File::Ours(text),
            _ => File::Other,
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(File::Absent),
        Err(error) => Err(failed(path, &error)),
    }
}

/// As a whole or not at all: a kernel may start meanwhile.
fn write(folder: &Path, path: &Path, text: &str) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    // IPython runs what ends in .py.
    let temporary = folder.join(format!(".hotsplice-{}", std::process::id()));
    let written = fs::File::create(&temporary)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&temporary, path));
    written.map_err(|error| {
        // What there is of it is of no use.
        let _ = fs::remove_file(&temporary);
        failed(path, &error)
    })
}

fn failed(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(codes::UNREADABLE, format!("{}: {error}", path.display()))
}

/// Where IPython looks for it.
fn startup_folder() -> Result<PathBuf, Failure> {
    let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = named("IPYTHONDIR").or_else(|| named("HOME").map(|home| home.join(".ipython")));
    let folder = folder.ok_or_else(|| Failure::new(codes::UNREADABLE, "neither HOME nor IPYTHONDIR is set"))?;
    Ok(folder.join("profile_default/startup"))
}

fn startup_file(agent: &Path) -> Result<String, Failure> {
    let agent = agent
        .to_str()
        .ok_or_else(|| Failure::new(codes::BAD_MESSAGE, format!("{} is not valid UTF-8", agent.display())))?;
    // JSON's strings are Python's too.
    let package = json!(agent);
    Ok(format!(
        r#"{MARK}# Every IPython and every Jupyter kernel of this user can be patched, and has `%hotsplice`.


def _hotsplice():
    import os
    import runpy
    import sys

    try:
        runpy.run_path(os.path.join({package}, "_attach.py"))["attach"]()
        from hotsplice._ipython import offer

        offer(get_ipython())
    except Exception as error:
        sys.stderr.write(f"hotsplice: this kernel can't be patched: {{error}}; see `hotsplice jupyter status`\n")


_hotsplice()
del _hotsplice
"#
    ))
}
