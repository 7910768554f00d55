//! `pytest --hotsplice-loop`: where nothing is mended all is as without; what is mended passes, in the same process.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use hotsplice_tests::holding::holds;
use hotsplice_tests::program::{Program, Workspace, wait_for};
use hotsplice_tests::pythons::{self, Python};
use hotsplice_tests::{packages, repository, terminal};
use serde_json::json;

const LOOP: &[&str] = &["-m", "pytest", "-p", "hotsplice._pytest_plugin", "-p", "no:cacheprovider", "--hotsplice-loop"];

/// The newest Python that packages are published for.
fn python() -> &'static Python {
    pythons::all().iter().rev().find(|python| python.minor <= 13).unwrap_or_else(|| pythons::newest())
}

/// A Python, and where pytest for it is; nothing where that can't be had.
fn pytest_with(more: &[&str]) -> Option<(&'static Python, PathBuf)> {
    let wanted: Vec<String> = ["pytest"].iter().chain(more).map(|&name| name.to_owned()).collect();
    let folder = packages::folder(python(), &format!("framework-{}", wanted.join("-")), &wanted);
    if folder.is_none() {
        println!("{} can't be had: not tested", wanted.join(", "));
    }
    Some((python(), folder?))
}

fn pytest() -> Option<(&'static Python, PathBuf)> {
    pytest_with(&[])
}

/// A run of pytest without a terminal.
fn run(workspace: &Workspace, folder: &Path, packages: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(&python().path);
    let hotsplice = workspace.hotsplice();
    command.envs(hotsplice.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("HOTSPLICE_BINARY", hotsplice.get_program()).env("PYTHONDONTWRITEBYTECODE", "1");
    let ours = repository().join("agent/python");
    command.env("PYTHONPATH", format!("src:{}:{}", ours.display(), packages.display())).env("NO_COLOR", "1");
    command.env("PYTHONWARNINGS", "ignore::DeprecationWarning").current_dir(folder).args(arguments);
    command
}

/// What a run says, but for times and addresses, and how it ends.
fn said(mut command: Command) -> (String, Option<i32>) {
    let output = command.stdin(std::process::Stdio::null()).output().expect("the interpreter starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let mut plain = String::new();
    for line in text.lines() {
        // `12 passed in 0.50s`, `0.01s call test.py::test`, `<object at 0x7f…>`
        for word in line.split_inclusive([' ', '>', '=']) {
            let is_time = word.trim_end().ends_with('s') && word.starts_with(|first: char| first.is_ascii_digit());
            if !is_time && !word.starts_with("0x") {
                plain.push_str(word);
            }
        }
        plain.truncate(plain.trim_end_matches('=').len());
        plain.push('\n');
    }
    // pytest puts the letters of `subTest` among what the test prints, where it is captured; ours come once it is over.
    (plain.replace('u', ""), output.status.code())
}

/// Tests that end in all the ways there are.
const ODD: &str = "\
import logging, sys, unittest, warnings
import pytest

@pytest.fixture(scope='module')
def shared():
    print('shared set up')
    yield 1
    print('shared torn down')
    raise RuntimeError('shared teardown')

@pytest.fixture
def own(shared):
    yield shared
    print('own torn down')

@pytest.fixture
def broken_after():
    yield
    raise ValueError('own teardown')

@pytest.fixture
def broken():
    raise KeyError('set up')

@pytest.mark.parametrize('n', [1, 2, pytest.param(3, marks=pytest.mark.xfail)])
def test_parameters(n, own): assert n < 3
def test_skipped(): pytest.skip('no')
@pytest.mark.xfail(strict=True)
def test_strict(): pass
def test_setup(broken): pass
def test_teardown(broken_after): print('in the test')
def test_both(broken_after): assert 0
def test_fail(): pytest.fail('said so')
def test_exit_code(): sys.exit(3)
def test_capture(capfd):
    print('one')
    assert capfd.readouterr().out == 'one\\n'
    print('two')
def test_log(caplog):
    logging.getLogger('x').warning('logged')
    assert not caplog.records
def test_warning(): warnings.warn('a warning')
class TestClass:
    @classmethod
    def teardown_class(cls): raise OSError('class teardown')
    def test_in_class(self): print('here')
class TestUnit(unittest.TestCase):
    def tearDown(self): print('tearDown')
    def test_unit(self): self.assertEqual(1, 2)
    @unittest.skip('later')
    def test_later(self): pass
    def test_sub(self):
        for n in range(3):
            with self.subTest(n=n): self.assertEqual(n, 1)
def test_last(own): pass
";

const HOOK: &str = "\
def pytest_runtest_teardown(item, nextitem):
    print('hook', item.name, getattr(nextitem, 'name', nextitem), getattr(item, 'funcargs', None))
";

#[test]
fn what_nobody_mends_is_reported_as_without() {
    let Some((_, packages)) = pytest() else { return };
    let workspace = Workspace::new();
    workspace.write("conftest.py", HOOK);
    for options in [&["-rA"][..], &["-v", "-s", "--log-cli-level=INFO"], &["-x"], &["--setup-show"]] {
        // What a test with subtests prints at its end stands before what they report, where it is not captured.
        let is_shown = options.contains(&"-s");
        workspace.write("test_odd.py", &if is_shown { ODD.replace("print('tearDown')", "pass") } else { ODD.into() });
        let (expected, code) = said(run(&workspace, &workspace.path(), &packages, &[LOOP_OFF, options].concat()));
        assert!(expected.contains("passed") && code == Some(1), "{expected}");
        // Nobody is there to answer; or a test is held for a moment, and nobody answers.
        for held in [&[][..], &["--hotsplice-hold-for", "0.05"]] {
            let arguments = [LOOP, options, held].concat();
            let (text, ended) = said(run(&workspace, &workspace.path(), &packages, &arguments));
            assert_eq!((text.as_str(), ended), (expected.as_str(), code), "{options:?} {held:?}");
        }
    }
}

const LOOP_OFF: &[&str] = &["-m", "pytest", "-p", "hotsplice._pytest_plugin", "-p", "no:cacheprovider"];

/// A source archive, unpacked; nothing where that can't be had.
fn source(name: &str, version: &str) -> Option<PathBuf> {
    let folder = repository().join("target/tools/sources");
    let unpacked = folder.join(format!("{name}-{version}"));
    if !unpacked.exists() {
        std::fs::create_dir_all(&folder).ok()?;
        let archive = folder.join(format!("{name}-{version}.tar.gz"));
        let downloaded = pythons::all().iter().any(|with_pip| {
            let mut command = Command::new(&with_pip.path);
            command.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]);
            command.args(["--no-binary=:all:", "--no-build-isolation", &format!("{name}=={version}")]);
            command.current_dir(&folder).output().is_ok() && archive.exists()
        });
        if !downloaded {
            println!("the sources of {name} can't be had: not tested");
            return None;
        }
        Command::new("tar").arg("xf").arg(&archive).current_dir(&folder).status().ok()?;
    }
    unpacked.exists().then_some(unpacked)
}

#[test]
fn the_tests_of_a_real_project_are_run_and_reported_as_without() {
    let (Some((_, packages)), Some(project)) = (pytest_with(&["markupsafe", "trio"]), source("jinja2", "3.1.6")) else {
        return;
    };
    let workspace = Workspace::new();
    let (expected, code) = said(run(&workspace, &project, &packages, &[LOOP_OFF, &["-v"]].concat()));
    assert!(expected.contains("909 passed") && code == Some(0), "{expected}");
    let arguments = [LOOP, &["-v", "--hotsplice-hold-for", "60"]].concat();
    let (text, ended) = said(run(&workspace, &project, &packages, &arguments));
    assert_eq!((text.as_str(), ended), (expected.as_str(), code));
}

#[test]
fn a_failed_test_is_mended_and_run_again_in_the_same_process() {
    let Some((python, folder)) = pytest() else { return };
    let workspace = Workspace::new();
    let text = "\
import pytest
made = []

@pytest.fixture(scope='module')
def database():
    made.append(1)
    return {}

def value():
    return 1

@pytest.mark.parametrize('wanted', [2])
def test_value(database, wanted):
    print('captured output')
    assert value() == wanted

def test_fixture(database):
    assert made == [1]
";
    workspace.write("test_shop.py", text);
    let steps = json!([
        ["captured output", { "test_shop.py": text.replace("return 1", "return 2") }],
        ["(hold) ", "r"],
        ["2 passed", null],
    ]);
    let folder = folder.display().to_string();
    terminal::play(&workspace, python, &steps, LOOP, &folder).expect(0);
    workspace.write("test_shop.py", text);
    let steps = json!([["(hold) ", "c"], ["1 failed, 1 passed", null]]);
    terminal::play(&workspace, python, &steps, LOOP, &folder).expect(1);
}

/// pytest's own table of plugins leads to every test: it once lost entries when a decorator ran again.
#[test]
fn an_edited_mark_counts_when_the_test_runs_again() {
    let Some((python, folder)) = pytest() else { return };
    let workspace = Workspace::new();
    let text = "\
import pytest
import unittest

@pytest.mark.parametrize('number', [1, 2])
@pytest.mark.xfail(strict=True)
def test_expected(number):
    pass

class TestUnit(unittest.TestCase):
    made = []
    @classmethod
    def setUpClass(cls):
        cls.made.append(1)
    def setUp(self):
        self.value = 1
    def test_value(self):
        self.assertEqual((self.value, self.made), (2, [1]))
";
    workspace.write("test_marks.py", text);
    let mended = text.replace("strict=True", "strict=False");
    let steps = json!([
        ["(hold) ", { "test_marks.py": mended }],
        ["", "r"],
        // What was collected before has the marks that it had.
        ["(hold) ", "r"],
        ["(hold) ", { "test_marks.py": mended.replace("self.value = 1", "self.value = 2") }],
        ["", "r"],
        ["1 passed, 2 xpassed", null],
    ]);
    terminal::play(&workspace, python, &steps, LOOP, &folder.display().to_string()).expect(0);
}

/// Of each kind of failure: where it is mended, the test passes in the end; what the module keeps is kept, or set up again if asked.
#[test]
fn set_ups_fixtures_and_teardowns_are_mended_too() {
    let Some((python, folder)) = pytest() else { return };
    let workspace = Workspace::new();
    let text = "\
import pytest
made = []

@pytest.fixture(scope='module')
def database():
    made.append('database')
    yield {'rows': 1}
    made.append('closed')

@pytest.fixture
def rows(database):
    return database['row']

@pytest.fixture
def leaves(database):
    yield
    assert made == ['nothing']

class TestShop:
    seen = None
    def test_rows(self, rows, capsys):
        assert self.seen is None
        self.seen = rows
        print('captured')
        assert capsys.readouterr().out == 'captured\\n'
        assert rows == 2

def test_leaves(leaves):
    assert made == ['database', 'closed', 'database']
";
    workspace.write("test_shop.py", text);
    let one = text.replace("['row']", "['rows']");
    let two = one.replace("{'rows': 1}", "{'rows': 2}");
    let three = two.replace("['nothing']", "['database', 'closed', 'database']");
    let steps = json!([
        ["KeyError: 'row'", { "test_shop.py": one }],
        ["(hold) ", "r"],
        ["assert 1 == 2", { "test_shop.py": two }],
        // What is kept is not set up again by itself.
        ["(hold) ", "r"],
        ["assert 1 == 2", null],
        ["(hold) ", "u"],
        ["1  database", null],
        ["(hold) ", "v 2"],
        ["a test returns no value", null],
        ["(hold) ", "r 2"],
        ["1 fixtures that are kept", null],
        ["(hold) ", "r 1"],
        ["At index 0 diff: 'database' != 'nothing'", { "test_shop.py": three }],
        ["(hold) ", "r"],
        ["2 passed", null],
    ]);
    terminal::play(&workspace, python, &steps, LOOP, &folder.display().to_string()).expect(0);
}

#[test]
fn only_files_of_the_folder_that_was_given_go_live() {
    let Some((python, folder)) = pytest() else { return };
    let workspace = Workspace::new();
    let test = "import shop, other\ndef test_shop(): assert (shop.price(), other.price()) == (2, 1)\n";
    workspace.write("tests/test_shop.py", test);
    for name in ["src/shop.py", "lib/other.py"] {
        workspace.write(name, "def price(): return 1\n");
    }
    let edited = "def price(): return 2\n";
    let steps = json!([
        ["(hold) ", { "src/shop.py": edited, "lib/other.py": edited }],
        ["", "r"],
        ["1 passed", null],
    ]);
    let path = format!("{}:src:lib", folder.display());
    let arguments = [LOOP, &["--reload-dir", "src", "tests"]].concat();
    terminal::play(&workspace, python, &steps, &arguments, &path).expect(0);
}

/// What a class or a module shares: pytest remembers that its set-up has failed; its teardown comes with the last test.
#[test]
fn what_tests_share_is_mended_too() {
    let Some((python, folder)) = pytest() else { return };
    let workspace = Workspace::new();
    let text = "\
import pytest
made = []

@pytest.fixture(scope='module')
def broken(tmp_path_factory):
    made.append(1)
    return {}['x']

@pytest.fixture(scope='class')
def closes():
    yield 1
    made.append('closed' + 1)

@pytest.fixture(scope='module')
def last():
    yield 1
    assert made == []

def test_set_up(broken): assert broken == 2
def test_set_up_once(broken): assert made == [1, 1]
class TestClass:
    def test_one(self, closes): pass
    def test_two(self, closes): pass
def test_skipped(): assert 0
def test_last(last): pass
";
    workspace.write("test_shared.py", text);
    let one = text.replace("{}['x']", "2");
    let two = one.replace("'closed' + 1", "'closed'");
    let three = two.replace("assert 0", "pytest.skip('later')");
    let four = three.replace("made == []", "made == [1, 1, 'closed']");
    let shown = ["KeyError: 'x'", "can only concatenate", "assert 0", "assert made == []"];
    let mut steps = Vec::new();
    for (shown, text) in shown.iter().zip([one, two, three, four]) {
        steps.extend([json!([shown, { "test_shared.py": text }]), json!(["(hold) ", "r"])]);
    }
    steps.push(json!(["5 passed, 1 skipped", null]));
    terminal::play(&workspace, python, &json!(steps), LOOP, &folder.display().to_string()).expect(0);
}

/// They report themselves while the test runs: that waits until it is known whether it runs again.
#[test]
fn a_place_for_processes_that_can_not_be_used_is_a_wrong_use_of_pytest() {
    let Some((_, packages)) = pytest() else { return };
    let workspace = Workspace::new();
    workspace.write("test_it.py", "def test_it(): pass\n");
    std::fs::create_dir_all(workspace.registry()).expect("a folder");
    std::fs::set_permissions(workspace.registry(), std::fs::Permissions::from_mode(0o755)).expect("its owner");
    let (text, ended) = said(run(&workspace, &workspace.path(), &packages, LOOP));
    assert!(text.contains("ERROR: --hotsplice-loop: ") && !text.contains("INTERNALERROR"), "{text}");
    assert_eq!(ended, Some(4));
}

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
