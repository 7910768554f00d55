//! Whether an edit can go live before other files are saved.

use rustc_hash::FxHashSet as HashSet;

use crate::outline::Outline;

/// Builtins that no other file changes.
const BUILTINS: &[&str] = &[
    "abs",
    "all",
    "any",
    "ascii",
    "bin",
    "bool",
    "bytes",
    "callable",
    "chr",
    "dict",
    "divmod",
    "enumerate",
    "filter",
    "float",
    "format",
    "frozenset",
    "getattr",
    "hasattr",
    "hash",
    "hex",
    "id",
    "int",
    "isinstance",
    "issubclass",
    "iter",
    "len",
    "list",
    "map",
    "max",
    "min",
    "next",
    "oct",
    "ord",
    "pow",
    "print",
    "range",
    "repr",
    "reversed",
    "round",
    "set",
    "slice",
    "sorted",
    "str",
    "sum",
    "tuple",
    "type",
    "zip",
];

/// Whether what is new in `new` calls and reads nothing that another file may be about to change: no name that is imported,
/// no attribute that is called, no new definition or import. Errs on the side of no.
pub fn is_self_contained(live: &Outline, new: &Outline) -> bool {
    if !new.is_valid() || new.text.trim().is_empty() {
        return false;
    }
    let names = |outline: &Outline| -> HashSet<String> {
        outline.definitions().into_iter().map(|definition| definition.qualified_name).collect()
    };
    let defined = names(new);
    if names(live) != defined {
        return false;
    }
    let imported = imported(new);
    let before: HashSet<&str> = live.text.lines().collect();
    new.text.lines().filter(|line| !before.contains(line)).all(|line| is_plain(line, &defined, &imported))
}

/// Names that import statements at the top of the module bind, as words of their lines.
fn imported(outline: &Outline) -> HashSet<&str> {
    let mut found = HashSet::default();
    let mut open = false;
    for line in outline.text.lines() {
        let line = line.trim_start();
        if open || line.starts_with("import ") || line.starts_with("from ") {
            found.extend(line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()));
            open = (open || line.contains('(')) && !line.contains(')');
        }
    }
    found
}

fn is_plain(line: &str, defined: &HashSet<String>, imported: &HashSet<&str>) -> bool {
    let trimmed = line.trim_start();
    if ["def ", "async ", "class ", "@", "import ", "from "].iter().any(|start| trimmed.starts_with(start)) {
        return false;
    }
    let mut before = None;
    let mut rest = trimmed;
    while let Some(start) = rest.find(|c: char| c.is_alphabetic() || c == '_') {
        if let Some(last) = rest[..start].chars().next_back() {
            before = Some(last);
        }
        let length = rest[start..].find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len() - start);
        let word = &rest[start..start + length];
        rest = &rest[start + length..];
        let is_called = rest.trim_start().starts_with('(');
        let is_known = defined.contains(word) || BUILTINS.contains(&word);
        if imported.contains(word) || (is_called && (before == Some('.') || !is_known)) {
            return false;
        }
        before = None;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::is_self_contained;
    use crate::outline::Outline;

    fn check(before: &str, after: &str) -> bool {
        is_self_contained(&Outline::parse(before), &Outline::parse(after))
    }

    #[test]
    fn a_changed_body_that_names_nothing_of_other_files_need_not_wait() {
        assert!(check("import a\ndef f(x):\n    return 1\n", "import a\ndef f(x):\n    return len(x) + 2\n"));
        assert!(check("def f():\n    return 'a'\n", "def f():\n    # b\n    return 'b'\n"));
    }

    #[test]
    fn what_another_file_may_be_about_to_change_waits() {
        let before = "from rates import rate\ndef f(o):\n    return rate()\n";
        assert!(!check(before, "from rates import rate\ndef f(o):\n    return rate(1)\n"));
        assert!(!check(before, "from rates import rate\ndef f(o):\n    return o.total(1)\n"));
        assert!(!check(before, "from rates import rate, base\ndef f(o):\n    return rate()\n"));
        assert!(!check(before, "from rates import rate\ndef f(o, p):\n    return rate()\n"));
        assert!(!check(before, "from rates import rate\ndef f(o):\n    return rate()\ndef g(): pass\n"));
        assert!(!check(before, ""));
        assert!(!check(before, "from rates import rate\ndef f(o):\n    return (\n"));
    }
}
