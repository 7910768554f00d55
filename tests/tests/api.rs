//! `docs/api.md` and `docs/coming-from.md` are run: their examples are programs.

use hotsplice_tests::program::{Program, Workspace};
use hotsplice_tests::{packages, pythons, repository};

/// The code blocks of a page: the file that a block is for, if it says one, and its text.
fn blocks(page: &str) -> Vec<(Option<String>, String)> {
    let mut found = Vec::new();
    let mut open: Option<(Option<String>, String)> = None;
    for line in page.lines() {
        match &mut open {
            Some(_) if line == "```" => found.extend(open.take()),
            Some((_, text)) => {
                text.push_str(line);
                text.push('\n');
            }
            None => {
                if let Some(name) = line.strip_prefix("```python") {
                    open = Some((Some(name.trim().to_owned()).filter(|name| !name.is_empty()), String::new()));
                }
            }
        }
    }
    found
}

#[test]
fn the_examples_of_the_page_about_the_api_hold() {
    examples_hold("docs/api.md");
}

#[test]
fn the_examples_for_those_who_come_from_other_tools_hold() {
    examples_hold("docs/coming-from.md");
}

fn examples_hold(page: &str) {
    let page = std::fs::read_to_string(repository().join(page)).expect("the page");
    for python in [&pythons::all()[0], pythons::newest()] {
        let workspace = Workspace::new();
        let mut examples = String::new();
        for (name, text) in blocks(&page) {
            match name {
                Some(name) => drop(workspace.write(&name, &text)),
                None => examples.push_str(&text),
            }
        }
        assert!(examples.matches("hotsplice.").count() >= 8, "{examples}");
        let script = workspace.write("examples.py", &(examples + "print('all hold', flush=True)\n"));
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        program.wait_line("all hold");
        assert_eq!(program.wait(), Some(0));
    }
}

/// What is logged where logging is configured stands in `docs/api.md`.
#[test]
fn a_program_without_logging_has_nothing_logged() {
    let text = "\
import sys, hotsplice, shop
text = open(shop.__file__).read()
print('logging' in sys.modules)
hotsplice.patch(shop, text + 'def (')
hotsplice.patch(shop, text.replace('1', '2')).check()
print('logging' in sys.modules)
import logging
hotsplice.patch(shop, text + 'def (')
hotsplice.patch(shop, text.replace('1', '3')).check()
print(logging.getLogger('hotsplice').handlers, logging.getLogger().handlers)
class Failing(logging.Handler):
    def emit(self, record):
        raise RuntimeError('it fails')
logging.getLogger('hotsplice').addHandler(Failing())
logging.getLogger('hotsplice').addFilter(lambda record: 1 / 0)
logging.getLogger('hotsplice').setLevel('INFO')
hotsplice.patch(shop, text + 'def (')
report = hotsplice.patch(shop, text.replace('1', '4'))
print(bool(report), shop.price(), [edit.code for edit in report.caveats])
# Whoever is asked before may take no longer than the patch, and a refusal leaves no trace.
hotsplice.on_patch(before=lambda patch: exec('while waits: pass'))
waits = False
print(bool(hotsplice.patch(shop, text.replace('1', '5'), dry_run=True)), shop.price())
print(bool(hotsplice.patch(shop, text.replace('1', '5'))), shop.price(), flush=True)
";
    for python in [&pythons::all()[0], pythons::newest()] {
        let workspace = Workspace::new();
        workspace.write("shop.py", "def price():\n    return 1\n");
        let script = workspace.write("app.py", text);
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        let lines: Vec<String> = (0..6).map(|_| program.line()).collect();
        let wanted = ["False", "False", "[] []", "True 4 ['HS0603']", "False 4", "True 5"];
        assert_eq!(lines, wanted, "Python {}: {}", python.name(), program.errors_so_far());
        assert_eq!(program.wait(), Some(0));
        assert!(!program.stderr().contains("Hot-patch file"), "{}", program.stderr());
    }
}

/// The standard library is executed before anybody watches, and parts of it are frozen.
#[test]
fn a_library_module_that_nobody_changed_has_nothing_to_change() {
    let text = "\
import hotsplice, codecs, json, os, stat
print([hotsplice.patch(module) for module in (codecs, json, os, stat)], flush=True)
";
    for python in pythons::all() {
        let workspace = Workspace::new();
        let script = workspace.write("app.py", text);
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        let wanted = ["Report(committed=True, edits=())"; 4].join(", ");
        assert_eq!(program.line(), format!("[{wanted}]"), "Python {}", python.name());
        assert_eq!(program.wait(), Some(0));
    }
}

/// As for those who come from jurigged: one line in the program, and nothing else.
#[test]
fn a_program_that_was_started_as_always_can_watch() {
    let text = "\
import hotsplice, shop
try:
    hotsplice.watch('absent.py')
except hotsplice.PatchError as error:
    print(error.code, flush=True)
with hotsplice.watch() as watching:
    open(shop.__file__, 'w').write('def price():\\n    return 2\\n')
    while shop.price() != 2:
        pass
    print(watching.is_active)
print(watching.is_active, flush=True)
# One that goes on until the program ends says nothing of that.
hotsplice.watch()
open(shop.__file__, 'w').write('def price():\\n    return 3\\n')
while shop.price() != 3:
    pass
";
    for python in [&pythons::all()[0], pythons::newest()] {
        let workspace = Workspace::new();
        workspace.write("shop.py", "def price():\n    return 1\n");
        let mut command = std::process::Command::new(&python.path);
        command.arg(workspace.write("app.py", text)).env("PYTHONPATH", repository().join("agent/python"));
        command.env("HOTSPLICE_RUNTIME_DIR", workspace.registry()).current_dir(workspace.path());
        let mut program = Program::start(command);
        let lines: Vec<String> = (0..3).map(|_| program.line()).collect();
        assert_eq!(lines, ["HS0011", "True", "False"], "{}", program.errors_so_far());
        assert_eq!(program.wait(), Some(0));
        assert!(!program.stderr().contains("waiting"), "{}", program.stderr());
    }
}

#[test]
fn what_a_script_has_still_to_run_is_no_caveat() {
    let text = "\
import hotsplice, shop
text = open(shop.__file__).read()
report = hotsplice.patch(shop, text.replace('1', '2')).check()
print([(edit.definition, edit.code) for edit in report.caveats], flush=True)
for _ in range(1):
    print(shop.LIMIT, shop.price(), flush=True)
";
    for python in [&pythons::all()[0], pythons::newest()] {
        let workspace = Workspace::new();
        workspace.write("shop.py", "LIMIT = 1\ndef price():\n    return 1\n");
        let script = workspace.write("app.py", text);
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        assert_eq!([program.line(), program.line()], ["[]", "2 2"], "Python {}", python.name());
        assert_eq!(program.wait(), Some(0));
    }
}

#[test]
fn modules_follow_their_files_in_ipython() {
    let python = pythons::all().iter().rev().find(|python| python.minor <= 13).unwrap_or_else(|| pythons::newest());
    let Some(packages) = packages::folder(python, "ipython", &["ipython".to_owned()]) else {
        println!("IPython can't be had: not tested");
        return;
    };
    let workspace = Workspace::new();
    workspace.write("shop.py", "RATE = 1\ndef price():\n    return RATE\n");
    let text = "\
import sys
sys.path.insert(0, sys.argv[1])
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_cell('%load_ext hotsplice')
shell.run_cell('from shop import price')
shell.run_cell('%hotsplice status')
print('ready', flush=True)
for line in sys.stdin:
    print(eval(line, {**shell.user_ns, 'shell': shell}), flush=True)
";
    let script = workspace.write("shell.py", text);
    let mut command = workspace.hotsplice();
    command.env("IPYTHONDIR", workspace.path().join("ipython"));
    command.arg("run").arg("--python").arg(&python.path).arg(script).arg(packages);
    let mut program = Program::start(command);
    program.wait_line("saved files go live by themselves: yes");
    program.wait_line("ready");
    workspace.write("shop.py", "RATE = 1\ndef price():\n    return 2\n");
    hotsplice_tests::program::wait_for("the shell to call the new code", || {
        program.send("price()");
        (program.line() == "2").then_some(())
    });
    program.send("shell.run_line_magic('hotsplice', 'off')");
    program.wait_line("saved files go live by themselves: no");
    assert_eq!(program.wait(), Some(0));
}

#[test]
fn a_recoder_takes_one_definition_and_writes_nothing_else() {
    let workspace = Workspace::new();
    let path = workspace.path().join("shop.py");
    let former = "# coding: latin-1\r\nNAME = 'caf\u{e9}\u{c}'\r\nclass Order:\r\n  def note(self):\r\n    return 1\r\n\r\n  def other(self):\r\n    return 1\r\n";
    let latin = |text: &str| text.chars().map(|character| character as u8).collect::<Vec<u8>>();
    std::fs::write(&path, latin(former)).expect("written");
    let text = "\
import hotsplice, shop
order = shop.Order()
note, other = hotsplice.recoder(shop.Order.note), hotsplice.recoder(shop.Order.other)
for wrong in ('', 'def wrong(self): pass', 'def note(self): pass\\ndef more(): pass'):
    try:
        note.patch(wrong)
    except hotsplice.PatchError as error:
        print(error.code)
other.patch('def other(self):\\n    return 2')
note.patch('    def note(self):\\n\\n        return \"\"\"a\\n b\"\"\"\\n')
print([order.note(), order.other()])
other.revert()
print([order.note(), order.other()])
note.commit()
print(note.status, flush=True)
";
    let script = workspace.write("app.py", text);
    let mut program = workspace.run(pythons::newest(), &[&script.display().to_string()]);
    let lines: Vec<String> = (0..6).map(|_| program.line()).collect();
    assert_eq!(lines, ["HS0014", "HS0014", "HS0014", "['a\\n b', 2]", "['a\\n b', 1]", "committed"]);
    assert_eq!(program.wait(), Some(0));
    let committed =
        former.replace("    return 1\r\n\r\n  def o", "\r\n      return \"\"\"a\r\n b\"\"\"\r\n\r\n  def o");
    assert_eq!(
        String::from_utf8_lossy(&std::fs::read(path).expect("there")),
        String::from_utf8_lossy(&latin(&committed))
    );
}

#[test]
fn a_recoder_takes_the_definition_of_a_name_that_is_live() {
    let workspace = Workspace::new();
    let former = "# coding: latin-1\nimport functools, sys\nif sys:\n    def price():  # \u{e9}\n        return 1\nelse:\n    def price():\n        return 0\n\n\nclass Order:\n    @property\n    def total(self):\n        return 1\n\n    @total.setter\n    def total(self, value):\n        self.set = value\n\n    @functools.cached_property\n    def tax(self):\n        return 1\n";
    let latin = |text: &str| text.chars().map(|character| character as u8).collect::<Vec<u8>>();
    let path = workspace.path().join("shop.py");
    std::fs::write(&path, latin(former)).expect("written");
    let text = "\
import hotsplice, shop
order = shop.Order()
with hotsplice.recoder(shop.price) as price:
    price.patch('# which one\\n\\ndef price():\\n    return \"€\"\\n')
    print(shop.price())
print(shop.price())
price.patch('def price():\\n    return \"\u{e9}\"\\n')
price.commit()
total = hotsplice.recoder(shop.Order.total)
total.patch('@property\\ndef total(self):\\n    return 2\\n')
order.total = 5
print(shop.price(), order.total, order.set)
total.commit()
tax = hotsplice.recoder(vars(shop.Order)['tax'])
tax.patch('@functools.cached_property\\ndef tax(self):\\n    return 2\\n')
print(order.tax)
tax.revert()
print(shop.Order().tax, flush=True)
";
    let script = workspace.write("app.py", text);
    let mut program = workspace.run(pythons::newest(), &[&script.display().to_string()]);
    let lines: Vec<String> = (0..5).map(|_| program.line()).collect();
    assert_eq!(lines, ["€", "1", "é 2 5", "2", "1"]);
    assert_eq!(program.wait(), Some(0));
    let committed = former
        .replace("    def price():  # \u{e9}\n        return 1", "    def price():\n        return \"\u{e9}\"")
        .replace("def total(self):\n        return 1", "def total(self):\n        return 2");
    let found = std::fs::read(path).expect("there");
    assert_eq!(String::from_utf8_lossy(&found), String::from_utf8_lossy(&latin(&committed)));
}

#[test]
fn what_cannot_be_recoded_or_written_is_refused_in_words() {
    let workspace = Workspace::new();
    let path = workspace.write("shop.py", "def price():\n    return 1\n");
    let text = "\
import hotsplice, resource, shop, sys
def fails(action):
    try:
        action()
    except hotsplice.PatchError as error:
        return error.code
for bad in (len, lambda: 1, 5):
    print(fails(lambda: hotsplice.recoder(bad)))
recoder = hotsplice.recoder(shop.price)
print(fails(lambda: recoder.patch('def price(:')))
recoder.patch('def price():\\n    return 2\\n')
# A disk that is full.
limit = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (4, limit[1]))
full = fails(recoder.commit)
resource.setrlimit(resource.RLIMIT_FSIZE, limit)
print(full, open(shop.__file__).read() == 'def price():\\n    return 1\\n', __import__('os').listdir())
open(shop.__file__, 'w').write('def price():\\n    return 9\\n')
print(fails(recoder.commit), shop.price())
recoder.revert()
print(shop.price(), fails(lambda: hotsplice.patch('missing.py')), flush=True)
";
    let script = workspace.write("app.py", text);
    let mut program: Program = workspace.run(pythons::newest(), &[&script.display().to_string()]);
    let lines: Vec<String> = (0..7).map(|_| program.line()).collect();
    assert!(lines[4].starts_with("HS0011 True ") && !lines[4].contains(".hotsplice-"), "{lines:?}");
    assert_eq!([&lines[..4], &lines[5..]].concat(), ["HS0020", "HS0020", "HS0020", "HS0101", "HS0021 2", "1 HS0011"]);
    assert_eq!(program.wait(), Some(0));
    assert_eq!(std::fs::read_to_string(path).expect("the file"), "def price():\n    return 9\n");
}

/// The file is replaced as a whole: whose it is and who may write it stays, and nobody writes what is read-only.
#[test]
fn what_a_recoder_writes_stays_its_owners() {
    let workspace = Workspace::new();
    workspace.write("shop.py", "def price():\n    return 1\n");
    let text = "\
import hotsplice, os, shop
is_root = os.geteuid() == 0
if is_root:
    os.chown(shop.__file__, 12, 34)
os.chmod(shop.__file__, 0o640)
before = os.stat(shop.__file__)
recoder = hotsplice.recoder(shop.price)
recoder.patch('def price():\\n    return 2\\n')
recoder.commit()
after = os.stat(shop.__file__)
print(*[getattr(before, name) == getattr(after, name) for name in ('st_uid', 'st_gid', 'st_mode')], flush=True)
os.chmod(shop.__file__, 0o440)
recoder.patch('def price():\\n    return 3\\n')
try:
    recoder.commit()
    print('written' if not is_root else 'HS0011', flush=True)
except hotsplice.PatchError as error:
    print(error.code, flush=True)
";
    let script = workspace.write("app.py", text);
    let mut program = workspace.run(pythons::newest(), &[&script.display().to_string()]);
    assert_eq!([program.line(), program.line()], ["True True True", "HS0011"]);
    assert_eq!(program.wait(), Some(0));
}

/// What `repeat` keeps of a round is none of the program's: nothing is reported of it.
#[test]
fn a_patch_between_two_rounds_has_no_caveat() {
    let text = "\
import hotsplice, shop
text = open(shop.__file__).read()
for attempt in hotsplice.repeat():
    with attempt:
        price = shop.price()
    if attempt.number == 2:
        break
    report = hotsplice.patch(shop, text.replace('1', '2')).check()
    print([(edit.definition, edit.code) for edit in report.caveats], flush=True)
print(price, flush=True)
";
    for python in [&pythons::all()[0], pythons::newest()] {
        let workspace = Workspace::new();
        workspace.write("shop.py", "def price():\n    return 1\n");
        let script = workspace.write("app.py", text);
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        assert_eq!([program.line(), program.line()], ["[]", "2"], "Python {}", python.name());
        assert_eq!(program.wait(), Some(0));
    }
}

/// What a block uses, before and after an edit: text of a module, an expression, the new text.
const USED: &[[&str; 3]] = &[
    ["RATE = 1\n", "m.RATE", "RATE = 2\n"],
    ["TABLE = {'a': 1}\n", "m.TABLE['a']", "TABLE = {'a': 2}\n"],
    ["class C:\n    x = 1\nc = C()\n", "m.c.x", "class C:\n    x = 2\nc = C()\n"],
    ["import enum\nclass C(enum.Enum):\n    A = 1\n", "m.C.A.value", "import enum\nclass C(enum.Enum):\n    A = 2\n"],
    [
        "from dataclasses import dataclass\n@dataclass\nclass C:\n    x: int = 1\n",
        "m.C().x",
        "from dataclasses import dataclass\n@dataclass\nclass C:\n    x: int = 2\n",
    ],
    ["import operator\nf = operator.itemgetter(0)\n", "m.f([1, 2])", "import operator\nf = operator.itemgetter(1)\n"],
    ["def f():\n    return 1\n", "in_thread(lambda: m.f())", "def f():\n    return 2\n"],
    ["def f():\n    yield 1\n", "next(m.f())", "def f():\n    yield 2\n"],
    ["def f(x=1):\n    return x\n", "m.f()", "def f(x=2):\n    return x\n"],
];
const REPEATING: &str = "import hotsplice, threading
def in_thread(call):
    given = []
    thread = threading.Thread(target=lambda: given.append(call()))
    thread.start()
    thread.join()
    return given[0]
def rounds(m, call, new):
    got = []
    for attempt in hotsplice.repeat():
        with attempt:
            got.append(call(m))
        if len(got) == 2:
            return got
        with open(m.__file__, 'w') as file:
            file.write(new)
";

#[test]
fn a_block_is_repeated_after_a_patch_of_anything_that_it_uses() {
    for python in [&pythons::all()[0], pythons::newest()] {
        let workspace = Workspace::new();
        let mut script = REPEATING.to_owned();
        for (index, [old, expression, new]) in USED.iter().enumerate() {
            workspace.write(&format!("used{index}.py"), old);
            script += &format!(
                "import used{index}\nprint(rounds(used{index}, lambda m: {expression}, {new:?}), flush=True)\n"
            );
        }
        let script = workspace.write("main.py", &script);
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        for [_, expression, _] in USED {
            assert_eq!(program.line(), "[1, 2]", "Python {}, {expression}: {}", python.name(), program.stderr());
        }
        assert_eq!(program.wait(), Some(0));
    }
}
