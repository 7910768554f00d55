//! Makes the graph of a file out of its tree.

use std::collections::{HashMap, HashSet};

use super::graph::{Class, Graph, is_property};
use super::inside::WRAPPERS;
use crate::tree::{Node, flattened};

impl<'a> Graph<'a> {
    pub fn new(items: &'a [Node], foreign_properties: HashSet<String>) -> Self {
        let mut graph = Self {
            functions: HashMap::new(),
            classes: HashMap::new(),
            made: HashMap::new(),
            lambdas: HashMap::new(),
            handed: HashMap::new(),
            contents: HashMap::new(),
            properties: HashSet::new(),
            foreign_properties,
        };
        for (node, _) in flattened(items) {
            let Some(parts) = &node.definition else { continue };
            if node.is_class() {
                let methods = flattened(&node.body).into_iter().map(|(method, _)| (method.name.as_str(), method));
                let decorators = &parts.decorator_reads;
                graph.properties.extend(methods.clone().filter(|(_, node)| is_property(node)).map(|(name, _)| name));
                let bases = parts.header_reads.iter().filter(|name| !decorators.contains(name));
                let statements = node.body.iter().filter(|item| !item.is_definition());
                let made = statements.clone().flat_map(|item| &item.effects.made);
                let of_fields = statements.clone().flat_map(|item| &item.effects.passed);
                let lambdas = statements.filter_map(|item| match item.binds.as_slice() {
                    [binding] => Some((binding.name.as_str(), item.effects.lambdas.as_deref()?)),
                    _ => None,
                });
                let class = Class {
                    methods: methods.collect(),
                    lambdas: lambdas.collect(),
                    makers: of_fields.filter(|(by, _)| makes_field(by)).map(|(_, name)| name.as_str()).collect(),
                    aliases: made.filter_map(|(name, by)| Some((&**name, by.strip_prefix('=')?))).collect(),
                    bases: bases.map(String::as_str).collect(),
                };
                graph.classes.insert(&node.name, class);
            } else {
                graph.functions.insert(&node.name, node);
            }
        }
        for node in items.iter().filter(|node| !node.is_definition()) {
            graph.made.extend(node.effects.made.iter().map(|(name, by)| (name.as_str(), by.as_str())));
            if let (Some(lambdas), [binding]) = (node.effects.lambdas.as_deref(), node.binds.as_slice()) {
                graph.lambdas.insert(&binding.name, lambdas);
            }
            if let [(name, by)] = node.effects.made.as_slice()
                && WRAPPERS.contains(&by.as_str())
            {
                let given = node.effects.passed.iter().filter(|(called, _)| called == by);
                graph.handed.insert(name, given.map(|(_, name)| name.as_str()).collect());
            }
            for (container, item) in &node.effects.holds {
                graph.contents.entry(container.clone()).or_default().push(item);
            }
        }
        // What decorators put somewhere.
        let decorated = graph.functions.values().filter(|node| !decorators_of(node).is_empty()).copied();
        let registered: Vec<(String, &str)> = decorated
            .flat_map(|node| graph.mutated_by(node).into_iter().map(|container| (container, node.name.as_str())))
            .collect();
        for (container, name) in registered {
            graph.contents.entry(container).or_default().push(name);
        }
        graph
    }
}

fn makes_field(by: &str) -> bool {
    ["field", "Field", "attrib", "ib", "Factory"].contains(&by.rsplit('.').next().unwrap_or(by))
}

fn decorators_of(node: &Node) -> &[String] {
    node.definition.as_ref().map_or(&[][..], |parts| &parts.decorator_reads)
}
