//! How programs become sessions when they start, or ask for it.

use std::process::Command;

use hotsplice_tests::program::{Program, Workspace, wait_for};
use hotsplice_tests::pythons::{self};

use super::leaves_nothing;

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
