//! `hotsplice attach`: makes a process that runs already a session.
//!
//! | way | works on |
//! |---|---|
//! | `sys.remote_exec` (PEP 768) | CPython 3.14 and later, as soon as the main thread runs Python code: first where it does not wait for something |
//! | a thread that is started through ptrace (`hotsplice-attach`) | every version, a process that sleeps too |
//! | an expression that a debugger evaluates | every version |

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use clap::Args;
use hotsplice_attach::AttachError;
use hotsplice_channel::codes;
use hotsplice_channel::registry::{self, Entry};
use serde_json::json;

use super::{Failure, output, processes, run};
use crate::session::{Session, SessionError, shorten};

/// How often it is looked whether the process has registered.
const LOOK: Duration = Duration::from_millis(2);

/// After how long a process that was sent a script counts as one that sleeps.
const WAKE: Duration = Duration::from_millis(300);

/// Run by the process's own interpreter, isolated from the environment.
const SEND: &str = "import sys\n\
    try: sys.remote_exec(int(sys.argv[1]), sys.argv[2])\n\
    except Exception as error: sys.exit(f'{type(error).__name__}: {error}')\n";

/// Has the process run the script, and imports nothing that it has not.
///
/// Each file that is read lets the GIL go, and getting it back from a thread that computes costs the switch interval: that is short
/// meanwhile, unless the program has set it to something longer than usual.
const START: &str = "import sys, posix\n\
    from _frozen_importlib_external import SourceFileLoader\n\
    interval = sys.getswitchinterval()\n\
    hurries = [0.0002 < interval <= 0.005]\n\
    if hurries[0]:\n\
    \x20   sys.setswitchinterval(0.0002)\n\
    \x20   posix.register_at_fork(after_in_child=lambda: hurries[0] and sys.setswitchinterval(interval))\n\
    script = {'__name__': 'hotsplice_attach', '__file__': SCRIPT}\n\
    try:\n\
    \x20   exec(SourceFileLoader('hotsplice_attach', SCRIPT).get_code('hotsplice_attach'), script)\n\
    \x20   script['attach'](DIRECTORY)\n\
    finally:\n\
    \x20   if hurries[0]:\n\
    \x20       script.get('give_back', sys.setswitchinterval)(interval)\n\
    \x20   hurries[0] = False\n";

#[derive(Args)]
#[command(
    after_help = "Examples:\n  hotsplice attach 4711          the process can be patched from now on\n  hotsplice attach --list        which processes there are\n  hotsplice attach --expression  what any debugger can evaluate in a process, where the system forbids to reach into it"
)]
pub struct Arguments {
    /// The process
    #[arg(required_unless_present_any = ["expression", "list"])]
    pid: Option<u32>,
    /// List the Python processes that run already and can't be patched yet
    #[arg(long, conflicts_with_all = ["pid", "expression"])]
    list: bool,
    /// Print an expression that makes a process a session, for a debugger to evaluate in it
    #[arg(long, conflicts_with = "pid")]
    expression: bool,
    /// How many seconds to wait for the process: it takes the agent in as soon as it runs Python code
    #[arg(long, default_value_t = 10, value_name = "SECONDS")]
    wait: u64,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    if arguments.list {
        list(arguments.json);
        return Ok(ExitCode::SUCCESS);
    }
    let agent = run::agent_folder(None)?;
    let Some(pid) = arguments.pid else {
        output::line(&expression(&agent)?);
        return Ok(ExitCode::SUCCESS);
    };
    let entry = match registered(pid) {
        Some(entry) => match Session::connect(&entry, "attach", |_| {}) {
            // It has changed its user, say.
            Err(error @ SessionError::Refused { .. }) => return Err(error.into()),
            _ => entry,
        },
        None => attach(pid, &agent, Duration::from_secs(arguments.wait))?,
    };
    if arguments.json {
        output::print_json(&json!({ "id": entry.id, "pid": entry.pid, "python": entry.python }));
    } else {
        output::line(&format!("process {pid} (Python {}) can be patched", entry.python));
    }
    Ok(ExitCode::SUCCESS)
}

fn list(as_json: bool) {
    let found = processes::candidates();
    if as_json {
        return output::print_json(&json!(found));
    }
    if found.is_empty() {
        return output::line("no Python process of yours runs that can't be patched already");
    }
    let mut rows = vec![["PID", "COMMAND", "FOLDER", ""].map(str::to_owned)];
    rows.extend(found.into_iter().map(|process| {
        let obstacle = process.obstacle.unwrap_or_default();
        [process.pid.to_string(), shorten(&process.command.join(" ")), process.cwd, obstacle]
    }));
    output::line(&output::table(&rows));
}

/// One line of Python; gives `None`.
fn expression(agent: &Path) -> Result<String, Failure> {
    let text = |path: &Path| {
        let text = path
            .to_str()
            .ok_or_else(|| Failure::new(codes::BAD_MESSAGE, format!("{} is not valid UTF-8", path.display())))?;
        // JSON's strings are Python's too.
        Ok::<_, Failure>(json!(text).to_string())
    };
    let (script, directory) = (text(&agent.join("_attach.py"))?, text(&registry::directory())?);
    let text = START.replace("SCRIPT", &script).replace("DIRECTORY", &directory);
    // Whatever the place where it is evaluated calls `exec`.
    Ok(format!("__import__(\"builtins\").exec({}, {{}})", json!(text)))
}

/// Nobody listens for one that has become another program (`exec`) since.
fn registered(pid: u32) -> Option<Entry> {
    registry::sessions(&registry::directory())
        .ok()?
        .into_iter()
        .find(|entry| entry.pid == pid && registry::is_visible(entry) && UnixStream::connect(&entry.socket).is_ok())
}

fn attach(pid: u32, agent: &Path, patience: Duration) -> Result<Entry, Failure> {
    let refused = |reason: String| {
        let way_on = "start it with `hotsplice run`, or debug it from the editor, or call hotsplice.listen() in it";
        Failure::new(codes::NOT_ATTACHED, format!("process {pid}: {reason}; {way_on}"))
    };
    if registry::process_started(pid).is_none() {
        return Err(Failure::new(codes::NOT_ATTACHED, format!("there is no process {pid}")));
    }
    let folder = registry::directory();
    registry::ensure(&folder).map_err(|error| refused(error.to_string()))?;
    if let Some(reason) = processes::is_elsewhere(pid, &[agent, &folder]) {
        return Err(refused(reason));
    }
    let end = Instant::now() + patience;
    let interpreter = interpreter_that_takes_scripts(pid);
    let sleeps = sleeps(pid);
    let send = |interpreter: &Path, end: Instant| {
        let script = folder.join(format!("attach-{pid}.py"));
        fs::write(&script, expression(agent)?).map_err(|error| refused(format!("{}: {error}", script.display())))?;
        let sent = Command::new(interpreter).args(["-I", "-c", SEND, &pid.to_string()]).arg(&script).output();
        let found = match sent.is_ok_and(|sent| sent.status.success()) {
            true => wait(pid, end)?,
            false => None,
        };
        if found.is_some() {
            let _ = fs::remove_file(&script);
        }
        // If it comes to the script later, it listens already.
        Ok::<_, Failure>(found)
    };
    if let Some(interpreter) = interpreter.as_deref().filter(|_| !sleeps)
        && let Some(entry) = send(interpreter, end.min(Instant::now() + WAKE))?
    {
        return Ok(entry);
    }
    let statement = format!("exec({}, {{'__name__': '__hotsplice__'}})", json!(expression(agent)?));
    if let Err(error) = hotsplice_attach::execute(pid, &statement) {
        // It may be let in by the other way, as soon as it wakes.
        let is_hopeless = matches!(error, AttachError::OtherUser { .. });
        let found = match interpreter.as_deref().filter(|_| sleeps && !is_hopeless) {
            Some(interpreter) => send(interpreter, end)?,
            None => None,
        };
        return found.ok_or_else(|| refused(error.to_string()));
    }
    wait(pid, end)?.ok_or_else(|| {
        let message = format!(
            "process {pid} has not taken the agent in yet: it will when it next runs Python code, unless it said why not \
             on its standard error"
        );
        Failure::new(codes::TIMED_OUT, message)
    })
}

/// Waits until the process has registered, for so long.
fn wait(pid: u32, end: Instant) -> Result<Option<Entry>, Failure> {
    loop {
        if let Some(entry) = registered(pid) {
            return Ok(Some(entry));
        }
        if registry::process_started(pid).is_none() {
            return Err(Failure::new(codes::SESSION_GONE, format!("process {pid} has ended")));
        }
        if Instant::now() > end {
            return Ok(None);
        }
        std::thread::sleep(LOOK);
    }
}

/// Whether its main thread waits for something: a script that was sent to it would wait too.
fn sleeps(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // Its name may have spaces and parentheses.
    let state = stat.rsplit_once(')').and_then(|(_, fields)| fields.trim_start().chars().next());
    matches!(state, Some('S' | 'D'))
}

/// The program that the process runs, if that is a Python of 3.14 or later by its name.
fn interpreter_that_takes_scripts(pid: u32) -> Option<PathBuf> {
    let program = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    let minor = program.file_name()?.to_str()?.strip_prefix("python3.")?.parse::<u32>().ok()?;
    (minor >= 14).then_some(program)
}
