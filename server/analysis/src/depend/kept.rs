//! The graph of a text that stays as it is while a patch is prepared: made once, and asked by each look at the file.

use std::sync::Arc;

use self_cell::self_cell;

use super::foreign::Foreign;
use super::graph::Graph;
use crate::outline::Outline;

self_cell!(
    struct Kept {
        owner: Arc<Outline>,
        #[covariant]
        dependent: Graph,
    }
);

/// Who calls whom in a text, with what is live of the modules that it imports from.
pub struct KeptGraph(Kept);

impl KeptGraph {
    /// `foreign` tells which module the text is, and has the texts of others.
    pub fn new(outline: Arc<Outline>, foreign: &Foreign) -> Self {
        Self(Kept::new(outline, |outline| Graph::whole(&outline.file.items, foreign.others(outline))))
    }

    /// The graph, if it is that of this very outline.
    pub(crate) fn of(&self, outline: &Outline) -> Option<&Graph<'_>> {
        std::ptr::eq(&**self.0.borrow_owner(), outline).then(|| self.0.borrow_dependent())
    }
}

impl std::fmt::Debug for KeptGraph {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("KeptGraph")
    }
}
