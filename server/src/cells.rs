//! The cells of notebooks that are open in the editor, and which input of a process each of them is.
//!
//! A client that tells the kernel what it calls a cell (VS Code does) is believed. Else it is the input that defines most of what the
//! cell does.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use hotsplice_channel::message::{Cell, LoadedFile};

/// What each cell defines, by the editor's name of it: its URI, as a path.
#[derive(Debug, Default)]
pub struct Cells(Mutex<HashMap<PathBuf, Vec<String>>>);

impl Cells {
    pub fn define(&self, path: &Path, definitions: Vec<String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), definitions);
    }

    pub fn forget(&self, path: &Path) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(path);
    }

    /// The process's name of the input that a cell is; nothing for what is no cell.
    pub fn loaded(&self, path: &Path, files: &[LoadedFile]) -> Option<String> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let definitions = known.get(path)?;
        let inputs = || files.iter().filter_map(|file| Some((file, file.cell.as_ref()?)));
        // The latest comes last.
        let named = inputs().rfind(|(_, cell)| cell.id.as_deref().map(Path::new) == Some(path));
        let unnamed = || {
            let is_open = |cell: &Cell| cell.id.as_deref().is_some_and(|id| known.contains_key(Path::new(id)));
            let others = inputs().filter(|(_, cell)| !is_open(cell) && shared(cell, definitions) > 0);
            others.max_by_key(|(_, cell)| shared(cell, definitions))
        };
        named.or_else(unnamed).map(|(file, _)| file.path.clone())
    }

    /// The editor's name of a process's input.
    pub fn shown(&self, cell: &Cell) -> Option<PathBuf> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = cell.id.as_deref().map(Path::new).filter(|id| known.contains_key(*id)) {
            return Some(id.to_owned());
        }
        let found = known.iter().max_by_key(|(_, definitions)| shared(cell, definitions))?;
        (shared(cell, found.1) > 0).then(|| found.0.clone())
    }
}

fn shared(cell: &Cell, definitions: &[String]) -> usize {
    definitions.iter().filter(|name| cell.definitions.contains(name)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, id: Option<&str>, definitions: &[&str]) -> LoadedFile {
        let definitions = definitions.iter().map(|name| (*name).to_owned()).collect();
        let cell = Some(Cell { id: id.map(str::to_owned), definitions });
        LoadedFile { path: path.to_owned(), cell, ..LoadedFile::default() }
    }

    #[test]
    fn a_cell_is_the_input_of_its_name_or_the_one_that_defines_most_of_it() {
        let cells = Cells::default();
        cells.define(Path::new("cell:#1"), vec!["f".to_owned(), "g".to_owned()]);
        cells.define(Path::new("cell:#2"), vec!["h".to_owned()]);
        let files = [file("/1", None, &["f"]), file("/2", None, &["f", "g"]), file("/3", Some("cell:#2"), &["f", "g"])];
        assert_eq!(cells.loaded(Path::new("cell:#1"), &files), Some("/2".to_owned()));
        assert_eq!(cells.loaded(Path::new("cell:#2"), &files), Some("/3".to_owned()));
        assert_eq!(cells.loaded(Path::new("/2"), &files), None);
        let shown = |index: usize| cells.shown(files[index].cell.as_ref().expect("a cell"));
        assert_eq!((shown(1), shown(2)), (Some("cell:#1".into()), Some("cell:#2".into())));
    }
}
