//! What is asked of a text by name, again and again, by itself and by the files that import from it: made when it is first asked for.

use std::sync::Arc;

use rustc_hash::FxHashMap as HashMap;

use crate::tree::{Node, Nodes};

/// The names that a module has of others, each with what it stands for as the text says it, in text order.
pub(crate) type Imports = HashMap<String, Vec<String>>;

#[derive(Debug, Clone)]
pub(crate) struct Index {
    definitions: HashMap<String, Vec<Arc<Node>>>,
    pub imports: Arc<Imports>,
    /// The same as pairs.
    pub bound: Vec<(String, String)>,
}

impl Index {
    pub fn of(items: &Nodes) -> Self {
        let mut definitions: HashMap<String, Vec<Arc<Node>>> = HashMap::default();
        let mut imports = Imports::default();
        let mut bound: Vec<(String, String)> = Vec::new();
        for item in items.shared() {
            let inner = if item.is_block() { item.body.shared() } else { &[] };
            for node in inner.iter().chain(item.is_definition().then_some(item)) {
                definitions.entry(node.name.clone()).or_default().push(node.clone());
            }
            let imported = item.imported().map(|(name, origin)| (name.to_owned(), origin.to_owned()));
            let found: Vec<(String, String)> = imported.chain(second_names(item, &imports)).collect();
            for (name, origin) in &found {
                imports.entry(name.clone()).or_default().push(origin.clone());
            }
            bound.extend(found);
        }
        Self { definitions, imports: Arc::new(imports), bound }
    }

    /// The module's functions and classes of a name, those in blocks too.
    pub fn definitions(&self, name: &str) -> &[Arc<Node>] {
        self.definitions.get(name).map_or(&[], Vec::as_slice)
    }

    /// The first class of a name.
    pub fn class(&self, name: &str) -> Option<&Node> {
        self.definitions(name).iter().map(Arc::as_ref).find(|node| node.is_class())
    }
}

/// `build = tables.build` names what `tables` is imported from once more.
fn second_names(item: &Node, imports: &Imports) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (name, by) in &item.effects.made {
        let Some(other) = by.strip_prefix('=').filter(|other| !other.contains(['(', '['])) else { continue };
        let head = other.split('.').next().unwrap_or(other);
        if head == name || name.contains(['.', '[']) || item.is_definition() {
            continue;
        }
        for origin in imports.get(head).into_iter().flatten().filter(|origin| !origin.ends_with('*')) {
            // `import pkg.tables` binds `pkg`, and the name is read as a whole.
            let is_root = origin.split('.').next() == Some(head);
            let full = if is_root { other.to_owned() } else { format!("{origin}{}", &other[head.len()..]) };
            found.push((name.clone(), full));
        }
    }
    found
}
