//! Whatever the text: nothing panics, excerpts parse, and a text does not differ from itself.

mod support;

use hotsplice_analysis::{Outline, changed_definitions, diff, splice};

const TEXTS: &[&str] = &[
    "from __future__ import annotations\nimport os, re\nfrom a.b import c as d, e\n\nX: int = 1\nY = X + len('é')\nif X:\n    def f(a, b=Y, *c, d: int = 2, **e) -> int:\n        \"\"\"doc\"\"\"\n        def g(): return a\n        return [i for i in g()]\nelse:\n    f = None\n",
    "@d(1)\nclass A(B, C, metaclass=M):\n    '''doc\nmore'''\n    x = 1; y = 2\n    class B: z = 1; w = 2\n    @property\n    def x(self): return super().x\n    @x.setter\n    def x(self, v=[\n        1,\n    ]):\n        self._x = v\n    try:\n        from q import r\n    except ImportError:\n        def r(self): return 1\n\n\nasync def h[T](x: T = (\n    1\n)) -> T:\n    async with x as y, z:\n        await y\n    match y:\n        case [1, *rest] if rest:\n            def deep(): return rest\n        case {'a': A(b=c), **kw}:\n            pass\n",
    "def f(): pass\ndef f(): return 1\n\\\n\nx = \\\n  1\n\x0c\ndef g():\n\treturn f'{x!r:>{y}} {x=}' \"\"\"\n  multi\n\"\"\"\nfor i in range(3): print(i)\nwith open(x) as (a, b): pass\ntype Z[T] = list[T]\ndel x\nglobal q\n__all__ += ['f']\nif __name__ == '__main__':\n    f()\n",
    "\u{feff}class A:\r\n    def m(self, a=1):\r\n        return lambda b=a: (b, [c for c in b])\r\n\r\n    async def n(self):\r\n        nonlocal_ = 1\r\n        while True:\r\n            yield nonlocal_\r\n\r\nA.k = A().m\r\nprint(A.k)\r\n",
];

/// A small generator of numbers: the same ones at each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).expect("31 bits") % limit.max(1)
    }
}

fn mutate(text: &str, numbers: &mut Numbers) -> String {
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    for _ in 0..=numbers.below(3) {
        let at = numbers.below(lines.len());
        let other = numbers.below(lines.len());
        match numbers.below(8) {
            0 => {
                lines.remove(at);
            }
            1 => lines.insert(at, lines[other].clone()),
            2 => lines.swap(at, other),
            3 => lines[at] = format!("    {}", lines[at]),
            4 => lines[at] = lines[at].trim_start().to_owned(),
            5 => lines[at] = lines[at].replace('1', "2"),
            6 => lines.insert(at, "\n".to_owned()),
            _ => {
                let cut = numbers.below(lines[at].len());
                let cut = (0..=cut).rev().find(|&byte| lines[at].is_char_boundary(byte)).unwrap_or(0);
                lines[at].truncate(cut);
            }
        }
        if lines.is_empty() {
            lines.push(String::new());
        }
    }
    lines.concat()
}

fn try_pair(live: &str, new: &str) {
    let (live, new) = (Outline::parse(live), Outline::parse(new));
    let patch = diff("m.py", 0, &live, &new, &[]);
    support::check(&new, &patch);
    changed_definitions(&live, &new);
    for definition in live.definitions().iter().chain(&new.definitions()) {
        let text = splice(&live, &new, &definition.qualified_name).expect("one of the two has it");
        if live.is_valid() && new.is_valid() {
            let outline = Outline::parse(&text);
            assert!(
                outline.is_valid(),
                "{} {:?}\n{text}\n--- live ---\n{}\n--- new ---\n{}",
                definition.qualified_name,
                outline.problems(),
                live.text(),
                new.text()
            );
        }
    }
    for outline in [&live, &new] {
        let same = diff("m.py", 0, outline, &Outline::parse(outline.text()), &[]);
        assert!(same.edits.is_empty() && same.units.is_empty() && same.moves.is_empty() && same.classes.is_empty());
    }
}

/// What a text parses to does not depend on what was known before.
fn try_incremental(known: &str, new: &str) {
    let long = |text: &str| format!("{}{text}{}", TEXTS[2], TEXTS[1]);
    for (known, new) in [(known.to_owned(), new.to_owned()), (long(known), long(new))] {
        let incremental = Outline::parse_from(&Outline::parse(&known), &new);
        let whole = Outline::parse(&new);
        assert_eq!(format!("{incremental:?}"), format!("{whole:?}"), "--- known ---\n{known}\n--- new ---\n{new}");
    }
}

#[test]
fn mutated_texts() {
    let mut numbers = Numbers(0x9E37_79B9_7F4A_7C15);
    let mut valid = 0;
    for round in 0..1_500 {
        let text = TEXTS[round % TEXTS.len()];
        let first = mutate(text, &mut numbers);
        let second = mutate(&first, &mut numbers);
        valid += u32::from(Outline::parse(&second).is_valid());
        try_pair(text, &first);
        try_pair(&first, &second);
        let pairs = [(text, &*first), (&first, &second), (&second, &first)];
        for (known, new) in pairs.into_iter().take(if round % 4 == 0 { 3 } else { 1 }) {
            try_incremental(known, new);
        }
    }
    assert!(valid > 200, "only {valid} of the mutated texts are valid");
}

#[test]
fn one_text_to_another() {
    for live in TEXTS {
        for new in TEXTS {
            try_pair(live, new);
        }
    }
}

#[test]
fn depth_is_bounded() {
    for text in [
        "(".repeat(200_000),
        "-".repeat(200_000) + "1",
        "x = ".to_owned() + &"a + ".repeat(15_000) + "1\n",
        "[".repeat(3_000) + &"]".repeat(3_000),
    ] {
        let outline = Outline::parse(&text);
        assert!(diff("m.py", 0, &outline, &Outline::parse("x = 1\n"), &[]).edits.len() <= 2);
    }
}
