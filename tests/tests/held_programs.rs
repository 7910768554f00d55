//! Programs of many kinds that fail where nobody would handle it: held, mended from the command line, and at their end as if nothing
//! had happened.

use hotsplice_tests::holding::{LONG, able, holds};
use hotsplice_tests::program::{Program, Workspace, wait_for};
use hotsplice_tests::{failing, packages, terminal};
use serde_json::json;

struct Case {
    /// How it is started, and what of it is guarded.
    arguments: &'static [&'static str],
    pattern: &'static str,
    file: &'static str,
    text: &'static str,
    function: &'static str,
    last: &'static str,
}

const fn script(text: &'static str, function: &'static str, last: &'static str) -> Case {
    Case { arguments: &["prog.py"], pattern: "prog.*", file: "prog.py", text, function, last }
}

/// What is wrong in each is `/ 0`, and right would be `/ 1`.
const CASES: &[Case] = &[
    Case {
        arguments: &["-m", "shop.tool"],
        pattern: "shop.*",
        file: "shop/tool.py",
        text: "def work(n):\n    return n / 0\nif __name__ == '__main__':\n    print('done', work(3), flush=True)\n",
        function: "work",
        last: "done 3.0",
    },
    Case {
        arguments: &["-m", "shop"],
        pattern: "shop.*",
        file: "shop/__main__.py",
        text: "def work(n):\n    return n / 0\nprint('done', work(3), flush=True)\n",
        function: "work",
        last: "done 3.0",
    },
    // Its namespace has lost the name of its file by then.
    script(
        "import threading\ndef work():\n    threading.main_thread().join()\n    print('done', 3 / 0, flush=True)\n\
         threading.Thread(target=work).start()\n",
        "work",
        "done 3.0",
    ),
    script("import atexit\n@atexit.register\ndef work():\n    print('done', 3 / 0, flush=True)\n", "work", "done 3.0"),
    script(
        "import multiprocessing\ndef work(n):\n    return n / 0\nif __name__ == '__main__':\n    \
         with multiprocessing.get_context('spawn').Pool(1) as pool:\n        print('done', pool.map(work, [3]), flush=True)\n",
        "work",
        "done [3.0]",
    ),
    // It ends as soon as it is answered.
    script(
        "import os\ndef work():\n    os.write(1, b'done %d\\n' % (3 / 0))\n    os._exit(0)\nwork()\n",
        "work",
        "done 3",
    ),
    script(
        "class Numbers:\n    n = 0\n    def __iter__(self): return self\n    def __next__(self):\n        if self.n > 2: raise StopIteration\n        \
         self.n += 1\n        return self.n / 0\ndef main():\n    print('done', list(Numbers()), flush=True)\nmain()\n",
        "Numbers.__next__",
        "done [2.0, 3.0]",
    ),
    script(
        "class Thing:\n    def __del__(self):\n        print('done', 3 / 0, flush=True)\ndef main():\n    Thing()\nmain()\n",
        "Thing.__del__",
        "done 3.0",
    ),
    script(
        "import ctypes\ndef compare(a, b):\n    return (a[0] - b[0]) * int(1 / 0)\narray = (ctypes.c_int * 3)(3, 1, 2)\n\
         pointer = ctypes.POINTER(ctypes.c_int)\nkind = ctypes.CFUNCTYPE(ctypes.c_int, pointer, pointer)\n\
         ctypes.CDLL(None).qsort(array, 3, 4, kind(compare))\nprint('done', list(array), flush=True)\n",
        "compare",
        "done [1, 2, 3]",
    ),
    script(
        "import asyncio\nasync def work(n):\n    await asyncio.sleep(0)\n    return n / 0 if n == 2 else n\nasync def main():\n    \
         async with asyncio.TaskGroup() as group:\n        tasks = [group.create_task(work(n)) for n in range(4)]\n    \
         print('done', [task.result() for task in tasks], flush=True)\nasyncio.run(main())\n",
        "work",
        "done [0, 1, 2.0, 3]",
    ),
    script(
        "import unittest\nclass Test(unittest.TestCase):\n    @classmethod\n    def setUpClass(cls):\n        cls.x = 1 / 0\n    \
         def test_value(self):\n        print('done', self.x, flush=True)\nunittest.main()\n",
        "Test.setUpClass",
        "done 1.0",
    ),
    // What comes before the `yield` runs once more; the block does not.
    script(
        "import contextlib\nlog = []\n@contextlib.contextmanager\ndef work(n):\n    log.append('before')\n    yield n\n    \
         log.append(n / 0)\nwith work(3): log.append('block')\nprint('done', log, flush=True)\n",
        "work",
        "done ['before', 'block', 'before', 3.0]",
    ),
    script(
        "import contextlib\nlog = []\n@contextlib.contextmanager\ndef work(n):\n    try: yield n\n    except KeyError as error: \
         log.append((str(error), n / 0))\nwith work(3): raise KeyError(1)\nprint('done', log, flush=True)\n",
        "work",
        "done [('1', 3.0)]",
    ),
    script(
        "import asyncio, contextlib\nlog = []\n@contextlib.asynccontextmanager\nasync def work(n):\n    await asyncio.sleep(0)\n    \
         log.append('before')\n    yield n\n    log.append(n / 0)\nasync def main():\n    async with work(3): log.append('block')\n\
         asyncio.run(main())\nprint('done', log, flush=True)\n",
        "work",
        "done ['before', 'block', 'before', 3.0]",
    ),
];

#[test]
fn each_is_held_mended_and_goes_on() {
    for python in able() {
        for case in CASES {
            let context = format!("{} on {}", case.text, python.name());
            let workspace = Workspace::new();
            let path = workspace.write(case.file, case.text);
            if case.arguments.len() > 1 {
                workspace.write("shop/__init__.py", "");
            }
            let options = ["--guard", case.pattern, "--hold-for", LONG];
            let mut program = workspace.run(python, &[&options[..], case.arguments].concat());
            let hold = wait_for(&context, || holds(&workspace).pop());
            assert_eq!(hold["function"], case.function, "{context}");
            std::fs::write(path, case.text.replace("/ 0", "/ 1")).expect("a file");
            workspace.call(&["retry"]).expect(0);
            program.wait_line(case.last);
            assert_eq!(program.wait(), Some(0), "{context}");
        }
    }
}

/// Its arbiter ends a worker that does not show that it lives.
#[test]
fn a_worker_of_gunicorn_shows_that_it_lives_while_it_holds_a_request() {
    let wanted = ["gunicorn".to_owned()];
    let able = able();
    let found = able.iter().find_map(|python| Some((python, packages::site(python, "gunicorn", &wanted)?)));
    let Some((python, site)) = found else { return println!("gunicorn can't be had: not tested") };
    let workspace = Workspace::new();
    let text = "\
import sys, threading, time
from gunicorn.config import Config
from gunicorn.workers.base import Worker
from gunicorn.workers.workertmp import WorkerTmp
class Served(Worker):
    def __init__(self): self.tmp = WorkerTmp(Config())
    def run(self): return work(3)
def work(n):
    return n / 0
def watch(times):
    while len(times) < 4:
        times.add(worker.tmp.last_update())
        time.sleep(0.01)
    print('lives', flush=True)
worker = Served()
threading.Thread(target=watch, args=(set(),)).start()
print('done', worker.run(), flush=True)
";
    let script = workspace.write("prog.py", text).display().to_string();
    let mut command = workspace.hotsplice();
    command.args(["run", "--python"]).arg(&python.path).env("PYTHONPATH", site);
    command.args(["--guard", "prog.work", "--hold-for", LONG, &script]);
    let mut program = Program::start(command);
    program.wait_line("lives");
    assert_eq!(holds(&workspace).len(), 1);
    workspace.call(&["return", "n"]).expect(0);
    program.wait_line("done 3");
    assert_eq!(program.wait(), Some(0));
}

/// What a handler raises for its framework to answer, and what the program has a handler for, is no failure.
const ANSWERED: &str = "\
import threading, time, urllib.error, urllib.request
import uvicorn
from fastapi import FastAPI, HTTPException
from fastapi.responses import PlainTextResponse
from flask import Flask, abort
from werkzeug.serving import make_server
class Gone(Exception): pass
def status(address):
    try:
        with urllib.request.urlopen(address) as answer: return answer.status
    except urllib.error.HTTPError as error: return error.code
flask = Flask(__name__)
@flask.errorhandler(Gone)
def gone(error): return 'gone', 410
@flask.get('/gone')
def flask_gone(): raise Gone
@flask.get('/none')
def flask_none(): abort(404)
app = FastAPI()
@app.exception_handler(Gone)
def gone(request, error): return PlainTextResponse('gone', 410)
@app.get('/gone')
def now_gone(): raise Gone
@app.get('/later/gone')
async def later_gone(): raise Gone
@app.get('/none')
def none(): raise HTTPException(404)
server = make_server('127.0.0.1', 0, flask, threaded=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
other = uvicorn.Server(uvicorn.Config(app, host='127.0.0.1', port=0, log_level='critical'))
threading.Thread(target=other.run, daemon=True).start()
while not other.started: time.sleep(0.01)
own, theirs = server.server_port, other.servers[0].sockets[0].getsockname()[1]
found = [status(f'http://127.0.0.1:{own}/{path}') for path in ('gone', 'none')]
found += [status(f'http://127.0.0.1:{theirs}/{path}') for path in ('gone', 'later/gone', 'none')]
print('done', found, flush=True)
other.should_exit = True
server.shutdown()
";

#[test]
fn what_a_framework_has_an_answer_to_is_not_held() {
    let Some((python, site)) = failing::python() else { return };
    let workspace = Workspace::new();
    let script = workspace.write("prog.py", ANSWERED).display().to_string();
    let mut command = workspace.hotsplice();
    command.args(["run", "--python"]).arg(&python.path).env("PYTHONPATH", site);
    command.args(["--guard", "prog.*", "--hold-for", LONG, &script]);
    let mut program = Program::start(command);
    program.wait_line("done [410, 404, 410, 410, 404]");
    assert_eq!(program.wait(), Some(0));
}

/// At its terminal: what goes wrong in an answer leaves the call held, and what ends it is said.
#[test]
fn whatever_is_answered_at_a_terminal_the_call_stays_held_or_the_end_is_said() {
    let workspace = Workspace::new();
    let text = "\
import hotsplice, os
from hotsplice._failed import guarding
hotsplice.listen()
os.environ['VISUAL'] = open('editor').read()
guarding.set_hold_for(300)
guarding.guard(['__main__.work'])
def work(n):
    return n / 0
print('done', work(3), flush=True)
";
    workspace.write("prog.py", text);
    workspace.write(
        "edit.py",
        "import sys\nprint('edits', sys.argv[1])\npath = sys.argv[2]\n\
        text = open(path).read()\nopen(path, 'w').write(text.replace('/ 0', '/ 1'))\n",
    );
    let python = able().pop().expect("a Python");
    let with = |editor: &str| workspace.write("editor", editor);
    with("'no end");
    let steps = json!([
        ["ZeroDivisionError: division by zero\r\n", null],
        ["(hold) ", "e"],
        ["can't be started: No closing quotation", null],
        ["(hold) ", "v 1 +"],
        ["SyntaxError", null],
        ["(hold) ", "v int('one')"],
        ["ValueError", null],
        ["(hold) ", "v print('begun') or next(n for n in iter(int, 1) if n)"],
        ["\nbegun", "\u{3}"],
        ["KeyboardInterrupt", null],
        ["(hold) ", "v 8"],
        ["done 8", null],
    ]);
    terminal::play(&workspace, python, &steps, &["prog.py"], "").expect(0);
    with("no-such-editor");
    let steps = json!([
        ["(hold) ", "e"],
        ["no-such-editor can't be started", null],
        ["(hold) ", "\u{4}"],
        ["\nTraceback", null]
    ]);
    terminal::play(&workspace, python, &steps, &["prog.py"], "").expect(1);
    with(&format!("{} edit.py", python.path.display()));
    let steps = json!([["(hold) ", "e"], ["edits +8", null], ["(hold) ", "r"], ["done 3.0", null]]);
    terminal::play(&workspace, python, &steps, &["prog.py"], "").expect(0);
    workspace.write("prog.py", &text.replace("(300)", "(0.3)"));
    let steps =
        json!([["(hold) ", null], ["work was held for as long as it was asked to be", null], ["Traceback", null]]);
    terminal::play(&workspace, python, &steps, &["prog.py"], "").expect(1);
}
