//! Whether files fit each other: uses of a name that its module does not offer, calls that a function does not take.
//!
//! Only what the texts tell for sure counts: what is decorated, bound twice, imported by a star or hidden by a local
//! variable fits everything.

use std::collections::BTreeSet;

use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use crate::parse;

/// A module with a text.
#[derive(Debug, Clone)]
pub struct Module<'a> {
    /// Its names in `sys.modules`.
    pub names: Vec<String>,
    pub is_package: bool,
    pub text: &'a str,
}

/// What a file uses of others, and what it offers to them.
#[derive(Debug, Default)]
pub(crate) struct References {
    /// By the name here.
    pub imports: HashMap<String, Vec<Import>>,
    pub uses: Vec<Use>,
    pub offers: HashMap<String, Offer>,
    /// It may offer anything.
    pub is_open: bool,
    /// Names that mean something else in some function.
    pub hidden: HashSet<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Import {
    /// As written.
    pub module: String,
    /// How many dots stand before it.
    pub level: usize,
    /// `from module import name`.
    pub name: Option<String>,
}

/// A dotted name that is read or called.
#[derive(Debug)]
pub(crate) struct Use {
    pub path: String,
    /// How many values are passed, and which by name.
    pub call: Option<(usize, Vec<String>)>,
}

#[derive(Debug)]
pub(crate) enum Offer {
    Function(Shape),
    Anything,
}

/// What a function takes.
#[derive(Debug)]
pub(crate) struct Shape {
    pub positional: Vec<String>,
    pub positional_only: usize,
    pub required: Vec<String>,
    /// Those that may be given by name.
    pub named: Vec<String>,
    pub takes_more: bool,
    pub takes_others: bool,
}

impl Shape {
    fn fits(&self, count: usize, named: &[String]) -> bool {
        let by_place = &self.positional[..count.min(self.positional.len())];
        let given = |name: &String| by_place.contains(name) || named.contains(name);
        let known = |name: &String| self.named.contains(name) && !by_place.contains(name);
        (count <= self.positional.len() || self.takes_more)
            && self.required.iter().all(given)
            && named.iter().all(|name| {
                known(name)
                    || (self.takes_others && !by_place[self.positional_only.min(by_place.len())..].contains(name))
            })
    }
}

/// Every use that does not fit, in words; a module that is not among these fits everything.
pub fn misfits(modules: &[Module<'_>]) -> Vec<String> {
    let parsed: Vec<References> = modules.iter().map(|module| parse::references(module.text)).collect();
    let mut by_name: HashMap<&str, usize> = HashMap::default();
    for (index, module) in modules.iter().enumerate() {
        by_name.extend(module.names.iter().map(|name| (name.as_str(), index)));
    }
    let mut found = Vec::new();
    for (module, references) in modules.iter().zip(&parsed) {
        let Some(own) = module.names.first() else { continue };
        let mut tell = |target: &str, name: &str, call: Option<&(usize, Vec<String>)>| {
            // `package.module`
            if by_name.contains_key(format!("{target}.{name}").as_str()) {
                return;
            }
            let Some(&index) = by_name.get(target) else { return };
            match (parsed[index].offers.get(name), call) {
                (None, _) if !parsed[index].is_open => {
                    found.push(format!("{own} uses {target}.{name}, which is not there"))
                }
                (Some(Offer::Function(shape)), Some((count, named))) if !shape.fits(*count, named) => {
                    found.push(format!("{own} calls {target}.{name} otherwise than it is defined"));
                }
                _ => {}
            }
        };
        for import in references.imports.values().flatten() {
            if let (Some(target), Some(name)) = (absolute(own, module.is_package, import), &import.name) {
                tell(&target, name, None);
            }
        }
        for used in &references.uses {
            let mut parts = used.path.split('.');
            let Some(root) = parts.next().filter(|root| !references.hidden.contains(*root)) else { continue };
            let Some([import]) = references.imports.get(root).map(Vec::as_slice) else { continue };
            let Some(mut target) = absolute(own, module.is_package, import) else { continue };
            let mut names: Vec<&str> = import.name.as_deref().into_iter().chain(parts).collect();
            // As far as the names are modules.
            while names.len() > 1 && by_name.contains_key(format!("{target}.{}", names[0]).as_str()) {
                target = format!("{target}.{}", names.remove(0));
            }
            if let [name, rest @ ..] = names.as_slice() {
                tell(&target, name, used.call.as_ref().filter(|_| rest.is_empty()));
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

/// The names of modules that a text may import: of `from a import b` both `a` and `a.b`. `own` is the name of its own module.
pub fn imported_modules(text: &str, own: &str, is_package: bool) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for import in parse::imported(text) {
        let Some(module) = absolute(own, is_package, &import) else { continue };
        let prefixes = module.match_indices('.').map(|(end, _)| module[..end].to_owned());
        found.extend(prefixes.collect::<Vec<_>>());
        found.extend(import.name.map(|name| format!("{module}.{name}")));
        found.insert(module);
    }
    found
}

/// The module that an import names.
fn absolute(own: &str, is_package: bool, import: &Import) -> Option<String> {
    if import.level == 0 {
        return Some(import.module.clone());
    }
    let mut parts: Vec<&str> = own.split('.').collect();
    let up = import.level.saturating_sub(usize::from(is_package));
    if up > parts.len() {
        return None;
    }
    parts.truncate(parts.len() - up);
    if !import.module.is_empty() {
        parts.push(&import.module);
    }
    (!parts.is_empty()).then(|| parts.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(files: &[(&str, &str)]) -> Vec<String> {
        let modules: Vec<Module<'_>> = files
            .iter()
            .map(|(name, text)| Module {
                names: vec![name.trim_end_matches(".__init__").to_owned()],
                is_package: name.ends_with("__init__"),
                text,
            })
            .collect();
        misfits(&modules)
    }

    #[test]
    fn a_call_fits_what_it_calls() {
        let shop = |call: &str| format!("import util\ndef price(n):\n    return util.rate({call}) * n\n");
        for (parameters, call, fits) in [
            ("", "", true),
            ("", "'eu'", false),
            ("where", "", false),
            ("where", "'eu'", true),
            ("where", "where='eu'", true),
            ("where, /", "where='eu'", false),
            ("where, /, **more", "'eu', where='eu'", true),
            ("where='eu'", "", true),
            ("*, where", "'eu'", false),
            ("*, where", "where='eu'", true),
            ("*all", "1, 2, 3", true),
            ("**all", "where=1", true),
            ("where", "'eu', where='eu'", false),
            ("where", "*values", true),
        ] {
            let (util, shop) = (format!("def rate({parameters}): pass\n"), shop(call));
            let modules = [("util", util.as_str()), ("shop", shop.as_str())].map(|(name, text)| Module {
                names: vec![name.to_owned()],
                is_package: false,
                text,
            });
            assert_eq!(misfits(&modules).is_empty(), fits, "def rate({parameters}), rate({call})");
        }
    }

    #[test]
    fn names_are_found_where_they_are() {
        let util = ("util", "def rate(): pass\nLIMIT = 1\n");
        assert_eq!(told(&[util, ("a", "from util import rate, LIMIT\nrate()\n")]), [""; 0]);
        assert_eq!(told(&[util, ("a", "from util import missing\n")]), ["a uses util.missing, which is not there"]);
        assert_eq!(told(&[util, ("a", "import util as u\ndef f(): return u.LIMITS\n")]).len(), 1);
        assert_eq!(told(&[util, ("a", "import util\ndef f(util): return util.other()\n")]), [""; 0]);
        assert_eq!(told(&[util, ("a", "import other\nother.x()\n")]), [""; 0]);
        assert_eq!(told(&[("util", "from x import *\n"), ("a", "import util\nutil.any()\n")]), [""; 0]);
        assert_eq!(told(&[("util", "@cached\ndef rate(): pass\n"), ("a", "import util\nutil.rate(1)\n")]), [""; 0]);
        let package = ("p.__init__", "");
        let module = ("p.m", "def f(): pass\n");
        assert_eq!(told(&[package, module, ("p.n", "from . import m\nfrom .m import f\nm.f()\nf()\n")]), [""; 0]);
        assert_eq!(told(&[package, module, ("b", "import p.m\np.m.f(1)\n")]).len(), 1);
        assert_eq!(told(&[package, module, ("p.n", "from .m import g\n")]).len(), 1);
    }
}
