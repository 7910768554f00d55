//! What cells and prompts define once more, in real kernels and at real prompts, and cells in an editor.

mod editor;
mod kernels;
mod prompts;

use std::time::Duration;

use hotsplice_tests::program::{Called, Program, Workspace};
use hotsplice_tests::pythons::Python;
use hotsplice_tests::{built, packages, pythons, repository};
use serde_json::{Value, json};

/// A kernel takes its time to start.
const PATIENCE: Duration = Duration::from_secs(120);

fn ipython(workspace: &Workspace) -> std::path::PathBuf {
    workspace.path().join("ipython")
}

/// The newest for which there are packages.
fn python() -> &'static Python {
    pythons::all().iter().rev().find(|python| python.minor <= 13).unwrap_or_else(|| pythons::newest())
}

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
