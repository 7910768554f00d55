//! Every behaviour case on every Python: edited in an editor, patched by the real server, in a real process, and
//! compared with a process started fresh on the new text.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use hotsplice_tests::cases::{self, Case, Step};
use hotsplice_tests::driver::Driver;
use hotsplice_tests::lsp::Editor;
use hotsplice_tests::packages;
use hotsplice_tests::program::Workspace;
use hotsplice_tests::pythons::{self, Python};
use hotsplice_tests::repository;
use serde_json::{Value, json};

/// Set to have each commit fail at each of its operations before it may succeed.
const FORCED_FAILURES: &str = "HOTSPLICE_TEST_FORCED_FAILURES";

const MOST_OPERATIONS: usize = 500;

fn main() {
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let mut files: Vec<PathBuf> = fs::read_dir(repository().join("tests/behaviour"))
        .expect("cases")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    files.sort();
    let total = Mutex::new(Count::default());
    pythons::two_at_a_time(pythons::all().iter(), |python| {
        let started = std::time::Instant::now();
        let mut count = Count::default();
        for file in &files {
            run_file(python, file, only.as_deref(), &mut count);
        }
        let Count { passed, failed, skipped } = count;
        let seconds = started.elapsed().as_secs_f32();
        println!("behaviour on Python {}: {passed} passed, {failed} failed ({seconds:.1} s)", python.name());
        let mut total = total.lock().expect("no panic in there");
        (total.passed, total.failed) = (total.passed + passed, total.failed + failed);
        total.skipped += skipped;
    });
    let Count { passed, failed, skipped } = total.into_inner().expect("no panic in there");
    for missing in pythons::missing() {
        println!("behaviour on Python {missing}: skipped, no such interpreter here");
    }
    println!(
        "\ntest result: {}. {passed} passed; {failed} failed; {skipped} ignored",
        if failed == 0 { "ok" } else { "FAILED" }
    );
    std::process::exit(i32::from(failed > 0));
}

#[derive(Default)]
struct Count {
    passed: usize,
    failed: usize,
    skipped: usize,
}

fn run_file(python: &Python, file: &Path, only: Option<&str>, count: &mut Count) {
    let topic = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let wanted = |case: &Case| only.is_none_or(|only| case.name.contains(only) || topic == only);
    let fits = |case: &Case| python.minor >= case.from_python && python.minor < case.before_python;
    if !cases::read(file).iter().any(|case| wanted(case) && fits(case)) {
        // Nothing is installed for it.
        count.skipped += cases::read(file).iter().filter(|case| wanted(case)).count();
        return;
    }
    let needs = cases::needs(file);
    let packages = match needs.is_empty() {
        true => None,
        false => packages::folder(python, &topic, &needs),
    };
    if !needs.is_empty() && packages.is_none() {
        println!("{topic}: {} can't be had for Python {}: not tested there", needs.join(", "), python.name());
        count.skipped += cases::read(file).len();
        return;
    }
    let mut bench = Bench::new(python, packages.clone());
    for (number, case) in cases::read(file).iter().enumerate() {
        if !wanted(case) {
            continue;
        }
        if !fits(case) {
            count.skipped += 1;
            continue;
        }
        let module = format!("{}_{number}", topic.replace('-', "_"));
        let is_edge = pythons::all().first() == Some(python) || python == pythons::newest();
        let outcome = bench.run_case(case, &module).and_then(|()| match there_and_back(case) {
            Some(again) if packages.is_none() && is_edge => bench
                .run_case(&again, &format!("{module}_again"))
                .map_err(|report| format!("there, back and there again:\n{report}")),
            _ => Ok(()),
        });
        match outcome {
            Ok(()) => count.passed += 1,
            Err(report) => {
                count.failed += 1;
                println!(
                    "FAILED {}:{} {} (Python {})\n{report}\n",
                    file.display(),
                    case.line,
                    case.name,
                    python.name()
                );
            }
        }
    }
}

/// The same edit, taken back, and made once more: a case in which all goes live can do that.
fn there_and_back(case: &Case) -> Option<Case> {
    let [step] = &case.steps[..] else { return None };
    if case.once || !step.helpers.is_empty() || step.verdicts.is_some() || !step.differs.is_empty() {
        return None;
    }
    let to = |text: &str, then: &str| Step {
        after: text.to_owned(),
        then: then.to_owned(),
        may_tell: true,
        ..Step::default()
    };
    let steps = vec![to(&step.after, ""), to(&case.before, ""), to(&step.after, &step.then)];
    Some(Case { steps, ..case.clone() })
}

/// A process that is patched from an editor, and one that has loaded nothing but the driver.
struct Bench {
    workspace: Workspace,
    packages: Option<PathBuf>,
    driver: Driver,
    fresh: Driver,
    editor: Editor,
}

impl Bench {
    fn new(python: &Python, packages: Option<PathBuf>) -> Self {
        let workspace = Workspace::new();
        let mut driver = Driver::patchable(&workspace, python);
        workspace.sessions(1);
        let mut editor = Editor::start(&workspace);
        editor.wait_sessions(1);
        if let Some(packages) = &packages {
            driver.ask("packages", json!({ "folder": packages })).expect("a folder");
        }
        Self { workspace, packages, driver, fresh: Driver::fresh(python), editor }
    }

    fn run_case(&mut self, case: &Case, module: &str) -> Result<(), String> {
        let folder = self.workspace.path();
        let named = |text: &str| text.replace("MODULE", module);
        for (helper, text) in &case.helpers {
            self.workspace.write(&format!("{module}_{helper}.py"), &named(text));
        }
        let path = self.workspace.write(&format!("{module}.py"), &named(&case.before));
        self.driver.ask("load", json!({ "folder": folder, "module": module }))?;
        run(&mut self.driver, module, &case.hold, "hold")?;
        self.editor.open(&path, &named(&case.before));
        for step in &case.steps {
            self.run_step(&path, module, step).map_err(|report| {
                format!("--- before\n{}--- after\n{}--- what happened\n{report}", case.before, step.after)
            })?;
        }
        self.editor.close(&path);
        Ok(())
    }

    fn run_step(&mut self, path: &Path, module: &str, step: &Step) -> Result<(), String> {
        let after = step.after.replace("MODULE", module);
        let forced = std::env::var_os(FORCED_FAILURES).is_some();
        let verdicts = if step.helpers.is_empty() && !forced {
            self.editor.change(path, &after);
            self.editor.patch_file(path)
        } else {
            // Several files go live together from the command line.
            fs::write(path, &after).map_err(|error| error.to_string())?;
            let mut arguments = vec!["patch".to_owned(), "--json".to_owned(), path.display().to_string()];
            for (helper, text) in &step.helpers {
                let file = self.workspace.write(&format!("{module}_{helper}.py"), &text.replace("MODULE", module));
                arguments.push(file.display().to_string());
            }
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            match forced {
                true => patch_that_fails_first(&self.workspace, &mut self.driver, module, &arguments)?,
                false => self.workspace.call(&arguments).json(),
            }
        };
        let shown = lines_of(&verdicts);
        let report = |problem: String| format!("{problem}\n--- verdicts\n{shown}\n{verdicts:#}");
        match &step.verdicts {
            Some(expected) if expected.trim() != shown.trim() => {
                return Err(report(format!("expected verdicts:\n{expected}")));
            }
            // A case that says nothing says that all goes live, and nothing is to be told.
            // A difference is said.
            None if step.may_tell && shown.contains(" HS") => return Ok(()),
            None if step.may_tell => {}
            None if !shown.lines().all(|line| line.ends_with(" applied") || line.ends_with(" unneeded")) => {
                return Err(report("the case does not list its verdicts".to_owned()));
            }
            _ => {}
        }
        run(&mut self.driver, module, &step.then, "then").map_err(&report)?;
        let committed = verdicts[0]["committed"] == json!(true);
        if committed && step.helpers.is_empty() {
            self.compare(module, &after, step).map_err(&report)?;
        }
        Ok(())
    }

    /// The oracle: a fresh process on the new text looks the same from outside.
    fn compare(&mut self, module: &str, after: &str, step: &Step) -> Result<(), String> {
        let place = Workspace::new();
        place.write(&format!("{module}.py"), after);
        for entry in fs::read_dir(self.workspace.path()).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(&format!("{module}_")) {
                fs::copy(entry.path(), place.path().join(name)).map_err(|error| error.to_string())?;
            }
        }
        let expected = self
            .fresh
            .ask("describe_in_child", json!({ "folder": place.path(), "module": module, "packages": self.packages }))?;
        let actual = self.driver.ask("describe", json!({ "module": module }))?;
        let mut differences = BTreeMap::new();
        difference("", &expected, &actual, &mut differences);
        differences.retain(|path, _| {
            !step.differs.iter().any(|known| path == known || path.starts_with(&format!("{known}.")))
        });
        if differences.is_empty() {
            return Ok(());
        }
        let shown: Vec<String> =
            differences.iter().map(|(path, difference)| format!("  {path}: {difference}")).collect();
        Err(format!("the patched process differs from a fresh one:\n{}", shown.join("\n")))
    }
}

/// Patches as often as the commit has operations, and has another of them fail each time, after which the process must be as it
/// was; then as usual.
fn patch_that_fails_first(
    workspace: &Workspace,
    driver: &mut Driver,
    module: &str,
    arguments: &[&str],
) -> Result<Value, String> {
    let former = driver.ask("describe", json!({ "module": module }))?;
    for operation in 0..MOST_OPERATIONS {
        let mut command = workspace.hotsplice();
        command.args(arguments).env("HOTSPLICE_FAIL_COMMIT_AT", operation.to_string());
        let called = command.output().map_err(|error| error.to_string())?;
        let answer = String::from_utf8_lossy(&called.stdout).into_owned();
        if !answer.contains("was to fail") {
            return serde_json::from_str(&answer).map_err(|error| format!("{error}: {answer}"));
        }
        let mut differences = BTreeMap::new();
        difference("", &former, &driver.ask("describe", json!({ "module": module }))?, &mut differences);
        if !differences.is_empty() {
            return Err(format!("after the commit failed at its operation {operation}: {differences:#?}"));
        }
    }
    Err(format!("more than {MOST_OPERATIONS} operations"))
}

/// `definition kind verdict [code]`, a line each.
fn lines_of(results: &Value) -> String {
    let mut lines = String::new();
    for edit in
        results.as_array().into_iter().flatten().flat_map(|result| result["edits"].as_array().into_iter().flatten())
    {
        let word = |name: &str| edit[name].as_str().unwrap_or_default().to_owned();
        lines.push_str(
            format!("{} {} {} {}", word("definition"), word("kind"), word("verdict"), word("code")).trim_end(),
        );
        lines.push('\n');
    }
    lines
}

fn run(driver: &mut Driver, module: &str, source: &str, what: &str) -> Result<(), String> {
    match driver.ask("run", json!({ "module": module, "source": source.replace("MODULE", module) }))? {
        Value::Null => Ok(()),
        failure => Err(format!("in `{what}`: {}", failure.as_str().unwrap_or_default())),
    }
}

fn difference(path: &str, expected: &Value, actual: &Value, found: &mut BTreeMap<String, String>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            for name in expected.keys().chain(actual.keys()) {
                let nothing = Value::Null;
                difference(
                    &below(name),
                    expected.get(name).unwrap_or(&nothing),
                    actual.get(name).unwrap_or(&nothing),
                    found,
                );
            }
        }
        (expected, actual) if expected != actual => {
            found.insert(path.to_owned(), format!("fresh {expected}, patched {actual}"));
        }
        _ => {}
    }
}
