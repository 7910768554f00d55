//! Whatever a process is busy with, it can be patched: on every Python.

use hotsplice_tests::program::{Program, Workspace};
use hotsplice_tests::pythons;

/// The program prints `ready`, then waits or works until `value()` is the new one, and prints that.
fn patched_while(waiting: &str, wake: impl Fn(&mut Program)) {
    for python in pythons::all() {
        let workspace = Workspace::new();
        workspace.write("subject.py", "def value():\n    return 'old'\n");
        let text = format!(
            "import os, select, socket, sys, threading, time\nimport subject\nprint('ready', flush=True)\n{waiting}\nprint(subject.value(), flush=True)\n"
        );
        let script = workspace.write("state.py", &text);
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        program.wait_line("ready");
        workspace.sessions(1);
        workspace.write("subject.py", "def value():\n    return 'new'\n");
        workspace.call(&["patch", "subject.py"]).expect(0);
        wake(&mut program);
        program.wait_line("new");
    }
}

#[test]
fn busy_in_a_python_loop() {
    patched_while("while subject.value() == 'old':\n    pass", |_| {});
}

#[test]
fn busy_with_other_threads() {
    let text = "def spin():\n    while subject.value() == 'old':\n        sum(range(100))\nthreads = [threading.Thread(target=spin) for _ in range(4)]\n[thread.start() for thread in threads]\n[thread.join() for thread in threads]";
    patched_while(text, |_| {});
}

#[test]
fn asleep() {
    patched_while("while subject.value() == 'old':\n    time.sleep(0.05)", |_| {});
}

#[test]
fn in_select() {
    patched_while("select.select([sys.stdin], [], [])", |program| program.send(""));
}

#[test]
fn reading_input() {
    patched_while("input()", |program| program.send(""));
}

#[test]
fn at_a_pdb_prompt() {
    patched_while("import pdb; pdb.set_trace()\npass", |program| {
        program.send("p subject.value()");
        program.send("continue");
    });
}

/// The statements of a script that is being executed stand elsewhere now: tracebacks say where.
#[test]
fn lines_of_the_script_itself() {
    for python in pythons::all() {
        let workspace = Workspace::new();
        let text = "import sys, traceback\n\ndef f():\n    return traceback.extract_stack()[0].lineno\n\nprint('ready', flush=True)\nfor _ in sys.stdin:\n    print(f(), flush=True)\n";
        let script = workspace.write("script.py", text);
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        program.wait_line("ready");
        program.send("");
        program.wait_line("8");
        workspace.write("script.py", &text.replace("def f():", "# a comment\n\n\ndef f():"));
        workspace.call(&["patch", "script.py"]).expect(0);
        program.send("");
        program.wait_line("11");
    }
}
