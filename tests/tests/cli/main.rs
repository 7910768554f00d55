//! The command line's contract (`docs/cli.md`), on the newest Python.

mod errors;
mod listing;
mod patching;

use hotsplice_tests::program::{Program, Workspace};
use hotsplice_tests::pythons;

const PROGRAM: &str = "import sys\n\ndef greet(name):\n    return f'hello {name}'\n\nclass View:\n    def get(self):\n        return 'view'\n\nprint('ready', flush=True)\nfor line in sys.stdin:\n    print(greet(line.strip()), View().get(), flush=True)\n";

fn start(workspace: &Workspace) -> Program {
    let script = workspace.write("app.py", PROGRAM);
    let mut program = workspace.run(pythons::newest(), &[&script.display().to_string()]);
    // It is a session before it has read its own script.
    program.wait_line("ready");
    program
}

fn ask(program: &mut Program, line: &str) -> String {
    program.send(line);
    program.line()
}
