//! The clients for editors, in the real ones that are found; those that are missing are named.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use hotsplice_tests::program::{Program, Workspace, wait_for};
use hotsplice_tests::{built, failing, pythons, repository};

/// Writes what `greet()` gives into the file `answer`, whole at once, as long as it runs.
const APP: &str = "import os, time\n\ndef greet():\n    return 'hello'\n\nwhile True:\n    with open('answer.new', 'w') as file:\n        print(greet(), file=file)\n    os.replace('answer.new', 'answer')\n    time.sleep(0.01)\n";

/// A program named by a variable, or on the path.
fn find(name: &str, variable: &str) -> Option<PathBuf> {
    find_all(name, variable).into_iter().next()
}

/// Programs of this name: where a variable says, on the path, or where a cache of editors has them.
fn find_all(name: &str, variable: &str) -> Vec<PathBuf> {
    let cache = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default().join(".cache");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let given = std::env::var_os(variable).map(PathBuf::from);
    let on_path = std::env::split_paths(&path).map(|folder| folder.join(name)).collect::<Vec<_>>();
    let older = std::fs::read_dir(cache.join("hotsplice-editors")).into_iter().flatten().flatten();
    let cached = [cache.join("extra-editors")].into_iter().chain(older.map(|entry| entry.path()));
    let cached = cached.map(|folder| folder.join("bin").join(name)).collect::<Vec<_>>();
    let mut found: Vec<PathBuf> =
        given.into_iter().chain(on_path).chain(cached).filter(|program| program.is_file()).collect();
    found.dedup();
    if found.is_empty() {
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
    command.env("HOTSPLICE_TEST_PYTHON", &pythons::newest().path);
    command
}

#[test]
fn neovim_does_what_its_users_do() {
    for nvim in find_all("nvim", "HOTSPLICE_NVIM") {
        for (steps, count) in [("neovim.lua", 11), ("neovim_enable.lua", 1)] {
            let workspace = Workspace::new();
            let _program = start(&workspace);
            let mut command = editor(&workspace, &nvim);
            command.args(["--headless", "--clean", "-l"]).arg(repository().join("tests/editors").join(steps));
            assert_steps(command, count);
        }
    }
}

/// Fails, writes what `evaluate` gives into the file `answer` and goes on.
const FAILS: &str = "import os, time\n\ndef evaluate(n):\n    items = []\n    return n / len(items)\n\nn = 0\nwhile True:\n    n += 1\n    result = evaluate(n)\n    with open('answer.new', 'w') as file:\n        print(result, file=file)\n    os.replace('answer.new', 'answer')\n    time.sleep(0.01)\n";

#[test]
fn neovim_answers_calls_that_are_held() {
    if pythons::newest().minor < 12 {
        return;
    }
    for nvim in find_all("nvim", "HOTSPLICE_NVIM") {
        let workspace = Workspace::new();
        let script = workspace.write("app.py", FAILS).display().to_string();
        // Where debugpy can be had for a Python, that one runs it.
        let debugged = failing::python();
        let python = debugged.as_ref().map_or(pythons::newest(), |(python, _)| python);
        let mut command = workspace.hotsplice();
        command.envs(debugged.as_ref().map(|(_, site)| ("PYTHONPATH", site)));
        command.args(["run", "--python"]).arg(&python.path).args(["--guard", "app.*", "--hold-for", "300", &script]);
        let program = Program::start(command);
        let mut command = editor(&workspace, &nvim);
        command.env("HOTSPLICE_TEST_DEBUGPY", if debugged.is_some() { "1" } else { "0" });
        command.args(["--headless", "--clean", "-l"]).arg(repository().join("tests/editors/neovim_holds.lua"));
        let steps = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| assert_steps(command, 8)));
        assert!(steps.is_ok(), "its errors:\n{}", program.errors_so_far());
    }
}

/// Waits for a line of input in a function.
const WAITS: &str = "import sys\n\ndef answer():\n    line = sys.stdin.readline()\n    return line\n\nprint('ready', flush=True)\nwhile answer():\n    pass\n";

#[test]
fn neovim_marks_the_line_of_a_stopped_frame_that_runs_old_code() {
    for nvim in find_all("nvim", "HOTSPLICE_NVIM") {
        let workspace = Workspace::new();
        let script = workspace.write("app.py", WAITS).display().to_string();
        // nvim-dap launches it by itself.
        let mut program =
            std::env::var_os("HOTSPLICE_NVIM_DAP").is_none().then(|| workspace.run(pythons::newest(), &[&script]));
        if let Some(program) = &mut program {
            program.wait_line("ready");
        }
        let mut command = editor(&workspace, &nvim);
        command.args(["--headless", "--clean", "-l"]).arg(repository().join("tests/editors/neovim_debugs.lua"));
        assert_steps(command, 4);
    }
}

#[test]
fn neovim_mends_programs_that_fail() {
    let (Some((python, site)), Some(nvim)) = (failing::python(), find("nvim", "HOTSPLICE_NVIM")) else { return };
    let workspace = Workspace::new();
    let mut programs: Vec<Program> = failing::ALL
        .iter()
        .map(|program| {
            program.write(&workspace);
            let mut command = workspace.hotsplice();
            command.env("PYTHONPATH", &site).args(["run", "--python"]).arg(&python.path);
            command.args(["--guard", &format!("{}.*", program.name), "--hold-for", "300", &program.file()]);
            Program::start(command)
        })
        .collect();
    let mut command = editor(&workspace, &nvim);
    command.env("HOTSPLICE_TEST_PROGRAMS", failing::ALL.map(|program| program.file()).join(" "));
    command.args(["--headless", "--clean", "-l"]).arg(repository().join("tests/editors/neovim_programs.lua"));
    assert_steps(command, failing::ALL.len());
    for (program, running) in failing::ALL.iter().zip(&mut programs) {
        running.wait_line(program.last);
        assert_eq!(running.wait(), Some(0), "{}", program.name);
    }
}

#[test]
fn emacs_does_what_its_page_says() {
    let Some(emacs) = find("emacs", "HOTSPLICE_EMACS") else { return };
    let workspace = Workspace::new();
    let _program = start(&workspace);
    let mut command = editor(&workspace, &emacs);
    command.args(["-Q", "--batch", "-l"]).arg(repository().join("tests/editors/emacs.el"));
    command.env("HOTSPLICE_EMACS_PAGE", repository().join("docs/editors/emacs.md"));
    assert_steps(command, 6);
}

/// Runs an editor through its steps, each of which prints that it is done.
fn assert_steps(mut command: Command, count: usize) {
    let output = command.output().expect("it starts");
    let shown = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let name = command.get_program().display();
    assert!(output.status.success(), "{name}: {shown}");
    assert_eq!(shown.lines().filter(|line| line.starts_with("ok ")).count(), count, "{name}: {shown}");
}

/// A terminal that a person could sit at.
struct Terminal {
    socket: String,
}

impl Terminal {
    fn start(workspace: &Workspace, command: &Command) -> Self {
        let socket = format!("hotsplice-{}-{}", std::process::id(), workspace.registry().display()).replace('/', "-");
        let terminal = Self { socket };
        let mut tmux = terminal.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", "120", "-y", "30"]);
        tmux.arg("-c").arg(workspace.path()).arg("env").args(
            command
                .get_envs()
                .filter_map(|(name, value)| Some(format!("{}={}", name.to_string_lossy(), value?.to_string_lossy()))),
        );
        let status = tmux.arg(command.get_program()).args(command.get_args()).status().expect("tmux starts");
        assert!(status.success(), "tmux does not start");
        terminal
    }

    fn tmux(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("tmux");
        command.args(["-L", &self.socket]).args(arguments).env("LC_ALL", "C.UTF-8").env("TERM", "xterm-256color");
        command
    }

    /// Keys by tmux's names; other words are typed.
    fn keys(&self, keys: &[&str]) {
        assert!(self.tmux(&["send-keys"]).args(keys).status().expect("tmux").success());
    }

    fn screen(&self) -> String {
        let output = self.tmux(&["capture-pane", "-p"]).output().expect("tmux");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn wait_for(&self, part: &str) {
        let mut screen = String::new();
        let came = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_for(part, || {
                screen = self.screen();
                screen.contains(part).then_some(())
            });
        }));
        assert!(came.is_ok(), "{part} is not on the screen:\n{screen}");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.tmux(&["kill-server"]).output();
    }
}

#[test]
fn a_person_at_neovim_sees_what_is_live() {
    let (Some(nvim), Some(_)) = (find("nvim", "HOTSPLICE_NVIM"), find("tmux", "HOTSPLICE_TMUX")) else { return };
    let workspace = Workspace::new();
    let _program = start(&workspace);
    let init = workspace.write(
        "init.lua",
        "vim.opt.runtimepath:prepend(vim.env.HOTSPLICE_NVIM_PLUGIN)\nvim.o.swapfile = false\nvim.o.laststatus = 2\nvim.o.statusline = \"%f %{v:lua.require'hotsplice'.statusline()}\"\nrequire('hotsplice').setup({ cmd = { vim.env.HOTSPLICE_PROGRAM, 'lsp' } })\n",
    );
    // Apart from its screen, since a Neovim that was moved can't start itself a second time.
    let socket = workspace.path().join("nvim.sock");
    let mut server = editor(&workspace, &nvim);
    server.args(["--headless", "--listen"]).arg(&socket).arg("-u").arg(init).arg("app.py");
    let _server = Program::start(server);
    wait_for("Neovim's socket", || socket.exists().then_some(()));
    let mut screen = editor(&workspace, &nvim);
    screen.arg("--server").arg(&socket).arg("--remote-ui");
    let terminal = Terminal::start(&workspace, &screen);
    terminal.wait_for("app.py ⚡1");
    terminal.keys(&["/hello", "Enter", "cw", "welcome", "Escape"]);
    terminal.wait_for("○ edited");
    terminal.keys(&[":Hotsplice patch", "Enter"]);
    terminal.wait_for("● live v1 · 1 process");
    wait_for("the new answer", || answer(&workspace).filter(|answer| answer == "welcome"));
}

#[test]
fn helix_patches_by_a_code_action() {
    let (Some(helix), Some(_)) = (find("hx", "HOTSPLICE_HELIX"), find("tmux", "HOTSPLICE_TMUX")) else { return };
    let workspace = Workspace::new();
    let _program = start(&workspace);
    // The configuration is the one that the page gives.
    let page = std::fs::read_to_string(repository().join("docs/editors/helix.md")).expect("the page");
    let block = |number: usize| {
        page.split("```toml\n").nth(number).and_then(|rest| rest.split("```").next()).expect("a block of TOML")
    };
    workspace.write("home/config/helix/languages.toml", block(1));
    workspace.write("home/config/helix/config.toml", block(2));
    let mut command = editor(&workspace, &helix);
    command.arg("app.py:4");
    let terminal = Terminal::start(&workspace, &command);
    terminal.wait_for("return 'hello'");
    terminal.keys(&["/hello", "Enter", "c", "welcome", "Escape"]);
    terminal.wait_for("return 'welcome'");
    // What follows an Escape too soon is taken for one key with it.
    terminal.wait_for(" NOR ");
    let offered = || {
        // Nothing is offered until the server knows the process.
        terminal.keys(&["Space", "a"]);
        let end = Instant::now() + Duration::from_secs(2);
        while Instant::now() < end {
            if terminal.screen().contains("Hot-patch function `greet`") {
                return Some(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    };
    let came = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| wait_for("the code action", offered)));
    assert!(came.is_ok(), "{}", terminal.screen());
    terminal.keys(&["Down", "Enter"]);
    let answers = |wanted: &str| wait_for(wanted, || answer(&workspace).filter(|answer| answer == wanted));
    answers("welcome");
    // The page's keys.
    let replace = |former: &str, now: &str| {
        terminal.keys(&[&format!("/{former}"), "Enter", "c", now, "Escape"]);
        terminal.wait_for(&format!("return '{now}'"));
        terminal.wait_for(" NOR ");
    };
    replace("welcome", "by function");
    terminal.keys(&["Space", "H", "p"]);
    answers("by function");
    replace("by function", "by file");
    terminal.keys(&["Space", "H", "f"]);
    answers("by file");
    replace("by file", "by name");
    terminal.keys(&[":lsp-workspace-command hotsplice.patchFile", "Enter"]);
    answers("by name");
    terminal.keys(&["Space", "H", "u"]);
    answers("by file");
}
