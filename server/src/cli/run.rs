//! `hotsplice run`: start a Python program that can be patched.
//!
//! The agent comes in by `sitecustomize`, through `PYTHONPATH`: so every Python that the program starts registers too.

use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Args;
use hotsplice_channel::codes;

use super::Failure;

#[derive(Args)]
#[command(
    after_help = "Examples:\n  hotsplice run app.py --port 8000\n  hotsplice run -m flask --app shop run\n  hotsplice run -- sh -c 'python worker.py & python web.py'"
)]
pub struct Arguments {
    /// The Python to run it with; by default the one beside this program, the active virtual environment's, or python3
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    /// Run a module, as `python -m` does
    #[arg(short = 'm', value_name = "MODULE", allow_hyphen_values = true)]
    module: Option<OsString>,
    /// A script and its arguments; after `--`, any command
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "SCRIPT [ARGS]")]
    rest: Vec<OsString>,
}

pub fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let any_command = is_any_command();
    let agent = agent_folder(arguments.python.as_deref()).ok_or_else(|| {
        Failure::new(
            codes::NOT_LOADED,
            "the Python package hotsplice is not beside this program; install it with pip, or set HOTSPLICE_AGENT_DIR",
        )
    })?;
    let mut command = if any_command && arguments.module.is_none() {
        let Some((program, rest)) = arguments.rest.split_first() else {
            return Err(Failure::new(codes::BAD_MESSAGE, "nothing to run: give a command after --"));
        };
        let mut command = Command::new(program);
        command.args(rest);
        command
    } else {
        let python = arguments.python.clone().unwrap_or_else(default_python);
        let mut command = Command::new(python);
        match (&arguments.module, arguments.rest.split_first()) {
            (Some(module), _) => {
                command.arg("-m").arg(module).args(&arguments.rest);
            }
            (None, Some((script, rest))) => {
                if !Path::new(script).exists() {
                    let message =
                        format!("{} does not exist; for a command use `hotsplice run -- COMMAND`", script.display());
                    return Err(Failure::new(codes::UNREADABLE, message));
                }
                command.arg(script).args(rest);
            }
            (None, None) => {
                let message = "nothing to run: give a script, -m MODULE, or a command after --";
                return Err(Failure::new(codes::BAD_MESSAGE, message));
            }
        }
        command
    };
    let mut paths = vec![agent.join("_bootstrap")];
    if let Some(known) = env::var_os("PYTHONPATH").filter(|known| !known.is_empty()) {
        paths.extend(env::split_paths(&known).filter(|path| *path != agent.join("_bootstrap")));
    }
    let joined = env::join_paths(paths).map_err(|error| Failure::new(codes::BAD_MESSAGE, error.to_string()))?;
    command.env("PYTHONPATH", joined).env("HOTSPLICE_AGENT_DIR", &agent);
    let error = command.exec();
    let program = command.get_program().to_string_lossy().into_owned();
    Err(Failure::new(codes::UNREADABLE, format!("{program}: {error}")))
}

/// Whether the command line has `--` right after `run` and its own options.
fn is_any_command() -> bool {
    let mut words = env::args_os().skip(2);
    while let Some(word) = words.next() {
        if word == "--" {
            return true;
        }
        if word == "--python" {
            words.next();
        } else if !word.to_string_lossy().starts_with("--python=") {
            return false;
        }
    }
    false
}

fn default_python() -> PathBuf {
    let beside = env::current_exe().ok().and_then(|program| Some(program.parent()?.join("python")));
    if let Some(python) = beside.filter(|python| python.exists()) {
        return python;
    }
    if let Some(environment) = env::var_os("VIRTUAL_ENV") {
        let python = Path::new(&environment).join("bin/python");
        if python.exists() {
            return python;
        }
    }
    PathBuf::from("python3")
}

/// The folder of the Python package that belongs to this program.
fn agent_folder(python: Option<&Path>) -> Option<PathBuf> {
    let is_package = |folder: &PathBuf| folder.join("_bootstrap/sitecustomize.py").is_file();
    if let Some(given) = env::var_os("HOTSPLICE_AGENT_DIR") {
        let given = PathBuf::from(given);
        if is_package(&given) {
            return std::path::absolute(given).ok();
        }
    }
    let program = env::current_exe().ok()?;
    let folder = program.parent()?;
    // In an environment: bin/hotsplice, lib/python3.12/site-packages/hotsplice.
    let beside_python = python.and_then(|python| Some(python.parent()?.parent()?.join("lib")));
    for library in [Some(folder.parent()?.join("lib")), beside_python].into_iter().flatten() {
        let mut versions: Vec<PathBuf> =
            std::fs::read_dir(&library).into_iter().flatten().flatten().map(|found| found.path()).collect();
        versions.sort();
        let package = versions.into_iter().map(|version| version.join("site-packages/hotsplice")).find(is_package);
        if package.is_some() {
            return package;
        }
    }
    // In a checkout: target/debug/hotsplice, agent/python/hotsplice.
    let checkout = folder.parent()?.parent()?.join("agent/python/hotsplice");
    Some(checkout).filter(is_package)
}
