//! What can be asked for without an editor, by the command line and by coding agents alike. How the answers look is theirs.

mod diff;
mod holds;
mod patch;
mod select;
mod undo;

pub use diff::{Difference, Differing, diff, doubt};
pub use holds::{Held, held, holds};
pub use patch::{Asked, NOTHING};
pub use select::{Listed, NOBODY, Selected, Selection, select, sessions};
pub use undo::undo;
