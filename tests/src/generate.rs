//! Random modules, and random edits of them, from a small grammar: constants, derived values, functions, decorators,
//! classes, closures, dataclasses, tables. The same seed gives the same round.

use std::fmt::Write;

/// Xorshift (Marsaglia 2003): enough for tests, and the same everywhere.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// One definition: what it is, and the numbers that it is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    pub number: usize,
    kind: Kind,
    values: [usize; 3],
    /// The number of a definition before it that it reads.
    reads: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Constant,
    Derived,
    Function,
    Decorated,
    Class,
    Closure,
    Lambda,
    Table,
    Generator,
    Dataclass,
    Subclass,
    DataclassBelow,
    Enumeration,
    OfAttribute,
    Annotated,
    WithArgument,
    Registered,
    Property,
    Branch,
    Tuple,
    Outer,
    Cached,
    AnnotatedName,
    Slots,
    Item,
    Attribute,
    Lambdas,
    Guarded,
}

const KINDS: [Kind; 28] = [
    Kind::Constant,
    Kind::Derived,
    Kind::Function,
    Kind::Decorated,
    Kind::Class,
    Kind::Closure,
    Kind::Lambda,
    Kind::Table,
    Kind::Generator,
    Kind::Dataclass,
    Kind::Subclass,
    Kind::DataclassBelow,
    Kind::Enumeration,
    Kind::OfAttribute,
    Kind::Annotated,
    Kind::WithArgument,
    Kind::Registered,
    Kind::Property,
    Kind::Branch,
    Kind::Tuple,
    Kind::Outer,
    Kind::Cached,
    Kind::AnnotatedName,
    Kind::Slots,
    Kind::Item,
    Kind::Attribute,
    Kind::Lambdas,
    Kind::Guarded,
];

/// A module before and after an edit.
#[derive(Debug, Clone)]
pub struct Round {
    pub before: Vec<Definition>,
    pub after: Vec<Definition>,
}

impl Round {
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut before: Vec<Definition> = Vec::new();
        for number in 0..3 + random.below(6) {
            let made = definition(&mut random, number, &before);
            before.push(made);
        }
        let mut after: Vec<Definition> = Vec::new();
        for old in &before {
            if random.chance(8) {
                continue;
            }
            let mut new = old.clone();
            if random.chance(45) {
                new.values[random.below(3)] = random.below(9);
            }
            if random.chance(5) {
                new = definition(&mut random, old.number, &after);
            }
            after.push(new);
            if random.chance(12) {
                let number = 20 + after.len();
                let made = definition(&mut random, number, &after);
                after.push(made);
            }
        }
        if after.len() > 1 && random.chance(20) {
            let (one, other) = (random.below(after.len()), random.below(after.len()));
            after.swap(one, other);
        }
        // What is read must be there, before it.
        let mut round = Self { before, after };
        round.mend();
        round
    }

    fn mend(&mut self) {
        for side in [&mut self.before, &mut self.after] {
            let known: Vec<usize> = side.iter().map(|definition| definition.number).collect();
            for (place, definition) in side.iter_mut().enumerate() {
                if definition.reads.is_some_and(|number| !known[..place].contains(&number)) {
                    definition.reads = None;
                }
            }
        }
    }

    /// Smaller rounds: without one of the definitions.
    pub fn smaller(&self) -> Vec<Self> {
        let mut numbers: Vec<usize> = self.before.iter().chain(&self.after).map(|one| one.number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let without = |number: usize| {
            let mut round = self.clone();
            round.before.retain(|one| one.number != number);
            round.after.retain(|one| one.number != number);
            round.mend();
            round
        };
        numbers.into_iter().map(without).collect()
    }

    /// Functions without decorators, and lambdas in tables, that are there on both sides: references held to them follow. As
    /// names of definitions, and what of them is held.
    pub fn held(&self) -> Vec<(String, &'static str)> {
        let held = |one: &Definition| match one.kind {
            Kind::Function | Kind::Generator => Some(""),
            Kind::Lambdas => Some("[\"one\"]"),
            _ => None,
        };
        let stays = |one: &&Definition| self.after.iter().any(|o| o.number == one.number && o.kind == one.kind);
        let staying = self.before.iter().filter(stays);
        staying.filter_map(|one| held(one).map(|of| (format!("d{}", one.number), of))).collect()
    }
}

fn definition(random: &mut Random, number: usize, before: &[Definition]) -> Definition {
    let kind = KINDS[random.below(KINDS.len())];
    let reads = (!before.is_empty()).then(|| before[random.below(before.len())].number);
    Definition { number, kind, values: [random.below(9), random.below(9), random.below(9)], reads }
}

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
