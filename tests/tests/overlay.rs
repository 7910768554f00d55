//! Functions of a second file stand in for those of a module (`tests/overlay.py`, which says what has to hold).

use hotsplice_tests::program::Workspace;
use hotsplice_tests::{pythons, repository};

#[test]
fn functions_of_a_second_file_stand_in_and_let_go() {
    for python in [&pythons::all()[0], pythons::newest()] {
        let workspace = Workspace::new();
        let text = std::fs::read_to_string(repository().join("tests/overlay.py")).expect("the program");
        let script = workspace.write("program.py", &text);
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        program.wait_line("all hold");
        assert_eq!(program.wait(), Some(0), "Python {}", python.name());
    }
}
