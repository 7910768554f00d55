//! What a person would call a process, by its command line.

use hotsplice_channel::registry::Entry;

use crate::launching;

/// Some programs are started with kilobytes of options: nobody reads those in a list.
const LONGEST: usize = 80;

pub fn shorten(text: &str) -> String {
    let text = text.replace(char::is_control, " ");
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text,
    }
}

/// The interpreter and its options are no news: `python -m flask run` is `flask run`.
pub fn short_command(command: &[String]) -> String {
    shorten(&whole_command(command))
}

/// What a person would call a process. `multiprocessing` starts its own with code that says nothing of the program: they are called
/// by the one that has started them.
pub fn title(entry: &Entry, others: &[Entry]) -> String {
    let Some(role) = started_by_multiprocessing(&entry.command) else { return short_command(&entry.command) };
    let parent = |entry: &Entry| others.iter().find(|it| (it.pid, it.namespace) == (entry.parent, entry.namespace));
    let is_server = |it: &&Entry| started_by_multiprocessing(&it.command) == Some(FORK_SERVER);
    match parent(entry) {
        // What a fork server forks has its command line.
        Some(server) if role == FORK_SERVER && is_server(&server) => match parent(server) {
            Some(program) => shorten(&format!("worker of {}", whole_command(&program.command))),
            None => format!("multiprocessing {WORKER}"),
        },
        Some(program) => shorten(&format!("{role} of {}", whole_command(&program.command))),
        None => format!("multiprocessing {role}"),
    }
}

/// Whether `title` asks for the others.
pub fn is_named_by_others(entry: &Entry) -> bool {
    started_by_multiprocessing(&entry.command).is_some()
}

const WORKER: &str = "worker";
const FORK_SERVER: &str = "fork server";

/// What such a process is there for.
fn started_by_multiprocessing(command: &[String]) -> Option<&'static str> {
    let code = command.iter().skip_while(|word| *word != "-c").nth(1)?;
    let (_, rest) = code.split_once("from multiprocessing.")?;
    let starts = |module: &str| rest.starts_with(module);
    [("spawn import", WORKER), ("forkserver import", FORK_SERVER), ("resource_tracker import", "resource tracker")]
        .into_iter()
        .find_map(|(module, role)| starts(module).then_some(role))
}

fn whole_command(command: &[String]) -> String {
    let mut words: Vec<&str> = command.iter().map(String::as_str).collect();
    if words.first().is_some_and(|word| base_name(word).starts_with("python")) {
        words.remove(0);
        while words.first().is_some_and(|word| word.starts_with('-') && *word != "-m" && *word != "-c") {
            let takes_value = matches!(words[0], "-W" | "-X");
            words.drain(..if takes_value { 2.min(words.len()) } else { 1 });
        }
    }
    if let Some(typed) = launching::typed(&words) {
        return typed;
    }
    if let Some(rest) = debugged(&words) {
        words = rest;
    }
    match words.first().copied() {
        None => "python".to_owned(),
        Some("-m") => words[1..].join(" "),
        Some("-c") => "python -c".to_owned(),
        Some(script) if let Some(package) = package_of(script) => format!("{package}: {}", base_name(script)),
        Some(script) => {
            std::iter::once(base_name(script)).chain(words[1..].iter().copied()).collect::<Vec<_>>().join(" ")
        }
    }
}

/// What a debugger was told to run: its own options are nobody's business.
fn debugged<'a>(words: &[&'a str]) -> Option<Vec<&'a str>> {
    const WITHOUT_VALUE: [&str; 3] = ["--wait-for-client", "--log-to-stderr", "--disable-sys-remote-exec"];
    let mut rest = match words {
        ["-m", "debugpy", rest @ ..] => rest,
        [script, rest @ ..] if base_name(script) == "debugpy" => rest,
        _ => return None,
    };
    while let [option, after @ ..] = rest
        && option.starts_with("--")
    {
        let skipped = usize::from(!WITHOUT_VALUE.contains(option));
        rest = after.get(skipped..)?;
    }
    Some(rest.to_vec())
}

/// A program inside of an installed package is started by that: what it is given has been typed by nobody.
fn package_of(script: &str) -> Option<&str> {
    let (_, inside) = script.split_once("/site-packages/").or_else(|| script.split_once("/dist-packages/"))?;
    inside.split_once('/').map(|(package, _)| package)
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use hotsplice_channel::registry::Entry;

    use super::{short_command, title};
    use crate::launching::{CALL, PROMPT};

    #[test]
    fn names_are_what_a_person_typed() {
        let name = |words: &[&str]| short_command(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert_eq!(name(&["/usr/bin/python3.12", "-m", "flask", "run"]), "flask run");
        assert_eq!(name(&["python", "-u", "-W", "error", "/srv/app/main.py", "--port", "80"]), "main.py --port 80");
        assert_eq!(name(&["/venv/bin/python3", "/venv/bin/flask", "run"]), "flask run");
        assert_eq!(name(&["python3"]), "python");
        let long = name(&["python3", "worker.py", &"--öption=1 ".repeat(200)]);
        assert!(long.starts_with("worker.py --öption=1 ") && long.ends_with('…'), "{long}");
        assert!(long.chars().count() <= 81, "{long}");
        assert_eq!(name(&["python", "-c", CALL, "shop.cli", "main", "--port", "80"]), "shop.cli:main --port 80");
        assert_eq!(
            (name(&["python", "-c", PROMPT]), name(&["python", "-c", "1"])),
            ("prompt".into(), "python -c".into())
        );
        assert_eq!(name(&["python", "app.py", "two\nlines"]), "app.py two lines");
        let debugpy = "/x/debugpy/launcher/../../debugpy";
        let options = ["python", debugpy, "--connect", "127.0.0.1:1", "--configure-qt", "none", "--wait-for-client"];
        assert_eq!(name(&[&options[..], &["/srv/app.py", "-x"]].concat()), "app.py -x");
        assert_eq!(name(&[&options[..], &["-m", "flask", "run"]].concat()), "flask run");
        assert_eq!(name(&["python", "-m", "debugpy", "--listen", "1", "app.py"]), "app.py");
        assert_eq!(name(&["python", "-m", "debugpy", "--listen"]), "debugpy --listen");
        let worker = "/venv/lib/python3.13/site-packages/ray/_private/workers/default_worker.py";
        assert_eq!(name(&["python", "-u", worker, "--node-ip-address=10.0.0.1"]), "ray: default_worker.py");
    }

    #[test]
    fn what_multiprocessing_starts_is_called_by_its_program() {
        let entry = |pid: u32, parent: u32, command: &[&str]| Entry {
            protocol: 0,
            id: format!("{pid}-1"),
            pid,
            parent,
            started: 1,
            namespace: None,
            registered: 0,
            command: command.iter().map(|word| (*word).to_owned()).collect(),
            cwd: String::new(),
            executable: String::new(),
            python: String::new(),
            socket: String::new(),
            version: String::new(),
            via: None,
        };
        let spawn = "from multiprocessing.spawn import spawn_main; spawn_main(tracker_fd=7, pipe_handle=9)";
        let server = "import sys; from multiprocessing.forkserver import main; main(5, 6, ['__main__'])";
        let all = [
            entry(1, 0, &["python", "-m", "uvicorn", "shop:app", "--workers", "2"]),
            entry(2, 1, &["/venv/bin/python3", "-c", spawn, "--multiprocessing-fork"]),
            entry(3, 1, &["python", "-X", "dev", "-c", "from multiprocessing.resource_tracker import main;main(5)"]),
            entry(4, 1, &["python", "-c", server]),
            entry(5, 4, &["python", "-c", server]),
            entry(6, 99, &["python", "-c", spawn]),
            entry(7, 1, &["python", "-c", "import multiprocessing"]),
        ];
        let titles: Vec<String> = all.iter().map(|entry| title(entry, &all)).collect();
        let program = "uvicorn shop:app --workers 2";
        assert_eq!(
            titles,
            [
                program.to_owned(),
                format!("worker of {program}"),
                format!("resource tracker of {program}"),
                format!("fork server of {program}"),
                format!("worker of {program}"),
                "multiprocessing worker".to_owned(),
                "python -c".to_owned(),
            ]
        );
    }
}
