//! Processes that listen by TCP, and who may come in. Each line of `docs/security.md` is a test, here or elsewhere.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use hotsplice_channel::PROTOCOL;
use hotsplice_tests::program::{PATIENCE, Program, Workspace, wait_for};
use hotsplice_tests::pythons::{self, Python};
use hotsplice_tests::repository;
use serde_json::{Value, json};

const TOKEN: &str = "a token that nobody guesses";

const APP: &str = "\
import os, sys
import hotsplice
def greet():
    return 'old'
print(hotsplice.listen(tcp='127.0.0.1:0', token=os.environ['TOKEN']), flush=True)
for line in sys.stdin:
    print(eval(line) if line.strip() else greet(), flush=True)
";

/// A program that listens, and where.
fn start_with(workspace: &Workspace, python: &Python, text: &str) -> (Program, String) {
    let script = workspace.write("app.py", text);
    let mut command = Command::new(&python.path);
    command.arg(script).current_dir(workspace.path()).env("PYTHONPATH", repository().join("agent/python"));
    command.env("HOTSPLICE_RUNTIME_DIR", workspace.registry()).env("TOKEN", TOKEN);
    let mut program = Program::start(command);
    let address = program.line();
    assert!(address.starts_with("127.0.0.1:"), "{address}{}", program.errors_so_far());
    (program, address)
}

fn start(workspace: &Workspace) -> (Program, String) {
    start_with(workspace, pythons::newest(), APP)
}

/// Another registry, of another machine as it were, and the command line there.
struct Elsewhere(tempfile::TempDir);

impl Elsewhere {
    fn new() -> Self {
        Self(tempfile::Builder::new().prefix("hs-").tempdir_in("/tmp").expect("a folder"))
    }

    fn command(&self, workspace: &Workspace, arguments: &[&str]) -> Command {
        let mut command = workspace.hotsplice();
        command.args(arguments).env("HOTSPLICE_RUNTIME_DIR", self.0.path().join("r")).env_remove("HOTSPLICE_TOKEN");
        command
    }

    fn connect(&self, workspace: &Workspace, address: &str) -> Program {
        let mut command = self.command(workspace, &["connect", address]);
        command.env("HOTSPLICE_TOKEN", TOKEN);
        let mut connected = Program::start(command);
        let line = connected.line();
        assert!(line.contains("can be patched for as long as this runs"), "{line}");
        connected
    }

    fn call(&self, workspace: &Workspace, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.command(workspace, arguments).output().expect("it starts");
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        (output.status.code(), text)
    }
}

/// Somebody who knows the address.
struct Stranger {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Stranger {
    fn come(address: &str) -> Self {
        let stream = TcpStream::connect(address).expect("somebody listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        let reader = BufReader::new(stream.try_clone().expect("a socket"));
        Self { stream, reader }
    }

    fn request(&mut self, method: &str, params: &Value) -> Option<Value> {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        self.say(format!("{message}\n").as_bytes());
        self.hear()
    }

    fn say(&mut self, bytes: &[u8]) {
        // It may have been cut off.
        let _ = self.stream.write_all(bytes);
    }

    /// Nothing when the connection is closed.
    fn hear(&mut self) -> Option<Value> {
        let mut line = String::new();
        match self.reader.read_line(&mut line) {
            Ok(1..) => Some(serde_json::from_str(&line).expect("the agent speaks JSON")),
            Ok(0) => None,
            Err(error) => {
                assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "it is neither answered nor cut off");
                None
            }
        }
    }

    fn guess(&mut self, token: &str) -> Option<Value> {
        self.request("authenticate", &json!({ "token": token }))
    }

    fn hello(&mut self) -> Option<Value> {
        self.request("hello", &json!({ "protocol": PROTOCOL, "client": "test" }))
    }
}

fn code(answer: Option<Value>) -> String {
    let answer = answer.unwrap_or_else(|| panic!("no answer"));
    answer["error"]["data"]["code"].as_str().unwrap_or("none").to_owned()
}

fn ask(program: &mut Program, line: &str) -> String {
    program.send(line);
    program.line()
}

#[test]
fn who_knows_the_token_patches_over_tcp() {
    for python in pythons::all() {
        let (workspace, elsewhere) = (Workspace::new(), Elsewhere::new());
        let (mut program, address) = start_with(&workspace, python, APP);
        let mut connected = elsewhere.connect(&workspace, &address);
        let (_, listed) = elsewhere.call(&workspace, &["sessions"]);
        assert!(listed.contains(&format!("at {address}")), "{listed}");
        workspace.write("app.py", &APP.replace("'old'", "'new'"));
        let (ended, text) = elsewhere.call(&workspace, &["patch", "app.py"]);
        assert_eq!(ended, Some(0), "{text}");
        assert_eq!(ask(&mut program, ""), "new", "Python {}", python.name());
        assert_eq!(elsewhere.call(&workspace, &["undo"]).0, Some(0));
        assert_eq!(ask(&mut program, ""), "old");
        assert_eq!(program.wait(), Some(0), "{}", program.stderr());
        assert_eq!(connected.wait(), Some(2));
        assert!(connected.stderr().contains("has ended"), "{}", connected.stderr());
        let left: Vec<_> = std::fs::read_dir(elsewhere.0.path().join("r")).expect("a registry").flatten().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// Whatever way leads to it, a process is one of all that a patch is for.
#[test]
fn a_patch_is_for_processes_here_and_elsewhere_alike() {
    let (here, there) = (Workspace::new(), Workspace::new());
    let (mut far, address) = start_with(&there, pythons::newest(), APP);
    let mut command = here.hotsplice();
    command.args(["connect", &address]).env("HOTSPLICE_TOKEN", TOKEN);
    let mut connected = Program::start(command);
    connected.line();
    // Of the same file, which only one of them can be given.
    let path = there.path().join("app.py");
    let mut near = Command::new(&pythons::newest().path);
    near.arg(&path).env("PYTHONPATH", repository().join("agent/python")).env("TOKEN", TOKEN);
    let mut near = Program::start({
        near.env("HOTSPLICE_RUNTIME_DIR", here.registry());
        near
    });
    near.line();
    here.sessions(2);
    let name = path.display().to_string();
    there.write("app.py", &APP.replace("def greet():", "X = 1 / int('NEAR' not in os.environ)\ndef greet():"));
    assert_eq!(ask(&mut near, "os.environ.update(NEAR='1')"), "None");
    let refused = here.call(&["patch", &name]).expect(1).text();
    assert!(refused.contains("HS0103") && refused.contains("HS0108"), "{refused}");
    there.write("app.py", &APP.replace("'old'", "'new'"));
    here.call(&["patch", &name]).expect(0);
    assert_eq!([ask(&mut near, ""), ask(&mut far, "")], ["new", "new"]);
    // A connection that is ended takes its session along, and nothing else.
    Command::new("kill").args(["-TERM", &connected.pid().to_string()]).status().expect("kill");
    assert_eq!(connected.wait(), Some(0));
    assert_eq!(here.sessions(1)[0].pid, near.pid());
    assert_eq!(ask(&mut far, ""), "new");
}

#[test]
fn a_connection_that_was_killed_is_no_session() {
    let (workspace, elsewhere) = (Workspace::new(), Elsewhere::new());
    let (mut program, address) = start(&workspace);
    let mut connected = elsewhere.connect(&workspace, &address);
    connected.child.kill().expect("a child");
    connected.wait();
    let (_, listed) = elsewhere.call(&workspace, &["sessions"]);
    assert!(listed.contains("no process is registered"), "{listed}");
    assert_eq!(ask(&mut program, ""), "old");
}

#[test]
fn without_the_token_nothing_is_answered() {
    let workspace = Workspace::new();
    let (mut program, address) = start(&workspace);
    for (method, params) in [
        ("hello", json!({ "protocol": PROTOCOL, "client": "test" })),
        ("files", json!({})),
        ("authenticate", json!({})),
        ("authenticate", json!({ "token": null })),
        ("authenticate", json!({ "token": [TOKEN] })),
    ] {
        let mut stranger = Stranger::come(&address);
        assert_eq!(code(stranger.request(method, &params)), "HS0003", "{method} {params}");
        assert_eq!(stranger.hear(), None, "the connection is closed");
    }
    // Much like it is not it.
    for wrong in ["", &TOKEN[..TOKEN.len() - 1], &format!("{TOKEN}{TOKEN}"), &TOKEN.to_uppercase()] {
        let mut stranger = Stranger::come(&address);
        let answer = stranger.guess(wrong);
        assert!(!format!("{answer:?}").contains("nobody guesses"), "{answer:?}");
        assert_eq!(code(answer), "HS0670", "{wrong}");
        assert_eq!(stranger.hear(), None, "the connection is closed");
    }
    // What comes behind it in the same breath is not looked at.
    let mut stranger = Stranger::come(&address);
    let two = ["wrong", TOKEN].map(|token| {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": "authenticate", "params": { "token": token } });
        format!("{request}\n")
    });
    stranger.say(two.concat().as_bytes());
    assert_eq!(code(stranger.hear()), "HS0670");
    assert_eq!(stranger.hear(), None, "the connection is closed");
    assert_eq!(ask(&mut program, ""), "old");
}

/// A page that a browser shows can make it send requests to ports of its own machine.
#[test]
fn a_browser_gets_nowhere() {
    let workspace = Workspace::new();
    let (mut program, address) = start(&workspace);
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "authenticate", "params": { "token": TOKEN } });
    for head in ["POST / HTTP/1.1", "GET / HTTP/1.1", "PRI * HTTP/2.0"] {
        let mut stranger = Stranger::come(&address);
        stranger.say(format!("{head}\r\nHost: localhost\r\nContent-Type: text/plain\r\n\r\n{body}\n").as_bytes());
        assert_eq!(code(stranger.hear()), "HS0003", "{head}");
        assert_eq!(stranger.hear(), None, "the connection is closed");
    }
    assert_eq!(ask(&mut program, ""), "old");
}

/// However many connections guess: after each wrong token nobody is listened to for a while. Who is in already does not notice.
#[test]
fn guessing_is_slow() {
    let workspace = Workspace::new();
    let (mut program, address) = start(&workspace);
    let mut friend = Stranger::come(&address);
    assert_eq!(code(friend.guess(TOKEN)), "none");
    assert!(friend.hello().is_some_and(|answer| answer["result"].is_object()));
    let began = Instant::now();
    let guessers: Vec<_> = (0..6)
        .map(|number| {
            let address = address.clone();
            std::thread::spawn(move || code(Stranger::come(&address).guess(&format!("a guess: {number:016}"))))
        })
        .collect();
    for _ in 0..20 {
        assert!(friend.hello().is_some_and(|answer| answer["result"].is_object()));
    }
    for guesser in guessers {
        assert_eq!(guesser.join().expect("an answer"), "HS0670");
    }
    // The door was shut five times, for 50 ms, 100 ms and so on, before the last was listened to.
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(1550), "six guesses took {took:?} only");
    let mut another = Stranger::come(&address);
    assert_eq!(code(another.guess(TOKEN)), "none");
    assert_eq!(ask(&mut program, ""), "old");
}

#[test]
fn strangers_cost_little_and_keep_nobody_out() {
    let workspace = Workspace::new();
    let (mut program, address) = start(&workspace);
    let memory = |program: &Program| {
        let status = std::fs::read_to_string(format!("/proc/{}/status", program.pid())).expect("it runs");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a line").to_owned();
        line.split_whitespace().nth(1).and_then(|size| size.parse::<u64>().ok()).expect("a number")
    };
    let before = memory(&program);
    let silent: Vec<Stranger> = (0..60).map(|_| Stranger::come(&address)).collect();
    let mut friend = Stranger::come(&address);
    assert_eq!(code(friend.guess(TOKEN)), "none");
    // All but a few are cut off; these later.
    for mut cut_off in silent.into_iter().take(50) {
        assert_eq!(cut_off.hear(), None);
    }
    let mut endless = Stranger::come(&address);
    let block = vec![b'x'; 1 << 20];
    let mut taken = 0;
    while taken < 256 << 20 {
        match endless.stream.write(&block) {
            Ok(count) => taken += count,
            Err(_) => break,
        }
    }
    assert!(taken < 64 << 20, "it took {taken} bytes of a stranger");
    let after = memory(&program);
    assert!(after < before + 20_000, "{before} kB before, {after} kB after");
    assert!(friend.hello().is_some_and(|answer| answer["result"].is_object()));
    assert_eq!(ask(&mut program, ""), "old");
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 33) as usize) % sides.max(1)
    }
}

#[test]
fn random_bytes_open_no_door() {
    let workspace = Workspace::new();
    let (mut program, address) = start(&workspace);
    let mut dice = Dice(7);
    let sample = json!({ "jsonrpc": "2.0", "id": 7, "method": "authenticate", "params": { "token": [TOKEN] } });
    for round in 0..600 {
        let mut bytes = match round % 3 {
            0 => (0..dice.roll(6000)).map(|_| dice.roll(256) as u8).collect(),
            _ => sample.to_string().into_bytes(),
        };
        for _ in 0..dice.roll(6) {
            let at = dice.roll(bytes.len());
            match dice.roll(3) {
                0 if !bytes.is_empty() => bytes[at] = dice.roll(256) as u8,
                1 => bytes.truncate(at),
                _ => bytes.insert(at.min(bytes.len()), dice.roll(256) as u8),
            }
        }
        // Some go in the middle of a line.
        if round % 5 != 0 {
            bytes.push(b'\n');
        }
        let mut stranger = Stranger::come(&address);
        stranger.say(&bytes);
        let _ = stranger.stream.shutdown(Shutdown::Write);
        while let Some(answer) = stranger.hear() {
            assert!(answer["error"].is_object(), "{answer}");
        }
    }
    let mut friend = Stranger::come(&address);
    assert_eq!(code(friend.guess(TOKEN)), "none");
    assert_eq!(ask(&mut program, ""), "old");
}

#[test]
fn what_would_be_open_to_others_has_to_be_said() {
    let workspace = Workspace::new();
    let tries = "\
import os
import hotsplice
def attempt(**arguments):
    try:
        return hotsplice.listen(**arguments)
    except Exception as error:
        return f'{type(error).__name__}: {error}'
token = os.environ['TOKEN']
print('ready')
print(attempt(tcp='127.0.0.1:0'))
print(attempt(tcp='127.0.0.1:0', token='short'))
print(attempt(tcp='0.0.0.0:0', token=token))
print(attempt(tcp='no address', token=token))
print(attempt(tcp='[::', token=token))
print(attempt(token=token))
print(attempt(tcp='192.0.2.1:5005', token=token, exposed=True))
first = attempt(tcp='0', token=token)
print(first, attempt(tcp='0', token=token) == first)
print(attempt(tcp='0', token=token + 'x'))
hotsplice.stop()
print(attempt(tcp=first, token=token + 'x') == first)
hotsplice.stop()
print(attempt(tcp='0.0.0.0:0', token=token, exposed=True))
";
    let script = workspace.write("tries.py", tries);
    let mut command = Command::new(&pythons::newest().path);
    command.arg(script).env("PYTHONPATH", repository().join("agent/python")).env("TOKEN", TOKEN);
    command
        .env("HOTSPLICE_RUNTIME_DIR", workspace.registry())
        .env_remove("HOTSPLICE_TOKEN")
        .env("PYTHONUNBUFFERED", "1");
    let mut program = Program::start(command);
    program.wait_line("ready");
    for expected in [
        "ValueError: who comes by TCP needs a token",
        "ValueError: a token of at least 16 characters",
        "ValueError: 0.0.0.0:0 can be reached from other machines",
        "ValueError: \"no address\" is no address",
        "ValueError: \"[::\" is no address",
        "ValueError: token and exposed are for who comes by TCP",
        "OSError: 192.0.2.1:5005: ",
        "127.0.0.1:",
        "ValueError: this process listens at 127.0.0.1:",
        "True",
        "0.0.0.0:",
    ] {
        let line = program.line();
        assert!(line.starts_with(expected) && !line.ends_with("False"), "{line}, not {expected}");
    }
    assert_eq!(program.wait(), Some(0), "{}", program.stderr());
}

/// Neither where it listens nor where it is connected from.
#[test]
fn the_token_is_written_nowhere() {
    let (workspace, elsewhere) = (Workspace::new(), Elsewhere::new());
    let (program, address) = start(&workspace);
    let file = workspace.write("token", &format!("{TOKEN}\n"));
    let mut command = elsewhere.command(&workspace, &["connect", &address, "--token-file"]);
    let mut connected = Program::start({
        command.arg(&file);
        command
    });
    let said = connected.line();
    let mut texts = vec![said];
    for folder in [workspace.registry().to_owned(), elsewhere.0.path().join("r")] {
        for file in std::fs::read_dir(folder).expect("a registry").flatten() {
            use std::os::unix::fs::PermissionsExt;
            let mode = file.metadata().expect("it is there").permissions().mode() & 0o077;
            let name = file.file_name().to_string_lossy().into_owned();
            assert!(mode == 0 || name.ends_with(".json"), "{name} can be opened by others");
            texts.push(std::fs::read_to_string(file.path()).unwrap_or_default());
        }
    }
    for pid in [program.pid(), connected.pid()] {
        texts.push(std::fs::read_to_string(format!("/proc/{pid}/cmdline")).expect("it runs"));
    }
    texts.push(elsewhere.call(&workspace, &["sessions", "--json"]).1);
    for text in texts {
        assert!(!text.contains("nobody guesses"), "{text}");
    }
}

#[test]
fn connecting_says_what_is_wrong() {
    let (workspace, elsewhere) = (Workspace::new(), Elsewhere::new());
    let (_program, address) = start(&workspace);
    let call = |address: &str, token: &str| {
        let mut command = elsewhere.command(&workspace, &["connect", address]);
        let output = command.env("HOTSPLICE_TOKEN", token).output().expect("it starts");
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let wrong = call(&address, "another token, a wrong one");
    assert!(wrong.contains("HS0670") && !wrong.contains("a wrong one"), "{wrong}");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = nobody.local_addr().expect("an address").port().to_string();
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = nobody.accept().expect("somebody comes");
        let mut line = String::new();
        let _ = BufReader::new(stream.try_clone().expect("a socket")).read_line(&mut line);
        stream.write_all(b"220 mail.example ESMTP\r\n").expect("it reads");
    });
    let other = call(&port, TOKEN);
    answering.join().expect("it was asked");
    assert!(other.contains("HS0671") && other.contains("this is not where a process listens"), "{other}");
    assert!(call(&port, TOKEN).contains("HS0671"), "nobody listens any more");
    assert!(call("no.such.host.invalid:1", TOKEN).contains("HS0671"));
    assert!(call(&address, " ").contains("the token is missing"));
}

/// A child has the parent's descriptors at first, and a daemon closes all that it has.
#[test]
fn the_door_is_the_process_s_own() {
    let text = APP.replace(
        "for line in",
        "\
def fork():
    reading, writing = os.pipe()
    if not os.fork():
        # It ends with the parent.
        os.close(writing)
        os.read(reading, 1)
        os._exit(0)
    return writing
def again(address):
    hotsplice.stop()
    return hotsplice.listen(tcp=address, token=os.environ['TOKEN'])
for line in",
    );
    for python in [&pythons::all()[0], pythons::newest()] {
        let workspace = Workspace::new();
        let (mut program, address) = start_with(&workspace, python, &text);
        ask(&mut program, "fork()");
        workspace.sessions(2);
        // The child holds none of it.
        assert_eq!(ask(&mut program, &format!("again({address:?})")), address, "Python {}", python.name());
        assert_eq!(code(Stranger::come(&address).guess(TOKEN)), "none");
        assert_eq!(ask(&mut program, "os.closerange(3, 4096)"), "None");
        let back = hotsplice_tests::program::wait_for("the door", || {
            let stream = TcpStream::connect(&address).ok()?;
            stream.set_read_timeout(Some(PATIENCE)).ok()?;
            let reader = BufReader::new(stream.try_clone().ok()?);
            Stranger { stream, reader }.guess(TOKEN)
        });
        assert!(back["result"].is_object(), "{back}");
    }
}

/// Every line of the table names what holds it.
#[test]
fn the_threat_model_is_tested_line_by_line() {
    let page = std::fs::read_to_string(repository().join("docs/security.md")).expect("docs/security.md");
    let tests: String = std::fs::read_dir(repository().join("tests/tests"))
        .expect("the tests")
        .flatten()
        .map(|file| std::fs::read_to_string(file.path()).unwrap_or_default())
        .collect();
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| who")).collect();
    assert!(rows.len() > 12, "{rows:#?}");
    for row in rows {
        let named = row.trim_end_matches(['|', ' ']).rsplit('|').next().unwrap_or_default();
        let names: Vec<&str> = named.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "no test holds: {row}");
        for name in names {
            assert!(tests.contains(&format!("fn {name}()")), "there is no test {name}: {row}");
        }
    }
}

/// A server of ssh on this machine, for which `build.example` stands in its clients' configuration.
struct Ssh {
    folder: tempfile::TempDir,
    _server: Program,
}

impl Ssh {
    /// None where there is no such server; what is missing is said.
    fn start() -> Option<Self> {
        let has = |program: &str| Path::new(program).exists();
        if !["/usr/sbin/sshd", "/usr/bin/ssh", "/usr/bin/ssh-keygen"].into_iter().all(has) {
            println!("no sshd here (on Debian: apt install openssh-server): the line of ssh is not tested");
            return None;
        }
        let folder = tempfile::Builder::new().prefix("hs-ssh-").tempdir_in("/tmp").expect("a folder");
        let at = |name: &str| folder.path().join(name).display().to_string();
        for key in ["host", "user"] {
            let mut command = Command::new("/usr/bin/ssh-keygen");
            command.args(["-q", "-t", "ed25519", "-N", "", "-f", &at(key)]);
            assert!(command.status().expect("ssh-keygen").success());
        }
        std::fs::copy(at("user.pub"), at("authorized")).expect("a key");
        let port = free_port();
        let server = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\n\
             UsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\n",
            at("host"),
            at("authorized")
        );
        std::fs::write(at("sshd_config"), server).expect("written");
        let client = format!(
            "Host build.example\nHostName 127.0.0.1\nPort {port}\nIdentityFile {}\nIdentitiesOnly yes\n\
             UserKnownHostsFile {}\nStrictHostKeyChecking no\nExitOnForwardFailure yes\nBatchMode yes\n",
            at("user"),
            at("known")
        );
        std::fs::write(at("config"), client).expect("written");
        let serve = format!("exec /usr/sbin/sshd -D -e -f {}", at("sshd_config"));
        // Root's needs a folder that the system makes at its start.
        let script = format!("mount -t tmpfs none /run && mkdir /run/sshd && {serve}");
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &serve]);
        if rustix::process::geteuid().is_root() {
            command = Command::new("unshare");
            command.args(["--mount", "sh", "-c", &script]);
        }
        let server = Program::start(command);
        wait_for("sshd to listen", || server.errors_so_far().contains("Server listening").then_some(()));
        Some(Self { folder, _server: server })
    }

    fn command(&self) -> Command {
        let mut command = Command::new("/usr/bin/ssh");
        command.arg("-F").arg(self.folder.path().join("config"));
        command
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// The line that the pages have, between two registries.
#[test]
fn a_program_behind_ssh_is_patched_as_the_pages_say() {
    let Some(ssh) = Ssh::start() else { return };
    let (workspace, elsewhere) = (Workspace::new(), Elsewhere::new());
    let (mut program, address) = start(&workspace);
    let port = free_port();
    let forward = format!("{port}:{address}");
    let mut line = ssh.command();
    line.args(["-N", "-L", &forward, "build.example"]);
    let mut forwarding = Program::start(line);
    wait_for("ssh to forward", || TcpStream::connect(("127.0.0.1", port)).ok());
    let token = workspace.write("token.txt", &format!("{TOKEN}\n"));
    let connect =
        elsewhere.command(&workspace, &["connect", &port.to_string(), "--token-file", &token.display().to_string()]);
    let mut connected = Program::start(connect);
    let said = connected.line();
    assert!(said.contains("can be patched for as long as this runs"), "{said}");
    workspace.write("app.py", &APP.replace("'old'", "'new'"));
    let (ended, text) = elsewhere.call(&workspace, &["patch", "app.py"]);
    assert_eq!(ended, Some(0), "{text}");
    assert_eq!(ask(&mut program, ""), "new");
    // Where the way there breaks off, the session ends, and the program goes on.
    forwarding.child.kill().expect("a child");
    forwarding.wait();
    assert_eq!(connected.wait(), Some(2), "{}", connected.stderr());
    let (_, listed) = elsewhere.call(&workspace, &["sessions"]);
    assert!(listed.contains("no process is registered"), "{listed}");
    assert_eq!(ask(&mut program, ""), "new");
}
