//! The editor may end without a word while somebody else holds our input open (a terminal, a debugger, a child of
//! its own): the server ends with the process that `initialize` names.

use std::time::Duration;

use hotsplice_channel::registry;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// How often it is looked where the kernel can't tell (before Linux 5.3).
const LOOK: Duration = Duration::from_secs(3);

/// Calls `ended` once the process has ended. Waiting costs nothing. A process that is not there can't be waited for: the
/// editor may count its processes otherwise (in a container, or on another machine).
pub fn watch(pid: u32, ended: impl FnOnce() + Send + 'static) {
    let Some(started) = registry::process_started(pid) else { return };
    let wait = move || {
        wait(pid, started);
        ended();
    };
    // Without it, the end of the input still is the end.
    let _ = std::thread::Builder::new().name("editor-watch".to_owned()).spawn(wait);
}

fn wait(pid: u32, started: u64) {
    let raw = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let descriptor = raw.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
    // What was opened may be a later process of the same id.
    let is_it = || registry::process_started(pid) == Some(started);
    if let Some(descriptor) = descriptor.filter(|_| is_it()) {
        loop {
            match poll(&mut [PollFd::new(&descriptor, PollFlags::IN)], None) {
                Ok(_) => return,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => break,
            }
        }
    }
    while is_it() {
        std::thread::sleep(LOOK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};
    use std::sync::mpsc::channel;

    #[test]
    fn the_end_of_a_process_is_noticed() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().expect("a process");
        let (sender, ends) = channel();
        watch(child.id(), move || {
            let _ = sender.send(());
        });
        assert!(ends.try_recv().is_err());
        drop(child.stdin.take());
        child.wait().expect("its end");
        ends.recv_timeout(Duration::from_secs(20)).expect("the end is told");
        let (sender, ends) = channel::<()>();
        watch(u32::MAX, move || {
            let _ = sender.send(());
        });
        assert!(ends.recv().is_err(), "nobody waits for a process that is not there");
    }
}
