//! The editor's positions (lines from 0, columns in negotiated units) and ours (lines from 1, columns in bytes).

use tower_lsp::ls_types::{Position, PositionEncodingKind, Range};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    Utf8,
    #[default]
    Utf16,
    Utf32,
}

impl Encoding {
    /// The cheapest one that the editor offers; UTF-16 is what all understand.
    pub fn negotiate(offered: Option<&[PositionEncodingKind]>) -> Self {
        let offers = |kind: &PositionEncodingKind| offered.is_some_and(|offered| offered.contains(kind));
        if offers(&PositionEncodingKind::UTF8) {
            Self::Utf8
        } else if offers(&PositionEncodingKind::UTF32) && !offers(&PositionEncodingKind::UTF16) {
            Self::Utf32
        } else {
            Self::Utf16
        }
    }

    pub fn kind(self) -> PositionEncodingKind {
        match self {
            Self::Utf8 => PositionEncodingKind::UTF8,
            Self::Utf16 => PositionEncodingKind::UTF16,
            Self::Utf32 => PositionEncodingKind::UTF32,
        }
    }

    fn width(self, letter: char) -> usize {
        match self {
            Self::Utf8 => letter.len_utf8(),
            Self::Utf16 => letter.len_utf16(),
            Self::Utf32 => 1,
        }
    }

    /// The byte that a position means; positions past a line's or the text's end mean that end.
    pub fn offset(self, text: &str, position: Position) -> usize {
        let mut start = 0;
        for _ in 0..position.line {
            match line_end(&text[start..]) {
                Some(next) => start += next,
                None => return text.len(),
            }
        }
        let mut column = 0;
        for (index, letter) in text[start..].char_indices() {
            if column >= position.character as usize || matches!(letter, '\n' | '\r') {
                return start + index;
            }
            column += self.width(letter);
        }
        text.len()
    }

    /// A whole line of a text (from 1), without its indentation, as the editor's range.
    pub fn line_range(self, text: &str, line: u32) -> Range {
        let line = line.saturating_sub(1);
        let content = text.lines().nth(line as usize).unwrap_or_default();
        let width = |part: &str| part.chars().map(|letter| self.width(letter)).sum::<usize>() as u32;
        let indentation = &content[..content.len() - content.trim_start().len()];
        Range::new(Position::new(line, width(indentation)), Position::new(line, width(content.trim_end())))
    }
}

/// Where the next line starts: after `\n`, `\r\n` or `\r`.
fn line_end(text: &str) -> Option<usize> {
    let found = text.find(['\n', '\r'])?;
    Some(if text[found..].starts_with("\r\n") { found + 2 } else { found + 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_what_was_negotiated() {
        let text = "a\r\nx = '😀é'\ny";
        for (encoding, column) in [(Encoding::Utf8, 9), (Encoding::Utf16, 7), (Encoding::Utf32, 6)] {
            let offset = encoding.offset(text, Position::new(1, column));
            assert_eq!(&text[offset..], "é'\ny", "{encoding:?}");
        }
        assert_eq!(Encoding::Utf16.offset(text, Position::new(0, 99)), 1);
        assert_eq!(Encoding::Utf16.offset(text, Position::new(9, 0)), text.len());
    }
}
