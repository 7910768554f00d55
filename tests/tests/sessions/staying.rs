//! What a session outlives, and what its end leaves.

use hotsplice_channel::registry;
use hotsplice_tests::program::{Workspace, wait_for};
use hotsplice_tests::pythons::{self};

use super::leaves_nothing;

#[test]
fn a_program_that_closes_every_descriptor_stays_a_session() {
    let daemon = "\
import os, sys, time

def name():
    return 'old'

if not (pid := os.fork()):
    os.setsid()
    if os.fork():
        os._exit(0)
    os.closerange(3, 4096)
    reading, writing = os.pipe()
    assert reading == 3 and writing == 4, (reading, writing)
    files = [open(os.devnull) for _ in range(40)]
    # The numbers that the agent had are the program's now.
    for number in range(700, 900):
        os.dup2(writing, number)
    print('daemon', os.getpid(), flush=True)
    while not os.path.exists(sys.argv[1]):
        time.sleep(0.02)
    os.closerange(700, 900)
    for file in files:
        file.read()
        file.close()
    os.set_blocking(reading, False)
    try:
        assert not os.read(reading, 100)
    except BlockingIOError:
        pass
    if not (pid := os.fork()):
        os.closerange(3, 4096)
        sys.exit(5)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
    os.closerange(3, 4096)
    print(name(), flush=True)
    sys.exit(0)
assert os.waitpid(pid, 0)[1] == 0
input()
";
    for python in pythons::all() {
        let workspace = Workspace::new();
        let script = workspace.write("daemon.py", daemon);
        let go = workspace.path().join("go");
        let mut program = workspace.run(python, &[&script.display().to_string(), &go.display().to_string()]);
        let line = program.line();
        let pid = line.strip_prefix("daemon ").expect("the daemon's line").to_owned();
        workspace.write("daemon.py", &daemon.replace("return 'old'", "return 'new'"));
        // Its socket is gone until it has new descriptors.
        wait_for("the daemon's new socket", || {
            (workspace.call(&["patch", "daemon.py", "--pid", &pid]).code() == Some(0)).then_some(())
        });
        workspace.write("go", "");
        assert_eq!(program.line(), "5");
        assert_eq!(program.line(), "new");
        program.send("");
        assert_eq!(program.wait(), Some(0), "{}", program.stderr());
        leaves_nothing(&workspace);
    }
}

#[test]
fn no_end_leaves_a_session_that_a_user_sees() {
    for python in pythons::all() {
        for end in [
            "pass",
            "raise SystemExit(3)",
            "import os; os._exit(4)",
            "import os; os.abort()",
            "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        ] {
            let workspace = Workspace::new();
            let script = workspace.write("ends.py", &format!("print('ready', flush=True)\ninput()\n{end}\n"));
            let mut program = workspace.run(python, &[&script.display().to_string()]);
            program.wait_line("ready");
            workspace.sessions(1);
            program.send("");
            program.wait();
            assert_eq!(registry::sessions(workspace.registry()).expect("a registry"), [], "after {end}");
            leaves_nothing(&workspace);
        }
    }
}
