//! What the commands of pages find: their files, a program that runs, and a shell.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use crate::program::{Program, Workspace};
use crate::pythons::Python;
use crate::{built, failing, holding, repository};

const APP: &str = r#"
import importlib.util
import sys
import threading

sys.path.append("src/shop")
import stock
from app import views

spec = importlib.util.spec_from_file_location("front", "shop.py")
front = sys.modules["front"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(front)
failing = None

print("ready", flush=True)
for line in sys.stdin:
    if line == "fail\n":
        failing = threading.Thread(target=views.evaluate)
        failing.start()
    elif line == "join\n":
        failing.join()
        print("joined", flush=True)
    elif line == "stop\n":
        front.STOPS.append(True)
        front.price(1)
        print("gone on", flush=True)
    else:
        print(stock.COUNT, flush=True)
"#;

const SHOP: &str = "\
import pdb
TABLE = [0]
STOPS = []

def price(amount):
    if STOPS and STOPS.pop():
        pdb.set_trace()
    total = amount + 0
    return total
";

/// Fails as long as the file is empty.
const VIEWS: &str = "\
class View:
    def get(self):
        return 0

def evaluate():
    items = open('items.txt').read().split()
    return 44 / len(items)
";

const FILES: [(&str, &str); 14] = [
    ("app.py", APP),
    ("app/__init__.py", ""),
    ("app/views.py", VIEWS),
    ("items.txt", ""),
    ("Makefile", "serve:\n\tpython app.py\n"),
    ("other.txt", SHOP),
    ("script.py", "import sys\nprint('ready', flush=True)\nsys.stdin.read()\n"),
    ("shop.py", SHOP),
    (
        "shop/__init__.py",
        "try:\n    from flask import Flask\nexcept ImportError:\n    pass\nelse:\n    app = Flask(__name__)\n",
    ),
    ("shop/cli.py", "def main():\n    print('ready', flush=True)\n"),
    ("src/shop/stock.py", "COUNT = 0\n"),
    ("token.txt", TOKEN),
    ("train.py", TRAIN),
    ("HOME/.profile", ""),
];
const TOKEN: &str = "a token that nobody guesses";

/// The lines are those that the page shows.
const TRAIN: &str = "\
def batch():
    return open('items.txt').read().split()

def evaluate(total):
    items = batch()
    return total / len(items)

print('result', evaluate(44), flush=True)
";

/// What the commands find: their files, and a program that runs.
pub struct Standing {
    pub workspace: Workspace,
    pub python: &'static Python,
    packages: Option<PathBuf>,
    pub program: Program,
    pub session: String,
    /// Of another machine as it were: its own registry.
    pub far: (Workspace, Program, String),
    pub texts: usize,
}

impl Standing {
    pub fn new() -> Option<Self> {
        let (python, packages) = match failing::python() {
            Some((python, packages)) => (python, Some(packages)),
            None => (*holding::able().last()?, None),
        };
        let workspace = Workspace::new();
        FILES.iter().for_each(|(name, text)| drop(workspace.write(name, text)));
        std::fs::create_dir(workspace.path().join("bin")).expect("a folder");
        for name in ["python", "python3"] {
            std::os::unix::fs::symlink(&python.path, workspace.path().join("bin").join(name)).expect("a link");
        }
        let mut program = workspace.run(python, &["app.py"]);
        program.wait_line("ready");
        let session = workspace.sessions(1).remove(0).id;
        let far = Workspace::new();
        let text = format!(
            "import hotsplice\nprint(hotsplice.listen(tcp='127.0.0.1:0', token={TOKEN:?}), flush=True)\ninput()\n"
        );
        let script = far.write("far.py", &text);
        let mut listening = Command::new(&python.path);
        listening.arg(script).env("PYTHONPATH", repository().join("agent/python"));
        listening.env("HOTSPLICE_RUNTIME_DIR", far.registry());
        let mut listening = Program::start(listening);
        let address = listening.line();
        let port = address.rsplit(':').next().expect("a port").to_owned();
        Some(Self { workspace, python, packages, program, session, far: (far, listening, port), texts: 0 })
    }

    /// What a shell takes for this line.
    pub fn shell(&self, text: &str) -> Command {
        let mut command = self.workspace.hotsplice();
        let program = built("hotsplice");
        let folders = [self.workspace.path().join("bin"), program.parent().expect("a folder").to_owned()];
        let others = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(folders.into_iter().chain(std::env::split_paths(&others))).expect("folders");
        // What is signalled is the program, not its shell.
        let line = if text.starts_with("hotsplice ") { format!("exec {text}") } else { text.to_owned() };
        let variables: Vec<_> =
            command.get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned))).collect();
        command = Command::new("timeout");
        command.current_dir(self.workspace.path()).args(["--foreground", "60", "sh", "-c", &line]);
        for (name, value) in variables {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.env("PATH", path).env("HOME", self.workspace.path().join("HOME"));
        command.env("IPYTHONDIR", self.workspace.path().join("ipython"));
        command.env("HOTSPLICE_TOKEN", TOKEN).env("FLASK_RUN_PORT", "0");
        if let (true, Some(packages)) = (text.contains("flask"), &self.packages) {
            command.env("PYTHONPATH", packages);
        }
        command.process_group(0);
        command
    }

    /// What a command needs that may not be there.
    pub fn lacks(&self, text: &str) -> Option<&'static str> {
        let is_there =
            |name: &str| self.shell(&format!("command -v {name}")).output().is_ok_and(|found| found.status.success());
        if text.contains("flask") && self.packages.is_none() {
            return Some("Flask");
        }
        (text.contains("'make ") && !is_there("make")).then_some("make")
    }

    pub fn save(&mut self) {
        self.texts += 1;
        self.workspace.write("shop.py", &SHOP.replace("+ 0", &format!("+ {}", self.texts)));
        self.workspace.write("app/views.py", &VIEWS.replace("return 0", &format!("return {}", self.texts)));
    }

    /// A call that is held, by its name.
    pub fn fail(&mut self) -> String {
        self.workspace.write("items.txt", "");
        self.workspace.call(&["guard", "app.views", "--hold-for", holding::LONG]).expect(0);
        self.program.send("fail");
        let hold = holding::held(&self.workspace)["hold"].as_str().expect("a name").to_owned();
        self.workspace.write("items.txt", "one two");
        hold
    }

    /// The failing call has been answered, or is now.
    pub fn go_on(&mut self) {
        self.workspace.call(&["raise"]);
        assert_eq!(self.program.ask("join"), "joined");
    }

    /// Has the program stand in a debugger.
    pub fn stop(&mut self) {
        self.program.send("stop");
        self.program.send("until 9");
        let place = self.workspace.path().join("shop.py");
        self.program.wait_line(&format!("> {}(9)price()", place.display()));
        self.save();
        self.workspace.call(&["patch", "shop.py"]).expect(0);
    }
}
