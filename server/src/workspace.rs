//! What an editor's window is about: its folders, how processes elsewhere name them, and which processes belong to it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use crate::cells::Cells;

/// A folder as the editor knows it, and as processes know it (in a container, say).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PathMapping {
    pub local_root: PathBuf,
    pub remote_root: PathBuf,
}

/// Without folders, every process belongs to it.
#[derive(Debug, Clone, Default)]
pub struct Workspace {
    pub folders: Vec<PathBuf>,
    pub mappings: Vec<PathMapping>,
    /// Processes of other projects belong to it too.
    pub takes_all: bool,
    /// Of the notebooks that are open.
    pub cells: Arc<Cells>,
}

impl Workspace {
    /// Whether a path, as a process knows it, is in one of the folders.
    pub fn holds(&self, path: &Path) -> bool {
        let path = self.to_editor(path);
        let real = path.canonicalize().ok();
        self.folders.iter().any(|folder| {
            path.starts_with(folder)
                || real.as_ref().is_some_and(|real| folder.canonicalize().is_ok_and(|folder| real.starts_with(folder)))
        })
    }

    /// Every name that a process may have for the editor's file, the editor's own first.
    pub fn to_process(&self, path: &Path) -> Vec<PathBuf> {
        let mapped = self
            .mappings
            .iter()
            .filter_map(|mapping| Some(mapping.remote_root.join(path.strip_prefix(&mapping.local_root).ok()?)));
        std::iter::once(path.to_owned()).chain(mapped).collect()
    }

    /// The editor's name of a process's file.
    pub fn to_editor(&self, path: &Path) -> PathBuf {
        let mapped = self
            .mappings
            .iter()
            .find_map(|mapping| Some(mapping.local_root.join(path.strip_prefix(&mapping.remote_root).ok()?)));
        mapped.unwrap_or_else(|| path.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_mapped_both_ways() {
        let mapping = PathMapping { local_root: "/home/me/shop".into(), remote_root: "/app".into() };
        let workspace =
            Workspace { folders: vec!["/home/me/shop".into()], mappings: vec![mapping], ..Workspace::default() };
        let local = Path::new("/home/me/shop/views/cart.py");
        assert_eq!(workspace.to_process(local), [local, Path::new("/app/views/cart.py")]);
        assert_eq!(workspace.to_editor(Path::new("/app/views/cart.py")), local);
        assert!(workspace.holds(Path::new("/app/x.py")) && workspace.holds(local));
        assert!(!workspace.holds(Path::new("/application/x.py")));
        assert_eq!(workspace.to_process(Path::new("/other/x.py")), [Path::new("/other/x.py")]);
    }
}
