//! Where we are while two trees are walked side by side.

use hotsplice_channel::patch::{Chunk, Excerpt};

use super::excerpt::{self, Range, cut};
use crate::outline::Outline;
use crate::text::indentation;
use crate::tree::{Node, Span};

/// What stands around a scope of the new text.
#[derive(Debug, Clone, Copy)]
enum Frame<'a> {
    Class(&'a Node),
    /// A compound statement.
    Block(&'a Node),
}

/// A scope of the new text, with what has to stand around an excerpt of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope<'a> {
    /// As in an edit: classes, and pairs of function and `<locals>`.
    pub path: Vec<String>,
    /// Outermost first.
    frames: Vec<Frame<'a>>,
    /// Inside of a function.
    pub is_local: bool,
}

impl<'a> Scope<'a> {
    pub fn in_class(&self, class: &'a Node) -> Self {
        let mut inner = self.clone();
        inner.path.push(class.name.clone());
        inner.frames.push(Frame::Class(class));
        inner
    }

    pub fn in_function(&self, function: &'a Node) -> Self {
        let mut inner = self.clone();
        inner.path.extend([function.name.clone(), "<locals>".to_owned()]);
        inner.is_local = true;
        inner
    }

    pub fn in_block(&self, block: &'a Node) -> Self {
        let mut inner = self.clone();
        inner.frames.push(Frame::Block(block));
        inner
    }

    pub fn is_class(&self) -> bool {
        self.path.last().is_some_and(|last| last != "<locals>")
    }

    /// Whether a compound statement stands around: what is in it may never have run.
    pub fn is_conditional(&self) -> bool {
        self.frames.iter().any(|frame| matches!(frame, Frame::Block(_)))
    }

    pub fn qualified(&self, name: &str) -> String {
        let mut whole = self.path.join(".");
        if !whole.is_empty() {
            whole.push('.');
        }
        whole + name
    }

    /// The class that it is the body of.
    pub fn class(&self) -> Option<&'a Node> {
        match self.frames.last() {
            Some(Frame::Class(class)) => Some(class),
            _ => None,
        }
    }

    /// The classes around, outermost first, each with what is around it.
    pub fn enclosing(&self) -> Vec<(&'a Node, Self)> {
        let mut around = Self::default();
        let mut found = Vec::new();
        for frame in &self.frames {
            around = match frame {
                Frame::Block(block) => around.in_block(block),
                Frame::Class(class) => {
                    found.push((*class, around.clone()));
                    around.in_class(class)
                }
            };
        }
        found
    }

    /// Lines with what must stand around them to be compiled: the headers of classes; a compound statement as a whole.
    pub fn around(&self, range: Range) -> Vec<Range> {
        let mut ranges: Vec<Range> = Vec::new();
        for frame in &self.frames {
            match frame {
                Frame::Class(class) => ranges.push(excerpt::header_of(class)),
                Frame::Block(block) => {
                    ranges.push(excerpt::whole(block));
                    return ranges;
                }
            }
        }
        ranges.push(range);
        ranges
    }

    /// An excerpt that runs these lines and nothing else of what is around: `if 1:` stands for compound statements.
    pub fn cut(&self, outline: &Outline, range: Range, blanked: &[Span]) -> Excerpt {
        let mut ranges: Vec<Range> = Vec::new();
        let mut openings = Vec::new();
        for frame in &self.frames {
            match frame {
                Frame::Class(class) => ranges.push(excerpt::header_of(class)),
                Frame::Block(block) => openings.push((ranges.len(), *block)),
            }
        }
        ranges.push(range);
        let mut made = cut(outline, &ranges, blanked);
        for (at, block) in openings {
            let line = ranges[at].0.saturating_sub(1).max(1);
            let text = format!("{}if 1:", indentation(outline, block.line));
            // One compound statement stands for those inside of it.
            let (Err(place) | Ok(place)) = made.0.binary_search_by_key(&line, |chunk| chunk.line);
            if made.0.get(place).is_none_or(|chunk| chunk.line != line) {
                made.0.insert(place, Chunk { line, text });
            }
        }
        made
    }
}
