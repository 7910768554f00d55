//! What a patch costs in a large program: many modules that use each other, and many objects.

use std::time::Instant;

use anyhow::ensure;
use hotsplice_tests::lsp::Editor;
use hotsplice_tests::program::{Program, Workspace};
use hotsplice_tests::pythons::Python;
use serde_json::json;

use crate::shell::target;
use crate::{peers, subject};

const MODULES: usize = 400;
const OBJECTS: usize = 1_000_000;
const AT_ONCE: usize = 100;
/// Lines of the module that is edited alone.
const LINES: usize = 50;

/// A module of the project: functions, a class, and uses of three modules that come before it.
fn module(number: usize, edit: usize) -> String {
    let mut others = vec![number.saturating_sub(1), number / 2, number / 3];
    others.retain(|other| *other < number);
    others.dedup();
    let mut text = String::from("import os\nimport sys\nimport subject\n");
    for other in &others {
        text += &format!("from module_{other} import Class{other}, function_{other}_1\n");
    }
    text += &format!("\nSIZE = {number}\nTABLE = {{'size': SIZE, 'edit': {edit}}}\n\n");
    for at in 0..15 {
        text += &format!(
            "def function_{number}_{at}(argument):\n    if argument > {at}:\n        return argument + {edit}\n    return str(argument)\n\n"
        );
    }
    text += &format!(
        "class Class{number}:\n    limit = {edit}\n    def __init__(self, size):\n        self.size = size\n    def run(self, argument):\n        return self.size + argument\n\n"
    );
    for other in &others {
        text += &format!(
            "def use_{other}(argument):\n    return Class{other}(argument).run(function_{other}_1(argument))\n\n"
        );
    }
    text
}

fn project(workspace: &Workspace) {
    for number in 0..MODULES {
        workspace.write(&format!("module_{number}.py"), &module(number, 0));
    }
}

pub fn measure(python: &Python, edits: usize) -> anyhow::Result<()> {
    println!("\nA program of {MODULES} modules and {OBJECTS} objects (ms)\n");
    let workspace = Workspace::with_program(target().join("release/hotsplice"));
    project(&workspace);
    let path = workspace.write("subject.py", &subject::text(LINES, 0));
    let mut program = start(&workspace, python);
    let mut editor = Editor::start(&workspace);
    editor.wait_sessions(1);
    editor.open(&path, &subject::text(LINES, 0));
    let mut times = Vec::new();
    for edit in 1..=edits.clamp(5, 30) {
        editor.change(&path, &subject::text(LINES, edit));
        let started = Instant::now();
        let answer = editor.patch_file(&path);
        times.push(started.elapsed().as_secs_f64() * 1000.0);
        ensure!(answer[0]["committed"] == true, "not committed: {answer:#}");
    }
    let first = times.remove(0);
    times.sort_by(f64::total_cmp);
    let later = times[times.len() / 2];
    println!("one function: the first patch {first:.1}, later ones {later:.1}");
    for edit in 1..=2 {
        for number in 0..AT_ONCE {
            let path = workspace.path().join(format!("module_{number}.py"));
            if edit == 1 {
                editor.open(&path, &module(number, 0));
            }
            editor.change(&path, &module(number, edit));
        }
        let started = Instant::now();
        let answer = editor.command("hotsplice.patchEdited", json!([]));
        let took = started.elapsed().as_secs_f64() * 1000.0;
        let results = answer.as_array().map_or(&[][..], Vec::as_slice);
        let committed = results.iter().filter(|result| result["committed"] == true).count();
        ensure!(committed >= AT_ONCE, "not committed: {answer:#}");
        println!("{AT_ONCE} files, all of whose functions, classes and values are edited: {took:.0}");
    }
    drop(editor);
    program.close();
    compare(python, later)
}

/// Other tools have the same modules loaded and the same objects made.
fn compare(python: &Python, ours: f64) -> anyhow::Result<()> {
    let interpreter = peers::interpreter(python)?;
    for tool in peers::TOOLS {
        let workspace = Workspace::with_program(target().join("release/hotsplice"));
        project(&workspace);
        let time = peers::measure(&interpreter, tool, &workspace, LINES, 10, OBJECTS)?;
        println!("{tool}: later edits of one function {time:.1}: ours are {:.1}x as fast", time / ours);
    }
    Ok(())
}

fn start(workspace: &Workspace, python: &Python) -> Program {
    let imports: String = (0..MODULES).map(|number| format!("import module_{number}\n")).collect();
    let script = format!(
        "import time\n{imports}held = [[number] for number in range({OBJECTS})]\nprint('ready', flush=True)\ntime.sleep(1000)\n"
    );
    let script = workspace.write("main.py", &script);
    let mut program = workspace.run(python, &[&script.display().to_string()]);
    program.wait_line("ready");
    program
}
