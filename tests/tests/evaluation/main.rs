//! Where and how the code of an edit runs before the patch is live: as on the program's main thread, for a limited time.

mod main_thread;
mod time_limit;
mod unnoticed;

use hotsplice_channel::PROTOCOL;
use hotsplice_tests::program::{Program, Workspace};
use hotsplice_tests::pythons::Python;
use hotsplice_tests::wire::Wire;

/// Prints what each line that it reads gives, as `python -i` would.
const PROMPT: &str = "import sys, m\nprint('ready', flush=True)\nwhile True:\n    line = sys.stdin.readline()\n    if not line:\n        break\n    print(repr(eval(line)), flush=True)\n";

fn start(workspace: &Workspace, python: &Python, module: &str) -> Program {
    workspace.write("m.py", module);
    let script = workspace.write("main.py", PROMPT);
    let mut program = workspace.run(python, &[&script.display().to_string()]);
    program.wait_line("ready");
    program
}

/// The next answer; news that come before it are left out.
/// A connection to the one process.
fn connected(workspace: &Workspace) -> Wire {
    let mut wire = Wire::connect(&workspace.sessions(1).remove(0));
    wire.hello(PROTOCOL).expect("hello");
    wire
}
