//! What a patch costs where many calls run what it edits, and what it costs a program afterwards in which none does.

use anyhow::{Context, ensure};
use hotsplice_tests::lsp::Editor;
use hotsplice_tests::program::{Program, Workspace};
use hotsplice_tests::pythons::Python;

use crate::shell::target;

const THREADS: usize = 64;
const TASKS: usize = 10_000;
/// How often each time is taken; the least of them is what disturbs it least.
const ROUNDS: usize = 15;

/// Calls of both functions are moved to the new code at each edit.
fn running(edit: usize) -> String {
    format!(
        "def worker(gate):\n    while gate.get():\n        number = {edit}\nasync def task(event):\n    while True:\n        await event.wait()\n        number = {edit}\n"
    )
}

const RUNNING_PROGRAM: &str = "import asyncio, queue, sys, threading, work
gate = queue.Queue()
for _ in range(int(sys.argv[1])):
    threading.Thread(target=work.worker, args=(gate,), daemon=True).start()
async def main():
    event = asyncio.Event()
    tasks = [asyncio.create_task(work.task(event)) for _ in range(int(sys.argv[2]))]
    await asyncio.sleep(0)
    print('ready', flush=True)
    await asyncio.gather(*tasks)
asyncio.run(main())
";

pub fn measure(python: &Python, edits: usize) -> anyhow::Result<()> {
    println!("\nA patch of what {THREADS} threads and {TASKS} tasks run, all of which go on in the new code (ms)\n");
    let workspace = Workspace::with_program(target().join("release/hotsplice"));
    let module = workspace.write("work.py", &running(0));
    let script = workspace.write("main.py", RUNNING_PROGRAM).display().to_string();
    let mut program = workspace.run(python, &[&script, &THREADS.to_string(), &TASKS.to_string()]);
    program.wait_line("ready");
    let mut editor = Editor::start(&workspace);
    editor.wait_sessions(1);
    editor.open(&module, &running(0));
    let mut times: Vec<[u64; 3]> = Vec::new();
    for edit in 1..=edits + 3 {
        editor.change(&module, &running(edit));
        let answer = editor.patch_file(&module);
        let moved = format!("{TASKS} running calls were moved");
        ensure!(answer.to_string().contains(&moved), "not moved: {answer:#}");
        let stage = |name: &str| answer[0]["timings"][name].as_u64().unwrap_or_default();
        if edit > 3 {
            // A patch of functions alone is committed with the same request: that takes all of it.
            times.push([stage("prepare"), stage("commit"), stage("after")]);
        }
    }
    let mut whole: Vec<u64> = times.iter().map(|stages| stages[0]).collect();
    whole.sort_unstable();
    let middle = |which: usize| {
        let mut of_stage: Vec<u64> = times.iter().map(|stages| stages[which]).collect();
        of_stage.sort_unstable();
        of_stage[of_stage.len() / 2] as f64 / 1000.0
    };
    println!(
        "p50 {:.1}, p95 {:.1}   of which commit {:.1}, after {:.1}",
        whole[whole.len() / 2] as f64 / 1000.0,
        whole[whole.len() * 95 / 100] as f64 / 1000.0,
        middle(1),
        middle(2)
    );
    speed(python)
}

const SPEED: &str = "def step(number):\n    return number + 1\n";
const SPEED_PROGRAM: &str = "import sys, time, work
def spend():
    begun = time.process_time_ns()
    number = 0
    for _ in range(1_000_000):
        number = work.step(number)
    return time.process_time_ns() - begun
spend()
print('ready', flush=True)
for _ in sys.stdin:
    print(spend(), flush=True)
";

/// The same calls before a patch and after it.
fn speed(python: &Python) -> anyhow::Result<()> {
    let workspace = Workspace::with_program(target().join("release/hotsplice"));
    workspace.write("work.py", SPEED);
    let script = workspace.write("main.py", SPEED_PROGRAM).display().to_string();
    let mut program = workspace.run(python, &[&script]);
    program.wait_line("ready");
    let before = least(&mut program)?;
    workspace.write("work.py", &SPEED.replace("+ 1", "+ 2"));
    let answer = workspace.call(&["patch", "work.py"]);
    ensure!(answer.code() == Some(0), "{}", answer.errors());
    let after = least(&mut program)?;
    let percent = (after / before - 1.0) * 100.0;
    println!("\nA million calls without old ones: {before:.1} ms, {after:.1} ms after a patch ({percent:+.1} %)");
    Ok(())
}

fn least(program: &mut Program) -> anyhow::Result<f64> {
    let mut least = f64::MAX;
    for _ in 0..ROUNDS {
        program.send("go");
        let spent: f64 = program.line().trim().parse().context("a time")?;
        least = least.min(spent / 1e6);
    }
    Ok(least)
}
