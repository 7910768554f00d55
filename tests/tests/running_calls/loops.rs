//! Calls in loops.

use hotsplice_tests::program::{Program, Workspace};
use hotsplice_tests::pythons;

use super::MOVED_PROGRAM;

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
