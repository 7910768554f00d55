//! Calls that stay in the former code.

use hotsplice_tests::lsp::{Editor, uri};
use hotsplice_tests::program::Workspace;
use hotsplice_tests::pythons;

#[test]
fn a_call_that_could_not_be_moved_when_it_came_by_is_reported_to_stay() {
    // Only a call that has come through the branch has a value for `more`.
    const TEXT: &str = "def run(read):\n    if read() == 'more\\n':\n        more = 1\n    while read() != 'end\\n':\n\
        \x20       print('old', flush=True)\n";
    for python in pythons::all().iter().filter(|python| python.minor >= 12) {
        let workspace = Workspace::new();
        let path = workspace.write("work.py", TEXT);
        let script =
            workspace.write("main.py", "import sys, work\nprint('ready', flush=True)\nwork.run(sys.stdin.readline)\n");
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        program.wait_line("ready");
        let mut editor = Editor::start(&workspace);
        editor.wait_sessions(1);
        editor.open(&path, TEXT);
        program.send("less");
        program.send("");
        assert_eq!(program.line(), "old");
        editor.change(&path, &TEXT.replace("'old'", "'new', more"));
        editor.patch_file(&path);
        let file = uri(&path);
        let mut shown = |code: Option<&str>| {
            let told = editor.wait_notification("textDocument/publishDiagnostics", |told| {
                let first = told["diagnostics"].get(0);
                told["uri"] == file && first.map(|first| first["code"].as_str().unwrap_or_default()) == code
            });
            told["diagnostics"][0]["message"].as_str().unwrap_or_default().to_owned()
        };
        assert!(shown(Some("HS0309")).contains("takes the new code at the next iteration"));
        program.send("");
        assert_eq!(program.line(), "old");
        let message = shown(Some("HS0306"));
        assert!(message.contains("reads a variable there that this call has given no value"), "{message}");
        let status = workspace.call(&["status"]).expect(0).text();
        assert!(status.contains("reads a variable there"), "{status}");
        program.send("end");
        assert_eq!(program.wait(), Some(0), "Python {}: {}", python.name(), program.stderr());
        shown(None);
    }
}

#[test]
fn a_call_that_only_an_exception_brings_to_the_new_code_is_reported_to_stay() {
    const TEXT: &str = "def run(read):\n    while True:\n        try:\n            print('old', flush=True)\n\
        \x20           return int(read())\n        except ValueError:\n            print('again', flush=True)\n";
    for python in pythons::all().iter().filter(|python| python.minor >= 12) {
        let context = format!("Python {}", python.name());
        let workspace = Workspace::new();
        workspace.write("work.py", TEXT);
        let text = "import sys, work\nfor _ in range(2):\n    print(work.run(sys.stdin.readline), flush=True)\n";
        let script = workspace.write("main.py", text).display().to_string();
        let mut program = workspace.run(python, &[&script]);
        let mut expect = |given: &str, lines: &[&str]| {
            program.send(given);
            for line in lines {
                assert_eq!(program.line(), *line, "{context}");
            }
        };
        let patch = |old: &str, new: &str| {
            workspace.write("work.py", &TEXT.replace("'old'", new));
            let answer = workspace.call(&["patch", "--json", "work.py"]).expect(0).text();
            let is_told = answer.contains("HS0306") && answer.contains("only if it catches an exception");
            assert!(is_told, "{context}, {old} to {new}: {answer}");
        };
        expect("word", &["old", "again", "old"]);
        patch("'old'", "'new'");
        // What it catches brings it to the next iteration, whose code is the new one.
        expect("word", &["again", "new"]);
        patch("'new'", "'newer'");
        expect("1", &["1", "newer"]);
        expect("2", &["2"]);
    }
}

#[test]
fn a_call_on_old_code_goes_on_with_what_renamed_names_hold() {
    const CONF: &str = "count = 0\n";
    const TEXT: &str = "import conf\nclass Job:\n    done = 0\ndef run(read):\n    while read() != 'end\\n':\n        conf.count += 1\n        \
        Job.done += 1\n        print(conf.count, Job.done, flush=True)\ndef now(): return conf.count, Job.done\n";
    // A loop that no call can be moved to.
    let renamed = TEXT.replace("while read() != 'end\\n':", "for _ in iter(read, 'end\\n'):");
    let renamed = renamed.replace("count", "ticks").replace("done", "finished");
    for python in pythons::all() {
        let workspace = Workspace::new();
        workspace.write("conf.py", CONF);
        workspace.write("work.py", TEXT);
        let text = "import sys, work\nprint('ready', flush=True)\nwork.run(sys.stdin.readline)\nprint(*work.now(), flush=True)\n";
        let script = workspace.write("main.py", text);
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        program.wait_line("ready");
        program.send("go");
        assert_eq!(program.line(), "1 1");
        workspace.write("conf.py", &CONF.replace("count", "ticks"));
        workspace.write("work.py", &renamed);
        workspace.call(&["patch", "conf.py", "work.py"]).expect(0);
        for wanted in ["2 2", "3 3"] {
            program.send("go");
            assert_eq!(program.line(), wanted, "Python {}: {}", python.name(), program.stderr());
        }
        program.send("end");
        assert_eq!(program.line(), "3 3", "Python {}", python.name());
        assert_eq!(program.wait(), Some(0), "Python {}: {}", python.name(), program.stderr());
    }
}

#[test]
fn a_coroutine_that_ran_when_the_patch_came_keeps_its_names_while_it_is_suspended() {
    const TEXT: &str = "import asyncio, math\nasync def run(read):\n    for step in range(2):\n        read()\n        \
        await asyncio.sleep(1)\n        print('old', math.floor(step), flush=True)\n";
    // A loop that no call can be moved to.
    let new = TEXT.replace(", math", "").replace("for step in", "for _, step in enumerate(").replace("2):", "2)):");
    let new = new.replace("math.floor(step)", "step");
    for python in pythons::all() {
        let workspace = Workspace::new();
        workspace.write("work.py", TEXT);
        let text = "import asyncio, sys, work\nprint('ready', flush=True)\nasyncio.run(work.run(sys.stdin.readline))\n";
        let script = workspace.write("main.py", text);
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        program.wait_line("ready");
        workspace.write("work.py", &new);
        let answer = workspace.call(&["patch", "--json", "work.py"]).expect(0).json().to_string();
        assert!(answer.contains("HS0306"), "Python {}: {answer}", python.name());
        for step in 0..2 {
            program.send("go");
            assert_eq!(program.line(), format!("old {step}"), "Python {}: {}", python.name(), program.stderr());
        }
        assert_eq!(program.wait(), Some(0), "Python {}: {}", python.name(), program.stderr());
    }
}
