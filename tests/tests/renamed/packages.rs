//! Packages, what is in them, and modules that become packages.

use std::fs;

use hotsplice_tests::program::Workspace;
use hotsplice_tests::pythons;

use super::{HELPER, codes, importing, rename, start};

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
