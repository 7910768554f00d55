//! Modules whose files are renamed, or that become packages: they stay the modules that they are.

use std::fs;

use hotsplice_tests::lsp::Editor;
use hotsplice_tests::program::{Program, Workspace, wait_for};
use hotsplice_tests::pythons;
use serde_json::Value;

const HELPER: &str = "\
count = 0
class Shape:
    made = []
    def __init__(self): self.made.append(self)
    def area(self): return 'old'
def bump():
    global count
    count += 1
    return count
def kept(): return 'kept'
";

/// Prints what an expression gives for each line that it is sent.
const LOOP: &str = "\
import sys, pickle
print('ready', flush=True)
for line in sys.stdin:
    try:
        print(eval(line), flush=True)
    except Exception as error:
        print(repr(error), flush=True)
";

fn start(workspace: &Workspace, python: &pythons::Python) -> Program {
    workspace.write("main.py", &format!("import app\n{LOOP}"));
    let script = workspace.path().join("main.py").display().to_string();
    let mut program = workspace.run(python, &[&script]);
    program.wait_line("ready");
    workspace.sessions(1);
    program
}

fn codes(results: &Value) -> Vec<String> {
    let files = results.as_array().expect("a list").iter();
    let edits = files.flat_map(|file| file["edits"].as_array().expect("edits"));
    edits.filter_map(|edit| edit["code"].as_str().map(str::to_owned)).collect()
}

fn rename(workspace: &Workspace, former: &str, name: &str) {
    let path = workspace.path().join(name);
    fs::create_dir_all(path.parent().expect("in the folder")).expect("a folder");
    fs::rename(workspace.path().join(former), path).expect("renamed");
}

/// An application that imports a module as a whole.
fn importing(module: &str) -> String {
    format!(
        "import {module}\nshape = {module}.Shape()\nheld = {module}.kept\nbound = shape.area\ndef bump(): return {module}.bump()\n"
    )
}

#[test]
fn a_renamed_module_that_its_importer_is_patched_for_keeps_its_identity() {
    for python in pythons::all() {
        let workspace = Workspace::new();
        workspace.write("helper.py", HELPER);
        workspace.write("app.py", &importing("helper"));
        let mut program = start(&workspace, python);
        assert_eq!(program.ask("app.bump(), globals().update(module=app.helper)"), "(1, None)");
        rename(&workspace, "helper.py", "tools.py");
        workspace.write("tools.py", &HELPER.replace("'old'", "'new'").replace("count += 1", "count += 10"));
        workspace.write("app.py", &importing("tools"));
        let results = workspace.call(&["patch", "app.py", "--json"]).expect(0).json();
        assert!(codes(&results).contains(&"HS0206".to_owned()), "{}: {results:#}", python.path.display());
        assert_eq!(
            program.ask("app.tools is module, sys.modules['tools'] is module, 'helper' in sys.modules"),
            "(True, True, False)"
        );
        assert_eq!(
            program.ask("app.bump(), app.shape.area(), app.bound(), app.held is module.kept"),
            "(11, 'new', 'new', True)"
        );
        assert_eq!(
            program.ask("type(app.shape) is module.Shape, len(module.Shape.made), app.shape.__module__"),
            "(True, 1, 'tools')"
        );
        assert_eq!(
            program.ask("module.__name__, module.__spec__.name, module.kept.__module__"),
            "('tools', 'tools', 'tools')"
        );
        let path = workspace.path().join("tools.py").display().to_string();
        let named = "module.__file__, module.__spec__.origin, module.kept.__code__.co_filename, module.bump.__code__.co_filename";
        assert_eq!(program.ask(named), format!("('{path}', '{path}', '{path}', '{path}')"));
        assert_eq!(program.ask("type(pickle.loads(pickle.dumps(app.shape))) is module.Shape"), "True");
        assert_eq!(program.ask("pickle.loads(pickle.dumps(module.kept)) is module.kept"), "True");
        // It is patched and undone as any other.
        workspace.write("tools.py", &HELPER.replace("'old'", "'newer'"));
        workspace.call(&["patch", "tools.py"]).expect(0);
        assert_eq!(program.ask("app.shape.area()"), "newer");
        workspace.call(&["undo", "tools.py"]).expect(0);
        assert_eq!(program.ask("app.shape.area()"), "new");
        assert!(workspace.call(&["status"]).expect(0).text().contains("tools.py"));
    }
}

#[test]
fn a_renamed_module_may_be_named_itself_and_with_its_importer() {
    for files in [
        &["tools.py"][..],
        &["tools.py", "app.py"],
        &["app.py", "helper.py"],
        &["helper.py", "tools.py", "app.py"],
        &[],
    ] {
        let workspace = Workspace::new();
        workspace.write("helper.py", HELPER);
        workspace.write("app.py", &importing("helper"));
        let mut program = start(&workspace, pythons::newest());
        program.ask("globals().update(module=app.helper)");
        rename(&workspace, "helper.py", "tools.py");
        workspace.write("app.py", &importing("tools"));
        let results = workspace.call(&[&["patch", "--json"], files].concat()).expect(0).json();
        assert!(codes(&results).contains(&"HS0206".to_owned()), "{files:?}: {results:#}");
        if files == ["tools.py"] {
            workspace.call(&["patch", "app.py"]).expect(0);
        }
        assert_eq!(
            program.ask("app.tools is module, sys.modules['tools'] is module, hasattr(app, 'helper')"),
            "(True, True, False)",
            "{files:?}"
        );
    }
}

#[test]
fn a_module_that_becomes_a_package_keeps_its_identity() {
    for python in pythons::all() {
        let workspace = Workspace::new();
        workspace.write("shapes.py", HELPER);
        workspace.write("app.py", &importing("shapes"));
        let mut program = start(&workspace, python);
        program.ask("app.bump()");
        rename(&workspace, "shapes.py", "shapes/__init__.py");
        let (class, rest) = (HELPER.find("class").expect("a class"), HELPER.find("def bump").expect("a function"));
        workspace.write("shapes/circle.py", &HELPER[class..rest].replace("'old'", "'new'"));
        let init = format!(
            "from .circle import Shape\n{}{}",
            &HELPER[..class],
            HELPER[rest..].replace("'kept'", "'kept, too'")
        );
        workspace.write("shapes/__init__.py", &init);
        let results = workspace.call(&["patch", "shapes/__init__.py", "--json"]).expect(0).json();
        assert!(codes(&results).contains(&"HS0206".to_owned()), "{}: {results:#}", python.path.display());
        assert_eq!(
            program.ask("app.bump(), app.held(), app.shape.area(), app.bound()"),
            "(2, 'kept, too', 'new', 'new')"
        );
        assert_eq!(
            program.ask("type(app.shape) is app.shapes.Shape is app.shapes.circle.Shape"),
            "True",
            "{results:#}"
        );
        assert_eq!(program.ask("type(pickle.loads(pickle.dumps(app.shape))) is app.shapes.Shape"), "True");
        assert_eq!(
            program.ask("__import__('shapes.circle') is app.shapes, app.shapes.__package__"),
            "(True, 'shapes')"
        );
        let path = workspace.path().join("shapes/__init__.py").display().to_string();
        assert_eq!(program.ask("app.held.__code__.co_filename"), path);
        // And back.
        fs::remove_file(workspace.path().join("shapes/circle.py")).expect("removed");
        rename(&workspace, "shapes/__init__.py", "shapes.py");
        workspace.write("shapes.py", HELPER);
        workspace.call(&["patch", "shapes.py"]).expect(0);
        assert_eq!(program.ask("app.bump(), app.held(), hasattr(app.shapes, '__path__')"), "(3, 'kept', False)");
        assert_eq!(program.ask("type(app.shape) is app.shapes.Shape"), "True");
    }
}

#[test]
fn undo_goes_back_to_the_former_name() {
    for python in pythons::all() {
        let workspace = Workspace::new();
        workspace.write("helper.py", HELPER);
        workspace.write("app.py", &importing("helper"));
        let mut program = start(&workspace, python);
        program.ask("app.bump(), globals().update(module=app.helper)");
        rename(&workspace, "helper.py", "tools.py");
        workspace.write("app.py", &importing("tools"));
        workspace.call(&["patch", "app.py"]).expect(0);
        assert_eq!(program.ask("app.bump(), app.tools is module"), "(2, True)");
        workspace.call(&["undo"]).expect(0);
        assert_eq!(
            program.ask("app.bump(), app.helper is module, module.__name__, hasattr(app, 'tools')"),
            "(3, True, 'helper', False)"
        );
        assert_eq!(
            program.ask("sys.modules['helper'] is module, 'tools' in sys.modules, type(app.shape).__module__"),
            "(True, False, 'helper')"
        );
        let path = workspace.path().join("helper.py").display().to_string();
        assert_eq!(program.ask("module.kept.__code__.co_filename"), path);
        assert!(!workspace.call(&["status"]).expect(0).text().contains("tools.py"));
        workspace.call(&["patch", "app.py"]).expect(0);
        assert_eq!(program.ask("app.bump(), app.tools is module"), "(4, True)");
    }
}

#[test]
fn a_refused_patch_and_a_dry_run_leave_no_trace() {
    for python in pythons::all() {
        let workspace = Workspace::new();
        workspace.write("helper.py", HELPER);
        workspace.write("shapes.py", "def kept(): return 1\n");
        workspace.write("app.py", &format!("import shapes\n{}", importing("helper")));
        let mut program = start(&workspace, python);
        let state = "sorted(vars(app.helper)), [name for name in sys.modules if name[:3] in ('app', 'hel', 'too', 'sha')], app.helper.__spec__, app.helper.__file__, sorted(vars(app.shapes))";
        program.ask(&format!("globals().update(before=repr(({state})))"));
        rename(&workspace, "helper.py", "tools.py");
        rename(&workspace, "shapes.py", "shapes/__init__.py");
        workspace.write("shapes/part.py", "def part(): return 2\n");
        workspace.write("shapes/__init__.py", "from .part import part\ndef kept(): return 1\n");
        workspace.write("app.py", &format!("import shapes\n{}FAILS = int('no number')\n", importing("tools")));
        let files = ["app.py", "shapes/__init__.py"];
        for (options, code) in [(&["--dry-run"][..], 0), (&[], 1)] {
            workspace.call(&[&["patch"], options, &files].concat()).expect(code);
            assert_eq!(program.ask(&format!("repr(({state})) == before or (before, {state})")), "True", "{options:?}");
        }
        workspace.write("app.py", &format!("import shapes\n{}", importing("tools")));
        for operation in 0..200 {
            let mut command = workspace.hotsplice();
            command.env("HOTSPLICE_FAIL_COMMIT_AT", operation.to_string()).arg("patch").args(files);
            if command.output().expect("it runs").status.success() {
                assert!(operation > 20, "{operation}");
                break;
            }
            assert_eq!(
                program.ask(&format!("repr(({state})) == before or (before, {state})")),
                "True",
                "{}: {operation}",
                python.path.display()
            );
        }
        assert_eq!(program.ask("app.bump(), app.tools.__name__, app.shapes.part()"), "(1, 'tools', 2)");
    }
}

#[test]
fn a_module_of_a_package_is_renamed_with_relative_imports() {
    for python in pythons::all() {
        let workspace = Workspace::new();
        workspace.write("pkg/__init__.py", "");
        workspace.write("pkg/helper.py", &format!("from .base import ONE\n{HELPER}"));
        workspace.write("pkg/base.py", "ONE = 1\n");
        let user = |name: &str| {
            format!("from . import {name}\nfrom .{name} import Shape, kept\ndef look(): return {name}.bump()\n")
        };
        workspace.write("pkg/user.py", &user("helper"));
        workspace.write(
            "app.py",
            "import pkg.helper\nfrom pkg import user\nshape = user.Shape()\ndef bump(): return pkg.helper.bump()\n",
        );
        let mut program = start(&workspace, python);
        assert_eq!(program.ask("app.bump(), app.user.look(), globals().update(module=app.pkg.helper)"), "(1, 2, None)");
        rename(&workspace, "pkg/helper.py", "pkg/tools.py");
        workspace.write("pkg/user.py", &user("tools"));
        workspace.write(
            "app.py",
            "import pkg.tools\nfrom pkg import user\nshape = user.Shape()\ndef bump(): return pkg.tools.bump()\n",
        );
        let results = workspace.call(&["patch", "app.py", "pkg/user.py", "--json"]).expect(0).json();
        assert!(codes(&results).contains(&"HS0206".to_owned()), "{}: {results:#}", python.path.display());
        assert_eq!(
            program.ask("app.bump(), app.user.look(), app.pkg.tools is module is app.user.tools"),
            "(3, 4, True)"
        );
        assert_eq!(
            program.ask("hasattr(app.pkg, 'helper'), type(app.shape) is app.user.Shape, type(app.shape).__module__"),
            "(False, True, 'pkg.tools')"
        );
    }
}

#[test]
fn what_is_saved_goes_live_under_the_new_name() {
    let workspace = Workspace::new();
    workspace.write("helper.py", HELPER);
    workspace.write("shapes.py", "def kept(): return 1\n");
    workspace.write("app.py", &format!("import shapes\n{}", importing("helper")));
    let mut program = start(&workspace, pythons::newest());
    program.ask("globals().update(module=app.helper)");
    let mut command = workspace.hotsplice();
    command.args(["watch", "--verbose"]);
    let watch = Program::start(command);
    wait_for("the watch", || watch.errors_so_far().contains("watching").then_some(()));
    rename(&workspace, "helper.py", "tools.py");
    workspace.write("app.py", &format!("import shapes\n{}", importing("tools")));
    wait_for("the new name", || (program.ask("hasattr(app, 'tools')") == "True").then_some(()));
    assert_eq!(program.ask("app.tools is module, module.__name__"), "(True, 'tools')", "{}", watch.errors_so_far());
    rename(&workspace, "shapes.py", "shapes/__init__.py");
    workspace.write("shapes/__init__.py", "def kept(): return 2\n");
    wait_for("the package", || (program.ask("app.shapes.kept()") == "2").then_some(()));
    assert_eq!(program.ask("app.shapes.kept(), app.shapes.__name__"), "(2, 'shapes')");
}

#[test]
fn an_altogether_other_file_is_a_new_module() {
    let workspace = Workspace::new();
    workspace.write("helper.py", HELPER);
    workspace.write("app.py", &importing("helper"));
    let mut program = start(&workspace, pythons::newest());
    program.ask("globals().update(module=app.helper)");
    fs::remove_file(workspace.path().join("helper.py")).expect("removed");
    workspace.write(
        "tools.py",
        "class Shape:\n    def area(self): return 'other'\ndef kept(): pass\ndef bump(): return 0\n",
    );
    workspace.write("app.py", &importing("tools"));
    let results = workspace.call(&["patch", "app.py", "--json"]).expect(0).json();
    assert!(!codes(&results).contains(&"HS0206".to_owned()), "{results:#}");
    assert_eq!(program.ask("app.tools is module, 'helper' in sys.modules"), "(False, True)");
}

#[test]
fn calls_that_began_before_go_on() {
    for python in pythons::all() {
        let workspace = Workspace::new();
        let helper = format!("{HELPER}def count_up():\n    while True:\n        yield bump()\n");
        workspace.write("helper.py", &helper);
        let text = |name: &str| {
            format!(
                "import {name}, queue, threading\nasked, told = queue.Queue(), queue.Queue()\ncounted = {name}.count_up()\ndef work():\n    while asked.get():\n        import {name} as again\n        told.put(({name}.bump(), again.kept()))\ndef gen():\n    while True:\n        yield {name}.kept()\nkept = gen()\nthread = threading.Thread(target=work, daemon=True)\nthread.start()\n"
            )
        };
        workspace.write("app.py", &text("helper"));
        let mut program = start(&workspace, python);
        let turn = "app.asked.put(1), app.told.get(timeout=10), next(app.counted), next(app.kept)";
        assert_eq!(program.ask(turn), "(None, (1, 'kept'), 2, 'kept')");
        rename(&workspace, "helper.py", "tools.py");
        workspace.write("tools.py", &helper.replace("'kept'", "'kept, too'"));
        workspace.write("app.py", &text("tools"));
        let results = workspace.call(&["patch", "app.py", "--json"]).expect(0).json();
        assert!(codes(&results).contains(&"HS0207".to_owned()), "{}: {results:#}", python.path.display());
        for (first, second) in [(3, 4), (5, 6)] {
            assert_eq!(
                program.ask(turn),
                format!("(None, ({first}, 'kept, too'), {second}, 'kept, too')"),
                "{results:#}"
            );
        }
        assert_eq!(program.ask("__import__('tools') is app.tools"), "True");
    }
}

#[test]
fn a_renamed_package_and_what_is_in_it_keep_their_identity() {
    for python in pythons::all() {
        let workspace = Workspace::new();
        let init = "from .helper import Shape\nLIMIT = []\ndef limit(): return LIMIT\n";
        workspace.write("pkg/__init__.py", init);
        workspace.write("pkg/helper.py", &format!("from . import other\n{HELPER}"));
        workspace.write("pkg/other.py", "names = []\ndef add(name): names.append(name)\n");
        let text = |name: &str| {
            format!(
                "import {name}\nfrom {name}.helper import Shape, bump\nshape = Shape()\nclass Own(Shape): pass\nown = Own()\n"
            )
        };
        workspace.write("app.py", &text("pkg"));
        let mut program = start(&workspace, python);
        program
            .ask("app.bump(), globals().update(p=app.pkg, h=app.pkg.helper, o=app.pkg.other), app.pkg.LIMIT.append(1)");
        rename(&workspace, "pkg", "lib/core");
        workspace.write("lib/__init__.py", "");
        workspace.write("lib/core/fresh.py", "def fresh(): return 'fresh'\n");
        workspace.write("lib/core/__init__.py", &format!("{init}from .fresh import fresh\n"));
        workspace.write("app.py", &text("lib.core"));
        let results = workspace.call(&["patch", "app.py", "--json"]).expect(0).json();
        let said = codes(&results).into_iter().filter(|code| code == "HS0206").count();
        assert_eq!(said, 3, "{}: {results:#}", python.path.display());
        assert_eq!(
            program.ask("app.lib.core is p, p.helper is h, h.other is o, p.other is o, p.LIMIT, p.fresh()"),
            "(True, True, True, True, [1], 'fresh')"
        );
        assert_eq!(
            program.ask("type(app.shape) is h.Shape is p.Shape, isinstance(app.own, h.Shape), app.bump()"),
            "(True, True, 2)"
        );
        assert_eq!(
            program.ask("sorted(name for name in sys.modules if name[:3] in ('pkg', 'lib'))"),
            "['lib', 'lib.core', 'lib.core.fresh', 'lib.core.helper', 'lib.core.other']"
        );
        assert_eq!(
            program.ask("p.__path__ == [p.__file__[:-12]], p.__package__, h.__package__, p.Shape.__module__"),
            "(True, 'lib.core', 'lib.core', 'lib.core.helper')"
        );
        assert_eq!(program.ask("type(pickle.loads(pickle.dumps(app.shape))) is h.Shape"), "True");
    }
}

#[test]
fn of_several_files_that_may_be_meant_none_is() {
    let workspace = Workspace::new();
    workspace.write("helper.py", HELPER);
    workspace.write("app.py", &importing("helper"));
    let mut program = start(&workspace, pythons::newest());
    program.ask("globals().update(module=app.helper)");
    rename(&workspace, "helper.py", "tools.py");
    workspace.write("other.py", HELPER);
    workspace.write("app.py", &format!("import other\n{}", importing("tools")));
    let results = workspace.call(&["patch", "app.py", "--json"]).expect(0).json();
    assert!(codes(&results).contains(&"HS0207".to_owned()), "{results:#}");
    assert_eq!(program.ask("app.tools is module, app.other is module"), "(False, False)");
}

#[test]
fn what_statements_made_of_the_name_is_reported() {
    let workspace = Workspace::new();
    let helper = format!(
        "import functools\nNAME = __name__\n{HELPER}@functools.lru_cache\ndef cached(): return 1\nif __name__ == '__main__': pass\n"
    );
    workspace.write("helper.py", &helper);
    workspace.write("app.py", &importing("helper"));
    let mut program = start(&workspace, pythons::newest());
    rename(&workspace, "helper.py", "tools.py");
    workspace.write("app.py", &importing("tools"));
    let results = workspace.call(&["patch", "app.py", "--json"]).expect(0).json();
    assert_eq!(codes(&results).iter().filter(|code| *code == "HS0207").count(), 1, "{results:#}");
    assert_eq!(program.ask("pickle.loads(pickle.dumps(app.tools.cached)) is app.tools.cached"), "True");
}

#[test]
fn a_file_that_an_editor_saves_under_a_new_name_goes_live() {
    let workspace = Workspace::new();
    workspace.write("helper.py", HELPER);
    workspace.write("shapes.py", "def kept(): return 1\n");
    workspace.write("app.py", &format!("import shapes\n{}", importing("helper")));
    let mut program = start(&workspace, pythons::newest());
    program.ask("globals().update(module=app.helper, shapes=app.shapes)");
    rename(&workspace, "shapes.py", "shapes/__init__.py");
    let text = "def kept(): return 2\n";
    let path = workspace.write("shapes/__init__.py", text);
    let mut editor = Editor::with_options(&workspace, serde_json::json!({"patchOnSave": "all"}));
    editor.wait_sessions(1);
    editor.open(&path, text);
    editor.save(&path, 1);
    wait_for("the package", || (program.ask("app.shapes.kept(), app.shapes is shapes") == "(2, True)").then_some(()));
    rename(&workspace, "helper.py", "tools.py");
    let text = format!("import shapes\n{}", importing("tools"));
    let path = workspace.write("app.py", &text);
    editor.open(&path, &text);
    editor.save(&path, 1);
    wait_for("the new name", || (program.ask("hasattr(app, 'tools') and app.tools is module") == "True").then_some(()));
}

#[test]
fn a_package_takes_functions_and_state_to_its_parts() {
    for python in pythons::all() {
        let workspace = Workspace::new();
        workspace.write("shapes.py", HELPER);
        workspace.write("app.py", &format!("{}from shapes import bump as bump_it\n", importing("shapes")));
        let mut program = start(&workspace, python);
        program.ask("app.bump(), globals().update(bump=app.shapes.bump)");
        rename(&workspace, "shapes.py", "shapes/__init__.py");
        let (class, rest) = (HELPER.find("class").expect("a class"), HELPER.find("def bump").expect("a function"));
        let kept = HELPER.find("def kept").expect("a function");
        workspace.write(
            "shapes/counting.py",
            &format!("{}{}", &HELPER[..class], &HELPER[rest..kept]).replace("+= 1", "+= 10"),
        );
        let init = format!("from .counting import bump\n{}{}", &HELPER[class..rest], &HELPER[kept..]);
        workspace.write("shapes/__init__.py", &init);
        let results = workspace.call(&["patch", "shapes/__init__.py", "--json"]).expect(0).json();
        let what = format!("{}: {results:#}", python.path.display());
        assert_eq!(program.ask("app.bump(), bump(), app.bump_it()"), "(11, 21, 31)", "{what}");
        assert_eq!(
            program.ask("bump is app.shapes.bump is app.shapes.counting.bump, bump.__module__"),
            "(True, 'shapes.counting')",
            "{what}"
        );
        workspace.call(&["undo"]).expect(0);
        assert_eq!(program.ask("app.bump(), bump(), app.bump_it(), bump.__module__"), "(32, 33, 34, 'shapes')");
    }
}

#[test]
fn a_script_may_be_renamed() {
    for python in pythons::all() {
        let workspace = Workspace::new();
        workspace.write("app.py", "");
        let mut program = start(&workspace, python);
        let text = fs::read_to_string(workspace.path().join("main.py")).expect("text");
        rename(&workspace, "main.py", "run.py");
        workspace.write("run.py", &text.replace("import app\n", "import app\ndef new(): return __file__[-6:]\n"));
        workspace.call(&["patch", "run.py"]).expect(0);
        assert_eq!(program.ask("new(), __name__, new.__code__.co_filename[-6:]"), "('run.py', '__main__', 'run.py')");
    }
}
