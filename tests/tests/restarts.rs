//! A frame that a debugger has stopped begins again with other code.

use hotsplice_tests::program::{Program, Workspace};
use hotsplice_tests::{pythons, script};

#[test]
fn a_frame_that_pdb_has_stopped_begins_again() {
    for python in pythons::all().iter().filter(|python| python.minor >= 12) {
        for allocator in ["default", "debug"] {
            script::run(python, "restarts.py", &[], allocator);
        }
    }
}

/// When a call ends while something holds its frame, its variables are copied into the frame's object, whose size is that of the
/// code that it ran first.
#[test]
fn a_loop_whose_frame_is_held_is_not_moved_to_more_variables_than_fit() {
    const MAIN: &str = "import gc, sys, work\nprint('ready', flush=True)\nwork.run(len(sys.argv) > 1)\ngc.collect()\n\
        print('ended', len(work.held), flush=True)\nwork.held.clear()\n";
    const OLD: &str = "import sys\nheld = []\ndef run(hold):\n    if hold:\n        held.append(sys._getframe())\n\
        \x20   for line in iter(sys.stdin.readline, 'end\\n'):\n        print('old', flush=True)\n";
    let many: String = (0..40).map(|number| format!("        name_{number} = [line, {number}]\n")).collect();
    let new = OLD.replace("        print('old'", &format!("{many}        print('new'"));
    for python in pythons::all().iter().filter(|python| python.minor >= 12) {
        for (is_held, word) in [(false, "new"), (true, "old")] {
            let workspace = Workspace::new();
            let file = workspace.write("work.py", OLD);
            workspace.write("main.py", MAIN);
            let mut command = workspace.hotsplice();
            command.env("PYTHONMALLOC", "debug").arg("run").arg("--python").arg(&python.path).arg("main.py");
            if is_held {
                command.arg("hold");
            }
            let mut program = Program::start(command);
            program.wait_line("ready");
            program.send("go");
            program.wait_line("old");
            std::fs::write(&file, &new).expect("a file");
            workspace.call(&["patch", "work.py"]).expect(0);
            program.send("go");
            assert_eq!(program.line(), word, "Python {}", python.name());
            program.send("end");
            program.wait_line(&format!("ended {}", usize::from(is_held)));
            assert_eq!(program.wait(), Some(0), "Python {}: {}", python.name(), program.stderr());
        }
    }
}

#[test]
fn a_call_that_pdb_has_stopped_goes_on_in_the_new_code_behind_a_statement_that_is_as_it_was() {
    const OLD: &str =
        "def run(x):\n    a = x + 1\n    breakpoint()\n    b = a + 1\n    c = b * 2\n    print('gives', c)\n";
    let new = OLD
        .replace("b * 2", "b * 3 + more")
        .replace("    print", "    extra = [c]\n    print")
        .replace("', c", "', extra");
    let new = new.replace("    c = ", "    more = 1\n    c = ");
    for python in pythons::all().iter().filter(|python| python.minor >= 12) {
        let workspace = Workspace::new();
        let file = workspace.write("work.py", OLD);
        let script = workspace.write("main.py", "import work\nwork.run(1)\n");
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        let until = |program: &mut Program, text: &str| while !program.line().contains(text) {};
        // Before 3.13 it stops behind the line.
        program.send("until 4");
        until(&mut program, "-> b = a + 1");
        std::fs::write(&file, &new).expect("a file");
        let answer = workspace.call(&["patch", "--json", "work.py"]).expect(0).json().to_string();
        assert!(answer.contains("HS0309"), "Python {}: {answer}", python.name());
        program.send("next");
        until(&mut program, "-> more = 1");
        program.send("continue");
        until(&mut program, "gives [10]");
        assert_eq!(program.wait(), Some(0), "Python {}: {}", python.name(), program.stderr());
    }
}
