//! Processes that were started without us.

use std::process::Command;

use hotsplice_tests::attaching::{self, STATES};
use hotsplice_tests::program::{Program, Workspace, wait_for};
use hotsplice_tests::pythons::{self, Python};

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
