//! A call that fails is held at the terminal, mended, and tried again.

use hotsplice_tests::program::Workspace;
use hotsplice_tests::{pythons, terminal};
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

/// A training run at a terminal, without a word in its source: the step fails, and the epoch is what begins again.
#[test]
fn a_call_further_up_begins_again_at_a_terminal() {
    let Some(python) = pythons::all().iter().rfind(|python| python.minor >= 12) else { return };
    let text = "\
clock = 0
def epoch(start):
    total = start
    for _ in range(3600):
        total += 1
    return total + step(total)
def step(x):
    return x / 0
def main():
    global clock
    clock = 3600
    print('total', epoch(40), clock)
main()
";
    let workspace = Workspace::new();
    workspace.write("app.py", text);
    workspace.write(
        "start.py",
        "import hotsplice, runpy\nfrom hotsplice import _guarding\nhotsplice.listen()\n_guarding.guard(['app'])\nrunpy.run_path('app.py', run_name='app')\n",
    );
    let mended = text.replace("x / 0", "0").replace("range(3600)", "range(2)");
    let steps = json!([
        ["(hold) ", "u"],
        ["0  step", null],
        ["1  epoch", null],
        ["2  main", null],
        ["(hold) ", "r 7"],
        ["lies in 3 calls", { "app.py": mended }],
        ["(hold) ", "r 1"],
        ["total 42 3600", null],
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
import asyncio, hotsplice, sys

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

def alone(): raise ValueError

hotsplice.wrap_module()
shop = Shop()

async def all_of():
    many = shop.many()
    items = [await many.__anext__()]
    try: await many.asend('sent')
    except StopAsyncIteration: return items

print(shop.plain(), shop.static(), shop.own(), shop.price, list(shop.numbers()), alone(), hotsplice.is_restarting())
print(asyncio.run(shop.later()), asyncio.run(all_of()))
";
    workspace.write("app.py", text);
    let mut steps: Vec<Value> = (0..8).map(|number| json!(["(hold) ", format!("v {number}")])).collect();
    steps.insert(7, json!(["ValueError: sent", null]));
    steps.insert(6, json!(["0 1 2 3 [1] 5 False", null]));
    terminal::play(&workspace, pythons::newest(), &json!(steps), &["app.py"], "").expect(0);
}
