//! Calls that run while a patch comes go on in the new code, or as they were.

use hotsplice_tests::lsp::{Editor, uri};
use hotsplice_tests::program::{Program, Workspace, wait_for};
use hotsplice_tests::pythons;

/// Each runs in a thread of its own, in a loop that can be moved: what it gives in a call on the old code, and in a moved one.
const MOVED: &[(&str, &str, &str, [&str; 2])] = &[
    (
        "an_async_generator_that_awaits",
        "import asyncio\ndef shown(x): return x\nasync def all(get):\n    while await asyncio.to_thread(get):\n        yield shown(1)\n\
         async def main(get, put):\n    async for one in all(get):\n        put(one)\ndef run(get, put): asyncio.run(main(get, put))\n",
        "import asyncio\ndef named(x): return x + 1\nasync def all(get):\n    while await asyncio.to_thread(get):\n        yield named(1)\n\
         async def main(get, put):\n    async for one in all(get):\n        more = 5\n        put(one + more)\n\
         def run(get, put): asyncio.run(main(get, put))\n",
        ["1", "7"],
    ),
    (
        "an_async_for",
        "import asyncio\nasync def all(get):\n    while await asyncio.to_thread(get):\n        yield 1\n\
         async def main(get, put):\n    async with asyncio.Lock():\n        async for one in all(get):\n            try:\n                put(one)\n\
         \x20           finally:\n                await asyncio.sleep(0)\ndef run(get, put): asyncio.run(main(get, put))\n",
        "import asyncio\nasync def all(get):\n    while await asyncio.to_thread(get):\n        yield 1\n\
         async def main(get, put):\n    async with asyncio.Lock():\n        async for one in all(get):\n            try:\n                two = [one]\n                put(two)\n\
         \x20           finally:\n                await asyncio.sleep(0)\ndef run(get, put): asyncio.run(main(get, put))\n",
        ["1", "[1]"],
    ),
];

const MOVED_PROGRAM: &str = "import importlib, queue, sys, threading
found = {}
def serve(name, jobs, answers):
    try:
        importlib.import_module(name).run(jobs.get, answers.put)
        answers.put('left')
    except BaseException as error:
        answers.put(repr(error))
for name in sys.argv[1:]:
    importlib.import_module(name)
    found[name] = jobs, answers = queue.Queue(), queue.Queue()
    threading.Thread(target=serve, args=(name, jobs, answers), daemon=True).start()
print('ready', flush=True)
for line in sys.stdin:
    for name, (jobs, answers) in found.items():
        jobs.put(line.strip() == 'go')
        print(name, answers.get(timeout=20), flush=True)
";

#[test]
fn loops_over_what_is_awaited_go_on_in_the_new_code_or_as_they_were() {
    for python in pythons::all() {
        let context = format!("Python {}", python.name());
        let workspace = Workspace::new();
        let files: Vec<String> = MOVED.iter().map(|(name, ..)| format!("{name}.py")).collect();
        for (file, (_, old, ..)) in files.iter().zip(MOVED) {
            workspace.write(file, old);
        }
        let mut arguments = vec![workspace.write("main.py", MOVED_PROGRAM).display().to_string()];
        arguments.extend(MOVED.iter().map(|(name, ..)| (*name).to_owned()));
        let mut program = workspace.run(python, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
        program.wait_line("ready");
        let step = |program: &mut Program, wanted: &dyn Fn(&[&'static str; 2]) -> &'static str| {
            program.send("go");
            for (name, _, _, gives) in MOVED {
                assert_eq!(program.line(), format!("{name} {}", wanted(gives)), "{context}");
            }
        };
        step(&mut program, &|gives| gives[0]);
        for (file, (_, _, new, _)) in files.iter().zip(MOVED) {
            workspace.write(file, new);
        }
        let patch: Vec<&str> = ["patch", "--json"].into_iter().chain(files.iter().map(String::as_str)).collect();
        let answer = workspace.call(&patch).json();
        assert!(!answer.to_string().contains("HS0603"), "{context}: {answer:#}");
        // Of the program's own file it is told what had called them.
        let is_patched = |result: &&serde_json::Value| {
            let file = result["file"].as_str().unwrap_or_default();
            result["committed"] == true && files.iter().any(|name| file.ends_with(name.as_str()))
        };
        let live = answer.as_array().into_iter().flatten().filter(is_patched).count();
        assert_eq!(live, MOVED.len(), "{context}: {answer:#}");
        for _ in 0..3 {
            step(&mut program, &|gives| gives[usize::from(python.minor >= 12)]);
        }
        program.send("end");
        for (name, ..) in MOVED {
            assert_eq!(program.line(), format!("{name} left"), "{context}");
        }
    }
}

const MANY: &str = "import queue
answers = queue.Queue()
def worker(gate):
    while gate.get():
        answers.put('old')
async def task(event):
    await event.wait()
    return 'old'
";

const MANY_PROGRAM: &str = "import asyncio, collections, queue, sys, threading, work
gates = [queue.Queue() for _ in range(64)]
threads = [threading.Thread(target=work.worker, args=(gate,)) for gate in gates]
for thread in threads:
    thread.start()
def step(wanted):
    for gate in gates:
        gate.put(wanted)
    if wanted:
        print(*collections.Counter(work.answers.get(timeout=60) for _ in gates).items(), flush=True)
async def main():
    event = asyncio.Event()
    tasks = [asyncio.create_task(work.task(event)) for _ in range(10000)]
    await asyncio.sleep(0)
    print('ready', flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    event.set()
    print(*collections.Counter(await asyncio.gather(*tasks)).items(), flush=True)
step(True)
asyncio.run(main())
step(True)
step(True)
step(False)
print('left', flush=True)
";

#[test]
fn every_one_of_many_threads_and_tasks_goes_on_in_the_new_code() {
    for python in pythons::all() {
        let context = format!("Python {}", python.name());
        let workspace = Workspace::new();
        workspace.write("work.py", MANY);
        let script = workspace.write("main.py", MANY_PROGRAM);
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        assert_eq!(program.line(), "('old', 64)", "{context}");
        program.wait_line("ready");
        workspace.write("work.py", &MANY.replace("'old'", "'new'"));
        let answer = workspace.call(&["patch", "work.py"]).expect(0).text();
        let word = |first: u32| if python.minor >= first { "new" } else { "old" };
        let told = if python.minor >= 11 { "10000 running calls were moved" } else { "10000 calls that began before" };
        assert!(answer.contains(told) && answer.contains(" and 9996 more)"), "{context}: {answer}");
        program.send("go");
        for (wanted, first) in [(10000, 11), (64, 12), (64, 12)] {
            // A thread that waits in its loop takes the new code when it comes to the next iteration.
            let line = program.line();
            let is_right = line == format!("('{}', {wanted})", word(first));
            assert!(is_right, "{context}: {line}");
        }
        program.wait_line("left");
        assert_eq!(program.wait(), Some(0), "{context}: {}", program.stderr());
    }
}

#[test]
fn a_generator_that_was_moved_is_not_reported_as_what_the_former_code_made() {
    const OLD: &str = "def start(): return 1\ndef count(first):\n    while True:\n        yield first\nnumbers = count(start())\n\
        def run(read):\n    while read() != 'end\\n':\n        print(next(numbers), flush=True)\n";
    let all = OLD.replace("yield first", "yield first + 1");
    // What else it was made of is edited, too.
    let more = OLD.replace("yield first", "yield first + 2").replace("return 1", "return 5");
    for python in pythons::all() {
        let workspace = Workspace::new();
        workspace.write("work.py", OLD);
        let text = "import sys, work\nprint('ready', flush=True)\nwork.run(sys.stdin.readline)\n";
        let script = workspace.write("main.py", text);
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        program.wait_line("ready");
        program.send("go");
        assert_eq!(program.line(), "1");
        for (new, gives, is_reported) in [(&all, ["1", "2"], [true, false]), (&more, ["1", "3"], [true, true])] {
            workspace.write("work.py", new);
            let answer = workspace.call(&["patch", "--json", "work.py"]).json().to_string();
            let can_move = usize::from(python.minor >= 11);
            assert_eq!(answer.contains("HS0403"), is_reported[can_move], "Python {}: {answer}", python.name());
            program.send("go");
            assert_eq!(program.line(), gives[can_move], "Python {}", python.name());
        }
        program.send("end");
        assert_eq!(program.wait(), Some(0), "Python {}: {}", python.name(), program.stderr());
    }
}

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

/// A program, pairs of what is edited, and what it prints of the new code where calls can be moved, if it comes to that.
type Taken = (&'static str, &'static str, &'static [(&'static str, &'static str)], &'static str);
const TAKEN: &[Taken] = &[
    (
        "a loop that unpacks what a generator gives",
        "def feed(get):\n    while get():\n        yield 1\ndef main(get, put):\n    for x in feed(get):\n        put(x + 1)\n",
        &[("yield 1", "yield 1, 'new'"), ("for x in", "for x, word in"), ("x + 1", "x + 1, word")],
        "2",
    ),
    (
        "a loop that asks a generator for a key",
        "def feed(get):\n    while get():\n        yield {'old': 1}\ndef main(get, put):\n    for x in feed(get):\n        put(x['old'] + 1)\n",
        &[("'old'", "'new'"), ("+ 1", "+ 2")],
        "2",
    ),
    (
        "a generator that an unedited loop reads through another one",
        "def feed(get):\n    while get():\n        yield 1\ndef twice(all):\n    for x in all: yield 2 * x\n\
         def main(get, put):\n    for x in twice(feed(get)):\n        put(x)\n",
        &[("yield 1", "yield 1, 'new'"), ("for x in all", "for x, _ in all")],
        "2",
    ),
    (
        "a call that is inside of what it calls",
        "def read(get):\n    if not get(): raise EOFError\n    return 1\ndef main(get, put):\n    while True:\n        x = read(get)\n        put(x + 1)\n",
        &[("return 1", "return 1, 'new'"), ("x = read", "x, word = read"), ("x + 1", "x + 5")],
        "2 6",
    ),
    (
        "a call through an unedited one, and one by a variable",
        "def read(): return 1\ndef through(): return read()\ndef main(get, put, read=read):\n    while get():\n        put((through() + 1) * read())\n",
        &[("return 1", "return 1, 'new'"), ("through() +", "through()[0] +"), ("* read()", "* read()[0]")],
        "2 2",
    ),
    (
        "a generator that is sent something else",
        "def adding(get, put):\n    while True:\n        x = yield\n        put(x + 1)\ndef main(get, put):\n    adds = adding(get, put)\n    next(adds)\n\
         \x20   while get():\n        adds.send(1)\n",
        &[("x + 1", "x[0] + 1"), ("send(1)", "send((1,))")],
        "2",
    ),
    (
        "a function that is handed on",
        "def double(x): return 2 * x\ndef main(get, put):\n    while get():\n        put(sum(map(double, [1])))\n",
        &[("return 2 * x", "return [2 * x]"), ("sum(map(double, [1]))", "sum(map(double, [1]), [])")],
        "[2]",
    ),
    (
        "a loop over records that were made before it",
        "def key(record): return record['old']\ndef main(get, put):\n    records = [{'old': 1}]\n    more = {'old': 1}\n    while get():\n        put(key(more))\n",
        &[("'old'", "'new'")],
        "1",
    ),
    (
        "an error whose class has another name",
        "class Bad(Exception): pass\ndef check(x):\n    if x: raise Bad\ndef main(get, put):\n    while True:\n        try:\n            check(get())\n\
         \x20       except Bad:\n            put('old')\n",
        &[("Bad", "Worse"), ("'old'", "'new'")],
        "old new",
    ),
    (
        "an error of another class",
        "def check(x):\n    if x: raise ValueError\ndef main(get, put):\n    while True:\n        try:\n            check(get())\n\
         \x20       except ValueError:\n            put('old')\n",
        &[("ValueError", "KeyError"), ("'old'", "'new'")],
        "old new",
    ),
    (
        "an object whose class has another name",
        "class Step: pass\ndef step(x): return Step()\ndef main(get, put):\n    while True:\n        match step(get()):\n            case Step(): put('old')\n",
        &[("Step", "Jump"), ("'old'", "'new'")],
        "old new",
    ),
    (
        "a function inside that lacks a variable",
        "def main(get, put):\n    n = 5\n    def more(): return 1\n    while get():\n        put(more())\n",
        &[("return 1", "return n"), ("put(more())", "put(more() + n)")],
        "1",
    ),
    (
        "a class whose objects are made with an argument more",
        "class Named:\n    def name(self): return 'old'\ndef main(get, put):\n    while True:\n        get()\n        put(Named().name())\n",
        &[
            (
                "def name(self): return 'old'",
                "def __init__(self, word): self.word = word\n    def name(self): return self.word",
            ),
            ("Named()", "Named('new')"),
        ],
        "old new",
    ),
    (
        "the end of a `with` that began before",
        "class Open:\n    def __enter__(self): return 'old'\n    def __exit__(self, *_): pass\ndef main(get, put):\n    while True:\n\
         \x20       with Open() as word:\n            get()\n            put(word)\n",
        &[
            ("return 'old'", "self.depth = 1; return 'new'"),
            ("pass", "del self.depth"),
            ("put(word)", "put(str(word))"),
        ],
        "old new",
    ),
    (
        "a name that another function gives its value, and that is called otherwise",
        "state = 'none'\ndef step():\n    global state\n    state = 'old'\ndef main(get, put):\n    while True:\n        get()\n        step()\n\
         \x20       put(state)\n",
        &[("state", "mode"), ("'old'", "'new'"), ("put(mode)", "put(str(mode))")],
        "old new",
    ),
    (
        "a loop that unpacks named tuples, which unedited code makes",
        "import collections\nRow = collections.namedtuple('Row', 'a b')\ndef row(): return Row._make([1] * len(Row._fields))\n\
         def main(get, put):\n    for a, b in iter(lambda: get() and row(), None):\n        put(a + b)\n",
        &[("'a b'", "'a b c'"), ("for a, b in", "for a, b, c in"), ("a + b", "a + b + c")],
        "2",
    ),
    (
        "a loop that unpacks objects which go through themselves",
        "class Row:\n    def __iter__(self): return iter((1, 1))\ndef row(): return Row()\n\
         def main(get, put):\n    for a, b in iter(lambda: get() and row(), None):\n        put(a + b)\n",
        &[("(1, 1)", "(1, 1, 1)"), ("for a, b in", "for a, b, c in"), ("a + b", "a + b + c")],
        "2",
    ),
    (
        "a method whose name is computed",
        "class Commands:\n    def do_1(self): return 'old'\ndef main(get, put):\n    while True:\n        put(getattr(Commands(), 'do_%d' % get())())\n",
        &[("do_", "run_"), ("'old'", "'new'")],
        "old new",
    ),
    (
        "a name that another function gives its value",
        "state = 'none'\ndef step():\n    global state\n    state = 'old'\ndef main(get, put):\n    while True:\n        get()\n        step()\n\
         \x20       put(state)\n",
        &[
            ("state = 'none'", "class Now: state = 'none'"),
            ("global state\n    state = 'old'", "Now.state = 'new'"),
            ("put(state)", "put(Now.state)"),
        ],
        "old new",
    ),
];

const TAKEN_PROGRAM: &str = "import queue, sys, threading, work
jobs, answers = queue.Queue(), queue.Queue()
def serve():
    try:
        work.main(jobs.get, answers.put)
    except BaseException as error:
        answers.put(repr(error))
threading.Thread(target=serve, daemon=True).start()
for line in sys.stdin:
    jobs.put(True)
    print(answers.get(timeout=20), flush=True)
";

#[test]
fn no_call_is_given_what_only_the_new_code_can_take() {
    for python in pythons::all() {
        for (name, text, edits, gives) in TAKEN {
            let context = format!("{name}, Python {}", python.name());
            let workspace = Workspace::new();
            workspace.write("work.py", text);
            let main = workspace.write("main.py", TAKEN_PROGRAM).display().to_string();
            let mut program = workspace.run(python, &[&main]);
            program.send("go");
            let first = program.line();
            let edited = edits.iter().fold((*text).to_owned(), |text, (old, new)| text.replace(old, new));
            workspace.write("work.py", &edited);
            let answer = workspace.call(&["patch", "--json", "work.py"]).expect(0).json();
            let mut wanted = gives.split(' ').map(str::to_owned).collect::<Vec<_>>();
            if python.minor < 12 {
                wanted = vec![first];
            }
            for step in 0..3 {
                program.send("go");
                let given = program.line();
                assert_eq!(Some(&given), wanted.get(step).or(wanted.last()), "{context}: {answer:#}");
            }
        }
    }
}
