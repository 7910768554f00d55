//! Programs that fail until they are mended, in `tests/programs`: what is wrong in each is `/ 0`, and right would be `/ 1`.

use std::path::PathBuf;

use crate::program::Workspace;
use crate::pythons::{self, Python};
use crate::{packages, repository};

pub struct Failing {
    pub name: &'static str,
    /// What it prints as if nothing had happened.
    pub last: &'static str,
}

/// Handlers of web frameworks, a task of a queue, a training loop of an hour, a command line.
pub const ALL: [Failing; 6] = [
    Failing { name: "flask_app", last: "done 200 costs 84.0 [7, 7]" },
    Failing { name: "fastapi_app", last: "done 200 {\"costs\":7.0}" },
    Failing { name: "django_app", last: "done 200 costs 7.0" },
    Failing { name: "celery_app", last: "done 42.0" },
    Failing { name: "train_app", last: "done 3600 3600 27.398" },
    Failing { name: "cli_app", last: "done ONE/TWO 2.0" },
];

impl Failing {
    pub fn file(&self) -> String {
        format!("{}.py", self.name)
    }

    pub fn text(&self) -> String {
        std::fs::read_to_string(repository().join("tests/programs").join(self.file())).expect("the program")
    }

    pub fn write(&self, workspace: &Workspace) -> PathBuf {
        workspace.write(&self.file(), &self.text())
    }

    /// Its texts, each with one more place mended than the one before.
    pub fn mended(&self) -> Vec<String> {
        let mut text = self.text();
        let mut texts = Vec::new();
        while text.contains(" / 0") {
            text = text.replacen(" / 0", " / 1", 1);
            texts.push(text.clone());
        }
        texts
    }
}

/// A Python whose functions can be guarded from outside, and what the programs import; nothing where that can't be had.
pub fn python() -> Option<(&'static Python, PathBuf)> {
    let python = pythons::all().iter().rfind(|python| (12..14).contains(&python.minor))?;
    let wanted = ["flask", "fastapi", "uvicorn", "celery", "django", "debugpy"].map(str::to_owned);
    let folder = packages::site(python, "programs", &wanted);
    if folder.is_none() {
        println!("web frameworks can't be had: not tested");
    }
    Some((python, folder?))
}
