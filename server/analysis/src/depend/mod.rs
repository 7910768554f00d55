//! What depends on what: calls and reads within a file, and names of other modules as this one knows them. Facts only.

pub(crate) mod alike;
mod assigning;
mod build;
mod called;
mod called_back;
mod called_by_objects;
mod callers;
mod contents;
mod elsewhere;
mod exported;
mod fields;
pub(crate) mod foreign;
pub(crate) mod given;
pub(crate) mod graph;
mod hooks;
pub(crate) mod inside;
pub(crate) mod kept;
mod making;
pub(crate) mod reaching;
mod reading;
pub(crate) mod taken;
pub(crate) mod types;
mod unknown;
pub(crate) mod view;
