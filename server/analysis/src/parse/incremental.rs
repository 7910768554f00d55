//! A text that is nearly one that is parsed already: only the statements around the difference are parsed.
//!
//! A statement of a module begins afresh, whatever stands before it: what comes before and after the difference is parsed to the
//! same nodes, moved. Where that is not certain (the part does not parse by itself, `from __future__` is touched) nothing is
//! given, and the whole text has to be parsed.

use std::sync::Arc;

use super::{ParsedFile, parse_part};
use crate::lines::Lines;
use crate::tree::{Node, Place, Span};

/// What a text parses to, given another one that parses.
pub(crate) fn parse(known: (&str, &Lines, &ParsedFile), text: &str, lines: &Lines) -> Option<ParsedFile> {
    let (known_text, known_lines, file) = known;
    if !file.problems.is_empty() {
        return None;
    }
    let cut = Cut::find(known_text, known_lines, file.items.shared(), text)?;
    let (known_part, part) = (known_text.get(cut.start..cut.known_end)?, text.get(cut.start..cut.end)?);
    let start_line = lines.line_of(cut.start);
    let touches_future = known_part.contains("__future__")
        || part.contains("__future__")
        || file.future_lines.iter().any(|(line, _)| *line >= start_line);
    if touches_future || !stands_alone(part, cut.end == text.len()) {
        return None;
    }
    let inner = parse_part(part, file.lazy_annotations, cut.first == 0)?;
    let has_new_first = cut.first == 0 && inner.items.is_empty();
    if !inner.problems.is_empty() || has_new_first {
        return None;
    }
    let into = Shift { lines: i64::from(start_line) - 1, bytes: signed(cut.start) };
    let after = Shift {
        lines: i64::from(lines.line_of(cut.end)) - i64::from(known_lines.line_of(cut.known_end)),
        bytes: signed(cut.end) - signed(cut.known_end),
    };
    let (end_line, known_end_line) = (start_line, known_lines.line_of(cut.known_end));
    let known = file.items.shared();
    let before = known[..cut.first].iter().cloned();
    let inside = inner.items.shared().iter().map(|item| into.node(item));
    let items = before.chain(inside).chain(known[cut.last..].iter().map(|item| after.node(item))).collect();
    Some(ParsedFile {
        items,
        problems: Vec::new(),
        identifiers: joined(
            (&file.identifiers, |(start, _)| *start < cut.start, |(start, _)| *start < cut.known_end),
            inner.identifiers.into_iter().map(|span| into.span(span)),
            |span| after.span(*span),
        ),
        attributes: joined(
            (&file.attributes, |(start, _)| *start < cut.start, |(start, _)| *start < cut.known_end),
            inner.attributes.into_iter().map(|span| into.span(span)),
            |span| after.span(*span),
        ),
        lines_in_strings: joined(
            (&file.lines_in_strings, |line| *line < end_line, |line| *line < known_end_line),
            inner.lines_in_strings.into_iter().map(|line| into.line(line)),
            |line| after.line(*line),
        ),
        future_lines: file.future_lines.clone(),
        future_hash: file.future_hash,
        lazy_annotations: file.lazy_annotations,
        places: joined(
            (&file.places, |place: &Place| place.at[0] < end_line, |place: &Place| place.at[0] < known_end_line),
            inner.places.into_iter().map(|place| into.moved(place)),
            |place| after.moved(place.clone()),
        ),
    })
}

/// Where the two texts are the same.
struct Cut {
    /// The first statement that is parsed anew, and the first after those.
    first: usize,
    last: usize,
    /// What is parsed anew begins at the same offset in both texts.
    start: usize,
    known_end: usize,
    end: usize,
}

impl Cut {
    fn find(known: &str, known_lines: &Lines, items: &[Arc<Node>], text: &str) -> Option<Self> {
        let (old, new) = (known.as_bytes(), text.as_bytes());
        let same_before = common(old.iter().zip(new));
        let room = old.len().min(new.len()) - same_before;
        let same_after = common(old.iter().rev().zip(new.iter().rev())).min(room);
        let begins = |item: &Arc<Node>| known_lines.start_of(item.line);
        // The last statement before the difference may go on in it, and the next one's beginning decides whether it does.
        let whole = items.partition_point(|item| begins(item) <= same_before);
        let first = whole.saturating_sub(2);
        let start = if first == 0 { 0 } else { begins(&items[first]) };
        let after = first + items[first..].partition_point(|item| begins(item) < old.len() - same_after);
        // What begins a text may be its docstring, or have a byte order mark before it.
        let last = after.max(1).min(items.len());
        let known_end = items.get(last).map_or(old.len(), begins);
        let end = new.len() - (old.len() - known_end);
        (start <= known_end && start <= end).then_some(Self { first, last, start, known_end, end })
    }
}

fn common<'a>(pairs: impl Iterator<Item = (&'a u8, &'a u8)>) -> usize {
    pairs.take_while(|(one, other)| one == other).count()
}

/// Whether what follows begins a statement of its own, given that this parses.
fn stands_alone(part: &str, is_last: bool) -> bool {
    if is_last || part.is_empty() {
        return true;
    }
    let Some(line) = part.strip_suffix('\n').or_else(|| part.strip_suffix('\r')) else { return false };
    !line.strip_suffix('\r').unwrap_or(line).ends_with('\\')
}

/// Those before the difference, those in it, and those after it.
fn joined<T: Clone>(
    (known, before, inside): (&[T], impl Fn(&T) -> bool, impl Fn(&T) -> bool),
    inner: impl Iterator<Item = T>,
    after: impl Fn(&T) -> T,
) -> Vec<T> {
    let (first, last) = (known.partition_point(before), known.partition_point(inside));
    let mut all = Vec::with_capacity(known.len() + inner.size_hint().0);
    all.extend_from_slice(&known[..first]);
    all.extend(inner);
    all.extend(known[last..].iter().map(after));
    all
}

/// By how much a part of a text moved.
#[derive(Clone, Copy)]
struct Shift {
    lines: i64,
    bytes: i64,
}

impl Shift {
    /// What stands on the same lines is shared.
    fn node(self, node: &Arc<Node>) -> Arc<Node> {
        if self.lines == 0 {
            return Arc::clone(node);
        }
        let mut moved = Node::clone(node);
        moved.line = self.line(node.line);
        moved.end_line = self.line(node.end_line);
        for (line, _) in &mut moved.stops {
            *line = self.line(*line);
        }
        if let Some(parts) = &mut moved.definition {
            parts.name_line = self.line(parts.name_line);
            parts.header_line = self.line(parts.header_line);
            parts.header_end_line = self.line(parts.header_end_line);
            parts.places.iter_mut().for_each(|place| self.place(place));
        }
        moved.body = node.body.shared().iter().map(|inner| self.node(inner)).collect();
        Arc::new(moved)
    }

    fn moved(self, mut place: Place) -> Place {
        self.place(&mut place);
        place
    }

    fn place(self, place: &mut Place) {
        place.at[0] = self.line(place.at[0]);
        place.at[2] = self.line(place.at[2]);
        if let Some(at) = place.test.as_mut().and_then(|test| test.at.as_mut()) {
            at[0] = self.line(at[0]);
            at[2] = self.line(at[2]);
        }
    }

    fn span(self, (start, end): Span) -> Span {
        (self.offset(start), self.offset(end))
    }

    fn line(self, line: u32) -> u32 {
        u32::try_from(i64::from(line) + self.lines).unwrap_or_default()
    }

    fn offset(self, offset: usize) -> usize {
        usize::try_from(signed(offset) + self.bytes).unwrap_or_default()
    }
}

/// Texts are shorter than 4 GB.
fn signed(offset: usize) -> i64 {
    i64::try_from(offset).unwrap_or(i64::MAX)
}
