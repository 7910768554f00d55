//! What a call of a name runs: functions and methods of the file, lambdas, what decorators put in their place, and what calls
//! have given.

use super::graph::{Context, DEPTH, Graph, RESULT, called_result, is_first, is_local};
use super::inside::{given_out, lambdas_in};
use crate::effects::Effects;
use crate::tree::Node;

impl<'a> Graph<'a> {
    /// The callables that a call of a name runs.
    pub(super) fn called(&self, name: &str, context: Context<'a>) -> Vec<String> {
        if context.depth > DEPTH {
            return Vec::new();
        }
        // Functions inside of functions inside of one are known together.
        if let Some(outer) = name.strip_suffix(RESULT).filter(|outer| outer.ends_with(RESULT)) {
            return self.called(outer, context);
        }
        if let Some(found) = self.called_of_contents(name, context) {
            return found;
        }
        if let Some((holder, method)) = name.rsplit_once('.') {
            if let Some(class) = context.class
                && (holder == "self" || holder == "cls" || is_first(holder, context))
            {
                let mut found = self.overridden(class, method);
                found.extend(self.called_back_of_self(class, method, false));
                found.extend(self.called_in(name, "", context));
                return found;
            }
            if let (Some(class), "super()") = (context.class, holder) {
                let bases = self.classes.get(class).map_or(&[][..], |class| &class.bases);
                let mut found: Vec<String> = bases.iter().flat_map(|base| self.method(base, method, 0)).collect();
                if found.first().is_some_and(|first| !self.has_method(first)) {
                    found.extend(self.called_back_of_self(class, method, true));
                }
                return found;
            }
            if method == "__call__"
                && let Some(function) = holder.strip_suffix("()").filter(|name| !is_local(name, context))
                && (self.functions.contains_key(function) || self.lambdas.contains_key(function))
            {
                let objects = self.types_of(holder, context, 0).into_iter();
                let of_objects = objects.flat_map(|class| self.method(&class, method, 0));
                return self.called_of_result(function, context).into_iter().chain(of_objects).collect();
            }
            let classes = self.types_of(holder, context, 0);
            if classes.is_empty() && !is_local(name, context) && self.contents.contains_key(name) {
                // `table.build = build`
                let mut found = self.called_in(name, "", context);
                found.push(name.to_owned());
                return found;
            }
            let mut found: Vec<String> = match classes.is_empty() {
                false => classes.iter().flat_map(|class| self.method_or_kept(class, method, context)).collect(),
                true if is_local(name, context) => self.methods_of_given(holder, method, context),
                true if holder.contains('(') => Vec::new(),
                true => vec![name.to_owned()],
            };
            match classes.is_empty() {
                false => found.extend(classes.iter().filter_map(|class| self.called_back(class, method))),
                true if !is_local(name, context) => found.extend(self.called_back(holder, method)),
                true => {}
            }
            // `maker.build()()`
            if let Some(maker) = holder.strip_suffix("()").filter(|_| method == "__call__") {
                let makers = self.called(maker, context.deeper()).into_iter();
                let is_maker = |one: &String| !self.classes.contains_key(one.as_str());
                found.extend(makers.filter(is_maker).map(|maker| called_result(&maker)));
            }
            // Of a library: a module is no object.
            if !classes.is_empty() && !classes.iter().any(|class| self.is_known_class(class)) {
                found.extend(self.called_by_object(holder, method, context));
            }
            return found;
        }
        if let (Some(class), "cls") = (context.class, name) {
            return vec![class.to_owned()];
        }
        if !is_local(name, context) && (self.functions.contains_key(name) || self.classes.contains_key(name)) {
            return vec![name.to_owned()];
        }
        if !is_local(name, context) {
            if self.lambdas.contains_key(name) {
                return vec![name.to_owned()];
            }
            if let Some(handed) = self.handed.get(name) {
                let by = self.made.get(name).filter(|by| self.functions.contains_key(*by));
                let inside = by.into_iter().flat_map(|by| self.called_of_result(by, context));
                let others = handed.iter().filter(|one| **one != name);
                let of_items = |one: &&'a str| self.called_in(one, "", context.deeper());
                let of_items: Vec<String> = others.clone().flat_map(of_items).collect();
                let all = others.flat_map(|one| self.called(one, context.deeper())).chain(inside);
                return all.chain(of_items).collect();
            }
        }
        // `total = Table.total`, `first = TABLE["a"]`
        let own = context.effects.and_then(|effects| effects.made.iter().rev().find(|(known, _)| known == name));
        let by = match own {
            Some((_, by)) => Some(by.as_str()),
            None if is_local(name, context) => None,
            None => self.made.get(name).copied(),
        };
        if let Some(other) = by.and_then(|by| by.strip_prefix('='))
            && other != name
            && (other.contains(['.', '[']) || !self.made.contains_key(other) || self.lambdas.contains_key(other))
            && !other.starts_with(&format!("{name}."))
        {
            return self.called(other, context.deeper());
        }
        // `f = TABLE.get("a")`
        let taken = by.filter(|by| !by.starts_with('=')).map(|by| format!("{by}().__call__"));
        if let Some(found) = taken.and_then(|taken| self.called_of_contents(&taken, context.deeper())) {
            return found;
        }
        // `call = make()`
        let is_function = |by: &&str| self.functions.contains_key(*by) || self.lambdas.contains_key(*by);
        if let Some(function) = by.filter(|by| !is_local(by, context) && is_function(by)) {
            let mut found = self.called(&format!("{function}().__call__"), context.deeper());
            if !is_local(name, context) {
                found.push(name.to_owned());
            }
            return found;
        }
        // `call = compose(build, fill)` of another module
        let given = self.made_with.get(name).filter(|_| !is_local(name, context)).into_iter().flatten();
        let given = given.flat_map(|given| self.called(given, context.deeper()));
        let given: Vec<String> = given.collect();
        if !given.is_empty() {
            return given.into_iter().chain([name.to_owned()]).collect();
        }
        let classes = self.types_of(name, context, 0);
        // `call = maker.build()`
        let maker = by.filter(|by| !by.starts_with('=') && !is_local(by, context) && !self.classes.contains_key(by));
        match classes.is_empty() {
            false => {
                let of_objects = classes.iter().flat_map(|class| self.method(class, "__call__", 0));
                let made = maker.into_iter().flat_map(|by| self.called(&called_result(by), context.deeper()));
                of_objects.chain(made).collect()
            }
            true if maker.is_some_and(|by| by.contains('.')) => {
                let made = maker.into_iter().flat_map(|by| self.called(&called_result(by), context.deeper()));
                made.chain([name.to_owned()]).collect()
            }
            true if is_local(name, context) => Vec::new(),
            true => vec![name.to_owned()],
        }
    }

    /// What is called where a function is, of what decorates it.
    pub(super) fn called_instead(&self, node: &'a Node) -> Vec<String> {
        let names = node.definition.iter().flat_map(|parts| &parts.decorator_reads);
        let instead = |name: &String| match self.classes.contains_key(name.as_str()) {
            true => self.method(name, "__call__", 0),
            // Of other modules it is known by its name.
            false if self.functions.contains_key(name.as_str()) || !self.made.contains_key(name.as_str()) => {
                vec![called_result(name)]
            }
            false => Vec::new(),
        };
        names.flat_map(instead).collect()
    }

    /// Whether a decorator of the file calls what it decorates.
    pub fn is_called_by_decorators(&self, node: &Node) -> bool {
        let names = node.definition.iter().flat_map(|parts| &parts.decorator_reads);
        let decorators = names.filter_map(|name| self.functions.get(name.as_str()));
        decorators.filter_map(|function| function.definition.as_deref()).any(|parts| parts.uses.calls)
    }

    /// What the file's decorators of a function put around it.
    pub(super) fn wrapping(&self, node: &'a Node) -> Vec<&'a Effects> {
        let names = node.definition.iter().flat_map(|parts| &parts.decorator_reads);
        names.filter_map(|name| self.functions.get(name.as_str())).flat_map(|function| given_out(function)).collect()
    }

    /// What a call of what a function has given runs: `make()()`.
    fn called_of_result(&self, function: &str, context: Context<'a>) -> Vec<String> {
        let inside = self.functions.get(function).into_iter().flat_map(|function| given_out(function));
        let inside = inside.chain(self.lambdas.get(function).into_iter().flat_map(|lambda| lambdas_in(lambda)));
        let context = |effects| Context { class: None, effects: Some(effects), depth: context.depth + 1 };
        let called = inside.flat_map(|effects| self.callees(effects, context(effects)));
        called.chain([called_result(function)]).collect()
    }
}
