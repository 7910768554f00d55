//! A commit is whole or not at all: whatever fails in it, and whatever the program does meanwhile.

use hotsplice_tests::program::{Program, Workspace};
use hotsplice_tests::pythons::{self, Python};

/// Says in one line what a module is: objects, their identities, and what they hold.
const DESCRIBES: &str = "\
import sys, subject
def describe(value, seen, depth=0):
    kind = type(value)
    if id(value) in seen or depth > 6:
        return id(value)
    seen.add(id(value))
    inner = lambda item: describe(item, seen, depth + 1)
    if kind.__name__ == 'function':
        cells = [inner(cell.cell_contents) for cell in value.__closure__ or ()]
        return id(value), id(value.__code__), value.__code__.co_firstlineno, repr(value.__defaults__), repr(value.__kwdefaults__), cells, value.__name__, value.__qualname__, value.__doc__, repr(value.__annotations__), inner(value.__dict__), id(value.__globals__)
    if isinstance(value, type):
        return id(value), value.__name__, [id(base) for base in value.__bases__], sorted((name, str(inner(item))) for name, item in vars(value).items() if name not in ('__dict__', '__weakref__', '__annotations_cache__', '__annotate_func__'))
    if isinstance(value, dict):
        return id(value), [(str(key) if isinstance(key, str) else id(key), inner(item)) for key, item in value.items()]
    if isinstance(value, (list, tuple)):
        return id(value), [inner(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return id(value), sorted(map(id, value))
    if kind.__module__ == 'subject':
        return id(value), id(kind), inner(getattr(value, '__dict__', {}))
    return repr(value)
def state():
    names = {name: item for name, item in vars(subject).items() if name not in ('__builtins__', '__spec__', '__loader__', '__annotations__')}
    return hash(str([(name, describe(item, set())) for name, item in names.items()]))
state()
print('ready', flush=True)
for line in sys.stdin:
    print(state(), flush=True)
";

fn start(workspace: &Workspace, python: &Python, script: &str) -> Program {
    let script = workspace.write("main.py", script);
    let mut program = workspace.run(python, &[&script.display().to_string()]);
    program.wait_line("ready");
    workspace.sessions(1);
    program
}

/// Texts before and after, each of another sort.
const PATCHES: &[(&str, &str)] = &[
    ("def f(a): return 1\ndef g(): return 2\n", "def f(a, b=3):\n    'New.'\n    return b\ndef g(): return f(1)\n"),
    (
        "def make():\n    x, y = 1, 2\n    def inner(): return x\n    return inner\nKEPT = [make(), make()]\n",
        "def make():\n    x, y = 1, 2\n    def inner(): return x + 1\n    return inner\nKEPT = [make(), make()]\n",
    ),
    (
        "A = 1\nB = [A]\nGONE = 3\nclass C:\n    x = 1\n    def m(self): return 1\nc = C()\n",
        "A = 2\nB = [A]\nD = 4\nclass C:\n    x = 2\n    y = 3\n    def m(self, k=1): return k\nc = C()\n",
    ),
    (
        "class Base: pass\nclass Other:\n    def o(self): return 1\nclass C(Base):\n    def m(self): return 1\nc = C()\n",
        "class Base: pass\nclass Other:\n    def o(self): return 1\nclass C(Other):\n    def m(self): return 2\nc = C()\n",
    ),
    (
        "class Key:\n    def __init__(self, n): self.n = n\n    def __hash__(self): return hash(self.n)\n    def __eq__(self, other): return self is other\nK = Key(1)\nTABLE = {K: 1, 'a': 2}\nTABLE['b'] = 3\n",
        "class Key:\n    def __init__(self, n): self.n = n\n    def __hash__(self): return hash(self.n)\n    def __eq__(self, other): return self is other\nK = Key(1)\nTABLE = {K: 1, 'a': 2}\nTABLE['b'] = 4\n",
    ),
    (
        "def f(): return 1\ndef g(): return 2\nTABLE = {f.__code__: 'f', g.__code__: 'g'}\nSET = {f.__code__, g.__code__}\n",
        "# A comment.\n\ndef f(): return 1\ndef g(): return 3\nTABLE = {f.__code__: 'f', g.__code__: 'g'}\nSET = {f.__code__, g.__code__}\n",
    ),
    (
        "import enum, dataclasses\nclass Level(enum.Enum):\n    LOW = 1\n@dataclasses.dataclass\nclass P:\n    x: int = 1\np = P()\nl = Level.LOW\n",
        "import enum, dataclasses\nclass Level(enum.Enum):\n    LOW = 1\n    HIGH = 2\n@dataclasses.dataclass\nclass P:\n    x: int = 1\n    y: int = 2\np = P()\nl = Level.LOW\n",
    ),
];

#[test]
fn a_commit_that_fails_at_any_operation_leaves_the_process_as_it_was() {
    for python in pythons::all() {
        for (before, after) in PATCHES {
            let workspace = Workspace::new();
            workspace.write("subject.py", before);
            let mut program = start(&workspace, python, DESCRIBES);
            program.send("");
            let state = program.line();
            workspace.write("subject.py", after);
            let mut operations = 0;
            loop {
                let mut command = workspace.hotsplice();
                command.args(["patch", "subject.py"]).env("HOTSPLICE_FAIL_COMMIT_AT", operations.to_string());
                let called = command.output().expect("hotsplice starts");
                program.send("");
                let now = program.line();
                if called.status.success() {
                    break;
                }
                let text = String::from_utf8_lossy(&called.stdout).into_owned();
                assert!(text.contains("was to fail"), "Python {}: {text}\n{after}", python.name());
                assert_eq!(now, state, "Python {}, operation {operations}:\n{after}", python.name());
                operations += 1;
                assert!(operations < 200, "Python {}: no end", python.name());
            }
            assert!(operations > 1, "Python {}: {operations}\n{after}", python.name());
        }
    }
}

#[test]
fn closures_that_threads_make_while_a_patch_is_prepared_run_the_new_code() {
    let before = "def make():\n    def inner(): return 'old'\n    return inner\nclass C:\n    def get(self): return lambda: 'old'\n";
    let after = format!("import os\nos.read(int(os.environ['GO']), 1)\nWAITED = 1\n{}", before.replace("old", "new"));
    let script = "\
import os, sys, threading
read, write = os.pipe()
os.environ['GO'] = str(read)
import subject
kept, running = [], True
def work():
    while running:
        kept.append(subject.make())
        kept.append(subject.C().get())
        del kept[1000:2000]
threads = [threading.Thread(target=work) for _ in range(16)]
for thread in threads: thread.start()
print('ready', flush=True)
while subject.make()() == 'old':
    os.write(write, b'.') if sys.stdin.readline() else None
while any(function() == 'old' for function in kept[:]):
    pass
running = False
for thread in threads: thread.join()
print(sum(function() != 'new' for function in kept), flush=True)
";
    pythons::two_at_a_time(pythons::all().iter(), |python| {
        let workspace = Workspace::new();
        workspace.write("subject.py", before);
        let mut program = start(&workspace, python, script);
        workspace.write("subject.py", &after);
        program.send("go");
        workspace.call(&["patch", "--run-statements", "subject.py"]).expect(0);
        program.send("look");
        assert_eq!(program.line(), "0", "Python {}", python.name());
    });
}

#[test]
fn audit_hooks_and_keys_never_see_half_of_a_patch() {
    let before = "\
class Base: pass
class Other: pass
def a(): return 'old'
class C(Base):
    def m(self): return 'old'
class Key:
    seen, n = set(), 1
    def __hash__(self):
        if 'z' in globals(): Key.seen.add((a(), C().m(), z(), len(TABLE)))
        return id(self)
    def __eq__(self, other): return self.n == other.n
TABLE = {Key(): 1}
K = Key()
TABLE[K] = 'old'
def z(): return 'old'
";
    let script = "\
import sys, subject
mixed = set()
def hook(event, arguments):
    if event.startswith(('object.', 'gc.')):
        found = subject.a(), subject.C().m(), subject.z()
        if len(set(found)) > 1: mixed.add((event, found))
sys.addaudithook(hook)
print('ready', flush=True)
for _ in sys.stdin:
    print(mixed, [seen for seen in subject.Key.seen if len(set(seen[:3])) > 1 or seen[3] < 1], subject.TABLE[subject.K], flush=True)
";
    for python in pythons::all() {
        let workspace = Workspace::new();
        workspace.write("subject.py", before);
        let mut program = start(&workspace, python, script);
        workspace.write("subject.py", &before.replace("'old'", "'new'").replace("C(Base)", "C(Other)"));
        workspace.call(&["patch", "subject.py"]).expect(0);
        program.send("");
        assert_eq!(program.line(), "set() [] new", "Python {}", python.name());
    }
}

#[test]
fn functions_that_gc_freeze_put_aside_follow() {
    let before = "def make():\n    def inner(): return 1\n    return inner\nKEPT = [make()]\n";
    let script = "import gc, sys, subject\ngc.freeze()\nprint('ready', flush=True)\nfor _ in sys.stdin: print(subject.KEPT[0](), flush=True)\n";
    for python in pythons::all() {
        let workspace = Workspace::new();
        workspace.write("subject.py", before);
        let mut program = start(&workspace, python, script);
        workspace.write("subject.py", &before.replace("return 1", "return 2"));
        workspace.call(&["patch", "subject.py"]).expect(0);
        program.send("");
        assert_eq!(program.line(), "2", "Python {}", python.name());
    }
}

/// It would have two kinds of new code: nothing is planned then, and the process goes on.
#[test]
fn code_that_is_retired_twice_is_an_error() {
    let script = "\
from hotsplice._engine.native import native
def f(): pass
def g(): pass
pair = (f.__code__, g.__code__, None, None)
native.Retired([pair], [], [])
try:
    native.Retired([pair, pair], [], [])
except ValueError as error:
    print(str(error).endswith('is retired twice'), flush=True)
print('ready', flush=True)
input()
";
    let workspace = Workspace::new();
    let script = workspace.write("main.py", script).display().to_string();
    let mut program = workspace.run(pythons::newest(), &[&script]);
    assert_eq!((program.line(), program.line()), ("True".to_owned(), "ready".to_owned()));
    program.send("");
    assert_eq!(program.wait(), Some(0));
}
