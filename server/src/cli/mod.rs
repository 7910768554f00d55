//! The command line: what can be asked, and how it ends. `docs/cli.md` is the contract.

mod attach;
mod connect;
mod debug;
mod diff;
mod env;
mod explain;
mod guard;
mod holds;
mod jupyter;
mod output;
mod patch;
mod processes;
mod restart_frame;
mod run;
mod sessions;
mod show;
mod signals;
mod status;
mod undo;
mod watch;

use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};

use crate::failure::Failure;
use crate::requests;
use crate::session::Session;

/// Exit code when something was refused.
const REFUSED: u8 = 1;
/// Exit code for misuse, or when there is no session.
const MISUSE: u8 = 2;

#[derive(Parser)]
#[command(name = "hotsplice", version, about = "Applies an edit to Python code that is already running")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start a Python program that can be patched
    Run(run::Arguments),
    /// List the processes that can be patched
    Sessions(sessions::Arguments),
    /// Make what is live equal to files as they are on disk
    Patch(patch::Arguments),
    /// Make every file live when it is saved
    Watch(watch::Arguments),
    /// Show what differs between the files on disk and what is live
    Diff(diff::Arguments),
    /// Print the text of a file that is live in a process
    Show(show::Arguments),
    /// Bring back what was live before a patch
    Undo(undo::Arguments),
    /// Show what is patched, and what still runs old code
    Status(status::Arguments),
    /// Hold calls of functions when they fail, to mend them and go on
    Guard(guard::Arguments),
    /// List the calls that are held
    Holds(holds::Arguments),
    /// Try a held call again with the code as it is now
    Retry(holds::RetryArguments),
    /// Have a held call return a value
    Return(holds::ReturnArguments),
    /// Let the exception of a held call go its way
    Raise(holds::RaiseArguments),
    /// Have a debugger stand where a held call failed
    Debug(debug::Arguments),
    /// Have a frame that a debugger has stopped begin again, with the code as it is now
    RestartFrame(restart_frame::Arguments),
    /// Make a process that runs already patchable
    Attach(attach::Arguments),
    /// Have a process elsewhere, which listens by TCP, be a session here
    Connect(connect::Arguments),
    /// Print the environment in which every Python that is started can be patched
    Env(env::Arguments),
    /// Say what a code (HS0103) means, and what to do
    Explain(explain::Arguments),
    /// Have Jupyter's kernels be patchable from their start
    Jupyter(jupyter::Arguments),
    /// Serve an editor over stdio (Language Server Protocol)
    Lsp(LspArguments),
    /// Serve a coding agent over stdio (Model Context Protocol)
    Mcp,
}

#[derive(Args)]
struct LspArguments {
    /// Ignored: editors pass it by habit
    #[arg(long, hide = true)]
    stdio: bool,
}

/// How processes know whom they talk to.
const ROLE: &str = "cli";

/// Which processes a command is for.
#[derive(Args, Clone, Default)]
struct Selection {
    /// Only the process with this id
    #[arg(long, value_name = "N", conflicts_with_all = ["session", "all"])]
    pid: Option<u32>,
    /// Only the session with this id, as `hotsplice sessions` shows it
    #[arg(long, value_name = "ID", conflicts_with = "all")]
    session: Option<String>,
    /// Every session that this is about: those that have loaded the file, or all (this is the default)
    #[arg(long)]
    all: bool,
}

impl Selection {
    fn wanted(&self) -> requests::Selection {
        requests::Selection { pid: self.pid, session: self.session.clone() }
    }
}

pub fn main() -> ExitCode {
    let mut words = std::env::args_os().collect();
    let program = run::take_program(&mut words);
    let cli = match Cli::try_parse_from(words) {
        Ok(cli) => cli,
        Err(told) => return output::told(&told),
    };
    let json = match &cli.command {
        Command::Sessions(arguments) => arguments.json,
        Command::Patch(arguments) => arguments.json,
        Command::Undo(arguments) => arguments.json,
        Command::Status(arguments) => arguments.json,
        Command::Attach(arguments) => arguments.json,
        Command::Env(arguments) => arguments.json,
        Command::Guard(arguments) => arguments.json,
        Command::Holds(arguments) => arguments.json,
        Command::RestartFrame(arguments) => arguments.json,
        Command::Run(_)
        | Command::Connect(_)
        | Command::Retry(_)
        | Command::Return(_)
        | Command::Raise(_)
        | Command::Debug(_)
        | Command::Watch(_)
        | Command::Diff(_)
        | Command::Show(_)
        | Command::Explain(_)
        | Command::Jupyter(_)
        | Command::Lsp(_)
        | Command::Mcp => false,
    };
    let result = match cli.command {
        Command::Run(arguments) => run::run(&arguments, program),
        Command::Sessions(arguments) => sessions::run(&arguments),
        Command::Patch(arguments) => patch::run(&arguments),
        Command::Watch(arguments) => watch::run(&arguments),
        Command::Diff(arguments) => diff::run(&arguments),
        Command::Show(arguments) => show::run(&arguments),
        Command::Undo(arguments) => undo::run(&arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Attach(arguments) => attach::run(&arguments),
        Command::Connect(arguments) => connect::run(&arguments),
        Command::Env(arguments) => env::run(&arguments),
        Command::Guard(arguments) => guard::run(&arguments),
        Command::Holds(arguments) => holds::run(&arguments),
        Command::Retry(arguments) => holds::retry(&arguments),
        Command::Return(arguments) => holds::return_value(&arguments),
        Command::Raise(arguments) => holds::raise(&arguments),
        Command::Debug(arguments) => debug::run(&arguments),
        Command::RestartFrame(arguments) => restart_frame::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Jupyter(arguments) => jupyter::run(&arguments),
        Command::Lsp(_) => crate::lsp::serve(),
        Command::Mcp => crate::mcp::serve(),
    };
    output::end(result.unwrap_or_else(|failure| {
        if json {
            output::print_json(&serde_json::json!({ "error": { "code": failure.code, "message": failure.message } }));
        }
        output::problem(&failure);
        ExitCode::from(MISUSE)
    }))
}

/// The sessions that a command is for; those that can't be talked to are named on standard error.
fn select(selection: &Selection) -> Result<Vec<Arc<Session>>, Failure> {
    let requests::Selected { sessions, unreachable } = requests::select(ROLE, &selection.wanted())?;
    for error in &unreachable {
        output::problem(format!("{}: {error}", error.code()));
    }
    Ok(sessions)
}
