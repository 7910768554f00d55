//! What runs where an attribute is assigned or deleted: setters of properties, `__set__` of what stands in a class, `__setattr__`.

use super::graph::{Context, Graph};
use crate::effects::Effects;
use crate::tree::Node;

const OF_DESCRIPTORS: [&str; 2] = ["__set__", "__delete__"];
const OF_OBJECTS: [&str; 2] = ["__setattr__", "__delattr__"];

impl<'a> Graph<'a> {
    pub(super) fn assigning(&self, effects: &Effects, context: Context<'a>) -> Vec<String> {
        let mut found = Vec::new();
        for name in &effects.assigns {
            let Some((holder, attribute)) = name.rsplit_once('.') else { continue };
            for class in self.types_of(holder, context, 0).into_iter().filter(|class| class != holder) {
                let heirs = self.heirs.get(class.as_str()).into_iter().flatten().map(|heir| (*heir).to_owned());
                // What a method assigns may be an attribute of a class that derives from its own.
                let heirs = heirs.filter(|_| context.class == Some(class.as_str()));
                for class in heirs.chain([class.clone()]) {
                    found.extend(self.run_by_assignment(&class, attribute));
                }
            }
        }
        found
    }

    fn run_by_assignment(&self, class: &str, attribute: &str) -> Vec<String> {
        let mut found: Vec<String> = OF_OBJECTS.iter().flat_map(|method| self.method(class, method, 0)).collect();
        if !self.classes.contains_key(class) {
            // Another file's class knows whether the attribute is a property.
            found.extend(self.method(class, attribute, 0));
            return found;
        }
        let accessors = self.method(class, attribute, 0).into_iter();
        found.extend(accessors.filter(|name| !self.has_method(name) || self.is_property(name)));
        let all = [class].into_iter().chain(self.ancestors(class).iter().copied());
        let made = all.filter_map(|name| self.classes.get(name)).find_map(|class| class.attributes.get(attribute));
        let kinds = made.map(|by| self.types_of(&format!("{by}()"), Context::default(), 0)).unwrap_or_default();
        found.extend(kinds.iter().flat_map(|kind| OF_DESCRIPTORS.iter().flat_map(|name| self.method(kind, name, 0))));
        found
    }
}

/// Whether reading the attribute, assigning or deleting it runs the function.
pub(super) fn is_property(node: &Node) -> bool {
    let is_one = |name: &String| ["property", ".setter", ".deleter", ".getter"].iter().any(|end| name.ends_with(end));
    node.definition.as_ref().is_some_and(|parts| parts.decorator_reads.iter().any(is_one))
}
