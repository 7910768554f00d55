//! `hotsplice attach`: makes a process that runs already a session. CPython 3.14 and later take a script from outside
//! (PEP 768, `sys.remote_exec`); a debugger can evaluate an expression in any of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use clap::Args;
use hotsplice_channel::codes;
use hotsplice_channel::registry::{self, Entry};
use serde_json::json;

use super::{Failure, output, run};

/// How often it is looked whether the process has registered.
const LOOK: Duration = Duration::from_millis(20);

/// Run by the process's own interpreter, isolated from the environment.
const SEND: &str = "import sys\n\
    if not hasattr(sys, 'remote_exec'): sys.exit('this takes CPython 3.14, it runs ' + sys.version.split()[0])\n\
    try: sys.remote_exec(int(sys.argv[1]), sys.argv[2])\n\
    except Exception as error: sys.exit(f'{type(error).__name__}: {error}')\n";

#[derive(Args)]
#[command(
    after_help = "Examples:\n  hotsplice attach 4711          a process of CPython 3.14 or later can be patched from now on\n  hotsplice attach --expression  what any debugger can evaluate in the process, for all other versions"
)]
pub struct Arguments {
    /// The process
    #[arg(required_unless_present = "expression")]
    pid: Option<u32>,
    /// Print an expression that makes a process a session, for a debugger to evaluate in it
    #[arg(long, conflicts_with = "pid")]
    expression: bool,
    /// How many seconds to wait for the process: it takes the agent in when its main thread next runs Python code
    #[arg(long, default_value_t = 10, value_name = "SECONDS")]
    wait: u64,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let agent = run::agent_folder(None)?;
    let Some(pid) = arguments.pid else {
        output::line(&expression(&agent)?);
        return Ok(ExitCode::SUCCESS);
    };
    let entry = match registered(pid) {
        Some(entry) => entry,
        None => attach(pid, &agent, Duration::from_secs(arguments.wait))?,
    };
    if arguments.json {
        output::print_json(&json!({ "id": entry.id, "pid": entry.pid, "python": entry.python }));
    } else {
        output::line(&format!("process {pid} (Python {}) can be patched", entry.python));
    }
    Ok(ExitCode::SUCCESS)
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
    Ok(format!("__import__(\"runpy\").run_path({script})[\"attach\"]({directory})"))
}

fn registered(pid: u32) -> Option<Entry> {
    registry::sessions(&registry::directory())
        .ok()?
        .into_iter()
        .find(|entry| entry.pid == pid && registry::is_visible(entry))
}

fn attach(pid: u32, agent: &Path, patience: Duration) -> Result<Entry, Failure> {
    let refused = |reason: String| {
        let way_on = "start it with `hotsplice run`, or debug it from the editor, or call hotsplice.listen() in it";
        Failure::new(codes::NOT_ATTACHED, format!("process {pid}: {reason}; {way_on}"))
    };
    let interpreter = interpreter(pid).map_err(refused)?;
    let folder = registry::directory();
    registry::ensure(&folder).map_err(|error| refused(error.to_string()))?;
    let script = folder.join(format!("attach-{pid}.py"));
    fs::write(&script, expression(agent)?).map_err(|error| refused(format!("{}: {error}", script.display())))?;
    let sent = Command::new(&interpreter).args(["-I", "-c", SEND, &pid.to_string()]).arg(&script).output();
    let sent = sent.map_err(|error| refused(format!("{}: {error}", interpreter.display())))?;
    if !sent.status.success() {
        let _ = fs::remove_file(&script);
        let said = String::from_utf8_lossy(&sent.stderr);
        return Err(refused(said.lines().last().unwrap_or("it can't be reached").to_owned()));
    }
    let end = Instant::now() + patience;
    loop {
        if let Some(entry) = registered(pid) {
            let _ = fs::remove_file(&script);
            return Ok(entry);
        }
        if registry::process_started(pid).is_none() {
            return Err(Failure::new(codes::SESSION_GONE, format!("process {pid} has ended")));
        }
        if Instant::now() > end {
            // The script stays: the process may still come to it.
            let message = format!(
                "process {pid} has not taken the agent in yet: it will when its main thread next runs Python code, unless \
                 it said why not on its standard error"
            );
            return Err(Failure::new(codes::TIMED_OUT, message));
        }
        std::thread::sleep(LOOK);
    }
}

/// The program that the process runs, if that is a Python.
fn interpreter(pid: u32) -> Result<PathBuf, String> {
    if registry::process_started(pid).is_none() {
        return Err("there is no such process".to_owned());
    }
    let program = fs::read_link(format!("/proc/{pid}/exe")).map_err(|error| error.to_string())?;
    let is_python = program.file_name().is_some_and(|name| name.to_string_lossy().starts_with("python"));
    if is_python { Ok(program) } else { Err(format!("it runs {}, which is no Python", program.display())) }
}
