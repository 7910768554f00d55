//! Messages between their headers. Nothing that a client sends ends the conversation: what can't be read is told, and
//! skipped up to what looks like the next message.

/// A header's line is no longer; what is, is none.
const LONGEST_LINE: usize = 4096;
/// Nobody means a longer message; a number like that is a mistake, not to be waited for.
const LONGEST_BODY: usize = 512 * 1024 * 1024;
const LENGTH: &[u8] = b"content-length";

#[derive(Debug, PartialEq)]
pub enum Frame {
    Body(Vec<u8>),
    /// What stands there is no message.
    Malformed(String),
}

/// Takes bytes as they come, gives messages as they are complete.
#[derive(Default)]
pub struct Frames {
    bytes: Vec<u8>,
    /// Where what is not yet read begins.
    start: usize,
    /// The length of the body that follows, once its headers are read.
    body: Option<usize>,
    length: Option<usize>,
    problem: Option<String>,
}

impl Frames {
    pub fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        if let Some(length) = self.body {
            self.bytes.reserve(length.saturating_sub(self.bytes.len()).min(LONGEST_BODY));
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// A body that was no message: where it holds the headers of one (its length was wrong), that is read next.
    pub fn look_into(&mut self, body: &[u8]) {
        if let Some(at) = find_header(body) {
            self.bytes.splice(..self.start, body[at..].iter().copied());
            self.start = 0;
        }
    }

    pub fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(length) = self.body {
                if self.bytes.len() - self.start < length {
                    return None;
                }
                self.body = None;
                return Some(Frame::Body(self.take(length)));
            }
            let rest = &self.bytes[self.start..];
            let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
                if rest.len() > LONGEST_LINE {
                    self.skip_to_header();
                    return Some(Frame::Malformed("no header is that long".to_owned()));
                }
                return None;
            };
            let line = self.take(end + 1);
            let line = line.trim_ascii();
            if !line.is_empty() {
                self.header(line);
                continue;
            }
            let (length, problem) = (self.length.take(), self.problem.take());
            match (length, problem) {
                (Some(length), None) => self.body = Some(length),
                (Some(length), Some(problem)) => {
                    // The body is skipped with its headers.
                    if self.bytes.len() - self.start >= length {
                        self.take(length);
                    }
                    self.skip_to_header();
                    return Some(Frame::Malformed(problem));
                }
                (None, Some(problem)) => {
                    self.skip_to_header();
                    return Some(Frame::Malformed(problem));
                }
                // Empty lines between messages.
                (None, None) => {}
            }
        }
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let end = self.start + count;
        let all = self.start == 0 && end == self.bytes.len();
        let taken = if all { std::mem::take(&mut self.bytes) } else { self.bytes[self.start..end].to_vec() };
        self.start = if all { 0 } else { end };
        taken
    }

    /// Header names have no case.
    fn header(&mut self, line: &[u8]) {
        let colon = line.iter().position(|byte| *byte == b':');
        let (name, value) = line.split_at(colon.unwrap_or(line.len()));
        let value = String::from_utf8_lossy(value.get(1..).unwrap_or_default()).trim().to_ascii_lowercase();
        match name.trim_ascii().to_ascii_lowercase().as_slice() {
            LENGTH => match value.parse() {
                Ok(length) if length <= LONGEST_BODY => self.length = Some(length),
                _ => self.problem = Some(format!("the Content-Length {value:?} can't be")),
            },
            b"content-type" => {
                let charset = value.split(';').find_map(|part| part.trim().strip_prefix("charset="));
                if let Some(charset) = charset.filter(|name| !matches!(name.trim_matches('"'), "utf-8" | "utf8")) {
                    self.problem = Some(format!("the charset is {charset}: messages are UTF-8"));
                }
            }
            _ if colon.is_some() && !name.contains(&b'{') => {}
            _ => self.problem = Some("what stands there is no header".to_owned()),
        }
        if self.problem.is_none() && self.length.is_none() && colon.is_none() {
            self.problem = Some("there is no Content-Length".to_owned());
        }
    }

    /// What is there already; if there is no header in it, all of it but what may be the beginning of one.
    fn skip_to_header(&mut self) {
        let rest = &self.bytes[self.start..];
        self.start += find_header(rest).unwrap_or_else(|| rest.len().saturating_sub(LENGTH.len()));
    }
}

fn find_header(bytes: &[u8]) -> Option<usize> {
    bytes.windows(LENGTH.len()).position(|window| window.eq_ignore_ascii_case(LENGTH))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], block: usize) -> Vec<Frame> {
        let mut frames = Frames::default();
        let mut read = Vec::new();
        for part in bytes.chunks(block) {
            frames.push(part);
            while let Some(frame) = frames.next() {
                read.push(frame);
            }
        }
        read
    }

    fn body(text: &str) -> Frame {
        Frame::Body(text.as_bytes().to_vec())
    }

    #[test]
    fn header_names_have_no_case_and_any_order() {
        for headers in [
            "content-length: 2\r\n\r\n",
            "CONTENT-LENGTH:2\r\n\r\n",
            "Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nContent-Length: 2\r\nX-Other: {}\r\n\r\n",
            "\r\nContent-Length: 2\n\n",
            "content-type: application/json\r\ncontent-length: 2\r\n\r\n",
        ] {
            for block in [1, 3, 1000] {
                let message = format!("{headers}{{}}");
                assert_eq!(
                    read(format!("{message}{message}").as_bytes(), block),
                    [body("{}"), body("{}")],
                    "{headers:?}"
                );
            }
        }
    }

    #[test]
    fn what_is_no_message_is_skipped() {
        for junk in [
            "garbage\r\n\r\n",
            "Content-Length: many\r\n\r\n{}",
            "Content-Length: -1\r\n\r\n",
            "Content-Length: 99999999999999999999\r\n\r\n",
            "Content-Type: text/plain; charset=latin-1\r\nContent-Length: 2\r\n\r\n{}",
            "{\"jsonrpc\": \"2.0\"}\r\n\r\n",
        ] {
            let read = read(format!("{junk}Content-Length: 2\r\n\r\n[]").as_bytes(), 1000);
            assert!(matches!(read.first(), Some(Frame::Malformed(_))), "{junk:?}: {read:?}");
            assert_eq!(read.last(), Some(&body("[]")), "{junk:?}: {read:?}");
        }
        let endless = "x".repeat(3 * LONGEST_LINE);
        assert_eq!(
            read(format!("{endless}\r\n\r\nContent-Length: 2\r\n\r\n[]").as_bytes(), 100).last(),
            Some(&body("[]"))
        );
    }

    #[test]
    fn a_body_that_is_cut_wrongly_gives_the_next_message() {
        let mut frames = Frames::default();
        frames.push(b"Content-Length: 24\r\n\r\n{}Content-Length: 2\r\n\r\n[]");
        let Some(Frame::Body(wrong)) = frames.next() else { panic!("a body") };
        frames.look_into(&wrong);
        assert_eq!(frames.next(), Some(body("[]")));
    }
}
