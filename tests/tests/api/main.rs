//! `docs/api.md` and `docs/coming-from.md` are run: their examples are programs.

mod recoder;
mod repeating;

use hotsplice_tests::program::{Program, Workspace};
use hotsplice_tests::{packages, pythons, repository};

/// The code blocks of a page: the file that a block is for, if it says one, and its text.
fn blocks(page: &str) -> Vec<(Option<String>, String)> {
    let mut found = Vec::new();
    let mut open: Option<(Option<String>, String)> = None;
    for line in page.lines() {
        match &mut open {
            Some(_) if line == "```" => found.extend(open.take()),
            Some((_, text)) => {
                text.push_str(line);
                text.push('\n');
            }
            None => {
                if let Some(name) = line.strip_prefix("```python") {
                    open = Some((Some(name.trim().to_owned()).filter(|name| !name.is_empty()), String::new()));
                }
            }
        }
    }
    found
}

#[test]
fn the_examples_of_the_page_about_the_api_hold() {
    examples_hold("docs/api.md");
}

#[test]
fn the_examples_for_those_who_come_from_other_tools_hold() {
    examples_hold("docs/coming-from.md");
}

fn examples_hold(page: &str) {
    let page = std::fs::read_to_string(repository().join(page)).expect("the page");
    for python in [&pythons::all()[0], pythons::newest()] {
        let workspace = Workspace::new();
        let mut examples = String::new();
        for (name, text) in blocks(&page) {
            match name {
                Some(name) => drop(workspace.write(&name, &text)),
                None => examples.push_str(&text),
            }
        }
        assert!(examples.matches("hotsplice.").count() >= 8, "{examples}");
        let script = workspace.write("examples.py", &(examples + "print('all hold', flush=True)\n"));
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        program.wait_line("all hold");
        assert_eq!(program.wait(), Some(0));
    }
}

/// What is logged where logging is configured stands in `docs/api.md`.
#[test]
fn a_program_without_logging_has_nothing_logged() {
    let text = "\
import sys, hotsplice, shop
text = open(shop.__file__).read()
print('logging' in sys.modules)
hotsplice.patch(shop, text + 'def (')
hotsplice.patch(shop, text.replace('1', '2')).check()
print('logging' in sys.modules)
import logging
hotsplice.patch(shop, text + 'def (')
hotsplice.patch(shop, text.replace('1', '3')).check()
print(logging.getLogger('hotsplice').handlers, logging.getLogger().handlers)
class Failing(logging.Handler):
    def emit(self, record):
        raise RuntimeError('it fails')
logging.getLogger('hotsplice').addHandler(Failing())
logging.getLogger('hotsplice').addFilter(lambda record: 1 / 0)
logging.getLogger('hotsplice').setLevel('INFO')
hotsplice.patch(shop, text + 'def (')
report = hotsplice.patch(shop, text.replace('1', '4'))
print(bool(report), shop.price(), [edit.code for edit in report.caveats])
# Whoever is asked before may take no longer than the patch, and a refusal leaves no trace.
hotsplice.on_patch(before=lambda patch: exec('while waits: pass'))
waits = False
print(bool(hotsplice.patch(shop, text.replace('1', '5'), dry_run=True)), shop.price())
print(bool(hotsplice.patch(shop, text.replace('1', '5'))), shop.price(), flush=True)
";
    for python in [&pythons::all()[0], pythons::newest()] {
        let workspace = Workspace::new();
        workspace.write("shop.py", "def price():\n    return 1\n");
        let script = workspace.write("app.py", text);
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        let lines: Vec<String> = (0..6).map(|_| program.line()).collect();
        let wanted = ["False", "False", "[] []", "True 4 ['HS0603']", "False 4", "True 5"];
        assert_eq!(lines, wanted, "Python {}: {}", python.name(), program.errors_so_far());
        assert_eq!(program.wait(), Some(0));
        assert!(!program.stderr().contains("Hot-patch file"), "{}", program.stderr());
    }
}

/// The standard library is executed before anybody watches, and parts of it are frozen.
#[test]
fn a_library_module_that_nobody_changed_has_nothing_to_change() {
    let text = "\
import hotsplice, codecs, json, os, stat
print([hotsplice.patch(module) for module in (codecs, json, os, stat)], flush=True)
";
    for python in pythons::all() {
        let workspace = Workspace::new();
        let script = workspace.write("app.py", text);
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        let wanted = ["Report(committed=True, edits=())"; 4].join(", ");
        assert_eq!(program.line(), format!("[{wanted}]"), "Python {}", python.name());
        assert_eq!(program.wait(), Some(0));
    }
}

/// As for those who come from jurigged: one line in the program, and nothing else.
#[test]
fn a_program_that_was_started_as_always_can_watch() {
    let text = "\
import hotsplice, shop
try:
    hotsplice.watch('absent.py')
except hotsplice.PatchError as error:
    print(error.code, flush=True)
with hotsplice.watch() as watching:
    open(shop.__file__, 'w').write('def price():\\n    return 2\\n')
    while shop.price() != 2:
        pass
    print(watching.is_active)
print(watching.is_active, flush=True)
# One that goes on until the program ends says nothing of that.
hotsplice.watch()
open(shop.__file__, 'w').write('def price():\\n    return 3\\n')
while shop.price() != 3:
    pass
";
    for python in [&pythons::all()[0], pythons::newest()] {
        let workspace = Workspace::new();
        workspace.write("shop.py", "def price():\n    return 1\n");
        let mut command = std::process::Command::new(&python.path);
        command.arg(workspace.write("app.py", text)).env("PYTHONPATH", repository().join("agent/python"));
        command.env("HOTSPLICE_RUNTIME_DIR", workspace.registry()).current_dir(workspace.path());
        let mut program = Program::start(command);
        let lines: Vec<String> = (0..3).map(|_| program.line()).collect();
        assert_eq!(lines, ["HS0011", "True", "False"], "{}", program.errors_so_far());
        assert_eq!(program.wait(), Some(0));
        assert!(!program.stderr().contains("waiting"), "{}", program.stderr());
    }
}

#[test]
fn what_a_script_has_still_to_run_is_no_caveat() {
    let text = "\
import hotsplice, shop
text = open(shop.__file__).read()
report = hotsplice.patch(shop, text.replace('1', '2')).check()
print([(edit.definition, edit.code) for edit in report.caveats], flush=True)
for _ in range(1):
    print(shop.LIMIT, shop.price(), flush=True)
";
    for python in [&pythons::all()[0], pythons::newest()] {
        let workspace = Workspace::new();
        workspace.write("shop.py", "LIMIT = 1\ndef price():\n    return 1\n");
        let script = workspace.write("app.py", text);
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        assert_eq!([program.line(), program.line()], ["[]", "2 2"], "Python {}", python.name());
        assert_eq!(program.wait(), Some(0));
    }
}

#[test]
fn modules_follow_their_files_in_ipython() {
    let python = pythons::all().iter().rev().find(|python| python.minor <= 13).unwrap_or_else(|| pythons::newest());
    let Some(packages) = packages::folder(python, "ipython", &["ipython".to_owned()]) else {
        println!("IPython can't be had: not tested");
        return;
    };
    let workspace = Workspace::new();
    workspace.write("shop.py", "RATE = 1\ndef price():\n    return RATE\n");
    let text = "\
import sys
sys.path.insert(0, sys.argv[1])
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_cell('%load_ext hotsplice')
shell.run_cell('from shop import price')
shell.run_cell('%hotsplice status')
print('ready', flush=True)
for line in sys.stdin:
    print(eval(line, {**shell.user_ns, 'shell': shell}), flush=True)
";
    let script = workspace.write("shell.py", text);
    let mut command = workspace.hotsplice();
    command.env("IPYTHONDIR", workspace.path().join("ipython"));
    command.arg("run").arg("--python").arg(&python.path).arg(script).arg(packages);
    let mut program = Program::start(command);
    program.wait_line("saved files go live by themselves: yes");
    program.wait_line("ready");
    workspace.write("shop.py", "RATE = 1\ndef price():\n    return 2\n");
    hotsplice_tests::program::wait_for("the shell to call the new code", || {
        program.send("price()");
        (program.line() == "2").then_some(())
    });
    program.send("shell.run_line_magic('hotsplice', 'off')");
    program.wait_line("saved files go live by themselves: no");
    assert_eq!(program.wait(), Some(0));
}
