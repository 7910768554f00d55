//! Signals that are meant for the program that was started.

use std::sync::OnceLock;

use tokio::signal::unix::{SignalKind, signal};

/// Signals that arrive are kept from ending us.
pub struct Forwarded(std::sync::Arc<OnceLock<u32>>);

/// From now on: an interrupt of the terminal reaches the program by itself, a request to end is handed on to it.
pub fn forwarded() -> std::io::Result<Forwarded> {
    let child = std::sync::Arc::<OnceLock<u32>>::default();
    let known = child.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut quit, mut end, mut hangup) = {
        let _inside = runtime.enter();
        (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::quit())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        )
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            loop {
                let forwarded = tokio::select! {
                    _ = interrupt.recv() => None,
                    _ = quit.recv() => None,
                    _ = end.recv() => Some(rustix::process::Signal::TERM),
                    _ = hangup.recv() => Some(rustix::process::Signal::HUP),
                };
                let pid = known.get().and_then(|pid| rustix::process::Pid::from_raw(*pid as i32));
                if let (Some(signal), Some(pid)) = (forwarded, pid) {
                    // It may have ended.
                    let _ = rustix::process::kill_process(pid, signal);
                }
            }
        });
    })?;
    Ok(Forwarded(child))
}

impl Forwarded {
    /// Whom they are for.
    pub fn to(&self, pid: u32) {
        let _ = self.0.set(pid);
    }
}
