//! Functions that are guarded from outside: their calls are held when they fail, and answered from the command line.

use std::process::Command;

use hotsplice_tests::holding::{LONG, able, held, holds};
use hotsplice_tests::program::{Program, Workspace, wait_for};
use hotsplice_tests::pythons::{self, Python};
use hotsplice_tests::wire::Wire;
use hotsplice_tests::{repository, script};
use serde_json::{Value, json};

const TRAIN: &str = "\
def batch(n):
    return list(range(n))

def evaluate(total, n):
    items = batch(n)
    return total / len(items)

def main():
    total = 41
    for step in range(3):
        total += 1
    print('result', evaluate(total, 0), flush=True)

main()
";

fn guarded(workspace: &Workspace, python: &Python, text: &str) -> Program {
    let script = workspace.write("train.py", text);
    workspace.run(python, &["--guard", "train.*", "--hold-for", LONG, &script.display().to_string()])
}

#[test]
fn a_held_call_is_mended_and_tried_again_from_the_command_line() {
    for python in able() {
        let workspace = Workspace::new();
        let mut program = guarded(&workspace, python, TRAIN);
        let hold = held(&workspace);
        assert_eq!(hold["function"], "evaluate");
        assert_eq!(hold["error"], "ZeroDivisionError: division by zero");
        assert_eq!(hold["line"], 6);
        assert_eq!(hold["variables"]["total"], "44");
        // What is refused leaves it held.
        workspace.write("train.py", "def evaluate(:\n");
        workspace.call(&["retry"]).expect(1);
        assert_eq!(holds(&workspace).len(), 1);
        workspace.write("train.py", &TRAIN.replace("total / len(items)", "total / (len(items) or 1)"));
        let told = workspace.call(&["retry"]).expect(0).text();
        // The call that is held is the one that takes the new code.
        assert!(told.contains("HS0309: 1 call that has failed and is held takes the new code"), "{told}");
        assert!(!told.contains("HS0306"), "{told}");
        program.wait_line("result 44.0");
        assert_eq!(program.wait(), Some(0));
    }
}

#[test]
fn a_call_further_up_begins_again() {
    let workspace = Workspace::new();
    let mut program = guarded(&workspace, pythons::newest(), TRAIN);
    let hold = held(&workspace);
    let frames = hold["frames"].as_array().expect("calls");
    let names: Vec<_> = frames.iter().filter_map(|frame| frame["function"].as_str()).collect();
    assert_eq!(names, ["evaluate", "main"]);
    assert_eq!((&frames[0]["guarded"], &frames[1]["line"]), (&json!(true), &json!(12)));
    assert!(workspace.call(&["holds"]).expect(0).text().contains("\n    1 main ("));
    assert!(workspace.call(&["retry", "--frame", "2"]).expect(2).errors().contains("HS0023"));
    workspace.write("train.py", &TRAIN.replace("evaluate(total, 0)", "evaluate(total, 4)"));
    let told = workspace.call(&["retry", "--frame", "1"]).expect(0).text();
    assert!(told.contains("HS0309: 1 call that has failed and is held takes the new code"), "{told}");
    assert!(!told.contains("HS0306") && told.contains("evaluate is tried again from main"), "{told}");
    program.wait_line("result 11.0");
    assert_eq!(program.wait(), Some(0));
}

/// One that suspends, and one that gives its argument another value: where the arguments are not kept the reason is reported.
#[test]
fn a_call_further_up_that_has_not_kept_its_arguments_begins_again_where_it_is_guarded() {
    let text = "\
import asyncio
def divide(x):
    return 1 / x
def rebinding(x):
    x -= 5
    return divide(x)
async def later(x):
    await asyncio.sleep(0)
    return rebinding(x)
async def main():
    print('gives', await later(5), flush=True)
asyncio.run(main())
";
    for python in able() {
        let workspace = Workspace::new();
        let script = workspace.write("train.py", text).display().to_string();
        let mut program = workspace.run(python, &["--guard", "train.divide", "--hold-for", LONG, &script]);
        let refused = |hold: &Value| -> Vec<String> {
            let frames = hold["frames"].as_array().cloned().unwrap_or_default();
            frames.iter().map(|frame| frame["refused"].as_str().unwrap_or_default().chars().take(6).collect()).collect()
        };
        // What is above a task does not get its exception.
        assert_eq!(refused(&held(&workspace)), ["", "HS0623", "HS0622", "HS0622"]);
        let told = workspace.call(&["retry", "--no-patch", "--frame", "1"]).expect(2).errors();
        assert!(told.contains("HS0623: rebinding can't begin again") && told.contains("hotsplice guard"), "{told}");
        workspace.call(&["return", "2"]).expect(0);
        program.wait_line("gives 2");

        for (frame, mended) in [("1", "x -= 4"), ("2", "x -= 4"), ("3", "x -= 4")] {
            workspace.write("train.py", text);
            let mut program = guarded(&workspace, python, text);
            assert_eq!(refused(&held(&workspace)), ["", "", "", ""]);
            workspace.write("train.py", &text.replace("x -= 5", mended));
            workspace.call(&["retry", "--frame", frame]).expect(0);
            program.wait_line("gives 1.0");
            assert_eq!(program.wait(), Some(0));
        }
    }
}

/// An exception that is caught on its way would never come there.
#[test]
fn only_calls_that_the_exception_comes_to_begin_again() {
    let text = "\
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'site-packages'))
import library
def divide(x):
    return 1 / x
def handler(x):
    return divide(x)
class Gone:
    def __del__(self): handler(0)
def main():
    print(library.served(handler, 0))
    Gone()
    print('end', flush=True)
main()
";
    let workspace = Workspace::new();
    let library = "def served(handler, x):\n    try: return handler(x)\n    except Exception: return 'failed'\n";
    workspace.write("site-packages/library.py", library);
    let mut program = guarded(&workspace, pythons::newest(), text);
    let names = |hold: &Value| -> Vec<String> {
        let frames = hold["frames"].as_array().cloned().unwrap_or_default();
        frames.iter().filter_map(|frame| frame["function"].as_str().map(str::to_owned)).collect()
    };
    assert_eq!(names(&held(&workspace)), ["divide", "handler"]);
    workspace.call(&["raise"]).expect(0);
    program.wait_line("failed");
    assert_eq!(names(&held(&workspace)), ["divide", "handler", "Gone.__del__"]);
    workspace.write("train.py", &text.replace("handler(0)", "handler(1)"));
    workspace.call(&["retry", "--frame", "2"]).expect(0);
    program.wait_line("end");
    assert_eq!(program.wait(), Some(0));
}

#[test]
fn a_held_call_returns_a_value_or_raises() {
    let workspace = Workspace::new();
    let mut program = guarded(&workspace, pythons::newest(), TRAIN);
    let hold = held(&workspace);
    let name = hold["hold"].as_str().expect("a name");
    assert!(workspace.call(&["return", "totl"]).expect(2).errors().contains("HS0024"));
    assert!(workspace.call(&["raise", "99"]).expect(2).errors().contains("HS0023"));
    workspace.call(&["return", "[total for _ in items] or -n - 1", "--hold", name]).expect(0);
    program.wait_line("result -1");
    assert_eq!(program.wait(), Some(0));

    let mut program = guarded(&workspace, pythons::newest(), TRAIN);
    held(&workspace);
    workspace.call(&["raise"]).expect(0);
    // `main` is guarded, too: what was decided is not asked again.
    assert_eq!(program.wait(), Some(1));
    assert!(program.stderr().contains("ZeroDivisionError"));
    assert!(workspace.call(&["raise"]).expect(2).errors().contains("HS0005"));
}

#[test]
fn an_expression_that_does_not_end_leaves_the_call_held() {
    for python in able() {
        let workspace = Workspace::new();
        let mut program = guarded(&workspace, python, TRAIN);
        held(&workspace);
        let mut wire = Wire::connect(&workspace.sessions(1)[0]);
        wire.hello(hotsplice_channel::PROTOCOL).expect("an answer");
        let endless = "[0 for _ in iter(int, 1) if False]";
        let asked = json!({ "hold": 1, "answer": "return", "expression": endless, "time_limit_ms": 200 });
        wire.request(2, "hold/answer", &asked).expect("it is read");
        let answer = wait_for("the answer", || wire.receive().filter(|message| message["id"] == 2));
        assert_eq!(answer["error"]["data"]["code"], "HS0024", "{answer}");
        assert_eq!(holds(&workspace).len(), 1);
        workspace.call(&["return", "'after it'"]).expect(0);
        program.wait_line("result after it");
    }
}

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
fn a_task_is_held_and_its_event_loop_goes_on() {
    for python in able() {
        let workspace = Workspace::new();
        let text = "\
import asyncio
async def fetch(x):
    await asyncio.sleep(0)
    return 1 / x
async def count(done):
    ticks = 0
    while not done:
        ticks += 1
        await asyncio.sleep(0.01)
    return ticks
async def main():
    done = []
    other = asyncio.create_task(count(done))
    async def both():
        value = await fetch(0)
        done.append(value)
        return value
    value, ticks = await asyncio.gather(both(), other)
    print('done', value, ticks > 1, flush=True)
asyncio.run(main())
";
        let mut program = guarded(&workspace, python, text);
        let hold = held(&workspace);
        assert_eq!((&hold["function"], &hold["stops_loop"]), (&Value::from("fetch"), &Value::from(false)));
        let told = workspace.call(&["retry", "--no-patch", "--frame", "7"]).expect(2).errors();
        assert!(told.contains("HS0023") && told.contains("numbered from 0 to 1"), "{told}");
        workspace.write("train.py", &text.replace("return 1 / x", "return 'mended'"));
        workspace.call(&["retry"]).expect(0);
        program.wait_line("done mended True");
        assert_eq!(program.wait(), Some(0));
    }
}

#[test]
fn a_guarded_generator_that_begins_again_hands_nothing_out_twice() {
    for python in able() {
        let workspace = Workspace::new();
        let text = "\
import asyncio
def numbers(n):
    yield from range(n)
    yield 1 / 0
async def later(n):
    got = yield n
    await asyncio.sleep(0)
    yield got / 0
async def both():
    call = later(5)
    return [await call.__anext__(), await call.asend(6)]
print('gave', list(numbers(3)), asyncio.run(both()), flush=True)
";
        let mut program = guarded(&workspace, python, text);
        let told = |hold: &Value| hold["traceback"].as_str().expect("text").to_owned();
        let hold = held(&workspace);
        assert!(told(&hold).contains("handed out already (3) is not handed out again"), "{hold}");
        workspace.write("train.py", &text.replace("1 / 0", "1 / 1"));
        workspace.call(&["retry"]).expect(0);
        let hold = held(&workspace);
        assert!(told(&hold).contains("handed out already (1) is not handed out again"), "{hold}");
        workspace.write("train.py", &text.replace("1 / 0", "1 / 1").replace("got / 0", "got / 1"));
        workspace.call(&["retry"]).expect(0);
        program.wait_line("gave [0, 1, 2, 1.0] [5, 6.0]");
        assert_eq!(program.wait(), Some(0));
    }
}

#[test]
fn threads_are_held_for_themselves_and_a_recursion_is_as_deep_as_ever() {
    for python in able() {
        let workspace = Workspace::new();
        let text = "\
import sys, threading
sys.setrecursionlimit(30000)
def depth(n):
    return 0 if n == 0 else 1 + depth(n - 1)
print('deep', depth(20000), flush=True)
def work(name):
    print(name, fail(name), flush=True)
def fail(name):
    raise ValueError(name)
threads = [threading.Thread(target=work, args=(name,)) for name in 'ab']
for thread in threads: thread.start()
for thread in threads: thread.join()
";
        let mut program = guarded(&workspace, python, text);
        program.wait_line("deep 20000");
        let both = wait_for("two holds", || Some(holds(&workspace)).filter(|holds| holds.len() == 2));
        assert!(workspace.call(&["retry"]).expect(2).errors().contains("say which one"));
        for hold in both {
            workspace.call(&["return", "name * 3", "--hold", hold["hold"].as_str().expect("a name")]).expect(0);
        }
        assert_eq!(program.wait(), Some(0));
    }
}

/// What calls give that fail, are mended and begin again: all kinds of functions, and the same for a call further up.
const KINDS: &str = r"
import gc, sys, threading
import hotsplice
from hotsplice._failed import answers, guarding, holds

names = {'__name__': 'program', '__file__': 'program.py'}
exec(compile(open(sys.argv[1]).read(), 'program.py', 'exec'), names)
broken = names['divide'].__code__
choices = []
def ask(function, error, frame=None, guarded=None, note=None, caller=None):
    held.append(function.__qualname__)
    # With variables that its frame has no room for.
    exec('def divide(x):\n a = b = c = d = e = f = g = [x]\n return hotsplice.is_restarting(), sum(a + b + c + d + e + f + g)', mended)
    names['divide'].__code__ = mended['divide'].__code__
    at = frame
    while choice not in ('divide', at.f_code.co_name):
        at = at.f_back
    return answers.Answer(False, None, None if choice == 'divide' else at)
mended = {'hotsplice': hotsplice}
names['hotsplice'] = hotsplice
holds.ask = ask
holds.is_watched = lambda: True
guarding.set_hold_for(300)
guarding.guard(['program.*'])
for choice in ('divide', 'caller'):
    for name in [name for name in names if name.startswith('kind_')]:
        for _ in range(20):
            held = []
            names['divide'].__code__ = broken
            guarding.native.guard_again()
            result = []
            thread = threading.Thread(target=lambda: result.append(names[name]()))
            thread.start()
            thread.join()
            gc.collect(0)
            print(choice, name, held, *result)
            assert names['hotsplice'].is_restarting() is False
";

const KIND_CALLS: &str = r"
import asyncio, contextlib, functools
left = []
def divide(x): return 1 / x
def rebinding(x):
    x = x + 0
    return 1 / x
def caller(x=0):
    return divide(x)[1]
def kind_plain(): return caller()
def kind_method():
    class Thing:
        def caller(self, x): return divide(x)[1]
    return Thing().caller(0)
def kind_property():
    class Thing:
        @property
        def caller(self): return divide(0)[1]
    return Thing().caller
def kind_constructor():
    class Base:
        def __init__(self, x): self.x = divide(x)[1]
    class Thing(Base):
        def __init__(self):
            def caller(): super(Thing, self).__init__(0)
            caller()
    return Thing().x
def kind_closure():
    outer = [0]
    def caller():
        inner = outer
        return (lambda: inner)() and divide(outer[0])[1]
    return caller()
def kind_star():
    def caller(a, /, b, *rest, c, **more): return divide(a)[1] + b + len(rest) + c + more['d']
    return caller(0, 0, c=0, d=0)
def kind_callback():
    def caller(x): return divide(x)[1]
    return sorted([0], key=caller)[0]
def kind_cached():
    @functools.lru_cache
    def caller(x): return divide(x)[1]
    return caller(0)
def kind_recursion():
    def caller(n): return divide(0)[1] if n == 0 else caller(n - 1)
    return caller(5)
def kind_generator():
    def numbers(): yield divide(0)[1]
    def caller(): return sum(numbers())
    return caller()
def kind_blocks():
    left.clear()
    @contextlib.contextmanager
    def leaving():
        try: yield
        finally: left.append('with')
    def caller():
        try:
            with leaving():
                try: return divide(0)[1]
                except KeyError: pass
        finally:
            left.append('finally')
    return caller() * 0 + len(left) * 0
def kind_handler():
    def caller():
        try: {}[0]
        except KeyError: return divide(0)[1]
    return caller()
def kind_rebinding():
    def caller(x, *rest):
        for x in (x, x): rest = x
        return divide(x)[1]
    return caller(0, 1)
def kind_rebinding_recursion():
    def caller(n):
        n -= 1
        return divide(0)[1] if n == 0 else caller(n)
    return caller(5)
def kind_generating():
    def caller():
        yield 1
        yield divide(0)[1]
    return list(caller())[1]
def kind_awaiting():
    async def later(x): return divide(x)[1]
    async def caller(): return await later(0)
    async def main(): return await asyncio.create_task(caller())
    return asyncio.run(main())
def kind_async_generating():
    async def caller(x): yield divide(x)[1]
    async def main(): return [one async for one in caller(0)][0]
    return asyncio.run(main())
def kind_comprehension():
    def caller(): return sum(divide(x)[1] for x in [0]) + sum([divide(x)[1] for x in [0]])
    return caller()
";

#[test]
fn calls_of_every_kind_begin_again() {
    for python in pythons::all().iter().filter(|python| python.minor >= 12) {
        let workspace = Workspace::new();
        let (script, calls) = (workspace.write("kinds.py", KINDS), workspace.write("kind_calls.py", KIND_CALLS));
        let mut command = Command::new(&python.path);
        command.env("PYTHONPATH", repository().join("agent/python")).env("PYTHONMALLOC", "debug");
        let output = command.arg(script).arg(calls).output().expect("the interpreter starts");
        let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "{}: {text}{errors}", python.name());
        assert_eq!(text.lines().count(), 2 * 20 * KIND_CALLS.matches("def kind").count(), "{text}{errors}");
        for line in text.lines() {
            assert!(line.ends_with(" ['divide'] 0"), "{}: {line}\n{errors}", python.name());
        }
    }
}

/// Some rounds of what `cargo xtask torture guard` does.
#[test]
fn calls_of_every_kind_give_what_the_answer_says() {
    for python in pythons::all().iter().filter(|python| python.minor >= 12) {
        script::run(python, "guards.py", &["1"], "debug");
    }
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

/// Where code of a guarded function was there may be a generator's since: it is no call that can begin again in its frame.
#[test]
fn a_generator_whose_code_lies_where_a_guarded_function_had_its_own_is_a_generator() {
    let text = r"
import sys, hotsplice
from hotsplice._failed import answers, guarding, holds
held = []
def ask(function, error, frame=None, guarded=None, note=None, caller=None):
    held.append((function.__name__, frame is None))
    return answers.Answer(True, 7)
holds.ask = ask
holds.is_watched = lambda: True
guarding.set_hold_for(300)
names = {'__name__': 'program'}
guarding.guard(['program.*'])
def made(count, last):
    exec('def work(x):\n' + '    y = x\n' * count + last, names)
    return names.pop('work')
plain = [made(count, '    return 1 / y\n') for count in range(1, 100)]
where = {id(function.__code__) for function in plain}
plain.clear()
found = [function for function in [made(count, '    yield 1 / y\n') for count in range(1, 100)] if id(function.__code__) in where]
for function in found: list(function(0))
print(len(found) > 0, set(held))
";
    for python in able() {
        let workspace = Workspace::new();
        let script = workspace.write("reuse.py", text);
        let mut command = Command::new(&python.path);
        let output = command.env("PYTHONPATH", repository().join("agent/python")).arg(script).output();
        let output = output.expect("the interpreter starts");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(String::from_utf8_lossy(&output.stdout), "True {('work', True)}\n", "{}: {errors}", python.name());
    }
}
