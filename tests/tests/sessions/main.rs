//! How processes become sessions, and stop being any: on every Python.

mod attaching;
mod starting;
mod staying;

use hotsplice_tests::program::Workspace;

fn leaves_nothing(workspace: &Workspace) {
    workspace.sessions(0);
    let left: Vec<_> =
        std::fs::read_dir(workspace.registry()).expect("a registry").flatten().map(|file| file.file_name()).collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}
