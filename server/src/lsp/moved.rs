//! Where the lines of a former text are now.

use std::time::Duration;

use similar::{DiffOp, TextDiff};

/// A text that takes longer is compared less exactly.
const PATIENCE: Duration = Duration::from_millis(200);

pub struct Moved {
    parts: Vec<DiffOp>,
    now: usize,
}

impl Moved {
    pub fn new(former: &str, now: &str) -> Self {
        // As our own lines: an end of the last one is no line.
        let (former, now): (Vec<&str>, Vec<&str>) = (former.lines().collect(), now.lines().collect());
        let parts = TextDiff::configure().timeout(PATIENCE).diff_slices(&former, &now).ops().to_vec();
        Self { parts, now: now.len() }
    }

    /// The line (from 0) of the text as it is now; one that was edited is as near as can be told.
    pub fn now(&self, line: u32) -> Option<u32> {
        let line = line as usize;
        let last = self.now.checked_sub(1)?;
        let part = self.parts.iter().find(|part| part.old_range().contains(&line));
        let moved = part.map_or(last, |part| {
            let (start, within) = (part.new_range().start, line - part.old_range().start);
            start + within.min(part.new_range().len().saturating_sub(1))
        });
        u32::try_from(moved.min(last)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_again_after_an_edit() {
        let moved = |former: &str, now: &str, line: u32| Moved::new(former, now).now(line);
        assert_eq!(moved("a\nb\nc\n", "a\nb(\nc\n", 0), Some(0));
        assert_eq!(moved("a\nb\nc\n", "a\nb(\nc\n", 1), Some(1));
        assert_eq!(moved("a\nb\nc\n", "a\nb(\nx\ny\nc\n", 2), Some(4));
        assert_eq!(moved("a\nb\nc\nd", "a\nd", 3), Some(1));
        assert_eq!(moved("a", "", 0), None);
        assert_eq!(moved("a\n", "a\n", 7), Some(0));
    }

    #[test]
    fn lines_between_two_edits_are_found_too() {
        let moved = Moved::new("a\nb\nc\nd\ne\n", "x\na\ny\nb\nc\nd\n");
        assert_eq!([0, 1, 2, 3, 4].map(|line| moved.now(line)), [1, 3, 4, 5, 5].map(Some));
    }
}
