//! All kinds of functions that are guarded, those with decorators of their own too.

use hotsplice_tests::program::Workspace;
use hotsplice_tests::{pythons, repository, terminal};
use serde_json::{Value, json};

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
