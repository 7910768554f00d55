//! What changed between two texts of a Python file.
//!
//! A pure library: texts in, plain data out. It reads no files, talks to no process, knows no editor, and never fails:
//! any text gives an [`Outline`], with its problems beside it. [`diff`] gives the typed edits that lead from the live
//! text to the new one, [`splice`] the live text with one definition exchanged, [`without`] the new text without some
//! edits, [`imported_modules`] what a text imports, [`misfits`] the uses in some files that others of them do not offer, [`changed_definitions`] the names of what differs, [`run_again`] what runs a statement once more. Who has many texts parsed does so in [`parsing_many`]. The parser (an
//! internal crate of Ruff) is named in the folder `parse` only.

mod changed;
mod depend;
mod diff;
mod effects;
mod index;
mod lines;
mod matching;
mod misfits;
mod outline;
mod parse;
mod rest;
mod self_contained;
mod splice;
mod text;
mod tree;
mod words;

pub use changed::changed_definitions;
pub use depend::foreign::{Counts, Foreign, Names, Texts};
pub use depend::kept::KeptGraph;
pub use depend::reaching::Reaching;
pub use depend::taken::Taken;
pub use diff::{diff, diff_anew, diff_following, run_again};
pub use misfits::{Module, imported_modules, misfits};
pub use outline::{Definition, Outline, Problem};
pub use parse::parsing_many;
pub use rest::{Rest, without};
pub use self_contained::is_self_contained;
pub use splice::splice;
pub use words::Words;
