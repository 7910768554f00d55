//! What runs where no call stands: when a class is made, and when an attribute is read that is computed.

use rustc_hash::FxHashSet as HashSet;

use super::graph::{Context, Graph};
use super::inside::{all_effects, run_by};
use crate::effects::Effects;
use crate::tree::{Node, contents};

/// Methods of a metaclass that run when a class is made.
const METACLASS: [&str; 4] = ["__new__", "__init__", "__prepare__", "mro"];
/// How it is named that a class derives from another one, where a metaclass sees to that.
pub(super) const DERIVING: &str = "__init_subclass__";
impl<'a> Graph<'a> {
    /// Whether what a callable does changes what is in one of these containers.
    pub fn changes_any(&self, callable: &str, containers: &HashSet<String>) -> bool {
        let node = match callable.rsplit_once('.') {
            Some((class, method)) => self.classes.get(class).and_then(|class| class.methods.get(method)),
            None => self.functions.get(callable),
        };
        let changes = |effects: &&Effects| {
            effects.mutates.iter().any(|name| containers.contains(name) || containers.contains(&contents(name)))
        };
        node.is_some_and(|node| run_by(node).iter().any(changes))
    }

    /// What runs where attributes are read that are computed: `__getattr__`, and `__get__` of what stands in a class.
    pub(super) fn computing(&self, effects: &Effects, context: Context<'a>) -> Vec<String> {
        let has = |method: &str| self.method_names.contains(method);
        let (has_get, has_any) = (has("__get__"), has("__getattr__") || has("__getattribute__"));
        let mut found = Vec::new();
        for name in effects.reads.iter().filter(|_| has_get || has_any || self.others.have_getattr) {
            let Some((holder, attribute)) = name.rsplit_once('.') else { continue };
            let Some(class) = self.type_of(holder, context, 0) else { continue };
            if !self.classes.contains_key(class.as_str()) {
                let is_computed =
                    holder != class && self.others.have_getattr && self.others.computes(&class, attribute);
                found.extend(is_computed.then(|| format!("{class}.__getattr__")));
                continue;
            }
            let all = [class.as_str()].into_iter().chain(self.ancestors(&class).iter().copied());
            let mut known = all.filter_map(|name| self.classes.get(name));
            let made = known.clone().find_map(|class| class.attributes.get(attribute)).copied();
            if let Some(descriptor) = made.and_then(|by| self.type_of(&format!("{by}()"), Context::default(), 0)) {
                found.extend(self.method(&descriptor, "__get__", 0));
            }
            let is_class = holder == class;
            if has_any && !is_class {
                found.extend(self.method(&class, "__getattribute__", 0));
                let has = |class: &super::graph::Class| {
                    class.methods.contains_key(attribute) || class.node.is_some_and(|node| gives(node, attribute))
                };
                let is_known = made.is_some() || known.any(has);
                found.extend(if is_known { Vec::new() } else { self.method(&class, "__getattr__", 0) });
            }
        }
        found
    }

    /// The callables that a method's name means on a class; one that has `__getattr__` may hand the call on to any other.
    pub(super) fn method_or_delegated(&self, class: &str, method: &str) -> Vec<String> {
        let found = self.method(class, method, 0);
        if !found.is_empty() || self.method(class, "__getattr__", 0).is_empty() {
            return found;
        }
        let others = self.classes.iter().filter(|(_, other)| other.methods.contains_key(method));
        others.map(|(name, _)| format!("{name}.{method}")).collect()
    }

    /// What runs when a class is made: what its bases, its metaclass and what stands in it have for that.
    pub fn made_with(&self, node: &'a Node) -> Vec<String> {
        let Some(class) = self.classes.get(node.name.as_str()) else { return Vec::new() };
        let of_bases = class.bases.iter().flat_map(|base| {
            self.method(base, "__init_subclass__", 0).into_iter().chain([format!("{base}.{DERIVING}")])
        });
        let attributes =
            class.attributes.values().filter_map(|by| self.type_of(&format!("{by}()"), Context::default(), 0));
        let named = attributes.flat_map(|kind| self.method(&kind, "__set_name__", 0));
        let is_automatic = node
            .body
            .iter()
            .any(|item| item.effects.calls.iter().any(|name| name == "auto" || name.ends_with(".auto")));
        let values = is_automatic.then(|| self.method(&node.name, "_generate_next_value_", 0));
        let metaclass = self.metaclass_runs(&node.name);
        of_bases.chain(named).chain(metaclass).chain(values.into_iter().flatten()).collect()
    }

    /// What a class's metaclass runs whenever a class is made of it, or derives from it.
    pub(super) fn metaclass_runs(&self, class: &str) -> Vec<String> {
        self.metaclasses(class)
            .flat_map(|kind| METACLASS.iter().flat_map(|method| self.method(kind, method, 0)))
            .collect()
    }

    /// The metaclasses of a class and of its bases.
    pub(super) fn metaclasses(&self, class: &str) -> impl Iterator<Item = &'a str> {
        let own = self.classes.get_key_value(class).map(|(class, _)| *class);
        let all = own.into_iter().chain(self.ancestors(class).iter().copied());
        all.flat_map(|name| self.classes.get(name).map_or(&[][..], |class| &class.metaclass)).copied()
    }
}

/// Whether a class or its methods give its objects an attribute.
pub(super) fn gives(class: &Node, attribute: &str) -> bool {
    let sets = |effects: &Effects| {
        let own = effects.locals.first().map_or("", String::as_str);
        effects.made.iter().any(|(name, _)| name.split_once('.') == Some((own, attribute)))
    };
    class.body.iter().any(|item| {
        let constructed = item.definition.iter().flat_map(|parts| &parts.attributes);
        item.binds_name(attribute)
            || item.name == attribute
            || constructed.into_iter().any(|one| one.name == attribute)
            || all_effects(item).into_iter().any(sets)
    })
}
