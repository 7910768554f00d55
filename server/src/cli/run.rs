//! `hotsplice run`: start a Python program that can be patched.
//!
//! The agent comes in by `sitecustomize`, through `PYTHONPATH`: so every Python that the program starts registers too.

use std::env;
use std::ffi::OsString;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Args;
use hotsplice_channel::codes;

use super::{Failure, signals};
use crate::launching::{CALL, PROMPT};
use crate::watch::{self, Report, Scope};

/// Only our own options: what is to be run is cut off before anything reads it ([`take_program`]), so that all of its
/// arguments reach it as they were typed.
#[derive(Args)]
#[command(
    override_usage = "hotsplice run [OPTIONS] SCRIPT [ARGS]...\n       hotsplice run [OPTIONS] -m MODULE[:FUNCTION] [ARGS]...\n       hotsplice run [OPTIONS] -- COMMAND [ARGS]...\n       hotsplice run [OPTIONS]",
    after_help = "Examples:\n  hotsplice run app.py --port 8000\n  hotsplice run -m flask --app shop run\n  hotsplice run --watch -v train.py\n  hotsplice run -- sh -c 'python worker.py & python web.py'\n\nWithout a program it is Python's own prompt, which can be patched like a program."
)]
pub struct Arguments {
    /// The Python to run it with; by default the active virtual environment's, the one beside this program, or python3
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    /// Make every file live when it is saved
    #[arg(long)]
    watch: bool,
    /// With --watch: say what went live, in how long; what did not go live is always said
    #[arg(short, long, requires = "watch")]
    verbose: bool,
    /// Hold calls of these functions when they fail: a module, a function or a pattern ('app.*')
    #[arg(long, value_name = "NAME")]
    guard: Vec<String>,
    /// With --guard: hold a call for at most so many seconds, also while nobody watches
    #[arg(long, value_name = "SECONDS", requires = "guard")]
    hold_for: Option<u32>,
}

/// What is to be run.
#[derive(Debug, PartialEq)]
pub struct Program {
    kind: Kind,
    /// The script, module or command, and its arguments.
    words: Vec<OsString>,
}

#[derive(Debug, PartialEq)]
enum Kind {
    Script,
    Module,
    Command,
}

/// Our own options that take no value.
const FLAGS: [&str; 3] = ["--watch", "--verbose", "-v"];

fn is_own(option: &str) -> bool {
    FLAGS.contains(&option) || ["--python=", "--guard=", "--hold-for="].iter().any(|own| option.starts_with(own))
}

/// Cuts what is to be run off a command line `hotsplice run …`. Nothing where there is none, or an option that is not
/// known stands before it.
pub fn take_program(words: &mut Vec<OsString>) -> Option<Program> {
    if words.get(1)? != "run" {
        return None;
    }
    let mut index = 2;
    loop {
        let word = words.get(index)?.to_string_lossy().into_owned();
        let (kind, skipped) = match word.as_str() {
            "--python" | "--guard" | "--hold-for" => {
                index += 2;
                continue;
            }
            "--" => (Kind::Command, 1),
            "-m" => (Kind::Module, 1),
            option if is_own(option) => {
                index += 1;
                continue;
            }
            joined if joined.starts_with("-m") => {
                let mut program = words.split_off(index);
                program[0] = joined[2..].into();
                return Some(Program { kind: Kind::Module, words: program });
            }
            option if option.starts_with('-') => return None,
            _ => (Kind::Script, 0),
        };
        let program = words.split_off(index + skipped);
        words.truncate(index);
        return Some(Program { kind, words: program });
    }
}

pub fn run(arguments: &Arguments, program: Option<Program>) -> Result<ExitCode, Failure> {
    let mut command = command(arguments, program)?;
    command.envs(environment(&agent_folder(arguments.python.as_deref())?)?);
    if !arguments.guard.is_empty() {
        command.envs(super::guard::environment(&arguments.guard, arguments.hold_for)?);
    }
    let name = command.get_program().to_string_lossy().into_owned();
    if arguments.watch {
        return watched(command, arguments.verbose)
            .map_err(|error| Failure::new(codes::UNREADABLE, format!("{name}: {error}")));
    }
    let error = command.exec();
    Err(Failure::new(codes::UNREADABLE, format!("{name}: {error}")))
}

fn command(arguments: &Arguments, program: Option<Program>) -> Result<Command, Failure> {
    let mut python = Command::new(arguments.python.clone().unwrap_or_else(default_python));
    let Some(Program { kind, words }) = program else {
        // A prompt, also where the input is no terminal.
        python.args(["-c", PROMPT]);
        return Ok(python);
    };
    let Some((first, rest)) = words.split_first() else {
        let message = "nothing to run: give a script, -m MODULE, or a command after --";
        return Err(Failure::new(codes::BAD_MESSAGE, message));
    };
    match kind {
        Kind::Command => python = Command::new(first),
        Kind::Module => match first.to_str().and_then(|name| name.split_once(':')) {
            Some((module, function)) => drop(python.args(["-c", CALL, module, function])),
            None => drop(python.arg("-m").arg(first)),
        },
        Kind::Script if Path::new(first).exists() => drop(python.arg(first)),
        Kind::Script => {
            let message = format!("{} does not exist; for a command use `hotsplice run -- COMMAND`", first.display());
            return Err(Failure::new(codes::UNREADABLE, message));
        }
    }
    python.args(rest);
    Ok(python)
}

/// Runs a program and has what is saved go live in it until it ends; its exit code is ours.
fn watched(mut command: Command, verbose: bool) -> std::io::Result<ExitCode> {
    // Ctrl-C is for the program, which may go on: we end when it does.
    let signals = signals::forwarded()?;
    let mut child = command.spawn()?;
    signals.to(child.id());
    let scope = Scope { tree: Some(child.id()), ..Scope::default() };
    let (events, inbox) = watch::events();
    let stop = events.clone();
    let watching = std::thread::spawn(move || {
        watch::run(&scope, false, &mut Report::new(verbose), &events, &inbox);
    });
    let status = child.wait()?;
    // It is gone if it failed.
    let _ = stop.send(watch::Event::Stop);
    let _ = watching.join();
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
    Ok(ExitCode::from(code as u8))
}

/// The variables by which every Python that is started with them registers.
pub fn environment(agent: &Path) -> Result<[(&'static str, OsString); 2], Failure> {
    let bootstrap = agent.join("_bootstrap");
    let mut paths = vec![bootstrap.clone()];
    if let Some(known) = env::var_os("PYTHONPATH").filter(|known| !known.is_empty()) {
        paths.extend(env::split_paths(&known).filter(|path| *path != bootstrap));
    }
    let joined = env::join_paths(paths).map_err(|error| Failure::new(codes::BAD_MESSAGE, error.to_string()))?;
    Ok([("PYTHONPATH", joined), ("HOTSPLICE_AGENT_DIR", agent.into())])
}

/// As `python` means it to the user: the active environment's before that of the environment which this program is in.
fn default_python() -> PathBuf {
    let named = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    // Conda's own is active in every shell of some people: no choice of theirs.
    let conda = named("CONDA_PREFIX").filter(|_| named("CONDA_DEFAULT_ENV").is_some_and(|active| active != "base"));
    let environments = [named("VIRTUAL_ENV"), conda].into_iter().flatten();
    let active = environments.map(|environment| Path::new(&environment).join("bin/python"));
    let beside = env::current_exe().ok().and_then(|program| Some(program.parent()?.join("python")));
    active.chain(beside).find(|python| python.exists()).unwrap_or_else(|| PathBuf::from("python3"))
}

/// The folder of the Python package that belongs to this program.
pub fn agent_folder(python: Option<&Path>) -> Result<PathBuf, Failure> {
    find_agent(python).ok_or_else(|| {
        Failure::new(
            codes::NOT_LOADED,
            "the Python package hotsplice is not beside this program; install it with pip, or set HOTSPLICE_AGENT_DIR",
        )
    })
}

fn find_agent(python: Option<&Path>) -> Option<PathBuf> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str) -> (String, Option<(Kind, String)>) {
        let mut words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let program = take_program(&mut words);
        let join = |words: &[OsString]| words.join(" ".as_ref()).to_string_lossy().into_owned();
        (join(&words), program.map(|program| (program.kind, join(&program.words))))
    }

    #[test]
    fn what_is_run_gets_its_arguments_as_typed() {
        for (line, own, kind, words) in [
            ("hotsplice run a.py -h --python x -- y", "hotsplice run", Kind::Script, "a.py -h --python x -- y"),
            ("hotsplice run -m pytest -m slow --help", "hotsplice run", Kind::Module, "pytest -m slow --help"),
            ("hotsplice run -mpytest -- -x", "hotsplice run", Kind::Module, "pytest -- -x"),
            ("hotsplice run --python p -m m", "hotsplice run --python p", Kind::Module, "m"),
            ("hotsplice run --watch -v a.py -v", "hotsplice run --watch -v", Kind::Script, "a.py -v"),
            ("hotsplice run --python=p a.py", "hotsplice run --python=p", Kind::Script, "a.py"),
            ("hotsplice run -- sh -c x -- y", "hotsplice run", Kind::Command, "sh -c x -- y"),
        ] {
            assert_eq!(split(line), (own.to_owned(), Some((kind, words.to_owned()))), "{line}");
        }
        for line in ["hotsplice run", "hotsplice run --help", "hotsplice run --python", "hotsplice patch -- a.py"] {
            assert_eq!(split(line), (line.to_owned(), None));
        }
    }
}
