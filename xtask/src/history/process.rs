//! A process that goes from version to version of a project, and runs its tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use hotsplice_tests::program::{Program, Workspace};
use hotsplice_tests::pythons::Python;
use serde_json::{Value, json};

use super::versions::{Version, copy, layout, texts};
use crate::shell::target;

/// A project's tests may take so long.
const PATIENCE: Duration = Duration::from_secs(300);

/// A process that has loaded the project, and the folder that its files are in.
pub struct Live {
    workspace: Workspace,
    program: Program,
}

/// What a patch from one version to the next came to.
pub struct Step {
    pub files: usize,
    pub edits: usize,
    pub committed: bool,
    pub took: Duration,
    results: Value,
}

impl Step {
    /// Codes and messages of everything that is not simply applied.
    pub fn said(&self) -> Vec<(String, String)> {
        let results = self.results.as_array().into_iter().flatten();
        let edits = results.flat_map(|result| result["edits"].as_array().into_iter().flatten());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let coded = edits.filter(|edit| !edit["code"].is_null());
        coded
            .map(|edit| (text(&edit["code"]), format!("{}: {}", text(&edit["definition"]), text(&edit["message"]))))
            .collect()
    }
}

impl Live {
    pub fn start(python: &Python, version: &Version) -> anyhow::Result<Self> {
        let workspace = Workspace::with_program(target().join("release/hotsplice"));
        let project = workspace.path().join("project");
        copy(&version.folder, &project)?;
        let (source, packages) = layout(&project)?;
        let mut arguments = vec![workspace.write("history.py", include_str!("history.py")), project, source];
        arguments.extend(packages.iter().map(PathBuf::from));
        let arguments: Vec<String> = arguments.iter().map(|path| path.display().to_string()).collect();
        let program = workspace.run(python, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
        let mut live = Self { workspace, program };
        ensure!(live.read()? == json!("ready"), "the process does not start");
        let loaded = live.ask(&json!({ "do": "load" }))?;
        ensure!(loaded["error"].is_null(), "{} can't be imported: {}", version.name, loaded["error"]);
        Ok(live)
    }

    fn read(&mut self) -> anyhow::Result<Value> {
        Ok(serde_json::from_str(&self.program.line_within(PATIENCE))?)
    }

    fn ask(&mut self, request: &Value) -> anyhow::Result<Value> {
        self.program.send(&request.to_string());
        self.read()
    }

    pub fn test(&mut self, tests: &[String]) -> anyhow::Result<Value> {
        let project = self.workspace.path().join("project");
        let mut given = tests.to_vec();
        if given.is_empty() {
            let found = ["tests", "testing", "test"].into_iter().find(|name| project.join(name).is_dir());
            given.push(found.context("there is no folder of tests: say --tests")?.to_owned());
        }
        self.ask(&json!({ "do": "test", "arguments": given }))
    }

    /// Puts another version on disk: the modules of which the text changed.
    pub fn put(&self, version: &Version) -> anyhow::Result<Vec<PathBuf>> {
        let project = self.workspace.path().join("project");
        let (source, _) = layout(&project)?;
        let before = texts(&source, &project)?;
        for entry in fs::read_dir(&project)?.flatten() {
            let path = entry.path();
            if path.is_dir() { fs::remove_dir_all(path)? } else { fs::remove_file(path)? }
        }
        copy(&version.folder, &project)?;
        let (source, packages) = layout(&project)?;
        let after = texts(&source, &project)?;
        let in_packages = |path: &&PathBuf| {
            let relative = path.strip_prefix(&source).unwrap_or(path);
            // A program's entry is not loaded.
            let is_loaded = path.file_stem().is_none_or(|name| name != "__main__");
            is_loaded
                && packages
                    .iter()
                    .any(|package| relative.starts_with(package) || relative == Path::new(&format!("{package}.py")))
        };
        // What is new is loaded by what imports it.
        let is_changed = |path: &PathBuf, text: &Vec<u8>| before.get(path).is_some_and(|former| former != text);
        let changed = after.iter().filter(|(path, text)| is_changed(path, text)).map(|(path, _)| path);
        Ok(changed.filter(in_packages).cloned().collect())
    }

    /// Puts another version on disk and makes it live.
    pub fn go_to(&mut self, version: &Version) -> anyhow::Result<Step> {
        let changed = self.put(version)?;
        if changed.is_empty() {
            let nothing = Step { files: 0, edits: 0, committed: true, took: Duration::ZERO, results: json!([]) };
            return Ok(nothing);
        }
        let mut command = self.workspace.hotsplice();
        let started = Instant::now();
        let output = command.args(["patch", "--json"]).args(&changed).output()?;
        let took = started.elapsed();
        let results: Value = serde_json::from_slice(&output.stdout)
            .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
        ensure!(results["error"].is_null(), "the patch of {} failed: {}", version.name, results["error"]);
        let list = results.as_array().cloned().unwrap_or_default();
        let edits = list.iter().filter_map(|result| result["edits"].as_array()).map(Vec::len).sum();
        let committed = list.iter().all(|result| result["committed"] == true);
        Ok(Step { files: changed.len(), edits, committed, took, results })
    }
}
