//! Where we are while two trees are walked side by side.

use super::excerpt::{self, Range};
use crate::tree::Node;

/// A scope of the new text, with what has to stand around an excerpt of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope<'a> {
    /// As in an edit: classes, and pairs of function and `<locals>`.
    pub path: Vec<String>,
    /// The classes around, outermost first, as far as they are not inside of `block`.
    headers: Vec<&'a Node>,
    /// The outermost compound statement around: it can be cut out only as a whole.
    pub block: Option<&'a Node>,
    /// Inside of a function.
    pub is_local: bool,
}

impl<'a> Scope<'a> {
    pub fn in_class(&self, class: &'a Node) -> Self {
        let mut inner = self.clone();
        inner.path.push(class.name.clone());
        if inner.block.is_none() {
            inner.headers.push(class);
        }
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
        inner.block.get_or_insert(block);
        inner
    }

    pub fn is_class(&self) -> bool {
        self.path.last().is_some_and(|last| last != "<locals>")
    }

    pub fn qualified(&self, name: &str) -> String {
        let mut whole = self.path.join(".");
        if !whole.is_empty() {
            whole.push('.');
        }
        whole + name
    }

    /// The classes around, outermost first.
    pub fn classes(&self) -> Vec<&'a Node> {
        self.headers.clone()
    }

    /// Lines with the headers that must stand around them.
    pub fn around(&self, range: Range) -> Vec<Range> {
        let mut ranges: Vec<Range> = self.headers.iter().map(|class| excerpt::header_of(class)).collect();
        ranges.push(self.block.map_or(range, excerpt::whole));
        ranges
    }
}
