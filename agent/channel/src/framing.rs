//! One JSON object a line, bounded in size. Pure: bytes in, messages out; the sockets are elsewhere.

use serde::Serialize;

use crate::MAX_MESSAGE;

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FramingError {
    #[error("a message is longer than {limit} bytes")]
    TooLong { limit: usize },
}

/// Collects bytes until a line is whole.
#[derive(Debug)]
pub struct Lines {
    buffer: Vec<u8>,
    /// How much of `buffer` is known to hold no newline.
    searched: usize,
    /// How long a line may be.
    limit: usize,
}

impl Default for Lines {
    fn default() -> Self {
        Self::of_at_most(MAX_MESSAGE)
    }
}

impl Lines {
    /// For somebody who may not yet say much.
    pub fn of_at_most(limit: usize) -> Self {
        Self { buffer: Vec::new(), searched: 0, limit }
    }

    pub fn allow(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Takes what was read. After an error the connection is of no use any more.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole line without its newline; nothing when more bytes are needed.
    pub fn next_line(&mut self) -> Result<Option<Vec<u8>>, FramingError> {
        match self.buffer[self.searched..].iter().position(|&byte| byte == b'\n') {
            Some(offset) => {
                let end = self.searched + offset;
                if end >= self.limit {
                    return Err(FramingError::TooLong { limit: self.limit });
                }
                let rest = self.buffer.split_off(end + 1);
                let mut line = std::mem::replace(&mut self.buffer, rest);
                line.pop();
                self.searched = 0;
                Ok(Some(line))
            }
            None => {
                self.searched = self.buffer.len();
                if self.buffer.len() >= self.limit {
                    return Err(FramingError::TooLong { limit: self.limit });
                }
                Ok(None)
            }
        }
    }
}

/// A message as it goes on the wire, newline included.
pub fn encode(message: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = serde_json::to_vec(message)?;
    bytes.push(b'\n');
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_arrive_whole_whatever_the_pieces() {
        let mut lines = Lines::default();
        let mut seen = Vec::new();
        for byte in b"one\ntwo\n\nthree" {
            lines.push(&[*byte]);
            while let Some(line) = lines.next_line().expect("short") {
                seen.push(String::from_utf8(line).expect("ascii"));
            }
        }
        assert_eq!(seen, ["one", "two", ""]);
    }

    #[test]
    fn an_endless_line_is_an_error() {
        let mut lines = Lines::default();
        let block = vec![b'x'; 1024 * 1024];
        let mut result = Ok(None);
        for _ in 0..65 {
            lines.push(&block);
            result = lines.next_line();
        }
        assert_eq!(result, Err(FramingError::TooLong { limit: MAX_MESSAGE }));
    }
}
