//! The outline of a text: what is defined where, and what does not parse.

use std::sync::{Arc, OnceLock};

use hotsplice_channel::patch::What;
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use crate::depend::alike::are_alike;
use crate::depend::graph::Graph;
use crate::depend::kept::KeptGraph;
use crate::index::Index;
use crate::lines::Lines;
use crate::parse::{self, ParsedFile};
use crate::splice::find;
use crate::tree::Nodes;
use crate::words::Words;

/// A parsed text. Parsing never fails: what does not parse is told by [`Outline::problems`].
#[derive(Debug, Clone)]
pub struct Outline {
    pub(crate) text: String,
    pub(crate) lines: Lines,
    pub(crate) file: Arc<ParsedFile>,
    index: OnceLock<Index>,
    words: OnceLock<Words>,
    graph: OnceLock<Arc<KeptGraph>>,
}

/// A syntax error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// 1-based.
    pub line: u32,
    /// 0-based, in bytes of UTF-8.
    pub column: u32,
    pub message: String,
}

/// A function or class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// Python's own: `View.get`, `outer.<locals>.inner`.
    pub qualified_name: String,
    pub is_class: bool,
    pub is_async: bool,
    /// The first decorator's line.
    pub line: u32,
    /// The line on which the name stands.
    pub name_line: u32,
    /// Bytes of UTF-8 from the beginning of that line.
    pub name_start_column: u32,
    pub name_end_column: u32,
    pub end_line: u32,
    /// Its place among definitions of the same qualified name, from 0.
    pub occurrence: u32,
}

impl Outline {
    pub fn parse(text: &str) -> Self {
        let lines = Lines::new(text);
        let file = parse::parse(text, &lines);
        Self::new(text, lines, file)
    }

    fn new(text: &str, lines: Lines, file: ParsedFile) -> Self {
        let (index, words, graph) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Self { text: text.to_owned(), lines, file: Arc::new(file), index, words, graph }
    }

    /// Parses a text of which another version is known, anew only where the two differ.
    pub fn parse_from(known: &Self, text: &str) -> Self {
        let lines = Lines::new(text);
        let known = (known.text.as_str(), &known.lines, &*known.file);
        let file = parse::incremental::parse(known, text, &lines).unwrap_or_else(|| parse::parse(text, &lines));
        Self::new(text, lines, file)
    }

    /// Who calls whom in the text, with nothing known of other modules. That of the version before it, where nothing else is called.
    pub(crate) fn graph_after(&self, former: &Self) -> &Graph<'_> {
        let of_former = || former.graph.get().filter(|_| are_alike(&former.file.items, &self.file.items)).cloned();
        self.graph.get_or_init(|| of_former().unwrap_or_else(|| Arc::new(KeptGraph::alone(&self.file)))).graph()
    }

    pub(crate) fn index(&self) -> &Index {
        self.index.get_or_init(|| Index::of(&self.file.items))
    }

    /// Syntax errors, in text order.
    pub fn problems(&self) -> &[Problem] {
        &self.file.problems
    }

    pub fn is_valid(&self) -> bool {
        self.file.problems.is_empty()
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a statement or definition of the module binds a name.
    pub fn binds(&self, name: &str) -> bool {
        self.file.items.iter().any(|item| item.binds_name(name))
    }

    /// The names that the module has of others: by imports, in a block or outside of any, and as second names of such.
    pub fn imported_names(&self) -> HashSet<&str> {
        self.index().bound.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// What it binds, imports and all.
    pub fn bound_names(&self) -> impl Iterator<Item = String> + '_ {
        self.file.items.iter().flat_map(|item| item.bound_names())
    }

    pub(crate) fn words(&self) -> &Words {
        self.words.get_or_init(|| Words::of(&self.text))
    }

    /// Every name in the text but those of attributes, as often as it stands there.
    pub(crate) fn identifiers(&self) -> impl Iterator<Item = &str> {
        self.file.identifiers.iter().filter_map(|(start, end)| self.text.get(*start..*end))
    }

    /// Every name in the text, those of attributes too.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.identifiers().chain(self.file.attributes.iter().filter_map(|(start, end)| self.text.get(*start..*end)))
    }

    /// Every function and class, nested ones too, in text order.
    pub fn definitions(&self) -> Vec<Definition> {
        let mut found = Vec::new();
        self.collect(&self.file.items, "", &mut found);
        let mut seen: HashMap<String, u32> = HashMap::default();
        for definition in &mut found {
            let count = seen.entry(definition.qualified_name.clone()).or_default();
            definition.occurrence = *count;
            *count += 1;
        }
        found
    }

    /// First and last line of what has a qualified name: definitions, and statements that bind it.
    pub fn lines_of(&self, qualified_name: &str) -> Vec<(u32, u32)> {
        find(self, qualified_name).iter().map(|place| (place.node.line, place.node.end_line)).collect()
    }

    /// The definitions that contain a 1-based line, innermost first.
    pub fn definition_at(&self, line: u32) -> Vec<Definition> {
        let mut found = self.definitions();
        found.retain(|definition| (definition.line..=definition.end_line).contains(&line));
        found.reverse();
        found
    }

    fn collect(&self, items: &Nodes, prefix: &str, found: &mut Vec<Definition>) {
        for item in items {
            let Some(parts) = &item.definition else {
                self.collect(&item.body, prefix, found);
                continue;
            };
            let qualified_name = format!("{prefix}{}", item.name);
            let inner = inner_prefix(&qualified_name, item.what);
            found.push(Definition {
                qualified_name,
                is_class: item.is_class(),
                is_async: parts.is_async,
                line: item.line,
                name_line: parts.header_line,
                name_start_column: parts.name_columns.0,
                name_end_column: parts.name_columns.1,
                end_line: item.end_line,
                occurrence: 0,
            });
            self.collect(&item.body, &inner, found);
        }
    }
}

/// What stands before the names of the definitions inside.
pub(crate) fn inner_prefix(qualified_name: &str, what: What) -> String {
    match what {
        What::Function => format!("{qualified_name}.<locals>."),
        _ => format!("{qualified_name}."),
    }
}
