//! What is found out once, by who asks first, without letting the GIL go. PyO3's cells, its `intern!` among them, let it go when they
//! are filled: other threads of the program would run amid what has to be done in one hold of it.

use std::sync::OnceLock;

use pyo3::prelude::*;

pub struct Once<T>(OnceLock<T>);

impl<T> Once<T> {
    pub const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// Where `find` itself lets the GIL go another thread may ask, too: then the first answer is everybody's.
    #[expect(
        clippy::disallowed_methods,
        reason = "nobody waits for it with the GIL: what it is given is there already"
    )]
    pub fn get_or_init(&self, _py: Python<'_>, find: impl FnOnce() -> T) -> &T {
        if let Some(known) = self.0.get() {
            return known;
        }
        let found = find();
        self.0.get_or_init(|| found)
    }

    /// As [`Once::get_or_init`]; after an error it is found out again.
    pub fn get_or_try_init<E>(&self, py: Python<'_>, find: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
        match self.0.get() {
            Some(known) => Ok(known),
            None => find().map(|found| self.get_or_init(py, || found)),
        }
    }
}

/// A text as Python's names are: one object.
macro_rules! name {
    ($py:expr, $text:literal) => {{
        static NAME: $crate::once::Once<pyo3::Py<pyo3::types::PyString>> = $crate::once::Once::new();
        NAME.get_or_init($py, || pyo3::types::PyString::intern($py, $text).unbind()).bind($py)
    }};
}
pub(crate) use name;
