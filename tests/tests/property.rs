//! Random modules and random edits of them: patched is equal to fresh, or a verdict said otherwise.

use hotsplice_tests::driver::Driver;
use hotsplice_tests::generate::{Round, text};
use hotsplice_tests::lsp::Editor;
use hotsplice_tests::program::Workspace;
use hotsplice_tests::pythons::{self, Python};
use serde_json::{Value, json};

/// Rounds on each Python; `HOTSPLICE_ROUNDS` asks for more, `HOTSPLICE_SEED` for others.
const ROUNDS: u64 = 350;
/// After so many, other processes take over: each round leaves a module behind.
const LIFE: u64 = 50;

struct Bench {
    workspace: Workspace,
    fresh_files: Workspace,
    patched: Driver,
    fresh: Driver,
    editor: Editor,
    last: usize,
}

/// What a round came to.
#[derive(Debug, PartialEq)]
enum Came {
    Equal,
    /// A caveat or a refusal.
    Said,
    Different(String),
}

impl Bench {
    fn new(python: &Python) -> Self {
        let workspace = Workspace::new();
        let patched = Driver::patchable(&workspace, python);
        workspace.sessions(1);
        let mut editor = Editor::start(&workspace);
        editor.wait_sessions(1);
        Self { patched, editor, workspace, fresh_files: Workspace::new(), fresh: Driver::fresh(python), last: 0 }
    }

    fn run(&mut self, round: &Round) -> Came {
        self.last += 1;
        let module = format!("round_{}", self.last);
        let (before, after) = (text(&round.before), text(&round.after));
        let path = self.workspace.write(&format!("{module}.py"), &before);
        self.fresh_files.write(&format!("{module}.py"), &after);
        let held = round.held();
        let hold: String = held.iter().map(|(name, of)| format!("held_{name} = module.{name}{of}\n")).collect();
        let check: String = held
            .iter()
            .map(|(name, of)| format!("assert held_{name}.__code__ == module.{name}{of}.__code__, \"{name}\"\n"))
            .collect();
        let outcome = (|| -> Result<Came, String> {
            self.patched.ask("load", json!({ "folder": self.workspace.path(), "module": module }))?;
            ran(self.patched.ask("run", json!({ "module": module, "source": hold }))?)?;
            self.editor.open(&path, &before);
            self.editor.change(&path, &after);
            let answer = self.editor.patch_file(&path);
            self.editor.close(&path);
            let edits = answer[0]["edits"].as_array().cloned().unwrap_or_default();
            let is_said = |edit: &Value| edit["verdict"] == "caveat" || edit["verdict"] == "refused";
            if edits.iter().any(is_said) {
                return Ok(Came::Said);
            }
            if answer[0]["committed"] != true {
                return Err(format!("not committed: {answer:#}"));
            }
            self.fresh.ask("load", json!({ "folder": self.fresh_files.path(), "module": module }))?;
            let result = json!({ "module": module, "source": "module.RESULT = repr(module.check())" });
            ran(self.fresh.ask("run", result.clone())?)?;
            ran(self.patched.ask("run", result)?)?;
            ran(self.patched.ask("run", json!({ "module": module, "source": check }))?)?;
            let expected = self.fresh.ask("describe", json!({ "module": module }))?;
            let actual = self.patched.ask("describe", json!({ "module": module }))?;
            for (name, value) in expected.as_object().into_iter().flatten() {
                if actual.get(name) != Some(value) {
                    return Err(format!(
                        "{name}: fresh {value}\n  patched {}",
                        actual.get(name).unwrap_or(&Value::Null)
                    ));
                }
            }
            Ok(Came::Equal)
        })();
        outcome.unwrap_or_else(Came::Different)
    }
}

fn ran(answer: Value) -> Result<(), String> {
    answer.as_str().map_or(Ok(()), |failure| Err(failure.to_owned()))
}

#[test]
fn patched_is_fresh_or_it_is_said() {
    let number = |name: &str, default| std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default);
    let (rounds, first) = (number("HOTSPLICE_ROUNDS", ROUNDS), number("HOTSPLICE_SEED", 1));
    pythons::two_at_a_time(pythons::all().iter(), |python| check(python, first, rounds));
}

fn check(python: &Python, first: u64, rounds: u64) {
    let mut bench = Bench::new(python);
    let mut equal = 0;
    for seed in first..first + rounds {
        if (seed - first) % LIFE == LIFE - 1 {
            bench = Bench::new(python);
        }
        let mut round = Round::new(seed);
        match bench.run(&round) {
            Came::Equal => equal += 1,
            Came::Said => {}
            Came::Different(mut report) => {
                // The smallest that still differs.
                while let Some((smaller, found)) = round.smaller().into_iter().find_map(|smaller| {
                    let Came::Different(found) = bench.run(&smaller) else { return None };
                    Some((smaller, found))
                }) {
                    (round, report) = (smaller, found);
                }
                panic!(
                    "Python {}, seed {seed}: {report}\n--- before\n{}\n--- after\n{}",
                    python.name(),
                    text(&round.before),
                    text(&round.after)
                );
            }
        }
    }
    println!("Python {}: {equal} of {rounds} equal, the others said", python.name());
    assert!(equal * 2 > rounds, "hardly anything is compared: {equal} of {rounds}");
}
