//! Which programs start others again when a file is written, by their command line, and how each is switched off.

use hotsplice_channel::registry::{self, Entry};

use super::naming::short_command;

/// These do nothing else.
const FOR_ANY_PROGRAM: [&str; 6] = ["watchfiles", "watchmedo", "hupper", "nodemon", "entr", "watchexec"];

/// What starts a process again.
pub struct Reloader {
    /// What a person would call it.
    pub name: String,
    /// What it does and how it is switched off.
    pub what: String,
    /// It is known for that, by its command line.
    pub is_known: bool,
    /// Milliseconds since the epoch; nothing of one that has not registered.
    pub registered: Option<u64>,
}

/// The process that started one and goes on, as far as it may be a reloader.
pub(super) fn parent_of(entry: &Entry) -> Option<Reloader> {
    if entry.via.is_some() {
        return None;
    }
    let sessions = registry::sessions(&registry::directory()).unwrap_or_default();
    let parent = sessions.into_iter().find(|it| it.pid == entry.parent && it.namespace == entry.namespace);
    let registered = parent.as_ref().map(|parent| parent.registered);
    // One that is no Python program, or was not started with Hotsplice, is worth a word if it is known for that.
    let by_name =
        || registry::command_of(entry.parent).filter(|it| registry::is_visible(entry) && switch(it).is_some());
    let command = parent.map(|parent| parent.command).or_else(by_name)?;
    Some(of_command(&command, entry.parent, registered))
}

/// The process itself, where it is known for that.
pub(super) fn itself(entry: &Entry) -> Option<Reloader> {
    let reloader = of_command(&entry.command, entry.pid, Some(entry.registered));
    reloader.is_known.then_some(reloader)
}

fn of_command(command: &[String], pid: u32, registered: Option<u64>) -> Reloader {
    let again = "starts the process again whenever a file is written, and its state is lost: ";
    let switch = switch(command);
    Reloader {
        name: format!("{} (process {pid})", short_command(command)),
        what: match switch {
            Some(switch) => format!("it {again}{switch}"),
            None => {
                format!("if that is a reloader, it {again}run it without (`--no-reload`, or leave out `--reload`)")
            }
        },
        is_known: switch.is_some(),
        registered,
    }
}

/// How one that is known is switched off.
fn switch(command: &[String]) -> Option<&'static str> {
    let names = command.iter().take(4).map(|word| word.rsplit('/').next().unwrap_or(word));
    let is_run = |name: &str| names.clone().any(|word| word == name);
    let has = |option: &str| command.iter().any(|word| word == option);
    if FOR_ANY_PROGRAM.iter().any(|name| is_run(name)) {
        return Some("start the program without it");
    }
    if has("--reload") {
        return Some("run it without `--reload`");
    }
    if has("--auto-reload") || (is_run("sanic") && has("--dev")) {
        return Some("run it without `--auto-reload` and `--dev`");
    }
    if is_run("runserver") && !has("--noreload") {
        return Some("run it with `--noreload`");
    }
    let reloads = (is_run("flask") || is_run("quart")) && has("--debug") || is_run("fastapi") && has("dev");
    (reloads && !has("--no-reload")).then_some("run it with `--no-reload`")
}

#[cfg(test)]
mod tests {
    use super::switch;

    #[test]
    fn reloaders_are_known_by_their_command_line() {
        let known = |line: &str| switch(&line.split(' ').map(str::to_owned).collect::<Vec<_>>()).unwrap_or_default();
        assert_eq!(known("/venv/bin/python3 -m uvicorn shop:app --reload"), "run it without `--reload`");
        assert_eq!(known("python /venv/bin/gunicorn --reload shop:app"), "run it without `--reload`");
        assert_eq!(known("python -m flask --app shop run --debug"), "run it with `--no-reload`");
        assert_eq!(known("python manage.py runserver 8000"), "run it with `--noreload`");
        assert_eq!(known("python /venv/bin/fastapi dev shop.py"), "run it with `--no-reload`");
        assert_eq!(known("python /venv/bin/watchfiles shop.run"), "start the program without it");
        for other in ["python shop.py", "flask run --debug --no-reload", "manage.py runserver --noreload", "bash", ""] {
            assert_eq!(known(other), "", "{other}");
        }
    }
}
