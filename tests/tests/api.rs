//! `docs/api.md` is run: its examples are a program.

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
    let page = std::fs::read_to_string(repository().join("docs/api.md")).expect("the page");
    for python in [&pythons::all()[0], pythons::newest()] {
        let workspace = Workspace::new();
        let mut examples = String::new();
        for (name, text) in blocks(&page) {
            match name {
                Some(name) => drop(workspace.write(&name, &text)),
                None => examples.push_str(&text),
            }
        }
        assert!(examples.matches("hotsplice.").count() > 10, "{examples}");
        let script = workspace.write("examples.py", &(examples + "print('all hold', flush=True)\n"));
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        program.wait_line("all hold");
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

#[test]
fn what_cannot_be_recoded_or_written_is_refused_in_words() {
    let workspace = Workspace::new();
    let path = workspace.write("shop.py", "def price():\n    return 1\n");
    let text = "\
import hotsplice, shop, sys
def fails(action):
    try:
        action()
    except hotsplice.PatchError as error:
        return error.code
for bad in (len, lambda: 1, 5):
    print(fails(lambda: hotsplice.recoder(bad)))
recoder = hotsplice.recoder(shop.price)
print(fails(lambda: recoder.patch('def price(:')))
recoder.patch('def price():\\n    return 2\\n')
open(shop.__file__, 'w').write('def price():\\n    return 9\\n')
print(fails(recoder.commit), shop.price())
recoder.revert()
print(shop.price(), fails(lambda: hotsplice.patch('missing.py')), flush=True)
";
    let script = workspace.write("app.py", text);
    let mut program: Program = workspace.run(pythons::newest(), &[&script.display().to_string()]);
    let lines: Vec<String> = (0..6).map(|_| program.line()).collect();
    assert_eq!(lines, ["HS0020", "HS0020", "HS0020", "HS0101", "HS0021 2", "1 HS0011"]);
    assert_eq!(program.wait(), Some(0));
    assert_eq!(std::fs::read_to_string(path).expect("the file"), "def price():\n    return 9\n");
}
