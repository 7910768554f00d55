//! What cells and prompts define once more, in real kernels and at real prompts, and cells in an editor.

use std::time::Duration;

use hotsplice_tests::lsp::Editor;
use hotsplice_tests::program::{Called, Program, Workspace, wait_for};
use hotsplice_tests::pythons::Python;
use hotsplice_tests::{built, packages, pythons, repository};
use serde_json::{Value, json};

/// A kernel takes its time to start.
const PATIENCE: Duration = Duration::from_secs(120);

/// A kernel that a client of Jupyter has started. None where ipykernel can't be had.
struct Kernel {
    client: Program,
}

impl Kernel {
    fn start(workspace: &Workspace, python: &Python) -> Option<Self> {
        // The newest one with much to do: one that answers while the next request comes may leave that unread for good, which was
        // seen in kernels that had nothing of ours in them.
        let (name, version) = match std::env::var_os("HOTSPLICE_TORTURE") {
            None => ("ipykernel", "ipykernel<7"),
            Some(_) => ("ipykernel-newest", "ipykernel"),
        };
        let wanted = [version.to_owned(), "jupyter_client".to_owned()];
        let Some(packages) = packages::folder(python, name, &wanted) else {
            println!("ipykernel can't be had: not tested");
            return None;
        };
        // Installed packages, as in life: elsewhere they would be the program's own files.
        let installed = workspace.path().join("environment/site-packages");
        std::fs::create_dir_all(installed.parent().expect("in the workspace")).expect("a folder");
        std::os::unix::fs::symlink(packages, &installed).expect("a link");
        let packages = installed;
        let mut command = std::process::Command::new(&python.path);
        command.current_dir(workspace.path()).arg(repository().join("tests/kernel.py"));
        command.env("PYTHONPATH", packages).env("IPYTHONDIR", ipython(workspace));
        command.env("HOTSPLICE_RUNTIME_DIR", workspace.registry());
        let mut client = Program::start(command);
        assert_eq!(client.line_within(PATIENCE), "ready", "{}", client.errors_so_far());
        Some(Self { client })
    }

    /// For a kernel in which nothing of Hotsplice is installed.
    fn take_package(&mut self) {
        let package = repository().join("agent/python");
        let (package, program) = (package.display(), built("hotsplice"));
        let path = format!(
            "import sys, os; sys.path.append({:?}); os.environ['HOTSPLICE_BINARY'] = {:?}",
            package.to_string(),
            program
        );
        assert_eq!(self.run(&path), "");
    }

    fn ask(&mut self, request: &Value) -> String {
        self.client.send(&request.to_string());
        let line = self.client.line_within(PATIENCE);
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    fn run(&mut self, code: &str) -> String {
        self.ask(&json!({ "code": code }))
    }

    fn run_cell(&mut self, cell: &str, code: &str) -> String {
        self.ask(&json!({ "code": code, "cell": cell }))
    }
}

fn ipython(workspace: &Workspace) -> std::path::PathBuf {
    workspace.path().join("ipython")
}

fn jupyter(workspace: &Workspace, action: &str) -> Called {
    let mut command = workspace.hotsplice();
    command.env("IPYTHONDIR", ipython(workspace)).args(["jupyter", action]);
    Called(command.output().expect("hotsplice starts"))
}

/// What a status lists, without where it stands.
fn patched(status: &str) -> Vec<String> {
    let lines = status.lines().filter(|line| line.contains("is live in version"));
    let mut found: Vec<String> = lines.filter_map(|line| Some(line.trim().split_once(' ')?.1.to_owned())).collect();
    found.sort();
    found
}

/// The newest for which there are packages.
fn python() -> &'static Python {
    pythons::all().iter().rev().find(|python| python.minor <= 13).unwrap_or_else(|| pythons::newest())
}

const ORDER: &str = "RATE = 2
callbacks = {}

def on(name):
    def register(function):
        callbacks[name] = function
        return function
    return register

@on('total')
def total(amount, rate=RATE):
    return amount * rate

class Order:
    made = 0
    def __init__(self):
        Order.made += 1
    def describe(self):
        return 'an order'
";

#[test]
fn what_a_cell_defines_again_is_patched_in_place() {
    let workspace = Workspace::new();
    jupyter(&workspace, "install").expect(0);
    let Some(mut kernel) = Kernel::start(&workspace, python()) else { return };
    for _ in 0..2 {
        workspace.write("shop.py", "RATE = 1\ndef price():\n    return 1\n");
        workspace.write("tool.py", "def helped():\n    return 'old'\n");
        assert_eq!(kernel.run(ORDER), "");
        assert_eq!(
            kernel.run("import shop\n%run tool.py\nfirst, held, bound = Order(), total, callbacks['total']"),
            ""
        );
        // Not before somebody wants it.
        assert_eq!(kernel.run("def plain(): pass\nonce = plain"), "");
        assert_eq!(kernel.run("def plain(): pass\nprint(plain is once)"), "False");
        let status = kernel.run("%hotsplice on");
        assert!(status.contains("live by themselves: yes") && status.contains("in place: yes"), "{status}");
        let edited = ORDER.replace("amount * rate", "amount * rate + 1").replace("an order", "order {self.made}");
        let edited = edited.replace("'order {", "f'order {").replace("RATE = 2", "RATE = 5");
        assert_eq!(kernel.run(&edited), "");
        // What it has made as it was is not patched.
        assert_eq!(
            patched(&kernel.run("%hotsplice status")),
            ["Order is live in version 1", "total is live in version 1"]
        );
        assert_eq!(patched(&workspace.call(&["status"]).expect(0).text()).len(), 2);
        // `callbacks` is a new one, as the cell says; who holds the function holds the live one.
        let seen = "print(first.describe(), type(first) is Order, held(1), bound is total, callbacks['total'] is held)";
        assert_eq!(kernel.run(seen), "order 1 True 6 True True");
        // A file of a module, and one that was run.
        assert_eq!(kernel.run("from shop import *\nfrom shop import RATE as rate"), "");
        workspace.write("shop.py", "RATE = 2\n_own = 3\nADDED, TOO = 4, 5\ndef price():\n    return 2\n");
        workspace.write("tool.py", "def helped():\n    return 'new'\n");
        wait_for("the saved files", || (kernel.run("print(shop.price(), helped())") == "2 new").then_some(()));
        let names = "print(RATE, rate, price(), *[globals().get(name) for name in ('_own', 'ADDED', 'TOO')])";
        wait_for("new names", || (kernel.run(names) == "2 2 2 None 4 5").then_some(()));
        // What can't be is reported, and made as Python makes it; what raises, raises.
        assert_eq!(kernel.run("class Point:\n    __slots__ = ('x',)\npoint = Point()"), "");
        let report = kernel.run("class Point:\n    __slots__ = ('x', 'y')\nprint(type(point) is Point)");
        assert!(report.contains("False") && report.contains("HS0650: Point is a new one"), "{report}");
        assert!(report.contains("HS0502"), "{report}");
        assert_eq!(kernel.run("@fails\ndef total():\n    pass"), "NameError");
        assert_eq!(kernel.run("print(total(1))\n%hotsplice off").lines().next(), Some("6"));
        assert_eq!(kernel.run("def total():\n    return 'other'\nprint(total is held)"), "False");
        // A kernel that starts again begins anew.
        assert_eq!(kernel.ask(&json!("restart")), "restarted");
    }
    assert_eq!(kernel.client.wait(), Some(0));
}

#[test]
fn what_stands_in_blocks_and_after_magics_is_patched_and_undone() {
    let workspace = Workspace::new();
    jupyter(&workspace, "install").expect(0);
    let Some(mut kernel) = Kernel::start(&workspace, python()) else { return };
    assert!(kernel.run("%hotsplice on").contains("in place: yes"));
    kernel.run("%%time\ndef greet():\n    return 1\nclass View:\n    def get(self):\n        return 1");
    assert_eq!(kernel.run("held, view = greet, View()"), "");
    let mut seen = |code: &str| {
        let printed = kernel.run(code);
        assert!(!printed.contains("HS0"), "{code}: {printed}");
        kernel.run("print(held(), held is greet, view.get(), type(view) is View)")
    };
    let class = "class View:\n    def get(self):\n        return 2";
    assert_eq!(seen(&format!("%%time\nx = 5\ndef greet():\n    return 2\n{class}")), "2 True 2 True");
    assert_eq!(seen("%%capture printed\ndef greet():\n    return 3\nprint('hidden')"), "3 True 2 True");
    // What it times is nobody else's.
    assert_eq!(seen("%%timeit -n1 -r1\ndef greet():\n    return 4"), "3 True 2 True");
    assert_eq!(
        seen("if x:\n    def greet():\n        return 5\nelse:\n    def greet():\n        return 6"),
        "5 True 2 True"
    );
    assert_eq!(
        seen("try:\n    class View:\n        def get(self):\n            return 7\nfinally:\n    pass"),
        "5 True 7 True"
    );
    let status = || patched(&workspace.call(&["status"]).expect(0).text());
    assert_eq!(status(), ["View is live in version 2", "greet is live in version 3"]);
    // From within, and from elsewhere.
    assert_eq!(seen("import hotsplice; hotsplice.undo().check()"), "5 True 2 True");
    workspace.call(&["undo"]).expect(0);
    assert_eq!(seen(""), "3 True 2 True");
    workspace.call(&["undo"]).expect(0);
    assert_eq!(seen(""), "2 True 2 True");
    assert_eq!(seen("def greet():\n    return 8"), "8 True 2 True");
    assert_eq!(seen("def greet():\n    # As it was at first.\n    return 1"), "1 True 2 True");
    assert_eq!(status(), ["View is live in version 3"]);
    // Beside that of another cell.
    let registry = "handlers = {}\ndef on(kind):\n    return lambda function: handlers.setdefault(kind, function)";
    assert_eq!(kernel.run_cell("cell:0", registry), "");
    assert_eq!(kernel.run_cell("cell:1", "@on(int)\ndef handle(x):\n    return 'int'"), "");
    let report = kernel.run_cell("cell:2", "@on(str)\ndef handle(x):\n    return 'str'");
    assert!(report.contains("HS0650: handle is a new one"), "{report}");
    assert_eq!(kernel.run("print(handlers[int](1), handlers[str](1))"), "int str");
    assert_eq!(kernel.run_cell("cell:2", "@on(str)\ndef handle(x):\n    return 'STR'"), "");
    assert_eq!(kernel.run("print(handlers[int](1), handlers[str](1))"), "int STR");
    // A name that is gone has nothing that is live.
    let listed = || status().iter().any(|line| line.starts_with("gone "));
    assert_eq!(kernel.run("def gone():\n    return 1"), "");
    assert_eq!(kernel.run("def gone():\n    return 2"), "");
    assert!(listed());
    assert_eq!(kernel.run("del gone"), "");
    assert!(!listed());
    assert_eq!(kernel.client.wait(), Some(0));
}

#[test]
fn the_cells_of_the_page_about_notebooks_hold() {
    let page = std::fs::read_to_string(repository().join("docs/notebooks.md")).expect("the page");
    let cells: Vec<&str> =
        page.split("```python\n").skip(1).filter_map(|block| Some(block.split_once("\n```")?.0)).collect();
    assert!(cells.len() >= 2 && cells.concat().contains("assert "), "{cells:?}");
    let workspace = Workspace::new();
    let Some(mut kernel) = Kernel::start(&workspace, python()) else { return };
    kernel.take_package();
    for cell in cells {
        assert_eq!(kernel.run(cell), "", "{cell}");
    }
    assert_eq!(kernel.client.wait(), Some(0));
}

#[test]
fn cells_that_ran_before_the_extension_was_loaded_count() {
    let workspace = Workspace::new();
    let Some(mut kernel) = Kernel::start(&workspace, python()) else { return };
    kernel.take_package();
    let before = "import functools\ndef plain():\n    return 1\n@functools.lru_cache\ndef cached():\n    return 1\nclass Empty:\n    x = 1\nclass Order:\n    def total(self):\n        return 1\n";
    assert_eq!(kernel.run(before), "");
    assert_eq!(kernel.run("held, kept, empty, order = plain, cached, Empty(), Order()\nother = lambda: 1"), "");
    assert_eq!(
        kernel.run("%load_ext hotsplice\ndef same():\n    return 1\ndef other():\n    return 2\nother = held"),
        ""
    );
    assert_eq!(kernel.run("beside = same"), "");
    let edited = before.replace('1', "3") + "def same():\n    return 3\ndef other():\n    return 3\n";
    let seen = "print(held(), held is plain, kept(), kept is cached, empty.x, type(empty) is Empty, order.total(), type(order) is Order, beside(), other is held)";
    assert_eq!(kernel.run(&edited), "");
    assert_eq!(kernel.run(seen), "3 True 3 True 3 True 3 True 3 False");
    assert_eq!(kernel.run(&format!("import hotsplice; hotsplice.undo().check()\n{seen}")).split(' ').next(), Some("1"));
    // Recoders know cells, which are no files.
    let recoded = "with hotsplice.recoder(Order.total) as recoder:\n    recoder.patch('def total(self): return 9')\n    print(order.total())\n    try:\n        recoder.commit()\n    except hotsplice.PatchError as error:\n        print(error.code)\nprint(order.total())";
    assert_eq!(kernel.run(recoded), "9\nHS0011\n1");
    // What was defined while it was away counts once it is back.
    assert_eq!(kernel.run("%unload_ext hotsplice\ndef plain():\n    return 5"), "");
    assert_eq!(kernel.run("held = plain\n%load_ext hotsplice"), "");
    assert_eq!(kernel.run("def plain():\n    return 6\nprint(held(), held is plain)"), "6 True");
    assert_eq!(kernel.client.wait(), Some(0));
}

#[test]
fn a_kernel_can_be_patched_without_a_cell_being_run_for_it() {
    let workspace = Workspace::new();
    assert!(jupyter(&workspace, "status").expect(0).text().starts_with("not installed"));
    let startup = ipython(&workspace).join("profile_default/startup/05-hotsplice.py");
    for _ in 0..2 {
        jupyter(&workspace, "install").expect(0);
        assert!(jupyter(&workspace, "status").expect(0).text().starts_with("installed: "));
    }
    workspace.write("shop.py", "RATE = 1\ndef price():\n    return RATE\n");
    let Some(mut kernel) = Kernel::start(&workspace, python()) else { return };
    for _ in 0..2 {
        workspace.sessions(1);
        assert_eq!(kernel.run("import shop; print(shop.price(), '_hotsplice' in globals())"), "1 False");
        workspace.write("shop.py", "RATE = 1\ndef price():\n    return 2\n");
        workspace.call(&["patch", "shop.py"]).expect(0);
        assert_eq!(kernel.run("print(shop.price())"), "2");
        let status = kernel.run("%hotsplice status");
        assert!(status.contains("by themselves: no") && status.contains("price is live in version 1"), "{status}");
        // As in a notebook whose package is installed.
        assert_eq!(kernel.run("%load_ext hotsplice"), "");
        assert_eq!(kernel.run("%reload_ext hotsplice"), "");
        let status = kernel.run("%hotsplice status");
        assert!(status.contains("by themselves: yes") && status.contains("price is live in version 1"), "{status}");
        kernel.run("%hotsplice off");
        workspace.write("shop.py", "RATE = 1\ndef price():\n    return RATE\n");
        // Another process: it has nothing of the former but what is on disk.
        assert_eq!(kernel.ask(&json!("restart")), "restarted");
    }
    jupyter(&workspace, "remove").expect(0);
    assert!(!startup.exists());
    assert_eq!(kernel.ask(&json!("restart")), "restarted");
    workspace.sessions(0);
    assert_eq!(kernel.client.wait(), Some(0));
    // What somebody else has put there is nobody's business.
    std::fs::write(&startup, "print('mine')\n").expect("written");
    for action in ["install", "remove", "status"] {
        assert!(jupyter(&workspace, action).expect(2).errors().contains("was not written by this command"));
    }
    assert_eq!(std::fs::read_to_string(&startup).expect("there"), "print('mine')\n");
}

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
        let mut program = workspace.run(python, &[&repository().join("tests/cells.py").display().to_string()]);
        let lines: Vec<String> =
            std::iter::from_fn(|| Some(program.line())).take_while(|line| !line.ends_with(" cases")).collect();
        assert!(lines.is_empty(), "{}: {}", python.name(), lines.join("\n"));
        assert_eq!(program.wait(), Some(0));
    }
}

const PROMPT: [&str; 6] = [
    "def greet(name='you'):\n    return 'hello ' + name\n",
    "class View:\n    def get(self):\n        return greet()\n",
    "view, held = View(), greet",
    "def greet(name='all'):\n    return 'welcome ' + name\n",
    "class View:\n    def get(self):\n        return greet().upper()\n",
    "print(view.get(), type(view) is View, held is greet, flush=True)",
];

#[test]
fn what_is_defined_again_at_the_prompt_is_patched_in_place() {
    for python in pythons::all() {
        let workspace = Workspace::new();
        let mut prompt = workspace.run(python, &[]);
        PROMPT.iter().for_each(|input| prompt.send(input));
        assert_eq!(prompt.line(), "WELCOME ALL True True");
        prompt.send("def fails():\n    raise KeyError(1)\n");
        prompt.send("fails()");
        prompt.send("'it goes on'");
        assert_eq!(prompt.line(), "'it goes on'");
        assert_eq!(prompt.wait(), Some(0));
        let errors = prompt.stderr();
        assert!(errors.contains("    raise KeyError(1)\n") && errors.contains("Type \"help\""), "{errors}");
        assert!(!errors.contains("hotsplice"), "{errors}");
    }
}

/// CPython 3.13 and later have a prompt of their own for terminals; before that it is `readline`'s.
#[test]
fn the_prompt_of_a_terminal_is_that_of_its_python() {
    for python in pythons::all() {
        let workspace = Workspace::new();
        let steps = json!([
            [">>> ", "def greet(): return 'hello'\n"],
            [">>> ", "held = greet"],
            [">>> ", "def greet(): return 'wel' + 'come'\n"],
            [">>> ", "print(held(), held is greet, 'pyre' + 'pl', '_pyrepl.console' in __import__('sys').modules)"],
            // What is typed while it prints would stand in between.
            ["welcome True pyrepl ", null],
            [">>> ", "exit()"],
        ]);
        let hotsplice = workspace.hotsplice();
        let mut command = std::process::Command::new(&python.path);
        command.envs(hotsplice.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("NO_COLOR", "1").env("TERM", "xterm").env_remove("PYTHON_BASIC_REPL").env("HOME", workspace.path());
        command.current_dir(workspace.path()).arg(repository().join("tests/terminal.py")).arg(steps.to_string());
        command.arg(hotsplice.get_program()).args(["run", "--python"]).arg(&python.path);
        let shown = Called(command.output().expect("the interpreter starts")).expect(0).text();
        let has_own = python.minor >= 13;
        assert!(shown.contains(if has_own { "pyrepl True" } else { "pyrepl False" }), "{}: {shown}", python.name());
    }
}
