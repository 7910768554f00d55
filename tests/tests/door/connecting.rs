//! Who knows the token patches; what would be open, or is wrong, is said.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::Command;

use hotsplice_tests::program::{PATIENCE, Program, Workspace};
use hotsplice_tests::pythons;
use hotsplice_tests::repository;

use super::{APP, Elsewhere, Stranger, TOKEN, ask, code, start, start_with};

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
