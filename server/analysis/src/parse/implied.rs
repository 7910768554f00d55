//! Methods that run without standing in the text: operators, items, iteration, built-in functions.

use ruff_python_ast::{CmpOp, Expr, ExprContext, InterpolatedStringElement, Operator, Stmt, UnaryOp};

use super::dotted::dotted;
use crate::effects::FIELDS;

type Methods = &'static [&'static str];
pub(super) type Operands<'a> = Vec<(&'a Expr, Methods)>;

const ITERATION: Methods = &["__iter__", "__next__", "__getitem__", "__len__"];
const TRUTH: Methods = &["__bool__", "__len__"];
const FIELDS_OF: Methods = &[FIELDS];
const TEXT: Methods = &["__format__", "__str__", "__repr__"];
const IN_PLACE: Methods = &[
    "__iadd__",
    "__isub__",
    "__imul__",
    "__imatmul__",
    "__itruediv__",
    "__ifloordiv__",
    "__imod__",
    "__ipow__",
    "__ilshift__",
    "__irshift__",
    "__ior__",
    "__iand__",
    "__ixor__",
];
/// `{**value}`
const MAPPING: Methods = &["keys", "__getitem__", "__iter__", "__next__"];
/// Of what something is asked by: `items[value]`.
const KEY: Methods = &["__index__", "__hash__", "__eq__"];
/// Methods of containers that look for what they are given.
const KEYED: [&str; 9] = ["add", "count", "discard", "get", "index", "move_to_end", "pop", "remove", "setdefault"];
const COPYING: Methods = &[
    "__copy__",
    "__deepcopy__",
    "__reduce_ex__",
    "__reduce__",
    "__getstate__",
    "__setstate__",
    "__getnewargs__",
    "__getnewargs_ex__",
];

pub(super) fn by_statement(statement: &Stmt) -> Operands<'_> {
    match statement {
        Stmt::For(each) => vec![(&each.iter, ITERATION)],
        Stmt::If(branch) => vec![(&branch.test, TRUTH)],
        Stmt::With(with) => {
            with.items.iter().map(|item| (&item.context_expr, &["__enter__", "__exit__"] as Methods)).collect()
        }
        // `TABLE[item] = 1`
        Stmt::Assign(assignment) if assignment.targets.iter().any(Expr::is_subscript_expr) => {
            let items = assignment.targets.iter().filter_map(Expr::as_subscript_expr);
            items.map(|item| (&*item.slice, KEY)).collect()
        }
        Stmt::Assign(assignment) if assignment.targets.iter().any(|one| one.is_tuple_expr() || one.is_list_expr()) => {
            vec![(&*assignment.value, ITERATION)]
        }
        Stmt::AugAssign(assignment) => {
            let methods = of_operator(assignment.op);
            vec![(&*assignment.target, IN_PLACE), (&*assignment.target, methods), (&*assignment.value, methods)]
        }
        _ => Vec::new(),
    }
}

/// What decides whether a comprehension takes an element.
pub(super) fn by_conditions(conditions: &[Expr]) -> Operands<'_> {
    conditions.iter().map(|condition| (condition, TRUTH)).collect()
}

/// Methods of what is in a container, of which a method of its own runs them.
pub(super) fn of_method(method: &str) -> Methods {
    match method {
        "sort" => &["__lt__"],
        "index" | "count" | "remove" => &["__eq__"],
        _ => &[],
    }
}

pub(super) fn by_expression(expression: &Expr) -> Operands<'_> {
    match expression {
        // `"%s" % value`
        Expr::BinOp(operation) if operation.op == Operator::Mod && is_text(&operation.left) => {
            let given = match &*operation.right {
                Expr::Tuple(tuple) => tuple.elts.iter().collect(),
                one => vec![one],
            };
            given.into_iter().map(|one| (one, TEXT)).collect()
        }
        Expr::BinOp(operation) => {
            let methods = of_operator(operation.op);
            vec![(&*operation.left, methods), (&*operation.right, methods)]
        }
        Expr::UnaryOp(operation) => vec![(&*operation.operand, of_unary(operation.op))],
        Expr::BoolOp(operation) => operation.values.iter().map(|value| (value, TRUTH)).collect(),
        Expr::If(choice) => vec![(&*choice.test, TRUTH)],
        Expr::Compare(comparison) => {
            let before = std::iter::once(&*comparison.left).chain(&comparison.comparators);
            let pairs = before.zip(comparison.comparators.iter().zip(&comparison.ops));
            let compared = pairs.clone().filter(|(_, (_, op))| matches!(op, CmpOp::In | CmpOp::NotIn));
            // `item in [Item()]`
            let elements = compared.flat_map(|(left, (right, _))| shown(right).iter().chain([left]));
            let elements: Operands = elements.map(|one| (one, KEY)).collect();
            let operands = pairs.flat_map(|(left, (right, op))| [left, right].map(|one| (one, of_comparison(*op))));
            operands.chain(elements).collect()
        }
        Expr::Subscript(item) if item.ctx == ExprContext::Load => {
            vec![(&*item.value, &["__getitem__", "__class_getitem__", "__missing__"]), (&*item.slice, KEY)]
        }
        Expr::Dict(dict) => {
            let by_key = if dict.items.len() > 1 { KEY } else { &[] };
            let items = dict.items.iter();
            items.map(|item| item.key.as_ref().map_or((&item.value, MAPPING), |key| (key, by_key))).collect()
        }
        // What is in a display is told apart by its equality.
        Expr::Set(set) if set.elts.len() > 1 => set.elts.iter().map(|one| (one, KEY)).collect(),
        Expr::Attribute(attribute) if attribute.attr.as_str() == FIELDS => vec![(&*attribute.value, FIELDS_OF)],
        Expr::Starred(starred) if starred.ctx == ExprContext::Load => vec![(&*starred.value, ITERATION)],
        Expr::FString(text) => {
            let elements = text.value.elements();
            elements
                .filter_map(InterpolatedStringElement::as_interpolation)
                .map(|one| (&*one.expression, TEXT))
                .collect()
        }
        Expr::ListComp(each) => each.generators.iter().map(|one| (&one.iter, ITERATION)).collect(),
        Expr::SetComp(each) => {
            each.generators.iter().map(|one| (&one.iter, ITERATION)).chain([(&*each.elt, KEY)]).collect()
        }
        Expr::DictComp(each) => {
            let keys = each.key.iter().map(|key| (&**key, KEY));
            each.generators.iter().map(|one| (&one.iter, ITERATION)).chain(keys).collect()
        }
        Expr::Generator(each) => each.generators.iter().map(|one| (&one.iter, ITERATION)).collect(),
        Expr::Call(call) => {
            let methods = match &*call.func {
                Expr::Attribute(method) if is_text(&method.value) => of_text(method.attr.as_str()),
                Expr::Attribute(method) if method.attr.ends_with("enter_context") => &["__enter__", "__exit__"],
                function => dotted(function).map_or(&[][..], |name| of_function(&name)),
            };
            let named = call.arguments.keywords.iter().filter(|keyword| keyword.arg.is_some());
            let named = named.map(|keyword| &keyword.value).filter(|_| methods == TEXT);
            let given = call.arguments.args.iter().chain(named);
            let given = given.filter(|_| !methods.is_empty()).map(|given| (given, methods));
            let unpacked = call.arguments.keywords.iter().filter(|keyword| keyword.arg.is_none());
            // `SEEN.add(item)`, `[item].count(other)`
            let method = call.func.as_attribute_expr().filter(|method| KEYED.contains(&method.attr.as_str()));
            let sought = method.into_iter().flat_map(|_| call.arguments.args.first());
            let among = method.into_iter().flat_map(|method| shown(&method.value));
            let by_key = sought.chain(among).map(|one| (one, KEY));
            given.chain(unpacked.map(|keyword| (&keyword.value, MAPPING))).chain(by_key).collect()
        }
        _ => Vec::new(),
    }
}

/// What stands in a list or a tuple.
fn shown(display: &Expr) -> &[Expr] {
    match display {
        Expr::List(list) => &list.elts,
        Expr::Tuple(tuple) => &tuple.elts,
        _ => &[],
    }
}

fn is_text(value: &Expr) -> bool {
    value.is_string_literal_expr() || value.is_bytes_literal_expr() || value.is_f_string_expr()
}

/// Of a string's own methods.
fn of_text(method: &str) -> Methods {
    match method {
        "format" => TEXT,
        "join" => ITERATION,
        _ => &[],
    }
}

fn of_operator(operator: Operator) -> Methods {
    match operator {
        Operator::Add => &["__add__", "__radd__"],
        Operator::Sub => &["__sub__", "__rsub__"],
        Operator::Mult => &["__mul__", "__rmul__"],
        Operator::MatMult => &["__matmul__", "__rmatmul__"],
        Operator::Div => &["__truediv__", "__rtruediv__"],
        Operator::FloorDiv => &["__floordiv__", "__rfloordiv__"],
        Operator::Mod => &["__mod__", "__rmod__"],
        Operator::Pow => &["__pow__", "__rpow__"],
        Operator::LShift => &["__lshift__", "__rlshift__"],
        Operator::RShift => &["__rshift__", "__rrshift__"],
        Operator::BitOr => &["__or__", "__ror__"],
        Operator::BitAnd => &["__and__", "__rand__"],
        Operator::BitXor => &["__xor__", "__rxor__"],
    }
}

fn of_unary(operator: UnaryOp) -> Methods {
    match operator {
        UnaryOp::Not => TRUTH,
        UnaryOp::USub => &["__neg__"],
        UnaryOp::UAdd => &["__pos__"],
        UnaryOp::Invert => &["__invert__"],
    }
}

fn of_comparison(operator: CmpOp) -> Methods {
    match operator {
        CmpOp::Eq => &["__eq__"],
        CmpOp::NotEq => &["__ne__", "__eq__"],
        CmpOp::Lt | CmpOp::Gt => &["__lt__", "__gt__"],
        CmpOp::LtE | CmpOp::GtE => &["__le__", "__ge__"],
        CmpOp::In | CmpOp::NotIn => &["__contains__", "__iter__"],
        CmpOp::Is | CmpOp::IsNot => &[],
    }
}

pub(super) fn of_function(name: &str) -> Methods {
    match name {
        "len" => &["__len__"],
        "range" => &["__index__"],
        "str" | "format" | "print" => TEXT,
        "repr" | "ascii" => &["__repr__"],
        "vars" | "asdict" | "astuple" | "dataclasses.asdict" | "dataclasses.astuple" => FIELDS_OF,
        "bool" | "any" | "all" => TRUTH,
        "int" | "hex" | "bin" | "oct" => &["__int__", "__index__", "__trunc__"],
        "float" => &["__float__", "__index__"],
        "complex" => &["__complex__", "__float__"],
        "bytes" => &["__bytes__", "__iter__"],
        "abs" => &["__abs__"],
        "round" => &["__round__"],
        "hash" => &["__hash__"],
        "next" => &["__next__"],
        "reversed" => &["__reversed__", "__getitem__", "__len__"],
        "min" | "max" | "sorted" => &["__iter__", "__next__", "__getitem__", "__lt__", "__gt__"],
        "isinstance" | "issubclass" => &["__instancecheck__", "__subclasscheck__", "__subclasshook__"],
        "dict" => MAPPING,
        "list" | "tuple" | "set" | "frozenset" | "sum" | "iter" | "enumerate" | "zip" | "map" | "filter"
        | "dict.fromkeys" | "chain" | "itertools.chain" => ITERATION,
        "divmod" => &["__divmod__", "__rdivmod__"],
        "pow" => &["__pow__", "__rpow__"],
        "dir" => &["__dir__"],
        "getattr" | "hasattr" => &["__getattr__", "__getattribute__"],
        "open" | "os.fspath" | "fspath" | "os.path.join" | "Path" | "pathlib.Path" => &["__fspath__"],
        "math.floor" | "floor" => &["__floor__", "__float__"],
        "math.ceil" | "ceil" => &["__ceil__", "__float__"],
        "math.trunc" | "trunc" => &["__trunc__"],
        "operator.index" => &["__index__"],
        "Counter"
        | "collections.Counter"
        | "deque"
        | "collections.deque"
        | "OrderedDict"
        | "collections.OrderedDict" => &["keys", "__getitem__", "__iter__", "__next__", "__len__"],
        _ => match name.strip_prefix("operator.").and_then(of_operator_function) {
            Some(methods) => methods,
            None => of_copying(name),
        },
    }
}

/// `operator.add` and others.
fn of_operator_function(name: &str) -> Option<Methods> {
    Some(match name {
        "add" | "iadd" | "concat" => of_operator(Operator::Add),
        "sub" | "isub" => of_operator(Operator::Sub),
        "mul" | "imul" => of_operator(Operator::Mult),
        "truediv" => of_operator(Operator::Div),
        "floordiv" => of_operator(Operator::FloorDiv),
        "mod" => of_operator(Operator::Mod),
        "or_" => of_operator(Operator::BitOr),
        "and_" => of_operator(Operator::BitAnd),
        "eq" => of_comparison(CmpOp::Eq),
        "ne" => of_comparison(CmpOp::NotEq),
        "lt" | "gt" => of_comparison(CmpOp::Lt),
        "le" | "ge" => of_comparison(CmpOp::LtE),
        "contains" => of_comparison(CmpOp::In),
        "neg" => of_unary(UnaryOp::USub),
        "not_" | "truth" => TRUTH,
        "getitem" => &["__getitem__"],
        "call" => &["__call__"],
        _ => return None,
    })
}

fn of_copying(name: &str) -> Methods {
    match name {
        "copy" | "copy.copy" | "deepcopy" | "copy.deepcopy" | "copy.replace" => COPYING,
        "pickle.dumps" | "pickle.dump" | "dumps" | "dump" | "marshal.dumps" => COPYING,
        _ => &[],
    }
}

/// Methods of what is in the containers that a function is given.
pub(super) fn of_elements(function: &str) -> Methods {
    match function {
        "min" | "max" | "sorted" | "heapify" | "nsmallest" | "nlargest" => &["__lt__", "__gt__"],
        "heapq.heapify" | "heapq.nsmallest" | "heapq.nlargest" | "heapq.merge" => &["__lt__", "__gt__"],
        "sum" => &["__add__", "__radd__"],
        "any" | "all" | "filter" => TRUTH,
        "set" | "frozenset" | "dict.fromkeys" | "Counter" | "collections.Counter" => &["__hash__", "__eq__"],
        "str" | "repr" | "print" => &["__repr__"],
        "copy" | "copy.copy" => &[],
        _ => of_copying(function),
    }
}
