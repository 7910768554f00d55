//! Calls that are held, as the command line tells of them.

use serde_json::Value;

use crate::program::{Workspace, wait_for};
use crate::pythons::{self, Python};

/// For how many seconds a call is held: long enough that nothing ends by it.
pub const LONG: &str = "300";

/// The oldest Python whose functions can be guarded from outside, and the newest.
pub fn able() -> Vec<&'static Python> {
    let mut able: Vec<_> = pythons::all().iter().filter(|python| python.minor >= 12).collect();
    if able.len() > 2 {
        able.drain(1..able.len() - 1);
    }
    able
}

pub fn holds(workspace: &Workspace) -> Vec<Value> {
    workspace.call(&["holds", "--json"]).json().as_array().cloned().unwrap_or_default()
}

/// The call that is held, once one is.
pub fn held(workspace: &Workspace) -> Value {
    wait_for("a call that is held", || holds(workspace).pop().filter(|hold| hold["hold"].is_string()))
}
