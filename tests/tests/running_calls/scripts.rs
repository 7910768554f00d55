//! The statements of scripts and modules, while they are executed.

use hotsplice_tests::lsp::{Editor, uri};
use hotsplice_tests::program::{Workspace, wait_for};
use hotsplice_tests::pythons;

/// A script is executed for as long as the program runs, and what stands in it unedited is no call that began before.
const SCRIPT: &str = "import sys, threading, queue
class Shop:
    jobs, answers = queue.Queue(), queue.Queue()
    def __call__(self, wait=False):
        while wait and self.jobs.get():
            self.answers.put('waits')
        return 'old'
    def __getitem__(self, key):
        return 'old'
    def depth(self, n):
        return self.depth(n - 1) if n else 'old'
def ask(shop):
    return [shop(), shop[0], shop.depth(1), type(Shop.__dict__['__call__']).__name__]
shop = Shop()
thread = threading.Thread(target=lambda: shop.answers.put(shop(True)))
thread.start()
print('ready', flush=True)
for line in sys.stdin:
    if line.strip() == 'ask':
        print(*ask(shop), shop(), shop.depth(1), flush=True)
    else:
        shop.jobs.put(line.strip() == 'go')
        print(shop.answers.get(), flush=True)
";

#[test]
fn unedited_code_of_a_script_calls_what_is_live_while_it_is_executed() {
    for python in pythons::all() {
        let context = format!("Python {}", python.name());
        let workspace = Workspace::new();
        let script = workspace.write("shop.py", SCRIPT);
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        program.wait_line("ready");
        program.send("go");
        assert_eq!(program.line(), "waits", "{context}");
        let edited = SCRIPT
            .replace("'old'", "'new'")
            .replace("while wait and self.jobs.get()", "while wait and self.jobs.get() and 1");
        workspace.write("shop.py", &edited);
        workspace.call(&["patch", "shop.py"]).expect(0);
        program.send("ask");
        let line = program.line();
        let words: Vec<_> = line.split(' ').collect();
        assert_eq!((&words[..3], &words[4..]), (&["new"; 3][..], &["new"; 2][..]), "{context}: {line}");
        program.send("stop");
        program.line();
        // Nothing is left of it when the call has ended.
        wait_for("the end of its world", || {
            program.send("ask");
            (program.line() == "new new new function new new").then_some(())
        });
    }
}

const MODULE: &str = "import sys
print('ready', flush=True)
count, seen, by_key = 0, [], {'all': 0}
for line in sys.stdin:
    count += 1
    seen.append(count)
    by_key['all'] += 1
    print('old', count, len(seen), by_key['all'], flush=True)
    if line == 'stop\\n':
        break
print('left', flush=True)
sys.stdin.readline()
";

#[test]
fn a_loop_of_a_module_is_a_call_like_any_other_and_keeps_what_it_has_counted() {
    let body = MODULE.replace("'old'", "'new'").replace("count += 1", "count += 10");
    // The call is in no iteration of the new loop, and has no value for its variable.
    let (before, rest) = MODULE.split_once("for line").expect("a loop");
    let (inside, after) = rest.split_once("print('left'").expect("what follows");
    let inside = format!("for line{inside}").replace("'old'", "turn").replace('\n', "\n    ");
    let around = format!("{before}for turn in range(2):\n    {}print('left'{after}", inside.trim_end_matches(' '));
    let header = MODULE.replace("for line in sys.stdin:", "for number, line in enumerate(sys.stdin):");
    for python in pythons::all() {
        let context = format!("Python {}", python.name());
        let can_move = python.minor >= 12;
        for (new, takes) in [(&body, can_move), (&header, false), (&around, false)] {
            let workspace = Workspace::new();
            let path = workspace.write("main.py", MODULE);
            let mut program = workspace.run(python, &[&path.display().to_string()]);
            program.wait_line("ready");
            program.send("go");
            assert_eq!(program.line(), "old 1 1 1", "{context}");
            let mut editor = Editor::start(&workspace);
            editor.wait_sessions(1);
            editor.open(&path, MODULE);
            editor.change(&path, new);
            editor.patch_file(&path);
            let file = uri(&path);
            let mut shown = |wanted: Option<&str>| {
                editor.wait_notification("textDocument/publishDiagnostics", |told| {
                    let all = told["diagnostics"].as_array().cloned().unwrap_or_default();
                    let codes: Vec<_> = all.iter().filter_map(|one| one["code"].as_str()).collect();
                    assert!(!codes.contains(&"HS0401"), "{context}: {told}");
                    let of_calls = codes.iter().find(|code| ["HS0306", "HS0309"].contains(code));
                    told["uri"] == file && of_calls.copied() == wanted
                });
            };
            shown(Some(if takes { "HS0309" } else { "HS0306" }));
            let status = workspace.call(&["status"]).expect(0).text();
            assert!(status.contains("thread MainThread"), "{context}: {status}");
            program.send("go");
            assert_eq!(program.line(), if takes { "new 11 2 2" } else { "old 2 2 2" }, "{context}");
            if !takes {
                let status = workspace.call(&["status"]).expect(0).text();
                assert!(status.contains("still runs version 0 (thread MainThread)"), "{context}: {status}");
            }
            program.send("stop");
            program.line();
            program.wait_line("left");
            shown(None);
            let status = workspace.call(&["status"]).expect(0).text();
            assert!(!status.contains("MainThread"), "{context}: {status}");
            program.send("");
            assert_eq!(program.wait(), Some(0), "{context}: {}", program.stderr());
        }
    }
}

#[test]
fn only_the_running_statement_of_a_script_goes_on_in_former_code() {
    const TEXT: &str = "import sys\nclass Shop:\n    def price(self, count, more=1): return ('old', count)\n    \
        def __call__(self): return 'old'\nshop = Shop()\ndef helper(count): return ('old', count)\n\
        def ask(): return shop.price(1), shop()\nprint('ready', flush=True)\nfor line in sys.stdin:\n    \
        print(ask(), shop.price(1, 2), helper(3), flush=True)\n";
    let first = TEXT.replace("for line in sys.stdin", "for number, line in enumerate(sys.stdin)");
    let first = first.replace("count, more=1", "count").replace("price(1, 2)", "price(1)").replace("'old'", "'new'");
    // The loop is as that patch left it.
    let second =
        first.replace("(count)", "(count, by)").replace("helper(3)", "helper(3, 4)").replace("'new'", "'newer'");
    for python in pythons::all() {
        let workspace = Workspace::new();
        let script = workspace.write("shop.py", TEXT);
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        program.wait_line("ready");
        program.send("");
        assert_eq!(program.line(), "(('old', 1), 'old') ('old', 1) ('old', 3)");
        for (text, asked) in [(&first, "(('new', 1), 'new')"), (&second, "(('newer', 1), 'newer')")] {
            workspace.write("shop.py", text);
            workspace.call(&["patch", "shop.py"]).expect(0);
            program.send("");
            let line = program.line();
            assert!(line.starts_with(asked), "Python {}: {line} {}", python.name(), program.errors_so_far());
        }
    }
}

/// Texts of a script whose loop waits for input while they go live, and what it then prints for a line.
const SCRIPTS: &[(&[&str], [&str; 2])] = &[
    // What is added above it moves the loop to other lines.
    (
        &[
            "import sys\nx = 0\nprint('ready', flush=True)\nwhile sys.stdin.readline():\n    for x in 'ab':\n        print('A', x)\n        print('B', x, flush=True)\n",
            "import os\nimport sys\n\ndef helper(text):\n    more = 1\n    return text + '2'\n\nx = 0\nprint('ready', flush=True)\nwhile sys.stdin.readline():\n    for x in 'ab':\n        print('A', x)\n        print('B', x, flush=True)\n",
            "import os\nimport sys\n\ndef helper(text):\n    more = 1\n    return text + '2'\n\nx = 0\nprint('ready', flush=True)\nwhile sys.stdin.readline():\n    for x in 'ab':\n        print(helper('A'), x)\n        print('B', x, flush=True)\n",
        ],
        ["A a|B a|A b|B b", "A2 a|B a|A2 b|B b"],
    ),
    // The loop itself is edited twice, and other lines between.
    (
        &[
            "import sys\nx = 0\nprint('ready', flush=True)\nwhile sys.stdin.readline():\n    for x in 'ab':\n        print('A', x)\n        print('B', x)\n        print('C', x, flush=True)\n",
            "import sys\nx = 0\nprint('ready', flush=True)\nwhile sys.stdin.readline():\n    first = 1\n    for x in 'ab':\n        print('A', x)\n        print('B', x)\n        print('C', x, flush=True)\n",
            "import os\nimport sys\nx = 0\nprint('ready', flush=True)\nwhile sys.stdin.readline():\n    first = 1\n    for x in 'ab':\n        print('A', x)\n        print('B', x)\n        print('C', x, flush=True)\n",
            "import os\nimport sys\nx = 0\nprint('ready', flush=True)\nwhile sys.stdin.readline():\n    first = 1\n    for x in 'ab':\n        print('A2', x)\n        print('B', x)\n        print('C', x, flush=True)\n",
        ],
        ["A a|B a|C a|A b|B b|C b", "A2 a|B a|C a|A2 b|B b|C b"],
    ),
    // A variable of it goes, comes and goes.
    (
        &[
            "import sys\nprint('ready', flush=True)\nif __name__ == '__main__':\n    n = 0\n    while sys.stdin.readline():\n        for x in 'ab':\n            print('A', x)\n            print('B', x, flush=True)\n",
            "import sys\nprint('ready', flush=True)\nif __name__ == '__main__':\n    n = 0\n    while sys.stdin.readline():\n        print('C', flush=True)\n",
            "import sys\ndef more(x):\n    return x\n\nprint('ready', flush=True)\nif __name__ == '__main__':\n    n = 0\n    while sys.stdin.readline():\n        for x in 'ab':\n            print('D', x)\n            print('E', x, flush=True)\n",
            "import re\nimport sys\ndef more(x):\n    return x\n\nprint('ready', flush=True)\nif __name__ == '__main__':\n    n = 0\n    while sys.stdin.readline():\n        print('F', flush=True)\n",
        ],
        ["A a|B a|A b|B b", "F"],
    ),
];

#[test]
fn a_loop_of_a_script_is_found_wherever_earlier_patches_have_moved_it() {
    for python in pythons::all() {
        for (texts, gives) in SCRIPTS {
            let workspace = Workspace::new();
            let script = workspace.write("main.py", texts[0]).display().to_string();
            let mut program = workspace.run(python, &[&script]);
            program.wait_line("ready");
            let mut last = String::new();
            for text in &texts[1..] {
                workspace.write("main.py", text);
                last = workspace.call(&["patch", "main.py"]).text();
            }
            let context = format!("Python {}: {last}", python.name());
            assert_eq!(last.contains("HS0309"), python.minor >= 12, "{context}");
            for _ in 0..2 {
                program.send("go");
                for line in gives[usize::from(python.minor >= 12)].split('|') {
                    assert_eq!(program.line(), line, "{context}");
                }
            }
        }
    }
}
