//! Whatever becomes of those who watch a held call, answer it, or debug it meanwhile: nobody is left stuck.

use std::process::Command;

use hotsplice_tests::debugger::{Debugger, debugpy};
use hotsplice_tests::holding::{LONG, able, held, holds};
use hotsplice_tests::program::{Program, Workspace};
use hotsplice_tests::wire::Wire;
use hotsplice_tests::{pythons, repository, terminal};
use serde_json::json;

// Ctrl-C ends it also where whoever runs the tests ignores that.
const TEXT: &str = "\
import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)
def share(total, n):
    half = total / 2
    return half / n
print('ready', flush=True)
for line in sys.stdin:
    print('result', share(88, int(line)), flush=True)
";

/// Held for as long as somebody watches, or for a time.
fn start(workspace: &Workspace, options: &[&str]) -> Program {
    let script = workspace.write("app.py", TEXT).display().to_string();
    let mut program = workspace.run(pythons::newest(), &[&["--guard", "app.*"], options, &[script.as_str()]].concat());
    program.wait_line("ready");
    program
}

fn command(workspace: &Workspace, arguments: &[&str]) -> Program {
    let mut command = workspace.hotsplice();
    command.args(arguments);
    Program::start(command)
}

#[test]
fn a_debugger_at_the_terminal_is_left_and_the_call_is_still_held() {
    for python in [&pythons::all()[0], pythons::newest()] {
        let workspace = Workspace::new();
        let text = "\
import hotsplice
@hotsplice.wrap
def share(total, n):
    half = total / 2
    return half / n
def main():
    name = 'outer'
    print('result', share(88, 0), flush=True)
main()
";
        workspace.write("app.py", text);
        let steps = json!([
            ["(hold) ", "p"],
            ["(Pdb) ", "p 'half', half"],
            ["('half', 44.0)", null],
            ["(Pdb) ", "up"],
            ["(Pdb) ", "p 'above', name"],
            ["('above', 'outer')", null],
            ["(Pdb) ", "q"],
            // Ended, or interrupted: what is asked there is no answer to the question.
            ["(hold) ", "p"],
            ["(Pdb) ", "undefined"],
            ["NameError", null],
            ["(Pdb) ", "\u{4}"],
            ["(hold) ", { "app.py": text.replace("half / n", "half") }],
            ["", "r"],
            ["result 44.0", null],
        ]);
        terminal::play(&workspace, python, &steps, &["app.py"], "").expect(0);
    }
}

#[test]
fn what_a_client_answers_while_a_terminal_debugs_comes_about_when_that_is_left() {
    let Some(python) = able().pop() else { return };
    let workspace = Workspace::new();
    workspace.write("app.py", "def share(n):\n    return 88 / n\nprint('result', share(0), flush=True)\n");
    let steps = json!([
        ["(hold) ", "p"],
        ["(Pdb) ", null],
        ["share returns a value, once you leave the debugger", "p 'still', n"],
        ["('still', 0)", null],
        ["(Pdb) ", "q"],
        ["result 7", null],
    ]);
    let mut command = Command::new(&python.path);
    let hotsplice = workspace.hotsplice();
    command.envs(hotsplice.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("NO_COLOR", "1").env("TERM", "dumb").current_dir(workspace.path());
    command.arg(repository().join("tests/terminal.py")).arg(steps.to_string()).arg(hotsplice.get_program());
    command.args(["run", "--guard", "app", "--python"]).arg(&python.path).arg("app.py");
    let mut at_terminal = Program::start(command);
    at_terminal.wait_line("-> return 88 / n");
    workspace.call(&["return", "7"]).expect(0);
    assert_eq!(at_terminal.wait(), Some(0));
}

#[test]
fn clients_that_die_while_they_debug_and_watch_let_go() {
    let workspace = Workspace::new();
    let mut program = start(&workspace, &[]);
    let mut watcher = command(&workspace, &["holds", "--follow"]);
    watcher.wait_line("calls that fail are held");
    program.send("0");
    held(&workspace);
    let mut debugging = command(&workspace, &["debug", "--pdb"]);
    debugging.send("p 'half', half");
    debugging.wait_line("('half', 44.0)");
    debugging.child.kill().expect("it runs");
    watcher.child.kill().expect("it runs");
    assert_eq!(program.wait(), Some(1));
    assert!(program.stderr().contains("ZeroDivisionError"));
}

#[test]
fn a_client_that_dies_with_its_answer_under_way_leaves_the_call_held() {
    let workspace = Workspace::new();
    let mut program = start(&workspace, &["--hold-for", LONG]);
    program.send("0");
    held(&workspace);
    let mut wire = Wire::connect(&workspace.sessions(1)[0]);
    wire.hello(hotsplice_channel::PROTOCOL).expect("an answer");
    let endless = "[0 for _ in iter(int, 1) if False]";
    let asked = json!({ "hold": 1, "answer": "return", "expression": endless, "time_limit_ms": 500 });
    wire.request(2, "hold/answer", &asked).expect("it is read");
    drop(wire);
    assert_eq!(holds(&workspace).len(), 1);
    workspace.call(&["return", "half"]).expect(0);
    program.wait_line("result 44.0");
    program.send("2");
    program.wait_line("result 22.0");
    assert_eq!(program.wait(), Some(0));
}

#[test]
fn a_process_that_ends_ends_what_waits_for_it() {
    let workspace = Workspace::new();
    let mut program = start(&workspace, &["--hold-for", LONG]);
    program.send("0");
    held(&workspace);
    let mut debugging = command(&workspace, &["debug", "--pdb"]);
    debugging.send("p 'half', half");
    debugging.wait_line("('half', 44.0)");
    program.child.kill().expect("it runs");
    debugging.send("p 'half', half");
    assert_ne!(debugging.wait(), None);
    assert!(holds(&workspace).is_empty());
}

#[test]
fn ctrl_c_and_a_request_to_end_are_obeyed_while_a_call_is_held() {
    // What had failed is seen, too, and where.
    let interrupted = &["line 4, in share", "ZeroDivisionError", "KeyboardInterrupt"][..];
    for (signal, wanted) in [("-INT", interrupted), ("-TERM", &[])] {
        let workspace = Workspace::new();
        let mut program = start(&workspace, &["--hold-for", LONG]);
        program.send("0");
        held(&workspace);
        let pid = program.pid().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().is_ok_and(|status| status.success()));
        program.wait();
        let errors = program.stderr();
        assert!(wanted.iter().all(|text| errors.contains(text)), "{signal}: {errors}");
    }
}

/// One that comes by itself, to a program that listens for debuggers: it is no answer, and what comes after it is as ever.
#[test]
fn a_debugger_that_attaches_meanwhile_leaves_the_call_held_and_stops_in_the_next_try() {
    let Some((python, folder)) = able().iter().rev().find_map(|python| Some((*python, debugpy(python)?))) else {
        return;
    };
    let workspace = Workspace::new();
    let text = TEXT.replace(
        "print('ready'",
        "import debugpy\nprint('port', debugpy.listen(('127.0.0.1', 0))[1], flush=True)\nprint('ready'",
    );
    let script = workspace.write("app.py", &text);
    let mut command = workspace.hotsplice();
    command.env("PYTHONPATH", folder).args(["run", "--python"]).arg(&python.path);
    command.args(["--guard", "app.*", "--hold-for", LONG]).arg(&script);
    let mut program = Program::start(command);
    let port = program.line().trim_start_matches("port ").parse().expect("a port");
    program.send("0");
    held(&workspace);
    let mut debugger = Debugger::attach("127.0.0.1", port);
    debugger.set_breakpoint((&script, 4));
    assert_eq!(holds(&workspace).len(), 1);
    workspace.write("app.py", &text.replace("half / n", "half + 1"));
    workspace.call(&["retry"]).expect(0);
    let thread = debugger.stopped("breakpoint");
    let (function, line, frame) = debugger.frame(thread);
    assert_eq!((function.as_str(), line, debugger.evaluate("half", frame).as_str()), ("share", 4, "44.0"));
    // It goes while the call that it has stopped is still to be finished.
    drop(debugger);
    program.wait_line("ready");
    program.wait_line("result 45.0");
    program.send("4");
    program.wait_line("result 45.0");
    assert_eq!(program.wait(), Some(0));
}

#[test]
fn a_guarded_name_that_fits_no_function_is_reported_when_the_program_ends() {
    for python in able() {
        let workspace = Workspace::new();
        workspace.write("app.py", "def share(total):\n    return total\nprint(share(1))\n");
        let mut command = workspace.hotsplice();
        command.args(["run", "--guard", "app.shaer", "--guard", "app.*", "--python"]).arg(&python.path).arg("app.py");
        let output = command.current_dir(workspace.path()).output().expect("the program runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "1\n", "Python {}: {said}", python.name());
        assert_eq!(
            said,
            "hotsplice: --guard app.shaer: no function of this name was defined; nothing was guarded\n",
            "Python {}",
            python.name()
        );
    }
}
