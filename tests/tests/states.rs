//! Whatever a process is busy with, it can be patched: on every Python.

use hotsplice_tests::program::{Called, Program, Workspace};
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

/// What a running script defines only after its lines have moved is found by a later patch.
#[test]
fn definitions_that_a_script_comes_to_after_they_moved() {
    let waits = "import sys\nprint('ready', flush=True)\nsys.stdin.readline()\n";
    let shows = "while True:\n    print(f(), flush=True)\n    sys.stdin.readline()\n";
    let function = "def f():\n    return 'old'\n";
    let class = "class K:\n    def m(self):\n        return 'old'\nf = K().m\n";
    let lambda = "f = lambda: 'old'\n";
    for python in pythons::all() {
        for defines in [function, class, lambda] {
            let workspace = Workspace::new();
            let text = format!("{waits}{defines}{shows}");
            let script = workspace.write("script.py", &text);
            let mut program = workspace.run(python, &[&script.display().to_string()]);
            program.wait_line("ready");
            let moved = format!("# a comment\n\n{text}");
            workspace.write("script.py", &moved);
            workspace.call(&["patch", "script.py"]).expect(0);
            program.send("");
            program.wait_line("old");
            workspace.write("script.py", &moved.replace("'old'", "'new'"));
            let answer = workspace.call(&["patch", "--json", "script.py"]).json().to_string();
            assert!(!answer.contains("HS0404"), "Python {}: {defines}{answer}", python.name());
            program.send("");
            program.wait_line("new");
        }
    }
}

const REGISTERS: &str = "\
import sys, threading

go = threading.Event()
handlers, table, callbacks = [], {}, []

def register(name):
    print('registering', name, flush=True)
    if sys.argv[1] == 'slow' and name == 'second':
        go.wait()
    def add(function):
        handlers.append((name, function))
        table[name] = function
        print('registered', name, flush=True)
        return function
    return add

@register('first')
def answer():
    return 'old'

def shape():
    return 'function'

callbacks.append(shape)

print('ready', flush=True)
for line in sys.stdin:
    exec(line)
    print('done', flush=True)
";

/// Starts the program twice, edits it, and tells the one that has prepared to do something before the other one lets the
/// patch go on.
fn meanwhile(statement: &str, check: impl Fn(&Called, &mut Program)) {
    for python in pythons::all() {
        let workspace = Workspace::new();
        let script = workspace.write("registers.py", REGISTERS).display().to_string();
        let mut quick = workspace.run(python, &[&script, "quick"]);
        let mut slow = workspace.run(python, &[&script, "slow"]);
        quick.wait_line("ready");
        slow.wait_line("ready");
        workspace.sessions(2);
        let edited = REGISTERS
            .replace("@register('first')", "@register('second')")
            .replace("return 'old'", "return 'new'")
            .replace("def shape():\n    return 'function'", "class shape:\n    kind = 'class'");
        workspace.write("registers.py", &edited);
        let called = std::thread::scope(|scope| {
            let patching = scope.spawn(|| workspace.call(&["patch", "registers.py"]));
            quick.wait_line("registered second");
            slow.wait_line("registering second");
            quick.send(statement);
            quick.wait_line("done");
            slow.send("go.set()");
            patching.join().expect("a result")
        });
        check(&called, &mut quick);
    }
}

#[test]
fn what_the_program_registers_while_a_patch_is_prepared_stays() {
    let statement = "handlers.append(('third', len)); table['third'] = len; callbacks.insert(0, len)";
    meanwhile(statement, |called, program| {
        assert_eq!(called.code(), Some(0), "{}{}", called.text(), called.errors());
        program.send("print([name for name, _ in handlers], handlers[0][1](), sorted(table), flush=True)");
        program.wait_line("['second', 'third'] new ['second', 'third']");
        program.send("print(callbacks == [len, shape], flush=True)");
        program.wait_line("True");
    });
}

/// What was prepared does not fit any more, if that was before: then nothing is changed, and it is said.
#[test]
fn a_registry_that_the_program_clears_while_a_patch_is_prepared() {
    meanwhile("handlers.clear()", |called, program| {
        let refused = called.text().contains("HS0203");
        assert_eq!(called.code(), Some(i32::from(refused)), "{}{}", called.text(), called.errors());
        program.send("print(handlers, answer(), sorted(table), flush=True)");
        program.wait_line(if refused { "[] old ['first']" } else { "[] new ['second']" });
    });
}
