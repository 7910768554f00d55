//! Changes to whole lines of a text, gathered and then made at once.

use crate::lines::newline_of;
use crate::outline::Outline;

/// Lines `first..=last` of the live text give way to `text`; nothing gives way where `last` is before `first`.
#[derive(Debug)]
struct Change {
    first: u32,
    last: u32,
    /// Among insertions at one place: their order in the new text.
    order: u32,
    text: String,
}

/// The changes to a text.
#[derive(Debug, Default)]
pub struct Changes(Vec<Change>);

impl Changes {
    pub fn replace(&mut self, (first, last): (u32, u32), text: String) {
        if !self.overlaps(first, last) {
            self.0.push(Change { first, last, order: 0, text });
        }
    }

    pub fn insert_after(&mut self, line: u32, order: u32, text: String) {
        self.0.push(Change { first: line + 1, last: line, order, text });
    }

    fn overlaps(&self, first: u32, last: u32) -> bool {
        self.0.iter().any(|change| change.first <= last && first <= change.last)
    }

    pub fn apply(mut self, live: &Outline) -> String {
        self.0.sort_by_key(|change| (change.first, change.last, change.order));
        let mut result = String::with_capacity(live.text.len());
        let mut at = 0;
        if live.text.starts_with('\u{feff}') {
            // Nothing may come before it.
            result.push('\u{feff}');
            at = result.len();
        }
        for change in &self.0 {
            let from = live.lines.start_of(change.first).max(at);
            result.push_str(&live.text[at..from]);
            at = from;
            if !change.text.is_empty() && !result.is_empty() && !result.ends_with(['\n', '\r']) {
                result.push_str(newline_of(&live.text));
            }
            result.push_str(&change.text);
            if change.last >= change.first {
                at = live.lines.start_of(change.last + 1).max(at);
            }
        }
        result.push_str(&live.text[at..]);
        result
    }
}

/// Whole lines of a text, each ended by the newline of the text that they go to.
pub fn lines_of(outline: &Outline, (first, last): (u32, u32), newline: &str) -> String {
    let (start, end) = outline.lines.span(first, last);
    let text = &outline.text[start..end];
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match text.ends_with(['\n', '\r']) {
        true => text.to_owned(),
        false => format!("{text}{newline}"),
    }
}

/// What a line begins with.
pub fn indentation(outline: &Outline, line: u32) -> &str {
    let (start, end) = outline.lines.span(line, line);
    let text = &outline.text[start..end];
    let rest = text.trim_start_matches([' ', '\t', '\u{c}', '\u{feff}']);
    text[..text.len() - rest.len()].trim_start_matches(['\u{feff}', '\u{c}'])
}

/// The lines with another indentation; lines that begin inside a string stay as they are.
pub fn indented(outline: &Outline, (first, last): (u32, u32), newline: &str, wanted: &str) -> String {
    let former = indentation(outline, first);
    if former == wanted {
        return lines_of(outline, (first, last), newline);
    }
    let mut result = String::new();
    for line in first..=last {
        let text = lines_of(outline, (line, line), newline);
        let in_string = outline.file.lines_in_strings.binary_search(&line).is_ok();
        match text.strip_prefix(former) {
            Some(rest) if !in_string && !rest.trim().is_empty() => {
                result.push_str(wanted);
                result.push_str(rest);
            }
            _ => result.push_str(&text),
        }
    }
    result
}

/// How many of the lines just before a line are blank, two at most.
pub fn blank_lines_before(outline: &Outline, line: u32) -> usize {
    let is_blank = |line: u32| {
        let (start, end) = outline.lines.span(line, line);
        outline.text[start..end].trim().is_empty()
    };
    (1..line).rev().take(2).take_while(|&before| is_blank(before)).count()
}
