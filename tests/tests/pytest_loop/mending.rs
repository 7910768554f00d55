//! What is mended passes, in the same process.

use hotsplice_tests::program::Workspace;
use hotsplice_tests::terminal;
use serde_json::json;

use super::{LOOP, pytest};

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
