//! What a program may be doing when somebody attaches to it.

use std::process::Command;

use crate::program::{Program, Workspace};
use crate::pythons::Python;

/// Each goes on for `SECONDS`, in Python that has `threading` and `time`.
pub const STATES: [(&str, &str); 12] = [
    ("sleeps", "time.sleep(SECONDS)"),
    ("computes", "while time.time() < END: sum(range(1000))"),
    ("allocates", "while time.time() < END: [[bytes(n) for n in range(600)] for _ in range(20)]"),
    ("waits for a lock", "lock = threading.Lock(); lock.acquire(); lock.acquire(timeout=SECONDS)"),
    ("waits in select", "import select; select.select([], [], [], SECONDS)"),
    ("waits for a child", "import subprocess; subprocess.run(['sleep', str(SECONDS)])"),
    ("waits in an event loop", "import asyncio; asyncio.run(asyncio.sleep(SECONDS))"),
    (
        "has many threads",
        "threads = [threading.Thread(target=time.sleep, args=(SECONDS,)) for _ in range(16)]\nfor t in threads: t.start()\nfor t in threads: t.join()",
    ),
    ("raises and catches", "while time.time() < END:\n    try: [][len(str(END))]\n    except IndexError: pass"),
    ("collects garbage", "import gc\nwhile time.time() < END:\n    a = []; a.append(a); del a; gc.collect()"),
    (
        "handles signals",
        "import signal\nhits = []\nsignal.signal(signal.SIGALRM, lambda *_: hits.append(1) if len(hits) < 10 else hits.clear())\nsignal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)\nwhile time.time() < END: time.sleep(0.05)\nsignal.setitimer(signal.ITIMER_REAL, 0)",
    ),
    (
        "hands the GIL round",
        "def spin():\n    while time.time() < END: pass\nthreads = [threading.Thread(target=spin) for _ in range(3)]\nfor t in threads: t.start()\nfor t in threads: t.join()",
    ),
];

/// A program that does that for so long and prints `done` then.
pub fn start(workspace: &Workspace, python: &Python, body: &str, seconds: u32) -> Program {
    let text = format!(
        "import threading, time\nSECONDS = {seconds}\nEND = time.time() + SECONDS\nprint('ready', flush=True)\n{body}\nprint('done', flush=True)\n"
    );
    let path = workspace.write("app.py", &text);
    let mut command = Command::new(&python.path);
    command.current_dir(workspace.path()).arg(&path).env_remove("PYTHONPATH");
    let mut program = Program::start(command);
    program.wait_line("ready");
    program
}
