//! Texts that are live somewhere: processes that run the same text share it, and what is found out about it.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError, Weak};

use hotsplice_analysis::{Outline, Words};

/// A text. Most are only searched for a word.
pub(super) struct Source {
    text: Text,
    words: OnceLock<Words>,
    has_star_import: OnceLock<bool>,
}

/// What is parsed holds its text itself.
enum Text {
    Raw { text: String, outline: OnceLock<Arc<Outline>> },
    Parsed(Arc<Outline>),
}

/// Those that somebody holds, by their texts' hashes.
#[derive(Default)]
struct Shared {
    held: HashMap<u64, Weak<Source>>,
    /// How many may be known before those that nobody holds any more are left out.
    room: usize,
}

/// One for all sessions: it holds nothing by itself.
static SHARED: LazyLock<Mutex<Shared>> = LazyLock::new(Mutex::default);

impl Source {
    pub(super) fn of(text: String) -> Arc<Self> {
        let hash = hash(&text);
        shared(hash, &text).unwrap_or_else(|| Self::share(hash, Text::Raw { text, outline: OnceLock::new() }))
    }

    pub(super) fn parsed(outline: Arc<Outline>) -> Arc<Self> {
        let hash = hash(outline.text());
        shared(hash, outline.text()).unwrap_or_else(|| Self::share(hash, Text::Parsed(outline)))
    }

    fn share(hash: u64, text: Text) -> Arc<Self> {
        let source = Arc::new(Self { text, words: OnceLock::new(), has_star_import: OnceLock::new() });
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if shared.held.len() >= shared.room {
            shared.held.retain(|_, source| source.strong_count() > 0);
            shared.room = (2 * shared.held.len()).max(1_000);
        }
        shared.held.insert(hash, Arc::downgrade(&source));
        source
    }

    pub(super) fn text(&self) -> &str {
        match &self.text {
            Text::Raw { text, .. } => text,
            Text::Parsed(outline) => outline.text(),
        }
    }

    pub(super) fn outline(&self) -> &Arc<Outline> {
        match &self.text {
            Text::Raw { text, outline } => outline.get_or_init(|| Arc::new(Outline::parse(text))),
            Text::Parsed(outline) => outline,
        }
    }

    pub(super) fn has_word(&self, word: &str) -> bool {
        self.words.get_or_init(|| Words::of(self.text())).contains(word)
    }

    pub(super) fn has_star_import(&self) -> bool {
        *self.has_star_import.get_or_init(|| self.text().contains("import *"))
    }
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

fn shared(hash: u64, text: &str) -> Option<Arc<Source>> {
    let shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.held.get(&hash)?.upgrade().filter(|source| source.text() == text)
}
