//! Functions that ask who calls them, and calls that can't be given what they began with.

use hotsplice_tests::program::Workspace;
use hotsplice_tests::pythons;
use serde_json::Value;

use super::program::{PROGRAM, program_errors};
use super::{PROMPT, committed};

/// A call by a Python function takes nothing of a thread's own stack: as deep as a function could call itself, it still can.
#[test]
fn a_function_that_asks_who_calls_it_calls_itself_as_deeply_as_before() {
    const OLD: &str = "def deep(n):\n    return 0 if n == 0 else 1 + deep(n - 1)\nheld = [deep]\n\
        def work_on(get, put):\n    while get():\n        put(held[0](3))\n";
    const NEW: &str = "def deep(n, k):\n    return 0 if n == 0 else k + deep(n - 1, k)\nheld = [deep]\n\
        def work_on(get, put):\n    for _ in iter(get, False):\n        put(held[0](3, 1))\n";
    for python in pythons::all().iter().filter(|python| python.minor >= 11) {
        let context = format!("Python {}", python.name());
        let workspace = Workspace::new();
        workspace.write("helpers.py", "");
        workspace.write("worker.py", OLD);
        let deeply = "        sys.setrecursionlimit(200000)\n        print(worker.deep(100000, 1), worker.deep(3, 1), flush=True)\n";
        let asked = "        names = [name for name in dir(builtins) if 'before patch' in name]\n";
        let (begin, end) =
            (PROGRAM.find(asked).expect("it is there"), PROGRAM.find("    else:\n        for").expect("it is there"));
        let script = workspace.write("main.py", &format!("{}{deeply}{}", &PROGRAM[..begin], &PROGRAM[end..]));
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        program.wait_line("ready");
        workspace.write("worker.py", NEW);
        assert_eq!(committed(&workspace.call(&["patch", "--json", "worker.py"]).json()), vec![true], "{context}");
        for _ in 0..2 {
            program.send("traces");
            assert_eq!(program.line(), "100000 3", "{context}: {}", program_errors(&program));
            program.send("go");
            assert_eq!(program.line(), "work_on 3", "{context}");
        }
    }
}

#[test]
fn calls_that_were_prepared_for_the_former_parameters_are_reported() {
    let module = "import atexit, contextlib, functools, signal, threading, weakref, concurrent.futures
pool, gate = concurrent.futures.ThreadPoolExecutor(1), threading.Semaphore(0)
class Holder: pass
def job(n): return n
class Beat:
    def fire(self, n): return n
WAITING, LATER, HOLDER, NAMES = [], None, Holder(), {}
";
    let prepared = [
        "m.WAITING.append((m.job, (1,)))",
        "m.WAITING.append([1.5, 0, m.Beat().fire, [1], {}])",
        "m.HOLDER.__dict__.update(call=m.Beat().fire, args=(1,), kwargs={})",
        "setattr(m.HOLDER, 'call', m.functools.partial(m.job, 1))",
        "m.WAITING.append(m.functools.partial(m.job))",
        "m.WAITING.append(m.functools.partial(print, m.job, 1))",
        "m.WAITING.append(m.weakref.finalize(m.HOLDER, m.job, 1))",
        "m.WAITING.append(m.pool.submit(m.gate.acquire)) or m.WAITING.append(m.pool.submit(m.job, 1))",
        "m.WAITING.append(m.threading.Timer(600, m.job, [1]))",
        "m.WAITING.append(m.threading.Thread(target=m.job, args=[1]))",
        "m.atexit.register(m.job, 1)",
        "m.signal.signal(m.signal.SIGUSR1, m.job)",
        "m.WAITING.append(m.concurrent.futures.Future()) or m.WAITING[0].add_done_callback(m.job)",
        "m.WAITING.append(m.contextlib.ExitStack()) or m.WAITING[0].callback(m.job, 1)",
        "m.HOLDER.__dict__.update(on_click=m.Beat().fire)",
    ];
    let others = [
        "m.NAMES.update(job=m.job, args=(1, 2))",
        "m.WAITING.append(('job', m.job, 1))",
        "m.WAITING.append((m.job, (1, 2)))",
        "m.WAITING.append(m.functools.partial(m.job, 1, 2))",
        "m.WAITING.append(m.functools.partial(print, m.job, 1, 2))",
    ];
    for python in pythons::all() {
        for (statement, is_reported) in
            prepared.iter().map(|one| (one, true)).chain(others.iter().map(|one| (one, false)))
        {
            let context = format!("Python {}: {statement}", python.name());
            let workspace = Workspace::new();
            workspace.write("m.py", module);
            let main = workspace.write("main.py", PROMPT).display().to_string();
            let mut program = workspace.run(python, &[&main]);
            program.wait_line("ready");
            program.ask(&format!("exec({statement:?}, {{'m': m}})"));
            workspace.write("m.py", &module.replace("n): return n", "n, word): return n, word"));
            let answer = workspace.call(&["patch", "--json", "m.py"]).expect(0).json();
            assert_eq!(answer.to_string().contains("HS0308"), is_reported, "{context}: {answer:#}");
        }
    }
}

#[test]
fn what_unedited_calls_have_begun_with_the_former_methods_is_reported() {
    let module = "import threading, types
entered, gate = threading.Event(), threading.Semaphore(0)
class Lock:
    def __enter__(self): return self
    def __exit__(self, *_): pass
class Later:
    async def __aenter__(self): return self
    async def __aexit__(self, *_): pass
class Idle:
    def __enter__(self): return self
    def __exit__(self, *_): pass
class Count:
    def __iter__(self): return self
    def __next__(self): return 1
def hold(lock):
    with lock:
        entered.set()
        gate.acquire()
def go():
    for one in Count(): yield one
@types.coroutine
def wait(): yield
async def later():
    async with Later(): await wait()
idle = Idle()
with idle: pass
going, waiting = go(), later()
next(going), waiting.send(None)
threading.Thread(target=hold, args=(Lock(),), daemon=True, name='holding').start()
";
    let edited = module
        .replace("__enter__(self): ", "__enter__(self): self.depth = 1; ")
        .replace("__aenter__(self): ", "__aenter__(self): self.depth = 1; ")
        .replace("_): pass", "_): del self.depth")
        .replace("__iter__(self): ", "__iter__(self): self.step = 1; ")
        .replace("return 1", "return self.step");
    let wanted = [
        ("Lock.__exit__", "a `with` that began before may end by the new __exit__ (hold, thread holding, line 18)"),
        ("Later.__aexit__", "a `with` that began before may end by the new __aexit__ (later, line 24)"),
        ("Count.__next__", "1 object that exists lacks step, which the new __iter__ gives"),
    ];
    for python in pythons::all() {
        let workspace = Workspace::new();
        workspace.write("m.py", module);
        let main = workspace.write("main.py", PROMPT).display().to_string();
        let mut program = workspace.run(python, &[&main]);
        program.wait_line("ready");
        assert_eq!(program.ask("m.entered.wait(20)"), "True");
        workspace.write("m.py", &edited);
        let answer = workspace.call(&["patch", "--json", "m.py"]).expect(0).json();
        let edits = answer.as_array().into_iter().flatten().filter_map(|part| part["edits"].as_array()).flatten();
        let reported: Vec<_> = edits.filter(|edit| edit["code"] == "HS0308").collect();
        assert_eq!(reported.len(), wanted.len(), "Python {}: {answer:#}", python.name());
        for (definition, message) in wanted {
            let is_it = |edit: &&&Value| {
                edit["definition"] == definition && edit["message"].as_str().is_some_and(|it| it.contains(message))
            };
            assert!(reported.iter().any(|edit| is_it(&edit)), "Python {}: {definition}: {answer:#}", python.name());
        }
    }
}
