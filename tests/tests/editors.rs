//! The clients for editors, in the real ones that are found; those that are missing are named.

use std::path::PathBuf;
use std::process::Command;

use hotsplice_tests::program::{Program, Workspace, wait_for};
use hotsplice_tests::{built, pythons, repository};

/// Writes what `greet()` gives into the file `answer`, whole at once, as long as it runs.
const APP: &str = "import os, time\n\ndef greet():\n    return 'hello'\n\nwhile True:\n    with open('answer.new', 'w') as file:\n        print(greet(), file=file)\n    os.replace('answer.new', 'answer')\n    time.sleep(0.01)\n";

/// A program named by a variable, on the path, or where a cache of editors has it.
fn find(name: &str, variable: &str) -> Option<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let given = std::env::var_os(variable).map(PathBuf::from);
    let on_path = std::env::split_paths(&path).map(|folder| folder.join(name)).collect::<Vec<_>>();
    let cached = home.join(".cache/extra-editors/bin").join(name);
    let found = given.into_iter().chain(on_path).chain([cached]).find(|program| program.is_file());
    if found.is_none() {
        println!("{name} is not found here: not tested ({variable} names one)");
    }
    found
}

fn start(workspace: &Workspace) -> Program {
    let script = workspace.write("app.py", APP);
    let program = workspace.run(pythons::newest(), &[&script.display().to_string()]);
    wait_for("its answer", || answer(workspace).filter(|answer| answer == "hello"));
    program
}

fn answer(workspace: &Workspace) -> Option<String> {
    std::fs::read_to_string(workspace.path().join("answer")).ok().map(|text| text.trim().to_owned())
}

/// In the workspace, with its registry and with a home of its own.
fn editor(workspace: &Workspace, program: &std::path::Path) -> Command {
    let mut command = Command::new(program);
    let home = workspace.path().join("home");
    std::fs::create_dir_all(&home).expect("a folder");
    let folder = built("hotsplice").parent().expect("a folder").to_owned();
    let path = std::env::join_paths(
        std::iter::once(folder).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    );
    command.current_dir(workspace.path()).env("HOTSPLICE_RUNTIME_DIR", workspace.registry());
    command.env("HOME", &home).env("XDG_CONFIG_HOME", home.join("config")).env("XDG_STATE_HOME", home.join("state"));
    command.env("XDG_DATA_HOME", home.join("data")).env("XDG_CACHE_HOME", home.join("cache"));
    command.env("PATH", path.expect("folders")).env("HOTSPLICE_PROGRAM", built("hotsplice"));
    command.env("HOTSPLICE_NVIM_PLUGIN", repository().join("editors/nvim"));
    command
}

#[test]
fn neovim_does_what_its_users_do() {
    let Some(nvim) = find("nvim", "HOTSPLICE_NVIM") else { return };
    let workspace = Workspace::new();
    let _program = start(&workspace);
    let steps = repository().join("tests/editors/neovim.lua");
    let mut command = editor(&workspace, &nvim);
    let output = command.args(["--headless", "--clean", "-l"]).arg(steps).output().expect("Neovim starts");
    let shown = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{shown}");
    assert_eq!(shown.lines().filter(|line| line.starts_with("ok ")).count(), 9, "{shown}");
}
