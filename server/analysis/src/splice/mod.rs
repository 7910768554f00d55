//! The live text with one definition or statement exchanged for its new version, and nothing else.

mod locate;
mod needed;

use crate::lines::newline_of;
use crate::matching::match_items;
use crate::outline::Outline;
use crate::text::{Changes, blank_lines_before, indentation, indented};
use crate::tree::{Node, Nodes};
pub(crate) use locate::find;
use locate::{Place, parent_name};
/// The live text with one definition (or one statement of a module or class, by what it binds) replaced by that of the new text, added from it, or removed if the new text
/// lacks it. What a new definition needs to find beside itself (new imports, functions, classes and constants that
/// it reads) comes along. Nothing when neither text has the definition.
pub fn splice(live: &Outline, new: &Outline, qualified_name: &str) -> Option<String> {
    let mut name = qualified_name;
    loop {
        let mut splicing = Splicing::new(live, new);
        splicing.exchange(name)?;
        splicing.add_needed();
        let text = splicing.changes.apply(live);
        let broken = live.is_valid() && new.is_valid() && !Outline::parse_from(live, &text).is_valid();
        // Where indentation does not let a definition stand alone, the one around it is exchanged.
        match parent_name(name) {
            Some(parent) if broken => name = parent,
            _ => return Some(text),
        }
    }
}

struct Splicing<'a> {
    live: &'a Outline,
    new: &'a Outline,
    newline: &'static str,
    changes: Changes,
    /// What was taken from the new text.
    taken: Vec<&'a Node>,
}

impl<'a> Splicing<'a> {
    fn new(live: &'a Outline, new: &'a Outline) -> Self {
        Self { live, new, newline: newline_of(&live.text), changes: Changes::default(), taken: Vec::new() }
    }

    fn exchange(&mut self, name: &str) -> Option<()> {
        let (live, new) = (find(self.live, name), find(self.new, name));
        if live.is_empty() && new.is_empty() {
            return None;
        }
        let nodes = |places: &[Place<'a>]| places.iter().map(|place| place.node).collect::<Vec<_>>();
        let matching = match_items(&nodes(&live), &nodes(&new));
        for (place, partner) in new.iter().zip(&matching.live_of) {
            match partner.map(|index| live[index].node) {
                Some(partner) => self.replace(partner, place.node),
                None => self.add(place, name)?,
            }
        }
        for (place, partner) in live.iter().zip(&matching.new_of) {
            if partner.is_none() {
                self.remove(place);
            }
        }
        Some(())
    }

    fn replace(&mut self, live: &'a Node, new: &'a Node) {
        let wanted = indentation(self.live, live.line);
        let text = indented(self.new, (new.line, new.end_line), self.newline, wanted);
        self.changes.replace((live.line, live.end_line), text);
        self.taken.push(new);
    }

    fn remove(&mut self, place: &Place) {
        let node = place.node;
        let is_only = place.parent.is_some_and(|parent| parent.is_function() || parent.body.len() == 1);
        let text = match is_only || place.block.is_some() {
            true => format!("{}pass{}", indentation(self.live, node.line), self.newline),
            false => String::new(),
        };
        self.changes.replace((node.line, node.end_line), text);
    }

    /// Adds a definition that the live text lacks. One that can't stand alone comes with what is around it.
    fn add(&mut self, place: &Place<'a>, name: &str) -> Option<()> {
        let item = place.block.unwrap_or(place.node);
        let Some(parent) = place.parent else {
            let (live, new) = (self.live, self.new);
            self.insert(item, &live.file.items, &new.file.items, None);
            return Some(());
        };
        let outer = parent_name(name)?;
        let live_parent = find(self.live, outer).first().map(|found| found.node);
        match live_parent {
            Some(class) if class.is_class() && parent.is_class() && !is_one_line(class) => {
                self.insert(item, &class.body, &parent.body, Some(class));
                Some(())
            }
            _ => self.exchange(outer),
        }
    }

    /// Puts a statement of the new text where it stands there, as seen from its neighbours. One that stands for a
    /// live statement and binds all that this binds takes its place.
    fn insert(&mut self, item: &'a Node, live: &'a Nodes, new: &'a Nodes, class: Option<&Node>) {
        self.taken.push(item);
        let live: Vec<&Node> = live.iter().collect();
        let new: Vec<&Node> = new.iter().collect();
        let matching = match_items(&live, &new);
        let Some(index) = new.iter().position(|node| std::ptr::eq(*node, item)) else {
            return;
        };
        let partner = matching.live_of[index].map(|index| live[index]);
        if let Some(partner) = partner
            && !partner.is_definition()
            && !partner.binds.is_empty()
            && partner.binds.iter().all(|binding| item.binds_name(&binding.name))
        {
            let wanted = indentation(self.live, partner.line);
            let text = indented(self.new, (item.line, item.end_line), self.newline, wanted);
            self.changes.replace((partner.line, partner.end_line), text);
            return;
        }
        let before = (0..index).rev().find_map(|earlier| matching.live_of[earlier]).map(|index| live[index]);
        let leading = live.iter().take_while(|node| is_leading(node)).last().copied();
        let after_line = match (before.or(leading), class.and_then(|class| class.definition.as_ref())) {
            (Some(before), _) => before.end_line,
            (None, Some(header)) => header.header_end_line,
            (None, None) => 0,
        };
        let wanted = match (live.first(), class) {
            (Some(first), Some(_)) => indentation(self.live, first.line),
            _ => indentation(self.new, item.line),
        };
        let blank = self.newline.repeat(blank_lines_before(self.new, item.line));
        let text = indented(self.new, (item.line, item.end_line), self.newline, wanted);
        let text = match after_line {
            0 => format!("{text}{blank}"),
            _ => format!("{blank}{text}"),
        };
        self.changes.insert_after(after_line, item.line, text);
    }
}

fn is_one_line(class: &Node) -> bool {
    class.definition.as_ref().is_some_and(|parts| parts.one_line)
}

/// What stands at the head of a module or class, before anything may be put in.
fn is_leading(node: &Node) -> bool {
    use hotsplice_channel::patch::What;
    matches!(node.what, What::Docstring | What::Import)
}
