//! Two functions patched together are never seen half-changed, however many threads are inside of them.

use hotsplice_tests::lsp::Editor;
use hotsplice_tests::program::Workspace;
use hotsplice_tests::pythons;
use serde_json::json;

const ODD: &str = "def scale(x, factor):\n    return 'odd', x * factor\n\ndef total(x):\n    return 'odd', scale(x, factor=2)\n\ndef alone(a, b=1):\n    return 'odd', b\n";
const EVEN: &str = "def scale(x, *, by, plus):\n    return 'even', x * by + plus\n\ndef total(x):\n    return 'even', scale(x, by=2, plus=1)\n\ndef alone(a, *, c=2, **more):\n    return 'even', c\n";

const PROGRAM: &str = "import sys, threading, subject
calls, errors, mixed = 0, [], []
right = {'odd': (('odd', ('odd', 6)), ('odd', 1)), 'even': (('even', ('even', 7)), ('even', 2))}
running = True
def work():
    global calls
    while running:
        try:
            result, alone = subject.total(3), subject.alone(3)
        except TypeError as error:
            errors.append(repr(error))
            continue
        if result != right[result[0]][0] or alone != right[alone[0]][1]:
            mixed.append((result, alone))
        calls += 1
threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
print('ready', flush=True)
sys.stdin.readline()
running = False
for thread in threads:
    thread.join()
print(calls > 1000, len(errors), len(mixed), errors[:1], mixed[:1], flush=True)
";

#[test]
fn eight_threads_never_see_half_of_a_patch() {
    pythons::two_at_a_time(pythons::all().iter(), |python| {
        let patches = if python == pythons::newest() { 60 } else { 20 };
        let workspace = Workspace::new();
        let subject = workspace.write("subject.py", ODD);
        let script = workspace.write("main.py", PROGRAM);
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        program.wait_line("ready");
        let mut editor = Editor::start(&workspace);
        editor.wait_sessions(1);
        editor.open(&subject, ODD);
        for number in 1..=patches {
            editor.change(&subject, if number % 2 == 0 { ODD } else { EVEN });
            let answer = editor.patch_file(&subject);
            assert_eq!(answer[0]["committed"], json!(true), "Python {}: {answer:#}", python.name());
        }
        program.send("");
        assert_eq!(program.line(), "True 0 0 [] []", "Python {}", python.name());
    });
}
