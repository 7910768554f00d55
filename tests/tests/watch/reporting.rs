//! What is reported of what was saved.

use std::fs;

use hotsplice_tests::program::{Program, Workspace, wait_for};
use hotsplice_tests::pythons::{self};

use super::{PROGRAM, comes, signal, stands_still, watched};

#[test]
fn what_went_live_is_told_in_colour_on_a_terminal() {
    for (colour, wanted) in [(None, "\u{1b}[32mlive:\u{1b}[0m"), (Some("1"), "hotsplice: live: ")] {
        let workspace = Workspace::new();
        let script = workspace.write("app.py", PROGRAM);
        workspace.write("rates.py", "def rate():\n    return 1\n");
        let steps = serde_json::json!([
            ["watching", { "rates.py": "def rate():\n    return 2\n" }],
            ["rate in app.py", { "rates.py": "def rate(:\n" }],
            ["def rate(:", "sys.exit(5)"],
        ]);
        let hotsplice = workspace.hotsplice();
        let mut command = std::process::Command::new(&pythons::newest().path);
        command.envs(hotsplice.get_envs().filter_map(|(name, value)| Some((name, value?)))).env_remove("NO_COLOR");
        command.envs(colour.map(|value| ("NO_COLOR", value)));
        command.current_dir(workspace.path()).arg(hotsplice_tests::repository().join("tests/terminal.py"));
        command.arg(steps.to_string()).arg(hotsplice.get_program()).args(["run", "--watch", "-v", "--python"]);
        command.arg(&pythons::newest().path).arg(script);
        let called = hotsplice_tests::program::Called(command.output().expect("the interpreter starts")).expect(5);
        assert!(called.text().contains(wanted), "{}", called.text());
        assert_eq!(called.text().contains("\u{1b}[31m"), colour.is_none(), "{}", called.text());
    }
}

/// The loop reads what is edited, and needs nothing: of its file there is nothing to say.
#[test]
fn a_file_that_nobody_edited_and_that_needs_nothing_is_not_reported() {
    let workspace = Workspace::new();
    let script = workspace.write(
        "app.py",
        "import sys, rates\nprint('ready', flush=True)\nfor line in sys.stdin:\n    print(eval(line), rates.RATE, flush=True)\n",
    );
    workspace.write("rates.py", "RATE = 1\n");
    let mut command = workspace.hotsplice();
    command.args(["run", "--watch", "-v", "--python"]).arg(&pythons::newest().path).arg(script);
    let mut program = Program::start(command);
    program.wait_line("ready");
    workspace.sessions(1);
    workspace.write("rates.py", "RATE = 2\n");
    assert_eq!(comes(&mut program, "0", "0 1"), "0 2");
    wait_for("the report", || program.errors_so_far().contains("rates.py RATE").then_some(()));
    assert_eq!(program.wait(), Some(0));
    let reported = program.stderr();
    let of_script = |line: &&str| line.contains("app.py:") || line.contains("nothing went live");
    assert_eq!(reported.lines().find(of_script), None, "{reported}");
}

#[test]
fn a_save_that_does_not_parse_is_reported_once_and_waits() {
    let workspace = Workspace::new();
    let mut program = watched(&workspace, pythons::newest());
    workspace.write("rates.py", "def rate():\n    return (\n");
    workspace.write("app.py", &PROGRAM.replace("'hello'", "'welcome'"));
    workspace.write("rates.py", "def rate():\n    return 3\n");
    assert_eq!(comes(&mut program, "greet()", "hello"), "welcome");
    assert_eq!(comes(&mut program, "rates.rate()", "1"), "3");
    workspace.write("rates.py", "def rate():\n    return (\n");
    assert_eq!(program.ask("rates.rate()"), "3");
    wait_for("the file to differ from what is live", || {
        workspace.call(&["diff"]).expect(0).text().contains("return (").then_some(())
    });
    workspace.write("rates.py", "def rate():\n    return 4\n");
    assert_eq!(comes(&mut program, "rates.rate()", "3"), "4");
    assert_eq!(program.wait(), Some(0));
    let reported = program.stderr();
    assert!(reported.matches("HS0101").count() <= 2, "{reported}");
}

/// Of a patch of many files the one reason is to be found.
#[test]
fn what_is_held_back_with_a_refused_edit_is_counted() {
    let workspace = Workspace::new();
    let mut program = watched(&workspace, pythons::newest());
    // Both are seen at once.
    signal(&program, rustix::process::Signal::STOP);
    wait_for("it to stand still", || stands_still(program.pid()).then_some(()));
    workspace.write("rates.py", "WORTH = 1 / 0\ndef rate():\n    return 9\n");
    workspace.write("app.py", &PROGRAM.replace("'hello'", "'welcome'"));
    signal(&program, rustix::process::Signal::CONT);
    wait_for("the report", || program.errors_so_far().contains("held back").then_some(()));
    assert_eq!(program.ask("(greet(), rates.rate())"), "('hello', 1)");
    assert_eq!(program.wait(), Some(0));
    let reported = program.stderr();
    assert!(
        reported.contains("held back with it: 2 edits (1 file more)") && !reported.contains("HS0105"),
        "{reported}"
    );
    assert_eq!((reported.matches("nothing changed").count(), reported.matches("HS0103").count()), (1, 1), "{reported}");
}

/// A file that is half written is no reason for another one to wait, which would be in silence.
#[test]
fn what_is_refused_holds_up_nothing_that_is_saved_later() {
    let workspace = Workspace::new();
    let mut program = watched(&workspace, pythons::newest());
    // What does not parse, and what can't be evaluated.
    for (broken, code, rate) in
        [("def rate():\n    return (\n", "HS0101", 1), ("WORTH = 1 / 0\ndef rate():\n    return 9\n", "HS0103", 1)]
    {
        workspace.write("rates.py", broken);
        wait_for("the report", || program.errors_so_far().contains(code).then_some(()));
        let word = format!("'{code}'");
        workspace.write("app.py", &PROGRAM.replace("'hello'", &word));
        wait_for("the other file", || (program.ask("greet()") == code).then_some(()));
        assert_eq!(program.ask("rates.rate()"), rate.to_string());
    }
    // What it waited for may come with a later save.
    workspace.write("rates.py", "from app_names import NAME\ndef rate():\n    return NAME\n");
    wait_for("the report", || program.errors_so_far().contains("app_names").then_some(()));
    workspace.write("app_names.py", "NAME = 7\n");
    workspace.write("app.py", &PROGRAM.replace("'hello'", "'last'"));
    wait_for("both", || (program.ask("greet()") == "last" && program.ask("rates.rate()") == "7").then_some(()));
    assert_eq!(program.wait(), Some(0));
    let reported = program.stderr();
    assert_eq!(reported.matches("HS0101").count(), 1, "{reported}");
}

#[test]
fn what_is_no_file_any_more_holds_nobody_up() {
    let workspace = Workspace::new();
    let mut program = watched(&workspace, pythons::newest());
    let path = workspace.path().join("rates.py");
    fs::remove_file(&path).expect("removed");
    // Whoever opened it to read would wait for a writer.
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RWXU).expect("a pipe");
    workspace.write("app.py", &PROGRAM.replace("'hello'", "'welcome'"));
    assert_eq!(comes(&mut program, "greet()", "hello"), "welcome");
    assert_eq!(program.ask("rates.rate()"), "1");
    fs::remove_file(&path).expect("removed");
    workspace.write("rates.py", "def rate():\n    return 2\n");
    assert_eq!(comes(&mut program, "rates.rate()", "1"), "2");
    // Gone for good: whoever waits for what goes live is told.
    fs::remove_file(&path).expect("removed");
    wait_for("the report", || program.errors_so_far().contains("HS0205").then_some(()));
    assert_eq!(program.ask("rates.rate()"), "2");
    assert_eq!(program.wait(), Some(0));
    assert!(program.stderr().contains("nothing went live of"), "{}", program.stderr());
}
