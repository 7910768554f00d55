//! Processes that fork without telling, run out of descriptors, are stopped, or end while they are patched.

use hotsplice_tests::program::Workspace;
use hotsplice_tests::pythons;

#[test]
fn a_child_that_c_code_forked_does_not_take_the_parents_session_away() {
    let script = "\
import ctypes, os, sys, subject
print('ready', flush=True)
sys.stdin.readline()
child = ctypes.PyDLL(None).fork()
if child == 0:
    sys.exit(0)
os.waitpid(child, 0)
print('gone', flush=True)
sys.stdin.readline()
print(subject.value(), flush=True)
";
    for python in pythons::all() {
        let workspace = Workspace::new();
        workspace.write("subject.py", "def value(): return 'old'\n");
        let script = workspace.write("main.py", script);
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        program.wait_line("ready");
        workspace.sessions(1);
        program.send("");
        program.wait_line("gone");
        workspace.write("subject.py", "def value(): return 'new'\n");
        workspace.call(&["patch", "subject.py"]).expect(0);
        program.send("");
        assert_eq!(program.line(), "new", "Python {}", python.name());
    }
}

#[test]
fn a_client_that_came_while_no_descriptor_was_left_is_served_once_there_are_some() {
    let script = "\
import os, resource, sys, subject
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
taken = []
try:
    while True: taken.append(os.dup(0))
except OSError: pass
print('ready', flush=True)
sys.stdin.readline()
while taken: os.close(taken.pop())
sys.stdin.readline()
print(subject.value(), flush=True)
";
    for python in pythons::all() {
        let workspace = Workspace::new();
        workspace.write("subject.py", "def value(): return 'old'\n");
        let script = workspace.write("main.py", script);
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        program.wait_line("ready");
        workspace.sessions(1);
        workspace.write("subject.py", "def value(): return 'new'\n");
        let mut client = workspace.hotsplice().args(["patch", "subject.py"]).spawn().expect("hotsplice starts");
        program.send("");
        assert!(client.wait().expect("it ends").success(), "Python {}", python.name());
        program.send("");
        assert_eq!(program.line(), "new", "Python {}", python.name());
    }
}

#[test]
fn a_stopped_process_holds_no_patch_of_another_up() {
    let python = pythons::newest();
    let workspace = Workspace::new();
    workspace.write("subject.py", "def value(): return 'old'\n");
    let other = workspace.write("other.py", "print('ready', flush=True)\ninput()\n");
    let script =
        workspace.write("main.py", "import subject\nprint('ready', flush=True)\ninput()\nprint(subject.value())\n");
    let mut other = workspace.run(python, &[&other.display().to_string()]);
    let mut program = workspace.run(python, &[&script.display().to_string()]);
    other.wait_line("ready");
    program.wait_line("ready");
    workspace.sessions(2);
    let signal = |signal| {
        let pid = rustix::process::Pid::from_raw(other.pid().cast_signed()).expect("a process");
        rustix::process::kill_process(pid, signal).expect("it runs");
    };
    signal(rustix::process::Signal::STOP);
    workspace.write("subject.py", "def value(): return 'new'\n");
    let called = workspace.call(&["patch", "subject.py"]);
    signal(rustix::process::Signal::CONT);
    let said = format!("{}{}", called.text(), called.errors());
    assert!(said.contains(&format!("process {} is stopped", other.pid())), "{said}");
    program.send("");
    assert_eq!(program.line(), "new", "{said}");
    other.send("");
}

#[test]
fn a_program_that_ends_while_it_is_patched_ends_with_its_own_exit_code() {
    let script = "\
import os, sys
read, write = os.pipe()
os.environ['STARTED'] = str(write)
import subject
print('ready', flush=True)
os.read(read, 1)
sys.exit(7)
";
    for python in pythons::all() {
        let workspace = Workspace::new();
        workspace.write("subject.py", "VALUE = 1\n");
        let script = workspace.write("main.py", script);
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        program.wait_line("ready");
        workspace.sessions(1);
        workspace.write(
            "subject.py",
            "import os\ndef work():\n    os.write(int(os.environ['STARTED']), b'.')\n    while True: pass\nVALUE = work()\n",
        );
        workspace.call(&["patch", "subject.py"]);
        assert_eq!(program.wait(), Some(7), "Python {}: {}", python.name(), program.stderr());
    }
}

#[test]
fn a_program_that_has_imported_nothing_but_enum_can_be_patched() {
    for python in pythons::all() {
        let workspace = Workspace::new();
        workspace.write("subject.py", "import enum\nclass Level(enum.Enum):\n    LOW = 1\ndef value(): return 'old'\n");
        let script = workspace.write(
            "main.py",
            "import sys, subject\nprint('ready', flush=True)\nfor _ in sys.stdin: print(subject.value(), flush=True)\n",
        );
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        program.wait_line("ready");
        workspace.sessions(1);
        let text = "import enum\nclass Level(enum.Enum):\n    LOW = 1\ndef value(): return 'new'\n";
        workspace.write("subject.py", text);
        workspace.call(&["patch", "subject.py"]).expect(0);
        program.send("");
        assert_eq!(program.line(), "new", "Python {}", python.name());
    }
}

/// CPython 3.12 and 3.13 abort when anybody asks for all threads' frames then.
#[test]
fn a_program_with_an_interpreter_that_has_its_own_gil_can_be_patched() {
    let script = "\
import os, sys, threading, subject
try: import _interpreters as interpreters
except ImportError: import _xxsubinterpreters as interpreters
read, write = os.pipe()
other = interpreters.create()
code = f'import os\\nos.write({write}, b\".\")\\nwhile True: pass'
run = getattr(interpreters, 'exec', None) or interpreters.run_string
threading.Thread(target=lambda: run(other, code), daemon=True).start()
os.read(read, 1)
print('ready', flush=True)
for _ in sys.stdin:
    print(subject.outer()(), flush=True)
    os._exit(0)
";
    for python in pythons::all() {
        if python.minor < 12 {
            continue;
        }
        let workspace = Workspace::new();
        let before = "def outer():\n    def inner(): return 'old'\n    return inner\ndef other(): return 1\n";
        workspace.write("subject.py", before);
        let script = workspace.write("main.py", script);
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        program.wait_line("ready");
        workspace.sessions(1);
        workspace.write("subject.py", &before.replace("'old'", "'new'").replace("return 1", "return 2"));
        workspace.call(&["patch", "subject.py"]).expect(0);
        program.send("");
        assert_eq!(program.line(), "new", "Python {}", python.name());
    }
}

#[test]
fn a_program_with_modules_of_its_own_that_are_named_like_the_standard_librarys_can_be_patched() {
    let names = ["ast", "bisect", "dis", "heapq", "inspect", "opcode", "symtable", "textwrap", "tokenize"];
    for python in pythons::all() {
        let workspace = Workspace::new();
        for name in names {
            workspace.write(&format!("{name}.py"), &format!("OWN = '{name}'\n"));
        }
        let before = "class Level:\n    low = 1\ndef value(): return 'old'\n";
        workspace.write("subject.py", before);
        let list = names.join(", ");
        // An interpreter that starts with one of the standard library's has no use for the program's.
        let script = format!(
            "import {list}, subject, sys\nprint('ready', flush=True)\nfor _ in sys.stdin: print(subject.value(), subject.Level.low, [getattr(one, 'OWN', one.__name__) for one in ({list})], flush=True)\n"
        );
        let script = workspace.write("main.py", &script);
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        program.wait_line("ready");
        workspace.sessions(1);
        workspace.write("subject.py", &before.replace("old", "new").replace("= 1", "= 2"));
        workspace.call(&["patch", "subject.py"]).expect(0);
        program.send("");
        let own: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
        assert_eq!(program.line(), format!("new 2 [{}]", own.join(", ")), "Python {}", python.name());
    }
}

/// What such an interpreter has executed is not what the main one has.
#[test]
fn a_file_that_another_interpreter_has_imported_in_its_new_text_is_patched_all_the_same() {
    let script = "\
import sys, threading, subject
try: import _interpreters as interpreters
except ImportError: import _xxsubinterpreters as interpreters
run = getattr(interpreters, 'exec', None) or interpreters.run_string
print('ready', flush=True)
for line in sys.stdin:
    if line.strip() == 'import':
        run(interpreters.create(), 'import sys; sys.path.insert(0, \"\"); import subject')
    print(subject.value(), flush=True)
";
    for python in pythons::all() {
        if python.minor < 12 {
            continue;
        }
        let workspace = Workspace::new();
        workspace.write("subject.py", "def value(): return 'old'\n");
        let script = workspace.write("main.py", script);
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        program.wait_line("ready");
        workspace.sessions(1);
        workspace.write("subject.py", "def value(): return 'new'\n");
        program.send("import");
        assert_eq!(program.line(), "old", "Python {}", python.name());
        workspace.call(&["patch", "subject.py"]).expect(0);
        program.send("");
        assert_eq!(program.line(), "new", "Python {}", python.name());
    }
}
