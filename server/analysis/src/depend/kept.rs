//! The graph of a text that stays as it is: made once, and asked by each look at the file.

use std::sync::Arc;

use self_cell::self_cell;

use super::foreign::Foreign;
use super::given::Others;
use super::graph::Graph;
use crate::outline::Outline;
use crate::parse::ParsedFile;

self_cell!(
    struct Kept {
        owner: Arc<ParsedFile>,
        #[covariant]
        dependent: Graph,
    }
);

/// Who calls whom in a text.
pub struct KeptGraph(Kept);

impl KeptGraph {
    /// With what is live of the modules that the text imports from; `foreign` tells which module it is, and has their texts.
    pub fn new(outline: &Outline, foreign: &Foreign) -> Self {
        Self(Kept::new(outline.file.clone(), |file| Graph::whole(&file.items, foreign.others(outline))))
    }

    pub(crate) fn alone(file: &Arc<ParsedFile>) -> Self {
        Self(Kept::new(file.clone(), |file| Graph::whole(&file.items, Others::default())))
    }

    pub(crate) fn graph(&self) -> &Graph<'_> {
        self.0.borrow_dependent()
    }

    /// The graph, if it is that of this very outline.
    pub(crate) fn of(&self, outline: &Outline) -> Option<&Graph<'_>> {
        Arc::ptr_eq(self.0.borrow_owner(), &outline.file).then(|| self.graph())
    }
}

impl std::fmt::Debug for KeptGraph {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("KeptGraph")
    }
}
