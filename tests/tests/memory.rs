//! Beyond the history for undo nothing of former versions is kept: however often a program is patched, it does not grow.

use hotsplice_tests::lsp::Editor;
use hotsplice_tests::program::{Workspace, wait_for};
use hotsplice_tests::pythons;
use serde_json::json;

/// So often; `HOTSPLICE_PATCHES` asks for more.
const PATCHES: usize = 1000;

/// Some tenths of a second in all.
const ANSWERS: usize = 40;

/// Says how many blocks of memory the interpreter has handed out, whenever it is asked.
const PROGRAM: &str = "import gc, sys, subject
held = subject.work, subject.Shop().price, subject.closure(1)
print('ready', flush=True)
for line in sys.stdin:
    gc.collect()
    print(sys.getallocatedblocks(), flush=True)
";

/// Bodies, defaults, values.
fn code(number: usize) -> String {
    format!(
        "LIMIT = {number}\nTWICE = [LIMIT, LIMIT * 2]\n\ndef work(x, by=LIMIT):\n    return x, by, {number}\n\ndef closure(n):\n    def inner(x):\n        return n, x, {number}\n    return inner\n\nclass Shop:\n    tax = {number}\n    def price(self):\n        return lambda: (self.tax, {number})\n"
    )
}

/// What is run again or built again.
fn built(number: usize) -> String {
    format!(
        "{}\nimport dataclasses, enum\nKNOWN = {{}}\ndef known(name):\n    def add(function):\n        KNOWN[name] = function\n        return function\n    return add\n\n@known('at {number}')\ndef at():\n    return {number}\n\n@dataclasses.dataclass\nclass Point:\n    x: int = {number}\n\nclass Level(enum.Enum):\n    LOW = {number}\n    HIGH = {number} + 1\n",
        code(number)
    )
}

/// Patches so often, and gives what the program says afterwards.
fn answer_after(texts: impl Iterator<Item = String>, bench: &mut Bench) -> i64 {
    for text in texts {
        bench.editor.change(&bench.subject, &text);
        let answer = bench.editor.patch_file(&bench.subject);
        assert_eq!(answer[0]["committed"], json!(true), "{answer:#}");
    }
    bench.answer()
}

struct Bench {
    subject: std::path::PathBuf,
    program: hotsplice_tests::program::Program,
    editor: Editor,
}

impl Bench {
    /// Retired code is looked after for a moment, in case calls that are still inside make more functions of it: so this is the
    /// least of many answers.
    fn answer(&mut self) -> i64 {
        let answers = (0..ANSWERS).map(|_| {
            self.program.send("");
            self.program.line().parse().expect("a number")
        });
        answers.min().expect("some answers")
    }
}

#[test]
fn many_patches_leave_no_memory_behind() {
    let workspace = Workspace::new();
    let subject = workspace.write("subject.py", &built(0));
    let script = workspace.write("main.py", PROGRAM);
    let mut program = workspace.run(pythons::newest(), &[&script.display().to_string()]);
    program.wait_line("ready");
    let mut editor = Editor::start(&workspace);
    editor.wait_sessions(1);
    editor.open(&subject, &built(0));
    let mut bench = Bench { subject, program, editor };
    let patches = std::env::var("HOTSPLICE_PATCHES").ok().and_then(|value| value.parse().ok()).unwrap_or(PATCHES);
    let warm = answer_after((1..=100).map(built), &mut bench);
    let after = answer_after((101..=100 + patches / 5).map(built), &mut bench);
    // One that is kept for each patch would be as many as there were.
    assert!(after - warm < patches as i64 / 5, "what is built again: {warm} blocks, then {after}");
    let warm = answer_after((1..=100).map(code), &mut bench);
    let after = answer_after((101..=100 + patches).map(code), &mut bench);
    assert!(after - warm < patches as i64 * 4 / 5, "new code: {warm} blocks, then {after}");
}

/// Says how many functions run the module's live code, and collects nothing.
const FUNCTIONS: &str = "import gc, sys, types, subject
gc.disable()
print('ready', flush=True)
for line in sys.stdin:
    live = [subject.work, subject.closure, subject.Shop.price]
    codes = {id(function.__code__) for function in live}
    functions = [item for item in gc.get_objects() if type(item) is types.FunctionType]
    print(sum(id(function.__code__) in codes for function in functions), flush=True)
";

/// The next patch would have to look for them in all that the program has.
#[test]
fn no_function_of_a_patch_waits_for_the_garbage_collector() {
    for python in pythons::all() {
        let workspace = Workspace::new();
        let subject = workspace.write("subject.py", &built(0));
        let script = workspace.write("main.py", FUNCTIONS);
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        program.wait_line("ready");
        let mut editor = Editor::start(&workspace);
        editor.wait_sessions(1);
        editor.open(&subject, &built(0));
        let mut bench = Bench { subject, program, editor };
        assert_eq!(answer_after((1..=5).map(built), &mut bench), 3, "{}", python.name());
    }
}

/// A call stands in the code that the program began with. Says of how many versions the code is alive, and collects nothing.
const BLOCKED: &str = "import gc, queue, sys, threading, weakref, subject
gc.disable()
threading.Thread(target=subject.wait, args=(queue.Queue(),), daemon=True).start()
codes = []
print('ready', flush=True)
for line in sys.stdin:
    code = weakref.ref(subject.wait.__code__)
    if code not in codes:
        codes.append(code)
    print(sum(code() is not None for code in codes), flush=True)
";

fn blocked(number: usize) -> String {
    format!("def wait(gate):\n    while gate.get():\n        number = {number}\n")
}

/// Whoever looks for what else runs a code, or has it as a key, would have to look through all that the program has.
#[test]
fn a_call_that_stays_in_old_code_keeps_no_later_code_alive() {
    for python in pythons::all() {
        let workspace = Workspace::new();
        let subject = workspace.write("subject.py", &blocked(0));
        let script = workspace.write("main.py", BLOCKED);
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        program.wait_line("ready");
        let mut editor = Editor::start(&workspace);
        editor.wait_sessions(1);
        editor.open(&subject, &blocked(0));
        let mut bench = Bench { subject, program, editor };
        for number in 1..=5 {
            answer_after(std::iter::once(blocked(number)), &mut bench);
        }
        // The call's own, and the live one; but the next version is where the call goes on, so that is kept for it.
        let what = format!("later code to go, Python {}", python.name());
        wait_for(&what, || (bench.answer() <= 3).then_some(()));
    }
}
