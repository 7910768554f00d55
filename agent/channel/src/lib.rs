//! What the server and the agent say to each other.
//!
//! This crate is the only thing that the two sides share: the vocabulary of a patch ([`patch`], [`edit`], [`text`]), the requests
//! and answers of the channel ([`message`], [`holds`], [`status`], [`output`]), how they are put on a socket ([`framing`]), where sessions are found
//! ([`registry`]), who watches for them ([`watchers`]), how long a request is good for ([`expiry`]), which files are no project's ([`installed`]) and the list of
//! numbered codes ([`codes`]). It never touches Python, LSP or an editor.

pub mod codes;
pub mod edit;
pub mod expiry;
pub mod framing;
pub mod holds;
pub mod installed;
pub mod message;
pub mod output;
pub mod patch;
pub mod registry;
pub mod status;
pub mod text;
pub mod watchers;

/// Tells the builds apart whose messages differ: it is made of the text of what defines them, so that nobody has to
/// think of raising it. Server and agent travel together, but a process outlives an upgrade.
pub const PROTOCOL: u32 = fingerprint(&[
    include_str!("message.rs"),
    include_str!("holds.rs"),
    include_str!("status.rs"),
    include_str!("output.rs"),
    include_str!("patch.rs"),
    include_str!("edit.rs"),
    include_str!("text.rs"),
    include_str!("framing.rs"),
]);

/// The longest message that either side accepts, in bytes, newline included.
pub const MAX_MESSAGE: usize = 64 * 1024 * 1024;

/// FNV-1a of all that is neither white space nor a comment at the end of a line.
const fn fingerprint(texts: &[&str]) -> u32 {
    let mut hash: u32 = 0x811c_9dc5;
    let mut number = 0;
    while number < texts.len() {
        let text = texts[number].as_bytes();
        let mut place = 0;
        while place < text.len() {
            if text[place] == b'/' && place + 1 < text.len() && text[place + 1] == b'/' {
                while place < text.len() && text[place] != b'\n' {
                    place += 1;
                }
            } else {
                if !text[place].is_ascii_whitespace() {
                    hash = (hash ^ text[place] as u32).wrapping_mul(0x0100_0193);
                }
                place += 1;
            }
        }
        number += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::fingerprint;

    #[test]
    fn what_messages_are_is_told_apart_and_words_about_them_are_not() {
        let known = fingerprint(&["struct Edit { line: u32 }", "other"]);
        assert_eq!(known, fingerprint(&["struct Edit { // where\n    line: u32\n}", "/// Which.\nother"]));
        assert_ne!(known, fingerprint(&["struct Edit { line: u64 }", "other"]));
        assert_ne!(known, fingerprint(&["struct Edit { line: u32, former: u32 }", "other"]));
    }
}
