//! Where nothing is mended all is as without.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use hotsplice_tests::program::Workspace;
use hotsplice_tests::pythons::{self};
use hotsplice_tests::repository;

use super::{LOOP, pytest, pytest_with, run};

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
