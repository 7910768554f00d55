//! What depends on what: calls and reads within a file, and names of other modules as this one knows them. Facts only.

pub(crate) mod foreign;
pub(crate) mod graph;
