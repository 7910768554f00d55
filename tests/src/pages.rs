//! The commands that pages tell: in their blocks, with what is shown of each, and in their text.

use std::path::{Path, PathBuf};

use crate::repository;

#[derive(Debug, Clone)]
pub struct Command {
    /// Where it stands: `docs/cli.md:17`.
    pub place: String,
    pub text: String,
    /// What it prints.
    pub shown: Vec<String>,
    /// The code whose section it stands in: what it is about may be how that comes about.
    pub code: Option<String>,
}

/// The pages for users: `README.md`, `docs/`.
pub fn of_users() -> Vec<PathBuf> {
    let mut found = vec![repository().join("README.md")];
    for folder in ["docs", "docs/editors"] {
        let entries = std::fs::read_dir(repository().join(folder)).expect("the folder");
        found.extend(entries.map(|entry| entry.expect("an entry").path()));
    }
    found.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    found.sort();
    found
}

/// All commands of blocks of shell, and those of Hotsplice in texts, each usage as the commands that it stands for.
pub fn commands(path: &Path) -> Vec<Command> {
    let page = std::fs::read_to_string(path).expect("a page");
    let name = path.strip_prefix(repository()).unwrap_or(path).display().to_string();
    let mut found = Vec::new();
    let (mut block, mut code) = (None, None);
    let mut lines = page.lines().enumerate().peekable();
    while let Some((number, line)) = lines.next() {
        let place = format!("{name}:{}", number + 1);
        let fence = line.trim_start().strip_prefix("```");
        let language: Option<&str> = block;
        match (language, fence) {
            (Some(_), Some(_)) => block = None,
            (None, Some(language)) => block = Some(language.trim()),
            (None, None) => {
                if let Some(title) = line.strip_prefix("## ") {
                    code =
                        title.split_once(':').map(|(code, _)| code.to_owned()).filter(|code| code.starts_with("HS0"));
                }
                let spans = line.split('`').skip(1).step_by(2);
                // Of the others only the name is told.
                let whole = spans.filter(|span| span.starts_with("hotsplice ") && span.split(' ').count() > 2);
                for text in whole.flat_map(usages) {
                    found.push(Command { place: place.clone(), text, shown: Vec::new(), code: code.clone() });
                }
            }
            (Some("sh"), None) => {
                let mut text = line.to_owned();
                while let Some(begun) = text.strip_suffix('\\') {
                    text = begun.to_owned() + lines.next().map_or("", |(_, line)| line.trim_start());
                }
                found.push(Command { place, text, shown: Vec::new(), code: code.clone() });
            }
            (Some("console"), None) => match line.strip_prefix("$ ") {
                Some(text) => {
                    found.push(Command { place, text: text.to_owned(), shown: Vec::new(), code: code.clone() });
                }
                None => found.last_mut().expect("a command before it").shown.push(line.to_owned()),
            },
            (Some("text"), None) if line.trim_start_matches("$ ").starts_with("hotsplice ") => {
                let mut text = line.trim_start_matches("$ ").to_owned();
                while let Some((_, more)) = lines.next_if(|(_, more)| more.trim_start().starts_with('[')) {
                    text = text + " " + more.trim_start();
                }
                for text in usages(&text) {
                    found.push(Command { place: place.clone(), text, shown: Vec::new(), code: code.clone() });
                }
            }
            _ => {}
        }
    }
    found
}

/// The commands that a usage stands for: without what is optional (`[…]`), and with each of that alone; of alternatives
/// (`A | B`) each.
pub fn usages(usage: &str) -> Vec<String> {
    // Of what is repeated there is one.
    let words: Vec<&str> =
        usage.split(' ').map(|word| word.trim_end_matches('…')).filter(|word| !word.is_empty()).collect();
    variants(&words).into_iter().map(|words| words.join(" ")).collect()
}

fn variants<'a>(words: &[&'a str]) -> Vec<Vec<&'a str>> {
    // Each part of it: what must be there has one choice or several, what is optional begins with none.
    let mut parts: Vec<Vec<Vec<&str>>> = Vec::new();
    let mut rest = words;
    while let Some((&first, after)) = rest.split_first() {
        if first == "|" {
            let (other, after) = after.split_first().expect("an alternative");
            parts.last_mut().expect("an alternative").push(vec![*other]);
            rest = after;
        } else if first.starts_with('[') {
            let depth = |word: &str| word.matches('[').count() as i32 - word.matches(']').count() as i32;
            let mut open = 0;
            let end = rest.iter().position(|word| {
                open += depth(word);
                open == 0
            });
            let (group, after) = rest.split_at(end.expect("it is closed") + 1);
            let mut inner: Vec<&str> = group.to_vec();
            inner[0] = &inner[0][1..];
            let last = inner.len() - 1;
            inner[last] = inner[last].strip_suffix(']').unwrap_or(inner[last]).trim_end_matches('…');
            let choices = alternatives(&inner).into_iter().flat_map(|choice| variants(&choice));
            parts.push(std::iter::once(Vec::new()).chain(choices).collect());
            rest = after;
        } else {
            parts.push(vec![vec![first]]);
            rest = after;
        }
    }
    let with = |part: usize, choice: usize| {
        let words =
            parts.iter().enumerate().flat_map(|(at, choices)| choices[if at == part { choice } else { 0 }].clone());
        words.collect::<Vec<_>>()
    };
    let others =
        parts.iter().enumerate().flat_map(|(part, choices)| (1..choices.len()).map(move |choice| (part, choice)));
    std::iter::once(with(0, 0)).chain(others.map(|(part, choice)| with(part, choice))).collect()
}

/// At `|`, but for those inside of brackets.
fn alternatives<'a>(words: &[&'a str]) -> Vec<Vec<&'a str>> {
    let mut found = vec![Vec::new()];
    let mut open = 0;
    for word in words {
        if *word == "|" && open == 0 {
            found.push(Vec::new());
            continue;
        }
        open += word.matches('[').count() as i32 - word.matches(']').count() as i32;
        found.last_mut().expect("one").push(*word);
    }
    found
}
