//! Calls that outlive several patches, and undos of them.

use hotsplice_tests::program::{Program, Workspace, wait_for};
use hotsplice_tests::pythons;

use super::program::PROGRAM;
use super::{PROMPT, committed};

/// What a method gives in each version, and under which name.
const VERSIONS: [(&str, &str); 5] = [("a", "1, 2"), ("a", "{'k': 3}"), ("b", "4"), ("a", "'five'"), ("c", "6")];

#[test]
fn a_call_keeps_what_it_began_with_through_several_patches_and_undos() {
    let version = |number: usize| {
        let (name, gives) = VERSIONS[number];
        let condition = if number == 0 { "while get():" } else { "for _ in iter(get, False):" };
        let used = if number == 0 { format!("sum(shop.{name}())") } else { format!("[shop.{name}()]") };
        format!(
            "class Shop:\n    def {name}(self): return {gives}\n\
             def work_on(get, put):\n    shop = Shop()\n    {condition}\n        put({used})\n"
        )
    };
    for python in pythons::all() {
        let context = format!("Python {}", python.name());
        let workspace = Workspace::new();
        workspace.write("helpers.py", "");
        workspace.write("worker.py", &(version(0)));
        let program_text = PROGRAM.replace("elif line.strip() == 'traces'", "elif line.strip() == 'never'");
        let script = workspace.write("main.py", &program_text);
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        program.wait_line("ready");
        let expect = |program: &mut Program, when: &str| {
            program.send("go");
            assert_eq!(program.line(), "work_on 3", "{context}, {when}");
        };
        expect(&mut program, "before");
        for number in 1..VERSIONS.len() {
            workspace.write("worker.py", &version(number));
            let answer = workspace.call(&["patch", "--json", "worker.py"]).json();
            // The program's own file may be told of, too.
            let committed = committed(&answer);
            assert!(!committed.is_empty() && !committed.contains(&false), "{context}: {answer:#}");
            // It is reported each time.
            assert!(answer.to_string().contains("HS0306"), "{context}, patch {number}: {answer:#}");
            expect(&mut program, &format!("after patch {number}"));
        }
        for number in 0..2 {
            workspace.call(&["undo", "--json", "worker.py"]).json();
            expect(&mut program, &format!("after undo {number}"));
        }
        program.send("stop");
        assert_eq!(program.line(), "work_on left", "{context}");
        program.send("start");
        program.send("go");
        assert_eq!(program.line(), "work_on [4]", "{context}");
    }
}

/// A module in which such calls find something else is another one's again when the last of them has ended, whichever began first.
#[test]
fn a_module_that_several_patches_took_names_from_gives_each_call_what_it_began_with() {
    let work = |first: &str, second: &str, number: usize| {
        let condition = if number == 0 { "while get():" } else { "for _ in iter(get, False):" };
        format!(
            "import helpers\nclass Shop: pass\ndef work_on(get, put):\n    {condition}\n        put(helpers.{first}() + helpers.{second}())\n"
        )
    };
    let help = |first: &str, second: &str| {
        format!(
            "def {first}():\n    return 1\ndef {second}():\n    return 2\ndef third():\n    return {first}() + {second}()\n"
        )
    };
    for python in pythons::all() {
        let context = format!("Python {}", python.name());
        let workspace = Workspace::new();
        workspace.write("helpers.py", &help("one", "two"));
        workspace.write("worker.py", &work("one", "two", 0));
        let script = workspace.write("main.py", PROGRAM);
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        program.wait_line("ready");
        for (number, (first, second)) in [("uno", "two"), ("uno", "dos"), ("one", "two")].into_iter().enumerate() {
            workspace.write("helpers.py", &help(first, second));
            workspace.write("worker.py", &work(first, second, 1 + number));
            let answer = workspace.call(&["patch", "--json", "helpers.py", "worker.py"]).json();
            assert!(!committed(&answer).contains(&false), "{context}: {answer:#}");
            program.send("go");
            assert_eq!(program.line(), "work_on 3", "{context}, patch {number}");
        }
        program.send("stop");
        assert_eq!(program.line(), "work_on left", "{context}");
        wait_for("the end of the worlds", || {
            program.send("traces");
            (program.line() == "[] [] module object False").then_some(())
        });
    }
}

#[test]
fn what_is_edited_alone_reaches_calls_that_an_earlier_patch_left_behind() {
    let module = "import queue, threading
jobs, answers = queue.Queue(), queue.Queue()
def handle(): return 'one'
def serve():
    while jobs.get():
        answers.put((handle(), 1))
worker = threading.Thread(target=serve, daemon=True)
worker.start()
";
    for python in pythons::all() {
        let workspace = Workspace::new();
        workspace.write("m.py", module);
        let main = workspace.write("main.py", PROMPT).display().to_string();
        let mut program = workspace.run(python, &[&main]);
        program.wait_line("ready");
        let mut text = module.replace("(handle(), 1)", "(handle(), 2)");
        for (old, new) in [("'one'", "'one'"), ("'one'", "('two', 1)"), ("('two', 1)", "str(3)")] {
            text = text.replace(old, new);
            workspace.write("m.py", &text);
            let answer = workspace.call(&["patch", "--json", "m.py"]).expect(0).json();
            let given = program.ask("m.jobs.put(1) or m.answers.get(timeout=20)[0]");
            let wanted = if new == "str(3)" { "'3'" } else { new };
            assert_eq!(given, wanted, "Python {}: {answer:#}", python.name());
        }
    }
}
