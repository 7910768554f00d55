//! Whether code reads one of the names that changed, looks into it, or asks what is of its class.

use rustc_hash::FxHashSet as HashSet;

use super::given::meant_by;
use super::graph::{Context, Graph, among, dictionary, is_first};
use crate::effects::{EAGER, Effects, examines, reads_headers};
use crate::tree::{contents, members};

impl<'a> Graph<'a> {
    /// Whether code goes through one of these classes or containers, or gives it to what looks into it: `len(Kind)`.
    pub(super) fn looks_into_any(&self, effects: &Effects, context: Context<'a>, changed: &HashSet<String>) -> bool {
        let is_changed = |name: &String| {
            !effects.is_local(name) && (changed.contains(&members(name)) || changed.contains(&contents(name)))
        };
        let looks = |by: &str| EAGER.contains(&by) || reads_headers(by);
        // `vars(cls)`
        let looks_at_own = |(by, name): &(String, String)| {
            let class = context.class.filter(|_| looks(by) && is_first(name, context));
            class.is_some_and(|class| changed.contains(&dictionary(class)))
        };
        effects.passed.iter().any(|one| looks_at_own(one) || (looks(&one.0) && is_changed(&one.1)))
            || effects.implied.iter().any(|(name, methods)| methods.contains(&"__iter__") && is_changed(name))
    }

    /// Whether code asks what is of which class, of one of these: `isinstance(table, Table)`.
    pub(super) fn examines_any(&self, effects: &'a Effects, context: Context<'a>, changed: &HashSet<String>) -> bool {
        let is_one = |name: &String| !effects.is_local(name) && changed.contains(&members(name));
        let is_of_one =
            |name: &str| self.types_of(name, context, 0).iter().any(|class| changed.contains(&members(class)));
        effects.passed.iter().any(|(by, name)| examines(by) && (is_one(name) || is_of_one(name)))
    }

    /// `with_heirs`: what `self` has may be that of a class which derives from the method's own.
    pub(super) fn reads_any(
        &self,
        effects: &'a Effects,
        context: Context<'a>,
        changed: &HashSet<String>,
        with_heirs: bool,
    ) -> bool {
        if changed.is_empty() {
            return false;
        }
        let is_of_element = |name: &String| {
            name.rsplit_once('.').is_some_and(|(owner, attribute)| {
                self.classes.contains_key(owner) && effects.elements.iter().any(|element| element == attribute)
            })
        };
        if changed.iter().any(is_of_element) {
            return true;
        }
        if self.examines_any(effects, context, changed) {
            return true;
        }
        if self.looks_into_any(effects, context, changed) {
            return true;
        }
        if self.used_of_given(effects, context).0.iter().any(|name| !meant_by(name, changed).is_empty()) {
            return true;
        }
        effects.reads.iter().any(|name| {
            if name.contains("[].") && self.read_as(name, context).iter().any(|name| changed.contains(name)) {
                return true;
            }
            if name.contains('.') && self.attributes(name, context).iter().any(|name| !among(name, changed).is_empty())
            {
                return true;
            }
            if let (Some(class), Some((holder, attribute))) = (context.class, name.split_once('.'))
                && (holder == "self" || holder == "cls" || is_first(holder, context))
            {
                let attribute = attribute.split('.').next().unwrap_or(attribute);
                let heirs = self.heirs.get(class).into_iter().flatten().copied().filter(|_| with_heirs);
                let mut owners = self.ancestors(class).iter().copied().chain([class]).chain(heirs);
                return owners.any(|owner| !among(&format!("{owner}.{attribute}"), changed).is_empty());
            }
            !effects.is_local(name) && (changed.contains(name) || changed.contains(&format!("{name}[]")))
        })
    }
}
