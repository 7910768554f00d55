//! The language server under much to do: large files, many files, many processes, and work that nobody wants any more.
//!
//! With `HOTSPLICE_TORTURE` set (`cargo xtask torture client`) as much as a large project has.

use hotsplice_tests::lsp::Editor;
use hotsplice_tests::program::{Program, Workspace};
use hotsplice_tests::pythons;
use serde_json::{Value, json};

fn whole() -> bool {
    std::env::var_os("HOTSPLICE_TORTURE").is_some()
}

const PROGRAM: &str = "\
import os, sys
GO = os.pipe()
LIMIT = 1
def greet():
    return 'old'
print('ready', flush=True)
for line in sys.stdin:
    print(eval(line) if line.strip() else greet(), flush=True)
";

fn start(workspace: &Workspace, name: &str) -> (Program, std::path::PathBuf) {
    let path = workspace.write(name, PROGRAM);
    let mut program = workspace.run(pythons::newest(), &[&path.display().to_string()]);
    program.wait_line("ready");
    (program, path)
}

fn ask(program: &mut Program, line: &str) -> String {
    program.send(line);
    program.line()
}

/// By the request's number, and by the progress that is shown with it.
#[test]
fn a_patch_that_nobody_wants_any_more_changes_nothing() {
    for by_progress in [false, true] {
        let workspace = Workspace::new();
        let (mut program, path) = start(&workspace, "app.py");
        let mut editor = Editor::start(&workspace);
        editor.wait_sessions(1);
        editor.open(&path, PROGRAM);
        let slow = "LIMIT = 2\nWAITED = os.write(1, b'reached\\n') and os.read(GO[0], 1)\n";
        editor.change(&path, &PROGRAM.replace("LIMIT = 1\n", slow).replace("'old'", "'new'"));
        let file = json!([{ "uri": hotsplice_tests::lsp::uri(&path) }]);
        let asked = json!({ "command": "hotsplice.patchFile", "arguments": file });
        let id = editor.begin("workspace/executeCommand", asked);
        program.wait_line("reached");
        match by_progress {
            false => editor.notify("$/cancelRequest", json!({ "id": id })),
            true => {
                // It is shown once it takes long.
                let shown = editor.wait_notification("$/progress", |shown| shown["value"]["kind"] == "begin");
                assert_eq!(shown["value"]["cancellable"], true, "{shown}");
                editor.notify("window/workDoneProgress/cancel", json!({ "token": shown["token"] }));
            }
        }
        // A request that comes afterwards is read after it.
        editor.request("textDocument/codeLens", json!({ "textDocument": file[0] }));
        assert_eq!(ask(&mut program, "os.write(GO[1], b'x')"), "1");
        let answer = editor.answer(id);
        let live = match &answer {
            Ok(results) => results[0]["committed"] == true,
            Err(error) => {
                assert!([json!(-32800), json!(-32803)].contains(&error["code"]), "{error}");
                false
            }
        };
        assert!(!live, "by progress: {by_progress}: {answer:#?}");
        assert_eq!(ask(&mut program, "greet(), LIMIT, 'WAITED' in globals()"), "('old', 1, False)");
        // Who has cancelled it is not told of it at every line.
        let lenses = editor.lenses(&path);
        assert!(lenses.iter().all(|(_, title)| title.starts_with("○ edited")), "{lenses:?}");
        // What is wanted afterwards is done.
        editor.change(&path, &PROGRAM.replace("'old'", "'newer'"));
        assert_eq!(editor.patch_file(&path)[0]["committed"], true);
        assert_eq!(ask(&mut program, ""), "newer");
    }
}

#[test]
fn a_file_of_twelve_megabytes_costs_less_than_600_mib() {
    let workspace = Workspace::new();
    let mut text = String::from("def first():\n    return 1\n\nROWS = [\n");
    while text.len() < 12_000_000 {
        text.push_str("    {'name': 'somebody', 'place': 'somewhere', 'amounts': [1, 2, 3, 4], 'note': None},\n");
    }
    text.push_str("]\n\ndef last():\n    return 2\n");
    let path = workspace.write("rows.py", &text);
    let (_program, _) = start(&workspace, "app.py");
    let mut editor = Editor::start(&workspace);
    editor.wait_sessions(1);
    editor.open(&path, &text);
    for number in 0..20 {
        let place = json!({ "line": 1, "character": 11 });
        editor.change_parts(&path, json!([{ "range": { "start": place, "end": place }, "text": number.to_string() }]));
    }
    editor.lenses(&path);
    editor.actions(&path, 1);
    let peak = editor.memory("VmHWM");
    assert!(peak < 600 << 10, "the server took {} MiB", peak >> 10);
}

/// Of many processes each is connected to once, and of many files each is kept once.
#[test]
fn many_files_and_processes_cost_little() {
    let (files, processes) = if whole() { (500, 20) } else { (100, 4) };
    let workspace = Workspace::new();
    // Every tenth function is another one in each round.
    let text = |number: usize, round: usize| {
        let function = |at: usize| {
            let least = if at.is_multiple_of(10) { round } else { 0 };
            format!("def f{at}(x):\n    if x > {least}:\n        return x + {number}\n    return {at}\n\n")
        };
        (0..40).map(function).collect::<String>()
    };
    let paths: Vec<_> = (0..files).map(|number| workspace.write(&format!("m{number}.py"), &text(number, 0))).collect();
    let imports = (0..files).map(|number| format!("import m{number}\n")).collect::<String>();
    let script =
        workspace.write("main.py", &format!("{imports}import sys\nprint('ready', flush=True)\nsys.stdin.read()\n"));
    let programs: Vec<Program> = (0..processes)
        .map(|_| {
            let mut program = workspace.run(pythons::newest(), &[&script.display().to_string()]);
            program.wait_line("ready");
            program
        })
        .collect();
    let mut editor = Editor::start(&workspace);
    editor.wait_sessions(processes);
    for (number, path) in paths.iter().enumerate() {
        editor.open(path, &text(number, 0));
        editor.change(path, &text(number, 1));
        editor.lenses(path);
    }
    let answer: Value = editor.patch_file(&paths[0]);
    let committed = answer.as_array().into_iter().flatten().filter(|result| result["committed"] == true).count();
    assert_eq!(committed, processes, "{answer:#}");
    let opened = editor.memory("VmHWM");
    let asked = std::time::Instant::now();
    let all = editor.begin("workspace/executeCommand", json!({ "command": "hotsplice.patchEdited", "arguments": [] }));
    let results = editor.answer_within(all, std::time::Duration::from_secs(600)).expect("it can be done");
    let results = results.as_array().expect("results");
    assert_eq!(results.len(), (files - 1) * processes);
    let failed: Vec<&Value> = results.iter().filter(|result| result["committed"] != true).collect();
    let told =
        failed.iter().flat_map(|result| result["edits"].as_array()).flatten().map(|edit| edit["message"].to_string());
    assert!(failed.is_empty(), "{} are not live: {:?}", failed.len(), told.collect::<std::collections::BTreeSet<_>>());
    let took = asked.elapsed();
    assert_eq!(editor.lenses(&paths[files - 1]).iter().filter(|(_, title)| title.contains("Hot-patch")).count(), 0);
    let peak = editor.memory("VmHWM");
    println!(
        "{files} files, {processes} processes: {} MiB, {} MiB after a patch of all in {took:?}",
        opened >> 10,
        peak >> 10
    );
    assert!(peak < 600 << 10, "the server took {} MiB", peak >> 10);
    if whole() {
        // Nothing is to do: nothing is done, once what follows the patch is told.
        let rest = |editor: &Editor| {
            let before = editor.processor_time();
            std::thread::sleep(std::time::Duration::from_secs(10));
            editor.processor_time() - before
        };
        let (after, spent) = (rest(&editor), rest(&editor));
        println!("the server spent {after:?} in the ten seconds after it, and {spent:?} in the next ten");
        assert!(spent < std::time::Duration::from_secs(1), "{spent:?}");
    }
    drop(editor);
    drop(programs);
}
