//! `hotsplice connect`: a process on another machine, or in another container, as a session of this one.
//!
//! The process has called `hotsplice.listen(tcp=…, token=…)`. For as long as this command runs there is an entry in the
//! registry, with a socket; who connects to it is connected to the process. So nobody else needs to know of TCP.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use hotsplice_channel::message::{Authenticate, Hello, HelloAnswer, JsonRpc, Request, Response, event, method};
use hotsplice_channel::registry::{self, Entry, Via};
use hotsplice_channel::{PROTOCOL, codes, framing};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use super::{Failure, output};

/// How long the process may take to answer. After wrong tokens it lets nobody in for a while.
const PATIENCE: Duration = Duration::from_secs(10);

const TOKEN: &str = "HOTSPLICE_TOKEN";

#[derive(Args)]
#[command(
    after_help = "Examples:\n  hotsplice connect 127.0.0.1:5005 --token-file token.txt\n  ssh -N -L 5005:127.0.0.1:5005 build.example & hotsplice connect 5005\n\nThe process has called hotsplice.listen(tcp=\"127.0.0.1:5005\", token=…). It is one of `hotsplice sessions` for as long as this command runs."
)]
pub struct Arguments {
    /// Where the process listens: HOST:PORT, or PORT of this machine
    address: String,
    /// A file with the token; else it is taken from HOTSPLICE_TOKEN, or from standard input. Never from the command line, which everybody sees
    #[arg(long, value_name = "PATH")]
    token_file: Option<PathBuf>,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let token = token(arguments.token_file.as_deref())?;
    let target = Arc::new(Target { address: full_address(&arguments.address), token });
    let (mut control, entry) = target.greet()?;
    let failed = |error: io::Error| Failure::new(codes::UNREADABLE, error.to_string());
    let listed = Listed::new(&entry, &target.address)?;
    let listener = listed.listener.try_clone().map_err(failed)?;
    output::line(&format!(
        "process {} at {} (Python {}) can be patched for as long as this runs",
        entry.pid, target.address, entry.python
    ));
    let passing = target.clone();
    std::thread::Builder::new()
        .name("connect".to_owned())
        .spawn(move || {
            for stream in listener.incoming().flatten() {
                let target = passing.clone();
                // Whoever came is cut off if there is no thread for it.
                let _ = std::thread::Builder::new().spawn(move || target.pass_on(&stream));
            }
        })
        .map_err(failed)?;
    let interrupted = until_interrupted(move || control.wait_end()).map_err(failed)?;
    drop(listed);
    if interrupted {
        return Ok(ExitCode::SUCCESS);
    }
    let message = format!("process {} at {} has ended, or the way to it has", entry.pid, target.address);
    Err(Failure::new(codes::SESSION_GONE, message))
}

/// Not on the command line: every user of the machine can read those.
fn token(file: Option<&Path>) -> Result<String, Failure> {
    let unreadable =
        |name: &Path, error: io::Error| Failure::new(codes::UNREADABLE, format!("{}: {error}", name.display()));
    let text = match (file, std::env::var(TOKEN)) {
        (Some(path), _) => fs::read_to_string(path).map_err(|error| unreadable(path, error))?,
        (None, Ok(token)) => token,
        (None, Err(_)) => {
            let mut line = String::new();
            io::stdin().lock().read_line(&mut line).map_err(|error| unreadable(Path::new("standard input"), error))?;
            line
        }
    };
    let token = text.trim();
    if token.is_empty() {
        let message = format!("the token is missing: --token-file, {TOKEN} or a line on standard input");
        return Err(Failure::new(codes::BAD_MESSAGE, message));
    }
    Ok(token.to_owned())
}

/// `5005` is one of this machine.
fn full_address(address: &str) -> String {
    match address.rsplit_once(':') {
        None => format!("127.0.0.1:{address}"),
        Some(("", port)) => format!("127.0.0.1:{port}"),
        Some(_) => address.to_owned(),
    }
}

struct Target {
    address: String,
    token: String,
}

/// A connection that was let in.
struct Admitted {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Target {
    fn failure(&self, detail: impl std::fmt::Display) -> Failure {
        let message = format!("{}: {detail}", self.address);
        Failure::new(codes::NOT_CONNECTED, message)
    }

    fn enter(&self) -> Result<Admitted, Failure> {
        let failed = |error: io::Error| self.failure(error);
        let addresses: Vec<_> = self.address.to_socket_addrs().map_err(failed)?.collect();
        let mut last = self.failure("it stands for no address");
        for address in addresses {
            match TcpStream::connect_timeout(&address, PATIENCE) {
                Ok(stream) => return self.authenticate(stream),
                Err(error) => last = failed(error),
            }
        }
        Err(last)
    }

    fn authenticate(&self, stream: TcpStream) -> Result<Admitted, Failure> {
        let failed = |error: io::Error| self.failure(error);
        stream.set_nodelay(true).map_err(failed)?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
        stream.set_write_timeout(Some(PATIENCE)).map_err(failed)?;
        let reader = BufReader::new(stream.try_clone().map_err(failed)?);
        let mut admitted = Admitted { stream, reader };
        let params = json!(Authenticate { token: self.token.clone() });
        self.ask(&mut admitted, method::AUTHENTICATE, params)?;
        Ok(admitted)
    }

    fn ask(&self, admitted: &mut Admitted, method: &str, params: Value) -> Result<Value, Failure> {
        let request = Request { jsonrpc: JsonRpc::V2, id: 0, method: method.to_owned(), params, expires: None };
        let bytes = framing::encode(&request).map_err(|error| self.failure(error))?;
        let no_agent = "this is not where a process listens that called hotsplice.listen(tcp=…)";
        admitted.stream.write_all(&bytes).map_err(|error| self.failure(error))?;
        // An answer is short; what is not is none of an agent's.
        let mut line = String::new();
        match (&mut admitted.reader).take(1 << 16).read_line(&mut line) {
            Ok(0) => return Err(self.failure("the connection was closed before an answer came")),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(self.failure(no_agent)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(self.failure("no answer came")),
            Err(error) => return Err(self.failure(error)),
        }
        let response: Response = serde_json::from_str(&line).map_err(|_| self.failure(no_agent))?;
        match response.error {
            None => Ok(response.result.unwrap_or_default()),
            Some(error) => {
                let code = error.data.map_or_else(|| codes::NOT_CONNECTED.to_owned(), |data| data.code);
                Err(Failure::new(&code, format!("{}: {}", self.address, error.message)))
            }
        }
    }

    /// Who is there, over a connection that lasts as long as the process does.
    fn greet(&self) -> Result<(Admitted, Entry), Failure> {
        let mut admitted = self.enter()?;
        let client = format!("hotsplice {} connect", env!("CARGO_PKG_VERSION"));
        let hello = json!(Hello { protocol: PROTOCOL, client });
        let answer = self.ask(&mut admitted, method::HELLO, hello)?;
        let answer: HelloAnswer = serde_json::from_value(answer).map_err(|error| self.failure(error))?;
        admitted.stream.set_read_timeout(None).map_err(|error| self.failure(error))?;
        Ok((admitted, answer.session))
    }

    /// One connection of an editor's, from its beginning to its end.
    fn pass_on(&self, local: &UnixStream) {
        let admitted = match self.enter() {
            Ok(admitted) => admitted,
            Err(failure) => return output::problem(failure),
        };
        let Admitted { stream, mut reader } = admitted;
        let Ok(()) = stream.set_read_timeout(None) else { return };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // Either side may go at any time: then the other one is told.
                let _ = io::copy(&mut (&*local), &mut (&stream));
                let _ = stream.shutdown(Shutdown::Both);
            });
            let _ = io::copy(&mut reader, &mut (&*local));
            let _ = local.shutdown(Shutdown::Both);
            let _ = stream.shutdown(Shutdown::Both);
        });
    }
}

impl Admitted {
    /// Returns when the process has ended, or can't be reached any more.
    fn wait_end(&mut self) {
        let mut line = Vec::new();
        while matches!(self.reader.read_until(b'\n', &mut line), Ok(1..)) {
            let ended = serde_json::from_slice::<Value>(&line).is_ok_and(|said| said["method"] == event::SESSION_ENDED);
            if ended {
                return;
            }
            line.clear();
        }
    }
}

/// What stands in the registry meanwhile.
struct Listed {
    listener: UnixListener,
    files: [PathBuf; 2],
}

impl Listed {
    fn new(entry: &Entry, address: &str) -> Result<Self, Failure> {
        let directory = registry::directory();
        registry::ensure(&directory).map_err(|error| Failure::new(codes::UNREADABLE, error.to_string()))?;
        let pid = std::process::id();
        let started = registry::process_started(pid).unwrap_or_default();
        let namespace = registry::pid_namespace();
        let own = registry::session_id(pid, started, namespace);
        let (file, socket) = (directory.join(format!("via-{own}.json")), directory.join(format!("via-{own}.sock")));
        let draft = directory.join(format!("via-{own}.draft"));
        let via = Via { address: address.to_owned(), pid, started, namespace };
        let entry = Entry { socket: socket.to_string_lossy().into_owned(), via: Some(via), ..entry.clone() };
        let at =
            |path: &Path, error: io::Error| Failure::new(codes::UNREADABLE, format!("{}: {error}", path.display()));
        let listener = UnixListener::bind(&socket).map_err(|error| at(&socket, error))?;
        let listed = Self { listener, files: [file, socket] };
        let [file, socket] = &listed.files;
        fs::set_permissions(socket, fs::Permissions::from_mode(0o600)).map_err(|error| at(socket, error))?;
        // Last, and whole at once: whoever sees the entry can connect.
        fs::write(&draft, json!(entry).to_string()).map_err(|error| at(&draft, error))?;
        fs::rename(&draft, file).map_err(|error| at(file, error))?;
        Ok(listed)
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        for file in &self.files {
            // Gone already is as good as removed.
            let _ = fs::remove_file(file);
        }
    }
}

/// Whether a signal came before the work had ended.
fn until_interrupted(work: impl FnOnce() + Send + 'static) -> io::Result<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let interrupted = runtime.block_on(async {
        let (mut interrupt, mut end, mut hangup) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
        Ok::<_, io::Error>(tokio::select! {
            _ = tokio::task::spawn_blocking(work) => false,
            _ = interrupt.recv() => true,
            _ = end.recv() => true,
            _ = hangup.recv() => true,
        })
    });
    runtime.shutdown_background();
    interrupted
}
