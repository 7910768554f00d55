//! How programs are watched, and when a watch ends.

use std::fs;

use hotsplice_tests::program::{Program, Workspace, wait_for};
use hotsplice_tests::pythons::{self};

use super::{PROGRAM, comes};

#[test]
fn a_watch_of_one_process_ends_with_it() {
    let workspace = Workspace::new();
    let script = workspace.write("app.py", PROGRAM);
    workspace.write("rates.py", "def rate():\n    return 1\n");
    let mut program = workspace.run(pythons::newest(), &[&script.display().to_string()]);
    program.wait_line("ready");
    let mut command = workspace.hotsplice();
    command.args(["watch", "--pid"]).arg(program.pid().to_string());
    let mut watch = Program::start(command);
    workspace.write("rates.py", "def rate():\n    return 2\n");
    assert_eq!(comes(&mut program, "rates.rate()", "1"), "2");
    assert_eq!(program.wait(), Some(0));
    // Its standard input stays open meanwhile.
    let ended = wait_for("the watch to end", || watch.child.try_wait().expect("a child"));
    assert_eq!(ended.code(), Some(0));
    let gone = workspace.call(&["watch", "--pid", &program.pid().to_string()]).expect(2);
    assert!(gone.errors().contains("HS0005: there is no process"), "{}", gone.errors());
}

#[test]
fn a_watched_program_ends_as_it_would_alone() {
    let workspace = Workspace::new();
    let script = workspace.write("ends.py", "import sys\nprint(sys.argv[1:], flush=True)\nsys.exit(7)\n");
    let script = script.display().to_string();
    workspace.write("tool.py", "import sys\ndef main():\n    print('main', sys.argv[1:], flush=True)\n    return 3\n");
    let python = pythons::newest().path.display().to_string();
    let called = workspace.call(&["run", "--watch", "--python", &python, &script, "-v", "x"]).expect(7);
    assert_eq!(called.text(), "['-v', 'x']\n");
    let called = workspace.call(&["run", "--python", &python, "-m", "tool:main", "x"]).expect(3);
    assert_eq!(called.text(), "main ['x']\n");
    let killed = workspace.write("killed.py", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n");
    workspace.call(&["run", "--watch", "--python", &python, &killed.display().to_string()]).expect(137);
}

#[test]
fn programs_are_watched_however_they_are_started() {
    let python = pythons::newest().path.display().to_string();
    let quoted = format!("'{python}' -m shop.app word");
    let ways: [&[&str]; 4] = [
        &["--python", &python, "shop/app.py", "word"],
        &["--python", &python, "-m", "shop.app", "word"],
        &["--python", &python, "-m", "shop.app:main", "word"],
        &["--", "sh", "-c", &quoted],
    ];
    for way in ways {
        let workspace = Workspace::new();
        let text = "import sys\n\ndef greet():\n    return 'hello'\n\ndef main():\n    print(sys.argv[1:], flush=True)\n    for line in sys.stdin:\n        print(eval(line), flush=True)\n    return 3\n\nif __name__ == '__main__':\n    sys.exit(main())\n";
        workspace.write("shop/__init__.py", "");
        workspace.write("shop/app.py", text);
        let mut command = workspace.hotsplice();
        command.args(["run", "--watch"]).args(way);
        let mut program = Program::start(command);
        program.wait_line("['word']");
        workspace.write("shop/app.py", &text.replace("'hello'", "'welcome'"));
        assert_eq!(comes(&mut program, "greet()", "hello"), "welcome", "{way:?}");
        assert_eq!(program.wait(), Some(3), "{way:?}: {}", program.stderr());
    }
}

#[test]
fn a_watch_of_its_own_serves_processes_that_run_already() {
    let workspace = Workspace::new();
    let script = workspace.write("app.py", PROGRAM);
    workspace.write("rates.py", "def rate():\n    return 1\n");
    let mut program = workspace.run(pythons::newest(), &[&script.display().to_string()]);
    program.wait_line("ready");
    // What was saved before the watch began goes live too.
    workspace.write("rates.py", "def rate():\n    return 2\n");
    let mut command = workspace.hotsplice();
    command.args(["watch", "rates.py", "-v"]);
    let mut watch = Program::start(command);
    assert_eq!(comes(&mut program, "rates.rate()", "1"), "2");
    workspace.write("app.py", &PROGRAM.replace("'hello'", "'welcome'"));
    workspace.write("rates.py", "def rate():\n    return 3\n");
    assert_eq!(comes(&mut program, "rates.rate()", "2"), "3");
    assert_eq!(program.ask("greet()"), "hello", "only what was named is watched");
    assert_eq!(workspace.call(&["diff"]).expect(0).text().matches("+    return 'welcome'").count(), 1);
    let all = workspace.call(&["patch", "--json"]).expect(0).json();
    assert_eq!(all[0]["edits"][0]["definition"], "greet", "every file that differs");
    assert_eq!(program.ask("greet()"), "welcome");
    assert!(workspace.call(&["patch"]).expect(0).text().contains("nothing to change"));
    // Nobody can tell whether it differs: that is no "nothing to change".
    fs::write(workspace.path().join("app.py"), b"# \xff\n").expect("written");
    for command in ["patch", "diff"] {
        let unreadable = workspace.call(&[command]).expect(2);
        assert!(unreadable.errors().contains("HS0011") && unreadable.errors().contains("not valid UTF-8"));
    }
    watch.child.kill().expect("it ran");
    assert_eq!(program.wait(), Some(0));
}

#[test]
fn without_a_program_it_is_a_prompt_that_can_be_patched() {
    let workspace = Workspace::new();
    workspace.write("rates.py", "def rate():\n    return 1\n");
    let mut command = workspace.hotsplice();
    command.args(["run", "--watch", "--python"]).arg(&pythons::newest().path);
    let mut prompt = Program::start(command);
    prompt.send("import rates");
    let ask = |prompt: &mut Program| {
        prompt.send("print(rates.rate())");
        prompt.line()
    };
    assert_eq!(ask(&mut prompt), "1");
    workspace.write("rates.py", "def rate():\n    return 2\n");
    wait_for("the prompt to have the new code", || (ask(&mut prompt) == "2").then_some(()));
    assert_eq!(prompt.wait(), Some(0), "{}", prompt.stderr());
}
