//! What a constructor gives to each new object: objects that exist lack what it did not give before.

use super::dotted::dotted;
use super::names::Names;
use crate::tree::{InstanceAttribute, Node};
use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, Stmt, StmtFunctionDef};
use ruff_text_size::Ranged;

/// Functions that run once for each object.
const CONSTRUCTORS: [&str; 3] = ["__init__", "__post_init__", "__attrs_post_init__"];

/// Calls that only make a new, independent object.
const MAKING: [&str; 22] = [
    "set",
    "dict",
    "list",
    "tuple",
    "frozenset",
    "bytearray",
    "object",
    "deque",
    "collections.deque",
    "OrderedDict",
    "collections.OrderedDict",
    "defaultdict",
    "collections.defaultdict",
    "Counter",
    "collections.Counter",
    "Lock",
    "threading.Lock",
    "RLock",
    "threading.RLock",
    "Event",
    "threading.Event",
    "asyncio.Event",
];

/// The attributes that a constructor sets on its first parameter, each once, in text order.
pub(super) fn of(function: &StmtFunctionDef, nested: &[Node], text: &str) -> Vec<InstanceAttribute> {
    if !CONSTRUCTORS.contains(&function.name.as_str()) {
        return Vec::new();
    }
    let Some(own) = function.parameters.iter_non_variadic_params().next() else { return Vec::new() };
    let mut locals = Names::new(true);
    locals.visit_body(&function.body);
    let mut hidden: Vec<String> = locals.binds.into_iter().map(|binding| binding.name).collect();
    hidden.extend(nested.iter().map(|node| node.name.clone()));
    let variadic = [&function.parameters.vararg, &function.parameters.kwarg];
    hidden.extend(variadic.into_iter().flatten().map(|one| one.name.to_string()));
    let mut collector = Collector { own: own.name().as_str(), hidden, text, found: Vec::new(), depth: 0 };
    collector.visit_body(&function.body);
    collector.found
}

struct Collector<'a> {
    own: &'a str,
    /// Names that mean something else than in the module: local variables.
    hidden: Vec<String>,
    text: &'a str,
    found: Vec<InstanceAttribute>,
    /// How many statements are around that may run never, or often.
    depth: usize,
}

impl Collector<'_> {
    fn set(&mut self, target: &Expr, value: Option<&Expr>) {
        match target {
            Expr::Attribute(attribute) => {
                let is_own = matches!(&*attribute.value, Expr::Name(name) if name.id.as_str() == self.own);
                if !is_own {
                    return;
                }
                let name = attribute.attr.to_string();
                if let Some(before) = self.found.iter_mut().find(|before| before.name == name) {
                    // Which of the values an object would have can't be told.
                    before.value = None;
                    return;
                }
                let plain = value.filter(|value| self.depth == 0 && self.is_plain(value));
                let value = plain.and_then(|value| self.text.get(value.range().to_std_range()));
                self.found.push(InstanceAttribute { name, value: value.map(str::to_owned) });
            }
            Expr::Tuple(targets) => targets.elts.iter().for_each(|target| self.set(target, None)),
            _ => {}
        }
    }

    /// Whether the value can be had again at any time: it depends on nothing but the module, the parameters and the
    /// object, and does nothing.
    fn is_plain(&self, value: &Expr) -> bool {
        let mut check = Plain { hidden: &self.hidden, plain: true };
        check.visit_expr(value);
        check.plain
    }
}

impl<'a> Visitor<'a> for Collector<'_> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::Assign(assignment) => {
                assignment.targets.iter().for_each(|target| self.set(target, Some(&assignment.value)));
            }
            Stmt::AnnAssign(assignment) if assignment.value.is_some() => {
                self.set(&assignment.target, assignment.value.as_deref());
            }
            Stmt::FunctionDef(_) | Stmt::ClassDef(_) => {}
            Stmt::If(_) | Stmt::For(_) | Stmt::While(_) | Stmt::Match(_) | Stmt::Try(_) | Stmt::With(_) => {
                self.depth += 1;
                visitor::walk_stmt(self, statement);
                self.depth -= 1;
            }
            _ => {}
        }
    }
}

struct Plain<'a> {
    hidden: &'a [String],
    plain: bool,
}

impl<'a> Visitor<'a> for Plain<'_> {
    fn visit_expr(&mut self, expression: &'a Expr) {
        self.plain &= match expression {
            Expr::Name(name) => !self.hidden.iter().any(|hidden| hidden == name.id.as_str()),
            Expr::Call(call) => dotted(&call.func).is_some_and(|name| MAKING.contains(&name.as_str())),
            Expr::BoolOp(_)
            | Expr::BinOp(_)
            | Expr::UnaryOp(_)
            | Expr::Compare(_)
            | Expr::If(_)
            | Expr::Dict(_)
            | Expr::Set(_)
            | Expr::List(_)
            | Expr::Tuple(_)
            | Expr::Attribute(_)
            | Expr::Subscript(_)
            | Expr::Slice(_)
            | Expr::StringLiteral(_)
            | Expr::BytesLiteral(_)
            | Expr::NumberLiteral(_)
            | Expr::BooleanLiteral(_)
            | Expr::NoneLiteral(_)
            | Expr::EllipsisLiteral(_) => true,
            _ => false,
        };
        if self.plain {
            visitor::walk_expr(self, expression);
        }
    }
}
