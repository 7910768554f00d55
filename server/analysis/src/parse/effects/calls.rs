//! What a call does: what it calls, what is handed to it, and what it puts into containers.

use ruff_python_ast::visitor::Visitor;
use ruff_python_ast::{Expr, ExprCall};

use super::super::callee::{alternatives, by_text, callee, got, got_of, item_of, named, operand};
use super::super::dotted::dotted;
use super::super::evaluated::{Evaluated, evaluated};
use super::super::held::{held, inside_of_given, taken_from};
use super::super::implied;
use super::super::looks::examined;
use super::super::parts::items;
use super::Finder;
use crate::effects::{EAGER, MUTATING, NAMESPACE, SIGNATURE, applies, reads_headers};
use crate::tree::{contents, members};

impl<'a> Finder {
    pub(super) fn take_call(&mut self, expression: &'a Expr, call: &'a ExprCall) {
        let called = callee(&call.func);
        evaluated(call, |code| match code {
            Evaluated::Expression(expression) => self.visit_expr(&expression),
            Evaluated::Statements(body) => body.iter().for_each(|statement| self.visit_stmt(statement)),
            Evaluated::Unknown => self.call(contents(NAMESPACE)),
        });
        // `getattr(self, name)`
        by_text(call).into_iter().for_each(|name| self.read(name));
        let is_eager = called.as_deref().is_some_and(|name| EAGER.contains(&name) || name.ends_with(".sort"));
        let keywords = call.arguments.keywords.iter().map(|keyword| &keyword.value);
        let given: Vec<&Expr> = call.arguments.args.iter().chain(keywords).collect();
        alternatives(&call.func).into_iter().for_each(|name| self.call(name));
        if let Some(name) = &called {
            if name == "setattr" {
                self.set_attribute(call);
            }
            self.call(name.clone());
            if let Some((holder, method)) = name.rsplit_once('.') {
                let of_it = implied::of_method(method).iter();
                self.effects.calls.extend(of_it.map(|method| format!("{}.{method}", contents(holder))));
            }
            // `map(str, TABLE)`
            let applied = call.arguments.args.first().filter(|_| applies(name)).and_then(dotted);
            let applied = applied.filter(|applied| !implied::of_function(applied).is_empty());
            let methods = applied.map_or_else(|| implied::of_elements(name), |applied| implied::of_function(&applied));
            for one in given.iter().filter(|_| !methods.is_empty()) {
                match (dotted(one), items(one)) {
                    (Some(container), _) => {
                        let of_it = methods.iter().map(|method| format!("{}.{method}", contents(&container)));
                        self.effects.calls.extend(of_it);
                    }
                    (None, Some(items)) => self.implies(items.iter().map(|item| (item, methods)).collect()),
                    _ => {}
                }
            }
            let is_element = |one: &&Expr| dotted(one).is_some_and(|name| self.elements.contains(&name));
            if reads_headers(name) && given.iter().copied().any(|one| is_element(&one)) {
                self.effects.elements.push(SIGNATURE.to_owned());
            }
            let is_partial = |one: &Expr| operand(one).is_some_and(|made| made.ends_with("partial()"));
            let names = given.iter().flat_map(|one| {
                if is_partial(one) { named(one) } else { operand(one).or_else(|| item_of(one)).into_iter().collect() }
            });
            self.effects.passed.extend(names.map(|one| (name.clone(), one)));
            // `isinstance(one, Sized) for one in TABLE`
            let elements = given.iter().filter_map(|one| operand(one)).flat_map(|one| {
                let of_it = self.sources.iter().filter(move |(element, _)| *element == one);
                of_it.map(|(_, source)| source.clone())
            });
            let elements: Vec<String> = elements.collect();
            self.effects.passed.extend(elements.into_iter().map(|one| (name.clone(), one)));
            let inside = given.iter().flat_map(|one| inside_of_given(one));
            self.effects.passed.extend(inside.map(|one| (name.clone(), one)));
            // `filter(is_large, TABLE)`
            let functions = given.iter().filter(|_| applies(name)).filter_map(|one| dotted(one));
            let applied: Vec<(String, String)> = functions
                .flat_map(|function| {
                    let others = given.iter().filter(|one| dotted(one).as_ref() != Some(&function));
                    let inside = others.flat_map(|one| match dotted(one) {
                        Some(container) => vec![contents(&container)],
                        None => inside_of_given(one),
                    });
                    inside.map(|one| (function.clone(), one)).collect::<Vec<_>>()
                })
                .collect();
            self.effects.passed.extend(applied);
            self.effects.passed.extend(examined(name, call).map(|one| (name.clone(), one)));
            if let Some((holder, method)) = name.rsplit_once('.')
                && MUTATING.contains(&method)
            {
                // `TABLE.setdefault(key, []).append(build)`
                let table = call.func.as_attribute_expr().and_then(|method| method.value.as_call_expr());
                let holder = table.and_then(taken_from).unwrap_or_else(|| holder.to_owned());
                let contents = given.iter().flat_map(|one| [vec![*one], held(one)].concat());
                contents.for_each(|one| self.put(Some(holder.clone()), one));
            }
        }
        let getters = got(expression);
        if !getters.is_empty() {
            self.effects.lambdas.get_or_insert_default().elements.extend(getters);
        }
        match &*call.func {
            // `(lambda: build())()`
            Expr::Lambda(lambda) => {
                let inside = self.lambda(lambda, false);
                self.effects.extend(inside);
            }
            function => self.visit_expr(function),
        }
        for one in given.iter().copied() {
            match one {
                Expr::Lambda(lambda) if is_eager => {
                    let inside = self.lambda(lambda, true);
                    if inside.applies {
                        self.call_given(&given);
                    }
                    self.effects.extend(inside);
                }
                _ => {
                    if is_eager {
                        self.effects.elements.extend(got(one));
                    }
                    self.visit_expr(one);
                }
            }
        }
        // `attrgetter("size")(table)`
        self.effects.elements.extend(got(&call.func));
        for (name, is_called) in got_of(call) {
            self.effects.calls.extend(is_called.then(|| name.clone()));
            self.read(name);
        }
    }

    /// `setattr(Table, "fill", fill)`; under a name that is computed it may be any attribute.
    fn set_attribute(&mut self, call: &ExprCall) {
        let [holder, name, value] = &*call.arguments.args else { return };
        let Some(holder) = operand(holder) else { return };
        match name.as_string_literal_expr() {
            Some(name) => {
                let name = format!("{holder}.{}", name.value);
                self.effects.assigns.push(name.clone());
                self.make(&name, value);
                self.put(Some(name), value);
            }
            None => self.put(Some(members(&holder)), value),
        }
    }

    /// What a lambda or an operator that a function applies calls of the other things that are given to it: `map(lambda step: step(), STEPS)`.
    fn call_given(&mut self, given: &[&Expr]) {
        for one in given {
            if let Some(container) = dotted(one) {
                self.call(contents(&container));
            }
            held(one).into_iter().filter_map(operand).for_each(|name| self.call(name));
        }
    }
}
