//! `--hotsplice-loop` in a run of an editor's test explorer: another program starts pytest, without a terminal, and is told of what
//! becomes of each test by a plugin of its own, through a pipe. VS Code's Python extension does it so.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::JoinHandle;

use hotsplice_tests::lsp::{Editor, uri};
use hotsplice_tests::program::{Program, Workspace};
use hotsplice_tests::pythons::{self, Python};
use hotsplice_tests::{packages, repository};
use serde_json::{Value, json};

/// As the explorer's: a failure is told when pytest tells of it, other ends by what is reported, and of each test the first that comes counts.
const PLUGIN: &str = "\
import json, os
import pytest

known = set()
pipe = open(os.environ['TEST_RUN_PIPE'], 'w')

def tell(test, outcome):
    if test not in known:
        known.add(test)
        print(json.dumps([test, outcome]), file=pipe, flush=True)

def pytest_exception_interact(node, call, report):
    tell(node.nodeid, 'failed')

@pytest.hookimpl(hookwrapper=True, trylast=True)
def pytest_report_teststatus(report, config):
    if report.when == 'call' or report.when == 'setup' and report.skipped:
        tell(report.nodeid, report.outcome)
    yield
";
/// Which tests are to run stands in a file.
const START: &str = "\
import os, sys
import pytest
sys.path.insert(0, os.getcwd())
with open(os.environ['RUN_TEST_IDS_PIPE']) as file:
    tests = file.read().split()
sys.exit(pytest.main(['-p', 'explorer', *sys.argv[1:], *tests]))
";
const SHOP: &str = "def price():\n    return 1\n\ndef weight():\n    return {}['kilograms']\n";
const TESTS: &str = "\
import pytest, shop

@pytest.fixture(scope='module')
def made(): return []

def test_price(made):
    made.append(1)
    assert shop.price() == 2

@pytest.mark.parametrize('unit', ['kg', 'g'])
def test_weight(made, unit):
    print('captured')
    assert made == [1, 1]
    assert shop.weight() == 3

def test_passes(): pass
";

/// Where pytest is; nothing where that can't be had.
fn pytest(python: &Python) -> Option<PathBuf> {
    let folder = packages::folder(python, "framework-pytest", &["pytest".to_owned()]);
    if folder.is_none() {
        println!("pytest can't be had: not tested");
    }
    folder
}

struct Explorer {
    program: Program,
    told: JoinHandle<Vec<(String, String)>>,
}

/// Runs tests as the explorer does. pytest finds our plugin by its entry point where it is installed.
fn run(workspace: &Workspace, python: &Python, packages: &Path, arguments: &[&str], tests: &[&str]) -> Explorer {
    let extension = workspace.write("extension/explorer.py", PLUGIN);
    let start = workspace.write("extension/start.py", START);
    let ids = workspace.write("extension/ids.txt", &tests.join("\n"));
    let pipe = extension.with_file_name("results");
    let _ = std::fs::remove_file(&pipe);
    assert!(Command::new("mkfifo").arg(&pipe).status().is_ok_and(|status| status.success()));
    let mut command = Command::new(&python.path);
    let hotsplice = workspace.hotsplice();
    command.envs(hotsplice.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let paths = [extension.parent().expect("a folder"), &repository().join("agent/python"), packages];
    command.env("PYTHONPATH", std::env::join_paths(paths).expect("paths"));
    command.env("TEST_RUN_PIPE", &pipe).env("RUN_TEST_IDS_PIPE", ids).env("HOTSPLICE_BINARY", hotsplice.get_program());
    command.current_dir(workspace.path()).arg(start).args(["-p", "hotsplice._pytest_plugin", "-p", "no:cacheprovider"]);
    command.arg(format!("--rootdir={}", workspace.path().display())).args(arguments);
    let told = std::thread::spawn(move || {
        let text = std::fs::read_to_string(pipe).expect("what was told");
        text.lines().map(|line| serde_json::from_str(line).expect("a pair")).collect()
    });
    Explorer { program: Program::start(command), told }
}

impl Explorer {
    /// How it ended, and what was told of each test.
    fn end(mut self) -> (Option<i32>, Vec<(String, String)>) {
        let code = self.program.wait();
        (code, self.told.join().expect("a reader"))
    }
}

fn pairs(wanted: &[(&str, &str)]) -> Vec<(String, String)> {
    wanted.iter().map(|(test, outcome)| (format!("test_shop.py::{test}"), (*outcome).to_owned())).collect()
}

/// The next test that is held.
fn wait_held(editor: &mut Editor, function: &str, path: &Path) -> Value {
    let held = editor.wait_notification("hotsplice/hold", |held| held["function"] == function);
    assert_eq!(held["uri"], uri(path), "{held}");
    held
}

#[test]
fn a_test_that_fails_in_the_explorer_is_mended_in_the_editor_and_passes() {
    for python in pythons::all() {
        let Some(packages) = pytest(python) else { return };
        let workspace = Workspace::new();
        let shop = workspace.write("shop.py", SHOP);
        let path = workspace.write("test_shop.py", TESTS);
        let mut editor = Editor::start(&workspace);
        editor.open(&shop, SHOP);
        editor.open(&path, TESTS);
        let tests = ["test_shop.py::test_price", "test_shop.py::test_weight", "test_shop.py::test_passes"];
        let explorer = run(&workspace, python, &packages, &["--hotsplice-loop"], &tests);
        // It fails as soon as it can: the run waits for the editor, which has seen it come.
        wait_held(&mut editor, "test_shop.py::test_price", &path);
        let mended = SHOP.replace("return 1", "return 2");
        editor.change(&shop, &mended);
        editor.patch_file(&shop);
        editor.choose(&path, 7, "Retry `test_shop.py::test_price`");
        // The second one fails in code that is not the test's, and is mended there.
        wait_held(&mut editor, "test_shop.py::test_weight[kg]", &shop);
        editor.change(&shop, &mended.replace("{}['kilograms']", "3"));
        editor.choose(&shop, 4, "Hot-patch shop.py and retry `test_shop.py::test_weight[kg]`");
        let (code, told) = explorer.end();
        let passed = ["test_price", "test_weight[kg]", "test_weight[g]", "test_passes"].map(|test| (test, "passed"));
        assert_eq!((code, told), (Some(0), pairs(&passed)), "{}", python.name());
    }
}

#[test]
fn a_test_that_is_let_fail_in_the_explorer_fails_once() {
    let python = pythons::newest();
    let Some(packages) = pytest(python) else { return };
    let workspace = Workspace::new();
    workspace.write("shop.py", SHOP);
    let path = workspace.write("test_shop.py", TESTS);
    let mut editor = Editor::start(&workspace);
    editor.open(&path, TESTS);
    let tests = ["test_shop.py::test_price", "test_shop.py::test_passes"];
    let explorer = run(&workspace, python, &packages, &["--hotsplice-loop"], &tests);
    let held = wait_held(&mut editor, "test_shop.py::test_price", &path);
    editor.command("hotsplice.raise", json!([{ "hold": held["hold"] }]));
    let told = pairs(&[("test_price", "failed"), ("test_passes", "passed")]);
    assert_eq!(explorer.end(), (Some(1), told));
}

/// Where no editor of ours is, it ends as without; and a list of tests is none of our business.
#[test]
fn without_an_editor_the_explorer_is_told_as_without() {
    let python = pythons::newest();
    let Some(packages) = pytest(python) else { return };
    let workspace = Workspace::new();
    workspace.write("shop.py", SHOP);
    workspace.write("test_shop.py", TESTS);
    workspace.write(
        "conftest.py",
        "import sys\ndef pytest_collection_finish(): print('agent', 'hotsplice._agent' in sys.modules)\n",
    );
    let expected = run(&workspace, python, &packages, &[], &["test_shop.py"]).end();
    assert_eq!(expected.0, Some(1));
    assert_eq!(run(&workspace, python, &packages, &["--hotsplice-loop"], &["test_shop.py"]).end(), expected);
    let mut listed =
        run(&workspace, python, &packages, &["--hotsplice-loop", "--collect-only", "-q"], &["test_shop.py"]);
    listed.program.wait_line("agent False");
    assert_eq!(listed.end(), (Some(0), Vec::new()));
}
