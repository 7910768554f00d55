//! Where a call of a function may go on in another version of it: the bodies of its loops, and where it waits.

use std::sync::Arc;

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, Number, Stmt, WithItem};
use ruff_text_size::Ranged;

use super::hashing::{self, hash_of};
use super::rebinding;
use crate::lines::Lines;
use crate::tree::{Place, PlaceKind, Rebinding, Test};

/// The places in a function's body, in text order, those of nested functions included.
pub(super) fn of(body: &[Stmt], text: &str, lines: &Lines, begin: usize) -> Vec<Place> {
    let bindings = Arc::new(rebinding::of(body, begin));
    let mut finder = Finder {
        text,
        lines,
        begin,
        enters: true,
        blocks: Vec::new(),
        branches: Vec::new(),
        bindings,
        found: Vec::new(),
    };
    finder.suite(body);
    finder.found
}

/// The places among a module's own statements.
pub(super) fn of_module(body: &[Stmt], text: &str, lines: &Lines) -> Vec<Place> {
    // What a module's statements give goes by what becomes of each.
    let bindings = Arc::default();
    let mut finder = Finder {
        text,
        lines,
        begin: 0,
        enters: false,
        blocks: Vec::new(),
        branches: Vec::new(),
        bindings,
        found: Vec::new(),
    };
    for statement in body {
        finder.begin = statement.start().to_usize();
        finder.statement(statement);
    }
    finder.found
}

struct Finder<'a> {
    text: &'a str,
    lines: &'a Lines,
    /// Where the definition, or the statement of a module, begins.
    begin: usize,
    /// Whether definitions inside are looked into.
    enters: bool,
    /// What is around a statement and lies on the stack of a call, or decides what happens when it ends.
    blocks: Vec<String>,
    /// The branches of `if` and `match` around it.
    branches: Vec<u64>,
    /// Those of the function around a place.
    bindings: Arc<Vec<Rebinding>>,
    found: Vec<Place>,
}

impl Finder<'_> {
    fn suite(&mut self, body: &[Stmt]) {
        let mut before = None;
        for statement in body {
            let like = if self.enters { self.like(statement) } else { 0 };
            if self.enters && self.begins_a_line(statement) {
                self.push(PlaceKind::Statement, like, statement, None, None);
                if let Some(before) = before {
                    self.push(PlaceKind::Following, before, statement, None, None);
                }
            }
            before = Some(like);
            self.statement(statement);
        }
    }

    fn branch(&mut self, header: u64, clause: usize, body: &[Stmt]) {
        self.branches.push(hash_of(&(header, clause)));
        self.suite(body);
        self.branches.pop();
    }

    /// What a statement is; of a compound one the header alone.
    fn like(&self, statement: &Stmt) -> u64 {
        let header = |word: &str, parts: &[&str]| hash_of(&(word, parts));
        match statement {
            Stmt::FunctionDef(one) => header("def", &[one.name.as_str()]),
            Stmt::ClassDef(one) => header("class", &[one.name.as_str()]),
            Stmt::For(one) => header("for", &[self.text_of(one.target.as_ref()), self.text_of(one.iter.as_ref())]),
            Stmt::While(one) => header("while", &[self.text_of(one.test.as_ref())]),
            Stmt::If(one) => header("if", &[self.text_of(one.test.as_ref())]),
            Stmt::With(one) => header("with", &one.items.iter().map(|item| self.text_of(item)).collect::<Vec<_>>()),
            Stmt::Match(one) => header("match", &[self.text_of(one.subject.as_ref())]),
            Stmt::Try(_) => header("try", &[]),
            _ => hashing::statement(statement),
        }
    }

    fn begins_a_line(&self, statement: &Stmt) -> bool {
        let before = self.text.get(..start_of(statement)).unwrap_or_default();
        let line = before.rfind(['\n', '\r']).map_or(before, |end| &before[end + 1..]);
        line.trim_ascii().is_empty()
    }

    fn inside(&mut self, block: impl Into<String>, body: &[Stmt]) {
        self.blocks.push(block.into());
        self.suite(body);
        self.blocks.pop();
    }

    fn define(&mut self, block: String, body: &[Stmt]) {
        let (blocks, branches) = (std::mem::take(&mut self.blocks), std::mem::take(&mut self.branches));
        let bindings = std::mem::replace(&mut self.bindings, Arc::new(rebinding::of(body, self.begin)));
        self.inside(block, body);
        (self.blocks, self.branches, self.bindings) = (blocks, branches, bindings);
    }

    fn looped(&mut self, block: &str, header: &str, body: &[Stmt], header_start: usize, test: Option<Test>) {
        self.blocks.push(block.to_owned());
        if let Some(first) = body.first() {
            let begins = start_of(first);
            let line = self.lines.line_of(begins);
            // On the line of the header no iteration begins with a line of its own.
            if line > self.lines.line_of(header_start) {
                let end = body.last().map_or(first.end(), Ranged::end);
                self.push(PlaceKind::Loop, hash_of(&header), first, Some([begins, end.to_usize()]), test);
            }
        }
        self.suite(body);
        self.blocks.pop();
    }

    fn push(&mut self, kind: PlaceKind, like: u64, at: &impl Ranged, repeated: Option<[usize; 2]>, test: Option<Test>) {
        let is_by_statements = matches!(kind, PlaceKind::Statement | PlaceKind::Following);
        self.found.push(Place {
            kind,
            blocks: if is_by_statements { hash_of(&(&self.blocks, &self.branches)) } else { hash_of(&self.blocks) },
            like,
            bindings: Arc::clone(&self.bindings),
            repeated: repeated.map(|[start, end]| [start - self.begin, end - self.begin]),
            test,
            at: self.positions(at),
        });
    }

    fn positions(&self, at: &impl Ranged) -> [u32; 4] {
        let (start, end) = (at.start().to_usize(), at.end().to_usize());
        [self.lines.line_of(start), self.lines.column_of(start), self.lines.line_of(end), self.lines.column_of(end)]
    }

    fn test(&self, test: &Expr) -> Test {
        let mut acting = Acting(false);
        acting.visit_expr(test);
        Test { at: (!is_always_true(test)).then(|| self.positions(test)), acts: acting.0 }
    }

    fn statement(&mut self, statement: &Stmt) {
        match statement {
            Stmt::FunctionDef(_) | Stmt::ClassDef(_) if !self.enters => {}
            Stmt::FunctionDef(function) => {
                self.define(format!("def {}", function.name), &function.body);
            }
            Stmt::ClassDef(class) => {
                self.define(format!("class {}", class.name), &class.body);
            }
            Stmt::For(one) => {
                // The call goes on with the iterator that it has: it has to give what the new loop takes.
                let (kind, gives) = (if one.is_async { "async for" } else { "for" }, rebinding::shape(&one.iter));
                let block = &format!("{kind} {} in {gives}", rebinding::shape_of_target(&one.target));
                let header = self.text_of(one.target.as_ref()).to_owned() + " in " + self.text_of(one.iter.as_ref());
                self.looped(block, &header, &one.body, one.start().to_usize(), None);
                self.inside("else", &one.orelse);
            }
            Stmt::While(one) => {
                let header = self.text_of(one.test.as_ref()).to_owned();
                let test = self.test(&one.test);
                self.looped("while", &header, &one.body, one.start().to_usize(), Some(test));
                self.inside("else", &one.orelse);
            }
            Stmt::With(one) => {
                let block = if one.is_async { "async with" } else { "with" };
                let given = |item: &WithItem| item.optional_vars.as_ref().map(|_| rebinding::shape(&item.context_expr));
                let items: Vec<Option<u64>> = one.items.iter().map(given).collect();
                self.inside(format!("{block} {items:?}"), &one.body);
            }
            Stmt::Try(one) => {
                let ends = !one.finalbody.is_empty();
                self.inside(format!("try {ends}"), &one.body);
                self.inside(format!("try else {ends}"), &one.orelse);
                // In a handler the call holds exceptions, and a `finally` stands in the bytecode more than once.
            }
            Stmt::If(one) => {
                let mut header = self.like(statement);
                self.branch(header, 0, &one.body);
                for (index, clause) in one.elif_else_clauses.iter().enumerate() {
                    header = hash_of(&(header, clause.test.as_ref().map(|test| self.text_of(test))));
                    self.branch(header, 1 + index, &clause.body);
                }
            }
            Stmt::Match(one) => {
                let header = self.like(statement);
                for (index, case) in one.cases.iter().enumerate() {
                    let header = hash_of(&(header, self.text_of(&case.pattern)));
                    self.branch(header, index, &case.body);
                }
            }
            Stmt::Expr(one) => self.waits(statement, Some(&one.value)),
            Stmt::Assign(one) => self.waits(statement, Some(&one.value)),
            Stmt::AnnAssign(one) => self.waits(statement, one.value.as_deref()),
            Stmt::Return(one) => self.waits(statement, one.value.as_deref()),
            _ => self.waits(statement, None),
        }
    }

    /// What a simple statement waits for. Where that is all that it evaluates, nothing of it lies on the stack meanwhile.
    fn waits(&mut self, statement: &Stmt, whole: Option<&Expr>) {
        let mut waiting = Waiting::default();
        waiting.visit_stmt(statement);
        for (number, expression) in waiting.0.into_iter().enumerate() {
            let is_whole = whole.is_some_and(|whole| whole.range() == expression.range());
            let how = match expression {
                Expr::Await(_) => "await",
                Expr::Yield(_) => "yield",
                _ => "yield from",
            };
            let like = if is_whole { hash_of(&how) } else { hash_of(&(hashing::statement(statement), number)) };
            self.push(PlaceKind::Wait, like, expression, None, None);
        }
    }

    fn text_of(&self, node: &impl Ranged) -> &str {
        self.text.get(node.start().to_usize()..node.end().to_usize()).unwrap_or_default()
    }
}

/// Where a statement begins: a decorated definition at its decorator.
fn start_of(statement: &Stmt) -> usize {
    let decorators = match statement {
        Stmt::FunctionDef(function) => function.decorator_list.first(),
        Stmt::ClassDef(class) => class.decorator_list.first(),
        _ => None,
    };
    decorators.map_or(statement.start(), Ranged::start).to_usize()
}

/// The expressions at which a function is suspended, without those of functions and comprehensions inside.
#[derive(Default)]
struct Waiting<'a>(Vec<&'a Expr>);

impl<'a> Visitor<'a> for Waiting<'a> {
    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Lambda(_) | Expr::ListComp(_) | Expr::SetComp(_) | Expr::DictComp(_) | Expr::Generator(_) => {}
            _ => {
                visitor::walk_expr(self, expression);
                if matches!(expression, Expr::Await(_) | Expr::Yield(_) | Expr::YieldFrom(_)) {
                    self.0.push(expression);
                }
            }
        }
    }
}

/// Whether evaluating an expression once more may give, or do, something else than what a program's other threads do to it.
struct Acting(bool);

impl<'a> Visitor<'a> for Acting {
    fn visit_expr(&mut self, expression: &'a Expr) {
        self.0 |=
            matches!(expression, Expr::Call(_) | Expr::Await(_) | Expr::Yield(_) | Expr::YieldFrom(_) | Expr::Named(_));
        visitor::walk_expr(self, expression);
    }
}

/// A condition that leaves nothing in the bytecode.
fn is_always_true(test: &Expr) -> bool {
    match test {
        Expr::BooleanLiteral(one) => one.value,
        Expr::NumberLiteral(one) => matches!(&one.value, Number::Int(value) if *value != 0),
        _ => false,
    }
}
