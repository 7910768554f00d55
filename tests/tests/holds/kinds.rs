//! Functions of all kinds, in tasks and threads.

use std::process::Command;

use hotsplice_tests::holding::{able, held, holds};
use hotsplice_tests::program::{Workspace, wait_for};
use hotsplice_tests::pythons::{self};
use hotsplice_tests::{repository, script};
use serde_json::Value;

use super::guarded;

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
from hotsplice._failed import answers, asking, guarding, watched

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
asking.ask = ask
watched.is_watched = lambda: True
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

/// Where code of a guarded function was there may be a generator's since: it is no call that can begin again in its frame.
#[test]
fn a_generator_whose_code_lies_where_a_guarded_function_had_its_own_is_a_generator() {
    let text = r"
import sys, hotsplice
from hotsplice._failed import answers, asking, guarding, watched
held = []
def ask(function, error, frame=None, guarded=None, note=None, caller=None):
    held.append((function.__name__, frame is None))
    return answers.Answer(True, 7)
asking.ask = ask
watched.is_watched = lambda: True
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
