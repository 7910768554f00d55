//! The Python text of a random module.

use std::fmt::Write;

use super::{Definition, Kind};

/// The module's text; `check()` gives what everything in it gives.
pub fn text(definitions: &[Definition]) -> String {
    let mut text = String::from(
        "import dataclasses\nimport enum\nimport functools\nimport sys\nimport typing\n\n\n__registry__ = {}\n__registered__ = []\n\n\ndef register(key):\n    def add(function):\n        __registered__.append(function)\n        __registry__[key] = function\n        return function\n    return add\n\n\ndef times(count):\n    def decorate(function):\n        def wrapper(*arguments):\n            return shown(count), function(*arguments)\n        return wrapper\n    return decorate\n\n\ndef wrap(function):\n    @functools.wraps(function)\n    def wrapper(*arguments, **keywords):\n        return \"wrapped\", function(*arguments, **keywords)\n    return wrapper\n\n\n",
    );
    let mut calls = Vec::new();
    let is_of = |number: &Option<usize>, kinds: &[Kind]| {
        let number = (*number)?;
        let read = definitions.iter().find(|one| one.number == number)?;
        kinds.contains(&read.kind).then(|| format!("d{number}"))
    };
    for Definition { number: n, kind, values: [x, y, z], reads } in definitions {
        let has_value = |number: &usize| {
            definitions
                .iter()
                .any(|one| one.number == *number && !(one.kind == Kind::AnnotatedName && one.values[2] % 3 == 2))
        };
        let read = reads.filter(has_value).map_or_else(|| "0".to_owned(), |number| format!("d{number}"));
        let shown = format!("shown({read})");
        match kind {
            Kind::Constant => {
                let _ = writeln!(text, "d{n} = ({x}, {y})\n");
                calls.push(format!("d{n}"));
            }
            Kind::Derived => {
                let _ = writeln!(text, "d{n} = [{read}, {x}]\n");
                calls.push(format!("shown(d{n}[0])"));
            }
            Kind::Function => {
                let _ = writeln!(
                    text,
                    "def d{n}(a={x}, *, b=({y},)):\n    \"\"\"Number {z}.\"\"\"\n    return a, b, {z}, {shown}\n\n"
                );
                calls.push(format!("d{n}()"));
            }
            Kind::Decorated => {
                let decorator = if z % 2 == 0 { "@wrap\n" } else { "" };
                let _ = writeln!(text, "{decorator}def d{n}(a={x}):\n    return a, {y}, {shown}\n\n");
                calls.push(format!("d{n}()"));
            }
            Kind::Class => {
                let _ = writeln!(
                    text,
                    "class d{n}:\n    \"\"\"Number {x}.\"\"\"\n    level = {y}\n\n    def method(self, a={z}):\n        return self.level, a, {shown}\n\n    @property\n    def double(self):\n        return self.level * {x}\n\n    @staticmethod\n    def loose():\n        return {y}\n\n"
                );
                calls.push(format!("(d{n}().method(), d{n}().double, d{n}.loose())"));
            }
            Kind::Closure => {
                let _ = writeln!(
                    text,
                    "def d{n}(a={x}):\n    def inner(b):\n        return a, b, {y}, {shown}\n    return inner\n\n"
                );
                calls.push(format!("d{n}()({z})"));
            }
            Kind::Lambda => {
                let _ = writeln!(text, "d{n} = lambda a={x}: (a, {y}, {shown})\n");
                calls.push(format!("d{n}()"));
            }
            Kind::Table => {
                let _ = writeln!(
                    text,
                    "d{n} = {{\"read\": {read}, \"values\": [value * {x} for value in range({y} % 3)]}}\n"
                );
                calls.push(format!("(shown(d{n}[\"read\"]), d{n}[\"values\"])"));
            }
            Kind::Generator => {
                let _ = writeln!(text, "def d{n}(a={x}):\n    yield a\n    yield {y}\n    yield {shown}\n\n");
                calls.push(format!("list(d{n}())"));
            }
            Kind::Dataclass => {
                let order = if z % 3 == 0 { "(order=True)" } else { "" };
                let _ = writeln!(
                    text,
                    "@dataclasses.dataclass{order}\nclass d{n}:\n    first: int = {x}\n    second: int = {y}\n\n    def total(self):\n        return self.first + self.second + {z}\n\n"
                );
                calls.push(format!("(d{n}(), d{n}().total())"));
            }
            Kind::Subclass => {
                let base = is_of(reads, &[Kind::Class, Kind::Subclass]);
                let above = base.as_ref().map_or("0", |_| "super().method()");
                let level = if z % 2 == 0 { format!("    level = {y}\n\n") } else { String::new() };
                let base = base.unwrap_or_else(|| "object".to_owned());
                let _ = writeln!(
                    text,
                    "class d{n}({base}):\n{level}    def method(self):\n        return {above}, getattr(self, \"level\", None), {x}\n\n"
                );
                calls.push(format!("d{n}().method()"));
            }
            Kind::DataclassBelow => {
                let base =
                    is_of(reads, &[Kind::Dataclass, Kind::DataclassBelow]).unwrap_or_else(|| "object".to_owned());
                let more = if z % 2 == 0 { "    more: list = dataclasses.field(default_factory=list)\n" } else { "" };
                let _ = writeln!(
                    text,
                    "@dataclasses.dataclass\nclass d{n}({base}):\n    third: int = {x}\n{more}\n    def own(self):\n        return {y}, self.third\n\n"
                );
                calls.push(format!("(d{n}(), d{n}().own())"));
            }
            Kind::Enumeration => {
                let third = if y % 2 == 0 { "    THIRD = enum.auto()\n" } else { "" };
                let _ = writeln!(
                    text,
                    "class d{n}(enum.Enum):\n    FIRST = {x}\n{third}    LAST = enum.auto()\n    ALIAS = FIRST\n\n    def shown(self):\n        return self.value, {z}\n\n"
                );
                calls.push(format!("[(one.name, one.shown()) for one in d{n}]"));
            }
            Kind::OfAttribute => {
                let owner = is_of(reads, &[Kind::Class, Kind::Subclass, Kind::Dataclass, Kind::Outer]);
                let read = owner.map_or_else(
                    || "0".to_owned(),
                    |owner| {
                        format!("getattr({owner}, \"level\", 0), {owner}.level if hasattr({owner}, \"level\") else {x}")
                    },
                );
                let _ = writeln!(text, "d{n} = [{read}, {y}]\n");
                calls.push(format!("d{n}"));
            }
            Kind::Annotated => {
                let _ = writeln!(
                    text,
                    "def d{n}(a: {read} = {x}, b: \"int\" = {read}) -> {read}:\n    return a, {y}, {shown}\n\n"
                );
                calls.push(format!("(d{n}(), sorted(d{n}.__annotations__), shown(d{n}.__annotations__[\"a\"]))"));
            }
            Kind::WithArgument => {
                let _ = writeln!(text, "@times({read})\ndef d{n}(a={x}):\n    return a, {y}\n\n");
                calls.push(format!("d{n}()"));
            }
            Kind::Registered => {
                let key = if z % 3 == 0 { "other" } else { "key" };
                let _ = writeln!(text, "@register(\"{key} {n}\")\ndef d{n}(a={x}):\n    return a, {y}\n\n");
                calls.push(format!("d{n}()"));
            }
            Kind::Property => {
                let setter = if y % 2 == 0 {
                    "    @value.setter\n    def value(self, new):\n        self.kept = new\n\n"
                } else {
                    ""
                };
                let deleter =
                    if z % 2 == 0 { "    @value.deleter\n    def value(self):\n        del self.kept\n\n" } else { "" };
                let _ = writeln!(
                    text,
                    "class d{n}:\n    kept = {z}\n\n    @property\n    def value(self):\n        return self.kept, {x}\n\n{deleter}{setter}"
                );
                calls.push(format!("(d{n}().value, d{n}.value.fset is None, d{n}.value.fdel is None)"));
            }
            Kind::Branch => {
                let _ = writeln!(
                    text,
                    "if {x} % 2:\n    def d{n}(a={y}):\n        return a, \"odd\", {z}\nelse:\n    def d{n}(a={y}):\n        return a, \"even\", {shown}\n\n"
                );
                calls.push(format!("d{n}()"));
            }
            Kind::Tuple => {
                let more = if z % 2 == 0 { format!("    more: int = {y}\n") } else { String::new() };
                let _ = writeln!(
                    text,
                    "class d{n}(typing.NamedTuple):\n    first: int = {x}\n{more}\n    def total(self):\n        return sum(self) + {y}\n\n"
                );
                calls.push(format!("(d{n}(), d{n}().total())"));
            }
            Kind::Outer => {
                let _ = writeln!(
                    text,
                    "class d{n}:\n    level = {x}\n    twice = level * 2\n\n    class Inner:\n        level = {y}\n\n        def method(self, a={read}):\n            return self.level, {z}, shown(a)\n\n    @classmethod\n    def make(cls, a=twice):\n        return cls.level, a, cls.Inner().method()\n\n"
                );
                calls.push(format!("d{n}.make()"));
            }
            Kind::Cached => {
                let size = if z % 2 == 0 { "16" } else { "None" };
                let _ =
                    writeln!(text, "@functools.lru_cache({size})\ndef d{n}(a={x}):\n    return a, {y}, {shown}\n\n");
                calls.push(format!("d{n}()"));
            }
            Kind::AnnotatedName => {
                let line = match z % 3 {
                    0 => format!("d{n}: int = {x}"),
                    1 => format!("d{n} = {x}"),
                    _ => format!("d{n}: \"{read}\""),
                };
                let _ = writeln!(text, "{line}\n");
                calls.push(format!(
                    "(globals().get(\"d{n}\"), shown(getattr(sys.modules[__name__], \"__annotations__\", {{}}).get(\"d{n}\")))"
                ));
            }
            Kind::Item => {
                let key = if y % 3 == 0 { "other" } else { "second" };
                let _ = writeln!(
                    text,
                    "d{n} = {{\"first\": {x}}}\nd{n}[\"{key}\"] = [{read}, {y}]\nof_d{n} = [d{n}.get(\"second\"), {z}]\n"
                );
                calls.push(format!("(sorted(d{n}), [shown(one) for one in of_d{n}[0] or ()], of_d{n}[1])"));
            }
            Kind::Attribute => {
                let name = if y % 3 == 0 { "tag" } else { "label" };
                let _ = writeln!(
                    text,
                    "def d{n}(a={x}):\n    return a, {shown}\n\n\nd{n}.{name} = {y}\nof_d{n} = [getattr(d{n}, \"label\", None), {z}]\n\n"
                );
                calls.push(format!("(d{n}(), of_d{n}, sorted(d{n}.__dict__))"));
            }
            Kind::Lambdas => {
                let _ = writeln!(
                    text,
                    "d{n} = {{\"one\": lambda a={x}: (a, {y}, {shown}), \"two\": [lambda: {z}, {read}]}}\n"
                );
                calls.push(format!("(d{n}[\"one\"](), d{n}[\"two\"][0](), shown(d{n}[\"two\"][1]))"));
            }
            Kind::Guarded => {
                let _ = writeln!(
                    text,
                    "if {x} % 3:\n    d{n} = [{read}, {y}]\n    of_d{n} = [d{n}[1], {z}]\n\n    class in_d{n}:\n        level = {y}\n\n        def method(self, a={z}):\n            return self.level, a, {shown}\nelif {x} % 2:\n    d{n} = [{y}]\n    of_d{n} = [d{n}[0], {y}]\n    in_d{n} = None\nelse:\n    d{n} = of_d{n} = ({z},)\n    in_d{n} = None\n"
                );
                calls.push(format!("(shown(d{n}[0]), d{n}[1:], of_d{n}, in_d{n} and in_d{n}().method())"));
            }
            Kind::Slots => {
                let _ = writeln!(
                    text,
                    "class d{n}:\n    __slots__ = (\"a\",)\n\n    def __init__(self, a={x}):\n        self.a = a\n\n    def __eq__(self, other):\n        return self.a == other.a + {y}\n\n{}",
                    if z % 2 == 0 { "    def __hash__(self):\n        return 1\n\n" } else { "" }
                );
                calls.push(format!("(d{n}().a, d{n}.__hash__ is None)"));
            }
        }
    }
    let _ = write!(
        text,
        "def shown(value):\n    return getattr(value, \"__name__\", None) or repr(value)[:40]\n\n\ndef check():\n    return [{}]\n",
        {
            calls.push("(sorted((key, value.__name__) for key, value in __registry__.items()), sorted(one.__name__ for one in __registered__))".to_owned());
            calls.join(", ")
        }
    );
    text
}
