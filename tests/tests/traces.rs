//! A patch that does not go live leaves nothing of what was run for it.

use hotsplice_tests::program::{Program, Workspace};
use hotsplice_tests::pythons;

/// What a module has, what an edit adds to it, and what must be as before when that is refused.
const SITUATIONS: &[(&str, &str, &str)] = &[
    (
        "COUNT = 0\ndef counted(f):\n    global COUNT\n    COUNT += 1\n    return f\n@counted\ndef a1(): pass",
        "@counted\ndef b1(): pass",
        "m.COUNT",
    ),
    (
        "NAMES = []\ndef named(f):\n    NAMES.append(f.__name__.upper())\n    return f\n@named\ndef a2(): pass",
        "@named\ndef b2(): pass",
        "m.NAMES",
    ),
    (
        "class Registry:\n    def __init__(self): self.n, self.items = 0, {}\n    def add(self, f):\n        self.n += 1\n        self.items[f.__name__ + '!'] = self.n\n        return f\nregistry = Registry()\n@registry.add\ndef a3(): pass",
        "@registry.add\ndef b3(): pass",
        "(m.registry.n, m.registry.items)",
    ),
    (
        "class Base:\n    count, names = 0, []\n    def __init_subclass__(cls):\n        Base.count += 1\n        Base.names.append(cls.__name__.lower())\nclass A4(Base): pass",
        "class B4(Base): pass",
        "(m.Base.count, m.Base.names)",
    ),
    (
        "class Meta(type):\n    seen = {}\n    def __init__(cls, *given):\n        super().__init__(*given)\n        Meta.seen[cls.__name__.lower()] = len(Meta.seen)\nclass A5(metaclass=Meta): pass",
        "class B5(A5): pass",
        "m.Meta.seen",
    ),
    (
        "class Field:\n    made = []\n    def __set_name__(self, owner, name): Field.made.append(name.upper())\nclass A6:\n    x = Field()",
        "class B6:\n    y = Field()",
        "m.Field.made",
    ),
    (
        "class Slotted:\n    __slots__ = ('n',)\nstate = Slotted()\nstate.n = 1\nSEEN, QUEUE, ORDER = set(), collections.deque(), [3, 1, 2]\ndef compute(k):\n    state.n += k\n    SEEN.add(k)\n    QUEUE.append(k)\n    ORDER.sort()\n    return k\nV7 = compute(0) and 1",
        "W7 = compute(2)",
        "(m.state.n, m.SEEN, m.QUEUE, m.ORDER)",
    ),
    (
        "class Thing:\n    everything = weakref.WeakSet()\n    def __init__(self): Thing.everything.add(self); KEPT.append(self)\nKEPT = []\nX8 = Thing()",
        "Y8 = Thing()",
        "(len(m.Thing.everything), len(m.KEPT))",
    ),
    (
        "def configure():\n    os.environ['HOTSPLICE_TRACE'] = '1'\n    os.environ['HOTSPLICE_KEPT'] = '2'\n    log.addHandler(logging.NullHandler())\n    return 1\nlog = logging.getLogger('traces')\nos.environ['HOTSPLICE_KEPT'] = '1'",
        "W9 = configure()",
        "(os.environ.get('HOTSPLICE_TRACE'), os.popen('echo $HOTSPLICE_TRACE $HOTSPLICE_KEPT').read(), m.log.handlers)",
    ),
    (
        "TABLE12 = {'a': 1}",
        "def set12():\n    import random, sys, warnings\n    TABLE12['b'] = random.random()\n    os.chdir('/')\n    warnings.simplefilter('error')\n    sys.setrecursionlimit(3000)\n    logging.getLogger('set12').setLevel(10)\n    return 1\nV12 = set12()",
        "(m.TABLE12, os.getcwd(), hash(__import__('random').getstate()), len(__import__('warnings').filters), sys.getrecursionlimit(), __import__('logging').getLogger('set12').level)",
    ),
    (
        "class Plain: pass\nplain = Plain()\nclass Last:\n    def __init_subclass__(cls): Last.last = plain.last = Plain.last = cls.__name__",
        "class B11(Last): pass",
        "(hasattr(m.Last, 'last'), vars(m.plain), hasattr(m.Plain, 'last'))",
    ),
    (
        "DEFAULTS = []\ndef noted(x):\n    DEFAULTS.append(x)\n    return x\ndef a10(v=noted(1)): pass",
        "def b10(v=noted(2)): pass",
        "m.DEFAULTS",
    ),
    (
        "BYTES, TEXT, RAW, NUMBERS = bytearray(b'a'), io.StringIO(), io.BytesIO(b'b'), array.array('d', [1.5, float('nan')])\nTEXT.write('c')\ndef written(x):\n    BYTES.extend(b'dd')\n    BYTES[0] = 1\n    TEXT.write('e')\n    RAW.write(b'ff')\n    NUMBERS.append(x)\n    return x\nV12 = written(1) and 1",
        "W12 = written(2)",
        "(m.BYTES, m.TEXT.getvalue(), m.TEXT.tell(), m.RAW.getvalue(), m.RAW.tell(), m.NUMBERS)",
    ),
];

fn start(workspace: &Workspace, python: &pythons::Python, module: &str) -> Program {
    workspace.write("m.py", module);
    let script = "import os, sys, m\nprint('ready', flush=True)\nfor line in sys.stdin:\n    print(repr(eval(line)), flush=True)\n";
    let script = workspace.write("main.py", script);
    let mut program = workspace.run(python, &[&script.display().to_string()]);
    program.wait_line("ready");
    workspace.sessions(1);
    program
}

/// Patches `m.py`, where the commit is to fail if a number is given.
fn patched(workspace: &Workspace, text: &str, failing: Option<usize>) -> String {
    workspace.write("m.py", text);
    let mut command = workspace.hotsplice();
    command.args(["patch", "m.py"]);
    if let Some(operation) = failing {
        command.env("HOTSPLICE_FAIL_COMMIT_AT", operation.to_string());
    }
    String::from_utf8_lossy(&command.output().expect("hotsplice starts").stdout).into_owned()
}

#[test]
fn a_patch_that_is_refused_or_fails_takes_back_what_was_run_for_it() {
    let all = |part: fn(&(&str, &str, &str)) -> String| SITUATIONS.iter().map(part).collect::<Vec<_>>().join("\n");
    let before = format!("import array, collections, io, logging, os, weakref\n{}\n", all(|one| one.0.to_owned()));
    let after = format!("{before}{}\n", all(|one| one.1.to_owned()));
    let state = format!("[{}]", SITUATIONS.iter().map(|one| one.2).collect::<Vec<_>>().join(", "));
    for python in pythons::all() {
        // Where another thread has had its turn meanwhile, it is told so: the program's own may just have been busy answering.
        let attempt = || {
            let workspace = Workspace::new();
            let mut program = start(&workspace, python, &before);
            let former = program.ask(&state);
            let told = patched(&workspace, &format!("{after}BAD = 1 / 0\n"), None);
            assert!(told.contains("HS0103"), "Python {}: {told}", python.name());
            if told.contains("HS0111") {
                return false;
            }
            assert_eq!(program.ask(&state), former, "Python {}: refused", python.name());
            for operation in [0, 5, 10] {
                let told = patched(&workspace, &after, Some(operation));
                assert!(told.contains("was to fail"), "Python {}: {told}", python.name());
                if told.contains("HS0111") {
                    return false;
                }
                assert_eq!(program.ask(&state), former, "Python {}: operation {operation}", python.name());
            }
            let told = patched(&workspace, &after, None);
            assert!(told.contains("live"), "Python {}: {told}", python.name());
            let wanted = ["(2, {'a3!': 1, 'b3!': 2})", "(2, ['a4', 'b4'])", "['X', 'Y']", "[1, 2]"];
            let now = program.ask(&state);
            assert!(wanted.iter().all(|one| now.contains(one)), "Python {}: {now}", python.name());
            true
        };
        assert!((0..10).any(|_| attempt()), "Python {}: other threads always had their turn", python.name());
    }
}

#[test]
fn what_other_threads_did_meanwhile_is_never_taken_back() {
    let before = "import threading, time\nclass Listed:\n    items = []\n    def __init_subclass__(cls):\n        Listed.items.append(cls.__name__.lower())\n        time.sleep(0.05)\ndef work():\n    n = 0\n    while True:\n        Listed.items.append(n)\n        n += 1\n        time.sleep(0.001)\nthread = threading.Thread(target=work, daemon=True)\nthread.start()\n";
    for python in pythons::all() {
        let workspace = Workspace::new();
        let mut program = start(&workspace, python, before);
        let told = patched(&workspace, &format!("{before}class B(Listed): pass\nBAD = 1 / 0\n"), None);
        assert!(told.contains("HS0103") && told.contains("HS0111"), "Python {}: {told}", python.name());
        let numbers =
            "(lambda own: own == list(range(len(own))))([one for one in m.Listed.items[:] if type(one) is int])";
        assert_eq!(program.ask(numbers), "True", "Python {}", python.name());
    }
}
