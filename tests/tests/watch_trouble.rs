//! A watch of what is not there, has too much in it, vanishes, or of which the system tells nothing.

use std::fs;
use std::path::Path;
use std::process::Command;

use hotsplice_tests::program::{Program, Workspace, wait_for};
use hotsplice_tests::pythons;

const PROGRAM: &str =
    "import sys, rates\nprint('ready', flush=True)\nfor line in sys.stdin:\n    print(eval(line), flush=True)\n";

fn program(workspace: &Workspace) -> Program {
    let script = workspace.write("app.py", PROGRAM);
    workspace.write("rates.py", &rate(1));
    let mut program = workspace.run(pythons::newest(), &[&script.display().to_string()]);
    program.wait_line("ready");
    workspace.sessions(1);
    program
}

fn rate(value: usize) -> String {
    format!("def rate():\n    return {value}\n")
}

fn goes_live(program: &mut Program, watch: &Program, expression: &str, wanted: &str) {
    wait_for(&format!("{expression} to be {wanted}; reported was: {}", watch.errors_so_far()), || {
        (program.ask(expression) == wanted).then_some(())
    });
}

fn reports(watch: &Program, wanted: &str) {
    wait_for(&format!("the report {wanted:?}"), || watch.errors_so_far().contains(wanted).then_some(()));
}

/// A command whose user may have none of what a limit of inotify is for. None where no user namespace may be made.
fn limited(limit: &str, command: &Command) -> Option<Command> {
    let script = format!("echo 0 > /proc/sys/user/{limit} && exec \"$@\"");
    let within = |words: &[&std::ffi::OsStr]| {
        let mut limited = Command::new("unshare");
        limited.args(["--user", "--map-root-user", "sh", "-c", &script, "sh"]).args(words);
        limited
    };
    if !within(&["true".as_ref()]).output().is_ok_and(|output| output.status.success()) {
        println!("no user namespace can be made here: not tested");
        return None;
    }
    let words: Vec<_> = std::iter::once(command.get_program()).chain(command.get_args()).collect();
    let mut limited = within(&words);
    limited.current_dir(command.get_current_dir()?);
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    Some(limited)
}

#[test]
fn at_a_limit_of_the_system_saves_are_seen_all_the_same() {
    for (limit, named) in [
        ("max_inotify_watches", "fs.inotify.max_user_watches"),
        ("max_inotify_instances", "fs.inotify.max_user_instances"),
    ] {
        let workspace = Workspace::new();
        let mut program = program(&workspace);
        let mut command = workspace.hotsplice();
        command.args(["watch", "-v"]);
        let Some(command) = limited(limit, &command) else { return };
        let watch = Program::start(command);
        reports(&watch, named);
        workspace.write("rates.py", &rate(2));
        goes_live(&mut program, &watch, "rates.rate()", "2");
        // More folders meet the same limit, which is known by now.
        workspace.write("more/part.py", &rate(3));
        let import = "(sys.path.append('more'), __import__('part').rate())[1]";
        assert_eq!(program.ask(import), "3");
        workspace.write("more/part.py", &rate(4));
        goes_live(&mut program, &watch, "sys.modules['part'].rate()", "4");
        let reported = watch.errors_so_far();
        assert_eq!(reported.matches("saves are seen within a second").count(), 1, "{reported}");
        assert!(reported.contains(&format!("`sysctl {named}=N` raises it")), "{reported}");
        assert_eq!(program.wait(), Some(0));
    }
}

#[test]
fn a_folder_that_vanishes_is_reported_and_seen_again_once_it_is_back() {
    let workspace = Workspace::new();
    let mut program = program(&workspace);
    let folder = workspace.path().join("parts");
    for part in ["first", "second"] {
        workspace.write(&format!("parts/{part}.py"), &rate(1));
    }
    let import = "(sys.path.append('parts'), __import__('first'), __import__('second'))[0]";
    assert_eq!(program.ask(import), "None");
    let mut command = workspace.hotsplice();
    command.args(["watch", "-v", "parts"]);
    let watch = Program::start(command);
    reports(&watch, "watching 2 files");
    fs::remove_dir_all(&folder).expect("removed");
    for part in ["first", "second"] {
        reports(&watch, &format!("{}:1: HS0205", folder.join(format!("{part}.py")).display()));
    }
    assert_eq!(program.ask("sys.modules['first'].rate()"), "1", "what is loaded stays");
    for part in ["first", "second"] {
        workspace.write(&format!("parts/{part}.py"), &rate(2));
    }
    goes_live(&mut program, &watch, "sys.modules['first'].rate() + sys.modules['second'].rate()", "4");
    // Another one in its place, by a rename.
    let other = workspace.write("other/first.py", &rate(5));
    fs::rename(&folder, workspace.path().join("away")).expect("renamed");
    fs::rename(other.parent().expect("a folder"), &folder).expect("renamed");
    goes_live(&mut program, &watch, "sys.modules['first'].rate()", "5");
    assert_eq!(program.wait(), Some(0));
}

#[test]
fn who_watches_in_vain_is_told_what_for() {
    let workspace = Workspace::new();
    let watching = |arguments: &[&str]| {
        let mut command = workspace.hotsplice();
        command.arg("watch").args(arguments);
        Program::start(command)
    };
    let all = watching(&[]);
    reports(&all, "waiting: no process can be patched yet");
    fs::create_dir(workspace.path().join("empty")).expect("made");
    let mut program = program(&workspace);
    let empty = watching(&["empty"]);
    reports(&empty, "waiting: no process has loaded a file of ");
    let mut other = Program::start({
        let mut command = Command::new("cat");
        command.current_dir("/");
        command
    });
    let pid = other.pid().to_string();
    let no_session = watching(&["--pid", &pid]);
    reports(&no_session, &format!("waiting: process {pid} is no session"));
    // It goes on by itself once there is something.
    workspace.write("rates.py", &rate(2));
    goes_live(&mut program, &all, "rates.rate()", "2");
    workspace.write("empty/part.py", &rate(3));
    assert_eq!(program.ask("(sys.path.append('empty'), __import__('part').rate())[1]"), "3");
    workspace.write("empty/part.py", &rate(4));
    goes_live(&mut program, &empty, "sys.modules['part'].rate()", "4");
    assert_eq!(workspace.call(&["watch", "absent"]).expect(2).errors().matches("HS0011: absent: ").count(), 1);
    assert_eq!(program.wait(), Some(0));
    assert_eq!(other.wait(), Some(0));
}

/// `cargo xtask torture folder` has 200,000 of them.
#[test]
fn a_folder_with_many_files_costs_no_more_than_what_is_loaded() {
    let count = if std::env::var_os("HOTSPLICE_TORTURE").is_some() { 200_000 } else { 2_000 };
    let workspace = Workspace::new();
    let mut program = program(&workspace);
    for number in 0..count {
        // Some beside the program's own, some deeper.
        let folder = workspace.path().join(format!("data/{}", number % 100));
        if number < 100 {
            fs::create_dir_all(&folder).expect("made");
        }
        let folder = if number % 2 == 0 { folder } else { workspace.path() };
        fs::write(folder.join(format!("file{number}.py")), "").expect("written");
    }
    let mut command = workspace.hotsplice();
    command.args(["watch", "-v", "."]);
    let watch = Program::start(command);
    reports(&watch, "watching 2 files");
    assert!(watches(watch.pid()) <= 4, "{} watches", watches(watch.pid()));
    workspace.write("rates.py", &rate(2));
    goes_live(&mut program, &watch, "rates.rate()", "2");
    // All of them change at once, and what is loaded among them.
    for number in 0..count / 10 {
        fs::write(workspace.path().join(format!("file{}.py", number * 10 + 1)), "x = 1\n").expect("written");
    }
    workspace.write("rates.py", &rate(3));
    goes_live(&mut program, &watch, "rates.rate()", "3");
    assert_eq!(watch.errors_so_far().matches("HS0").count(), 0, "{}", watch.errors_so_far());
    assert_eq!(program.wait(), Some(0));
}

/// How many folders a process has the system tell of.
fn watches(pid: u32) -> usize {
    let entries = fs::read_dir(Path::new("/proc").join(pid.to_string()).join("fdinfo")).expect("it runs");
    let texts = entries.flatten().filter_map(|entry| fs::read_to_string(entry.path()).ok());
    texts.map(|text| text.lines().filter(|line| line.starts_with("inotify ")).count()).sum()
}
