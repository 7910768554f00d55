//! One module takes another name.

use std::fs;

use hotsplice_tests::program::Workspace;
use hotsplice_tests::pythons;

use super::{HELPER, codes, importing, rename, start};

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
