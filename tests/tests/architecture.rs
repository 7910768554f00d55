//! What ARCHITECTURE.md and the docs promise.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use hotsplice_channel::codes;
use hotsplice_tests::repository;

const LANGUAGES: [&str; 6] = ["rs", "py", "ts", "lua", "js", "mjs"];

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| LANGUAGES.iter().any(|language| extension == *language))
            {
                let text = fs::read_to_string(&path).expect("text");
                found.push((path, text));
            }
        }
    }
    let mut found = Vec::new();
    walk(&repository().join(folder), &mut found);
    assert!(!found.is_empty(), "{folder} holds no source");
    found
}

#[test]
fn crates_depend_one_way() {
    let edges = |name: &str| {
        let output = Command::new(env!("CARGO"))
            .current_dir(repository())
            .args(["tree", "--offline", "-p", name, "-e", "normal", "--prefix", "none"])
            .output();
        let output = output.expect("cargo tree");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    };
    let depends = |tree: &str, name: &str| tree.lines().any(|line| line.split(' ').next() == Some(name));
    let channel = edges("hotsplice-channel");
    let analysis = edges("hotsplice-analysis");
    let agent = edges("hotsplice-agent");
    let server = edges("hotsplice");
    for (tree, of, never) in [
        (&channel, "channel", &["pyo3", "tokio", "tower-lsp-server", "ruff_python_parser"][..]),
        (&analysis, "analysis", &["pyo3", "tokio", "tower-lsp-server"]),
        (&agent, "agent", &["tokio", "tower-lsp-server", "ruff_python_parser", "hotsplice-analysis"]),
        (&server, "server", &["pyo3", "hotsplice-agent"]),
    ] {
        for name in never {
            assert!(!depends(tree, name), "{of} depends on {name}");
        }
    }
}

#[test]
fn names_stay_in_their_rooms() {
    for (path, text) in sources("server/src") {
        assert!(!text.contains("ruff_"), "{} names Ruff", path.display());
        if !path.components().any(|part| part.as_os_str() == "lsp") {
            assert!(!text.contains("ls_types"), "{} names LSP types", path.display());
        }
    }
    for folder in ["server", "agent/channel/src", "tests/src", "xtask/src"] {
        for (path, text) in sources(folder) {
            // Reaching into another process is all that this crate is for.
            let may = path.starts_with(repository().join("server/attach/src"));
            assert!(may || !text.contains("unsafe {"), "{} holds unsafe code", path.display());
        }
    }
}

#[test]
fn every_code_is_explained() {
    let text = fs::read_to_string(repository().join("docs/verdicts.md")).expect("docs/verdicts.md");
    for code in codes::ALL {
        assert!(text.contains(&format!("## {}", code.code)), "docs/verdicts.md has no section for {}", code.code);
    }
    for line in text.lines().filter(|line| line.starts_with("## HS")) {
        let number = line.split_whitespace().nth(1).unwrap_or_default().trim_end_matches(':');
        assert!(codes::find(number).is_some(), "docs/verdicts.md explains {number}, which is no code");
    }
}

#[test]
fn the_page_of_what_works_is_current() {
    let text = fs::read_to_string(repository().join("docs/what-works.md")).expect("docs/what-works.md");
    assert!(text == hotsplice_tests::what_works::page(), "docs/what-works.md is old: run `cargo xtask docs`");
}

#[test]
fn the_engine_uses_known_codes_only() {
    for (path, text) in sources("agent/python/hotsplice/_engine") {
        for (place, _) in text.match_indices("\"HS") {
            let code = &text[place + 1..place + 7];
            assert!(codes::find(code).is_some(), "{} uses {code}, which is no code", path.display());
        }
    }
}

#[test]
fn the_native_half_has_what_its_types_say() {
    let stub = fs::read_to_string(repository().join("agent/python/hotsplice/_agent.pyi")).expect("_agent.pyi");
    let module = fs::read_to_string(repository().join("agent/src/lib.rs")).expect("lib.rs");
    for line in stub.lines().filter_map(|line| line.strip_prefix("def ")) {
        let name = line.split('(').next().unwrap_or_default();
        assert!(name.starts_with("__") || module.contains(&format!("::{name}, module)")), "there is no native {name}");
    }
}

/// Rooms of the engine, the highest first: a module imports from its own room and from those below only.
const ENGINE_ROOMS: &[&[&str]] = &[
    &["__init__"],
    &["requests"],
    &["transaction"],
    &["acceptance", "evaluation", "after"],
    &["merge"],
    &["evaluate"],
    &["frameworks"],
    &["journal"],
    &["live"],
    &["errors", "native"],
];

/// The same of what holds calls that fail.
const FAILED_ROOMS: &[&[&str]] = &[
    &["__init__"],
    &["decorators"],
    &["guarding"],
    &["asking"],
    &["holds"],
    &["watched"],
    &["terminal"],
    &["debugging"],
    &["again", "suspending"],
    &["around"],
    &["handlers"],
    &["bodies"],
    &["places"],
    &["answers", "clauses", "exhausted", "outcomes", "supervisors"],
];

#[test]
fn the_engine_imports_downwards() {
    imports_go_down("agent/python/hotsplice/_engine", ENGINE_ROOMS, str::to_owned);
}

#[test]
fn failed_calls_import_downwards() {
    // A call that is held asks at the terminal, which names it for the checker alone.
    let run = |text: &str| match text.split_once("if TYPE_CHECKING:\n") {
        None => text.to_owned(),
        Some((above, below)) => {
            let rest = below.lines().skip_while(|line| line.starts_with("    "));
            format!("{above}{}", rest.collect::<Vec<_>>().join("\n"))
        }
    };
    imports_go_down("agent/python/hotsplice/_failed", FAILED_ROOMS, run);
    for (path, text) in sources("agent/python/hotsplice/_failed") {
        assert!(!text.contains("_engine"), "{} knows the engine", path.display());
    }
}

fn imports_go_down(folder: &str, rooms: &[&[&str]], counts: impl Fn(&str) -> String) {
    let package = repository().join(folder);
    let height = |room: &str| rooms.iter().position(|rooms| rooms.contains(&room));
    for (path, text) in sources(folder) {
        let place: Vec<String> = path
            .strip_prefix(&package)
            .expect("inside")
            .with_extension("")
            .components()
            .map(|part| part.as_os_str().to_string_lossy().into_owned())
            .collect();
        let own = height(&place[0]).unwrap_or_else(|| panic!("{} has no room", path.display()));
        for line in counts(&text).lines().map(str::trim_start).filter(|line| line.starts_with("from .")) {
            let (module, names) = line["from ".len()..].split_once(" import ").expect("an import");
            let dots = module.chars().take_while(|&character| character == '.').count();
            let is_root = dots == place.len();
            if dots > place.len() || !is_root {
                continue;
            }
            let named: Vec<&str> = match &module[dots..] {
                "" => names.split(',').map(|name| name.split_whitespace().next().unwrap_or_default()).collect(),
                path => vec![path.split('.').next().unwrap_or_default()],
            };
            for room in named {
                let other = height(room).unwrap_or_else(|| panic!("{}: {line}: no such room", path.display()));
                let same = room == place[0];
                assert!(same || other > own, "{} imports upwards: {line}", path.display());
            }
        }
    }
}

/// All else of `typing` would have it imported on a thread of ours, and the program find it half imported meanwhile.
#[test]
fn the_engine_takes_of_typing_what_stands_in_for_it() {
    // Only the checker imports these.
    let is_for_checker = |path: &Path| path.ends_with("live/messages.py") || path.ends_with("views.py");
    for (path, text) in sources("agent/python/hotsplice/_engine").into_iter().filter(|(path, _)| !is_for_checker(path))
    {
        for names in text.lines().filter_map(|line| line.strip_prefix("from typing import ")) {
            for name in names.split(", ") {
                let has = ["TYPE_CHECKING", "Any", "Generic", "Protocol", "cast", "is_typeddict"].contains(&name);
                assert!(has, "{} needs {name} of typing", path.display());
            }
        }
    }
}

#[test]
fn files_are_rooms_of_one_idea() {
    let parts = ["server", "agent/src", "agent/channel", "agent/python", "tests", "xtask"];
    let editors = ["editors/nvim", "editors/vscode/src", "editors/vscode/test"];
    for folder in parts.iter().chain(&editors) {
        for (path, text) in sources(folder) {
            assert!(text.lines().count() <= 400, "{} has {} lines", path.display(), text.lines().count());
        }
    }
}

/// The first use of PyO3's cells lets the GIL go, and a commit is one hold of it.
#[test]
fn the_native_half_finds_things_out_without_letting_the_gil_go() {
    for (path, text) in sources("agent/src") {
        if path.file_name().is_some_and(|name| name != "once.rs") {
            assert!(!text.contains("PyOnceLock") && !text.contains("intern!("), "{}: see once.rs", path.display());
        }
    }
}

/// Where somebody who comes new looks first.
#[test]
fn the_page_names_every_file_at_the_top_of_a_folder() {
    let page = fs::read_to_string(repository().join("ARCHITECTURE.md")).expect("the page");
    let named: Vec<&str> = page.split('`').skip(1).step_by(2).collect();
    for folder in
        ["server/src", "agent/src", "agent/channel/src", "agent/python/hotsplice", "agent/python/hotsplice/_engine"]
    {
        for entry in fs::read_dir(repository().join(folder)).expect("a folder").flatten() {
            let name = entry.file_name().into_string().expect("a name");
            let module = name.strip_suffix(".rs").or_else(|| name.strip_suffix(".py")).unwrap_or(&name);
            let is_source =
                module != name || entry.path().join("__init__.py").exists() || entry.path().join("mod.rs").exists();
            if !is_source || ["lib", "main", "mod", "__init__", "__main__"].contains(&module) {
                continue;
            }
            let is_named = named.iter().any(|part| part.trim_end_matches('/') == module);
            assert!(is_named, "{folder}/{name} is not in ARCHITECTURE.md");
        }
    }
}
