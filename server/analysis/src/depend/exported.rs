//! What other modules reach of a file's callables through its objects: `TABLE.fill` and `build.fill` for `Table.fill`.

use hotsplice_channel::patch::What;
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use super::graph::{Context, Graph};
use crate::effects::DESCRIBING;
use crate::tree::contents;

/// Of how many objects that others hold those are looked at that these hold.
const MOST_HOLDERS: usize = 1_000;

impl<'a> Graph<'a> {
    /// What those members of classes are called by where they are members of objects that the module's names hold or that its
    /// functions give, or inherited: each with the member.
    pub fn through_objects<'s>(&self, members: &'s HashSet<String>) -> Vec<(String, &'s String)> {
        let mut by_class: HashMap<&str, Vec<(&str, &'s String)>> = HashMap::default();
        for callable in members {
            if let Some((class, member)) = callable.rsplit_once('.') {
                by_class.entry(class).or_default().push((member, callable));
            }
        }
        if by_class.is_empty() {
            return Vec::new();
        }
        let mut known: HashMap<String, Vec<(&str, &'s String)>> = HashMap::default();
        let mut found = Vec::new();
        for (name, class) in self.objects() {
            let class_name = class.as_str();
            let own = known.entry(class.clone()).or_insert_with_key(|class| self.members_of(class, &by_class));
            found.extend(own.iter().map(|(member, callable)| match *member {
                "__call__" if self.made.contains_key(name.as_str()) || self.is_class_of(&name, class_name) => {
                    (name.clone(), *callable)
                }
                _ => (format!("{name}.{member}"), *callable),
            }));
        }
        found
    }

    /// Names under which other modules get at objects and classes, each with the class.
    fn objects(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for name in self.made.keys().chain(self.classes.keys()) {
            for class in self.types_of(name, Context::default(), 0) {
                found.push(((*name).to_owned(), class));
            }
        }
        for (name, class) in &self.classes {
            // `Box[int](1).get()`, `Box[int].of(1)`
            found.extend([format!("{}()", contents(name)), contents(name)].map(|own| (own, (*name).to_owned())));
            // A class is an object of its metaclass; an enumeration has its members.
            found.extend(self.metaclasses(name).map(|kind| ((*name).to_owned(), kind.to_owned())));
            let Some(node) = class.node.filter(|_| self.is_enumeration(name)) else { continue };
            let members = node.body.iter().filter(|item| item.what == What::Assignment);
            let members = members.flat_map(|item| item.bound_names()).map(|member| format!("{name}.{member}"));
            found.extend(members.chain([contents(name)]).map(|member| (member, (*name).to_owned())));
        }
        for (name, classes) in self.types.results.iter() {
            found.extend(classes.iter().map(|class| (name.clone(), class.clone())));
        }
        let containers =
            self.contents.keys().filter(|name| self.made.contains_key(name.as_str()) || !name.contains('.'));
        for container in containers {
            let inside = self.types_in(container, Context::default(), 0);
            found.extend(inside.into_iter().map(|class| (contents(container), class)));
            // `TABLE["a"]().size()` of a table of classes.
            let classes = self.held_in(container, Context::default()).into_iter();
            let classes = classes.filter(|item| self.classes.contains_key(item.as_str()));
            for class in classes {
                found.push((format!("{}()", contents(container)), class.clone()));
                // What the class itself has: `TABLE["a"].name`.
                found.push((contents(container), class));
            }
        }
        // `CAR.engine.start`, `CAR.engine.belt.size`: further steps, of what has a name.
        let holders: Vec<(String, String)> = found
            .iter()
            .filter(|(name, class)| !name.contains('.') && self.classes.contains_key(class.as_str()))
            .cloned()
            .collect();
        let mut fields: HashMap<&str, Vec<(&str, &Vec<String>)>> = HashMap::default();
        for (field, classes) in &self.types.fields {
            if let Some((owner, attribute)) = field.rsplit_once('.') {
                fields.entry(owner).or_default().push((attribute, classes));
            }
        }
        // `CAR.seats[]`
        let mut held: HashMap<&str, Vec<(&str, Vec<String>)>> = HashMap::default();
        for container in self.contents.keys() {
            let owned = container.rsplit_once('.').filter(|(owner, _)| self.classes.contains_key(*owner));
            if let Some((owner, attribute)) = owned {
                held.entry(owner).or_default().push((attribute, self.types_in(container, Context::default(), 0)));
            }
        }
        let mut step = |holders: &[(String, String)]| {
            let mut next = Vec::new();
            for (name, class) in holders {
                for owner in self.ancestors(class).iter().copied().chain([class.as_str()]) {
                    for (attribute, classes) in fields.get(owner).into_iter().flatten() {
                        next.extend(classes.iter().map(|one| (format!("{name}.{attribute}"), one.clone())));
                    }
                    for (attribute, classes) in held.get(owner).into_iter().flatten() {
                        let items = contents(&format!("{name}.{attribute}"));
                        next.extend(classes.iter().map(|one| (items.clone(), one.clone())));
                    }
                }
            }
            found.extend(next.iter().cloned());
            next
        };
        let next = step(&holders);
        if next.len() < MOST_HOLDERS {
            step(&next);
        }
        found
    }

    /// What can be seen of functions where containers hold them, of whichever file: `COMMANDS[].__doc__` for `build.__doc__`.
    pub fn seen_in_containers(&self, own: &HashSet<String>) -> Vec<String> {
        let mut found = Vec::new();
        for name in own {
            let Some((function, seen)) = name.rsplit_once('.').filter(|(_, seen)| DESCRIBING.contains(seen)) else {
                continue;
            };
            let holding = self.contents.iter().filter(|(_, items)| items.iter().any(|item| item == function));
            found.extend(holding.map(|(container, _)| format!("{}.{seen}", contents(container))));
            if let Some(node) = self.functions.get(function) {
                let elsewhere = self.stored_elsewhere(node, function).into_iter();
                found.extend(elsewhere.map(|container| format!("{}.{seen}", contents(&container))));
            }
        }
        found
    }

    /// Whether it is a class, and the other one its metaclass.
    fn is_class_of(&self, name: &str, metaclass: &str) -> bool {
        name != metaclass && self.classes.contains_key(name)
    }

    /// What stands in classes and runs when it is read from there: `Owner.size` for `size = Descriptor()`.
    pub fn described(&self, called: &HashSet<String>) -> HashSet<String> {
        if !called.iter().any(|name| name.ends_with(".__get__")) {
            return HashSet::default();
        }
        let mut found = HashSet::default();
        for (name, class) in &self.classes {
            for (attribute, by) in &class.attributes {
                let kinds = self.types_of(&format!("{by}()"), Context::default(), 0);
                if kinds.iter().flat_map(|kind| self.method(kind, "__get__", 0)).any(|get| called.contains(&get)) {
                    let all = [*name].into_iter().chain(self.heirs.get(name).into_iter().flatten().copied());
                    found.extend(all.map(|class| format!("{class}.{attribute}")));
                }
            }
        }
        found
    }

    /// Those members that objects of a class have, its own and inherited ones.
    fn members_of<'n, 's>(
        &self,
        class: &str,
        by_class: &HashMap<&'n str, Vec<(&'n str, &'s String)>>,
    ) -> Vec<(&'n str, &'s String)> {
        let all = [class].into_iter().chain(self.ancestors(class).iter().copied());
        let own = all.filter_map(|class| by_class.get(class)).flatten();
        let is_own = |(member, callable): &&(&str, &String)| {
            let known = self.method(class, member, 0);
            // What is no method is an attribute.
            known.is_empty() || known.iter().any(|known| known == *callable) || self.is_called_back(callable)
        };
        own.filter(is_own).copied().collect()
    }
}
