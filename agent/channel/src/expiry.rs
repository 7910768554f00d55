//! Until when a request may be carried out.
//!
//! Whoever asks waits so long and no longer; what was then reported as failed must not happen later. A process may be
//! stopped in between (Ctrl-Z, a debugger of C code, `SIGSTOP`), so the time is one on a clock that both sides share, and
//! not one that begins when the request is read.

use std::sync::OnceLock;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// How often a process says that it works on a request.
pub const WORKING_EVERY: Duration = Duration::from_secs(1);
/// How long after it said so it may still be carried out.
pub const WORKING_LEASE: Duration = Duration::from_secs(4);
/// How long it is then waited for: longer, so that the answer to what went live at the last moment is heard.
pub const WORKING_PATIENCE: Duration = Duration::from_secs(5);
/// A request on which a process works longer than that is given up.
pub const WORKING_AT_MOST: Duration = Duration::from_secs(60);

/// A time on the monotonic clock of one machine since its boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expiry {
    /// Tells the machine's boot from others: clocks of two machines have nothing to do with each other.
    boot: String,
    milliseconds: u64,
}

impl Expiry {
    pub fn after(duration: Duration) -> Self {
        Self { boot: boot().to_owned(), milliseconds: now().saturating_add(duration.as_millis() as u64) }
    }

    /// Whether the time is over. That of another machine never is, as far as can be known here.
    pub fn is_over(&self) -> bool {
        self.boot == boot() && now() >= self.milliseconds
    }
}

fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    (time.tv_sec as u64).saturating_mul(1000).saturating_add(time.tv_nsec as u64 / 1_000_000)
}

fn boot() -> &'static str {
    static BOOT: OnceLock<String> = OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "no Python is needed for it")]
    BOOT.get_or_init(|| {
        let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        id.trim().to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_has_come_is_over_on_its_own_machine_only() {
        let past = Expiry::after(Duration::ZERO);
        assert!(past.is_over());
        assert!(!Expiry::after(Duration::from_secs(60)).is_over());
        assert!(!Expiry { boot: "another".to_owned(), ..past }.is_over());
    }
}
