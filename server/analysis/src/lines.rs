//! Lines of a text as Python counts them: `\n`, `\r\n` and a lone `\r` each end one.

/// Where each line begins.
#[derive(Debug, Clone)]
pub(crate) struct Lines {
    starts: Vec<usize>,
    length: usize,
}

impl Lines {
    pub fn new(text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut starts = vec![0];
        for (index, &byte) in bytes.iter().enumerate() {
            if byte == b'\n' || (byte == b'\r' && bytes.get(index + 1) != Some(&b'\n')) {
                starts.push(index + 1);
            }
        }
        Self { starts, length: text.len() }
    }

    /// How many lines there are; a newline at the end begins no further one.
    pub fn count(&self) -> u32 {
        let count = self.starts.len();
        let ends_empty = count > 1 && self.starts.last() == Some(&self.length);
        u32::try_from(count - usize::from(ends_empty)).unwrap_or(u32::MAX)
    }

    /// The 1-based line that an offset is in.
    pub fn line_of(&self, offset: usize) -> u32 {
        u32::try_from(self.starts.partition_point(|&start| start <= offset)).unwrap_or(u32::MAX)
    }

    /// The offset at which a 1-based line begins; the end of the text for a line past it.
    pub fn start_of(&self, line: u32) -> usize {
        self.starts.get((line as usize).saturating_sub(1)).copied().unwrap_or(self.length)
    }

    /// Bytes from the beginning of the line to the offset.
    pub fn column_of(&self, offset: usize) -> u32 {
        u32::try_from(offset - self.start_of(self.line_of(offset)).min(offset)).unwrap_or(u32::MAX)
    }

    /// Whole lines, the last newline included if there is one.
    pub fn span(&self, first: u32, last: u32) -> (usize, usize) {
        let start = self.start_of(first);
        (start, self.start_of(last.saturating_add(1)).max(start))
    }
}

/// A text without its last newline.
pub(crate) fn without_newline(text: &str) -> &str {
    text.strip_suffix("\r\n").or_else(|| text.strip_suffix(['\n', '\r'])).unwrap_or(text)
}

/// The newline that a text uses.
pub(crate) fn newline_of(text: &str) -> &'static str {
    match text.find(['\n', '\r']) {
        Some(at) if text[at..].starts_with("\r\n") => "\r\n",
        Some(at) if text[at..].starts_with('\r') => "\r",
        _ => "\n",
    }
}
