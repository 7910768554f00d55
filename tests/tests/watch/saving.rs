//! All ways in which files are saved, alone and together.

use std::fs;
use std::path::Path;

use hotsplice_tests::program::{Workspace, wait_for};
use hotsplice_tests::pythons;

use super::{PROGRAM, comes, signal, stands_still, watched};

/// Puts a text into a file, as some program does that saves.
type Save = fn(&Path, &str);

fn in_place(path: &Path, text: &str) {
    fs::write(path, text).expect("written");
}

fn by_rename(path: &Path, text: &str) {
    let other = path.with_extension("tmp");
    fs::write(&other, text).expect("written");
    fs::rename(other, path).expect("renamed");
}

fn removed_and_made_again(path: &Path, text: &str) {
    fs::remove_file(path).expect("removed");
    fs::write(path, text).expect("written");
}

fn moved_away_and_made_again(path: &Path, text: &str) {
    fs::rename(path, path.with_extension("py~")).expect("renamed");
    fs::write(path, text).expect("written");
}

fn emptied_and_filled(path: &Path, text: &str) {
    fs::write(path, "").expect("emptied");
    fs::write(path, text).expect("written");
}

fn with_the_time_kept(path: &Path, text: &str) {
    let time = fs::metadata(path).expect("there").modified().expect("a time");
    fs::write(path, text).expect("written");
    fs::File::options().write(true).open(path).expect("open").set_modified(time).expect("set");
}

fn in_a_folder_made_again(path: &Path, text: &str) {
    let folder = path.parent().expect("in a folder");
    let away = folder.with_extension("away");
    fs::rename(folder, &away).expect("renamed");
    fs::create_dir(folder).expect("made");
    fs::write(path, text).expect("written");
    fs::remove_dir_all(away).expect("removed");
}

#[test]
fn every_way_to_save_goes_live() {
    let ways: [(&str, Save); 7] = [
        ("in place", in_place),
        ("by rename", by_rename),
        ("removed and made again", removed_and_made_again),
        ("moved away and made again", moved_away_and_made_again),
        ("emptied and filled", emptied_and_filled),
        ("with the time kept", with_the_time_kept),
        ("in a folder made again", in_a_folder_made_again),
    ];
    for python in [&pythons::all()[0], pythons::newest()] {
        let workspace = Workspace::new();
        let text = |value: usize| format!("def value():\n    return 'value {value}'\n");
        let path = workspace.write("inside/part.py", &text(0));
        let linked = workspace.write("elsewhere/real.py", &text(0).replace("value", "other"));
        std::os::unix::fs::symlink(&linked, workspace.path().join("linked.py")).expect("a link");
        let mut program = watched(&workspace, python);
        let import = "(sys.path.append('inside'), __import__('part').value(), __import__('linked').other())[1:]";
        assert_eq!(program.ask(import), "('value 0', 'other 0')");
        for (index, (way, save)) in ways.iter().enumerate() {
            save(&path, &text(index + 1));
            let now = comes(&mut program, "sys.modules['part'].value()", &format!("value {index}"));
            assert_eq!(now, format!("value {}", index + 1), "saved {way} on Python {}", python.name());
        }
        in_place(&linked, &text(1).replace("value", "other"));
        assert_eq!(comes(&mut program, "sys.modules['linked'].other()", "other 0"), "other 1", "through a link");
        assert_eq!(program.wait(), Some(0));
    }
}

#[test]
fn files_that_are_saved_together_are_one_patch() {
    let workspace = Workspace::new();
    let mut program = watched(&workspace, pythons::newest());
    assert_eq!(program.ask("rates.rate()"), "1");
    workspace.write("app.py", &PROGRAM.replace("return 'hello'", "return rates.rate(2)"));
    workspace.write("rates.py", "def rate(factor):\n    return factor\n");
    assert_eq!(comes(&mut program, "greet()", "hello"), "2");
    assert_eq!(program.wait(), Some(0));
    let reported = program.stderr();
    assert!(reported.contains("live:"), "{reported}");
    assert!(!reported.contains("HS0"), "no edit of the two was alone: {reported}");
}

#[test]
fn a_branch_switch_of_many_files_is_one_patch() {
    const COUNT: usize = 200;
    let workspace = Workspace::new();
    // Each calls the next one with what that takes on its branch.
    let write = |branch: usize| {
        for number in 0..COUNT {
            let next = (number + 1) % COUNT;
            let values: String = (0..branch).map(|value| format!(", {value}")).collect();
            let names: String = (0..branch).map(|value| format!(", x{value}")).collect();
            let text = format!(
                "def count(left{names}):\n    import part{next} as following\n    return {branch} if left == 0 else following.count(left - 1{values})\n"
            );
            workspace.write(&format!("part{number}.py"), &text);
        }
    };
    write(1);
    let mut program = watched(&workspace, pythons::newest());
    let imported =
        format!("[__import__(f'part{{n}}') for n in range({COUNT})] and __import__('part0').count({COUNT}, 0)");
    assert_eq!(program.ask(&imported), "1");
    // Once the last one is followed, the watch knows of all that were loaded before.
    let last = format!("sys.modules['part{}'].count.__doc__", COUNT - 1);
    let text = fs::read_to_string(workspace.path().join(format!("part{}.py", COUNT - 1))).expect("there");
    workspace.write(&format!("part{}.py", COUNT - 1), &text.replace("    import", "    'followed'\n    import"));
    assert_eq!(comes(&mut program, &last, "None"), "followed");
    let noted = "(labels := sys.__dict__.setdefault('labels', [])) or __import__('hotsplice').on_patch(lambda patch: sys.labels.append(patch.label))";
    program.ask(noted);
    // On a busy machine writing them may take longer than what belongs together may be apart.
    signal(&program, rustix::process::Signal::STOP);
    wait_for("it to stand still", || stands_still(program.pid()).then_some(()));
    write(2);
    signal(&program, rustix::process::Signal::CONT);
    assert_eq!(comes(&mut program, "sys.modules['part0'].count.__code__.co_argcount", "2"), "3");
    assert_eq!(program.ask(&format!("sys.modules['part0'].count({COUNT}, 0, 0)")), "2");
    // The hook may still be called for the one that was followed.
    let others = "[label for label in sys.labels if label != 'Saved part199.py']";
    assert_eq!(comes(&mut program, others, "[]"), format!("['Saved {COUNT} files']"));
    assert_eq!(program.wait(), Some(0));
}
