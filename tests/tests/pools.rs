//! Pools of workers: each worker is a session, and one that starts after a patch runs what is live (`docs/clusters.md`).

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use hotsplice_channel::registry;
use hotsplice_tests::packages;
use hotsplice_tests::program::{Program, Workspace, wait_for};
use hotsplice_tests::pythons::{self, Python};

/// What the workers run. It is edited without being saved, unless a worker reads it anew.
const WORK: &str = "import os\ndef word():\n    return 'old'\ndef report():\n    return f'{word()} {os.getpid()}'\n";

/// As a server's application.
const WSGI: &str = "import work\ndef app(environ, start):\n    start('200 OK', [('Connection', 'close')])\n    return [work.report().encode()]\n";
const ASGI: &str = "\
import work
async def app(scope, receive, send):
    if scope['type'] == 'http':
        await send({'type': 'http.response.start', 'status': 200, 'headers': [(b'connection', b'close')]})
        await send({'type': 'http.response.body', 'body': work.report().encode()})
";

const PROCESSES: &str = "\
import concurrent.futures, multiprocessing, os, sys, work
def once(function):
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as executor:
        return executor.submit(function).result()
if __name__ == '__main__':
    context = multiprocessing.get_context(sys.argv[2])
    call = context.Pool(1, maxtasksperchild=1).apply if sys.argv[1] == 'Pool' else once
    print('ready', flush=True)
    # No lock is held while this waits: the pool forks in a thread, and its child closes what is read from.
    while os.read(0, 1):
        print(call(work.report), flush=True)
";

const CELERY: &str = "\
import os
from celery import Celery
import work
app = Celery('tasks', broker='filesystem://')
app.conf.broker_transport_options = {
    'data_folder_in': 'queue', 'data_folder_out': 'queue', 'processed_folder': 'done', 'control_folder': 'control',
}
@app.task
def say():
    os.write(1, b'task ' + work.report().encode() + b'\\n')
";
const ASKS: &str = "import sys, tasks\nprint('ready', flush=True)\nfor line in sys.stdin:\n    tasks.say.delay()\n";

/// Those for which the packages can be had: there is a network, and something that fits.
fn able() -> Vec<(&'static Python, std::path::PathBuf)> {
    let requirements = ["gunicorn", "uvicorn", "celery"].map(str::to_owned);
    let wanted = pythons::all().iter().filter(|python| [10, 13].contains(&python.minor));
    wanted.filter_map(|python| Some((python, packages::folder(python, "pools", &requirements)?))).collect()
}

/// What a worker says: what it runs, and who it is.
type Answer = (String, u32);

fn parse(text: &str) -> Option<Answer> {
    let (word, pid) = text.trim().rsplit_once(' ')?;
    Some((word.rsplit(char::is_whitespace).next()?.to_owned(), pid.parse().ok()?))
}

/// None while nobody answers.
fn get(socket: &Path) -> Option<Answer> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.set_read_timeout(Some(hotsplice_tests::program::PATIENCE)).ok()?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    parse(&text)
}

fn command(workspace: &Workspace, python: &Python, installed: &Path, arguments: &[&str]) -> std::process::Command {
    let site = packages::as_installed(installed, workspace.registry().parent().expect("a folder"));
    let mut command = workspace.hotsplice();
    command.args(["run", "--"]).arg(&python.path).args(arguments).env("PYTHONPATH", site);
    // What is saved within a second of the time before has the same compiled code, by Python's own rules.
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// Makes the new word live everywhere, without saving it.
fn patch_unsaved(workspace: &Workspace) {
    let new = workspace.write("new.txt", &WORK.replace("'old'", "'new'"));
    workspace.call(&["patch", "work.py", "--from", &new.display().to_string()]).expect(0);
}

/// Waits until the worker that takes the place of another one is a session: it is forked at any time.
fn wait_for_next(workspace: &Workspace, parent: u32, former: u32) {
    wait_for("the next worker", || {
        let found = registry::sessions(workspace.registry()).expect("a registry");
        let pids: Vec<u32> = found.iter().map(|session| session.pid).filter(|pid| *pid != parent).collect();
        (!pids.is_empty() && !pids.contains(&former)).then_some(())
    });
}

fn end(pid: u32) {
    let sent = std::process::Command::new("kill").arg(pid.to_string()).status().expect("kill");
    assert!(sent.success(), "process {pid} can't be ended");
}

#[test]
fn what_multiprocessing_forks_runs_what_is_live() {
    for python in pythons::all() {
        let mut kinds = vec![("Pool", "fork"), ("ProcessPoolExecutor", "fork")];
        // Before 3.14 the server that forks has loaded nothing of the program.
        if python.minor >= 14 {
            kinds.push(("ProcessPoolExecutor", "forkserver"));
        }
        for (kind, method) in kinds {
            let name = format!("{kind} with {method} on Python {}", python.name());
            let workspace = Workspace::new();
            workspace.write("work.py", WORK);
            let script = workspace.write("main.py", PROCESSES).display().to_string();
            let mut program = workspace.run(python, &[&script, kind, method]);
            program.wait_line("ready");
            let parent = program.pid();
            let mut ask = || {
                program.send("");
                parse(&program.line()).expect("a word and a process")
            };
            let before = ask();
            assert_eq!(before.0, "old", "{name}");
            if kind == "Pool" {
                wait_for_next(&workspace, parent, before.1);
            }
            patch_unsaved(&workspace);
            for _ in 0..2 {
                let after = ask();
                assert_eq!(after.0, "new", "{name}");
                assert_ne!(after.1, before.1, "{name}");
            }
        }
    }
}

/// A program whose patch takes until it has forked.
const FORKS: &str = "\
import os, sys, threading, work
started, forked = threading.Event(), threading.Event()
def wait():
    if os.getpid() == first:
        started.set()
        forked.wait()
    return 2
first = os.getpid()
work.wait = wait
there, here = os.pipe()
print('ready', flush=True)
started.wait()
if os.fork():
    os.read(there, 1)
    forked.set()
    os.wait()
else:
    os.write(here, b'.')
    for line in sys.stdin:
        print(work.report(), work.LIMIT, flush=True)
";

/// It was not there to be asked, and had begun with what was live before.
#[test]
fn a_process_that_is_forked_while_its_parent_is_patched_has_the_patch_too() {
    for python in pythons::all() {
        let workspace = Workspace::new();
        let text = format!("LIMIT = 1\n{WORK}");
        workspace.write("work.py", &text);
        let script = workspace.write("main.py", FORKS).display().to_string();
        let mut program = workspace.run(python, &[&script]);
        program.wait_line("ready");
        workspace.write("work.py", &text.replace("'old'", "'new'").replace("= 1", "= wait()"));
        let patched = workspace.call(&["patch", "work.py"]).expect(0).text();
        assert_eq!(patched.matches("2 edits live").count(), 2, "Python {}: {patched}", python.name());
        program.send("");
        let answer = program.line();
        let is_new = answer.starts_with("new ") && answer.ends_with(" 2");
        assert!(is_new, "Python {}: {answer}\n{patched}", python.name());
        // What is asked for later is for both.
        let undone = workspace.call(&["undo"]).expect(0).text();
        assert_eq!(undone.matches("2 edits undone").count(), 2, "Python {}: {undone}", python.name());
    }
}

/// A server of `work.py`'s words.
struct Server {
    name: String,
    workspace: Workspace,
    program: Program,
    socket: std::path::PathBuf,
}

impl Server {
    /// `{socket}` in an argument is where it is to listen.
    fn start(python: &Python, installed: &Path, app: &str, arguments: &[&str]) -> Self {
        let workspace = Workspace::new();
        workspace.write("work.py", WORK);
        workspace.write("app.py", app);
        let socket = workspace.path().join("sock");
        let at = socket.display().to_string();
        let arguments: Vec<String> = arguments.iter().map(|argument| argument.replace("{socket}", &at)).collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let program = Program::start(command(&workspace, python, installed, &arguments));
        let server = Self { name: format!("Python {}", python.name()), workspace, program, socket };
        assert_eq!(server.answer().0, "old", "{}: {}", server.name, server.program.errors_so_far());
        server
    }

    fn answer(&self) -> Answer {
        wait_for("an answer", || get(&self.socket))
    }

    /// Who answers, once as many have as there are.
    fn workers(&self, count: usize) -> BTreeSet<u32> {
        let mut workers = BTreeSet::new();
        wait_for("answers of all", || {
            workers.insert(get(&self.socket)?.1);
            (workers.len() == count).then(|| workers.clone())
        })
    }

    /// All that answer run what is live, also those that come in the place of others.
    fn assert_new(&self, workers: &BTreeSet<u32>) {
        for _ in 0..4 {
            assert_eq!(self.answer().0, "new", "{}", self.name);
        }
        workers.iter().for_each(|pid| end(*pid));
        wait_for("an answer of a new worker", || {
            let (word, pid) = get(&self.socket)?;
            assert_eq!(word, "new", "{}", self.name);
            (!workers.contains(&pid)).then_some(())
        });
    }

    /// Saves the new word and makes it live in so many processes.
    fn patch_saved(&self, count: usize) {
        self.workspace.write("work.py", &WORK.replace("'old'", "'new'"));
        let patched = self.workspace.call(&["patch", "work.py"]).expect(0).text();
        assert_eq!(patched.matches("1 edit live").count(), count, "{}: {patched}", self.name);
    }
}

const GUNICORN: [&str; 8] =
    ["-m", "gunicorn", "--workers", "2", "--no-control-socket", "--bind", "unix:{socket}", "app:app"];

#[test]
fn a_worker_of_gunicorn_that_is_forked_later_runs_what_is_live() {
    for (python, installed) in able() {
        let server = Server::start(python, &installed, WSGI, &[&GUNICORN[..], &["--preload"]].concat());
        // The one that forks, and two.
        let sessions = server.workspace.sessions(3);
        patch_unsaved(&server.workspace);
        let workers = sessions.iter().map(|session| session.pid).filter(|pid| *pid != server.program.pid());
        server.assert_new(&workers.collect());
    }
}

/// Each worker loads the application by itself: one that comes later reads what is on disk.
#[test]
fn workers_of_gunicorn_that_load_by_themselves_are_patched_together() {
    for (python, installed) in able() {
        let server = Server::start(python, &installed, WSGI, &GUNICORN);
        let workers = server.workers(2);
        server.patch_saved(2);
        server.assert_new(&workers);
    }
}

/// They are no forks: each reads what is on disk.
#[test]
fn workers_of_uvicorn_are_patched_together() {
    for (python, installed) in able() {
        let arguments = ["-m", "uvicorn", "--workers", "2", "--uds", "{socket}", "app:app"];
        let server = Server::start(python, &installed, ASGI, &arguments);
        let workers = server.workers(2);
        let listed = server.workspace.call(&["sessions"]).expect(0).text();
        assert_eq!(listed.matches("worker of uvicorn --workers 2").count(), 2, "what a person knows them by: {listed}");
        server.patch_saved(2);
        server.assert_new(&workers);
    }
}

#[test]
fn a_child_that_celery_forks_later_runs_what_is_live() {
    for (python, installed) in able() {
        let name = format!("Python {}", python.name());
        let workspace = Workspace::new();
        workspace.write("work.py", WORK);
        workspace.write("tasks.py", CELERY);
        let script = workspace.write("asks.py", ASKS).display().to_string();
        for folder in ["queue", "done", "control"] {
            std::fs::create_dir(workspace.path().join(folder)).expect("a folder");
        }
        let mut asks = std::process::Command::new(&python.path);
        asks.arg(script).current_dir(workspace.path()).env("PYTHONPATH", &installed);
        let mut asks = Program::start(asks);
        asks.wait_line("ready");
        let one_by_one = ["--pool", "prefork", "--concurrency", "1", "--max-tasks-per-child", "1", "--without-mingle"];
        let arguments = [&["-m", "celery", "-A", "tasks", "worker", "--without-gossip"][..], &one_by_one].concat();
        let mut worker = Program::start(command(&workspace, python, &installed, &arguments));
        let parent = worker.pid();
        let mut ask = || {
            asks.send("");
            loop {
                let line = worker.line();
                if let Some(answer) = line.strip_prefix("task ").and_then(parse) {
                    return answer;
                }
            }
        };
        let before = ask();
        assert_eq!(before.0, "old", "{name}");
        wait_for_next(&workspace, parent, before.1);
        patch_unsaved(&workspace);
        for _ in 0..2 {
            let after = ask();
            assert_eq!(after.0, "new", "{name}");
            assert_ne!(after.1, before.1, "{name}");
        }
    }
}
