//! What is run when a class or a decorated function is made, of whichever file that is, and what it puts where: registries, and tables
//! that it makes of what stands in the class.

use std::sync::Arc;

use rustc_hash::FxHashSet as HashSet;

use super::foreign::Foreign;
use super::given::Others;
use super::graph::Graph;
use super::inside::all_effects;
use crate::effects::{Effects, RETURNED};
use crate::outline::Outline;
use crate::tree::{Node, contents, flattened};
use hotsplice_channel::patch::What;

/// Methods of a metaclass that see what stands in a class.
const OF_METACLASS: [&str; 2] = ["__new__", "__init__"];

/// A function that sees a definition when it is made.
struct Hook<'n> {
    function: &'n Node,
    /// Names for what its first parameter is: the class that has it, mostly a base of the one that is made.
    owner: Option<String>,
    /// What names of its module's begin with here: nothing in the same file.
    module: String,
}

/// What is known of a class in another file.
pub(super) struct Class {
    pub(super) outline: Arc<Outline>,
    pub(super) there: Foreign,
    pub(super) name: String,
}

impl Others {
    pub(super) fn knows(&self, name: &str) -> bool {
        self.origin(name).is_some()
    }

    /// How this file may call what another one's `module:REG` is.
    pub(super) fn called_here(&self, name: &str) -> Vec<String> {
        let Some((module, own)) = name.split_once(':') else { return Vec::new() };
        let full = format!("{module}.{own}");
        let imports = self.imports.keys().filter_map(|bound| {
            let origin = self.import(bound)?;
            let rest = full.strip_prefix(origin.as_str()).filter(|rest| rest.is_empty() || rest.starts_with('.'))?;
            let is_root = origin.split('.').next() == Some(bound.as_str());
            Some(if is_root { full.clone() } else { format!("{bound}{rest}") })
        });
        imports.collect()
    }

    /// The text that a name of this file comes from, and the name there.
    pub(super) fn origin(&self, name: &str) -> Option<Class> {
        self.found(name, false)
    }

    /// The same; `with_objects`: also of what is no definition.
    pub(super) fn found(&self, name: &str, with_objects: bool) -> Option<Class> {
        let (head, rest) = name.split_once('.').map_or((name, ""), |(head, rest)| (head, rest));
        let origin = self.import(head)?;
        let full = match rest {
            _ if origin.split('.').next() == Some(head) => name.to_owned(),
            "" => origin.clone(),
            _ => format!("{origin}.{rest}"),
        };
        self.foreign.definition(&full, with_objects, 0)
    }
}

impl Foreign {
    fn definition(&self, full: &str, with_objects: bool, depth: usize) -> Option<Class> {
        let (module, is_package, outline, own) = self.text_of(full).filter(|_| depth < 4)?;
        let there = Foreign { module, is_package, texts: self.texts.clone(), ..Foreign::default() };
        let is_object = |node: &Node| with_objects && node.what == What::Assignment && node.binds_name(own);
        let items = &outline.file.items;
        if !outline.index().definitions(own).is_empty() || items.iter().any(is_object) {
            return Some(Class { outline: outline.clone(), there, name: own.to_owned() });
        }
        let origin = there.import(outline, own)?;
        self.definition(&origin, with_objects, depth + 1)
    }
}

impl<'a> Graph<'a> {
    /// What the hooks of a definition change: containers, of other files as `module:REG`; and what of them they put the definition
    /// itself into, or all that stands in it.
    pub(super) fn stored_by_hooks(&self, node: &Node) -> Stored {
        let mut stored = Stored::default();
        let Some(parts) = &node.definition else { return stored };
        for name in &parts.decorator_reads {
            match self.functions.get(name.as_str()) {
                Some(function) => stored.take(&Hook { function, owner: None, module: String::new() }, node),
                None => stored.take_foreign(self.others.origin(name), &["__init__"], node),
            }
        }
        if !node.is_class() {
            return stored;
        }
        let all = [node.name.as_str()].into_iter().chain(self.ancestors(&node.name).iter().copied());
        for name in all {
            let Some(class) = self.classes.get(name) else {
                stored.take_base(self.others.origin(name), node, 0);
                continue;
            };
            if name != node.name
                && let Some(function) = class.methods.get("__init_subclass__")
            {
                stored.take(&Hook { function, owner: Some(name.to_owned()), module: String::new() }, node);
            }
            for metaclass in &class.metaclass {
                match self.classes.get(metaclass) {
                    Some(known) => {
                        for function in OF_METACLASS.iter().filter_map(|method| known.methods.get(method)) {
                            let owner = Some((*metaclass).to_owned());
                            stored.take(&Hook { function, owner, module: String::new() }, node);
                        }
                    }
                    None => stored.take_foreign(self.others.origin(metaclass), &OF_METACLASS, node),
                }
            }
        }
        stored
    }
}

#[derive(Default)]
pub(super) struct Stored {
    /// Containers that change.
    pub(super) mutates: Vec<String>,
    /// Containers that the definition is put into.
    pub(super) in_containers: Vec<String>,
    /// Attributes of the class that get what stands in it.
    pub(super) tables: Vec<String>,
}

impl Stored {
    /// A base in another file, with its own bases.
    fn take_base(&mut self, base: Option<Class>, node: &Node, depth: usize) {
        let Some(base) = base.filter(|_| depth < 4) else { return };
        let prefix = format!("{}:", base.there.module);
        self.mutates.push(format!("{prefix}{}.__subclasses__", base.name));
        let index = base.outline.index();
        let Some(class) = index.class(&base.name) else { return };
        for function in methods(class, &["__init_subclass__"]) {
            self.take(&Hook { function, owner: Some(base.name.clone()), module: prefix.clone() }, node);
        }
        let Some(parts) = &class.definition else { return };
        let others = base.there.others(&base.outline);
        let of = |name: &String| match !index.definitions(name).is_empty() {
            true => Some(Class { outline: base.outline.clone(), there: base.there.clone(), name: name.clone() }),
            false => others.origin(name),
        };
        if let Some(metaclass) = &parts.metaclass {
            self.take_foreign(of(metaclass), &OF_METACLASS, node);
        }
        for name in &parts.base_names {
            self.take_base(of(name), node, depth + 1);
        }
    }

    /// A function of another file, or these methods of a class there.
    fn take_foreign(&mut self, found: Option<Class>, of_class: &[&str], node: &Node) {
        let Some(found) = found else { return };
        let module = format!("{}:", found.there.module);
        let Some(one) = found.outline.index().definitions(&found.name).first() else { return };
        if one.is_class() {
            for function in methods(one, of_class) {
                self.take(&Hook { function, owner: Some(found.name.clone()), module: module.clone() }, node);
            }
        } else {
            self.take(&Hook { function: one, owner: None, module }, node);
        }
    }

    fn take(&mut self, hook: &Hook, node: &Node) {
        let all = all_effects(hook.function);
        let Some(own) = all.first() else { return };
        for effects in &all {
            self.mutates.extend(effects.mutates.iter().filter_map(|name| hook.named(name, own, effects)));
            for (container, held) in &effects.holds {
                let is_own = own.is_local(held) || effects.is_local(held);
                if !is_own || held.contains('.') || container == RETURNED {
                    continue;
                }
                let local = container.split_once('.').filter(|(holder, _)| own.is_local(holder));
                match (held.ends_with("[]"), local) {
                    (true, Some((_, attribute))) => {
                        self.tables.push(format!("{}.{attribute}", node.name));
                        // Methods of the base itself go by it.
                        let owner = hook.owner.iter().filter(|_| hook.module.is_empty());
                        self.tables.extend(owner.map(|owner| format!("{owner}.{attribute}")));
                    }
                    (false, _) => self.in_containers.extend(hook.named(container, own, effects)),
                    _ => {}
                }
            }
        }
    }
}

impl Hook<'_> {
    /// How a container is called from outside of the function; nothing of its own.
    fn named(&self, name: &str, own: &Effects, inside: &Effects) -> Option<String> {
        if !own.is_local(name) && !inside.is_local(name) {
            return Some(format!("{}{name}", self.module));
        }
        let (_, attribute) = name.split_once('.').filter(|(holder, _)| *holder != "self")?;
        Some(format!("{}{}.{attribute}", self.module, self.owner.as_ref()?))
    }
}

fn methods<'n>(class: &'n Node, wanted: &[&str]) -> Vec<&'n Node> {
    let all = flattened(&class.body).into_iter().map(|(method, _)| method);
    all.filter(|method| method.is_function() && wanted.contains(&method.name.as_str())).collect()
}

impl<'a> Graph<'a> {
    /// How other modules name what is in their containers of this file's classes: `base:REG[]().fill` for `Table.fill`.
    pub(crate) fn in_registries(&self, running: &HashSet<String>) -> Vec<String> {
        let mut found = Vec::new();
        for (name, class) in &self.classes {
            let Some(node) = class.node.filter(|_| running.iter().any(|one| is_of(one, name))) else { continue };
            let containers = self.stored_by_hooks(node).in_containers;
            for container in containers.iter().filter(|container| container.contains(':')) {
                let own = running.iter().filter(|one| is_of(one, name));
                found.extend(own.map(|one| match one.rsplit_once('.') {
                    Some((_, method)) => format!("{}().{method}", contents(container)),
                    None => contents(container),
                }));
            }
        }
        found
    }
}

/// Whether it is the class, or a method of it.
fn is_of(callable: &str, class: &str) -> bool {
    callable.strip_prefix(class).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
