//! A Python process under `hotsplice run`, in a registry of its own, and the command line beside it.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hotsplice_channel::registry::{self, Entry};
use serde_json::Value;
use tempfile::TempDir;

use crate::built;
use crate::pythons::Python;

/// How long a test waits for what should come at once.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A folder for files and one for the registry, both gone in the end.
pub struct Workspace {
    folder: TempDir,
    registry: PathBuf,
    program: PathBuf,
    _parent: TempDir,
}

impl Default for Workspace {
    fn default() -> Self {
        Self::new()
    }
}

impl Workspace {
    pub fn new() -> Self {
        Self::with_program(built("hotsplice"))
    }

    /// With another build of `hotsplice` than the one beside the test.
    pub fn with_program(program: PathBuf) -> Self {
        let folder = tempfile::Builder::new().prefix("hotsplice-test-").tempdir().expect("a folder");
        // A socket's path must be short.
        let parent = tempfile::Builder::new().prefix("hs-").tempdir_in("/tmp").expect("a folder");
        // Made by whoever registers first, as in life.
        Self { folder, registry: parent.path().join("r"), program, _parent: parent }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().canonicalize().expect("it exists")
    }

    pub fn registry(&self) -> &Path {
        &self.registry
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("in the folder")).expect("a folder");
        std::fs::write(&path, text).expect("a file");
        path
    }

    /// The command line, with this registry.
    pub fn hotsplice(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(self.path()).env("HOTSPLICE_RUNTIME_DIR", self.registry()).env_remove("PYTHONPATH");
        command.env("PYTHONUNBUFFERED", "1").env_remove("PYTHONDONTWRITEBYTECODE").env_remove("VIRTUAL_ENV");
        command
    }

    /// Runs a command of `hotsplice` to its end.
    pub fn call(&self, arguments: &[&str]) -> Called {
        Called(self.hotsplice().args(arguments).output().expect("hotsplice starts"))
    }

    /// Starts `hotsplice run --python … ARGUMENTS`.
    pub fn run(&self, python: &Python, arguments: &[&str]) -> Program {
        let mut command = self.hotsplice();
        command.arg("run").arg("--python").arg(&python.path).args(arguments);
        Program::start(command)
    }

    /// Waits until this many sessions are registered and gives them.
    pub fn sessions(&self, count: usize) -> Vec<Entry> {
        wait_for(&format!("{count} sessions"), || {
            let found = registry::sessions(self.registry()).expect("a registry");
            (found.len() == count).then_some(found)
        })
    }
}

/// A command that has ended.
pub struct Called(pub Output);

impl Called {
    pub fn code(&self) -> Option<i32> {
        self.0.status.code()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.stdout).into_owned()
    }

    pub fn errors(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.0.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}{}", self.text(), self.errors()))
    }

    /// Panics with what was printed unless it ended with this code.
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code(), Some(code), "{}{}", self.text(), self.errors());
        self
    }
}

/// A running process whose output is read line by line.
pub struct Program {
    pub child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    written: Arc<Mutex<Vec<u8>>>,
    errors: Option<std::thread::JoinHandle<()>>,
}

impl Program {
    pub fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdout = child.stdout.take().expect("piped");
        let mut stderr = child.stderr.take().expect("piped");
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let written = Arc::<Mutex<Vec<u8>>>::default();
        let shared = written.clone();
        let errors = std::thread::spawn(move || {
            let mut block = [0; 4096];
            while let Ok(count @ 1..) = stderr.read(&mut block) {
                shared.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&block[..count]);
            }
        });
        Self { stdin: child.stdin.take(), child, lines, written, errors: Some(errors) }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line that it prints.
    pub fn line(&mut self) -> String {
        self.line_within(PATIENCE)
    }

    /// The same for what takes longer.
    pub fn line_within(&mut self, patience: Duration) -> String {
        match self.lines.recv_timeout(patience) {
            Ok(line) => line,
            Err(_) => {
                let _ = self.child.kill();
                panic!("the program printed nothing more; its errors:\n{}", self.stderr());
            }
        }
    }

    /// Reads lines until one is `wanted`.
    pub fn wait_line(&mut self, wanted: &str) {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            // The prompt of a debugger may stand before it.
            if line.trim_start_matches("(Pdb) ") == wanted {
                return;
            }
            seen.push(line);
        }
        let _ = self.child.kill();
        panic!("{wanted:?} did not come, but {seen:?}; its errors:\n{}", self.stderr());
    }

    pub fn send(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("open");
        writeln!(stdin, "{line}").expect("the program reads");
        stdin.flush().expect("the program reads");
    }

    /// Sends a line, and gives the next one that it prints.
    pub fn ask(&mut self, line: &str) -> String {
        self.send(line);
        self.line()
    }

    /// Closes its standard input.
    pub fn close(&mut self) {
        self.stdin = None;
    }

    /// Waits for its end and gives its exit code.
    pub fn wait(&mut self) -> Option<i32> {
        self.close();
        wait_for("the program's end", || self.child.try_wait().expect("a child")).code()
    }

    /// What it wrote to standard error; ends with the program.
    pub fn stderr(&mut self) -> String {
        if let Some(errors) = self.errors.take() {
            errors.join().expect("a reader");
        }
        self.errors_so_far()
    }

    /// What it has written to standard error by now.
    pub fn errors_so_far(&self) -> String {
        String::from_utf8_lossy(&self.written.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks again until there is an answer: for what no event tells.
pub fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
