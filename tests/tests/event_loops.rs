//! What an event loop calls is new after a patch, and a callback that runs goes on in the new code.

use hotsplice_tests::program::{Program, Workspace};
use hotsplice_tests::{packages, pythons};

/// A program that takes `go` (a callback), `run` (a callback that reads lines until `end`) and `quit`.
struct EventLoop {
    name: &'static str,
    packages: &'static [&'static str],
    /// The versions 3.x that it is tried on: large packages are not installed for each.
    minors: &'static [u32],
    text: &'static str,
    display: bool,
}

const WORK: &str = include_str!("../programs/event_loops/work.py");
const EVENT_LOOPS: &[EventLoop] = &[
    EventLoop {
        name: "tkinter",
        packages: &[],
        minors: &[10, 11, 12, 13, 14, 15],
        text: include_str!("../programs/event_loops/tkinter_app.py"),
        display: true,
    },
    EventLoop {
        name: "Qt",
        packages: &["PySide6-Essentials"],
        minors: &[13],
        text: include_str!("../programs/event_loops/qt_app.py"),
        display: false,
    },
    EventLoop {
        name: "pygame",
        packages: &["pygame-ce"],
        minors: &[10, 13],
        text: include_str!("../programs/event_loops/pygame_app.py"),
        display: false,
    },
    EventLoop {
        name: "uvloop",
        packages: &["uvloop"],
        minors: &[10, 13],
        text: include_str!("../programs/event_loops/uvloop_app.py"),
        display: false,
    },
    EventLoop {
        name: "concurrent.futures",
        packages: &[],
        minors: &[10, 11, 12, 13, 14, 15],
        text: include_str!("../programs/event_loops/futures_app.py"),
        display: false,
    },
    EventLoop {
        name: "tqdm",
        packages: &["tqdm"],
        minors: &[10, 12, 13],
        text: include_str!("../programs/event_loops/tqdm_app.py"),
        display: false,
    },
];

#[test]
fn callbacks_are_new_and_a_running_one_goes_on_in_the_new_code() {
    let display = Display::start();
    let mut tried = 0;
    for python in pythons::all() {
        for event_loop in EVENT_LOOPS.iter().filter(|one| one.minors.contains(&python.minor)) {
            let context = format!("Python {}, {}", python.name(), event_loop.name);
            let workspace = Workspace::new();
            let mut command = workspace.hotsplice();
            if !event_loop.packages.is_empty() {
                let wanted: Vec<String> = event_loop.packages.iter().map(|name| (*name).to_owned()).collect();
                let Some(folder) = packages::folder(python, &format!("framework-{}", wanted.join("-")), &wanted) else {
                    println!("{context}: can't be had, not tested");
                    continue;
                };
                command.env("PYTHONPATH", folder);
            }
            if event_loop.display {
                let has_tkinter = std::process::Command::new(&python.path).args(["-c", "import _tkinter"]).output();
                let (Some(display), true) = (&display, has_tkinter.is_ok_and(|output| output.status.success())) else {
                    println!("{context}: no display or no tkinter, not tested");
                    continue;
                };
                command.env("DISPLAY", &display.name);
            }
            workspace.write("work.py", WORK);
            workspace.write("main.py", event_loop.text);
            command.args(["run", "--"]).arg(&python.path).arg("main.py");
            let mut program = Program::start(command);
            program.wait_line("ready");
            let step = |program: &mut Program, line: &str, answer: &str| {
                program.send(line);
                program.wait_line(answer);
            };
            step(&mut program, "go", "called old");
            program.send("run");
            step(&mut program, "go", "running old");
            let new = WORK.replace("def word():\n    return \"old\"", "def named():\n    return \"new\"");
            workspace.write("work.py", &new.replace("word()", "named()"));
            workspace.call(&["patch", "work.py"]).expect(0);
            for _ in 0..2 {
                step(&mut program, "go", if python.minor >= 12 { "running new" } else { "running old" });
            }
            step(&mut program, "end", "left");
            step(&mut program, "go", "called new");
            program.send("quit");
            assert_eq!(program.wait(), Some(0), "{context}: {}", program.stderr());
            tried += 1;
        }
    }
    assert!(tried > 0);
}

/// An X server without a screen, gone with the test.
struct Display {
    server: std::process::Child,
    name: String,
}

impl Display {
    fn start() -> Option<Self> {
        use std::io::{BufRead, BufReader};
        let mut server = std::process::Command::new("Xvfb")
            .args(["-displayfd", "1", "-nolisten", "tcp"])
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .ok()?;
        let mut number = String::new();
        BufReader::new(server.stdout.take()?).read_line(&mut number).ok()?;
        let started = Self { server, name: format!(":{}", number.trim()) };
        // Without a number it has ended, and `drop` takes what is left of it.
        (!number.trim().is_empty()).then_some(started)
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
