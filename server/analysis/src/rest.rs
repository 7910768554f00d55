//! The new text without some of its edits: what is left to patch where those are refused.

use hotsplice_channel::patch::{Change, Edit};

use crate::diff::diff;
use crate::lines::{Lines, newline_of};
use crate::outline::Outline;
use crate::text::{Changes, indentation, indented};

/// A new text in which some edits stand as they are live.
#[derive(Debug)]
pub struct Rest {
    pub text: String,
    /// Lines `first..=last` of the new text are so many lines here; ascending.
    exchanged: Vec<(u32, u32, u32)>,
}

impl Rest {
    /// Nothing is left out.
    pub fn whole(new: &Outline) -> Self {
        Self { text: new.text.clone(), exchanged: Vec::new() }
    }

    /// The line of the new text that a line of this one stands for.
    pub fn line_in_new(&self, line: u32) -> u32 {
        let mut shift = 0;
        for &(first, last, count) in &self.exchanged {
            let here = i64::from(first) + shift;
            if i64::from(line) < here {
                break;
            }
            if i64::from(line) < here + i64::from(count) {
                return first;
            }
            shift += i64::from(count) - i64::from(last - first + 1);
        }
        u32::try_from(i64::from(line) - shift).unwrap_or(1)
    }
}

/// The new text with edits left out: each is named as verdicts name it, by definition and line. What one was computed from,
/// if it has no other text itself, is left out for it. Nothing if they can't be told apart from the rest.
pub fn without(live: &Outline, new: &Outline, refused: &[(String, u32)]) -> Option<Rest> {
    let edits = diff("", 0, live, new, &[]).edits;
    let named =
        |edit: &&Edit| refused.iter().any(|(definition, line)| edit.definition == *definition && edit.line == *line);
    let mut left_out: Vec<&Edit> = Vec::new();
    for edit in edits.iter().filter(named) {
        match edit.change {
            Change::Derived => left_out.extend(edits.iter().filter(|cause| {
                cause.change != Change::Derived && cause.binds.iter().any(|name| edit.changed_reads.contains(name))
            })),
            _ => left_out.push(edit),
        }
    }
    if left_out.is_empty() || left_out.iter().any(|edit| edit.change == Change::Removed) {
        return None;
    }
    // What stands in another one goes with it.
    left_out.sort_by_key(|edit| (std::cmp::Reverse(edit.end_line - edit.line), edit.line));
    [false, true].into_iter().map(|keeps_bodies| exchange(live, new, &left_out, keeps_bodies)).find(|rest| {
        let outline = Outline::parse(&rest.text);
        outline.is_valid() || !new.is_valid()
    })
}

/// `keeps_bodies`: what is left out altogether leaves a `pass`.
fn exchange(live: &Outline, new: &Outline, left_out: &[&Edit], keeps_bodies: bool) -> Rest {
    let newline = newline_of(&new.text);
    let mut changes = Changes::default();
    let mut exchanged: Vec<(u32, u32, u32)> = Vec::new();
    for edit in left_out {
        if exchanged.iter().any(|(first, last, _)| *first <= edit.end_line && edit.line <= *last) {
            continue;
        }
        let indent = indentation(new, edit.line);
        let text = match (edit.old_line, edit.old_end_line) {
            (Some(first), Some(last)) => indented(live, (first, last), newline, indent),
            _ if keeps_bodies => format!("{indent}pass{newline}"),
            _ => String::new(),
        };
        let count = if text.is_empty() { 0 } else { Lines::new(&text).count() };
        exchanged.push((edit.line, edit.end_line, count));
        changes.replace((edit.line, edit.end_line), text);
    }
    exchanged.sort_unstable();
    Rest { text: changes.apply(new), exchanged }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIVE: &str = "LIMIT = 1\n\ndef f():\n    return LIMIT\n\nclass A:\n    def g(self):\n        return 1\n";

    fn rest(new: &str, refused: &[(&str, u32)]) -> Option<String> {
        let refused: Vec<_> = refused.iter().map(|(name, line)| ((*name).to_owned(), *line)).collect();
        without(&Outline::parse(LIVE), &Outline::parse(new), &refused).map(|rest| rest.text)
    }

    #[test]
    fn a_refused_edit_stands_as_it_is_live() {
        let new = LIVE.replace("LIMIT = 1", "LIMIT = 1 / 0").replace("return 1", "return 2");
        assert_eq!(rest(&new, &[("LIMIT", 1)]), Some(LIVE.replace("return 1", "return 2")));
        let new = LIVE.replace("def g(self):", "def g(self, x=1 / 0):").replace("return LIMIT", "return -LIMIT");
        assert_eq!(rest(&new, &[("A.g", 7)]), Some(LIVE.replace("return LIMIT", "return -LIMIT")));
    }

    #[test]
    fn what_is_new_goes_and_leaves_a_valid_text() {
        let new = LIVE.replace("LIMIT = 1", "LIMIT = 2") + "\nclass B:\n    x = 1 / 0\n";
        let left = rest(&new, &[("B", 10)]).expect("a rest");
        assert_eq!(left.trim_end(), LIVE.replace("LIMIT = 1", "LIMIT = 2").trim_end());
        assert_eq!(rest(LIVE, &[("nobody", 3)]), None);
    }

    #[test]
    fn lines_lead_back() {
        let new = LIVE.replace("LIMIT = 1\n", "LIMIT = (\n    1 / 0\n)\n").replace("return 1", "return 2");
        let rest = without(&Outline::parse(LIVE), &Outline::parse(&new), &[("LIMIT".to_owned(), 1)]).expect("a rest");
        assert_eq!([1, 2, 3, 8].map(|line| rest.line_in_new(line)), [1, 4, 5, 10]);
    }
}
