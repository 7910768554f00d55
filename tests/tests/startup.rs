//! A program under Hotsplice imports what it imports without: nothing of the standard library is there before it, nor
//! after a patch, that the program has not asked for.

use std::process::Command;

use hotsplice_tests::program::{Program, Workspace};
use hotsplice_tests::{built, pythons, repository};

/// What the engine, or what it imports, needs of the standard library.
const NAMES: &[&str] = &[
    "ast",
    "copy",
    "dataclasses",
    "dis",
    "enum",
    "functools",
    "inspect",
    "keyword",
    "operator",
    "platform",
    "random",
    "re",
    "textwrap",
    "threading",
    "token",
    "tokenize",
    "traceback",
    "types",
    "typing",
    "warnings",
    "weakref",
];

const PROGRAM: &str = "import sys, m
before = set(sys.modules)
print('ready', flush=True)
sys.stdin.readline()
print(m.X, m.f(), sorted(name for name in set(sys.modules) - before - set(sys.builtin_module_names) if not name.startswith('hotsplice')), flush=True)
for name in sys.argv[1:]:
    if name not in before and getattr(__import__(name), 'who', None) != name:
        print(name, flush=True)
print('seen', flush=True)
sys.stdin.readline()
print(m.X, m.f(), flush=True)
";

#[test]
fn modules_of_the_program_are_not_shadowed_by_the_standard_library() {
    for python in pythons::all() {
        let workspace = Workspace::new();
        for name in NAMES {
            workspace.write(&format!("{name}.py"), &format!("who = '{name}'\n"));
        }
        workspace.write("m.py", "X = 1\ndef f(a=1): return a\n");
        let script = workspace.write("main.py", PROGRAM).display().to_string();
        let mut program = workspace.run(python, &[&[script.as_str()], NAMES].concat());
        program.wait_line("ready");
        workspace.write("m.py", "X = len('22')\ndef f(a=2): return a\n");
        workspace.call(&["patch", "m.py"]).expect(0);
        program.send("");
        assert_eq!(program.line(), "2 2 []", "Python {}", python.name());
        assert_eq!(program.line(), "seen", "Python {}", python.name());
        workspace.write("m.py", "X = len('333')\ndef f(a=3): return a\n");
        workspace.call(&["patch", "m.py"]).expect(0);
        program.send("");
        assert_eq!(program.line(), "3 3", "Python {}", python.name());
    }
}

#[test]
fn the_agent_s_start_imports_nothing() {
    let script =
        "import sys\nprint(sorted(name for name in sys.modules if not name.startswith(('hotsplice', '_hotsplice'))))\n";
    for python in pythons::all() {
        let workspace = Workspace::new();
        let script = workspace.write("main.py", script).display().to_string();
        let with = workspace.run(python, &[&script]).line();
        let plain = std::process::Command::new(&python.path).arg(&script).output().expect("it runs");
        let plain = String::from_utf8_lossy(&plain.stdout);
        let names =
            |text: &str| text.trim().trim_matches(['[', ']']).split(", ").map(str::to_owned).collect::<Vec<_>>();
        let plain = names(&plain);
        let ours = ["'atexit'", "'sitecustomize'", "'time'"];
        let more: Vec<_> = names(&with).into_iter().filter(|name| !plain.contains(name)).collect();
        assert!(more.iter().all(|name| ours.contains(&name.as_str())), "Python {}: {more:?}", python.name());
    }
}

/// By an upgrade, or since the process changed its user.
#[test]
fn an_engine_that_can_not_be_read_any_more_is_said_to_be_so() {
    let workspace = Workspace::new();
    let package = workspace.path().join("package");
    std::fs::create_dir(&package).expect("a folder");
    let copied = Command::new("cp").arg("-r").arg(repository().join("agent/python/hotsplice")).arg(&package).status();
    assert!(copied.expect("cp").success());
    let text = "import sys, hotsplice\nhotsplice.listen()\ndef greet():\n    return 'old'\nprint('ready', flush=True)\nfor line in sys.stdin:\n    print(greet(), flush=True)\n";
    let path = workspace.write("app.py", text);
    let mut command = Command::new(&pythons::newest().path);
    command.arg(&path).current_dir(workspace.path()).env("PYTHONPATH", &package);
    command.env("HOTSPLICE_RUNTIME_DIR", workspace.registry());
    command.env("HOTSPLICE_AGENT_LIBRARY", built("lib_agent.so"));
    let mut program = Program::start(command);
    program.wait_line("ready");
    let (engine, away) = (package.join("hotsplice/_engine"), package.join("hotsplice/away"));
    std::fs::rename(&engine, &away).expect("renamed");
    workspace.write("app.py", &text.replace("'old'", "'new'"));
    let refused = workspace.call(&["patch", "app.py"]).expect(1).text();
    assert!(
        refused.contains("HS0011") && refused.contains(&format!("can't read {} any more", engine.display())),
        "{refused}"
    );
    assert!(!refused.contains("Traceback"), "{refused}");
    program.send("");
    assert_eq!(program.line(), "old");
    std::fs::rename(&away, &engine).expect("renamed");
    workspace.call(&["patch", "app.py"]).expect(0);
    program.send("");
    assert_eq!(program.line(), "new");
}

#[test]
fn the_engine_is_loaded_whatever_of_the_standard_library_the_program_has_imported() {
    for python in pythons::all() {
        for imports in ["enum", "dataclasses, enum, functools", "subprocess, multiprocessing", "logging, asyncio"] {
            let workspace = Workspace::new();
            workspace.write("m.py", &format!("import {imports}\nX = 1\ndef f(a=1): return a\n"));
            let script = workspace.write(
                "main.py",
                "import sys, m\nprint('ready', flush=True)\nsys.stdin.readline()\nprint(m.X, m.f(), flush=True)\n",
            );
            let mut program = workspace.run(python, &[&script.display().to_string()]);
            program.wait_line("ready");
            workspace.write("m.py", &format!("import {imports}\nX = 2\ndef f(a=2): return a\n"));
            workspace.call(&["patch", "m.py"]).expect(0);
            program.send("");
            assert_eq!(program.line(), "2 2", "Python {}: {imports}", python.name());
        }
    }
}

/// The program's own classes of the standard library are what the engine goes by, whenever it was loaded.
#[test]
fn what_the_program_imports_after_the_engine_was_loaded_is_known_for_what_it_is() {
    let text = "import collections, enum, functools\n\
        HANDLERS = collections.deque()\nTABLE = collections.OrderedDict()\n\
        def on(name):\n    def put(f):\n        HANDLERS.append((name, f))\n        TABLE[name] = f\n        return f\n    return put\n\
        @on('a')\ndef handler(n=1): return n\n\
        held = functools.partial(handler)\n\
        class P(enum.Flag):\n    X = 1\n    ALL = X\n\
        def state(): return [(n, f()) for n, f in HANDLERS], [(n, f()) for n, f in TABLE.items()], held(), P.ALL.value\n";
    let main = "import sys\nprint('ready', flush=True)\nsys.stdin.readline()\nimport m\nx = m.P.X\nprint('steady', flush=True)\n\
        sys.stdin.readline()\nprint(m.state(), x is m.P.X, flush=True)\n";
    for python in pythons::all() {
        let workspace = Workspace::new();
        workspace.write("m.py", text);
        let script = workspace.write("main.py", main).display().to_string();
        let mut program = workspace.run(python, &[&script]);
        program.wait_line("ready");
        // Loads the engine.
        workspace.call(&["status"]).expect(0);
        program.send("");
        program.wait_line("steady");
        let edited = text.replace("@on('a')", "@on('b')").replace("n=1", "n=2");
        workspace.write("m.py", &edited.replace("    ALL = X\n", "    Y = 2\n    ALL = X | Y\n"));
        workspace.call(&["patch", "m.py"]).expect(0);
        program.send("");
        assert_eq!(program.line(), "([('b', 2)], [('b', 2)], 2, 3) True", "Python {}", python.name());
    }
}
