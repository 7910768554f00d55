//! Which files are by their names no part of a project.

use std::path::Path;

/// Of an installed package or the standard library: such files do not import a project's modules, are loaded without a word, and
/// nobody edits them while they run.
pub fn is_installed(path: &Path) -> bool {
    let path = path.to_string_lossy();
    ["/site-packages/", "/dist-packages/", "/lib/python3"].iter().any(|part| path.contains(part))
}
