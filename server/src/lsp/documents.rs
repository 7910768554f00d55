//! Open files. An edit is applied at once; a text is parsed when somebody asks.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use hotsplice_analysis::Outline;
use tower_lsp::ls_types::{TextDocumentContentChangeEvent, Uri};

use super::notebooks;
use super::positions::Encoding;

/// One version of an open file.
#[derive(Clone)]
pub struct Document {
    pub path: PathBuf,
    pub text: Arc<str>,
    /// The editor's own number of it.
    pub version: i32,
    /// Edited since it was opened or saved.
    pub dirty: bool,
    /// A cell of a notebook. Its path is its URI.
    pub is_cell: bool,
    /// As the editor shows it, magics included.
    shown: Arc<str>,
    outline: Arc<OnceLock<Arc<Outline>>>,
    /// The texts before, that parse or may parse: the latest, and one that is known to.
    former: Vec<Arc<Former>>,
}

/// A text that was there before.
struct Former {
    text: Arc<str>,
    outline: Arc<OnceLock<Arc<Outline>>>,
}

impl Document {
    fn new(path: PathBuf, version: i32, text: String) -> Self {
        let text: Arc<str> = text.into();
        let (shown, outline, former) = (text.clone(), Arc::default(), Vec::new());
        Self { path, text, version, dirty: false, is_cell: false, shown, outline, former }
    }

    fn cell(uri: &Uri, version: i32, text: String) -> Self {
        let python: Arc<str> = notebooks::python(&text).into();
        Self { is_cell: true, text: python, ..Self::new(uri.as_str().into(), version, text) }
    }

    pub fn outline(&self) -> Arc<Outline> {
        let known = || self.former.iter().filter_map(|former| former.outline.get()).find(|known| known.is_valid());
        let parse = || match known() {
            Some(known) => Outline::parse_from(known, &self.text),
            None => Outline::parse(&self.text),
        };
        self.outline.get_or_init(|| Arc::new(parse())).clone()
    }

    /// The document as it was when it parsed last, as far as that is known.
    pub fn last_valid(&self) -> Option<Self> {
        let outline = |former: &Former| former.outline.get_or_init(|| Arc::new(Outline::parse(&former.text))).clone();
        let former = self.former.iter().find(|former| outline(former).is_valid())?;
        Some(Self { text: former.text.clone(), outline: former.outline.clone(), former: Vec::new(), ..self.clone() })
    }

    fn replace(&mut self, text: String) {
        let known_valid = |outline: &OnceLock<Arc<Outline>>| outline.get().map(|outline| outline.is_valid());
        match known_valid(&self.outline) {
            Some(false) => {}
            valid => {
                self.former.retain(|former| valid.is_none() && known_valid(&former.outline) == Some(true));
                let latest = Former { text: self.text.clone(), outline: self.outline.clone() };
                self.former.insert(0, Arc::new(latest));
            }
        }
        self.shown = text.into();
        self.text = if self.is_cell { notebooks::python(&self.shown).into() } else { self.shown.clone() };
        self.dirty = true;
        self.outline = Arc::default();
    }
}

#[derive(Clone, Default)]
pub struct Documents {
    open: HashMap<Uri, Document>,
}

impl Documents {
    /// Files on disk only: notebook cells and the like are not ours.
    pub fn open(&mut self, uri: Uri, version: i32, text: String) {
        if let Some(path) = file_path(&uri) {
            self.open.insert(uri, Document::new(path, version, text));
        }
    }

    pub fn open_cell(&mut self, uri: Uri, version: i32, text: String) {
        self.open.insert(uri.clone(), Document::cell(&uri, version, text));
    }

    pub fn close(&mut self, uri: &Uri) {
        self.open.remove(uri);
    }

    pub fn saved(&mut self, uri: &Uri) {
        if let Some(document) = self.open.get_mut(uri) {
            document.dirty = false;
        }
    }

    pub fn get(&self, uri: &Uri) -> Option<&Document> {
        self.open.get(uri)
    }

    pub fn all(&self) -> Vec<Document> {
        self.open.values().cloned().collect()
    }

    /// The open file of a path, links followed.
    pub fn uri_of(&self, path: &Path) -> Option<Uri> {
        let real = path.canonicalize().ok();
        let is_it = |document: &Document| {
            document.path == path || (real.is_some() && document.path.canonicalize().ok() == real)
        };
        self.open.iter().find(|(_, document)| is_it(document)).map(|(uri, _)| uri.clone())
    }

    pub fn edit(&mut self, uri: &Uri, version: i32, changes: Vec<TextDocumentContentChangeEvent>, encoding: Encoding) {
        let Some(document) = self.open.get_mut(uri) else { return };
        let mut text = document.shown.to_string();
        for change in changes {
            match change.range {
                None => text = change.text,
                Some(range) => {
                    let start = encoding.offset(&text, range.start);
                    let end = encoding.offset(&text, range.end).max(start);
                    text.replace_range(start..end, &change.text);
                }
            }
        }
        document.replace(text);
        document.version = version;
    }
}

/// What the editor calls a file, or a cell.
pub fn uri_for(path: &Path) -> Option<Uri> {
    if path.is_absolute() { Uri::from_file_path(path) } else { path.to_str()?.parse().ok() }
}

/// The file that a URI names; nothing for other schemes.
pub fn file_path(uri: &Uri) -> Option<PathBuf> {
    if !uri.as_str().starts_with("file:") {
        return None;
    }
    uri.to_file_path().map(|path| path.into_owned())
}
