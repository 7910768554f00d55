//! Cuts whole lines out of the new text so that Python still compiles them, each at its own line.

use hotsplice_channel::patch::{Chunk, Excerpt};

use crate::lines::without_newline;
use crate::outline::Outline;
use crate::tree::{Node, Span};

/// Lines to be kept, first and last.
pub(super) type Range = (u32, u32);

/// The lines of a class's header, without decorators.
pub(super) fn header_of(class: &Node) -> Range {
    match &class.definition {
        Some(parts) => (parts.name_line, parts.header_end_line.max(parts.name_line)),
        None => (class.line, class.end_line),
    }
}

/// The lines of a statement or of a definition with its decorators.
pub(super) fn whole(node: &Node) -> Range {
    (node.line, node.end_line)
}

/// The lines of a definition without its decorators.
pub(super) fn bare(node: &Node) -> Range {
    let first = node.definition.as_ref().map_or(node.line, |parts| parts.name_line);
    (first.min(node.end_line), node.end_line)
}

/// An excerpt of some lines, with the module's `from __future__` imports; `blanked` expressions become `None`.
pub(super) fn cut(outline: &Outline, ranges: &[Range], blanked: &[Span]) -> Excerpt {
    if ranges.is_empty() {
        return Excerpt::default();
    }
    let mut all: Vec<Range> = outline.file.future_lines.iter().chain(ranges).copied().collect();
    all.sort_unstable();
    let mut merged: Vec<Range> = Vec::with_capacity(all.len());
    for range in all {
        match merged.last_mut() {
            Some(last) if range.0 <= last.1 => last.1 = last.1.max(range.1),
            _ => merged.push(range),
        }
    }
    Excerpt(merged.into_iter().map(|range| chunk(outline, range, blanked)).collect())
}

fn chunk(outline: &Outline, (first, last): Range, blanked: &[Span]) -> Chunk {
    let (start, end) = outline.lines.span(first, last);
    let mut text = String::with_capacity(end - start);
    let mut at = start;
    for &(from, to) in blanked {
        if from >= at && to <= end {
            text.push_str(outline.text.get(at..from).unwrap_or(""));
            text.push_str("None");
            // The lines after it must keep their numbers.
            let newlines = outline.lines.line_of(to) - outline.lines.line_of(from);
            text.extend(std::iter::repeat_n('\n', newlines as usize));
            at = to;
        }
    }
    text.push_str(outline.text.get(at..end).unwrap_or(""));
    let text = without_newline(&text);
    Chunk { line: first, text: text.strip_prefix('\u{feff}').unwrap_or(text).to_owned() }
}
