//! Programs of every day fail, are mended while they wait, and end as if nothing had happened: from a terminal, and under debuggers.
//! From Neovim: `editors.rs`; from VS Code: `editors/vscode/test/programs.mjs`.

use std::path::Path;
use std::process::Command;

use hotsplice_tests::debugger::Debugger;
use hotsplice_tests::failing::{self, ALL, Failing};
use hotsplice_tests::holding::{LONG, held};
use hotsplice_tests::lsp::Editor;
use hotsplice_tests::program::{Called, Program, Workspace};
use hotsplice_tests::pythons::{self, Python};
use hotsplice_tests::repository;
use serde_json::{Value, json};

/// A command of `hotsplice` at a terminal where these steps are played.
fn terminal(workspace: &Workspace, python: &Python, steps: &[Value], arguments: &[&str]) -> Command {
    let mut command = Command::new(&python.path);
    let hotsplice = workspace.hotsplice();
    command.envs(hotsplice.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("NO_COLOR", "1").env("TERM", "dumb").current_dir(workspace.path());
    command.arg(repository().join("tests/terminal.py")).arg(json!(steps).to_string());
    command.arg(hotsplice.get_program()).args(arguments);
    command
}

fn at_a_terminal(workspace: &Workspace, python: &Python, site: &Path, steps: &[Value], arguments: &[&str]) -> Called {
    let mut command = terminal(workspace, python, steps, arguments);
    Called(command.env("PYTHONPATH", site).output().expect("the interpreter starts"))
}

/// At the prompt of a program: what is mended is saved, and tried again.
fn mends(program: &Failing) -> Vec<Value> {
    let saved = |text: String| json!({ program.file(): text });
    let steps = program.mended().into_iter().flat_map(|text| [json!(["(hold) ", saved(text)]), json!(["", "r"])]);
    steps.chain([json!([program.last, null])]).collect()
}

#[test]
fn each_is_mended_at_its_terminal() {
    let Some((python, site)) = failing::python() else { return };
    for program in &ALL {
        let workspace = Workspace::new();
        program.write(&workspace);
        let (pattern, file, path) = (format!("{}.*", program.name), program.file(), python.path.display().to_string());
        let arguments = ["run", "--python", &path, "--guard", &pattern, &file];
        at_a_terminal(&workspace, python, &site, &mends(program), &arguments).expect(0);
    }
}

#[test]
fn each_is_mended_under_pdb() {
    let Some((python, site)) = failing::python() else { return };
    for program in &ALL {
        let workspace = Workspace::new();
        program.write(&workspace);
        let (pattern, file, path) = (format!("{}.*", program.name), program.file(), python.path.display().to_string());
        let arguments = ["run", "--guard", &pattern, "--", &path, "-m", "pdb", "-c", "continue", &file];
        // *Debug here* is a prompt in the prompt, from which one comes back.
        let mut steps =
            vec![json!(["(hold) ", "p"]), json!(["(Pdb) ", "p 'here', 6 * 7"]), json!(["('here', 42)", null])];
        steps.push(json!(["(Pdb) ", "q"]));
        steps.extend(mends(program));
        steps.push(json!(["(Pdb) ", "q"]));
        at_a_terminal(&workspace, python, &site, &steps, &arguments).expect(0);
    }
}

/// A pdb that is left switches tracing off: that was the other one's.
#[test]
fn who_steps_in_pdb_steps_on_after_debugging_a_held_call() {
    let text = "def area(w, h):\n    return w * h / missing\n\ndef main():\n    print('area', area(2, 3))\n\nmain()\n";
    for python in hotsplice_tests::holding::able() {
        for (leave, once_more) in [("q", "p w"), ("c", "p h")] {
            let workspace = Workspace::new();
            workspace.write("shapes.py", text);
            let path = python.path.display().to_string();
            let arguments = ["run", "--guard", "shapes.*", "--", &path, "-m", "pdb", "shapes.py"];
            let steps = [
                json!(["(Pdb) ", "b main"]),
                json!(["(Pdb) ", "c"]),
                json!(["(Pdb) ", "n"]),
                json!(["(hold) ", "p"]),
                json!(["(Pdb) ", once_more]),
                json!(["(Pdb) ", leave]),
                json!(["(hold) ", { "shapes.py": text.replace("missing", "1") }]),
                json!(["", "r"]),
                json!(["area 6.0", null]),
                json!(["--Return--", null]),
                json!(["(Pdb) ", "q"]),
            ];
            at_a_terminal(&workspace, python, Path::new(""), &steps, &arguments).expect(0);
        }
    }
}

#[test]
fn each_is_mended_under_debugpy() {
    let Some((python, site)) = failing::python() else { return };
    for program in &ALL {
        let workspace = Workspace::new();
        let script = program.write(&workspace);
        let text = program.text();
        let fails = text.lines().position(|line| line.contains(" / 0")).expect("a line that fails") as u32 + 1;
        let mut command = workspace.hotsplice();
        command.args(["run", "--guard", &format!("{}.*", program.name), "--hold-for", LONG, "--"]).arg(&python.path);
        let mut debugger = Debugger::launch(command, &workspace, &site, &script, (&script, fails));
        // The line of `train.py` is come to in every epoch.
        if program.name == "train_app" {
            debugger
                .set_breakpoint((&script, 1 + text.lines().position(|line| line == "main()").expect("a line") as u32));
        }
        let thread = debugger.stopped("breakpoint");
        debugger.go("continue", thread);
        let mut mended = program.mended().into_iter();
        let hold = held(&workspace);
        assert_eq!(hold["line"], fails, "{}", program.name);
        // *Debug here*: it is the debugger that stops, where it failed.
        let told = workspace.call(&["debug"]).expect(0).text();
        assert!(told.contains("is stopped in the debugger that is attached"), "{told}");
        let thread = debugger.stopped("exception");
        let (_, line, frame) = debugger.frame(thread);
        assert_eq!((line, debugger.evaluate("6 * 7", frame).as_str()), (i64::from(fails), "42"), "{}", program.name);
        debugger.go("continue", thread);
        workspace.write(&program.file(), &mended.next().expect("a text"));
        workspace.call(&["retry"]).expect(0);
        if program.name != "train_app" {
            // The breakpoint is met again.
            let thread = debugger.stopped("breakpoint");
            assert_eq!(debugger.frame(thread).1, i64::from(fails), "{}", program.name);
            debugger.go("continue", thread);
        }
        for text in mended {
            held(&workspace);
            workspace.write(&program.file(), &text);
            workspace.call(&["retry"]).expect(0);
        }
        let mut printed = String::new();
        while !printed.contains(program.last) {
            let output = debugger.event("output", |output| output["category"] == "stdout");
            printed.push_str(output["output"].as_str().unwrap_or_default());
        }
    }
}

#[test]
fn an_editor_that_comes_while_a_terminal_asks_shows_what_is_held() {
    let Some(python) = pythons::all().iter().rfind(|python| python.minor >= 12) else { return };
    let workspace = Workspace::new();
    let program = ALL.iter().find(|program| program.name == "cli_app").expect("one of them");
    let script = program.write(&workspace);
    let path = python.path.display().to_string();
    let arguments = ["run", "--python", &path, "--guard", "cli_app", &program.file()];
    let steps =
        [json!(["(hold) ", null]), json!(["convert returns a value", null]), json!(["done from the editor", null])];
    let mut at_terminal = Program::start(terminal(&workspace, python, &steps, &arguments));
    held(&workspace);
    let mut editor = Editor::start(&workspace);
    editor.open(&script, &program.text());
    let told = editor.wait_notification("hotsplice/hold", |_| true);
    assert_eq!((&told["function"], &told["variables"]["word"]), (&json!("convert"), &json!("'two'")));
    editor.command("hotsplice.return", json!([{ "expression": "'from the editor'" }]));
    assert_eq!(at_terminal.wait(), Some(0));
}
