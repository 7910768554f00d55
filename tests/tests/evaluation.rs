//! Where and how the code of an edit runs before the patch is live: as on the program's main thread, for a limited time.

use std::path::Path;
use std::time::Duration;

use hotsplice_channel::PROTOCOL;
use hotsplice_channel::expiry::Expiry;
use hotsplice_tests::program::{Program, Workspace};
use hotsplice_tests::pythons::{self, Python};
use hotsplice_tests::wire::Wire;
use serde_json::{Value, json};

/// Prints what each line that it reads gives, as `python -i` would.
const PROMPT: &str = "import sys, m\nprint('ready', flush=True)\nwhile True:\n    line = sys.stdin.readline()\n    if not line:\n        break\n    print(repr(eval(line)), flush=True)\n";

fn start(workspace: &Workspace, python: &Python, module: &str) -> Program {
    workspace.write("m.py", module);
    let script = workspace.write("main.py", PROMPT);
    let mut program = workspace.run(python, &[&script.display().to_string()]);
    program.wait_line("ready");
    program
}

/// A patch as the server sends it, of one assignment that is added to `m.py` and of nothing else.
fn assignment(path: &Path, version: u64, text: &str, limit_ms: u64) -> Value {
    let edit = json!({ "definition": "X", "kind": "constant", "change": "changed", "what": "assignment", "scope": [],
        "line": 1, "end_line": 1, "binds": ["X"], "fresh": ["X"], "parts": [], "reads": [], "run": [{ "line": 1, "text": text }] });
    json!({ "commit": true, "patch": { "label": "x", "options": { "time_limit_ms": limit_ms },
        "files": [{ "path": path, "base_version": version, "text": text, "edits": [edit] }] } })
}

/// The next answer; news that come before it are left out.
/// A connection to the one process.
fn connected(workspace: &Workspace) -> Wire {
    let mut wire = Wire::connect(&workspace.sessions(1).remove(0));
    wire.hello(PROTOCOL).expect("hello");
    wire
}

fn next_answer(wire: &mut Wire) -> Value {
    loop {
        let message = wire.receive().expect("an answer");
        if message.get("id").is_some() {
            return message;
        }
    }
}

#[test]
fn code_that_catches_every_exception_is_abandoned_and_the_next_patch_goes_live() {
    for python in pythons::all() {
        let workspace = Workspace::new();
        let spin = "import time\nTABLE = {}\nTICKS = []\ndef spin():\n    while True:\n        try:\n            TICKS.append(1)\n            time.sleep(0.001)\n        except BaseException:\n            pass\n";
        let mut program = start(&workspace, python, spin);
        let path = workspace.path().join("m.py");
        let mut wire = connected(&workspace);
        wire.request(2, "patch/prepare", &assignment(&path, 0, "TABLE['new'] = 1; X = spin()", 300))
            .expect("it listens");
        let answer = next_answer(&mut wire);
        assert_eq!(answer["result"]["verdicts"][0]["code"], "HS0104", "Python {}: {answer}", python.name());
        wire.request(3, "patch/prepare", &assignment(&path, 0, "X = 2", 5000)).expect("it listens");
        let answer = next_answer(&mut wire);
        assert_eq!(answer["result"]["committed"], true, "Python {}: {answer}", python.name());
        assert_eq!(program.ask("m.X, m.TABLE"), "(2, {})", "Python {}", python.name());
        // The thread that was abandoned does nothing any more.
        assert_eq!(program.ask("[len(m.TICKS), m.time.sleep(0.1), len(m.TICKS)][::2] == [len(m.TICKS)] * 2"), "True");
        drop(program);
    }
}

#[test]
fn what_follows_a_commit_is_stopped_too_and_the_rest_of_it_is_done() {
    for python in pythons::all() {
        let workspace = Workspace::new();
        let module = "import hotsplice, time\nDONE = []\n@hotsplice.on_patch\ndef first(patch):\n    while True:\n        try:\n            time.sleep(0.001)\n        except BaseException:\n            pass\n@hotsplice.on_patch\ndef second(patch):\n    DONE.append(1)\n";
        let mut program = start(&workspace, python, module);
        let path = workspace.path().join("m.py");
        let mut wire = connected(&workspace);
        wire.request(2, "patch/prepare", &assignment(&path, 0, "X = 1", 2000)).expect("it listens");
        let answer = next_answer(&mut wire);
        let result = &answer["result"];
        assert_eq!(result["committed"], true, "Python {}: {answer}", python.name());
        assert_eq!(result["verdicts"][1]["code"], "HS0603", "Python {}: {answer}", python.name());
        assert_eq!(program.ask("m.X, m.DONE"), "(1, [1])", "Python {}", python.name());
    }
}

#[test]
fn a_patch_that_nobody_waits_for_any_more_does_not_go_live() {
    let workspace = Workspace::new();
    let mut program = start(&workspace, pythons::newest(), "X = 0\n");
    let path = workspace.path().join("m.py");
    let mut wire = connected(&workspace);
    let ask_until = |wire: &mut Wire, id: u64, expires: Expiry| {
        let request = json!({ "jsonrpc": "2.0", "id": id, "method": "patch/prepare",
            "params": assignment(&path, 0, "X = 1", 1000), "expires": expires });
        wire.send(format!("{request}\n").as_bytes()).expect("it listens");
        next_answer(wire)
    };
    let answer = ask_until(&mut wire, 2, Expiry::after(Duration::ZERO));
    assert_eq!(answer["error"]["data"]["code"], "HS0006", "{answer}");
    assert_eq!(program.ask("m.X"), "0");
    let answer = ask_until(&mut wire, 3, Expiry::after(Duration::from_secs(60)));
    assert_eq!(answer["result"]["committed"], true, "{answer}");
    assert_eq!(program.ask("m.X"), "1");
}

#[test]
fn a_patch_that_is_worked_on_is_waited_for() {
    let workspace = Workspace::new();
    let mut program = start(&workspace, pythons::newest(), "X = 0\n");
    let path = workspace.path().join("m.py");
    let mut wire = connected(&workspace);
    let slow = assignment(&path, 0, "X = (__import__('time').sleep(6), 1)[1]", 20_000);
    let request = json!({ "jsonrpc": "2.0", "id": 2, "method": "patch/prepare", "params": slow,
        "expires": Expiry::after(Duration::from_secs(5)) });
    wire.send(format!("{request}\n").as_bytes()).expect("it listens");
    let mut told = 0;
    let answer = loop {
        let message = wire.receive().expect("it answers");
        told += usize::from(message["method"] == "request/working" && message["params"]["id"] == 2);
        if message["id"] == 2 {
            break message;
        }
    };
    assert_eq!(answer["result"]["committed"], true, "{answer}");
    assert!(told > 0);
    assert_eq!(program.ask("m.X"), "1");
}

/// What an edited statement gives, patched into a program that waits for its input.
fn given(python: &Python, module: &str, edited: &str, asked: &str) -> String {
    let workspace = Workspace::new();
    let mut program = start(&workspace, python, &format!("{module}X = None\n"));
    workspace.write("m.py", &format!("{module}X = {edited}\n"));
    workspace.call(&["patch", "m.py"]);
    program.ask(asked)
}

#[test]
fn a_deep_recursion_is_a_recursion_error_and_no_crash() {
    for python in pythons::all() {
        let module = "def size(n): return 1 + sorted([1], key=lambda _: size(n - 1))[0]\n";
        assert_eq!(given(python, module, "size(1)", "m.X"), "None", "Python {}", python.name());
        let module = "def size(n): return n and 1 + sorted([1], key=lambda _: size(n - 1))[0]\n";
        assert_eq!(given(python, module, "size(200)", "m.X"), "2", "Python {}", python.name());
    }
}

#[test]
fn a_process_that_an_edited_statement_starts_has_the_signals_of_the_program() {
    for python in pythons::all() {
        let module = "import subprocess\n";
        let asked = "(m.X.terminate(), m.X.wait(10))[1]";
        assert_eq!(
            given(python, module, "subprocess.Popen(['sleep', '60'])", asked),
            "-15",
            "Python {}",
            python.name()
        );
    }
}

#[test]
fn a_forked_child_takes_the_thread_that_runs_for_its_main_thread() {
    let module = "import multiprocessing, os, sys, threading
def seen():
    return b'%d %d' % (threading.current_thread() is threading.main_thread(), threading.active_count())
def forks():
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.write(writing, seen())
        os._exit(0)
    os.close(writing)
    os.wait()
    return os.read(reading, 9)
def falls_through():
    reading, writing = os.pipe()
    pid = os.fork()
    os.write(writing, b'parent' if pid else b'child')
    if pid:
        return os.waitpid(pid, 0)[1], os.getpid(), threading.active_count() >= 1
def child(pipe):
    os.write(pipe, seen())
def starts():
    reading, writing = os.pipe()
    process = multiprocessing.get_context('fork').Process(target=child, args=(writing,))
    process.start()
    process.join()
    return process.exitcode, os.read(reading, 9)
";
    for python in pythons::all() {
        assert_eq!(given(python, module, "forks()", "m.X"), "b'1 1'", "Python {}", python.name());
        assert_eq!(given(python, module, "starts()", "m.X"), "(0, b'1 1')", "Python {}", python.name());
        let asked = "m.X[0], m.X[1] == m.os.getpid(), m.threading.active_count()";
        assert_eq!(given(python, module, "falls_through()", asked), "(0, True, 1)", "Python {}", python.name());
    }
}

#[test]
fn every_thread_that_is_listed_while_code_is_evaluated_can_be_joined() {
    let module = "import threading, time
FAILED, SEEN = [], []
def slow():
    STARTED.set()
    JOINED.wait(10)
    return 2
STARTED, JOINED = threading.Event(), threading.Event()
def watch():
    STARTED.wait()
    for thread in threading.enumerate():
        if thread not in (threading.main_thread(), threading.current_thread()):
            SEEN.append(thread.is_alive())
            try:
                thread.join(0.01)
            except BaseException as error:
                FAILED.append(repr(error))
    JOINED.set()
threading.Thread(target=watch, daemon=True).start()
";
    for python in pythons::all() {
        let answer = given(python, module, "slow()", "m.X, m.FAILED, all(m.SEEN), m.threading.active_count() <= 2");
        assert_eq!(answer, "(2, [], True, True)", "Python {}", python.name());
    }
}

#[test]
fn a_dry_run_starts_nothing_and_reports_what_it_could_not_foresee() {
    let module = "import threading
INTERVAL = 1
STARTED = []
def start(seconds):
    STARTED.append(seconds)
    return threading.Thread(target=threading.Event().wait, daemon=True).start()
worker = start(INTERVAL)
def f(a=1):
    return a
LIST = [1, 2]
";
    let workspace = Workspace::new();
    let mut program = start(&workspace, pythons::newest(), module);
    let edited = module
        .replace("INTERVAL = 1", "INTERVAL = 2")
        .replace("start(INTERVAL)", "start(INTERVAL + 1)")
        .replace("a=1", "a=2")
        .replace("[1, 2]", "[1, 2, 3]");
    workspace.write("m.py", &edited);
    let text = workspace.call(&["patch", "m.py", "--dry-run"]).expect(0).text();
    assert_eq!(text.matches("HS0109").count(), 1, "{text}");
    assert!(text.contains("would apply 4 edits, 1 with a caveat"), "{text}");
    let asked = "m.INTERVAL, m.STARTED, m.f(), m.LIST, m.threading.active_count()";
    assert_eq!(program.ask(asked), "(1, [1], 1, [1, 2], 2)");
}

#[test]
fn text_that_python_does_not_compile_is_refused_also_where_it_is_not_run() {
    let module = "from __future__ import annotations\nX = 1\ndef f():\n    return 1\n";
    for python in pythons::all() {
        let workspace = Workspace::new();
        let mut program = start(&workspace, python, module);
        for wrong in [
            "return 1\n",
            "class A:\n    return 1\n",
            "yield 1\n",
            "await f()\n",
            "break\n",
            "nonlocal X\n",
            "global X\n",
            "if X:\n    return 2\n",
        ] {
            workspace.write("m.py", &format!("{}{wrong}", module.replace("return 1", "return 2")));
            workspace.call(&["patch", "m.py"]).expect(1);
        }
        workspace.write("m.py", &format!("import os\n{}", module.replace("return 1", "return 2")));
        workspace.call(&["patch", "m.py"]).expect(1);
        assert_eq!(program.ask("m.f()"), "1", "Python {}", python.name());
        let text = module.replace("return 1", "'''\nfrom __future__ import nothing\n'''\n    return 3");
        workspace.write("m.py", &text.replace("X = 1", "X = 3"));
        workspace.call(&["patch", "m.py"]).expect(0);
        assert_eq!(program.ask("m.X, m.f()"), "(3, 3)", "Python {}", python.name());
    }
}

/// Objects that note whatever they are asked, and raise; in every place where a patch comes across one.
const HOSTILE: &str = r#"import sys, types
ASKED = []
def no(what):
    def asked(*_arguments, **_keywords):
        ASKED.append(f"{what} {sys._getframe(1).f_code.co_filename}:{sys._getframe(1).f_lineno}")
        raise RuntimeError(what)
    return asked
class Hostile:
    __class__ = property(no("__class__"))
    __dict__ = property(no("__dict__"))
    __eq__, __ne__, __hash__, __bool__ = no("__eq__"), no("__ne__"), no("__hash__"), no("__bool__")
    __len__, __iter__, __repr__, __str__ = no("__len__"), no("__iter__"), no("__repr__"), no("__str__")
    __getattr__, __getattribute__ = no("__getattr__"), no("__getattribute__")
class Meta(type):
    __eq__, __hash__, __bool__, __getattr__ = no("=="), no("hash"), no("bool"), no("getattr")
    __instancecheck__, __subclasscheck__ = no("isinstance"), no("issubclass")
class Lazy(types.ModuleType):
    __getattribute__ = no("module")
class NoModule:
    __slots__ = ()
    __class__ = property(lambda self: types.ModuleType)
H, C, L = Hostile(), Meta("C", (), {}), Lazy.__new__(Lazy)
types.ModuleType.__init__(L, "lazy")
I = C()
for name, value in {"h": H, "c": C, "l": L, "i": I, "n": NoModule()}.items():
    sys.modules["hostile." + name] = value
ITEMS, TABLE, PAIR = [H, C, I], {"h": H, "c": C, "i": I}, (H, C)
def closing(h):
    def inner(): return h, 1
    return inner
G = closing(H)
def deco(f):
    ITEMS.append(f)
    return f
@deco
def g(a=1, *, h=H): return a
class A:
    h, c = H, C
    x = 1
    def m(self): return 1
class B(A):
    def m(self): return super().m()
a = A()
a.other = H
N = 1
gone = 5
def f(): return N
"#;

#[test]
fn objects_of_the_program_are_looked_at_without_asking_them() {
    for python in pythons::all() {
        let workspace = Workspace::new();
        let mut program = start(&workspace, python, HOSTILE);
        let edited = HOSTILE
            .replace("N = 1", "N = 2")
            .replace("a=1, *", "a=2, *")
            .replace("x = 1", "x = 2\n    y = 3")
            .replace("return 1\nclass B", "return 2\n    def n(self): return 3\nclass B")
            .replace("gone = 5\n", "new = [1]\n")
            .replace("@deco\n", "@deco\n@deco\n")
            .replace("return h, 1", "return h, 2")
            .replace("def f(): return N", "def f(b=3): return N + b");
        workspace.write("m.py", &edited);
        let text = workspace.call(&["patch", "m.py"]).text();
        assert_eq!(program.ask("m.ASKED"), "[]", "Python {}: {text}", python.name());
        let asked = "m.f(), m.g(), m.a.m(), m.a.n(), m.A.x, m.A.y, m.B().m(), m.G()[1], m.new, hasattr(m, 'gone')";
        assert_eq!(program.ask(asked), "(5, 2, 2, 3, 2, 3, 2, 2, [1], False)", "Python {}: {text}", python.name());
    }
}

#[test]
fn the_first_import_of_threading_by_an_edit_leaves_the_main_thread_what_it_is() {
    for python in pythons::all() {
        let workspace = Workspace::new();
        let mut program = start(&workspace, python, "X = 1\n");
        workspace.write("m.py", "import threading\nX = threading.main_thread().name\n");
        workspace.call(&["patch", "m.py"]).expect(0);
        let asked = "m.X, m.threading.main_thread().ident == m.threading.get_ident(), m.threading.current_thread() is m.threading.main_thread(), m.threading.active_count()";
        assert_eq!(program.ask(asked), "('MainThread', True, True, 1)", "Python {}", python.name());
        program.close();
        assert_eq!((program.wait(), program.stderr().as_str()), (Some(0), ""), "Python {}", python.name());
    }
}

#[test]
fn what_belongs_to_a_thread_is_not_made_on_the_agent_s() {
    let module = "import decimal, sqlite3, threading
DB = sqlite3.connect(':memory:')
LOCAL = threading.local()
LOCAL.user = 'one'
decimal.getcontext().prec = 20
def query():
    return DB.execute('select 1').fetchone()
";
    for python in pythons::all() {
        let workspace = Workspace::new();
        let mut program = start(&workspace, python, module);
        workspace.write("m.py", &module.replace("':memory:'", "':memory:', timeout=3"));
        let text = workspace.call(&["patch", "m.py"]).text();
        assert!(text.contains("HS0"), "Python {}: {text}", python.name());
        assert_eq!(program.ask("m.query()"), "(1,)", "Python {}", python.name());
        workspace.write("m.py", &module.replace("'one'", "'two'"));
        let text = workspace.call(&["patch", "m.py"]).text();
        assert!(text.contains("HS0110"), "Python {}: {text}", python.name());
        workspace.write("m.py", &module.replace("prec = 20", "prec = 30"));
        let text = workspace.call(&["patch", "m.py"]).text();
        assert!(text.contains("HS0110"), "Python {}: {text}", python.name());
        assert_eq!(program.ask("m.LOCAL.user, m.decimal.getcontext().prec"), "('one', 20)");
    }
}

#[test]
fn assignments_are_not_seen_before_the_commit_and_a_refused_patch_leaves_none() {
    let module = "TABLE, LIST = {'a': 1}, [1, 2]
class Settings:
    debug = False
class Item: pass
item = Item()
N = 1
";
    let more = "TABLE['b'] = 2
TABLE['b'] = 3
LIST[0] = 5
Settings.debug = True
item.name = 'x'
";
    let asked = "m.TABLE, m.LIST, m.Settings.debug, vars(m.item)";
    for python in pythons::all() {
        let workspace = Workspace::new();
        let mut program = start(&workspace, python, module);
        workspace.write("m.py", &format!("{module}{more}BROKEN = 1 / 0\n"));
        workspace.call(&["patch", "m.py"]).expect(1);
        assert_eq!(program.ask(asked), "({'a': 1}, [1, 2], False, {})", "Python {}", python.name());
        workspace.write("m.py", &format!("{module}{more}"));
        let text = workspace.call(&["patch", "m.py"]).expect(0).text();
        let wanted = "({'a': 1, 'b': 3}, [5, 2], True, {'name': 'x'})";
        assert_eq!(program.ask(asked), wanted, "Python {}: {text}", python.name());
    }
}

#[test]
fn nothing_is_made_that_only_the_agent_s_thread_can_use() {
    let module = "import sqlite3, threading
class Store:
    database = None
    def __init__(self, path): self.connection = sqlite3.connect(path)
STORE, STORES, OWNER, OWNERS = None, {}, None, {}
LOCK, CONDITION = threading.RLock(), threading.Condition()
def query(database=None): return database
def take(lock): return lock.acquire()
TAKEN = False
";
    let connected = "sqlite3.connect(':memory:')";
    let edits = [
        ("STORE, STORES, OWNER, OWNERS = None", "STORES, OWNER, OWNERS = {}, None, {}\nSTORE = Store(':memory:') #"),
        (
            "STORE, STORES, OWNER, OWNERS = None, {}",
            "STORE, OWNER, OWNERS = None, None, {}\nSTORES = [{'a': (CONNECT,)}] #",
        ),
        ("database = None\n    def", "database = CONNECT\n    def"),
        ("def query(database=None)", "def query(database=CONNECT)"),
        ("TAKEN = False", "TAKEN = False\nSTORES['b'] = CONNECT"),
        ("TAKEN = False", "TAKEN = False\nimport stores"),
        ("TAKEN = False", "TAKEN = threading.get_ident()"),
        ("TAKEN = False", "TAKEN = [threading.current_thread()]"),
        ("TAKEN = False", "TAKEN = LOCK.acquire()"),
        ("TAKEN = False", "TAKEN = take(CONDITION)"),
    ];
    let asked = "m.LOCK.acquire(False), m.LOCK.release(), m.CONDITION.acquire(False), m.CONDITION.release(), m.STORE, m.STORES, \
                 m.Store.database, m.query(), m.TAKEN, 'stores' in sys.modules";
    for python in pythons::all() {
        let workspace = Workspace::new();
        workspace.write("stores.py", &format!("import sqlite3\nSTORE = [{connected}]\n"));
        let mut program = start(&workspace, python, module);
        program.ask("globals().update(sys=__import__('sys'))");
        for (old, new) in edits {
            workspace.write("m.py", &module.replace(old, &new.replace("CONNECT", connected)));
            let text = workspace.call(&["patch", "m.py"]).text();
            assert!(text.contains("HS0110"), "Python {}, {new}: {text}", python.name());
            let wanted = "(True, None, True, None, None, {}, None, None, False, False)";
            assert_eq!(program.ask(asked), wanted, "Python {}, {new}: {text}", python.name());
            workspace.write("m.py", module);
            workspace.call(&["patch", "m.py"]);
        }
    }
}
