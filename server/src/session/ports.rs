//! On which ports a process listens: people know their servers by them.

use std::collections::HashSet;
use std::fs;
use std::time::{Duration, Instant};

/// The system's list of sockets is long and slow to read: what was found holds for so long, or until the process has other sockets.
const HOLDS: Duration = Duration::from_secs(3);

/// What was found when it was looked last.
#[derive(Default)]
pub struct Ports {
    ports: Vec<u16>,
    sockets: HashSet<String>,
    looked: Option<Instant>,
}

impl Ports {
    /// TCP ports, ascending. Empty where `/proc` does not tell.
    pub fn listening(&mut self, pid: u32) -> Vec<u16> {
        let sockets = sockets(pid);
        let holds = self.looked.is_some_and(|looked| looked.elapsed() < HOLDS);
        if !holds || sockets != self.sockets {
            let ports = if sockets.is_empty() { Vec::new() } else { listening(pid, &sockets) };
            *self = Self { ports, sockets, looked: Some(Instant::now()) };
        }
        self.ports.clone()
    }
}

/// The inodes of the process's sockets.
fn sockets(pid: u32) -> HashSet<String> {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { return HashSet::new() };
    descriptors
        .flatten()
        .filter_map(|descriptor| fs::read_link(descriptor.path()).ok())
        .filter_map(|target| target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']').map(str::to_owned))
        .collect()
}

fn listening(pid: u32, sockets: &HashSet<String>) -> Vec<u16> {
    let tables =
        ["tcp", "tcp6"].map(|table| fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default());
    let lines = tables.iter().flat_map(|table| table.lines().skip(1));
    let mut ports: Vec<u16> = lines.filter_map(|line| port(line, sockets)).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// A line of `/proc/net/tcp` (proc_pid_net(5)): number, local address, remote address, state, …, the inode as the tenth.
fn port(line: &str, sockets: &HashSet<String>) -> Option<u16> {
    const LISTEN: &str = "0A";
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
    if *state != LISTEN || !sockets.contains(*inode) {
        return None;
    }
    u16::from_str_radix(local.rsplit(':').next()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listening_socket_is_found() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = socket.local_addr().expect("an address").port();
        let mut ports = Ports::default();
        assert!(ports.listening(std::process::id()).contains(&port));
        let another = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = another.local_addr().expect("an address").port();
        assert!(ports.listening(std::process::id()).contains(&port));
        assert!(Ports::default().listening(u32::MAX).is_empty());
    }
}
