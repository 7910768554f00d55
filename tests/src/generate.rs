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
}

const KINDS: [Kind; 10] = [
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

    /// Functions without decorators on both sides: references held to them follow.
    pub fn plain_functions(&self) -> Vec<String> {
        let is_plain = |one: &&Definition| matches!(one.kind, Kind::Function | Kind::Generator);
        let stays = |one: &&Definition| self.after.iter().any(|other| other.number == one.number && is_plain(&other));
        self.before.iter().filter(is_plain).filter(stays).map(|one| format!("d{}", one.number)).collect()
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
        "import dataclasses\nimport functools\n\n\ndef wrap(function):\n    @functools.wraps(function)\n    def wrapper(*arguments, **keywords):\n        return \"wrapped\", function(*arguments, **keywords)\n    return wrapper\n\n\n",
    );
    let mut calls = Vec::new();
    for Definition { number: n, kind, values: [x, y, z], reads } in definitions {
        let read = reads.map_or_else(|| "0".to_owned(), |number| format!("d{number}"));
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
        }
    }
    let _ = write!(
        text,
        "def shown(value):\n    return getattr(value, \"__name__\", None) or repr(value)[:40]\n\n\ndef check():\n    return [{}]\n",
        calls.join(", ")
    );
    text
}
