//! A notebook in an editor.

use hotsplice_tests::lsp::Editor;
use hotsplice_tests::program::{Workspace, wait_for};
use hotsplice_tests::{pythons, repository};
use serde_json::{Value, json};

use super::{Kernel, jupyter, patched, python};

/// A notebook in an editor.
struct Notebook<'a> {
    editor: &'a mut Editor,
    version: i64,
}

const NOTEBOOK: &str = "file:///shop/shop.ipynb";

impl<'a> Notebook<'a> {
    fn open(editor: &'a mut Editor, cells: &[(&str, &str)]) -> Self {
        let documents: Vec<Value> = cells.iter().map(|(uri, text)| document(uri, text)).collect();
        let named: Vec<Value> = cells.iter().map(|(uri, _)| json!({ "kind": 2, "document": uri })).collect();
        let notebook = json!({ "uri": NOTEBOOK, "notebookType": "jupyter-notebook", "version": 1, "cells": named });
        let params = json!({ "notebookDocument": notebook, "cellTextDocuments": documents });
        editor.notify("notebookDocument/didOpen", params);
        Self { editor, version: 1 }
    }

    fn change(&mut self, cells: Value) {
        self.version += 1;
        let notebook = json!({ "uri": NOTEBOOK, "version": self.version });
        let params = json!({ "notebookDocument": notebook, "change": { "cells": cells } });
        self.editor.notify("notebookDocument/didChange", params);
    }

    fn edit(&mut self, cell: &str, text: &str) {
        let document = json!({ "uri": cell, "version": self.version + 1 });
        self.change(json!({ "textContent": [{ "document": document, "changes": [{ "text": text }] }] }));
    }

    fn lenses(&mut self, cell: &str) -> Vec<(u64, String)> {
        let lenses = self.editor.request("textDocument/codeLens", json!({ "textDocument": { "uri": cell } }));
        let lens = |lens: &Value| {
            Some((lens["range"]["start"]["line"].as_u64()?, lens["command"]["title"].as_str()?.to_owned()))
        };
        lenses.as_array().into_iter().flatten().filter_map(lens).collect()
    }

    fn wait_lenses(&mut self, cell: &str, wanted: &[(u64, &str)]) {
        let wanted: Vec<(u64, String)> = wanted.iter().map(|(line, title)| (*line, (*title).to_owned())).collect();
        wait_for(&format!("{wanted:?}"), || (self.lenses(cell) == wanted).then_some(()));
    }

    /// Titles that can be chosen, with their commands.
    fn actions(&mut self, cell: &str, line: u32) -> Vec<(String, Value)> {
        let place = json!({ "line": line, "character": 0 });
        let params = json!({
            "textDocument": { "uri": cell },
            "range": { "start": place, "end": place },
            "context": { "diagnostics": [] },
        });
        let actions = self.editor.request("textDocument/codeAction", params);
        let enabled = actions.as_array().into_iter().flatten().filter(|action| action["disabled"].is_null());
        enabled
            .map(|action| (action["title"].as_str().unwrap_or_default().to_owned(), action["command"].clone()))
            .collect()
    }

    fn choose(&mut self, cell: &str, line: u32, title: &str) -> Value {
        let actions = self.actions(cell, line);
        let found =
            actions.iter().find(|(known, _)| known == title).unwrap_or_else(|| panic!("{title} not in {actions:?}"));
        let params = json!({ "command": found.1["command"], "arguments": found.1["arguments"] });
        self.editor.request("workspace/executeCommand", params)
    }
}

fn document(uri: &str, text: &str) -> Value {
    json!({ "uri": uri, "languageId": "python", "version": 1, "text": text })
}

const FIRST: &str = "vscode-notebook-cell:/shop/shop.ipynb#W0sZmlsZQ%3D%3D";

const SECOND: &str = "vscode-notebook-cell:/shop/shop.ipynb#W1sZmlsZQ%3D%3D";

const MARKDOWN: &str = "vscode-notebook-cell:/shop/shop.ipynb#W2sZmlsZQ%3D%3D";

const GREET: &str = "%matplotlib_is_missing_here = 1\nimport sys\n\ndef greet(name):\n    return 'hello ' + name\n\nclass View:\n    def get(self):\n        return greet('you')\nview = View()\n";

#[test]
fn a_cells_function_is_patched_from_an_editor() {
    let workspace = Workspace::new();
    jupyter(&workspace, "install").expect(0);
    let Some(mut kernel) = Kernel::start(&workspace, python()) else { return };
    // A magic, as IPython takes it.
    let text = GREET.replace("%matplotlib_is_missing_here = 1", "!true");
    assert_eq!(kernel.run_cell(FIRST, &text), "");
    // This client does not say which cell it runs.
    assert_eq!(kernel.run("def other():\n    return 1\n"), "");
    let mut editor = Editor::start(&workspace);
    assert_eq!(editor.capabilities["notebookDocumentSync"]["notebookSelector"][0]["cells"][0]["language"], "python");
    editor.wait_sessions(1);
    let cells = [(FIRST, text.as_str()), (SECOND, "def other():\n    return 1\n")];
    let mut notebook = Notebook::open(&mut editor, &cells);
    notebook.wait_lenses(FIRST, &[]);
    let edited = text.replace("'hello '", "'welcome '").replace("view = View()", "view = View(), 1");
    notebook.edit(FIRST, &edited);
    // What the cell does besides defining something, running it does.
    notebook.wait_lenses(FIRST, &[(3, "○ edited · Hot-patch")]);
    assert_eq!(notebook.actions(FIRST, 4)[0].0, "Hot-patch function `greet`");
    assert!(notebook.actions(FIRST, 9).iter().all(|(title, _)| !title.contains("view")));
    let answer = notebook.choose(FIRST, 4, "Hot-patch function `greet`");
    assert_eq!(answer[0]["committed"], true, "{answer:#}");
    assert_eq!(kernel.run("print(view.get())"), "welcome you");
    let live = wait_for("a lens", || notebook.lenses(FIRST).first().cloned());
    assert!(live.0 == 3 && live.1.starts_with("● live v1 · 1 process"), "{live:?}");
    // By what it defines.
    notebook.edit(SECOND, "\ndef other():\n    return 2\n");
    notebook.choose(SECOND, 1, "Hot-patch function `other`");
    assert_eq!(kernel.run("print(other())"), "2");
    // A refusal stands in the cell.
    notebook.edit(FIRST, &edited.replace("def greet(name):", "def greet(name=1 / 0):"));
    notebook.choose(FIRST, 3, "Hot-patch function `greet`");
    let is_shown = |params: &Value| params["uri"] == FIRST && params["diagnostics"][0]["code"] == "HS0103";
    notebook.editor.wait_notification("textDocument/publishDiagnostics", is_shown);
    assert_eq!(kernel.run("print(view.get())"), "welcome you");
    // The edited cell is run: the same text is live, and nothing is left to do.
    assert_eq!(kernel.run("%hotsplice on").lines().count(), 4, "two lines of state, and what is patched");
    let run = edited.replace("'welcome '", "'good day '").replace("view = View(), 1", "");
    notebook.edit(FIRST, &run);
    assert_eq!(kernel.run_cell(FIRST, &run), "");
    assert_eq!(kernel.run("print(view.get(), type(view) is View)"), "good day you True");
    let status = kernel.run("%hotsplice status");
    assert_eq!(patched(&status), ["greet is live in version 2", "other is live in version 1"]);
    notebook.wait_lenses(FIRST, &[]);
    // Cells come and go. One that is not Python is nobody's business.
    let array = json!({ "start": 0, "deleteCount": 2, "cells": [{ "kind": 1, "document": MARKDOWN }] });
    let prose = json!({ "uri": MARKDOWN, "languageId": "markdown", "version": 1, "text": "# Shop" });
    let gone = json!([{ "uri": FIRST }, { "uri": SECOND }]);
    notebook.change(json!({ "structure": { "array": array, "didOpen": [prose], "didClose": gone } }));
    assert_eq!(notebook.lenses(FIRST), []);
    let (code, _) = editor.failure("hotsplice.patchFunction", json!([{ "uri": FIRST, "name": "greet" }]));
    assert_eq!(code, "HS0011");
    assert_eq!(kernel.client.wait(), Some(0));
}

#[test]
fn what_was_made_of_a_definition_follows_when_it_is_run_again() {
    for python in pythons::all() {
        let workspace = Workspace::new();
        let mut program = workspace.run(python, &[&repository().join("tests/cells/run.py").display().to_string()]);
        let lines: Vec<String> =
            std::iter::from_fn(|| Some(program.line())).take_while(|line| !line.ends_with(" cases")).collect();
        assert!(lines.is_empty(), "{}: {}", python.name(), lines.join("\n"));
        assert_eq!(program.wait(), Some(0));
    }
}
