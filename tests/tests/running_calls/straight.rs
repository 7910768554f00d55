//! Calls in no loop, and counters.

use hotsplice_tests::program::Workspace;
use hotsplice_tests::pythons;

use super::MOVED_PROGRAM;

/// A name, the module's text before and after, and what is given at the two steps after the patch, from CPython 3.12 on and before.
type Straight = (&'static str, &'static str, &'static str, [&'static str; 2], [&'static str; 2]);

/// In a thread of its own each.
const STRAIGHT: &[Straight] = &[
    (
        "a_blocked_call_behind_its_statement",
        "def run(get, put):\n    get()\n    put(0)\n    got = get()\n    put(1)\n    get()\n    put(2)\n    get()\n",
        "def run(get, put):\n    get()\n    put(0)\n    got = get()\n    more = [got]\n    put(more)\n    get()\n    put(more + [2])\n    get()\n",
        ["[True]", "[True, 2]"],
        ["1", "2"],
    ),
    (
        "in_a_branch_in_a_with_in_a_try",
        "import threading\ndef run(get, put):\n    if get():\n        with threading.Lock():\n            try:\n                put(0)\n                get()\n\
         \x20               put(1)\n            finally:\n                get()\n    put(2)\n    get()\n",
        "import threading\ndef run(get, put):\n    if get():\n        with threading.Lock():\n            try:\n                put(0)\n                get()\n\
         \x20               put(11)\n            finally:\n                get()\n    put(22)\n    get()\n",
        ["11", "22"],
        ["1", "2"],
    ),
    (
        "behind_a_loop_that_ends",
        "def run(get, put):\n    for _ in range(1):\n        get()\n        put(0)\n        get()\n        put(1)\n    get()\n    put(2)\n    get()\n",
        "def run(get, put):\n    for _ in range(1):\n        get()\n        put(0)\n        get()\n        put(11)\n    get()\n    put(22)\n    get()\n",
        ["1", "22"],
        ["1", "2"],
    ),
    (
        "not_where_the_new_code_reads_what_is_not_there",
        "def run(get, put):\n    get()\n    put(0)\n    get()\n    put(1)\n    get()\n    put(2)\n    get()\n",
        "def run(get, put):\n    more = 7\n    get()\n    put(0)\n    get()\n    put(more)\n    get()\n    put(more)\n    get()\n",
        ["1", "2"],
        ["1", "2"],
    ),
    (
        "not_where_what_is_done_would_be_done_again",
        "def run(get, put):\n    get()\n    put(0)\n    [get()]\n    put(1)\n    (get())\n    put(2)\n    get()\n",
        "def run(get, put):\n    (get())\n    put(0)\n    put(1)\n    [get()]\n    put(2)\n    get()\n",
        ["1", "2"],
        ["1", "2"],
    ),
    (
        "not_into_the_first_iteration_of_another_loop",
        "def run(get, put):\n    count = 0\n    while True:\n        if not get():\n            break\n        put(count)\n        count += 1\n",
        "def run(get, put):\n    count = 0\n    for count in range(9):\n        if not get():\n            break\n        put([count])\n",
        ["1", "2"],
        ["1", "2"],
    ),
    (
        "a_condition_that_takes_what_it_is_given",
        "def run(get, put):\n    put(0 if get() else 0)\n    while get():\n        put(1)\n",
        "def run(get, put):\n    put(0 if get() else 0)\n    while True:\n        if not get():\n            break\n        put(11)\n",
        ["1", "11"],
        ["1", "1"],
    ),
    (
        "a_condition_that_comes_to_take_it",
        "def run(get, put):\n    while True:\n        if not get():\n            break\n        put(0)\n",
        "def run(get, put):\n    while get():\n        put([0])\n",
        ["0", "[0]"],
        ["0", "0"],
    ),
    (
        "a_loop_inside_of_a_new_one",
        "def run(get, put):\n    for step in range(5):\n        if not get():\n            return\n        put(step)\n",
        "def run(get, put):\n    for _ in range(5):\n        for step in range(5):\n            if not get():\n                return\n\
         \x20           put([step])\n",
        ["1", "2"],
        ["1", "2"],
    ),
    (
        "variables_that_functions_share_and_share_no_more",
        "def run(get, put):\n    step, more, same = 0, 1, 1\n    while get():\n        put((lambda: same - more + step)())\n        step += 1\n",
        "def run(get, put):\n    step, more, same = 0, 1, 1\n    while get():\n        kept = step\n        put([(lambda: kept + step)(), more])\n        step += 1\n",
        ["[2, 1]", "[4, 1]"],
        ["1", "2"],
    ),
    (
        "a_counter_with_another_name",
        "total = -1\ndef more():\n    global total\n    total += 1\ndef run(get, put):\n    while get():\n        more()\n        put(total)\n",
        "count = -1\ndef more():\n    global count\n    count += 1\ndef run(get, put):\n    for _ in iter(get, False):\n        more()\n        put([count])\n",
        ["1", "2"],
        ["1", "2"],
    ),
    (
        "a_counter_with_another_name_that_the_call_counts",
        "total = -1\ndef run(get, put):\n    global total\n    while get():\n        total += 1\n        put(shown())\ndef shown():\n    return total\n",
        "count = -1\ndef run(get, put):\n    global count\n    for _ in iter(get, False):\n        count += 1\n        put(shown())\ndef shown():\n    return count\n",
        ["1", "2"],
        ["1", "2"],
    ),
];

#[test]
fn calls_in_no_loop_and_counters_go_on_or_stay_as_they_were() {
    for python in pythons::all() {
        let context = format!("Python {}", python.name());
        let workspace = Workspace::new();
        let mut arguments = vec![workspace.write("main.py", MOVED_PROGRAM).display().to_string()];
        for (name, old, ..) in STRAIGHT {
            workspace.write(&format!("{name}.py"), old);
            arguments.push((*name).to_owned());
        }
        let mut program = workspace.run(python, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
        program.wait_line("ready");
        program.send("go");
        for (name, ..) in STRAIGHT {
            assert_eq!(program.line(), format!("{name} 0"), "{context}");
        }
        for (name, _, new, ..) in STRAIGHT {
            workspace.write(&format!("{name}.py"), new);
            workspace.call(&["patch", &format!("{name}.py")]).expect(0);
        }
        for step in 0..2 {
            program.send("go");
            for (name, _, _, moved, left) in STRAIGHT {
                let gives = if python.minor >= 12 { moved } else { left };
                assert_eq!(program.line(), format!("{name} {}", gives[step]), "{context}, step {step}");
            }
        }
        program.send("end");
        for (name, ..) in STRAIGHT {
            assert_eq!(program.line(), format!("{name} left"), "{context}");
        }
    }
}
