//! Files of a program that are no module at the moment: imports that have not ended, modules that are gone, prompts, packages.

use hotsplice_tests::lsp::Editor;
use hotsplice_tests::program::{Program, Workspace};
use hotsplice_tests::pythons;
use serde_json::Value;

fn codes(results: &Value) -> Vec<String> {
    let files = results.as_array().expect("a list").iter();
    let edits = files.flat_map(|file| file["edits"].as_array().expect("edits"));
    edits.filter_map(|edit| edit["code"].as_str().map(str::to_owned)).collect()
}

/// Prints what an expression gives for each line that it is sent.
fn start(workspace: &Workspace, python: &pythons::Python, setup: &str) -> Program {
    let text = format!(
        "{setup}\nimport sys\nprint('ready', flush=True)\nfor line in sys.stdin:\n    print(eval(line), flush=True)\n"
    );
    let script = workspace.write("main.py", &text).display().to_string();
    let mut program = workspace.run(python, &[&script]);
    program.wait_line("ready");
    program
}

#[test]
fn a_patch_waits_for_an_import_to_end() {
    for python in pythons::all() {
        let workspace = Workspace::new();
        let text = "import heavy\nLIMIT = 1\ndef view(): return 'old', LIMIT\n";
        workspace.write("heavy.py", "print('importing', flush=True)\nimport time\ntime.sleep(1)\n");
        workspace.write("late.py", text);
        let main =
            "import late, sys\nprint('ready', flush=True)\nfor line in sys.stdin: print(late.view(), flush=True)\n";
        let script = workspace.write("main.py", main).display().to_string();
        let mut program = workspace.run(python, &[&script]);
        program.wait_line("importing");
        workspace.sessions(1);
        workspace.write("late.py", &text.replace("LIMIT = 1", "LIMIT = 2").replace("'old'", "'new'"));
        workspace.call(&["patch", "late.py", "--json"]).expect(0);
        program.wait_line("ready");
        assert_eq!(program.ask(""), "('new', 2)", "{}", python.path.display());
    }
}

#[test]
fn what_a_script_has_not_come_to_is_reported_and_patched_later() {
    let workspace = Workspace::new();
    let text = "def early(): return 'old'\nprint('working', flush=True)\ninput()\ndef late(): return 'old'\nprint('there', flush=True)\nwhile True:\n    input()\n    print(early(), late(), flush=True)\n";
    let script = workspace.write("main.py", text).display().to_string();
    let mut program = workspace.run(pythons::newest(), &[&script]);
    program.wait_line("working");
    workspace.sessions(1);
    workspace.write("main.py", &text.replace("'old'", "'new'"));
    let results = workspace.call(&["patch", "main.py", "--json"]).expect(0).json();
    assert_eq!(codes(&results), ["HS0413"], "{results:#}");
    program.send("");
    program.wait_line("there");
    assert_eq!(program.ask(""), "new old");
    workspace.call(&["patch", "main.py"]).expect(0);
    assert_eq!(program.ask(""), "new new");
}

#[test]
fn a_module_that_is_gone_from_sys_modules_is_patched() {
    let workspace = Workspace::new();
    let facade =
        "import sys\ndef f(): return 1\nclass Facade:\n    def f(self): return f()\nsys.modules[__name__] = Facade()\n";
    workspace.write("facade.py", facade);
    workspace.write("gone.py", "def g(): return 1\n");
    let setup = "import sys, facade\nfrom gone import g\ndel sys.modules['gone']";
    let mut program = start(&workspace, pythons::newest(), setup);
    workspace.write("facade.py", &facade.replace("return 1", "return 2"));
    workspace.write("gone.py", "def g(): return 2\n");
    workspace.call(&["patch", "facade.py", "gone.py"]).expect(0);
    assert_eq!(program.ask("facade.f(), g()"), "(2, 2)");
}

#[test]
fn a_module_that_only_names_the_file_gets_nothing() {
    let workspace = Workspace::new();
    workspace.write("m.py", "X = 1\ndef f(): return X\n");
    let setup =
        "import m, sys, types\next = types.ModuleType('m.ext')\next.__file__ = m.__file__\nsys.modules['m.ext'] = ext";
    let mut program = start(&workspace, pythons::newest(), setup);
    workspace.write("m.py", "X = 2\nY = 5\ndef f(): return X + Y\n");
    workspace.call(&["patch", "m.py"]).expect(0);
    assert_eq!(program.ask("m.f(), hasattr(ext, 'Y')"), "(7, False)");
}

#[test]
fn what_was_imported_at_the_prompt_follows() {
    for python in pythons::all() {
        let workspace = Workspace::new();
        workspace.write("m.py", "LIMIT = 1000001\n");
        let mut command = workspace.hotsplice();
        command.args(["run", "--"]).arg(&python.path).args(["-i", "-q"]);
        let mut program = Program::start(command);
        program.send("from m import LIMIT");
        program.send("print('now', LIMIT)");
        program.wait_line("now 1000001");
        workspace.write("m.py", "LIMIT = 2000002\n");
        workspace.call(&["patch", "m.py"]).expect(0);
        program.send("print('now', LIMIT)");
        program.wait_line("now 2000002");
    }
}

#[test]
fn the_first_patch_of_an_installed_file_makes_what_is_new() {
    let workspace = Workspace::new();
    workspace.write("site-packages/lib.py", "class C:\n    def a(self): return 1\ndef f(): return 1\n");
    let setup = "import os, sys\nsys.path.insert(0, os.path.join(os.path.dirname(__file__), 'site-packages'))\nimport lib\nc = lib.C()";
    let mut program = start(&workspace, pythons::newest(), setup);
    let new = "import json\nN = 5\ndef helper(): return N\nclass C:\n    K = 4\n    def a(self): return self.b() + self.K\n    def b(self): return helper()\ndef f(): return json.dumps(helper())\n";
    workspace.write("site-packages/lib.py", new);
    workspace.call(&["patch", "site-packages/lib.py"]).expect(0);
    assert_eq!(program.ask("lib.f(), c.a()"), "('5', 9)");
}

#[test]
fn statements_of_other_files_that_call_edited_code_run_when_asked_for() {
    let workspace = Workspace::new();
    let text = "L = []\ndef setup(): L.append(1)\n";
    workspace.write("m.py", text);
    workspace.write("o.py", "from m import setup, L\nsetup()\nx = setup() or len(L)\n");
    let mut program = start(&workspace, pythons::newest(), "import m, o");
    workspace.write("m.py", &text.replace("append(1)", "append(2)"));
    workspace.call(&["patch", "m.py", "--run-statements"]).expect(0);
    assert_eq!(program.ask("2 in m.L"), "True");
}

/// It was compared with its own text, in which nothing differs.
#[test]
fn what_is_run_again_runs_whatever_the_file_imports() {
    let workspace = Workspace::new();
    workspace.write("stock.py", "COUNT = []\ndef count(items): return len(items)\n");
    let text = "import stock\nitems = [1]\nx = (stock.COUNT.append(1), stock.count(items), len(stock.COUNT))[1:]\ny = x[1] * 2\n";
    workspace.write("m.py", text);
    workspace.write("n.py", "import m\nz = m.y + 1\n");
    let mut program = start(&workspace, pythons::newest(), "import m, n");
    assert_eq!(program.ask("m.x, m.y, n.z"), "((1, 1), 2, 3)");
    workspace.call(&["patch", "m.py", "--again", "3"]).expect(0);
    assert_eq!(program.ask("m.x, m.y, n.z"), "((1, 2), 4, 5)");
}

#[test]
fn a_file_that_nobody_has_loaded_is_misuse_and_nothing_is_patched() {
    let workspace = Workspace::new();
    workspace.write("m.py", "def f(): return 1\n");
    let mut program = start(&workspace, pythons::newest(), "import m");
    workspace.write("m.py", "def f(): return 2\n");
    workspace.write("other.py", "def g(): return 2\n");
    let answer = workspace.call(&["patch", "m.py", "other.py", "--json"]).expect(2).json();
    assert_eq!(answer["error"]["code"], "HS0005");
    assert!(answer["error"]["message"].as_str().is_some_and(|text| text.contains("other.py")), "{answer}");
    assert_eq!(program.ask("m.f()"), "1");
}

#[test]
fn a_module_is_split_into_two_and_the_new_file_is_named() {
    for python in pythons::all() {
        let workspace = Workspace::new();
        let counting = "COUNT = 0\nCACHE = {}\nclass Item:\n    def name(self): return 'old'\ndef count():\n    global COUNT\n    COUNT += 1\n    CACHE[COUNT] = Item()\n    return COUNT\n";
        workspace.write("shop.py", &format!("{counting}def show(): return count()\n"));
        let mut program = start(&workspace, python, "import shop; held = shop.count, shop.CACHE; shop.count()");
        workspace.sessions(1);
        workspace.write("stock.py", &counting.replace("'old'", "'new'"));
        workspace.write("shop.py", "from stock import CACHE, COUNT, Item, count\ndef show(): return count() + 10\n");
        workspace.write("other.py", "X = 1\n");
        // Nothing imports that one.
        workspace.call(&["patch", "shop.py", "stock.py", "other.py", "--json"]).expect(2);
        assert_eq!(program.ask("shop.show()"), "2");
        workspace.call(&["patch", "shop.py", "stock.py", "--json"]).expect(0);
        assert_eq!(program.ask("shop.show()"), "13");
        assert_eq!(program.ask("held[0] is shop.count, held[0]()"), "(True, 4)");
        assert_eq!(program.ask("held[1] is shop.CACHE, sorted(shop.CACHE)"), "(True, [1, 2, 3, 4])");
        assert_eq!(program.ask("{item.name() for item in shop.CACHE.values()}"), "{'new'}");
    }
}

/// What is followed through them may not grow with each round: an editor that waits in vain is told so by the rig.
#[test]
fn modules_that_import_each_other_are_followed_to_an_end() {
    const MODULES: usize = 12;
    let workspace = Workspace::new();
    workspace.write("pkg/__init__.py", "");
    for module in 0..MODULES {
        let others: String = (0..MODULES)
            .filter(|other| *other != module)
            .map(|other| format!("import pkg.m{other}\nfrom pkg import m{other}\n"))
            .collect();
        workspace.write(
            &format!("pkg/m{module}.py"),
            &format!("{others}class Entry{module}:\n    @property\n    def column(self): return 1\n"),
        );
    }
    let path = workspace.path().join("pkg/m0.py");
    let live = std::fs::read_to_string(&path).expect("it was written");
    workspace.write("user.py", "from pkg import m0\nFOUND = m0.Entry0().column\n");
    let mut program = start(&workspace, pythons::newest(), "import user\nfrom pkg import m0");
    workspace.sessions(1);
    let mut editor = Editor::start(&workspace);
    editor.wait_sessions(1);
    editor.open(&path, &live);
    editor.change(&path, &live.replace("return 1", "return 2"));
    let results = editor.patch_file(&path);
    assert_eq!(results[0]["committed"], true, "{results:#}");
    assert_eq!(codes(&results), ["HS0403"], "{results:#}");
    assert_eq!(program.ask("m0.Entry0().column"), "2");
}
