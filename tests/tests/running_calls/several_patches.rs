//! Calls that several patches come to.

use hotsplice_tests::program::{Program, Workspace};
use hotsplice_tests::pythons;

use super::MOVED_PROGRAM;

/// Three texts of a module in whose loop a call is blocked while two patches come; what it gives on the first, and in the end.
const BLOCKED: &[(&str, [&str; 3], [&str; 2])] = &[
    (
        "helpers_of_each_version",
        [
            "def one(): return 1\ndef run(get, put):\n    while get():\n        put(one())\n",
            "import os\ndef two(): return 2\ndef run(get, put):\n    while get():\n        more = two()\n        put(more)\n",
            "import os\ndef three(): return 3\n\ndef run(get, put):\n    while get():\n        more = three()\n        put((more, more))\n",
        ],
        ["1", "(3, 3)"],
    ),
    (
        "a_variable_that_one_version_lacked",
        [
            "def run(get, put):\n    count = 1\n    while get():\n        put(count)\n",
            "def run(get, put):\n    while get():\n        put('none')\n",
            "def run(get, put):\n    count = 5\n    while get():\n        put(count + 1)\n",
        ],
        // It would go on with what the first version gave the variable.
        ["1", "1"],
    ),
    (
        "a_loop_that_goes",
        [
            "def one(): return 1\ndef run(get, put):\n    while get():\n        put(one())\n",
            "def two(): return 2\ndef run(get, put):\n    while get():\n        put(two())\n",
            "def three(): return 3\ndef run(get, put):\n    for job in iter(get, None):\n        with open('x'):\n            put(three())\n",
        ],
        ["1", "1"],
    ),
    (
        "what_stands_further_down",
        [
            "def run(get, put):\n    while get():\n        for number in range(1):\n            put(('a', number))\n",
            "def run(get, put):\n    while get():\n        first = 1\n        second = 2\n        for number in range(1):\n            put(('b', number))\n",
            "X = 1\nY = 2\ndef run(get, put):\n    while get():\n        first = 1\n        second = 2\n        for number in range(1):\n            put(('c', number))\n",
        ],
        ["('a', 0)", "('c', 0)"],
    ),
];

#[test]
fn a_call_that_is_blocked_while_several_patches_come_goes_on_in_the_newest_code() {
    for python in pythons::all() {
        let context = format!("Python {}", python.name());
        let workspace = Workspace::new();
        let files: Vec<String> = BLOCKED.iter().map(|(name, ..)| format!("{name}.py")).collect();
        let write = |version: usize| {
            for (file, (_, texts, _)) in files.iter().zip(BLOCKED) {
                workspace.write(file, texts[version]);
            }
        };
        write(0);
        let mut arguments = vec![workspace.write("main.py", MOVED_PROGRAM).display().to_string()];
        arguments.extend(BLOCKED.iter().map(|(name, ..)| (*name).to_owned()));
        let mut program = workspace.run(python, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
        program.wait_line("ready");
        let step = |program: &mut Program, which: usize| {
            program.send("go");
            for (name, _, gives) in BLOCKED {
                assert_eq!(program.line(), format!("{name} {}", gives[which]), "{context}");
            }
        };
        step(&mut program, 0);
        for version in [1, 2] {
            write(version);
            let patch: Vec<&str> = ["patch", "--json"].into_iter().chain(files.iter().map(String::as_str)).collect();
            let answer = workspace.call(&patch).json();
            assert!(!answer.to_string().contains("HS0603"), "{context}: {answer:#}");
        }
        for _ in 0..3 {
            step(&mut program, usize::from(python.minor >= 12));
        }
        program.send("end");
        for (name, ..) in BLOCKED {
            assert_eq!(program.line(), format!("{name} left"), "{context}");
        }
    }
}

/// Versions of a loop that need less room than the one before, and more: a line comes after each patch.
const SIZES: &[(&str, &str)] = &[
    ("        for x in 'ab':\n            print('a', x)\n", "a a|a b"),
    ("        for x in 'ab':\n            print('b', x)\n", "b a|b b"),
    ("        print('c')\n", "c"),
    ("        first = 1\n        second = [first, 2, 3, 4]\n        print('d', *second)\n", "d 1 2 3 4"),
    ("        print('e')\n", "e"),
    (
        "        one, two, three, four, five, six = range(6)\n        print('f', one, two, three, four, five, six)\n",
        "f 0 1 2 3 4 5",
    ),
];

#[test]
fn a_loop_that_has_gone_on_in_smaller_code_goes_on_in_larger_code_again() {
    let text = |body: &str| {
        format!(
            "import sys\nprint('ready', flush=True)\ndef main():\n    while sys.stdin.readline():\n{body}        print('--', flush=True)\nmain()\n"
        )
    };
    for python in pythons::all().iter().filter(|python| python.minor >= 12) {
        let workspace = Workspace::new();
        let script = workspace.write("main.py", &text(SIZES[0].0)).display().to_string();
        let mut program = workspace.run(python, &[&script]);
        program.wait_line("ready");
        for (body, gives) in &SIZES[1..] {
            workspace.write("main.py", &text(body));
            let told = workspace.call(&["patch", "main.py"]).text();
            program.send("go");
            for line in gives.split('|').chain(["--"]) {
                assert_eq!(program.line(), line, "Python {}: {told}", python.name());
            }
        }
    }
}
