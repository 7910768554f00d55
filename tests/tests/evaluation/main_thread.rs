//! As on the program's main thread: its stack, its signals, its children, what belongs to it.

use hotsplice_tests::program::Workspace;
use hotsplice_tests::pythons::{self, Python};

use super::start;

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
