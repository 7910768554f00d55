//! Processes in other pid and mount namespaces, as containers have them, which share the folder of sessions: `docs/containers.md`.

use std::path::{Path, PathBuf};
use std::process::Command;

use hotsplice_tests::lsp::{Editor, uri};
use hotsplice_tests::program::{Program, Workspace, wait_for};
use hotsplice_tests::pythons::{self, Python};
use hotsplice_tests::{built, repository};
use serde_json::json;

const PART: &str = "LIMIT = 1\ndef part():\n    return 'part'\n";
const APP: &str = "\
import os, sys
from shop import part
import hotsplice
def greet():
    return 'old'
hotsplice.listen()
print('ready', flush=True)
for line in sys.stdin:
    print(eval(line) if line.strip() else greet(), flush=True)
";

/// A host's view of a project, and where a container sees it.
struct Project {
    workspace: Workspace,
    inside: tempfile::TempDir,
}

impl Project {
    fn new() -> Self {
        let workspace = Workspace::new();
        workspace.write("src/app.py", APP);
        workspace.write("src/shop/__init__.py", "");
        workspace.write("src/shop/part.py", PART);
        // Whoever registers first makes it, and a container can only share what is there.
        std::fs::create_dir(workspace.registry()).expect("a folder");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(workspace.registry(), mode).expect("ours");
        let inside = tempfile::Builder::new().prefix("hs-inside-").tempdir_in("/tmp").expect("a folder");
        std::fs::create_dir(inside.path().join("app")).expect("a folder");
        Self { workspace, inside }
    }

    fn source(&self) -> PathBuf {
        self.workspace.path().join("src")
    }

    fn app(&self) -> PathBuf {
        self.source().join("app.py")
    }

    fn inside(&self) -> PathBuf {
        self.inside.path().join("app")
    }

    /// A container in which the project's folder has another name.
    fn mounted(&self, python: &Python, namespaces: &[&str]) -> Program {
        let script = format!(
            "mount --bind {} {} && cd {} && exec {} app.py",
            self.source().display(),
            self.inside().display(),
            self.inside().display(),
            python.path.display()
        );
        self.start(namespaces, &script)
    }

    /// A container that has the project's files as a copy.
    fn copied(&self, python: &Python) -> Program {
        let copied = Command::new("cp").arg("-r").arg(self.source().join(".")).arg(self.inside()).status();
        assert!(copied.expect("cp").success());
        let script = format!("cd {} && exec {} app.py", self.inside().display(), python.path.display());
        self.start(CONTAINER, &script)
    }

    fn start(&self, namespaces: &[&str], script: &str) -> Program {
        let mut command = Command::new("unshare");
        command.args(namespaces).args(["sh", "-c", script]);
        command
            .env("HOTSPLICE_RUNTIME_DIR", self.workspace.registry())
            .env("PYTHONPATH", repository().join("agent/python"));
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        let mut program = Program::start(command);
        program.wait_line("ready");
        program
    }

    fn edit(&self, answer: &str) {
        std::fs::write(self.app(), APP.replace("'old'", &format!("'{answer}'"))).expect("a file");
    }
}

const CONTAINER: &[&str] = &["--user", "--map-root-user", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"];
const MOUNTS: &[&str] = &["--user", "--map-root-user", "--mount"];

/// Where the system lets nobody make namespaces there is nothing to test.
fn can_be_tried() -> bool {
    let tried = Command::new("unshare").args(CONTAINER).arg("true").status();
    let can = tried.is_ok_and(|status| status.success());
    if !can {
        println!("the system lets nobody make namespaces here: containers are not tested");
    }
    can
}

fn ask(program: &mut Program, line: &str) -> String {
    program.send(line);
    program.line()
}

#[test]
fn a_folder_that_a_container_mounts_elsewhere_is_the_same() {
    if !can_be_tried() {
        return;
    }
    for python in [&pythons::all()[0], pythons::newest()] {
        for namespaces in [CONTAINER, MOUNTS] {
            let project = Project::new();
            let mut program = project.mounted(python, namespaces);
            assert_eq!(ask(&mut program, "__file__"), project.inside().join("app.py").display().to_string());
            // It had been edited before anybody looked: that it is the same file needs no text.
            project.edit("new");
            let patched = project.workspace.call(&["patch", "src/app.py"]).expect(0);
            assert!(patched.text().contains("1 edit live"), "{}", patched.text());
            assert_eq!(ask(&mut program, ""), "new", "Python {}", python.name());
            // All that differs, and what differs.
            project.edit("newer");
            assert!(project.workspace.call(&["diff"]).expect(0).text().contains("newer"));
            project.workspace.call(&["patch"]).expect(0);
            assert_eq!(ask(&mut program, ""), "newer");
            project.workspace.call(&["undo", "src/app.py"]).expect(0);
            assert_eq!(ask(&mut program, ""), "new");
        }
    }
}

#[test]
fn a_copy_in_a_container_is_found_by_what_is_in_it() {
    if !can_be_tried() {
        return;
    }
    let project = Project::new();
    let mut program = project.copied(pythons::newest());
    project.edit("new");
    project.workspace.call(&["patch", "src/app.py"]).expect(0);
    assert_eq!(ask(&mut program, ""), "new");
    // Another project that looks like it is not it.
    let other = project.workspace.write("other/shop/part.py", "def part():\n    return 'another'\n");
    let refused = project.workspace.call(&["patch", &other.display().to_string()]).expect(2);
    assert!(refused.errors().contains("HS0005"), "{}", refused.errors());
}

/// The window is about the folder, whatever a process calls that.
#[test]
fn an_editor_shows_a_container_s_files_as_its_own() {
    if !can_be_tried() {
        return;
    }
    let project = Project::new();
    let mut program = project.mounted(pythons::newest(), CONTAINER);
    let folder = json!([{ "uri": uri(&project.source()), "name": "src" }]);
    let mut editor = Editor::with_parameters(&project.workspace, json!({}), json!({ "workspaceFolders": folder }));
    editor.wait_sessions(1);
    editor.open(&project.app(), APP);
    editor.change(&project.app(), &APP.replace("'old'", "'edited'"));
    let answer = editor.patch_file(&project.app());
    assert_eq!(answer[0]["committed"], true, "{answer:#}");
    assert_eq!(ask(&mut program, ""), "edited");
    editor.change(&project.app(), &APP.replace("def greet():", "def greet(when=1 / 0):"));
    editor.patch_file(&project.app());
    let shown = editor
        .wait_notification("textDocument/publishDiagnostics", |shown| shown["diagnostics"][0]["code"] == "HS0103");
    assert_eq!(shown["uri"], json!(uri(&project.app())));
}

#[test]
fn what_is_saved_goes_live_in_a_container() {
    if !can_be_tried() {
        return;
    }
    let project = Project::new();
    let mut program = project.mounted(pythons::newest(), CONTAINER);
    let mut command = project.workspace.hotsplice();
    let mut watch = Program::start({
        command.args(["watch", "src", "-v"]);
        command
    });
    let said = wait_for("its first report", || Some(watch.errors_so_far()).filter(|said| said.contains("watch")));
    assert!(!said.contains(" 0 files"), "{said}");
    project.edit("saved");
    wait_for("the patch", || (ask(&mut program, "") == "saved").then_some(()));
    watch.child.kill().expect("a child");
}

/// Process ids of a container are no ids of the host: nothing that is told by them may be believed.
#[test]
fn nobody_takes_another_namespace_s_sessions_for_dead() {
    if !can_be_tried() {
        return;
    }
    let (first, second) = (Project::new(), Project::new());
    // Both are the first process of their namespace.
    let mut one = first.mounted(pythons::newest(), CONTAINER);
    let registry = first.workspace.registry().display().to_string();
    let script = format!(
        "export HOTSPLICE_RUNTIME_DIR={registry}; cd {} && exec {} app.py",
        second.source().display(),
        pythons::newest().path.display()
    );
    let mut two = second.start(CONTAINER, &script);
    let mut host = Command::new(&pythons::newest().path);
    host.arg("app.py").current_dir(first.source()).env("PYTHONPATH", repository().join("agent/python"));
    let mut host = Program::start({
        host.env("HOTSPLICE_RUNTIME_DIR", &registry);
        host
    });
    host.wait_line("ready");
    let listed = first.workspace.sessions(3);
    let mut ids: Vec<&str> = listed.iter().map(|entry| entry.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 3, "{ids:?}");
    // Seen from a third namespace, and afterwards from here again.
    let mut inside = Command::new("unshare");
    inside.args(CONTAINER).arg(built("hotsplice")).args(["sessions", "--json"]).env("HOTSPLICE_RUNTIME_DIR", &registry);
    let output = inside.output().expect("unshare");
    let seen: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(seen.as_array().map(Vec::len), Some(3), "{seen}{}", String::from_utf8_lossy(&output.stderr));
    first.workspace.sessions(3);
    // One that is gone is listed nowhere, and its entry is left to whoever can know.
    one.child.kill().expect("a child");
    one.wait();
    first.workspace.sessions(2);
    let shown = first.workspace.call(&["sessions"]).expect(0).text();
    assert_eq!(shown.matches("in a container").count(), 1, "{shown}");
    assert_eq!([ask(&mut two, ""), ask(&mut host, "")], ["old", "old"]);
}

/// As `docker exec` would: in the container, with its process ids.
#[test]
fn a_process_is_attached_to_from_within_its_container() {
    if !can_be_tried() {
        return;
    }
    let project = Project::new();
    std::fs::write(
        project.app(),
        "import sys\nprint('ready', flush=True)\nfor line in sys.stdin:\n    print('said', flush=True)\n",
    )
    .expect("a file");
    let mut program = project.mounted(pythons::newest(), CONTAINER);
    let children = format!("/proc/{0}/task/{0}/children", program.pid());
    let inside = std::fs::read_to_string(&children).expect("what unshare has started").trim().to_owned();
    let mut command = Command::new("nsenter");
    command.args(["--target", &inside, "--user", "--mount", "--pid"]).arg(built("hotsplice")).args(["attach", "1"]);
    command.env("HOTSPLICE_RUNTIME_DIR", project.workspace.registry()).current_dir("/");
    let output = command.output().expect("nsenter");
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    if said.contains("the system lets nobody trace it") || said.contains("nsenter:") {
        return println!("one process may not reach into another here: {said}");
    }
    assert!(output.status.success(), "{said}");
    assert!(said.contains("process 1 "), "{said}");
    let listed = project.workspace.call(&["sessions"]).expect(0).text();
    assert!(listed.contains("pid 1 · in a container"), "{listed}");
    assert_eq!(ask(&mut program, ""), "said");
}

fn is_root() -> bool {
    rustix::process::getuid().is_root()
}

/// A process that is another program by now, or another user's, is reported as what it is.
#[test]
fn a_process_that_became_another_is_reported() {
    let workspace = Workspace::new();
    let run = |name: &str, text: &str| {
        let script = workspace.write(name, text);
        let mut command = Command::new(&pythons::newest().path);
        command.arg(&script).env("PYTHONPATH", repository().join("agent/python")).current_dir(workspace.path());
        command.env("HOTSPLICE_RUNTIME_DIR", workspace.registry());
        let mut program = Program::start(command);
        program.wait_line("ready");
        // What is not registered yet can't have become another one.
        workspace.sessions(1);
        program.send("go");
        program.wait_line("another");
        program
    };
    let became = run(
        "app.py",
        "import hotsplice, os\nhotsplice.listen()\nprint('ready', flush=True)\ninput()\n\
         os.execv('/bin/sh', ['sh', '-c', 'echo another; read line'])\n",
    );
    let told = workspace.call(&["sessions"]).expect(0).errors();
    let program = "(sh -c echo another; read line), which is no Python";
    let expected = format!("HS0672: process {} runs another program now {program}", became.pid());
    assert!(told.contains(&expected), "{told}");
    let told = workspace.call(&["attach", &became.pid().to_string()]).expect(2).errors();
    assert!(told.contains("which is no CPython"), "{told}");
    drop(became);
    if !is_root() {
        return;
    }
    let folder = workspace.registry().parent().map(Path::to_owned).expect("a folder");
    std::fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("ours");
    let changed = run(
        "app.py",
        "import hotsplice, os\nhotsplice.listen()\nprint('ready', flush=True)\ninput()\n\
         os.setuid(65534)\nprint('another', flush=True)\ninput()\n",
    );
    let told = workspace.call(&["sessions"]).expect(0).errors();
    let expected = format!("HS0007: process {} has changed its user (from 0 to 65534)", changed.pid());
    assert!(told.contains(&expected), "{told}");
    let told = workspace.call(&["attach", &changed.pid().to_string()]).expect(2).errors();
    assert!(told.contains(&expected), "{told}");
}
