//! What is chosen at the terminal.

use hotsplice_tests::program::Workspace;
use hotsplice_tests::{pythons, terminal};
use serde_json::json;

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
