//! Every command that a page tells exists, with the options that it is given there; those of the pages for users are run.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use hotsplice_tests::pages as told;
use hotsplice_tests::program::{Called, Program, Workspace, wait_for};
use hotsplice_tests::standing::Standing;
use hotsplice_tests::{holding, repository, text_of_test};
use rustix::process::{Pid, Signal, kill_process_group};

fn pages() -> Vec<PathBuf> {
    let mut found = ["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(|page| repository().join(page)).to_vec();
    for folder in ["docs", "docs/editors", "editors/vscode"] {
        let entries = std::fs::read_dir(repository().join(folder)).expect("the folder");
        found.extend(entries.map(|entry| entry.expect("an entry").path()));
    }
    found.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    found
}

/// The commands in a page's blocks of shell, and in its text.
fn commands(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut block: Option<String> = None;
    for line in page.lines() {
        match (&block, line.trim_start().strip_prefix("```")) {
            (Some(_), Some(_)) => block = None,
            (None, Some(language)) => block = Some(language.trim().to_owned()),
            (Some(language), None) => {
                // What is set in is what a command prints.
                let is_shell = match language.as_str() {
                    "sh" | "console" => true,
                    language => language == "text" && !line.starts_with(' '),
                };
                let line = line.trim_start().trim_start_matches("$ ");
                if is_shell && line.starts_with("hotsplice ") {
                    found.push(line.split(" #").next().unwrap_or(line).to_owned());
                }
            }
            (None, None) => {
                let spans = line.split('`').skip(1).step_by(2);
                found.extend(spans.filter(|span| span.starts_with("hotsplice ")).map(str::to_owned));
            }
        }
    }
    found
}

/// What `run` starts has options of its own.
fn own_words(command: &str) -> Vec<String> {
    let word = |word: &str| word.trim_matches(|one: char| "[]…|,.:;()".contains(one)).to_owned();
    let words: Vec<String> = command.split_whitespace().skip(1).map(word).filter(|word| !word.is_empty()).collect();
    let program = words.iter().position(|word| {
        ["-m", "--", "SCRIPT", "COMMAND"].contains(&word.as_str()) || word.ends_with(".py") || word.ends_with("python")
    });
    match (words.first().map(String::as_str), program) {
        (Some("run"), Some(program)) => words[..program].to_vec(),
        _ => words,
    }
}

#[test]
fn every_command_of_a_page_exists_with_its_options() {
    let workspace = Workspace::new();
    let mut helps: HashMap<String, Option<String>> = HashMap::new();
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for path in pages() {
        let page = std::fs::read_to_string(&path).expect("a page");
        for command in commands(&page) {
            let words = own_words(&command);
            let Some(name) = words.first().filter(|name| name.starts_with(char::is_alphabetic) && *name != "COMMAND")
            else {
                continue;
            };
            seen += 1;
            let help = helps.entry(name.clone()).or_insert_with(|| {
                let output = workspace.hotsplice().args([name, "--help"]).output().expect("help");
                output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
            });
            let Some(help) = help else {
                wrong.push(format!("{}: no such command: {command}", path.display()));
                continue;
            };
            let options = words.iter().filter(|word| word.starts_with('-') && word.len() > 1 && **word != "--");
            for option in options.map(|option| option.split('=').next().unwrap_or(option)) {
                let is_told = help.split_whitespace().any(|word| word.trim_matches([',', '[', ']', '…']) == option);
                if !is_told {
                    wrong.push(format!("{}: no option {option}: {command}", path.display()));
                }
            }
        }
    }
    assert!(seen > 60, "{seen} commands were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A test: its file, and its own name.
type Named = (&'static str, &'static str);

/// What is not run here: a part of it, why, and the test that does it, if there is one.
const ELSEWHERE: [(&str, &str, Option<Named>); 11] = [
    ("cargo xtask", "a chore of this repository", None),
    ("cargo test", "tests of this repository", None),
    ("pip install target/wheels", "the wheel: `cargo xtask package` makes and installs it", None),
    ("code --install-extension", "VS Code: `cargo xtask editors` has the extension there", None),
    ("docker run", "Docker", Some(("containers", "a_folder_that_a_container_mounts_elsewhere_is_the_same"))),
    ("docker exec", "Docker", Some(("containers", "a_process_is_attached_to_from_within_its_container"))),
    ("ssh -N", "another host", Some(("door", "a_program_behind_ssh_is_patched_as_the_pages_say"))),
    (
        "pytest --hotsplice-loop",
        "pytest, and somebody who answers",
        Some(("pytest_loop", "a_failed_test_is_mended_and_run_again_in_the_same_process")),
    ),
    ("uvicorn api:app --reload", "uvicorn, and a reloader", Some(("ended", "a_reloader_that_is_no_session_is_named"))),
    (
        "--hold-for 3600 train.py",
        "a program that fails",
        Some(("pages", "what_the_page_about_failed_calls_shows_is_what_is_shown")),
    ),
    ("debug --listen", "debugpy", Some(("debug_here", "debugpy_listens_where_it_can_be_had_and_else_it_is_reported"))),
];

/// What stands for what a page leaves open: a word, or two where the one before says what it is. In braces is what
/// the command finds standing.
const PLACES: [(&str, &str); 29] = [
    ("hotsplice COMMAND", "hotsplice patch"),
    ("-- COMMAND", "-- python script.py"),
    ("--python PATH", "--python python3"),
    ("--token-file PATH", "--token-file token.txt"),
    ("--function NAME", "--function price"),
    ("--guard NAME", "--guard 'train.*'"),
    ("--frame N", "--frame 0"),
    ("--line N", "--line 9"),
    ("--port 39743", "--port 0"),
    ("4711", "{pid}"),
    ("4711.2", "{hold}"),
    ("5005", "{port}"),
    ("EXPRESSION", "0"),
    ("F", "shop.py"),
    ("FILE", "shop.py"),
    ("HOLD", "{hold}"),
    ("HOST:PORT", "127.0.0.1:{port}"),
    ("ID", "{session}"),
    ("LINE", "2"),
    ("MODULE[:FUNCTION]", "shop.cli:main"),
    ("N", "{pid}"),
    ("NAME", "app.views"),
    ("PATH", "src/shop"),
    ("PID", "{pid}"),
    ("PORT", "{port}"),
    ("SCRIPT", "script.py"),
    ("SECONDS", "60"),
    ("T", "MainThread"),
    ("TEXTFILE", "other.txt"),
];

/// Runs a command as its page has it: what it needs first, what must come of it, and all as before afterwards.
fn run(standing: &mut Standing, command: &told::Command) -> Result<(), String> {
    let name =
        command.text.split("hotsplice ").nth(1).and_then(|rest| rest.split([' ', ')']).next()).unwrap_or_default();
    let mut guest = None;
    let mut found = vec![("{pid}", standing.program.pid().to_string()), ("{session}", standing.session.clone())];
    found.push(("{port}", standing.far.2.clone()));
    match name {
        "attach" => {
            let mut plain = Command::new(&standing.python.path);
            plain.arg(standing.workspace.path().join("script.py"));
            let mut plain = Program::start(plain);
            plain.wait_line("ready");
            found[0].1 = plain.pid().to_string();
            guest = Some(plain);
        }
        "patch" | "diff" => standing.save(),
        "undo" => {
            standing.save();
            standing.workspace.call(&["patch", "shop.py"]).expect(0);
        }
        "holds" | "retry" | "return" | "raise" | "debug" => found.push(("{hold}", standing.fail())),
        "restart-frame" => standing.stop(),
        _ => {}
    }
    let mut text = filled(&command.text);
    for (place, value) in &found {
        text = text.replace(place, value);
    }
    let result = match UNTIL.iter().find(|(part, _)| text.contains(part)) {
        Some((_, comes)) => {
            let mut running = Program::start(standing.shell(&text));
            comes(standing, &mut running);
            let group = Pid::from_raw(running.pid() as i32).expect("a pid");
            kill_process_group(group, Signal::TERM).expect("it runs");
            running.wait();
            Ok(())
        }
        None => {
            let mut shell = standing.shell(&text);
            let called = Called(shell.stdin(Stdio::null()).output().expect("a shell"));
            judged(command, &text, &called)
        }
    };
    match name {
        "holds" | "retry" | "return" | "raise" | "debug" => standing.go_on(),
        "restart-frame" => {
            standing.program.send("c");
            standing.program.wait_line("gone on");
        }
        _ => {}
    }
    if let Some(mut guest) = guest {
        guest.wait();
    }
    standing.workspace.sessions(1);
    result
}

type Comes = fn(&mut Standing, &mut Program);

/// What goes on until somebody ends it, and what must have come by then.
const UNTIL: [(&str, Comes); 4] = [
    ("hotsplice watch", |standing, _| {
        standing.texts += 1;
        let count = standing.texts.to_string();
        // What was saved before it has begun is taken for what differs then.
        standing.workspace.write("src/shop/stock.py", &format!("COUNT = {count}\n"));
        wait_for("what was saved", || (standing.program.ask("count") == count).then_some(()));
    }),
    ("hotsplice holds --follow", |_, running| while !running.line().contains("evaluate is held") {}),
    ("hotsplice connect", |_, running| {
        let line = running.line();
        assert!(line.contains("can be patched for as long as this runs"), "{line}");
    }),
    ("-m flask", |_, running| {
        wait_for("the server", || running.errors_so_far().contains("Running on http").then_some(()));
    }),
];

/// A command with what stands for its places.
fn filled(text: &str) -> String {
    let words: Vec<&str> = text.split(' ').collect();
    let place = |text: &str| PLACES.iter().find(|(place, _)| *place == text).map(|(_, value)| (*value).to_owned());
    let mut found: Vec<String> = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let both = words.get(at + 1).and_then(|next| place(&format!("{} {next}", words[at])));
        at += if both.is_some() { 2 } else { 1 };
        found.push(both.or_else(|| place(words[at - 1])).unwrap_or_else(|| words[at - 1].to_owned()));
    }
    found.join(" ")
}

fn judged(command: &told::Command, text: &str, called: &Called) -> Result<(), String> {
    let said = called.text() + &called.errors();
    // A section about a code tells commands for how it comes about, too.
    let is_about = command.code.as_ref().is_some_and(|code| said.contains(code));
    if called.code() != Some(0) && !is_about {
        return Err(format!("{}: `{text}` ended with {:?}: {said}", command.place, called.code()));
    }
    match command.shown.iter().find(|line| !said.contains(line.as_str())) {
        Some(line) => Err(format!("{}: `{text}` does not print {line:?}: {said}", command.place)),
        None => Ok(()),
    }
}

#[test]
fn every_command_of_the_pages_for_users_runs_as_they_say() {
    let Some(mut standing) = Standing::new() else { return };
    let (mut wrong, mut seen, mut excepted) = (Vec::new(), HashSet::new(), HashSet::new());
    let commands: Vec<told::Command> = told::of_users().iter().flat_map(|page| told::commands(page)).collect();
    for command in commands {
        if let Some((part, ..)) = ELSEWHERE.iter().find(|(part, ..)| command.text.contains(part)) {
            excepted.insert(*part);
        } else if let Some(missing) = standing.lacks(&command.text) {
            println!("{}: needs {missing}, which can't be had: not tested", command.text);
        } else if seen.insert(command.text.clone()) {
            let begun = std::time::Instant::now();
            wrong.extend(run(&mut standing, &command).err());
            println!("{:>6} ms  {}  {}", begun.elapsed().as_millis(), command.place, command.text);
        }
    }
    assert!(seen.len() > 100, "{} commands were found", seen.len());
    for (part, _, test) in ELSEWHERE {
        if !excepted.contains(part) {
            wrong.push(format!("no page has {part}"));
        }
        if let Some((file, test)) = test
            && !text_of_test(file).contains(&format!("fn {test}()"))
        {
            wrong.push(format!("{part}: {file} has no test {test}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// From its first command to the answer.
#[test]
fn what_the_page_about_failed_calls_shows_is_what_is_shown() {
    let Some(standing) = Standing::new() else { return };
    let workspace = &standing.workspace;
    let path = repository().join("docs/failed-calls.md");
    let page = std::fs::read_to_string(&path).expect("the page");
    let first = told::commands(&path).remove(0).text;
    let mut training = Program::start(standing.shell(&first));
    let pid = holding::held(workspace)["pid"].to_string();
    let (_, shown) = page.split_once("`hotsplice holds` shows what waits:\n\n```text\n").expect("what is shown");
    let shown = shown.split("```").next().unwrap_or_default().replace("4711", &pid);
    let shown = shown.replace("/srv", &workspace.path().display().to_string());
    assert_eq!(workspace.call(&["holds"]).expect(0).text(), shown);
    workspace.write("items.txt", "one two");
    workspace.call(&["retry"]).expect(0);
    training.wait_line("result 22.0");
    assert_eq!(training.wait(), Some(0));
}
