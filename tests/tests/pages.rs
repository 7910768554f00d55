//! Every command that a page tells exists, with the options that it is given there.

use std::collections::HashMap;
use std::path::PathBuf;

use hotsplice_tests::program::Workspace;
use hotsplice_tests::repository;

fn pages() -> Vec<PathBuf> {
    let mut found = ["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(|page| repository().join(page)).to_vec();
    for folder in ["docs", "docs/editors", "editors/vscode"] {
        let entries = std::fs::read_dir(repository().join(folder)).expect("the folder");
        found.extend(entries.map(|entry| entry.expect("an entry").path()));
    }
    found.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    found
}

/// The commands in a page's blocks of shell, and in its text.
fn commands(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut block: Option<String> = None;
    for line in page.lines() {
        match (&block, line.trim_start().strip_prefix("```")) {
            (Some(_), Some(_)) => block = None,
            (None, Some(language)) => block = Some(language.trim().to_owned()),
            (Some(language), None) => {
                // What is set in is what a command prints.
                let is_shell = match language.as_str() {
                    "sh" | "console" => true,
                    language => language == "text" && !line.starts_with(' '),
                };
                let line = line.trim_start().trim_start_matches("$ ");
                if is_shell && line.starts_with("hotsplice ") {
                    found.push(line.split(" #").next().unwrap_or(line).to_owned());
                }
            }
            (None, None) => {
                let spans = line.split('`').skip(1).step_by(2);
                found.extend(spans.filter(|span| span.starts_with("hotsplice ")).map(str::to_owned));
            }
        }
    }
    found
}

/// What `run` starts has options of its own.
fn own_words(command: &str) -> Vec<String> {
    let word = |word: &str| word.trim_matches(|one: char| "[]…|,.:;()".contains(one)).to_owned();
    let words: Vec<String> = command.split_whitespace().skip(1).map(word).filter(|word| !word.is_empty()).collect();
    let program = words.iter().position(|word| {
        ["-m", "--", "SCRIPT", "COMMAND"].contains(&word.as_str()) || word.ends_with(".py") || word.ends_with("python")
    });
    match (words.first().map(String::as_str), program) {
        (Some("run"), Some(program)) => words[..program].to_vec(),
        _ => words,
    }
}

#[test]
fn every_command_of_a_page_exists_with_its_options() {
    let workspace = Workspace::new();
    let mut helps: HashMap<String, Option<String>> = HashMap::new();
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for path in pages() {
        let page = std::fs::read_to_string(&path).expect("a page");
        for command in commands(&page) {
            let words = own_words(&command);
            let Some(name) = words.first().filter(|name| name.starts_with(char::is_alphabetic) && *name != "COMMAND")
            else {
                continue;
            };
            seen += 1;
            let help = helps.entry(name.clone()).or_insert_with(|| {
                let output = workspace.hotsplice().args([name, "--help"]).output().expect("help");
                output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
            });
            let Some(help) = help else {
                wrong.push(format!("{}: no such command: {command}", path.display()));
                continue;
            };
            let options = words.iter().filter(|word| word.starts_with('-') && word.len() > 1 && **word != "--");
            for option in options.map(|option| option.split('=').next().unwrap_or(option)) {
                let is_told = help.split_whitespace().any(|word| word.trim_matches([',', '[', ']', '…']) == option);
                if !is_told {
                    wrong.push(format!("{}: no option {option}: {command}", path.display()));
                }
            }
        }
    }
    assert!(seen > 60, "{seen} commands were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
