//! A project's versions, unpacked: released ones from their source archives, or commits of a checkout.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use crate::shell::{self, target};
use crate::tools;

/// One version's files, unpacked.
pub struct Version {
    pub name: String,
    pub folder: PathBuf,
}

/// Every Python file below a folder, with its text; tests and the like are not of the project's own code.
pub fn texts(source: &Path, project: &Path) -> anyhow::Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![source.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)?.flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() {
                if !(name.starts_with('.') || (folder == *project && OTHERS.contains(&&*name))) {
                    folders.push(path);
                }
            } else if name.ends_with(".py") {
                found.insert(path.clone(), fs::read(&path)?);
            }
        }
    }
    Ok(found)
}

const OTHERS: [&str; 9] = ["tests", "testing", "test", "docs", "doc", "examples", "benchmarks", "scripts", "tools"];

/// The folder that packages are imported from, and their names.
pub fn layout(project: &Path) -> anyhow::Result<(PathBuf, Vec<String>)> {
    let source = if project.join("src").is_dir() { project.join("src") } else { project.to_owned() };
    let mut packages = Vec::new();
    for entry in fs::read_dir(&source)?.flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_other = source == project && OTHERS.contains(&&*name);
        if path.join("__init__.py").is_file() && !is_other {
            packages.push(name);
        } else if let Some(module) = name.strip_suffix(".py").filter(|module| {
            !["setup", "conftest", "noxfile", "tasks", "build"].contains(module) && !module.starts_with("test")
        }) {
            packages.push(module.to_owned());
        }
    }
    packages.sort();
    ensure!(!packages.is_empty(), "there is no package in {}", source.display());
    Ok((source, packages))
}

pub fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)?.flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy(&path, &target)?;
        } else if kind.is_file() {
            fs::copy(&path, &target)?;
        }
    }
    Ok(())
}

/// Source archives, unpacked once.
pub fn released_versions(name: &str, versions: &[String]) -> anyhow::Result<Vec<Version>> {
    let mut found = Vec::new();
    for version in versions {
        let folder = target().join("history").join(format!("{name}-{version}"));
        if !folder.is_dir() {
            let archives = tempfile::tempdir()?;
            let mut command = Command::new(tools::environment("tools/pip", &["pip"])?.join("bin/python"));
            command.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]);
            command.args(["--no-binary=:all:", "--dest"]).arg(archives.path()).arg(format!("{name}=={version}"));
            shell::run_quietly(command)?;
            let archive = fs::read_dir(archives.path())?.flatten().next().context("pip brought nothing")?.path();
            let unpacked = archives.path().join("unpacked");
            let mut unpack = Command::new(&tools::stable_python().path);
            unpack.args(["-c", "import shutil, sys; shutil.unpack_archive(*sys.argv[1:])"]).arg(archive).arg(&unpacked);
            shell::run_quietly(unpack)?;
            let root = fs::read_dir(&unpacked)?.flatten().next().context("the archive is empty")?.path();
            copy(&root, &folder)?;
        }
        found.push(Version { name: format!("{name} {version}"), folder });
    }
    Ok(found)
}

/// Commits of a range that change Python files, oldest first, with the one before them.
pub fn commits(repository: &Path, range: &str) -> anyhow::Result<Vec<Version>> {
    let git = |arguments: &[&str]| -> anyhow::Result<String> {
        let output = Command::new("git").arg("-C").arg(repository).args(arguments).output()?;
        ensure!(output.status.success(), "git: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let listed = git(&["log", "--reverse", "--first-parent", "--format=%H %s", range, "--", "*.py"])?;
    let mut hashes: Vec<(String, String)> = Vec::new();
    for line in listed.lines() {
        let (hash, subject) = line.split_once(' ').unwrap_or((line, ""));
        hashes.push((hash.to_owned(), format!("{} {}", &hash[..9], subject.chars().take(18).collect::<String>())));
    }
    let first = &hashes.first().context("no commit of that range changes a Python file")?.0;
    let parent = git(&["rev-parse", &format!("{first}^")])?.trim().to_owned();
    hashes.insert(0, (parent.clone(), parent));
    let mut versions = Vec::new();
    for (hash, name) in hashes {
        let folder = target().join("history").join(&hash);
        if !folder.is_dir() {
            let archive = tempfile::tempdir()?;
            let file = archive.path().join("tree.tar");
            git(&["archive", "--output", &file.display().to_string(), &hash])?;
            let mut unpack = Command::new("tar");
            fs::create_dir_all(&folder)?;
            unpack.arg("-xf").arg(&file).arg("-C").arg(&folder);
            shell::run_quietly(unpack)?;
        }
        versions.push(Version { name, folder });
    }
    Ok(versions)
}
