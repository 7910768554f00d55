//! Blocks that `repeat` runs again after a patch.

use hotsplice_tests::program::Workspace;
use hotsplice_tests::pythons;

/// What `repeat` keeps of a round is none of the program's: nothing is reported of it.
#[test]
fn a_patch_between_two_rounds_has_no_caveat() {
    let text = "\
import hotsplice, shop
text = open(shop.__file__).read()
for attempt in hotsplice.repeat():
    with attempt:
        price = shop.price()
    if attempt.number == 2:
        break
    report = hotsplice.patch(shop, text.replace('1', '2')).check()
    print([(edit.definition, edit.code) for edit in report.caveats], flush=True)
print(price, flush=True)
";
    for python in [&pythons::all()[0], pythons::newest()] {
        let workspace = Workspace::new();
        workspace.write("shop.py", "def price():\n    return 1\n");
        let script = workspace.write("app.py", text);
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        assert_eq!([program.line(), program.line()], ["[]", "2"], "Python {}", python.name());
        assert_eq!(program.wait(), Some(0));
    }
}

/// What a block uses, before and after an edit: text of a module, an expression, the new text.
const USED: &[[&str; 3]] = &[
    ["RATE = 1\n", "m.RATE", "RATE = 2\n"],
    ["TABLE = {'a': 1}\n", "m.TABLE['a']", "TABLE = {'a': 2}\n"],
    ["class C:\n    x = 1\nc = C()\n", "m.c.x", "class C:\n    x = 2\nc = C()\n"],
    ["import enum\nclass C(enum.Enum):\n    A = 1\n", "m.C.A.value", "import enum\nclass C(enum.Enum):\n    A = 2\n"],
    [
        "from dataclasses import dataclass\n@dataclass\nclass C:\n    x: int = 1\n",
        "m.C().x",
        "from dataclasses import dataclass\n@dataclass\nclass C:\n    x: int = 2\n",
    ],
    ["import operator\nf = operator.itemgetter(0)\n", "m.f([1, 2])", "import operator\nf = operator.itemgetter(1)\n"],
    ["def f():\n    return 1\n", "in_thread(lambda: m.f())", "def f():\n    return 2\n"],
    ["def f():\n    yield 1\n", "next(m.f())", "def f():\n    yield 2\n"],
    ["def f(x=1):\n    return x\n", "m.f()", "def f(x=2):\n    return x\n"],
];

const REPEATING: &str = "import hotsplice, threading
def in_thread(call):
    given = []
    thread = threading.Thread(target=lambda: given.append(call()))
    thread.start()
    thread.join()
    return given[0]
def rounds(m, call, new):
    got = []
    for attempt in hotsplice.repeat():
        with attempt:
            got.append(call(m))
        if len(got) == 2:
            return got
        with open(m.__file__, 'w') as file:
            file.write(new)
";

#[test]
fn a_block_is_repeated_after_a_patch_of_anything_that_it_uses() {
    for python in [&pythons::all()[0], pythons::newest()] {
        let workspace = Workspace::new();
        let mut script = REPEATING.to_owned();
        for (index, [old, expression, new]) in USED.iter().enumerate() {
            workspace.write(&format!("used{index}.py"), old);
            script += &format!(
                "import used{index}\nprint(rounds(used{index}, lambda m: {expression}, {new:?}), flush=True)\n"
            );
        }
        let script = workspace.write("main.py", &script);
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        for [_, expression, _] in USED {
            assert_eq!(program.line(), "[1, 2]", "Python {}, {expression}: {}", python.name(), program.stderr());
        }
        assert_eq!(program.wait(), Some(0));
    }
}
