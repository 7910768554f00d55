//! Files that are saved under a new name, by a tool or an editor.

use hotsplice_tests::lsp::Editor;
use hotsplice_tests::program::{Program, Workspace, wait_for};
use hotsplice_tests::pythons;

use super::{HELPER, importing, rename, start};

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
