//! Makes the plain tree of a scope out of the parser's.

use std::cell::RefCell;

use super::dotted::{decorator_heads, dotted};
use super::forms::{future_import, is_docstring, is_filler, is_literal, is_main_guard};
use super::hashing::{self, hash_of};
use super::names::Names;
use super::stops;
use super::structure::Structure;
use super::tokens::TokenIndex;
use super::{attributes, effects};
use super::{gives, hints, parts, places};
use crate::depend::given;
use crate::effects::Effects;
use crate::lines::Lines;
use crate::tree::{Binding, DefaultValue, Node, Nodes, Parts, Span};
use hotsplice_channel::patch::What;
use ruff_python_ast::token::TokenKind;
use ruff_python_ast::visitor::Visitor;
use ruff_python_ast::{Expr, Stmt, StmtClassDef, StmtFunctionDef};
use ruff_text_size::Ranged;

/// How long a statement's short name may be, in characters.
const SHORT_NAME: usize = 40;

pub(super) struct Builder<'a> {
    text: &'a str,
    lines: &'a Lines,
    index: &'a TokenIndex,
    lazy_annotations: bool,
    /// The definitions around the one that is made.
    around: RefCell<Vec<String>>,
}

impl<'a> Builder<'a> {
    pub fn new(text: &'a str, lines: &'a Lines, index: &'a TokenIndex, lazy_annotations: bool) -> Self {
        Self { text, lines, index, lazy_annotations, around: RefCell::default() }
    }

    /// Lines and structure of the `from __future__` imports.
    pub fn futures(&self, body: &[Stmt]) -> (Vec<(u32, u32)>, u64) {
        let mut found = Vec::new();
        let mut names = Vec::new();
        for statement in body {
            if let Some(imported) = future_import(statement) {
                let (start, end) = span_of(statement);
                found.push((self.lines.line_of(start), self.last_line(start, end)));
                names.extend(imported.iter().map(|alias| alias.name.to_string()));
            }
        }
        names.sort();
        names.dedup();
        (found, hash_of(&names))
    }

    /// The statements of a module. Those that are not its first have no docstring among them.
    pub fn module(&self, body: &[Stmt], are_first: bool) -> Nodes {
        self.statements(body, are_first)
    }

    /// The statements of a class.
    fn scope(&self, body: &[Stmt]) -> Nodes {
        self.statements(body, true)
    }

    fn statements(&self, body: &[Stmt], are_first: bool) -> Nodes {
        let mut nodes: Vec<Node> = Vec::with_capacity(body.len());
        for (position, statement) in body.iter().enumerate() {
            if is_filler(statement) {
                continue;
            }
            let node = self.statement(statement, are_first && position == 0);
            match nodes.last_mut() {
                Some(before) if node.line <= before.end_line => join(before, node),
                _ => nodes.push(node),
            }
        }
        nodes.into_iter().collect()
    }

    pub(super) fn statement(&self, statement: &Stmt, is_first: bool) -> Node {
        match statement {
            Stmt::FunctionDef(function) => self.inside(&function.name, || self.function(function, statement)),
            Stmt::ClassDef(class) => self.inside(&class.name, || self.class(class, statement)),
            _ => self.other(statement, is_first),
        }
    }

    fn inside(&self, name: &str, make: impl FnOnce() -> Node) -> Node {
        self.around.borrow_mut().push(name.to_owned());
        let made = make();
        self.around.borrow_mut().pop();
        made
    }

    fn node(&self, statement: &Stmt, what: What) -> Node {
        let span = span_of(statement);
        let line = self.lines.line_of(span.0);
        let mut names = Names::new(self.lazy_annotations);
        names.visit_stmt(statement);
        let is_definition = matches!(what, What::Function | What::Class);
        let mut found = Vec::new();
        stops::find(statement, &mut found);
        let place = |offset: usize| (self.lines.line_of(offset), self.lines.column_of(offset));
        let acts = found.iter().any(|stop| !stop.is_update);
        let (start, stops) = (place(span.0), found.into_iter().map(|stop| place(stop.at)).collect::<Vec<_>>());
        Node {
            what,
            name: String::new(),
            line,
            end_line: self.last_line(span.0, span.1),
            hash: 0,
            frame: 0,
            shell: 0,
            layout: self.index.layout(span, line),
            binds: names.binds,
            updates: names.updates,
            reads: names.reads,
            own_reads: Vec::new(),
            calls: names.calls,
            passed: names.passed,
            writes: names.writes,
            effects: if is_definition { Effects::default() } else { effects::of_statement(statement) },
            parts: parts::of_parts(statement),
            makes_lambdas: names.makes_lambdas,
            runs_unasked: stops.is_empty() || stops[0] != start,
            stops,
            acts,
            main_guard: is_main_guard(statement),
            definition: None,
            body: Nodes::default(),
        }
    }

    fn other(&self, statement: &Stmt, is_first: bool) -> Node {
        let what = match statement {
            Stmt::Import(_) | Stmt::ImportFrom(_) => What::Import,
            Stmt::Assign(_) | Stmt::TypeAlias(_) => What::Assignment,
            Stmt::AnnAssign(assignment) if assignment.value.is_some() => What::Assignment,
            Stmt::AnnAssign(_) => What::Annotation,
            Stmt::If(_) | Stmt::Try(_) | Stmt::With(_) | Stmt::For(_) | Stmt::While(_) | Stmt::Match(_) => What::Block,
            _ if is_first && is_docstring(statement) => What::Docstring,
            _ => What::Statement,
        };
        let mut node = self.node(statement, what);
        if what == What::Block {
            let mut parts = Structure::default();
            self.block(statement, &mut parts);
            node.hash = hash_of(&(&parts.shell, parts.hashes(|nested| nested.hash)));
            node.frame = hash_of(&(&parts.shell, parts.hashes(|nested| nested.frame)));
            node.shell = hash_of(&parts.shell);
            node.body = parts.nested.into_iter().collect();
            let mut own = Names::without_definitions(self.lazy_annotations);
            own.visit_stmt(statement);
            node.own_reads = own.reads;
        } else {
            node.hash = hashing::statement(statement);
            node.frame = node.hash;
        }
        if what == What::Docstring {
            "__doc__".clone_into(&mut node.name);
            node.binds = vec![Binding { name: "__doc__".to_owned(), ..Binding::default() }];
        } else {
            node.name = self.short_name(statement, &node);
        }
        node
    }

    fn short_name(&self, statement: &Stmt, node: &Node) -> String {
        let bound = node.bound_names();
        if !bound.is_empty() && bound.len() <= 4 && what_names_itself(node.what) {
            return bound.join(", ");
        }
        let (start, end) = span_of(statement);
        let first = self.text.get(start..end).unwrap_or("").lines().next().unwrap_or("").trim();
        match first.char_indices().nth(SHORT_NAME) {
            Some((at, _)) => format!("{}…", &first[..at]),
            None => first.to_owned(),
        }
    }

    fn function(&self, function: &StmtFunctionDef, statement: &Stmt) -> Node {
        let mut node = self.node(statement, What::Function);
        let begin = self.lines.start_of(node.line);
        let mut structure = Structure::default();
        let docstring = function.body.first().filter(|first| is_docstring(first));
        self.suite(&function.body[usize::from(docstring.is_some())..], &mut structure);
        let parameters = &function.parameters;
        let returns = function.returns.as_deref();
        let mut header = Names::new(self.lazy_annotations);
        for decorator in &function.decorator_list {
            header.visit_decorator(decorator);
        }
        let mut parts = self.parts(
            function.decorator_list.iter().map(Ranged::end).max().map(|end| end.to_usize()),
            span_of(statement),
            span_of(&function.name),
            &[TokenKind::Def, TokenKind::Async],
        );
        parts.is_async = function.is_async;
        parts.decorators = hashing::decorators(&function.decorator_list);
        parts.decorator_shape = hashing::decorator_shape(&function.decorator_list);
        parts.type_parameters = hashing::type_parameters(function.type_params.as_deref());
        parts.docstring = hash_of(&docstring.map(hashing::statement));
        parts.body = hash_of(&structure.shell);
        parts.has_annotations = returns.is_some() || parameters.iter().any(|one| one.annotation().is_some());
        let as_text = parts.has_annotations && self.lazy_annotations;
        parts.annotations = hash_of(&(hashing::annotations(parameters, returns), as_text));
        let mut annotated = Names::new(self.lazy_annotations);
        let annotations = parameters.iter().filter_map(|one| one.annotation());
        annotations.chain(returns).for_each(|annotation| annotated.visit_annotation(annotation));
        parts.annotation_reads = annotated.reads;
        if parts.has_annotations {
            let annotations = parameters.iter().filter_map(|one| one.annotation());
            parts.hint_reads = hints::of(annotations.chain(returns), self.lazy_annotations);
        }
        parts.parameters = hashing::parameters(parameters);
        parts.defaults = parameters.iter().filter_map(|one| self.default(&one, begin)).collect();
        parts.inside = effects::of_function(parameters, &function.body);
        parts.gives = gives::of(&function.body);
        parts.places = places::of(&function.body, self.text, self.lines, begin);
        parts.attributes = attributes::of(function, &structure.nested, self.text);
        parts.decorator_reads = header.reads.clone();
        parts.decorator_heads = decorator_heads(&function.decorator_list);
        parts.decorator_arguments = effects::of_arguments(&function.decorator_list);
        parts.header_reads = header.reads;
        let colon = function.returns.as_deref().map_or(parameters.end(), Ranged::end).to_usize();
        self.set_body_place(&mut parts, colon, &function.body, node.end_line);
        let defaults: Vec<_> = parts.defaults.iter().map(|one| (&one.parameter, one.hash)).collect();
        let shared = (
            function.name.as_str(),
            parts.is_async,
            parts.decorators,
            parts.type_parameters,
            parts.annotations,
            defaults,
        );
        let carries = parts.has_annotations || !parts.defaults.is_empty();
        node.frame = hash_of(&(&shared, carries.then_some(parts.parameters)));
        node.hash =
            hash_of(&(&shared, parts.parameters, parts.docstring, parts.body, structure.hashes(|nested| nested.hash)));
        node.name = function.name.to_string();
        node.body = structure.nested.into_iter().collect();
        node.definition = Some(Box::new(parts));
        let uses = given::uses(&node);
        if let Some(parts) = &mut node.definition {
            parts.uses = uses;
        }
        node
    }

    fn base_names(&self, bases: &[Expr]) -> Vec<String> {
        let names = |base: &Expr| {
            let class = match base {
                Expr::Subscript(generic) => &generic.value,
                other => other,
            };
            dotted(class).map_or_else(
                || {
                    let mut computed = Names::new(self.lazy_annotations);
                    computed.visit_expr(class);
                    computed.reads
                },
                |name| vec![name],
            )
        };
        bases.iter().flat_map(names).collect()
    }

    fn class(&self, class: &StmtClassDef, statement: &Stmt) -> Node {
        let mut node = self.node(statement, What::Class);
        let arguments = class.arguments.as_deref();
        let mut header = Names::new(self.lazy_annotations);
        for decorator in &class.decorator_list {
            header.visit_decorator(decorator);
        }
        let decorator_reads = header.reads.clone();
        if let Some(arguments) = arguments {
            header.visit_arguments(arguments);
        }
        let mut parts = self.parts(
            class.decorator_list.iter().map(Ranged::end).max().map(|end| end.to_usize()),
            span_of(statement),
            span_of(&class.name),
            &[TokenKind::Class],
        );
        parts.decorators = hashing::decorators(&class.decorator_list);
        parts.decorator_shape = hashing::decorator_shape(&class.decorator_list);
        parts.type_parameters = hashing::type_parameters(class.type_params.as_deref());
        parts.bases = hashing::bases(arguments);
        parts.keywords = hashing::keywords(arguments);
        parts.qualified = self.around.borrow().join(".");
        parts.decorator_reads = decorator_reads;
        parts.decorator_heads = decorator_heads(&class.decorator_list);
        parts.decorator_arguments = effects::of_arguments(&class.decorator_list);
        parts.header_reads = header.reads;
        parts.hint_reads = hints::of(hints::in_class(&class.body), self.lazy_annotations);
        parts.base_names = arguments.map_or_else(Vec::new, |arguments| self.base_names(&arguments.args));
        let metaclass = arguments.and_then(|arguments| arguments.find_keyword("metaclass"));
        parts.metaclass = metaclass.and_then(|keyword| dotted(&keyword.value));
        let after = arguments.map(Ranged::end).or_else(|| class.type_params.as_deref().map(Ranged::end));
        let colon = after.unwrap_or_else(|| class.name.end()).to_usize();
        self.set_body_place(&mut parts, colon, &class.body, node.end_line);
        node.body = self.scope(&class.body);
        let shared = (class.name.as_str(), parts.decorators, parts.type_parameters, parts.bases, parts.keywords);
        let hashes = |of: fn(&Node) -> u64| node.body.iter().map(of).collect::<Vec<_>>();
        let (hash, frame) = (hash_of(&(&shared, hashes(|n| n.hash))), hash_of(&(&shared, hashes(|n| n.frame))));
        (node.hash, node.frame) = (hash, frame);
        parts.body = hash_of(&hashes(|inner| inner.hash));
        node.name = class.name.to_string();
        node.definition = Some(Box::new(parts));
        node
    }

    fn parts(&self, decorators_end: Option<usize>, span: Span, name_span: Span, keyword: &[TokenKind]) -> Parts {
        let keyword_at =
            decorators_end.and_then(|end| self.index.first(end, keyword)).filter(|&at| at < span.1).unwrap_or(span.0);
        Parts {
            name_line: self.lines.line_of(keyword_at),
            header_line: self.lines.line_of(name_span.0),
            name_columns: (self.lines.column_of(name_span.0), self.lines.column_of(name_span.1)),
            ..Parts::default()
        }
    }

    fn set_body_place(&self, parts: &mut Parts, colon_after: usize, body: &[Stmt], end_line: u32) {
        let colon = self.index.first(colon_after, &[TokenKind::Colon]).unwrap_or(colon_after);
        let colon_line = self.lines.line_of(colon).min(end_line);
        let body_line = body.first().map_or(colon_line, |first| self.lines.line_of(first.start().to_usize()));
        parts.one_line = body_line <= colon_line;
        parts.header_end_line = if parts.one_line { end_line } else { colon_line };
    }

    /// Of a definition that begins at `begin`.
    fn default(&self, parameter: &ruff_python_ast::AnyParameterRef, begin: usize) -> Option<DefaultValue> {
        let default: &Expr = parameter.default()?;
        let mut names = Names::new(self.lazy_annotations);
        names.visit_expr(default);
        let (start, end) = span_of(default);
        Some(DefaultValue {
            parameter: parameter.name().to_string(),
            hash: hashing::expression(default),
            span: (start - begin, end - begin),
            reads: names.reads,
            effects: effects::of_expression(default),
            literal: if is_literal(default) { self.text.get(start..end).map(str::to_owned) } else { None },
        })
    }

    /// The line of the last character before `end`.
    fn last_line(&self, start: usize, end: usize) -> u32 {
        self.lines.line_of(end.saturating_sub(1).max(start))
    }
}

/// Two statements on one line become one node.
fn join(before: &mut Node, node: Node) {
    if before.parts.is_empty() {
        before.parts.push((before.bound_names(), before.effects.clone()));
    }
    if node.parts.is_empty() {
        before.parts.push((node.bound_names(), node.effects.clone()));
    }
    before.parts.extend(node.parts.iter().cloned());
    before.name = format!("{}; {}", before.name, node.name);
    before.end_line = before.end_line.max(node.end_line);
    before.hash = hash_of(&(before.hash, node.hash));
    before.frame = hash_of(&(before.frame, node.frame));
    before.layout = hash_of(&(before.layout, node.layout));
    before.runs_unasked |= node.runs_unasked;
    before.stops.extend(node.stops);
    before.acts |= node.acts;
    before.makes_lambdas |= node.makes_lambdas;
    before.what = match (before.what, node.what) {
        // After a syntax error anything may share a line; a definition stays one.
        (What::Function | What::Class | What::Block, _) => before.what,
        (first, second) if first == second => first,
        (What::Assignment | What::Import | What::Annotation | What::Docstring, What::Assignment)
        | (What::Assignment, What::Import | What::Annotation) => What::Assignment,
        _ => What::Statement,
    };
    before.binds.extend(node.binds);
    before.updates.extend(node.updates);
    before.reads.extend(node.reads);
    before.calls.extend(node.calls);
    before.passed.extend(node.passed);
    before.writes.extend(node.writes);
    before.effects.made.extend(node.effects.made.iter().cloned());
    before.effects.extend(node.effects);
}

fn span_of(node: &impl Ranged) -> Span {
    (node.start().to_usize(), node.end().to_usize())
}

fn what_names_itself(what: What) -> bool {
    matches!(what, What::Import | What::Assignment | What::Annotation | What::Block)
}
