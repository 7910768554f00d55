//! What the server and the agent say to each other.
//!
//! This crate is the only thing that the two sides share: the vocabulary of a patch ([`patch`]), the requests
//! and answers of the channel ([`message`]), how they are put on a socket ([`framing`]), where sessions are found
//! ([`registry`]), how long a request is good for ([`expiry`]) and the list of numbered codes ([`codes`]). It never touches Python, LSP or an editor.

pub mod codes;
pub mod expiry;
pub mod framing;
pub mod message;
pub mod patch;
pub mod registry;

/// Raised whenever a message changes its meaning. Server and agent travel together, but a process outlives an upgrade.
pub const PROTOCOL: u32 = 1;

/// The longest message that either side accepts, in bytes, newline included.
pub const MAX_MESSAGE: usize = 64 * 1024 * 1024;
