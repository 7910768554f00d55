//! Patches that are being made: the server does not end in the middle of one.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How long a patch that is being made may take when the client ends: one that is live in half of the processes would be worse.
const LAST_PATCH: Duration = Duration::from_secs(5);

/// One that is being made, until it is dropped.
pub struct Working;

static WORKING: (Mutex<usize>, Condvar) = (Mutex::new(0), Condvar::new());

impl Working {
    pub fn begin() -> Self {
        *WORKING.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Self
    }

    /// Returns when none is being made any more, or after some seconds.
    pub fn wait() {
        let count = WORKING.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever waited too long ends what there is.
        let _ = WORKING.1.wait_timeout_while(count, LAST_PATCH, |count| *count > 0);
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        *WORKING.0.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        WORKING.1.notify_all();
    }
}
