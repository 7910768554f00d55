//! What is saved goes live, without an editor.

mod reporting;
mod saving;
mod starting;

use std::fs;
use std::time::{Duration, Instant};

use hotsplice_tests::program::{PATIENCE, Program, Workspace};
use hotsplice_tests::pythons::Python;

const PROGRAM: &str = "import sys, rates\n\ndef greet():\n    return 'hello'\n\nprint('ready', flush=True)\nfor line in sys.stdin:\n    print(eval(line), flush=True)\n";

/// A program under `hotsplice run --watch`; its standard error is what is reported.
fn watched(workspace: &Workspace, python: &Python) -> Program {
    let script = workspace.write("app.py", PROGRAM);
    workspace.write("rates.py", "def rate():\n    return 1\n");
    let mut command = workspace.hotsplice();
    command.args(["run", "--watch", "--verbose", "--python"]).arg(&python.path).arg(script);
    let mut program = Program::start(command);
    program.wait_line("ready");
    workspace.sessions(1);
    program
}

/// Asks until the answer is another one than before, and gives that.
fn comes(program: &mut Program, expression: &str, before: &str) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = program.ask(expression);
        if answer != before {
            return answer;
        }
        if Instant::now() > deadline {
            let _ = program.child.kill();
            panic!("{expression} is still {before}; reported was:\n{}", program.stderr());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// To whoever watches, who is not the program.
fn signal(program: &Program, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(program.pid() as i32).expect("a pid");
    rustix::process::kill_process(pid, signal).expect("it runs");
}

/// Every thread of it.
fn stands_still(pid: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("it runs").flatten();
    let mut states = threads.filter_map(|thread| fs::read_to_string(thread.path().join("stat")).ok());
    states.all(|state| state.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T')))
}
