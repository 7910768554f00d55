//! Behaviour cases: a Markdown section each. `docs/behaviour.md` says how they are written.

use std::fs;
use std::path::Path;

#[derive(Debug, Clone, Default)]
pub struct Case {
    /// The heading.
    pub name: String,
    pub line: usize,
    /// From this minor version of Python 3 on.
    pub from_python: u32,
    /// Below this minor version.
    pub before_python: u32,
    /// What it holds or asks can't be done a second time in the same process.
    pub once: bool,
    /// Other files: name without `.py`, text.
    pub helpers: Vec<(String, String)>,
    pub before: String,
    pub hold: String,
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone, Default)]
pub struct Step {
    pub after: String,
    pub helpers: Vec<(String, String)>,
    /// Expected lines `definition kind verdict [code]`; empty where the case does not say.
    pub verdicts: Option<String>,
    pub then: String,
    /// Parts of what the oracle compares that may differ, one path a line.
    pub differs: Vec<String>,
    /// Whatever the verdicts are, they are right.
    pub may_tell: bool,
}

/// Packages that the cases of a file are about: `# Flask {needs flask}`.
pub fn needs(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let title = text.lines().next().unwrap_or_default();
    let Some((_, options)) = title.split_once("{needs ") else { return Vec::new() };
    options.trim_end_matches('}').split_whitespace().map(str::to_owned).collect()
}

/// Every case of a file.
pub fn read(path: &Path) -> Vec<Case> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut cases: Vec<Case> = Vec::new();
    let mut block: Option<(String, String)> = None;
    for (number, line) in text.lines().enumerate() {
        if let Some((info, content)) = &mut block {
            if line.trim_end() == "```" {
                let case =
                    cases.last_mut().unwrap_or_else(|| panic!("{}:{number}: a block before a heading", path.display()));
                take(case, info, content, &format!("{}:{}", path.display(), number + 1));
                block = None;
            } else {
                content.push_str(line);
                content.push('\n');
            }
        } else if let Some(heading) = line.strip_prefix("## ") {
            cases.push(heading_of(heading, number + 1));
        } else if let Some(info) = line.strip_prefix("```") {
            block = Some((info.trim().to_owned(), String::new()));
        }
    }
    for case in &cases {
        assert!(!case.steps.is_empty(), "{}:{}: {} has no `after`", path.display(), case.line, case.name);
    }
    cases
}

/// `Name {python>=3.12}`, `Name {python==3.13}`, `Name {python<3.15}`, `Name {once}`
fn heading_of(heading: &str, line: usize) -> Case {
    let (name, options) = heading.split_once('{').unwrap_or((heading, ""));
    let options = options.trim_end_matches('}').trim();
    let minor = |prefix: &str| options.strip_prefix(prefix).and_then(|minor| minor.parse().ok());
    let one: Option<u32> = minor("python==3.");
    Case {
        name: name.trim().to_owned(),
        line,
        from_python: one.or_else(|| minor("python>=3.")).unwrap_or(0),
        before_python: one.map(|minor| minor + 1).or_else(|| minor("python<3.")).unwrap_or(u32::MAX),
        once: options == "once",
        ..Case::default()
    }
}

fn take(case: &mut Case, info: &str, content: &str, place: &str) {
    let content = content.to_owned();
    let words: Vec<&str> = info.split_whitespace().collect();
    match words[..] {
        ["python", "before"] => case.before = content,
        ["python", "before", helper] => case.helpers.push((helper.trim_end_matches(".py").to_owned(), content)),
        ["python", "hold"] => case.hold = content,
        ["python", "after"] => case.steps.push(Step { after: content, ..Step::default() }),
        ["python", "after", helper] => {
            let helper = (helper.trim_end_matches(".py").to_owned(), content);
            last(case, place).helpers.push(helper);
        }
        ["python", "then"] => last(case, place).then = content,
        ["verdicts"] => last(case, place).verdicts = Some(content),
        ["differs"] => last(case, place).differs = content.lines().map(str::to_owned).collect(),
        _ => panic!("{place}: unknown block {info:?}"),
    }
}

fn last<'a>(case: &'a mut Case, place: &str) -> &'a mut Step {
    case.steps.last_mut().unwrap_or_else(|| panic!("{place}: this block comes after an `after`"))
}
