//! What hot_restart's users write, and what it says that it can't do.

use hotsplice_tests::program::Workspace;
use hotsplice_tests::{pythons, terminal};
use serde_json::{Value, json};

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
