//! What other modules reach of a file's callables through its objects: `TABLE.fill` and `build.fill` for `Table.fill`.

use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use super::graph::{Context, Graph};
use crate::tree::contents;

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
            let own = known.entry(class).or_insert_with_key(|class| self.members_of(class, &by_class));
            found.extend(own.iter().map(|(member, callable)| match *member {
                "__call__" if self.made.contains_key(name.as_str()) => (name.clone(), *callable),
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
        for (name, classes) in self.types.results.iter() {
            found.extend(classes.iter().map(|class| (name.clone(), class.clone())));
        }
        let containers =
            self.contents.keys().filter(|name| self.made.contains_key(name.as_str()) || !name.contains('.'));
        for container in containers {
            let inside = self.types_in(container, Context::default(), 0);
            found.extend(inside.into_iter().map(|class| (contents(container), class)));
        }
        // `CAR.engine.start`: one step further, of what has a name.
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
        for (name, class) in holders {
            for owner in self.ancestors(&class).iter().copied().chain([class.as_str()]) {
                for (attribute, classes) in fields.get(owner).into_iter().flatten() {
                    found.extend(classes.iter().map(|one| (format!("{name}.{attribute}"), one.clone())));
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
