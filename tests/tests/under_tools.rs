//! Calls that run under what watches or schedules them go on in the new code, or as they were.

use std::sync::atomic::{AtomicUsize, Ordering};

use hotsplice_tests::program::{Program, Workspace};
use hotsplice_tests::{packages, pythons};

/// A program asks for a line, gives a word, and so on until it is sent `end`.
struct Situation {
    name: &'static str,
    packages: &'static [&'static str],
    /// The oldest 3.x that has it.
    since: u32,
    arguments: &'static [&'static str],
    files: &'static [(&'static str, &'static str)],
    /// The file that is edited.
    edited: &'static str,
}

const LOOP: &str = "import sys
def word(): return 'old'
def run(read):
    with open(__file__):
        while read() != 'end\\n':
            try:
                print('gives', word(), flush=True)
            finally:
                sys.stdout.flush()
    print('left', flush=True)
";
const PLAIN: (&str, &str) = ("main.py", "import sys, work\nprint('ready', flush=True)\nwork.run(sys.stdin.readline)\n");
const TRIO: &str = "import sys
def word(): return 'old'
async def run(read):
    while await read() != 'end\\n':
        print('gives', word(), flush=True)
    print('left', flush=True)
";

const SITUATIONS: &[Situation] = &[
    Situation {
        name: "coverage with a trace function",
        packages: &["coverage"],
        since: 10,
        arguments: &["-m", "coverage", "run", "--branch", "--source=.", "main.py"],
        files: &[PLAIN, (".coveragerc", "[run]\ncore = ctrace\n"), ("work.py", LOOP)],
        edited: "work.py",
    },
    Situation {
        name: "coverage with sys.monitoring",
        packages: &["coverage"],
        since: 12,
        arguments: &["-m", "coverage", "run", "--source=.", "main.py"],
        files: &[PLAIN, (".coveragerc", "[run]\ncore = sysmon\n"), ("work.py", LOOP)],
        edited: "work.py",
    },
    Situation {
        name: "cProfile",
        packages: &[],
        since: 10,
        arguments: &["-m", "cProfile", "-o", "profile", "main.py"],
        files: &[PLAIN, ("work.py", LOOP)],
        edited: "work.py",
    },
    Situation {
        name: "a trace function that keeps the frames and asks for opcodes",
        packages: &[],
        since: 10,
        arguments: &["main.py"],
        files: &[
            (
                "main.py",
                "import sys, work\nheld = []\ndef trace(frame, event, argument):\n    frame.f_trace_opcodes = True\n    held.append(frame)\n    \
                 frame.f_locals\n    return trace\nprint('ready', flush=True)\nsys.settrace(trace)\nwork.run(sys.stdin.readline)\n",
            ),
            ("work.py", LOOP),
        ],
        edited: "work.py",
    },
    Situation {
        name: "a tool of sys.monitoring",
        packages: &[],
        since: 12,
        arguments: &["main.py"],
        files: &[
            (
                "main.py",
                "import sys, work\nmonitoring = sys.monitoring\nevents = [getattr(monitoring.events, name) for name in ('LINE', \
                 'PY_START', 'INSTRUCTION', 'JUMP', 'PY_RETURN', 'CALL')]\nmonitoring.use_tool_id(2, 'tool')\nfor event in events:\n    \
                 monitoring.register_callback(2, event, lambda *arguments: None)\nmonitoring.set_events(2, sum(events))\n\
                 print('ready', flush=True)\nwork.run(sys.stdin.readline)\n",
            ),
            ("work.py", LOOP),
        ],
        edited: "work.py",
    },
    Situation {
        name: "a test whose assertions pytest has rewritten",
        packages: &["pytest"],
        since: 10,
        arguments: &["-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", "test_it.py"],
        files: &[(
            "test_it.py",
            "import sys\ndef word(): return 'old'\ndef test_it():\n    print('\\nready', flush=True)\n    \
             for line in iter(sys.stdin.readline, 'end\\n'):\n        assert line\n        print('gives', word(), flush=True)\n    \
             print('\\nleft', flush=True)\n",
        )],
        edited: "test_it.py",
    },
    Situation {
        name: "a greenlet of gevent",
        packages: &["gevent"],
        since: 10,
        arguments: &["main.py"],
        files: &[
            (
                "main.py",
                "import sys, gevent, work\nfrom gevent.fileobject import FileObject\nlines = FileObject(sys.stdin.buffer)\n\
                 print('ready', flush=True)\ngevent.spawn(work.run, lines.readline).join()\n",
            ),
            ("work.py", LOOP),
        ],
        edited: "work.py",
    },
    Situation {
        name: "a task of trio",
        packages: &["trio"],
        since: 10,
        arguments: &["main.py"],
        files: &[
            (
                "main.py",
                "import sys, trio, work\nasync def read(): return await trio.to_thread.run_sync(sys.stdin.readline)\n\
                 async def main():\n    async with trio.open_nursery() as nursery:\n        nursery.start_soon(work.run, read)\n\
                 print('ready', flush=True)\ntrio.run(main)\n",
            ),
            ("work.py", TRIO),
        ],
        edited: "work.py",
    },
];

#[test]
fn a_loop_under_a_tool_takes_the_new_code_where_it_would_without() {
    let tried = AtomicUsize::new(0);
    let these = pythons::all().iter().filter(|python| [10, 12, 13, 15].contains(&python.minor));
    pythons::two_at_a_time(these, |python| {
        let fits = |situation: &&Situation| {
            // Installing takes longer than trying.
            situation.since <= python.minor && (situation.packages.is_empty() || [10, 13].contains(&python.minor))
        };
        for situation in SITUATIONS.iter().filter(fits) {
            let context = format!("Python {}, {}", python.name(), situation.name);
            let wanted: Vec<String> = situation.packages.iter().map(|name| (*name).to_owned()).collect();
            let folder = packages::folder(python, &format!("framework-{}", wanted.join("-")), &wanted);
            let Some(folder) = folder.filter(|_| !wanted.is_empty()).map(Some).or(wanted.is_empty().then_some(None))
            else {
                println!("{context}: can't be had, not tested");
                continue;
            };
            let workspace = Workspace::new();
            for (name, text) in situation.files {
                workspace.write(name, text);
            }
            let mut command = workspace.hotsplice();
            command.args(["run", "--"]).arg(&python.path).args(situation.arguments);
            if let Some(folder) = folder {
                command.env("PYTHONPATH", folder);
            }
            let mut program = Program::start(command);
            program.wait_line("ready");
            let gives = |program: &mut Program, word: &str| {
                program.send("go");
                program.wait_line(&format!("gives {word}"));
            };
            gives(&mut program, "old");
            let (_, text) = situation.files.iter().find(|(name, _)| *name == situation.edited).expect("one is edited");
            let new =
                text.replace("def word(): return 'old'", "def named(): return 'new'").replace("word()", "named()");
            workspace.write(situation.edited, &new);
            workspace.call(&["patch", situation.edited]).expect(0);
            for _ in 0..2 {
                gives(&mut program, if python.minor >= 12 { "new" } else { "old" });
            }
            program.send("end");
            program.wait_line("left");
            assert_eq!(program.wait(), Some(0), "{context}: {}", program.stderr());
            tried.fetch_add(1, Ordering::Relaxed);
        }
    });
    assert!(tried.load(Ordering::Relaxed) > 0);
}

#[test]
fn a_connection_of_the_agent_s_thread_is_refused_where_gevent_has_replaced_threads() {
    let module = "import sqlite3\nSTORE = None\n";
    let program = "from gevent import monkey\nmonkey.patch_all()\nimport sys, m\nprint('ready', flush=True)\n\
        for line in sys.stdin:\n    print(m.STORE, flush=True)\n";
    for python in pythons::all().iter().filter(|python| [10, 13].contains(&python.minor)) {
        let context = format!("Python {}", python.name());
        let Some(folder) = packages::folder(python, "framework-gevent", &["gevent".to_owned()]) else {
            println!("{context}: gevent can't be had, not tested");
            continue;
        };
        let workspace = Workspace::new();
        let main = workspace.write("main.py", program).display().to_string();
        for made in ["sqlite3.connect(':memory:')", "{'a': sqlite3.connect(':memory:')}"] {
            workspace.write("m.py", module);
            let mut command = workspace.hotsplice();
            command.args(["run", "--"]).arg(&python.path).arg(&main).env("PYTHONPATH", &folder);
            let mut program = Program::start(command);
            program.wait_line("ready");
            workspace.write("m.py", &module.replace("None", made));
            let text = workspace.call(&["patch", "m.py"]).text();
            assert!(text.contains("HS0110"), "{context}: {text}");
            program.send("go");
            assert_eq!(program.line(), "None", "{context}: {text}");
        }
    }
}
