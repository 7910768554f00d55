//! Random modules, and random edits of them, from a small grammar: constants, derived values, functions, decorators,
//! classes, closures, dataclasses, tables. The same seed gives the same round.

mod text;

pub use self::text::text;

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
