//! Functions that are guarded from outside: their calls are held when they fail, and answered from the command line.

mod answers;
mod guarding;
mod kinds;

use hotsplice_tests::holding::LONG;
use hotsplice_tests::program::{Program, Workspace};
use hotsplice_tests::pythons::Python;

const TRAIN: &str = "\
def batch(n):
    return list(range(n))

def evaluate(total, n):
    items = batch(n)
    return total / len(items)

def main():
    total = 41
    for step in range(3):
        total += 1
    print('result', evaluate(total, 0), flush=True)

main()
";

fn guarded(workspace: &Workspace, python: &Python, text: &str) -> Program {
    let script = workspace.write("train.py", text);
    workspace.run(python, &["--guard", "train.*", "--hold-for", LONG, &script.display().to_string()])
}
