//! What is saved goes live, without an editor.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use hotsplice_tests::program::{PATIENCE, Program, Workspace, wait_for};
use hotsplice_tests::pythons::{self, Python};

const PROGRAM: &str = "import sys, rates\n\ndef greet():\n    return 'hello'\n\nprint('ready', flush=True)\nfor line in sys.stdin:\n    print(eval(line), flush=True)\n";

/// A program under `hotsplice run --watch`; its standard error is what is reported.
fn watched(workspace: &Workspace, python: &Python) -> Program {
    let script = workspace.write("app.py", PROGRAM);
    workspace.write("rates.py", "def rate():\n    return 1\n");
    let mut command = workspace.hotsplice();
    command.args(["run", "--watch", "--verbose", "--python"]).arg(&python.path).arg(script);
    let mut program = Program::start(command);
    program.wait_line("ready");
    workspace.sessions(1);
    program
}

/// Asks until the answer is another one than before, and gives that.
fn comes(program: &mut Program, expression: &str, before: &str) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = program.ask(expression);
        if answer != before {
            return answer;
        }
        if Instant::now() > deadline {
            let _ = program.child.kill();
            panic!("{expression} is still {before}; reported was:\n{}", program.stderr());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Puts a text into a file, as some program does that saves.
type Save = fn(&Path, &str);

fn in_place(path: &Path, text: &str) {
    fs::write(path, text).expect("written");
}

fn by_rename(path: &Path, text: &str) {
    let other = path.with_extension("tmp");
    fs::write(&other, text).expect("written");
    fs::rename(other, path).expect("renamed");
}

fn removed_and_made_again(path: &Path, text: &str) {
    fs::remove_file(path).expect("removed");
    fs::write(path, text).expect("written");
}

fn moved_away_and_made_again(path: &Path, text: &str) {
    fs::rename(path, path.with_extension("py~")).expect("renamed");
    fs::write(path, text).expect("written");
}

fn emptied_and_filled(path: &Path, text: &str) {
    fs::write(path, "").expect("emptied");
    fs::write(path, text).expect("written");
}

fn with_the_time_kept(path: &Path, text: &str) {
    let time = fs::metadata(path).expect("there").modified().expect("a time");
    fs::write(path, text).expect("written");
    fs::File::options().write(true).open(path).expect("open").set_modified(time).expect("set");
}

fn in_a_folder_made_again(path: &Path, text: &str) {
    let folder = path.parent().expect("in a folder");
    let away = folder.with_extension("away");
    fs::rename(folder, &away).expect("renamed");
    fs::create_dir(folder).expect("made");
    fs::write(path, text).expect("written");
    fs::remove_dir_all(away).expect("removed");
}

#[test]
fn every_way_to_save_goes_live() {
    let ways: [(&str, Save); 7] = [
        ("in place", in_place),
        ("by rename", by_rename),
        ("removed and made again", removed_and_made_again),
        ("moved away and made again", moved_away_and_made_again),
        ("emptied and filled", emptied_and_filled),
        ("with the time kept", with_the_time_kept),
        ("in a folder made again", in_a_folder_made_again),
    ];
    for python in [&pythons::all()[0], pythons::newest()] {
        let workspace = Workspace::new();
        let text = |value: usize| format!("def value():\n    return 'value {value}'\n");
        let path = workspace.write("inside/part.py", &text(0));
        let linked = workspace.write("elsewhere/real.py", &text(0).replace("value", "other"));
        std::os::unix::fs::symlink(&linked, workspace.path().join("linked.py")).expect("a link");
        let mut program = watched(&workspace, python);
        let import = "(sys.path.append('inside'), __import__('part').value(), __import__('linked').other())[1:]";
        assert_eq!(program.ask(import), "('value 0', 'other 0')");
        for (index, (way, save)) in ways.iter().enumerate() {
            save(&path, &text(index + 1));
            let now = comes(&mut program, "sys.modules['part'].value()", &format!("value {index}"));
            assert_eq!(now, format!("value {}", index + 1), "saved {way} on Python {}", python.name());
        }
        in_place(&linked, &text(1).replace("value", "other"));
        assert_eq!(comes(&mut program, "sys.modules['linked'].other()", "other 0"), "other 1", "through a link");
        assert_eq!(program.wait(), Some(0));
    }
}

#[test]
fn files_that_are_saved_together_are_one_patch() {
    let workspace = Workspace::new();
    let mut program = watched(&workspace, pythons::newest());
    assert_eq!(program.ask("rates.rate()"), "1");
    workspace.write("app.py", &PROGRAM.replace("return 'hello'", "return rates.rate(2)"));
    workspace.write("rates.py", "def rate(factor):\n    return factor\n");
    assert_eq!(comes(&mut program, "greet()", "hello"), "2");
    assert_eq!(program.wait(), Some(0));
    let reported = program.stderr();
    assert!(reported.contains("live:"), "{reported}");
    assert!(!reported.contains("HS0"), "no edit of the two was alone: {reported}");
}

/// To whoever watches, who is not the program.
fn signal(program: &Program, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(program.pid() as i32).expect("a pid");
    rustix::process::kill_process(pid, signal).expect("it runs");
}

/// Every thread of it.
fn stands_still(pid: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("it runs").flatten();
    let mut states = threads.filter_map(|thread| fs::read_to_string(thread.path().join("stat")).ok());
    states.all(|state| state.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T')))
}

#[test]
fn a_branch_switch_of_many_files_is_one_patch() {
    const COUNT: usize = 200;
    let workspace = Workspace::new();
    // Each calls the next one with what that takes on its branch.
    let write = |branch: usize| {
        for number in 0..COUNT {
            let next = (number + 1) % COUNT;
            let values: String = (0..branch).map(|value| format!(", {value}")).collect();
            let names: String = (0..branch).map(|value| format!(", x{value}")).collect();
            let text = format!(
                "def count(left{names}):\n    import part{next} as following\n    return {branch} if left == 0 else following.count(left - 1{values})\n"
            );
            workspace.write(&format!("part{number}.py"), &text);
        }
    };
    write(1);
    let mut program = watched(&workspace, pythons::newest());
    let imported =
        format!("[__import__(f'part{{n}}') for n in range({COUNT})] and __import__('part0').count({COUNT}, 0)");
    assert_eq!(program.ask(&imported), "1");
    // Once the last one is followed, the watch knows of all that were loaded before.
    let last = format!("sys.modules['part{}'].count.__doc__", COUNT - 1);
    let text = fs::read_to_string(workspace.path().join(format!("part{}.py", COUNT - 1))).expect("there");
    workspace.write(&format!("part{}.py", COUNT - 1), &text.replace("    import", "    'followed'\n    import"));
    assert_eq!(comes(&mut program, &last, "None"), "followed");
    let noted = "(labels := sys.__dict__.setdefault('labels', [])) or __import__('hotsplice').on_patch(lambda patch: sys.labels.append(patch.label))";
    program.ask(noted);
    // On a busy machine writing them may take longer than what belongs together may be apart.
    signal(&program, rustix::process::Signal::STOP);
    wait_for("it to stand still", || stands_still(program.pid()).then_some(()));
    write(2);
    signal(&program, rustix::process::Signal::CONT);
    assert_eq!(comes(&mut program, "sys.modules['part0'].count.__code__.co_argcount", "2"), "3");
    assert_eq!(program.ask(&format!("sys.modules['part0'].count({COUNT}, 0, 0)")), "2");
    // The hook may still be called for the one that was followed.
    let others = "[label for label in sys.labels if label != 'Saved part199.py']";
    assert_eq!(comes(&mut program, others, "[]"), format!("['Saved {COUNT} files']"));
    assert_eq!(program.wait(), Some(0));
}

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
