//! A program behind ssh.

use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use hotsplice_tests::program::{Program, Workspace, wait_for};

use super::{APP, Elsewhere, TOKEN, ask, start};

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
