//! Nothing of a patch is seen in the program before its commit, and what the program does meanwhile holds: on every Python.

use hotsplice_tests::program::Workspace;
use hotsplice_tests::pythons;

/// Prints what each line that it reads gives.
const PROMPT: &str =
    "import os, sys, m\nprint('ready', flush=True)\nfor line in sys.stdin:\n    print(repr(eval(line)), flush=True)\n";

/// A statement that says that it has been reached, and goes on when the program says so.
const SLOW: &str = "W = os.write(1, b'reached\\n') and os.read(GO[0], 1)\n";

/// Patches a module; while the slow statement of its new text runs, and afterwards, the expressions give what is expected of them.
fn meanwhile(before: &str, after: &str, during: &[(&str, &str)], afterwards: &[(&str, &str)]) {
    for python in pythons::all() {
        let workspace = Workspace::new();
        let head = "import os, dataclasses\nGO = os.pipe()\n";
        workspace.write("m.py", &format!("{head}{before}"));
        let script = workspace.write("main.py", PROMPT);
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        program.wait_line("ready");
        workspace.sessions(1);
        workspace.write("m.py", &format!("{head}{after}"));
        let called = std::thread::scope(|scope| {
            let patching = scope.spawn(|| workspace.call(&["patch", "m.py"]));
            program.wait_line("reached");
            for (expression, expected) in during {
                assert_eq!(&program.ask(expression), expected, "Python {}: {expression}", python.name());
            }
            program.ask("os.write(m.GO[1], b'x')");
            patching.join().expect("a result")
        });
        assert_eq!(called.code(), Some(0), "Python {}: {}{}", python.name(), called.text(), called.errors());
        for (expression, expected) in afterwards {
            assert_eq!(&program.ask(expression), expected, "Python {}: {expression}", python.name());
        }
    }
}

const FUNCTIONS: &str = "\
TABLE, ORDER, EVENTS = {}, [], {'x': []}
def put(event, f):
    EVENTS.setdefault(event, []).append(f)
def on(name, event='x'):
    def add(f):
        if name in TABLE:
            raise ValueError(name)
        TABLE[name] = f
        ORDER.append((len(TABLE), f))
        put(event, f)
        return f
    return add
@on('a')
def a(): return 'old'
@on('b')
def b(): return 'old'
@on('c')
def c(): return 'old'
";

#[test]
fn a_registry_that_functions_fill_is_the_programs_own_until_the_commit() {
    let after = FUNCTIONS
        .replace("'old'", "'new'")
        .replace("@on('a')", "@on('A')")
        .replace("@on('b')", "@on('b', 'y')")
        .replace("@on('c')", &format!("{SLOW}@on('C')"));
    meanwhile(
        FUNCTIONS,
        &after,
        &[
            ("[(name, f()) for name, f in m.TABLE.items()]", "[('a', 'old'), ('b', 'old'), ('c', 'old')]"),
            (
                "[f() for _, f in m.ORDER], [f() for f in m.EVENTS['x']], list(m.EVENTS)",
                "(['old', 'old', 'old'], ['old', 'old', 'old'], ['x'])",
            ),
            // What is cleared does not come back, and what is new stays.
            ("m.TABLE.pop('c')()", "'old'"),
            ("m.TABLE.update(own=len)", "None"),
        ],
        &[
            (
                "sorted(m.TABLE), m.TABLE['A'] is m.a, m.TABLE['b'] is m.b, m.TABLE['own'] is len",
                "(['A', 'b', 'own'], True, True, True)",
            ),
            ("[f() for _, f in m.ORDER], m.EVENTS == {'x': [m.a, m.c], 'y': [m.b]}", "(['new', 'new', 'new'], True)"),
            ("m.on.__globals__ is vars(m), m.put.__globals__ is vars(m)", "(True, True)"),
        ],
    );
}

const OBJECT: &str = "\
class Command:
    def __init__(self, bus, f):
        self.bus, self.f = bus, f
class Bus:
    def __init__(self):
        self.commands, self.count, self.last = {}, 0, None
    def on(self, name):
        def add(f):
            self.commands[name] = Command(self, f)
            self.count += 1
            self.last = f
            return f
        return add
bus = Bus()
@bus.on('a')
def a(): return 'old'
@bus.on('b')
def b(): return 'old'
";

#[test]
fn an_object_that_functions_are_registered_with_is_as_it_was_until_the_commit() {
    let after = OBJECT
        .replace("'old'", "'new'")
        .replace("@bus.on('a')", "@bus.on('A')")
        .replace("@bus.on('b')", &format!("{SLOW}@bus.on('B')"));
    meanwhile(
        OBJECT,
        &after,
        &[(
            "[(n, c.f()) for n, c in m.bus.commands.items()], m.bus.count, m.bus.last is m.b",
            "([('a', 'old'), ('b', 'old')], 2, True)",
        )],
        &[
            ("sorted(m.bus.commands), m.bus.commands['A'].f is m.a, m.bus.last is m.b", "(['A', 'B'], True, True)"),
            ("[c.bus is m.bus for c in m.bus.commands.values()], m.a()", "([True, True], 'new')"),
        ],
    );
}

const CLASSES: &str = "\
KINDS = {}
def register(cls):
    if cls.__name__ in KINDS:
        raise ValueError(cls.__name__)
    KINDS[cls.__name__] = cls
    return cls
@register
@dataclasses.dataclass
class A:
    x: int = 1
class Base:
    kinds = {}
    def __init_subclass__(cls, **keywords):
        Base.kinds[cls.__name__] = cls
class B(Base):
    def f(self): return 'old'
";

#[test]
fn classes_that_are_made_again_are_found_as_they_were_until_the_commit() {
    let after = CLASSES
        .replace("x: int = 1", "x: int = 2")
        .replace("'old'", "'new'")
        .replace("class B(Base):", "class B(Base):\n    y = 1")
        + SLOW;
    meanwhile(
        CLASSES,
        &after,
        &[
            ("m.KINDS['A'] is m.A, m.KINDS['A']().x", "(True, 1)"),
            ("m.Base.kinds['B'] is m.B, m.Base.kinds['B']().f()", "(True, 'old')"),
        ],
        &[
            ("m.KINDS['A'] is m.A, m.KINDS['A']().x, len(m.KINDS)", "(True, 2, 1)"),
            ("m.Base.kinds['B'] is m.B, m.Base.kinds['B']().f(), m.B.y", "(True, 'new', 1)"),
        ],
    );
}

const PLACES: &str = "\
TABLE = {'x': 1}
TABLE['gone'] = 1
NAMES = ['a']
class Settings:
    debug = False
";

#[test]
fn items_and_attributes_hold_what_they_did_until_the_commit() {
    let after = PLACES.replace("TABLE['gone'] = 1\n", "")
        + "TABLE['y'] = max(1, 2)\nSettings.debug = bool(1)\nNAMES[0] = str(5)\n"
        + SLOW;
    meanwhile(
        PLACES,
        &after,
        &[("m.TABLE, m.NAMES, m.Settings.debug", "({'x': 1, 'gone': 1}, ['a'], False)")],
        &[("m.TABLE, m.NAMES, m.Settings.debug", "({'x': 1, 'y': 2}, ['5'], True)")],
    );
}

const COUNTED: &str = "\
TABLE, COUNT, LOG = {}, {'n': 0}, []
NEXT = 0
def on(name):
    def add(f):
        global NEXT
        NEXT += 1
        COUNT['n'] += 1
        LOG.append(name)
        TABLE[name] = f
        return f
    return add
@on('a')
def a(): return 'old'
X = 1
";

#[test]
fn decorators_of_a_patch_that_is_refused_leave_no_trace() {
    for python in pythons::all() {
        let workspace = Workspace::new();
        workspace.write("m.py", COUNTED);
        let script = workspace.write("main.py", PROMPT);
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        program.wait_line("ready");
        workspace.sessions(1);
        workspace.write("m.py", &COUNTED.replace("@on('a')", "@on('b')").replace("X = 1", "X = 1 / 0"));
        workspace.call(&["patch", "m.py"]).expect(1);
        let seen = program.ask("list(m.TABLE), m.COUNT, m.LOG, m.NEXT, m.a()");
        assert_eq!(seen, "(['a'], {'n': 1}, ['a'], 1, 'old')", "Python {}", python.name());
    }
}
