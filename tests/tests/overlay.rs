//! Functions of a second file stand in for those of a module (`tests/overlay.py`, which says what has to hold).

use hotsplice_tests::program::{Called, Workspace};
use hotsplice_tests::{packages, pythons, repository};

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

/// `d` gives up at decorated functions, and names fixtures of pytest.
#[test]
fn fixtures_of_pytest_are_stood_in_for() {
    let python = pythons::all().iter().rfind(|python| python.minor <= 13).unwrap_or_else(|| pythons::newest());
    let Some(packages) = packages::folder(python, "framework-pytest", &["pytest".to_owned()]) else {
        println!("pytest can't be had: not tested");
        return;
    };
    let workspace = Workspace::new();
    let fixtures = "import pytest\n@pytest.fixture(scope='session', autouse=True)\ndef fill():\n    return 'old'\n@pytest.fixture\ndef number():\n    yield 1\n";
    workspace.write("fixtures.py", fixtures);
    workspace.write("d_fixtures.py", &fixtures.replace("'old'", "'new'").replace("yield 1", "yield 2"));
    workspace.write(
        "test_it.py",
        "import hotsplice, fixtures, d_fixtures\nfrom fixtures import fill, number\non = hotsplice.overlay(fixtures, d_fixtures)\n\
         def test_on(fill, number):\n    assert (fill, number) == ('new', 2)\n    on.stop()\n\
         def test_off(number):\n    assert number == 1\n",
    );
    let mut command = workspace.hotsplice();
    command.arg("run").arg("--python").arg(&python.path).args(["-m", "pytest", "-q", "-p", "no:cacheprovider"]);
    let called = Called(command.env("PYTHONPATH", packages).output().expect("it starts")).expect(0);
    assert!(called.text().contains("2 passed"), "{}", called.text());
}
