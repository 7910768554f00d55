//! How processes become sessions, and stop being any: on every Python.

use std::process::Command;

use hotsplice_channel::registry;
use hotsplice_tests::attaching::{self, STATES};
use hotsplice_tests::program::{Program, Workspace, wait_for};
use hotsplice_tests::pythons::{self, Python};

fn leaves_nothing(workspace: &Workspace) {
    workspace.sessions(0);
    let left: Vec<_> =
        std::fs::read_dir(workspace.registry()).expect("a registry").flatten().map(|file| file.file_name()).collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

#[test]
fn a_program_may_listen_by_itself() {
    for python in pythons::all() {
        let workspace = Workspace::new();
        let package = hotsplice_tests::repository().join("agent/python");
        let script = workspace.write(
            "own.py",
            "import hotsplice\nhotsplice.listen()\nhotsplice.listen()\nprint('ready', flush=True)\ninput()\n",
        );
        let mut command = std::process::Command::new(&python.path);
        command.arg(script).env("PYTHONPATH", package).env("HOTSPLICE_RUNTIME_DIR", workspace.registry());
        let mut program = hotsplice_tests::program::Program::start(command);
        program.wait_line("ready");
        assert_eq!(workspace.sessions(1)[0].pid, program.pid());
        program.send("");
        assert_eq!(program.wait(), Some(0), "{}", program.stderr());
        leaves_nothing(&workspace);
    }
}

#[test]
fn every_python_that_a_command_starts_registers() {
    for python in pythons::all() {
        let workspace = Workspace::new();
        workspace.write("sitecustomize.py", "import sys\nsys.own = 'the user\\'s own'\n");
        workspace.write("child.py", "import sys\nprint(sys.own, flush=True)\ninput()\n");
        workspace.write(
            "parent.py",
            "import subprocess, sys\nprocess = subprocess.Popen([sys.executable, 'child.py'])\nprocess.wait()\n",
        );
        let mut command = workspace.hotsplice();
        command.env("PYTHONPATH", workspace.path());
        command.args(["run", "--", "sh", "-c", &format!("{} parent.py", python.path.display())]);
        let mut program = hotsplice_tests::program::Program::start(command);
        program.wait_line("the user's own");
        workspace.sessions(2);
        program.send("");
        program.wait();
        leaves_nothing(&workspace);
    }
}

#[test]
fn a_fork_is_a_session_of_its_own_and_warns_nobody() {
    for python in pythons::all() {
        let workspace = Workspace::new();
        let text = "import os, sys\ndef name():\n    return 'old'\nreading, writing = os.pipe()\nfor _ in range(20):\n    if not (pid := os.fork()):\n        os._exit(0)\n    assert os.waitpid(pid, 0)[1] == 0\npid = os.fork()\nwho = 'parent' if pid else 'child'\nif pid:\n    input()\n    print(who, name(), flush=True)\n    os.write(writing, b'x')\n    os.waitpid(pid, 0)\nelse:\n    print('forked', flush=True)\n    os.read(reading, 1)\n    print(who, name(), flush=True)\n    os._exit(0)\n";
        let script = workspace.write("forks.py", text);
        let mut command = workspace.hotsplice();
        command.arg("run").arg("--python").arg(&python.path);
        command.args(["--", python.path.to_str().expect("text"), "-W", "always"]).arg(&script);
        let mut program = hotsplice_tests::program::Program::start(command);
        program.wait_line("forked");
        let sessions = workspace.sessions(2);
        let child = sessions.iter().find(|entry| entry.pid != program.pid()).expect("the child");
        assert_eq!(child.parent, program.pid());
        workspace.write("forks.py", &text.replace("'old'", "'new'"));
        workspace.call(&["patch", "forks.py", "--pid", &child.pid.to_string()]).expect(0);
        program.send("");
        assert_eq!(program.line(), "parent old");
        assert_eq!(program.line(), "child new");
        assert_eq!(program.wait(), Some(0), "{}", program.stderr());
        // Whether it is an error to warn of a fork is up to the version: that it warned is seen.
        assert!(!program.stderr().contains("multi-threaded"), "Python {}: {}", python.name(), program.stderr());
        leaves_nothing(&workspace);
    }
}

#[test]
fn a_child_that_subprocess_prepares_is_no_session_and_nothing_is_said_of_it() {
    for python in pythons::all() {
        let workspace = Workspace::new();
        let text = "import subprocess\nchild = subprocess.Popen(['sleep', '60'], preexec_fn=lambda: None)\nprint('ready', flush=True)\ninput()\nchild.kill()\nchild.wait()\nprint(subprocess.call(['true'], preexec_fn=lambda: None), flush=True)\n";
        let script = workspace.write("starts.py", text).display().to_string();
        let mut program = workspace.run(python, &[&script]);
        program.wait_line("ready");
        let listed = workspace.call(&["sessions"]).expect(0);
        assert_eq!(listed.text().lines().count(), 2, "Python {}: {}", python.name(), listed.text());
        assert_eq!(listed.errors(), "", "Python {}", python.name());
        program.send("");
        assert_eq!(program.line(), "0");
        assert_eq!(program.wait(), Some(0), "{}", program.stderr());
        assert_eq!(program.stderr(), "", "Python {}", python.name());
        leaves_nothing(&workspace);
    }
}

/// Code carries the name of its file as it was given, and no module stands for it.
#[test]
fn a_file_that_is_executed_by_hand_is_patched() {
    let ways = [
        "import runpy\nspace = runpy.run_path('tool.py')",
        "space = {}\nexec(compile(open('tool.py').read(), 'tool.py', 'exec'), space)",
        "import os\nspace = {}\nexec(compile(open('tool.py').read(), os.path.abspath('tool.py'), 'exec'), space)",
    ];
    for (way, python) in ways.iter().flat_map(|way| pythons::all().iter().map(move |python| (way, python))) {
        let workspace = Workspace::new();
        let tool = "def name():\n    return 'old'\n";
        workspace.write("tool.py", tool);
        let ask =
            "import sys\nprint('ready', flush=True)\nfor line in sys.stdin:\n    print(space['name'](), flush=True)\n";
        let script = workspace.write("main.py", &format!("{way}\n{ask}"));
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        program.wait_line("ready");
        workspace.write("tool.py", &tool.replace("old", "new"));
        workspace.call(&["patch", "tool.py"]).expect(0);
        program.send("");
        assert_eq!(program.line(), "new", "Python {}: {way}", python.name());
    }
}

#[test]
fn a_program_that_closes_every_descriptor_stays_a_session() {
    let daemon = "\
import os, sys, time

def name():
    return 'old'

if not (pid := os.fork()):
    os.setsid()
    if os.fork():
        os._exit(0)
    os.closerange(3, 4096)
    reading, writing = os.pipe()
    assert reading == 3 and writing == 4, (reading, writing)
    files = [open(os.devnull) for _ in range(40)]
    # The numbers that the agent had are the program's now.
    for number in range(700, 900):
        os.dup2(writing, number)
    print('daemon', os.getpid(), flush=True)
    while not os.path.exists(sys.argv[1]):
        time.sleep(0.02)
    os.closerange(700, 900)
    for file in files:
        file.read()
        file.close()
    os.set_blocking(reading, False)
    try:
        assert not os.read(reading, 100)
    except BlockingIOError:
        pass
    if not (pid := os.fork()):
        os.closerange(3, 4096)
        sys.exit(5)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
    os.closerange(3, 4096)
    print(name(), flush=True)
    sys.exit(0)
assert os.waitpid(pid, 0)[1] == 0
input()
";
    for python in pythons::all() {
        let workspace = Workspace::new();
        let script = workspace.write("daemon.py", daemon);
        let go = workspace.path().join("go");
        let mut program = workspace.run(python, &[&script.display().to_string(), &go.display().to_string()]);
        let line = program.line();
        let pid = line.strip_prefix("daemon ").expect("the daemon's line").to_owned();
        workspace.write("daemon.py", &daemon.replace("return 'old'", "return 'new'"));
        // Its socket is gone until it has new descriptors.
        wait_for("the daemon's new socket", || {
            (workspace.call(&["patch", "daemon.py", "--pid", &pid]).code() == Some(0)).then_some(())
        });
        workspace.write("go", "");
        assert_eq!(program.line(), "5");
        assert_eq!(program.line(), "new");
        program.send("");
        assert_eq!(program.wait(), Some(0), "{}", program.stderr());
        leaves_nothing(&workspace);
    }
}

#[test]
fn no_end_leaves_a_session_that_a_user_sees() {
    for python in pythons::all() {
        for end in [
            "pass",
            "raise SystemExit(3)",
            "import os; os._exit(4)",
            "import os; os.abort()",
            "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        ] {
            let workspace = Workspace::new();
            let script = workspace.write("ends.py", &format!("print('ready', flush=True)\ninput()\n{end}\n"));
            let mut program = workspace.run(python, &[&script.display().to_string()]);
            program.wait_line("ready");
            workspace.sessions(1);
            program.send("");
            program.wait();
            assert_eq!(registry::sessions(workspace.registry()).expect("a registry"), [], "after {end}");
            leaves_nothing(&workspace);
        }
    }
}

#[test]
fn a_failing_agent_does_not_keep_the_program_from_running() {
    let workspace = Workspace::new();
    let script = workspace.write("works.py", "print('works', flush=True)\n");
    let mut command = workspace.hotsplice();
    command.env("HOTSPLICE_AGENT_LIBRARY", "/nowhere/lib_agent.so");
    command.arg("run").arg("--python").arg(&pythons::newest().path).arg(&script);
    let mut program = hotsplice_tests::program::Program::start(command);
    program.wait_line("works");
    assert_eq!(program.wait(), Some(0));
    let errors = program.stderr();
    assert!(errors.starts_with("hotsplice: this process can't be patched:") && errors.lines().count() == 1, "{errors}");
}

#[test]
fn a_folder_of_sessions_with_too_long_a_path_is_said_to_be_that() {
    let workspace = Workspace::new();
    let script = workspace.write("works.py", "print('works', flush=True)\n");
    let mut command = workspace.hotsplice();
    command.env("HOTSPLICE_RUNTIME_DIR", workspace.path().join("x".repeat(120)));
    command.arg("run").arg("--python").arg(&pythons::newest().path).arg(&script);
    let mut program = hotsplice_tests::program::Program::start(command);
    program.wait_line("works");
    assert_eq!(program.wait(), Some(0));
    let errors = program.stderr();
    assert!(errors.contains("107 bytes") && errors.contains("HOTSPLICE_RUNTIME_DIR"), "{errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
}

#[test]
fn modules_run_with_their_arguments() {
    let workspace = Workspace::new();
    workspace.write("pack/__init__.py", "");
    workspace.write("pack/__main__.py", "import sys\nfrom . import part\nprint(part.name(), sys.argv[1:], flush=True)\ninput()\nprint(part.name(), flush=True)\n");
    let part = workspace.write("pack/part.py", "def name():\n    return 'part'\n");
    let mut program = workspace.run(pythons::newest(), &["-m", "pack", "--flag", "-x"]);
    program.wait_line("part ['--flag', '-x']");
    std::fs::write(part, "def name():\n    return 'whole'\n").expect("a file");
    workspace.call(&["patch", "pack/part.py"]).expect(0);
    program.send("");
    program.wait_line("whole");
    wait_for("its end", || program.child.try_wait().expect("a child"));
}

#[test]
fn a_program_whose_folder_is_gone_is_patched() {
    for python in pythons::all() {
        let workspace = Workspace::new();
        let text = "import os, sys\nos.mkdir('gone')\nos.chdir('gone')\nos.rmdir('../gone')\ndef f():\n    return 'old'\nprint('ready', flush=True)\nsys.stdin.readline()\nprint(f(), flush=True)\nif not os.fork():\n    os._exit(0)\n";
        let script = workspace.write("app.py", text);
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        program.wait_line("ready");
        workspace.write("app.py", &text.replace("'old'", "'new'"));
        workspace.call(&["patch", "app.py"]).expect(0);
        program.send("");
        assert_eq!(program.line(), "new");
        assert_eq!(program.wait(), Some(0), "{}", program.stderr());
    }
}

/// A program that was started without us, and that nobody debugs.
#[test]
fn a_process_becomes_a_session_by_its_pid() {
    for python in pythons::all() {
        let workspace = Workspace::new();
        let path = workspace.write(
            "app.py",
            "import sys\nprint('ready', flush=True)\nfor line in sys.stdin:\n    print('said', flush=True)\n",
        );
        let mut command = Command::new(&python.path);
        command.current_dir(workspace.path()).arg(&path).env_remove("PYTHONPATH");
        let mut program = Program::start(command);
        program.wait_line("ready");
        let pid = program.pid().to_string();
        let attached = workspace.call(&["attach", &pid]);
        if attached.errors().contains("the system lets nobody trace it") {
            println!("one process may not reach into another here: attaching is not tested");
            return;
        }
        attached.expect(0);
        workspace.write("app.py", "import sys\nprint('ready', flush=True)\ndef new():\n    pass\nfor line in sys.stdin:\n    print('said', flush=True)\n");
        let text = workspace.call(&["patch", "app.py"]).expect(0).text();
        assert!(text.contains("1 edit live"), "{text}");
        // Once more changes nothing.
        workspace.call(&["attach", &pid]).expect(0);
        program.send("");
        program.wait_line("said");
        assert_eq!(program.wait(), Some(0), "{}", program.stderr());
    }
}

/// Whatever it does, it goes on as if nothing had been. More often: `cargo xtask torture attach`.
#[test]
fn a_process_is_attached_to_whatever_it_does() {
    for python in [&pythons::all()[0], pythons::newest()] {
        // They wait most of the time.
        for states in STATES.chunks(4) {
            std::thread::scope(|scope| {
                for (state, body) in states {
                    scope.spawn(|| attach_to(python, state, body));
                }
            });
        }
    }
}

fn attach_to(python: &Python, state: &str, body: &str) {
    // On a busy machine a short life may be over before anybody has attached.
    for seconds in [2, 8, 24] {
        let workspace = Workspace::new();
        let mut program = attaching::start(&workspace, python, body, seconds);
        let attached = workspace.call(&["attach", &program.pid().to_string()]);
        if attached.errors().contains("the system lets nobody trace it") {
            return println!("one process may not reach into another here: attaching is not tested");
        }
        let ended = attached.errors().contains("HS0002") || attached.errors().contains("there is no process");
        if !ended || seconds == 24 {
            assert_eq!(attached.code(), Some(0), "{state} on Python {}: {}", python.name(), attached.errors());
        }
        program.wait_line("done");
        assert_eq!(program.wait(), Some(0), "{state} on Python {}: {}", python.name(), program.stderr());
        if !ended {
            return;
        }
    }
}

/// Its threads switch more often while the agent is loaded, or that would take the longer the more of them compute.
#[test]
fn a_process_that_was_attached_to_has_its_switch_interval_and_modules_of_its_own() {
    const APP: &str = "import sys, threading\ndef spin():\n    while True:\n        pass\nif SET:\n    sys.setswitchinterval(SET)\nfor _ in range(3):\n    threading.Thread(target=spin, daemon=True).start()\nbefore = set(sys.modules)\nprint('ready', flush=True)\nfor line in sys.stdin:\n    print(eval(line), flush=True)\n";
    for python in pythons::all() {
        for (set, expected) in [("0", "0.005"), ("0.003", "0.003"), ("0.02", "0.02"), ("0.0001", "0.0001")] {
            let workspace = Workspace::new();
            let path = workspace.write("app.py", &APP.replace("SET", set));
            let mut command = Command::new(&python.path);
            command.current_dir(workspace.path()).arg(&path).env_remove("PYTHONPATH");
            let mut program = Program::start(command);
            program.wait_line("ready");
            let attached = workspace.call(&["attach", &program.pid().to_string()]);
            if attached.errors().contains("the system lets nobody trace it") {
                return println!("one process may not reach into another here: attaching is not tested");
            }
            attached.expect(0);
            // It is a session a moment before it is done.
            wait_for("the interval to be the program's own", || {
                program.send("round(sys.getswitchinterval(), 6)");
                (program.line() == expected).then_some(())
            });
            program.send("sorted(name for name in set(sys.modules) - before if not name.startswith('hotsplice'))");
            let new = program.line();
            assert!(!new.contains("runpy") && !new.contains("importlib"), "Python {}: {new}", python.name());
            workspace.write("app.py", &APP.replace("SET", set).replace("pass", "continue"));
            workspace.call(&["patch", "app.py"]).expect(0);
            program.send("round(sys.getswitchinterval(), 6)");
            wait_for("the interval to be the program's own after a patch", || {
                let is_own = program.line() == expected;
                program.send("round(sys.getswitchinterval(), 6)");
                is_own.then_some(())
            });
        }
    }
}

#[test]
fn a_process_that_can_not_be_attached_to_says_why() {
    let workspace = Workspace::new();
    let mut command = Command::new("sleep");
    command.arg("60");
    let no_python = Program::start(command);
    let mut stopped = Command::new(&pythons::newest().path);
    stopped.args(["-c", "import time; print('ready', flush=True); time.sleep(60)"]);
    let mut stopped = Program::start(stopped);
    stopped.wait_line("ready");
    let pid = stopped.pid().to_string();
    Command::new("kill").args(["-STOP", &pid]).status().expect("kill");
    hotsplice_tests::program::wait_for("it to be stopped", || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it is there");
        stat.contains(") T ").then_some(())
    });
    for (pid, reason) in [
        (no_python.pid().to_string(), "which is no CPython"),
        ("4194303".to_owned(), "there is no process 4194303"),
        (pid.clone(), "it is stopped"),
    ] {
        let called = workspace.call(&["attach", &pid, "--wait", "1"]).expect(2);
        assert!(called.errors().contains("HS0015") && called.errors().contains(reason), "{}", called.errors());
    }
    Command::new("kill").args(["-CONT", &pid]).status().expect("kill");
}

/// What the system would allow and what comes to nothing all the same is said at once, not when the time is up.
#[test]
fn a_process_that_could_never_be_a_session_says_why() {
    const WAITS: &str = "import sys; print('ready', flush=True); sys.stdin.read()";
    let workspace = Workspace::new();
    std::fs::create_dir(workspace.registry()).expect("a folder");
    std::fs::set_permissions(workspace.registry(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("ours");
    let refused = |command: Command, reason: &str| {
        let mut program = Program::start(command);
        program.wait_line("ready");
        // The kernel lists the children of a thread; of `unshare` the program is the only one.
        let children =
            std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", program.pid())).unwrap_or_default();
        let pid = children.split_whitespace().next().map_or(program.pid().to_string(), str::to_owned);
        // So long it would wait for a process that may come.
        let called = workspace.call(&["attach", &pid, "--wait", "3600"]).expect(2);
        if called.errors().contains("the system lets nobody trace it") {
            return println!("one process may not reach into another here: {reason} is not tested");
        }
        assert!(called.errors().contains("HS0015") && called.errors().contains(reason), "{}", called.errors());
        let listed = workspace.call(&["attach", "--list"]).expect(0).text();
        let line = listed.lines().find(|line| line.starts_with(&format!("{pid} ")));
        assert!(line.is_none_or(|line| line.contains(reason)), "{listed}");
        assert!(program.child.try_wait().expect("it is ours").is_none());
    };
    let python = |text: &str| {
        let mut command = Command::new(&pythons::newest().path);
        command.args(["-c", text]);
        command
    };
    if let Some(old) = pythons::too_old() {
        let mut command = Command::new(old);
        command.args(["-c", WAITS]);
        refused(command, "a Python before 3.10");
    }
    let mut container = Command::new("unshare");
    container.args(["--user", "--map-root-user", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]);
    if container.arg("true").status().is_ok_and(|status| status.success()) {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--pid", "--fork", "--kill-child"]).arg(&pythons::newest().path);
        command.args(["-c", WAITS]);
        refused(command, "it runs in a container");
    }
    if rustix::process::getuid().is_root() {
        refused(python(&format!("import os; os.setgid(65534); os.setuid(65534); {WAITS}")), "another user (uid 65534)");
        refused(python(&format!("import os; os.chroot('/proc'); {WAITS}")), "another root folder");
    }
}

/// A program that calls `listen()` itself executed its own text, and that of its modules, before.
#[test]
fn a_program_that_listens_late_knows_what_it_executed() {
    const APP: &str = "import sys, os\nimport part\nsys.path.insert(0, 'site-packages')\nimport tool\nLIMIT = 1\nsys.path.insert(0, os.environ['PACKAGE'])\nimport hotsplice\nhotsplice.listen()\nprint('ready', flush=True)\nfor line in sys.stdin:\n    print(LIMIT, part.value(), tool.work(), flush=True)\n";
    for python in pythons::all() {
        let workspace = Workspace::new();
        workspace.write("part.py", "STEP = 1\ndef value():\n    return STEP\n");
        // Installed: nobody keeps its text.
        workspace.write("site-packages/tool.py", "def work():\n    return 1\n");
        let path = workspace.write("app.py", APP);
        let start = || {
            let mut command = Command::new(&python.path);
            command.current_dir(workspace.path()).arg(&path).env("HOTSPLICE_RUNTIME_DIR", workspace.registry());
            command.env("PACKAGE", hotsplice_tests::repository().join("agent/python")).env_remove("PYTHONPATH");
            Program::start(command)
        };
        let mut program = start();
        program.wait_line("ready");
        // Nobody has asked for the texts yet.
        workspace.write("app.py", &APP.replace("LIMIT = 1", "LIMIT = 2"));
        workspace.write("part.py", "STEP = 1\ndef more():\n    return STEP + 1\n\ndef value():\n    return more()\n");
        let tool = workspace.call(&["patch", "site-packages/tool.py"]).expect(0).text();
        workspace.write("site-packages/tool.py", "def work():\n    return 2\n");
        let text = workspace.call(&["patch", "app.py", "part.py", "site-packages/tool.py"]).expect(0).text();
        assert!(!(tool + &text).contains("HS0201"), "Python {}: {text}", python.name());
        program.send("");
        assert_eq!(program.line(), "2 2 2", "Python {}: {text}", python.name());
        drop(program);
        // What was changed before it listened is not known: that is said, also where nothing else is.
        workspace.write("part.py", "STEP = 1\ndef value():\n    return STEP\n");
        workspace.write(
            "app.py",
            &APP.replace("import hotsplice\n", "print('begun', flush=True)\nsys.stdin.readline()\nimport hotsplice\n"),
        );
        let mut late = start();
        late.wait_line("begun");
        let part = workspace.write("part.py", "STEP = 1\ndef value():\n    return STEP + 1\n\ndef more():\n    pass\n");
        // Interpreters start within the exactness of the kernel's times.
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(1);
        std::fs::File::options().append(true).open(part).and_then(|file| file.set_modified(later)).expect("its time");
        late.send("");
        late.wait_line("ready");
        for command in [&["show", "part.py"] as &[&str], &["diff", "part.py"], &["diff"]] {
            let told = workspace.call(command).expect(0).errors();
            assert!(
                told.contains("HS0201") && told.contains("the code of value, which"),
                "Python {}: {told}",
                python.name()
            );
        }
        let text = workspace.call(&["patch", "part.py"]).expect(0).text();
        assert!(text.contains("HS0201"), "Python {}: {text}", python.name());
        assert_eq!(workspace.call(&["show", "part.py"]).expect(0).errors(), "");
    }
}
