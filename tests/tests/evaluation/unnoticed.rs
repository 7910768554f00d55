//! What the program does not notice of an evaluation.

use hotsplice_tests::program::Workspace;
use hotsplice_tests::pythons::{self};

use super::start;

#[test]
fn a_dry_run_starts_nothing_and_reports_what_it_could_not_foresee() {
    let module = "import threading
INTERVAL = 1
STARTED = []
def start(seconds):
    STARTED.append(seconds)
    return threading.Thread(target=threading.Event().wait, daemon=True).start()
worker = start(INTERVAL)
def f(a=1):
    return a
LIST = [1, 2]
";
    let workspace = Workspace::new();
    let mut program = start(&workspace, pythons::newest(), module);
    let edited = module
        .replace("INTERVAL = 1", "INTERVAL = 2")
        .replace("start(INTERVAL)", "start(INTERVAL + 1)")
        .replace("a=1", "a=2")
        .replace("[1, 2]", "[1, 2, 3]");
    workspace.write("m.py", &edited);
    let text = workspace.call(&["patch", "m.py", "--dry-run"]).expect(0).text();
    assert_eq!(text.matches("HS0109").count(), 1, "{text}");
    assert!(text.contains("would apply 4 edits, 1 with a caveat"), "{text}");
    let asked = "m.INTERVAL, m.STARTED, m.f(), m.LIST, m.threading.active_count()";
    assert_eq!(program.ask(asked), "(1, [1], 1, [1, 2], 2)");
}

#[test]
fn text_that_python_does_not_compile_is_refused_also_where_it_is_not_run() {
    let module = "from __future__ import annotations\nX = 1\ndef f():\n    return 1\n";
    for python in pythons::all() {
        let workspace = Workspace::new();
        let mut program = start(&workspace, python, module);
        for wrong in [
            "return 1\n",
            "class A:\n    return 1\n",
            "yield 1\n",
            "await f()\n",
            "break\n",
            "nonlocal X\n",
            "global X\n",
            "if X:\n    return 2\n",
        ] {
            workspace.write("m.py", &format!("{}{wrong}", module.replace("return 1", "return 2")));
            workspace.call(&["patch", "m.py"]).expect(1);
        }
        workspace.write("m.py", &format!("import os\n{}", module.replace("return 1", "return 2")));
        workspace.call(&["patch", "m.py"]).expect(1);
        assert_eq!(program.ask("m.f()"), "1", "Python {}", python.name());
        let text = module.replace("return 1", "'''\nfrom __future__ import nothing\n'''\n    return 3");
        workspace.write("m.py", &text.replace("X = 1", "X = 3"));
        workspace.call(&["patch", "m.py"]).expect(0);
        assert_eq!(program.ask("m.X, m.f()"), "(3, 3)", "Python {}", python.name());
    }
}

/// Objects that note whatever they are asked, and raise; in every place where a patch comes across one.
const HOSTILE: &str = r#"import sys, types
ASKED = []
def no(what):
    def asked(*_arguments, **_keywords):
        ASKED.append(f"{what} {sys._getframe(1).f_code.co_filename}:{sys._getframe(1).f_lineno}")
        raise RuntimeError(what)
    return asked
class Hostile:
    __class__ = property(no("__class__"))
    __dict__ = property(no("__dict__"))
    __eq__, __ne__, __hash__, __bool__ = no("__eq__"), no("__ne__"), no("__hash__"), no("__bool__")
    __len__, __iter__, __repr__, __str__ = no("__len__"), no("__iter__"), no("__repr__"), no("__str__")
    __getattr__, __getattribute__ = no("__getattr__"), no("__getattribute__")
class Meta(type):
    __eq__, __hash__, __bool__, __getattr__ = no("=="), no("hash"), no("bool"), no("getattr")
    __instancecheck__, __subclasscheck__ = no("isinstance"), no("issubclass")
class Lazy(types.ModuleType):
    __getattribute__ = no("module")
class NoModule:
    __slots__ = ()
    __class__ = property(lambda self: types.ModuleType)
H, C, L = Hostile(), Meta("C", (), {}), Lazy.__new__(Lazy)
types.ModuleType.__init__(L, "lazy")
I = C()
for name, value in {"h": H, "c": C, "l": L, "i": I, "n": NoModule()}.items():
    sys.modules["hostile." + name] = value
ITEMS, TABLE, PAIR = [H, C, I], {"h": H, "c": C, "i": I}, (H, C)
def closing(h):
    def inner(): return h, 1
    return inner
G = closing(H)
def deco(f):
    ITEMS.append(f)
    return f
@deco
def g(a=1, *, h=H): return a
class A:
    h, c = H, C
    x = 1
    def m(self): return 1
class B(A):
    def m(self): return super().m()
a = A()
a.other = H
N = 1
gone = 5
def f(): return N
"#;

#[test]
fn objects_of_the_program_are_looked_at_without_asking_them() {
    for python in pythons::all() {
        let workspace = Workspace::new();
        let mut program = start(&workspace, python, HOSTILE);
        let edited = HOSTILE
            .replace("N = 1", "N = 2")
            .replace("a=1, *", "a=2, *")
            .replace("x = 1", "x = 2\n    y = 3")
            .replace("return 1\nclass B", "return 2\n    def n(self): return 3\nclass B")
            .replace("gone = 5\n", "new = [1]\n")
            .replace("@deco\n", "@deco\n@deco\n")
            .replace("return h, 1", "return h, 2")
            .replace("def f(): return N", "def f(b=3): return N + b");
        workspace.write("m.py", &edited);
        let text = workspace.call(&["patch", "m.py"]).text();
        assert_eq!(program.ask("m.ASKED"), "[]", "Python {}: {text}", python.name());
        let asked = "m.f(), m.g(), m.a.m(), m.a.n(), m.A.x, m.A.y, m.B().m(), m.G()[1], m.new, hasattr(m, 'gone')";
        assert_eq!(program.ask(asked), "(5, 2, 2, 3, 2, 3, 2, 2, [1], False)", "Python {}: {text}", python.name());
    }
}

#[test]
fn assignments_are_not_seen_before_the_commit_and_a_refused_patch_leaves_none() {
    let module = "TABLE, LIST = {'a': 1}, [1, 2]
class Settings:
    debug = False
class Item: pass
item = Item()
N = 1
";
    let more = "TABLE['b'] = 2
TABLE['b'] = 3
LIST[0] = 5
Settings.debug = True
item.name = 'x'
";
    let asked = "m.TABLE, m.LIST, m.Settings.debug, vars(m.item)";
    for python in pythons::all() {
        let workspace = Workspace::new();
        let mut program = start(&workspace, python, module);
        workspace.write("m.py", &format!("{module}{more}BROKEN = 1 / 0\n"));
        workspace.call(&["patch", "m.py"]).expect(1);
        assert_eq!(program.ask(asked), "({'a': 1}, [1, 2], False, {})", "Python {}", python.name());
        workspace.write("m.py", &format!("{module}{more}"));
        let text = workspace.call(&["patch", "m.py"]).expect(0).text();
        let wanted = "({'a': 1, 'b': 3}, [5, 2], True, {'name': 'x'})";
        assert_eq!(program.ask(asked), wanted, "Python {}: {text}", python.name());
    }
}
