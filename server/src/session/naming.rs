//! What a person would call a process, by its command line.

use crate::launching;

/// Some programs are started with kilobytes of options: nobody reads those in a list.
const LONGEST: usize = 80;

pub fn shorten(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}

/// The interpreter and its options are no news: `python -m flask run` is `flask run`.
pub fn short_command(command: &[String]) -> String {
    shorten(&whole_command(command))
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

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::short_command;
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
        let debugpy = "/x/debugpy/launcher/../../debugpy";
        let options = ["python", debugpy, "--connect", "127.0.0.1:1", "--configure-qt", "none", "--wait-for-client"];
        assert_eq!(name(&[&options[..], &["/srv/app.py", "-x"]].concat()), "app.py -x");
        assert_eq!(name(&[&options[..], &["-m", "flask", "run"]].concat()), "flask run");
        assert_eq!(name(&["python", "-m", "debugpy", "--listen", "1", "app.py"]), "app.py");
        assert_eq!(name(&["python", "-m", "debugpy", "--listen"]), "debugpy --listen");
    }
}
