//! One file under two names: a process in a container, or on another machine, calls its folders otherwise than we do.
//!
//! That two files are the same is not guessed from their names: they have the same device and inode (a folder that both
//! see), or, where the process has a copy, texts of the folder's files are the same as what is live of them.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use hotsplice_channel::message::LoadedFile;
use hotsplice_channel::registry::{self, Entry};

use crate::source_file;
use crate::workspace::PathMapping;

/// So many texts are compared to find out whether two folders are the same.
const COMPARED: usize = 12;

/// What was found out so far.
#[derive(Default)]
pub struct Places {
    mappings: Vec<PathMapping>,
    /// Files for which nothing was found among what the process had loaded.
    in_vain: HashSet<PathBuf>,
}

impl Places {
    /// The process has loaded other files by now.
    pub fn look_again(&mut self) {
        self.in_vain.clear();
    }

    /// Whether it was looked for already, and there is nothing.
    pub fn is_in_vain(&self, path: &Path) -> bool {
        self.in_vain.contains(path)
    }

    pub fn found(&mut self, path: &Path, mapping: Option<PathMapping>) {
        match mapping {
            Some(mapping) if !self.mappings.contains(&mapping) => self.mappings.push(mapping),
            Some(_) => {}
            None => drop(self.in_vain.insert(path.to_owned())),
        }
    }

    pub fn to_process(&self, path: &Path) -> Vec<PathBuf> {
        let mapped =
            |mapping: &PathMapping| Some(mapping.remote_root.join(path.strip_prefix(&mapping.local_root).ok()?));
        self.mappings.iter().filter_map(mapped).collect()
    }

    /// Our name of a process's file, if there is a file of that name.
    pub fn to_editor(&self, path: &Path) -> Option<PathBuf> {
        let mapped =
            |mapping: &PathMapping| Some(mapping.local_root.join(path.strip_prefix(&mapping.remote_root).ok()?));
        self.mappings.iter().filter_map(mapped).find(|path| path.is_file())
    }
}

/// Whether a process may call files otherwise: it runs elsewhere, or sees other mounts.
pub fn is_elsewhere(entry: &Entry) -> bool {
    if !registry::is_visible(entry) {
        return true;
    }
    let mounts = |pid: &str| fs::metadata(format!("/proc/{pid}/ns/mnt")).map(|found| found.ino()).ok();
    let (own, its) = (mounts("self"), mounts(&entry.pid.to_string()));
    own.is_some() && its.is_some() && own != its
}

/// The folders of a local file and of the process's file that is the same. `live` gives the text that is live of one.
pub fn find(
    path: &Path,
    entry: &Entry,
    files: &[LoadedFile],
    live: impl Fn(&str) -> Option<String>,
) -> Option<PathMapping> {
    let local = fs::metadata(path).ok()?;
    let named = files.iter().filter(|file| !file.installed);
    let mut candidates: Vec<(usize, &LoadedFile)> =
        named.map(|file| (common_end(path, Path::new(&file.path)), file)).filter(|(common, _)| *common > 0).collect();
    candidates.sort_by_key(|(common, _)| std::cmp::Reverse(*common));
    // Numbers of another machine's devices mean nothing here.
    let is_same =
        |file: &LoadedFile| entry.via.is_none() && file.device == Some(local.dev()) && file.inode == Some(local.ino());
    if let Some((common, file)) = candidates.iter().find(|(_, file)| is_same(file)) {
        return roots(path, Path::new(&file.path), *common);
    }
    let mut compared: Vec<(usize, usize, PathMapping)> = candidates
        .into_iter()
        .take(4)
        .filter_map(|(common, file)| {
            let mapping = roots(path, Path::new(&file.path), common)?;
            Some((equal_texts(&mapping, files, &live), common, mapping))
        })
        .filter(|(equal, ..)| *equal > 0)
        .collect();
    compared.sort_by_key(|(equal, common, _)| (std::cmp::Reverse(*equal), std::cmp::Reverse(*common)));
    let best = compared.first()?;
    // Of two that are as likely neither is taken.
    let alone = compared.get(1).is_none_or(|next| (next.0, next.1) < (best.0, best.1));
    alone.then(|| best.2.clone())
}

/// How many files have the same text here as is live there; none if more have another one.
fn equal_texts(mapping: &PathMapping, files: &[LoadedFile], live: &impl Fn(&str) -> Option<String>) -> usize {
    let (mut equal, mut other) = (0, 0);
    for file in files.iter().filter(|file| !file.installed) {
        let Ok(rest) = Path::new(&file.path).strip_prefix(&mapping.remote_root) else { continue };
        let Ok(Some(here)) = source_file::read_if_there(&mapping.local_root.join(rest)) else { continue };
        // Many files are empty.
        if here.trim().is_empty() {
            continue;
        }
        match live(&file.path) {
            Some(there) if there == here => equal += 1,
            Some(_) => other += 1,
            None => {}
        }
        if equal + other == COMPARED {
            break;
        }
    }
    if other > equal { 0 } else { equal }
}

fn roots(local: &Path, remote: &Path, common: usize) -> Option<PathMapping> {
    let root = |path: &Path| path.ancestors().nth(common).map(Path::to_owned);
    Some(PathMapping { local_root: root(local)?, remote_root: root(remote)? })
}

/// How many of the last parts of two paths are the same; not the root, which belongs to no file.
fn common_end(one: &Path, other: &Path) -> usize {
    let parts = one.components().rev().zip(other.components().rev());
    parts.take_while(|(one, other)| one == other && matches!(one, std::path::Component::Normal(_))).count()
}

/// Files that a folder, or one right in it (`src`, a project of several), may hold under a process's file's name.
pub fn namesakes(folder: &Path, files: &[LoadedFile]) -> Vec<PathBuf> {
    let project = files.iter().filter(|file| !file.installed).map(|file| Path::new(&file.path)).take(200);
    let inside = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut folders = vec![folder.to_owned()];
    folders.extend(inside.filter(|path| path.is_dir()).take(50));
    let namesake = |path: &Path| {
        let parts: Vec<_> = path.components().skip(1).collect();
        let ends = (0..parts.len()).map(|start| parts[start..].iter().collect::<PathBuf>());
        ends.into_iter().find_map(|end| folders.iter().map(|folder| folder.join(&end)).find(|path| path.is_file()))
    };
    project.filter_map(namesake).take(8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> LoadedFile {
        LoadedFile { path: path.to_owned(), ..LoadedFile::default() }
    }

    fn entry() -> Entry {
        let text = r#"{"protocol": 1, "id": "1-2", "pid": 1, "parent": 0, "started": 2, "registered": 0, "command": [],
            "cwd": "/", "executable": "", "python": "", "socket": "", "version": ""}"#;
        serde_json::from_str(text).expect("an entry")
    }

    #[test]
    fn a_copy_is_found_by_the_texts_of_its_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("in the folder")).expect("a folder");
            fs::write(&path, text).expect("a file");
            path
        };
        let views = write("shop/views.py", "edited = 1\n");
        write("shop/models.py", "x = 1\n");
        write("shop/__init__.py", "");
        let find = |files: &[LoadedFile], live: &[(&str, &str)]| {
            find(&views, &entry(), files, |path| Some(live.iter().find(|(name, _)| *name == path)?.1.to_owned()))
        };
        let files = [file("/app/shop/views.py"), file("/app/shop/models.py"), file("/app/shop/__init__.py")];
        let live =
            [("/app/shop/views.py", "edited = 0\n"), ("/app/shop/models.py", "x = 1\n"), ("/app/shop/__init__.py", "")];
        let expected = PathMapping { local_root: folder.path().to_owned(), remote_root: "/app".into() };
        assert_eq!(find(&files, &live), Some(expected.clone()));
        // Names alone say nothing, nor do empty files.
        assert_eq!(find(&files, &[live[0], ("/app/shop/models.py", "x = 2\n"), live[2]]), None);
        // Two copies are one too many.
        let both = [&files[..], &[file("/old/shop/views.py"), file("/old/shop/models.py")]].concat();
        let texts = [&live[..], &[("/old/shop/views.py", "edited = 0\n"), ("/old/shop/models.py", "x = 1\n")]].concat();
        assert_eq!(find(&both, &texts), None);
        assert_eq!(
            find(&both, &[&live[..], &[("/old/shop/views.py", "no"), ("/old/shop/models.py", "no")]].concat()),
            Some(expected)
        );
        // The same file needs no such proof.
        let same = fs::metadata(&views).expect("it is there");
        let shared = LoadedFile { device: Some(same.dev()), inode: Some(same.ino()), ..file("/srv/views.py") };
        let expected = PathMapping { local_root: folder.path().join("shop"), remote_root: "/srv".into() };
        assert_eq!(find(&[files[0].clone(), shared], &live), Some(expected));
    }

    #[test]
    fn namesakes_are_looked_for_in_a_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(folder.path().join("src/shop")).expect("a folder");
        fs::write(folder.path().join("src/shop/views.py"), "").expect("a file");
        let files = [file("/usr/lib/python3/x.py"), file("/app/shop/views.py"), file("/app/shop/gone.py")];
        assert_eq!(namesakes(folder.path(), &files), [folder.path().join("src/shop/views.py")]);
    }
}
