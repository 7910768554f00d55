//! Modules whose files are renamed, or that become packages: they stay the modules that they are.

mod modules;
mod packages;
mod saving;

use std::fs;

use hotsplice_tests::program::{Program, Workspace};
use hotsplice_tests::pythons;
use serde_json::Value;

const HELPER: &str = "\
count = 0
class Shape:
    made = []
    def __init__(self): self.made.append(self)
    def area(self): return 'old'
def bump():
    global count
    count += 1
    return count
def kept(): return 'kept'
";

/// Prints what an expression gives for each line that it is sent.
const LOOP: &str = "\
import sys, pickle
print('ready', flush=True)
for line in sys.stdin:
    try:
        print(eval(line), flush=True)
    except Exception as error:
        print(repr(error), flush=True)
";

fn start(workspace: &Workspace, python: &pythons::Python) -> Program {
    workspace.write("main.py", &format!("import app\n{LOOP}"));
    let script = workspace.path().join("main.py").display().to_string();
    let mut program = workspace.run(python, &[&script]);
    program.wait_line("ready");
    workspace.sessions(1);
    program
}

fn codes(results: &Value) -> Vec<String> {
    let files = results.as_array().expect("a list").iter();
    let edits = files.flat_map(|file| file["edits"].as_array().expect("edits"));
    edits.filter_map(|edit| edit["code"].as_str().map(str::to_owned)).collect()
}

fn rename(workspace: &Workspace, former: &str, name: &str) {
    let path = workspace.path().join(name);
    fs::create_dir_all(path.parent().expect("in the folder")).expect("a folder");
    fs::rename(workspace.path().join(former), path).expect("renamed");
}

/// An application that imports a module as a whole.
fn importing(module: &str) -> String {
    format!(
        "import {module}\nshape = {module}.Shape()\nheld = {module}.kept\nbound = shape.area\ndef bump(): return {module}.bump()\n"
    )
}
