//! On which ports a process listens: people know their servers by them.

use std::collections::HashSet;
use std::fs;

/// TCP ports, ascending. Empty where `/proc` does not tell.
pub fn listening(pid: u32) -> Vec<u16> {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { return Vec::new() };
    let sockets: HashSet<String> = descriptors
        .flatten()
        .filter_map(|descriptor| fs::read_link(descriptor.path()).ok())
        .filter_map(|target| target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']').map(str::to_owned))
        .collect();
    if sockets.is_empty() {
        return Vec::new();
    }
    let tables =
        ["tcp", "tcp6"].map(|table| fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default());
    let lines = tables.iter().flat_map(|table| table.lines().skip(1));
    let mut ports: Vec<u16> = lines.filter_map(|line| port(line, &sockets)).collect();
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
        assert!(listening(std::process::id()).contains(&port));
        assert!(listening(u32::MAX).is_empty());
    }
}
