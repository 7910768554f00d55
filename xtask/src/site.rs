//! The documentation as a site: every page of the repository where it stands, so that links between them hold.

use std::fs;
use std::path::Path;
use std::process::Command;

use hotsplice_tests::repository;

use crate::{shell, tools};

/// What is read on the site, besides the pages and pictures in these folders.
const PAGES: [&str; 5] = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"];
const FOLDERS: [&str; 3] = ["docs", "tests/behaviour", "editors/vscode"];

/// Builds it under `target/site/pages`. A link that leads nowhere is a failure.
pub fn run() -> anyhow::Result<()> {
    let environment = tools::environment("site/environment", &["mkdocs-material>=9.6,<10"])?;
    let source = shell::target().join("site/source");
    if source.exists() {
        fs::remove_dir_all(&source)?;
    }
    fs::create_dir_all(&source)?;
    for page in PAGES {
        copy_page(&repository().join(page), &source.join(page))?;
    }
    fs::copy(repository().join("LICENSE"), source.join("LICENSE"))?;
    for folder in FOLDERS {
        copy_pages(&repository().join(folder), &source.join(folder))?;
    }
    let mut build = Command::new(environment.join("bin/mkdocs"));
    // Material for MkDocs is maintained until May 2027, and says at each build that Zensical reads the same file.
    build.env("NO_MKDOCS_2_WARNING", "1");
    build.args(["build", "--strict", "--config-file"]).arg(repository().join("mkdocs.yml"));
    shell::run_quietly(build)?;
    println!("{}", shell::target().join("site/pages/index.html").display());
    Ok(())
}

fn copy_pages(from: &Path, to: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        let is = |extension: &str| path.extension().is_some_and(|own| own == extension);
        if entry.file_type()?.is_dir() && entry.file_name() != "node_modules" {
            copy_pages(&path, &target)?;
        } else if is("md") || is("png") {
            fs::create_dir_all(to)?;
            if is("md") { copy_page(&path, &target)? } else { fs::copy(&path, &target).map(drop)? }
        }
    }
    Ok(())
}

/// What the repository shows otherwise than the site: a block of code has its language only, and no line of a page has an anchor.
fn copy_page(from: &Path, to: &Path) -> anyhow::Result<()> {
    let mut page = String::new();
    for line in fs::read_to_string(from)?.lines() {
        match line.strip_prefix("```").and_then(|info| info.split_once(' ')) {
            Some((language, what)) => page.push_str(&format!("*{what}*\n\n```{language}\n")),
            None => page.push_str(&format!("{}\n", without_line_anchor(line))),
        }
    }
    Ok(fs::write(to, page)?)
}

fn without_line_anchor(line: &str) -> String {
    match line.split_once(".md#L") {
        Some((before, rest)) => {
            let after = rest.trim_start_matches(|character: char| character.is_ascii_digit());
            format!("{before}.md{}", without_line_anchor(after))
        }
        None => line.to_owned(),
    }
}
