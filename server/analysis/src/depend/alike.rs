//! Whether two versions of a text do the same as far as a graph can tell: who calls whom in one is who calls whom in the other.

use std::sync::Arc;

use crate::tree::{DefaultValue, Node, Nodes, Parts};

/// Where a statement stands, and how its values are spelled, is nothing to a graph. That it was not asked of something is decided
/// here for each part: a new one does not compile without.
pub(crate) fn are_alike(these: &Nodes, others: &Nodes) -> bool {
    let (these, others) = (these.shared(), others.shared());
    these.len() == others.len()
        && these.iter().zip(others).all(|(one, other)| Arc::ptr_eq(one, other) || is_alike(one, other))
}

fn is_alike(one: &Node, other: &Node) -> bool {
    let Node {
        what,
        name,
        line: _,
        end_line: _,
        hash: _,
        frame: _,
        shell: _,
        layout: _,
        binds,
        updates,
        reads,
        own_reads,
        calls,
        passed,
        writes,
        effects,
        parts,
        makes_lambdas,
        runs_unasked: _,
        stops: _,
        acts: _,
        main_guard: _,
        definition,
        body,
    } = one;
    let bindings = |node: &Node| {
        node.binds
            .iter()
            .chain(&node.updates)
            .map(|one| (&one.name, &one.origin))
            .eq(binds.iter().chain(updates).map(|one| (&one.name, &one.origin)))
    };
    let definitions = match (definition, &other.definition) {
        (Some(own), Some(other)) => is_made_alike(own, other),
        (None, None) => true,
        _ => false,
    };
    definitions
        && *what == other.what
        && *name == other.name
        && binds.len() == other.binds.len()
        && bindings(other)
        && *effects == other.effects
        && *reads == other.reads
        && *own_reads == other.own_reads
        && *calls == other.calls
        && *passed == other.passed
        && *writes == other.writes
        && *parts == other.parts
        && *makes_lambdas == other.makes_lambdas
        && are_alike(body, &other.body)
}

fn is_made_alike(one: &Parts, other: &Parts) -> bool {
    let Parts {
        qualified,
        is_async,
        name_columns: _,
        name_line: _,
        header_line: _,
        header_end_line: _,
        one_line: _,
        decorators: _,
        decorator_shape,
        type_parameters: _,
        docstring: _,
        body: _,
        annotations: _,
        has_annotations,
        annotation_reads,
        hint_reads,
        parameters,
        defaults,
        inside,
        uses,
        gives,
        places: _,
        attributes,
        bases,
        keywords,
        decorator_reads,
        decorator_heads,
        decorator_arguments,
        header_reads,
        base_names,
        metaclass,
    } = one;
    let is_given_alike = |(own, other): (&DefaultValue, &DefaultValue)| {
        let DefaultValue { parameter, hash: _, span: _, reads, effects, literal: _ } = own;
        *parameter == other.parameter && *reads == other.reads && *effects == other.effects
    };
    *inside == other.inside
        && *uses == other.uses
        && *qualified == other.qualified
        && *is_async == other.is_async
        && *decorator_shape == other.decorator_shape
        && *has_annotations == other.has_annotations
        && *annotation_reads == other.annotation_reads
        && *hint_reads == other.hint_reads
        && *parameters == other.parameters
        && defaults.len() == other.defaults.len()
        && defaults.iter().zip(&other.defaults).all(is_given_alike)
        && *gives == other.gives
        && attributes.iter().map(|one| &one.name).eq(other.attributes.iter().map(|one| &one.name))
        && *bases == other.bases
        && *keywords == other.keywords
        && *decorator_reads == other.decorator_reads
        && *decorator_heads == other.decorator_heads
        && *decorator_arguments == other.decorator_arguments
        && *header_reads == other.header_reads
        && *base_names == other.base_names
        && *metaclass == other.metaclass
}

#[cfg(test)]
mod tests {
    use super::are_alike;
    use crate::outline::Outline;

    fn alike(one: &str, other: &str) -> bool {
        let one = Outline::parse(one);
        let other = Outline::parse_from(&one, other);
        are_alike(&one.file.items, &other.file.items)
    }

    #[test]
    fn what_is_only_spelled_or_placed_otherwise_is_alike() {
        let text = "LIMIT = 1\n\nclass Table:\n    def fill(self, count=3):\n        return build(count + 1)\n";
        for other in [
            text.replace("+ 1", "+ 7"),
            text.replace("= 1\n", "= 2\n\n\n"),
            text.replace("count=3", "count=4"),
            text.replace("    def", "    # why\n    def"),
        ] {
            assert!(alike(text, &other), "{other}");
        }
    }

    #[test]
    fn what_calls_reads_derives_or_is_decorated_otherwise_is_not() {
        let text = "LIMIT = 1\n\nclass Table:\n    def fill(self, count=3):\n        return build(count + 1)\n";
        for other in [
            text.replace("build", "other"),
            text.replace("count + 1", "count + LIMIT"),
            text.replace("= 1\n", "= make()\n"),
            text.replace("Table:", "Table(Base):"),
            text.replace("count=3", "count=LIMIT"),
            text.replace("    def", "    @cached\n    def"),
            text.replace("return build", "self.size = build"),
            text.replace("fill", "load"),
        ] {
            assert!(!alike(text, &other), "{other}");
        }
    }
}
