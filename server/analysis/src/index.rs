//! What other files ask of a text by name, again and again: made when it is first asked for.

use std::sync::Arc;

use rustc_hash::FxHashMap as HashMap;

use crate::tree::{Node, Nodes};

/// The names that imports bind, with what they stand for as the text says it, in text order.
pub(crate) type Imports = HashMap<String, Vec<String>>;

#[derive(Debug, Clone)]
pub(crate) struct Index {
    definitions: HashMap<String, Vec<Arc<Node>>>,
    pub imports: Arc<Imports>,
}

impl Index {
    pub fn of(items: &Nodes) -> Self {
        let mut definitions: HashMap<String, Vec<Arc<Node>>> = HashMap::default();
        let mut imports = Imports::default();
        for item in items.shared() {
            let inner = if item.is_block() { item.body.shared() } else { &[] };
            for node in inner.iter().chain(item.is_definition().then_some(item)) {
                definitions.entry(node.name.clone()).or_default().push(node.clone());
            }
            for (name, origin) in item.imported() {
                imports.entry(name.to_owned()).or_default().push(origin.to_owned());
            }
        }
        Self { definitions, imports: Arc::new(imports) }
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
