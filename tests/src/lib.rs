//! What end-to-end tests stand on: real Pythons, the real server, real processes. Nothing here is a mock.
//!
//! | module | what it gives |
//! |---|---|
//! | [`pythons`] | the interpreters of this machine |
//! | [`program`] | a Python process under `hotsplice run`, and the command line |
//! | [`lsp`] | an editor's end of the language server |
//! | [`driver`] | a process that imports and runs what a test tells it |
//! | [`generate`] | random modules and edits |
//! | [`cases`] | behaviour cases in Markdown |
//! | [`attaching`] | what a program may be doing when somebody attaches to it |
//! | [`packages`] | packages that a test's process imports |
//! | [`pages`] | the commands that pages tell |
//! | [`script`] | a script that loads the agent into its own process |
//! | [`standing`] | what the commands of pages find |
//! | [`terminal`] | a person at a terminal |
//! | [`holding`] | calls that are held |
//! | [`debugger`] | a debugger's front end |
//! | [`what_works`] | the page made of the cases |
//! | [`wire`] | a bare connection to an agent |

pub mod attaching;
pub mod cases;
pub mod debugger;
pub mod driver;
pub mod failing;
pub mod generate;
pub mod holding;
pub mod lsp;
pub mod packages;
pub mod pages;
pub mod program;
pub mod pythons;
pub mod script;
pub mod standing;
pub mod terminal;
pub mod what_works;
pub mod wire;

use std::fs;
use std::path::{Path, PathBuf};

/// The repository.
pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().map(PathBuf::from).unwrap_or_default()
}

/// A program that was built beside this test: `cargo xtask test` builds it first.
pub fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let folder = test.ancestors().nth(2).expect("target/<profile>/deps/<test>");
    let program = folder.join(name);
    assert!(program.exists(), "{} is not built: run `cargo xtask test`", program.display());
    program
}

/// The text of an integration test: of its file, or of the files in its folder; of all of them if the name is empty.
pub fn text_of_test(name: &str) -> String {
    fn text(path: &Path) -> String {
        let Ok(entries) = fs::read_dir(path) else { return fs::read_to_string(path).unwrap_or_default() };
        entries.flatten().map(|entry| text(&entry.path())).collect()
    }
    let path = repository().join("tests/tests").join(name);
    text(&if path.exists() { path } else { path.with_extension("rs") })
}
