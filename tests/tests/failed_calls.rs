//! A call that fails is held at the terminal, mended, and tried again.

use hotsplice_tests::program::Workspace;
use hotsplice_tests::{pythons, repository, terminal};
use serde_json::{Value, json};

const PROGRAM: &str = "\
import hotsplice
calls = []

@hotsplice.wrap
def step(x):
    calls.append(x)
    return x / 0

def main():
    total = 40
    total += step(2)
    print('total', total, calls)

main()
";

#[test]
fn a_failed_call_is_mended_and_tried_again_with_the_stack_above_it_alive() {
    for python in [&pythons::all()[0], pythons::newest()] {
        let workspace = Workspace::new();
        workspace.write("app.py", PROGRAM);
        let steps = json!([
            ["(hold) ", "v missing"],
            ["NameError", { "app.py": PROGRAM.replace("x / 0", "missing(x)") }],
            ["(hold) ", "r"],
            ["NameError: name 'missing' is not defined", { "app.py": PROGRAM.replace("x / 0", "x") }],
            ["(hold) ", "r"],
            ["total 42 [2, 2, 2]", null],
        ]);
        terminal::play(&workspace, python, &steps, &["app.py"], "").expect(0);
    }
}

/// What hot_restart's users write, and what it says that it can't do: `super()` where nothing is called `self`, nested functions, a guard
/// that is not the innermost decorator.
const COMING: &str = "\
import functools
import hotsplice

def loud(function):
    @functools.wraps(function)
    def inner(*arguments):
        return 'loud ' + str(function(*arguments))
    return inner

class Base:
    def forward(self, x):
        return x + 1

@hotsplice.wrap_class
class Model(Base):
    def forward(this, x):
        return x.missing

def make(scale):
    @hotsplice.wrap
    def nested(x):
        return x / (scale - 2)
    return nested

@hotsplice.wrap
@loud
def outermost(x):
    return x.missing

@loud
@hotsplice.wrap
def innermost(x):
    return x.missing

print('results', Model().forward(1), make(2)(6), outermost(3), innermost(4))
";

#[test]
fn what_an_ended_call_has_not_kept_is_reported_as_missing() {
    let text = "\
import hotsplice
def make():
    offset = 10
    @hotsplice.wrap
    def nested(x):
        return x / 0
    return nested
print('result', make()(1))
";
    let workspace = Workspace::new();
    workspace.write("app.py", text);
    let steps = json!([
        ["(hold) ", { "app.py": text.replace("x / 0", "x + offset") }],
        ["", "r"],
        ["HS0301", null],
        ["(hold) ", "v 11"],
        ["result 11", null],
    ]);
    terminal::play(&workspace, pythons::newest(), &steps, &["app.py"], "").expect(0);
}

/// As hot_restart's README has it, and what it says that it can't do: methods that are added, new arguments, `super()` as it stands; and its
/// `wrap_module`, `reload_module`, `is_restarting` and `RELOAD_ON_CONTINUE`.
const README: &str = "\
import hotsplice

attempts = []

@hotsplice.wrap
def my_func(data):
    attempts.append(hotsplice.is_restarting())
    return data['missing']

class Base:
    def forward(self, x):
        return x

@hotsplice.wrap_class
class MyClass(Base):
    def forward(self, x):
        return super().forward(x.missing)

made = [1]

def unchanged(x):
    return x.missing

def plain(x):
    return x.missing

hotsplice.wrap_module()
instance = MyClass()
print('results', my_func({'a': 1}), instance.forward(4), plain(3), attempts, hotsplice.is_restarting())

hotsplice.RELOAD_ON_CONTINUE = False
print('returns', unchanged(1), len(made))
input('edit? ')
print('reloaded', bool(hotsplice.reload_module()), unchanged(5), made)
";

#[test]
fn what_hot_restarts_readme_shows() {
    for python in [&pythons::all()[0], pythons::newest()] {
        let workspace = Workspace::new();
        workspace.write("app.py", README);
        let one = README.replace("data['missing']", "helper(data)").replace(
            "@hotsplice.wrap\ndef my_func",
            "def helper(data): return data['a']\n\n@hotsplice.wrap\ndef my_func",
        );
        let two = one
            .replace("super().forward(x.missing)", "super().forward(x * 2) + self.more()")
            .replace("        return x\n\n@hot", "        return x\n    def more(self): return 1\n\n@hot");
        let three = two.replace("plain(x):\n    return x.missing", "plain(x, y=1, *, z=5):\n    return x + y + z");
        let four = three.replace("unchanged(x):\n    return x.missing", "unchanged(x):\n    return x * 2");
        let steps = json!([
            ["(hold) ", { "app.py": one }],
            ["", "r"],
            ["(hold) ", { "app.py": two }],
            ["", "r"],
            ["(hold) ", { "app.py": three }],
            ["", "r"],
            ["results 1 9 9 [False, True] False", null],
            // Tried again as it is live: nothing is patched before it.
            ["(hold) ", { "app.py": four }],
            ["", "r"],
            ["(hold) ", "v 7"],
            ["returns 7 1", null],
            ["edit?", ""],
            ["reloaded True 10 [1]", null],
        ]);
        terminal::play(&workspace, python, &steps, &["app.py"], "").expect(0);
    }
}

/// A closure that gains a variable: where its own call can't have it, the call that made it begins again, which hot_restart has unwound.
#[test]
fn a_closure_gains_a_variable_where_who_made_it_begins_again() {
    let Some(python) = pythons::all().iter().rfind(|python| python.minor >= 12) else { return };
    let text = "\
def main():
    scale, offset = 3, 10
    def nested(x):
        return x.missing * scale
    return nested(2)
print('result', main())
";
    let workspace = Workspace::new();
    workspace.write("work.py", text);
    let start = "import hotsplice, runpy\nfrom hotsplice._failed import guarding\nhotsplice.listen()\n\
        guarding.guard(['work'])\nrunpy.run_path('work.py', run_name='work')\n";
    workspace.write("start.py", start);
    let steps = json!([
        ["(hold) ", { "work.py": text.replace("x.missing * scale", "x * scale + offset") }],
        ["", "r 1"],
        ["result 16", null],
    ]);
    terminal::play(&workspace, python, &steps, &["start.py"], "").expect(0);
}

#[test]
fn what_hot_restart_can_not_do() {
    for python in [&pythons::all()[0], pythons::newest()] {
        let workspace = Workspace::new();
        workspace.write("app.py", COMING);
        let one =
            COMING.replace("(this, x):\n        return x.missing", "(this, x):\n        return super().forward(x * 2)");
        let two = one.replace("x / (scale - 2)", "[x + scale for _ in range(scale)][0]");
        let three = two.replace("def outermost(x):\n    return x.missing", "def outermost(x):\n    return x + 1");
        let four = three.replace("def innermost(x):\n    return x.missing", "def innermost(x, y=2):\n    return x + y");
        let steps: Vec<Value> = [one, two, three, four]
            .iter()
            .flat_map(|text| [json!(["(hold) ", { "app.py": text }]), json!(["", "r"])])
            .chain([json!(["results 3 8 loud 4 loud 6", null])])
            .collect();
        terminal::play(&workspace, python, &json!(steps), &["app.py"], "").expect(0);
    }
}

/// Functions in functions need no word of their own: the call around begins again, with the new one in it.
#[test]
fn a_nested_function_is_mended_where_the_one_around_it_is_wrapped() {
    let text = "\
import hotsplice
def outer(x):
    def inner(y):
        return y / 0
    return inner(x) + 1
hotsplice.wrap_module()
print('result', outer(4))
";
    for python in [&pythons::all()[0], pythons::newest()] {
        let workspace = Workspace::new();
        workspace.write("app.py", text);
        let mended = text.replace("y / 0", "y / 2");
        let steps = json!([["(hold) ", { "app.py": mended }], ["", "r"], ["result 3.0", null]]);
        terminal::play(&workspace, python, &steps, &["app.py"], "").expect(0);
    }
}

/// A training run at a terminal, without a word in its source: the step fails, and the epoch is what begins again.
#[test]
fn a_call_further_up_begins_again_at_a_terminal() {
    let Some(python) = pythons::all().iter().rfind(|python| python.minor >= 12) else { return };
    let text = "\
import contextlib
clock, left = 0, []
def epoch(start):
    total = start
    for _ in range(3600):
        total += 1
    with contextlib.nullcontext():
        return total + step(total)
def step(x):
    try:
        return x / 0
    finally:
        left.append(x)
def main():
    global clock
    clock = 3600
    print('total', epoch(40), clock, left)
main()
";
    let workspace = Workspace::new();
    workspace.write("app.py", text);
    workspace.write(
        "start.py",
        "import hotsplice, runpy\nfrom hotsplice._failed import guarding\nhotsplice.listen()\nguarding.guard(['app'])\nrunpy.run_path('app.py', run_name='app')\n",
    );
    let mended = text.replace("x / 0", "0").replace("range(3600)", "range(2)");
    let steps = json!([
        // Of the guarded call.
        ["left before it begins again: finally (app.py:13)", null],
        ["(hold) ", "u"],
        ["0  step", null],
        ["1  epoch", null],
        ["2  main", null],
        ["(hold) ", "r 7"],
        ["lies in 3 calls", { "app.py": mended }],
        ["(hold) ", "r 1"],
        ["total 42 3600 [3640, 42]", null],
    ]);
    terminal::play(&workspace, python, &steps, &["start.py"], "").expect(0);
}

#[test]
fn a_value_or_the_exception_itself_may_be_chosen() {
    let workspace = Workspace::new();
    workspace.write("app.py", PROGRAM);
    let value = json!([["(hold) ", "v x + 1"], ["total 43 [2]", null]]);
    terminal::play(&workspace, pythons::newest(), &value, &["app.py"], "").expect(0);
    let raised = json!([["(hold) ", "c"], ["ZeroDivisionError", null]]);
    let called = terminal::play(&workspace, pythons::newest(), &raised, &["app.py"], "").expect(1);
    assert_eq!(called.text().matches("is held").count(), 1, "{}", called.text());
}

#[test]
fn nothing_is_held_where_nobody_sits_at_a_terminal() {
    let workspace = Workspace::new();
    workspace.write("app.py", PROGRAM);
    let mut program = workspace.run(pythons::newest(), &["app.py"]);
    assert_eq!(program.wait(), Some(1));
    assert!(program.stderr().contains("ZeroDivisionError"));
}

#[test]
fn every_kind_of_function_is_guarded() {
    let workspace = Workspace::new();
    let text = "\
import asyncio, functools, hotsplice, sys

class Shop:
    def plain(self): return self.fail()
    @staticmethod
    def static(): return 1 / 0
    @classmethod
    def own(cls): return 1 / 0
    @property
    def price(self): return 1 / 0
    def numbers(self):
        yield 1
        raise ValueError
    async def later(self): return 1 / 0
    async def many(self):
        got = yield 1
        raise ValueError(got)
    @hotsplice.no_wrap
    def fail(self): return 1 / 0
    @functools.cached_property
    def once(self): return 1 / 0
    class Till:
        def count(self): return 1 / 0

def alone(): raise ValueError

hotsplice.wrap_module()
shop = Shop()

async def all_of():
    many = shop.many()
    items = [await many.__anext__()]
    try: await many.asend('sent')
    except StopAsyncIteration: return items

print(shop.plain(), shop.static(), shop.own(), shop.price, list(shop.numbers()), alone(), hotsplice.is_restarting())
print(shop.once, shop.once, Shop.Till().count())
print(asyncio.run(shop.later()), asyncio.run(all_of()))
";
    workspace.write("app.py", text);
    let mut steps: Vec<Value> = (0..10).map(|number| json!(["(hold) ", format!("v {number}")])).collect();
    steps.insert(9, json!(["ValueError: sent", null]));
    steps.insert(8, json!(["6 6 7", null]));
    steps.insert(6, json!(["0 1 2 3 [1] 5 False", null]));
    terminal::play(&workspace, pythons::newest(), &json!(steps), &["app.py"], "").expect(0);
}

/// What hot_restart takes: a class that is left out, a module by its name. What is decorated already is guarded inside of its decorator.
#[test]
fn a_function_that_is_decorated_already_is_guarded_and_a_class_may_be_left_out() {
    let text = "\
import asyncio, contextlib, functools, hotsplice, sys

class Shop:
    @contextlib.contextmanager
    def open(self): yield 1 / 0
    @contextlib.asynccontextmanager
    async def opens(self): yield 1 / 0

@hotsplice.wrap
@contextlib.contextmanager
def outermost(): yield 1 / 0

def listed(function):
    @functools.wraps(function)
    def inner(x): return [item / x for item in function(x)]
    return inner
@listed
def numbers(x): yield 1 / (x - 1)

@hotsplice.no_wrap
class Left:
    def plain(self): return 1 / 0
    @property
    def price(self): return 1 / 0

@functools.lru_cache
def remembered(): return 1 / 0

hotsplice.wrap_module('__main__')

async def later():
    async with Shop().opens() as given: return given
def first():
    with Shop().open() as given: return given
def second():
    with outermost() as given: return given

print('given', first(), second(), asyncio.run(later()))
print('numbers', numbers(0))
for call in (lambda: numbers(1), Left().plain, lambda: Left().price, remembered):
    try: call()
    except ZeroDivisionError: print('raised')
print(hotsplice.wrap_modules('nowhere.*'))
";
    for python in [&pythons::all()[0], pythons::newest()] {
        let workspace = Workspace::new();
        workspace.write("app.py", text);
        let one = text.replace("open(self): yield 1 / 0", "open(self): yield 1");
        let two = one.replace("outermost(): yield 1 / 0", "outermost(): yield 2");
        let three = two.replace("opens(self): yield 1 / 0", "opens(self): yield 3");
        let mended = [one, two, three].into_iter();
        let mut steps: Vec<Value> =
            mended.flat_map(|text| [json!(["(hold) ", { "app.py": text }]), json!(["", "r"])]).collect();
        steps.push(json!(["given 1 2 3", null]));
        // What fails in the decorator's own function, and what does in the one below it, which is asked about once.
        steps.push(json!(["numbers is held", null]));
        steps.push(json!(["(hold) ", "v [7]"]));
        steps.push(json!(["numbers [7]", null]));
        steps.push(json!(["numbers is held", null]));
        steps.push(json!(["(hold) ", "c"]));
        steps.extend((0..4).map(|_| json!(["raised", null])));
        steps.push(json!(["no module that is loaded is named nowhere.*", null]));
        steps.push(json!(["[]", null]));
        terminal::play(&workspace, python, &json!(steps), &["app.py"], "").expect(0);
    }
}

#[test]
fn a_context_manager_goes_on_behind_its_block() {
    for python in [&pythons::all()[0], pythons::newest()] {
        let workspace = Workspace::new();
        let text = "\
import contextlib, hotsplice
log = []
@contextlib.contextmanager
@hotsplice.wrap
def managed(n):
    log.append('before')
    yield n
    log.append(n / 0)
with managed(3): log.append('block')
print('log', log)
";
        workspace.write("app.py", text);
        let steps = json!([
            ["what comes before its `yield` runs once more", null],
            ["(hold) ", { "app.py": text.replace("/ 0", "/ 1") }],
            ["", "r"],
            ["log ['before', 'block', 'before', 3.0]", null],
        ]);
        terminal::play(&workspace, python, &steps, &["app.py"], "").expect(0);
    }
}

/// What has been handed out comes once: the new one is run through with what its consumer had sent and raised.
const GENERATORS: &str = "\
import asyncio, hotsplice
def fail(name): raise ValueError(name)
@hotsplice.wrap
def numbers():
    yield from (0, 1)
    yield fail('numbers')
@hotsplice.wrap
def talking():
    got = []
    while len(got) < 4:
        try: got.append((yield len(got)))
        except KeyError as error: got.append(error.args[0])
        if len(got) == 3: fail('talking')
    return got
@hotsplice.wrap
def closing():
    try: yield 1
    finally: closed.append(fail('closing'))
@hotsplice.wrap
async def later():
    got = yield 0
    await asyncio.sleep(0)
    yield got
    await asyncio.sleep(0)
    yield fail('later')
@hotsplice.wrap
def ending():
    yield from (1, 2)
    return fail('ending')

closed = []
def close():
    opened = closing()
    next(opened)
    opened.close()
    return closed
def talk():
    call = talking()
    said = [next(call), call.send('a'), call.throw(KeyError('b')), call.send('c')]
    try: call.send('d')
    except StopIteration as end: return said, end.value
async def collect():
    call = later()
    return [await call.__anext__(), await call.asend('sent'), await call.__anext__()]
def passing():
    @hotsplice.wrap
    def two(): yield 1; yield 2
    call, error = two(), KeyError('mine')
    next(call)
    try: call.throw(error)
    except KeyError as raised: return raised is error, raised.__context__
print(list(numbers()), talk(), close(), passing(), asyncio.run(collect()), list(ending()))
";

#[test]
fn a_generator_that_begins_again_hands_nothing_out_twice() {
    for python in pythons::all() {
        let workspace = Workspace::new();
        workspace.write("app.py", GENERATORS);
        let mut text = GENERATORS.to_owned();
        let mut steps = Vec::new();
        for (name, handed_out) in [("numbers", 2), ("talking", 3), ("closing", 1), ("later", 2), ("ending", 2)] {
            text = text.replace(&format!("fail('{name}')"), &format!("'{name}'"));
            if name == "ending" {
                // It gives less than it has given already.
                text = text.replace("yield from (1, 2)", "yield 1");
            }
            steps.push(json!([format!("ValueError: {name}"), null]));
            steps.push(json!([format!("what it has handed out already ({handed_out}) is not handed out again"), null]));
            steps.push(json!(["(hold) ", { "app.py": text }]));
            steps.push(json!(["", "r"]));
        }
        let shown = "[0, 1, 'numbers'] ([0, 1, 2, 3], ['a', 'b', 'c', 'd']) ['closing'] (True, None) [0, 'sent', 'later'] [1, 2]";
        steps.push(json!([shown, null]));
        terminal::play(&workspace, python, &json!(steps), &["app.py"], "").expect(0);
    }
}

/// What has been used up can't be gone through once more: everything from there on is handed out.
#[test]
fn a_generator_that_has_used_up_what_it_was_given_goes_on_with_the_rest() {
    let workspace = Workspace::new();
    let text = "\
import collections, hotsplice, queue
FAILING = 2
@hotsplice.wrap
def each(items):
    for item in items:
        if item == FAILING: item / 0
        yield item
@hotsplice.wrap
def drained(items):
    while items:
        item = items.popleft()
        if item == FAILING: item / 0
        yield item
class Worker:
    def __init__(self):
        self.queue = queue.SimpleQueue()
        for item in range(4): self.queue.put(item)
    @hotsplice.wrap
    def work(self):
        while not self.queue.empty():
            item = self.queue.get()
            if item == FAILING: item / 0
            yield item
class Hostile:
    def __getattribute__(self, name): raise SystemExit(name)
    def __getattr__(self, name): raise SystemExit(name)
    @hotsplice.wrap
    def items(self, failing):
        yield 0
        if failing == FAILING: 1 / 0
        yield 1
print(list(each(iter(range(4)))), list(drained(collections.deque(range(4)))), list(Worker().work()),
      list(each(range(4))), list(Hostile.items(Hostile(), 2)))
";
    workspace.write("app.py", text);
    let mended = text.replace("FAILING:", "FAILING + 9:");
    let steps = json!([
        ["of type range_iterator", null],
        ["(hold) ", "r"],
        ["of type deque", null],
        ["(hold) ", "r"],
        ["of type SimpleQueue", null],
        ["(hold) ", "r"],
        ["what it has handed out already (2)", { "app.py": mended.replace("FAILING + 9: 1 / 0", "FAILING: 1 / 0") }],
        ["(hold) ", "r"],
        ["what it has handed out already (1)", { "app.py": mended }],
        ["(hold) ", "r"],
        ["[0, 1, 3] [0, 1, 3] [0, 1, 3] [0, 1, 2, 3] [0, 1]", null],
    ]);
    terminal::play(&workspace, pythons::newest(), &steps, &["app.py"], "").expect(0);
}

/// A recursion is as deep as without, and a traceback shows what the program has called.
#[test]
fn a_decorated_function_recurs_and_raises_as_before() {
    let text = "\
import hotsplice, sys, traceback
@hotsplice.wrap
def depth(n): return 0 if n == 0 else 1 + depth(n - 1)
class Thing:
    @hotsplice.wrap
    def fails(self, n, *, by=0): return n / by
def main(): Thing().fails(0)
@hotsplice.wrap
def numbers(n): yield 1 / n
@hotsplice.wrap
async def later(n): return list(numbers(n))
@hotsplice.wrap
async def items(n): yield await later(n)
async def both(n):
    async for one in items(n): str(one)
def awaited():
    try: both(0).send(None)
    except StopIteration: pass
@hotsplice.wrap
def forever(n): return forever(n + 1)
def called(function):
    try: function()
    except Exception as error:
        frames = [frame.f_code.co_name for frame, _ in traceback.walk_tb(error.__traceback__)]
        return type(error).__name__, frames
print(depth(800 if sys.version_info[:2] == (3, 12) else 950))
print(called(main))
print(called(awaited)[1])
kind, frames = called(lambda: forever(0))
print(kind, frames.count('forever') > 700)
print(Thing.fails.__qualname__, Thing.fails(Thing(), 1, by=2), depth.__wrapped__ is not depth)
";
    for python in pythons::all() {
        let workspace = Workspace::new();
        let script = workspace.write("app.py", text).display().to_string();
        let mut command = std::process::Command::new(&python.path);
        command.env("PYTHONPATH", repository().join("agent/python")).arg(script);
        let output = command.output().expect("the interpreter starts");
        let text = String::from_utf8_lossy(&output.stdout);
        let depth = if python.minor == 12 { 800 } else { 950 };
        let wanted = format!(
            "{depth}\n('ZeroDivisionError', ['called', 'main', 'fails'])\n\
             ['called', 'awaited', 'both', 'items', 'later', 'numbers']\nRecursionError True\nThing.fails 0.5 True\n"
        );
        assert_eq!(text, wanted, "{}: {}", python.name(), String::from_utf8_lossy(&output.stderr));
    }
}
