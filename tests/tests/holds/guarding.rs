//! What is guarded, and what of it is held.

use hotsplice_tests::holding::{LONG, able, held};
use hotsplice_tests::program::{Program, Workspace, wait_for};
use hotsplice_tests::pythons::{self};

use super::{TRAIN, guarded};

#[test]
fn nothing_is_held_that_nobody_watches_and_a_watcher_that_goes_lets_go() {
    let workspace = Workspace::new();
    let script = workspace.write("train.py", TRAIN).display().to_string();
    let mut program = workspace.run(pythons::newest(), &["--guard", "train", &script]);
    assert_eq!(program.wait(), Some(1));

    workspace.write("train.py", &TRAIN.replace("\nmain()\n", "\ninput()\nmain()\n"));
    let mut program = workspace.run(pythons::newest(), &["--guard", "train", &script]);
    workspace.sessions(1);
    let mut watcher = Program::start({
        let mut command = workspace.hotsplice();
        command.args(["holds", "--follow"]);
        command
    });
    watcher.wait_line("calls that fail are held");
    program.send("");
    held(&workspace);
    watcher.child.kill().expect("it runs");
    assert_eq!(program.wait(), Some(1));
    assert!(program.stderr().contains("ZeroDivisionError"));
}

#[test]
fn functions_of_a_process_that_runs_are_guarded_also_those_that_come_later() {
    for python in able() {
        let workspace = Workspace::new();
        let text = "\
import sys
print('ready', flush=True)
def make():
    def later(x):
        return 1 / x
    return later
def work(line):
    return int(line)
for line in sys.stdin:
    print(eval(line), flush=True)
";
        let script = workspace.write("serve.py", text);
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        program.wait_line("ready");
        program.send("work('1')");
        program.wait_line("1");
        let pid = program.pid().to_string();
        let said = workspace.call(&["guard", "serve.*", "--hold-for", LONG, "--pid", &pid]).expect(0).text();
        assert!(said.contains("serve.work is guarded") && said.contains("serve.make is guarded"), "{said}");
        program.send("work('x')");
        assert_eq!(held(&workspace)["function"], "work");
        workspace.call(&["return", "line * 2"]).expect(0);
        program.wait_line("xx");
        program.send("make()(0)");
        assert_eq!(held(&workspace)["function"], "make.<locals>.later");
        workspace.call(&["return", "7"]).expect(0);
        program.wait_line("7");
        // A function that a patch adds, and one that a patch makes a generator.
        let text =
            text.replace("def work(line):\n    return", "def added(x):\n    return x.y\ndef work(line):\n    yield");
        workspace.write("serve.py", &text);
        workspace.call(&["patch", "serve.py"]).expect(0);
        program.send("added(3)");
        assert_eq!(held(&workspace)["function"], "added");
        workspace.call(&["return", "x"]).expect(0);
        program.wait_line("3");
        program.send("list(work('y'))");
        assert_eq!(held(&workspace)["function"], "work");
        workspace.call(&["return", "None"]).expect(0);
        program.wait_line("[]");
        workspace.call(&["guard", "serve.*", "--remove", "--pid", &pid]).expect(0);
        program.send("added(3)");
        assert_eq!(program.wait(), Some(1));
    }
}

#[test]
fn what_the_program_handles_is_held_where_that_is_asked_for_but_not_what_the_call_handles_itself() {
    let workspace = Workspace::new();
    let text = "\
import sys
print('ready', flush=True)
def share(n):
    return 1 / n
def careful(n):
    try: return 1 / n
    except ZeroDivisionError: return 'careful'
def outer(n):
    try: return share(n)
    except ZeroDivisionError: return 'outer'
for line in sys.stdin:
    print(eval(line), flush=True)
";
    let script = workspace.write("serve.py", text);
    let mut program = workspace.run(pythons::newest(), &[&script.display().to_string()]);
    program.wait_line("ready");
    workspace.call(&["guard", "serve.*", "--even-handled", "--hold-for", LONG]).expect(0);
    program.send("careful(0)");
    program.wait_line("careful");
    program.send("outer(0)");
    assert_eq!(held(&workspace)["function"], "share");
    workspace.call(&["return", "'share'"]).expect(0);
    program.wait_line("share");
}

/// An exception's own attributes are the program's, and so is what its text is made by.
#[test]
fn an_exception_that_can_not_be_looked_at_is_held_or_goes_its_way() {
    let text = "\
class Closed(Exception):
    def __getattribute__(self, name): raise KeyError(name)
    def __setattr__(self, name, value): raise KeyError(name)
    def __str__(self): raise KeyError('text')
def fail():
    raise Closed()
def main():
    return fail()
print('gives', main(), flush=True)
try: main()
except Closed: print('as it was', flush=True)
";
    for python in able() {
        let workspace = Workspace::new();
        let mut program = guarded(&workspace, python, text);
        assert_eq!(held(&workspace)["function"], "fail");
        workspace.call(&["return", "'seven'"]).expect(0);
        program.wait_line("gives seven");
        program.wait_line("as it was");
        assert_eq!(program.wait(), Some(0));
    }
}

/// They may be run once only: an enumeration takes no name twice.
#[test]
fn the_statements_of_a_class_are_some_of_the_function_around_it() {
    let text = "\
import enum
def make():
    class Colour(enum.Enum):
        RED = 1
        BLUE = 1 / 0
    return list(Colour)
print('made', len(make()), flush=True)
";
    let workspace = Workspace::new();
    let mut program = guarded(&workspace, pythons::newest(), text);
    assert_eq!(held(&workspace)["function"], "make");
    workspace.write("train.py", &text.replace("1 / 0", "2"));
    workspace.call(&["retry"]).expect(0);
    program.wait_line("made 2");
    assert_eq!(program.wait(), Some(0));
}

#[test]
fn what_fails_at_once_after_it_was_patched_is_held() {
    let workspace = Workspace::new();
    let text = "\
def work(n):
    return n
n = 0
while True:
    n = work(n) + 1
";
    let program = guarded(&workspace, pythons::newest(), text);
    workspace.sessions(1);
    // Whoever calls it all the time comes before anything that looks again at what is guarded.
    for _ in 0..6 {
        workspace.write("train.py", &text.replace("return n", "return n / 0"));
        wait_for("the patch", || (workspace.call(&["patch", "train.py"]).code() == Some(0)).then_some(()));
        held(&workspace);
        workspace.write("train.py", text);
        workspace.call(&["retry"]).expect(0);
    }
    drop(program);
}

#[test]
fn an_older_python_says_that_it_is_guarded_in_its_source() {
    let Some(python) = pythons::all().iter().find(|python| python.minor < 12) else { return };
    let workspace = Workspace::new();
    let mut program = guarded(&workspace, python, TRAIN);
    assert_eq!(program.wait(), Some(1));
    assert!(program.stderr().contains("HS0022"));
    let script = workspace.write("train.py", "input()\n");
    let mut program = workspace.run(python, &[&script.display().to_string()]);
    workspace.sessions(1);
    assert!(workspace.call(&["guard", "train"]).expect(2).errors().contains("HS0022"));
    program.send("");
    assert_eq!(program.wait(), Some(0));
}
