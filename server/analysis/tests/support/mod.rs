//! Renders patches compactly for snapshots, and checks what holds of every patch.
#![allow(dead_code)]

use std::fmt::Write;

use hotsplice_analysis::{Outline, diff};
use hotsplice_channel::patch::{Excerpt, FilePatch, Unit};

/// The patch between two texts, checked and rendered.
pub fn patch(live: &str, new: &str) -> String {
    stale_patch(live, new, &[])
}

pub fn stale_patch(live: &str, new: &str, stale: &[&str]) -> String {
    let stale: Vec<String> = stale.iter().map(|name| (*name).to_owned()).collect();
    let (live, new) = (Outline::parse(live), Outline::parse(new));
    let patch = diff("m.py", 0, &live, &new, &stale);
    check(&new, &patch);
    render(&patch)
}

/// Every excerpt parses, stands at its lines, and has its chunks in order.
pub fn check(new: &Outline, patch: &FilePatch) {
    if !new.is_valid() {
        return;
    }
    let runs = patch.edits.iter().filter_map(|edit| edit.run.as_ref());
    let classes = patch.classes.iter().map(|class| &class.run);
    for excerpt in runs.chain(classes).chain([&patch.compile]) {
        assert!(excerpt.0.windows(2).all(|pair| pair[0].line < pair[1].line), "{excerpt:#?}");
        let text = joined(excerpt);
        let outline = Outline::parse(&text);
        assert!(outline.is_valid(), "{:?}\n{text}\n--- of ---\n{}", outline.problems(), new.text());
    }
    let compiled = Outline::parse(&joined(&patch.compile)).definitions();
    for unit in &patch.units {
        let mut path = unit.scope.clone();
        path.push(unit.name.clone());
        let name = path.join(".");
        assert!(
            compiled.iter().any(|one| one.qualified_name == name && one.line == unit.line),
            "{name} is not in the excerpt at line {}:\n{}",
            unit.line,
            joined(&patch.compile)
        );
    }
}

/// The text that Python would compile.
pub fn joined(excerpt: &Excerpt) -> String {
    let mut text = String::new();
    let mut line = 1;
    for chunk in &excerpt.0 {
        while line < chunk.line {
            text.push('\n');
            line += 1;
        }
        text.push_str(&chunk.text);
        text.push('\n');
        line += 1 + newlines(&chunk.text);
    }
    text
}

fn newlines(text: &str) -> u32 {
    let rest = text.replace("\r\n", "\n").replace('\r', "\n");
    u32::try_from(rest.matches('\n').count()).expect("a short text")
}

pub fn render(patch: &FilePatch) -> String {
    let mut out = String::new();
    for edit in &patch.edits {
        let old = edit.old_line.map_or(String::from("new"), |line| format!("was {line}"));
        let scope = edit.scope.join(".");
        let _ = write!(
            out,
            "{:?} {:?} {:?} `{}` in [{scope}] {}-{} ({old})",
            edit.change, edit.kind, edit.what, edit.definition, edit.line, edit.end_line
        );
        if !edit.parts.is_empty() {
            let _ = write!(out, " parts {:?}", edit.parts);
        }
        if !edit.fresh_defaults.is_empty() {
            let _ = write!(out, " fresh {:?}", edit.fresh_defaults);
        }
        if edit.offered {
            out.push_str(" offered");
        }
        out.push('\n');
        if let Some(run) = &edit.run {
            excerpt(&mut out, "run", run);
        }
    }
    list(&mut out, "unit", &patch.units);
    list(&mut out, "move", &patch.moves);
    for class in &patch.classes {
        let _ = writeln!(out, "class {:?} {} {}->{}", class.scope, class.name, class.old_line, class.line);
    }
    excerpt(&mut out, "compile", &patch.compile);
    out
}

fn list(out: &mut String, what: &str, units: &[Unit]) {
    for unit in units {
        let mut path = unit.scope.clone();
        path.push(unit.name.clone());
        let _ = writeln!(out, "{what} {} {}->{}", path.join("."), unit.old_line, unit.line);
    }
}

fn excerpt(out: &mut String, what: &str, excerpt: &Excerpt) {
    for chunk in &excerpt.0 {
        for (offset, line) in chunk.text.lines().enumerate() {
            let _ = writeln!(out, "  {what} {:>2}| {line}", chunk.line as usize + offset);
        }
    }
}
