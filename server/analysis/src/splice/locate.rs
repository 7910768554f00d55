//! Finds definitions and statements by qualified name, with what stands around them.

use crate::outline::{Outline, inner_prefix};
use crate::tree::{Node, Nodes};
/// A definition or a statement where it stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub node: &'a Node,
    /// The class or function around it.
    pub parent: Option<&'a Node>,
    /// The outermost compound statement around it, within its parent.
    pub block: Option<&'a Node>,
}

/// Every definition of that name, and every statement of a module or class that binds it or is called so in a verdict.
pub(crate) fn find<'a>(outline: &'a Outline, qualified_name: &str) -> Vec<Place<'a>> {
    let mut found = Vec::new();
    search(&outline.file.items, "", None, None, qualified_name, &mut found);
    found
}

fn search<'a>(
    items: &'a Nodes,
    prefix: &str,
    parent: Option<&'a Node>,
    block: Option<&'a Node>,
    wanted: &str,
    found: &mut Vec<Place<'a>>,
) {
    for node in items {
        if node.is_definition() {
            let name = format!("{prefix}{}", node.name);
            if name == wanted {
                found.push(Place { node, parent, block });
            } else if wanted.starts_with(&name) {
                let inner = inner_prefix(&name, node.what);
                search(&node.body, &inner, Some(node), None, wanted, found);
            }
            continue;
        }
        let is_it = |name: &str| wanted.strip_prefix(prefix) == Some(name);
        if !parent.is_some_and(Node::is_function) && (is_it(&node.name) || node.binds.iter().any(|it| is_it(&it.name)))
        {
            // Of a compound statement nothing but the whole can be taken.
            found.push(Place { node: block.unwrap_or(node), parent, block });
        } else if node.is_block() {
            search(&node.body, prefix, parent, block.or(Some(node)), wanted, found);
        }
    }
}

/// The qualified name of the definition around: `A` for `A.m`, `f` for `f.<locals>.g`.
pub(super) fn parent_name(qualified_name: &str) -> Option<&str> {
    let (parent, _) = qualified_name.rsplit_once('.')?;
    Some(parent.strip_suffix(".<locals>").unwrap_or(parent))
}
