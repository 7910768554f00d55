//! Texts as a patch has them: what of a file's text is another, and pieces of it at their own lines.

use serde::{Deserialize, Serialize};

/// A text: whole, or what of the former one is another. Files are long, edits short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum NewText {
    Whole(String),
    Edited {
        /// So many characters at the former text's beginning stay, and so many at its end.
        before: usize,
        after: usize,
        between: String,
        /// How many characters the former text has, so that no other one is taken for it.
        former: usize,
    },
}

impl Default for NewText {
    fn default() -> Self {
        Self::Whole(String::new())
    }
}

impl NewText {
    /// How one text comes of another.
    pub fn of(former: &str, new: &str) -> Self {
        let same = |(one, other): &(u8, u8)| one == other;
        let mut before = former.bytes().zip(new.bytes()).take_while(same).count();
        while !new.is_char_boundary(before) || !former.is_char_boundary(before) {
            before -= 1;
        }
        let rest = (&former[before..], &new[before..]);
        let mut after = rest.0.bytes().rev().zip(rest.1.bytes().rev()).take_while(same).count();
        while !new.is_char_boundary(new.len() - after) || !former.is_char_boundary(former.len() - after) {
            after -= 1;
        }
        Self::Edited {
            before: new[..before].chars().count(),
            after: new[new.len() - after..].chars().count(),
            between: new[before..new.len() - after].to_owned(),
            former: former.chars().count(),
        }
    }
}

/// Pieces of the new text, each at its own line; what is between them is blank. Joined, it is a text that
/// Python compiles with the right line numbers, name mangling and `__class__` cells.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Excerpt(pub Vec<Chunk>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    pub line: u32,
    /// Whole lines, without the last newline.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the engine does it.
    fn applied(former: &str, text: &NewText) -> String {
        let NewText::Edited { before, after, between, .. } = text else { panic!("it is whole") };
        let characters: Vec<char> = former.chars().collect();
        let (start, end) = (&characters[..*before], &characters[characters.len() - after..]);
        start.iter().copied().chain(between.chars()).chain(end.iter().copied()).collect()
    }

    #[test]
    fn an_edited_text_comes_of_the_former_one() {
        let texts = ["", "a", "aa", "aaa", "αβ\u{1F40D}γ", "αβ\u{1F40E}γ", "αγ", "a\r\nb", "a\nb"];
        for former in texts {
            for new in texts {
                assert_eq!(applied(former, &NewText::of(former, new)), new, "{former:?} to {new:?}");
            }
        }
        let NewText::Edited { before, after, between, former } = NewText::of("αβ\u{1F40D}γ", "αβ\u{1F40E}γ")
        else {
            panic!("it is not whole")
        };
        assert_eq!((before, after, between.as_str(), former), (2, 1, "\u{1F40E}", 4));
    }
}
