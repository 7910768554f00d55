//! Tests that run otherwise: subtests, asynchronous ones, and those in workers of xdist.

use hotsplice_tests::holding::holds;
use hotsplice_tests::program::{Program, Workspace, wait_for};
use hotsplice_tests::terminal;
use serde_json::json;

use super::{LOOP, pytest, pytest_with, run};

#[test]
fn subtests_that_fail_are_held_and_reported_once() {
    let Some((python, folder)) = pytest() else { return };
    let workspace = Workspace::new();
    let text = "\
import unittest
def double(n): return n * 3
class TestUnit(unittest.TestCase):
    def test_sub(self):
        for n in range(3):
            with self.subTest(n=n): self.assertEqual(double(n), 2 * n)
def test_own(subtests):
    for n in range(3):
        with subtests.test(n=n): assert double(n) == 2 * n
";
    workspace.write("test_sub.py", text);
    let one = text.replace("n * 3", "n * 2").replace("== 2 * n", "== 2 * n + (n == 2)");
    let steps = json!([
        ["test_sub (n=1)", null],
        ["AssertionError: 3 != 2", null],
        ["AssertionError: 6 != 4", { "test_sub.py": one }],
        ["(hold) ", "r"],
        ["PASSED", null],
        ["test_own (n=2)", null],
        ["(hold) ", "c"],
        ["SUBFAILED(n=2) test_sub.py::test_own", null],
        ["2 failed, 1 passed, 5 subtests passed", null],
    ]);
    let arguments = [LOOP, &["-v"]].concat();
    terminal::play(&workspace, python, &steps, &arguments, &folder.display().to_string()).expect(1);
}

#[test]
fn asynchronous_tests_are_mended() {
    let Some((python, folder)) = pytest_with(&["pytest-asyncio"]) else { return };
    let workspace = Workspace::new();
    let text = "\
import asyncio, unittest
import pytest, pytest_asyncio

@pytest_asyncio.fixture
async def value():
    await asyncio.sleep(0)
    yield 1

@pytest.mark.asyncio
async def test_value(value):
    await asyncio.sleep(0)
    assert value == 2

class TestUnit(unittest.IsolatedAsyncioTestCase):
    async def test_unit(self):
        await asyncio.sleep(0)
        self.assertEqual(1, 2)
";
    workspace.write("test_later.py", text);
    let one = text.replace("yield 1", "yield 2");
    let steps = json!([
        ["assert 1 == 2", { "test_later.py": one }],
        ["(hold) ", "r"],
        ["AssertionError: 1 != 2", { "test_later.py": one.replace("(1, 2)", "(2, 2)") }],
        ["(hold) ", "r"],
        ["2 passed", null],
    ]);
    let arguments = [LOOP, &["-W", "ignore"]].concat();
    terminal::play(&workspace, python, &steps, &arguments, &folder.display().to_string()).expect(0);
}

/// Each worker is a session; what is held there is answered from the command line. Who watches sees workers that come later.
#[test]
fn tests_in_workers_of_xdist_are_held_and_answered_from_outside() {
    let Some((_, packages)) = pytest_with(&["pytest-xdist"]) else { return };
    let workspace = Workspace::new();
    workspace.write("shop.py", "def price(): return 1\n");
    // It fails once its worker is watched, and not before.
    let test = "\
import shop, time
from hotsplice._native import load
def test_one():
    while not load().holds_are_watched(): time.sleep(0.01)
    assert shop.price() == 2
test_two = test_one
";
    workspace.write("test_shop.py", test);
    // What watches is there before the workers are.
    let start = "import hotsplice, sys\nhotsplice.listen()\nprint('ready', flush=True)\nsys.stdin.readline()\n\
        import pytest\nsys.exit(pytest.main(sys.argv[1:]))\n";
    workspace.write("start.py", start);
    let arguments = [&["start.py"], &LOOP[2..], &["-n", "2", "-q", "."]].concat();
    let mut program = Program::start(run(&workspace, &workspace.path(), &packages, &arguments));
    program.wait_line("ready");
    let mut watcher = Program::start({
        let mut command = workspace.hotsplice();
        command.args(["holds", "--follow"]);
        command
    });
    watcher.wait_line("calls that fail are held");
    program.send("");
    let both = wait_for("a test held in each worker", || Some(holds(&workspace)).filter(|holds| holds.len() == 2));
    workspace.write("shop.py", "def price(): return 2\n");
    for hold in both {
        assert_eq!(hold["error"], "AssertionError: assert 1 == 2", "{hold}");
        let name = hold["hold"].as_str().expect("a name");
        assert!(workspace.call(&["return", "1", "--hold", name]).expect(2).errors().contains("HS0024"));
        workspace.call(&["retry", name]).expect(0);
    }
    assert_eq!(program.wait(), Some(0), "{}", program.stderr());
}
