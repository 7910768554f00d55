//! What only the tokens tell: layout, identifiers, lines inside strings, depth of nesting.

use std::hash::{DefaultHasher, Hash, Hasher};

use ruff_python_ast::token::{TokenKind, Tokens};
use ruff_text_size::Ranged;

use crate::lines::Lines;
use crate::tree::Span;

/// The deepest chain of tokens that could nest in one another. CPython itself gives up long before.
const DEEPEST: usize = 60_000;

/// Whether a tree made of these tokens may be too deep to walk. An upper bound: what is open at any place.
pub(super) fn is_too_deep(tokens: &Tokens) -> bool {
    let mut open: Vec<usize> = Vec::new();
    let mut run = 0;
    for token in tokens {
        match token.kind() {
            TokenKind::Lpar | TokenKind::Lsqb | TokenKind::Lbrace => {
                open.push(run);
                run += 10;
            }
            TokenKind::Rpar | TokenKind::Rsqb | TokenKind::Rbrace => run = open.pop().unwrap_or(0) + 1,
            TokenKind::Comma => run = open.last().copied().unwrap_or(0),
            TokenKind::Newline => {
                open.clear();
                run = 0;
            }
            _ => run += 1,
        }
        if run > DEEPEST {
            return true;
        }
    }
    false
}

#[derive(Debug)]
struct Place {
    offset: usize,
    line: u32,
    end_line: u32,
    column: u32,
    length: u32,
    kind: TokenKind,
}

/// Tokens with their lines, found once.
pub(super) struct TokenIndex {
    places: Vec<Place>,
    pub identifiers: Vec<Span>,
    pub attributes: Vec<Span>,
    pub lines_in_strings: Vec<u32>,
}

impl TokenIndex {
    pub fn new(text: &str, tokens: &Tokens, lines: &Lines) -> Self {
        let mut index =
            Self { places: Vec::new(), identifiers: Vec::new(), attributes: Vec::new(), lines_in_strings: Vec::new() };
        let mut previous = TokenKind::Newline;
        let mut line = 1;
        for token in tokens {
            let kind = token.kind();
            if is_trivia(kind) {
                continue;
            }
            let (start, end) = (token.start().to_usize(), token.end().to_usize());
            while lines.start_of(line + 1) <= start && line < lines.count() {
                line += 1;
            }
            let end_line = if lines.start_of(line + 1) > end { line } else { lines.line_of(end) };
            if is_string(kind) {
                index.lines_in_strings.extend(line + 1..=end_line);
            }
            if kind == TokenKind::Name && text.is_char_boundary(start) {
                let is_attribute = previous == TokenKind::Dot;
                if is_attribute { &mut index.attributes } else { &mut index.identifiers }.push((start, end));
            }
            previous = kind;
            index.places.push(Place {
                offset: start,
                line,
                end_line,
                column: u32::try_from(start - lines.start_of(line).min(start)).unwrap_or(u32::MAX),
                length: u32::try_from(end - start).unwrap_or(u32::MAX),
                kind,
            });
        }
        index
    }

    /// A hash of where the tokens of a range stand, lines counted from `first_line`.
    pub fn layout(&self, (start, end): Span, first_line: u32) -> u64 {
        let mut hasher = DefaultHasher::new();
        let from = self.places.partition_point(|place| place.offset < start);
        for place in self.places[from..].iter().take_while(|place| place.offset < end) {
            let relative = i64::from(place.line) - i64::from(first_line);
            let height = place.end_line - place.line;
            (relative, height, place.column, place.length, place.kind as u8).hash(&mut hasher);
        }
        hasher.finish()
    }

    /// The first token of a kind at or after an offset.
    pub fn first(&self, offset: usize, wanted: &[TokenKind]) -> Option<usize> {
        let from = self.places.partition_point(|place| place.offset < offset);
        self.places[from..].iter().find(|place| wanted.contains(&place.kind)).map(|place| place.offset)
    }
}

fn is_trivia(kind: TokenKind) -> bool {
    matches!(
        kind,
        TokenKind::Comment
            | TokenKind::NonLogicalNewline
            | TokenKind::Newline
            | TokenKind::Indent
            | TokenKind::Dedent
            | TokenKind::EndOfFile
    )
}

fn is_string(kind: TokenKind) -> bool {
    matches!(kind, TokenKind::String | TokenKind::FStringMiddle | TokenKind::TStringMiddle)
}
