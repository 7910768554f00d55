//! The words of a text, in strings and comments too.

use rustc_hash::FxHashSet as HashSet;

#[derive(Debug, Clone, Default)]
pub struct Words(HashSet<Box<str>>);

impl Words {
    pub fn of(text: &str) -> Self {
        let is_outside = |one: char| !(one.is_alphanumeric() || one == '_');
        Self(text.split(is_outside).filter(|word| !word.is_empty()).map(Box::from).collect())
    }

    pub fn contains(&self, word: &str) -> bool {
        self.0.contains(word)
    }
}
