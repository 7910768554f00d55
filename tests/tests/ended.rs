//! What is said of a process that ends before a patch reaches it, as the workers of a reloader do.

use hotsplice_tests::lsp::Editor;
use hotsplice_tests::program::{Program, Workspace};
use hotsplice_tests::pythons;
use serde_json::Value;

/// Ends at the first thing that is done in it on another thread than its own, which is what somebody asks of it; before that it
/// tells its parent, and waits for leave.
const WORKER: &str = "\
import os, signal, sys, threading
import hotsplice

def f():
    return 'old'

def end(event, _):
    if threading.get_ident() != MAIN and event != 'os.kill':
        print('ending', flush=True)
        LEAVE.wait()
        os.kill(os.getpid(), signal.SIGKILL)

MAIN, LEAVE = threading.get_ident(), threading.Event()
if __name__ == '__main__':
    hotsplice.listen()
    if 'ends' in sys.argv:
        sys.addaudithook(end)
    print('ready', flush=True)
    for _ in sys.stdin:
        LEAVE.set()
";

/// Starts a worker, and another one when it is told to that the first is about to end.
const SUPERVISOR: &str = "\
import subprocess, sys
def worker(*options):
    started = subprocess.Popen([sys.executable, 'app.py', *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert started.stdout.readline() == 'ready\\n'
    return started
first = worker('ends')
print('ready', flush=True)
assert first.stdout.readline() == 'ending\\n'
second = worker() if 'again' in sys.argv else None
first.stdin.write('end\\n')
first.stdin.flush()
print('ended', first.wait(), second and second.pid, flush=True)
sys.stdin.read()
";

fn start(workspace: &Workspace, options: &[&str]) -> Program {
    workspace.write("app.py", WORKER);
    let supervisor = workspace.write("supervisor.py", SUPERVISOR).display().to_string();
    let mut program = workspace.run(pythons::newest(), &[&[supervisor.as_str()], options].concat());
    program.wait_line("ready");
    workspace.sessions(2);
    workspace.write("app.py", &WORKER.replace("'old'", "'new'"));
    program
}

/// The only edit of a patch that found its process gone.
fn only_edit(answer: &Value) -> (String, String) {
    let [result] = answer.as_array().expect("results").as_slice() else { panic!("{answer}") };
    assert_eq!(result["committed"], false, "{answer}");
    let [edit] = result["edits"].as_array().expect("edits").as_slice() else { panic!("{answer}") };
    assert_eq!((&edit["code"], &edit["verdict"]), (&"HS0002".into(), &"refused".into()), "{answer}");
    (result["file"].as_str().unwrap_or_default().to_owned(), edit["message"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn a_process_that_its_reloader_ends_before_it_is_asked_is_told_of_with_the_one_in_its_place() {
    let workspace = Workspace::new();
    let mut program = start(&workspace, &["--reload", "again"]);
    let (file, message) = only_edit(&workspace.call(&["patch", "app.py", "--json"]).expect(1).json());
    assert_eq!(file, workspace.path().join("app.py").display().to_string());
    let ended = program.line();
    let second = ended.rsplit(' ').next().expect("a pid");
    for part in [
        "supervisor.py --reload again",
        "starts the process again whenever a file is written",
        "run it without `--reload`",
        &format!("Process {second} was started in its place and runs this text of the file already"),
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    // Which then is the one that is patched.
    workspace.call(&["patch", "app.py"]).expect(0);
}

#[test]
fn a_process_that_ends_before_it_is_asked_is_told_of_without_one_in_its_place() {
    let workspace = Workspace::new();
    let mut program = start(&workspace, &[]);
    let (_, message) = only_edit(&workspace.call(&["patch", "app.py", "--json"]).expect(1).json());
    for part in ["supervisor.py", "if that is a reloader", "--no-reload"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert!(!message.contains("in its place"), "{message}");
    program.wait_line("ended -9 None");
}

/// Nobody knows what it had loaded, so there is no edit that could say it.
#[test]
fn a_process_that_ends_while_it_is_asked_what_differs_is_no_reason_to_say_that_nothing_does() {
    let workspace = Workspace::new();
    let mut program = start(&workspace, &["--reload"]);
    let called = workspace.call(&["patch"]).expect(2);
    for part in ["HS0002", "supervisor.py --reload", "run it without `--reload`"] {
        assert!(called.errors().contains(part), "{part}: {}", called.errors());
    }
    program.wait_line("ended -9 None");
}

/// One that is no Python program is known by its name.
#[test]
fn a_reloader_that_is_no_session_is_named() {
    let workspace = Workspace::new();
    workspace.write("app.py", WORKER);
    workspace.write("nodemon", "\"$1\" app.py ends\nread line\n");
    let launcher = workspace.write(
        "launcher.py",
        "import subprocess, sys\nsubprocess.run(['/bin/sh', './nodemon', sys.executable], stdin=sys.stdin)\n",
    );
    let mut program = workspace.run(pythons::newest(), &[&launcher.display().to_string()]);
    program.wait_line("ready");
    workspace.sessions(2);
    workspace.write("app.py", &WORKER.replace("'old'", "'new'"));
    program.send("end");
    let (_, message) = only_edit(&workspace.call(&["patch", "app.py", "--json"]).expect(1).json());
    for part in ["./nodemon", "start the program without it"] {
        assert!(message.contains(part), "{part}: {message}");
    }
}

/// In an editor, too: it ends while it is patched, since the editor has asked it before.
#[test]
fn an_editor_shows_once_that_a_reloader_has_ended_the_process() {
    let workspace = Workspace::new();
    let quiet =
        "X = 1\nif __name__ == '__main__':\n    import sys\n    print('ready', flush=True)\n    sys.stdin.read()\n";
    let path = workspace.write("app.py", quiet);
    let supervisor = workspace.write(
        "supervisor.py",
        "import subprocess, sys\nsubprocess.run([sys.executable, 'app.py'])\nprint('ended', flush=True)\nsys.stdin.read()\n",
    );
    let mut program = workspace.run(pythons::newest(), &[&supervisor.display().to_string(), "--reload"]);
    program.wait_line("ready");
    workspace.sessions(2);
    let mut editor = Editor::start(&workspace);
    editor.open(&path, quiet);
    editor.wait_sessions(2);
    editor.change(&path, &quiet.replace("X = 1", "import os, signal\nX = os.kill(os.getpid(), signal.SIGKILL)"));
    editor.patch_file(&path);
    let fits = |shown: &Value| shown["message"].as_str().is_some_and(|text| text.contains("HS0002"));
    let shown = editor.wait_notification("window/showMessage", fits);
    let message = shown["message"].as_str().expect("a text");
    assert!(message.contains("supervisor.py --reload") && message.contains("run it without `--reload`"), "{message}");
    program.wait_line("ended");
    workspace.sessions(1);
}

/// Nobody is held up by a process that isn't there any more.
#[test]
fn of_several_processes_one_that_ends_before_it_is_asked_holds_no_other_up() {
    let workspace = Workspace::new();
    let supervisor = SUPERVISOR.replace("first = worker('ends')", "other = worker()\nfirst = worker('ends')");
    workspace.write("app.py", WORKER);
    let supervisor = workspace.write("supervisor.py", &supervisor);
    let mut program = workspace.run(pythons::newest(), &[&supervisor.display().to_string()]);
    program.wait_line("ready");
    workspace.sessions(3);
    workspace.write("app.py", &WORKER.replace("'old'", "'new'"));
    let answer = workspace.call(&["patch", "app.py", "--json"]).expect(0).json();
    let results = answer.as_array().expect("results");
    assert!(
        results.iter().any(|result| result["committed"] == true && result["edits"][0]["definition"] == "f"),
        "{answer}"
    );
    program.wait_line("ended -9 None");
}

/// Starts a worker when it is told to; with `loads` it has loaded the worker's file itself, as `flask --debug run` does.
const LATER: &str = "\
import subprocess, sys
if 'loads' in sys.argv:
    import app
print('ready', flush=True)
for _ in sys.stdin:
    worker = subprocess.Popen([sys.executable, 'app.py'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    print(worker.stdout.readline(), end='', flush=True)
";

#[test]
fn a_process_that_a_reloader_has_started_since_a_file_was_written_says_that_state_is_lost() {
    for (option, wanted) in [("--reload", Some("what the one before it held is lost")), ("--other", None)] {
        let workspace = Workspace::new();
        workspace.write("app.py", WORKER);
        let supervisor = workspace.write("supervisor.py", LATER);
        let mut program = workspace.run(pythons::newest(), &[&supervisor.display().to_string(), option]);
        program.wait_line("ready");
        workspace.sessions(1);
        workspace.write("app.py", &WORKER.replace("'old'", "'new'"));
        program.send("");
        program.wait_line("ready");
        workspace.sessions(2);
        let answer = workspace.call(&["patch", "app.py", "--json"]).expect(0).json();
        let edit = &answer[0]["edits"][0];
        match wanted {
            Some(part) => {
                assert_eq!((&edit["code"], &edit["verdict"]), (&"HS0002".into(), &"caveat".into()), "{answer}");
                let message = edit["message"].as_str().unwrap_or_default();
                assert!(message.contains(part) && message.contains("run it without `--reload`"), "{message}");
            }
            None => assert!(edit.is_null(), "{answer}"),
        }
    }
}

#[test]
fn a_reloader_that_is_patched_alone_is_not_taken_for_what_it_starts() {
    let workspace = Workspace::new();
    workspace.write("app.py", WORKER);
    let supervisor = workspace.write("supervisor.py", LATER);
    let mut program = workspace.run(pythons::newest(), &[&supervisor.display().to_string(), "--reload", "loads"]);
    program.wait_line("ready");
    workspace.sessions(1);
    workspace.write("app.py", &WORKER.replace("'old'", "'new'"));
    let answer = workspace.call(&["patch", "app.py", "--json"]).expect(0).json();
    let edit = &answer[0]["edits"][0];
    assert_eq!((&edit["definition"], &edit["code"]), (&"f".into(), &"HS0610".into()), "{answer}");
    let message = edit["message"].as_str().unwrap_or_default();
    assert!(message.contains("not what it starts") && message.contains("run it without `--reload`"), "{message}");
}
